/* Integers and bytes: the primes below half a million by the sieve of Eratosthenes. */
#include "bench.h"

enum { LIMIT = 500000 };

static unsigned char is_composite[LIMIT];

static void
bench_round(void)
{
	uint32_t count = 0;

	memset(is_composite, 0, sizeof is_composite);
	for (uint32_t i = 2; i < LIMIT; i++) {
		if (is_composite[i])
			continue;
		count++;
		for (uint64_t k = (uint64_t)i * i; k < LIMIT; k += i)
			is_composite[k] = 1;
	}
	bench_put_integer("primes", count);
}
