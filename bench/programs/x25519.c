/* Cryptography with 64x64 to 128 bit products: key agreement on Curve25519 (RFC 7748). */
#include "bench.h"

#define MASK 0x7ffffffffffffu

typedef uint64_t field[5];

static void
add(field out, const field a, const field b)
{
	for (int i = 0; i < 5; i++)
		out[i] = a[i] + b[i];
}

/* Adds twice the prime first, so that no limb gets negative. */
static void
subtract(field out, const field a, const field b)
{
	out[0] = a[0] + 0xfffffffffffdau - b[0];
	for (int i = 1; i < 5; i++)
		out[i] = a[i] + 0xffffffffffffeu - b[i];
}

static void
multiply(field out, const field a, const field b)
{
	unsigned __int128 t[5];

	for (int i = 0; i < 5; i++) {
		t[i] = 0;
		for (int k = 0; k < 5; k++) {
			uint64_t factor = k <= i ? b[i - k] : 19 * b[i - k + 5];
			t[i] += (unsigned __int128)a[k] * factor;
		}
	}
	uint64_t carry = 0;
	for (int i = 0; i < 5; i++) {
		t[i] += carry;
		out[i] = (uint64_t)t[i] & MASK;
		carry = (uint64_t)(t[i] >> 51);
	}
	out[0] += carry * 19;
	out[1] += out[0] >> 51;
	out[0] &= MASK;
}

static void
multiply_small(field out, const field a, uint64_t factor)
{
	unsigned __int128 carry = 0;

	for (int i = 0; i < 5; i++) {
		carry += (unsigned __int128)a[i] * factor;
		out[i] = (uint64_t)carry & MASK;
		carry >>= 51;
	}
	out[0] += (uint64_t)carry * 19;
}

/* a to the power 2^255 - 21. */
static void
invert(field out, const field a)
{
	field x;

	memcpy(x, a, sizeof x);
	for (int i = 253; i >= 0; i--) {
		multiply(x, x, x);
		if (i != 2 && i != 4)
			multiply(x, x, a);
	}
	memcpy(out, x, sizeof x);
}

static void
swap(field a, field b, uint64_t is_wanted)
{
	for (int i = 0; i < 5; i++) {
		uint64_t both = (a[i] ^ b[i]) & -is_wanted;
		a[i] ^= both;
		b[i] ^= both;
	}
}

static void
ladder_step(field x2, field z2, field x3, field z3, const field x1)
{
	field a, b, aa, bb, e, c, d, t;

	add(a, x2, z2);
	subtract(b, x2, z2);
	multiply(aa, a, a);
	multiply(bb, b, b);
	subtract(e, aa, bb);
	add(c, x3, z3);
	subtract(d, x3, z3);
	multiply(d, d, a);
	multiply(c, c, b);
	add(t, d, c);
	multiply(x3, t, t);
	subtract(t, d, c);
	multiply(t, t, t);
	multiply(z3, x1, t);
	multiply(x2, aa, bb);
	multiply_small(t, e, 121665);
	add(t, t, aa);
	multiply(z2, e, t);
}

static void
scalar_multiply(field out, const unsigned char *scalar, const field point)
{
	field x2 = { 1 }, z2 = { 0 }, x3, z3 = { 1 };
	uint64_t last = 0;

	memcpy(x3, point, sizeof x3);
	for (int i = 254; i >= 0; i--) {
		uint64_t bit = scalar[i / 8] >> (i & 7) & 1;
		swap(x2, x3, last ^ bit);
		swap(z2, z3, last ^ bit);
		last = bit;
		ladder_step(x2, z2, x3, z3, point);
	}
	swap(x2, x3, last);
	swap(z2, z3, last);
	invert(z2, z2);
	multiply(out, x2, z2);
	for (int pass = 0; pass < 3; pass++) { /* the number below the prime */
		uint64_t carry = 0;
		for (int i = 0; i < 5; i++) {
			out[i] += carry;
			carry = out[i] >> 51;
			out[i] &= MASK;
		}
		out[0] += carry * 19;
	}
}

static void
bench_round(void)
{
	unsigned char scalar[32];
	field point = { 9 };

	for (int i = 0; i < 12; i++) {
		for (int k = 0; k < 32; k++)
			scalar[k] = (unsigned char)(i * 7 + k * 13 + (int)(point[k % 5] >> k));
		scalar[0] &= 248;
		scalar[31] = (unsigned char)((scalar[31] & 127) | 64);
		scalar_multiply(point, scalar, point);
	}
	for (int i = 0; i < 5; i++)
		bench_put_integer("limb", point[i]);
}
