/*
 * Memory objects: ranges of bytes that handles name.
 *
 * A memory object owns zeroed pages, or shows read-only bytes that exist for
 * ever, such as the initial RAM disk,
 * or device registers, or is a part of a DMA resource.
 */
#ifndef KERNEL_OBJECT_MEMORY_H
#define KERNEL_OBJECT_MEMORY_H

#include "kernel/object/object.h"

#include <stdbool.h>

struct resource;

struct memory {
	struct object object;
	uint8_t *bytes;	    /* constant pointer */
	uint64_t size;	    /* bytes; constant */
	size_t owned_bytes; /* pages to give back, or 0 */
	bool is_device;	    /* registers: can only be mapped; `bytes` is not to be touched */
	/* DMA: what `bytes` are a part of, and go back to; owns a reference. Else NULL. */
	struct resource *resource;
};

extern const struct object_type memory_type;

enum { MEMORY_SIZE_MAX = 1 << 30 };

/* `size` zero bytes, rounded up to pages, with one reference. NB_OUT_OF_RANGE
 * for 0 and over MEMORY_SIZE_MAX, NB_OUT_OF_MEMORY, NB_LIMIT_EXCEEDED. */
NB_MUST_USE enum nb_status
memory_create(struct account *account, uint64_t size, struct memory **out);
/* Shows bytes[0..size), which live for ever and are not written. */
NB_MUST_USE enum nb_status memory_create_view(struct account *account, const uint8_t *bytes,
					      uint64_t size, struct memory **out);

/* Shows whole pages of device registers, which exist for ever. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status memory_create_device(struct account *account, const void *pages,
						uint64_t size, struct memory **out);
/* `size` zero bytes, rounded up to pages, of a DMA resource, in a row for devices at
 * *out_address. NB_OUT_OF_RANGE, NB_LIMIT_EXCEEDED, NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status
memory_create_dma(struct account *account, struct resource *resource, uint64_t size,
		  struct memory **out, uint64_t *out_address);

static inline struct memory *
memory_of(struct object *object)
{
	return (struct memory *)object;
}

/* Nobody writes the bytes, ever: neither a process that maps them nor a device. */
static inline bool
memory_is_constant(const struct memory *memory)
{
	return !memory->owned_bytes && !memory->is_device && !memory->resource;
}

#endif
