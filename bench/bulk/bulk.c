/*
 * Bulk memory: copies and fills of several lengths; the host's memcpy and memset
 * natively, memory.copy and memory.fill as WebAssembly.
 *
 *	bulk MILLISECONDS
 *
 * Prints a line for each length: its bytes, and the nanoseconds of one copy and one fill in
 * the fastest batch of those made in so much time each. Copies are to and from addresses
 * that lie differently in a page, as two objects of a program would.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 64 << 20, BATCH_BYTES = 1 << 20, PLACE = 2048 + 16, BATCHES_LEAST = 3 };

static uint64_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* One batch's nanoseconds for each operation. */
static double
batch(unsigned char *to, const unsigned char *from, size_t len, int is_fill)
{
	size_t rounds = len < BATCH_BYTES ? BATCH_BYTES / len : 1;
	uint64_t start = now();

	for (size_t i = 0; i < rounds; i++) {
		if (is_fill)
			memset(to, (int)i, len);
		else
			memcpy(to, from + (i & 1), len);
		/* Nobody knows what has become of the bytes and of the length. */
		__asm__ volatile("" : "+r"(to), "+r"(from), "+r"(len) : : "memory");
	}
	return (double)(now() - start) / (double)rounds;
}

static double
fastest(unsigned char *to, const unsigned char *from, size_t len, int is_fill, uint64_t limit)
{
	uint64_t start = now();
	double least = 1e18;

	for (int i = 0; i < BATCHES_LEAST || now() - start < limit; i++) {
		double one = batch(to, from, len, is_fill);

		least = one < least ? one : least;
	}
	return least;
}

int
main(int argc, char **argv)
{
	static const size_t lengths[] = {
		48, 100, 256, 1000, 4096, 16384, 65536, 1 << 20, 64 << 20
	};
	uint64_t limit = (argc > 1 ? strtoull(argv[1], NULL, 0) : 20) * 1000000;
	unsigned char *from = malloc(MOST + 64), *to = malloc(MOST + PLACE + 64);

	if (!from || !to)
		return 1;
	memset(from, 1, MOST + 64);
	memset(to, 2, MOST + PLACE + 64);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		printf("%zu %.3f %.3f\n", lengths[i],
		       fastest(to + PLACE, from, lengths[i], 0, limit),
		       fastest(to + PLACE, from, lengths[i], 1, limit));
	return 0;
}
