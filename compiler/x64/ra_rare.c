/*
 * Cutting rare blocks out of a bundle that found no register.
 *
 * A call destroys most registers, and a piece of a bundle is a stretch of lines;
 * so a value that lives across a call would have to be loaded behind it even by
 * those who go past the call on another way. Where a block with such an instruction
 * runs less often than the uses around it, the bundle gives up the block: what it
 * holds there becomes a piece of its own, and the store and the load stand on the
 * edges to and from the block.
 */
#include "compiler/x64/ra_state.h"

enum {
	RARE_MAX = 48,	   /* pieces cut at once */
	RARE_LOOKED = 512, /* blocks looked at for one bundle */
};

/* A block runs rarely that runs less than so much of the most frequent use. */
static const float rare_share = 0.75f;

/* Nothing is cut out of a bundle none of whose uses runs that often per call: the moves
 * on the edges take more code than they save time. */
static const float worth_frequency = 1.2f;

/* Points of blocks one behind the other that destroy the registers and run rarely. */
struct rare {
	uint32_t from, to;
};

/* All that have been found. Those between two frequent uses are cut if together they
 * run less often than either of the uses, and are dropped otherwise. */
struct rares {
	const struct ra *ra;
	struct rare list[RARE_MAX];
	uint32_t count;
	uint32_t gap;	/* those from here on are behind the last frequent use met */
	float total;	/* their frequency */
	uint32_t spot;	/* the next of ra->spots */
	float before;	/* frequency of the last frequent use met; infinite: there was none */
	float frequent; /* uses of at least this frequency */
	uint32_t plain; /* registers that rare instructions destroy */
	uint32_t looked;
};

/* Decides over the present gap, before which and a use of frequency `after` it lies. */
static void
close_gap(struct rares *rares, float after)
{
	float limit = rares->before < after ? rares->before : after;

	if (rares->total >= limit)
		rares->count = rares->gap;
	rares->gap = rares->count;
	rares->total = 0;
	rares->before = after;
}

/* Goes on to the frequent uses before `line`. */
static void
pass_uses(struct rares *rares, uint32_t line)
{
	const struct ra *ra = rares->ra;

	for (; rares->spot < ra->spot_count && ra->spots[rares->spot].line < line; rares->spot++)
		if (ra->spots[rares->spot].frequency >= rares->frequent)
			close_gap(rares, ra->spots[rares->spot].frequency);
}

static void
add_block(struct rares *rares, const struct rare *rare, float frequency)
{
	struct rare *last = rares->count > 0 ? &rares->list[rares->count - 1] : NULL;

	if (last != NULL && last->to >= rare->to)
		return;
	rares->total += frequency;
	if (last != NULL && rares->count > rares->gap && last->to == rare->from)
		last->to = rare->to;
	else
		rares->list[rares->count++] = *rare;
}

static void
look_in_range(struct rares *rares, const struct ra_range *range)
{
	const struct ra *ra = rares->ra;
	uint32_t at = ra->fixed.next[range->from];

	while (at < range->to && rares->looked++ < RARE_LOOKED && rares->count < RARE_MAX) {
		uint32_t b = ra->line_block[at / 2];
		struct rare rare = { 2 * ra_block_entry(ra, b), 2 * ra_block_end(ra, b) };
		uint32_t from = rare.from > range->from ? rare.from : range->from;
		uint32_t to = rare.to < range->to ? rare.to : range->to;
		float frequency = ra->fn->blocks[b].frequency;

		if (frequency < rares->frequent &&
		    (ra_range_fixed(ra, range, from, to) & rares->plain) == rares->plain) {
			pass_uses(rares, rare.from / 2);
			add_block(rares, &rare, frequency);
		}
		at = ra->fixed.next[rare.to];
	}
}

enum nb_status
ra_split_rare(struct ra *ra, struct ra_cut *cut, uint32_t plain, bool *done)
{
	struct rares rares = { .ra = ra, .before = __builtin_inff(), .plain = plain };
	enum nb_status status = NB_OK;

	*done = false;
	for (uint32_t i = 0; i < ra->spot_count; i++)
		if (ra->spots[i].frequency * rare_share > rares.frequent)
			rares.frequent = ra->spots[i].frequency * rare_share;
	if (rares.frequent < rare_share * worth_frequency * ra->fn->blocks[0].frequency)
		return NB_OK;
	for (uint32_t r = ra->bundles[cut->bundle].first_range; r != RA_NONE;
	     r = ra->ranges[r].next)
		look_in_range(&rares, &ra->ranges[r]);
	pass_uses(&rares, RA_NONE);
	close_gap(&rares, rares.before);
	*done = rares.count > 0;
	for (uint32_t i = 0; i < rares.count && status == NB_OK; i++)
		status = ra_split_cut(ra, cut, rares.list[i].from, rares.list[i].to);
	return status == NB_OK && *done ? ra_enqueue(ra, cut->bundle) : status;
}
