/*
 * Numbers for guests that act at random, always the same for one seed.
 */
#ifndef TESTS_KERNEL_RANDOM_H
#define TESTS_KERNEL_RANDOM_H

#include <stdint.h>

static uint64_t random_state;

static inline uint32_t
random_bits(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

static inline uint32_t
random_below(uint32_t bound)
{
	return random_bits() % bound;
}

static inline void
random_seed(uint32_t seed)
{
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 0x1234567;
	for (int i = 0; i < 4; i++)
		(void)random_bits();
}

#endif
