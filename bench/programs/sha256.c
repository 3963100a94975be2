/* Hashing: SHA-256 as FIPS 180-4 has it. */
#include "bench.h"

enum { SIZE = 1 << 18 };

static uint32_t constants[64], initial[8];
static unsigned char data[SIZE];

static uint32_t
rotate(uint32_t x, int by)
{
	return x >> by | x << (32 - by);
}

/* The first 32 bits of the fraction of a root of `prime`, by bisection in integers. */
static uint32_t
root_fraction(uint32_t prime, int degree)
{
	unsigned __int128 target = (unsigned __int128)prime << (degree == 2 ? 64 : 96);
	uint64_t low = 0, high = (uint64_t)1 << 37;

	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		unsigned __int128 power = (unsigned __int128)middle * middle;
		bool is_less = degree == 2 ? power <= target : power <= target / middle;
		if (is_less)
			low = middle;
		else
			high = middle;
	}
	return (uint32_t)low;
}

static void
make_constants(void)
{
	int count = 0;

	for (uint32_t n = 2; count < 64; n++) {
		bool is_prime = true;
		for (uint32_t d = 2; d * d <= n; d++)
			is_prime &= n % d != 0;
		if (!is_prime)
			continue;
		if (count < 8)
			initial[count] = root_fraction(n, 2);
		constants[count++] = root_fraction(n, 3);
	}
}

static void
block(uint32_t *state, const unsigned char *from)
{
	uint32_t w[64], s[8];

	for (int i = 0; i < 16; i++, from += 4)
		w[i] = (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 |
		       from[3];
	for (int i = 16; i < 64; i++) {
		uint32_t a = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t b = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
		w[i] = w[i - 16] + a + w[i - 7] + b;
	}
	memcpy(s, state, sizeof s);
	for (int i = 0; i < 64; i++) {
		uint32_t e = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
		uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
		uint32_t t1 = s[7] + e + choice + constants[i] + w[i];
		uint32_t a = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
		uint32_t t2 = a + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		s[7] = s[6], s[6] = s[5], s[5] = s[4], s[4] = s[3] + t1;
		s[3] = s[2], s[2] = s[1], s[1] = s[0], s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		state[i] += s[i];
}

static void
bench_round(void)
{
	uint64_t seed = 2;
	uint32_t state[8];

	if (!constants[0])
		make_constants();
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)bench_random(&seed);
	memcpy(state, initial, sizeof state);
	for (size_t i = 0; i < SIZE; i += 64)
		block(state, data + i);
	for (int i = 0; i < 8; i++)
		bench_put_integer("word", state[i]);
}
