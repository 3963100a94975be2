/*
 * Bundles: what they cost, what instructions forbid them, and how to cut them.
 */
#include "compiler/x64/ra_state.h"

/* What a use costs, per execution, if its value is in memory; a load is 1. */
static const float use_costs[] = {
	[RA_USE_REG] = 1.0f,   [RA_USE_ANY] = 0.7f,   [RA_USE_COPY] = 0.6f,
	[RA_USE_ARG] = 0.6f,   [RA_DEF_REG] = 1.0f,   [RA_DEF_ANY] = 0.7f,
	[RA_DEF_FIXED] = 0.8f, [RA_DEF_PARAM] = 0.6f, [RA_DEF_REMAT] = 0.0f,
};
/* Of a load, when the value is repeated instead. */
static const float remat_cost = 0.4f;

/* Pieces between calls do worse than one load each and one store. */
static const float piece_penalty = 2.0f;

/* Added to the length so that very short bundles do not beat everything. */
enum { WEIGHT_LENGTH = 24 };

/* What a part costs at its borders, of the frequency inside: a loop goes round a few times. */
static const float border_cost = 0.25f;

/* Uses looked at to tell the weight of a part. */
enum { LOCAL_USES = 128 };

enum nb_status
ra_bundle_new(struct ra *ra, uint32_t family, uint32_t *out)
{
	if (ra->bundle_count == ra->bundle_cap) {
		uint32_t cap = ra->bundle_cap * 2 + 64;
		struct ra_bundle *bundles =
			arena_extend_array(ra->scratch, ra->bundles, ra->bundle_cap, cap,
					   sizeof(*bundles), _Alignof(struct ra_bundle));

		if (bundles == NULL)
			return NB_OUT_OF_MEMORY;
		ra->bundles = bundles;
		ra->bundle_cap = cap;
	}
	*out = ra->bundle_count++;
	ra->bundles[*out] = (struct ra_bundle){ .first_range = RA_NONE,
						.family = family,
						.class_ = ra->families[family].class_,
						.state = RA_WAITING,
						.reg = RA_NO_REG };
	return NB_OK;
}

/* An argument or parameter whose counterpart is of the same family costs
 * nothing in memory: the slot is the same. */
static bool
is_within_family(const struct ra *ra, const struct ra_use *use, uint32_t vreg)
{
	const struct ra_function *fn = ra->fn;
	const struct ra_block *block = &fn->blocks[ra->line_block[use->line]];
	uint32_t family = ra->vreg_family[vreg];

	if (use->kind == RA_USE_ARG) {
		const struct ra_block *succ = &fn->blocks[fn->block_lists[block->first_succ]];
		uint32_t k = use->operand - block->first_arg;

		return ra->vreg_family[fn->block_lists[succ->first_param + k]] == family;
	}
	for (uint32_t p = 0; p < block->pred_count && p < 4; p++) {
		const struct ra_block *pred = &fn->blocks[fn->block_lists[block->first_pred + p]];
		uint32_t k = use->operand - block->first_param;

		if (ra->vreg_family[fn->block_lists[pred->first_arg + k]] != family)
			return false;
	}
	return true;
}

static float
use_cost(const struct ra *ra, const struct ra_use *use, uint32_t vreg, bool is_remat)
{
	float cost = use_costs[use->kind] * use->frequency;

	if (is_remat)
		return use->kind == RA_USE_REG || use->kind == RA_USE_ANY ? cost * remat_cost : 0;
	if ((use->kind == RA_USE_ARG || use->kind == RA_DEF_PARAM) &&
	    is_within_family(ra, use, vreg))
		return 0;
	return cost;
}

uint32_t
ra_range_fixed(const struct ra *ra, const struct ra_range *range, uint32_t from, uint32_t to)
{
	uint32_t mask = 0, at = from;

	if (!ra->vreg_is_wanted[range->vreg] || ra->fixed.next[from] >= to)
		return ra_fixed_query(ra, from, to);
	for (uint32_t u = range->first_use; u < range->end_use && at < to; u++) {
		const struct ra_use *use = &ra->uses[u];
		uint32_t point = 2 * use->line;

		if (use->kind != RA_USE_COPY || use->reg == RA_NO_REG || point < at || point >= to)
			continue;
		if (point > at)
			mask |= ra_fixed_query(ra, at, point);
		mask |= ra_fixed_query(ra, point, point + 1) & ~(1u << use->reg);
		at = point + 1;
	}
	if (at < to)
		mask |= ra_fixed_query(ra, at, to);
	return mask;
}

/* What it costs, beyond being in registers that calls destroy, to live across
 * the points where all of those are destroyed: a load before the next use each
 * time, also around loops, and one store. */
static float
clobber_cost(const struct ra *ra, const struct ra_bundle *b, uint32_t plain)
{
	float loads = 0, store = __builtin_inff();

	for (uint32_t r = b->first_range; r != RA_NONE; r = ra->ranges[r].next) {
		const struct ra_range *range = &ra->ranges[r];
		const struct ra_use *last = NULL;
		uint32_t at = range->from;

		for (uint32_t u = range->first_use; u < range->end_use; u++) {
			const struct ra_use *use = &ra->uses[u];
			uint32_t anchor = ra_use_anchor(use);

			if (anchor > at && (ra_range_fixed(ra, range, at, anchor) & plain) == plain)
				loads += use->frequency * use_costs[use->kind];
			if (use->frequency < store)
				store = use->frequency;
			if (anchor >= at)
				at = anchor + 1;
			last = use;
		}
		if (at >= range->to || (ra_range_fixed(ra, range, at, range->to) & plain) != plain)
			continue;
		uint32_t loop = ra->block_loop[ra->line_block[at / 2]];

		if (loop != RA_NONE &&
		    2 * ra_block_end(ra, ra->loops[loop].end_block - 1) <= range->to)
			loads += last != NULL ? last->frequency
					      : ra->fn->blocks[ra->line_block[at / 2]].frequency;
	}
	return piece_penalty * (store < loads ? loads + store : 2 * loads);
}

/* Adds a use that needs a register to the extent of those of one line; false if there
 * are several lines. */
static bool
extend_required(struct ra_use *required, const struct ra_use *use, uint32_t count)
{
	if (count == 0) {
		*required = *use;
		return true;
	}
	if (use->from < required->from)
		required->from = use->from;
	if (use->to > required->to)
		required->to = use->to;
	return use->line == required->line;
}

void
ra_bundle_measure(struct ra *ra, uint32_t bundle)
{
	struct ra_bundle *b = &ra->bundles[bundle];
	const struct ra_range *first = &ra->ranges[b->first_range];
	bool is_remat = ra->families[b->family].is_remat;
	struct ra_use required = { 0 };
	uint32_t required_count = 0;
	bool is_one_line = true;

	b->cost = 0;
	b->length = 0;
	b->fixed = 0;
	for (uint32_t r = b->first_range; r != RA_NONE; r = ra->ranges[r].next) {
		const struct ra_range *range = &ra->ranges[r];

		b->length += range->to - range->from;
		b->fixed |= ra_range_fixed(ra, range, range->from, range->to);
		for (uint32_t u = range->first_use; u < range->end_use; u++) {
			b->cost += use_cost(ra, &ra->uses[u], range->vreg, is_remat);
			if (ra_use_needs_reg(&ra->uses[u]))
				is_one_line &=
					extend_required(&required, &ra->uses[u], required_count++);
		}
	}
	b->is_minimal = required_count != 0 && is_one_line && first->next == RA_NONE &&
			first->from >= 2 * required.line + required.from &&
			first->to <= 2 * required.line + required.to;
	if (required_count != 0 && b->cost <= 0)
		b->cost = 1e-30f;
	uint32_t plain = ra_class_mask(ra, b->class_) & ~ra_preserved_mask(ra);

	b->benefit = b->cost;
	if ((plain & ~b->fixed) == 0) {
		float around = clobber_cost(ra, b, plain);

		if (around < b->benefit)
			b->benefit = around;
	}
	b->weight = b->cost / (float)(b->length + WEIGHT_LENGTH);
	if (b->is_minimal)
		b->weight = __builtin_inff();
}

float
ra_bundle_weight_in(const struct ra *ra, uint32_t bundle, uint32_t from, uint32_t to)
{
	const struct ra_bundle *b = &ra->bundles[bundle];
	bool is_remat = ra->families[b->family].is_remat;
	uint32_t length = 0, budget = LOCAL_USES;
	float cost = border_cost * ra->fn->blocks[ra->line_block[from / 2]].frequency;

	for (uint32_t r = b->first_range; r != RA_NONE; r = ra->ranges[r].next) {
		const struct ra_range *range = &ra->ranges[r];

		if (range->from >= to)
			break;
		if (range->to <= from)
			continue;
		length += (range->to < to ? range->to : to) -
			  (range->from > from ? range->from : from);
		for (uint32_t u = range->first_use; u < range->end_use; u++) {
			uint32_t anchor = ra_use_anchor(&ra->uses[u]);

			if (budget-- == 0)
				return __builtin_inff();
			if (anchor >= from && anchor < to)
				cost += use_cost(ra, &ra->uses[u], range->vreg, is_remat);
		}
	}
	return length < b->length ? cost / (float)(length + WEIGHT_LENGTH) : __builtin_inff();
}

/* Divides range `r` at `point` inside it; the new range follows it in the list. */
static enum nb_status
divide_range(struct ra *ra, uint32_t r, uint32_t point)
{
	uint32_t second, use;
	enum nb_status status = ra_range_new(ra, &second);
	struct ra_range *range;

	if (status != NB_OK)
		return status;
	range = &ra->ranges[r];
	ra->ranges[second] = *range;
	for (use = range->first_use; use < range->end_use; use++)
		if (ra_use_anchor(&ra->uses[use]) >= point)
			break;
	ra->ranges[second].from = point;
	ra->ranges[second].first_use = use;
	range->to = point;
	range->end_use = use;
	range->next = second;
	range->vreg_next = second;
	return NB_OK;
}

enum nb_status
ra_bundle_cut(struct ra *ra, struct ra_cut *cut, uint32_t from, uint32_t to, uint32_t *out)
{
	uint32_t r = cut->last == RA_NONE ? ra->bundles[cut->bundle].first_range
					  : ra->ranges[cut->last].next;
	uint32_t last = RA_NONE;
	enum nb_status status;

	*out = RA_NONE;
	for (; r != RA_NONE && ra->ranges[r].to <= from; r = ra->ranges[r].next)
		cut->last = r;
	if (r == RA_NONE || ra->ranges[r].from >= to)
		return NB_OK;
	if (ra->ranges[r].from < from) {
		status = divide_range(ra, r, from);
		if (status != NB_OK)
			return status;
		cut->last = r;
		r = ra->ranges[r].next;
	}
	status = ra_bundle_new(ra, ra->bundles[cut->bundle].family, out);
	if (status != NB_OK)
		return status;
	ra->bundles[*out].first_range = r;
	ra->bundles[*out].is_frugal = ra->bundles[cut->bundle].is_frugal;
	for (; r != RA_NONE && ra->ranges[r].from < to; r = ra->ranges[r].next) {
		if (ra->ranges[r].to > to) {
			status = divide_range(ra, r, to);
			if (status != NB_OK)
				return status;
		}
		ra->ranges[r].bundle = *out;
		last = r;
	}
	ra->ranges[last].next = RA_NONE;
	if (cut->last == RA_NONE)
		ra->bundles[cut->bundle].first_range = r;
	else
		ra->ranges[cut->last].next = r;
	return NB_OK;
}
