/*
 * The kernel heap.
 *
 * A slab is one page: a head, then objects of one size class. A slab with free
 * objects is in its class's list; a full one is in no list; an empty one goes
 * back to the platform unless it is the class's last, which is kept. A
 * pointer's slab is found by clearing its low 12 bits, so anything over the
 * largest class is whole pages and never page-internal.
 *
 * Freed runs of a few pages are kept for reuse up to CACHE_BYTES_MAX in all:
 * compiling takes and returns the same few chunks for every function, and the
 * platform's way is long.
 */
#include "kernel/mm/heap.h"

#include "kernel/init/panic.h"
#include "kernel/port/memory.h"
#include "kernel/sched/lock.h"
#include "lib/list.h"
#include "lib/string.h"

#include <stdbool.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define HEAP_POISON(at, size)	__asan_poison_memory_region(at, size)
#define HEAP_UNPOISON(at, size) __asan_unpoison_memory_region(at, size)
#else
#define HEAP_POISON(at, size)	((void)0)
#define HEAP_UNPOISON(at, size) ((void)0)
#endif

struct heap_free_object {
	struct heap_free_object *next;
};

struct slab {
	struct list_link link;	       /* in its class's `partial`, or alone */
	struct heap_free_object *free; /* first free object */
	uint32_t used;		       /* objects given out */
	uint32_t class_idx;
};
enum { SLAB_BYTES = PORT_PAGE_BYTES, SLAB_HEAD = 48 };
_Static_assert(sizeof(struct slab) <= SLAB_HEAD, "objects follow the head");

/* Sizes that fill a page well; multiples of 16. */
static const uint16_t class_sizes[] = { 32,  48,  64,  96,  128,  192,	256,
					336, 448, 576, 800, 1008, 1344, 2016 };
enum {
	CLASS_COUNT = sizeof class_sizes / sizeof class_sizes[0],
	CLASS_UNIT = 16,
	CLASS_BYTES_MOST = 2016,
};

enum {
	MUCH_BYTES = 1024 * 1024, /* from here on others may run meanwhile */
	ANY_CONTENT = 0xa5,	  /* in debug builds: who believes in zeroes finds these */
	CACHE_RUNS = 64,	  /* of 1 to 64 pages */
	CACHE_BYTES_MAX = 4 * 1024 * 1024,
};

static struct {
	struct spinlock lock;
	/* Under the lock: */
	bool ready;
	struct heap_free_object *cache[CACHE_RUNS]; /* free runs, not zeroed */
	size_t cache_bytes;
	struct list_link partial[CLASS_COUNT];
	uint8_t class_of_unit[CLASS_BYTES_MOST / CLASS_UNIT + 1]; /* once ready */
	struct heap_info info;
	uint64_t fail_after;
} heap = { .lock = SPINLOCK_INIT(LOCK_RANK_HEAP), .fail_after = UINT64_MAX };

static void
heap_prepare_locked(void)
{
	if (heap.ready)
		return;
	for (uint32_t i = 0, unit = 0; i < CLASS_COUNT; i++) {
		list_init(&heap.partial[i]);
		for (; unit * CLASS_UNIT <= class_sizes[i]; unit++)
			heap.class_of_unit[unit] = (uint8_t)i;
	}
	heap.ready = true;
}

/* The smallest class of at least `size` bytes; CLASS_COUNT: whole pages. */
static inline uint32_t
class_of(size_t size)
{
	return size <= CLASS_BYTES_MOST ? heap.class_of_unit[(size + CLASS_UNIT - 1) / CLASS_UNIT]
					: CLASS_COUNT;
}

static size_t
page_round(size_t size)
{
	return (size + PORT_PAGE_BYTES - 1) & ~(size_t)(PORT_PAGE_BYTES - 1);
}

/* The cache's list for runs of `size` bytes; CACHE_RUNS: they are not kept. */
static uint32_t
cache_of(size_t size)
{
	size_t pages = size / PORT_PAGE_BYTES;

	return pages <= CACHE_RUNS ? (uint32_t)pages - 1 : CACHE_RUNS;
}

/* *is_zero tells whether the pages are known to be zero. */
static void *
pages_get_locked(size_t size, bool *is_zero)
{
	uint32_t run = cache_of(size);
	void *pages;

	*is_zero = run == CACHE_RUNS || !heap.cache[run];
	if (!*is_zero) {
		pages = heap.cache[run];
		HEAP_UNPOISON(pages, size);
		heap.cache[run] = heap.cache[run]->next;
		heap.cache_bytes -= size;
		return pages;
	}
	if (port_pages_get(size, &pages) != NB_OK)
		return NULL;
	heap.info.page_bytes += size;
	return pages;
}

static void
pages_put_locked(void *pages, size_t size)
{
	uint32_t run = cache_of(size);

	if (run < CACHE_RUNS && heap.cache_bytes + size <= CACHE_BYTES_MAX) {
		struct heap_free_object *free = pages;

		free->next = heap.cache[run];
		heap.cache[run] = free;
		heap.cache_bytes += size;
		HEAP_POISON((uint8_t *)pages + sizeof *free, size - sizeof *free);
		return;
	}
	port_pages_put(pages, size);
	heap.info.page_bytes -= size;
}

static void
cache_empty_locked(void)
{
	for (uint32_t i = 0; i < CACHE_RUNS; i++) {
		size_t size = (size_t)PORT_PAGE_BYTES * (i + 1);

		while (heap.cache[i]) {
			struct heap_free_object *free = heap.cache[i];

			heap.cache[i] = free->next;
			HEAP_UNPOISON(free, size);
			port_pages_put(free, size);
			heap.info.page_bytes -= size;
		}
	}
	heap.cache_bytes = 0;
}

static struct slab *
slab_create_locked(uint32_t class_idx)
{
	size_t size = class_sizes[class_idx], at = SLAB_HEAD;
	bool is_zero;
	struct slab *slab = pages_get_locked(SLAB_BYTES, &is_zero);

	if (!slab)
		return NULL;
	slab->free = NULL;
	slab->used = 0;
	list_init(&slab->link);
	slab->class_idx = class_idx;
	do { /* of every class at least one object fits */
		struct heap_free_object *object = (void *)((uint8_t *)slab + at);

		object->next = slab->free;
		slab->free = object;
		HEAP_POISON((uint8_t *)object + sizeof *object, size - sizeof *object);
		at += size;
	} while (at + size <= SLAB_BYTES);
	list_push_front(&heap.partial[class_idx], &slab->link);
	return slab;
}

static void
slab_destroy_locked(struct slab *slab)
{
	list_remove(&slab->link);
	HEAP_UNPOISON(slab, SLAB_BYTES);
	pages_put_locked(slab, SLAB_BYTES);
}

static void *
small_alloc_locked(uint32_t class_idx)
{
	struct list_link *partial = &heap.partial[class_idx];
	struct slab *slab = list_is_empty(partial) ? slab_create_locked(class_idx)
						   : list_entry(partial->next, struct slab, link);
	struct heap_free_object *object;

	if (!slab)
		return NULL;
	object = slab->free;
	slab->free = object->next;
	slab->used++;
	if (!slab->free)
		list_remove(&slab->link);
	HEAP_UNPOISON(object, class_sizes[class_idx]);
	return object;
}

static void
small_free_locked(void *memory, uint32_t class_idx)
{
	struct slab *slab = (void *)((uintptr_t)memory & ~(uintptr_t)(SLAB_BYTES - 1));
	struct heap_free_object *object = memory;
	struct list_link *partial = &heap.partial[class_idx];

	if (slab->class_idx != class_idx || slab->used == 0)
		panic("heap_free of %p with a wrong size", memory);
	if (!slab->free)
		list_push_front(partial, &slab->link);
	object->next = slab->free;
	slab->free = object;
	slab->used--;
	HEAP_POISON((uint8_t *)object + sizeof *object, class_sizes[class_idx] - sizeof *object);
	if (slab->used == 0 && partial->next != partial->prev)
		slab_destroy_locked(slab);
}

/* Whether a test wants this allocation to fail. */
static bool
must_fail_locked(void)
{
	if (heap.fail_after == UINT64_MAX || heap.fail_after-- > 0)
		return false;
	heap.fail_after = 0;
	return true;
}

static void
count_locked(size_t size)
{
	heap.info.live_bytes += size;
	heap.info.live_count++;
}

/* *is_zero tells whether the memory is known to be zero. */
static void *
take(size_t size, bool *is_zero)
{
	void *memory = NULL;
	uint32_t class_idx;

	*is_zero = false;
	spinlock_lock(&heap.lock);
	heap_prepare_locked();
	class_idx = class_of(size);
	if (must_fail_locked())
		memory = NULL;
	else if (class_idx < CLASS_COUNT)
		memory = small_alloc_locked(class_idx);
	else if (size <= SIZE_MAX - PORT_PAGE_BYTES)
		memory = pages_get_locked(page_round(size), is_zero);
	if (memory)
		count_locked(size);
	spinlock_unlock(&heap.lock);
	return memory;
}

void *
heap_alloc(size_t size)
{
	bool is_zero;
	void *memory = take(size, &is_zero);

	if (memory && !is_zero)
		memset(memory, 0, size);
	return memory;
}

void *
heap_alloc_any(size_t size)
{
	bool is_zero;
	void *memory = take(size, &is_zero);

#ifdef NB_DEBUG
	if (memory)
		memset(memory, ANY_CONTENT, size);
#endif
	return memory;
}

void
heap_free(void *memory, size_t size)
{
	uint32_t class_idx = class_of(size);

	if (!memory)
		return;
	spinlock_lock(&heap.lock);
	if (class_idx < CLASS_COUNT)
		small_free_locked(memory, class_idx);
	else
		pages_put_locked(memory, page_round(size));
	heap.info.live_bytes -= size;
	heap.info.live_count--;
	spinlock_unlock(&heap.lock);
}

void *
heap_alloc_much(size_t size)
{
	void *memory;
	bool must_fail;

	if (size < MUCH_BYTES)
		return heap_alloc_any(size);
	spinlock_lock(&heap.lock);
	must_fail = must_fail_locked();
	spinlock_unlock(&heap.lock);
	if (must_fail || size > SIZE_MAX - PORT_PAGE_BYTES ||
	    port_many_pages_get(page_round(size), &memory) != NB_OK)
		return NULL;
	spinlock_lock(&heap.lock);
	heap.info.page_bytes += page_round(size);
	count_locked(size);
	spinlock_unlock(&heap.lock);
	return memory;
}

void
heap_free_much(void *memory, size_t size)
{
	if (!memory || size < MUCH_BYTES) {
		heap_free(memory, size);
		return;
	}
	port_many_pages_put(memory, page_round(size));
	spinlock_lock(&heap.lock);
	heap.info.page_bytes -= page_round(size);
	heap.info.live_bytes -= size;
	heap.info.live_count--;
	spinlock_unlock(&heap.lock);
}

void
heap_info_get(struct heap_info *out)
{
	spinlock_lock(&heap.lock);
	*out = heap.info;
	spinlock_unlock(&heap.lock);
}

void
heap_trim(void)
{
	struct list_link *link, *after;

	spinlock_lock(&heap.lock);
	heap_prepare_locked();
	for (uint32_t i = 0; i < CLASS_COUNT; i++) {
		list_for_each_safe(link, after, &heap.partial[i])
		{
			struct slab *slab = list_entry(link, struct slab, link);

			if (slab->used == 0)
				slab_destroy_locked(slab);
		}
	}
	cache_empty_locked();
	spinlock_unlock(&heap.lock);
}

void
heap_fail_after(uint64_t count)
{
	spinlock_lock(&heap.lock);
	heap.fail_after = count;
	spinlock_unlock(&heap.lock);
}
