/*
 * Formatted text without a C library.
 *
 * The language is a subset of C11 printf: %d %i %u %x %X %c %s %p %%, with
 * the flags 0 and -, a width, a precision for %s (either also *), and the length
 * modifiers h, hh, l, ll, z. Anything else is printed as it stands.
 */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most cap - 1 bytes and a zero byte (nothing if cap is 0); returns
 * the length the whole text has. */
size_t
format_text(char *out, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t format_text_va(char *out, size_t cap, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* Calls emit(context, bytes, len) for each piece of the text. */
typedef void format_emit(void *context, const char *bytes, size_t len);
void format_to(format_emit *emit, void *context, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

#endif
