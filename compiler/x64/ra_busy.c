/*
 * Which registers are busy where.
 *
 * ra_busy: a tree over points with a mask of all 32 registers in every node,
 * so that one query answers for all of them at once. `full` marks registers
 * busy at all points below a node because one range covers them; `any` those
 * busy at some point below or through `full` of the node itself. Nodes above
 * are not reflected in nodes below, hence queries also look upward. The last
 * node of a level may have fewer children; the top level has one node.
 *
 * ra_reg_index: the ranges in one register as a list in order of points, with
 * buckets of 64 points to enter it and a hierarchy of bits over the buckets to
 * find the nearest one that is not empty. Ranges in a register are disjoint.
 */
#include "compiler/x64/ra_state.h"

enum { FIXED_WALK = 12 }; /* marked points looked at one by one */

enum nb_status
ra_busy_init(struct ra *ra, struct ra_busy *busy)
{
	size_t count = 2 * (size_t)ra->line_count + 2;

	busy->levels = 0;
	do {
		uint32_t level = busy->levels++;

		busy->any[level] = arena_new_array(ra->scratch, uint32_t, count);
		busy->full[level] = busy->any[level];
		if (level > 0)
			busy->full[level] = arena_new_array(ra->scratch, uint32_t, count);
		if (busy->any[level] == NULL || busy->full[level] == NULL)
			return NB_OUT_OF_MEMORY;
		if (count == 1)
			break;
		count = (count + RA_BUSY_FAN - 1) / RA_BUSY_FAN;
	} while (busy->levels < RA_BUSY_LEVELS);
	return NB_OK;
}

enum nb_status
ra_fixed_init(struct ra *ra)
{
	ra->fixed.next =
		arena_alloc(ra->scratch, (2 * (size_t)ra->line_count + 3) * sizeof(uint32_t),
			    _Alignof(uint32_t));
	if (ra->fixed.next == NULL)
		return NB_OUT_OF_MEMORY;
	return ra_busy_init(ra, &ra->fixed.tree);
}

void
ra_fixed_mark(struct ra *ra, uint32_t point, uint32_t mask)
{
	ra->fixed.tree.any[0][point] = mask;
}

void
ra_fixed_finish(struct ra *ra)
{
	uint32_t **any = ra->fixed.tree.any;
	uint32_t count = 2 * ra->line_count + 2;
	uint32_t next = count;

	ra->fixed.next[count] = next;
	for (uint32_t i = count; i-- > 0;) {
		if (any[0][i] != 0)
			next = i;
		ra->fixed.next[i] = next;
		ra->fixed.all |= any[0][i];
	}
	for (uint32_t level = 1; level < ra->fixed.tree.levels; level++) {
		for (uint32_t i = 0; i < count; i++)
			any[level][i / RA_BUSY_FAN] |= any[level - 1][i];
		count = (count + RA_BUSY_FAN - 1) / RA_BUSY_FAN;
	}
}

/* What lies within the points, without what covers whole nodes above them. */
static uint32_t
query_below(const struct ra_busy *busy, uint32_t low, uint32_t high)
{
	uint32_t mask = 0;

	for (uint32_t level = 0; low < high; level++) {
		const uint32_t *any = busy->any[level];

		while (low < high && low % RA_BUSY_FAN != 0)
			mask |= any[low++];
		while (low < high && high % RA_BUSY_FAN != 0)
			mask |= any[--high];
		low /= RA_BUSY_FAN;
		high /= RA_BUSY_FAN;
	}
	return mask;
}

/* Most ranges have no marked point or few of them, or soon all registers. */
uint32_t
ra_fixed_query(const struct ra *ra, uint32_t from, uint32_t to)
{
	const struct ra_fixed *fixed = &ra->fixed;
	uint32_t mask = 0;
	uint32_t at = fixed->next[from];

	for (uint32_t i = 0; i < FIXED_WALK; i++) {
		if (at >= to)
			return mask;
		mask |= fixed->tree.any[0][at];
		if (mask == fixed->all)
			return mask;
		at = fixed->next[at + 1];
	}
	return at < to ? mask | query_below(&fixed->tree, at, to) : mask;
}

uint32_t
ra_busy_query(const struct ra_busy *busy, uint32_t from, uint32_t to)
{
	uint32_t mask = query_below(busy, from, to);
	uint32_t first = from, last = to - 1;

	for (uint32_t level = 1; level < busy->levels; level++) {
		first /= RA_BUSY_FAN;
		last /= RA_BUSY_FAN;
		mask |= busy->full[level][first] | busy->full[level][last];
	}
	return mask;
}

static void
busy_add(struct ra_busy *busy, uint32_t from, uint32_t to, uint32_t bit)
{
	uint32_t low = from, high = to;
	uint32_t first = from, last = to - 1;

	for (uint32_t level = 0; low < high; level++) {
		uint32_t *any = busy->any[level], *full = busy->full[level];

		for (; low < high && low % RA_BUSY_FAN != 0; low++) {
			any[low] |= bit;
			full[low] |= bit;
		}
		while (low < high && high % RA_BUSY_FAN != 0) {
			--high;
			any[high] |= bit;
			full[high] |= bit;
		}
		low /= RA_BUSY_FAN;
		high /= RA_BUSY_FAN;
	}
	for (uint32_t level = 1; level < busy->levels; level++) {
		first /= RA_BUSY_FAN;
		last /= RA_BUSY_FAN;
		busy->any[level][first] |= bit;
		busy->any[level][last] |= bit;
	}
}

static void
refresh_node(struct ra_busy *busy, uint32_t level, uint32_t node, uint32_t child_end)
{
	const uint32_t *below = busy->any[level - 1];
	uint32_t mask = busy->full[level][node];
	uint32_t end = (node + 1) * RA_BUSY_FAN;

	if (end > child_end)
		end = child_end;
	for (uint32_t i = node * RA_BUSY_FAN; i < end; i++)
		mask |= below[i];
	busy->any[level][node] = mask;
}

static void
busy_remove(struct ra_busy *busy, uint32_t points, uint32_t from, uint32_t to, uint32_t bit)
{
	uint32_t low = from, high = to;
	uint32_t first = from, last = to - 1;
	uint32_t count = points;

	for (uint32_t level = 0; low < high; level++) {
		uint32_t *any = busy->any[level], *full = busy->full[level];

		for (; low < high && low % RA_BUSY_FAN != 0; low++) {
			any[low] &= ~bit;
			full[low] &= ~bit;
		}
		while (low < high && high % RA_BUSY_FAN != 0) {
			--high;
			any[high] &= ~bit;
			full[high] &= ~bit;
		}
		low /= RA_BUSY_FAN;
		high /= RA_BUSY_FAN;
	}
	for (uint32_t level = 1; level < busy->levels; level++) {
		first /= RA_BUSY_FAN;
		last /= RA_BUSY_FAN;
		refresh_node(busy, level, first, count);
		if (last != first)
			refresh_node(busy, level, last, count);
		count = (count + RA_BUSY_FAN - 1) / RA_BUSY_FAN;
	}
}

enum nb_status
ra_index_init(struct ra *ra)
{
	size_t buckets = (2 * (size_t)ra->line_count >> RA_BUCKET_SHIFT) + 1;

	for (uint32_t flat = 0; flat < RA_REGS; flat++) {
		struct ra_reg_index *index = &ra->index[flat];
		size_t count = buckets;

		if ((ra->fn->allocatable[flat / RA_REGS_PER_CLASS] >> flat % RA_REGS_PER_CLASS &
		     1) == 0)
			continue;
		index->bucket = arena_new_array(ra->scratch, uint32_t, buckets);
		if (index->bucket == NULL)
			return NB_OUT_OF_MEMORY;
		ra->index_levels = 0;
		do {
			count = (count + 63) / 64;
			index->bits[ra->index_levels] =
				arena_new_array(ra->scratch, uint64_t, count);
			if (index->bits[ra->index_levels++] == NULL)
				return NB_OUT_OF_MEMORY;
		} while (count > 1);
	}
	return NB_OK;
}

/* The last nonempty bucket before `bucket`, or RA_NONE. */
static uint32_t
previous_bucket(const struct ra *ra, const struct ra_reg_index *index, uint32_t bucket)
{
	uint32_t at = bucket;

	for (uint32_t level = 0; level < ra->index_levels; level++, at /= 64) {
		uint64_t word = index->bits[level][at / 64] & ((UINT64_C(1) << at % 64) - 1);

		if (word == 0)
			continue;
		at = at / 64 * 64 + 63 - (uint32_t)__builtin_clzll(word);
		while (level-- > 0)
			at = at * 64 + 63 - (uint32_t)__builtin_clzll(index->bits[level][at]);
		return at;
	}
	return RA_NONE;
}

/* The next nonempty bucket behind `bucket`, or RA_NONE. */
static uint32_t
next_bucket(const struct ra *ra, const struct ra_reg_index *index, uint32_t bucket)
{
	uint32_t at = bucket;

	for (uint32_t level = 0; level < ra->index_levels; level++, at /= 64) {
		uint64_t word = 0;

		if (at % 64 != 63)
			word = index->bits[level][at / 64] & (UINT64_MAX << (at % 64 + 1));
		if (word == 0)
			continue;
		at = at / 64 * 64 + (uint32_t)__builtin_ctzll(word);
		while (level-- > 0)
			at = at * 64 + (uint32_t)__builtin_ctzll(index->bits[level][at]);
		return at;
	}
	return RA_NONE;
}

static inline bool
bucket_is_empty(const struct ra_reg_index *index, uint32_t bucket)
{
	return (index->bits[0][bucket / 64] >> bucket % 64 & 1) == 0;
}

/* The last range that begins at or before `point`, or RA_NONE. */
static uint32_t
find_before(const struct ra *ra, uint32_t flat, uint32_t point)
{
	const struct ra_reg_index *index = &ra->index[flat];
	uint32_t bucket = point >> RA_BUCKET_SHIFT;
	uint32_t range, next;

	if (bucket_is_empty(index, bucket) || ra->ranges[index->bucket[bucket]].from > point) {
		bucket = previous_bucket(ra, index, bucket);
		if (bucket == RA_NONE)
			return RA_NONE;
	}
	range = index->bucket[bucket];
	for (;;) {
		next = ra->ranges[range].reg_next;
		if (next == RA_NONE || ra->ranges[next].from > point)
			return range;
		range = next;
	}
}

uint32_t
ra_index_find(const struct ra *ra, uint32_t flat, uint32_t from)
{
	const struct ra_reg_index *index = &ra->index[flat];
	uint32_t range = find_before(ra, flat, from);
	uint32_t bucket = from >> RA_BUCKET_SHIFT;

	if (range != RA_NONE)
		return ra->ranges[range].to > from ? range : ra->ranges[range].reg_next;
	if (bucket_is_empty(index, bucket))
		bucket = next_bucket(ra, index, bucket);
	return bucket == RA_NONE ? RA_NONE : index->bucket[bucket];
}

void
ra_index_insert(struct ra *ra, uint32_t flat, uint32_t range)
{
	struct ra_reg_index *index = &ra->index[flat];
	struct ra_range *r = &ra->ranges[range];
	uint32_t bucket = r->from >> RA_BUCKET_SHIFT;
	uint32_t before = find_before(ra, flat, r->from);
	uint32_t after =
		before == RA_NONE ? ra_index_find(ra, flat, r->from) : ra->ranges[before].reg_next;
	uint32_t at = bucket;

	r->reg_prev = before;
	r->reg_next = after;
	if (before != RA_NONE)
		ra->ranges[before].reg_next = range;
	if (after != RA_NONE)
		ra->ranges[after].reg_prev = range;
	if (bucket_is_empty(index, bucket) || ra->ranges[index->bucket[bucket]].from > r->from)
		index->bucket[bucket] = range;
	for (uint32_t level = 0; level < ra->index_levels; level++, at /= 64)
		index->bits[level][at / 64] |= UINT64_C(1) << at % 64;
	busy_add(&ra->busy, r->from, r->to, 1u << flat);
}

void
ra_index_remove(struct ra *ra, uint32_t flat, uint32_t range)
{
	struct ra_reg_index *index = &ra->index[flat];
	struct ra_range *r = &ra->ranges[range];
	uint32_t bucket = r->from >> RA_BUCKET_SHIFT;
	uint32_t after = r->reg_next;

	if (r->reg_prev != RA_NONE)
		ra->ranges[r->reg_prev].reg_next = after;
	if (after != RA_NONE)
		ra->ranges[after].reg_prev = r->reg_prev;
	busy_remove(&ra->busy, 2 * ra->line_count + 2, r->from, r->to, 1u << flat);
	if (index->bucket[bucket] != range)
		return;
	if (after != RA_NONE && ra->ranges[after].from >> RA_BUCKET_SHIFT == bucket) {
		index->bucket[bucket] = after;
		return;
	}
	for (uint32_t level = 0, at = bucket; level < ra->index_levels; level++, at /= 64) {
		index->bits[level][at / 64] &= ~(UINT64_C(1) << at % 64);
		if (index->bits[level][at / 64] != 0)
			break;
	}
}
