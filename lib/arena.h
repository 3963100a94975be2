/*
 * Arena: memory that is given out in sequence and returned all at once.
 *
 * Chunks come from an arena_source, which bounds the total. Allocation fails
 * with NULL when the source refuses or the limit is reached; nothing else
 * changes then. Not thread safe: one owner at a time.
 */
#ifndef LIB_ARENA_H
#define LIB_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* Where chunks come from. Owned by the platform; outlives its arenas. */
struct arena_source {
	/* `size` bytes (a multiple of 4096) of any content, 4096-aligned; or NULL. */
	void *(*chunk_get)(void *context, size_t size);
	/* Takes back exactly what chunk_get gave. */
	void (*chunk_put)(void *context, void *chunk, size_t size);
	void *context;
};

struct arena_chunk;

struct arena {
	const struct arena_source *source;
	struct arena_chunk *head; /* newest chunk, NULL when empty */
	uint8_t *next;		  /* first free byte of head */
	uint8_t *end;		  /* end of head */
	size_t used_bytes;	  /* sum of chunk sizes taken from source */
	size_t limit_bytes;	  /* used_bytes never passes this */
	size_t first_bytes;	  /* wish for the first chunk; arena_init sets 16 KiB */
};

/* A point to fall back to; valid while the arena is not reset below it. */
struct arena_mark {
	struct arena_chunk *head;
	uint8_t *next;
};

/* An empty arena over `source` that never holds more than `limit_bytes`. */
void arena_init(struct arena *arena, const struct arena_source *source, size_t limit_bytes);

/* Returns every chunk to the source; the arena is empty and usable again. */
void arena_reset(struct arena *arena);

/* `size` bytes at `align` (power of two, at most 4096), of any content; NULL
 * when exhausted. Size 0 gives a valid unique pointer. */
void *arena_alloc(struct arena *arena, size_t size, size_t align);

/* Zeroed array of `count` elements of `size` bytes; NULL when exhausted or
 * when the product overflows. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size, size_t align);

/* Grows an array by copying: returns `new_count` elements of which the first
 * `old_count` are the old ones and the rest are zero; extends in place when
 * `old` was the newest allocation. NULL when exhausted (old stays valid). */
void *arena_grow_array(struct arena *arena, void *old, size_t old_count, size_t new_count,
		       size_t size, size_t align);

/* The same, but what is new is of any content. */
void *arena_extend_array(struct arena *arena, void *old, size_t old_count, size_t new_count,
			 size_t size, size_t align);

/* Copies `len` bytes and appends a zero byte; NULL when exhausted. */
char *arena_copy_string(struct arena *arena, const char *bytes, size_t len);

/* Marks the present point; arena_release frees everything allocated since. */
struct arena_mark arena_mark_get(const struct arena *arena);
void arena_release(struct arena *arena, struct arena_mark mark);

#define arena_new(arena, type) ((type *)arena_alloc_array((arena), 1, sizeof(type), _Alignof(type)))
#define arena_new_array(arena, type, count) \
	((type *)arena_alloc_array((arena), (count), sizeof(type), _Alignof(type)))

#endif
