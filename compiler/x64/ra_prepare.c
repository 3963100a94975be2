/*
 * First step of register allocation: points, loops, uses, fixed registers.
 */
#include "compiler/x64/ra_state.h"

static enum nb_status
number_lines(struct ra *ra)
{
	const struct ra_function *fn = ra->fn;

	ra->line_count = fn->inst_count + fn->block_count;
	ra->line_block = arena_new_array(ra->scratch, uint32_t, ra->line_count + 1);
	if (ra->line_block == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t b = 0; b < fn->block_count; b++)
		for (uint32_t line = ra_block_entry(ra, b); line < ra_block_end(ra, b); line++)
			ra->line_block[line] = b;
	ra->line_block[ra->line_count] = fn->block_count;
	return NB_OK;
}

uint32_t
ra_loop_depth(const struct ra *ra, uint32_t loop)
{
	return loop == RA_NONE ? 0 : ra->loops[loop].depth;
}

static uint32_t
loop_jump(const struct ra *ra, uint32_t loop)
{
	return loop == RA_NONE ? RA_NONE : ra->loops[loop].jump;
}

/* The loop around `loop`, or itself, that has the given depth. */
static uint32_t
loop_at_depth(const struct ra *ra, uint32_t loop, uint32_t depth)
{
	while (ra_loop_depth(ra, loop) > depth) {
		uint32_t jump = ra->loops[loop].jump;

		loop = ra_loop_depth(ra, jump) >= depth ? jump : ra->loops[loop].parent;
	}
	return loop;
}

uint32_t
ra_loop_common(const struct ra *ra, uint32_t a, uint32_t b)
{
	uint32_t x = ra->block_loop[a], y = ra->block_loop[b];

	x = loop_at_depth(ra, x, ra_loop_depth(ra, y));
	y = loop_at_depth(ra, y, ra_loop_depth(ra, x));
	while (x != y) {
		bool can_jump = ra->loops[x].jump != ra->loops[y].jump;

		x = can_jump ? ra->loops[x].jump : ra->loops[x].parent;
		y = can_jump ? ra->loops[y].jump : ra->loops[y].parent;
	}
	return x;
}

uint32_t
ra_loop_around(const struct ra *ra, uint32_t block, uint32_t depth)
{
	uint32_t loop = ra->block_loop[block];

	return ra_loop_depth(ra, loop) < depth ? RA_NONE : loop_at_depth(ra, loop, depth);
}

/* Jumps of doubling length, as in a skew binary list. */
static uint32_t
choose_jump(const struct ra *ra, uint32_t parent)
{
	uint32_t jump = loop_jump(ra, parent), second = loop_jump(ra, jump);

	if (parent != RA_NONE && ra_loop_depth(ra, parent) - ra_loop_depth(ra, jump) ==
					 ra_loop_depth(ra, jump) - ra_loop_depth(ra, second))
		return second;
	return parent;
}

/* Loops are contiguous, so a stack of the open ones tells each block's. */
static enum nb_status
find_loops(struct ra *ra)
{
	const struct ra_function *fn = ra->fn;
	uint32_t current = RA_NONE;

	ra->block_loop = arena_new_array(ra->scratch, uint32_t, fn->block_count);
	ra->loops = arena_new_array(ra->scratch, struct ra_loop, fn->block_count);
	if (ra->block_loop == NULL || ra->loops == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t b = 0; b < fn->block_count; b++) {
		uint32_t header = fn->blocks[b].loop_header;
		uint32_t outer =
			header == b ? fn->blocks[b].loop_depth - 1 : fn->blocks[b].loop_depth;

		while (current != RA_NONE && ra->loops[current].depth > outer) {
			ra->loops[current].end_block = b;
			current = ra->loops[current].parent;
		}
		if (header == b) {
			ra->loops[ra->loop_count] = (struct ra_loop){
				.header = b,
				.parent = current,
				.jump = choose_jump(ra, current),
				.depth = outer + 1,
			};
			current = ra->loop_count++;
		}
		ra->block_loop[b] = current;
	}
	for (; current != RA_NONE; current = ra->loops[current].parent)
		ra->loops[current].end_block = fn->block_count;
	return NB_OK;
}

/* The kind of use that operand `k` of an instruction is, and its extent. */
static struct ra_use
classify_operand(const struct ra_inst *inst, const struct ra_operand *operands, uint32_t k,
		 const struct ra_operand *reuse)
{
	const struct ra_operand *o = &operands[k];
	struct ra_use use = { .reg = RA_NO_REG, .from = 1, .to = 2 };

	if (o->constraint == RA_FIXED)
		use.reg = o->detail;
	if (o->role == RA_USE) {
		use.from = 0;
		use.to = o->time == RA_LATE ? 2 : 1;
		if (o->constraint == RA_FIXED || (reuse != NULL && reuse->detail == k))
			use.kind = RA_USE_COPY;
		else
			use.kind = o->constraint == RA_ANY ? RA_USE_ANY : RA_USE_REG;
		return use;
	}
	if (o->constraint == RA_REUSE || o->time == RA_EARLY)
		use.from = 0;
	if (o->constraint == RA_FIXED)
		use.kind = RA_DEF_FIXED;
	else if (k == 0 && (inst->flags & RA_INST_REMAT) != 0)
		use.kind = RA_DEF_REMAT;
	else
		use.kind = o->constraint == RA_ANY ? RA_DEF_ANY : RA_DEF_REG;
	return use;
}

static void
add_use(struct ra *ra, uint32_t *fill, uint32_t vreg, struct ra_use use)
{
	if (use.reg != RA_NO_REG)
		use.reg = (uint8_t)(use.reg + RA_REGS_PER_CLASS * ra->fn->vreg_class[vreg]);
	ra->uses[fill[vreg]++] = use;
}

static const struct ra_operand *
find_reuse(const struct ra_inst *inst, const struct ra_operand *operands)
{
	for (uint32_t k = 0; k < inst->operand_count; k++)
		if (operands[k].constraint == RA_REUSE)
			return &operands[k];
	return NULL;
}

static void
add_inst_uses(struct ra *ra, uint32_t *fill, uint32_t line, uint32_t i, float frequency)
{
	const struct ra_inst *inst = &ra->fn->insts[i];
	const struct ra_operand *operands = &ra->fn->operands[inst->first_operand];
	const struct ra_operand *reuse = find_reuse(inst, operands);

	for (uint32_t k = 0; k < inst->operand_count; k++) {
		struct ra_use use = classify_operand(inst, operands, k, reuse);

		use.line = line;
		use.operand = inst->first_operand + k;
		use.frequency = frequency;
		if (use.kind == RA_DEF_REMAT)
			ra->vreg_is_remat[operands[k].vreg] = 1;
		if (use.kind == RA_USE_COPY && use.reg != RA_NO_REG)
			ra->vreg_is_wanted[operands[k].vreg] = 1;
		/* Repeatable values are never in memory; definitions come before uses here. */
		if (use.kind == RA_USE_ANY && ra->vreg_is_remat[operands[k].vreg] != 0)
			use.kind = RA_USE_REG;
		add_use(ra, fill, operands[k].vreg, use);
	}
}

static uint32_t
argument_count(const struct ra_function *fn, const struct ra_block *block)
{
	if (block->succ_count != 1)
		return 0;
	return fn->blocks[fn->block_lists[block->first_succ]].param_count;
}

static void
fill_uses(struct ra *ra, uint32_t *fill)
{
	const struct ra_function *fn = ra->fn;

	for (uint32_t b = 0; b < fn->block_count; b++) {
		const struct ra_block *block = &fn->blocks[b];
		struct ra_use use = { .line = ra_block_entry(ra, b),
				      .frequency = block->frequency,
				      .kind = RA_DEF_PARAM,
				      .from = 0,
				      .to = 1,
				      .reg = RA_NO_REG };
		uint32_t arguments = argument_count(fn, block);

		for (uint32_t k = 0; k < block->param_count; k++) {
			use.operand = block->first_param + k;
			add_use(ra, fill, fn->block_lists[use.operand], use);
		}
		for (uint32_t i = block->first_inst; i < block->end_inst; i++)
			add_inst_uses(ra, fill, ra_line_of(i, b), i, block->frequency);
		use.kind = RA_USE_ARG;
		use.from = 1;
		use.to = 2;
		use.line = ra_block_end(ra, b) - 1;
		for (uint32_t k = 0; k < arguments; k++) {
			use.operand = block->first_arg + k;
			add_use(ra, fill, fn->block_lists[use.operand], use);
		}
	}
}

/* Counting sort of all uses by virtual register. Since lines ascend and a
 * definition dominates its uses, each list comes out in order. */
static enum nb_status
gather_uses(struct ra *ra)
{
	const struct ra_function *fn = ra->fn;
	uint32_t *start = arena_new_array(ra->scratch, uint32_t, (size_t)fn->vreg_count + 2);

	ra->vreg_is_remat = arena_new_array(ra->scratch, uint8_t, fn->vreg_count);
	ra->vreg_is_wanted = arena_new_array(ra->scratch, uint8_t, fn->vreg_count);
	if (start == NULL || ra->vreg_is_remat == NULL || ra->vreg_is_wanted == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t k = 0; k < fn->operand_count; k++)
		start[fn->operands[k].vreg + 2]++;
	for (uint32_t b = 0; b < fn->block_count; b++) {
		const struct ra_block *block = &fn->blocks[b];
		uint32_t arguments = argument_count(fn, block);

		for (uint32_t k = 0; k < block->param_count; k++)
			start[fn->block_lists[block->first_param + k] + 2]++;
		for (uint32_t k = 0; k < arguments; k++)
			start[fn->block_lists[block->first_arg + k] + 2]++;
	}
	for (uint32_t v = 2; v < fn->vreg_count + 2; v++)
		start[v] += start[v - 1];
	ra->uses = arena_new_array(ra->scratch, struct ra_use, start[fn->vreg_count + 1]);
	if (ra->uses == NULL)
		return NB_OUT_OF_MEMORY;
	/* start[v + 1] runs from the first to behind the last use of v. */
	fill_uses(ra, start + 1);
	ra->use_start = start;
	for (uint32_t v = 0; v < fn->vreg_count; v++)
		if (start[v] != start[v + 1] && !ra_use_is_def(&ra->uses[start[v]]))
			return NB_INTERNAL; /* used but never defined */
	return NB_OK;
}

/* What the instruction itself needs at its two points. */
static void
seed_fixed(struct ra *ra, uint32_t line, const struct ra_inst *inst)
{
	const struct ra_operand *operands = &ra->fn->operands[inst->first_operand];
	uint32_t early = 0;
	uint32_t late = inst->clobbers[RA_GPR] | (uint32_t)inst->clobbers[RA_XMM]
							 << RA_REGS_PER_CLASS;

	for (uint32_t k = 0; k < inst->operand_count; k++) {
		const struct ra_operand *o = &operands[k];
		uint32_t bit;

		if (o->constraint != RA_FIXED)
			continue;
		bit = 1u << (o->detail + RA_REGS_PER_CLASS * ra->fn->vreg_class[o->vreg]);
		if (o->role == RA_USE || o->time == RA_EARLY)
			early |= bit;
		if (o->role == RA_DEF || o->time == RA_LATE)
			late |= bit;
	}
	if (early != 0)
		ra_fixed_mark(ra, 2 * line, early);
	if (late != 0)
		ra_fixed_mark(ra, 2 * line + 1, late);
}

enum nb_status
ra_prepare(struct ra *ra)
{
	const struct ra_function *fn = ra->fn;
	enum nb_status status = number_lines(ra);

	if (status == NB_OK)
		status = find_loops(ra);
	if (status == NB_OK)
		status = gather_uses(ra);
	if (status == NB_OK)
		status = ra_fixed_init(ra);
	if (status != NB_OK)
		return status;
	for (uint32_t b = 0; b < fn->block_count; b++)
		for (uint32_t i = fn->blocks[b].first_inst; i < fn->blocks[b].end_inst; i++)
			seed_fixed(ra, ra_line_of(i, b), &fn->insts[i]);
	ra_fixed_finish(ra);
	return NB_OK;
}
