/*
 * The copies and fills of guest_copy.S against the C library's: every length up to beyond
 * the string instructions', overlaps of both directions, with and without wide registers.
 */
#include "arch/x86_64/guest_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LENGTHS = 2300, PLACE = 3000, ROOM = 10000 };

static unsigned char ours[ROOM], theirs[ROOM];

static void
scribble(void)
{
	static unsigned seed = 1;

	for (size_t i = 0; i < ROOM; i++) {
		seed = seed * 1103515245 + 12345;
		ours[i] = theirs[i] = (unsigned char)(seed >> 16);
	}
}

static void
copy(size_t to, size_t from, size_t len)
{
	bool is_up = to - from >= len;
	enum nb_status status = is_up ? guest_copy_up(ours + to, ours + from, len)
				      : guest_copy_down(ours + to, ours + from, len);

	assert_int_equal(status, NB_OK);
	memmove(theirs + to, theirs + from, len);
}

/* The whole room must be equal: nothing beside the target is written. */
static void
copies_of(size_t len)
{
	static const int distances[] = { 0, 1, -1, 7, -15, 16, -33, 64, -65, 130, -300, 3000 };
	size_t from = PLACE + len % 17;

	scribble();
	for (size_t i = 0; i < sizeof(distances) / sizeof(*distances); i++) {
		copy(from + (size_t)(ptrdiff_t)distances[i], from, len);
		assert_memory_equal(ours, theirs, ROOM);
	}
}

/* Up to 128 bytes each routine is right whatever overlaps. */
static void
short_copies_of(size_t len)
{
	static const int distances[] = { 1, -1, 9, -20, 60, -60, 100, -127 };

	scribble();
	for (size_t i = 0; i < sizeof(distances) / sizeof(*distances); i++) {
		size_t to = PLACE + (size_t)(ptrdiff_t)distances[i];

		assert_int_equal(guest_copy_up(ours + to, ours + PLACE, len), NB_OK);
		memmove(theirs + to, theirs + PLACE, len);
		assert_int_equal(guest_copy_down(ours + PLACE, ours + to, len), NB_OK);
		memmove(theirs + PLACE, theirs + to, len);
		assert_memory_equal(ours, theirs, ROOM);
	}
}

static void
fills_of(size_t len)
{
	size_t to = PLACE + len % 19;

	scribble();
	assert_int_equal(guest_fill_bytes(ours + to, 0x8181818181818181, len), NB_OK);
	memset(theirs + to, 0x81, len);
	assert_memory_equal(ours, theirs, ROOM);
}

static void
all_lengths(void)
{
	for (size_t len = 0; len < LENGTHS; len++) {
		copies_of(len);
		fills_of(len);
		if (len <= 128)
			short_copies_of(len);
	}
}

static void
test_narrow(void **state)
{
	(void)state;
	guest_copy_is_wide = false;
	all_lengths();
}

static void
test_wide(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("avx"))
		skip();
	guest_copy_is_wide = true;
	all_lengths();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_wide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
