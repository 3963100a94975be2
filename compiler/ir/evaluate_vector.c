/*
 * Constant evaluation of vector operations; of floats only what is about bits.
 */
#include "compiler/ir/simplify.h"

#include "lib/string.h"

struct ir_v128
ir_vector_splat(uint32_t shape, uint64_t bits)
{
	struct ir_v128 vector;
	uint32_t bytes = 1u << ir_shape_width(shape);

	for (uint32_t i = 0; i < sizeof(vector.bytes); i++)
		vector.bytes[i] = (uint8_t)(bits >> 8 * (i % bytes));
	return vector;
}

uint64_t
ir_vector_get_lane(const struct ir_v128 *vector, uint32_t shape, uint32_t lane)
{
	uint32_t bytes = 1u << ir_shape_width(shape);
	uint64_t bits = 0;

	memcpy(&bits, vector->bytes + lane * bytes, bytes);
	return bits;
}

void
ir_vector_set_lane(struct ir_v128 *vector, uint32_t shape, uint32_t lane, uint64_t bits)
{
	uint32_t bytes = 1u << ir_shape_width(shape);

	memcpy(vector->bytes + lane * bytes, &bits, bytes);
}

/* Integer lanes of at most 32 bits, so that int64_t holds sums and products. */
struct lanes {
	uint64_t a, b;	/* zero-extended */
	int64_t sa, sb; /* sign-extended */
	uint32_t bits;
};

static int64_t
sign_extend(uint64_t value, uint32_t bits)
{
	return (int64_t)(value << (64 - bits)) >> (64 - bits);
}

static uint64_t
saturate_signed(int64_t value, uint32_t bits)
{
	int64_t greatest = (INT64_C(1) << (bits - 1)) - 1;

	if (value > greatest)
		return (uint64_t)greatest;
	return (uint64_t)(value < -greatest - 1 ? -greatest - 1 : value);
}

static uint64_t
saturate_unsigned(int64_t value, uint32_t bits)
{
	int64_t greatest = (INT64_C(1) << bits) - 1;

	if (value > greatest)
		return (uint64_t)greatest;
	return value < 0 ? 0 : (uint64_t)value;
}

static bool
evaluate_saturating(uint32_t meaning, const struct lanes *x, uint64_t *out)
{
	switch (meaning) {
	case IR_LANE_ADD_SAT_S:
		*out = saturate_signed(x->sa + x->sb, x->bits);
		return true;
	case IR_LANE_ADD_SAT_U:
		*out = saturate_unsigned((int64_t)(x->a + x->b), x->bits);
		return true;
	case IR_LANE_SUB_SAT_S:
		*out = saturate_signed(x->sa - x->sb, x->bits);
		return true;
	case IR_LANE_SUB_SAT_U:
		*out = saturate_unsigned((int64_t)x->a - (int64_t)x->b, x->bits);
		return true;
	default:
		return false;
	}
}

static bool
evaluate_choice(uint32_t meaning, const struct lanes *x, uint64_t *out)
{
	switch (meaning) {
	case IR_LANE_MIN_S:
		*out = x->sa < x->sb ? x->a : x->b;
		return true;
	case IR_LANE_MIN_U:
		*out = x->a < x->b ? x->a : x->b;
		return true;
	case IR_LANE_MAX_S:
		*out = x->sa > x->sb ? x->a : x->b;
		return true;
	case IR_LANE_MAX_U:
		*out = x->a > x->b ? x->a : x->b;
		return true;
	case IR_LANE_EQ:
		*out = x->a == x->b ? UINT64_MAX : 0;
		return true;
	case IR_LANE_GT_S:
		*out = x->sa > x->sb ? UINT64_MAX : 0;
		return true;
	default:
		return false;
	}
}

/* What happens in each lane on its own. */
static bool
evaluate_lane(uint32_t meaning, const struct lanes *x, uint64_t *out)
{
	uint32_t half = x->bits / 2;

	switch (meaning) {
	case IR_LANE_ADD:
		*out = x->a + x->b;
		return true;
	case IR_LANE_SUB:
		*out = x->a - x->b;
		return true;
	case IR_LANE_MUL:
		*out = x->a * x->b;
		return true;
	case IR_LANE_ABS:
		*out = x->sa < 0 ? -x->a : x->a;
		return true;
	case IR_LANE_AVGR_U:
		*out = (x->a + x->b + 1) >> 1;
		return true;
	case IR_LANE_MUL_HIGH_S:
		*out = (uint64_t)(x->sa * x->sb >> x->bits);
		return true;
	case IR_LANE_MUL_HIGH_U:
		*out = x->a * x->b >> x->bits;
		return true;
	case IR_LANE_MUL_ROUND_S:
		*out = (uint64_t)((x->sa * x->sb + 0x4000) >> 15);
		return true;
	case IR_LANE_MUL_EVEN_S:
		*out = (uint64_t)(sign_extend(x->a, half) * sign_extend(x->b, half));
		return true;
	case IR_LANE_MUL_EVEN_U:
		*out = (uint64_t)(uint32_t)x->a * (uint32_t)x->b;
		return true;
	default:
		if (x->bits <= 32 && evaluate_saturating(meaning, x, out))
			return true;
		return evaluate_choice(meaning, x, out);
	}
}

static bool
evaluate_lanes(const struct ir_vector_info *info, const struct ir_v128 *a, const struct ir_v128 *b,
	       struct ir_v128 *out)
{
	uint32_t bits = 8u << ir_shape_width(info->shape);

	for (uint32_t i = 0; i < 128 / bits; i++) {
		struct lanes x = { .bits = bits };
		uint64_t lane;

		x.a = ir_vector_get_lane(a, info->shape, i);
		x.b = ir_vector_get_lane(b, info->shape, i);
		x.sa = sign_extend(x.a, bits);
		x.sb = sign_extend(x.b, bits);
		if (!evaluate_lane(info->meaning, &x, &lane))
			return false;
		ir_vector_set_lane(out, info->shape, i, lane);
	}
	return true;
}

static bool
evaluate_bits(uint32_t meaning, const struct ir_v128 *args, struct ir_v128 *out)
{
	for (uint32_t i = 0; i < sizeof(out->bytes); i++) {
		uint32_t a = args[0].bytes[i], b = args[1].bytes[i], c = args[2].bytes[i];

		switch (meaning) {
		case IR_LANE_AND:
			out->bytes[i] = (uint8_t)(a & b);
			break;
		case IR_LANE_OR:
			out->bytes[i] = (uint8_t)(a | b);
			break;
		case IR_LANE_XOR:
			out->bytes[i] = (uint8_t)(a ^ b);
			break;
		case IR_LANE_ANDNOT:
			out->bytes[i] = (uint8_t)(a & ~b);
			break;
		case IR_LANE_BITSELECT:
			out->bytes[i] = (uint8_t)((a & c) | (b & ~c));
			break;
		default:
			return false;
		}
	}
	return true;
}

static bool
evaluate_shift(const struct ir_vector_info *info, const struct ir_v128 *a, uint64_t count,
	       struct ir_v128 *out)
{
	uint32_t bits = 8u << ir_shape_width(info->shape);

	for (uint32_t i = 0; i < 128 / bits; i++) {
		uint64_t lane = ir_vector_get_lane(a, info->shape, i);
		int64_t value = sign_extend(lane, bits);

		if (info->meaning == IR_LANE_SHL)
			lane = count < bits ? lane << count : 0;
		else if (info->meaning == IR_LANE_SHR_U)
			lane = count < bits ? lane >> count : 0;
		else
			lane = (uint64_t)(value >> (count < bits ? count : bits - 1));
		ir_vector_set_lane(out, info->shape, i, lane);
	}
	return true;
}

/* Lanes twice as wide as those of the argument. */
static bool
evaluate_extension(const struct ir_vector_info *info, const struct ir_v128 *a, struct ir_v128 *out)
{
	uint32_t width = ir_shape_width(info->shape);
	uint32_t half = 4u << width;

	for (uint32_t i = 0; i < 16u >> width; i++) {
		uint64_t lane = ir_vector_get_lane(a, info->shape - 1, i);

		if (info->meaning == IR_LANE_EXTEND_LOW_S)
			lane = (uint64_t)sign_extend(lane, half);
		ir_vector_set_lane(out, info->shape, i, lane);
	}
	return true;
}

static bool
evaluate_narrowing(const struct ir_vector_info *info, const struct ir_v128 *args,
		   struct ir_v128 *out)
{
	uint32_t bits = 8u << ir_shape_width(info->shape);
	uint32_t count = 64 / bits;

	for (uint32_t i = 0; i < 2 * count; i++) {
		uint64_t wide = ir_vector_get_lane(&args[i / count], info->shape + 1, i % count);
		int64_t value = sign_extend(wide, 2 * bits);

		ir_vector_set_lane(out, info->shape, i,
				   info->meaning == IR_LANE_NARROW_S
					   ? saturate_signed(value, bits)
					   : saturate_unsigned(value, bits));
	}
	return true;
}

static bool
evaluate_dot(const struct ir_vector_info *info, const struct ir_v128 *args, struct ir_v128 *out)
{
	uint32_t bits = 4u << ir_shape_width(info->shape); /* of a half lane */

	for (uint32_t i = 0; i < 64 / bits; i++) {
		int64_t sum = 0;

		for (uint32_t k = 2 * i; k < 2 * i + 2; k++) {
			uint64_t a = ir_vector_get_lane(&args[0], info->shape - 1, k);
			uint64_t b = ir_vector_get_lane(&args[1], info->shape - 1, k);
			int64_t first =
				info->meaning == IR_LANE_DOT_US ? (int64_t)a : sign_extend(a, bits);

			sum += first * sign_extend(b, bits);
		}
		ir_vector_set_lane(out, info->shape, i,
				   info->meaning == IR_LANE_DOT_US ? saturate_signed(sum, 2 * bits)
								   : (uint64_t)sum);
	}
	return true;
}

static bool
evaluate_test(const struct ir_vector_info *info, const struct ir_v128 *a, struct ir_v128 *out)
{
	uint32_t bits = 8u << ir_shape_width(info->shape);
	uint64_t result = 0;

	if (info->meaning == IR_LANE_ANY_TRUE) {
		for (uint32_t i = 0; i < sizeof(a->bytes); i++)
			result |= a->bytes[i] != 0;
	} else {
		for (uint32_t i = 0; i < 128 / bits; i++)
			result |= ir_vector_get_lane(a, info->shape, i) >> (bits - 1) << i;
	}
	memcpy(out->bytes, &result, sizeof(result));
	return true;
}

/* By the top bit of each byte of the lanes' last bytes. */
static bool
evaluate_lane_choice(const struct ir_vector_info *info, const struct ir_v128 *args,
		     struct ir_v128 *out)
{
	uint32_t bytes = 1u << ir_shape_width(info->shape);

	for (uint32_t i = 0; i < sizeof(out->bytes); i++)
		out->bytes[i] = args[args[2].bytes[i | (bytes - 1)] & 0x80 ? 0 : 1].bytes[i];
	return true;
}

static bool
evaluate_swizzle(const struct ir_v128 *args, struct ir_v128 *out)
{
	for (uint32_t i = 0; i < sizeof(out->bytes); i++) {
		uint8_t index = args[1].bytes[i];

		out->bytes[i] = index & 0x80 ? 0 : args[0].bytes[index & 15];
	}
	return true;
}

static bool
evaluate_across(const struct ir_inst *inst, const struct ir_v128 *args, struct ir_v128 *out)
{
	const struct ir_vector_info *info = ir_vector_info(inst);
	uint64_t scalar = 0;

	switch (info->meaning) {
	case IR_LANE_SPLAT:
		memcpy(&scalar, args[0].bytes, sizeof(scalar));
		*out = ir_vector_splat(info->shape, scalar);
		return true;
	case IR_LANE_EXTRACT:
		scalar = ir_vector_get_lane(&args[0], info->shape, ir_vector_lane(inst));
		memcpy(out->bytes, &scalar, sizeof(scalar));
		return true;
	case IR_LANE_REPLACE:
		memcpy(&scalar, args[1].bytes, sizeof(scalar));
		*out = args[0];
		ir_vector_set_lane(out, info->shape, ir_vector_lane(inst), scalar);
		return true;
	case IR_LANE_SWIZZLE:
		return evaluate_swizzle(args, out);
	case IR_LANE_LANESELECT:
		return evaluate_lane_choice(info, args, out);
	case IR_LANE_EXTEND_LOW_S:
	case IR_LANE_EXTEND_LOW_U:
		return evaluate_extension(info, &args[0], out);
	case IR_LANE_NARROW_S:
	case IR_LANE_NARROW_U:
		return evaluate_narrowing(info, args, out);
	case IR_LANE_DOT_S:
	case IR_LANE_DOT_US:
		return evaluate_dot(info, args, out);
	case IR_LANE_ANY_TRUE:
	case IR_LANE_BITMASK:
		return evaluate_test(info, &args[0], out);
	default:
		return false;
	}
}

bool
ir_evaluate_vector(const struct ir_inst *inst, const uint8_t *pattern, const struct ir_v128 args[3],
		   struct ir_v128 *out)
{
	const struct ir_vector_info *info = ir_vector_info(inst);
	uint64_t count;

	memset(out, 0, sizeof(*out));
	if (inst->op == IR_SHUFFLE) {
		for (uint32_t i = 0; i < sizeof(out->bytes); i++)
			out->bytes[i] = args[pattern[i] >> 4].bytes[pattern[i] & 15];
		return true;
	}
	if (inst->op == IR_VSHIFT) {
		memcpy(&count, args[1].bytes, sizeof(count));
		return evaluate_shift(info, &args[0], count, out);
	}
	if (info->shape == IR_SHAPE_V128 && info->meaning != IR_LANE_ANY_TRUE)
		return evaluate_bits(info->meaning, args, out);
	if (evaluate_across(inst, args, out))
		return true;
	return info->shape <= IR_SHAPE_I64X2 && evaluate_lanes(info, &args[0], &args[1], out);
}
