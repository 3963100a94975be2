/*
 * The kernel log. A record lies in the ring as struct nb_log_record and its
 * text, padded to 8 bytes, wrapping byte by byte; the oldest records give way.
 */
#include "kernel/sys/log.h"

#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"
#include "kernel/sched/lock.h"
#include "lib/format.h"
#include "lib/string.h"

#include <stdarg.h>

enum { LINE_HEAD_BYTES = 40 };

static struct {
	struct spinlock lock;
	int console_level;
	/* Under the lock; positions count bytes since boot: */
	uint64_t first; /* oldest record */
	uint64_t end;
	uint64_t next_sequence;
	uint8_t ring[LOG_RING_BYTES];
} kernel_log = { .lock = SPINLOCK_INIT(LOCK_RANK_LOG), .console_level = NB_LOG_ERROR };

static const char *const level_texts[] = { "error", "warn", "info", "debug" };

void
log_set_console_level(int level)
{
	kernel_log.console_level = level;
}

/* How many of the `len` bytes at `start` lie before the ring's end. */
static size_t
ring_contiguous(size_t start, size_t len)
{
	return len < LOG_RING_BYTES - start ? len : LOG_RING_BYTES - start;
}

static void
ring_put_locked(uint64_t at, const void *bytes, size_t len)
{
	size_t start = at % LOG_RING_BYTES;
	size_t first = ring_contiguous(start, len);

	memcpy(kernel_log.ring + start, bytes, first);
	memcpy(kernel_log.ring, (const uint8_t *)bytes + first, len - first);
}

static void
ring_get_locked(uint64_t at, void *bytes, size_t len)
{
	size_t start = at % LOG_RING_BYTES;
	size_t first = ring_contiguous(start, len);

	memcpy(bytes, kernel_log.ring + start, first);
	memcpy((uint8_t *)bytes + first, kernel_log.ring, len - first);
}

static uint64_t
record_size(uint32_t len)
{
	return sizeof(struct nb_log_record) + ((len + 7u) & ~7u);
}

static void
append_locked(const struct nb_log_record *record, const char *text)
{
	uint64_t size = record_size(record->len);

	while (kernel_log.end + size - kernel_log.first > LOG_RING_BYTES) {
		struct nb_log_record oldest = { 0 };

		ring_get_locked(kernel_log.first, &oldest, sizeof oldest);
		kernel_log.first += record_size(oldest.len);
	}
	ring_put_locked(kernel_log.end, record, sizeof *record);
	ring_put_locked(kernel_log.end + sizeof *record, text, record->len);
	kernel_log.end += size;
}

static void
print_to_console(const struct nb_log_record *record, const char *text)
{
	char head[LINE_HEAD_BYTES];
	uint64_t us = record->time_ns / 1000;
	size_t len =
		format_text(head, sizeof head, "[%5lu.%06lu] %s: ", (unsigned long)(us / 1000000),
			    (unsigned long)(us % 1000000), level_texts[record->level]);

	port_serial_write_sync(PORT_SERIAL_CONSOLE, (const uint8_t *)head, len);
	port_serial_write_sync(PORT_SERIAL_CONSOLE, (const uint8_t *)text, record->len);
	port_serial_write_sync(PORT_SERIAL_CONSOLE, (const uint8_t *)"\r\n", 2);
}

void
log_write(uint32_t level, const char *format, ...)
{
	struct nb_log_record record = { .time_ns = port_time_monotonic_ns(), .level = level };
	char text[NB_LOG_TEXT_MAX + 1];
	size_t len;
	va_list args;

	va_start(args, format);
	len = format_text_va(text, sizeof text, format, args);
	va_end(args);
	record.len = (uint32_t)(len < sizeof text ? len : sizeof text - 1);
	for (uint32_t i = 0; i < record.len; i++) {
		if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
	}
	spinlock_lock(&kernel_log.lock);
	record.sequence = kernel_log.next_sequence++;
	append_locked(&record, text);
	spinlock_unlock(&kernel_log.lock);
	if ((int)level <= kernel_log.console_level)
		print_to_console(&record, text);
}

enum nb_status
log_read(uint64_t sequence, struct nb_log_record *out, char *text, size_t cap)
{
	enum nb_status status = NB_SHOULD_WAIT;

	spinlock_lock(&kernel_log.lock);
	for (uint64_t at = kernel_log.first; at < kernel_log.end && status != NB_OK;) {
		ring_get_locked(at, out, sizeof *out);
		if (out->sequence >= sequence) {
			ring_get_locked(at + sizeof *out, text, out->len < cap ? out->len : cap);
			status = NB_OK;
		}
		at += record_size(out->len);
	}
	spinlock_unlock(&kernel_log.lock);
	return status;
}
