/*
 * Stacks of the hosted platform.
 *
 * Address space is reserved in regions of equal spans, each with a stack at its upper
 * end and guard below. Accessible is at first what most stacks never exceed; the
 * fault handler makes more of it so, and port_stack_commit. So who ends need not ask the
 * host to take back what was never touched: a released stack that has not grown is zeroed
 * and kept as it is. Regions are only ever appended, with region_count published
 * last, and a span's entries belong to its stack's owner, so that fault handlers read
 * them without the lock.
 */
#include "kernel/port/memory.h"

#include "platform/hosted/account.h"
#include "platform/hosted/stack.h"

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <string.h>
#include <sys/mman.h>

enum {
	GUARD_BYTES = 1 << 20,
	SPAN_BYTES = 8 << 20,
	SPANS_PER_REGION = 64,
	REGIONS_MAX = 1024,
	FIRST_BYTES = 16 * 1024, /* accessible from the start, and in the pool */
	POOL_MOST = 64,
	COUNTED_MOST = 64 * 1024,
};

struct span {
	uint64_t limit;	     /* lowest usable address; 0: no stack is here */
	uint64_t accessible; /* from here to the top */
};

struct region {
	uint64_t start;
	uint64_t free_mask; /* bit k: span k is free; under the lock */
	struct span spans[SPANS_PER_REGION];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct region *regions[REGIONS_MAX];
static uint32_t region_count;	     /* read without the lock, too */
static uint64_t pool_top[POOL_MOST]; /* under the lock: spans accessible as at first, zero */
static uint32_t pool_count;

/* The span with `address` in it, and where it ends; NULL: there is none. */
static struct span *
span_at(uint64_t address, uint64_t *out_top)
{
	uint32_t count = __atomic_load_n(&region_count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < count; i++) {
		uint64_t offset = address - regions[i]->start;

		if (offset >= (uint64_t)SPANS_PER_REGION * SPAN_BYTES)
			continue;
		*out_top = regions[i]->start + (offset / SPAN_BYTES + 1) * SPAN_BYTES;
		return &regions[i]->spans[offset / SPAN_BYTES];
	}
	return NULL;
}

static struct region *
region_with_free_span_locked(void)
{
	uint32_t count = region_count;
	struct region *region;
	void *at;

	for (uint32_t i = 0; i < count; i++) {
		if (regions[i]->free_mask)
			return regions[i];
	}
	if (count == REGIONS_MAX)
		return NULL;
	at = hosted_reserve((size_t)SPANS_PER_REGION * SPAN_BYTES);
	if (!at)
		return NULL;
	region = mmap(NULL, sizeof *region, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (region == MAP_FAILED) {
		hosted_unmap(at, (size_t)SPANS_PER_REGION * SPAN_BYTES);
		return NULL;
	}
	*region = (struct region){ .start = (uint64_t)(uintptr_t)at, .free_mask = UINT64_MAX };
	regions[count] = region;
	__atomic_store_n(&region_count, count + 1, __ATOMIC_RELEASE);
	return region;
}

/* Makes the span's stack accessible from `address` on, which is page-aligned. */
static bool
extend(struct span *span, uint64_t address)
{
	if (address >= span->accessible)
		return true;
	if (mprotect((void *)(uintptr_t)address, span->accessible - address,
		     PROT_READ | PROT_WRITE) != 0)
		return false;
	span->accessible = address;
	return true;
}

static uint64_t
first_accessible(uint64_t limit, uint64_t top)
{
	return top - limit < FIRST_BYTES ? limit : top - FIRST_BYTES;
}

/* An empty span; or 0. */
static uint64_t
span_take(void)
{
	struct region *region;
	uint64_t top = 0;

	pthread_mutex_lock(&lock);
	if (pool_count) {
		top = pool_top[--pool_count];
	} else if ((region = region_with_free_span_locked())) {
		uint32_t k = (uint32_t)__builtin_ctzll(region->free_mask);

		region->free_mask &= region->free_mask - 1;
		top = region->start + (uint64_t)(k + 1) * SPAN_BYTES;
		region->spans[k] = (struct span){ 0, top };
	}
	pthread_mutex_unlock(&lock);
	return top;
}

/* Takes back a span of which [accessible, top) may have been written. */
static void
span_give(struct span *span, uint64_t top)
{
	uint64_t first = top - FIRST_BYTES;
	bool is_kept;

	if (span->accessible < first) {
		hosted_decommit((void *)(uintptr_t)span->accessible, first - span->accessible);
		span->accessible = first;
	}
	memset((void *)(uintptr_t)span->accessible, 0, top - span->accessible);
	span->limit = 0;
	pthread_mutex_lock(&lock);
	is_kept = pool_count < POOL_MOST;
	if (is_kept)
		pool_top[pool_count++] = top;
	pthread_mutex_unlock(&lock);
	if (is_kept)
		return;
	hosted_decommit((void *)(uintptr_t)span->accessible, top - span->accessible);
	pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < region_count; i++) {
		if (top - 1 - regions[i]->start < (uint64_t)SPANS_PER_REGION * SPAN_BYTES)
			regions[i]->free_mask |= 1ull << (span - regions[i]->spans);
	}
	pthread_mutex_unlock(&lock);
}

/* What of a stack counts as given out: the host backs what is touched, which of most
 * stacks is a few pages at the top. */
static size_t
counted(size_t size)
{
	return size < COUNTED_MOST ? size : COUNTED_MOST;
}

enum nb_status
port_stack_create(size_t size, struct port_stack *out)
{
	enum nb_status status;
	struct span *span;
	uint64_t top, unused;

	if (size == 0 || size % PORT_PAGE_BYTES || size > SPAN_BYTES - GUARD_BYTES)
		return NB_INVALID_ARGUMENT;
	status = hosted_account_take(counted(size));
	if (status != NB_OK)
		return status;
	top = span_take();
	if (!top) {
		hosted_account_give(counted(size));
		return NB_OUT_OF_MEMORY;
	}
	span = span_at(top - 1, &unused);
	*out = (struct port_stack){ top - SPAN_BYTES, top - size, top };
	/* A smaller stack than the pool's has guard where those are accessible. */
	if (span->accessible < out->limit) {
		hosted_decommit((void *)(uintptr_t)span->accessible, out->limit - span->accessible);
		span->accessible = out->limit;
	}
	if (!extend(span, first_accessible(out->limit, top))) {
		span_give(span, top);
		hosted_account_give(counted(size));
		return NB_OUT_OF_MEMORY;
	}
	__atomic_store_n(&span->limit, out->limit, __ATOMIC_RELEASE);
	hosted_account_live(HOSTED_STACK, 1);
	return NB_OK;
}

void
port_stack_destroy(const struct port_stack *stack)
{
	uint64_t top;
	struct span *span = span_at(stack->top - 1, &top);

	ASAN_UNPOISON_MEMORY_REGION((void *)(uintptr_t)stack->limit, stack->top - stack->limit);
	span_give(span, top);
	hosted_account_give(counted(stack->top - stack->limit));
	hosted_account_live(HOSTED_STACK, -1);
}

enum nb_status
port_stack_commit(const struct port_stack *stack, uint64_t address)
{
	uint64_t top;

	if (address < stack->limit || address > stack->top)
		return NB_OUT_OF_MEMORY;
	address &= ~(uint64_t)(PORT_PAGE_BYTES - 1);
	return extend(span_at(stack->top - 1, &top), address) ? NB_OK : NB_OUT_OF_MEMORY;
}

enum hosted_stack_fault
hosted_stack_extend(uint64_t address)
{
	uint64_t top, limit, wanted;
	struct span *span = span_at(address, &top);

	if (!span)
		return HOSTED_STACK_NONE;
	limit = __atomic_load_n(&span->limit, __ATOMIC_ACQUIRE);
	if (limit == 0 || address < limit || address >= span->accessible)
		return HOSTED_STACK_NONE;
	/* Four times as much: who goes deep takes few faults. */
	wanted = top - (top - address) / PORT_PAGE_BYTES * PORT_PAGE_BYTES * 4;
	if (wanted < limit || wanted > top)
		wanted = limit;
	if (wanted > address)
		wanted = address & ~(uint64_t)(PORT_PAGE_BYTES - 1);
	return extend(span, wanted) ? HOSTED_STACK_EXTENDED : HOSTED_STACK_REFUSED;
}
