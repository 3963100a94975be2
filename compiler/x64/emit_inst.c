/*
 * Emission of single instructions, and of comparisons with their consumers.
 */
#include "compiler/x64/emit.h"

#include "abi/trap.h"

/* --- constants ------------------------------------------------------------ */

static void
emit_constant(struct emitter *e, const struct x64_inst *inst, uint32_t reg)
{
	if (inst->op == X64_CONST)
		emit_const(e, reg, (uint64_t)inst->imm, inst->form == NB_FORM_MOV64_IMM);
	else if (inst->flags & X64_ZERO)
		emit_rr(e, NB_FORM_XORPS, reg, reg);
	else if (inst->flags & X64_ONES)
		emit_rr(e, NB_FORM_PCMPEQD, reg, reg);
	else
		emit_rm(e, inst->form, reg, emit_pool_rm(e, (uint32_t)inst->disp));
}

void
emit_remat(struct emitter *e, uint32_t number, uint32_t reg)
{
	const struct x64_inst *inst = &e->fn->insts[number];
	if (inst->op != X64_FORM) {
		emit_constant(e, inst, reg);
		return;
	}
	int32_t disp = (int32_t)e->frame_size + 8 + 8 * inst->disp;
	emit_rm(e, inst->form, reg, x64_rm_mem(NB_RSP, disp));
}

/* --- plain forms ---------------------------------------------------------- */

/* An SSE form whose first source, operand `vvvv`, need not be the result. */
static bool
is_sse3(const struct emitter *e, const struct x64_inst *inst)
{
	return e->has_avx && inst->vvvv != X64_NO_OPERAND &&
	       x64_form_info(inst->form)->kind == NB_FORM_SSE_LEGACY;
}

/* The two-byte VEX prefix has room for a high register in vvvv only. */
static void
shorten_vex(const struct nb_form_info *info, struct x64_operands *ops)
{
	if (info->map == NB_MAP_0F && ops->rm.kind == X64_RM_REG && ops->rm.reg >= 8 &&
	    ops->vvvv < 8) {
		uint8_t swap = ops->vvvv;
		ops->vvvv = ops->rm.reg;
		ops->rm.reg = swap;
	}
}

static void
emit_form(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	struct x64_operands ops = { .rm = emit_inst_rm(e), .imm = inst->imm };
	const struct nb_form_info *info = x64_form_info(inst->form);
	enum nb_form form = inst->form;
	if (inst->reg != X64_NO_OPERAND)
		ops.reg = (uint8_t)emit_reg(e, inst->reg);
	if (inst->vvvv != X64_NO_OPERAND)
		ops.vvvv = (uint8_t)emit_reg(e, inst->vvvv);
	if (info->imm == NB_IMM_IS4)
		ops.imm = (int64_t)emit_reg(e, inst->cc) << 4;
	if (is_sse3(e, inst)) {
		form = x64_form_twin(form);
		if (info->vvvv == NB_REG_XD) {
			ops.rm.reg = ops.vvvv;
			ops.vvvv = (uint8_t)emit_reg(e, inst->rm);
		} else if (inst->flags & X64_COMMUTES) {
			shorten_vex(info, &ops);
		}
	}
	emit_put(e, form, &ops);
}

static void
emit_move_inst(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t to = emit_reg(e, inst->reg);
	const struct ra_place *from = emit_place(e, inst->rm);
	bool is_same = from->kind == RA_PLACE_REG && from->reg == to;
	if (!is_same)
		emit_rm(e, inst->form, to, emit_operand_rm(e, inst->rm));
	else if (inst->flags & X64_KEEP)
		emit_zero_extend(e, to);
}

static void
emit_add(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t d = emit_reg(e, 0), a = emit_reg(e, 1), b = emit_reg(e, 2);
	if (d == a || d == b)
		emit_rr(e, inst->form, d, d == a ? b : a);
	else
		emit_rm(e, emit_is_wide(inst->form) ? NB_FORM_LEA64 : NB_FORM_LEA32, d,
			x64_rm_indexed(a, b, 0, 0));
}

static void
emit_add_imm(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t d = emit_reg(e, 0), a = emit_reg(e, 1);
	if (d == a)
		emit_r_imm(e, inst->form, d, inst->imm);
	else
		emit_rm(e, emit_is_wide(inst->form) ? NB_FORM_LEA64 : NB_FORM_LEA32, d,
			x64_rm_mem(a, (int32_t)inst->imm));
}

static void
emit_shl_imm(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t d = emit_reg(e, 0), a = emit_reg(e, 1);
	bool is_64 = emit_is_wide(inst->form);
	enum nb_form lea = is_64 ? NB_FORM_LEA64 : NB_FORM_LEA32;
	if (d != a && inst->imm == 1)
		emit_rm(e, lea, d, x64_rm_indexed(a, a, 0, 0));
	else if (d != a)
		emit_rm(e, lea, d, x64_rm_indexed(X64_NO_REG, a, (uint32_t)inst->imm, 0));
	else if (inst->imm == 1)
		emit_rr(e, is_64 ? NB_FORM_ADD64 : NB_FORM_ADD32, d, d);
	else
		emit_r_imm(e, inst->form, d, inst->imm);
}

/* bsr or bsf, with what they give for zero. Returns the register. */
static uint32_t
emit_scan(struct emitter *e, uint32_t of_zero)
{
	uint32_t d = emit_reg(e, 0);
	struct x64_rm rm = emit_inst_rm(e);

	emit_rm(e, emit_inst(e)->form, d, rm);
	emit_put(e, NB_FORM_MOV32_IMM,
		 &(struct x64_operands){ .reg = RA_SCRATCH_GPR, .imm = of_zero });
	emit_put(e, NB_FORM_CMOV32,
		 &(struct x64_operands){
			 .reg = (uint8_t)d, .cc = X64_CC_E, .rm = x64_rm_reg(RA_SCRATCH_GPR) });
	return d;
}

/* Leading zeros are 31 or 63 less the highest bit's number. */
static void
emit_clz(struct emitter *e)
{
	bool is_64 = emit_is_wide(emit_inst(e)->form);

	emit_r_imm(e, NB_FORM_XOR32_IMM, emit_scan(e, is_64 ? 127 : 63), is_64 ? 63 : 31);
}

static void
emit_ctz(struct emitter *e)
{
	(void)emit_scan(e, emit_is_wide(emit_inst(e)->form) ? 64 : 32);
}

/* Conversions to float write only part of the register: clear it first, so
 * that nothing waits for its old value. */
static void
emit_from_int(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t d = emit_reg(e, 0);
	emit_rr(e, NB_FORM_XORPS, d, d);
	struct x64_rm rm = emit_inst_rm(e);
	if (inst->op == X64_FROM_U32) {
		emit_rm(e, NB_FORM_MOV32, RA_SCRATCH_GPR, rm);
		rm = x64_rm_reg(RA_SCRATCH_GPR);
	}
	emit_rm(e, inst->form, d, rm);
}

/* --- comparisons ---------------------------------------------------------- */

static void
put_cc(struct emitter *e, enum nb_form form, uint32_t cc, uint32_t reg, struct x64_rm rm)
{
	emit_put(e, form,
		 &(struct x64_operands){ .reg = (uint8_t)reg, .cc = (uint8_t)cc, .rm = rm });
}

/* A test of a register with itself is not needed if the flags tell already. */
static bool
is_test_known(const struct emitter *e, const struct x64_inst *inst, const struct x64_operands *ops)
{
	bool is_test = inst->form == NB_FORM_TEST32 || inst->form == NB_FORM_TEST64;
	bool is_zf_sf = inst->cc == X64_CC_E || inst->cc == X64_CC_NE || inst->cc == X64_CC_S ||
			inst->cc == X64_CC_NS;
	return is_test && is_zf_sf && ops->rm.kind == X64_RM_REG && ops->rm.reg == ops->reg &&
	       e->flags_reg == ops->reg && e->flags_wide == (inst->form == NB_FORM_TEST64);
}

static void
put_compare(struct emitter *e, const struct x64_inst *inst, const struct x64_operands *ops)
{
	if (!is_test_known(e, inst, ops))
		emit_put(e, inst->form, ops);
	e->flags_reg = X64_NO_REG;
}

/* d = condition of a float equality, which needs two flags. */
static void
value_of_float_equality(struct emitter *e, uint32_t cc, uint32_t d)
{
	bool is_equal = cc == X64_CC_FLOAT_EQ;
	put_cc(e, NB_FORM_SET, is_equal ? X64_CC_NP : X64_CC_P, 0, x64_rm_reg(RA_SCRATCH_GPR));
	put_cc(e, NB_FORM_SET, is_equal ? X64_CC_E : X64_CC_NE, 0, x64_rm_reg(d));
	emit_rr(e, is_equal ? NB_FORM_AND32 : NB_FORM_OR32, d, RA_SCRATCH_GPR);
}

static void
flags_to_value(struct emitter *e, const struct x64_inst *inst, const struct x64_operands *ops)
{
	uint32_t d = emit_reg(e, 0);
	const struct nb_form_info *info = x64_form_info(inst->form);
	bool reg_is_gpr = info->reg == NB_REG_G || info->reg == NB_REG_G8;
	bool rm_is_gpr = info->rm & (NB_RM_G | NB_RM_G8) || ops->rm.kind == X64_RM_MEM;
	bool is_float_equality = inst->cc >= X64_CC_FLOAT_EQ;
	/* An address in R11 is for the very next instruction. */
	bool is_scratch_used = ops->rm.kind == X64_RM_MEM &&
			       (ops->rm.reg == RA_SCRATCH_GPR || ops->rm.index == RA_SCRATCH_GPR);
	bool clashes = (reg_is_gpr && ops->reg == d) ||
		       (rm_is_gpr && ops->rm.kind != X64_RM_RIP && ops->rm.reg == d) ||
		       (ops->rm.kind == X64_RM_MEM && ops->rm.index == d) || is_scratch_used ||
		       is_test_known(e, inst, ops);
	uint32_t site = e->site;
	e->site = 0;
	if (!clashes)
		emit_zero(e, d);
	if (is_float_equality && !is_scratch_used)
		emit_zero(e, RA_SCRATCH_GPR);
	e->site = site;
	put_compare(e, inst, ops);
	if (is_float_equality)
		value_of_float_equality(e, inst->cc, d);
	else
		put_cc(e, NB_FORM_SET, inst->cc, 0, x64_rm_reg(d));
	if (clashes)
		emit_rr(e, NB_FORM_MOVZX8, d, d);
}

static void
flags_to_select(struct emitter *e, const struct x64_inst *inst)
{
	enum nb_form form = inst->scale ? NB_FORM_CMOV64 : NB_FORM_CMOV32;
	uint32_t d = emit_reg(e, 0);
	struct x64_rm source = emit_operand_rm(e, 2);
	if (inst->cc == X64_CC_FLOAT_NE) {
		put_cc(e, form, X64_CC_NE, d, source);
		put_cc(e, form, X64_CC_P, d, source);
	} else {
		put_cc(e, form, inst->cc, d, source);
	}
}

static void
flags_to_carry(struct emitter *e, const struct x64_inst *inst)
{
	static const uint16_t forms[2][2][2] = {
		{ { NB_FORM_ADC32, NB_FORM_ADC32_IMM }, { NB_FORM_SBB32, NB_FORM_SBB32_IMM } },
		{ { NB_FORM_ADC64, NB_FORM_ADC64_IMM }, { NB_FORM_SBB64, NB_FORM_SBB64_IMM } },
	};
	const uint16_t *form =
		forms[(inst->scale & X64_CARRY_64) != 0][(inst->scale & X64_CARRY_SUBTRACTS) != 0];
	uint32_t d = emit_reg(e, 0);
	if (inst->scale & X64_CARRY_OPERAND)
		emit_rm(e, form[0], d, emit_operand_rm(e, 2));
	else
		emit_r_imm(e, form[1], d, inst->scale & X64_CARRY_ONES ? -1 : 0);
}

static void
flags_to_select_float(struct emitter *e, const struct x64_inst *inst)
{
	uint32_t d = emit_reg(e, 0);
	uint32_t done = emit_label_new(e);
	struct x64_rm source = emit_operand_rm(e, 2);
	if (inst->cc == X64_CC_FLOAT_NE) {
		uint32_t take = emit_label_new(e);
		emit_jump(e, X64_CC_P, take);
		emit_jump(e, X64_CC_E, done);
		emit_label(e, take);
	} else {
		emit_jump(e, x64_cc_invert(inst->cc), done);
	}
	static const uint16_t loads[] = { NB_FORM_MOVSS, NB_FORM_MOVSD, NB_FORM_MOVUPS };
	emit_rm(e, source.kind == X64_RM_REG ? NB_FORM_MOVAPS : (enum nb_form)loads[inst->scale], d,
		source);
	emit_label(e, done);
}

/* Jumps to `label` if the condition holds. */
static void
jump_if(struct emitter *e, uint32_t cc, uint32_t label)
{
	if (cc == X64_CC_FLOAT_NE) {
		emit_jump(e, X64_CC_P, label);
		emit_jump(e, X64_CC_NE, label);
	} else if (cc == X64_CC_FLOAT_EQ) {
		uint32_t skip = emit_label_new(e);
		emit_jump(e, X64_CC_P, skip);
		emit_jump(e, X64_CC_E, label);
		emit_label(e, skip);
	} else {
		emit_jump(e, cc, label);
	}
}

/* Whether the conditional jump goes to the target for a false condition: the other one
 * comes next, or neither does and that one is where the way mostly leads. */
static bool
is_swapped(const struct emitter *e, uint32_t if_true, uint32_t if_false)
{
	const struct ra_block *blocks = e->fn->ra.blocks;
	uint32_t next = emit_next_block(e);

	return if_true == next ||
	       (if_false != next && blocks[if_false].frequency > blocks[if_true].frequency);
}

static void
flags_to_jump(struct emitter *e, const struct x64_inst *inst)
{
	const struct ra_block *block = &e->fn->ra.blocks[e->block];
	const uint32_t *succs = e->fn->ra.block_lists + block->first_succ;
	uint32_t if_true = e->layout.forward[succs[0]], if_false = e->layout.forward[succs[1]];
	uint32_t cc = inst->cc;
	if (if_true == if_false) {
		emit_goto(e, if_true);
		return;
	}
	if (is_swapped(e, if_true, if_false)) {
		uint32_t swap = if_true;
		if_true = if_false;
		if_false = swap;
		cc = x64_cc_invert(cc);
	}
	if (cc == X64_CC_FLOAT_EQ) {
		emit_jump(e, X64_CC_P, if_false);
		emit_jump(e, X64_CC_E, if_true);
	} else {
		jump_if(e, cc, if_true);
	}
	emit_goto(e, if_false);
}

void
emit_flags(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	struct x64_operands ops = { .rm = emit_inst_rm(e), .imm = inst->imm };
	if (inst->reg != X64_NO_OPERAND)
		ops.reg = (uint8_t)emit_reg(e, inst->reg);
	if (inst->consumer == X64_TO_VALUE) {
		flags_to_value(e, inst, &ops);
		return;
	}
	put_compare(e, inst, &ops);
	switch ((enum x64_consumer)inst->consumer) {
	case X64_TO_JUMP:
		flags_to_jump(e, inst);
		break;
	case X64_TO_SELECT:
		flags_to_select(e, inst);
		break;
	case X64_TO_CARRY:
		flags_to_carry(e, inst);
		break;
	case X64_TO_SELECT_FLOAT:
		flags_to_select_float(e, inst);
		break;
	case X64_TO_TRAP:
		jump_if(e, inst->cc, emit_trap_label(e, inst->trap));
		break;
	case X64_TO_VALUE:
		break;
	}
}

/* --- all ------------------------------------------------------------------ */

static void
emit_mul_high(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	emit_rm(e, inst->form, 0, emit_inst_rm(e));
}

static void
emit_jump_inst(struct emitter *e)
{
	const struct ra_block *block = &e->fn->ra.blocks[e->block];
	emit_goto(e, e->fn->ra.block_lists[block->first_succ]);
}

/* Whether the allocator found that nobody needs this constant here. */
static bool
is_dropped(const struct emitter *e)
{
	return e->fn->ra.insts[e->inst].flags & RA_INST_REMAT &&
	       emit_place(e, 0)->kind == RA_PLACE_NONE;
}

static void
emit_constant_inst(struct emitter *e)
{
	emit_constant(e, emit_inst(e), emit_reg(e, 0));
}

static void
emit_trap_inst(struct emitter *e)
{
	emit_trap(e, emit_inst(e)->trap);
}

typedef void emit_function(struct emitter *e);

void
emit_instruction(struct emitter *e)
{
	static emit_function *const functions[] = {
		[X64_FORM] = emit_form,
		[X64_COMMUTE] = emit_form,
		[X64_SHIFT_CL] = emit_form,
		[X64_MOVE] = emit_move_inst,
		[X64_ADD] = emit_add,
		[X64_ADD_IMM] = emit_add_imm,
		[X64_SHL_IMM] = emit_shl_imm,
		[X64_FLAGS] = emit_flags,
		[X64_CONST] = emit_constant_inst,
		[X64_FCONST] = emit_constant_inst,
		[X64_DIVIDE] = emit_divide,
		[X64_MUL_HIGH] = emit_mul_high,
		[X64_CLZ] = emit_clz,
		[X64_CTZ] = emit_ctz,
		[X64_FMINMAX] = emit_fminmax,
		[X64_FCOPYSIGN] = emit_copysign,
		[X64_FROM_INT] = emit_from_int,
		[X64_FROM_U32] = emit_from_int,
		[X64_FROM_U64] = emit_from_u64,
		[X64_TRUNC] = emit_trunc,
		[X64_ATOMIC_LOOP] = emit_atomic_loop,
		[X64_FENCE] = emit_fence,
		[X64_PORT] = emit_port,
		[X64_ENTRY] = emit_prologue,
		[X64_JUMP] = emit_jump_inst,
		[X64_SWITCH] = emit_switch,
		[X64_SWITCH_FEW] = emit_switch_few,
		[X64_CALL] = emit_call,
		[X64_CALL_IMPORT] = emit_call,
		[X64_CALL_INDIRECT] = emit_call,
		[X64_CALL_REF] = emit_call,
		[X64_CALL_BUILTIN] = emit_call,
		[X64_TAIL] = emit_tail_call,
		[X64_TAIL_IMPORT] = emit_tail_call,
		[X64_TAIL_INDIRECT] = emit_tail_call,
		[X64_TAIL_REF] = emit_tail_call,
		[X64_TRAP_RESULT] = emit_trap_result,
		[X64_RETURN] = emit_return,
		[X64_TRAP] = emit_trap_inst,
	};
	if (!is_dropped(e))
		functions[emit_inst(e)->op](e);
}
