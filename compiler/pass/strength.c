/*
 * Division and remainder by constants.
 *
 * A quotient by d is the product with a scaled reciprocal, rounded down: with
 * m = floor(2^p / d) + 1 the error of x * m / 2^p stays below 1 / d for every x
 * of the width if p is large enough (H. S. Warren, Hacker's Delight, chapter
 * 10). 32-bit divisions use products of 64 bits, 64-bit ones the upper half of
 * the product of 128.
 */
#include "compiler/pass/pass.h"

#include "compiler/ir/edit.h"
#include "compiler/ir/simplify.h"

struct site {
	struct ir_function *fn;
	uint32_t inst; /* the division; new instructions go in front of it */
};

static uint32_t
emit(const struct site *s, enum ir_op op, enum ir_type type, uint32_t a, uint32_t b)
{
	struct ir_inst proto = { .op = (uint8_t)op,
				 .type = (uint8_t)type,
				 .args = { a, b, IR_NONE } };
	uint32_t value = ir_simplify(s->fn, &proto);

	if (value != IR_NONE)
		return value;
	value = ir_new_inst(s->fn, proto.op, type);
	if (value == 0)
		return 0;
	s->fn->insts[value].args[0] = proto.args[0];
	s->fn->insts[value].args[1] = proto.args[1];
	s->fn->insts[value].flags = proto.flags;
	s->fn->insts[value].wasm_offset = s->fn->insts[s->inst].wasm_offset;
	ir_insert_before(s->fn, s->inst, value);
	return value;
}

/* The same with a constant second argument. */
static uint32_t
emit_const(const struct site *s, enum ir_op op, enum ir_type type, uint32_t a, uint64_t b)
{
	return emit(s, op, type, a, ir_const(s->fn, type, b));
}

static uint32_t
extend(const struct site *s, enum ir_op op, uint32_t x)
{
	return emit(s, op, IR_I64, x, IR_NONE);
}

static uint32_t
ceil_log2(uint64_t d)
{
	return d <= 1 ? 0 : 64 - (uint32_t)__builtin_clzll(d - 1);
}

/* 2^p / d, rounded down, for p < 128 and a quotient below 2^128; bit by bit, as
 * the machine has no such division and freestanding code no library. */
static unsigned __int128
divide_power_of_two(uint32_t p, uint64_t d, uint64_t *rest)
{
	unsigned __int128 quotient = 0;
	unsigned __int128 left = 1;

	for (uint32_t i = 0;; i++) {
		quotient <<= 1;
		if (left >= d) {
			quotient |= 1;
			left -= d;
		}
		if (i == p)
			break;
		left <<= 1;
	}
	*rest = (uint64_t)left;
	return quotient;
}

/* x / d for d > 2, no power of two. A 32-bit multiplier is cheaper to load. */
static uint32_t
divide_u32(const struct site *s, uint32_t x, uint32_t d)
{
	uint32_t wide = extend(s, IR_EXTEND_U, x);
	uint32_t quotient;

	for (uint32_t p = 32; p < 32 + ceil_log2(d); p++) {
		uint64_t m = (UINT64_C(1) << p) / d + 1;
		uint64_t error = m * d - (UINT64_C(1) << p);

		if (m <= UINT32_MAX && error <= UINT64_C(1) << (p - 32)) {
			quotient = emit_const(s, IR_MUL, IR_I64, wide, m);
			quotient = emit_const(s, IR_SHR_U, IR_I64, quotient, p);
			return emit(s, IR_WRAP, IR_I32, quotient, IR_NONE);
		}
	}
	/* The error times x stays below 2^64 for all d and x of 32 bits. */
	quotient = emit_const(s, IR_MUL_HIGH_U, IR_I64, wide, UINT64_MAX / d + 1);
	return emit(s, IR_WRAP, IR_I32, quotient, IR_NONE);
}

/* Likewise in 64 bits, where the multiplier may need a 65th bit. */
static uint32_t
divide_u64(const struct site *s, uint32_t x, uint64_t d)
{
	uint32_t shift = ceil_log2(d);
	uint64_t m, missing;
	uint32_t high, rest;

	if (shift == 64) /* the quotient is 0 or 1 */
		return extend(s, IR_EXTEND_U,
			      emit(s, IR_GE_U, IR_I32, x, ir_const(s->fn, IR_I64, d)));
	/* One bit less is enough if the error allows it. */
	for (uint32_t less = 0; less < shift; less++) {
		unsigned __int128 n = divide_power_of_two(64 + less, d, &missing) + 1;

		if (n >> 64 == 0 && d - missing <= UINT64_C(1) << less) {
			high = emit_const(s, IR_MUL_HIGH_U, IR_I64, x, (uint64_t)n);
			return emit_const(s, IR_SHR_U, IR_I64, high, less);
		}
	}
	/* x * (2^64 + m') / 2^64 = x + high, whose sum may carry. */
	m = (uint64_t)divide_power_of_two(64 + shift, d, &missing) + 1;
	high = emit_const(s, IR_MUL_HIGH_U, IR_I64, x, m);
	rest = emit(s, IR_SUB, IR_I64, x, high);
	rest = emit_const(s, IR_SHR_U, IR_I64, rest, 1);
	rest = emit(s, IR_ADD, IR_I64, rest, high);
	return emit_const(s, IR_SHR_U, IR_I64, rest, shift - 1);
}

/* Multiplier and shift for signed division by d >= 3, no power of two, of
 * numbers of `bits` bits: 2^(bits + *shift) / d, rounded up, below 2^bits. */
static uint64_t
signed_multiplier(uint64_t d, uint32_t bits, uint32_t *shift)
{
	uint64_t half = UINT64_C(1) << (bits - 1);
	uint64_t limit = half - 1 - half % d; /* greatest x with x % d = d - 1 */
	uint32_t p = bits;

	for (;; p++) {
		uint64_t rest;
		unsigned __int128 quotient = divide_power_of_two(p, d, &rest);

		if ((unsigned __int128)1 << p > (unsigned __int128)limit * (d - rest)) {
			*shift = p - bits;
			return (uint64_t)quotient + 1;
		}
	}
}

/* x / d, |d| > 2 and no power of two. */
static uint32_t
divide_s32(const struct site *s, uint32_t x, int32_t d)
{
	uint64_t magnitude = d < 0 ? -(uint64_t)d : (uint64_t)d;
	uint32_t wide = extend(s, IR_EXTEND_S, x);
	uint32_t shift, quotient, sign;
	uint64_t m = signed_multiplier(magnitude, 32, &shift);

	quotient = emit_const(s, IR_MUL, IR_I64, wide, m);
	quotient = emit_const(s, IR_SHR_S, IR_I64, quotient, 32 + shift);
	sign = emit_const(s, IR_SHR_S, IR_I64, wide, 63);
	quotient = d < 0 ? emit(s, IR_SUB, IR_I64, sign, quotient)
			 : emit(s, IR_SUB, IR_I64, quotient, sign);
	return emit(s, IR_WRAP, IR_I32, quotient, IR_NONE);
}

static uint32_t
divide_s64(const struct site *s, uint32_t x, int64_t d)
{
	uint64_t magnitude = d < 0 ? -(uint64_t)d : (uint64_t)d;
	uint32_t shift, quotient, sign;
	uint64_t m = signed_multiplier(magnitude, 64, &shift);

	quotient = emit_const(s, IR_MUL_HIGH_S, IR_I64, x, m);
	if (m >> 63) /* taken as m - 2^64 */
		quotient = emit(s, IR_ADD, IR_I64, quotient, x);
	quotient = emit_const(s, IR_SHR_S, IR_I64, quotient, shift);
	sign = emit_const(s, IR_SHR_S, IR_I64, x, 63);
	return d < 0 ? emit(s, IR_SUB, IR_I64, sign, quotient)
		     : emit(s, IR_SUB, IR_I64, quotient, sign);
}

/* x / 2^k rounded towards zero: negative x get 2^k - 1 added first. */
static uint32_t
divide_by_power(const struct site *s, enum ir_type type, uint32_t x, uint32_t k)
{
	uint32_t bits = ir_type_bits(type);
	uint32_t bias = x;

	if (k > 1)
		bias = emit_const(s, IR_SHR_S, type, x, bits - 1);
	bias = emit_const(s, IR_SHR_U, type, bias, bits - k);
	return emit_const(s, IR_SHR_S, type, emit(s, IR_ADD, type, x, bias), k);
}

/* The quotient of a division by the constant d; IR_NONE if it stays. */
static uint32_t
quotient_of(const struct site *s, enum ir_type type, uint32_t x, uint64_t d, bool is_signed)
{
	int64_t value = type == IR_I32 ? (int32_t)d : (int64_t)d;
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
	uint32_t quotient;

	if (!is_signed) {
		if ((d & (d - 1)) == 0)
			return IR_NONE; /* 0; the powers are shifts already */
		return type == IR_I32 ? divide_u32(s, x, (uint32_t)d) : divide_u64(s, x, d);
	}
	if (magnitude <= 1)
		return IR_NONE;
	if ((magnitude & (magnitude - 1)) == 0) {
		quotient = divide_by_power(s, type, x, (uint32_t)__builtin_ctzll(magnitude));
		return value > 0 ? quotient
				 : emit(s, IR_SUB, type, ir_const(s->fn, type, 0), quotient);
	}
	return type == IR_I32 ? divide_s32(s, x, (int32_t)value) : divide_s64(s, x, value);
}

static void
visit_division(struct ir_function *fn, uint32_t index)
{
	struct site s = { fn, index };
	const struct ir_inst *inst = &fn->insts[index];
	const struct ir_inst *divisor = &fn->insts[inst->args[1]];
	bool is_signed = inst->op == IR_DIV_S || inst->op == IR_REM_S;
	bool is_rem = inst->op == IR_REM_S || inst->op == IR_REM_U;
	enum ir_type type = inst->type;
	uint32_t x = inst->args[0];
	uint64_t d = divisor->imm;
	uint32_t result;

	if (divisor->op != IR_CONST)
		return;
	result = quotient_of(&s, type, x, d, is_signed);
	if (result == IR_NONE)
		return;
	if (is_rem)
		result = emit(&s, IR_SUB, type, x, emit_const(&s, IR_MUL, type, result, d));
	ir_replace(fn, index, result);
}

enum nb_status
pass_strength(struct ir_function *fn, struct pass_context *context)
{
	bool changed = false;

	(void)context;
	for (uint32_t b = 0; b < fn->block_count; b++) {
		uint32_t next;

		for (uint32_t i = fn->blocks[b].first_inst; i != IR_NONE && ir_tick(fn, 1);
		     i = next) {
			next = fn->insts[i].next;
			if (fn->insts[i].op < IR_DIV_S || fn->insts[i].op > IR_REM_U)
				continue;
			fn->insts[i].args[0] = ir_resolve(fn, fn->insts[i].args[0]);
			fn->insts[i].args[1] = ir_resolve(fn, fn->insts[i].args[1]);
			visit_division(fn, i);
			changed = true;
		}
	}
	if (changed && fn->status == NB_OK)
		ir_resolve_all(fn);
	return fn->status;
}
