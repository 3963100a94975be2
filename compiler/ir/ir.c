/*
 * What is known about operations and types: the table of op.def.
 */
#include "compiler/ir/ir.h"

enum {
	COMMUTES = IR_OP_COMMUTES,
	TRAPS = IR_OP_TRAPS,
	CALL = IR_OP_CALL,
	LIST = IR_OP_LIST,
	EDGES = IR_OP_EDGES,
	END = IR_OP_END,
	FREE = IR_OP_FREE,
	MEM = IR_STATE_MEM,
	SIZE = IR_STATE_SIZE,
	GLOBAL = IR_STATE_GLOBAL,
	TABLE = IR_STATE_TABLE,
	FRAME = IR_STATE_FRAME,
};

#define STATE_OF(flags, state) ((flags)&CALL ? IR_STATE_ALL : (state))

const struct ir_op_info ir_op_infos[IR_OP_COUNT] = {
#define IR_OP(name, text, result, arguments, flags, reads, writes) \
	{ text,                                                    \
	  arguments,                                               \
	  result,                                                  \
	  sizeof(arguments) - 1,                                   \
	  flags,                                                   \
	  STATE_OF(flags, reads),                                  \
	  STATE_OF(flags, writes) },
#include "compiler/ir/op.def"
#undef IR_OP
};

const struct ir_vector_info ir_vector_infos[IR_VECTOR_COUNT] = {
	[0] = { "?", IR_GONE, IR_SHAPE_V128, IR_LANE_AND, 0 },
#define IR_VECTOR(name, text, operation, shape, meaning, flags) \
	[IR_##name] = { text, IR_##operation, IR_SHAPE_##shape, IR_LANE_##meaning, flags },
#include "compiler/ir/vector.def"
#undef IR_VECTOR
};

const char *
ir_type_text(uint32_t type)
{
	static const char *const texts[IR_TYPE_COUNT] = {
		"void", "i32", "i64", "f32", "f64", "v128"
	};
	return type < IR_TYPE_COUNT ? texts[type] : "?";
}

static uint32_t
type_bytes(uint32_t type)
{
	if (type == IR_V128)
		return 16;
	return ir_type_bits(type) / 8;
}

uint32_t
ir_access_bytes(const struct ir_function *fn, const struct ir_inst *inst)
{
	switch (inst->op) {
	case IR_LOAD:
		return type_bytes(inst->type);
	case IR_STORE:
		return type_bytes(fn->insts[inst->args[1]].type);
	case IR_LOAD8_S:
	case IR_LOAD8_U:
	case IR_LOAD8_SPLAT:
	case IR_STORE8:
		return 1;
	case IR_LOAD16_S:
	case IR_LOAD16_U:
	case IR_LOAD16_SPLAT:
	case IR_STORE16:
		return 2;
	case IR_LOAD32_S:
	case IR_LOAD32_U:
	case IR_LOAD32_SPLAT:
	case IR_LOAD32_ZERO:
	case IR_STORE32:
		return 4;
	case IR_LOAD64_SPLAT:
	case IR_LOAD64_ZERO:
	case IR_LOAD8X8_S:
	case IR_LOAD8X8_U:
	case IR_LOAD16X4_S:
	case IR_LOAD16X4_U:
	case IR_LOAD32X2_S:
	case IR_LOAD32X2_U:
		return 8;
	case IR_ATOMIC_LOAD:
	case IR_ATOMIC_STORE:
	case IR_ATOMIC_RMW:
	case IR_ATOMIC_CMPXCHG:
		return 1u << (inst->imm >> IR_ACCESS_WIDTH_SHIFT & 3);
	default:
		return 0;
	}
}
