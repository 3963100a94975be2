/*
 * Bit sets over arrays of 64-bit words that the user owns.
 *
 * A set for n bits has bitset_words(n) words; bit i is bit i % 64 of word
 * i / 64. Nothing checks bounds.
 */
#ifndef LIB_BITSET_H
#define LIB_BITSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t
bitset_words(size_t bits)
{
	return bits / 64 + (bits % 64 != 0);
}

static inline bool
bitset_has(const uint64_t *set, size_t bit)
{
	return set[bit / 64] >> (bit % 64) & 1;
}

static inline void
bitset_add(uint64_t *set, size_t bit)
{
	set[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static inline void
bitset_remove(uint64_t *set, size_t bit)
{
	set[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

/* to |= from over `words` words; true if that added a bit. */
static inline bool
bitset_unite(uint64_t *to, const uint64_t *from, size_t words)
{
	uint64_t added = 0;

	for (size_t i = 0; i < words; i++) {
		added |= from[i] & ~to[i];
		to[i] |= from[i];
	}
	return added != 0;
}

/* The least bit >= `from` that is in the set, or `bits` if there is none;
 * `bits` is the size of the set and the bits above it are zero. */
static inline size_t
bitset_next(const uint64_t *set, size_t bits, size_t from)
{
	size_t words = bitset_words(bits);
	size_t i = from / 64;
	uint64_t word;

	if (from >= bits)
		return bits;
	word = set[i] & (UINT64_MAX << (from % 64));
	while (word == 0) {
		if (++i == words)
			return bits;
		word = set[i];
	}
	return i * 64 + (size_t)__builtin_ctzll(word);
}

static inline size_t
bitset_count(const uint64_t *set, size_t words)
{
	size_t count = 0;

	for (size_t i = 0; i < words; i++)
		count += (size_t)__builtin_popcountll(set[i]);
	return count;
}

#endif
