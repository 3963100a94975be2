/*
 * Vector products, float minima and conversions that are several operations.
 */
#include "compiler/ir/build_vector.h"

#include "compiler/ir/simplify_vector.h"
#include "lib/string.h"

/* --- products ------------------------------------------------------------------ */

/* The low (or high) lanes of a and c in turn. */
static uint32_t
interleave(struct builder *b, uint32_t a, uint32_t c, uint32_t bytes, bool is_high)
{
	struct ir_v128 pattern;

	for (uint32_t i = 0; i < 16; i++) {
		uint32_t lane = i / (2 * bytes) + (is_high ? 8 / bytes : 0);
		bool is_second = i % (2 * bytes) >= bytes;

		pattern.bytes[i] = (uint8_t)(lane * bytes + i % bytes + (is_second ? 16 : 0));
	}
	return build_shuffle(b, a, c, &pattern);
}

/* The high half in both halves. */
static uint32_t
high_half(struct builder *b, uint32_t a)
{
	static const struct ir_v128 pattern = { { 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12,
						  13, 14, 15 } };

	return build_shuffle(b, a, a, &pattern);
}

static uint32_t
extend_half(struct builder *b, uint32_t a, bool is_high, bool is_signed)
{
	if (!is_high)
		return build_vector1(b, is_signed ? IR_I16X8_EXTEND_LOW_S : IR_I16X8_EXTEND_LOW_U,
				     a);
	if (is_signed)
		return build_vector1(b, IR_I16X8_EXTEND_LOW_S, high_half(b, a));
	return interleave(b, a, ir_zero(b->fn, IR_V128), 1, true);
}

static void
build_extmul8(struct builder *b, bool is_high, bool is_signed)
{
	uint32_t c = extend_half(b, build_pop(b), is_high, is_signed);
	uint32_t a = extend_half(b, build_pop(b), is_high, is_signed);

	build_push(b, build_vector2(b, IR_I16X8_MUL, a, c));
}

static void
build_extmul16(struct builder *b, bool is_high, bool is_signed)
{
	uint32_t c = build_pop(b);
	uint32_t a = build_pop(b);
	uint32_t low = build_vector2(b, IR_I16X8_MUL, a, c);
	uint32_t high =
		build_vector2(b, is_signed ? IR_I16X8_MUL_HIGH_S : IR_I16X8_MUL_HIGH_U, a, c);

	build_push(b, interleave(b, low, high, 2, is_high));
}

static void
build_extmul32(struct builder *b, bool is_high, bool is_signed)
{
	uint32_t c = build_pop(b);
	uint32_t a = build_pop(b);

	a = interleave(b, a, a, 4, is_high);
	c = interleave(b, c, c, 4, is_high);
	build_push(b,
		   build_vector2(b, is_signed ? IR_I64X2_MUL_EVEN_S : IR_I64X2_MUL_EVEN_U, a, c));
}

/* a * c = al * cl + ((ah * cl + al * ch) << 32) modulo 2^64 */
static void
build_mul64(struct builder *b)
{
	uint32_t c = build_pop(b);
	uint32_t a = build_pop(b);
	uint32_t half = ir_const(b->fn, IR_I32, 32);
	uint32_t a_high = build_vector2(b, IR_I64X2_SHR_U, a, half);
	uint32_t c_high = build_vector2(b, IR_I64X2_SHR_U, c, half);
	uint32_t low = build_vector2(b, IR_I64X2_MUL_EVEN_U, a, c);
	uint32_t cross =
		build_vector2(b, IR_I64X2_ADD, build_vector2(b, IR_I64X2_MUL_EVEN_U, a_high, c),
			      build_vector2(b, IR_I64X2_MUL_EVEN_U, a, c_high));

	cross = build_vector2(b, IR_I64X2_SHL, cross, half);
	build_push(b, build_vector2(b, IR_I64X2_ADD, low, cross));
}

/* Only -1 * -1 leaves the range; it is the only product of 0x8000. */
static void
build_q15(struct builder *b)
{
	uint32_t c = build_pop(b);
	uint32_t product = build_vector2(b, IR_I16X8_MUL_ROUND_S, build_pop(b), c);
	uint32_t least = build_splat_const(b, IR_SHAPE_I16X8, 0x8000);

	build_push(b, build_vector2(b, IR_V128_XOR, product,
				    build_vector2(b, IR_I16X8_EQ, product, least)));
}

/* Sums of neighbours: products with ones, summed. */
static void
build_extadd8(struct builder *b, bool is_signed)
{
	uint32_t ones = build_splat_const(b, IR_SHAPE_I8X16, 1);
	uint32_t a = build_pop(b);

	build_push(b, build_vector2(b, IR_I16X8_DOT_I8X16_US, is_signed ? ones : a,
				    is_signed ? a : ones));
}

static uint32_t
extadd16_signed(struct builder *b, uint32_t a)
{
	return build_vector2(b, IR_I32X4_DOT_I16X8_S, a, build_splat_const(b, IR_SHAPE_I16X8, 1));
}

/* Unsigned: 2^15 less each, and added to the sums. */
static void
build_extadd16_unsigned(struct builder *b)
{
	uint32_t bias = build_splat_const(b, IR_SHAPE_I16X8, 0x8000);
	uint32_t sum = extadd16_signed(b, build_vector2(b, IR_V128_XOR, build_pop(b), bias));

	build_push(b, build_vector2(b, IR_I32X4_ADD, sum,
				    build_splat_const(b, IR_SHAPE_I32X4, 0x10000)));
}

static void
build_relaxed_dot_add(struct builder *b)
{
	uint32_t sum = build_pop(b);
	uint32_t c = build_pop(b);
	uint32_t dot = build_vector2(b, IR_I16X8_DOT_I8X16_US, c, build_pop(b));

	build_push(b, build_vector2(b, IR_I32X4_ADD, extadd16_signed(b, dot), sum));
}

static bool
build_extmul(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_I16X8_EXTMUL_LOW_I8X16_S:
	case WASM_OP_I16X8_EXTMUL_LOW_I8X16_U:
		build_extmul8(b, false, opcode == WASM_OP_I16X8_EXTMUL_LOW_I8X16_S);
		return true;
	case WASM_OP_I16X8_EXTMUL_HIGH_I8X16_S:
	case WASM_OP_I16X8_EXTMUL_HIGH_I8X16_U:
		build_extmul8(b, true, opcode == WASM_OP_I16X8_EXTMUL_HIGH_I8X16_S);
		return true;
	case WASM_OP_I32X4_EXTMUL_LOW_I16X8_S:
	case WASM_OP_I32X4_EXTMUL_LOW_I16X8_U:
		build_extmul16(b, false, opcode == WASM_OP_I32X4_EXTMUL_LOW_I16X8_S);
		return true;
	case WASM_OP_I32X4_EXTMUL_HIGH_I16X8_S:
	case WASM_OP_I32X4_EXTMUL_HIGH_I16X8_U:
		build_extmul16(b, true, opcode == WASM_OP_I32X4_EXTMUL_HIGH_I16X8_S);
		return true;
	case WASM_OP_I64X2_EXTMUL_LOW_I32X4_S:
	case WASM_OP_I64X2_EXTMUL_LOW_I32X4_U:
		build_extmul32(b, false, opcode == WASM_OP_I64X2_EXTMUL_LOW_I32X4_S);
		return true;
	case WASM_OP_I64X2_EXTMUL_HIGH_I32X4_S:
	case WASM_OP_I64X2_EXTMUL_HIGH_I32X4_U:
		build_extmul32(b, true, opcode == WASM_OP_I64X2_EXTMUL_HIGH_I32X4_S);
		return true;
	default:
		return false;
	}
}

bool
build_vector_product(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_I64X2_MUL:
		build_mul64(b);
		return true;
	case WASM_OP_I16X8_Q15MULR_SAT_S:
		build_q15(b);
		return true;
	case WASM_OP_I16X8_EXTADD_PAIRWISE_I8X16_S:
	case WASM_OP_I16X8_EXTADD_PAIRWISE_I8X16_U:
		build_extadd8(b, opcode == WASM_OP_I16X8_EXTADD_PAIRWISE_I8X16_S);
		return true;
	case WASM_OP_I32X4_EXTADD_PAIRWISE_I16X8_S:
		build_push(b, extadd16_signed(b, build_pop(b)));
		return true;
	case WASM_OP_I32X4_EXTADD_PAIRWISE_I16X8_U:
		build_extadd16_unsigned(b);
		return true;
	case WASM_OP_I32X4_RELAXED_DOT_I8X16_I7X16_ADD_S:
		build_relaxed_dot_add(b);
		return true;
	default:
		return build_extmul(b, opcode);
	}
}

/* --- signs, minima -------------------------------------------------------------- */

/* What differs between the two widths. */
struct floats {
	enum ir_shape shape;
	enum ir_vector add, sub, mul, pmin, pmax, ne, shr;
	uint64_t sign, infinity;
	uint32_t
		payload_shift; /* a NaN's bits shifted right by it: the payload below the quiet bit */
};

static const struct floats f32x4 = {
	.shape = IR_SHAPE_F32X4,
	.add = IR_F32X4_ADD,
	.sub = IR_F32X4_SUB,
	.mul = IR_F32X4_MUL,
	.pmin = IR_F32X4_PMIN,
	.pmax = IR_F32X4_PMAX,
	.ne = IR_F32X4_NE,
	.shr = IR_I32X4_SHR_U,
	.sign = 0x80000000,
	.infinity = 0x7f800000,
	.payload_shift = 10,
};

static const struct floats f64x2 = {
	.shape = IR_SHAPE_F64X2,
	.add = IR_F64X2_ADD,
	.sub = IR_F64X2_SUB,
	.mul = IR_F64X2_MUL,
	.pmin = IR_F64X2_PMIN,
	.pmax = IR_F64X2_PMAX,
	.ne = IR_F64X2_NE,
	.shr = IR_I64X2_SHR_U,
	.sign = UINT64_C(1) << 63,
	.infinity = UINT64_C(0x7ff) << 52,
	.payload_shift = 13,
};

static void
build_fneg(struct builder *b, const struct floats *f)
{
	uint32_t a = build_pop(b);

	build_push(b, build_vector2(b, IR_V128_XOR, a, build_splat_const(b, f->shape, f->sign)));
}

static void
build_fabs(struct builder *b, const struct floats *f)
{
	uint32_t a = build_pop(b);

	build_push(b, build_vector2(b, IR_V128_AND, a, build_splat_const(b, f->shape, ~f->sign)));
}

/* NaN lanes, quiet with any payload, become the canonical NaN: their lower
 * bits are cleared. */
static uint32_t
canonical_nan(struct builder *b, const struct floats *f, uint32_t nan, uint32_t value)
{
	uint32_t shift = ir_const(b->fn, IR_I32, f->payload_shift);

	return build_vector2(b, IR_V128_ANDNOT, value, build_vector2(b, f->shr, nan, shift));
}

/* Whether a vector of floats holds no signaling NaN, as far as its definition
 * tells; `depth` of its operands are looked at. */
static bool
is_quiet(const struct builder *b, uint32_t value, uint32_t depth)
{
	const struct ir_inst *inst = &b->fn->insts[value];

	switch ((uint32_t)ir_vector_info(inst)->meaning) {
	case IR_LANE_FADD:
	case IR_LANE_FSUB:
	case IR_LANE_FMUL:
	case IR_LANE_FDIV:
	case IR_LANE_FSQRT:
	case IR_LANE_CONVERT_I32:
	case IR_LANE_DEMOTE:
	case IR_LANE_PROMOTE:
		return inst->op == IR_VECTOR1 || inst->op == IR_VECTOR2;
	case IR_LANE_PMIN:
	case IR_LANE_PMAX:
		return depth > 0 && is_quiet(b, inst->args[0], depth - 1) &&
		       (b->fn->insts[inst->args[1]].op == IR_CONST ||
			is_quiet(b, inst->args[1], depth - 1));
	default:
		return false;
	}
}

/*
 * The minimum or maximum of `a` and a constant that has no NaN. PMIN and PMAX
 * give a lane of `a` that is NaN or equals the constant's. So of two zeros the
 * right one remains unless the constant has -0 for a minimum, or +0 for a
 * maximum, where adding +0 gives it. Adding -0 changes nothing but that a NaN
 * becomes quiet. False if `c` is no such constant.
 */
static bool
build_bound(struct builder *b, const struct floats *f, bool is_max, uint32_t a, uint32_t c)
{
	uint32_t bytes = 1u << ir_shape_width(f->shape);
	bool must_add = !is_quiet(b, a, 2);
	struct ir_v128 bound, addend;

	if (!ir_vector_const(b->fn, c, &bound))
		return false;
	for (uint32_t at = 0; at < sizeof(bound.bytes); at += bytes) {
		uint64_t bits = 0, added = f->sign;

		memcpy(&bits, bound.bytes + at, bytes);
		if ((bits & ~f->sign) > f->infinity || (!is_max && bits == f->sign))
			return false;
		if (is_max && bits == 0) {
			added = 0;
			must_add = true;
		}
		memcpy(addend.bytes + at, &added, bytes);
	}
	uint32_t value = build_vector2(b, is_max ? f->pmax : f->pmin, a, c);
	if (must_add)
		value = build_vector2(b, f->add, value, ir_const_v128(b->fn, &addend));
	build_push(b, value);
	return true;
}

/*
 * The machine's minimum is right unless a lane is NaN in one operand or zero in
 * both. Taken in both orders, or brings together what is missing then: the
 * sign of zero, the bits of the NaN, to which all ones are added.
 */
static void
build_fmin(struct builder *b, const struct floats *f)
{
	uint32_t c = build_pop(b);
	uint32_t a = build_pop(b);
	if (build_bound(b, f, false, a, c) || build_bound(b, f, false, c, a))
		return;
	uint32_t both = build_vector2(b, IR_V128_OR, build_vector2(b, f->pmin, a, c),
				      build_vector2(b, f->pmin, c, a));
	uint32_t nan = build_vector2(b, f->ne, both, both);

	build_push(b, canonical_nan(b, f, nan, build_vector2(b, IR_V128_OR, both, nan)));
}

/*
 * Likewise; but of zeros the positive one must win. Where the two orders
 * differ, the or of one and the difference is -0 or a NaN; subtracting the
 * difference (-0 from -0) gives +0, and a quiet NaN.
 */
static void
build_fmax(struct builder *b, const struct floats *f)
{
	uint32_t c = build_pop(b);
	uint32_t a = build_pop(b);
	if (build_bound(b, f, true, a, c) || build_bound(b, f, true, c, a))
		return;
	uint32_t one = build_vector2(b, f->pmax, a, c);
	uint32_t difference = build_vector2(b, IR_V128_XOR, one, build_vector2(b, f->pmax, c, a));
	uint32_t both = build_vector2(b, IR_V128_OR, one, difference);
	uint32_t value = build_vector2(b, f->sub, both, difference);
	uint32_t nan = build_vector2(b, f->ne, value, value);

	build_push(b, canonical_nan(b, f, nan, value));
}

/* Unfused on every processor, so that results are the same. */
static void
build_madd(struct builder *b, const struct floats *f, bool is_negated)
{
	uint32_t sum = build_pop(b);
	uint32_t c = build_pop(b);
	uint32_t product = build_vector2(b, f->mul, build_pop(b), c);

	if (is_negated)
		build_push(b, build_vector2(b, f->sub, sum, product));
	else
		build_push(b, build_vector2(b, f->add, product, sum));
}

/* --- conversions ------------------------------------------------------------------ */

/* NaN lanes become 0; what is too large gives 0x80000000, then turned. */
static void
build_trunc_f32_signed(struct builder *b)
{
	uint32_t a = build_pop(b);
	uint32_t limit = build_splat_const(b, IR_SHAPE_F32X4, 0x4f000000); /* 2^31 */
	uint32_t number = build_vector2(b, IR_V128_AND, a, build_vector2(b, IR_F32X4_EQ, a, a));
	uint32_t value = build_vector1(b, IR_I32X4_TRUNC_F32X4, number);

	build_push(b,
		   build_vector2(b, IR_V128_XOR, value, build_vector2(b, IR_F32X4_LE, limit, a)));
}

/*
 * What is below 2^31 is converted as it is. From there on that gives 2^31, to
 * which what is above 2^31 is added, at most 2^31 - 1.
 */
static void
build_trunc_f32_unsigned(struct builder *b)
{
	uint32_t zero = ir_zero(b->fn, IR_V128);
	uint32_t limit = build_splat_const(b, IR_SHAPE_F32X4, 0x4f000000); /* 2^31 */
	uint32_t a = build_vector2(b, IR_F32X4_PMAX, zero, build_pop(b));
	uint32_t rest = build_vector2(b, IR_F32X4_SUB, a, limit);
	uint32_t too_large = build_vector2(b, IR_F32X4_LE, limit, rest);
	uint32_t low = build_vector1(b, IR_I32X4_TRUNC_F32X4, a);
	uint32_t high = build_vector1(b, IR_I32X4_TRUNC_F32X4, rest);

	high = build_vector2(b, IR_V128_XOR, high, too_large);
	high = build_vector2(b, IR_I32X4_MAX_S, high, zero);
	build_push(b, build_vector2(b, IR_I32X4_ADD, low, high));
}

static void
build_trunc_f64_signed(struct builder *b)
{
	uint32_t a = build_pop(b);
	uint32_t limit = build_splat_const(b, IR_SHAPE_F64X2, UINT64_C(0x41dfffffffc00000));
	uint32_t bound = build_vector2(b, IR_V128_AND, build_vector2(b, IR_F64X2_EQ, a, a), limit);

	/* bound: 2^31 - 1, or 0 for NaN, which the minimum then gives. */
	build_push(b, build_vector1(b, IR_I32X4_TRUNC_F64X2_ZERO,
				    build_vector2(b, IR_F64X2_PMIN, bound, a)));
}

/* Between 0 and 2^32 - 1 the number plus 2^52 has it in its low bits. */
static void
build_trunc_f64_unsigned(struct builder *b)
{
	static const struct ir_v128 even = { { 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26,
					       27 } };
	uint32_t zero = ir_zero(b->fn, IR_V128);
	uint32_t limit = build_splat_const(b, IR_SHAPE_F64X2, UINT64_C(0x41efffffffe00000));
	uint32_t large = build_splat_const(b, IR_SHAPE_F64X2, UINT64_C(0x4330000000000000));
	uint32_t a = build_vector2(b, IR_F64X2_PMAX, zero, build_pop(b));

	a = build_vector1(b, IR_F64X2_TRUNC, build_vector2(b, IR_F64X2_PMIN, limit, a));
	a = build_vector2(b, IR_F64X2_ADD, a, large);
	build_push(b, build_shuffle(b, a, zero, &even));
}

/* Both halves as floats of their own, exact but for the last addition: 2^23 +
 * low, and 2^39 + high * 2^16. */
static void
build_convert_f32_unsigned(struct builder *b)
{
	static const struct ir_v128 low_halves = { { 0, 1, 18, 19, 4, 5, 22, 23, 8, 9, 26, 27, 12,
						     13, 30, 31 } };
	uint32_t low_bits = build_splat_const(b, IR_SHAPE_I32X4, 0x4b000000);
	uint32_t high_bits = build_splat_const(b, IR_SHAPE_I32X4, 0x53000000);
	uint32_t both = build_splat_const(b, IR_SHAPE_F32X4, 0x53000080); /* 2^39 + 2^23 */
	uint32_t a = build_pop(b);
	uint32_t high = build_vector2(b, IR_I32X4_SHR_U, a, ir_const(b->fn, IR_I32, 16));
	uint32_t low = build_shuffle(b, a, low_bits, &low_halves);

	high = build_shuffle(b, high, high_bits, &low_halves);
	high = build_vector2(b, IR_F32X4_SUB, high, both);
	build_push(b, build_vector2(b, IR_F32X4_ADD, high, low));
}

/* The bits below those of 2^52, which is subtracted. */
static void
build_convert_f64_unsigned(struct builder *b)
{
	uint32_t bits = build_splat_const(b, IR_SHAPE_I32X4, 0x43300000);
	uint32_t large = build_splat_const(b, IR_SHAPE_F64X2, UINT64_C(0x4330000000000000));
	uint32_t a = interleave(b, build_pop(b), bits, 4, false);

	build_push(b, build_vector2(b, IR_F64X2_SUB, a, large));
}

static bool
build_conversion(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_I32X4_TRUNC_SAT_F32X4_S:
		build_trunc_f32_signed(b);
		return true;
	case WASM_OP_I32X4_TRUNC_SAT_F32X4_U:
	case WASM_OP_I32X4_RELAXED_TRUNC_F32X4_U:
		build_trunc_f32_unsigned(b);
		return true;
	case WASM_OP_I32X4_TRUNC_SAT_F64X2_S_ZERO:
		build_trunc_f64_signed(b);
		return true;
	case WASM_OP_I32X4_TRUNC_SAT_F64X2_U_ZERO:
	case WASM_OP_I32X4_RELAXED_TRUNC_F64X2_U_ZERO:
		build_trunc_f64_unsigned(b);
		return true;
	case WASM_OP_F32X4_CONVERT_I32X4_U:
		build_convert_f32_unsigned(b);
		return true;
	case WASM_OP_F64X2_CONVERT_LOW_I32X4_U:
		build_convert_f64_unsigned(b);
		return true;
	default:
		return false;
	}
}

bool
build_vector_float(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_F32X4_ABS:
	case WASM_OP_F64X2_ABS:
		build_fabs(b, opcode == WASM_OP_F32X4_ABS ? &f32x4 : &f64x2);
		return true;
	case WASM_OP_F32X4_NEG:
	case WASM_OP_F64X2_NEG:
		build_fneg(b, opcode == WASM_OP_F32X4_NEG ? &f32x4 : &f64x2);
		return true;
	case WASM_OP_F32X4_MIN:
	case WASM_OP_F64X2_MIN:
		build_fmin(b, opcode == WASM_OP_F32X4_MIN ? &f32x4 : &f64x2);
		return true;
	case WASM_OP_F32X4_MAX:
	case WASM_OP_F64X2_MAX:
		build_fmax(b, opcode == WASM_OP_F32X4_MAX ? &f32x4 : &f64x2);
		return true;
	case WASM_OP_F32X4_RELAXED_MADD:
	case WASM_OP_F64X2_RELAXED_MADD:
		build_madd(b, opcode == WASM_OP_F32X4_RELAXED_MADD ? &f32x4 : &f64x2, false);
		return true;
	case WASM_OP_F32X4_RELAXED_NMADD:
	case WASM_OP_F64X2_RELAXED_NMADD:
		build_madd(b, opcode == WASM_OP_F32X4_RELAXED_NMADD ? &f32x4 : &f64x2, true);
		return true;
	default:
		return build_conversion(b, opcode);
	}
}
