/*
 * Algebra on single operations.
 *
 * A rule looks at an instruction and at the instructions of its arguments, at
 * most a few levels deep. It answers with an existing value or rewrites the
 * instruction and asks for another round; each rewriting shortens the
 * expression or makes it more canonical (constants on the right, no
 * subtraction of a constant, comparisons with zero), so rounds are few.
 */
#include "compiler/ir/simplify.h"

#include "compiler/ir/edit.h"
#include "lib/string.h"

enum {
	MAX_ROUNDS = 8,
	KNOWN_DEPTH = 4,
};

#define UNCHANGED IR_UNCHANGED
#define AGAIN	  IR_AGAIN

struct context {
	struct ir_function *fn;
	struct ir_inst *inst;
	enum ir_type type;	 /* of the result */
	enum ir_type arg_type;	 /* of args[0] */
	uint32_t bits;		 /* of arg_type, if an integer */
	const struct ir_inst *a; /* instructions of the arguments; stale after */
	const struct ir_inst *b; /* anything is added */
	bool b_is_const;
	uint64_t c; /* the constant b */
};

enum ir_op
ir_inverse_comparison(enum ir_op op)
{
	switch ((uint32_t)op) {
	case IR_EQ:
		return IR_NE;
	case IR_NE:
		return IR_EQ;
	case IR_LT_S:
		return IR_GE_S;
	case IR_LT_U:
		return IR_GE_U;
	case IR_GT_S:
		return IR_LE_S;
	case IR_GT_U:
		return IR_LE_U;
	case IR_LE_S:
		return IR_GT_S;
	case IR_LE_U:
		return IR_GT_U;
	case IR_GE_S:
		return IR_LT_S;
	case IR_GE_U:
		return IR_LT_U;
	case IR_FEQ:
		return IR_FNE;
	case IR_FNE:
		return IR_FEQ;
	default:
		return IR_OP_COUNT;
	}
}

enum ir_op
ir_swapped_comparison(enum ir_op op)
{
	switch ((uint32_t)op) {
	case IR_LT_S:
		return IR_GT_S;
	case IR_LT_U:
		return IR_GT_U;
	case IR_GT_S:
		return IR_LT_S;
	case IR_GT_U:
		return IR_LT_U;
	case IR_LE_S:
		return IR_GE_S;
	case IR_LE_U:
		return IR_GE_U;
	case IR_GE_S:
		return IR_LE_S;
	case IR_GE_U:
		return IR_LE_U;
	case IR_FLT:
		return IR_FGT;
	case IR_FGT:
		return IR_FLT;
	case IR_FLE:
		return IR_FGE;
	case IR_FGE:
		return IR_FLE;
	default:
		return op;
	}
}

static uint64_t
mask_of(uint32_t bits)
{
	return bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

/* Of a scalar from a vector. */
static uint64_t
known_vector_zeros(const struct ir_inst *inst)
{
	switch (inst->imm & 0xffff) {
	case IR_V128_ANY_TRUE:
		return ~UINT64_C(1);
	case IR_I32X4_BITMASK:
	case IR_I64X2_BITMASK:
		return ~UINT64_C(15);
	case IR_I8X16_EXTRACT:
		return ~UINT64_C(0xff);
	case IR_I8X16_BITMASK:
	case IR_I16X8_EXTRACT:
		return ~UINT64_C(0xffff);
	default:
		return ~mask_of(ir_type_bits(inst->type));
	}
}

static uint64_t
known_zeros(const struct ir_function *fn, uint32_t value, uint32_t depth)
{
	const struct ir_inst *inst = &fn->insts[value];
	const struct ir_inst *b;
	uint32_t bits = ir_type_bits(inst->type);
	uint64_t above = ~mask_of(bits);

	if (inst->op == IR_CONST)
		return ~inst->imm;
	if (ir_op_is_comparison(inst->op))
		return ~UINT64_C(1);
	if (inst->op == IR_LOAD8_U)
		return ~UINT64_C(0xff);
	if (inst->op == IR_LOAD16_U)
		return ~UINT64_C(0xffff);
	if (inst->op == IR_LOAD32_U)
		return ~UINT64_C(0xffffffff);
	if (inst->op == IR_CLZ || inst->op == IR_CTZ || inst->op == IR_POPCNT)
		return ~UINT64_C(0x7f);
	if (inst->op == IR_VTEST || inst->op == IR_EXTRACT)
		return known_vector_zeros(inst);
	if (depth == 0)
		return above;
	b = ir_op_info(inst->op)->arg_count == 2 ? &fn->insts[inst->args[1]] : inst;
	switch (inst->op) {
	case IR_EXTEND_U:
		return known_zeros(fn, inst->args[0], depth - 1) | ~mask_of(32);
	case IR_WRAP:
		return known_zeros(fn, inst->args[0], depth - 1) | above;
	case IR_AND:
		return known_zeros(fn, inst->args[0], depth - 1) |
		       known_zeros(fn, inst->args[1], depth - 1);
	case IR_OR:
	case IR_XOR:
		return known_zeros(fn, inst->args[0], depth - 1) &
		       known_zeros(fn, inst->args[1], depth - 1);
	case IR_SELECT:
		return known_zeros(fn, inst->args[1], depth - 1) &
		       known_zeros(fn, inst->args[2], depth - 1);
	case IR_SHL:
		if (b->op != IR_CONST)
			return above;
		return known_zeros(fn, inst->args[0], depth - 1) << (b->imm & (bits - 1)) |
		       mask_of((uint32_t)b->imm & (bits - 1)) | above;
	case IR_SHR_U:
		if (b->op != IR_CONST)
			return above;
		return (known_zeros(fn, inst->args[0], depth - 1) | above) >>
			       (b->imm & (bits - 1)) |
		       ~(mask_of(bits) >> (b->imm & (bits - 1)));
	default:
		return above;
	}
}

uint64_t
ir_known_zeros(const struct ir_function *fn, uint32_t value)
{
	return known_zeros(fn, value, KNOWN_DEPTH);
}

static uint32_t
int_const(struct context *x, uint64_t bits)
{
	return ir_const(x->fn, x->type, bits);
}

/* Makes the instruction `op a, constant` of the present type. */
static uint32_t
become(struct context *x, enum ir_op op, uint32_t a, uint64_t constant)
{
	uint32_t c = ir_const(x->fn, x->fn->insts[a].type, constant);

	x->inst->op = (uint8_t)op;
	x->inst->args[0] = a;
	x->inst->args[1] = c;
	x->inst->args[2] = IR_NONE;
	return AGAIN;
}

static uint32_t
become_pair(struct context *x, enum ir_op op, uint32_t a, uint32_t b)
{
	x->inst->op = (uint8_t)op;
	x->inst->args[0] = a;
	x->inst->args[1] = b;
	return AGAIN;
}

static uint32_t
become_unary(struct context *x, enum ir_op op, uint32_t a)
{
	x->inst->op = (uint8_t)op;
	x->inst->args[0] = a;
	x->inst->args[1] = IR_NONE;
	return AGAIN;
}

/* The constant second argument of an argument; false if it has none. */
static bool
inner_const(const struct context *x, const struct ir_inst *inner, uint64_t *out)
{
	const struct ir_inst *b;

	if (ir_op_info(inner->op)->arg_count != 2)
		return false;
	b = &x->fn->insts[inner->args[1]];
	if (b->op != IR_CONST)
		return false;
	*out = b->imm;
	return true;
}

static bool
is_zero(const struct context *x, uint32_t value)
{
	const struct ir_inst *inst = &x->fn->insts[value];

	return inst->op == IR_CONST && ir_type_is_int(inst->type) && inst->imm == 0;
}

static bool
is_one(const struct context *x, uint32_t value)
{
	const struct ir_inst *inst = &x->fn->insts[value];

	return inst->op == IR_CONST && ir_type_is_int(inst->type) && inst->imm == 1;
}

static uint32_t
simplify_add(struct context *x)
{
	uint64_t inner;

	if (x->b_is_const && x->c == 0)
		return x->inst->args[0];
	if (x->b_is_const && x->a->op == IR_ADD && inner_const(x, x->a, &inner))
		return become(x, IR_ADD, x->a->args[0], inner + x->c);
	if (x->b_is_const && x->a->op == IR_SUB && inner_const(x, x->a, &inner))
		return become(x, IR_ADD, x->a->args[0], x->c - inner);
	if (x->b->op == IR_SUB && is_zero(x, x->b->args[0]))
		return become_pair(x, IR_SUB, x->inst->args[0], x->b->args[1]);
	if (x->a->op == IR_SUB && is_zero(x, x->a->args[0]))
		return become_pair(x, IR_SUB, x->inst->args[1], x->a->args[1]);
	if (x->a->op == IR_SUB && x->a->args[1] == x->inst->args[1])
		return x->a->args[0];
	if (x->b->op == IR_SUB && x->b->args[1] == x->inst->args[0])
		return x->b->args[0];
	return UNCHANGED;
}

static uint32_t
simplify_sub(struct context *x)
{
	if (x->inst->args[0] == x->inst->args[1])
		return int_const(x, 0);
	if (x->b_is_const)
		return become(x, IR_ADD, x->inst->args[0], -x->c);
	if (x->a->op == IR_ADD && x->a->args[0] == x->inst->args[1])
		return x->a->args[1];
	if (x->a->op == IR_ADD && x->a->args[1] == x->inst->args[1])
		return x->a->args[0];
	if (x->b->op == IR_SUB && is_zero(x, x->b->args[0]))
		return become_pair(x, IR_ADD, x->inst->args[0], x->b->args[1]);
	return UNCHANGED;
}

static uint32_t
simplify_mul(struct context *x)
{
	uint64_t inner;

	if (!x->b_is_const)
		return UNCHANGED;
	if (x->c == 0)
		return x->inst->args[1];
	if (x->c == 1)
		return x->inst->args[0];
	if (x->c == mask_of(x->bits))
		return become_pair(x, IR_SUB, int_const(x, 0), x->inst->args[0]);
	if ((x->c & (x->c - 1)) == 0)
		return become(x, IR_SHL, x->inst->args[0], (uint64_t)__builtin_ctzll(x->c));
	if (x->a->op == IR_MUL && inner_const(x, x->a, &inner))
		return become(x, IR_MUL, x->a->args[0], inner * x->c);
	return UNCHANGED;
}

/* A constant divisor that is not zero cannot trap (unless it is -1). */
static uint32_t
simplify_division(struct context *x)
{
	bool is_signed = x->inst->op == IR_DIV_S || x->inst->op == IR_REM_S;
	bool is_rem = x->inst->op == IR_REM_S || x->inst->op == IR_REM_U;

	if (!x->b_is_const || x->c == 0)
		return UNCHANGED;
	if (x->c == 1)
		return is_rem ? int_const(x, 0) : x->inst->args[0];
	if (x->inst->op == IR_REM_S && x->c == mask_of(x->bits))
		return int_const(x, 0);
	if (!is_signed && (x->c & (x->c - 1)) == 0) {
		if (is_rem)
			return become(x, IR_AND, x->inst->args[0], x->c - 1);
		return become(x, IR_SHR_U, x->inst->args[0], (uint64_t)__builtin_ctzll(x->c));
	}
	if (!is_signed || x->c != mask_of(x->bits))
		x->inst->flags |= IR_NO_TRAP;
	return UNCHANGED;
}

static uint32_t
simplify_and(struct context *x)
{
	uint64_t inner;

	if (x->inst->args[0] == x->inst->args[1])
		return x->inst->args[0];
	if (!x->b_is_const)
		return UNCHANGED;
	if (x->c == 0)
		return x->inst->args[1];
	if ((~x->c & ~ir_known_zeros(x->fn, x->inst->args[0])) == 0)
		return x->inst->args[0];
	if (x->a->op == IR_AND && inner_const(x, x->a, &inner))
		return become(x, IR_AND, x->a->args[0], inner & x->c);
	return UNCHANGED;
}

static uint32_t
simplify_or(struct context *x)
{
	uint64_t inner;

	if (x->inst->args[0] == x->inst->args[1] || (x->b_is_const && x->c == 0))
		return x->inst->args[0];
	if (x->b_is_const && x->c == mask_of(x->bits))
		return x->inst->args[1];
	if (x->b_is_const && x->a->op == IR_OR && inner_const(x, x->a, &inner))
		return become(x, IR_OR, x->a->args[0], inner | x->c);
	return UNCHANGED;
}

static uint32_t
simplify_xor(struct context *x)
{
	uint64_t inner;

	if (x->inst->args[0] == x->inst->args[1])
		return int_const(x, 0);
	if (x->b_is_const && x->c == 0)
		return x->inst->args[0];
	if (x->b_is_const && x->a->op == IR_XOR && inner_const(x, x->a, &inner))
		return become(x, IR_XOR, x->a->args[0], inner ^ x->c);
	if (x->b_is_const && x->c == 1 && ir_op_is_comparison(x->a->op) &&
	    ir_inverse_comparison(x->a->op) != IR_OP_COUNT && x->type == IR_I32)
		return become_pair(x, ir_inverse_comparison(x->a->op), x->a->args[0],
				   x->a->args[1]);
	return UNCHANGED;
}

/* shl by n, then an arithmetic shift right by n. */
static uint32_t
simplify_sign_extension(struct context *x)
{
	uint32_t kept = x->bits - (uint32_t)(x->c & (x->bits - 1));
	uint64_t inner;

	if (x->a->op != IR_SHL || !inner_const(x, x->a, &inner) || inner != x->c)
		return UNCHANGED;
	if (kept == 8)
		return become_unary(x, IR_EXTEND8_S, x->a->args[0]);
	if (kept == 16)
		return become_unary(x, IR_EXTEND16_S, x->a->args[0]);
	if (kept == 32 && x->bits == 64)
		return become_unary(x, IR_EXTEND32_S, x->a->args[0]);
	return UNCHANGED;
}

static uint32_t
simplify_shift(struct context *x)
{
	enum ir_op op = x->inst->op;
	uint64_t all = mask_of(x->bits);
	uint64_t inner;

	if (is_zero(x, x->inst->args[0]))
		return x->inst->args[0];
	if (!x->b_is_const)
		return UNCHANGED;
	if (x->c >= x->bits)
		return become(x, op, x->inst->args[0], x->c & (x->bits - 1));
	if (x->c == 0)
		return x->inst->args[0];
	if (op == IR_ROTR)
		return become(x, IR_ROTL, x->inst->args[0], x->bits - x->c);
	if (op == IR_SHR_S) {
		uint32_t result = simplify_sign_extension(x);

		if (result != UNCHANGED)
			return result;
	}
	if (!inner_const(x, x->a, &inner) || inner >= x->bits)
		return UNCHANGED;
	if (op == x->a->op && (op == IR_SHL || op == IR_SHR_U || op == IR_SHR_S)) {
		if (inner + x->c < x->bits)
			return become(x, op, x->a->args[0], inner + x->c);
		return op == IR_SHR_S ? become(x, op, x->a->args[0], x->bits - 1) : int_const(x, 0);
	}
	if (op == IR_SHL && x->a->op == IR_SHR_U && inner == x->c)
		return become(x, IR_AND, x->a->args[0], all << x->c & all);
	if (op == IR_SHR_U && x->a->op == IR_SHL && inner == x->c)
		return become(x, IR_AND, x->a->args[0], all >> x->c);
	return UNCHANGED;
}

/* Comparisons of unsigned values with the least and the greatest number. */
static uint32_t
simplify_bound(struct context *x)
{
	uint64_t all = mask_of(x->bits);
	uint32_t a = x->inst->args[0];

	switch (x->inst->op) {
	case IR_LT_U:
		if (x->c == 0)
			return ir_const(x->fn, IR_I32, 0);
		return x->c == 1 ? become(x, IR_EQ, a, 0) : UNCHANGED;
	case IR_GE_U:
		if (x->c == 0)
			return ir_const(x->fn, IR_I32, 1);
		return x->c == 1 ? become(x, IR_NE, a, 0) : UNCHANGED;
	case IR_GT_U:
		if (x->c == all)
			return ir_const(x->fn, IR_I32, 0);
		return x->c == 0 ? become(x, IR_NE, a, 0) : UNCHANGED;
	case IR_LE_U:
		if (x->c == all)
			return ir_const(x->fn, IR_I32, 1);
		return x->c == 0 ? become(x, IR_EQ, a, 0) : UNCHANGED;
	default:
		return UNCHANGED;
	}
}

/* eq and ne with a constant. */
static uint32_t
simplify_equality(struct context *x)
{
	uint64_t inner;

	if (x->c == 0 && ir_op_is_comparison(x->a->op)) {
		enum ir_op inverse = ir_inverse_comparison(x->a->op);

		if (x->inst->op == IR_NE)
			return x->inst->args[0];
		if (inverse != IR_OP_COUNT)
			return become_pair(x, inverse, x->a->args[0], x->a->args[1]);
	}
	if (x->c == 1 && ir_op_is_comparison(x->a->op))
		return become(x, x->inst->op == IR_EQ ? IR_NE : IR_EQ, x->inst->args[0], 0);
	if (x->c == 0 && (x->a->op == IR_SUB || x->a->op == IR_XOR))
		return become_pair(x, x->inst->op, x->a->args[0], x->a->args[1]);
	if (x->a->op == IR_ADD && inner_const(x, x->a, &inner))
		return become(x, x->inst->op, x->a->args[0], x->c - inner);
	if (x->a->op == IR_XOR && inner_const(x, x->a, &inner))
		return become(x, x->inst->op, x->a->args[0], x->c ^ inner);
	if (x->a->op == IR_EXTEND_U && x->c <= UINT32_MAX)
		return become(x, x->inst->op, x->a->args[0], x->c);
	if (x->a->op == IR_EXTEND_S && (int64_t)x->c == (int32_t)x->c)
		return become(x, x->inst->op, x->a->args[0], x->c);
	return UNCHANGED;
}

static uint32_t
simplify_comparison(struct context *x)
{
	uint32_t op = x->inst->op;

	if (op >= IR_FEQ)
		return UNCHANGED;
	if (x->inst->args[0] == x->inst->args[1])
		return ir_const(x->fn, IR_I32,
				op == IR_EQ || op == IR_LE_S || op == IR_LE_U || op == IR_GE_S ||
					op == IR_GE_U);
	if (x->a->op == IR_CONST)
		return become_pair(x, ir_swapped_comparison(op), x->inst->args[1],
				   x->inst->args[0]);
	if (x->a->op == x->b->op && (x->a->op == IR_EXTEND_S || x->a->op == IR_EXTEND_U) &&
	    (op <= IR_NE || x->a->op == IR_EXTEND_S))
		return become_pair(x, op, x->a->args[0], x->b->args[0]);
	if (!x->b_is_const)
		return UNCHANGED;
	if (op == IR_EQ || op == IR_NE)
		return simplify_equality(x);
	return simplify_bound(x);
}

static uint32_t
simplify_select(struct context *x)
{
	uint32_t yes = x->inst->args[1];
	uint32_t no = x->inst->args[2];

	if (yes == no)
		return yes;
	if (x->a->op == IR_CONST)
		return x->a->imm ? yes : no;
	if (is_one(x, yes) && is_zero(x, no) && x->type == IR_I32)
		return become(x, IR_NE, x->inst->args[0], 0);
	if (is_zero(x, yes) && is_one(x, no) && x->type == IR_I32)
		return become(x, IR_EQ, x->inst->args[0], 0);
	if ((x->a->op == IR_EQ || x->a->op == IR_NE) && is_zero(x, x->a->args[1]) &&
	    x->fn->insts[x->a->args[0]].type == IR_I32) {
		x->inst->args[0] = x->a->args[0];
		if (x->a->op == IR_EQ) {
			x->inst->args[1] = no;
			x->inst->args[2] = yes;
		}
		return AGAIN;
	}
	return UNCHANGED;
}

/* wrap, extend_s, extend_u. */
static uint32_t
simplify_width(struct context *x)
{
	uint32_t inner = x->a->args[0];

	switch (x->inst->op) {
	case IR_WRAP:
		if (x->a->op == IR_EXTEND_S || x->a->op == IR_EXTEND_U)
			return inner;
		if (x->a->op == IR_EXTEND32_S)
			return become_unary(x, IR_WRAP, inner);
		return UNCHANGED;
	case IR_EXTEND_U:
		if (x->a->op == IR_WRAP && ir_known_zeros(x->fn, inner) >> 32 == UINT32_MAX)
			return inner;
		return UNCHANGED;
	default:
		if (x->a->op == IR_WRAP)
			return become_unary(x, IR_EXTEND32_S, inner);
		if (ir_known_zeros(x->fn, x->inst->args[0]) & UINT64_C(1) << 31)
			return become_unary(x, IR_EXTEND_U, x->inst->args[0]);
		return UNCHANGED;
	}
}

/* extend8_s and its kind: `bits` are kept. */
static uint32_t
simplify_narrow_extension(struct context *x, uint32_t bits)
{
	uint64_t inner;

	if (ir_known_zeros(x->fn, x->inst->args[0]) >> (bits - 1) << (bits - 1) ==
	    UINT64_MAX << (bits - 1))
		return x->inst->args[0];
	if (x->a->op == x->inst->op)
		return x->inst->args[0];
	if (x->a->op == IR_AND && inner_const(x, x->a, &inner) &&
	    (inner & mask_of(bits)) == mask_of(bits))
		return become_unary(x, x->inst->op, x->a->args[0]);
	if ((bits == 8 && x->a->op == IR_LOAD8_S) ||
	    (bits >= 16 && (x->a->op == IR_LOAD16_S || x->a->op == IR_LOAD8_S)))
		return x->inst->args[0];
	if (bits == 32 && x->a->op == IR_EXTEND_U)
		return become_unary(x, IR_EXTEND_S, x->a->args[0]);
	if (bits == 32 && (x->a->op == IR_EXTEND_S || x->a->op == IR_LOAD32_S))
		return x->inst->args[0];
	return UNCHANGED;
}

static uint32_t
simplify_float(struct context *x)
{
	switch (x->inst->op) {
	case IR_FNEG:
		if (x->a->op == IR_FNEG)
			return x->a->args[0];
		return UNCHANGED;
	case IR_FABS:
		if (x->a->op == IR_FABS)
			return x->inst->args[0];
		if (x->a->op == IR_FNEG)
			return become_unary(x, IR_FABS, x->a->args[0]);
		return UNCHANGED;
	case IR_BITCAST:
		if (x->a->op == IR_BITCAST)
			return x->a->args[0];
		return UNCHANGED;
	default:
		return UNCHANGED;
	}
}

static uint32_t
simplify_once(struct context *x)
{
	switch (x->inst->op) {
	case IR_ADD:
		return simplify_add(x);
	case IR_SUB:
		return simplify_sub(x);
	case IR_MUL:
		return simplify_mul(x);
	case IR_DIV_S:
	case IR_DIV_U:
	case IR_REM_S:
	case IR_REM_U:
		return simplify_division(x);
	case IR_AND:
		return simplify_and(x);
	case IR_OR:
		return simplify_or(x);
	case IR_XOR:
		return simplify_xor(x);
	case IR_SHL:
	case IR_SHR_S:
	case IR_SHR_U:
	case IR_ROTL:
	case IR_ROTR:
		return simplify_shift(x);
	case IR_SELECT:
		return simplify_select(x);
	case IR_WRAP:
	case IR_EXTEND_S:
	case IR_EXTEND_U:
		return simplify_width(x);
	case IR_EXTEND8_S:
		return simplify_narrow_extension(x, 8);
	case IR_EXTEND16_S:
		return simplify_narrow_extension(x, 16);
	case IR_EXTEND32_S:
		return simplify_narrow_extension(x, 32);
	default:
		if (x->inst->op >= IR_VECTOR1 && x->inst->op <= IR_SHUFFLE)
			return ir_simplify_vector(x->fn, x->inst);
		if (ir_op_is_comparison(x->inst->op))
			return simplify_comparison(x);
		return simplify_float(x);
	}
}

/* Constants go to the right, other values into the order of their numbers, so
 * that equal operations look equal. */
static void
order_arguments(const struct ir_function *fn, struct ir_inst *inst)
{
	uint32_t a = inst->args[0];
	uint32_t b = inst->args[1];

	if (fn->insts[b].op == IR_CONST || (a < b && fn->insts[a].op != IR_CONST))
		return;
	inst->args[0] = b;
	inst->args[1] = a;
}

/* Likewise with vectors among arguments and result. */
static uint32_t
fold_vector(struct ir_function *fn, const struct ir_inst *inst, uint32_t arg_count)
{
	const uint8_t *pattern = inst->op == IR_SHUFFLE ? ir_shuffle_pattern(fn, inst) : NULL;
	struct ir_v128 args[3] = { 0 };
	struct ir_v128 result;
	uint64_t scalar;

	for (uint32_t i = 0; i < arg_count; i++) {
		const struct ir_inst *arg = &fn->insts[inst->args[i]];

		if (arg->op != IR_CONST)
			return IR_NONE;
		if (arg->type == IR_V128)
			args[i] = *ir_const_vector(fn, arg);
		else
			memcpy(args[i].bytes, &arg->imm, sizeof(arg->imm));
	}
	if (!ir_evaluate_vector(inst, pattern, args, &result))
		return IR_NONE;
	if (inst->type == IR_V128)
		return ir_const_v128(fn, &result);
	memcpy(&scalar, result.bytes, sizeof(scalar));
	return ir_const(fn, inst->type, scalar);
}

/* Evaluates the instruction if all its arguments are constants. */
static uint32_t
fold(struct ir_function *fn, const struct ir_inst *inst, uint32_t arg_count)
{
	uint64_t args[3] = { 0, 0, 0 };
	uint64_t result;

	if (inst->op >= IR_VECTOR1 && inst->op <= IR_SHUFFLE)
		return fold_vector(fn, inst, arg_count);
	for (uint32_t i = 0; i < arg_count; i++) {
		const struct ir_inst *arg = &fn->insts[inst->args[i]];

		if (arg->op != IR_CONST)
			return IR_NONE;
		args[i] = arg->imm;
	}
	if (!ir_evaluate(inst->op, inst->type, fn->insts[inst->args[0]].type, args, &result))
		return IR_NONE;
	return ir_const(fn, inst->type, result);
}

uint32_t
ir_simplify(struct ir_function *fn, struct ir_inst *inst)
{
	for (uint32_t round = 0; round < MAX_ROUNDS; round++) {
		const struct ir_op_info *info = ir_op_info(inst->op);
		struct context x = { .fn = fn, .inst = inst, .type = inst->type };
		uint32_t result;

		if (info->arg_count == 0 || info->flags & (IR_OP_CALL | IR_OP_END | IR_OP_FREE) ||
		    info->reads || info->writes || inst->type == IR_VOID)
			return IR_NONE;
		result = fold(fn, inst, info->arg_count);
		if (result != IR_NONE)
			return result;
		if (ir_inst_commutes(inst))
			order_arguments(fn, inst);
		x.a = &fn->insts[inst->args[0]];
		x.b = info->arg_count > 1 ? &fn->insts[inst->args[1]] : &fn->insts[0];
		x.arg_type = x.a->type;
		x.bits = ir_type_bits(x.arg_type);
		x.b_is_const = x.b->op == IR_CONST && ir_type_is_int(x.b->type);
		x.c = x.b->imm;
		result = simplify_once(&x);
		if (result != AGAIN)
			return result;
	}
	return IR_NONE;
}
