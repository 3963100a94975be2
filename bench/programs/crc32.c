/* Hashing: CRC-32 by bits, by one table and by four. */
#include "bench.h"

enum { SIZE = 1 << 18 };

static uint32_t tables[4][256];
static unsigned char data[SIZE];

static void
make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
		tables[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++) {
		for (int t = 1; t < 4; t++)
			tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
	}
}

static uint32_t
by_table(void)
{
	uint32_t c = ~0u;

	for (size_t i = 0; i < SIZE; i++)
		c = c >> 8 ^ tables[0][(c ^ data[i]) & 255];
	return ~c;
}

static uint32_t
by_words(void)
{
	uint32_t c = ~0u;

	for (size_t i = 0; i < SIZE; i += 4) {
		uint32_t word;
		memcpy(&word, data + i, 4);
		c ^= word;
		c = tables[3][c & 255] ^ tables[2][c >> 8 & 255] ^ tables[1][c >> 16 & 255] ^
		    tables[0][c >> 24];
	}
	return ~c;
}

static uint32_t
by_bits(size_t len)
{
	uint32_t c = ~0u;

	for (size_t i = 0; i < len; i++) {
		c ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (0xedb88320 & -(c & 1));
	}
	return ~c;
}

static void
bench_round(void)
{
	uint64_t seed = 9;

	make_tables();
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)bench_random(&seed);
	bench_put_integer("table", by_table());
	bench_put_integer("words", by_words());
	bench_put_integer("bits", by_bits(SIZE / 4));
}
