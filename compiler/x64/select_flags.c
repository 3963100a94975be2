/*
 * Selection of comparisons with what they decide: branches, values, selects
 * and traps.
 */
#include "compiler/x64/select.h"

/* Condition of an integer comparison operation. */
static uint8_t
cc_of(uint32_t op)
{
	switch (op) {
	case IR_EQ:
		return X64_CC_E;
	case IR_NE:
		return X64_CC_NE;
	case IR_LT_S:
		return X64_CC_L;
	case IR_LT_U:
		return X64_CC_B;
	case IR_GT_S:
		return X64_CC_G;
	case IR_GT_U:
		return X64_CC_A;
	case IR_LE_S:
		return X64_CC_LE;
	case IR_LE_U:
		return X64_CC_BE;
	case IR_GE_S:
		return X64_CC_GE;
	default:
		return X64_CC_AE;
	}
}

/* The condition after exchanging the operands. */
static uint8_t
cc_swap(uint8_t cc)
{
	switch (cc) {
	case X64_CC_L:
		return X64_CC_G;
	case X64_CC_G:
		return X64_CC_L;
	case X64_CC_LE:
		return X64_CC_GE;
	case X64_CC_GE:
		return X64_CC_LE;
	case X64_CC_B:
		return X64_CC_A;
	case X64_CC_A:
		return X64_CC_B;
	case X64_CC_BE:
		return X64_CC_AE;
	case X64_CC_AE:
		return X64_CC_BE;
	default:
		return cc;
	}
}

/* How far a comparison may go in folding: loads are folded only into the
 * comparison's single user. */
struct fold {
	bool loads;
};

static struct select_source
source_of(struct selector *s, uint32_t value, struct fold fold)
{
	return fold.loads ? select_source_any(s, value) : select_source_reg(s, value);
}

/* test a, b for (a & b) != 0. */
static struct select_compare
compare_and(struct selector *s, uint32_t value, uint8_t cc, struct fold fold)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_I64;
	uint32_t a = inst->args[0];
	int64_t imm;
	struct select_compare compare = { .cc = cc, .reg = IR_NONE };
	fold.loads = fold.loads && select_is_single_use(s, value);
	if (select_const(s, inst->args[1], &imm) && imm >= INT32_MIN &&
	    (imm <= INT32_MAX || imm <= UINT32_MAX)) {
		const struct ir_inst *load = select_inst(s, a);
		bool is_byte = imm >= 0 && imm <= 0x7f;
		compare.imm = imm;
		if (is_byte && fold.loads && load->op == IR_LOAD8_U && select_can_sink(s, a)) {
			compare.form = NB_FORM_TEST8_IMM;
			compare.rm = select_access(s, a);
			return compare;
		}
		/* A mask of the low half decides E and NE there alone. */
		bool is_low = imm >= 0;
		compare.form = is_64 && !is_low ? NB_FORM_TEST64_IMM : NB_FORM_TEST32_IMM;
		compare.imm = is_64 && !is_low ? imm : (int32_t)(uint32_t)imm;
		if (fold.loads && load->op == IR_LOAD &&
		    is_64 == (compare.form == NB_FORM_TEST64_IMM))
			compare.rm = select_source_any(s, a);
		else
			compare.rm = select_source_reg(s, a);
		if (is_byte && compare.rm.base == X64_BASE_NONE)
			compare.form = NB_FORM_TEST8_IMM;
		return compare;
	}
	compare.form = is_64 ? NB_FORM_TEST64 : NB_FORM_TEST32;
	compare.reg = select_use(s, a);
	compare.rm = source_of(s, inst->args[1], fold);
	return compare;
}

static bool
is_any_true(const struct ir_inst *inst)
{
	return inst->op == IR_VTEST && ir_vector_op(inst) == IR_V128_ANY_TRUE;
}

/* Whether some bit of a vector is 1, by E or NE: ptest a, b sets ZF by a & b and
 * CF by ~a & b. */
static struct select_compare
compare_any_true(struct selector *s, uint32_t value, uint8_t cc, struct fold fold)
{
	uint32_t a = select_inst(s, value)->args[0], b = a;
	bool may_load = fold.loads && (value == s->root || select_is_single_use(s, value));
	const struct ir_inst *inst = select_inst(s, a);
	struct select_compare compare = { .form = NB_FORM_PTEST, .cc = cc };
	bool is_bits = inst->op == IR_VECTOR2 && select_is_single_use(s, a);
	if (is_bits && ir_vector_op(inst) == IR_V128_AND) {
		a = inst->args[0];
		b = inst->args[1];
	} else if (is_bits && ir_vector_op(inst) == IR_V128_ANDNOT) {
		a = inst->args[1];
		b = inst->args[0];
		compare.cc = cc == X64_CC_E ? X64_CC_B : X64_CC_AE;
	}
	compare.reg = select_use(s, a);
	if (a == b)
		compare.rm = (struct select_source){ .base = X64_BASE_NONE, .vreg = compare.reg };
	else
		compare.rm = may_load ? select_vector_source(s, b) : select_source_reg(s, b);
	return compare;
}

/* `value` against zero by E, NE, S or NS. */
static struct select_compare
compare_zero(struct selector *s, uint32_t value, uint8_t cc, struct fold fold)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_equality = cc == X64_CC_E || cc == X64_CC_NE;
	if (inst->op == IR_AND && is_equality && select_is_single_use(s, value))
		return compare_and(s, value, cc, fold);
	if (is_any_true(inst) && is_equality)
		return compare_any_true(s, value, cc, fold);
	bool is_64 = inst->type == IR_I64;
	struct select_compare compare = { .form = is_64 ? NB_FORM_CMP64_IMM : NB_FORM_CMP32_IMM,
					  .cc = cc,
					  .reg = IR_NONE };
	if (inst->op == IR_LOAD8_U && is_equality && fold.loads && select_can_sink(s, value)) {
		compare.form = NB_FORM_CMP8_IMM;
		compare.rm = select_access(s, value);
		return compare;
	}
	compare.rm = source_of(s, value, fold);
	if (compare.rm.base == X64_BASE_NONE) {
		compare.form = is_64 ? NB_FORM_TEST64 : NB_FORM_TEST32;
		compare.reg = compare.rm.vreg;
	}
	return compare;
}

static struct select_compare
compare_const(struct selector *s, uint32_t value, int64_t imm, uint8_t cc, struct fold fold)
{
	const struct ir_inst *inst = select_inst(s, value);
	if (imm == 0 && (cc == X64_CC_E || cc == X64_CC_NE))
		return compare_zero(s, value, cc, fold);
	if (imm == 0 && (cc == X64_CC_L || cc == X64_CC_GE))
		return compare_zero(s, value, cc == X64_CC_L ? X64_CC_S : X64_CC_NS, fold);
	struct select_compare compare = {
		.form = inst->type == IR_I64 ? NB_FORM_CMP64_IMM : NB_FORM_CMP32_IMM,
		.cc = cc,
		.reg = IR_NONE,
		.imm = imm,
	};
	bool is_unsigned = cc != X64_CC_L && cc != X64_CC_G && cc != X64_CC_LE && cc != X64_CC_GE;
	if (inst->op == IR_LOAD8_U && is_unsigned && imm >= 0 && imm <= UINT8_MAX && fold.loads &&
	    select_can_sink(s, value)) {
		compare.form = NB_FORM_CMP8_IMM;
		compare.imm = select_sign_extend((uint64_t)imm, 8);
		compare.rm = select_access(s, value);
		return compare;
	}
	compare.rm = source_of(s, value, fold);
	return compare;
}

static struct select_compare
compare_ints(struct selector *s, const struct ir_inst *inst, struct fold fold)
{
	uint32_t a = inst->args[0], b = inst->args[1];
	bool is_64 = select_is_64(s, a);
	uint8_t cc = cc_of(inst->op);
	int64_t imm;
	if (select_inst(s, a)->op == IR_CONST) {
		a = inst->args[1];
		b = inst->args[0];
		cc = cc_swap(cc);
	}
	if (select_imm32(s, b, &imm))
		return compare_const(s, a, imm, cc, fold);
	struct select_compare compare = { .cc = cc };
	if (fold.loads && select_inst(s, a)->op == IR_LOAD && select_can_sink(s, a)) {
		compare.form = is_64 ? NB_FORM_CMP64_STORE : NB_FORM_CMP32_STORE;
		compare.reg = select_use(s, b);
		compare.rm = select_access(s, a);
		return compare;
	}
	compare.form = is_64 ? NB_FORM_CMP64 : NB_FORM_CMP32;
	compare.reg = select_use(s, a);
	compare.rm = source_of(s, b, fold);
	return compare;
}

static struct select_compare
compare_floats(struct selector *s, const struct ir_inst *inst, struct fold fold)
{
	uint32_t a = inst->args[0], b = inst->args[1];
	struct select_compare compare = { .form = select_is_64(s, a) ? NB_FORM_UCOMISD
								     : NB_FORM_UCOMISS };
	switch (inst->op) {
	case IR_FEQ:
		compare.cc = X64_CC_FLOAT_EQ;
		break;
	case IR_FNE:
		compare.cc = X64_CC_FLOAT_NE;
		break;
	case IR_FLT:
	case IR_FGT:
		compare.cc = X64_CC_A;
		break;
	default:
		compare.cc = X64_CC_AE;
		break;
	}
	/* Only "above" is false for unordered operands. */
	if (inst->op == IR_FLT || inst->op == IR_FLE) {
		a = inst->args[1];
		b = inst->args[0];
	}
	compare.reg = select_read(s, a);
	compare.rm = source_of(s, b, fold);
	return compare;
}

static bool
is_comparison(uint32_t op)
{
	return op >= IR_EQ && op <= IR_FGE;
}

/* What decides whether `value` is not zero. Operands of the comparison that
 * defines it are used here, so that it is needed as a value only by others. */
static struct select_compare
compare_of(struct selector *s, uint32_t value, struct fold fold)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_value = value == s->root;
	if (!is_value && !select_is_single_use(s, value))
		fold.loads = false;
	if (inst->op >= IR_FEQ && inst->op <= IR_FGE)
		return compare_floats(s, inst, fold);
	if (is_comparison(inst->op))
		return compare_ints(s, inst, fold);
	return compare_zero(s, value, X64_CC_NE, fold);
}

void
select_add_compare(struct selector *s, struct x64_inst *inst, const struct select_compare *compare,
		   enum ra_constraint constraint)
{
	inst->form = (uint16_t)compare->form;
	inst->cc = compare->cc;
	if (compare->reg != IR_NONE)
		inst->reg = select_op_use(s, compare->reg, RA_REG);
	bool is_same = compare->reg != IR_NONE && compare->rm.base == X64_BASE_NONE &&
		       compare->rm.vreg == compare->reg;
	if (is_same)
		inst->rm = inst->reg;
	else
		select_op_source(s, inst, &compare->rm, constraint);
}

void
select_compare_value(struct selector *s, uint32_t value)
{
	struct select_compare compare = compare_of(s, value, (struct fold){ true });
	struct x64_inst *inst = select_emit(s, X64_FLAGS, compare.form);
	inst->consumer = X64_TO_VALUE;
	inst->imm = compare.imm;
	select_op_def(s, select_def(s, value));
	select_add_compare(s, inst, &compare, RA_ANY);
}

/* A choice of the smaller or larger of two floats by comparing them is what minss and maxss do,
 * NaN and zeros included: they give the second operand unless the first is strictly smaller
 * (larger). False if `value` is no such choice. */
static bool
select_extreme(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	const struct ir_inst *compare = select_inst(s, inst->args[0]);
	uint32_t first = inst->args[1], second = inst->args[2];

	if ((compare->op != IR_FLT && compare->op != IR_FGT) ||
	    (inst->type != IR_F32 && inst->type != IR_F64))
		return false;
	bool is_straight = compare->args[0] == first && compare->args[1] == second;
	if (!is_straight && (compare->args[0] != second || compare->args[1] != first))
		return false;
	bool is_min = (compare->op == IR_FLT) == is_straight;
	enum nb_form form = is_min ? NB_FORM_MINSS : NB_FORM_MAXSS;
	if (inst->type == IR_F64)
		form = is_min ? NB_FORM_MINSD : NB_FORM_MAXSD;
	struct select_source source = select_source_any(s, second);
	uint32_t vreg = select_read(s, first);
	select_sse(s, form, select_def(s, value), vreg, &source, SELECT_ORDERED);
	return true;
}

void
select_select(struct selector *s, uint32_t value)
{
	if (select_extreme(s, value))
		return;
	const struct ir_inst *inst = select_inst(s, value);
	struct select_compare compare = compare_of(s, inst->args[0], (struct fold){ true });
	uint32_t if_true = select_use(s, inst->args[1]);
	uint32_t if_false = select_use(s, inst->args[2]);
	if (compare.cc == X64_CC_FLOAT_EQ) {
		uint32_t swap = if_true;
		if_true = if_false;
		if_false = swap;
		compare.cc = X64_CC_FLOAT_NE;
	}
	bool is_int = ir_type_is_int(inst->type);
	struct x64_inst *select = select_emit(s, X64_FLAGS, compare.form);
	select->consumer = is_int ? X64_TO_SELECT : X64_TO_SELECT_FLOAT;
	select->scale = inst->type == IR_V128 ? 2 : ir_type_bits(inst->type) == 64;
	select->imm = compare.imm;
	select_op_def_reuse(s, select_def(s, value), 1);
	select_op_use(s, if_false, RA_REG);
	select_op_use(s, if_true, RA_ANY);
	select_add_compare(s, select, &compare, RA_REG);
}

void
select_trap_if(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	struct select_compare compare = compare_of(s, inst->args[0], (struct fold){ false });
	struct x64_inst *trap = select_emit(s, X64_FLAGS, compare.form);
	trap->consumer = X64_TO_TRAP;
	trap->imm = compare.imm;
	select_add_compare(s, trap, &compare, RA_ANY);
	trap->trap = (uint8_t)inst->imm;
}

void
select_branch(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	struct select_compare compare = compare_of(s, inst->args[0], (struct fold){ true });
	struct x64_inst *branch = select_emit(s, X64_FLAGS, compare.form);
	branch->consumer = X64_TO_JUMP;
	branch->imm = compare.imm;
	select_add_compare(s, branch, &compare, RA_ANY);
}
