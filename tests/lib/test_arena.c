/*
 * Arenas: alignment, limits, growth, marks, failure of the source.
 */
#include "lib/arena.h"
#include "lib/vec.h"

#include "tests/wasm/host_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_alignment_and_distinctness(void **state)
{
	struct host_arena host;
	uint8_t *last = NULL;

	(void)state;
	host_arena_init(&host, SIZE_MAX);
	for (size_t align = 1; align <= 4096; align *= 2) {
		for (size_t size = 0; size < 300; size += 37) {
			uint8_t *at = arena_alloc(&host.arena, size, align);

			assert_non_null(at);
			assert_int_equal((uintptr_t)at % align, 0);
			assert_ptr_not_equal(at, last);
			memset(at, 0xa5, size);
			last = at;
		}
	}
	arena_reset(&host.arena);
	assert_int_equal(host.chunks, 0);
	assert_int_equal(host.arena.used_bytes, 0);
	assert_non_null(arena_alloc(&host.arena, 1, 1));
	arena_reset(&host.arena);
}

static void
test_arrays_are_zeroed_also_after_release(void **state)
{
	struct host_arena host;
	struct arena_mark mark;
	uint32_t *items;

	(void)state;
	host_arena_init(&host, SIZE_MAX);
	mark = arena_mark_get(&host.arena);
	items = arena_new_array(&host.arena, uint32_t, 1000);
	for (size_t i = 0; i < 1000; i++)
		items[i] = 77;
	arena_release(&host.arena, mark);
	items = arena_new_array(&host.arena, uint32_t, 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(items[i], 0);
	assert_null(arena_alloc_array(&host.arena, SIZE_MAX / 2, 4, 4));
	assert_null(arena_alloc(&host.arena, SIZE_MAX - 64, 8));
	arena_reset(&host.arena);
}

static void
test_release_returns_chunks_above_the_mark_only(void **state)
{
	struct host_arena host;
	struct arena_mark mark;
	char *kept;
	void *again;
	size_t used;

	(void)state;
	host_arena_init(&host, SIZE_MAX);
	kept = arena_copy_string(&host.arena, "kept text", 4);
	mark = arena_mark_get(&host.arena);
	used = host.arena.used_bytes;
	again = arena_alloc(&host.arena, 10, 1);
	for (int i = 0; i < 100; i++)
		assert_non_null(arena_alloc(&host.arena, 100000, 64));
	arena_release(&host.arena, mark);
	assert_int_equal(host.arena.used_bytes, used);
	assert_int_equal(host.chunks, 1);
	assert_string_equal(kept, "kept");
	assert_ptr_equal(arena_alloc(&host.arena, 10, 1), again);
	arena_reset(&host.arena);
}

static void
test_limit_holds_on_both_sides(void **state)
{
	struct host_arena host;

	(void)state;
	host_arena_init(&host, 3 * 4096);
	assert_non_null(arena_alloc(&host.arena, 2 * 4096, 8));
	assert_int_equal(host.arena.used_bytes, 3 * 4096);
	assert_non_null(arena_alloc(&host.arena, 1000, 8));
	assert_null(arena_alloc(&host.arena, 4096, 8));
	assert_int_equal(host.arena.used_bytes, 3 * 4096);
	assert_non_null(arena_alloc(&host.arena, 1000, 8));
	arena_reset(&host.arena);
}

static void
test_source_failure_leaves_the_arena_usable(void **state)
{
	struct host_arena host;
	void *small;

	(void)state;
	host_arena_init(&host, SIZE_MAX);
	small = arena_alloc(&host.arena, 16, 8);
	assert_non_null(small);
	host.fail_at = host.requests;
	host.fail_ever_after = true;
	assert_null(arena_alloc(&host.arena, 1 << 20, 8));
	assert_non_null(arena_alloc(&host.arena, 16, 8));
	/* A big wish that fails is followed by the least that is needed. */
	host.fail_at = host.requests;
	host.fail_ever_after = false;
	assert_non_null(arena_alloc(&host.arena, 15 * 1024, 8));
	arena_reset(&host.arena);
	assert_int_equal(host.chunks, 0);
}

static void
test_grow_in_place_and_by_copy(void **state)
{
	struct host_arena host;
	uint32_t *items;
	uint32_t *grown;

	(void)state;
	host_arena_init(&host, SIZE_MAX);
	items = arena_new_array(&host.arena, uint32_t, 4);
	items[3] = 3;
	grown = arena_grow_array(&host.arena, items, 4, 100, 4, 4);
	assert_ptr_equal(grown, items);
	assert_int_equal(grown[3], 3);
	assert_int_equal(grown[99], 0);
	grown[99] = 99;
	assert_non_null(arena_alloc(&host.arena, 1, 1));
	items = arena_grow_array(&host.arena, grown, 100, 200, 4, 4);
	assert_ptr_not_equal(grown, items);
	assert_int_equal(items[99], 99);
	assert_int_equal(items[199], 0);
	assert_null(arena_grow_array(&host.arena, items, 200, SIZE_MAX / 2, 4, 4));
	assert_int_equal(items[99], 99);
	arena_reset(&host.arena);
}

static void
test_vec_grows_and_reports_exhaustion(void **state)
{
	struct host_arena host;
	VEC(uint64_t) numbers = { 0 };
	uint64_t *slot = NULL;

	(void)state;
	host_arena_init(&host, 1 << 20);
	for (uint64_t i = 0; i < 10000; i++) {
		slot = vec_push(&host.arena, &numbers);
		assert_non_null(slot);
		assert_int_equal(*slot, 0);
		*slot = i;
	}
	assert_int_equal(numbers.count, 10000);
	for (uint64_t i = 0; i < 10000; i++)
		assert_int_equal(numbers.items[i], i);
	while (slot)
		slot = vec_push(&host.arena, &numbers);
	assert_int_equal(numbers.count, numbers.capacity);
	assert_int_equal(numbers.items[9999], 9999);
	assert_false(vec_reserve(&host.arena, &numbers, UINT32_MAX));
	arena_reset(&host.arena);
	assert_int_equal(host.chunks, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignment_and_distinctness),
		cmocka_unit_test(test_arrays_are_zeroed_also_after_release),
		cmocka_unit_test(test_release_returns_chunks_above_the_mark_only),
		cmocka_unit_test(test_limit_holds_on_both_sides),
		cmocka_unit_test(test_source_failure_leaves_the_arena_usable),
		cmocka_unit_test(test_grow_in_place_and_by_copy),
		cmocka_unit_test(test_vec_grows_and_reports_exhaustion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
