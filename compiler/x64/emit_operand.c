/*
 * Emission of operands: registers, slots, constants, and the sequences of the
 * contract that address memory.
 */
#include "compiler/x64/emit.h"

#include "abi/trap.h"

struct x64_rm
emit_slot_rm(const struct emitter *e, uint32_t slot)
{
	return x64_rm_mem(NB_RSP, (int32_t)(e->slots_at + 8 * slot));
}

struct x64_rm
emit_pool_rm(struct emitter *e, uint32_t offset)
{
	e->pool_ref = offset;
	return (struct x64_rm){ .kind = X64_RM_RIP };
}

struct x64_rm
emit_operand_rm(struct emitter *e, uint32_t operand)
{
	const struct ra_place *place = emit_place(e, operand);
	return place->kind == RA_PLACE_SLOT ? emit_slot_rm(e, place->slot) : x64_rm_reg(place->reg);
}

/* Place in the vmctx of a field of a memory's entry. */
static struct x64_rm
memory_entry_rm(const struct emitter *e, uint32_t memory, uint32_t field)
{
	return x64_rm_mem(NB_REG_VMCTX, (int32_t)(e->context->layout.memories +
						  (memory << NB_VMCTX_MEMORY_SHIFT) + field));
}

/* The sequences of the contract for linear memory, up to the access itself. */
static struct x64_rm
linear_rm(struct emitter *e, const struct x64_inst *inst)
{
	struct x64_rm rm = x64_rm_mem(NB_REG_MEMORY_BASE, inst->disp);
	uint32_t index = inst->index == X64_NO_OPERAND ? X64_NO_REG : emit_reg(e, inst->index);
	if (inst->base == X64_BASE_CLAMPED) {
		emit_rm(e, NB_FORM_MOV64, NB_R11,
			memory_entry_rm(e, inst->memory, NB_VMCTX_ENTRY_BOUND));
		emit_rr(e, NB_FORM_CMP64, index, NB_R11);
		emit_put(e, NB_FORM_CMOV64,
			 &(struct x64_operands){
				 .reg = NB_R11, .cc = X64_CC_B, .rm = x64_rm_reg(index) });
		index = NB_R11;
	} else if (index != X64_NO_REG) {
		emit_zero_extend(e, index);
	}
	if (inst->memory) {
		emit_rm(e, inst->base == X64_BASE_CLAMPED ? NB_FORM_ADD64 : NB_FORM_MOV64, NB_R11,
			memory_entry_rm(e, inst->memory, NB_VMCTX_ENTRY_BASE));
		rm.reg = NB_R11;
	}
	if (index != NB_R11 || !inst->memory)
		rm.index = (uint8_t)index;
	e->site = (uint32_t)NB_TRAP_MEMORY_OUT_OF_BOUNDS << 24 | (inst->wasm_offset & 0xffffff);
	return rm;
}

struct x64_rm
emit_inst_rm(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	int32_t disp = inst->disp;
	switch ((enum x64_base)inst->base) {
	case X64_BASE_LINEAR:
	case X64_BASE_CLAMPED:
		return linear_rm(e, inst);
	case X64_BASE_VMCTX:
		return x64_rm_mem(NB_REG_VMCTX, disp);
	case X64_BASE_CELL:
	case X64_BASE_LENGTH:
		emit_rm(e, NB_FORM_MOV64, RA_SCRATCH_GPR, x64_rm_mem(NB_REG_VMCTX, disp));
		return x64_rm_mem(RA_SCRATCH_GPR,
				  inst->base == X64_BASE_CELL ? 0 : NB_MEMORY_LENGTH);
	case X64_BASE_IN:
		return x64_rm_mem(NB_RSP, (int32_t)e->frame_size + 8 + 8 * disp);
	case X64_BASE_OUT:
		return x64_rm_mem(NB_RSP, 8 * disp);
	case X64_BASE_FRAME:
		return x64_rm_mem(NB_RSP, 8 * ((int32_t)e->fn->out_slots + disp));
	case X64_BASE_POOL:
		return emit_pool_rm(e, (uint32_t)disp);
	case X64_BASE_ADDRESS:
		return x64_rm_indexed(emit_reg(e, inst->rm), emit_reg(e, inst->index), inst->scale,
				      disp);
	case X64_BASE_NONE:
		break;
	}
	if (inst->rm == X64_NO_OPERAND)
		return (struct x64_rm){ .kind = X64_RM_NONE };
	if (inst->op == X64_COMMUTE)
		return emit_operand_rm(e, ra_inst_source(emit_place(e, 0)));
	return emit_operand_rm(e, inst->rm);
}
