/* Loop nests over matrices: a stencil of five points over a plane, and a recurrence. */
#include "bench.h"

enum { SIZE = 150, STEPS = 30 };

static double plane[2][SIZE][SIZE];

static void
smooth(double (*restrict to)[SIZE], double (*restrict from)[SIZE])
{
	for (int i = 1; i < SIZE - 1; i++) {
		for (int k = 1; k < SIZE - 1; k++)
			to[i][k] = 0.2 * (from[i][k] + from[i][k - 1] + from[i][k + 1] +
					  from[i + 1][k] + from[i - 1][k]);
	}
}

static void
sweep(double (*p)[SIZE])
{
	for (int i = 1; i < SIZE; i++) {
		for (int k = 1; k < SIZE; k++)
			p[i][k] = (p[i][k] + p[i - 1][k] + p[i][k - 1]) * (1.0 / 3);
	}
}

static void
bench_round(void)
{
	double sum = 0;

	for (int i = 0; i < SIZE; i++) {
		for (int k = 0; k < SIZE; k++)
			plane[0][i][k] = plane[1][i][k] = (double)i * (k + 2) / SIZE;
	}
	for (int step = 0; step < STEPS; step++) {
		smooth(plane[1], plane[0]);
		smooth(plane[0], plane[1]);
		sweep(plane[0]);
	}
	for (int i = 0; i < SIZE; i++)
		sum += plane[0][i][SIZE - 1 - i];
	bench_put_double("sum", sum);
}
