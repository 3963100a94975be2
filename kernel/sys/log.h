/*
 * The kernel log: numbered records in a ring. The grave ones are also shown on the
 * console: by whoever follows the log (the console or session server), and by the kernel
 * itself, polling the port, while nobody does.
 */
#ifndef KERNEL_SYS_LOG_H
#define KERNEL_SYS_LOG_H

#include "abi/status.h"
#include "abi/types.h"
#include "kernel/object/object.h"

#include <stddef.h>
#include <stdint.h>

enum { LOG_RING_BYTES = 64 * 1024 };

/* Records of this level and graver go to the console; -1: none. */
void log_set_console_level(int level);

/* Adds a record; NB_LOG_<level>. Text over NB_LOG_TEXT_MAX bytes is cut,
 * control characters become spaces. Any context but interrupts. */
void log_write(uint32_t level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The oldest kept record numbered `sequence` or later: *out, and up to `cap`
 * bytes of its text. NB_SHOULD_WAIT: none. */
NB_MUST_USE enum nb_status
log_read(uint64_t sequence, struct nb_log_record *out, char *text, size_t cap);

/* ---- who follows the log ---- */

/* The log object: while it has handles, the kernel prints no records. READABLE when there
 * may be one to show. */
extern const struct object_type log_type;

/* The one log object, with one reference; when its last handle is closed, the kernel
 * prints what was not shown. NB_ALREADY_EXISTS, NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status log_follow(struct account *account, struct object **out);

/* As log_read, of records that go to the console only; those before `sequence` have been
 * shown. NB_SHOULD_WAIT: none, and READABLE is clear. */
NB_MUST_USE enum nb_status
log_read_followed(uint64_t sequence, struct nb_log_record *out, char *text, size_t cap);

/* The scheduler's handler: tells who follows. */
void log_poll(void);

/* In a panic: prints what nobody has shown. Takes no lock. */
void log_panic(void);

#endif
