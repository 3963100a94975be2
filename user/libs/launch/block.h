/*
 * A startup block (abi/startup.h) under construction in a fixed buffer.
 */
#ifndef USER_LIBS_LAUNCH_BLOCK_H
#define USER_LIBS_LAUNCH_BLOCK_H

#include "abi/startup.h"

#include <stdbool.h>
#include <stdint.h>

struct block {
	uint8_t *bytes; /* 8-aligned, owned by the caller */
	uint32_t size;
	uint32_t capacity;
	bool is_full; /* something did not fit and was left out */
};

/* An empty block in bytes[0..capacity). */
void block_init(struct block *block, void *bytes, uint32_t capacity);

/* Appends a record with `len` bytes of contents. */
void block_add(struct block *block, uint16_t kind, const void *contents, uint32_t len);

/* Appends a HANDLE record. */
void block_add_handle(struct block *block, const char *name, uint32_t handle);

/* Appends a copy of a record of another block. */
void block_add_record(struct block *block, const struct nb_startup_record *record);

#endif
