/*
 * What guest code may not do, what it gets on touch, and that interruptions
 * leave no trace in it.
 */
#include "tests/pc/selftest.h"

#include "abi/code_contract.h"
#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/memory_map.h"
#include "lib/string.h"

extern uint8_t image_start[], rodata_start[], boot_stack_guard[];

static struct guest_code code_store, code_load, code_recurse, code_spin;

static void
make_all(void)
{
	guest_code_make(&code_store, fragment_store, fragment_store_end);
	guest_code_make(&code_load, fragment_load, fragment_load_end);
	guest_code_make(&code_recurse, fragment_recurse, fragment_recurse_end);
	guest_code_make(&code_spin, fragment_spin, fragment_spin_end);
}

static void
drop_all(void)
{
	guest_code_drop(&code_store);
	guest_code_drop(&code_load);
	guest_code_drop(&code_recurse);
	guest_code_drop(&code_spin);
}

/* One access; true if it ended in a fault of kind MEMORY there. */
static bool
faults(const struct guest_code *code, uint64_t address)
{
	const uint64_t arguments[3] = { address, 0x1122334455667788 };

	return guest_run(code, arguments, NULL) == NB_TRAP_UNREACHABLE && upcalls.faults == 1 &&
	       upcalls.kind == GUEST_FAULT_MEMORY && upcalls.address == address;
}

static uint64_t
address_of(const void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

static void
executable_is_not_writable(void)
{
	static const uint8_t data[16] = { 1 };

	make_all();
	/* Not writable: kernel text, constants, sealed code. */
	EXPECT(faults(&code_store, address_of((const void *)guest_enter)));
	EXPECT(faults(&code_store, address_of(data)));
	EXPECT(faults(&code_store, address_of(code_load.code.base)));
	/* Not there: null, the image's frames in the direct map, the guard of
	 * the boot stack, the first GiB as it was at boot. */
	EXPECT(faults(&code_load, 0));
	EXPECT(faults(&code_load, address_of(map_direct(argument("image=", 0x200000)))));
	EXPECT(faults(&code_load, address_of(boot_stack_guard)));
	EXPECT(faults(&code_load, 0x200000));
	drop_all();
}

static void
unsealed_code_does_not_run(void)
{
	struct port_code code;
	struct guest_code jump;

	guest_code_make(&jump, fragment_jump, fragment_jump_end);
	EXPECT(port_code_reserve(8192, &code) == NB_OK);
	EXPECT(code.base[0] == 0xcc && code.base[8191] == 0xcc);
	memset(code.base, 0x90, 8192);
	code.base[8191] = 0xc3;
	EXPECT(faults(&jump, address_of(code.base)));
	EXPECT(port_code_seal(&code) == NB_OK);
	const uint64_t arguments[3] = { address_of(code.base) };
	EXPECT(guest_run(&jump, arguments, NULL) == NB_TRAP_NONE);
	port_code_release(&code);
	guest_code_drop(&jump);
}

static void
slots_end_where_committed(void)
{
	uint64_t slot;
	uint64_t result = 0;

	make_all();
	EXPECT(port_slot_reserve(NB_SLOT_ADDRESSABLE, &slot) == NB_OK);
	EXPECT(faults(&code_load, slot));
	EXPECT(port_slot_commit(slot, 0, 65536) == NB_OK);
	EXPECT(guest_run(&code_store, (const uint64_t[3]){ slot + 65528, 77 }, NULL) ==
	       NB_TRAP_NONE);
	EXPECT(guest_run(&code_load, (const uint64_t[3]){ slot + 65528 }, &result) ==
		       NB_TRAP_NONE &&
	       result == 77);
	EXPECT(faults(&code_load, slot + 65536));
	EXPECT(faults(&code_store, slot + NB_SLOT_ADDRESSABLE));
	EXPECT(faults(&code_store, slot + NB_SLOT_BYTES - 8));
	EXPECT(faults(&code_store, slot - 8));
	/* Across the end: the second page is the one that is missing. */
	EXPECT(guest_run(&code_load, (const uint64_t[3]){ slot + 65532 }, NULL) ==
		       NB_TRAP_UNREACHABLE &&
	       upcalls.address == slot + 65536);
	EXPECT(port_slot_commit(slot, 65536, 131072) == NB_OK);
	EXPECT(guest_run(&code_load, (const uint64_t[3]){ slot + 65536 }, &result) ==
		       NB_TRAP_NONE &&
	       result == 0);
	port_slot_release(slot, 131072);
	EXPECT(faults(&code_load, slot));
	drop_all();
}

/* Takes a frame, if there is one, into a chain of them. */
static bool
frame_chain(uint64_t *chain)
{
	uint64_t frame = frame_alloc(0);

	if (frame == FRAME_NONE)
		return false;
	*(uint64_t *)map_direct(frame) = *chain;
	*chain = frame;
	return true;
}

static void
frame_unchain(uint64_t *chain)
{
	uint64_t frame = *chain;

	*chain = *(uint64_t *)map_direct(frame);
	frame_free(frame, 0);
}

static void
touching_without_memory_is_told_apart(void)
{
	struct port_stack neighbour; /* shares its upper tables with the guest's stack */
	uint64_t slot;
	uint64_t chain = FRAME_NONE;

	if (!memory_is_small())
		return;
	make_all();
	EXPECT(port_stack_create(8192, &neighbour) == NB_OK);
	EXPECT(port_stack_commit(&neighbour, neighbour.limit) == NB_OK);
	EXPECT(port_slot_reserve(NB_SLOT_ADDRESSABLE, &slot) == NB_OK);
	EXPECT(port_slot_commit(slot, 0, 65536) == NB_OK);
	/* Once with memory, so that the slot's tables are there. */
	EXPECT(guest_run(&code_store, (const uint64_t[3]){ slot, 1 }, NULL) == NB_TRAP_NONE);
	while (frame_chain(&chain))
		;
	/* One for the stack and one for its table, none for the slot. */
	frame_unchain(&chain);
	frame_unchain(&chain);
	EXPECT(guest_run(&code_store, (const uint64_t[3]){ slot + 8192, 1 }, NULL) ==
	       NB_TRAP_UNREACHABLE);
	EXPECT(upcalls.kind == GUEST_FAULT_NO_MEMORY && upcalls.address == slot + 8192);
	while (chain != FRAME_NONE)
		frame_unchain(&chain);
	EXPECT(guest_run(&code_store, (const uint64_t[3]){ slot + 8192, 1 }, NULL) == NB_TRAP_NONE);
	port_slot_release(slot, 65536);
	port_stack_destroy(&neighbour);
	drop_all();
}

static void
stacks_end_in_a_guard(void)
{
	uint64_t levels = 0;

	make_all();
	/* 600 KiB of a stack of 1 MiB, then 2 MiB of it. */
	EXPECT(guest_run(&code_recurse, (const uint64_t[3]){ 600, 1016 }, &levels) ==
		       NB_TRAP_NONE &&
	       levels == 600);
	EXPECT(guest_run(&code_recurse, (const uint64_t[3]){ 2048, 1016 }, NULL) ==
	       NB_TRAP_UNREACHABLE);
	EXPECT(upcalls.kind == GUEST_FAULT_MEMORY);
	EXPECT(upcalls.address < guest_head.stack_floor - GUEST_KERNEL_HEADROOM);
	EXPECT(upcalls.address > guest_head.stack_floor - GUEST_KERNEL_HEADROOM - 8192);
	drop_all();
}

static uint64_t
run_leap(const struct guest_code *code, uint64_t levels, uint64_t waste, uint64_t *out)
{
	const uint64_t arguments[3] = { levels | waste << 32, address_of(guest_tail_stub),
					address_of(&code->callee) };

	return guest_run(code, arguments, out);
}

/* The guard is met now by the guest, now by the stub. */
static void
stacks_may_end_in_the_tail_stub(void)
{
	struct guest_code code;
	uint64_t levels = 0;
	uint32_t in_stub = 0;

	guest_code_make(&code, fragment_leap, fragment_leap_end);
	EXPECT(run_leap(&code, 10000, 0, &levels) == NB_TRAP_NONE && levels == 9999);
	for (uint64_t waste = 0; waste < 96; waste += 16) {
		EXPECT(run_leap(&code, 100000, waste, NULL) == NB_TRAP_UNREACHABLE);
		EXPECT(upcalls.faults == 1 && upcalls.kind == GUEST_FAULT_MEMORY);
		EXPECT(upcalls.address < guest_head.stack_floor - GUEST_KERNEL_HEADROOM);
		in_stub += guest_pc_is_stub(upcalls.state.rip);
	}
	EXPECT(in_stub > 0 && in_stub < 6);
	guest_code_drop(&code);
}

/* So is a page of the stack for which no frame is left. */
static void
memory_may_end_in_the_tail_stub(void)
{
	struct guest_code code;
	uint64_t chain = FRAME_NONE;
	uint32_t in_stub = 0;

	if (!memory_is_small())
		return;
	guest_code_make(&code, fragment_leap, fragment_leap_end);
	while (frame_chain(&chain))
		;
	for (uint64_t waste = 0; waste < 96; waste += 16) {
		/* Some for the stack and its tables. */
		for (int i = 0; i < 8 && waste == 0; i++)
			frame_unchain(&chain);
		EXPECT(run_leap(&code, 100000, waste, NULL) == NB_TRAP_UNREACHABLE);
		EXPECT(upcalls.faults == 1 && upcalls.kind == GUEST_FAULT_NO_MEMORY);
		in_stub += guest_pc_is_stub(upcalls.state.rip);
	}
	EXPECT(in_stub > 0);
	while (chain != FRAME_NONE)
		frame_unchain(&chain);
	guest_code_drop(&code);
}

/* A stack grows into what the kernel keeps for itself only under the kernel's own code. */
static struct guest_context growing, growing_from;

static void
grow_as_kernel(void *argument)
{
	volatile uint8_t *top = argument;

	for (uint64_t at = FRAME_BYTES; at <= 64 * FRAME_BYTES; at += FRAME_BYTES)
		top[-(int64_t)at] = 1;
	guest_context_switch(&growing, &growing_from);
}

static void
stacks_leave_the_last_frames(void)
{
	enum { SPARE = 40 };
	uint64_t chain = FRAME_NONE, depth, levels = 0;
	struct port_stack stack;

	if (!memory_is_small())
		return;
	make_all();
	EXPECT(port_stack_create(1 << 20, &stack) == NB_OK);
	while (!frames_are_scarce())
		frame_chain(&chain);
	for (int i = 0; i < SPARE; i++)
		frame_unchain(&chain);
	EXPECT(guest_run(&code_recurse, (const uint64_t[3]){ 10, 1016 }, &levels) == NB_TRAP_NONE &&
	       levels == 10);
	EXPECT(guest_run(&code_recurse, (const uint64_t[3]){ 600, 1016 }, NULL) ==
	       NB_TRAP_UNREACHABLE);
	EXPECT(upcalls.kind == GUEST_FAULT_NO_MEMORY);
	depth = guest_head.stack_limit - upcalls.address;
	EXPECT(depth > SPARE / 2 * FRAME_BYTES && depth <= (SPARE + 8) * FRAME_BYTES);
	guest_context_init(&growing, &stack, grow_as_kernel, (void *)(uintptr_t)stack.top);
	guest_context_switch(&growing_from, &growing);
	EXPECT(frames_are_scarce());
	port_stack_destroy(&stack);
	while (chain != FRAME_NONE)
		frame_unchain(&chain);
	drop_all();
}

static void
faults_are_told_apart(void)
{
	struct guest_code code;
	const uint64_t none[3] = { 0 };

	guest_code_make(&code, fragment_invalid, fragment_invalid_end);
	EXPECT(guest_run(&code, none, NULL) == NB_TRAP_UNREACHABLE);
	EXPECT(upcalls.faults == 1 && upcalls.kind == GUEST_FAULT_INVALID);
	EXPECT(upcalls.state.rip == code.callee.code);
	guest_code_drop(&code);
	guest_code_make(&code, fragment_divide, fragment_divide_end);
	EXPECT(guest_run(&code, none, NULL) == NB_TRAP_UNREACHABLE);
	EXPECT(upcalls.faults == 1 && upcalls.kind == GUEST_FAULT_DIVIDE);
	EXPECT(upcalls.state.gpr[NB_RAX] == 7 && upcalls.state.gpr[NB_RCX] == 0);
	guest_code_drop(&code);
}

static void
avx_works_where_offered(void)
{
	struct guest_code code;
	uint64_t result = 0;

	if (!(port_cpu_features() & NB_CPU_AVX))
		return;
	guest_code_make(&code, fragment_avx, fragment_avx_end);
	EXPECT(guest_run(&code, (const uint64_t[3]){ 21 }, &result) == NB_TRAP_NONE);
	EXPECT(result == 42);
	guest_code_drop(&code);
}

/* ---- interruptions ---- */

static volatile uint64_t spin_word;
static uint32_t interruptions_wanted;

static void
count_and_stop(struct guest_state *state)
{
	(void)state;
	/* What a core could leave in the vector registers. */
	__asm__ volatile("pcmpeqd %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm5; movdqa %%xmm0, %%xmm15"
			 :
			 :
			 : "memory");
	if (upcalls.interrupted == interruptions_wanted)
		spin_word = 1;
}

/* Keeps the timer coming: some expiries find kernel code running. */
static void
arm_again(void)
{
	port_timer_arm(port_time_monotonic_ns() + 20000);
}

static void
start_interrupting(void (*on_interrupted)(struct guest_state *state))
{
	spin_word = 0;
	upcalls.on_interrupted = on_interrupted;
	upcalls.on_timer = arm_again;
	arm_again();
}

static void
stop_interrupting(void)
{
	upcalls.on_timer = NULL;
	upcalls.on_interrupted = NULL;
	port_timer_arm(UINT64_MAX);
}

static void
interruptions_leave_no_trace(void)
{
	uint64_t differences = 1;

	make_all();
	interruptions_wanted = 200;
	start_interrupting(count_and_stop);
	EXPECT(guest_run(&code_spin,
			 (const uint64_t[3]){ 0x123456789abc, address_of((void *)&spin_word) },
			 &differences) == NB_TRAP_NONE);
	stop_interrupting();
	EXPECT(differences == 0);
	EXPECT(upcalls.interrupted >= interruptions_wanted);
	EXPECT(upcalls.state.rip - code_spin.callee.code < code_spin.code.size);
	EXPECT(upcalls.state.gpr[NB_RSI] == 0x123456789abc);
	EXPECT(upcalls.state.gpr[NB_R12] == 0x123456789abf);
	EXPECT(upcalls.state.mxcsr == 0x1f80 || upcalls.state.mxcsr == 0x1fa0);
	drop_all();
}

/* As a scheduler does it: the state is put away, something else runs on another
 * stack, and later the state is resumed. */
static struct guest_state put_away;
static struct port_stack scheduler_stack;
static uint32_t resumptions;

static void
resume_later(void *nothing)
{
	(void)nothing;
	resumptions++;
	spin_word = 1;
	(void)port_interrupts_disable();
	guest_state_resume(&put_away, &scheduler_stack);
}

static void
put_away_and_switch(struct guest_state *state)
{
	put_away = *state;
	upcalls.on_interrupted = NULL;
	guest_state_redirect_call(state, &scheduler_stack, resume_later, NULL);
}

static void
interrupted_guests_can_be_put_away(void)
{
	uint64_t differences = 1;

	make_all();
	EXPECT(port_stack_create(64 * 1024, &scheduler_stack) == NB_OK);
	resumptions = 0;
	start_interrupting(put_away_and_switch);
	EXPECT(guest_run(&code_spin, (const uint64_t[3]){ 0x7777, address_of((void *)&spin_word) },
			 &differences) == NB_TRAP_NONE);
	stop_interrupting();
	EXPECT(differences == 0 && resumptions == 1);
	port_stack_destroy(&scheduler_stack);
	drop_all();
}

/* Stops a loop that would never end, as a kill does. */
static void
unwind_it(struct guest_state *state)
{
	guest_state_redirect_unwind(state, &guest_head, NB_TRAP_INTEGER_OVERFLOW);
}

static void
loops_can_be_ended(void)
{
	make_all();
	start_interrupting(unwind_it);
	EXPECT(guest_run(&code_spin, (const uint64_t[3]){ 1, address_of((void *)&spin_word) },
			 NULL) == NB_TRAP_INTEGER_OVERFLOW);
	stop_interrupting();
	drop_all();
}

const struct selftest guest_tests[] = {
	{ "guest: what executes is not writable", executable_is_not_writable },
	{ "guest: unsealed code does not run", unsealed_code_does_not_run },
	{ "guest: slots end where committed", slots_end_where_committed },
	{ "guest: touching without memory is told apart", touching_without_memory_is_told_apart },
	{ "guest: stacks end in a guard", stacks_end_in_a_guard },
	{ "guest: stacks may end in the tail stub", stacks_may_end_in_the_tail_stub },
	{ "guest: memory may end in the tail stub", memory_may_end_in_the_tail_stub },
	{ "guest: stacks leave the last frames", stacks_leave_the_last_frames },
	{ "guest: faults are told apart", faults_are_told_apart },
	{ "guest: AVX works where offered", avx_works_where_offered },
	{ "guest: interruptions leave no trace", interruptions_leave_no_trace },
	{ "guest: interrupted guests can be put away", interrupted_guests_can_be_put_away },
	{ "guest: loops can be ended", loops_can_be_ended },
	{ NULL, NULL },
};
