/*
 * A process is killed at each of the kernel's entries, and at guest instructions.
 *
 * The guest `everycall` uses everything once. For each of its kernel calls,
 * builtins and calls of gates it is run again, and whoever makes that call is killed
 * before the call begins, while it blocks, or after it; then again and again, each
 * time when it comes to another of its instructions. However it ends, everything must be
 * back to the byte.
 */
#include "kernel/init/boot.h"
#include "kernel/mm/account.h"
#include "kernel/object/check.h"
#include "kernel/object/resource.h"
#include "kernel/object/system.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/sched.h"
#include "platform/hosted/hosted.h"
#include "tests/kernel/harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NB_CALL(name, result, parameters, text) { #name, #parameters },
#define NB_BUILTIN(name, result, parameters)	{ #name, #parameters },
static const struct {
	const char *name, *parameters;
} ways[] = {
#include "abi/calls.def"
/* In the order of kill_stubs.S. */
#include "abi/builtin.def"
	{ "gate enter", "deadline_ns" },
	{ "gate return", "" },
	{ "gate unwound", "" },
};
#undef NB_CALL
#undef NB_BUILTIN
enum {
	WAYS = sizeof ways / sizeof ways[0],
	EACH = 3,
	KILLED = 77,
	TRAP_FLAG = 0x100,
	SEEN_MAX = 1 << 15,
	SAMPLES = 200,
	BREAKPOINT = 0xcc
};

enum moment { AT_ENTRY, INSIDE, AT_RETURN, MOMENTS };

/* Where the next kill is to come, and what came. */
static struct {
	uint32_t way, time; /* the call's, or WAYS: none; 0: the first */
	enum moment moment;
	uint32_t times[WAYS]; /* so far in this run */
	const struct thread *inside;
	struct process *victim;
	bool is_done;

	uint8_t *instruction; /* NULL, or where a breakpoint is in the place of `byte` */
	uint8_t byte;
	struct thread *killer;
	bool must_stop;
} plan;

/* Guest instructions that were seen in a run of single steps: a hash table. */
static struct {
	bool is_stepping;
	uint32_t in_kernel; /* steps since the last one in guest code */
	uint32_t count;
	uint64_t seen[SEEN_MAX];
} steps;

void kill_entry(uint32_t way);
void kill_return(uint32_t way);

/* ---- kills at entries ---- */

static void
kill_victim(struct process *process)
{
	plan.is_done = true;
	process_kill(process, KILLED);
}

/* Runs before everybody else as soon as somebody gives way. */
static void
killer_main(void *argument)
{
	(void)argument;
	while (!plan.must_stop) {
		while (!plan.victim && !plan.must_stop)
			(void)thread_block(UINT64_MAX);
		if (plan.victim && (plan.inside || plan.instruction))
			kill_victim(plan.victim);
		plan.victim = NULL;
	}
	thread_exit();
}

/* The trap flag is on in guest code only, and on the short ways there. */
static void
step(bool is_on)
{
	unsigned long long flags = __builtin_ia32_readeflags_u64() & ~(uint64_t)TRAP_FLAG;

	steps.in_kernel = 0;
	if (steps.is_stepping)
		__builtin_ia32_writeeflags_u64(is_on ? flags | TRAP_FLAG : flags);
}

/* Whoever makes the call: the process in whose seat the thread is. */
void
kill_entry(uint32_t way)
{
	struct process *process = thread_current()->seat->owner;

	step(false);
	if (plan.times[way]++ != plan.time || plan.way != way)
		return;
	if (plan.moment == AT_ENTRY) {
		kill_victim(process);
	} else {
		plan.inside = thread_current();
		if (plan.moment == INSIDE) {
			plan.victim = process;
			thread_wake(plan.killer);
		}
	}
}

void
kill_return(uint32_t way)
{
	if (plan.way == way && plan.inside == thread_current()) {
		plan.inside = NULL;
		if (plan.moment == AT_RETURN)
			kill_victim(thread_current()->seat->owner);
	}
	step(true);
}

/* ---- kills at instructions ---- */

enum nb_trap __real_guest_enter(struct nb_thread_head *head, const struct nb_callee *callee,
				struct guest_call *call);
enum nb_trap __wrap_guest_enter(struct nb_thread_head *head, const struct nb_callee *callee,
				struct guest_call *call);
void __real_kernel_guest_pending(struct nb_thread_head *head);
void __wrap_kernel_guest_pending(struct nb_thread_head *head);
void __real_kernel_guest_interrupted(struct guest_state *state);
void __wrap_kernel_guest_interrupted(struct guest_state *state);

enum nb_trap
__wrap_guest_enter(struct nb_thread_head *head, const struct nb_callee *callee,
		   struct guest_call *call)
{
	step(true);
	return __real_guest_enter(head, callee, call);
}

void
__wrap_kernel_guest_pending(struct nb_thread_head *head)
{
	step(false);
	__real_kernel_guest_pending(head);
	step(true);
}

void
__wrap_kernel_guest_interrupted(struct guest_state *state)
{
	__real_kernel_guest_interrupted(state);
	/* Where it goes on is the scheduler; what was saved is stepped on. */
	state->rflags &= ~(uint64_t)TRAP_FLAG;
}

static void
note_step(uint64_t pc)
{
	uint32_t at = (uint32_t)(pc * 2654435761u >> 8) % SEEN_MAX;

	while (steps.seen[at] && steps.seen[at] != pc)
		at = (at + 1) % SEEN_MAX;
	if (!steps.seen[at] && steps.count < SEEN_MAX / 2) {
		steps.seen[at] = pc;
		steps.count++;
	}
}

/* A single step or the breakpoint. Guest code holds no lock, so that this may do
 * what the kernel does. */
static void
on_trap(int number, siginfo_t *info, void *opaque)
{
	ucontext_t *context = opaque;
	struct guest_state state;

	(void)number;
	(void)info;
	hosted_state_load(&state, context);
	if (steps.is_stepping) {
		steps.in_kernel = hosted_pc_is_guest(state.rip) ? 0 : steps.in_kernel + 1;
		if (!steps.in_kernel)
			note_step(state.rip);
		/* Not one of the short ways. */
		if (steps.in_kernel > 200)
			context->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
		return;
	}
	state.rip--;
	if (state.rip != (uintptr_t)plan.instruction)
		abort();
	*plan.instruction = plan.byte;
	plan.victim = thread_current()->seat->owner;
	thread_wake(plan.killer);
	kernel_guest_interrupted(&state);
	hosted_state_store(&state, context);
}

static void
breakpoint_set(uint64_t address)
{
	uintptr_t page = address & ~(uintptr_t)(PORT_PAGE_BYTES - 1);

	assert_int_equal(
		mprotect((void *)page, PORT_PAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
	plan.instruction = (uint8_t *)(uintptr_t)address;
	plan.byte = *plan.instruction;
	*plan.instruction = BREAKPOINT;
}

/* ---- runs ---- */

struct balance {
	uint64_t used[ACCOUNT_RESOURCE_COUNT];
	uint64_t handles;
	uint32_t processes, threads;
};

static struct {
	struct module *driver, *every, *client, *builtin;
	struct object *system;
	struct resource *resource, *dma;
	struct process *root;
	struct balance before;
} run;

static struct balance
balance_now(void)
{
	struct balance balance = { .handles = handle_live_count(),
				   .processes = process_live_count(),
				   .threads = thread_live_count() };

	memcpy(balance.used, boot_account()->used, sizeof balance.used);
	return balance;
}

static bool
root_has_ended(void)
{
	return run.root->state == NB_PROCESS_ENDED;
}

static bool
all_have_ended(void)
{
	return process_running_count() == 0 && thread_live_count() == run.before.threads;
}

static void
begin(void)
{
	struct thread_options options = { .account = boot_account(),
					  .priority = NB_PRIORITY_MAX,
					  .stack_bytes = 256 * 1024,
					  .entry = killer_main };

	const struct nb_resource_info dma = { .kind = NB_RESOURCE_DMA, .count = 65536 };

	memset(&plan, 0, sizeof plan);
	plan.way = WAYS;
	run.driver = GUEST(everydriver);
	run.every = GUEST(everycall);
	run.builtin = GUEST(everybuiltin);
	assert_int_equal(resource_create_root(boot_account(), &run.resource), NB_OK);
	assert_int_equal(resource_divide(run.resource, boot_account(), &dma, &run.dma), NB_OK);
	run.client = GUEST(everyclient);
	assert_int_equal(system_create(boot_account(), &run.system), NB_OK);
	assert_int_equal(thread_create(&options, &plan.killer), NB_OK);
	thread_start(plan.killer);
	kernel_run_idle();
	run.before = balance_now();
}

/* Also after a test that has failed. */
static int
finish(void **state)
{
	plan.must_stop = true;
	thread_wake(plan.killer);
	object_put(&run.driver->object);
	object_put(&run.every->object);
	object_put(&run.client->object);
	object_put(&run.builtin->object);
	object_put(&run.dma->object);
	object_put(&run.resource->object);
	object_put(run.system);
	return kernel_teardown(state);
}

/* Runs everything once as planned; returns the status of the root. */
static int32_t
run_once(void)
{
	uint32_t words[6] = { 0 };
	struct balance after;
	int32_t status;

	memset(plan.times, 0, sizeof plan.times);
	plan.is_done = false;
	plan.inside = NULL;
	plan.victim = NULL;
	run.root = kernel_process(NULL, "root");
	(void)kernel_grant(run.root, &run.dma->object, resource_type.rights);
	words[5] = kernel_grant(run.root, &run.resource->object, resource_type.rights);
	object_get(&run.driver->object);
	kernel_instantiate(run.root, run.driver);
	words[1] = kernel_grant(run.root, &run.every->object, module_type.rights);
	words[2] = kernel_grant(run.root, &run.client->object, module_type.rights);
	words[3] = kernel_grant(run.root, &run.builtin->object, module_type.rights);
	words[4] = kernel_grant(run.root, run.system, system_type.rights);
	kernel_start(run.root, words, 6);
	kernel_run_until(root_has_ended);
	process_kill_all(0);
	kernel_run_until(all_have_ended);
	status = run.root->status;
	if (status && !plan.is_done)
		(void)printf("%s\n", run.root->backtrace ? run.root->backtrace : "");
	object_put(&run.root->object);
	check_invariants();
	after = balance_now();
	assert_memory_equal(&after, &run.before, sizeof after);
	return status;
}

/* ---- the tests ---- */

/* The calls that are compiled as instructions never come to the kernel. */
static bool
is_instruction(uint32_t way)
{
	return strncmp(ways[way].name, "port_", 5) == 0;
}

/* Whoever waits until a deadline, except those that only note it. */
static bool
may_block(uint32_t way)
{
	return (strstr(ways[way].parameters, "deadline_ns") ||
		strstr(ways[way].parameters, "timeout_ns")) &&
	       strcmp(ways[way].name, "timer_set") != 0 &&
	       strcmp(ways[way].name, "gate_deadline") != 0;
}

static bool
kill_once(uint32_t way, uint32_t time, enum moment moment)
{
	plan.way = way;
	plan.time = time;
	plan.moment = moment;
	if (run_once() != 0)
		assert_true(plan.is_done);
	return plan.is_done;
}

static void
test_at_entries(void **state)
{
	uint32_t times[WAYS], kills[MOMENTS] = { 0 };

	(void)state;
	begin();
	assert_int_equal(run_once(), 0);
	memcpy(times, plan.times, sizeof times);
	for (uint32_t way = 0; way < WAYS; way++) {
		for (uint32_t i = 0; i < EACH * MOMENTS && i / MOMENTS < times[way]; i++) {
			uint32_t n = i / MOMENTS;

			kills[i % MOMENTS] +=
				kill_once(way, n == EACH - 1 ? times[way] - 1 : n, i % MOMENTS);
		}
		if (!times[way] && !is_instruction(way))
			fail_msg("%s is never used", ways[way].name);
	}
	(void)printf("%u ways, killed %u times before, %u inside, %u after\n", (uint32_t)WAYS,
		     kills[AT_ENTRY], kills[INSIDE], kills[AT_RETURN]);
}

/* Each of the calls that wait, while it does. */
static void
test_blocked(void **state)
{
	uint32_t times[WAYS], blocking = 0;

	(void)state;
	begin();
	assert_int_equal(run_once(), 0);
	memcpy(times, plan.times, sizeof times);
	for (uint32_t way = 0; way < WAYS; way++) {
		uint32_t kills = 0;

		if (!may_block(way))
			continue;
		for (uint32_t n = 0; n < times[way]; n++)
			kills += kill_once(way, n, INSIDE);
		(void)printf("%s: %u times, killed %u\n", ways[way].name, times[way], kills);
		assert_true(kills > 0);
		blocking++;
	}
	assert_true(blocking >= 9);
}

static void
test_at_instructions(void **state)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	const char *text = getenv("NEBULET_LONG");
	bool is_long = text && strcmp(text, "1") == 0;
	uint32_t kills = 0, seen = 0, every;

	(void)state;
	sigfillset(&action.sa_mask);
	assert_int_equal(sigaction(SIGTRAP, &action, NULL), 0);
	begin();
	steps.is_stepping = true;
	assert_int_equal(run_once(), 0);
	steps.is_stepping = false;
	every = is_long ? 1 : 1 + steps.count / SAMPLES;
	for (uint32_t i = 0; i < SEEN_MAX; i++) {
		if (!steps.seen[i] || seen++ % every)
			continue;
		breakpoint_set(steps.seen[i]);
		if (run_once() != 0)
			assert_true(plan.is_done);
		*plan.instruction = plan.byte;
		plan.instruction = NULL;
		kills += plan.is_done;
	}
	(void)printf("%u kills at %u instructions\n", kills, steps.count);
	assert_true(steps.count > 1000 && kills > SAMPLES / 2);
}

int
main(int count, char **words)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_at_entries, kernel_setup, finish),
		cmocka_unit_test_setup_teardown(test_blocked, kernel_setup, finish),
		cmocka_unit_test_setup_teardown(test_at_instructions, kernel_setup, finish),
	};

	if (count > 1)
		cmocka_set_test_filter(words[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
