/*
 * Who gets how much of the processor: starts itself several times in other roles and prints,
 * for each setting, the shares in thousandths of the time that passed.
 *
 *     SETTING PERMILLE...
 *
 * Roles: none (the test itself), `loop`, `crowd` (three threads that loop), `divide` (starts two
 * that loop, one with a limit that is larger than its own), `timers` (sets more of them
 * than one can be told of).
 */
#include "tests/user/programs/native/lib/roles.h"
#include "user/sdk/start.h"

#include "nebulet.h"

#define WARM_UP_NS INT64_C(50000000)
#define SHORT_NS   INT64_C(400000000)
#define LONG_NS	   INT64_C(1200000000)
#define PATH	   "mnt/0/shares.wasm"
#define ROLE(...)                         \
	{                                 \
		.path = PATH, __VA_ARGS__ \
	}

enum { LOOPERS_MAX = 3, STACK_BYTES = 4096, TIMERS = 2000, PERIOD_NS = 100000 };

static _Alignas(16) uint8_t stacks[2][STACK_BYTES];

/* Lets the loopers run beside each other. */
static void
measure(const char *setting, const struct role *roles, uint32_t count, int64_t time_ns)
{
	uint64_t before_ns[LOOPERS_MAX], shares[LOOPERS_MAX];
	uint32_t processes[LOOPERS_MAX];
	int64_t begin, passed;

	for (uint32_t i = 0; i < count; i++)
		processes[i] = role_start(&roles[i]);
	/* Budgets that began full are used up. */
	(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + WARM_UP_NS);
	begin = nb_clock_get(NB_CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < count; i++)
		before_ns[i] = role_run_ns(processes[i]);
	(void)nb_thread_sleep(begin + time_ns);
	passed = nb_clock_get(NB_CLOCK_MONOTONIC) - begin;
	for (uint32_t i = 0; i < count; i++)
		shares[i] = (role_run_ns(processes[i]) - before_ns[i]) * 1000 / (uint64_t)passed;
	for (uint32_t i = 0; i < count; i++)
		role_kill(processes[i]);
	role_print(setting, shares, count);
}

static void
loop(uint32_t argument)
{
	(void)argument;
	for (;;)
		__asm__ volatile("");
}

static void
divide(void)
{
	const struct role roles[] = { ROLE(.name = "loop", .permille = 500), ROLE(.name = "loop") };

	measure("divided", roles, 2, SHORT_NS);
}

/* Twenty million expirations a second. */
static _Noreturn void
set_timers(void)
{
	for (uint32_t i = 0; i < TIMERS; i++) {
		int64_t timer = nb_timer_create();

		if (timer < 0 || nb_timer_set((uint32_t)timer, 0, PERIOD_NS) < 0)
			nb_process_exit(7);
	}
	(void)nb_thread_sleep(NB_DEADLINE_NEVER);
	nb_process_exit(8);
}

static void
run_role(char role)
{
	if (role == 't')
		set_timers();
	if (role == 'd') {
		divide();
		return;
	}
	for (uint32_t i = 0; role == 'c' && i < 2; i++)
		if (nb_thread_spawn((uint32_t)(uintptr_t)loop, 0,
				    (uint32_t)(uintptr_t)stacks[i] + STACK_BYTES) < 0)
			nb_process_exit(6);
	loop(0);
}

int
module_main(void)
{
	static const struct role equal[] = { ROLE(.name = "loop"), ROLE(.name = "loop"),
					     ROLE(.name = "loop") };
	static const struct role crowd[] = { ROLE(.name = "loop"), ROLE(.name = "crowd") };
	static const struct role alone[] = { ROLE(.name = "loop", .permille = 250) };
	static const struct role tight[] = { ROLE(.name = "loop", .permille = 20) };
	static const struct role beside[] = { ROLE(.name = "loop", .permille = 250),
					      ROLE(.name = "loop") };
	static const struct role crowded[] = { ROLE(.name = "crowd", .permille = 300),
					       ROLE(.name = "loop") };
	static const struct role strict[] = { ROLE(.name = "loop"),
					      ROLE(.name = "loop", .priority = 1) };
	static const struct role timers[] = { ROLE(.name = "loop"), ROLE(.name = "timers") };
	static const struct role divided = ROLE(.name = "divide", .permille = 300);
	char role = role_letter();

	if (role) {
		run_role(role);
		return 0;
	}
	measure("equal", equal, 3, LONG_NS);
	measure("crowd", crowd, 2, LONG_NS);
	measure("alone", alone, 1, SHORT_NS);
	measure("tight", tight, 1, SHORT_NS);
	measure("beside", beside, 2, SHORT_NS);
	measure("crowded", crowded, 2, SHORT_NS);
	measure("strict", strict, 2, SHORT_NS);
	measure("timers", timers, 2, SHORT_NS);
	role_wait(role_start(&divided));
	return 0;
}
