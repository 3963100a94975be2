/* A bump allocator over memory.grow; see heap.h. */
#include "user/sdk/heap.h"

#include <stddef.h>

#define WASM_PAGE 65536u
#define ALIGNMENT 16u

static uint32_t heap_next; /* address of the first free byte */
static uint32_t heap_end;  /* address behind the last one */

void *
heap_take(uint32_t len)
{
	uint32_t pages, start;
	size_t grown;

	if (len > UINT32_MAX - WASM_PAGE - ALIGNMENT)
		return NULL;
	len = (len + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (len > heap_end - heap_next) {
		pages = (len + WASM_PAGE - 1) / WASM_PAGE;
		grown = __builtin_wasm_memory_grow(0, pages);
		if (grown == SIZE_MAX)
			return NULL;
		start = (uint32_t)grown * WASM_PAGE;
		/* Pages that do not continue the old ones begin a new region. */
		if (start != heap_end)
			heap_next = start;
		heap_end = start + pages * WASM_PAGE;
	}
	start = heap_next;
	heap_next += len;
	return (void *)(uintptr_t)start;
}
