/* The kernel's log in lines; see log.h. */
#include "user/libs/log/log.h"

#include "user/sdk/text.h"

#include "nebulet.h"

/* At least so many digits, with `fill` before them. */
static void
add_padded(struct text *text, uint64_t number, uint32_t digits, const char *fill)
{
	uint64_t least = 10;

	for (uint32_t i = 1; i < digits; i++, least *= 10) {
		if (number < least)
			for (uint32_t j = i; j < digits; j++)
				text_add(text, fill);
		if (number < least)
			break;
	}
	text_add_number(text, (int64_t)number);
}

uint32_t
log_line(struct log_follower *follower, char line[LOG_LINE_MAX])
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };
	static char bytes[NB_LOG_TEXT_MAX];
	struct nb_log_record record;
	struct text text;
	uint64_t us;

	if (follower->log == NB_HANDLE_NONE ||
	    nb_log_read(follower->log, follower->next, &record, bytes, sizeof bytes) < 0)
		return 0;
	follower->next = record.sequence + 1;
	us = record.time_ns / 1000;
	text_init(&text, line, LOG_LINE_MAX);
	text_add(&text, "[");
	add_padded(&text, us / 1000000, 5, " ");
	text_add(&text, ".");
	add_padded(&text, us % 1000000, 6, "0");
	text_add(&text, "] ");
	text_add(&text, levels[record.level & 3]);
	text_add(&text, ": ");
	text_add_bytes(&text, bytes, record.len);
	text_add(&text, "\r\n");
	return text.length;
}
