/*
 * Splitting a bundle that found no register.
 *
 * First along loops: what lies in a loop of the innermost region that holds
 * the whole bundle, and has uses there, becomes a bundle of its own, so that
 * values compete for registers where they are used most and moves stand at the
 * loop's border. When no such loop is left, into runs: stretches of successive
 * uses in which some register is free throughout. What remains, places between
 * runs, stays in memory; a lone use that must have a register gets one there.
 *
 * A piece may end at an odd point (between the two points of a line) only if
 * what follows stays in memory, since moves stand before lines only. The piece
 * left in memory is the original bundle.
 */
#include "compiler/x64/ra_state.h"

enum {
	PREDECESSORS_MAX = 16, /* so many of a block are looked at */
	PIECES_MAX = 32,       /* and so many pieces of a value */
};

struct split {
	struct ra *ra;
	uint32_t bundle;
	uint32_t class_mask;
	struct ra_cut cut;
};

enum nb_status
ra_split_cut(struct ra *ra, struct ra_cut *cut, uint32_t from, uint32_t to)
{
	uint32_t piece;
	enum nb_status status;

	ra->split_count++;
	status = ra_bundle_cut(ra, cut, from, to, &piece);
	return status == NB_OK && piece != RA_NONE ? ra_enqueue(ra, piece) : status;
}

static enum nb_status
cut_piece(struct split *split, uint32_t from, uint32_t to)
{
	return ra_split_cut(split->ra, &split->cut, from, to);
}

/* The depth of the loops that are cut out of a bundle in `region`: one more, or
 * in very deep nests a quarter of the way down, so that few rounds are needed. */
static uint32_t
cut_depth(const struct ra *ra, uint32_t region)
{
	uint32_t depth = ra_loop_depth(ra, region), deepest = depth;

	for (uint32_t i = 0; i < ra->spot_count; i++) {
		uint32_t block = ra->line_block[ra->spots[i].line];

		if (ra->fn->blocks[block].loop_depth > deepest)
			deepest = ra->fn->blocks[block].loop_depth;
	}
	return depth + 1 + (deepest - depth) / 5;
}

/* Cuts out every inner loop that has uses. *done is false if there is none. */
static enum nb_status
split_loops(struct split *split, bool *done)
{
	struct ra *ra = split->ra;
	const struct ra_spot *spots = ra->spots;
	uint32_t first = ra->ranges[ra->bundles[split->bundle].first_range].from / 2;
	uint32_t last = first, depth;

	*done = false;
	for (uint32_t r = ra->bundles[split->bundle].first_range; r != RA_NONE;
	     r = ra->ranges[r].next)
		last = (ra->ranges[r].to - 1) / 2;
	depth = cut_depth(ra, ra_loop_common(ra, ra->line_block[first], ra->line_block[last]));
	for (uint32_t i = 0; i < ra->spot_count; i++) {
		uint32_t loop = ra_loop_around(ra, ra->line_block[spots[i].line], depth);
		uint32_t end;
		enum nb_status status;

		if (loop == RA_NONE)
			continue;
		*done = true;
		end = ra_block_end(ra, ra->loops[loop].end_block - 1);
		while (i + 1 < ra->spot_count && spots[i + 1].line < end)
			i++;
		status = cut_piece(split, 2 * ra_block_entry(ra, ra->loops[loop].header), 2 * end);
		if (status != NB_OK)
			return status;
	}
	return *done ? ra_enqueue(ra, split->bundle) : NB_OK;
}

static enum nb_status
push_spot(struct ra *ra, struct ra_spot spot)
{
	if (ra->spot_count == ra->spot_cap) {
		uint32_t cap = ra->spot_cap * 2 + 64;
		struct ra_spot *spots =
			arena_extend_array(ra->scratch, ra->spots, ra->spot_cap, cap,
					   sizeof(*spots), _Alignof(struct ra_spot));

		if (spots == NULL)
			return NB_OUT_OF_MEMORY;
		ra->spots = spots;
		ra->spot_cap = cap;
	}
	ra->spots[ra->spot_count++] = spot;
	return NB_OK;
}

/* The points at which a use wants its value in the register. */
static void
use_extent(const struct ra_use *use, uint32_t *from, uint32_t *to)
{
	*from = ra_use_anchor(use);
	*to = *from + 1;
	if (use->kind == RA_DEF_PARAM)
		*to = *from + 2;
	else if (use->kind != RA_USE_COPY && use->kind != RA_DEF_FIXED)
		*to = 2 * use->line + use->to;
}

static enum nb_status
add_spot_use(struct ra *ra, uint32_t r, const struct ra_use *use)
{
	const struct ra_range *range = &ra->ranges[r];
	struct ra_spot *last = ra->spot_count == 0 ? NULL : &ra->spots[ra->spot_count - 1];
	bool is_copy = use->kind == RA_USE_COPY || use->kind == RA_USE_ARG;
	uint32_t from, to;

	use_extent(use, &from, &to);
	from = from < range->from ? range->from : from;
	to = to > range->to ? range->to : to;
	if (from >= to)
		return NB_OK;
	if (last != NULL && last->line == use->line && last->range == r) {
		if (ra_use_needs_reg(use)) {
			bool has_need = last->need_from != last->need_to;

			last->need_from =
				has_need && last->need_from < from ? last->need_from : from;
			last->need_to = last->need_to > to ? last->need_to : to;
		}
		if (last->is_copy || (!is_copy && from < last->from))
			last->from = from;
		last->to = to > last->to ? to : last->to;
		last->cost += use->frequency;
		last->is_copy &= is_copy;
		return NB_OK;
	}
	return push_spot(ra, (struct ra_spot){ .line = use->line,
					       .from = from,
					       .to = to,
					       .range = r,
					       .cost = use->frequency,
					       .frequency = use->frequency,
					       .need_from = ra_use_needs_reg(use) ? from : to,
					       .need_to = to,
					       .is_copy = is_copy,
					       .is_def = ra_use_is_def(use) });
}

static uint32_t
blocked_in(const struct ra *ra, const struct ra_range *range, uint32_t from, uint32_t to)
{
	if (from >= to)
		return 0;
	return ra_range_fixed(ra, range, from, to) | ra_busy_query(&ra->busy, from, to);
}

static enum nb_status
collect_spots(struct ra *ra, uint32_t bundle)
{
	ra->spot_count = 0;
	for (uint32_t r = ra->bundles[bundle].first_range; r != RA_NONE; r = ra->ranges[r].next) {
		for (uint32_t u = ra->ranges[r].first_use; u < ra->ranges[r].end_use; u++) {
			enum nb_status status = add_spot_use(ra, r, &ra->uses[u]);

			if (status != NB_OK)
				return status;
		}
	}
	return NB_OK;
}

/* Fills in which registers are blocked at and between spots. */
static void
measure_spots(struct split *split)
{
	const struct ra *ra = split->ra;

	for (uint32_t i = 0; i < split->ra->spot_count; i++) {
		struct ra_spot *spot = &split->ra->spots[i];
		uint32_t end = i + 1 < split->ra->spot_count ? spot[1].from : spot->to;
		uint32_t at = spot->to;

		spot->blocked = blocked_in(ra, &ra->ranges[spot->range], spot->from, spot->to);
		spot->blocked_late = UINT32_MAX;
		if (at % 2 != 0 && ra->ranges[spot->range].to > at)
			spot->blocked_late = blocked_in(ra, &ra->ranges[spot->range], at, at + 1);
		spot->blocked_after = 0;
		for (uint32_t r = spot->range; r != RA_NONE && ra->ranges[r].from < end;
		     r = ra->ranges[r].next) {
			uint32_t from = ra->ranges[r].from > at ? ra->ranges[r].from : at;
			uint32_t to = ra->ranges[r].to < end ? ra->ranges[r].to : end;

			spot->blocked_after |= blocked_in(ra, &ra->ranges[r], from, to);
		}
	}
}

/* The last spot of the longest run from `first` on; *reg is free throughout. */
static uint32_t
longest_run(const struct split *split, uint32_t first, uint32_t *reg)
{
	uint32_t free = split->class_mask & ~split->ra->spots[first].blocked;
	uint32_t last = first;

	*reg = RA_NO_REG;
	if (free == 0)
		return first;
	for (uint32_t i = first; i + 1 < split->ra->spot_count; i++) {
		uint32_t still = free & ~split->ra->spots[i].blocked_after &
				 ~split->ra->spots[i + 1].blocked;

		if (still == 0)
			break;
		free = still;
		last = i + 1;
	}
	while (last > first && split->ra->spots[last].is_copy && split->ra->spots[last - 1].is_copy)
		last--;
	*reg = (uint32_t)__builtin_ctz(free);
	return last;
}

/* Where a piece of the spots [first, last] begins and ends, if it is to be in
 * `reg`. It ends between the points of a line unless the register stays free. */
static void
run_extent(const struct split *split, uint32_t first, uint32_t last, uint32_t reg, uint32_t *from,
	   uint32_t *to)
{
	const struct ra_spot *end = &split->ra->spots[last];

	*from = split->ra->spots[first].from;
	*to = end->to;
	if (*to % 2 != 0 && reg != RA_NO_REG && (end->blocked_late >> reg & 1) == 0)
		++*to;
}

/* Whether a piece of the spots [first, last] would be the whole bundle again. */
static bool
is_whole(const struct split *split, uint32_t first, uint32_t last, uint32_t reg)
{
	const struct ra *ra = split->ra;
	uint32_t r = ra->bundles[split->bundle].first_range;
	uint32_t from, to;

	if (first != 0 || last + 1 != split->ra->spot_count)
		return false;
	run_extent(split, first, last, reg, &from, &to);
	if (ra->ranges[r].from < from)
		return false;
	while (ra->ranges[r].next != RA_NONE)
		r = ra->ranges[r].next;
	return ra->ranges[r].to <= to;
}

/* One past the last of the spots from `first` on, in the same block, that have no
 * run either. */
static uint32_t
blocked_group(const struct split *split, uint32_t first)
{
	const struct ra *ra = split->ra;
	uint32_t block = ra->line_block[split->ra->spots[first].line];
	uint32_t end = first + 1, reg;

	while (end < split->ra->spot_count && ra->line_block[split->ra->spots[end].line] == block &&
	       longest_run(split, end, &reg) == end)
		end++;
	return end;
}

/* The range of `vreg` that has `point`, at the end of a block; RA_NONE if it is far to find. */
static uint32_t
range_at_end(const struct ra *ra, uint32_t vreg, uint32_t point)
{
	uint32_t low = ra->vreg_first_range[vreg], high = ra->vreg_first_range[vreg + 1], r;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (ra->ranges[middle].from <= point)
			low = middle;
		else
			high = middle;
	}
	r = low;
	for (uint32_t steps = 0; steps < PIECES_MAX && r != RA_NONE; steps++) {
		if (point < ra->ranges[r].to)
			return r;
		r = ra->ranges[r].vreg_next;
	}
	return RA_NONE;
}

/* Whether `arg` is in memory at the end of block `pred`, as far as that is known. */
static bool
is_left_in_memory(const struct split *split, uint32_t arg, uint32_t pred)
{
	const struct ra *ra = split->ra;
	uint32_t r = range_at_end(ra, arg, 2 * ra_block_end(ra, pred) - 1);
	uint32_t bundle = r == RA_NONE ? RA_NONE : ra->ranges[r].bundle;

	return bundle != RA_NONE &&
	       (bundle == split->bundle || ra->bundles[bundle].state == RA_SPILLED);
}

/* Whether the spot defines a block parameter and most of what is passed to it is in its
 * slot already. Then it stays there up to the next use: each way in saves a load, and the
 * block a store. A constant, or what is in another slot, costs about the same either way;
 * what later blocks pass is not known yet. */
static bool
is_passed_in_memory(const struct split *split, const struct ra_spot *spot)
{
	const struct ra *ra = split->ra;
	const struct ra_function *fn = ra->fn;
	uint32_t vreg = ra->ranges[spot->range].vreg;
	const struct ra_use *def = &ra->uses[ra->use_start[vreg]];
	uint32_t number = ra->line_block[spot->line];
	const struct ra_block *block = &fn->blocks[number];
	float difference = 0;

	if (!spot->is_def || def->kind != RA_DEF_PARAM || def->line != spot->line)
		return false;
	for (uint32_t p = 0; p < block->pred_count && p < PREDECESSORS_MAX; p++) {
		uint32_t pred = fn->block_lists[block->first_pred + p];
		const struct ra_block *from = &fn->blocks[pred];
		uint32_t arg = fn->block_lists[from->first_arg + def->operand - block->first_param];

		if (pred >= number || ra->vreg_is_remat[arg])
			continue;
		if (!is_left_in_memory(split, arg, pred))
			difference -= from->frequency;
		else if (ra->vreg_family[arg] == ra->vreg_family[vreg])
			difference += from->frequency;
	}
	return difference > 0;
}

static enum nb_status
split_runs(struct split *split)
{
	struct ra *ra = split->ra;
	enum nb_status status = NB_OK;

	for (uint32_t i = 0; i < split->ra->spot_count && status == NB_OK;) {
		uint32_t reg, from, to;
		uint32_t end = longest_run(split, i, &reg) + 1;

		if (split->ra->spots[i].is_copy || is_passed_in_memory(split, &ra->spots[i])) {
			i++;
			continue;
		}
		if (end == i + 1)
			end = blocked_group(split, i);
		if (end > i + 1 && !is_whole(split, i, end - 1, reg)) {
			run_extent(split, i, end - 1, reg, &from, &to);
			status = cut_piece(split, from, to);
		} else {
			for (uint32_t k = i; k < end && status == NB_OK; k++)
				if (split->ra->spots[k].need_from != split->ra->spots[k].need_to)
					status = cut_piece(split, split->ra->spots[k].need_from,
							   split->ra->spots[k].need_to);
		}
		i = end;
	}
	ra->bundles[split->bundle].state = RA_SPILLED;
	return status;
}

enum nb_status
ra_split(struct ra *ra, uint32_t bundle)
{
	const struct ra_bundle *b = &ra->bundles[bundle];
	uint32_t plain = ra_class_mask(ra, b->class_) & ~ra_preserved_mask(ra);
	struct split split = { .ra = ra, .bundle = bundle, .cut = { bundle, RA_NONE } };
	enum nb_status status;
	bool done = false;

	split.class_mask = ra_class_mask(ra, b->class_);
	if (b->is_frugal)
		split.class_mask &= ~ra_closed_mask(ra);
	status = collect_spots(ra, bundle);
	if (status == NB_OK)
		status = split_loops(&split, &done);
	if (status == NB_OK && !done && (plain & ~b->fixed) == 0)
		status = ra_split_rare(ra, &split.cut, plain, &done);
	if (status != NB_OK || done)
		return status;
	measure_spots(&split);
	return split_runs(&split);
}
