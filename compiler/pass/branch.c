/*
 * Control flow simplification.
 *
 * A round goes over the blocks in order: fold the terminator, lead each edge
 * past blocks that decide nothing, merge what follows without a choice. Blocks
 * that lose all predecessors are dropped between rounds. Headers of loops are
 * never led past, so control flow stays reducible.
 */
#include "compiler/pass/pass.h"

#include "compiler/ir/analyze.h"
#include "compiler/ir/edit.h"
#include "compiler/ir/params.h"
#include "lib/bitset.h"

enum {
	MAX_ROUNDS = 4,
	MAX_STEPS = 8, /* blocks that one edge is led past in one round */
};

struct branches {
	struct ir_function *fn;
	uint64_t *escapes; /* parameters used outside their block's terminator */
	bool changed;
};

/* What a use of a parameter belongs to, while escapes are collected. */
struct use_site {
	struct branches *s;
	uint32_t block;
	bool is_terminator;
};

static inline void
note_escape(void *context, uint32_t *value)
{
	struct use_site *site = context;
	const struct ir_inst *inst = &site->s->fn->insts[*value];

	if (inst->op == IR_PARAM && !(site->is_terminator && inst->block == site->block))
		bitset_add(site->s->escapes, *value);
}

static void
find_escapes(struct branches *s)
{
	struct ir_function *fn = s->fn;

	for (uint32_t i = 0; i < fn->order_count && ir_tick(fn, 1); i++) {
		const struct ir_block *block = &fn->blocks[fn->order[i]];

		for (uint32_t k = block->first_inst; k != IR_NONE; k = fn->insts[k].next) {
			struct use_site site = { s, fn->order[i], k == block->last_inst };

			ir_for_each_use(fn, k, note_escape, &site);
		}
	}
}

/* --- folding --------------------------------------------------------------------- */

/* The terminator becomes a jump along its edge number `kept`. */
static void
become_jump(struct branches *s, struct ir_inst *last, uint32_t kept)
{
	uint32_t edge = last->args[1] + kept;

	for (uint32_t i = 0; i < last->args[2]; i++)
		if (i != kept)
			ir_edge_disconnect(s->fn, last->args[1] + i);
	last->op = IR_JUMP;
	last->flags = 0;
	last->imm = 0;
	last->args[0] = IR_NONE;
	last->args[1] = edge;
	last->args[2] = 1;
	s->changed = true;
}

/* True if both edges go to the same block with the same values. */
static bool
is_same_way(struct ir_function *fn, const struct ir_edge *a, const struct ir_edge *b)
{
	if (a->to != b->to)
		return false;
	for (uint32_t i = 0; i < a->arg_count; i++)
		if (ir_resolve(fn, fn->lists[a->first_arg + i]) !=
		    ir_resolve(fn, fn->lists[b->first_arg + i]))
			return false;
	return true;
}

/* A condition that only compares with zero is no comparison. */
static void
strip_condition(struct branches *s, uint32_t index)
{
	struct ir_function *fn = s->fn;
	const struct ir_inst *cond = &fn->insts[fn->insts[index].args[0]];
	const struct ir_inst *zero;
	struct ir_inst *last = &fn->insts[index];

	if (cond->op != IR_EQ && cond->op != IR_NE)
		return;
	zero = &fn->insts[ir_resolve(fn, cond->args[1])];
	if (zero->op != IR_CONST || zero->type != IR_I32 || zero->imm != 0)
		return;
	last->args[0] = ir_resolve(fn, cond->args[0]);
	s->changed = true;
	if (cond->op == IR_EQ) {
		struct ir_edge *edges = &fn->edges[last->args[1]];
		uint32_t first = last->args[1];
		struct ir_edge ways[2] = { edges[0], edges[1] };
		uint16_t hints = last->flags;

		ir_edge_disconnect(fn, first);
		ir_edge_disconnect(fn, first + 1);
		for (uint32_t i = 0; i < 2; i++) {
			edges[i].first_arg = ways[1 - i].first_arg;
			edges[i].arg_count = ways[1 - i].arg_count;
			ir_edge_connect(fn, first + i, ways[1 - i].to);
		}
		last->flags = (uint16_t)((hints & ~(IR_LIKELY | IR_UNLIKELY)) |
					 (hints & IR_LIKELY ? IR_UNLIKELY : 0) |
					 (hints & IR_UNLIKELY ? IR_LIKELY : 0));
	}
}

static void
fold_terminator(struct branches *s, uint32_t block)
{
	struct ir_function *fn = s->fn;
	uint32_t index = fn->blocks[block].last_inst;
	struct ir_inst *last = &fn->insts[index];
	const struct ir_inst *cond;
	const struct ir_edge *edges;

	if (last->op != IR_BRANCH && last->op != IR_SWITCH)
		return;
	last->args[0] = ir_resolve(fn, last->args[0]);
	cond = &fn->insts[last->args[0]];
	edges = &fn->edges[last->args[1]];
	if (last->op == IR_SWITCH) {
		if (last->args[2] == 1) {
			become_jump(s, last, 0);
		} else if (cond->op == IR_CONST) {
			uint32_t cases = ir_switch_case_count(last);
			uint32_t which = cond->imm < cases ? (uint32_t)cond->imm : cases - 1;

			become_jump(s, last, ir_switch_case(fn, last, which));
		}
	} else if (cond->op == IR_CONST) {
		become_jump(s, last, cond->imm ? 0 : 1);
	} else if (is_same_way(fn, &edges[0], &edges[1])) {
		become_jump(s, last, 0);
	} else {
		strip_condition(s, index);
	}
}

/* --- leading edges past blocks ------------------------------------------------------ */

/* The value that the parameter's block gets over `edge`; other values are
 * themselves. */
static uint32_t
seen_from(struct ir_function *fn, const struct ir_edge *edge, uint32_t value)
{
	const struct ir_inst *inst;

	value = ir_resolve(fn, value);
	inst = &fn->insts[value];
	if (inst->op == IR_PARAM && inst->block == edge->to)
		return ir_resolve(fn, fn->lists[edge->first_arg + inst->imm]);
	return value;
}

/* The edge that is certainly taken by a block that is entered over `edge` and
 * does nothing else; IR_NONE if there is none. */
static uint32_t
way_on(struct ir_function *fn, const struct ir_edge *edge)
{
	const struct ir_block *to = &fn->blocks[edge->to];
	const struct ir_inst *last;
	const struct ir_inst *cond;

	if (to->first_inst != to->last_inst || to->flags & IR_BLOCK_LOOP_HEADER)
		return IR_NONE;
	last = &fn->insts[to->last_inst];
	if (last->op == IR_JUMP)
		return last->args[1];
	if (last->op != IR_BRANCH && last->op != IR_SWITCH)
		return IR_NONE;
	cond = &fn->insts[seen_from(fn, edge, last->args[0])];
	if (cond->op != IR_CONST)
		return IR_NONE;
	if (last->op == IR_BRANCH)
		return last->args[1] + (cond->imm ? 0 : 1);
	if (cond->imm >= ir_switch_case_count(last))
		return last->args[1] + ir_switch_case(fn, last, ir_switch_case_count(last) - 1);
	return last->args[1] + ir_switch_case(fn, last, (uint32_t)cond->imm);
}

static bool
has_escaping_params(const struct branches *s, const struct ir_block *block)
{
	for (uint32_t i = 0; i < block->param_count; i++)
		if (bitset_has(s->escapes, s->fn->lists[block->first_param + i]))
			return true;
	return false;
}

/* Leads the edge to where its target goes on to; false if it must stay. */
static bool
lead_past(struct branches *s, uint32_t index)
{
	struct ir_function *fn = s->fn;
	uint32_t next = way_on(fn, &fn->edges[index]);
	uint32_t count, list, to;

	if (next == IR_NONE || fn->edges[next].to == fn->edges[index].to ||
	    has_escaping_params(s, &fn->blocks[fn->edges[index].to]))
		return false;
	count = fn->edges[next].arg_count;
	to = fn->edges[next].to;
	list = ir_new_list(fn, count);
	if (fn->status != NB_OK)
		return false;
	for (uint32_t i = 0; i < count; i++)
		fn->lists[list + i] =
			seen_from(fn, &fn->edges[index], fn->lists[fn->edges[next].first_arg + i]);
	ir_edge_disconnect(fn, index);
	fn->edges[index].first_arg = list;
	fn->edges[index].arg_count = count;
	ir_edge_connect(fn, index, to);
	s->changed = true;
	return true;
}

/* --- merging --------------------------------------------------------------------------- */

/* The parameter becomes another name for its only argument; who used it
 * elsewhere now uses that. */
static void
replace_param(struct branches *s, uint32_t param, uint32_t argument)
{
	uint32_t value = ir_resolve(s->fn, argument);

	if (bitset_has(s->escapes, param))
		bitset_add(s->escapes, value);
	ir_replace(s->fn, param, value);
}

/* True if the edge hands its target one of the target's own parameters. That
 * happens only in a cycle that a folded branch has cut off; replacing a
 * parameter by itself there would make a name that never ends. */
static bool
passes_own_params(struct ir_function *fn, const struct ir_edge *edge)
{
	for (uint32_t i = 0; i < edge->arg_count; i++) {
		const struct ir_inst *inst =
			&fn->insts[ir_resolve(fn, fn->lists[edge->first_arg + i])];

		if (inst->op == IR_PARAM && inst->block == edge->to)
			return true;
	}
	return false;
}

/* Appends the only successor to the block if nobody else goes there. */
static bool
merge_successor(struct branches *s, uint32_t block)
{
	struct ir_function *fn = s->fn;
	struct ir_block *b = &fn->blocks[block];
	const struct ir_inst *jump = &fn->insts[b->last_inst];
	const struct ir_edge *edge;
	struct ir_block *next;
	uint32_t last;

	if (jump->op != IR_JUMP)
		return false;
	edge = &fn->edges[jump->args[1]];
	next = &fn->blocks[edge->to];
	if (edge->to == block || edge->next_pred != IR_NONE || edge->prev_pred != IR_NONE ||
	    passes_own_params(fn, edge))
		return false;
	for (uint32_t i = 0; i < next->param_count; i++)
		replace_param(s, fn->lists[next->first_param + i], fn->lists[edge->first_arg + i]);
	ir_remove_terminator(fn, block);
	next->param_count = 0;
	last = next->last_inst;
	for (uint32_t i = next->first_inst; i != IR_NONE; i = fn->insts[i].next)
		fn->insts[i].block = block;
	for (uint32_t i = 0; i < ir_inst_edge_count(&fn->insts[last]); i++)
		fn->edges[fn->insts[last].args[1] + i].from = block;
	fn->insts[next->first_inst].prev = b->last_inst;
	if (b->last_inst != IR_NONE)
		fn->insts[b->last_inst].next = next->first_inst;
	else
		b->first_inst = next->first_inst;
	b->last_inst = last;
	next->first_inst = IR_NONE;
	next->last_inst = IR_NONE;
	s->changed = true;
	return true;
}

static void
simplify_block(struct branches *s, uint32_t block)
{
	struct ir_function *fn = s->fn;
	const struct ir_inst *last;

	do {
		uint32_t first, count;

		fold_terminator(s, block);
		last = &fn->insts[fn->blocks[block].last_inst];
		first = last->args[1];
		count = ir_inst_edge_count(last);
		for (uint32_t i = 0; i < count; i++)
			for (uint32_t step = 0; step < MAX_STEPS; step++)
				if (!lead_past(s, first + i))
					break;
	} while (merge_successor(s, block) && ir_tick(fn, 1));
}

static void
run_round(struct branches *s, struct arena *scratch)
{
	struct ir_function *fn = s->fn;

	s->changed = false;
	s->escapes = arena_new_array(scratch, uint64_t, bitset_words(fn->inst_count));
	if (!s->escapes) {
		ir_fail(fn, NB_OUT_OF_MEMORY);
		return;
	}
	find_escapes(s);
	for (uint32_t i = 0; i < fn->order_count && ir_tick(fn, 1); i++)
		if (fn->blocks[fn->order[i]].first_inst != IR_NONE)
			simplify_block(s, fn->order[i]);
	if (fn->status == NB_OK && s->changed)
		ir_resolve_all(fn);
}

enum nb_status
pass_branch(struct ir_function *fn, struct pass_context *context)
{
	struct arena_mark mark = arena_mark_get(context->scratch);
	struct branches s = { .fn = fn, .changed = true };

	fn->has_new_ways = false;
	for (uint32_t i = 0; i < MAX_ROUNDS && s.changed; i++) {
		if (ir_order(fn, context->scratch) != NB_OK)
			break;
		ir_drop_trivial_params(fn);
		run_round(&s, context->scratch);
		arena_release(context->scratch, mark);
		if (fn->status != NB_OK)
			break;
	}
	if (s.changed && ir_order(fn, context->scratch) == NB_OK)
		ir_drop_trivial_params(fn);
	return fn->status;
}

enum nb_status
pass_branch_folds(struct ir_function *fn, struct pass_context *context)
{
	return fn->has_new_ways ? pass_branch(fn, context) : fn->status;
}
