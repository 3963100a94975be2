/*
 * Decisions: a branch on `select c, x, 1` (c is false, or x) or `select c, x, 0` (c and x),
 * or with the constant on the other side, becomes two branches, one behind the other, and
 * nobody has to make the chosen value. So x need be known on one way only.
 *
 *	b: branch (select c, x, 1), yes, no    =>    b: branch c, m, yes
 *	                                             m: branch x, yes, no
 */
#include "compiler/pass/pass.h"

#include "compiler/ir/edit.h"
#include "compiler/ir/simplify.h"

enum {
	MAX_ARGS = 2, /* that are passed along the edge that there will be twice */
};

struct decide {
	struct ir_function *fn;
	uint32_t *uses; /* per value, counted up to 2; NULL: not counted yet */
	uint32_t value_count;
};

static bool
is_constant(const struct ir_function *fn, uint32_t value)
{
	return fn->insts[value].op == IR_CONST;
}

/* Whether the branch is on a choice between a constant and a value. */
static bool
is_candidate(const struct ir_function *fn, const struct ir_inst *branch)
{
	const struct ir_inst *choice = &fn->insts[branch->args[0]];

	return choice->op == IR_SELECT && choice->type == IR_I32 &&
	       is_constant(fn, choice->args[1]) != is_constant(fn, choice->args[2]);
}

static void
count_use(void *context, uint32_t *value)
{
	uint32_t *uses = context;

	if (uses[*value] < 2)
		uses[*value]++;
}

static bool
count_uses(struct decide *d, struct arena *scratch)
{
	struct ir_function *fn = d->fn;

	d->value_count = fn->inst_count;
	d->uses = arena_new_array(scratch, uint32_t, d->value_count);
	if (!d->uses) {
		ir_fail(fn, NB_OUT_OF_MEMORY);
		return false;
	}
	for (uint32_t b = 0; b < fn->block_count && ir_tick(fn, 1); b++)
		for (uint32_t i = fn->blocks[b].first_inst; i != IR_NONE; i = fn->insts[i].next)
			ir_for_each_use(fn, i, count_use, d->uses);
	return fn->status == NB_OK;
}

/* Where an edge leads and what it passes. */
struct way {
	uint32_t to, first_arg, arg_count;
};

static struct way
way_of(const struct ir_function *fn, uint32_t edge)
{
	const struct ir_edge *e = &fn->edges[edge];

	return (struct way){ e->to, e->first_arg, e->arg_count };
}

/* Lets an unconnected edge lead that way, with arguments of its own. */
static void
connect_way(struct ir_function *fn, uint32_t edge, const struct way *way)
{
	uint32_t list = way->arg_count == 0 ? 0 : ir_new_list(fn, way->arg_count);

	if (fn->status != NB_OK)
		return;
	for (uint32_t i = 0; i < way->arg_count; i++)
		fn->lists[list + i] = fn->lists[way->first_arg + i];
	fn->edges[edge].first_arg = list;
	fn->edges[edge].arg_count = way->arg_count;
	ir_edge_connect(fn, edge, way->to);
}

/* Puts a branch on `value`, else like `first`, into a block of its own, which comes back. */
static uint32_t
make_second(struct decide *d, uint32_t value, uint32_t first, const struct way ways[2])
{
	struct ir_function *fn = d->fn;
	uint32_t block = ir_new_block(fn);
	uint32_t branch = ir_new_inst(fn, IR_BRANCH, IR_VOID);
	uint32_t edges = ir_new_edges(fn, block, 2);

	if (fn->status != NB_OK)
		return 0;
	fn->insts[branch].args[0] = value;
	fn->insts[branch].args[1] = edges;
	fn->insts[branch].args[2] = 2;
	fn->insts[branch].flags = fn->insts[first].flags;
	fn->insts[branch].wasm_offset = fn->insts[first].wasm_offset;
	/* A comparison is one with its branch if they are neighbours. */
	if (value < d->value_count && d->uses[value] == 1 &&
	    ir_op_is_comparison(fn->insts[value].op) &&
	    fn->insts[value].block == fn->insts[first].block) {
		ir_unlink(fn, value);
		ir_append(fn, block, value);
	}
	ir_append(fn, block, branch);
	connect_way(fn, edges, &ways[0]);
	connect_way(fn, edges + 1, &ways[1]);
	return block;
}

static void
convert(struct decide *d, uint32_t branch)
{
	struct ir_function *fn = d->fn;
	uint32_t choice = fn->insts[branch].args[0];
	uint32_t first = fn->insts[branch].args[1];
	struct way ways[2] = { way_of(fn, first), way_of(fn, first + 1) };
	/* The edge on which the value is chosen, and the way of the constant. */
	uint32_t open = is_constant(fn, fn->insts[choice].args[1]) ? 1 : 0;
	uint32_t constant = fn->insts[choice].args[2 - open];
	const struct way *closed = &ways[fn->insts[constant].imm == 0];
	uint32_t second;

	if (closed->arg_count > MAX_ARGS)
		return;
	second = make_second(d, fn->insts[choice].args[1 + open], branch, ways);
	if (fn->status != NB_OK)
		return;
	ir_edge_disconnect(fn, first);
	ir_edge_disconnect(fn, first + 1);
	connect_way(fn, first + open, &(struct way){ .to = second });
	connect_way(fn, first + 1 - open, closed);
	fn->insts[branch].args[0] = fn->insts[choice].args[0];
	fn->insts[branch].flags = 0;
	ir_remove(fn, choice);
}

enum nb_status
pass_decide(struct ir_function *fn, struct pass_context *context)
{
	struct arena_mark mark = arena_mark_get(context->scratch);
	struct decide d = { .fn = fn };
	uint32_t block_count = fn->block_count;

	for (uint32_t b = 0; b < block_count && ir_tick(fn, 1); b++) {
		uint32_t last = fn->blocks[b].last_inst;

		if (last == IR_NONE || fn->insts[last].op != IR_BRANCH ||
		    !is_candidate(fn, &fn->insts[last]))
			continue;
		if (!d.uses && !count_uses(&d, context->scratch))
			break;
		if (d.uses[fn->insts[last].args[0]] == 1)
			convert(&d, last);
	}
	arena_release(context->scratch, mark);
	return fn->status;
}
