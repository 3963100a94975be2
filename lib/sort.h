/*
 * Stable sorting of 32-bit indices by a rule of the user, in n log n steps
 * whatever the input, so that nobody can make it slow on purpose.
 */
#ifndef LIB_SORT_H
#define LIB_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if `a` must come before `b`; a strict weak order. */
typedef bool sort_is_before(const void *context, uint32_t a, uint32_t b);

/* Sorts items[0..count); `scratch` has room for as many and ends unspecified. */
void sort_indices(uint32_t *items, uint32_t *scratch, size_t count, sort_is_before *is_before,
		  const void *context);

#endif
