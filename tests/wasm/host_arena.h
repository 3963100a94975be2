/*
 * Test support: arenas over the C library's heap, with chunk counting and
 * failure on demand; and whole files.
 */
#ifndef TESTS_WASM_HOST_ARENA_H
#define TESTS_WASM_HOST_ARENA_H

#include "lib/arena.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct host_arena {
	struct arena_source source;
	struct arena arena;
	size_t chunks;	      /* outstanding */
	size_t requests;      /* so far */
	size_t fail_at;	      /* the request with this number fails; SIZE_MAX: none */
	bool fail_ever_after; /* and so do those that follow it */
};

static inline void *
host_chunk_get(void *context, size_t size)
{
	struct host_arena *host = context;
	size_t number = host->requests++;
	void *chunk;

	if (number == host->fail_at || (host->fail_ever_after && number > host->fail_at))
		return NULL;
	chunk = aligned_alloc(4096, size);
	if (!chunk)
		return NULL;
	memset(chunk, 0, size);
	host->chunks++;
	return chunk;
}

static inline void
host_chunk_put(void *context, void *chunk, size_t size)
{
	struct host_arena *host = context;

	(void)size;
	host->chunks--;
	free(chunk);
}

static inline void
host_arena_init(struct host_arena *host, size_t limit_bytes)
{
	*host = (struct host_arena){ .fail_at = SIZE_MAX };
	host->source = (struct arena_source){ host_chunk_get, host_chunk_put, host };
	arena_init(&host->arena, &host->source, limit_bytes);
}

/* The contents of a file in memory of exactly that size, so that sanitizers
 * see reads behind its end; NULL if it cannot be read. */
static inline uint8_t *
host_read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = NULL;
	long size;

	if (!file)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0) {
		rewind(file);
		bytes = malloc(size > 0 ? (size_t)size : 1);
		if (bytes && fread(bytes, 1, (size_t)size, file) != (size_t)size) {
			free(bytes);
			bytes = NULL;
		}
		*len = (size_t)size;
	}
	fclose(file);
	return bytes;
}

#endif
