/*
 * Test support: bytes of a module being written, with its numbers.
 */
#ifndef TESTS_WASM_FUZZ_BYTES_H
#define TESTS_WASM_FUZZ_BYTES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct fuzz_bytes {
	uint8_t *items;
	size_t len;
	size_t cap;
};

static inline void
fuzz_put(struct fuzz_bytes *out, const void *bytes, size_t len)
{
	if (out->cap - out->len < len) {
		out->cap = 2 * out->cap + len + 64;
		out->items = realloc(out->items, out->cap);
		if (!out->items)
			abort();
	}
	if (len > 0)
		memcpy(out->items + out->len, bytes, len);
	out->len += len;
}

static inline void
fuzz_put_byte(struct fuzz_bytes *out, unsigned byte)
{
	uint8_t one = (uint8_t)byte;

	fuzz_put(out, &one, 1);
}

static inline void
fuzz_put_unsigned(struct fuzz_bytes *out, uint64_t value)
{
	while (value >= 0x80) {
		fuzz_put_byte(out, (value & 0x7f) | 0x80);
		value >>= 7;
	}
	fuzz_put_byte(out, (unsigned)value);
}

static inline void
fuzz_put_signed(struct fuzz_bytes *out, int64_t value)
{
	while (value < -64 || value > 63) {
		fuzz_put_byte(out, (value & 0x7f) | 0x80);
		value >>= 7;
	}
	fuzz_put_byte(out, value & 0x7f);
}

#endif
