/* Floating point with branches: the Mandelbrot set on a grid. */
#include "bench.h"

enum { SIZE = 150, LIMIT = 100 };

static int
steps_of(double cx, double cy)
{
	double x = 0, y = 0, xx = 0, yy = 0;
	int i = 0;

	for (; i < LIMIT && xx + yy < 4; i++) {
		y = 2 * x * y + cy;
		x = xx - yy + cx;
		xx = x * x;
		yy = y * y;
	}
	return i;
}

static void
bench_round(void)
{
	uint64_t sum = 0;

	for (int row = 0; row < SIZE; row++) {
		for (int column = 0; column < SIZE; column++)
			sum += (uint64_t)steps_of(column * 3.0 / SIZE - 2, row * 2.5 / SIZE - 1.25);
	}
	bench_put_integer("steps", sum);
}
