/*
 * Selection of multiplication.
 *
 * One instruction gives both halves of a product, so when a block has MUL and
 * MUL_HIGH_U of the same operands near each other, the later one leaves its value
 * to the earlier one.
 */
#include "compiler/x64/select.h"

enum { PAIR_DISTANCE = 24 }; /* IR instructions between the halves */

static bool
are_halves(const struct ir_inst *a, const struct ir_inst *b)
{
	bool is_pair = (a->op == IR_MUL && b->op == IR_MUL_HIGH_U) ||
		       (a->op == IR_MUL_HIGH_U && b->op == IR_MUL);
	bool is_same = a->args[0] == b->args[0] && a->args[1] == b->args[1];
	bool is_swapped = a->args[0] == b->args[1] && a->args[1] == b->args[0];
	return is_pair && a->type == b->type && (is_same || is_swapped);
}

/* The other half of the product, before or behind `value`; one behind must have been
 * left to this one. */
static uint32_t
other_half(const struct selector *s, uint32_t value, bool is_behind)
{
	const struct ir_inst *inst = select_inst(s, value);
	uint32_t other = is_behind ? inst->next : inst->prev;
	for (uint32_t i = 0; i < PAIR_DISTANCE && other != IR_NONE; i++) {
		const struct ir_inst *candidate = select_inst(s, other);
		if (are_halves(inst, candidate) &&
		    is_behind == (bool)(s->marks[other] & SELECT_SUNK))
			return other;
		other = is_behind ? candidate->next : candidate->prev;
	}
	return IR_NONE;
}

/* Whether `value` was dealt with as a half of a product: either it is left to the
 * earlier half, or both are made here. */
static bool
select_pair(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	if (inst->type != IR_I64 || inst->op == IR_MUL_HIGH_S)
		return false;
	uint32_t behind = other_half(s, value, true);
	if (behind == IR_NONE) {
		if (other_half(s, value, false) == IR_NONE)
			return false;
		s->marks[value] |= SELECT_SUNK;
		return true;
	}
	uint32_t high = inst->op == IR_MUL ? behind : value;
	uint32_t low = inst->op == IR_MUL ? value : behind;
	uint32_t a = select_use(s, inst->args[0]);
	struct select_source source = select_source_reg(s, inst->args[1]);
	struct x64_inst *mul = select_emit(s, X64_MUL_HIGH, NB_FORM_MUL64);
	select_op_def_fixed(s, select_def(s, high), NB_RDX);
	select_op_use_fixed(s, a, NB_RAX);
	select_op_source(s, mul, &source, RA_ANY);
	select_op_def_fixed(s, select_def(s, low), NB_RAX);
	return true;
}

void
select_mul(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_I64;
	uint32_t a = inst->args[0], b = inst->args[1];
	int64_t imm;
	if (s->has_mul_high && select_pair(s, value))
		return;
	if (select_inst(s, a)->op == IR_CONST) {
		a = inst->args[1];
		b = inst->args[0];
	}
	if (select_imm32(s, b, &imm)) {
		if (imm == 3 || imm == 5 || imm == 9) {
			uint32_t vreg = select_use(s, a);
			select_lea(s, value, vreg, vreg, imm == 3 ? 1 : imm == 5 ? 2 : 3, 0);
			return;
		}
		struct select_source source = select_source_any(s, a);
		select_unary_rm(s, value, is_64 ? NB_FORM_IMUL64_IMM : NB_FORM_IMUL32_IMM, &source);
		s->insts[s->inst_count - 1].imm = imm;
		return;
	}
	struct select_source source = select_source_any(s, b);
	select_two_operand(s, value, select_use(s, a), is_64 ? NB_FORM_IMUL64 : NB_FORM_IMUL32,
			   &source);
}

void
select_mul_high(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_I64;
	enum nb_form form = is_64 ? NB_FORM_MUL64 : NB_FORM_MUL32;
	if (inst->op == IR_MUL_HIGH_S)
		form = is_64 ? NB_FORM_IMUL64_WIDE : NB_FORM_IMUL32_WIDE;
	if (select_pair(s, value))
		return;
	uint32_t a = select_use(s, inst->args[0]);
	struct select_source source = select_source_any(s, inst->args[1]);
	struct x64_inst *mul = select_emit(s, X64_MUL_HIGH, form);
	select_op_def_fixed(s, select_def(s, value), NB_RDX);
	select_op_use_fixed(s, a, NB_RAX);
	select_op_source(s, mul, &source, RA_ANY);
	select_clobber(s, 1 << NB_RAX, 0);
}
