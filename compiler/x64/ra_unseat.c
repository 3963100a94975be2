/*
 * Registers in loops for those that the loop needs most.
 *
 * A bundle weighs what it costs over its whole length. One that is used before a loop
 * and lives through it may so outweigh another that is used in the loop only, and keep
 * a register there that it has little need of. When the other finds none, the two are
 * compared inside the loop alone: if the longer one loses, it gives up its register and is
 * split, so that from then on each part is judged by itself. That ends, since a part
 * inside the loop weighs less than who took its register.
 */
#include "compiler/x64/ra_state.h"

/* How much less another one must weigh inside the loop: being split has its price. */
static const float unseat_factor = 4.0f;

/* What a bundle that lies in one loop does about others that are longer. */
struct contest {
	uint32_t from, to; /* points of the loop */
	uint32_t losers[RA_EVICT_CONFLICTS];
	uint32_t count;
	float weight; /* of the heaviest of them, inside the loop */
};

static bool
is_loser(const struct contest *contest, uint32_t bundle)
{
	for (uint32_t i = 0; i < contest->count; i++)
		if (contest->losers[i] == bundle)
			return true;
	return false;
}

/* Finds who holds `flat` where the bundle wants it; false if one of them has a weight of
 * `limit` or more inside the loop, too. */
static bool
find_losers(const struct ra *ra, const struct ra_bundle *b, uint32_t flat, float limit,
	    struct contest *contest)
{
	contest->count = 0;
	contest->weight = 0;
	for (uint32_t r = b->first_range; r != RA_NONE; r = ra->ranges[r].next) {
		const struct ra_range *range = &ra->ranges[r];
		uint32_t at = ra_index_find(ra, flat, range->from);

		for (; at != RA_NONE && ra->ranges[at].from < range->to;
		     at = ra->ranges[at].reg_next) {
			uint32_t other = ra->ranges[at].bundle;
			float weight = ra->bundles[other].weight;

			if (ra->bundles[other].is_minimal)
				return false;
			if (is_loser(contest, other))
				continue;
			if (weight >= limit)
				weight = unseat_factor *
					 ra_bundle_weight_in(ra, other, contest->from, contest->to);
			if (weight >= limit || contest->count == RA_EVICT_CONFLICTS)
				return false;
			contest->losers[contest->count++] = other;
			if (weight > contest->weight)
				contest->weight = weight;
		}
	}
	return true;
}

/* Takes a register inside a loop from bundles that weigh more, but not in that loop: they
 * are split, so that each part is judged by itself. */
enum nb_status
ra_unseat(struct ra *ra, uint32_t bundle, uint32_t candidates, bool *done)
{
	const struct ra_bundle *b = &ra->bundles[bundle];
	uint32_t first = ra->ranges[b->first_range].from / 2, last = first, loop;
	struct contest contest, best = { .count = 0, .weight = b->weight };
	uint32_t best_flat = RA_NO_REG;
	float limit = b->weight;
	enum nb_status status = NB_OK;

	*done = false;
	for (uint32_t r = b->first_range; r != RA_NONE; r = ra->ranges[r].next)
		last = (ra->ranges[r].to - 1) / 2;
	loop = ra_loop_common(ra, ra->line_block[first], ra->line_block[last]);
	if (loop == RA_NONE || b->evictions > RA_EVICTIONS_MAX)
		return NB_OK;
	contest.from = 2 * ra_block_entry(ra, ra->loops[loop].header);
	contest.to = 2 * ra_block_end(ra, ra->loops[loop].end_block - 1);
	for (uint32_t left = candidates; left != 0; left &= left - 1) {
		uint32_t flat = (uint32_t)__builtin_ctz(left);

		if (!find_losers(ra, b, flat, best.weight, &contest))
			continue;
		best = contest;
		best_flat = flat;
	}
	if (best_flat == RA_NO_REG)
		return NB_OK;
	*done = true;
	for (uint32_t i = 0; i < best.count; i++) {
		struct ra_bundle *loser = &ra->bundles[best.losers[i]];

		ra_give_up_register(ra, best.losers[i]);
		if (loser->evictions < UINT8_MAX)
			loser->evictions++;
	}
	ra_take_register(ra, bundle, best_flat);
	for (uint32_t i = 0; i < best.count && status == NB_OK; i++) {
		uint32_t loser = best.losers[i];

		status = ra->bundles[loser].weight < limit ? ra_queue_push(ra, loser)
							   : ra_split(ra, loser);
	}
	return status;
}
