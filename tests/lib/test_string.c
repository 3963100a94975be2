/*
 * The freestanding byte functions, compiled here under other names, against
 * the C library's, at every small length and offset, with guard bytes.
 */
#define LIB_STRING_UNDER_TEST 1
#define memcpy		      tested_memcpy
#define memmove		      tested_memmove
#define memset		      tested_memset
#define memcmp		      tested_memcmp
#define strlen		      tested_strlen
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SPACE = 1024 };

static void
fill(uint8_t *bytes, unsigned seed)
{
	for (size_t i = 0; i < SPACE; i++)
		bytes[i] = (uint8_t)((i + seed) * 167 + (i >> 3) * 31);
}

static void
test_copies(void **state)
{
	uint8_t expected[SPACE];
	uint8_t actual[SPACE];
	uint8_t from[SPACE];

	(void)state;
	fill(from, 9);
	for (size_t len = 0; len <= 300; len++) {
		for (size_t shift = 0; shift < 9; shift++) {
			fill(expected, 1);
			fill(actual, 1);
			memcpy(expected + 16 + shift, from + 8 - shift, len);
			assert_ptr_equal(tested_memcpy(actual + 16 + shift, from + 8 - shift, len),
					 actual + 16 + shift);
			assert_memory_equal(actual, expected, SPACE);
		}
	}
}

static void
test_moves_with_every_overlap(void **state)
{
	uint8_t expected[SPACE];
	uint8_t actual[SPACE];

	(void)state;
	for (size_t len = 0; len <= 300; len += len < 40 ? 1 : 13) {
		for (size_t to = 200; to <= 520; to++) {
			fill(expected, 2);
			fill(actual, 2);
			memmove(expected + to, expected + 360, len);
			assert_ptr_equal(tested_memmove(actual + to, actual + 360, len),
					 actual + to);
			assert_memory_equal(actual, expected, SPACE);
		}
	}
}

static void
test_sets(void **state)
{
	uint8_t expected[SPACE];
	uint8_t actual[SPACE];

	(void)state;
	for (size_t len = 0; len <= 300; len++) {
		fill(expected, 3);
		fill(actual, 3);
		memset(expected + 17, (int)len + 0x100, len);
		assert_ptr_equal(tested_memset(actual + 17, (int)len + 0x100, len), actual + 17);
		assert_memory_equal(actual, expected, SPACE);
	}
}

static int
sign(int value)
{
	return (value > 0) - (value < 0);
}

static void
test_compares(void **state)
{
	uint8_t a[SPACE];
	uint8_t b[SPACE];

	(void)state;
	fill(a, 4);
	memcpy(b, a, SPACE);
	for (size_t len = 0; len <= 64; len++) {
		assert_int_equal(tested_memcmp(a + 3, b + 3, len), 0);
		for (size_t at = 0; at < len + 8; at++) {
			for (int change = 0; change < 2; change++) {
				uint8_t old = b[3 + at];

				b[3 + at] = change ? 0 : 255;
				assert_int_equal(sign(tested_memcmp(a + 3, b + 3, len)),
						 sign(memcmp(a + 3, b + 3, len)));
				b[3 + at] = old;
			}
		}
	}
}

static void
test_lengths(void **state)
{
	(void)state;
	assert_int_equal(tested_strlen(""), 0);
	assert_int_equal(tested_strlen("a"), 1);
	assert_int_equal(tested_strlen("some longer text\0hidden"), 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),	cmocka_unit_test(test_moves_with_every_overlap),
		cmocka_unit_test(test_sets),	cmocka_unit_test(test_compares),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
