/*
 * Bottom-up merge sort over runs that insertion sort has made.
 */
#include "lib/sort.h"

#include "lib/string.h"

enum { RUN = 8 };

static void
sort_run(uint32_t *items, size_t count, sort_is_before *is_before, const void *context)
{
	for (size_t i = 1; i < count; i++) {
		uint32_t item = items[i];
		size_t at = i;

		for (; at > 0 && is_before(context, item, items[at - 1]); at--)
			items[at] = items[at - 1];
		items[at] = item;
	}
}

/* Merges the neighbours from[0..middle) and from[middle..count) into `to`. */
static void
merge(uint32_t *to, const uint32_t *from, size_t middle, size_t count, sort_is_before *is_before,
      const void *context)
{
	size_t left = 0;
	size_t right = middle;

	for (size_t at = 0; at < count; at++) {
		if (left < middle &&
		    (right == count || !is_before(context, from[right], from[left])))
			to[at] = from[left++];
		else
			to[at] = from[right++];
	}
}

void
sort_indices(uint32_t *items, uint32_t *scratch, size_t count, sort_is_before *is_before,
	     const void *context)
{
	uint32_t *from = items;
	uint32_t *to = scratch;

	for (size_t at = 0; at < count; at += RUN)
		sort_run(items + at, count - at < RUN ? count - at : RUN, is_before, context);
	for (size_t width = RUN; width < count; width *= 2) {
		uint32_t *swap = from;

		for (size_t at = 0; at < count; at += 2 * width) {
			size_t rest = count - at;

			merge(to + at, from + at, width < rest ? width : rest,
			      2 * width < rest ? 2 * width : rest, is_before, context);
		}
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, count * sizeof(*items));
}
