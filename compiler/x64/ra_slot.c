/*
 * Spill slots. Each family that has something in memory needs one slot (two
 * adjacent ones for vectors) from the start of the first of its values that is
 * spilled to the end of the last; families whose stretches do not overlap share
 * one, if they are of the same class and width: so places never overlap partly,
 * and the moves of one class never wait for those of the other. Pairs come first,
 * so that they begin at even slots: vectors in memory are aligned. In a large frame the
 * slots that most instructions address get the lowest numbers, whose offsets take one byte.
 */
#include "compiler/x64/ra_state.h"
#include "lib/sort.h"

enum {
	POOLS = 3,	 /* general registers, scalars and vectors of the other class */
	NEAR_SLOTS = 16, /* so many are addressed with short offsets */
};

/* Slots in use, as a heap by the point they fall free. */
struct pool {
	uint32_t *heap; /* families whose slots these are */
	uint32_t count;
};

static bool
starts_before(const void *context, uint32_t a, uint32_t b)
{
	const struct ra *ra = context;

	return ra->families[a].slot_from < ra->families[b].slot_from;
}

static bool
ends_before(const struct ra *ra, uint32_t a, uint32_t b)
{
	return ra->families[a].slot_to < ra->families[b].slot_to;
}

static void
pool_push(const struct ra *ra, struct pool *pool, uint32_t family)
{
	uint32_t at = pool->count++;

	for (; at > 0 && ends_before(ra, family, pool->heap[(at - 1) / 2]); at = (at - 1) / 2)
		pool->heap[at] = pool->heap[(at - 1) / 2];
	pool->heap[at] = family;
}

static void
pool_drop_first(const struct ra *ra, struct pool *pool)
{
	uint32_t last = pool->heap[--pool->count];
	uint32_t at = 0;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= pool->count)
			break;
		if (child + 1 < pool->count &&
		    ends_before(ra, pool->heap[child + 1], pool->heap[child]))
			child++;
		if (!ends_before(ra, pool->heap[child], last))
			break;
		pool->heap[at] = pool->heap[child];
		at = child;
	}
	pool->heap[at] = last;
}

/* Widens each family's stretch by its values that are in memory somewhere. */
static void
find_stretches(struct ra *ra)
{
	for (uint32_t v = 0; v < ra->fn->vreg_count; v++) {
		uint32_t first = ra->vreg_first_range[v], last = first;
		struct ra_family *family;
		bool is_spilled = false;

		if (first == ra->vreg_first_range[v + 1] || ra->vreg_is_remat[v])
			continue;
		family = &ra->families[ra->vreg_family[v]];
		for (uint32_t r = first; r != RA_NONE; r = ra->ranges[r].vreg_next) {
			is_spilled |= ra->bundles[ra->ranges[r].bundle].state == RA_SPILLED;
			last = r;
		}
		if (!is_spilled)
			continue;
		if (ra->ranges[first].from < family->slot_from)
			family->slot_from = ra->ranges[first].from;
		if (ra->ranges[last].to > family->slot_to)
			family->slot_to = ra->ranges[last].to;
	}
}

/* Assigns the families of so many slots, in the order of their starts. */
static void
assign_width(struct ra *ra, struct pool pools[POOLS], const uint32_t *order, uint32_t count,
	     uint32_t slots)
{
	for (uint32_t i = 0; i < count; i++) {
		struct ra_family *family = &ra->families[order[i]];
		struct pool *pool = &pools[family->class_ == RA_GPR ? 0 : family->slots];

		if (family->slots != slots)
			continue;
		if (pool->count != 0 && ra->families[pool->heap[0]].slot_to <= family->slot_from) {
			family->slot = ra->families[pool->heap[0]].slot;
			pool_drop_first(ra, pool);
		} else {
			family->slot = ra->result->slot_count;
			ra->result->slot_count += slots;
		}
		pool_push(ra, pool, order[i]);
	}
}

/* Roughly how many instructions address each slot. */
static void
count_addresses(const struct ra *ra, uint32_t *counts)
{
	for (uint32_t v = 0; v < ra->fn->vreg_count; v++) {
		uint32_t first = ra->vreg_first_range[v];
		uint32_t slot;

		if (first == ra->vreg_first_range[v + 1] || ra->vreg_is_remat[v])
			continue;
		slot = ra->families[ra->vreg_family[v]].slot;
		if (slot == RA_NONE)
			continue;
		/* In a register: a load or a store; in memory: what uses it there. */
		for (uint32_t r = first; r != RA_NONE; r = ra->ranges[r].vreg_next) {
			const struct ra_range *range = &ra->ranges[r];
			bool is_spilled = ra->bundles[range->bundle].state == RA_SPILLED;

			counts[slot] += is_spilled ? range->end_use - range->first_use : 1;
		}
	}
}

static bool
has_more_addresses(const void *context, uint32_t a, uint32_t b)
{
	const uint32_t *counts = context;

	return counts[a] > counts[b];
}

/* Numbers the single slots, which are those from `first` on, by how often they occur. */
static enum nb_status
renumber_slots(struct ra *ra, uint32_t first)
{
	uint32_t count = ra->result->slot_count;
	uint32_t *counts = arena_new_array(ra->scratch, uint32_t, count);
	uint32_t *order = arena_new_array(ra->scratch, uint32_t, count);
	uint32_t *number = arena_new_array(ra->scratch, uint32_t, count);

	if (counts == NULL || order == NULL || number == NULL)
		return NB_OUT_OF_MEMORY;
	count_addresses(ra, counts);
	for (uint32_t slot = first; slot < count; slot++)
		order[slot - first] = slot;
	sort_indices(order, number, count - first, has_more_addresses, counts);
	for (uint32_t i = first; i < count; i++)
		number[order[i - first]] = i;
	for (uint32_t f = 0; f < ra->family_count; f++)
		if (ra->families[f].slot != RA_NONE && ra->families[f].slots == 1)
			ra->families[f].slot = number[ra->families[f].slot];
	return NB_OK;
}

enum nb_status
ra_slot_assign(struct ra *ra)
{
	uint32_t *order = arena_new_array(ra->scratch, uint32_t, ra->family_count);
	uint32_t *sort_scratch = arena_new_array(ra->scratch, uint32_t, ra->family_count);
	struct pool pools[POOLS] = { { 0 } };
	uint32_t count = 0, first_single;

	if (order == NULL || sort_scratch == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < POOLS; i++) {
		pools[i].heap = arena_new_array(ra->scratch, uint32_t, ra->family_count);
		if (pools[i].heap == NULL)
			return NB_OUT_OF_MEMORY;
	}
	find_stretches(ra);
	for (uint32_t f = 0; f < ra->family_count; f++)
		if (ra->families[f].slot_from != RA_NONE)
			order[count++] = f;
	sort_indices(order, sort_scratch, count, starts_before, ra);
	assign_width(ra, pools, order, count, 2);
	first_single = ra->result->slot_count;
	assign_width(ra, pools, order, count, 1);
	if (ra->result->slot_count <= NEAR_SLOTS)
		return NB_OK;
	return renumber_slots(ra, first_single);
}
