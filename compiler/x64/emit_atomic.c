/*
 * Emission of atomic operations that take several instructions.
 */
#include "compiler/x64/emit.h"

/* The memory operand is made anew for each access: nothing may jump into a
 * sequence of the contract. */
void
emit_atomic_loop(struct emitter *e)
{
	static const uint16_t loads[] = { NB_FORM_MOVZX8, NB_FORM_MOVZX16, NB_FORM_MOV32,
					  NB_FORM_MOV64 };
	static const uint16_t exchanges[] = { NB_FORM_LOCK_CMPXCHG8, NB_FORM_LOCK_CMPXCHG16,
					      NB_FORM_LOCK_CMPXCHG32, NB_FORM_LOCK_CMPXCHG64 };
	const struct x64_inst *inst = emit_inst(e);
	uint32_t by = emit_reg(e, 1), next = emit_reg(e, 2);
	uint32_t again = emit_label_new(e);
	struct x64_rm place = emit_inst_rm(e);
	emit_rm(e, loads[inst->scale], NB_RAX, place);
	emit_label(e, again);
	emit_rr(e, emit_is_wide(inst->form) ? NB_FORM_MOV64 : NB_FORM_MOV32, next, NB_RAX);
	emit_rr(e, inst->form, next, by);
	place = emit_inst_rm(e);
	emit_rm(e, exchanges[inst->scale], next, place);
	emit_jump(e, X64_CC_NE, again);
}

void
emit_fence(struct emitter *e)
{
	emit_rm(e, NB_FORM_MFENCE, 0, x64_rm_reg(0));
}
