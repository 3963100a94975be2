/* Calls: Takeuchi's function, and Ackermann's. */
#include "bench.h"

static __attribute__((noinline)) int
tak(int x, int y, int z)
{
	return y >= x ? z : tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

static __attribute__((noinline)) int
ackermann(int m, int n)
{
	if (m == 0)
		return n + 1;
	return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

static void
bench_round(void)
{
	bench_put_integer("tak", (uint64_t)tak(22, 14, 7));
	bench_put_integer("ackermann", (uint64_t)ackermann(3, 7));
}
