/*
 * The kernel heap: small objects from page-sized slabs, large ones as pages.
 *
 * Everything the kernel allocates for itself comes from here, so that one
 * place counts it and tests can make it fail. The caller remembers the size
 * and passes it back. Does not sleep; may be called with any lock but the
 * heap's own held. What says so gives way to others where much is asked for, and is
 * called without a lock.
 */
#ifndef KERNEL_MM_HEAP_H
#define KERNEL_MM_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* `size` zeroed bytes, 16-aligned (4096-aligned from one page on); NULL when
 * memory is exhausted. Size 0 is like 1. */
void *heap_alloc(size_t size);
/* The same of any content. */
void *heap_alloc_any(size_t size);
/* Takes back what they gave for that size; NULL is allowed. */
void heap_free(void *memory, size_t size);
/* The same as heap_alloc_any and heap_free, giving way. */
void *heap_alloc_much(size_t size);
void heap_free_much(void *memory, size_t size);

#define heap_new(type)	     ((type *)heap_alloc(sizeof(type)))
#define heap_delete(pointer) heap_free((pointer), sizeof *(pointer))

struct heap_info {
	uint64_t live_bytes; /* asked for and not yet given back */
	uint64_t live_count;
	uint64_t page_bytes; /* taken from the platform */
};
void heap_info_get(struct heap_info *out);

/* Gives empty slabs back to the platform (they are kept for reuse otherwise). */
void heap_trim(void);

/* For tests: makes heap_alloc fail after `count` further successes, until
 * called with UINT64_MAX. */
void heap_fail_after(uint64_t count);

#endif
