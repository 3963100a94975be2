/* Loop nests over matrices: the product, as one writes it and in blocks. */
#include "bench.h"

enum { SIZE = 120, BLOCK = 40 };

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static void
multiply_plainly(void)
{
	for (int i = 0; i < SIZE; i++) {
		for (int k = 0; k < SIZE; k++) {
			double sum = 0;
			for (int m = 0; m < SIZE; m++)
				sum += a[i][m] * b[m][k];
			c[i][k] = sum;
		}
	}
}

static void
multiply_blocks(void)
{
	for (int from = 0; from < SIZE; from += BLOCK) {
		for (int i = 0; i < SIZE; i++) {
			for (int m = from; m < from + BLOCK; m++) {
				double factor = b[i][m];
				for (int k = 0; k < SIZE; k++)
					c[i][k] += factor * a[m][k];
			}
		}
	}
}

static void
bench_round(void)
{
	double trace = 0;

	for (int i = 0; i < SIZE; i++) {
		for (int k = 0; k < SIZE; k++) {
			a[i][k] = (i * 7 + k * 3) % 11 * 0.25;
			b[i][k] = (i * 5 + k * 9) % 13 * 0.5;
		}
	}
	bench_escape(a);
	multiply_plainly();
	multiply_blocks();
	for (int i = 0; i < SIZE; i++)
		trace += c[i][(i * 3) % SIZE];
	bench_put_double("trace", trace);
}
