/*
 * The IR checker. Works on a copy that it analyses itself, so that it trusts
 * nothing of what passes leave in the blocks.
 */
#include "compiler/ir/check.h"

#include "abi/code_contract.h"
#include "compiler/ir/analyze.h"
#include "compiler/ir/edit.h"
#include "lib/format.h"
#include "lib/string.h"

struct checker {
	const struct ir_function *fn;
	struct ir_function copy; /* analysed */
	uint32_t *sequence;	 /* of placed instructions, in order within a block */
	char *reason;
	size_t cap;
	bool failed;
};

static bool __attribute__((format(printf, 3, 4)))
fail(struct checker *c, uint32_t inst, const char *format, ...)
{
	size_t len;
	va_list args;

	if (c->failed)
		return false;
	c->failed = true;
	len = format_text(c->reason, c->cap, "function %u, v%u: ", c->fn->func_idx, inst);
	if (len >= c->cap)
		return false;
	va_start(args, format);
	format_text_va(c->reason + len, c->cap - len, format, args);
	va_end(args);
	return false;
}

/* A copy whose arrays can be changed. */
static bool
copy_function(struct checker *c, struct arena *scratch)
{
	struct ir_function *to = &c->copy;
	const struct ir_function *fn = c->fn;

	*to = *fn;
	to->arena = scratch;
	to->ticker = NULL;
	to->is_analyzed = false;
	to->order = arena_new_array(scratch, uint32_t, fn->block_count);
	to->order_cap = fn->block_count;
	to->inst_cap = fn->inst_count;
	to->block_cap = fn->block_count;
	to->edge_cap = fn->edge_count;
	to->insts = arena_alloc(scratch, fn->inst_count * sizeof(*to->insts), 8);
	to->blocks = arena_alloc(scratch, fn->block_count * sizeof(*to->blocks), 8);
	to->edges = arena_alloc(scratch, fn->edge_count * sizeof(*to->edges), 8);
	c->sequence = arena_new_array(scratch, uint32_t, fn->inst_count);
	if (!to->order || !to->insts || !to->blocks || !to->edges || !c->sequence)
		return false;
	memcpy(to->insts, fn->insts, fn->inst_count * sizeof(*to->insts));
	memcpy(to->blocks, fn->blocks, fn->block_count * sizeof(*to->blocks));
	memcpy(to->edges, fn->edges, fn->edge_count * sizeof(*to->edges));
	return true;
}

/* --- structure, before anything is followed --------------------------------- */

static bool
check_edge(struct checker *c, uint32_t block, uint32_t inst, uint32_t index)
{
	const struct ir_function *fn = c->fn;
	const struct ir_edge *edge = &fn->edges[index];
	const struct ir_block *to;

	if (edge->from != block || edge->to >= fn->block_count || edge->to == 0)
		return fail(c, inst, "edge %u from %u to %u", index, edge->from, edge->to);
	to = &fn->blocks[edge->to];
	if (to->first_inst == IR_NONE)
		return fail(c, inst, "edge to the empty block %u", edge->to);
	if (edge->prev_pred == IR_NONE ? to->first_pred != index
				       : edge->prev_pred >= fn->edge_count ||
						 fn->edges[edge->prev_pred].next_pred != index)
		return fail(c, inst, "edge %u is not in the list of block %u", index, edge->to);
	if (edge->arg_count != to->param_count)
		return fail(c, inst, "%u arguments for %u parameters of block %u", edge->arg_count,
			    to->param_count, edge->to);
	if (edge->arg_count && (uint64_t)edge->first_arg + edge->arg_count > fn->list_count)
		return fail(c, inst, "arguments outside the pool");
	return true;
}

static bool
check_terminator(struct checker *c, uint32_t block, uint32_t index)
{
	const struct ir_function *fn = c->fn;
	const struct ir_inst *inst = &fn->insts[index];
	uint32_t edges = ir_inst_edge_count(inst);

	if ((uint64_t)inst->args[1] + edges > fn->edge_count && edges)
		return fail(c, index, "edges outside the array");
	for (uint32_t i = 0; i < edges; i++)
		if (!check_edge(c, block, index, inst->args[1] + i))
			return false;
	if ((inst->op == IR_JUMP && edges != 1) || (inst->op == IR_BRANCH && edges != 2))
		return fail(c, index, "%u edges", edges);
	if (inst->op != IR_SWITCH)
		return true;
	if (edges == 0 || ir_switch_case_count(inst) == 0 ||
	    (inst->imm >> 32) + ir_switch_case_count(inst) > fn->list_count)
		return fail(c, index, "cases outside the pool");
	for (uint32_t i = 0; i < ir_switch_case_count(inst); i++)
		if (ir_switch_case(fn, inst, i) >= edges)
			return fail(c, index, "case %u takes edge %u of %u", i,
				    ir_switch_case(fn, inst, i), edges);
	return true;
}

static bool
check_links(struct checker *c, uint32_t b)
{
	const struct ir_function *fn = c->fn;
	const struct ir_block *block = &fn->blocks[b];
	uint32_t prev = IR_NONE;
	uint32_t count = 0;

	for (uint32_t i = block->first_inst; i != IR_NONE; i = fn->insts[i].next) {
		const struct ir_inst *inst;

		if (i >= fn->inst_count || count > fn->inst_count)
			return fail(c, i, "block %u: broken list", b);
		inst = &fn->insts[i];
		if (inst->block != b || inst->prev != prev)
			return fail(c, i, "block %u: wrong block %u or link", b, inst->block);
		if (inst->op >= IR_OP_COUNT || ir_op_info(inst->op)->flags & IR_OP_FREE)
			return fail(c, i, "block %u: operation %u in a list", b, inst->op);
		if ((inst->next == IR_NONE) != !!(ir_op_info(inst->op)->flags & IR_OP_END))
			return fail(c, i, "block %u: terminator not at the end", b);
		c->sequence[i] = ++count;
		prev = i;
	}
	if (prev != block->last_inst)
		return fail(c, prev, "block %u: wrong last instruction", b);
	return check_terminator(c, b, prev);
}

static bool
check_params(struct checker *c, uint32_t b)
{
	const struct ir_function *fn = c->fn;
	const struct ir_block *block = &fn->blocks[b];

	if (block->param_count &&
	    (uint64_t)block->first_param + block->param_count > fn->list_count)
		return fail(c, 0, "block %u: parameters outside the pool", b);
	for (uint32_t i = 0; i < block->param_count; i++) {
		uint32_t param = fn->lists[block->first_param + i];
		const struct ir_inst *inst;

		if (param >= fn->inst_count)
			return fail(c, param, "block %u: no such parameter", b);
		inst = &fn->insts[param];
		if (inst->op != IR_PARAM || inst->block != b || inst->imm != i)
			return fail(c, param, "block %u: bad parameter %u", b, i);
	}
	return true;
}

/* --- values ------------------------------------------------------------------- */

static bool
check_use(struct checker *c, uint32_t user, uint32_t value)
{
	const struct ir_function *fn = c->fn;
	const struct ir_inst *def;
	uint32_t block = fn->insts[user].block;

	if (value >= fn->inst_count)
		return fail(c, user, "uses no value");
	def = &fn->insts[value];
	if (def->op == IR_CONST)
		return def->type != IR_V128 || def->imm < fn->vector_count ||
		       fail(c, user, "uses v%u, whose bits are nowhere", value);
	if (def->type == IR_VOID || def->op == IR_ALIAS || def->op == IR_GONE ||
	    def->block >= fn->block_count)
		return fail(c, user, "uses v%u, which is none", value);
	if (def->op == IR_PARAM) {
		const struct ir_block *home = &fn->blocks[def->block];

		if (def->imm >= home->param_count ||
		    fn->lists[home->first_param + def->imm] != value)
			return fail(c, user, "uses the removed parameter v%u", value);
	} else if (c->sequence[value] == 0) {
		return fail(c, user, "uses v%u, which is in no block", value);
	}
	if (def->block == block) {
		if (def->op != IR_PARAM && c->sequence[value] >= c->sequence[user])
			return fail(c, user, "uses v%u before it is defined", value);
		return true;
	}
	if (c->copy.blocks[def->block].position == IR_NONE ||
	    !ir_dominates(&c->copy, def->block, block))
		return fail(c, user, "uses v%u, which does not dominate it", value);
	return true;
}

static bool
fits(char rule, uint32_t type, uint32_t result, uint32_t before)
{
	switch (rule) {
	case '-':
		return type == IR_VOID;
	case 'i':
		return type == IR_I32;
	case 'l':
		return type == IR_I64;
	case 'n':
		return ir_type_is_int(type);
	case 'f':
		return ir_type_is_float(type);
	case 'x':
		return type == IR_V128;
	case 'r':
		return type == result;
	case 's':
		return type == before;
	default:
		return type != IR_VOID;
	}
}

/* What the rows of op.def leave open for operations on vectors. */
static bool
check_vector(struct checker *c, uint32_t index)
{
	const struct ir_function *fn = c->fn;
	const struct ir_inst *inst = &fn->insts[index];
	const struct ir_vector_info *info;
	uint32_t op = ir_vector_op(inst);
	uint32_t scalar = inst->type;

	if (inst->op == IR_SHUFFLE)
		return inst->imm < fn->vector_count || fail(c, index, "no such pattern");
	if (op == IR_VECTOR_NONE || op >= IR_VECTOR_COUNT || ir_vector_infos[op].op != inst->op)
		return fail(c, index, "vector operation %u", op);
	info = &ir_vector_infos[op];
	if (inst->op == IR_SPLAT)
		scalar = fn->insts[inst->args[0]].type;
	else if (inst->op == IR_REPLACE)
		scalar = fn->insts[inst->args[1]].type;
	else if (inst->op != IR_EXTRACT)
		return inst->imm >> 16 == 0 || fail(c, index, "%s of a lane", info->text);
	if (scalar != ir_shape_scalar(info->shape))
		return fail(c, index, "%s with %s", info->text, ir_type_text(scalar));
	if (inst->imm >> 16 >= 16u >> ir_shape_width(info->shape) ||
	    (inst->op == IR_SPLAT && inst->imm >> 16))
		return fail(c, index, "%s of lane %u", info->text, ir_vector_lane(inst));
	return true;
}

static bool
is_call(uint32_t op)
{
	return op == IR_CALL || op == IR_CALL_IMPORT || op == IR_CALL_INDIRECT || op == IR_CALL_REF;
}

static bool
check_types(struct checker *c, uint32_t index)
{
	const struct ir_function *fn = c->fn;
	const struct ir_inst *inst = &fn->insts[index];
	const struct ir_op_info *info = ir_op_info(inst->op);
	uint32_t before = IR_VOID;

	if (!(info->flags & IR_OP_CALL) && !fits(info->result, inst->type, IR_VOID, IR_VOID))
		return fail(c, index, "%s of type %s", info->text, ir_type_text(inst->type));
	for (uint32_t i = 0; i < info->arg_count; i++) {
		uint32_t type;

		if (!check_use(c, index, inst->args[i]))
			return false;
		type = fn->insts[inst->args[i]].type;
		if (!fits(info->arguments[i], type, inst->type, before))
			return fail(c, index, "%s with an argument of type %s", info->text,
				    ir_type_text(type));
		before = type;
	}
	if (inst->op >= IR_VECTOR1 && inst->op <= IR_SHUFFLE)
		return check_vector(c, index);
	if (inst->op == IR_BITCAST && (ir_type_bits(inst->type) != ir_type_bits(before) ||
				       ir_type_is_int(inst->type) == ir_type_is_int(before)))
		return fail(c, index, "bitcast to %s", ir_type_text(inst->type));
	if (((info->reads | info->writes) & IR_STATE_FRAME) &&
	    inst->imm + 1 + (uint64_t)(inst->type == IR_V128 || before == IR_V128) >
		    fn->frame_slots)
		return fail(c, index, "%s outside the frame", info->text);
	if (ir_access_bytes(fn, inst) && ir_access_offset(inst) > NB_DISPLACEMENT_MAX)
		return fail(c, index, "%s with too large an offset", info->text);
	return true;
}

/* The list against a row of value types. */
static bool
check_list(struct checker *c, uint32_t index, const enum wasm_valtype *types, uint32_t count)
{
	struct ir_list list = ir_inst_list(c->fn, &c->fn->insts[index]);

	if (list.count != count)
		return fail(c, index, "%u values instead of %u", list.count, count);
	for (uint32_t i = 0; i < count; i++)
		if (c->fn->insts[list.values[i]].type != ir_type_from_wasm(types[i]))
			return fail(c, index, "value %u has the wrong type", i);
	return true;
}

static bool
check_call(struct checker *c, uint32_t index)
{
	const struct ir_function *fn = c->fn;
	const struct ir_inst *inst = &fn->insts[index];
	const struct wasm_functype *type = ir_call_type(fn, inst);
	uint32_t next = inst->next;

	if (!check_list(c, index, type->params, type->param_count))
		return false;
	if (inst->type != (type->result_count ? ir_type_from_wasm(type->results[0]) : IR_VOID))
		return fail(c, index, "call has the wrong type");
	for (uint32_t i = 1; i < type->result_count; i++) {
		const struct ir_inst *result = &fn->insts[next];

		if (result->op != IR_RESULT || result->args[0] != index || result->imm != i ||
		    result->type != ir_type_from_wasm(type->results[i]))
			return fail(c, next, "is not result %u of v%u", i, index);
		next = result->next;
	}
	return true;
}

static bool
check_tail_call(struct checker *c, uint32_t index)
{
	const struct ir_function *fn = c->fn;
	const struct wasm_functype *type = ir_call_type(fn, &fn->insts[index]);

	if (!check_list(c, index, type->params, type->param_count))
		return false;
	if (!fn->type)
		return true;
	if (type->result_count != fn->type->result_count)
		return fail(c, index, "tail call with %u results", type->result_count);
	for (uint32_t i = 0; i < type->result_count; i++)
		if (ir_type_from_wasm(type->results[i]) != ir_type_from_wasm(fn->type->results[i]))
			return fail(c, index, "result %u of the tail call has another type", i);
	return true;
}

static bool
check_lists(struct checker *c, uint32_t index)
{
	const struct ir_function *fn = c->fn;
	const struct ir_inst *inst = &fn->insts[index];
	struct ir_list list;

	if (!(ir_op_info(inst->op)->flags & IR_OP_LIST))
		return true;
	if ((uint64_t)inst->args[1] + inst->args[2] > fn->list_count)
		return fail(c, index, "list outside the pool");
	list = ir_inst_list(fn, inst);
	for (uint32_t i = 0; i < list.count; i++)
		if (!check_use(c, index, list.values[i]))
			return false;
	if (inst->op == IR_RETURN && fn->type)
		return check_list(c, index, fn->type->results, fn->type->result_count);
	if (is_call(inst->op) && fn->module)
		return check_call(c, index);
	if (ir_op_is_tail_call(inst->op) && fn->module)
		return check_tail_call(c, index);
	return true;
}

static bool
check_edge_values(struct checker *c, uint32_t index)
{
	const struct ir_function *fn = c->fn;
	const struct ir_inst *inst = &fn->insts[index];

	for (uint32_t e = 0; e < ir_inst_edge_count(inst); e++) {
		const struct ir_edge *edge = ir_inst_edge(fn, inst, e);
		const struct ir_block *to = &fn->blocks[edge->to];

		for (uint32_t i = 0; i < edge->arg_count; i++) {
			uint32_t value = fn->lists[edge->first_arg + i];
			uint32_t param = fn->lists[to->first_param + i];

			if (!check_use(c, index, value))
				return false;
			if (fn->insts[value].type != fn->insts[param].type)
				return fail(c, index, "argument v%u for parameter v%u", value,
					    param);
		}
	}
	return true;
}

static bool
check_result(struct checker *c, uint32_t index)
{
	const struct ir_inst *inst = &c->fn->insts[index];
	const struct ir_inst *prev;

	if (inst->op != IR_RESULT)
		return true;
	if (inst->prev == IR_NONE)
		return fail(c, index, "result without its call");
	prev = &c->fn->insts[inst->prev];
	if (inst->prev != inst->args[0] &&
	    (prev->op != IR_RESULT || prev->args[0] != inst->args[0]))
		return fail(c, index, "result away from its call");
	return true;
}

/* --- after scheduling --------------------------------------------------------- */

static bool
check_scheduled_block(struct checker *c, uint32_t position)
{
	const struct ir_function *fn = c->fn;
	uint32_t b = fn->order[position];
	const struct ir_block *block = &fn->blocks[b];
	const struct ir_block *real = &c->copy.blocks[b];
	const struct ir_inst *last = &fn->insts[block->last_inst];
	uint32_t edges = ir_inst_edge_count(last);

	if (block->position != position || real->position == IR_NONE)
		return fail(c, 0, "block %u has position %u", b, block->position);
	if (block->idom != real->idom || block->loop_header != real->loop_header ||
	    block->outer_loop != real->outer_loop || block->loop_depth != real->loop_depth ||
	    !(block->frequency > 0))
		return fail(c, 0, "block %u: stale analysis", b);
	for (uint32_t i = 0; i < edges; i++) {
		const struct ir_edge *edge = ir_inst_edge(fn, last, i);
		const struct ir_block *to = &fn->blocks[edge->to];

		if (to->position <= position && !ir_dominates(&c->copy, edge->to, b))
			return fail(c, 0, "block %u: order is not topological", b);
		if (edges > 1 && (to->param_count || block->last_inst == IR_NONE ||
				  fn->edges[to->first_pred].next_pred != IR_NONE))
			return fail(c, 0, "block %u: critical edge to %u", b, edge->to);
	}
	return true;
}

static bool
check_scheduled(struct checker *c)
{
	const struct ir_function *fn = c->fn;

	if (fn->order_count != c->copy.order_count)
		return fail(c, 0, "%u blocks in order, %u reachable", fn->order_count,
			    c->copy.order_count);
	for (uint32_t i = 0; i < fn->order_count; i++)
		if (!check_scheduled_block(c, i))
			return false;
	return true;
}

static bool
check_blocks(struct checker *c, struct arena *scratch)
{
	const struct ir_function *fn = c->fn;

	for (uint32_t b = 0; b < fn->block_count; b++)
		if (fn->blocks[b].first_inst != IR_NONE &&
		    (!check_params(c, b) || !check_links(c, b)))
			return false;
	if (fn->blocks[0].first_inst == IR_NONE || fn->blocks[0].first_pred != IR_NONE)
		return fail(c, 0, "the entry is empty or has predecessors");
	if (ir_analyze(&c->copy, scratch) != NB_OK)
		return c->copy.status == NB_INTERNAL ? fail(c, 0, "irreducible control flow")
						     : false;
	for (uint32_t i = 0; i < c->copy.order_count; i++) {
		uint32_t b = c->copy.order[i];

		for (uint32_t k = fn->blocks[b].first_inst; k != IR_NONE; k = fn->insts[k].next)
			if (!check_types(c, k) || !check_lists(c, k) || !check_edge_values(c, k) ||
			    !check_result(c, k))
				return false;
	}
	return true;
}

enum nb_status
ir_check(const struct ir_function *fn, enum ir_check_stage stage, struct arena *scratch,
	 char *reason, size_t cap)
{
	struct arena_mark mark = arena_mark_get(scratch);
	struct checker c = { .fn = fn, .reason = reason, .cap = cap };
	enum nb_status status = NB_OUT_OF_MEMORY;

	if (cap)
		reason[0] = 0;
	if (copy_function(&c, scratch)) {
		bool passed = check_blocks(&c, scratch);

		if (passed && stage == IR_CHECK_SCHEDULED)
			passed = check_scheduled(&c);
		if (passed)
			status = NB_OK;
		else if (c.failed)
			status = NB_INTERNAL;
	}
	arena_release(scratch, mark);
	return status;
}
