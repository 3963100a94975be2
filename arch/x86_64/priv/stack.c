/*
 * Thread stacks: 64 MiB of addresses each, the stack at the upper end, guard
 * all the way below it. Pages appear on first touch.
 */
#include "arch/x86_64/priv/demand.h"
#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/memory.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/pool.h"
#include "arch/x86_64/priv/range.h"
#include "arch/x86_64/priv/space.h"

#include "kernel/port/memory.h"

#define STACK_SPAN    (1ull << MAP_STACK_SHIFT)
#define STACK_GUARD   (1ull << 20)
#define STACK_RECORDS (MAP_RECORDS_BASE + (1ull << 30))

/* What a pooled stack keeps: pages at its top, and the one table that no other shares. */
enum { POOLED_PAGES = 2, POOLED_TABLES = 1 };

struct stack {
	uint32_t link; /* of the index pool, while not live */
	uint32_t is_live;
	uint64_t limit; /* lowest usable address */
};

static struct index_pool pool = {
	.lock = LOCK_INIT(LOCK_RANK_RECORDS),
	.records = STACK_RECORDS,
	.record_bytes = sizeof(struct stack),
	.limit = MAP_STACK_COUNT,
};

static struct pool stack_pool = { .lock = LOCK_INIT(LOCK_RANK_RECORDS) };

/* A pooled stack, or a new one. */
static enum nb_status
take(size_t size, uint32_t *out_number)
{
	struct pool_item item;
	uint64_t top;

	if (!pool_take(&stack_pool, &item))
		return index_take(&pool, out_number);
	top = MAP_STACK_BASE + (item.number + 1) * STACK_SPAN;
	if (item.kept.end && item.kept.start < top - size)
		space_discard(top - SPACE_PAGE, &item.kept);
	index_note_live(&pool, 1);
	*out_number = item.number;
	return NB_OK;
}

enum nb_status
port_stack_create(size_t size, struct port_stack *out)
{
	uint32_t number;
	struct stack *stack;
	enum nb_status status;

	if (size == 0 || size % PORT_PAGE_BYTES || size > STACK_SPAN - STACK_GUARD)
		return NB_INVALID_ARGUMENT;
	status = take(size, &number);
	if (status != NB_OK)
		return status;
	out->guard = MAP_STACK_BASE + number * STACK_SPAN;
	out->top = out->guard + STACK_SPAN;
	out->limit = out->top - size;
	stack = index_record(&pool, number);
	stack->limit = out->limit;
	__atomic_store_n(&stack->is_live, 1, __ATOMIC_RELEASE);
	return NB_OK;
}

static struct stack *
stack_at(uint64_t address)
{
	return index_record(&pool, (address - MAP_STACK_BASE) >> MAP_STACK_SHIFT);
}

/* False: it must be released. */
static bool
give_pooled(const struct port_stack *stack, uint32_t number)
{
	struct pool_item item = { .number = number };
	uint64_t last = stack->top - SPACE_LARGE;

	if (frames_are_scarce())
		return false;
	if (stack->limit < last)
		space_release(stack->limit, last - stack->limit);
	else
		last = stack->limit;
	if (!space_recycle(last, stack->top - last, POOLED_PAGES, true, POOLED_TABLES, &item.kept))
		return false;
	if (pool_give(&stack_pool, &item)) {
		index_note_live(&pool, -1);
		return true;
	}
	space_discard(stack->top - SPACE_PAGE, &item.kept);
	return false;
}

void
port_stack_destroy(const struct port_stack *given)
{
	uint32_t number = (uint32_t)((given->guard - MAP_STACK_BASE) >> MAP_STACK_SHIFT);
	struct stack *stack = index_record(&pool, number);

	check_that(stack && stack->is_live && stack->limit == given->limit);
	__atomic_store_n(&stack->is_live, 0, __ATOMIC_RELEASE);
	if (give_pooled(given, number))
		return;
	space_release(given->limit, given->top - given->limit);
	index_give(&pool, number);
}

enum nb_status
port_stack_commit(const struct port_stack *stack, uint64_t address)
{
	uint64_t physical;

	check_that(address >= stack->limit && address <= stack->top);
	for (uint64_t at = address & ~(SPACE_PAGE - 1); at < stack->top; at += SPACE_PAGE) {
		if (!space_lookup(at, &physical) && demand_map_zeroed(at) != DEMAND_SERVED)
			return NB_OUT_OF_MEMORY;
	}
	return NB_OK;
}

bool
stacks_drain(void)
{
	struct pool_item item;
	bool any = false;

	while (pool_take(&stack_pool, &item)) {
		space_discard(MAP_STACK_BASE + (item.number + 1) * STACK_SPAN - SPACE_PAGE,
			      &item.kept);
		index_note_live(&pool, 1);
		index_give(&pool, item.number);
		any = true;
	}
	return any;
}

bool
stack_covers(uint64_t address)
{
	return address >= MAP_STACK_BASE && address < MAP_STACK_END;
}

/* The kernel's own code goes on with the last frames: it cannot be refused one. */
enum demand
stack_demand(uint64_t address, bool is_guests)
{
	const struct stack *stack = stack_at(address);

	if (!stack || !__atomic_load_n(&stack->is_live, __ATOMIC_ACQUIRE) || address < stack->limit)
		return DEMAND_REFUSED;
	if (is_guests && !memory_has_frame_for_guest())
		return DEMAND_NO_MEMORY;
	return demand_map_zeroed(address);
}

uint64_t
stacks_live(void)
{
	return pool.live;
}
