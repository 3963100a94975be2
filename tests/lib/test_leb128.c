/*
 * LEB128: round trips, every boundary of width and length, truncation.
 */
#include "lib/leb128.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Runs a reader over exactly these bytes, in memory of that size. */
static enum leb128_result
read_bytes(const uint8_t *bytes, size_t len, unsigned bits, int is_signed, uint64_t *out,
	   size_t *used)
{
	uint8_t *copy = calloc(1, len + 1);
	const uint8_t *pos = copy;
	enum leb128_result result;

	memcpy(copy, bytes, len);
	result = is_signed ? leb128_read_signed(&pos, copy + len, bits, (int64_t *)out)
			   : leb128_read_unsigned(&pos, copy + len, bits, out);
	*used = (size_t)(pos - copy);
	free(copy);
	return result;
}

static size_t
encode(uint8_t *to, uint64_t value, int is_signed, size_t least_len)
{
	uint64_t fill = is_signed && (int64_t)value < 0 ? UINT64_MAX : 0;
	size_t len = 0;

	for (;;) {
		uint8_t byte = value & 0x7f;
		int done;

		value = value >> 7 | (fill << 57);
		done = value == fill && len + 1 >= least_len &&
		       (!is_signed || (byte >> 6 & 1) == (fill & 1));
		to[len++] = (uint8_t)(byte | (done ? 0 : 0x80));
		if (done)
			return len;
	}
}

static void
check_round_trip(uint64_t value, unsigned bits, int is_signed)
{
	size_t longest = (bits + 6) / 7;
	uint8_t bytes[32];
	uint64_t out;
	size_t used;

	for (size_t least = 1; least <= longest + 1; least++) {
		size_t len = encode(bytes, value, is_signed, least);
		enum leb128_result result = read_bytes(bytes, len, bits, is_signed, &out, &used);

		if (len > longest) {
			assert_int_equal(result, LEB128_TOO_LONG);
			continue;
		}
		assert_int_equal(result, LEB128_OK);
		assert_int_equal(used, len);
		assert_true(out == value);
		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(read_bytes(bytes, cut, bits, is_signed, &out, &used),
					 LEB128_TRUNCATED);
	}
}

static void
test_round_trips(void **state)
{
	static const unsigned widths[] = { 7, 8, 32, 33, 63, 64 };

	(void)state;
	for (size_t w = 0; w < sizeof(widths) / sizeof(*widths); w++) {
		for (unsigned bit = 0; bit < widths[w]; bit++) {
			uint64_t one = UINT64_C(1) << bit;

			check_round_trip(one, widths[w], 0);
			check_round_trip(one - 1, widths[w], 0);
			if (bit + 1 < widths[w]) {
				check_round_trip(one, widths[w], 1);
				check_round_trip(one - 1, widths[w], 1);
			}
			check_round_trip(-one, widths[w], 1);
		}
	}
}

static void
test_values_outside_the_width_are_too_large(void **state)
{
	uint8_t bytes[32];
	uint64_t out;
	size_t used;
	size_t len;

	(void)state;
	len = encode(bytes, UINT64_C(1) << 32, 0, 1);
	assert_int_equal(read_bytes(bytes, len, 32, 0, &out, &used), LEB128_TOO_LARGE);
	len = encode(bytes, UINT64_C(1) << 31, 1, 1);
	assert_int_equal(read_bytes(bytes, len, 32, 1, &out, &used), LEB128_TOO_LARGE);
	len = encode(bytes, (uint64_t)INT32_MIN - 1, 1, 1);
	assert_int_equal(read_bytes(bytes, len, 32, 1, &out, &used), LEB128_TOO_LARGE);
	len = encode(bytes, UINT64_C(1) << 32, 1, 1);
	assert_int_equal(read_bytes(bytes, len, 33, 1, &out, &used), LEB128_TOO_LARGE);
	/* Ten bytes whose last sets bits above 63. */
	memset(bytes, 0x80, 9);
	bytes[9] = 0x02;
	assert_int_equal(read_bytes(bytes, 10, 64, 0, &out, &used), LEB128_TOO_LARGE);
	assert_int_equal(read_bytes(bytes, 10, 64, 1, &out, &used), LEB128_TOO_LARGE);
	bytes[9] = 0x7f;
	assert_int_equal(read_bytes(bytes, 10, 64, 1, &out, &used), LEB128_OK);
	assert_true(out == UINT64_C(1) << 63);
	bytes[9] = 0x7e;
	assert_int_equal(read_bytes(bytes, 10, 64, 1, &out, &used), LEB128_TOO_LARGE);
}

/* The 32-bit reader takes short cuts; it must agree with the general one. */
static void
test_u32_agrees_with_the_general_reader(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 200000; seed++) {
		uint64_t mix = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
		uint8_t bytes[8];
		const uint8_t *a = bytes;
		const uint8_t *b = bytes;
		enum leb128_result expected;
		uint64_t wide = 0;
		uint32_t narrow = 0;

		memcpy(bytes, &mix, sizeof(bytes));
		expected = leb128_read_unsigned(&a, bytes + seed % 9, 32, &wide);
		assert_int_equal(leb128_read_u32(&b, bytes + seed % 9, &narrow), expected);
		if (expected == LEB128_OK) {
			assert_ptr_equal(a, b);
			assert_true(wide == narrow);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_values_outside_the_width_are_too_large),
		cmocka_unit_test(test_u32_agrees_with_the_general_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
