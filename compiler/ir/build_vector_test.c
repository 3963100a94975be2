/*
 * Vector comparisons that have no operation of their own, and tests of whole
 * vectors.
 *
 * There are equality and signed greater-than. An unsigned order is a minimum or
 * maximum compared with an operand; the opposite of a comparison turns all its
 * bits, unless an operand is a constant that can be moved by one instead.
 */
#include "compiler/ir/build_vector.h"

#include "compiler/ir/simplify.h"

static enum ir_vector
equal_op(uint32_t shape)
{
	static const uint8_t ops[] = { IR_I8X16_EQ, IR_I16X8_EQ, IR_I32X4_EQ, IR_I64X2_EQ };

	return (enum ir_vector)ops[shape];
}

/* The constant `value` plus `delta` in each lane; IR_NONE if it is no constant
 * or if a lane holds `end`, from where there is no further. */
static uint32_t
moved_const(struct builder *b, uint32_t value, uint32_t shape, uint64_t delta, uint64_t end)
{
	const struct ir_inst *inst = &b->fn->insts[value];
	uint32_t bits = 8u << ir_shape_width(shape);
	struct ir_v128 from, to;

	if (inst->op != IR_CONST)
		return IR_NONE;
	from = *ir_const_vector(b->fn, inst);
	for (uint32_t i = 0; i < 128 / bits; i++) {
		uint64_t lane = ir_vector_get_lane(&from, shape, i);

		if (lane == end >> (64 - bits))
			return IR_NONE;
		ir_vector_set_lane(&to, shape, i, lane + delta);
	}
	return ir_const_v128(b->fn, &to);
}

/* Lanes where min(a, c) = a: a <= c; of max: a >= c. */
static uint32_t
at_bound(struct builder *b, enum ir_vector bound, uint32_t a, uint32_t c)
{
	uint32_t value = build_vector2(b, bound, a, c);

	return build_vector2(b, equal_op(ir_vector_infos[bound].shape), value, a);
}

uint32_t
build_vector_bound(struct builder *b, enum ir_vector bound, uint32_t a, uint32_t c,
		   enum build_sense sense)
{
	uint32_t shape = ir_vector_infos[bound].shape;
	bool is_min = ir_vector_infos[bound].meaning == IR_LANE_MIN_U;
	enum ir_vector other = (enum ir_vector)(is_min ? bound + 2 : bound - 2);
	uint32_t moved;

	if (b->fn->insts[a].op == IR_CONST) {
		uint32_t first = a;

		a = c;
		c = first;
		is_min = !is_min;
		bound = other;
		other = (enum ir_vector)(is_min ? bound + 2 : bound - 2);
	}
	if (sense == BUILD_HOLDS)
		return at_bound(b, bound, a, c);
	/* Not a <= c is a >= c + 1. */
	moved = is_min ? moved_const(b, c, shape, 1, UINT64_MAX)
		       : moved_const(b, c, shape, UINT64_MAX, 0);
	if (moved != IR_NONE)
		return at_bound(b, other, a, moved);
	return build_vector_not(b, at_bound(b, bound, a, c));
}

uint32_t
build_vector_not_greater(struct builder *b, enum ir_vector greater, uint32_t a, uint32_t c)
{
	uint32_t shape = ir_vector_infos[greater].shape;
	uint64_t least = UINT64_C(1) << 63;
	uint32_t moved = moved_const(b, c, shape, 1, ~least);

	if (moved != IR_NONE)
		return build_vector2(b, greater, moved, a);
	moved = moved_const(b, a, shape, UINT64_MAX, least);
	if (moved != IR_NONE)
		return build_vector2(b, greater, c, moved);
	return build_vector_not(b, build_vector2(b, greater, a, c));
}

/* --- tests ----------------------------------------------------------------------- */

/*
 * Compares the top bits of the bytes with `wanted`, 0 or 0xffff. For masks
 * this says everything and is shorter than asking for any bit.
 */
static uint32_t
compare_bitmask(struct builder *b, enum ir_op op, uint32_t mask, uint32_t wanted)
{
	uint32_t bits = build_vector1(b, IR_I8X16_BITMASK, mask);

	return build_binary(b, op, IR_I32, bits, ir_const(b->fn, IR_I32, wanted));
}

static void
build_any_true(struct builder *b)
{
	uint32_t a = build_pop(b);

	if (ir_is_lane_mask(b->fn, a, IR_SHAPE_I8X16))
		build_push(b, compare_bitmask(b, IR_NE, a, 0));
	else
		build_push(b, build_vector1(b, IR_V128_ANY_TRUE, a));
}

/* 1 if no lane is 0. */
static void
build_all_true(struct builder *b, uint32_t shape)
{
	uint32_t a = build_pop(b);
	uint32_t zeros;

	if (ir_is_lane_mask(b->fn, a, shape)) {
		build_push(b, compare_bitmask(b, IR_EQ, a, 0xffff));
		return;
	}
	zeros = build_vector2(b, equal_op(shape), a, ir_zero(b->fn, IR_V128));
	build_push(b, compare_bitmask(b, IR_EQ, zeros, 0));
}

static void
build_bitmask16(struct builder *b)
{
	uint32_t a = build_pop(b);
	uint32_t narrow = build_vector2(b, IR_I8X16_NARROW_S, a, ir_zero(b->fn, IR_V128));

	build_push(b, build_vector1(b, IR_I8X16_BITMASK, narrow));
}

bool
build_vector_test(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_V128_ANY_TRUE:
		build_any_true(b);
		return true;
	case WASM_OP_I8X16_ALL_TRUE:
		build_all_true(b, IR_SHAPE_I8X16);
		return true;
	case WASM_OP_I16X8_ALL_TRUE:
		build_all_true(b, IR_SHAPE_I16X8);
		return true;
	case WASM_OP_I32X4_ALL_TRUE:
		build_all_true(b, IR_SHAPE_I32X4);
		return true;
	case WASM_OP_I64X2_ALL_TRUE:
		build_all_true(b, IR_SHAPE_I64X2);
		return true;
	case WASM_OP_I16X8_BITMASK:
		build_bitmask16(b);
		return true;
	default:
		return false;
	}
}
