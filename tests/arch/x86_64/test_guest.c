/*
 * Guest entry, crossing stubs, thunks, faults, unwinding, frame walks and
 * contexts, with hand-written machine code on hosted memory.
 */
#include "tests/arch/x86_64/guest_code.h"

#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"
#include "platform/hosted/hosted.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

enum { STACK_BYTES = 256 * 1024, VMCTX_BYTES = 1024, IMPORTS_OFFSET = 512 };

/* Two instances a and b and one thread; guest code runs on `stack`. */
static struct {
	struct port_code code;
	struct port_stack stack, scheduler_stack;
	uint64_t memory_a, memory_b;
	struct nb_thread_head head;
	uint8_t *context_a, *context_b;
	struct nb_vmctx *host;
	/* What the last fault saw. */
	int faults;
	enum guest_fault_kind kind;
	uint64_t address;
	struct guest_state state;
	enum nb_trap trap;
	int pending_calls;
	bool unwind_when_pending;
	/* Frame size of the functions to walk, innermost first; the places
	 * found, and whether the walk then ended. */
	uint32_t frames[4];
	struct guest_walk walks[4];
	int walk_count;
	bool walk_ended;
	int host_calls;
	struct guest_context main_context, guest_context;
} t;

static struct nb_vmctx *
vmctx_a(void)
{
	return (struct nb_vmctx *)t.context_a;
}

static struct nb_vmctx *
vmctx_b(void)
{
	return (struct nb_vmctx *)t.context_b;
}

static struct nb_callee *
import_of_a(void)
{
	return (struct nb_callee *)(t.context_a + IMPORTS_OFFSET);
}

static uint64_t
code_at(const uint8_t *label)
{
	return (uint64_t)(uintptr_t)(t.code.base + (label - guest_code_start));
}

static struct nb_callee
callee_in(struct nb_vmctx *vmctx, const uint8_t *label, uint32_t area_slots)
{
	return (struct nb_callee){ .code = code_at(label),
				   .vmctx = (uint64_t)(uintptr_t)vmctx,
				   .signature = 1 | area_slots / 2 << NB_SIGNATURE_TYPE_BITS,
				   .cross = (uint64_t)(uintptr_t)guest_cross_stub };
}

static void
walk(const struct guest_state *state)
{
	struct guest_walk walk;
	bool more = guest_walk_start(&walk, &t.head, state);

	for (t.walk_count = 0; more && t.walk_count < 4; t.walk_count++) {
		t.walks[t.walk_count] = walk;
		more = guest_walk_step(&walk, t.frames[t.walk_count]);
	}
	t.walk_ended = !more;
}

/* ---- upcalls ---- */

bool
kernel_guest_fault(enum guest_fault_kind kind, uint64_t address, struct guest_state *state)
{
	t.faults++;
	t.kind = kind;
	t.address = address;
	t.state = *state;
	walk(state);
	guest_state_redirect_unwind(state, &t.head, t.trap);
	return true;
}

void
kernel_guest_pending(struct nb_thread_head *head)
{
	t.pending_calls++;
	head->pending = 0;
	if (t.unwind_when_pending)
		guest_unwind(head, NB_TRAP_KILLED);
}

static void
preempted(void)
{
	guest_context_announce(&t.scheduler_stack);
	guest_context_jump(&t.main_context);
}

void
kernel_guest_interrupted(struct guest_state *state)
{
	t.state = *state;
	state->rip = (uint64_t)(uintptr_t)preempted;
	state->gpr[NB_RSP] = t.scheduler_stack.top - 8;
}

/* ---- running on the guest stack ---- */

struct run {
	const struct nb_callee *callee;
	struct guest_call *call;
	enum nb_trap trap;
};

static void
run_entry(void *argument)
{
	struct run *run = argument;
	run->trap = guest_enter(&t.head, run->callee, run->call);
	guest_context_jump(&t.main_context);
}

static enum nb_trap
enter(const struct nb_callee *callee, struct guest_call *call)
{
	struct run run = { callee, call, NB_TRAP_NONE };
	hosted_fault_handlers_install(); /* cmocka has put its own in place */
	guest_context_init(&t.guest_context, &t.stack, run_entry, &run);
	guest_context_switch(&t.main_context, &t.guest_context);
	assert_int_equal(t.head.activation, 0);
	assert_int_equal(t.head.guest_sp, 0);
	return run.trap;
}

static int
setup(void **state)
{
	(void)state;
	void *pages;
	memset(&t, 0, sizeof(t));
	assert_int_equal(hosted_fault_thread_init(), NB_OK);
	size_t size = ((size_t)(guest_code_end - guest_code_start) + 4095) & ~(size_t)4095;
	assert_int_equal(port_code_reserve(size, &t.code), NB_OK);
	memcpy(t.code.base, guest_code_start, (size_t)(guest_code_end - guest_code_start));
	assert_int_equal(port_code_seal(&t.code), NB_OK);
	assert_int_equal(port_stack_create(STACK_BYTES, &t.stack), NB_OK);
	assert_int_equal(port_pages_get(4096, &pages), NB_OK);
	t.context_a = pages;
	t.context_b = t.context_a + VMCTX_BYTES;
	t.host = (struct nb_vmctx *)(t.context_a + 2 * VMCTX_BYTES);
	assert_int_equal(port_slot_reserve(NB_SLOT_ADDRESSABLE, &t.memory_a), NB_OK);
	assert_int_equal(port_slot_reserve(NB_SLOT_ADDRESSABLE, &t.memory_b), NB_OK);
	assert_int_equal(port_slot_commit(t.memory_a, 0, 65536), NB_OK);
	assert_int_equal(port_slot_commit(t.memory_b, 0, 65536), NB_OK);
	vmctx_a()->memory_base = t.memory_a;
	vmctx_b()->memory_base = t.memory_b;
	vmctx_a()->thread = vmctx_b()->thread = t.host->thread = &t.head;
	t.head.stack_floor = t.stack.limit + GUEST_KERNEL_HEADROOM;
	t.head.stack_limit = t.stack.top;
	t.trap = NB_TRAP_UNREACHABLE;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	port_slot_release(t.memory_a, 65536);
	port_slot_release(t.memory_b, 65536);
	port_pages_put(t.context_a, 4096);
	port_stack_destroy(&t.stack);
	port_code_release(&t.code);
	hosted_fault_thread_exit();
	struct port_memory_info info;
	port_memory_info(&info);
	assert_int_equal(info.free_pages, info.total_pages);
	assert_int_equal(info.slots_live + info.stacks_live + info.areas_live, 0);
	assert_int_equal(info.code_bytes_live, 0);
	return 0;
}

/* ---- tests ---- */

static void
arguments_and_results_travel_in_registers(void **state)
{
	(void)state;
	struct guest_call call = { .gpr = { 1, 10, 100, 1000, 10000, 100000, 1000000 } };
	for (int i = 0; i < NB_FLOAT_ARGUMENTS; i++) {
		double x = i + 0.5;
		memcpy(call.xmm[i], &x, sizeof(x));
	}
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_sum_all, 0);
	assert_int_equal(enter(&callee, &call), NB_TRAP_NONE);
	assert_int_equal(call.gpr[0], 7654321);
	for (uint64_t i = 1; i < NB_INT_RESULTS; i++)
		assert_int_equal(call.gpr[i], i + 1);
	for (int i = 0; i < NB_FLOAT_RESULTS; i++) {
		double x;
		memcpy(&x, call.xmm[i], sizeof(x));
		assert_true(x == 2 * i + 1);
	}
}

static void
area_travels_both_ways(void **state)
{
	(void)state;
	uint64_t area[4] = { 1, 2, 3, 4 };
	struct guest_call call = { .area = area, .area_slots = 4 };
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_area_swap, 4);
	assert_int_equal(enter(&callee, &call), NB_TRAP_NONE);
	assert_int_equal(call.gpr[0], 1);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(area[i], 4 - i);
}

static void
crossing_switches_pins_and_restores_them(void **state)
{
	(void)state;
	struct guest_call call = { 0 };
	*import_of_a() = callee_in(vmctx_b(), guest_code_report_pins, 0);
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_call_import, 0);
	assert_int_equal(enter(&callee, &call), NB_TRAP_NONE);
	assert_int_equal(call.gpr[0], t.memory_b + 1);
	assert_int_equal(call.gpr[1], (uintptr_t)vmctx_b());
	callee = callee_in(vmctx_a(), guest_code_pins_after_import, 0);
	assert_int_equal(enter(&callee, &call), NB_TRAP_NONE);
	assert_int_equal(call.gpr[0], t.memory_a);
	assert_int_equal(call.gpr[1], (uintptr_t)vmctx_a());
}

static void
crossing_copies_area(void **state)
{
	(void)state;
	struct guest_call call = { .gpr = { 40 } };
	*import_of_a() = callee_in(vmctx_b(), guest_code_area_swap, 4);
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_call_import_area, 4);
	assert_int_equal(enter(&callee, &call), NB_TRAP_NONE);
	assert_int_equal(call.gpr[0], 40 + 2 * 30 + 3 * 20 + 4 * 10);
}

static uint64_t
host_weigh(struct nb_vmctx *context, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	t.host_calls++;
	assert_ptr_equal(context, t.host);
	walk(NULL);
	return a + 2 * b + 3 * c + 4 * d + 5 * e;
}

static void
bind_host(uint64_t function)
{
	t.host->host_function = function;
	*import_of_a() = (struct nb_callee){ .code = (uint64_t)(uintptr_t)guest_host_code,
					     .cross = (uint64_t)(uintptr_t)guest_host_cross,
					     .vmctx = (uint64_t)(uintptr_t)t.host,
					     .signature = 1 };
}

static void
host_functions_get_context_and_arguments(void **state)
{
	(void)state;
	bind_host((uint64_t)(uintptr_t)host_weigh);
	struct guest_call call = { .gpr = { 1, 10, 100, 1000, 10000 } };
	t.frames[0] = 8;
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_call_import, 0);
	assert_int_equal(enter(&callee, &call), NB_TRAP_NONE);
	assert_int_equal(call.gpr[0], 54322);
	assert_int_equal(t.walks[0].pc, code_at(guest_code_call_import_return));
	assert_true(t.walks[0].is_return_address);
	assert_int_equal(t.walk_count, 1);
	assert_true(t.walk_ended);
	assert_true(t.head.stack_limit < t.stack.top);
	/* Directly, too: the context is then in R15, and no guest frame below. */
	call = (struct guest_call){ .gpr = { 5 } };
	callee = *import_of_a();
	assert_int_equal(enter(&callee, &call), NB_TRAP_NONE);
	assert_int_equal(call.gpr[0], 5);
	assert_int_equal(t.host_calls, 2);
	assert_int_equal(t.walk_count, 0);
}

static void
host_raise(struct nb_vmctx *context)
{
	guest_unwind(context->thread, NB_TRAP_HOST);
}

static void
host_functions_may_unwind(void **state)
{
	(void)state;
	bind_host((uint64_t)(uintptr_t)host_raise);
	struct guest_call call = { 0 };
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_call_import, 0);
	assert_int_equal(enter(&callee, &call), NB_TRAP_HOST);
	/* Directly as well: RIP then never was in guest code. */
	callee = *import_of_a();
	assert_int_equal(enter(&callee, &call), NB_TRAP_HOST);
}

static void
pending_takes_the_slow_path(void **state)
{
	(void)state;
	bind_host((uint64_t)(uintptr_t)host_weigh);
	struct guest_call call = { .gpr = { 1 } };
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_call_import, 0);
	t.head.pending = 1;
	assert_int_equal(enter(&callee, &call), NB_TRAP_NONE);
	assert_int_equal(call.gpr[0], 2);
	assert_int_equal(t.pending_calls, 1);
	t.head.pending = 1;
	t.unwind_when_pending = true;
	assert_int_equal(enter(&callee, &call), NB_TRAP_KILLED);
	assert_int_equal(t.pending_calls, 2);
}

static uint64_t
host_nested(struct nb_vmctx *context)
{
	struct guest_call call = { .gpr = { 8, 0 } };
	uint64_t outer_sp = context->thread->guest_sp;
	struct nb_callee trapping = callee_in(vmctx_b(), guest_code_trap, 0);
	struct nb_callee dividing = callee_in(vmctx_b(), guest_code_divide, 0);
	assert_int_equal(guest_enter(context->thread, &trapping, &call), NB_TRAP_UNREACHABLE);
	call.gpr[0] = 91;
	call.gpr[1] = 7;
	assert_int_equal(guest_enter(context->thread, &dividing, &call), NB_TRAP_NONE);
	assert_int_equal(context->thread->guest_sp, outer_sp);
	return call.gpr[0];
}

static void
activations_nest(void **state)
{
	(void)state;
	bind_host((uint64_t)(uintptr_t)host_nested);
	struct guest_call call = { 0 };
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_call_import, 0);
	assert_int_equal(enter(&callee, &call), NB_TRAP_NONE);
	assert_int_equal(call.gpr[0], 14);
}

static void
faults_arrive_with_kind_and_place(void **state)
{
	(void)state;
	struct guest_call call = { 0 };
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_trap, 0);
	assert_int_equal(enter(&callee, &call), NB_TRAP_UNREACHABLE);
	assert_int_equal(t.kind, GUEST_FAULT_INVALID);
	assert_int_equal(t.state.rip, code_at(guest_code_trap_site));
	assert_int_equal(t.state.gpr[NB_R15], (uintptr_t)vmctx_a());

	callee = callee_in(vmctx_a(), guest_code_load, 0);
	static const uint64_t outside[] = { 65536, 0x7fffffff, 0xffffffff };
	for (int i = 0; i < 3; i++) {
		call.gpr[0] = outside[i];
		t.trap = NB_TRAP_MEMORY_OUT_OF_BOUNDS;
		assert_int_equal(enter(&callee, &call), NB_TRAP_MEMORY_OUT_OF_BOUNDS);
		assert_int_equal(t.kind, GUEST_FAULT_MEMORY);
		assert_true(port_slot_contains(t.address));
		assert_int_equal(t.address, t.memory_a + outside[i]);
		assert_int_equal(t.state.rip, code_at(guest_code_load_site));
	}
	call.gpr[0] = 65533; /* straddles the end */
	assert_int_equal(enter(&callee, &call), NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	call.gpr[0] = 65532;
	assert_int_equal(enter(&callee, &call), NB_TRAP_NONE);

	callee = callee_in(vmctx_a(), guest_code_divide, 0);
	call.gpr[0] = 1;
	call.gpr[1] = 0;
	assert_int_equal(enter(&callee, &call), t.trap);
	assert_int_equal(t.kind, GUEST_FAULT_DIVIDE);
	assert_false(port_slot_contains((uint64_t)(uintptr_t)&t));
}

static void
stack_overflow_is_a_fault_in_the_guard(void **state)
{
	(void)state;
	struct guest_call call = { 0 };
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_recurse, 0);
	t.trap = NB_TRAP_STACK_OVERFLOW;
	for (int i = 0; i < 4; i++)
		t.frames[i] = 1000;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(enter(&callee, &call), NB_TRAP_STACK_OVERFLOW);
		assert_int_equal(t.kind, GUEST_FAULT_MEMORY);
		assert_in_range(t.address, t.stack.guard, t.stack.limit - 1);
		assert_int_equal(t.walk_count, 4);
		assert_int_equal(t.walks[1].pc, t.walks[2].pc);
	}
}

static uint64_t
host_count(struct nb_vmctx *context)
{
	(void)context;
	t.host_calls++;
	return 0;
}

static void
kernel_calls_keep_their_headroom(void **state)
{
	(void)state;
	bind_host((uint64_t)(uintptr_t)host_count);
	struct guest_call call = { 0 };
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_recurse_host, 0);
	t.trap = NB_TRAP_STACK_OVERFLOW;
	for (int i = 0; i < 4; i++)
		t.frames[i] = 24;
	assert_int_equal(enter(&callee, &call), NB_TRAP_STACK_OVERFLOW);
	assert_true(guest_pc_is_stub(t.state.rip));
	assert_int_equal(t.kind, GUEST_FAULT_INVALID);
	assert_true(t.state.gpr[NB_RSP] >= t.stack.limit + GUEST_KERNEL_HEADROOM - 64);
	assert_true(t.host_calls > 4000);
	assert_int_equal(t.walk_count, 4);
	for (int i = 0; i < 4; i++)
		assert_true(t.walks[i].is_return_address);
	assert_int_equal(t.walks[1].pc, t.walks[3].pc);
}

/* From the trap in b through an area crossing into a, and out. */
static void
walk_passes_crossings(void **state)
{
	(void)state;
	struct guest_call call = { 0 };
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_call_import_area, 4);
	*import_of_a() = callee_in(vmctx_b(), guest_code_trap, 4);
	t.trap = NB_TRAP_UNREACHABLE;
	t.frames[0] = 24;
	t.frames[1] = 40;
	assert_int_equal(enter(&callee, &call), NB_TRAP_UNREACHABLE);
	assert_int_equal(t.walk_count, 2);
	assert_true(t.walk_ended);
	assert_int_equal(t.walks[0].pc, code_at(guest_code_trap_site));
	assert_false(t.walks[0].is_return_address);
	assert_int_equal(t.walks[1].pc, code_at(guest_code_call_import_area_return));
	assert_true(t.walks[1].is_return_address);

	*import_of_a() = callee_in(vmctx_b(), guest_code_trap, 0);
	callee = callee_in(vmctx_a(), guest_code_call_import, 0);
	t.frames[1] = 8;
	assert_int_equal(enter(&callee, &call), NB_TRAP_UNREACHABLE);
	assert_int_equal(t.walk_count, 2);
	assert_true(t.walk_ended);
	assert_int_equal(t.walks[1].pc, code_at(guest_code_call_import_return));
}

static void
on_alarm(int number, siginfo_t *info, void *opaque)
{
	(void)number;
	(void)info;
	ucontext_t *context = opaque;
	struct guest_state state;

	if (!hosted_pc_is_guest((uint64_t)context->uc_mcontext.gregs[REG_RIP]))
		return;
	hosted_state_load(&state, context);
	kernel_guest_interrupted(&state);
	hosted_state_store(&state, context);
}

static void
resume_entry(void *argument)
{
	(void)argument;
	guest_state_resume(&t.state, &t.stack);
}

/* A loop is interrupted, its state put away, and continued by way of another
 * stack, several times. */
static void
interrupted_state_resumes(void **state)
{
	(void)state;
	struct sigaction action = { .sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | SA_ONSTACK },
			 old;
	struct itimerval once = { .it_value = { 0, 3000 } };
	uint64_t *words = (uint64_t *)(uintptr_t)t.memory_a;
	struct guest_call call = { 0 };
	struct nb_callee callee = callee_in(vmctx_a(), guest_code_spin, 0);
	struct run run = { &callee, &call, NB_TRAP_HOST };

	assert_int_equal(port_stack_create(65536, &t.scheduler_stack), NB_OK);
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &once, NULL);
	guest_context_init(&t.guest_context, &t.stack, run_entry, &run);
	guest_context_switch(&t.main_context, &t.guest_context);
	for (int i = 0; i < 5; i++) {
		uint64_t before = words[0];
		assert_int_equal(t.state.gpr[NB_RBX], 77);
		assert_int_equal(run.trap, NB_TRAP_HOST);
		words[1] = i == 4;
		if (i < 4)
			setitimer(ITIMER_REAL, &once, NULL);
		guest_context_init(&t.guest_context, &t.scheduler_stack, resume_entry, NULL);
		guest_context_switch(&t.main_context, &t.guest_context);
		assert_true(words[0] > before || i == 4);
	}
	assert_int_equal(run.trap, NB_TRAP_NONE);
	assert_int_equal(call.gpr[0], 77);
	assert_int_equal(t.head.activation, 0);
	sigaction(SIGALRM, &old, NULL);
	port_stack_destroy(&t.scheduler_stack);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(arguments_and_results_travel_in_registers),
		TEST(area_travels_both_ways),
		TEST(crossing_switches_pins_and_restores_them),
		TEST(crossing_copies_area),
		TEST(host_functions_get_context_and_arguments),
		TEST(host_functions_may_unwind),
		TEST(pending_takes_the_slow_path),
		TEST(activations_nest),
		TEST(faults_arrive_with_kind_and_place),
		TEST(stack_overflow_is_a_fault_in_the_guard),
		TEST(kernel_calls_keep_their_headroom),
		TEST(walk_passes_crossings),
		TEST(interrupted_state_resumes),
	};
	return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
