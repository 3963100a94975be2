/*
 * Selection of float operations and conversions.
 */
#include "compiler/x64/select.h"

#include "abi/trap.h"

void
select_float_binary(struct selector *s, uint32_t value)
{
	static const uint16_t forms[][2] = {
		[IR_FADD - IR_FADD] = { NB_FORM_ADDSS, NB_FORM_ADDSD },
		[IR_FSUB - IR_FADD] = { NB_FORM_SUBSS, NB_FORM_SUBSD },
		[IR_FMUL - IR_FADD] = { NB_FORM_MULSS, NB_FORM_MULSD },
		[IR_FDIV - IR_FADD] = { NB_FORM_DIVSS, NB_FORM_DIVSD },
		[IR_FMIN - IR_FADD] = { NB_FORM_MINSS, NB_FORM_MINSD },
		[IR_FMAX - IR_FADD] = { NB_FORM_MAXSS, NB_FORM_MAXSD },
	};
	const struct ir_inst *inst = select_inst(s, value);
	enum nb_form form = forms[inst->op - IR_FADD][inst->type == IR_F64];
	uint32_t a = inst->args[0], b = inst->args[1];
	bool commutes = ir_op_info(inst->op)->flags & IR_OP_COMMUTES;
	bool is_minmax = inst->op == IR_FMIN || inst->op == IR_FMAX;
	if (commutes && (select_inst(s, a)->op == IR_CONST ||
			 (select_inst(s, a)->op == IR_LOAD && select_can_sink(s, a)))) {
		a = inst->args[1];
		b = inst->args[0];
	}
	struct select_source source = is_minmax ? select_source_reg(s, b) : select_source_any(s, b);
	uint32_t vreg = select_read(s, a);
	if (!is_minmax) {
		select_sse(s, form, select_def(s, value), vreg, &source,
			   commutes ? SELECT_COMMUTES : SELECT_ORDERED);
		return;
	}
	struct x64_inst *out = select_emit(s, X64_FMINMAX, form);
	out->reg = select_def_over(s, select_def(s, value), 1);
	select_op_use(s, vreg, RA_REG);
	select_op_source(s, out, &source, RA_REG);
}

/* The sign bit cleared or turned by a mask of the pool. */
static void
select_sign(struct selector *s, uint32_t value, enum nb_form form, enum select_mask mask)
{
	uint32_t vreg = select_read(s, select_inst(s, value)->args[0]);
	struct select_source source = { .base = X64_BASE_POOL,
					.vreg = IR_NONE,
					.disp = (int32_t)select_pool_mask(s, mask) };
	select_sse(s, form, select_def(s, value), vreg, &source, SELECT_ORDERED);
}

void
select_float_unary(struct selector *s, uint32_t value)
{
	/* Rounding mode of roundss, with the precision exception suppressed. */
	enum { NEAREST = 8, DOWN = 9, UP = 10, TRUNCATE = 11 };
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_F64;
	enum nb_form form = is_64 ? NB_FORM_ROUNDSD : NB_FORM_ROUNDSS;
	int64_t imm = 0;
	switch (inst->op) {
	case IR_FABS:
		select_sign(s, value, NB_FORM_ANDPS,
			    is_64 ? SELECT_MASK_ABS_F64 : SELECT_MASK_ABS_F32);
		return;
	case IR_FNEG:
		select_sign(s, value, NB_FORM_XORPS,
			    is_64 ? SELECT_MASK_SIGN_F64 : SELECT_MASK_SIGN_F32);
		return;
	case IR_FCEIL:
		imm = UP;
		break;
	case IR_FFLOOR:
		imm = DOWN;
		break;
	case IR_FTRUNC:
		imm = TRUNCATE;
		break;
	case IR_FNEAREST:
		imm = NEAREST;
		break;
	case IR_PROMOTE:
		form = NB_FORM_CVTSS2SD;
		break;
	case IR_DEMOTE:
		form = NB_FORM_CVTSD2SS;
		break;
	default:
		form = is_64 ? NB_FORM_SQRTSD : NB_FORM_SQRTSS;
		break;
	}
	/* The instructions keep the upper part of the result's register. They wait
	 * for nothing but the operand if that is what they keep, and a load clears
	 * the register it writes. */
	uint32_t vreg = select_read(s, inst->args[0]);
	struct x64_inst *out = select_emit(s, X64_FORM, form);
	out->imm = imm;
	out->reg = select_op_def(s, select_def(s, value));
	out->rm = out->vvvv = select_op_use(s, vreg, RA_REG);
	select_flag(s, RA_INST_SAME);
}

void
select_copysign(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_F64;
	uint32_t a = select_read(s, inst->args[0]);
	uint32_t b = select_read(s, inst->args[1]);
	struct x64_inst *out = select_emit(s, X64_FCOPYSIGN, NB_FORM_ANDPS);
	out->reg = select_def_over(s, select_def(s, value), 1);
	select_op_use(s, a, RA_REG);
	out->rm = select_op_use(s, b, RA_REG);
	out->disp = (int32_t)select_pool_mask(s, is_64 ? SELECT_MASK_ABS_F64 : SELECT_MASK_ABS_F32);
	out->imm = select_pool_mask(s, is_64 ? SELECT_MASK_SIGN_F64 : SELECT_MASK_SIGN_F32);
}

/* Limits that truncation compares with in its slow path, as bits. */
static uint64_t
trunc_limit_bits(uint32_t variant)
{
	bool is_f64 = variant & X64_TRUNC_F64;
	if (variant & X64_TRUNC_I64) /* 2^63, -2^63 */
		return variant & X64_TRUNC_UNSIGNED ? is_f64 ? 0x43e0000000000000 : 0x5f000000
		       : is_f64			    ? 0xc3e0000000000000
						    : 0xdf000000;
	/* -2^31 */
	return is_f64 ? 0xc1e0000000000000 : 0xcf000000;
}

void
select_trunc(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_f64 = select_is_64(s, inst->args[0]);
	bool is_i64 = inst->type == IR_I64;
	bool is_unsigned = inst->op == IR_TRUNC_U || inst->op == IR_TRUNC_SAT_U;
	bool saturates = inst->op == IR_TRUNC_SAT_S || inst->op == IR_TRUNC_SAT_U;
	uint32_t variant = (is_unsigned ? X64_TRUNC_UNSIGNED : 0) |
			   (saturates ? X64_TRUNC_SATURATES : 0) | (is_f64 ? X64_TRUNC_F64 : 0) |
			   (is_i64 ? X64_TRUNC_I64 : 0);
	bool is_wide = is_i64 || is_unsigned;
	enum nb_form form = is_wide ? NB_FORM_CVTTSS_64 : NB_FORM_CVTTSS_32;
	if (is_f64)
		form = is_wide ? NB_FORM_CVTTSD_64 : NB_FORM_CVTTSD_32;
	uint32_t a = select_read(s, inst->args[0]);
	struct x64_inst *out = select_emit(s, X64_TRUNC, form);
	out->cc = (uint8_t)variant;
	out->trap = saturates ? 0 : NB_TRAP_INVALID_CONVERSION;
	out->reg = select_op_def(s, select_def(s, value));
	out->rm = select_op_use_late(s, a);
	uint64_t limit = trunc_limit_bits(variant);
	out->disp = (int32_t)select_pool_add(s, &limit, is_f64 ? 8 : 4);
	if (variant == X64_TRUNC_F64) {
		/* -2^31 - 1: doubles lie between it and the least i32 */
		uint64_t below = 0xc1e0000000200000;
		out->imm = select_pool_add(s, &below, 8);
	}
}

void
select_convert(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_f64 = inst->type == IR_F64;
	bool from_64 = select_is_64(s, inst->args[0]);
	bool is_unsigned = inst->op == IR_CONVERT_U;
	enum nb_form form = is_f64 ? NB_FORM_CVTSI64_SD : NB_FORM_CVTSI64_SS;
	if (!from_64 && !is_unsigned)
		form = is_f64 ? NB_FORM_CVTSI32_SD : NB_FORM_CVTSI32_SS;
	if (is_unsigned && from_64) {
		uint32_t a = select_read(s, inst->args[0]);
		struct x64_inst *out = select_emit(s, X64_FROM_U64, form);
		out->reg = select_op_def(s, select_def(s, value));
		select_op_scratch(s, IR_I64);
		out->rm = select_op_use(s, a, RA_REG);
		return;
	}
	struct select_source source = is_unsigned ? select_source_reg(s, inst->args[0])
						  : select_source_any(s, inst->args[0]);
	select_unary_rm(s, value, form, &source);
	s->insts[s->inst_count - 1].op = is_unsigned ? X64_FROM_U32 : X64_FROM_INT;
}

void
select_bitcast(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	const struct ir_inst *from = select_inst(s, inst->args[0]);
	bool is_64 = ir_type_bits(inst->type) == 64;
	struct select_source source = select_source_any(s, inst->args[0]);
	if (source.base != X64_BASE_NONE) {
		select_unary_rm(s, value, select_load_form(inst->type), &source);
		return;
	}
	uint32_t vreg = source.vreg;
	if (ir_type_is_int(from->type)) {
		struct x64_inst *out = select_emit(
			s, X64_FORM, is_64 ? NB_FORM_MOVQ_FROM_GPR : NB_FORM_MOVD_FROM_GPR);
		out->reg = select_op_def(s, select_def(s, value));
		out->rm = select_op_use(s, vreg, RA_REG);
		return;
	}
	struct x64_inst *out =
		select_emit(s, X64_FORM, is_64 ? NB_FORM_MOVQ_TO_GPR : NB_FORM_MOVD_TO_GPR);
	out->rm = select_op_def(s, select_def(s, value));
	out->reg = select_op_use(s, vreg, RA_REG);
}
