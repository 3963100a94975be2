/*
 * Builtins for memory.atomic.wait32, wait64 and notify. The kernel knows who
 * waits for which address.
 */
#include "kernel/port/cpu.h"
#include "kernel/port/guest.h"
#include "runtime/builtin.h"
#include "runtime/instance.h"

/* The memory and the address of `bytes` aligned bytes at `at`; or a trap. */
static enum nb_trap
find_place(const struct nb_vmctx *vmctx, uint32_t idx, uint64_t at, uint32_t bytes,
	   const struct runtime_memory **out)
{
	const struct instance *instance = instance_of(vmctx);

	if (idx >= instance->module->wasm.memory_count)
		return NB_TRAP_MEMORY_OUT_OF_BOUNDS;
	*out = instance->memories[idx];
	if (at % bytes != 0)
		return NB_TRAP_UNALIGNED_ATOMIC;
	uint64_t length = __atomic_load_n(&(*out)->desc.length, __ATOMIC_ACQUIRE);
	return at < length ? NB_TRAP_NONE : NB_TRAP_MEMORY_OUT_OF_BOUNDS;
}

int64_t
runtime_builtin_MEMORY_WAIT(struct nb_vmctx *vmctx, uint32_t idx, uint64_t at, uint64_t expected,
			    int64_t timeout_ns, uint32_t bytes)
{
	const struct runtime_memory *memory;
	uint32_t width = bytes == 4 ? 4 : 8;
	enum nb_trap trap = find_place(vmctx, idx, at, width, &memory);
	struct guest_wait wait = { .expected = expected, .bytes = width };

	if (trap == NB_TRAP_NONE && !memory->limits.is_shared)
		trap = NB_TRAP_EXPECTED_SHARED_MEMORY;
	if (trap != NB_TRAP_NONE)
		return -(int64_t)trap;
	wait.address = memory->desc.base + at;
	wait.deadline_ns = UINT64_MAX;
	if (timeout_ns >= 0)
		wait.deadline_ns = port_time_monotonic_ns() + (uint64_t)timeout_ns;
	switch (kernel_guest_wait(vmctx->thread, &wait)) {
	case GUEST_WAIT_WOKEN:
		return 0;
	case GUEST_WAIT_DIFFERS:
		return 1;
	case GUEST_WAIT_TIMED_OUT:
		return 2;
	case GUEST_WAIT_NO_MEMORY:
		break;
	}
	return -(int64_t)NB_TRAP_OUT_OF_MEMORY;
}

int64_t
runtime_builtin_MEMORY_NOTIFY(struct nb_vmctx *vmctx, uint32_t idx, uint64_t at, uint32_t count)
{
	const struct runtime_memory *memory;
	enum nb_trap trap = find_place(vmctx, idx, at, 4, &memory);

	if (trap != NB_TRAP_NONE)
		return -(int64_t)trap;
	/* Nobody waits in a memory that is not shared. */
	return memory->limits.is_shared
		       ? kernel_guest_wake(vmctx->thread, memory->desc.base + at, count)
		       : 0;
}
