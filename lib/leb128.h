/*
 * LEB128 numbers from bytes that nobody has checked.
 *
 * Each reader takes the number at *pos, which must end before `end`, and
 * leaves *pos behind it; on failure *pos and *out are unspecified. Encodings of more than
 * ceil(bits / 7) bytes are refused and so are unused bits of the last byte that
 * are not zero (signed: not copies of the sign), as WebAssembly demands
 * (Core 2.0, section 5.2.2).
 */
#ifndef LIB_LEB128_H
#define LIB_LEB128_H

#include <stdint.h>

enum leb128_result {
	LEB128_OK,
	LEB128_TRUNCATED, /* the bytes end inside the number */
	LEB128_TOO_LONG,  /* more bytes than the width allows */
	LEB128_TOO_LARGE, /* unused bits are set */
};

/* Any length; the readers below take the one-byte case inline. `bits` is the
 * width of the number, 1..64. */
enum leb128_result
leb128_read_unsigned(const uint8_t **pos, const uint8_t *end, unsigned bits, uint64_t *out);
enum leb128_result
leb128_read_signed(const uint8_t **pos, const uint8_t *end, unsigned bits, int64_t *out);

static inline enum leb128_result
leb128_read_u32(const uint8_t **pos, const uint8_t *end, uint32_t *out)
{
	const uint8_t *at = *pos;
	enum leb128_result result;
	uint64_t value;

	if (__builtin_expect(at < end && *at < 0x80, 1)) {
		*out = *at;
		*pos = at + 1;
		return LEB128_OK;
	}
	result = leb128_read_unsigned(pos, end, 32, &value);
	if (result == LEB128_OK)
		*out = (uint32_t)value;
	return result;
}

static inline enum leb128_result
leb128_read_u64(const uint8_t **pos, const uint8_t *end, uint64_t *out)
{
	return leb128_read_unsigned(pos, end, 64, out);
}

static inline enum leb128_result
leb128_read_s33(const uint8_t **pos, const uint8_t *end, int64_t *out)
{
	return leb128_read_signed(pos, end, 33, out);
}

#endif
