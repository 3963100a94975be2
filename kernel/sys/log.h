/*
 * The kernel log: numbered records in a ring, the grave ones also on the
 * console port.
 */
#ifndef KERNEL_SYS_LOG_H
#define KERNEL_SYS_LOG_H

#include "abi/status.h"
#include "abi/types.h"

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

#endif
