/*
 * Evading a limit of processor time: starts itself several times, with a limit of LIMIT,
 * in roles that try to get more, beside a process of the lowest priority that loops, and
 * prints what that one had, in thousandths of the time:
 *
 *     ROLE PERMILLE
 *
 * Everything that a role makes stops by itself when the time is over.
 */
#include "tests/user/programs/native/lib/roles.h"
#include "user/libs/disk/disk.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#include <stdbool.h>

#define WARM_UP_NS INT64_C(60000000)
#define TIME_NS	   INT64_C(200000000)
#define REST_NS	   INT64_C(40000000)
#define TURN_US	   60
#define PATH	   "mnt/0/limits.wasm"
#define CALL(signature) \
	__attribute__((import_module("nebulet"), import_name("gate_call:" signature)))

CALL("i>I") int64_t call_run(uint32_t gate, int32_t turn_us);

enum { LIMIT = 100, STACK_BYTES = 4096, THREADS = 3, TIMERS = 60, KIDS = 4, CHAIN = 3 };

static _Alignas(16) uint8_t stacks[THREADS][STACK_BYTES], gate_stacks[STACK_BYTES];
static int64_t end_ns;
static uint32_t loops_per_us;
static uint32_t given_gate; /* what threads call */
static struct nb_futex ball;
static struct archive_entry entry;

/* ---- computing ---- */

static void
loop(uint32_t loops)
{
	for (uint32_t i = 0; i < loops; i++)
		__asm__ volatile("");
}

static void
calibrate(void)
{
	const uint32_t loops = 20000;
	int64_t best = INT64_MAX;

	for (int i = 0; i < 5; i++) {
		int64_t begin = nb_clock_get(NB_CLOCK_MONOTONIC), took;

		loop(loops);
		took = nb_clock_get(NB_CLOCK_MONOTONIC) - begin;
		best = took < best ? took : best;
	}
	loops_per_us = loops / (uint32_t)(best / 1000 + 1) + 1;
}

static bool
is_over(void)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC) >= end_ns;
}

static void
turn(void)
{
	loop(TURN_US * loops_per_us);
}

/* Computes for the whole time, with hardly a call of the kernel. */
static void
compute(void)
{
	while (!is_over())
		loop(2000 * loops_per_us);
}

/* ---- gates of its own making ---- */

/* Computes for so long (0: to the end), or lets the next gate do so. */
static int64_t
run(int32_t turn_us)
{
	uint32_t next = startup_handle("next");

	if (next != NB_HANDLE_NONE)
		return call_run(next, turn_us);
	if (turn_us)
		loop((uint32_t)turn_us * loops_per_us);
	else
		compute();
	return 0;
}

static uint32_t
make_gate(void)
{
	struct nb_gate_stacks where = { (uint32_t)(uintptr_t)gate_stacks, STACK_BYTES };
	int64_t gate = nb_gate_create((uint32_t)(uintptr_t)run, "i>I", 3, 1, &where);

	if (gate < 0)
		nb_process_exit(10);
	return (uint32_t)gate;
}

/* A process that has a gate and hands it up. */
static void
serve(void)
{
	uint32_t gate = make_gate();

	if (nb_channel_send(startup_handle("up"), "", 0, &gate, 1) < 0)
		nb_process_exit(11);
	(void)nb_thread_sleep(end_ns + REST_NS / 2);
}

/* The gate of a new child with a limit (0: none of its own), which calls `next`. */
static uint32_t
limited_gate(uint32_t next, uint32_t permille)
{
	struct role role = { .path = PATH,
			     .name = "serve",
			     .permille = permille,
			     .value = end_ns,
			     .handle_count = 1 };
	struct nb_message_counts counts = { .handles = 1 };
	struct nb_channel_ends ends;
	uint32_t gate;

	if (nb_channel_create(&ends, 0) < 0)
		nb_process_exit(12);
	role.handles[0] = (struct launch_handle){ "up", ends.ends[1], NB_RIGHTS_SAME };
	if (next != NB_HANDLE_NONE)
		role.handles[role.handle_count++] =
			(struct launch_handle){ "next", next, NB_RIGHTS_SAME };
	(void)role_start(&role);
	if (nb_object_wait_one(ends.ends[0], NB_SIGNAL_READABLE, NB_DEADLINE_NEVER) < 0 ||
	    nb_channel_recv(ends.ends[0], "", 0, &gate, &counts) < 0)
		nb_process_exit(13);
	return gate;
}

static uint32_t
child_gate(uint32_t next)
{
	return limited_gate(next, 0);
}

/* ---- threads ---- */

static void
spawn(void (*function)(uint32_t), uint32_t i)
{
	int64_t thread = nb_thread_spawn((uint32_t)(uintptr_t)function, i,
					 (uint32_t)(uintptr_t)stacks[i] + STACK_BYTES);

	if (thread < 0)
		nb_process_exit(14);
	(void)nb_handle_close((uint32_t)thread);
}

static void
call_in_turns(uint32_t i)
{
	(void)i;
	while (!is_over())
		(void)call_run(given_gate, TURN_US);
}

static void
call_and_stay(uint32_t i)
{
	(void)i;
	(void)call_run(given_gate, 0);
}

static void
sleep_in_turns(uint32_t i)
{
	(void)i;
	while (!is_over()) {
		turn();
		(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + 5000);
	}
}

static void
yield_in_turns(uint32_t i)
{
	(void)i;
	while (!is_over()) {
		turn();
		nb_thread_yield();
	}
}

static void
play_ball(uint32_t i)
{
	while (!is_over()) {
		uint32_t at = *(volatile uint32_t *)&ball.word;

		if (at % 2 != i % 2) {
			(void)nb_futex_wait(&ball, at, end_ns);
			continue;
		}
		turn();
		ball.word = at + 1;
		(void)nb_futex_wake(&ball, THREADS);
	}
}

static void
turn_once(uint32_t i)
{
	(void)i;
	turn();
}

/* ---- roles ---- */

static void
wait_for_gate(void)
{
	/* One is inside, one of this process and a whole other one wait. */
	struct role other = { .path = PATH, .name = "Waiter", .value = end_ns, .handle_count = 1 };

	given_gate = child_gate(NB_HANDLE_NONE);
	other.handles[0] = (struct launch_handle){ "gate", given_gate, NB_RIGHTS_SAME };
	(void)role_start(&other);
	spawn(call_and_stay, 0);
	call_and_stay(1);
}

static void
use_timers(void)
{
	uint32_t timers[TIMERS];

	for (uint32_t i = 0; i < TIMERS; i++) {
		timers[i] = (uint32_t)nb_timer_create();
		if (nb_timer_set(timers[i], nb_clock_get(NB_CLOCK_MONOTONIC) + i * 1000,
				 NB_TIMER_PERIOD_MIN) < 0)
			nb_process_exit(15);
	}
	for (uint32_t i = 0; !is_over(); i = (i + 1) % TIMERS) {
		(void)nb_object_wait_one(timers[i], NB_SIGNAL_SIGNALED, end_ns);
		(void)nb_object_signal(timers[i], NB_SIGNAL_SIGNALED, 0);
	}
}

static void
spawn_in_turns(void)
{
	while (!is_over()) {
		int64_t thread = nb_thread_spawn((uint32_t)(uintptr_t)turn_once, 0,
						 (uint32_t)(uintptr_t)stacks[0] + STACK_BYTES);

		if (thread < 0)
			nb_process_exit(16);
		(void)nb_thread_join((uint32_t)thread, NB_DEADLINE_NEVER);
		(void)nb_handle_close((uint32_t)thread);
	}
}

static void
start_in_turns(void)
{
	const struct role role = { .path = PATH, .name = "Once", .value = end_ns };
	uint32_t kids[KIDS];

	while (!is_over()) {
		for (uint32_t i = 0; i < KIDS; i++)
			kids[i] = role_start(&role);
		for (uint32_t i = 0; i < KIDS; i++)
			role_wait(kids[i]);
	}
}

static void
publish_in_turns(void)
{
	uint32_t modules[2];

	while (!is_over()) {
		for (uint32_t i = 0; i < 2; i++)
			if (disk_publish(startup_handle("ramdisk"), PATH, &entry, &modules[i]))
				nb_process_exit(17);
		for (uint32_t i = 0; i < 2; i++) {
			(void)nb_object_wait_one(modules[i], NB_SIGNAL_SIGNALED, end_ns);
			(void)nb_handle_close(modules[i]);
		}
	}
}

/* The same on several threads. */
static void
together(void (*function)(uint32_t))
{
	for (uint32_t i = 0; i + 1 < THREADS; i++)
		spawn(function, i);
	function(THREADS - 1);
}

static void
run_role(char role)
{
	uint32_t gate = NB_HANDLE_NONE;

	switch (role) {
	case 'l':
		for (;;)
			loop(1000);
	case 's':
		serve();
		break;
	case 'W':
	case 'a':
		(void)call_run(startup_handle("gate"), 0);
		break;
	case 'O':
		turn();
		break;
	case 'p':
		compute();
		break;
	case 'i':
		(void)call_run(child_gate(gate), 0);
		break;
	case 'c':
		for (int i = 0; i < CHAIN; i++)
			gate = child_gate(gate);
		(void)call_run(gate, 0);
		break;
	case 'o':
		given_gate = make_gate();
		together(call_and_stay);
		break;
	case 'w':
		wait_for_gate();
		break;
	case 'b':
		given_gate = child_gate(gate);
		together(call_in_turns);
		break;
	case 'n':
		together(sleep_in_turns);
		break;
	case 'y':
		together(yield_in_turns);
		break;
	case 'f':
		together(play_ball);
		break;
	case 't':
		use_timers();
		break;
	case 'h':
		spawn_in_turns();
		break;
	case 'k':
		start_in_turns();
		break;
	case 'm':
		publish_in_turns();
		break;
	default:
		nb_process_exit(18);
	}
}

static void
measure(const char *name)
{
	const struct role idler = { .path = PATH, .name = "loop", .priority = NB_PRIORITY_IDLE };
	struct role attacker = { .path = PATH, .name = name, .permille = LIMIT };
	uint32_t processes[2];
	int64_t begin, passed;
	uint64_t share;

	processes[0] = role_start(&idler);
	attacker.value = nb_clock_get(NB_CLOCK_MONOTONIC) + WARM_UP_NS + TIME_NS;
	if (name[0] == 'a') {
		/* Another one with the same limit helps it. */
		end_ns = attacker.value;
		attacker.handles[attacker.handle_count++] =
			(struct launch_handle){ "gate", limited_gate(NB_HANDLE_NONE, LIMIT),
						NB_RIGHTS_SAME };
	}
	processes[1] = role_start(&attacker);
	(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + WARM_UP_NS);
	begin = nb_clock_get(NB_CLOCK_MONOTONIC);
	share = role_run_ns(processes[0]);
	(void)nb_thread_sleep(begin + TIME_NS);
	passed = nb_clock_get(NB_CLOCK_MONOTONIC) - begin;
	share = (role_run_ns(processes[0]) - share) * 1000 / (uint64_t)passed;
	role_print(name, &share, 1);
	for (int i = 0; i < 2; i++)
		role_kill(processes[i]);
	/* What else it has made ends now. */
	(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + REST_NS);
}

int
module_main(void)
{
	static const char *const names[] = { "plain",  "inside", "chain",   "own",     "wait",
					     "bounce", "naps",	 "yields",  "futexes", "timers",
					     "herd",   "kids",	 "modules", "abroad" };
	char role = role_letter();

	calibrate();
	if (role) {
		end_ns = role_value();
		run_role(role);
		return 0;
	}
	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
		measure(names[i]);
	return 0;
}
