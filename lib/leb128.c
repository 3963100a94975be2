/*
 * LEB128 readers.
 */
#include "lib/leb128.h"

enum leb128_result
leb128_read_unsigned(const uint8_t **pos, const uint8_t *end, unsigned bits, uint64_t *out)
{
	const uint8_t *at = *pos;
	uint64_t value = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint8_t byte;

		if (at == end)
			return LEB128_TRUNCATED;
		byte = *at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (shift + 7 < bits) {
			if (byte & 0x80)
				continue;
		} else if (byte & 0x80) {
			return LEB128_TOO_LONG;
		} else if (byte >> (bits - shift)) {
			return LEB128_TOO_LARGE;
		}
		*pos = at;
		*out = value;
		return LEB128_OK;
	}
}

enum leb128_result
leb128_read_signed(const uint8_t **pos, const uint8_t *end, unsigned bits, int64_t *out)
{
	const uint8_t *at = *pos;
	uint64_t value = 0;

	for (unsigned shift = 0;; shift += 7) {
		unsigned used = shift + 7;
		uint8_t byte;

		if (at == end)
			return LEB128_TRUNCATED;
		byte = *at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (used < bits) {
			if (byte & 0x80)
				continue;
		} else if (byte & 0x80) {
			return LEB128_TOO_LONG;
		} else {
			/* The sign bit of the number and all above it must agree. */
			unsigned top = (unsigned)(uint8_t)(byte << 1) >> (bits - shift);

			if (top != 0 && top != 0xffU >> (bits - shift))
				return LEB128_TOO_LARGE;
		}
		if (used < 64 && (byte & 0x40))
			value |= UINT64_MAX << used;
		*pos = at;
		*out = (int64_t)value;
		return LEB128_OK;
	}
}
