/*
 * Address ranges and numbered records; see range.h.
 */
#include "arch/x86_64/priv/range.h"

#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/space.h"

struct range_node {
	struct range_node *next;
	uint64_t base;
};

static unsigned
shift_of(uint64_t size)
{
	unsigned shift = RANGE_SHIFT_LEAST;

	/* One page more than asked for stays unmapped behind every range. */
	while (shift <= RANGE_SHIFT_MOST && 1ull << shift < size + SPACE_PAGE)
		shift++;
	return shift;
}

static bool
spares_refill(struct range_region *region)
{
	uint64_t frame = frame_alloc_zeroed();
	struct range_node *nodes;

	if (frame == FRAME_NONE)
		return false;
	nodes = map_direct(frame);
	for (size_t i = 0; i < FRAME_BYTES / sizeof *nodes; i++) {
		nodes[i].next = region->spare;
		region->spare = &nodes[i];
	}
	frames_note_kept(1);
	return true;
}

/* `spare` holds nodes for ranges in use plus those never used; a node is in
 * `returned` while its range is. So a return always finds a node. */
static enum nb_status
reserve_locked(struct range_region *region, unsigned shift, uint64_t *out)
{
	struct range_node *node = region->returned[shift];
	uint64_t size = 1ull << shift;
	uint64_t base = (region->next + size - 1) & ~(size - 1);

	if (node) {
		region->returned[shift] = node->next;
		node->next = region->spare;
		region->spare = node;
		*out = node->base;
		return NB_OK;
	}
	if (base > region->end || region->end - base < size)
		return NB_OUT_OF_MEMORY;
	if (region->unbacked == 0) {
		if (!spares_refill(region))
			return NB_OUT_OF_MEMORY;
		region->unbacked = FRAME_BYTES / sizeof *node;
	}
	region->unbacked--;
	region->next = base + size;
	*out = base;
	return NB_OK;
}

enum nb_status
range_reserve(struct range_region *region, uint64_t size, uint64_t *out)
{
	unsigned shift = shift_of(size);
	enum nb_status status;

	if (shift > RANGE_SHIFT_MOST)
		return NB_OUT_OF_MEMORY;
	lock_take(&region->lock);
	status = reserve_locked(region, shift, out);
	lock_drop(&region->lock);
	return status;
}

void
range_return(struct range_region *region, uint64_t address, uint64_t size)
{
	unsigned shift = shift_of(size);
	struct range_node *node;

	lock_take(&region->lock);
	node = region->spare;
	check_that(node != NULL && shift <= RANGE_SHIFT_MOST);
	region->spare = node->next;
	node->base = address;
	node->next = region->returned[shift];
	region->returned[shift] = node;
	lock_drop(&region->lock);
}

void *
index_record(const struct index_pool *pool, uint64_t index)
{
	if (index >= __atomic_load_n(&pool->used_to, __ATOMIC_ACQUIRE))
		return NULL;
	return (void *)(uintptr_t)(pool->records + index * pool->record_bytes);
}

static enum nb_status
take_locked(struct index_pool *pool, uint32_t *out)
{
	if (pool->first_returned) {
		uint32_t *link;

		*out = pool->first_returned - 1;
		link = index_record(pool, *out);
		pool->first_returned = *link;
		return NB_OK;
	}
	if (pool->used_to == pool->limit)
		return NB_OUT_OF_MEMORY;
	if (pool->used_to == pool->ready_to) {
		uint32_t per_page = (uint32_t)SPACE_PAGE / pool->record_bytes;
		uint64_t page = pool->records + (uint64_t)pool->ready_to * pool->record_bytes;

		if (space_populate(page, SPACE_PAGE, SPACE_WRITE, 0) != NB_OK)
			return NB_OUT_OF_MEMORY;
		frames_note_kept(1);
		pool->ready_to += per_page;
	}
	*out = pool->used_to;
	__atomic_store_n(&pool->used_to, *out + 1, __ATOMIC_RELEASE);
	return NB_OK;
}

enum nb_status
index_take(struct index_pool *pool, uint32_t *out)
{
	enum nb_status status;

	lock_take(&pool->lock);
	status = take_locked(pool, out);
	if (status == NB_OK)
		pool->live++;
	lock_drop(&pool->lock);
	return status;
}

void
index_give(struct index_pool *pool, uint32_t index)
{
	uint32_t *link;

	lock_take(&pool->lock);
	link = index_record(pool, index);
	check_that(link != NULL && pool->live > 0);
	*link = pool->first_returned;
	pool->first_returned = index + 1;
	pool->live--;
	lock_drop(&pool->lock);
}

void
index_note_live(struct index_pool *pool, int change)
{
	lock_take(&pool->lock);
	pool->live += (uint32_t)change;
	lock_drop(&pool->lock);
}
