/* Cryptography: the stream cipher ChaCha20 (RFC 8439). */
#include "bench.h"

enum { SIZE = 1 << 20 };

static unsigned char data[SIZE];

static uint32_t
rotate(uint32_t x, int by)
{
	return x << by | x >> (32 - by);
}

#define QUARTER(a, b, c, d)                                                    \
	(a += b, d = rotate(d ^ a, 16), c += d, b = rotate(b ^ c, 12), a += b, \
	 d = rotate(d ^ a, 8), c += d, b = rotate(b ^ c, 7))

static void
block(uint32_t *state, unsigned char *text)
{
	uint32_t x[16];

	memcpy(x, state, sizeof x);
	for (int i = 0; i < 10; i++) {
		QUARTER(x[0], x[4], x[8], x[12]);
		QUARTER(x[1], x[5], x[9], x[13]);
		QUARTER(x[2], x[6], x[10], x[14]);
		QUARTER(x[3], x[7], x[11], x[15]);
		QUARTER(x[0], x[5], x[10], x[15]);
		QUARTER(x[1], x[6], x[11], x[12]);
		QUARTER(x[2], x[7], x[8], x[13]);
		QUARTER(x[3], x[4], x[9], x[14]);
	}
	for (int i = 0; i < 16; i++) {
		uint32_t word;
		memcpy(&word, text + i * 4, 4);
		word ^= x[i] + state[i];
		memcpy(text + i * 4, &word, 4);
	}
	state[12]++;
}

static void
bench_round(void)
{
	uint32_t state[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

	for (uint32_t i = 4; i < 16; i++)
		state[i] = i * 0x01020304;
	memset(data, 'x', sizeof data);
	for (int pass = 0; pass < 1; pass++) {
		for (size_t i = 0; i < SIZE; i += 64)
			block(state, data + i);
	}
	bench_put_integer("byte", data[SIZE / 3]);
	bench_digest(data, 4096);
}
