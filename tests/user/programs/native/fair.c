/*
 * Scheduling: starts two endless loopers (the modules mnt/0/looper.wasm of the
 * RAM disk), wakes up every 100 ms meanwhile, and prints how late it was and
 * what share of the processor each looper had:
 *
 *     fair WAKEUPS MEDIAN_US MAXIMUM_US PERMILLE PERMILLE
 */
#include "tests/user/programs/native/lib/roles.h"
#include "user/sdk/start.h"

#include "nebulet.h"

#define WAKEUPS	  50
#define PERIOD_NS INT64_C(100000000)

static int64_t lateness[WAKEUPS];

static void
sort_lateness(void)
{
	for (int i = 1; i < WAKEUPS; i++) {
		for (int j = i; j > 0 && lateness[j - 1] > lateness[j]; j--) {
			int64_t swap = lateness[j];

			lateness[j] = lateness[j - 1];
			lateness[j - 1] = swap;
		}
	}
}

int
module_main(void)
{
	static const struct role looper = { .path = "mnt/0/looper.wasm", .name = "looper" };
	uint32_t processes[] = { role_start(&looper), role_start(&looper) };
	uint64_t ran_ns[] = { role_run_ns(processes[0]), role_run_ns(processes[1]) };
	int64_t due = nb_clock_get(NB_CLOCK_MONOTONIC);
	uint64_t found[5] = { WAKEUPS }, both_ns;

	for (int i = 0; i < WAKEUPS; i++) {
		due += PERIOD_NS;
		(void)nb_thread_sleep(due);
		lateness[i] = nb_clock_get(NB_CLOCK_MONOTONIC) - due;
	}
	for (int i = 0; i < 2; i++)
		ran_ns[i] = role_run_ns(processes[i]) - ran_ns[i];
	both_ns = ran_ns[0] + ran_ns[1] ? ran_ns[0] + ran_ns[1] : 1;
	sort_lateness();
	found[1] = (uint64_t)lateness[WAKEUPS / 2] / 1000;
	found[2] = (uint64_t)lateness[WAKEUPS - 1] / 1000;
	for (int i = 0; i < 2; i++)
		found[3 + i] = ran_ns[i] * 1000 / both_ns;
	role_print("fair", found, 5);
	for (int i = 0; i < 2; i++)
		role_kill(processes[i]);
	return 0;
}
