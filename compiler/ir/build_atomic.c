/*
 * Atomic instructions. Waiting and waking are in build_bulk.c.
 */
#include "compiler/ir/build_internal.h"

/* Instructions of one kind follow one another: i32 and i64 in full width, then
 * the narrow ones. */
enum { RMW_VARIANTS = 7 };

static bool
is_between(uint32_t opcode, uint32_t first, uint32_t last)
{
	return opcode >= first && opcode <= last;
}

/* The operation of a read-modify-write instruction. */
static enum ir_atomic
operation_of(uint32_t opcode)
{
	static const uint8_t operations[] = {
		IR_ATOMIC_ADD, IR_ATOMIC_SUB, IR_ATOMIC_AND,
		IR_ATOMIC_OR,  IR_ATOMIC_XOR, IR_ATOMIC_EXCHANGE,
	};

	return (enum ir_atomic)operations[(opcode - WASM_OP_I32_ATOMIC_RMW_ADD) / RMW_VARIANTS];
}

static void
build_access_op(struct builder *b, enum wasm_opcode opcode, enum ir_op op, uint64_t operation)
{
	const struct wasm_opcode_info *info = &wasm_opcode_info[opcode];
	struct ir_inst proto = { .op = (uint8_t)op, .args = { IR_NONE, IR_NONE, IR_NONE } };
	uint32_t value;

	if (info->result != WASM_KIND_NONE)
		proto.type = (uint8_t)ir_type_from_wasm((enum wasm_valtype)info->result);
	proto.imm = build_aligned_access(b, info->operand_count - 1u, 1u << info->width) |
		    operation << IR_ACCESS_OPERATION_SHIFT |
		    (uint64_t)info->width << IR_ACCESS_WIDTH_SHIFT;
	for (uint32_t i = info->operand_count; i-- > 0;)
		proto.args[i] = build_pop(b);
	value = build_append(b, &proto);
	if (proto.type != IR_VOID)
		build_push(b, value);
}

static void
build_fence(struct builder *b)
{
	struct ir_inst proto = { .op = IR_ATOMIC_FENCE, .args = { IR_NONE, IR_NONE, IR_NONE } };

	(void)wasm_read_byte(&b->reader);
	build_append(b, &proto);
}

bool
build_atomic(struct builder *b, enum wasm_opcode opcode)
{
	uint32_t number = opcode;

	if (opcode == WASM_OP_ATOMIC_FENCE)
		build_fence(b);
	else if (is_between(number, WASM_OP_I32_ATOMIC_LOAD, WASM_OP_I64_ATOMIC_LOAD32_U))
		build_access_op(b, opcode, IR_ATOMIC_LOAD, 0);
	else if (is_between(number, WASM_OP_I32_ATOMIC_STORE, WASM_OP_I64_ATOMIC_STORE32))
		build_access_op(b, opcode, IR_ATOMIC_STORE, 0);
	else if (is_between(number, WASM_OP_I32_ATOMIC_RMW_ADD, WASM_OP_I64_ATOMIC_RMW32_XCHG_U))
		build_access_op(b, opcode, IR_ATOMIC_RMW, operation_of(number));
	else if (is_between(number, WASM_OP_I32_ATOMIC_RMW_CMPXCHG,
			    WASM_OP_I64_ATOMIC_RMW32_CMPXCHG_U))
		build_access_op(b, opcode, IR_ATOMIC_CMPXCHG, 0);
	else
		return false;
	return true;
}
