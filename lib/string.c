/*
 * The byte functions for code without a C library.
 *
 * Copies and fills go by 8-byte words with the string instructions, which
 * processors run fast and emulators much faster than byte ones; short lengths
 * take overlapping words instead. The direction flag is clear, as the calling
 * convention demands. Hosted builds compile nothing here.
 */
#include "lib/string.h"

#include <stdint.h>

#if !__STDC_HOSTED__ || defined(LIB_STRING_UNDER_TEST)

/* The compiler must not turn these loops into calls of themselves. */
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

struct word64 {
	uint64_t value;
} __attribute__((packed, may_alias));

struct word32 {
	uint32_t value;
} __attribute__((packed, may_alias));

static inline uint64_t
load64(const void *from)
{
	return ((const struct word64 *)from)->value;
}

static inline void
store64(void *to, uint64_t value)
{
	((struct word64 *)to)->value = value;
}

static inline uint32_t
load32(const void *from)
{
	return ((const struct word32 *)from)->value;
}

static inline void
store32(void *to, uint32_t value)
{
	((struct word32 *)to)->value = value;
}

/* At most 16 bytes; all loads come before the stores, so overlap is fine. */
static inline void
copy_short(uint8_t *to, const uint8_t *from, size_t len)
{
	if (len >= 8) {
		uint64_t first = load64(from);
		uint64_t last = load64(from + len - 8);

		store64(to, first);
		store64(to + len - 8, last);
	} else if (len >= 4) {
		uint32_t first = load32(from);
		uint32_t last = load32(from + len - 4);

		store32(to, first);
		store32(to + len - 4, last);
	} else if (len > 0) {
		uint8_t first = from[0];
		uint8_t middle = from[len / 2];
		uint8_t last = from[len - 1];

		to[0] = first;
		to[len / 2] = middle;
		to[len - 1] = last;
	}
}

enum { SHORT_MOST = 16, LOOP_MOST = 128 };

void *
memcpy(void *restrict to, const void *restrict from, size_t len)
{
	uint8_t *out = to;
	const uint8_t *in = from;

	if (len <= SHORT_MOST) {
		copy_short(out, in, len);
		return to;
	}
	/* The last word first: it may overlap what the words below cover. */
	store64(out + len - 8, load64(in + len - 8));
	if (len <= LOOP_MOST) {
		for (size_t at = 0; at < len - 8; at += 8)
			store64(out + at, load64(in + at));
	} else {
		size_t words = (len - 1) / 8;

		__asm__ volatile("rep movsq" : "+D"(out), "+S"(in), "+c"(words) : : "memory");
	}
	return to;
}

void *
memmove(void *to, const void *from, size_t len)
{
	uint8_t *out = to;
	const uint8_t *in = from;
	uint64_t edge;

	if (len <= SHORT_MOST) {
		copy_short(out, in, len);
		return to;
	}
	if ((uintptr_t)out - (uintptr_t)in >= len) {
		/* Upward is safe: the target begins below the source or behind it. */
		size_t words = (len - 1) / 8;

		edge = load64(in + len - 8);
		__asm__ volatile("rep movsq" : "+D"(out), "+S"(in), "+c"(words) : : "memory");
		store64((uint8_t *)to + len - 8, edge);
		return to;
	}
	edge = load64(in);
	for (size_t at = len; at > 8; at -= 8)
		store64(out + at - 8, load64(in + at - 8));
	store64(out, edge);
	return to;
}

void *
memset(void *to, int byte, size_t len)
{
	uint8_t *out = to;
	uint64_t word = (uint8_t)byte * UINT64_C(0x0101010101010101);
	size_t words = len / 8;

	if (len < 8) {
		for (size_t at = 0; at < len; at++)
			out[at] = (uint8_t)byte;
		return to;
	}
	store64(out + len - 8, word);
	__asm__ volatile("rep stosq" : "+D"(out), "+c"(words) : "a"(word) : "memory");
	return to;
}

int
memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *left = a;
	const uint8_t *right = b;
	size_t at = 0;

	for (; at + 8 <= len; at += 8) {
		uint64_t x = load64(left + at);
		uint64_t y = load64(right + at);

		if (x != y)
			return __builtin_bswap64(x) < __builtin_bswap64(y) ? -1 : 1;
	}
	for (; at < len; at++) {
		if (left[at] != right[at])
			return left[at] < right[at] ? -1 : 1;
	}
	return 0;
}

size_t
strlen(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	return len;
}

#endif
