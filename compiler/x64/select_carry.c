/*
 * Selection of additions and subtractions of comparisons: what an unsigned comparison
 * gives is the carry flag, which adc and sbb take in.
 *
 *   x + (a < b)        cmp a, b; adc x, 0       numbers of several words, counting
 *   x + y + (a < b)    cmp a, b; adc x, y
 *   x - y - (a < b)    cmp a, b; sbb x, y
 *   x + (a >= b)       cmp a, b; sbb x, -1
 *   x + (v == 0)       cmp v, 1; adc x, 0
 *
 * Nobody else may need the comparison.
 */
#include "compiler/x64/select.h"

/* x + y + carry, or x - y - carry. */
struct carry {
	uint32_t x, y; /* y: IR_NONE: 0 */
	uint32_t comparison;
	bool subtracts;
};

/* The comparison whose value `value` is, if that is all that it is for; else IR_NONE. */
static uint32_t
comparison_of(const struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	if (inst->op == IR_EXTEND_U && select_is_single_use(s, value)) {
		value = inst->args[0];
		inst = select_inst(s, value);
	}
	if (inst->op < IR_EQ || inst->op > IR_GE_U || !select_is_single_use(s, value))
		return IR_NONE;
	switch (inst->op) {
	case IR_LT_U:
	case IR_GT_U:
	case IR_LE_U:
	case IR_GE_U:
		return value;
	case IR_EQ:
	case IR_NE: {
		int64_t imm;
		return select_const(s, inst->args[1], &imm) && imm == 0 ? value : IR_NONE;
	}
	default:
		return IR_NONE;
	}
}

/* Whether the comparison is the opposite of the carry that its code leaves. */
static bool
is_inverted(const struct selector *s, uint32_t comparison)
{
	uint32_t op = select_inst(s, comparison)->op;
	return op == IR_LE_U || op == IR_GE_U || op == IR_NE;
}

/* Takes `value` apart, an operation `op` that nobody else needs. */
static bool
is_inner(const struct selector *s, uint32_t value, uint32_t op)
{
	return select_inst(s, value)->op == op && select_is_single_use(s, value);
}

/* Finds what is added or subtracted besides the comparison: two values if they come that
 * way and the carry is not inverted. */
static void
find_other(const struct selector *s, uint32_t other, struct carry *out)
{
	uint32_t op = out->subtracts ? IR_SUB : IR_ADD;
	out->x = other;
	if (is_inverted(s, out->comparison) || !is_inner(s, other, op))
		return;
	out->x = select_inst(s, other)->args[0];
	out->y = select_inst(s, other)->args[1];
}

static bool
find_carry(const struct selector *s, uint32_t value, struct carry *out)
{
	const struct ir_inst *inst = select_inst(s, value);
	*out = (struct carry){ .y = IR_NONE, .subtracts = inst->op == IR_SUB };
	for (uint32_t k = 2; k-- > (out->subtracts ? 1u : 0u);) {
		uint32_t other = inst->args[1 - k];
		out->comparison = comparison_of(s, inst->args[k]);
		if (out->comparison != IR_NONE) {
			find_other(s, other, out);
			return true;
		}
		if (!is_inner(s, inst->args[k], IR_ADD))
			continue;
		const struct ir_inst *sum = select_inst(s, inst->args[k]);
		for (uint32_t i = 0; i < 2; i++) {
			out->comparison = comparison_of(s, sum->args[i]);
			if (out->comparison == IR_NONE || is_inverted(s, out->comparison))
				continue;
			out->x = other;
			out->y = sum->args[1 - i];
			return true;
		}
	}
	return false;
}

/* What leaves the comparison, or its opposite, in the carry flag. */
static struct select_compare
compare_for_carry(struct selector *s, uint32_t comparison)
{
	const struct ir_inst *inst = select_inst(s, comparison);
	bool is_swapped = inst->op == IR_GT_U || inst->op == IR_LE_U;
	uint32_t a = inst->args[is_swapped], b = inst->args[!is_swapped];
	bool is_64 = select_is_64(s, a);
	struct select_compare compare = {
		.form = is_64 ? NB_FORM_CMP64_IMM : NB_FORM_CMP32_IMM,
		.cc = X64_CC_B,
		.reg = IR_NONE,
	};
	if (inst->op == IR_EQ || inst->op == IR_NE) {
		compare.imm = 1;
	} else if (!select_imm32(s, b, &compare.imm)) {
		compare.form = is_64 ? NB_FORM_CMP64 : NB_FORM_CMP32;
		compare.imm = 0;
		compare.reg = select_use(s, a);
		compare.rm = select_source_any(s, b);
		return compare;
	}
	compare.rm = select_source_any(s, a);
	return compare;
}

bool
select_carry(struct selector *s, uint32_t value)
{
	struct carry carry;
	if (!find_carry(s, value, &carry))
		return false;
	bool is_opposite = is_inverted(s, carry.comparison);
	struct select_compare compare = compare_for_carry(s, carry.comparison);
	uint32_t x = select_use(s, carry.x);
	uint32_t y = carry.y == IR_NONE ? IR_NONE : select_use(s, carry.y);
	struct x64_inst *inst = select_emit(s, X64_FLAGS, compare.form);
	inst->consumer = X64_TO_CARRY;
	inst->scale = (uint8_t)((select_is_64(s, value) ? X64_CARRY_64 : 0) |
				(carry.subtracts != is_opposite ? X64_CARRY_SUBTRACTS : 0) |
				(is_opposite ? X64_CARRY_ONES : 0) |
				(y != IR_NONE ? X64_CARRY_OPERAND : 0));
	inst->imm = compare.imm;
	select_op_def_reuse(s, select_def(s, value), 1);
	select_op_use(s, x, RA_REG);
	if (y != IR_NONE)
		select_op_use(s, y, RA_ANY);
	select_add_compare(s, inst, &compare, RA_REG);
	return true;
}
