/*
 * Loop variables that count up to zero.
 *
 * Producers like to let a variable run from -n to 0 and to add it to the end of each
 * array, which saves them a comparison. Every one of these additions wraps, so none can
 * be part of an access. When all that uses the variable is such additions, its step, and
 * tests for equality, it may as well run from the least of the added constants
 * upward; then the others are offsets, which pass_range finds.
 *
 *	loop (i = -n):                    loop (i = c - n):
 *	  load (add i, c)                   load i
 *	  load (add i, d)                   load (add i, d - c)
 *	  next = add i, 4                   next = add i, 4
 *	  branch next, loop, out            branch (ne next, c), loop, out
 */
#include "compiler/pass/pass.h"
#include "compiler/pass/span.h"

#include "compiler/ir/analyze.h"
#include "compiler/ir/edit.h"

struct variable {
	uint32_t param, next; /* the variable, the addition that steps it */
	uint32_t header;
	uint32_t base;	    /* least constant that is added to it; what it starts from later */
	uint64_t least;	    /* value it has */
	uint32_t additions; /* that wrap */
	bool is_bad;
};

struct rebase {
	struct ir_function *fn;
	struct variable *variables;
	uint32_t count, cap;
	uint32_t *variable_of; /* by value, index + 1: of the variables and their steps */
	uint32_t inst;	       /* whose uses are visited */
	bool has_replaced;
};

static bool
is_const(const struct ir_function *fn, uint32_t value)
{
	return fn->insts[value].op == IR_CONST;
}

/* Notes parameter `index` of `header` if constants enter and one addition goes round. */
static void
note(struct rebase *r, uint32_t header, uint32_t index)
{
	struct ir_function *fn = r->fn;
	uint32_t param = fn->lists[fn->blocks[header].first_param + index], next = IR_NONE;

	for (uint32_t e = fn->blocks[header].first_pred; e != IR_NONE; e = fn->edges[e].next_pred) {
		uint32_t value = fn->lists[fn->edges[e].first_arg + index];
		const struct ir_inst *inst = &fn->insts[value];

		if (!ir_dominates(fn, header, fn->edges[e].from)) {
			if (inst->op != IR_CONST || inst->imm <= INT32_MAX)
				return;
			continue;
		}
		if (inst->op != IR_ADD || inst->args[0] != param || !is_const(fn, inst->args[1]) ||
		    (next != IR_NONE && next != value))
			return;
		next = value;
	}
	if (next == IR_NONE || r->variable_of[next])
		return;
	r->variables[r->count++] = (struct variable){
		.param = param, .next = next, .header = header, .base = UINT32_MAX
	};
	r->variable_of[param] = r->variable_of[next] = r->count;
}

static void
find_variables(struct rebase *r)
{
	const struct ir_function *fn = r->fn;

	for (uint32_t i = 0; i < fn->order_count; i++) {
		const struct ir_block *block = &fn->blocks[fn->order[i]];

		if (!(block->flags & IR_BLOCK_LOOP_HEADER))
			continue;
		for (uint32_t k = 0; k < block->param_count; k++)
			if (fn->insts[fn->lists[block->first_param + k]].type == IR_I32)
				note(r, fn->order[i], k);
	}
}

/* Whether the user is a test for equality with a constant. */
static bool
is_test(const struct ir_function *fn, const struct ir_inst *user, uint32_t value)
{
	if (user->op == IR_EQ || user->op == IR_NE)
		return user->args[0] == value && is_const(fn, user->args[1]);
	return user->op == IR_BRANCH && user->args[0] == value;
}

static void
judge(void *context, uint32_t *value)
{
	struct rebase *r = context;
	const struct ir_inst *user = &r->fn->insts[r->inst];
	struct variable *variable;

	if (!r->variable_of[*value])
		return;
	variable = &r->variables[r->variable_of[*value] - 1];
	if (r->inst == variable->next || is_test(r->fn, user, *value))
		return;
	if (*value == variable->param && user->op == IR_ADD && user->args[0] == *value &&
	    is_const(r->fn, user->args[1])) {
		uint64_t constant = r->fn->insts[user->args[1]].imm;

		variable->is_bad |= variable->least + constant <= UINT32_MAX;
		variable->additions++;
		if (constant < variable->base)
			variable->base = (uint32_t)constant;
		return;
	}
	variable->is_bad = true;
}

/* Judges what passes values along edges: a step may only go round. */
static void
judge_edges(struct rebase *r, const struct ir_inst *end)
{
	const struct ir_function *fn = r->fn;

	for (uint32_t e = 0; e < ir_inst_edge_count(end); e++) {
		const struct ir_edge *edge = ir_inst_edge(fn, end, e);

		for (uint32_t k = 0; k < edge->arg_count; k++) {
			uint32_t value = fn->lists[edge->first_arg + k];
			struct variable *variable;

			if (!r->variable_of[value])
				continue;
			variable = &r->variables[r->variable_of[value] - 1];
			if (value != variable->next || edge->to != variable->header ||
			    fn->lists[fn->blocks[edge->to].first_param + k] != variable->param)
				variable->is_bad = true;
		}
	}
}

static void
judge_inst(struct rebase *r, uint32_t index)
{
	const struct ir_inst *inst = &r->fn->insts[index];
	const struct ir_op_info *info = ir_op_info(inst->op);

	r->inst = index;
	for (uint32_t k = 0; k < info->arg_count; k++) {
		uint32_t value = inst->args[k];

		judge(r, &value);
	}
	if (info->flags & IR_OP_LIST)
		for (uint32_t k = 0; k < inst->args[2]; k++)
			judge(r, &r->fn->lists[inst->args[1] + k]);
	if (info->flags & IR_OP_EDGES)
		judge_edges(r, inst);
}

/* Moves a constant user of a variable along with it. */
static void
move_user(struct rebase *r, const struct variable *variable, uint32_t index)
{
	struct ir_function *fn = r->fn;
	uint32_t op = fn->insts[index].op, value = fn->insts[index].args[0], constant, test;

	if (index == variable->next)
		return;
	if (op == IR_BRANCH) {
		constant = ir_const(fn, IR_I32, variable->base);
		test = ir_new_inst(fn, IR_NE, IR_I32);
		fn->insts[test].args[0] = value;
		fn->insts[test].args[1] = constant;
		fn->insts[test].wasm_offset = fn->insts[index].wasm_offset;
		ir_insert_before(fn, index, test);
		fn->insts[index].args[0] = test;
		return;
	}
	constant = (uint32_t)fn->insts[fn->insts[index].args[1]].imm;
	if (op == IR_ADD && constant == variable->base) {
		ir_replace(fn, index, value);
		r->has_replaced = true;
		return;
	}
	constant = op == IR_ADD ? constant - variable->base : constant + variable->base;
	constant = ir_const(fn, IR_I32, constant);
	fn->insts[index].args[1] = constant;
}

static void
move_starts(struct rebase *r, const struct variable *variable)
{
	struct ir_function *fn = r->fn;
	uint32_t index = (uint32_t)fn->insts[variable->param].imm;

	for (uint32_t e = fn->blocks[variable->header].first_pred; e != IR_NONE;
	     e = fn->edges[e].next_pred) {
		uint32_t at = fn->edges[e].first_arg + index, start;

		if (!is_const(fn, fn->lists[at]))
			continue;
		start = (uint32_t)fn->insts[fn->lists[at]].imm + variable->base;
		start = ir_const(fn, IR_I32, start);
		fn->lists[at] = start;
	}
}

static void
sweep(struct rebase *r, bool is_judging)
{
	struct ir_function *fn = r->fn;
	uint32_t count = fn->inst_count;

	for (uint32_t i = 0; i < fn->order_count; i++) {
		uint32_t next;

		for (uint32_t k = fn->blocks[fn->order[i]].first_inst;
		     k != IR_NONE && ir_tick(fn, 1); k = next) {
			next = fn->insts[k].next;
			if (is_judging) {
				judge_inst(r, k);
				continue;
			}
			uint32_t value = fn->insts[k].args[0];

			if (ir_op_info(fn->insts[k].op)->arg_count == 0 || value >= count ||
			    !r->variable_of[value])
				continue;
			const struct variable *v = &r->variables[r->variable_of[value] - 1];

			if (!v->is_bad)
				move_user(r, v, k);
		}
	}
}

static void
rebase(struct rebase *r, struct arena *scratch)
{
	struct span_facts spans;

	find_variables(r);
	if (r->count == 0)
		return;
	if (span_analyze(r->fn, scratch, &spans) != NB_OK) {
		ir_fail(r->fn, NB_OUT_OF_MEMORY);
		return;
	}
	for (uint32_t i = 0; i < r->count; i++)
		r->variables[i].least = span_of(&spans, r->variables[i].param).lo;
	sweep(r, true);
	for (uint32_t i = 0; i < r->count; i++) {
		r->variables[i].is_bad |= r->variables[i].additions == 0;
		if (!r->variables[i].is_bad)
			move_starts(r, &r->variables[i]);
	}
	sweep(r, false);
	if (r->has_replaced && r->fn->status == NB_OK)
		ir_resolve_all(r->fn);
}

enum nb_status
pass_rebase(struct ir_function *fn, struct pass_context *context)
{
	struct arena_mark mark = arena_mark_get(context->scratch);
	struct rebase r = { .fn = fn };

	if (fn->has_no_loop || ir_analyze(fn, context->scratch) != NB_OK)
		return fn->status;
	for (uint32_t i = 0; i < fn->order_count; i++)
		if (fn->blocks[fn->order[i]].flags & IR_BLOCK_LOOP_HEADER)
			r.cap += fn->blocks[fn->order[i]].param_count;
	if (r.cap == 0)
		return fn->status;
	r.variables = arena_new_array(context->scratch, struct variable, r.cap);
	r.variable_of = arena_new_array(context->scratch, uint32_t, fn->inst_count);
	if (!r.variables || !r.variable_of)
		ir_fail(fn, NB_OUT_OF_MEMORY);
	else
		rebase(&r, context->scratch);
	arena_release(context->scratch, mark);
	return fn->status;
}
