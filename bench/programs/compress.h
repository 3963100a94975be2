/* Compression and back: the frame of the programs that measure a compressor. */
#ifndef BENCH_COMPRESS_H
#define BENCH_COMPRESS_H

#include "text.h"

static uint64_t
compress_digest(const char *bytes, size_t len)
{
	uint64_t sum = len;

	for (size_t i = 0; i < len; i++)
		sum = sum * 31 + (unsigned char)bytes[i];
	return sum;
}

/* Both return the length of what they wrote, 0 after an error. */
typedef size_t compress_step(char *out, size_t cap, const char *in, size_t len);

/* Returns a digest of the compressed text. */
static uint64_t
compress_round(const char *what, size_t len, compress_step *pack, compress_step *unpack)
{
	enum { LEN_MAX = 1 << 20, CAP = LEN_MAX + LEN_MAX / 8 };
	static char text[LEN_MAX], packed[CAP], back[LEN_MAX];

	text_fill(text, len, 17);
	size_t packed_len = pack(packed, CAP, text, len);
	size_t back_len = unpack(back, LEN_MAX, packed, packed_len);
	if (back_len != len || memcmp(text, back, len) != 0) {
		fprintf(stderr, "%s: the text does not come back\n", what);
		exit(1);
	}
	return compress_digest(packed, packed_len);
}

#endif
