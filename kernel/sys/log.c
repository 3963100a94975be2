/*
 * The kernel log. A record lies in the ring as struct nb_log_record and its
 * text, padded to 8 bytes, wrapping byte by byte; the oldest records give way.
 *
 * While there is a log object, its reader shows the grave records; `shown` says how far
 * it has come. log_write may be called under any lock, so it leaves the signal to
 * log_poll.
 */
#include "kernel/sys/log.h"

#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"
#include "kernel/sched/lock.h"
#include "kernel/sched/sched.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/utf8.h"

#include <stdarg.h>

enum { LINE_HEAD_BYTES = 40 };

static struct {
	struct spinlock lock;
	int console_level;
	/* Under the lock; positions count bytes since boot: */
	uint64_t first; /* oldest record */
	uint64_t end;
	uint64_t next_sequence;
	uint64_t shown;	  /* records before that one have been, or are being, shown */
	bool is_followed; /* by a reader of the log object: the kernel prints none */
	uint8_t ring[LOG_RING_BYTES];
} kernel_log = { .lock = SPINLOCK_INIT(LOCK_RANK_LOG), .console_level = NB_LOG_ERROR };

/* The log object. Its lock is taken before the log's. */
static struct {
	struct spinlock lock;
	struct object *object; /* NULL: there is none */
	bool has_news;	       /* atomic: there may be something for its reader */
} follower = { .lock = SPINLOCK_INIT(LOCK_RANK_STREAM) };

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

/* Makes it text that orders nothing from a terminal. */
static void
clean(char *text, uint32_t len)
{
	uint8_t *bytes = (uint8_t *)text;
	bool is_text = utf8_is_valid(bytes, len);

	for (uint32_t i = 0; i < len; i++) {
		if (!is_text && bytes[i] >= 0x80)
			bytes[i] = '?';
		if (!utf8_is_control(bytes + i, len - i))
			continue;
		if (bytes[i] == 0xc2)
			bytes[i + 1] = ' ';
		bytes[i] = ' ';
	}
}

void
log_write(uint32_t level, const char *format, ...)
{
	struct nb_log_record record = { .time_ns = port_time_monotonic_ns(), .level = level };
	char text[NB_LOG_TEXT_MAX + 1];
	size_t len;
	bool is_grave = (int)level <= kernel_log.console_level, is_followed;
	va_list args;

	va_start(args, format);
	len = format_text_va(text, sizeof text, format, args);
	va_end(args);
	record.len = (uint32_t)(len < sizeof text ? len : sizeof text - 1);
	clean(text, record.len);
	spinlock_lock(&kernel_log.lock);
	record.sequence = kernel_log.next_sequence++;
	append_locked(&record, text);
	is_followed = kernel_log.is_followed;
	if (!is_followed)
		kernel_log.shown = kernel_log.next_sequence;
	spinlock_unlock(&kernel_log.lock);
	if (is_grave && is_followed) {
		__atomic_store_n(&follower.has_news, true, __ATOMIC_RELEASE);
		sched_note_interrupt();
	} else if (is_grave) {
		print_to_console(&record, text);
	}
}

/* The oldest record numbered `sequence` or later, of that level or graver. */
static enum nb_status
find_locked(uint64_t sequence, int level, struct nb_log_record *out, char *text, size_t cap)
{
	for (uint64_t at = kernel_log.first; at < kernel_log.end;) {
		ring_get_locked(at, out, sizeof *out);
		if (out->sequence >= sequence && (int)out->level <= level) {
			ring_get_locked(at + sizeof *out, text, out->len < cap ? out->len : cap);
			return NB_OK;
		}
		at += record_size(out->len);
	}
	return NB_SHOULD_WAIT;
}

enum nb_status
log_read(uint64_t sequence, struct nb_log_record *out, char *text, size_t cap)
{
	enum nb_status status;

	spinlock_lock(&kernel_log.lock);
	status = find_locked(sequence, NB_LOG_DEBUG, out, text, cap);
	spinlock_unlock(&kernel_log.lock);
	return status;
}

/* ---- the log object ---- */

/* Prints the records from `start` on, before `end`, that are for the console. The log is
 * not locked: records that are added meanwhile are printed by whoever adds them. */
static void
print_range(uint64_t start, uint64_t end)
{
	struct nb_log_record record = { .sequence = start };
	char text[NB_LOG_TEXT_MAX];

	while (record.sequence < end &&
	       find_locked(record.sequence, kernel_log.console_level, &record, text, sizeof text) ==
		       NB_OK &&
	       record.sequence < end) {
		print_to_console(&record, text);
		record.sequence++;
	}
}

static void
log_handles_gone(struct object *object)
{
	bool is_last;
	uint64_t start, end;

	spinlock_lock(&follower.lock);
	is_last = follower.object == object;
	if (is_last)
		follower.object = NULL;
	spinlock_lock(&kernel_log.lock);
	start = kernel_log.shown;
	end = kernel_log.next_sequence;
	if (is_last) {
		kernel_log.is_followed = false;
		kernel_log.shown = end;
	}
	spinlock_unlock(&kernel_log.lock);
	spinlock_unlock(&follower.lock);
	if (is_last)
		print_range(start, end);
}

/* It may never have had a handle. */
static void
log_destroy(struct object *object)
{
	log_handles_gone(object);
	object_free(object);
}

void
log_panic(void)
{
	if (kernel_log.is_followed)
		print_range(kernel_log.shown, kernel_log.next_sequence);
}

const struct object_type log_type = {
	.number = NB_OBJECT_LOG,
	.rights = NB_RIGHT_READ | NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER | NB_RIGHT_SIGNAL |
		  NB_RIGHT_WAIT | NB_RIGHT_INSPECT,
	.destroy = log_destroy,
	.handles_gone = log_handles_gone,
};

enum nb_status
log_follow(struct account *account, struct object **out)
{
	struct object *object = object_alloc(&log_type, sizeof *object, account);
	bool is_first;

	if (!object)
		return NB_OUT_OF_MEMORY;
	spinlock_lock(&follower.lock);
	is_first = !follower.object;
	if (is_first) {
		follower.object = object;
		spinlock_lock(&kernel_log.lock);
		kernel_log.is_followed = true;
		spinlock_unlock(&kernel_log.lock);
	}
	spinlock_unlock(&follower.lock);
	if (!is_first) {
		object->refs = 0;
		object_free(object);
		return NB_ALREADY_EXISTS;
	}
	*out = object;
	return NB_OK;
}

enum nb_status
log_read_followed(uint64_t sequence, struct nb_log_record *out, char *text, size_t cap)
{
	enum nb_status status;

	spinlock_lock(&follower.lock);
	spinlock_lock(&kernel_log.lock);
	if (sequence > kernel_log.shown && sequence <= kernel_log.next_sequence)
		kernel_log.shown = sequence;
	status = find_locked(kernel_log.shown, kernel_log.console_level, out, text, cap);
	spinlock_unlock(&kernel_log.lock);
	if (follower.object && status != NB_OK)
		object_signals_change(follower.object, NB_SIGNAL_READABLE, 0);
	spinlock_unlock(&follower.lock);
	return status;
}

void
log_poll(void)
{
	if (!__atomic_load_n(&follower.has_news, __ATOMIC_RELAXED))
		return;
	spinlock_lock(&follower.lock);
	__atomic_store_n(&follower.has_news, false, __ATOMIC_RELAXED);
	if (follower.object)
		object_signals_change(follower.object, 0, NB_SIGNAL_READABLE);
	spinlock_unlock(&follower.lock);
}
