/*
 * Working memory of a compilation: bounded, and chunks are used again.
 *
 * A function needs the memory that the function before it gave back. Asking the
 * platform for it each time costs more than compiling (new pages are mapped,
 * cleared and faulted in), so each worker keeps what its arenas put back, up to
 * a bound, and gives it out again. The limit counts kept chunks, too, and is
 * shared by all workers.
 */
#ifndef COMPILER_MEMORY_H
#define COMPILER_MEMORY_H

#include "lib/arena.h"

#include <stddef.h>

/* What all workers of a compilation may take together. */
struct compiler_budget {
	const struct arena_source *from; /* for any thread that compiles */
	size_t left;			 /* bytes; atomic */
};

enum { COMPILER_MEMORY_CLASSES = 13 }; /* 4 KiB to 16 MiB */

/* The memory of one worker. Does not move after compiler_memory_init. */
struct compiler_memory {
	/* For arenas. What it gives out is not zero-filled. */
	struct arena_source source;
	struct compiler_budget *budget;
	void *kept[COMPILER_MEMORY_CLASSES]; /* list of chunks of 4096 << index bytes */
	size_t kept_bytes;
};

void compiler_memory_init(struct compiler_memory *memory, struct compiler_budget *budget);

/* Gives back what is kept. The arenas over it must be empty. */
void compiler_memory_drop(struct compiler_memory *memory);

#endif
