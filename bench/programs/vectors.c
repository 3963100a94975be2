/* SIMD: sums, products and blends of vectors of 16 bytes, by the compilers' vector types. */
#include "bench.h"

typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef int16_t i16x8 __attribute__((vector_size(16)));

enum { COUNT = 4096, PASSES = 100 };

static f32x4 xs[COUNT], ys[COUNT];
static u8x16 pixels[COUNT], others[COUNT];
static i16x8 samples[COUNT];

static f32x4
dot(void)
{
	f32x4 sum = { 0 };

	for (int i = 0; i < COUNT; i++)
		sum += xs[i] * ys[i];
	return sum;
}

static void
scale_and_limit(float factor)
{
	f32x4 top = { 8, 8, 8, 8 };

	for (int i = 0; i < COUNT; i++) {
		f32x4 value = xs[i] * factor + ys[i];
		i32x4 is_over = value > top;
		xs[i] = (f32x4)((is_over & (i32x4)(value - top)) | (~is_over & (i32x4)value));
	}
}

static void
blend(void)
{
	for (int i = 0; i < COUNT; i++)
		pixels[i] = (pixels[i] & others[i]) + ((pixels[i] ^ others[i]) >> 1);
}

static i16x8
filter(void)
{
	i16x8 sum = { 0 };

	for (int i = 0; i < COUNT - 1; i++)
		sum += (samples[i] * 3 - samples[i + 1]) >> 2;
	return sum;
}

static void
bench_round(void)
{
	for (int i = 0; i < COUNT; i++) {
		for (int k = 0; k < 16; k++) {
			pixels[i][k] = (uint8_t)(i * 3 + k);
			others[i][k] = (uint8_t)(i * 7 - k);
			xs[i][k % 4] = (float)(i % 10 + k % 4);
			ys[i][k % 4] = (float)(i % 7 - k % 4) * 0.125f;
			samples[i][k % 8] = (int16_t)(i * 13 + k % 8 * 5);
		}
	}
	f32x4 dots = { 0 };
	i16x8 filtered = { 0 };
	for (int pass = 0; pass < PASSES; pass++) {
		dots += dot();
		scale_and_limit(0.75f);
		blend();
		filtered += filter();
	}
	for (int k = 0; k < 4; k++)
		bench_put_double("dot", dots[k]);
	for (int k = 0; k < 8; k++)
		bench_put_integer("filtered", (uint64_t)(uint16_t)filtered[k]);
	bench_digest(pixels, sizeof pixels);
}
