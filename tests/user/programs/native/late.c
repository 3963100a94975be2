/*
 * Starts the module mnt/0/hog.wasm of the RAM disk, wakes up every 10 ms until
 * it has ended, and prints how late it was at most and how the hog ended:
 *
 *     wakeups N maximum US status STATUS
 */
#include "user/libs/disk/disk.h"
#include "user/libs/launch/launch.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#define PERIOD_NS INT64_C(10000000)

static struct archive_entry entry;

static uint32_t
start_hog(uint32_t ramdisk)
{
	struct launch_handle handles[] = { { "ramdisk", ramdisk, NB_RIGHTS_SAME } };
	struct launch launch = { .name = "hog",
				 .ramdisk = ramdisk,
				 .priority = NB_PRIORITY_NORMAL,
				 .handles = handles,
				 .handle_count = 1 };
	char reason_bytes[256];
	struct text reason;
	uint32_t process;

	text_init(&reason, reason_bytes, sizeof reason_bytes);
	if (disk_publish(ramdisk, "mnt/0/hog.wasm", &entry, &launch.module) ||
	    launch_module_result(launch.module, &reason) ||
	    launch_process(&launch, &process, &reason))
		nb_process_exit(3);
	return process;
}

int
module_main(void)
{
	uint32_t hog = start_hog(startup_handle("ramdisk"));
	int64_t due = nb_clock_get(NB_CLOCK_MONOTONIC), late, most = 0, wakeups = 0;
	struct nb_process_info info;
	char bytes[256];
	struct text line;

	while (nb_object_wait_one(hog, NB_SIGNAL_TERMINATED, NB_DEADLINE_POLL) < 0) {
		due += PERIOD_NS;
		(void)nb_thread_sleep(due);
		late = nb_clock_get(NB_CLOCK_MONOTONIC) - due;
		if (late > most)
			most = late;
		if (late > PERIOD_NS)
			due += late;
		wakeups++;
	}
	if (nb_object_info(hog, NB_INFO_PROCESS, &info, sizeof info) < 0)
		return 4;
	text_init(&line, bytes, sizeof bytes);
	text_add(&line, "wakeups ");
	text_add_number(&line, wakeups);
	text_add(&line, " maximum ");
	text_add_number(&line, most / 1000);
	text_add(&line, " status ");
	text_add_number(&line, info.status);
	text_add(&line, "\n");
	(void)nb_stream_write(startup_handle("stdout"), line.bytes, line.length);
	return 0;
}
