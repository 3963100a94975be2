/*
 * If-conversion: a branch whose two edges lead to the same block and only
 * choose between constants becomes select. Values that somebody has to compute
 * or wait for stay with the branch, which the processor predicts.
 */
#include "compiler/pass/pass.h"

#include "compiler/ir/edit.h"
#include "compiler/ir/simplify.h"

enum { MAX_CHOICES = 2 };

/* How many arguments differ; MAX_CHOICES + 1 if one of those is not a choice
 * between integer constants. */
static uint32_t
count_choices(const struct ir_function *fn, const struct ir_edge *yes, const struct ir_edge *no)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < yes->arg_count; i++) {
		const struct ir_inst *a = &fn->insts[fn->lists[yes->first_arg + i]];
		const struct ir_inst *b = &fn->insts[fn->lists[no->first_arg + i]];

		if (a == b)
			continue;
		if (a->op != IR_CONST || b->op != IR_CONST || !ir_type_is_int(a->type))
			return MAX_CHOICES + 1;
		if (++count > MAX_CHOICES)
			return count;
	}
	return count;
}

static uint32_t
emit_select(struct ir_function *fn, uint32_t branch, uint32_t yes, uint32_t no)
{
	struct ir_inst proto = {
		.op = IR_SELECT,
		.type = fn->insts[yes].type,
		.args = { fn->insts[branch].args[0], yes, no },
	};
	uint32_t value = ir_simplify(fn, &proto);

	if (value != IR_NONE)
		return value;
	value = ir_new_inst(fn, proto.op, proto.type);
	if (value == 0)
		return 0;
	for (uint32_t i = 0; i < 3; i++)
		fn->insts[value].args[i] = proto.args[i];
	fn->insts[value].wasm_offset = fn->insts[branch].wasm_offset;
	ir_insert_before(fn, branch, value);
	return value;
}

/* The branch becomes a jump along its first edge, with the chosen values. */
static void
convert(struct ir_function *fn, uint32_t branch)
{
	uint32_t first = fn->insts[branch].args[1];
	uint32_t count = fn->edges[first].arg_count;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t *yes = &fn->lists[fn->edges[first].first_arg + i];
		uint32_t no = fn->lists[fn->edges[first + 1].first_arg + i];
		uint32_t value;

		if (*yes == no)
			continue;
		value = emit_select(fn, branch, *yes, no);
		fn->lists[fn->edges[first].first_arg + i] = value;
	}
	ir_edge_disconnect(fn, first + 1);
	fn->insts[branch].op = IR_JUMP;
	fn->insts[branch].flags = 0;
	fn->insts[branch].args[0] = IR_NONE;
	fn->insts[branch].args[2] = 1;
}

enum nb_status
pass_ifconv(struct ir_function *fn, struct pass_context *context)
{
	(void)context;
	for (uint32_t b = 0; b < fn->block_count && ir_tick(fn, 1); b++) {
		uint32_t last = fn->blocks[b].last_inst;
		const struct ir_edge *edges;

		if (last == IR_NONE || fn->insts[last].op != IR_BRANCH)
			continue;
		edges = ir_inst_edge(fn, &fn->insts[last], 0);
		if (edges[0].to == edges[1].to &&
		    count_choices(fn, &edges[0], &edges[1]) <= MAX_CHOICES)
			convert(fn, last);
	}
	return fn->status;
}
