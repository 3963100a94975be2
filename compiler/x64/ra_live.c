/*
 * Live ranges with holes.
 *
 * Each use explores the blocks between itself and the definition once, upward;
 * marks keep the work of a value proportional to the blocks it is live in. A
 * function in which very many values are live through very many blocks would
 * still need their product: once the exploration has cost EXPLORE_PER_LINE
 * steps a line, the remaining values get one range without holes, from the
 * definition to the end of the outermost loop that has a use but not the
 * definition. That is too long where control flow goes past the value, which
 * costs registers and never correctness: nothing reads it there.
 */
#include "compiler/x64/ra_state.h"

enum { EXPLORE_PER_LINE = 64, EXPLORE_FREE = 1 << 16 };

struct live {
	struct ra *ra;
	uint32_t vreg;
	uint64_t *in_bits;  /* per block: live at its entry; clear between values */
	uint64_t *out_bits; /* likewise at its end */
	uint32_t *blocks;   /* those marked live-in that are not explored yet */
	uint32_t block_count;
	uint32_t low, high;   /* words of the bits between which something is marked */
	uint32_t *first_line; /* of each block, and behind the last one */
	uint64_t steps_left;
};

enum nb_status
ra_range_new(struct ra *ra, uint32_t *out)
{
	if (ra->range_count == ra->range_cap) {
		uint32_t cap = ra->range_cap * 2 + 64;
		struct ra_range *ranges =
			arena_extend_array(ra->scratch, ra->ranges, ra->range_cap, cap,
					   sizeof(*ranges), _Alignof(struct ra_range));

		if (ranges == NULL)
			return NB_OUT_OF_MEMORY;
		ra->ranges = ranges;
		ra->range_cap = cap;
	}
	*out = ra->range_count++;
	return NB_OK;
}

/* Appends [from, to) to the value's ranges, which come in order. */
static enum nb_status
add_range(struct live *live, uint32_t from, uint32_t to)
{
	struct ra *ra = live->ra;
	uint32_t first = ra->vreg_first_range[live->vreg];
	uint32_t range;
	enum nb_status status;

	if (ra->range_count > first && ra->ranges[ra->range_count - 1].to == from) {
		ra->ranges[ra->range_count - 1].to = to;
		return NB_OK;
	}
	status = ra_range_new(ra, &range);
	if (status != NB_OK)
		return status;
	if (range > first)
		ra->ranges[range - 1].vreg_next = range;
	ra->ranges[range] = (struct ra_range){ .from = from,
					       .to = to,
					       .vreg = live->vreg,
					       .bundle = RA_NONE,
					       .next = RA_NONE,
					       .vreg_next = RA_NONE };
	return NB_OK;
}

/* The point up to which `use` keeps its value live in its block. */
static uint32_t
use_end(const struct ra_use *use)
{
	if (use->kind == RA_USE_COPY)
		return 2 * use->line;
	return 2 * use->line + use->to;
}

/* The first point at which the value exists. */
static uint32_t
def_start(const struct ra_use *def)
{
	if (def->kind == RA_DEF_FIXED)
		return 2 * def->line + 2;
	return 2 * def->line + def->from;
}

/* The point up to which a definition lasts even if nothing uses it. */
static uint32_t
def_end(const struct ra_use *def)
{
	if (def->kind == RA_DEF_REG || def->kind == RA_DEF_ANY)
		return 2 * def->line + 2;
	return def_start(def);
}

/* Copies of a repeatable value are repetitions: they need no range. */
static bool
use_extends(const struct ra *ra, uint32_t vreg, const struct ra_use *use)
{
	return !ra->vreg_is_remat[vreg] || ra_use_needs_reg(use) || use->kind == RA_USE_ANY;
}

static inline bool
has_bit(const uint64_t *bits, uint32_t block)
{
	return (bits[block / 64] >> block % 64 & 1) != 0;
}

static inline void
mark_live_in(struct live *live, uint32_t block)
{
	uint32_t word = block / 64;

	if (has_bit(live->in_bits, block))
		return;
	live->in_bits[word] |= UINT64_C(1) << block % 64;
	live->low = word < live->low ? word : live->low;
	live->high = word > live->high ? word : live->high;
	live->blocks[live->block_count++] = block;
}

static void
spend_steps(struct live *live, uint64_t steps)
{
	live->steps_left -= steps < live->steps_left ? steps : live->steps_left;
}

/* Marks everything between the entry of `block` and the definition. */
static void
explore(struct live *live, uint32_t block, uint32_t def_block)
{
	const struct ra_function *fn = live->ra->fn;
	uint64_t steps = 0;

	live->block_count = 0;
	mark_live_in(live, block);
	while (live->block_count > 0) {
		const struct ra_block *b = &fn->blocks[live->blocks[--live->block_count]];
		const uint32_t *preds = &fn->block_lists[b->first_pred];

		for (uint32_t k = 0; k < b->pred_count; k++) {
			live->out_bits[preds[k] / 64] |= UINT64_C(1) << preds[k] % 64;
			if (preds[k] != def_block)
				mark_live_in(live, preds[k]);
		}
		steps += b->pred_count + 1;
	}
	spend_steps(live, steps);
}

/* A value's ranges while they are found, block by block. */
struct ranging {
	const struct ra_use *at, *end; /* uses not looked at yet */
	uint32_t from, to;	       /* of the range that is open */
};

/* Extends the open range by what the value needs of `block`. */
static inline void
extend_in_block(const struct live *live, struct ranging *ranging, uint32_t block)
{
	uint32_t end = live->first_line[block + 1];

	for (; ranging->at < ranging->end && ranging->at->line < end; ranging->at++)
		if (use_end(ranging->at) > ranging->to &&
		    use_extends(live->ra, live->vreg, ranging->at))
			ranging->to = use_end(ranging->at);
	if (has_bit(live->out_bits, block))
		ranging->to = 2 * end;
}

static enum nb_status
enter_range_block(struct live *live, struct ranging *ranging, uint32_t block)
{
	uint32_t entry = 2 * live->first_line[block];
	enum nb_status status = NB_OK;

	if (entry != ranging->to) {
		if (ranging->to > ranging->from)
			status = add_range(live, ranging->from, ranging->to);
		ranging->from = ranging->to = entry;
	}
	extend_in_block(live, ranging, block);
	return status;
}

static enum nb_status
build_exact(struct live *live, const struct ra_use *uses, uint32_t count)
{
	struct ra *ra = live->ra;
	uint32_t def_block = ra->line_block[uses[0].line];
	uint32_t def_end_line = live->first_line[def_block + 1];
	struct ranging ranging = { uses + 1, uses + count, def_start(uses), def_end(uses) };
	enum nb_status status = NB_OK;

	live->low = UINT32_MAX;
	live->high = 0;
	/* The definition's block comes before all others in which the value is live. */
	for (uint32_t i = count; i-- > 1 && uses[i].line >= def_end_line;) {
		uint32_t block = ra->line_block[uses[i].line];

		if (!has_bit(live->in_bits, block) && use_extends(ra, live->vreg, &uses[i]))
			explore(live, block, def_block);
	}
	extend_in_block(live, &ranging, def_block);
	live->out_bits[def_block / 64] &= ~(UINT64_C(1) << def_block % 64);
	if (live->low <= live->high)
		spend_steps(live, (live->high - live->low) / 8);
	for (uint32_t word = live->low; word <= live->high && status == NB_OK; word++) {
		for (; live->in_bits[word] != 0; live->in_bits[word] &= live->in_bits[word] - 1) {
			uint32_t bit = (uint32_t)__builtin_ctzll(live->in_bits[word]);

			if (status == NB_OK)
				status = enter_range_block(live, &ranging, 64 * word + bit);
		}
		live->out_bits[word] = 0;
	}
	if (ranging.to > ranging.from && status == NB_OK)
		status = add_range(live, ranging.from, ranging.to);
	return status;
}

static enum nb_status
build_hull(struct live *live, const struct ra_use *uses, uint32_t count)
{
	struct ra *ra = live->ra;
	uint32_t def_block = ra->line_block[uses[0].line];
	uint32_t from = def_start(&uses[0]);
	uint32_t to = def_end(&uses[0]);

	for (uint32_t i = 1; i < count; i++) {
		uint32_t block = ra->line_block[uses[i].line];
		uint32_t common = ra_loop_common(ra, def_block, block);
		uint32_t loop = ra_loop_around(ra, block, ra_loop_depth(ra, common) + 1);

		if (!use_extends(ra, live->vreg, &uses[i]))
			continue;
		if (use_end(&uses[i]) > to)
			to = use_end(&uses[i]);
		if (loop != RA_NONE && to < 2 * ra_block_end(ra, ra->loops[loop].end_block - 1))
			to = 2 * ra_block_end(ra, ra->loops[loop].end_block - 1);
	}
	return to > from ? add_range(live, from, to) : NB_OK;
}

/* The range of `vreg` that has the point before `line`, or NULL. */
static struct ra_range *
range_before(struct ra *ra, uint32_t vreg, uint32_t line)
{
	uint32_t low = ra->vreg_first_range[vreg], high = ra->vreg_first_range[vreg + 1];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (ra->ranges[middle].to < 2 * line)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == ra->vreg_first_range[vreg + 1] || ra->ranges[low].from >= 2 * line)
		return NULL;
	return &ra->ranges[low];
}

static struct ra_use *
find_use(struct ra *ra, uint32_t vreg, uint32_t line, uint32_t operand)
{
	uint32_t low = ra->use_start[vreg], high = ra->use_start[vreg + 1];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (ra->uses[middle].line < line)
			low = middle + 1;
		else
			high = middle;
	}
	while (ra->uses[low].operand != operand)
		low++;
	return &ra->uses[low];
}

/* `reused` is the operand that the definition consumes, `other` the one that
 * stays; makes it the other way round if that saves a copy: when `other` ends
 * here or can be repeated, and `reused` lives on. */
static void
exchange_operands(struct ra *ra, uint32_t line, uint32_t inst, uint32_t reused, uint32_t other)
{
	uint32_t reused_vreg = ra->fn->operands[reused].vreg;
	uint32_t other_vreg = ra->fn->operands[other].vreg;
	struct ra_range *reused_range = range_before(ra, reused_vreg, line);
	struct ra_range *other_range = range_before(ra, other_vreg, line);
	struct ra_use *reused_use, *other_use, saved;

	if (reused_vreg == other_vreg || ra->vreg_is_remat[reused_vreg] || reused_range == NULL ||
	    reused_range->to <= 2 * line || other_range == NULL ||
	    (other_range->to != 2 * line + 1 && !ra->vreg_is_remat[other_vreg]))
		return;
	reused_use = find_use(ra, reused_vreg, line, reused);
	other_use = find_use(ra, other_vreg, line, other);
	saved = *reused_use;
	reused_use->kind = other_use->kind;
	other_use->kind = saved.kind;
	if (other_range->to == 2 * line + 1)
		other_range->to = 2 * line;
	ra->is_exchanged[inst] = 1;
}

static void
exchange_all(struct ra *ra)
{
	const struct ra_function *fn = ra->fn;

	for (uint32_t b = 0; b < fn->block_count; b++) {
		for (uint32_t i = fn->blocks[b].first_inst; i < fn->blocks[b].end_inst; i++) {
			const struct ra_inst *inst = &fn->insts[i];
			uint32_t first = inst->first_operand;
			const struct ra_operand *def = &fn->operands[first];

			if ((inst->flags & RA_INST_COMMUTE) == 0 || def->constraint != RA_REUSE)
				continue;
			exchange_operands(ra, ra_line_of(i, b), i, first + def->detail,
					  first + 3 - def->detail);
		}
	}
}

/* Uses of one line in the order of their anchors; the definition stays first. */
static void
sort_uses(struct ra_use *uses, uint32_t count)
{
	for (uint32_t i = 2; i < count; i++) {
		struct ra_use use = uses[i];
		uint32_t at = i;

		for (; at > 1 && ra_use_anchor(&uses[at - 1]) > ra_use_anchor(&use); at--)
			uses[at] = uses[at - 1];
		uses[at] = use;
	}
}

/* Gives each range the uses whose anchor it contains. */
static void
attach_uses(struct ra *ra, uint32_t vreg)
{
	uint32_t use = ra->use_start[vreg], end = ra->use_start[vreg + 1];

	sort_uses(&ra->uses[use], end - use);
	for (uint32_t i = ra->vreg_first_range[vreg]; i < ra->vreg_first_range[vreg + 1]; i++) {
		struct ra_range *range = &ra->ranges[i];

		while (use < end && ra_use_anchor(&ra->uses[use]) < range->from)
			use++;
		range->first_use = use;
		while (use < end && ra_use_anchor(&ra->uses[use]) < range->to)
			use++;
		range->end_use = use;
	}
}

enum nb_status
ra_live_build(struct ra *ra)
{
	uint32_t blocks = ra->fn->block_count;
	struct live live = {
		.ra = ra,
		.in_bits = arena_new_array(ra->scratch, uint64_t, blocks / 64 + 1),
		.out_bits = arena_new_array(ra->scratch, uint64_t, blocks / 64 + 1),
		.blocks = arena_new_array(ra->scratch, uint32_t, blocks),
		.first_line = arena_new_array(ra->scratch, uint32_t, (size_t)blocks + 1),
		.steps_left = EXPLORE_FREE + (uint64_t)EXPLORE_PER_LINE * ra->line_count,
	};
	enum nb_status status = NB_OK;

	ra->vreg_first_range =
		arena_new_array(ra->scratch, uint32_t, (size_t)ra->fn->vreg_count + 1);
	if (live.in_bits == NULL || live.out_bits == NULL || live.blocks == NULL ||
	    live.first_line == NULL || ra->vreg_first_range == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t b = 0; b < blocks; b++)
		live.first_line[b] = ra_block_entry(ra, b);
	live.first_line[blocks] = ra->line_count;
	for (uint32_t v = 0; v < ra->fn->vreg_count && status == NB_OK; v++) {
		const struct ra_use *uses = &ra->uses[ra->use_start[v]];
		uint32_t count = ra->use_start[v + 1] - ra->use_start[v];

		live.vreg = v;
		ra->vreg_first_range[v] = ra->range_count;
		if (count != 0)
			status = live.steps_left > 0 ? build_exact(&live, uses, count)
						     : build_hull(&live, uses, count);
		ra->vreg_first_range[v + 1] = ra->range_count;
	}
	if (status != NB_OK)
		return status;
	exchange_all(ra);
	for (uint32_t v = 0; v < ra->fn->vreg_count; v++)
		attach_uses(ra, v);
	return NB_OK;
}
