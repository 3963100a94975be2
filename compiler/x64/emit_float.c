/*
 * Emission of float operations that take several instructions.
 */
#include "compiler/x64/emit.h"

#include "abi/trap.h"

static bool
is_f64(const struct x64_inst *inst)
{
	return inst->form == NB_FORM_MINSD || inst->form == NB_FORM_MAXSD ||
	       inst->form == NB_FORM_CVTSI64_SD;
}

/* minss gives its second operand for NaN and for zeros of either sign, so
 * both of these go the long way. */
void
emit_fminmax(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t d = emit_reg(e, 0), a = emit_reg(e, 1), b = emit_reg(e, 2);
	emit_rr(e, is_f64(inst) ? NB_FORM_UCOMISD : NB_FORM_UCOMISS, a, b);
	struct emit_cold cold = emit_cold_add(e);
	emit_jump(e, X64_CC_E, cold.entry);
	emit_sse3(e, inst->form, d, a, x64_rm_reg(b));
	emit_label(e, cold.back);
}

/* Equal or unordered. Equal values differ in the sign of zero at most. */
void
emit_fminmax_cold(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t d = emit_reg(e, 0), a = emit_reg(e, 1);
	struct x64_rm b = x64_rm_reg(emit_reg(e, 2));
	bool is_min = inst->form == NB_FORM_MINSS || inst->form == NB_FORM_MINSD;
	uint32_t unordered = emit_label_new(e), done = emit_label_new(e);
	emit_jump(e, X64_CC_P, unordered);
	emit_sse3(e, is_min ? NB_FORM_ORPS : NB_FORM_ANDPS, d, a, b);
	emit_jump(e, EMIT_ALWAYS, done);
	emit_label(e, unordered);
	emit_sse3(e, is_f64(inst) ? NB_FORM_ADDSD : NB_FORM_ADDSS, d, a, b);
	emit_label(e, done);
}

void
emit_copysign(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t d = emit_reg(e, 0), a = emit_reg(e, 1), b = emit_reg(e, 2);
	emit_sse3(e, NB_FORM_ANDPS, RA_SCRATCH_XMM, b, emit_pool_rm(e, (uint32_t)inst->imm));
	emit_sse3(e, NB_FORM_ANDPS, d, a, emit_pool_rm(e, (uint32_t)inst->disp));
	emit_rr(e, NB_FORM_ORPS, d, RA_SCRATCH_XMM);
}

/* Below 2^63 the signed conversion is right. */
void
emit_from_u64(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t d = emit_reg(e, 0), a = emit_reg(e, inst->rm);
	emit_rr(e, NB_FORM_XORPS, d, d);
	emit_rr(e, NB_FORM_TEST64, a, a);
	struct emit_cold cold = emit_cold_add(e);
	emit_jump(e, X64_CC_S, cold.entry);
	emit_rr(e, inst->form, d, a);
	emit_label(e, cold.back);
}

/* Halves the value, keeping the lost bit sticky so that rounding is the same,
 * and doubles the result. */
void
emit_from_u64_cold(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t d = emit_reg(e, 0), half = emit_reg(e, 1), a = emit_reg(e, inst->rm);
	emit_rr(e, NB_FORM_MOV64, half, a);
	emit_rm(e, NB_FORM_SHR64_1, 0, x64_rm_reg(half));
	emit_rr(e, NB_FORM_MOV32, RA_SCRATCH_GPR, a);
	emit_r_imm(e, NB_FORM_AND32_IMM, RA_SCRATCH_GPR, 1);
	emit_rr(e, NB_FORM_OR64, half, RA_SCRATCH_GPR);
	emit_rr(e, inst->form, d, half);
	emit_rr(e, is_f64(inst) ? NB_FORM_ADDSD : NB_FORM_ADDSS, d, d);
}

/* --- float to integer ------------------------------------------------------ */

static bool
has(const struct x64_inst *inst, uint32_t variant)
{
	return inst->cc & variant;
}

static enum nb_form
compare_form(const struct x64_inst *inst)
{
	return has(inst, X64_TRUNC_F64) ? NB_FORM_UCOMISD : NB_FORM_UCOMISS;
}

/*
 * The hardware gives the least integer for whatever it cannot represent.
 * Signed: that result goes the long way. Unsigned 32 bits: converted to 64
 * bits, and anything with an upper half goes the long way. Unsigned 64 bits:
 * what is negative does.
 */
void
emit_trunc(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t d = emit_reg(e, 0), a = emit_reg(e, 1);
	uint32_t cc = X64_CC_O;
	bool is_i64 = has(inst, X64_TRUNC_I64);
	if (!has(inst, X64_TRUNC_UNSIGNED)) {
		emit_rr(e, inst->form, d, a);
		emit_r_imm(e, is_i64 ? NB_FORM_CMP64_IMM : NB_FORM_CMP32_IMM, d, 1);
	} else if (is_i64) {
		emit_rr(e, inst->form, d, a);
		emit_rr(e, NB_FORM_TEST64, d, d);
		cc = X64_CC_S;
	} else {
		emit_rr(e, inst->form, RA_SCRATCH_GPR, a);
		emit_rr(e, NB_FORM_MOV32, d, RA_SCRATCH_GPR);
		emit_rr(e, NB_FORM_CMP64, RA_SCRATCH_GPR, d);
		cc = X64_CC_NE;
	}
	struct emit_cold cold = emit_cold_add(e);
	emit_jump(e, cc, cold.entry);
	emit_label(e, cold.back);
}

/* NaN traps one way, everything else the other. */
static void
trap_out_of_range(struct emitter *e, const struct x64_inst *inst, uint32_t a)
{
	emit_rr(e, compare_form(inst), a, a);
	emit_jump(e, X64_CC_P, emit_trap_label(e, NB_TRAP_INVALID_CONVERSION));
	emit_trap(e, NB_TRAP_INTEGER_OVERFLOW);
}

/* The result was the least integer: right if the value rounds to it. */
static void
trunc_signed_cold(struct emitter *e, const struct x64_inst *inst, uint32_t a)
{
	uint32_t overflow = emit_trap_label(e, NB_TRAP_INTEGER_OVERFLOW);
	uint32_t invalid = emit_trap_label(e, NB_TRAP_INVALID_CONVERSION);
	emit_rm(e, compare_form(inst), a, emit_pool_rm(e, (uint32_t)inst->disp));
	emit_jump(e, X64_CC_P, invalid);
	if (inst->cc != X64_TRUNC_F64) {
		emit_jump(e, X64_CC_NE, overflow);
		return;
	}
	/* Doubles between -2^31 - 1 and -2^31 are fine as well. */
	emit_jump(e, X64_CC_A, overflow);
	emit_rm(e, compare_form(inst), a, emit_pool_rm(e, (uint32_t)inst->imm));
	emit_jump(e, X64_CC_BE, overflow);
}

/* The result was the least integer: right for negative values. */
static void
saturate_signed_cold(struct emitter *e, const struct x64_inst *inst, uint32_t d, uint32_t a,
		     uint32_t back)
{
	bool is_i64 = has(inst, X64_TRUNC_I64);
	uint32_t zero = emit_label_new(e), done = emit_label_new(e);
	emit_rr(e, NB_FORM_XORPS, RA_SCRATCH_XMM, RA_SCRATCH_XMM);
	emit_rr(e, compare_form(inst), a, RA_SCRATCH_XMM);
	emit_jump(e, X64_CC_P, zero);
	emit_jump(e, X64_CC_B, back);
	emit_const(e, d, is_i64 ? INT64_MAX : INT32_MAX, is_i64);
	emit_jump(e, EMIT_ALWAYS, done);
	emit_label(e, zero);
	emit_zero(e, d);
	emit_label(e, done);
}

static void
saturate_unsigned32_cold(struct emitter *e, const struct x64_inst *inst, uint32_t d, uint32_t a,
			 uint32_t back)
{
	emit_rr(e, NB_FORM_XORPS, RA_SCRATCH_XMM, RA_SCRATCH_XMM);
	emit_zero(e, d);
	emit_rr(e, compare_form(inst), a, RA_SCRATCH_XMM);
	emit_jump(e, X64_CC_BE, back);
	emit_const(e, d, UINT32_MAX, false);
}

/* From 2^63 on: converts what is above it and puts the top bit back. */
static void
trunc_unsigned64_cold(struct emitter *e, const struct x64_inst *inst, uint32_t d, uint32_t a,
		      uint32_t back)
{
	bool saturates = has(inst, X64_TRUNC_SATURATES);
	bool f64 = has(inst, X64_TRUNC_F64);
	uint32_t limit = (uint32_t)inst->disp;
	uint32_t too_large = emit_label_new(e), done = emit_label_new(e);
	if (saturates)
		emit_zero(e, d);
	emit_rm(e, compare_form(inst), a, emit_pool_rm(e, limit));
	if (saturates) {
		emit_jump(e, X64_CC_B, back);
	} else {
		emit_jump(e, X64_CC_P, emit_trap_label(e, NB_TRAP_INVALID_CONVERSION));
		too_large = emit_trap_label(e, NB_TRAP_INTEGER_OVERFLOW);
		emit_jump(e, X64_CC_B, too_large);
	}
	emit_sse3(e, f64 ? NB_FORM_SUBSD : NB_FORM_SUBSS, RA_SCRATCH_XMM, a,
		  emit_pool_rm(e, limit));
	emit_rr(e, inst->form, d, RA_SCRATCH_XMM);
	emit_rr(e, NB_FORM_TEST64, d, d);
	emit_jump(e, X64_CC_S, too_large);
	emit_r_imm(e, NB_FORM_BTC64_IMM, d, 63);
	if (!saturates)
		return;
	emit_jump(e, EMIT_ALWAYS, done);
	emit_label(e, too_large);
	emit_const(e, d, UINT64_MAX, true);
	emit_label(e, done);
}

void
emit_trunc_cold(struct emitter *e, uint32_t back)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t d = emit_reg(e, 0), a = emit_reg(e, 1);
	bool saturates = has(inst, X64_TRUNC_SATURATES);
	if (has(inst, X64_TRUNC_UNSIGNED) && has(inst, X64_TRUNC_I64))
		trunc_unsigned64_cold(e, inst, d, a, back);
	else if (has(inst, X64_TRUNC_UNSIGNED) && saturates)
		saturate_unsigned32_cold(e, inst, d, a, back);
	else if (has(inst, X64_TRUNC_UNSIGNED))
		trap_out_of_range(e, inst, a);
	else if (saturates)
		saturate_signed_cold(e, inst, d, a, back);
	else
		trunc_signed_cold(e, inst, a);
}
