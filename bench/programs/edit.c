/* Strings and dynamic programming: edit distances and longest common subsequences. */
#include "bench.h"

enum { LENGTH = 800 };

static char first[LENGTH + 1], second[LENGTH + 1];
static uint32_t row[LENGTH + 1];
static uint16_t table[LENGTH + 1][LENGTH + 1];

static uint32_t
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	for (size_t k = 0; k <= b_len; k++)
		row[k] = (uint32_t)k;
	for (size_t i = 1; i <= a_len; i++) {
		uint32_t diagonal = row[0];
		row[0] = (uint32_t)i;
		for (size_t k = 1; k <= b_len; k++) {
			uint32_t best = diagonal + (a[i - 1] != b[k - 1]);
			diagonal = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[b_len];
}

static uint32_t
common(const char *a, size_t a_len, const char *b, size_t b_len)
{
	for (size_t i = 1; i <= a_len; i++) {
		for (size_t k = 1; k <= b_len; k++) {
			if (a[i - 1] == b[k - 1])
				table[i][k] = (uint16_t)(table[i - 1][k - 1] + 1);
			else
				table[i][k] = table[i - 1][k] > table[i][k - 1] ? table[i - 1][k]
										: table[i][k - 1];
		}
	}
	return table[a_len][b_len];
}

static void
bench_round(void)
{
	uint64_t seed = 5;

	for (int i = 0; i < LENGTH; i++) {
		first[i] = (char)('a' + bench_random(&seed) % 6);
		second[i] =
			bench_random(&seed) % 4 ? first[i] : (char)('a' + bench_random(&seed) % 6);
	}
	bench_put_integer("distance", distance(first, LENGTH, second, LENGTH));
	bench_put_integer("common", common(first, LENGTH, second, LENGTH));
}
