/*
 * Kernel pages, areas, stacks and guest copies of the hosted platform: one
 * mmap each. Slots are in slot.c, code in code_range.c.
 */
#include "kernel/port/memory.h"

#include "platform/hosted/account.h"

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <string.h>
#include <sys/mman.h>

enum {
	STACK_GUARD_BYTES = 1 << 20,
	STACK_POOL_MOST = 64,
	STACK_COUNTED_MOST = 64 * 1024,
	STACK_KEPT_BYTES = 16 * 1024, /* at the top of a pooled stack: zeroed, not given back */
};

/* Stacks that nobody has: zero, and accessible. */
static struct {
	pthread_mutex_t lock;
	uint32_t count;
	struct port_stack stacks[STACK_POOL_MOST];
} stack_pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

static enum nb_status
make_accessible(void *at, size_t size)
{
	if (size && mprotect(at, size, PROT_READ | PROT_WRITE) != 0)
		return NB_OUT_OF_MEMORY;
	return NB_OK;
}

enum nb_status
port_pages_get(size_t size, void **out)
{
	enum nb_status status = hosted_account_take(size);
	if (status != NB_OK)
		return status;
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED) {
		hosted_account_give(size);
		return NB_OUT_OF_MEMORY;
	}
	*out = pages;
	return NB_OK;
}

void
port_pages_put(void *pages, size_t size)
{
	hosted_unmap(pages, size);
	hosted_account_give(size);
}

/* The made-up devices of tests see memory as it is. */
bool
port_device_address(const void *pages, size_t size, uint64_t *out)
{
	(void)size;
	*out = (uint64_t)(uintptr_t)pages;
	return true;
}

/* Shared with the host's eyes, so that mremap gives the same pages a second
 * address. */
enum nb_status
port_shared_pages_get(size_t size, void **out)
{
	enum nb_status status = hosted_account_take(size);
	if (status != NB_OK)
		return status;
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED) {
		hosted_account_give(size);
		return NB_OUT_OF_MEMORY;
	}
	*out = pages;
	return NB_OK;
}

void
port_shared_pages_put(void *pages, size_t size)
{
	port_pages_put(pages, size);
}

/* In the page before an area: no page of one is committed twice, so a count
 * is all that the accounting needs. */
struct area_head {
	size_t committed_bytes;
};

static struct area_head *
area_head(void *area)
{
	return (struct area_head *)(void *)((uint8_t *)area - PORT_PAGE_BYTES);
}

enum nb_status
port_area_reserve(size_t size, void **out)
{
	enum nb_status status = hosted_account_take(0);
	if (status != NB_OK)
		return status;
	uint8_t *at = hosted_reserve(size + PORT_PAGE_BYTES);
	if (!at)
		return NB_OUT_OF_MEMORY;
	status = make_accessible(at, PORT_PAGE_BYTES);
	if (status != NB_OK) {
		hosted_unmap(at, size + PORT_PAGE_BYTES);
		return status;
	}
	hosted_account_live(HOSTED_AREA, 1);
	*out = at + PORT_PAGE_BYTES;
	return NB_OK;
}

enum nb_status
port_area_commit(void *area, size_t offset, size_t size)
{
	enum nb_status status = hosted_account_take(size);
	if (status != NB_OK)
		return status;
	status = make_accessible((uint8_t *)area + offset, size);
	if (status != NB_OK) {
		hosted_account_give(size);
		return status;
	}
	area_head(area)->committed_bytes += size;
	return NB_OK;
}

void
port_area_decommit(void *area, size_t offset, size_t size)
{
	hosted_decommit((uint8_t *)area + offset, size);
	hosted_account_give(size);
	area_head(area)->committed_bytes -= size;
}

void
port_area_release(void *area, size_t size)
{
	hosted_account_give(area_head(area)->committed_bytes);
	hosted_account_live(HOSTED_AREA, -1);
	hosted_unmap(area_head(area), size + PORT_PAGE_BYTES);
}

static bool
stack_pool_take(size_t size, struct port_stack *out)
{
	bool is_found = false;

	pthread_mutex_lock(&stack_pool.lock);
	for (uint32_t i = stack_pool.count; i-- > 0 && !is_found;) {
		is_found = stack_pool.stacks[i].top - stack_pool.stacks[i].limit == size;
		if (is_found) {
			*out = stack_pool.stacks[i];
			stack_pool.stacks[i] = stack_pool.stacks[--stack_pool.count];
		}
	}
	pthread_mutex_unlock(&stack_pool.lock);
	return is_found;
}

/* False: the pool is full. */
static bool
stack_pool_give(const struct port_stack *stack)
{
	uint64_t kept = stack->top - STACK_KEPT_BYTES;
	bool is_kept;

	if (kept < stack->limit)
		kept = stack->limit;
	memset((void *)(uintptr_t)kept, 0, stack->top - kept);
	if (kept > stack->limit &&
	    madvise((void *)(uintptr_t)stack->limit, kept - stack->limit, MADV_DONTNEED) != 0)
		return false;
	pthread_mutex_lock(&stack_pool.lock);
	is_kept = stack_pool.count < STACK_POOL_MOST;
	if (is_kept)
		stack_pool.stacks[stack_pool.count++] = *stack;
	pthread_mutex_unlock(&stack_pool.lock);
	return is_kept;
}

/* What of a stack counts as given out: the host backs what is touched, which of most
 * stacks is a few pages at the top. */
static size_t
stack_counted(size_t size)
{
	return size < STACK_COUNTED_MOST ? size : STACK_COUNTED_MOST;
}

enum nb_status
port_stack_create(size_t size, struct port_stack *out)
{
	enum nb_status status = hosted_account_take(stack_counted(size));
	if (status != NB_OK)
		return status;
	if (stack_pool_take(size, out)) {
		hosted_account_live(HOSTED_STACK, 1);
		return NB_OK;
	}
	uint8_t *guard = hosted_reserve(size + STACK_GUARD_BYTES);
	if (!guard) {
		hosted_account_give(stack_counted(size));
		return NB_OUT_OF_MEMORY;
	}
	status = make_accessible(guard + STACK_GUARD_BYTES, size);
	if (status != NB_OK) {
		hosted_unmap(guard, size + STACK_GUARD_BYTES);
		hosted_account_give(stack_counted(size));
		return status;
	}
	out->guard = (uint64_t)(uintptr_t)guard;
	out->limit = out->guard + STACK_GUARD_BYTES;
	out->top = out->limit + size;
	hosted_account_live(HOSTED_STACK, 1);
	return NB_OK;
}

void
port_stack_destroy(const struct port_stack *stack)
{
	ASAN_UNPOISON_MEMORY_REGION((void *)(uintptr_t)stack->limit, stack->top - stack->limit);
	if (!stack_pool_give(stack))
		hosted_unmap((void *)(uintptr_t)stack->guard, stack->top - stack->guard);
	hosted_account_give(stack_counted(stack->top - stack->limit));
	hosted_account_live(HOSTED_STACK, -1);
}

/* The host backs every accessible page by itself. */
enum nb_status
port_stack_commit(const struct port_stack *stack, uint64_t address)
{
	return address >= stack->limit && address <= stack->top ? NB_OK : NB_OUT_OF_MEMORY;
}
