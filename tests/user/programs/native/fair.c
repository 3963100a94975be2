/*
 * Scheduling: starts two endless loopers (the modules mnt/0/looper.wasm of the
 * RAM disk), wakes up every 100 ms meanwhile, and prints how late it was and
 * what share of the processor each looper had:
 *
 *     wakeups N median US maximum US share PERMILLE PERMILLE
 */
#include "user/libs/disk/disk.h"
#include "user/libs/launch/launch.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#define WAKEUPS	    50
#define PERIOD_NS   INT64_C(100000000)
#define LOOPER_PATH "mnt/0/looper.wasm"

static struct archive_entry entry;
static int64_t lateness[WAKEUPS];

static uint32_t
start_looper(uint32_t ramdisk)
{
	struct launch launch = { .name = "looper",
				 .ramdisk = ramdisk,
				 .priority = NB_PRIORITY_NORMAL };
	char reason_bytes[256];
	struct text reason;
	uint32_t process;

	text_init(&reason, reason_bytes, sizeof reason_bytes);
	if (disk_publish(ramdisk, LOOPER_PATH, &entry, &launch.module) ||
	    launch_module_result(launch.module, &reason) ||
	    launch_process(&launch, &process, &reason))
		nb_process_exit(3);
	return process;
}

static uint64_t
run_time(uint32_t process)
{
	struct nb_process_info info;

	if (nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) < 0 ||
	    info.state != NB_PROCESS_RUNNING)
		nb_process_exit(4);
	return info.run_ns;
}

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

static void
print(uint64_t first, uint64_t second)
{
	uint64_t both = first + second ? first + second : 1;
	char bytes[256];
	struct text line;

	text_init(&line, bytes, sizeof bytes);
	text_add(&line, "wakeups ");
	text_add_number(&line, WAKEUPS);
	text_add(&line, " median ");
	text_add_number(&line, lateness[WAKEUPS / 2] / 1000);
	text_add(&line, " maximum ");
	text_add_number(&line, lateness[WAKEUPS - 1] / 1000);
	text_add(&line, " share ");
	text_add_number(&line, (int64_t)(first * 1000 / both));
	text_add(&line, " ");
	text_add_number(&line, (int64_t)(second * 1000 / both));
	text_add(&line, "\n");
	(void)nb_stream_write(startup_handle("stdout"), line.bytes, line.length);
}

int
module_main(void)
{
	uint32_t ramdisk = startup_handle("ramdisk");
	uint32_t first = start_looper(ramdisk), second = start_looper(ramdisk);
	uint64_t first_ns = run_time(first), second_ns = run_time(second);
	int64_t due = nb_clock_get(NB_CLOCK_MONOTONIC);

	for (int i = 0; i < WAKEUPS; i++) {
		due += PERIOD_NS;
		(void)nb_thread_sleep(due);
		lateness[i] = nb_clock_get(NB_CLOCK_MONOTONIC) - due;
	}
	first_ns = run_time(first) - first_ns;
	second_ns = run_time(second) - second_ns;
	sort_lateness();
	print(first_ns, second_ns);
	(void)nb_process_kill(first, 0);
	(void)nb_process_kill(second, 0);
	return 0;
}
