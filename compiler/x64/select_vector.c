/*
 * Selection of vector operations that one instruction does, by a table, and of
 * the few others: shifts, bit selection, masks.
 */
#include "compiler/x64/select.h"

#include "lib/string.h"

enum lowering_kind {
	LOWER_NONE,
	LOWER_BINARY,  /* d = form(first, second) */
	LOWER_SWAPPED, /* d = form(second, first) */
	LOWER_UNARY,   /* d = form(first), which needs no register of its own */
	LOWER_SHIFT,   /* d = form(first, count) */
	LOWER_MASK,    /* a general register = form(first) */
};

struct lowering {
	uint16_t form;
	uint8_t kind; /* enum lowering_kind */
	uint8_t imm;
};

/* Predicates of cmpps, modes of roundps (precision exception suppressed). */
enum { CMP_EQ = 0, CMP_LT = 1, CMP_LE = 2, CMP_NE = 4, CMP_GE_VEX = 13, CMP_GT_VEX = 14 };
enum { ROUND_NEAREST = 8, ROUND_DOWN = 9, ROUND_UP = 10, ROUND_TRUNCATE = 11 };

#define BINARY(name, form)	 [IR_##name] = { NB_FORM_##form, LOWER_BINARY, 0 }
#define SWAPPED(name, form)	 [IR_##name] = { NB_FORM_##form, LOWER_SWAPPED, 0 }
#define UNARY(name, form, imm)	 [IR_##name] = { NB_FORM_##form, LOWER_UNARY, imm }
#define COMPARE(name, form, imm) [IR_##name] = { NB_FORM_##form, LOWER_BINARY, imm }
#define SHIFT(name, form)	 [IR_##name] = { NB_FORM_##form, LOWER_SHIFT, 0 }
#define MASK(name, form)	 [IR_##name] = { NB_FORM_##form, LOWER_MASK, 0 }

/* minps(x, y) is x < y ? x : y: the operands of PMIN and PMAX change places, as
 * do those of pandn, which inverts the first. */
static const struct lowering lowerings[IR_VECTOR_COUNT] = {
	BINARY(V128_AND, PAND),
	BINARY(V128_OR, POR),
	BINARY(V128_XOR, PXOR),
	SWAPPED(V128_ANDNOT, PANDN),
	BINARY(I8X16_ADD, PADDB),
	BINARY(I16X8_ADD, PADDW),
	BINARY(I32X4_ADD, PADDD),
	BINARY(I64X2_ADD, PADDQ),
	BINARY(I8X16_SUB, PSUBB),
	BINARY(I16X8_SUB, PSUBW),
	BINARY(I32X4_SUB, PSUBD),
	BINARY(I64X2_SUB, PSUBQ),
	BINARY(I8X16_ADD_SAT_S, PADDSB),
	BINARY(I8X16_ADD_SAT_U, PADDUSB),
	BINARY(I16X8_ADD_SAT_S, PADDSW),
	BINARY(I16X8_ADD_SAT_U, PADDUSW),
	BINARY(I8X16_SUB_SAT_S, PSUBSB),
	BINARY(I8X16_SUB_SAT_U, PSUBUSB),
	BINARY(I16X8_SUB_SAT_S, PSUBSW),
	BINARY(I16X8_SUB_SAT_U, PSUBUSW),
	BINARY(I8X16_MIN_S, PMINSB),
	BINARY(I8X16_MIN_U, PMINUB),
	BINARY(I8X16_MAX_S, PMAXSB),
	BINARY(I8X16_MAX_U, PMAXUB),
	BINARY(I16X8_MIN_S, PMINSW),
	BINARY(I16X8_MIN_U, PMINUW),
	BINARY(I16X8_MAX_S, PMAXSW),
	BINARY(I16X8_MAX_U, PMAXUW),
	BINARY(I32X4_MIN_S, PMINSD),
	BINARY(I32X4_MIN_U, PMINUD),
	BINARY(I32X4_MAX_S, PMAXSD),
	BINARY(I32X4_MAX_U, PMAXUD),
	BINARY(I8X16_AVGR_U, PAVGB),
	BINARY(I16X8_AVGR_U, PAVGW),
	UNARY(I8X16_ABS, PABSB, 0),
	UNARY(I16X8_ABS, PABSW, 0),
	UNARY(I32X4_ABS, PABSD, 0),
	BINARY(I8X16_EQ, PCMPEQB),
	BINARY(I16X8_EQ, PCMPEQW),
	BINARY(I32X4_EQ, PCMPEQD),
	BINARY(I64X2_EQ, PCMPEQQ),
	BINARY(I8X16_GT_S, PCMPGTB),
	BINARY(I16X8_GT_S, PCMPGTW),
	BINARY(I32X4_GT_S, PCMPGTD),
	BINARY(I64X2_GT_S, PCMPGTQ),
	SHIFT(I16X8_SHL, PSLLW),
	SHIFT(I32X4_SHL, PSLLD),
	SHIFT(I64X2_SHL, PSLLQ),
	SHIFT(I16X8_SHR_U, PSRLW),
	SHIFT(I32X4_SHR_U, PSRLD),
	SHIFT(I64X2_SHR_U, PSRLQ),
	SHIFT(I16X8_SHR_S, PSRAW),
	SHIFT(I32X4_SHR_S, PSRAD),
	BINARY(I16X8_MUL, PMULLW),
	BINARY(I32X4_MUL, PMULLD),
	BINARY(I16X8_MUL_HIGH_S, PMULHW),
	BINARY(I16X8_MUL_HIGH_U, PMULHUW),
	BINARY(I16X8_MUL_ROUND_S, PMULHRSW),
	BINARY(I64X2_MUL_EVEN_S, PMULDQ),
	BINARY(I64X2_MUL_EVEN_U, PMULUDQ),
	BINARY(I32X4_DOT_I16X8_S, PMADDWD),
	BINARY(I16X8_DOT_I8X16_US, PMADDUBSW),
	UNARY(I16X8_EXTEND_LOW_S, PMOVSXBW, 0),
	UNARY(I16X8_EXTEND_LOW_U, PMOVZXBW, 0),
	UNARY(I32X4_EXTEND_LOW_S, PMOVSXWD, 0),
	UNARY(I32X4_EXTEND_LOW_U, PMOVZXWD, 0),
	UNARY(I64X2_EXTEND_LOW_S, PMOVSXDQ, 0),
	UNARY(I64X2_EXTEND_LOW_U, PMOVZXDQ, 0),
	BINARY(I8X16_NARROW_S, PACKSSWB),
	BINARY(I8X16_NARROW_U, PACKUSWB),
	BINARY(I16X8_NARROW_S, PACKSSDW),
	BINARY(I16X8_NARROW_U, PACKUSDW),
	BINARY(I8X16_SWIZZLE, PSHUFB),
	MASK(I8X16_BITMASK, PMOVMSKB),
	MASK(I32X4_BITMASK, MOVMSKPS),
	MASK(I64X2_BITMASK, MOVMSKPD),
	BINARY(F32X4_ADD, ADDPS),
	BINARY(F64X2_ADD, ADDPD),
	BINARY(F32X4_SUB, SUBPS),
	BINARY(F64X2_SUB, SUBPD),
	BINARY(F32X4_MUL, MULPS),
	BINARY(F64X2_MUL, MULPD),
	BINARY(F32X4_DIV, DIVPS),
	BINARY(F64X2_DIV, DIVPD),
	SWAPPED(F32X4_PMIN, MINPS),
	SWAPPED(F64X2_PMIN, MINPD),
	SWAPPED(F32X4_PMAX, MAXPS),
	SWAPPED(F64X2_PMAX, MAXPD),
	COMPARE(F32X4_EQ, CMPPS, CMP_EQ),
	COMPARE(F64X2_EQ, CMPPD, CMP_EQ),
	COMPARE(F32X4_NE, CMPPS, CMP_NE),
	COMPARE(F64X2_NE, CMPPD, CMP_NE),
	COMPARE(F32X4_LT, CMPPS, CMP_LT),
	COMPARE(F64X2_LT, CMPPD, CMP_LT),
	COMPARE(F32X4_LE, CMPPS, CMP_LE),
	COMPARE(F64X2_LE, CMPPD, CMP_LE),
	UNARY(F32X4_SQRT, SQRTPS, 0),
	UNARY(F64X2_SQRT, SQRTPD, 0),
	UNARY(F32X4_CEIL, ROUNDPS, ROUND_UP),
	UNARY(F64X2_CEIL, ROUNDPD, ROUND_UP),
	UNARY(F32X4_FLOOR, ROUNDPS, ROUND_DOWN),
	UNARY(F64X2_FLOOR, ROUNDPD, ROUND_DOWN),
	UNARY(F32X4_TRUNC, ROUNDPS, ROUND_TRUNCATE),
	UNARY(F64X2_TRUNC, ROUNDPD, ROUND_TRUNCATE),
	UNARY(F32X4_NEAREST, ROUNDPS, ROUND_NEAREST),
	UNARY(F64X2_NEAREST, ROUNDPD, ROUND_NEAREST),
	UNARY(F32X4_CONVERT_I32X4, CVTDQ2PS, 0),
	UNARY(F64X2_CONVERT_LOW_I32X4, CVTDQ2PD, 0),
	UNARY(I32X4_TRUNC_F32X4, CVTTPS2DQ, 0),
	UNARY(I32X4_TRUNC_F64X2_ZERO, CVTTPD2DQ, 0),
	UNARY(F32X4_DEMOTE_F64X2_ZERO, CVTPD2PS, 0),
	UNARY(F64X2_PROMOTE_LOW_F32X4, CVTPS2PD, 0),
};

/* --- operands ------------------------------------------------------------- */

bool
select_is_zero_vector(const struct selector *s, uint32_t value)
{
	static const uint8_t zeros[16];
	const struct ir_inst *inst = select_inst(s, value);
	return inst->op == IR_CONST && inst->type == IR_V128 &&
	       memcmp(ir_const_vector(s->ir, inst)->bytes, zeros, 16) == 0;
}

/* A vector that can be a memory operand. */
static bool
is_in_memory(const struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	if (inst->op == IR_CONST)
		return !select_is_zero_vector(s, value);
	return inst->op == IR_LOAD && select_has_avx(s) && select_can_sink(s, value);
}

struct select_source
select_vector_source(struct selector *s, uint32_t value)
{
	if (!is_in_memory(s, value))
		return select_source_reg(s, value);
	if (select_inst(s, value)->op == IR_LOAD)
		return select_access(s, value);
	return (struct select_source){ .base = X64_BASE_POOL,
				       .vreg = IR_NONE,
				       .disp = (int32_t)select_pool_const(s, value) };
}

/* Where the r/m operand of `form` may be: not in a slot that holds less than the form reads,
 * as that of a scalar which becomes a lane. */
static enum ra_constraint
constraint_of(const struct selector *s, enum nb_form form, const struct select_source *source)
{
	const struct nb_form_info *info = x64_form_info(form);
	bool is_whole = source->vreg == IR_NONE || 8u * s->vreg_slots[source->vreg] >= info->bytes;

	return info->rm & NB_RM_M && is_whole ? RA_ANY : RA_REG;
}

struct x64_inst *
select_sse(struct selector *s, enum nb_form form, uint32_t d, uint32_t a,
	   const struct select_source *source, enum select_order order)
{
	enum ra_constraint constraint = constraint_of(s, form, source);
	bool commutes = order == SELECT_COMMUTES && source->base == X64_BASE_NONE;
	bool may_swap = commutes && !select_has_avx(s);
	struct x64_inst *inst = select_emit(s, may_swap ? X64_COMMUTE : X64_FORM, form);
	inst->reg = select_def_over(s, d, 1);
	inst->vvvv = select_op_use(s, a, RA_REG);
	select_op_source(s, inst, source, constraint);
	if (may_swap)
		select_flag(s, RA_INST_COMMUTE);
	else if (commutes)
		inst->flags |= X64_COMMUTES;
	return inst;
}

struct x64_inst *
select_sse_unary(struct selector *s, enum nb_form form, uint32_t d,
		 const struct select_source *source)
{
	enum ra_constraint constraint = constraint_of(s, form, source);
	struct x64_inst *inst = select_emit(s, X64_FORM, form);
	inst->reg = select_op_def(s, d);
	select_op_source(s, inst, source, constraint);
	return inst;
}

/* --- the table ------------------------------------------------------------ */

/* Whether a vector holds floats, as far as its definition tells. */
bool
select_is_float_vector(const struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	if (inst->op < IR_VECTOR1 || inst->op > IR_REPLACE)
		return false;
	uint32_t shape = ir_vector_info(inst)->shape;
	return shape == IR_SHAPE_F32X4 || shape == IR_SHAPE_F64X2;
}

/* Operations on bits stay on the side of the processor where their operands
 * come from. */
static enum nb_form
bits_form(const struct selector *s, const struct ir_inst *inst, enum nb_form form)
{
	if (!select_is_float_vector(s, inst->args[0]) && !select_is_float_vector(s, inst->args[1]))
		return form;
	switch ((uint32_t)ir_vector_op(inst)) {
	case IR_V128_AND:
		return NB_FORM_ANDPS;
	case IR_V128_OR:
		return NB_FORM_ORPS;
	case IR_V128_XOR:
		return NB_FORM_XORPS;
	default:
		return NB_FORM_ANDNPS;
	}
}

static void
select_binary_vector(struct selector *s, uint32_t value, const struct lowering *lowering)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_swapped = lowering->kind == LOWER_SWAPPED;
	bool commutes = ir_inst_commutes(inst);
	uint32_t a = inst->args[is_swapped], b = inst->args[!is_swapped];
	enum nb_form form = lowering->form;
	if (ir_vector_info(inst)->shape == IR_SHAPE_V128)
		form = bits_form(s, inst, form);
	int64_t imm = lowering->imm;
	bool is_order = (form == NB_FORM_CMPPS || form == NB_FORM_CMPPD) && select_has_avx(s) &&
			(imm == CMP_LT || imm == CMP_LE);
	/* A constant zero can be made in the result's register. */
	bool is_better = (is_in_memory(s, a) && !is_in_memory(s, b)) ||
			 (select_is_zero_vector(s, b) && !select_has_avx(s));
	if ((commutes || is_order) && is_better) {
		uint32_t swap = a;
		a = b;
		b = swap;
		if (is_order)
			imm = imm == CMP_LT ? CMP_GT_VEX : CMP_GE_VEX;
	}
	struct select_source source = select_vector_source(s, b);
	uint32_t vreg = select_use(s, a);
	struct x64_inst *out = select_sse(s, form, select_def(s, value), vreg, &source,
					  commutes ? SELECT_COMMUTES : SELECT_ORDERED);
	out->imm = imm;
}

struct select_source
select_low_source(struct selector *s, uint32_t value, uint32_t bytes)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_load = inst->op == IR_LOAD64_ZERO || inst->op == IR_LOAD64_SPLAT ||
		       inst->op == IR_LOAD32_ZERO || inst->op == IR_LOAD32_SPLAT;
	/* The load of a scalar that becomes lane 0. */
	bool is_splat = inst->op == IR_SPLAT && s->vreg[value] == IR_NONE &&
			select_is_single_use(s, value) &&
			select_inst(s, inst->args[0])->op == IR_LOAD;
	if (is_load || is_splat) {
		uint32_t load = is_splat ? inst->args[0] : value;
		if (ir_access_bytes(s->ir, select_inst(s, load)) == bytes &&
		    select_can_sink(s, load))
			return select_access(s, load);
	}
	return inst->op == IR_CONST ? select_vector_source(s, value) : select_source_reg(s, value);
}

/* An extension of an extension is one to four or eight times the width. */
static enum nb_form
join_extensions(enum nb_form outer, enum nb_form inner)
{
	static const uint16_t joins[][3] = {
		{ NB_FORM_PMOVSXWD, NB_FORM_PMOVSXBW, NB_FORM_PMOVSXBD },
		{ NB_FORM_PMOVSXDQ, NB_FORM_PMOVSXBD, NB_FORM_PMOVSXBQ },
		{ NB_FORM_PMOVSXDQ, NB_FORM_PMOVSXWD, NB_FORM_PMOVSXWQ },
		{ NB_FORM_PMOVZXWD, NB_FORM_PMOVZXBW, NB_FORM_PMOVZXBD },
		{ NB_FORM_PMOVZXDQ, NB_FORM_PMOVZXBD, NB_FORM_PMOVZXBQ },
		{ NB_FORM_PMOVZXDQ, NB_FORM_PMOVZXWD, NB_FORM_PMOVZXWQ },
		{ NB_FORM_PMOVSXWQ, NB_FORM_PMOVSXBW, NB_FORM_PMOVSXBQ },
		{ NB_FORM_PMOVZXWQ, NB_FORM_PMOVZXBW, NB_FORM_PMOVZXBQ },
	};
	for (uint32_t i = 0; i < sizeof(joins) / sizeof(*joins); i++)
		if (joins[i][0] == outer && joins[i][1] == inner)
			return joins[i][2];
	return NB_FORM_COUNT;
}

static void
select_unary_vector(struct selector *s, uint32_t value, const struct lowering *lowering)
{
	uint32_t a = select_inst(s, value)->args[0];
	enum nb_form form = lowering->form;
	while (select_inst(s, a)->op == IR_VECTOR1) {
		const struct ir_inst *inner = select_inst(s, a);
		enum nb_form joined = join_extensions(form, lowerings[ir_vector_op(inner)].form);
		if (joined == NB_FORM_COUNT)
			break;
		form = joined;
		a = inner->args[0];
	}
	uint32_t bytes = x64_form_info(form)->bytes;
	struct select_source source =
		bytes < 16 ? select_low_source(s, a, bytes) : select_vector_source(s, a);
	select_sse_unary(s, form, select_def(s, value), &source)->imm = lowering->imm;
}

void
select_vector(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	const struct lowering *lowering = &lowerings[ir_vector_op(inst)];
	switch ((enum lowering_kind)lowering->kind) {
	case LOWER_BINARY:
	case LOWER_SWAPPED:
		select_binary_vector(s, value, lowering);
		break;
	case LOWER_UNARY:
		select_unary_vector(s, value, lowering);
		break;
	case LOWER_MASK: {
		struct select_source source = select_source_reg(s, inst->args[0]);
		select_sse_unary(s, lowering->form, select_def(s, value), &source);
		break;
	}
	case LOWER_SHIFT:
		select_vector_shift(s, value);
		break;
	case LOWER_NONE:
		select_bitselect(s, value);
		break;
	}
}

void
select_vector_test(struct selector *s, uint32_t value)
{
	if (ir_vector_op(select_inst(s, value)) == IR_V128_ANY_TRUE)
		select_compare_value(s, value);
	else
		select_vector(s, value);
}

/* --- shifts --------------------------------------------------------------- */

static enum nb_form
shift_imm_form(enum nb_form form)
{
	switch ((uint32_t)form) {
	case NB_FORM_PSLLW:
		return NB_FORM_PSLLW_IMM;
	case NB_FORM_PSLLD:
		return NB_FORM_PSLLD_IMM;
	case NB_FORM_PSLLQ:
		return NB_FORM_PSLLQ_IMM;
	case NB_FORM_PSRLW:
		return NB_FORM_PSRLW_IMM;
	case NB_FORM_PSRLD:
		return NB_FORM_PSRLD_IMM;
	case NB_FORM_PSRLQ:
		return NB_FORM_PSRLQ_IMM;
	case NB_FORM_PSRAW:
		return NB_FORM_PSRAW_IMM;
	default:
		return NB_FORM_PSRAD_IMM;
	}
}

void
select_sse_shift_imm(struct selector *s, enum nb_form form, uint32_t d, uint32_t a, uint8_t imm)
{
	struct x64_inst *inst = select_emit(s, X64_FORM, form);
	inst->imm = imm;
	inst->rm = select_def_over(s, d, 1);
	inst->vvvv = select_op_use(s, a, RA_REG);
}

void
select_vector_shift(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	const struct ir_inst *count = select_inst(s, inst->args[1]);
	enum nb_form form = lowerings[ir_vector_op(inst)].form;
	uint32_t vreg = select_use(s, inst->args[0]);
	if (count->op == IR_CONST) {
		uint64_t bits = count->imm & UINT32_MAX;
		select_sse_shift_imm(s, shift_imm_form(form), select_def(s, value), vreg,
				     (uint8_t)(bits > UINT8_MAX ? UINT8_MAX : bits));
		return;
	}
	uint32_t moved = select_vreg_new(s, IR_V128);
	struct select_source from = select_source_reg(s, inst->args[1]);
	select_sse_unary(s, NB_FORM_MOVD_FROM_GPR, moved, &from);
	struct select_source source = { .base = X64_BASE_NONE, .vreg = moved };
	select_sse(s, form, select_def(s, value), vreg, &source, SELECT_ORDERED);
}

/* --- selection by bits ---------------------------------------------------- */

/* d = by the top bit of each lane of c: a, else b. The legacy forms have their
 * mask in XMM0. */
static void
select_blend(struct selector *s, uint32_t value, enum nb_form legacy, enum nb_form vex)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool has_avx = select_has_avx(s);
	struct select_source a = select_vector_source(s, inst->args[0]);
	uint32_t b = select_use(s, inst->args[1]);
	uint32_t mask = select_use(s, inst->args[2]);
	struct x64_inst *out = select_emit(s, X64_FORM, has_avx ? vex : legacy);
	out->reg = select_def_over(s, select_def(s, value), 1);
	out->vvvv = select_op_use(s, b, RA_REG);
	select_op_source(s, out, &a, RA_ANY);
	if (has_avx)
		out->cc = select_op_use(s, mask, RA_REG);
	else
		select_op_use_fixed(s, mask, 0);
}

/* Whether each byte of a vector is all ones or zero. */
static bool
is_byte_mask(const struct selector *s, uint32_t value)
{
	switch ((uint32_t)ir_vector_info(select_inst(s, value))->meaning) {
	case IR_LANE_EQ:
	case IR_LANE_GT_S:
	case IR_LANE_FEQ:
	case IR_LANE_FNE:
	case IR_LANE_FLT:
	case IR_LANE_FLE:
		return select_inst(s, value)->op == IR_VECTOR2;
	default:
		return false;
	}
}

void
select_bitselect(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	switch ((uint32_t)ir_vector_op(inst)) {
	case IR_I32X4_LANESELECT:
		select_blend(s, value, NB_FORM_BLENDVPS, NB_FORM_VBLENDVPS);
		return;
	case IR_I64X2_LANESELECT:
		select_blend(s, value, NB_FORM_BLENDVPD, NB_FORM_VBLENDVPD);
		return;
	case IR_I8X16_LANESELECT:
		select_blend(s, value, NB_FORM_PBLENDVB, NB_FORM_VPBLENDVB);
		return;
	default:
		break;
	}
	if (is_byte_mask(s, inst->args[2])) {
		select_blend(s, value, NB_FORM_PBLENDVB, NB_FORM_VPBLENDVB);
		return;
	}
	/* (a & c) | (b & ~c) */
	struct select_source a = select_vector_source(s, inst->args[0]);
	struct select_source b = select_vector_source(s, inst->args[1]);
	uint32_t mask = select_use(s, inst->args[2]);
	uint32_t taken = select_vreg_new(s, IR_V128), left = select_vreg_new(s, IR_V128);
	select_sse(s, NB_FORM_PAND, taken, mask, &a, SELECT_COMMUTES);
	select_sse(s, NB_FORM_PANDN, left, mask, &b, SELECT_ORDERED);
	struct select_source source = { .base = X64_BASE_NONE, .vreg = left };
	select_sse(s, NB_FORM_POR, select_def(s, value), taken, &source, SELECT_COMMUTES);
}
