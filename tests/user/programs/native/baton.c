/*
 * Getting more than an equal share of the processor: beside a process that loops, another
 * whose threads compute one after the other, each for less than a turn, and sleep between
 * (baton); or are made anew for each such piece (spawn). Prints what the looping one and
 * the other had, in thousandths of the time:
 *
 *     ROLE PERMILLE PERMILLE
 */
#include "tests/user/programs/native/lib/roles.h"
#include "user/sdk/start.h"

#include "nebulet.h"

#define WARM_UP_NS INT64_C(20000000)
#define TIME_NS	   INT64_C(400000000)
#define PIECE_NS   INT64_C(3900000)
#define PATH	   "mnt/0/baton.wasm"

enum { THREADS = 16, STACK_BYTES = 4096 };

static _Alignas(16) uint8_t stacks[THREADS][STACK_BYTES];
static struct nb_futex words[THREADS];

static int64_t
now(void)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC);
}

static void
compute(void)
{
	int64_t end_ns = now() + PIECE_NS;

	while (now() < end_ns)
		;
}

static void
pass_to(uint32_t i)
{
	words[i].word = 1;
	(void)nb_futex_wake(&words[i], 1);
}

static void
take_turns(uint32_t i)
{
	for (;;) {
		while (*(volatile uint32_t *)&words[i].word == 0)
			(void)nb_futex_wait(&words[i], 0, NB_DEADLINE_NEVER);
		words[i].word = 0;
		compute();
		pass_to((i + 1) % THREADS);
	}
}

static void
compute_once(uint32_t i)
{
	(void)i;
	compute();
}

static uint32_t
spawn(void (*function)(uint32_t), uint32_t i)
{
	int64_t thread = nb_thread_spawn((uint32_t)(uintptr_t)function, i,
					 (uint32_t)(uintptr_t)stacks[i] + STACK_BYTES);

	if (thread < 0)
		nb_process_exit(10);
	return (uint32_t)thread;
}

static void
run_role(char role)
{
	uint32_t thread;

	while (role == 'l')
		compute();
	if (role == 'b') {
		for (uint32_t i = 0; i < THREADS; i++)
			(void)spawn(take_turns, i);
		pass_to(0);
		(void)nb_thread_sleep(NB_DEADLINE_NEVER);
	}
	for (;;) {
		thread = spawn(compute_once, 0);
		(void)nb_thread_join(thread, NB_DEADLINE_NEVER);
		(void)nb_handle_close(thread);
		compute();
	}
}

static void
measure(const char *name)
{
	const struct role loop = { .path = PATH, .name = "loop" };
	const struct role other = { .path = PATH, .name = name };
	uint32_t processes[2];
	uint64_t shares[2];
	int64_t begin;

	processes[0] = role_start(&loop);
	processes[1] = role_start(&other);
	(void)nb_thread_sleep(now() + WARM_UP_NS);
	begin = now();
	for (int i = 0; i < 2; i++)
		shares[i] = role_run_ns(processes[i]);
	(void)nb_thread_sleep(begin + TIME_NS);
	for (int i = 0; i < 2; i++)
		shares[i] =
			(role_run_ns(processes[i]) - shares[i]) * 1000 / (uint64_t)(now() - begin);
	role_print(name, shares, 2);
	for (int i = 0; i < 2; i++)
		role_kill(processes[i]);
}

int
module_main(void)
{
	char role = role_letter();

	if (role)
		run_role(role);
	measure("baton");
	measure("spawn");
	return 0;
}
