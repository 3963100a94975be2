/*
 * Tail calls, and what typed function references bring.
 *
 * A tail call in a body that was inlined in place of an ordinary call is an
 * ordinary call itself: the frame it would give up is that of the function
 * around it, which is not done yet. A body inlined in place of a tail call
 * ends the function around it, so its own tail calls stay what they are. A
 * tail call of the function being built becomes a jump to its first block.
 */
#include "compiler/ir/build_internal.h"

#include "abi/trap.h"

static enum ir_op
ordinary_op(uint32_t op)
{
	switch (op) {
	case IR_RETURN_CALL:
		return IR_CALL;
	case IR_RETURN_CALL_IMPORT:
		return IR_CALL_IMPORT;
	case IR_RETURN_CALL_INDIRECT:
		return IR_CALL_INDIRECT;
	default:
		return IR_CALL_REF;
	}
}

/* Ends the function with the call *proto, arguments on the stack. */
static void
emit_tail_call(struct builder *b, struct ir_inst proto, const struct wasm_functype *type)
{
	if (b->returns_to_caller) {
		proto.op = (uint8_t)ordinary_op(proto.op);
		build_emit_call(b, proto, type);
		build_return(b);
		return;
	}
	proto.args[1] = build_pop_list(b, type->param_count);
	proto.args[2] = type->param_count;
	build_append(b, &proto);
	build_leave(b);
}

/* Goes back to the function's first block with the arguments on the stack. */
static void
restart(struct builder *b, const struct wasm_functype *type)
{
	uint32_t args = build_pop_list(b, type->param_count);

	build_jump_block(b, b->numbering->restart_block, args, type->param_count);
	build_leave(b);
}

static void
return_call(struct builder *b, uint32_t func_idx)
{
	const struct wasm_functype *type = wasm_module_function_type(b->module, func_idx);
	struct ir_inst proto = { .op = IR_RETURN_CALL, .args = { IR_NONE, 0, 0 }, .imm = func_idx };

	if (build_port(b, func_idx)) {
		build_return(b);
		return;
	}
	if (wasm_module_function_is_imported(b->module, func_idx)) {
		proto.op = IR_RETURN_CALL_IMPORT;
	} else if (!b->returns_to_caller && func_idx == b->fn->func_idx &&
		   b->numbering->restart_block != IR_NONE) {
		restart(b, type);
		return;
	} else if (build_inline(b, func_idx, !b->returns_to_caller)) {
		if (b->returns_to_caller && b->block != IR_NONE)
			build_return(b);
		return;
	}
	emit_tail_call(b, proto, type);
}

static void
return_call_indirect(struct builder *b)
{
	uint32_t type_idx = wasm_read_u32(&b->reader);
	uint32_t table_idx = wasm_read_u32(&b->reader);
	struct ir_inst proto = {
		.op = IR_RETURN_CALL_INDIRECT,
		.args = { build_pop_callee_index(b), 0, 0 },
		.imm = type_idx | (uint64_t)table_idx << 32,
	};

	emit_tail_call(b, proto, &b->module->types[type_idx]);
}

static struct ir_inst
ref_proto(struct builder *b, enum ir_op op, uint32_t type_idx)
{
	return (struct ir_inst){
		.op = (uint8_t)op,
		.args = { build_pop(b), 0, 0 },
		.imm = type_idx,
	};
}

/* Whether a call by reference goes to a function that is known; the reference
 * then leaves the stack. A part of inlining. */
static bool
take_known_callee(struct builder *b, uint32_t *out)
{
	const struct ir_inst *inst = &b->fn->insts[build_top(b)];

	if (inst->op != IR_REF_FUNC || b->numbering->inline_budget == 0)
		return false;
	*out = (uint32_t)inst->imm;
	build_pop(b);
	return true;
}

static void
call_ref(struct builder *b)
{
	uint32_t type_idx = wasm_read_u32(&b->reader);
	uint32_t func_idx;

	if (take_known_callee(b, &func_idx)) {
		build_call_function(b, func_idx);
		return;
	}
	build_emit_call(b, ref_proto(b, IR_CALL_REF, type_idx), &b->module->types[type_idx]);
}

static void
return_call_ref(struct builder *b)
{
	uint32_t type_idx = wasm_read_u32(&b->reader);
	uint32_t func_idx;

	if (take_known_callee(b, &func_idx)) {
		return_call(b, func_idx);
		return;
	}
	emit_tail_call(b, ref_proto(b, IR_RETURN_CALL_REF, type_idx), &b->module->types[type_idx]);
}

static void
ref_as_non_null(struct builder *b)
{
	uint32_t value = build_top(b);
	if (b->fn->insts[value].op == IR_REF_FUNC)
		return;
	value = build_binary(b, IR_EQ, IR_I32, value, ir_const(b->fn, IR_I32, 0));
	build_trap_if(b, value, NB_TRAP_NULL_REFERENCE);
}

bool
build_tail(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_RETURN_CALL:
		return_call(b, wasm_read_u32(&b->reader));
		return true;
	case WASM_OP_RETURN_CALL_INDIRECT:
		return_call_indirect(b);
		return true;
	case WASM_OP_CALL_REF:
		call_ref(b);
		return true;
	case WASM_OP_RETURN_CALL_REF:
		return_call_ref(b);
		return true;
	case WASM_OP_REF_AS_NON_NULL:
		ref_as_non_null(b);
		return true;
	case WASM_OP_BR_ON_NULL:
		build_br_on_null(b, wasm_read_u32(&b->reader));
		return true;
	case WASM_OP_BR_ON_NON_NULL:
		build_br_on_non_null(b, wasm_read_u32(&b->reader));
		return true;
	default:
		return false;
	}
}

/* --- the block to which tail calls of the function itself go --------------- */

void
build_restart_block(struct builder *b)
{
	struct ir_function *fn = b->fn;
	uint32_t count = fn->blocks[0].param_count;
	uint32_t params = ir_new_list(fn, count);
	uint32_t args = ir_new_list(fn, count);
	uint32_t block = ir_new_block(fn);

	if (fn->status != NB_OK)
		return;
	fn->blocks[block].first_param = params;
	fn->blocks[block].param_count = count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t given = fn->lists[fn->blocks[0].first_param + i];
		uint32_t param = ir_new_inst(fn, IR_PARAM, fn->insts[given].type);

		fn->insts[param].imm = i;
		fn->insts[param].block = block;
		fn->lists[args + i] = given;
		fn->lists[params + i] = param;
		b->locals[i].initial = param;
	}
	build_jump_block(b, block, args, count);
	build_enter_block(b, block, 0);
	b->numbering->restart_block = block;
}
