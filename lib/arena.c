/*
 * Arena over chunks from a source. Chunks form a list from the newest to the
 * oldest; allocation only ever takes from the newest, so what was left over in
 * an older one stays unused. Under the address sanitizer the part of a chunk
 * that is not allocated is poisoned.
 */
#include "lib/arena.h"

#include "lib/string.h"

#include <stdbool.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(ARENA_POISONS)
#include <sanitizer/asan_interface.h>
#define arena_poison(from, len)	  __asan_poison_memory_region((from), (len))
#define arena_unpoison(from, len) __asan_unpoison_memory_region((from), (len))
#else
#define arena_poison(from, len)	  ((void)(from), (void)(len))
#define arena_unpoison(from, len) ((void)(from), (void)(len))
#endif

/* Lies at the start of its own chunk. */
struct arena_chunk {
	struct arena_chunk *older;
	size_t size; /* of the whole chunk */
};

enum {
	CHUNK_UNIT = 4096,
	CHUNK_FIRST = 16 * 1024,
	CHUNK_MOST = 1024 * 1024, /* unless one allocation needs more */
};

void
arena_init(struct arena *arena, const struct arena_source *source, size_t limit_bytes)
{
	*arena = (struct arena){ .source = source,
				 .limit_bytes = limit_bytes,
				 .first_bytes = CHUNK_FIRST };
}

/* Gives the newest chunk back; the one below becomes head, with `next` unset. */
static void
arena_drop_head(struct arena *arena)
{
	struct arena_chunk *chunk = arena->head;
	size_t size = chunk->size;

	arena->head = chunk->older;
	arena->used_bytes -= size;
	arena_unpoison(chunk, size);
	arena->source->chunk_put(arena->source->context, chunk, size);
}

void
arena_reset(struct arena *arena)
{
	while (arena->head)
		arena_drop_head(arena);
	arena->next = NULL;
	arena->end = NULL;
}

/* Makes a new chunk of `size` bytes the head, unless that passes the limit or
 * the source refuses. */
static bool
arena_add_chunk(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk;

	if (size > arena->limit_bytes - arena->used_bytes)
		return false;
	chunk = arena->source->chunk_get(arena->source->context, size);
	if (!chunk)
		return false;
	chunk->older = arena->head;
	chunk->size = size;
	arena->head = chunk;
	arena->used_bytes += size;
	arena->next = (uint8_t *)(chunk + 1);
	arena->end = (uint8_t *)chunk + size;
	arena_poison(arena->next, size - sizeof(*chunk));
	return true;
}

/* Chunks double with the arena, so that their number stays logarithmic and
 * the unused rest a fraction; when memory is short the least that is needed
 * is tried too. */
static bool
arena_make_room(struct arena *arena, size_t size, size_t align)
{
	size_t least = sizeof(struct arena_chunk) + align;
	size_t wish = arena->used_bytes;

	if (size > SIZE_MAX - least - CHUNK_UNIT)
		return false;
	least = (least + size + CHUNK_UNIT - 1) / CHUNK_UNIT * CHUNK_UNIT;
	if (wish < arena->first_bytes)
		wish = arena->first_bytes;
	if (wish > CHUNK_MOST)
		wish = CHUNK_MOST;
	if (wish > least && arena_add_chunk(arena, wish))
		return true;
	return arena_add_chunk(arena, least);
}

/* `from` rounded up to `align`. */
static uint8_t *
align_up(uint8_t *from, size_t align)
{
	return from + (-(uintptr_t)from & (align - 1));
}

void *
arena_alloc(struct arena *arena, size_t size, size_t align)
{
	uint8_t *at;

	if (size == 0)
		size = 1;
	if (arena->head) {
		at = align_up(arena->next, align);
		if (at <= arena->end && size <= (size_t)(arena->end - at)) {
			arena->next = at + size;
			arena_unpoison(at, size);
			return at;
		}
	}
	if (!arena_make_room(arena, size, align))
		return NULL;
	at = align_up(arena->next, align);
	arena->next = at + size;
	arena_unpoison(at, size);
	return at;
}

void *
arena_alloc_array(struct arena *arena, size_t count, size_t size, size_t align)
{
	size_t bytes;
	void *items;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	items = arena_alloc(arena, bytes, align);
	if (items)
		memset(items, 0, bytes);
	return items;
}

void *
arena_extend_array(struct arena *arena, void *old, size_t old_count, size_t new_count, size_t size,
		   size_t align)
{
	uint8_t *old_end = old ? (uint8_t *)old + old_count * size : NULL;
	size_t bytes;
	void *items;

	if (__builtin_mul_overflow(new_count, size, &bytes))
		return NULL;
	if (old && old_count > 0 && old_end == arena->next &&
	    bytes - old_count * size <= (size_t)(arena->end - old_end)) {
		arena->next = (uint8_t *)old + bytes;
		arena_unpoison(old_end, bytes - old_count * size);
		return old;
	}
	items = arena_alloc(arena, bytes, align);
	if (items && old)
		memcpy(items, old, old_count * size);
	return items;
}

void *
arena_grow_array(struct arena *arena, void *old, size_t old_count, size_t new_count, size_t size,
		 size_t align)
{
	uint8_t *items = arena_extend_array(arena, old, old_count, new_count, size, align);

	if (items)
		memset(items + old_count * size, 0, (new_count - old_count) * size);
	return items;
}

char *
arena_copy_string(struct arena *arena, const char *bytes, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		return NULL;
	copy = arena_alloc(arena, len + 1, 1);
	if (!copy)
		return NULL;
	memcpy(copy, bytes, len);
	copy[len] = 0;
	return copy;
}

struct arena_mark
arena_mark_get(const struct arena *arena)
{
	return (struct arena_mark){ arena->head, arena->next };
}

void
arena_release(struct arena *arena, struct arena_mark mark)
{
	while (arena->head != mark.head)
		arena_drop_head(arena);
	arena->next = mark.next;
	arena->end = mark.head ? (uint8_t *)mark.head + mark.head->size : NULL;
	arena_poison(arena->next, (size_t)(arena->end - arena->next));
}
