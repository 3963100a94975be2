/*
 * Memory objects: ranges of bytes that handles name.
 *
 * A memory object owns zeroed pages, or shows read-only bytes that exist for
 * ever, such as the initial RAM disk.
 */
#ifndef KERNEL_OBJECT_MEMORY_H
#define KERNEL_OBJECT_MEMORY_H

#include "kernel/object/object.h"

#include <stdbool.h>

struct memory {
	struct object object;
	uint8_t *bytes;	    /* constant pointer */
	uint64_t size;	    /* bytes; constant */
	size_t owned_bytes; /* pages to give back; 0: `bytes` exist for ever */
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

static inline struct memory *
memory_of(struct object *object)
{
	return (struct memory *)object;
}

#endif
