/*
 * Emission of the frame, calls, switches and divisions: the templates of
 * abi/code_contract.h.
 */
#include "compiler/x64/emit.h"

#include "abi/trap.h"

/* --- frame ---------------------------------------------------------------- */

/* Saves (store) or restores the preserved registers that are used. */
static void
transfer_saved(struct emitter *e, enum nb_form form)
{
	uint32_t saved = e->ra->used[RA_GPR] & NB_PRESERVED_GPRS;
	int32_t at = (int32_t)e->saves_at;
	for (uint32_t reg = 0; reg < 16; reg++) {
		if (!(saved >> reg & 1))
			continue;
		emit_rm(e, form, reg, x64_rm_mem(NB_RSP, at));
		at += 8;
	}
}

void
emit_prologue(struct emitter *e)
{
	int64_t size = e->frame_size;
	if (size == 0)
		return;
	emit_r_imm(e, NB_FORM_SUB64_IMM, NB_RSP, size);
	if (size > NB_PROBE_INTERVAL) {
		int64_t at = size;
		while (at > 0) {
			at = at > NB_PROBE_INTERVAL ? at - NB_PROBE_INTERVAL : 0;
			emit_rm(e, NB_FORM_TEST32, NB_RAX, x64_rm_mem(NB_RSP, (int32_t)at));
		}
	}
	transfer_saved(e, NB_FORM_MOV64_STORE);
}

void
emit_restore_saved(struct emitter *e)
{
	transfer_saved(e, NB_FORM_MOV64);
}

void
emit_return(struct emitter *e)
{
	if (e->frame_size) {
		emit_restore_saved(e);
		emit_r_imm(e, NB_FORM_ADD64_IMM, NB_RSP, e->frame_size);
	}
	emit_put(e, NB_FORM_RET, &(struct x64_operands){ 0 });
}

/* --- calls ---------------------------------------------------------------- */

static void
call_memory(struct emitter *e, uint32_t base, int32_t disp)
{
	emit_rm(e, NB_FORM_CALL_MEM, 0, x64_rm_mem(base, disp));
	emit_site(e, NB_SITE_CALL);
}

static void
call_direct(struct emitter *e, const struct x64_inst *inst)
{
	emit_put(e, NB_FORM_CALL_32, &(struct x64_operands){ 0 });
	emit_call_fixup(e, (uint32_t)inst->imm);
	emit_site(e, NB_SITE_CALL);
}

/* R10: index to the address of the table's entry. */
static void
callee_from_table(struct emitter *e, uint32_t table_idx)
{
	int32_t table = (int32_t)(e->context->layout.tables + 16 * table_idx);
	emit_rm(e, NB_FORM_MOV64, NB_R11, x64_rm_mem(NB_R15, table + NB_VMCTX_TABLE_DESC));
	emit_rm(e, NB_FORM_CMP32, NB_R10, x64_rm_mem(NB_R11, NB_TABLE_LENGTH));
	emit_jump(e, X64_CC_AE, emit_trap_label(e, NB_TRAP_UNDEFINED_ELEMENT));
	emit_rm(e, NB_FORM_AND32, NB_R10, x64_rm_mem(NB_R11, NB_TABLE_MASK));
	emit_r_imm(e, NB_FORM_SHL64_IMM, NB_R10, NB_CALLEE_SHIFT);
	emit_rm(e, NB_FORM_ADD64, NB_R10, x64_rm_mem(NB_R15, table + NB_VMCTX_TABLE_BASE));
}

/* R10: reference to the address of its entry. */
static void
callee_from_reference(struct emitter *e)
{
	emit_rm(e, NB_FORM_MOV64, NB_R11, x64_rm_mem(NB_R15, NB_VMCTX_REFERENCES));
	emit_rm(e, NB_FORM_AND32, NB_R10, x64_rm_mem(NB_R11, NB_REFERENCES_MASK));
	emit_r_imm(e, NB_FORM_SHL64_IMM, NB_R10, NB_CALLEE_SHIFT);
	emit_rm(e, NB_FORM_ADD64, NB_R10, x64_rm_mem(NB_R11, NB_REFERENCES_BASE));
}

void
emit_callee(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	const struct x64_context *context = e->context;
	bool is_reference = inst->op == X64_CALL_REF || inst->op == X64_TAIL_REF;
	uint32_t canonical = context->module->types[(uint32_t)inst->imm].canonical_idx;
	int32_t signature = (int32_t)(context->layout.types + 4 * canonical);

	emit_zero_extend(e, NB_R10);
	if (is_reference)
		callee_from_reference(e);
	else
		callee_from_table(e, (uint32_t)(inst->imm >> 32));
	emit_rm(e, NB_FORM_MOV32, NB_R11, x64_rm_mem(NB_R15, signature));
	emit_rm(e, NB_FORM_CMP32, NB_R11, x64_rm_mem(NB_R10, NB_CALLEE_SIGNATURE));
	emit_jump(e, X64_CC_NE,
		  emit_trap_label(e, is_reference ? NB_SITE_REFERENCE : NB_SITE_INDIRECT));
}

static void
call_indirect(struct emitter *e)
{
	uint32_t foreign = emit_label_new(e), done = emit_label_new(e);

	emit_callee(e);
	emit_rm(e, NB_FORM_CMP64, NB_R15, x64_rm_mem(NB_R10, NB_CALLEE_VMCTX));
	emit_jump(e, X64_CC_NE, foreign);
	call_memory(e, NB_R10, NB_CALLEE_CODE);
	emit_jump(e, EMIT_ALWAYS, done);
	emit_label(e, foreign);
	emit_rr(e, NB_FORM_MOV64, NB_R11, NB_R10);
	call_memory(e, NB_R11, NB_CALLEE_CROSS);
	emit_label(e, done);
}

void
emit_call(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	if (inst->op == X64_CALL) {
		call_direct(e, inst);
	} else if (inst->op == X64_CALL_IMPORT) {
		emit_rm(e, NB_FORM_LEA64, NB_R11, x64_rm_mem(NB_R15, inst->disp));
		call_memory(e, NB_R11, NB_CALLEE_CROSS);
	} else if (inst->op == X64_CALL_BUILTIN) {
		emit_rr(e, NB_FORM_MOV64, NB_RDI, NB_R15);
		call_memory(e, NB_R15, NB_VMCTX_BUILTINS + 8 * (int32_t)inst->imm);
	} else {
		call_indirect(e);
	}
	e->zx = 0;
}

/* A builtin's result, in RAX: a trap number, or minus one. */
void
emit_trap_result(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	emit_rr(e, inst->form, NB_RAX, NB_RAX);
	struct emit_cold cold = emit_cold_add(e);
	emit_jump(e, inst->cc, cold.entry);
}

void
emit_trap_result_cold(struct emitter *e)
{
	if (emit_inst(e)->cc == X64_CC_S)
		emit_rm(e, NB_FORM_NEG32, 0, x64_rm_reg(NB_RAX));
	emit_trap(e, NB_SITE_DYNAMIC);
}

/* --- switches ------------------------------------------------------------- */

void
emit_switch(struct emitter *e)
{
	uint32_t cases = ir_switch_case_count(emit_switch_end(e));
	emit_zero_extend(e, NB_R10);
	emit_put(e, NB_FORM_MOV32_IMM, &(struct x64_operands){ .reg = NB_R11, .imm = cases - 1 });
	emit_rr(e, NB_FORM_CMP32, NB_R10, NB_R11);
	emit_put(e, NB_FORM_CMOV32,
		 &(struct x64_operands){ .reg = NB_R10, .cc = X64_CC_A, .rm = x64_rm_reg(NB_R11) });
	emit_rm(e, NB_FORM_LEA64, NB_R11, emit_pool_rm(e, emit_table_add(e, cases)));
	/* Four-byte entries: the one access with a scale, see the contract. */
	emit_rm(e, NB_FORM_MOVSXD_TABLE, NB_R10, x64_rm_indexed(NB_R11, NB_R10, 2, 0));
	emit_rr(e, NB_FORM_ADD64, NB_R10, NB_R11);
	emit_rm(e, NB_FORM_JMP_REG, 0, x64_rm_reg(NB_R10));
}

void
emit_switch_few(struct emitter *e)
{
	const struct ra_block *block = &e->fn->ra.blocks[e->block];
	const uint32_t *succs = e->fn->ra.block_lists + block->first_succ;
	const struct ir_function *ir = e->fn->ir;
	const struct ir_inst *end = emit_switch_end(e);
	uint32_t cases = ir_switch_case_count(end);
	uint32_t reg = emit_reg(e, 0);
	uint32_t otherwise = ir_switch_case(ir, end, cases - 1);
	for (uint32_t i = 0; i + 1 < cases; i++) {
		uint32_t edge = ir_switch_case(ir, end, i);
		if (edge == otherwise)
			continue;
		if (i == 0)
			emit_rr(e, NB_FORM_TEST32, reg, reg);
		else
			emit_r_imm(e, NB_FORM_CMP32_IMM, reg, i);
		emit_jump(e, X64_CC_E, e->layout.forward[succs[edge]]);
	}
	emit_goto(e, succs[otherwise]);
}

/* --- division ------------------------------------------------------------- */

static void
divide(struct emitter *e, const struct x64_inst *inst, uint32_t divisor)
{
	bool is_64 = emit_is_wide(inst->form);
	if (inst->cc == X64_DIV_S || inst->cc == X64_REM_S)
		emit_put(e, is_64 ? NB_FORM_CQO : NB_FORM_CDQ, &(struct x64_operands){ 0 });
	else
		emit_zero(e, NB_RDX);
	emit_site(e, NB_SITE_DIVIDE);
	emit_rr(e, inst->form, 0, divisor);
}

void
emit_divide(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	uint32_t divisor = emit_reg(e, inst->rm);
	bool is_signed = inst->cc == X64_DIV_S || inst->cc == X64_REM_S;
	if (!is_signed || inst->flags & X64_NO_CHECK) {
		divide(e, inst, divisor);
		return;
	}
	emit_r_imm(e, emit_is_wide(inst->form) ? NB_FORM_CMP64_IMM : NB_FORM_CMP32_IMM, divisor,
		   -1);
	struct emit_cold cold = emit_cold_add(e);
	emit_jump(e, X64_CC_E, cold.entry);
	divide(e, inst, divisor);
	emit_label(e, cold.back);
}

/* By -1: the least number has no quotient, and every remainder is 0. */
void
emit_divide_cold(struct emitter *e, uint32_t back)
{
	const struct x64_inst *inst = emit_inst(e);
	bool is_64 = emit_is_wide(inst->form);
	(void)back;
	if (inst->cc == X64_REM_S) {
		emit_zero(e, NB_RDX);
		return;
	}
	emit_rm(e, is_64 ? NB_FORM_NEG64 : NB_FORM_NEG32, 0, x64_rm_reg(NB_RAX));
	emit_jump(e, X64_CC_O, emit_trap_label(e, NB_TRAP_INTEGER_OVERFLOW));
}
