/*
 * What ranges of values make simpler.
 *
 *   address    a constant added to an address becomes part of the access's static
 *              offset when the sum cannot wrap
 *   mask       `x & m` is x if x has no bit outside of m
 *   extension  of a value without sign is a zero extension, or nothing
 */
#include "compiler/pass/pass.h"
#include "compiler/pass/span.h"

#include "compiler/ir/analyze.h"
#include "compiler/ir/edit.h"

struct range {
	struct ir_function *fn;
	struct span_facts spans;
	bool has_replaced;
};

static bool
is_access(uint32_t op)
{
	return (op >= IR_LOAD && op <= IR_STORE32) || ir_op_is_atomic(op);
}

/* Needs an access by an i32. */
static void
fold_offset(struct range *r, struct ir_inst *access)
{
	const struct ir_function *fn = r->fn;
	uint32_t address = ir_resolve(r->fn, access->args[0]);

	while (fn->insts[address].op == IR_ADD) {
		const struct ir_inst *add = &fn->insts[address];
		const struct ir_inst *by = &fn->insts[add->args[1]];

		if (by->op != IR_CONST ||
		    by->imm > NB_DISPLACEMENT_MAX - ir_access_offset(access) ||
		    span_of(&r->spans, add->args[0]).hi + by->imm > UINT32_MAX)
			break;
		address = ir_resolve(r->fn, add->args[0]);
		access->imm += by->imm;
	}
	access->args[0] = address;
}

static bool
is_mask_idle(const struct range *r, const struct ir_inst *inst)
{
	const struct ir_inst *mask = &r->fn->insts[inst->args[1]];
	uint64_t low = mask->imm & ~(mask->imm + 1); /* its ones from the lowest bit on */

	return mask->op == IR_CONST && span_of(&r->spans, inst->args[0]).hi <= low;
}

static void
visit(struct range *r, uint32_t index)
{
	struct ir_inst *inst = &r->fn->insts[index];
	uint64_t hi = UINT64_MAX;

	if (is_access(inst->op)) {
		if (r->fn->insts[ir_resolve(r->fn, inst->args[0])].type == IR_I32)
			fold_offset(r, inst);
		return;
	}
	if (inst->op == IR_AND && !is_mask_idle(r, inst))
		return;
	if (inst->op >= IR_EXTEND8_S && inst->op <= IR_EXTEND_S && inst->op != IR_WRAP)
		hi = span_of(&r->spans, inst->args[0]).hi;
	if (inst->op == IR_EXTEND_S && hi <= INT32_MAX)
		inst->op = IR_EXTEND_U;
	if (inst->op != IR_AND && !(inst->op == IR_EXTEND8_S && hi <= INT8_MAX) &&
	    !(inst->op == IR_EXTEND16_S && hi <= INT16_MAX) &&
	    !(inst->op == IR_EXTEND32_S && hi <= INT32_MAX))
		return;
	ir_replace(r->fn, index, inst->args[0]);
	r->has_replaced = true;
}

enum nb_status
pass_range(struct ir_function *fn, struct pass_context *context)
{
	struct arena_mark mark = arena_mark_get(context->scratch);
	struct range r = { .fn = fn };

	if (ir_analyze(fn, context->scratch) != NB_OK)
		return fn->status;
	if (span_analyze(fn, context->scratch, &r.spans) != NB_OK)
		ir_fail(fn, NB_OUT_OF_MEMORY);
	for (uint32_t i = 0; i < fn->order_count; i++) {
		uint32_t next;

		for (uint32_t k = fn->blocks[fn->order[i]].first_inst;
		     k != IR_NONE && ir_tick(fn, 1); k = next) {
			next = fn->insts[k].next;
			visit(&r, k);
		}
	}
	if (r.has_replaced && fn->status == NB_OK)
		ir_resolve_all(fn);
	arena_release(context->scratch, mark);
	return fn->status;
}
