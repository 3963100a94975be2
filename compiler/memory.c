/* Chunks are powers of two in size, whatever is asked for, so that they fit again. */
#include "compiler/memory.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef NB_DEBUG
#include "lib/string.h"
#endif

enum { CLASS_UNIT = 4096, KEEP_MOST = 32 * 1024 * 1024 };

/* Lies in a kept chunk. */
struct kept_chunk {
	struct kept_chunk *next;
};

/* The smallest class that holds `size`, COMPILER_MEMORY_CLASSES if none does. */
static unsigned
class_of(size_t size)
{
	unsigned class = 0;

	while (class < COMPILER_MEMORY_CLASSES && (size_t)CLASS_UNIT << class < size)
		class ++;
	return class;
}

static void
give_back(struct compiler_memory *memory, void *chunk, size_t size)
{
	const struct arena_source *from = memory->budget->from;

	from->chunk_put(from->context, chunk, size);
	__atomic_fetch_add(&memory->budget->left, size, __ATOMIC_RELAXED);
}

static void *
get_new(struct compiler_memory *memory, size_t size)
{
	const struct arena_source *from = memory->budget->from;
	size_t left = __atomic_load_n(&memory->budget->left, __ATOMIC_RELAXED);
	void *chunk;

	do {
		if (size > left)
			return NULL;
	} while (!__atomic_compare_exchange_n(&memory->budget->left, &left, left - size, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	chunk = from->chunk_get(from->context, size);
	if (!chunk)
		__atomic_fetch_add(&memory->budget->left, size, __ATOMIC_RELAXED);
	return chunk;
}

static void *
chunk_get(void *context, size_t size)
{
	struct compiler_memory *memory = context;
	unsigned class = class_of(size);
	struct kept_chunk *chunk = class < COMPILER_MEMORY_CLASSES ? memory->kept[class] : NULL;
	void *fresh;

	if (class < COMPILER_MEMORY_CLASSES)
		size = (size_t)CLASS_UNIT << class;
	if (chunk) {
		memory->kept[class] = chunk->next;
		memory->kept_bytes -= size;
		return chunk;
	}
	fresh = get_new(memory, size);
	if (!fresh && memory->kept_bytes) {
		compiler_memory_drop(memory);
		fresh = get_new(memory, size);
	}
	return fresh;
}

static void
chunk_put(void *context, void *chunk, size_t size)
{
	struct compiler_memory *memory = context;
	struct kept_chunk *kept = chunk;
	unsigned class = class_of(size);

	if (class < COMPILER_MEMORY_CLASSES)
		size = (size_t)CLASS_UNIT << class;
	if (class == COMPILER_MEMORY_CLASSES || memory->kept_bytes + size > KEEP_MOST) {
		give_back(memory, chunk, size);
		return;
	}
#ifdef NB_DEBUG
	memset(chunk, 0xa5, size); /* who expects zeros shall notice */
#endif
	kept->next = memory->kept[class];
	memory->kept[class] = kept;
	memory->kept_bytes += size;
}

void
compiler_memory_init(struct compiler_memory *memory, struct compiler_budget *budget)
{
	*memory = (struct compiler_memory){
		.source = { chunk_get, chunk_put, memory },
		.budget = budget,
	};
}

void
compiler_memory_drop(struct compiler_memory *memory)
{
	for (unsigned class = 0; class < COMPILER_MEMORY_CLASSES; class ++) {
		while (memory->kept[class]) {
			struct kept_chunk *chunk = memory->kept[class];

			memory->kept[class] = chunk->next;
			give_back(memory, chunk, (size_t)CLASS_UNIT << class);
		}
	}
	memory->kept_bytes = 0;
}
