/*
 * Thread stacks: 64 MiB of addresses each, the stack at the upper end, guard
 * all the way below it. Pages appear on first touch.
 */
#include "arch/x86_64/priv/demand.h"
#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/memory.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/range.h"
#include "arch/x86_64/priv/space.h"

#include "kernel/port/memory.h"

#define STACK_SPAN    (1ull << MAP_STACK_SHIFT)
#define STACK_GUARD   (1ull << 20)
#define STACK_RECORDS (MAP_RECORDS_BASE + (1ull << 30))

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

enum nb_status
port_stack_create(size_t size, struct port_stack *out)
{
	uint32_t number;
	struct stack *stack;
	enum nb_status status;

	if (size == 0 || size % PORT_PAGE_BYTES || size > STACK_SPAN - STACK_GUARD)
		return NB_INVALID_ARGUMENT;
	status = index_take(&pool, &number);
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

void
port_stack_destroy(const struct port_stack *given)
{
	struct stack *stack = stack_at(given->guard);

	check_that(stack && stack->is_live && stack->limit == given->limit);
	__atomic_store_n(&stack->is_live, 0, __ATOMIC_RELEASE);
	space_release(given->limit, given->top - given->limit);
	index_give(&pool, (uint32_t)((given->guard - MAP_STACK_BASE) >> MAP_STACK_SHIFT));
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
stack_covers(uint64_t address)
{
	return address >= MAP_STACK_BASE && address < MAP_STACK_END;
}

enum demand
stack_demand(uint64_t address)
{
	const struct stack *stack = stack_at(address);

	if (!stack || !__atomic_load_n(&stack->is_live, __ATOMIC_ACQUIRE) || address < stack->limit)
		return DEMAND_REFUSED;
	return demand_map_zeroed(address);
}

uint64_t
stacks_live(void)
{
	return pool.live;
}
