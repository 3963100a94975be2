/* The kernel's log in lines; see log.h. */
#include "user/libs/log/log.h"

#include "lib/format.h"

#include "nebulet.h"

uint32_t
log_line(struct log_follower *follower, char line[LOG_LINE_MAX])
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };
	static char text[NB_LOG_TEXT_MAX];
	struct nb_log_record record;
	uint64_t us;
	size_t len;

	if (follower->log == NB_HANDLE_NONE ||
	    nb_log_read(follower->log, follower->next, &record, text, sizeof text) < 0)
		return 0;
	follower->next = record.sequence + 1;
	us = record.time_ns / 1000;
	len = format_text(line, LOG_LINE_MAX, "[%5lu.%06lu] %s: %.*s\r\n",
			  (unsigned long)(us / 1000000), (unsigned long)(us % 1000000),
			  levels[record.level & 3], (int)record.len, text);
	return (uint32_t)(len < LOG_LINE_MAX ? len : LOG_LINE_MAX - 1);
}
