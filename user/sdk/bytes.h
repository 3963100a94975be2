/*
 * Byte functions for modules, which have no C library: each becomes one
 * WebAssembly instruction or a short loop.
 */
#ifndef USER_SDK_BYTES_H
#define USER_SDK_BYTES_H

#include <stdbool.h>
#include <stdint.h>

/* Copies `len` bytes between ranges that do not overlap. */
static inline void
bytes_copy(void *to, const void *from, uint32_t len)
{
	__builtin_memcpy(to, from, len);
}

/* Copies `len` bytes between ranges that may overlap. */
static inline void
bytes_move(void *to, const void *from, uint32_t len)
{
	__builtin_memmove(to, from, len);
}

static inline void
bytes_clear(void *to, uint32_t len)
{
	__builtin_memset(to, 0, len);
}

static inline bool
bytes_equal(const void *a, const void *b, uint32_t len)
{
	const uint8_t *left = a, *right = b;

	for (uint32_t i = 0; i < len; i++) {
		if (left[i] != right[i])
			return false;
	}
	return true;
}

/* Bytes before the zero byte of `text`. */
static inline uint32_t
text_length(const char *text)
{
	uint32_t length = 0;

	while (text[length])
		length++;
	return length;
}

/* Bytes before the zero byte of text[0..cap), `cap` if there is none. */
static inline uint32_t
text_length_within(const char *text, uint32_t cap)
{
	uint32_t length = 0;

	while (length < cap && text[length])
		length++;
	return length;
}

/* Whether bytes[0..len) are exactly the zero-terminated `text`. */
static inline bool
text_is(const char *bytes, uint32_t len, const char *text)
{
	return len == text_length(text) && bytes_equal(bytes, text, len);
}

#endif
