/* Floating point: the spectral norm of an infinite matrix, cut to 160 rows. */
#include "bench.h"

#include <math.h>

enum { SIZE = 160 };

static double
element(int row, int column)
{
	int triangular = (row + column) * (row + column + 1) / 2;

	return 1.0 / (triangular + row + 1);
}

static void
multiply(const double *in, double *out, bool is_transposed)
{
	for (int i = 0; i < SIZE; i++) {
		double sum = 0;
		for (int k = 0; k < SIZE; k++)
			sum += (is_transposed ? element(k, i) : element(i, k)) * in[k];
		out[i] = sum;
	}
}

static void
bench_round(void)
{
	static double u[SIZE], v[SIZE], between[SIZE];
	double uv = 0, vv = 0;

	for (int i = 0; i < SIZE; i++)
		u[i] = 1;
	for (int i = 0; i < 10; i++) {
		multiply(u, between, false);
		multiply(between, v, true);
		multiply(v, between, false);
		multiply(between, u, true);
	}
	for (int i = 0; i < SIZE; i++) {
		uv += u[i] * v[i];
		vv += v[i] * v[i];
	}
	bench_put_double("norm", sqrt(uv / vv));
}
