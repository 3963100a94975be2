/*
 * Algebra on vector operations, for ir_simplify; shuffles are in
 * simplify_shuffle.c.
 */
#include "compiler/ir/simplify_vector.h"

#include "lib/string.h"

enum { MASK_DEPTH = 4 };

static struct ir_v128
all_ones(void)
{
	return ir_vector_splat(IR_SHAPE_I64X2, UINT64_MAX);
}

static bool
is_all(const struct ir_v128 *vector, uint8_t byte)
{
	for (uint32_t i = 0; i < sizeof(vector->bytes); i++)
		if (vector->bytes[i] != byte)
			return false;
	return true;
}

static bool
is_const_of(const struct ir_function *fn, uint32_t value, uint8_t byte)
{
	struct ir_v128 bits;

	return ir_vector_const(fn, value, &bits) && is_all(&bits, byte);
}

/* True if `value` is the operation `op`. */
static bool
is_vector(const struct ir_function *fn, uint32_t value, enum ir_vector op)
{
	const struct ir_inst *inst = &fn->insts[value];

	return inst->op == ir_vector_infos[op].op && inst->imm == op;
}

/* The value whose bits `value` has turned; IR_NONE if it is no such. */
static uint32_t
turned(const struct ir_function *fn, uint32_t value)
{
	const struct ir_inst *inst = &fn->insts[value];

	if (!is_vector(fn, value, IR_V128_XOR) || !is_const_of(fn, inst->args[1], 0xff))
		return IR_NONE;
	return inst->args[0];
}

static uint32_t
become(struct ir_inst *inst, enum ir_vector op, uint32_t a, uint32_t b, uint32_t c)
{
	inst->op = ir_vector_infos[op].op;
	inst->imm = op;
	inst->args[0] = a;
	inst->args[1] = b;
	inst->args[2] = c;
	return IR_AGAIN;
}

static bool
is_mask(const struct ir_function *fn, uint32_t value, uint32_t shape, uint32_t depth)
{
	const struct ir_inst *inst = &fn->insts[value];
	const struct ir_vector_info *info = ir_vector_info(inst);

	if (inst->op == IR_CONST) {
		const struct ir_v128 *bits = ir_const_vector(fn, inst);

		for (uint32_t i = 0; i < 16u >> ir_shape_width(shape); i++) {
			uint64_t lane = ir_vector_get_lane(bits, shape, i);

			if (lane && ~lane << (64 - (8u << ir_shape_width(shape))))
				return false;
		}
		return true;
	}
	if (depth == 0 || inst->op != IR_VECTOR2)
		return false;
	switch (info->meaning) {
	case IR_LANE_EQ:
	case IR_LANE_GT_S:
	case IR_LANE_FEQ:
	case IR_LANE_FNE:
	case IR_LANE_FLT:
	case IR_LANE_FLE:
		return ir_shape_width(info->shape) >= ir_shape_width(shape);
	case IR_LANE_AND:
	case IR_LANE_OR:
	case IR_LANE_XOR:
	case IR_LANE_ANDNOT:
		return is_mask(fn, inst->args[0], shape, depth - 1) &&
		       is_mask(fn, inst->args[1], shape, depth - 1);
	default:
		return false;
	}
}

bool
ir_is_lane_mask(const struct ir_function *fn, uint32_t value, uint32_t shape)
{
	return is_mask(fn, value, shape, MASK_DEPTH);
}

/* --- bits --------------------------------------------------------------------- */

/* a op (b op constant), both constants known, with the bits `k` of the outer
 * one. */
static uint32_t
merge_constants(struct ir_function *fn, struct ir_inst *inst, const struct ir_v128 *k)
{
	const struct ir_inst *a = &fn->insts[inst->args[0]];
	struct ir_v128 args[3] = { *k };
	struct ir_v128 both;
	uint32_t first = a->args[0];

	if (a->op != inst->op || a->imm != inst->imm || !ir_vector_const(fn, a->args[1], &args[1]))
		return IR_UNCHANGED;
	if (!ir_evaluate_vector(inst, NULL, args, &both))
		return IR_UNCHANGED;
	inst->args[0] = first;
	inst->args[1] = ir_const_v128(fn, &both);
	return IR_AGAIN;
}

static uint32_t
simplify_and(struct ir_function *fn, struct ir_inst *inst)
{
	uint32_t a = inst->args[0], b = inst->args[1];
	struct ir_v128 k;

	if (a == b)
		return a;
	if (turned(fn, b) != IR_NONE)
		return become(inst, IR_V128_ANDNOT, a, turned(fn, b), IR_NONE);
	if (turned(fn, a) != IR_NONE)
		return become(inst, IR_V128_ANDNOT, b, turned(fn, a), IR_NONE);
	if (!ir_vector_const(fn, b, &k))
		return IR_UNCHANGED;
	if (is_all(&k, 0))
		return b;
	return is_all(&k, 0xff) ? a : merge_constants(fn, inst, &k);
}

static uint32_t
simplify_or(struct ir_function *fn, struct ir_inst *inst)
{
	uint32_t a = inst->args[0], b = inst->args[1];
	struct ir_v128 k;

	if (a == b)
		return a;
	if (!ir_vector_const(fn, b, &k))
		return IR_UNCHANGED;
	if (is_all(&k, 0))
		return a;
	return is_all(&k, 0xff) ? b : merge_constants(fn, inst, &k);
}

/* A comparison of floats turned: there are opposites of equality only. */
static enum ir_vector
opposite(const struct ir_inst *comparison)
{
	if (comparison->op != IR_VECTOR2)
		return IR_VECTOR_NONE;
	switch (comparison->imm) {
	case IR_F32X4_EQ:
		return IR_F32X4_NE;
	case IR_F32X4_NE:
		return IR_F32X4_EQ;
	case IR_F64X2_EQ:
		return IR_F64X2_NE;
	case IR_F64X2_NE:
		return IR_F64X2_EQ;
	default:
		return IR_VECTOR_NONE;
	}
}

static uint32_t
simplify_xor(struct ir_function *fn, struct ir_inst *inst)
{
	uint32_t a = inst->args[0], b = inst->args[1];
	const struct ir_inst *first = &fn->insts[a];
	struct ir_v128 k;

	if (a == b)
		return ir_zero(fn, IR_V128);
	if (!ir_vector_const(fn, b, &k))
		return IR_UNCHANGED;
	if (is_all(&k, 0))
		return a;
	if (is_all(&k, 0xff) && opposite(first) != IR_VECTOR_NONE)
		return become(inst, opposite(first), first->args[0], first->args[1], IR_NONE);
	return merge_constants(fn, inst, &k);
}

static uint32_t
simplify_andnot(struct ir_function *fn, struct ir_inst *inst)
{
	uint32_t a = inst->args[0], b = inst->args[1];
	struct ir_v128 k;

	if (a == b)
		return ir_zero(fn, IR_V128);
	if (turned(fn, b) != IR_NONE)
		return become(inst, IR_V128_AND, a, turned(fn, b), IR_NONE);
	if (is_const_of(fn, a, 0))
		return a;
	if (!ir_vector_const(fn, b, &k))
		return IR_UNCHANGED;
	for (uint32_t i = 0; i < sizeof(k.bytes); i++)
		k.bytes[i] = (uint8_t)~k.bytes[i];
	return become(inst, IR_V128_AND, a, ir_const_v128(fn, &k), IR_NONE);
}

/* Whole bytes chosen by a constant are a shuffle. */
static uint32_t
become_blend(struct ir_function *fn, struct ir_inst *inst, const struct ir_v128 *mask)
{
	struct ir_v128 pattern;

	for (uint32_t i = 0; i < sizeof(pattern.bytes); i++)
		pattern.bytes[i] = (uint8_t)(mask->bytes[i] & 0x80 ? i : 16 + i);
	return ir_become_shuffle(fn, inst, inst->args[0], inst->args[1], &pattern);
}

static uint32_t
simplify_bitselect(struct ir_function *fn, struct ir_inst *inst)
{
	uint32_t a = inst->args[0], b = inst->args[1], c = inst->args[2];
	struct ir_v128 k;

	if (a == b)
		return a;
	if (turned(fn, c) != IR_NONE)
		return become(inst, IR_V128_BITSELECT, b, a, turned(fn, c));
	if (is_const_of(fn, b, 0))
		return become(inst, IR_V128_AND, a, c, IR_NONE);
	if (is_const_of(fn, a, 0))
		return become(inst, IR_V128_ANDNOT, b, c, IR_NONE);
	if (is_const_of(fn, a, 0xff))
		return become(inst, IR_V128_OR, b, c, IR_NONE);
	if (!ir_is_lane_mask(fn, c, IR_SHAPE_I8X16))
		return IR_UNCHANGED;
	if (ir_vector_const(fn, c, &k))
		return become_blend(fn, inst, &k);
	return become(inst, IR_I8X16_LANESELECT, a, b, c);
}

static uint32_t
simplify_laneselect(struct ir_function *fn, struct ir_inst *inst)
{
	uint32_t a = inst->args[0], b = inst->args[1], c = inst->args[2];
	uint32_t bytes = 1u << ir_shape_width(ir_vector_info(inst)->shape);
	struct ir_v128 k;

	if (a == b)
		return a;
	if (turned(fn, c) != IR_NONE)
		return become(inst, ir_vector_op(inst), b, a, turned(fn, c));
	if (!ir_vector_const(fn, c, &k))
		return IR_UNCHANGED;
	for (uint32_t i = 0; i < sizeof(k.bytes); i++)
		k.bytes[i] = k.bytes[i | (bytes - 1)];
	return become_blend(fn, inst, &k);
}

static uint32_t
simplify_bits(struct ir_function *fn, struct ir_inst *inst)
{
	switch (inst->imm) {
	case IR_V128_AND:
		return simplify_and(fn, inst);
	case IR_V128_OR:
		return simplify_or(fn, inst);
	case IR_V128_XOR:
		return simplify_xor(fn, inst);
	case IR_V128_ANDNOT:
		return simplify_andnot(fn, inst);
	default:
		return IR_UNCHANGED;
	}
}

/* --- integers ------------------------------------------------------------------- */

/* All lanes of the constant hold the same, which is *out. */
static bool
is_splat_const(const struct ir_function *fn, uint32_t value, uint32_t shape, uint64_t *out)
{
	struct ir_v128 bits, splat;

	if (!ir_vector_const(fn, value, &bits))
		return false;
	*out = ir_vector_get_lane(&bits, shape, 0);
	splat = ir_vector_splat(shape, *out);
	return memcmp(&bits, &splat, sizeof(bits)) == 0;
}

static uint32_t
simplify_vector_mul(struct ir_function *fn, struct ir_inst *inst, uint32_t shape)
{
	uint64_t k;

	if (!is_splat_const(fn, inst->args[1], shape, &k))
		return IR_UNCHANGED;
	if (k == 0)
		return inst->args[1];
	if (k == 1)
		return inst->args[0];
	if (k & (k - 1))
		return IR_UNCHANGED;
	return become(inst, shape == IR_SHAPE_I16X8 ? IR_I16X8_SHL : IR_I32X4_SHL, inst->args[0],
		      ir_const(fn, IR_I32, (uint64_t)__builtin_ctzll(k)), IR_NONE);
}

/* Sums and differences. */
static uint32_t
simplify_sum(struct ir_function *fn, struct ir_inst *inst, const struct ir_vector_info *info)
{
	static const uint8_t subs[] = { IR_I8X16_SUB, IR_I16X8_SUB, IR_I32X4_SUB, IR_I64X2_SUB };
	static const uint8_t adds[] = { IR_I8X16_ADD, IR_I16X8_ADD, IR_I32X4_ADD, IR_I64X2_ADD };
	enum ir_vector sub = (enum ir_vector)subs[info->shape];
	enum ir_vector add = (enum ir_vector)adds[info->shape];
	uint32_t a = inst->args[0], b = inst->args[1];
	const struct ir_inst *second = &fn->insts[b];
	struct ir_v128 k, negated;
	static const struct ir_v128 zero;

	if (info->meaning == IR_LANE_SUB && a == b)
		return ir_zero(fn, IR_V128);
	if (is_vector(fn, b, sub) && is_const_of(fn, second->args[0], 0))
		return become(inst, info->meaning == IR_LANE_ADD ? sub : add, a, second->args[1],
			      IR_NONE);
	if (!ir_vector_const(fn, b, &k))
		return IR_UNCHANGED;
	if (is_all(&k, 0))
		return a;
	if (info->meaning == IR_LANE_ADD)
		return merge_constants(fn, inst, &k);
	if (!ir_evaluate_vector(inst, NULL, (struct ir_v128[3]){ zero, k }, &negated))
		return IR_UNCHANGED;
	return become(inst, add, a, ir_const_v128(fn, &negated), IR_NONE);
}

static uint32_t
simplify_integers(struct ir_function *fn, struct ir_inst *inst, const struct ir_vector_info *info)
{
	uint32_t a = inst->args[0], b = inst->args[1];

	switch (info->meaning) {
	case IR_LANE_ADD:
	case IR_LANE_SUB:
		return simplify_sum(fn, inst, info);
	case IR_LANE_MUL:
		return simplify_vector_mul(fn, inst, info->shape);
	case IR_LANE_MUL_EVEN_U:
		if (is_const_of(fn, b, 0))
			return b;
		return is_const_of(fn, a, 0) ? a : IR_UNCHANGED;
	case IR_LANE_ADD_SAT_S:
	case IR_LANE_ADD_SAT_U:
	case IR_LANE_SUB_SAT_S:
	case IR_LANE_SUB_SAT_U:
		return is_const_of(fn, b, 0) ? a : IR_UNCHANGED;
	case IR_LANE_MIN_S:
	case IR_LANE_MIN_U:
	case IR_LANE_MAX_S:
	case IR_LANE_MAX_U:
	case IR_LANE_AVGR_U:
		return a == b ? a : IR_UNCHANGED;
	case IR_LANE_EQ:
		if (a == b) {
			struct ir_v128 ones = all_ones();

			return ir_const_v128(fn, &ones);
		}
		if (is_const_of(fn, b, 0) && ir_is_lane_mask(fn, a, info->shape)) {
			struct ir_v128 ones = all_ones();

			return become(inst, IR_V128_XOR, a, ir_const_v128(fn, &ones), IR_NONE);
		}
		return IR_UNCHANGED;
	case IR_LANE_GT_S:
		return a == b ? ir_zero(fn, IR_V128) : IR_UNCHANGED;
	default:
		return IR_UNCHANGED;
	}
}

/* --- shifts ----------------------------------------------------------------------- */

/* True if a shift right by `count` leaves nothing of 64-bit lanes. */
static bool
is_below(const struct ir_function *fn, uint32_t value, uint64_t count)
{
	const struct ir_inst *inst = &fn->insts[value];
	struct ir_v128 k;

	if (is_vector(fn, value, IR_I64X2_EXTEND_LOW_U))
		return count >= 32;
	if (!is_vector(fn, value, IR_V128_AND) || !ir_vector_const(fn, inst->args[1], &k))
		return false;
	return ir_vector_get_lane(&k, IR_SHAPE_I64X2, 0) >> count == 0 &&
	       ir_vector_get_lane(&k, IR_SHAPE_I64X2, 1) >> count == 0;
}

static uint32_t
simplify_shift(struct ir_function *fn, struct ir_inst *inst, const struct ir_vector_info *info)
{
	uint32_t bits = 8u << ir_shape_width(info->shape);
	const struct ir_inst *a = &fn->insts[inst->args[0]];
	const struct ir_inst *b = &fn->insts[inst->args[1]];
	uint64_t count = b->imm;

	if (is_const_of(fn, inst->args[0], 0))
		return inst->args[0];
	if (b->op != IR_CONST)
		return IR_UNCHANGED;
	if (count == 0)
		return inst->args[0];
	if (count >= bits && info->meaning != IR_LANE_SHR_S)
		return ir_zero(fn, IR_V128);
	if (count >= bits) {
		inst->args[1] = ir_const(fn, IR_I32, bits - 1);
		return IR_AGAIN;
	}
	if (inst->imm == IR_I64X2_SHR_U && is_below(fn, inst->args[0], count))
		return ir_zero(fn, IR_V128);
	if (a->op == inst->op && a->imm == inst->imm && fn->insts[a->args[1]].op == IR_CONST) {
		uint64_t sum = count + fn->insts[a->args[1]].imm;

		inst->args[0] = a->args[0];
		inst->args[1] = ir_const(fn, IR_I32, sum);
		return IR_AGAIN;
	}
	return IR_UNCHANGED;
}

/* --- lanes ------------------------------------------------------------------------ */

/* The scalar as an EXTRACT gives it that it was put into a lane. */
static uint32_t
become_scalar(struct ir_function *fn, struct ir_inst *inst, uint32_t shape, uint32_t scalar)
{
	if (shape > IR_SHAPE_I16X8)
		return scalar;
	inst->op = IR_AND;
	inst->imm = 0;
	inst->args[0] = scalar;
	inst->args[1] = ir_const(fn, IR_I32, shape == IR_SHAPE_I8X16 ? 0xff : 0xffff);
	return IR_AGAIN;
}

static uint32_t
simplify_extract(struct ir_function *fn, struct ir_inst *inst, const struct ir_vector_info *info)
{
	const struct ir_inst *a = &fn->insts[inst->args[0]];

	if (a->op == IR_SHUFFLE)
		return ir_extract_shuffled(fn, inst);
	if (a->op != IR_SPLAT && a->op != IR_REPLACE)
		return IR_UNCHANGED;
	if (ir_vector_info(a)->shape != info->shape)
		return IR_UNCHANGED;
	if (a->op == IR_SPLAT)
		return become_scalar(fn, inst, info->shape, a->args[0]);
	if (ir_vector_lane(a) == ir_vector_lane(inst))
		return become_scalar(fn, inst, info->shape, a->args[1]);
	inst->args[0] = a->args[0];
	return IR_AGAIN;
}

/* The EXTRACT that a scalar comes from, of a lane of that shape; else NULL. */
static const struct ir_inst *
lane_of(const struct ir_function *fn, uint32_t scalar, uint32_t shape)
{
	const struct ir_inst *inst = &fn->insts[scalar];

	return inst->op == IR_EXTRACT && ir_vector_info(inst)->shape == shape ? inst : NULL;
}

static uint32_t
simplify_replace(struct ir_function *fn, struct ir_inst *inst, const struct ir_vector_info *info)
{
	const struct ir_inst *a = &fn->insts[inst->args[0]];
	const struct ir_inst *from = lane_of(fn, inst->args[1], info->shape);
	uint32_t bytes = 1u << ir_shape_width(info->shape);
	struct ir_v128 pattern;

	if (a->op == IR_REPLACE && a->imm == inst->imm) {
		inst->args[0] = a->args[0];
		return IR_AGAIN;
	}
	if (!from || bytes < 4)
		return IR_UNCHANGED;
	for (uint32_t i = 0; i < 16; i++)
		pattern.bytes[i] = (uint8_t)i;
	for (uint32_t i = 0; i < bytes; i++)
		pattern.bytes[ir_vector_lane(inst) * bytes + i] =
			(uint8_t)(16 + ir_vector_lane(from) * bytes + i);
	return ir_become_shuffle(fn, inst, inst->args[0], from->args[0], &pattern);
}

static uint32_t
simplify_splat(struct ir_function *fn, struct ir_inst *inst, const struct ir_vector_info *info)
{
	const struct ir_inst *from = lane_of(fn, inst->args[0], info->shape);
	uint32_t bytes = 1u << ir_shape_width(info->shape);
	struct ir_v128 pattern;

	if (!from)
		return IR_UNCHANGED;
	for (uint32_t i = 0; i < 16; i++)
		pattern.bytes[i] = (uint8_t)(ir_vector_lane(from) * bytes + i % bytes);
	return ir_become_shuffle(fn, inst, from->args[0], from->args[0], &pattern);
}

/* A constant pattern. */
static uint32_t
simplify_swizzle(struct ir_function *fn, struct ir_inst *inst)
{
	struct ir_v128 pattern;

	if (!ir_vector_const(fn, inst->args[1], &pattern))
		return IR_UNCHANGED;
	for (uint32_t i = 0; i < 16; i++)
		pattern.bytes[i] =
			(uint8_t)(pattern.bytes[i] & 0x80 ? 16 + i : pattern.bytes[i] & 15);
	return ir_become_shuffle(fn, inst, inst->args[0], ir_zero(fn, IR_V128), &pattern);
}

uint32_t
ir_simplify_vector(struct ir_function *fn, struct ir_inst *inst)
{
	const struct ir_vector_info *info = ir_vector_info(inst);

	switch (inst->op) {
	case IR_VECTOR2:
		if (inst->imm == IR_I8X16_SWIZZLE)
			return simplify_swizzle(fn, inst);
		if (info->shape == IR_SHAPE_V128)
			return simplify_bits(fn, inst);
		return simplify_integers(fn, inst, info);
	case IR_VECTOR3:
		if (inst->imm == IR_V128_BITSELECT)
			return simplify_bitselect(fn, inst);
		return simplify_laneselect(fn, inst);
	case IR_VSHIFT:
		return simplify_shift(fn, inst, info);
	case IR_SPLAT:
		return simplify_splat(fn, inst, info);
	case IR_EXTRACT:
		return simplify_extract(fn, inst, info);
	case IR_REPLACE:
		return simplify_replace(fn, inst, info);
	case IR_SHUFFLE:
		return ir_simplify_shuffle(fn, inst);
	default:
		return IR_UNCHANGED;
	}
}
