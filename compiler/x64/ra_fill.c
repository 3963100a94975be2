/*
 * Filling: registers that nobody wants any more keep what they hold.
 *
 * While bundles take registers from each other, one that found none is cut where
 * registers were free at that time. Later others give up theirs, and in the end a value is
 * often loaded in one place, and loaded again a little further on although the
 * register that had it has stayed free. Once everybody has a place, each piece
 * of a value that is in memory and follows a piece of it in a register stays in that
 * register up to its last use in the block that finds it free; and if that leads up to
 * the next piece in a register, a lone use there takes the same one.
 *
 *	load r1 <- slot           load r1 <- slot
 *	use r1                    use r1
 *	...                       ...           (r1 free)
 *	load r2 <- slot           use r1
 *	use r2
 *
 * Within one block that never costs anything: it saves a load for each use.
 */
#include "compiler/x64/ra_state.h"

struct fill {
	struct ra *ra;
	uint32_t *before; /* per range that there was at first: the one before of its value */
	uint32_t range_count;
};

static bool
is_in_register(const struct ra *ra, uint32_t range)
{
	return ra->bundles[ra->ranges[range].bundle].state == RA_IN_REG;
}

static bool
is_free(const struct ra *ra, uint32_t flat, const struct ra_range *range, uint32_t from,
	uint32_t to)
{
	uint32_t mask = ra_busy_query(&ra->busy, from, to);

	return ((mask | ra_range_fixed(ra, range, from, to)) >> flat & 1) == 0;
}

/* The point up to which the use needs its value where it is. */
static uint32_t
use_end(const struct ra_use *use)
{
	return use->kind == RA_USE_COPY ? 2 * use->line : 2 * use->line + use->to;
}

/* Up to which point `range`, which is in memory, had better stay in `flat`, which has the
 * value before it; its beginning if that would save nothing. */
static uint32_t
find_end(const struct ra *ra, const struct ra_range *range, uint32_t flat)
{
	uint32_t block = ra->line_block[range->from / 2];
	uint32_t block_end = 2 * ra_block_end(ra, block), end = range->from;
	uint32_t next = range->vreg_next;

	for (uint32_t u = range->first_use; u < range->end_use; u++) {
		const struct ra_use *use = &ra->uses[u];
		uint32_t to = use_end(use);

		/* What is passed on in memory may be wanted there. */
		if (to > block_end || to > range->to || use->kind == RA_USE_ARG ||
		    ra_use_is_def(use))
			return end;
		if (to <= end)
			continue;
		if (!is_free(ra, flat, range, end, to))
			return end;
		end = to;
	}
	if (end == range->to || range->to >= block_end || next == RA_NONE ||
	    ra->ranges[next].from != range->to || !is_in_register(ra, next) ||
	    !is_free(ra, flat, range, end, range->to))
		return end;
	return range->to;
}

/* A lone use whose value comes to it in `flat` takes it from there. */
static void
follow(struct ra *ra, uint32_t range, uint32_t flat)
{
	uint32_t bundle;

	if (range == RA_NONE)
		return;
	bundle = ra->ranges[range].bundle;
	if (!ra->bundles[bundle].is_minimal || ra->bundles[bundle].reg == flat ||
	    !is_in_register(ra, range) || (ra->bundles[bundle].fixed >> flat & 1) != 0 ||
	    !is_free(ra, flat, &ra->ranges[range], ra->ranges[range].from, ra->ranges[range].to))
		return;
	ra_give_up_register(ra, bundle);
	ra_take_register(ra, bundle, flat);
}

static enum nb_status
fill_bundle(struct fill *fill, uint32_t bundle)
{
	struct ra *ra = fill->ra;
	struct ra_cut cut = { bundle, RA_NONE };
	uint32_t next;

	for (uint32_t r = ra->bundles[bundle].first_range; r != RA_NONE; r = next) {
		uint32_t from = ra->ranges[r].from, before, flat, end, piece, behind;
		enum nb_status status;

		next = ra->ranges[r].next;
		before = r < fill->range_count ? fill->before[r] : RA_NONE;
		if (before == RA_NONE || ra->ranges[before].to != from ||
		    !is_in_register(ra, before) ||
		    ra->line_block[from / 2] != ra->line_block[(from - 1) / 2])
			continue;
		flat = ra->bundles[ra->ranges[before].bundle].reg;
		end = find_end(ra, &ra->ranges[r], flat);
		if (end == from)
			continue;
		behind = end == ra->ranges[r].to ? ra->ranges[r].vreg_next : RA_NONE;
		status = ra_bundle_cut(ra, &cut, from, end, &piece);
		if (status != NB_OK)
			return status;
		ra_bundle_measure(ra, piece);
		ra_take_register(ra, piece, flat);
		follow(ra, behind, flat);
	}
	return NB_OK;
}

enum nb_status
ra_fill(struct ra *ra)
{
	struct fill fill = { .ra = ra, .range_count = ra->range_count };
	uint32_t count = ra->bundle_count;
	enum nb_status status = NB_OK;

	fill.before =
		arena_alloc(ra->scratch, ra->range_count * sizeof(uint32_t), _Alignof(uint32_t));
	if (fill.before == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t r = 0; r < ra->range_count; r++)
		fill.before[r] = RA_NONE;
	for (uint32_t r = 0; r < ra->range_count; r++)
		if (ra->ranges[r].vreg_next != RA_NONE)
			fill.before[ra->ranges[r].vreg_next] = r;
	for (uint32_t b = 0; b < count && status == NB_OK; b++)
		if (ra->bundles[b].state == RA_SPILLED &&
		    !ra->families[ra->bundles[b].family].is_remat)
			status = fill_bundle(&fill, b);
	return status;
}
