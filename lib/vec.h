/*
 * Growing arrays over an arena.
 *
 *	VEC(struct thing) things = {0};
 *	struct thing *t = vec_push(arena, &things);   NULL: out of memory
 *
 * Elements start zeroed. Growth doubles by copying, so pointers into a vector
 * last only until the next push; memory goes back with the arena.
 */
#ifndef LIB_VEC_H
#define LIB_VEC_H

#include "lib/arena.h"

#include <stdbool.h>

#define VEC(type)                  \
	struct {                   \
		type *items;       \
		uint32_t count;    \
		uint32_t capacity; \
	}

/* Size and alignment of an element. */
struct vec_layout {
	size_t size;
	size_t align;
};

/* An array of at least count + extra elements whose first `count` are those of
 * `items`; *capacity is updated. NULL, with nothing changed, when memory or
 * the 32-bit count is exhausted. */
static inline void *
vec_reserve_items(struct arena *arena, void *items, uint32_t count, uint32_t *capacity,
		  uint32_t extra, struct vec_layout layout)
{
	uint64_t wish = (uint64_t)count + extra;
	void *grown;

	if (items && wish <= *capacity)
		return items;
	if (wish < 2 * (uint64_t)*capacity)
		wish = 2 * (uint64_t)*capacity;
	if (wish < 8)
		wish = 8;
	if (wish > UINT32_MAX)
		return NULL;
	grown = arena_grow_array(arena, items, count, wish, layout.size, layout.align);
	if (grown)
		*capacity = (uint32_t)wish;
	return grown;
}

/* Makes room for `extra` more elements; false when out of memory. */
#define vec_reserve(arena, vec, extra)                                               \
	({                                                                           \
		__typeof__(vec) vec_ = (vec);                                        \
		void *items_ = vec_reserve_items(                                    \
			(arena), vec_->items, vec_->count, &vec_->capacity, (extra), \
			(struct vec_layout){ sizeof(*vec_->items),                   \
					     _Alignof(__typeof__(*vec_->items)) });  \
		if (items_)                                                          \
			vec_->items = items_;                                        \
		items_ != NULL;                                                      \
	})

/* A pointer to a new zeroed last element, or NULL when out of memory. */
#define vec_push(arena, vec)                                                           \
	({                                                                             \
		__typeof__(vec) push_ = (vec);                                         \
		vec_reserve((arena), push_, 1) ? &push_->items[push_->count++] : NULL; \
	})

#endif
