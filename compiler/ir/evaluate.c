/*
 * Constant evaluation: what an operation gives on known arguments.
 */
#include "compiler/ir/simplify.h"

#include "lib/string.h"

struct operands {
	uint64_t a, b; /* zero-extended */
	uint32_t bits; /* 32 or 64 */
};

static int64_t
sign_extend(uint64_t value, uint32_t bits)
{
	return (int64_t)(value << (64 - bits)) >> (64 - bits);
}

static bool
evaluate_division(enum ir_op op, const struct operands *x, uint64_t *out)
{
	int64_t a = sign_extend(x->a, x->bits);
	int64_t b = sign_extend(x->b, x->bits);

	if (x->b == 0)
		return false;
	if (op == IR_DIV_U) {
		*out = x->a / x->b;
	} else if (op == IR_REM_U) {
		*out = x->a % x->b;
	} else if (b == -1) {
		if (op == IR_DIV_S && x->a == UINT64_C(1) << (x->bits - 1))
			return false;
		*out = op == IR_DIV_S ? -x->a : 0;
	} else {
		*out = (uint64_t)(op == IR_DIV_S ? a / b : a % b);
	}
	return true;
}

static uint64_t
multiply_high(enum ir_op op, const struct operands *x)
{
	if (op == IR_MUL_HIGH_U)
		return (uint64_t)((unsigned __int128)x->a * x->b >> x->bits);
	return (uint64_t)((__int128)sign_extend(x->a, x->bits) * sign_extend(x->b, x->bits) >>
			  x->bits);
}

static bool
evaluate_shift(enum ir_op op, const struct operands *x, uint64_t *out)
{
	uint32_t count = (uint32_t)x->b & (x->bits - 1);
	uint32_t back = (x->bits - count) & (x->bits - 1);

	switch ((uint32_t)op) {
	case IR_SHL:
		*out = x->a << count;
		return true;
	case IR_SHR_U:
		*out = x->a >> count;
		return true;
	case IR_SHR_S:
		*out = (uint64_t)(sign_extend(x->a, x->bits) >> count);
		return true;
	case IR_ROTL:
		*out = x->a << count | (count ? x->a >> back : 0);
		return true;
	case IR_ROTR:
		*out = x->a >> count | (count ? x->a << back : 0);
		return true;
	default:
		return false;
	}
}

static bool
evaluate_unary(enum ir_op op, const struct operands *x, uint64_t *out)
{
	switch ((uint32_t)op) {
	case IR_CLZ:
		*out = x->a ? (uint64_t)__builtin_clzll(x->a) - (64 - x->bits) : x->bits;
		return true;
	case IR_CTZ:
		*out = x->a ? (uint64_t)__builtin_ctzll(x->a) : x->bits;
		return true;
	case IR_POPCNT:
		*out = (uint64_t)__builtin_popcountll(x->a);
		return true;
	case IR_EXTEND8_S:
		*out = (uint64_t)sign_extend(x->a, 8);
		return true;
	case IR_EXTEND16_S:
		*out = (uint64_t)sign_extend(x->a, 16);
		return true;
	case IR_EXTEND32_S:
	case IR_EXTEND_S:
		*out = (uint64_t)sign_extend(x->a, 32);
		return true;
	case IR_WRAP:
	case IR_EXTEND_U:
		*out = (uint32_t)x->a;
		return true;
	default:
		return false;
	}
}

static bool
evaluate_comparison(enum ir_op op, const struct operands *x, uint64_t *out)
{
	int64_t a = sign_extend(x->a, x->bits);
	int64_t b = sign_extend(x->b, x->bits);

	switch ((uint32_t)op) {
	case IR_EQ:
		*out = x->a == x->b;
		return true;
	case IR_NE:
		*out = x->a != x->b;
		return true;
	case IR_LT_S:
		*out = a < b;
		return true;
	case IR_LT_U:
		*out = x->a < x->b;
		return true;
	case IR_GT_S:
		*out = a > b;
		return true;
	case IR_GT_U:
		*out = x->a > x->b;
		return true;
	case IR_LE_S:
		*out = a <= b;
		return true;
	case IR_LE_U:
		*out = x->a <= x->b;
		return true;
	case IR_GE_S:
		*out = a >= b;
		return true;
	case IR_GE_U:
		*out = x->a >= x->b;
		return true;
	default:
		return false;
	}
}

static bool
evaluate_int(enum ir_op op, const struct operands *x, uint64_t *out)
{
	switch ((uint32_t)op) {
	case IR_ADD:
		*out = x->a + x->b;
		return true;
	case IR_SUB:
		*out = x->a - x->b;
		return true;
	case IR_MUL:
		*out = x->a * x->b;
		return true;
	case IR_MUL_HIGH_S:
	case IR_MUL_HIGH_U:
		*out = multiply_high(op, x);
		return true;
	case IR_DIV_S:
	case IR_DIV_U:
	case IR_REM_S:
	case IR_REM_U:
		return evaluate_division(op, x, out);
	case IR_AND:
		*out = x->a & x->b;
		return true;
	case IR_OR:
		*out = x->a | x->b;
		return true;
	case IR_XOR:
		*out = x->a ^ x->b;
		return true;
	default:
		return evaluate_shift(op, x, out) || evaluate_comparison(op, x, out) ||
		       evaluate_unary(op, x, out);
	}
}

static double
float_from_bits(uint64_t bits, enum ir_type type)
{
	double wide;
	float narrow;
	uint32_t low = (uint32_t)bits;

	if (type == IR_F64) {
		memcpy(&wide, &bits, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, &low, sizeof(narrow));
	return (double)narrow;
}

/* False for NaN, whose bits nobody should rely on. */
static bool
float_to_bits(double value, enum ir_type type, uint64_t *out)
{
	float narrow = (float)value;
	uint32_t low;

	if (value != value)
		return false;
	if (type == IR_F64) {
		memcpy(out, &value, sizeof(value));
		return true;
	}
	memcpy(&low, &narrow, sizeof(low));
	*out = low;
	return true;
}

/* Arithmetic. In f32 the double result of one + - * / rounds to the same
 * float as direct arithmetic: a double has more than 2 * 24 + 2 bits. */
static bool
evaluate_float(enum ir_op op, enum ir_type type, const uint64_t *args, uint64_t *out)
{
	double a = float_from_bits(args[0], type);
	double b = float_from_bits(args[1], type);

	switch ((uint32_t)op) {
	case IR_FADD:
		return float_to_bits(a + b, type, out);
	case IR_FSUB:
		return float_to_bits(a - b, type, out);
	case IR_FMUL:
		return float_to_bits(a * b, type, out);
	case IR_FDIV:
		return float_to_bits(a / b, type, out);
	default:
		return false;
	}
}

/* Operations on the sign bit alone, exact for NaNs too. */
static bool
evaluate_sign(enum ir_op op, enum ir_type type, const uint64_t *args, uint64_t *out)
{
	uint64_t sign = UINT64_C(1) << (ir_type_bits(type) - 1);

	switch ((uint32_t)op) {
	case IR_FABS:
		*out = args[0] & ~sign;
		return true;
	case IR_FNEG:
		*out = args[0] ^ sign;
		return true;
	case IR_FCOPYSIGN:
		*out = (args[0] & ~sign) | (args[1] & sign);
		return true;
	default:
		return false;
	}
}

static bool
evaluate_float_comparison(enum ir_op op, double a, double b, uint64_t *out)
{
	switch ((uint32_t)op) {
	case IR_FEQ:
		*out = a == b;
		return true;
	case IR_FNE:
		*out = a != b;
		return true;
	case IR_FLT:
		*out = a < b;
		return true;
	case IR_FGT:
		*out = a > b;
		return true;
	case IR_FLE:
		*out = a <= b;
		return true;
	case IR_FGE:
		*out = a >= b;
		return true;
	default:
		return false;
	}
}

/* Float to integer for values well inside the range; nothing else. */
static bool
evaluate_truncation(enum ir_op op, enum ir_type type, double a, uint64_t *out)
{
	double limit = type == IR_I64 ? 0x1p62 : 0x1p30;

	if (!(a > -limit && a < limit))
		return false;
	if ((op == IR_TRUNC_U || op == IR_TRUNC_SAT_U) && !(a >= 0))
		return false;
	*out = (uint64_t)(int64_t)a;
	return true;
}

/* An integer to f32 directly: going through double would round twice. */
static bool
evaluate_conversion(enum ir_op op, enum ir_type type, const struct operands *x, uint64_t *out)
{
	int64_t value = sign_extend(x->a, x->bits);

	if (op == IR_CONVERT_U && type == IR_F32)
		return float_to_bits((double)(float)x->a, type, out);
	if (op == IR_CONVERT_U)
		return float_to_bits((double)x->a, type, out);
	if (type == IR_F32)
		return float_to_bits((double)(float)value, type, out);
	return float_to_bits((double)value, type, out);
}

static bool
evaluate_any(enum ir_op op, enum ir_type type, enum ir_type arg_type, const uint64_t *args,
	     uint64_t *out)
{
	struct operands x = { args[0], args[1], ir_type_bits(arg_type) };

	switch ((uint32_t)op) {
	case IR_SELECT:
		*out = (uint32_t)args[0] ? args[1] : args[2];
		return true;
	case IR_BITCAST:
		*out = args[0];
		return true;
	case IR_PROMOTE:
	case IR_DEMOTE:
		return float_to_bits(float_from_bits(args[0], arg_type), type, out);
	case IR_CONVERT_S:
	case IR_CONVERT_U:
		return evaluate_conversion(op, type, &x, out);
	case IR_TRUNC_S:
	case IR_TRUNC_U:
	case IR_TRUNC_SAT_S:
	case IR_TRUNC_SAT_U:
		return evaluate_truncation(op, type, float_from_bits(args[0], arg_type), out);
	default:
		break;
	}
	if (ir_type_is_int(arg_type))
		return evaluate_int(op, &x, out);
	if (evaluate_float_comparison(op, float_from_bits(args[0], arg_type),
				      float_from_bits(args[1], arg_type), out))
		return true;
	return evaluate_sign(op, type, args, out) || evaluate_float(op, type, args, out);
}

bool
ir_evaluate(enum ir_op op, enum ir_type type, enum ir_type arg_type, const uint64_t *args,
	    uint64_t *out)
{
	if (arg_type == IR_V128 || type == IR_V128)
		return false;
	if (!evaluate_any(op, type, arg_type, args, out))
		return false;
	if (ir_type_bits(type) == 32)
		*out = (uint32_t)*out;
	return true;
}
