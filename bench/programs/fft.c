/* Floating point: a fast Fourier transform of 8192 points, there and back. */
#include "bench.h"

#include <math.h>

enum { BITS = 13, SIZE = 1 << BITS };

static double re[SIZE], im[SIZE], cosines[SIZE / 2], sines[SIZE / 2];

/* Halving the angle needs square roots only, which are the same everywhere. */
static void
make_table(void)
{
	cosines[0] = 1;
	sines[0] = 0;
	double c = -1, s = 0;
	for (int step = SIZE / 2; step > 1; step /= 2) {
		double half = sqrt((1 + c) / 2);
		s = step == SIZE / 2 ? 1 : s / (2 * half);
		c = half;
		for (int i = 0; i < SIZE / 2; i += step) {
			int k = i + step / 2;
			cosines[k] = cosines[i] * c - sines[i] * s;
			sines[k] = cosines[i] * s + sines[i] * c;
		}
	}
}

static void
transform(double sign)
{
	for (int i = 0, k = 0; i < SIZE; i++) {
		if (i < k) {
			double x = re[i], y = im[i];
			re[i] = re[k], im[i] = im[k];
			re[k] = x, im[k] = y;
		}
		int bit = SIZE >> 1;
		for (; bit && k & bit; bit >>= 1)
			k ^= bit;
		k |= bit;
	}
	for (int half = 1; half < SIZE; half *= 2) {
		for (int from = 0; from < SIZE; from += half * 2) {
			for (int i = 0; i < half; i++) {
				int a = from + i, b = a + half, at = i * (SIZE / 2 / half);
				double c = cosines[at], s = sign * sines[at];
				double x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
				re[b] = re[a] - x, im[b] = im[a] - y;
				re[a] += x, im[a] += y;
			}
		}
	}
}

static void
bench_round(void)
{
	make_table();
	for (int i = 0; i < SIZE; i++)
		re[i] = (i * 37 % 101) * 0.01, im[i] = 0;
	for (int i = 0; i < 2; i++) {
		transform(1);
		transform(-1);
		for (int k = 0; k < SIZE; k++)
			re[k] /= SIZE, im[k] /= SIZE;
	}
	for (int i = 0; i < SIZE; i += SIZE / 8)
		bench_put_double("re", re[i]);
}
