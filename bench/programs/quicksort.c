/* Calls through pointers: qsort with a comparison, and a quicksort of our own. */
#include "bench.h"

enum { COUNT = 6000 };

static uint32_t numbers[COUNT], copy[COUNT];

static void
swap(uint32_t *a, uint32_t *b)
{
	uint32_t other = *a;

	*a = *b;
	*b = other;
}

/* A heap sort whose order is the caller's. */
static void
heap_sort(uint32_t *data, size_t count, int (*compare)(const void *, const void *))
{
	for (size_t end = count, start = count / 2; end > 1;) {
		if (start > 0)
			start--;
		else
			swap(&data[--end], &data[0]);
		for (size_t root = start, child; (child = root * 2 + 1) < end; root = child) {
			if (child + 1 < end && compare(&data[child], &data[child + 1]) < 0)
				child++;
			if (compare(&data[root], &data[child]) >= 0)
				break;
			swap(&data[root], &data[child]);
		}
	}
}

static void
quick_sort(uint32_t *data, int from, int to)
{
	while (from < to) {
		uint32_t pivot = data[from + (to - from) / 2];
		int i = from, k = to;
		while (i <= k) {
			while (data[i] < pivot)
				i++;
			while (data[k] > pivot)
				k--;
			if (i <= k)
				swap(&data[i++], &data[k--]);
		}
		quick_sort(data, from, k);
		from = i;
	}
}

static int
compare_down(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

static int
compare_digits(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a % 1000, y = *(const uint32_t *)b % 1000;

	return x < y ? -1 : x > y ? 1 : compare_down(a, b);
}

static void
bench_round(void)
{
	uint64_t seed = 7;

	for (int i = 0; i < COUNT; i++)
		numbers[i] = bench_random(&seed);
	memcpy(copy, numbers, sizeof copy);
	quick_sort(copy, 0, COUNT - 1);
	bench_put_integer("middle", copy[COUNT / 2]);
	heap_sort(copy, COUNT, compare_digits);
	bench_put_integer("middle", copy[COUNT / 2]);
	heap_sort(numbers, COUNT, compare_down);
	bench_put_integer("middle", numbers[COUNT / 2]);
}
