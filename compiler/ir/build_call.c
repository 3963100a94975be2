/*
 * Calls.
 */
#include "compiler/ir/build_internal.h"

#include "abi/code_contract.h"

uint32_t
build_pop_list(struct builder *b, uint32_t count)
{
	uint32_t list = ir_new_list(b->fn, count);

	if (b->fn->status != NB_OK)
		return 0;
	b->stack_count -= count;
	for (uint32_t i = 0; i < count; i++)
		b->fn->lists[list + i] = b->stack[b->stack_count + i];
	return list;
}

void
build_emit_call(struct builder *b, struct ir_inst proto, const struct wasm_functype *type)
{
	uint32_t call;

	proto.args[1] = build_pop_list(b, type->param_count);
	proto.args[2] = type->param_count;
	if (type->result_count)
		proto.type = (uint8_t)ir_type_from_wasm(type->results[0]);
	call = build_append(b, &proto);
	if (type->result_count)
		build_push(b, call);
	for (uint32_t i = 1; i < type->result_count; i++) {
		struct ir_inst result = {
			.op = IR_RESULT,
			.type = (uint8_t)ir_type_from_wasm(type->results[i]),
			.args = { call, IR_NONE, IR_NONE },
			.imm = i,
		};

		build_push(b, build_append(b, &result));
	}
}

void
build_call_function(struct builder *b, uint32_t func_idx)
{
	struct ir_inst proto = { .op = IR_CALL, .args = { IR_NONE, 0, 0 }, .imm = func_idx };

	if (build_port(b, func_idx))
		return;
	if (wasm_module_function_is_imported(b->module, func_idx))
		proto.op = IR_CALL_IMPORT;
	else if (build_inline(b, func_idx, false))
		return;
	build_emit_call(b, proto, wasm_module_function_type(b->module, func_idx));
}

static void
call_indirect(struct builder *b)
{
	uint32_t type_idx = wasm_read_u32(&b->reader);
	uint32_t table_idx = wasm_read_u32(&b->reader);
	struct ir_inst proto = {
		.op = IR_CALL_INDIRECT,
		.args = { build_pop_callee_index(b), 0, 0 },
		.imm = type_idx | (uint64_t)table_idx << 32,
	};

	build_emit_call(b, proto, &b->module->types[type_idx]);
}

bool
build_call(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_CALL:
		build_call_function(b, wasm_read_u32(&b->reader));
		return true;
	case WASM_OP_CALL_INDIRECT:
		call_indirect(b);
		return true;
	default:
		return build_tail(b, opcode) || build_bulk(b, opcode);
	}
}
