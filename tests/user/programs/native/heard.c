/*
 * Powers the machine off when each process that an argument names has written to the log as often
 * as it is named: by status 0, or by 1 after a minute.
 */
#include "user/sdk/bytes.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"
#include "user/sdk/text.h"

#include "nebulet.h"

#include <stdbool.h>

#define LOOK_NS	    INT64_C(10000000)
#define PATIENCE_NS INT64_C(60000000000)

enum { NAMES_MAX = 32 };

static struct {
	const char *name;
	uint32_t len;
	bool is_heard;
} names[NAMES_MAX];
static uint32_t name_count;

static void
find_names(void)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0;

	while ((record = nb_startup_next(startup.block, startup.size, &at))) {
		if (record->kind != NB_STARTUP_ARGUMENT || name_count == NAMES_MAX)
			continue;
		names[name_count].name = startup_contents(record);
		names[name_count++].len =
			text_length_within(startup_contents(record), record->length);
	}
}

/* The text of a record is "NAME: ...". */
static void
hear(const char *text, uint32_t len)
{
	for (uint32_t i = 0; i < name_count; i++) {
		if (names[i].is_heard || len <= names[i].len || text[names[i].len] != ':' ||
		    !bytes_equal(text, names[i].name, names[i].len))
			continue;
		names[i].is_heard = true;
		return;
	}
}

static bool
is_all_heard(void)
{
	for (uint32_t i = 0; i < name_count; i++) {
		if (!names[i].is_heard)
			return false;
	}
	return true;
}

int
module_main(void)
{
	static char text[NB_LOG_TEXT_MAX];
	uint32_t system = startup_handle("system");
	int64_t end_ns = nb_clock_get(NB_CLOCK_MONOTONIC) + PATIENCE_NS;
	struct nb_log_record record = { .sequence = 0 };
	uint64_t next = 0;

	find_names();
	while (!is_all_heard() && nb_clock_get(NB_CLOCK_MONOTONIC) < end_ns) {
		if (nb_log_read(system, next, &record, text, sizeof text) >= 0) {
			hear(text, record.len < sizeof text ? record.len : sizeof text);
			next = record.sequence + 1;
		} else {
			(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + LOOK_NS);
		}
	}
	(void)nb_system_power(system, NB_POWER_OFF, !is_all_heard());
	return 1;
}
