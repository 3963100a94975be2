/* Small arrays: the most flips of a prefix over all permutations of eight numbers. */
#include "bench.h"

enum { SIZE = 8 };

static int
flips_of(const int *permutation)
{
	int work[SIZE], flips = 0;

	memcpy(work, permutation, sizeof work);
	for (int first = work[0]; first; first = work[0]) {
		for (int i = 0, k = first; i < k; i++, k--) {
			int other = work[i];
			work[i] = work[k];
			work[k] = other;
		}
		flips++;
	}
	return flips;
}

static void
bench_round(void)
{
	int permutation[SIZE], turns[SIZE], most = 0, checksum = 0, depth = SIZE;

	for (int i = 0; i < SIZE; i++)
		permutation[i] = i;
	for (int number = 0;; number++) {
		for (; depth > 1; depth--)
			turns[depth - 1] = depth;
		int flips = flips_of(permutation);
		most = flips > most ? flips : most;
		checksum += number % 2 ? -flips : flips;
		for (;; depth++) {
			if (depth == SIZE) {
				bench_put_integer("flips", (uint64_t)most);
				bench_put_integer("checksum", (uint64_t)(int64_t)checksum);
				return;
			}
			int first = permutation[0];
			for (int i = 0; i < depth; i++)
				permutation[i] = permutation[i + 1];
			permutation[depth] = first;
			if (--turns[depth] > 0)
				break;
		}
	}
}
