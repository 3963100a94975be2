/*
 * Formatted text against the C library's printf, and diagnostics.
 */
#include "lib/diag.h"
#include "lib/format.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The same text and length as snprintf, at every capacity. */
#define check(...)                                                                    \
	do {                                                                          \
		char expected[256];                                                   \
		char actual[256];                                                     \
		int len = snprintf(expected, sizeof(expected), __VA_ARGS__);          \
		for (size_t cap = 1; cap <= sizeof(actual); cap++) {                  \
			memset(actual, 'Z', sizeof(actual));                          \
			snprintf(expected, cap, __VA_ARGS__);                         \
			assert_int_equal(format_text(actual, cap, __VA_ARGS__), len); \
			assert_string_equal(actual, expected);                        \
			assert_true(cap == sizeof(actual) || actual[cap] == 'Z');     \
		}                                                                     \
		assert_int_equal(format_text(NULL, 0, __VA_ARGS__), len);             \
	} while (0)

static void
test_integers(void **state)
{
	(void)state;
	check("%d %i %u", 0, -1, 4294967295U);
	check("%d %d", INT_MIN, INT_MAX);
	check("%lld %lld %llu", LLONG_MIN, LLONG_MAX, ULLONG_MAX);
	check("%ld %lu %zu", LONG_MIN, ULONG_MAX, SIZE_MAX);
	check("%hd %hu %hhd %hhu", (short)-2, (unsigned short)65535, (signed char)-3,
	      (unsigned char)255);
	check("%x %X %lx %llx %zx", 0xdeadU, 0xBEEFU, 0x123456789abcdefUL, 0xffffffffffffffffULL,
	      (size_t)16);
}

static void
test_padding(void **state)
{
	(void)state;
	check("[%5d][%-5d][%05d][%05d]", 42, 42, 42, -42);
	check("[%2d][%-2d][%02d]", 12345, 12345, 12345);
	check("[%08x][%8X][%-8x]", 0xabcU, 0xabcU, 0xabcU);
	check("[%*d][%*d]", 7, 1, -7, 1);
	check("[%20u]", 7U);
	check("[%40s][%-40s]", "right", "left");
}

static void
test_text(void **state)
{
	char actual[64];

	(void)state;
	check("%s|%10s|%-10s|%.2s|%.0s|%c", "abc", "abc", "abc", "abc", "abc", 'x');
	check("%.*s|%.*s", 2, "abc", 10, "abc");
	check("%%|%3c|%-3c|", 'a', 'b');
	check("no conversion");
	check("%s", "");
	/* Precision bounds the read: these bytes have no end. */
	{
		char bytes[3] = { 'x', 'y', 'z' };

		format_text(actual, sizeof(actual), "%.*s", 3, bytes);
		assert_string_equal(actual, "xyz");
	}
	format_text(actual, sizeof(actual), "%p", (void *)0x1234);
	assert_string_equal(actual, "0x1234");
}

/* Like format_text, but the compiler does not look at the format. */
static size_t
format_without_arguments(char *out, size_t cap, const char *format, ...)
{
	va_list args;
	size_t len;

	va_start(args, format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	len = format_text_va(out, cap, format, args);
#pragma GCC diagnostic pop
	va_end(args);
	return len;
}

static void
test_what_is_not_of_the_language_is_printed(void **state)
{
	char actual[64];
	const char *odd = "%q|%5k|%";

	(void)state;
	assert_int_equal(format_without_arguments(actual, sizeof(actual), odd), strlen(odd));
	assert_string_equal(actual, odd);
	odd = "%l";
	format_without_arguments(actual, sizeof(actual), odd);
	assert_string_equal(actual, odd);
}

static void
test_first_report_wins(void **state)
{
	struct diag diag;
	char text[256];

	(void)state;
	diag_init(&diag);
	assert_int_equal(diag_report(&diag, NB_INVALID, 31, "unknown local %u", 7U), NB_INVALID);
	assert_int_equal(diag_report(&diag, NB_MALFORMED, 1, "later"), NB_MALFORMED);
	diag.section = "code";
	diag.function_idx = 3;
	diag_format(&diag, text, sizeof(text));
	assert_string_equal(text, "function 3: offset 0x1f (code section): unknown local 7");
	assert_int_equal(diag.status, NB_INVALID);
}

static void
test_diag_without_places(void **state)
{
	struct diag diag;
	char text[16];

	(void)state;
	diag_init(&diag);
	assert_int_equal(diag_format(&diag, text, sizeof(text)), strlen("success"));
	assert_string_equal(text, "success");
	(void)diag_report(&diag, NB_LIMIT_EXCEEDED, DIAG_NO_OFFSET, "%s", "a text of 20 letters");
	assert_int_equal(diag_format(&diag, text, sizeof(text)), 15);
	assert_string_equal(text, "a text of 20 le");
	diag.section = "type";
	diag_format(&diag, text, sizeof(text));
	assert_string_equal(text, "type section: a");
	assert_int_equal(diag_format(&diag, text, 0), 0);
}

static void
test_long_reasons_are_cut(void **state)
{
	struct diag diag;

	(void)state;
	diag_init(&diag);
	(void)diag_report(&diag, NB_INVALID, 0, "%300d", 1);
	assert_int_equal(strlen(diag.text), sizeof(diag.text) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_what_is_not_of_the_language_is_printed),
		cmocka_unit_test(test_first_report_wins),
		cmocka_unit_test(test_diag_without_places),
		cmocka_unit_test(test_long_reasons_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
