/*
 * Bit sets, intrusive lists, sorting and UTF-8, against plain models.
 */
#include "lib/bitset.h"
#include "lib/list.h"
#include "lib/sort.h"
#include "lib/utf8.h"
#include "tests/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_bitset_against_model(void **state)
{
	enum { BITS = 200 };
	bool model[BITS] = { false };
	uint64_t set[4] = { 0 };
	uint64_t random = 1;

	(void)state;
	assert_int_equal(bitset_words(0), 0);
	assert_int_equal(bitset_words(64), 1);
	assert_int_equal(bitset_words(65), 2);
	assert_int_equal(bitset_words(BITS), 4);
	assert_int_equal(bitset_next(set, BITS, 0), BITS);
	for (int round = 0; round < 2000; round++) {
		uint32_t bit = random_below(&random, BITS);
		size_t count = 0;
		size_t next = BITS;

		model[bit] = random_below(&random, 3) == 0;
		if (model[bit])
			bitset_add(set, bit);
		else
			bitset_remove(set, bit);
		for (size_t i = BITS; i-- > 0;) {
			count += model[i];
			next = model[i] ? i : next;
			assert_int_equal(bitset_has(set, i), model[i]);
			assert_int_equal(bitset_next(set, BITS, i), next);
		}
		assert_int_equal(bitset_count(set, 4), count);
	}
	assert_int_equal(bitset_next(set, BITS, BITS), BITS);
}

static void
test_bitset_unite_tells_what_it_adds(void **state)
{
	uint64_t a[2] = { 5, 1 };
	uint64_t b[2] = { 4, 1 };

	(void)state;
	assert_false(bitset_unite(a, b, 2));
	b[1] = 2;
	assert_true(bitset_unite(a, b, 2));
	assert_true(a[0] == 5 && a[1] == 3);
	assert_false(bitset_unite(a, b, 2));
}

struct member {
	int value;
	struct list_link link;
};

static void
expect_values(const struct list_link *head, const int *values, size_t count)
{
	const struct list_link *link;
	size_t at = 0;

	list_for_each(link, head)
	{
		assert_true(at < count);
		assert_int_equal(list_entry(link, struct member, link)->value, values[at]);
		assert_ptr_equal(link->next->prev, link);
		at++;
	}
	assert_int_equal(at, count);
}

static void
test_list(void **state)
{
	struct member members[4];
	struct list_link head;
	struct list_link *link;
	struct list_link *after;

	(void)state;
	list_init(&head);
	assert_true(list_is_empty(&head));
	assert_null(list_first(&head));
	assert_null(list_pop_front(&head));
	for (int i = 0; i < 4; i++) {
		members[i].value = i;
		list_init(&members[i].link);
	}
	list_push_back(&head, &members[1].link);
	list_push_back(&head, &members[2].link);
	list_push_front(&head, &members[0].link);
	list_insert_before(&members[2].link, &members[3].link);
	expect_values(&head, (int[]){ 0, 1, 3, 2 }, 4);
	list_remove(&members[3].link);
	assert_true(list_is_empty(&members[3].link));
	list_remove(&members[3].link);
	expect_values(&head, (int[]){ 0, 1, 2 }, 3);
	assert_ptr_equal(list_pop_front(&head), &members[0].link);
	expect_values(&head, (int[]){ 1, 2 }, 2);
	list_for_each_safe(link, after, &head) list_remove(link);
	assert_true(list_is_empty(&head));
}

struct sort_run {
	const uint32_t *keys;
	size_t compares;
};

static bool
is_key_before(const void *context, uint32_t a, uint32_t b)
{
	struct sort_run *run = (struct sort_run *)(uintptr_t)context;

	run->compares++;
	return run->keys[a] < run->keys[b];
}

static void
check_sort(size_t count, uint32_t distinct, uint64_t seed)
{
	uint32_t *keys = calloc(count + 1, sizeof(*keys));
	uint32_t *items = calloc(count + 1, sizeof(*items));
	uint32_t *scratch = calloc(count + 1, sizeof(*scratch));
	struct sort_run run = { keys, 0 };
	size_t log2 = 0;

	for (uint32_t i = 0; i < count; i++) {
		/* distinct 0: falling keys, the worst for insertion */
		keys[i] = distinct ? random_below(&seed, distinct) : (uint32_t)count - i;
		items[i] = i;
	}
	sort_indices(items, scratch, count, is_key_before, &run);
	for (size_t i = 1; i < count; i++) {
		assert_true(keys[items[i - 1]] <= keys[items[i]]);
		/* Stable, and therefore also a permutation. */
		if (keys[items[i - 1]] == keys[items[i]])
			assert_true(items[i - 1] < items[i]);
	}
	while (((size_t)1 << log2) < count)
		log2++;
	assert_true(run.compares <= count * (log2 + 4));
	free(keys);
	free(items);
	free(scratch);
}

static void
test_sort(void **state)
{
	(void)state;
	for (size_t count = 0; count < 70; count++) {
		check_sort(count, 1000, count);
		check_sort(count, 3, count);
		check_sort(count, 0, count);
	}
	check_sort(10007, 1U << 30, 5);
	check_sort(10007, 10, 6);
	check_sort(16384, 0, 7);
}

/* The definition: decode, then look at the number. */
static bool
model_is_utf8(const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (at < len) {
		unsigned count = bytes[at] < 0x80	? 0
				 : bytes[at] >> 5 == 6	? 1
				 : bytes[at] >> 4 == 14 ? 2
				 : bytes[at] >> 3 == 30 ? 3
							: 9;
		static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
		uint32_t code;

		if (count == 9 || len - at <= count)
			return false;
		code = count == 0 ? bytes[at] : bytes[at] & (0x3fU >> count);
		for (unsigned i = 1; i <= count; i++) {
			if (bytes[at + i] >> 6 != 2)
				return false;
			code = code << 6 | (bytes[at + i] & 0x3fU);
		}
		if (code < least[count] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
			return false;
		at += count + 1U;
	}
	return true;
}

static bool
is_utf8_in_exact_memory(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	bool is_valid;

	memcpy(copy, bytes, len);
	is_valid = utf8_is_valid(copy, len);
	free(copy);
	return is_valid;
}

static void
test_utf8_every_pair_and_edges_of_longer_ones(void **state)
{
	static const uint8_t edges[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
					 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xf5, 0xff };
	uint8_t bytes[12] = { 0 };

	(void)state;
	assert_true(utf8_is_valid(bytes, 0));
	for (unsigned lead = 0; lead < 256; lead++) {
		for (unsigned second = 0; second < 256; second++) {
			for (unsigned rest = 0; rest < 256; rest++) {
				bytes[0] = (uint8_t)lead;
				bytes[1] = (uint8_t)second;
				bytes[2] = edges[rest % 16];
				bytes[3] = edges[rest / 16];
				assert_int_equal(utf8_is_valid(bytes, 4), model_is_utf8(bytes, 4));
			}
			for (size_t len = 1; len < 4; len++)
				assert_int_equal(is_utf8_in_exact_memory(bytes, len),
						 model_is_utf8(bytes, len));
		}
	}
	memcpy(bytes, "plain text\xc3\xa4", 12);
	assert_true(is_utf8_in_exact_memory(bytes, 12));
	assert_false(is_utf8_in_exact_memory(bytes, 11));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bitset_against_model),
		cmocka_unit_test(test_bitset_unite_tells_what_it_adds),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_utf8_every_pair_and_edges_of_longer_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
