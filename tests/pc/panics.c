/*
 * Scenarios that must end in a panic; run.py knows which words it must print.
 */
#include "tests/pc/selftest.h"

#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/lock.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/space.h"

static void
second_free(void)
{
	uint64_t frame = frame_alloc(0);

	frame_free(frame, 0);
	frame_free(frame, 0);
}

static void
wrong_order(void)
{
	frame_free(frame_alloc(3), 2);
}

static void
second_free_of_zeroed(void)
{
	uint64_t frame = frame_alloc_zeroed();

	frame_free_zeroed(frame);
	frame_free_zeroed(frame);
}

static void
null_pointer(void)
{
	volatile int *volatile pointer = (volatile int *)8;

	*pointer = 1;
}

static void
text_write(void)
{
	*(volatile uint8_t *)(uintptr_t)port_serial_write = 0;
}

static __attribute__((noinline)) uint64_t
descend(uint64_t depth)
{
	volatile uint8_t frame[4096];

	frame[0] = (uint8_t)depth;
	return depth == UINT64_MAX ? 0 : descend(depth + 1) + frame[0];
}

/* The boot stack has a guard below; the fault arrives on a stack of its own. */
static void
boot_stack_overflow(void)
{
	print("%lu", descend(0));
}

static void
invalid_instruction(void)
{
	__asm__ volatile("ud2");
}

static void
lock_order(void)
{
	static struct lock inner = LOCK_INIT(LOCK_RANK_FRAMES);
	static struct lock outer = LOCK_INIT(LOCK_RANK_SPACE);

	lock_take(&inner);
	lock_take(&outer);
}

/* A frame that the kernel needs for its own stack cannot be had. */
static void
on_empty_stack(void *nothing)
{
	uint64_t frame;

	(void)nothing;
	do
		frame = frame_alloc(0);
	while (frame != FRAME_NONE);
	print("%lu", descend(0));
}

static void
no_memory_for_kernel_stack(void)
{
	struct port_stack stack;
	struct guest_context here;
	struct guest_context there;

	if (port_stack_create(1 << 20, &stack) != NB_OK)
		return;
	guest_context_init(&there, &stack, on_empty_stack, NULL);
	guest_context_switch(&here, &there);
}

static void
double_mapping(void)
{
	struct port_code code;

	if (port_code_reserve(4096, &code) == NB_OK &&
	    space_map((uint64_t)(uintptr_t)code.base, frame_alloc(0), SPACE_PAGE, SPACE_WRITE) ==
		    NB_ALREADY_EXISTS)
		port_panic("mapping twice is refused");
}

/* ---- nothing that can be written can be executed ---- */

enum { RETURN_INSTRUCTION = 0xc3 };

static void
run_at(volatile uint8_t *place)
{
	void (*volatile function)(void) = (void (*)(void))(uintptr_t)place;

	function();
}

static void
run_data(void)
{
	static volatile uint8_t data[16] = { RETURN_INSTRUCTION };

	run_at(data);
}

static void
run_constant(void)
{
	static const volatile uint8_t constant[16] = { RETURN_INSTRUCTION };

	run_at((volatile uint8_t *)(uintptr_t)constant);
}

static void
run_stack(void)
{
	volatile uint8_t local[16] = { RETURN_INSTRUCTION };

	run_at(local);
}

static void
run_heap(void)
{
	void *pages;

	if (port_pages_get(PORT_PAGE_BYTES, &pages) != NB_OK)
		return;
	*(volatile uint8_t *)pages = RETURN_INSTRUCTION;
	run_at(pages);
}

static void
run_slot(void)
{
	uint64_t base;

	if (port_slot_reserve(NB_SLOT_ADDRESSABLE, &base) != NB_OK ||
	    port_slot_commit(base, 0, 65536) != NB_OK)
		return;
	*(volatile uint8_t *)(uintptr_t)base = RETURN_INSTRUCTION;
	run_at((volatile uint8_t *)(uintptr_t)base);
}

const struct selftest panic_scenarios[] = {
	{ "second-free", second_free },
	{ "wrong-order", wrong_order },
	{ "second-free-of-zeroed", second_free_of_zeroed },
	{ "null-pointer", null_pointer },
	{ "text-write", text_write },
	{ "boot-stack-overflow", boot_stack_overflow },
	{ "invalid-instruction", invalid_instruction },
	{ "lock-order", lock_order },
	{ "no-memory-for-kernel-stack", no_memory_for_kernel_stack },
	{ "double-mapping", double_mapping },
	{ "run-data", run_data },
	{ "run-constant", run_constant },
	{ "run-stack", run_stack },
	{ "run-heap", run_heap },
	{ "run-slot", run_slot },
	{ NULL, NULL },
};
