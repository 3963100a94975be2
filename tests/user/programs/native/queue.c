/*
 * Thousands of threads that wait at gates, of this very process: how long the kernel keeps a
 * process of higher priority from the processor meanwhile. It wakes up every PERIOD_NS and
 * prints for each role how often and how late it was at most, in microseconds:
 *
 *     ROLE WAKEUPS MAXIMUM
 */
#include "tests/user/programs/native/lib/roles.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#define PERIOD_NS INT64_C(500000)
#define PATH	  "mnt/0/queue.wasm"

__attribute__((import_module("nebulet"), import_name("gate_call:i>I"))) int64_t
call_gate(uint32_t gate, int32_t argument);

enum {
	INSIDE = 64,	/* threads inside of one gate, in the role "flat" */
	WAITING = 3000, /* for it */
	CHAIN = 2000,	/* gates, in the role "chain": who is inside of one waits for the next */
	TURNS = 30,	/* of somebody urgent who waits at the chain's beginning for a while */
	STACK_BYTES = 512,
	LEAST_PRIORITY = 2, /* of those who wait; they have PRIORITIES */
	PRIORITIES = 6,
};

static _Alignas(16) uint8_t thread_stacks[INSIDE + WAITING][STACK_BYTES];
static _Alignas(16) uint8_t gate_stacks[CHAIN][STACK_BYTES];
static uint32_t gates[CHAIN];
static struct nb_futex entered, done, open;
static int64_t first_deadline_ns;

static int64_t
now(void)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC);
}

static void
expect(int holds, int32_t status)
{
	if (!holds)
		nb_process_exit(status);
}

static void
count(struct nb_futex *futex)
{
	__atomic_fetch_add(&futex->word, 1, __ATOMIC_SEQ_CST);
	(void)nb_futex_wake(futex, 1);
}

static void
wait_for(struct nb_futex *futex, uint32_t value)
{
	uint32_t is;

	while ((is = __atomic_load_n(&futex->word, __ATOMIC_SEQ_CST)) < value)
		(void)nb_futex_wait(futex, is, NB_DEADLINE_NEVER);
}

static void
spawn(void (*function)(uint32_t), uint32_t i)
{
	int64_t thread = nb_thread_spawn((uint32_t)(uintptr_t)function, i,
					 (uint32_t)(uintptr_t)thread_stacks[i] + STACK_BYTES);

	expect(thread > 0, 20);
	(void)nb_handle_close((uint32_t)thread);
}

static void
make_gate(uint32_t i, int64_t (*function)(int32_t), uint32_t activations)
{
	struct nb_gate_stacks where = { (uint32_t)(uintptr_t)gate_stacks[i], STACK_BYTES };
	int64_t gate = nb_gate_create((uint32_t)(uintptr_t)function, "i>I", 3, activations, &where);

	expect(gate > 0, 21);
	gates[i] = (uint32_t)gate;
}

/* The part that counts begins and ends. */
static void
tell(uint32_t signals)
{
	(void)nb_object_signal(startup_handle("phase"), 0, signals);
}

/* ---- many at one gate ---- */

static int64_t
stay(int32_t unused)
{
	count(&entered);
	wait_for(&open, 1);
	return unused;
}

static void
go_in(uint32_t i)
{
	(void)call_gate(gates[0], (int32_t)i);
}

/* Waits for the gate, shorter the later it comes, and gives up. */
static void
queue_up(uint32_t i)
{
	expect(nb_thread_set_priority(NB_HANDLE_NONE, LEAST_PRIORITY + i % PRIORITIES) == 0, 22);
	(void)nb_gate_deadline(first_deadline_ns + (int64_t)(INSIDE + WAITING - i) * 10000);
	expect(call_gate(gates[0], 0) == -NB_TIMED_OUT, 23);
	count(&done);
}

static void
be_flat(void)
{
	make_gate(0, stay, INSIDE);
	for (uint32_t i = 0; i < INSIDE; i++)
		spawn(go_in, i);
	wait_for(&entered, INSIDE);
	first_deadline_ns = now() + INT64_C(400000000);
	tell(NB_SIGNAL_USER_0);
	for (uint32_t i = 0; i < WAITING; i++)
		spawn(queue_up, INSIDE + i);
	wait_for(&done, WAITING);
	tell(NB_SIGNAL_USER_1);
}

/* ---- a long chain ---- */

static int64_t
go_on(int32_t i)
{
	count(&entered);
	wait_for(&open, 1);
	if (i + 1 < CHAIN)
		return call_gate(gates[i + 1], i + 1);
	wait_for(&open, 2);
	return 0;
}

static void
be_link(uint32_t i)
{
	expect(nb_thread_set_priority(NB_HANDLE_NONE, LEAST_PRIORITY) == 0, 24);
	(void)call_gate(gates[i], (int32_t)i);
}

static void
be_chain(void)
{
	for (uint32_t i = 0; i < CHAIN; i++) {
		make_gate(i, go_on, 1);
		spawn(be_link, i);
	}
	wait_for(&entered, CHAIN);
	open.word = 1;
	(void)nb_futex_wake(&open, CHAIN);
	/* All that are less urgent go on, until they wait for each other. */
	(void)nb_thread_sleep(now() + INT64_C(300000000));
	tell(NB_SIGNAL_USER_0);
	for (int i = 0; i < TURNS; i++) {
		(void)nb_gate_deadline(now() + 2 * PERIOD_NS);
		expect(call_gate(gates[0], 0) == -NB_TIMED_OUT, 25);
	}
	tell(NB_SIGNAL_USER_1);
}

/* ---- who looks on ---- */

static void
look_on(const char *name)
{
	struct role role = {
		.path = PATH, .name = name, .priority = NB_PRIORITY_NORMAL, .handle_count = 1
	};
	int64_t event = nb_event_create(), due, late, most = 0;
	uint64_t numbers[2] = { 0, 0 };
	uint32_t process;

	expect(event > 0, 26);
	role.handles[0] = (struct launch_handle){ "phase", (uint32_t)event, NB_RIGHTS_SAME };
	process = role_start(&role);
	(void)nb_object_wait_one((uint32_t)event, NB_SIGNAL_USER_0, now() + INT64_C(20000000000));
	due = now();
	while (nb_object_wait_one((uint32_t)event, NB_SIGNAL_USER_1, NB_DEADLINE_POLL) < 0) {
		expect(nb_object_wait_one(process, NB_SIGNAL_TERMINATED, NB_DEADLINE_POLL) < 0, 27);
		due += PERIOD_NS;
		(void)nb_thread_sleep(due);
		late = now() - due;
		most = late > most ? late : most;
		due = late > PERIOD_NS ? now() : due;
		numbers[0]++;
	}
	numbers[1] = (uint64_t)most / 1000;
	role_kill(process);
	role_print(name, numbers, 2);
}

int
module_main(void)
{
	switch (role_letter()) {
	case 'f':
		be_flat();
		break;
	case 'c':
		be_chain();
		break;
	default:
		expect(nb_thread_set_priority(NB_HANDLE_NONE, NB_PRIORITY_NORMAL) == 0, 28);
		look_on("flat");
		look_on("chain");
		return 0;
	}
	for (;;)
		(void)nb_thread_sleep(now() + INT64_C(1000000000));
}
