/*
 * Builtins for memory.atomic.wait32, wait64 and notify.
 *
 * A process has one thread, so nobody is ever there to wake or to be woken: a
 * wait ends by its timeout or with its process.
 */
#include "kernel/port/cpu.h"
#include "kernel/port/memory.h"
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
	uint64_t found = 0;

	if (trap == NB_TRAP_NONE && !memory->limits.is_shared)
		trap = NB_TRAP_EXPECTED_SHARED_MEMORY;
	if (trap == NB_TRAP_NONE && port_guest_read(&found, memory->desc.base + at, width) != NB_OK)
		trap = NB_TRAP_OUT_OF_MEMORY;
	if (trap != NB_TRAP_NONE)
		return -(int64_t)trap;
	if (found != expected)
		return 1;
	uint64_t now = port_time_monotonic_ns();
	uint64_t deadline = UINT64_MAX;
	if (timeout_ns >= 0)
		deadline = now + (uint64_t)timeout_ns;
	while (now < deadline) {
		kernel_guest_sleep(vmctx->thread, deadline);
		now = port_time_monotonic_ns();
	}
	return 2;
}

int64_t
runtime_builtin_MEMORY_NOTIFY(struct nb_vmctx *vmctx, uint32_t idx, uint64_t at, uint32_t count)
{
	const struct runtime_memory *memory;
	enum nb_trap trap = find_place(vmctx, idx, at, 4, &memory);

	(void)count;
	return trap == NB_TRAP_NONE ? 0 : -(int64_t)trap;
}
