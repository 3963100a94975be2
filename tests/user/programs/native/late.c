/*
 * Starts the module mnt/0/hog.wasm of the RAM disk, wakes up every 10 ms until
 * it has ended, and prints how late it was at most and how the hog ended:
 *
 *     wakeups N maximum US status STATUS
 */
#include "tests/user/programs/native/lib/roles.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#define PERIOD_NS INT64_C(10000000)

int
module_main(void)
{
	static const struct role role = { .path = "mnt/0/hog.wasm", .name = "hog" };
	uint32_t hog = role_start(&role);
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
