/* Integers and recursion: all placements of eleven queens, by bit masks. */
#include "bench.h"

enum { SIZE = 11 };

static uint32_t
place(uint32_t columns, uint32_t left, uint32_t right)
{
	uint32_t all = (1u << SIZE) - 1, count = 0;

	if (columns == all)
		return 1;
	for (uint32_t free = all & ~(columns | left | right); free;) {
		uint32_t bit = free & -free;
		free -= bit;
		count += place(columns | bit, (left | bit) << 1, (right | bit) >> 1);
	}
	return count;
}

static void
bench_round(void)
{
	bench_put_integer("placements", place(0, 0, 0));
}
