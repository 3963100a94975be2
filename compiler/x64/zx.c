/*
 * Zero-extended registers, see zx.h.
 */
#include "compiler/x64/zx.h"

/* What a stretch of code does: out = (in & keep) | gen. */
struct transfer {
	uint16_t keep, gen;
};

bool
x64_zx_defines(const struct x64_inst *inst)
{
	const struct nb_form_info *info = x64_form_info(inst->form);
	switch ((enum x64_op)inst->op) {
	case X64_FORM:
	case X64_COMMUTE:
	case X64_ADD:
	case X64_ADD_IMM:
	case X64_SHL_IMM:
	case X64_CONST:
	case X64_MOVE:
	case X64_SHIFT_CL:
	case X64_DIVIDE:
	case X64_MUL_HIGH:
		return info->writes == NB_WRITES_REG32 || info->writes == NB_WRITES_RM32 ||
		       info->writes == NB_WRITES_EAX_EDX;
	case X64_CLZ:
	case X64_CTZ:
		return !info->wide;
	case X64_FLAGS:
		return inst->consumer == X64_TO_VALUE ||
		       (inst->consumer == X64_TO_SELECT && inst->scale == 0) ||
		       (inst->consumer == X64_TO_CARRY && !(inst->scale & X64_CARRY_64));
	case X64_TRUNC:
		return !(inst->cc & X64_TRUNC_I64);
	case X64_ATOMIC_LOOP:
	case X64_FENCE:
	case X64_PORT:
	case X64_FCONST:
	case X64_FMINMAX:
	case X64_FCOPYSIGN:
	case X64_FROM_INT:
	case X64_FROM_U32:
	case X64_FROM_U64:
	case X64_ENTRY:
	case X64_JUMP:
	case X64_SWITCH:
	case X64_SWITCH_FEW:
	case X64_CALL:
	case X64_CALL_IMPORT:
	case X64_CALL_INDIRECT:
	case X64_CALL_REF:
	case X64_CALL_BUILTIN:
	case X64_TAIL:
	case X64_TAIL_IMPORT:
	case X64_TAIL_INDIRECT:
	case X64_TAIL_REF:
	case X64_TRAP_RESULT:
	case X64_RETURN:
	case X64_TRAP:
		break;
	}
	return false;
}

static bool
is_call(const struct x64_inst *inst)
{
	return inst->op == X64_CALL || inst->op == X64_CALL_IMPORT ||
	       inst->op == X64_CALL_INDIRECT || inst->op == X64_CALL_REF ||
	       inst->op == X64_CALL_BUILTIN || inst->op == X64_ENTRY;
}

static void
transfer_write(struct transfer *t, uint32_t reg, bool is_zx)
{
	/* Instructions use the scratch register without saying so here. */
	if (reg == RA_SCRATCH_GPR)
		return;
	uint16_t bit = (uint16_t)(1u << reg);
	t->keep &= (uint16_t)~bit;
	t->gen = is_zx ? t->gen | bit : (uint16_t)(t->gen & ~bit);
}

static void
transfer_move(const struct x64_function *fn, const struct ra_move *move, struct transfer *t)
{
	if (move->to.kind != RA_PLACE_REG || move->to.class_ != RA_GPR)
		return;
	if (move->remat_inst != UINT32_MAX)
		transfer_write(t, move->to.reg, x64_zx_defines(&fn->insts[move->remat_inst]));
	else
		transfer_write(t, move->to.reg,
			       fn->vreg_type[move->vreg] == IR_I32 && move->from.class_ == RA_GPR);
}

static void
transfer_inst(const struct x64_function *fn, const struct ra_result *ra, uint32_t number,
	      struct transfer *t)
{
	const struct x64_inst *inst = &fn->insts[number];
	const struct ra_inst *ops = &fn->ra.insts[number];
	const struct ra_place *places = ra->places + ops->first_operand;
	if (inst->base == X64_BASE_LINEAR && inst->index != X64_NO_OPERAND)
		transfer_write(t, places[inst->index].reg, true);
	if (is_call(inst))
		t->keep = t->gen = 0;
	for (uint32_t reg = 0; reg < 16; reg++)
		if (ops->clobbers[RA_GPR] >> reg & 1)
			transfer_write(t, reg, false);
	if (inst->op == X64_MOVE && places[0].kind == RA_PLACE_REG &&
	    places[1].kind == RA_PLACE_REG && places[0].reg == places[1].reg &&
	    !(inst->flags & X64_KEEP))
		return;
	for (uint32_t i = 0; i < ops->operand_count; i++) {
		const struct ra_operand *operand = &fn->ra.operands[ops->first_operand + i];
		if (operand->role != RA_DEF || places[i].kind != RA_PLACE_REG ||
		    places[i].class_ != RA_GPR)
			continue;
		transfer_write(t, places[i].reg, operand->time == RA_LATE && x64_zx_defines(inst));
	}
}

/* Transfers of all blocks, in one walk over instructions and moves. */
static void
transfers_compute(const struct x64_function *fn, const struct ra_result *ra, struct transfer *out)
{
	uint32_t move = 0;
	for (uint32_t b = 0; b < fn->ra.block_count; b++) {
		const struct ra_block *block = &fn->ra.blocks[b];
		struct transfer t = { (uint16_t) ~(1u << RA_SCRATCH_GPR), 0 };
		for (uint32_t i = block->first_inst; i < block->end_inst; i++) {
			while (move < ra->move_count && ra->moves[move].before_inst == i)
				transfer_move(fn, &ra->moves[move++], &t);
			transfer_inst(fn, ra, i, &t);
		}
		out[b] = t;
	}
}

static uint16_t
join_predecessors(const struct x64_function *fn, uint32_t b, const uint16_t *in,
		  const struct transfer *transfers)
{
	const struct ra_block *block = &fn->ra.blocks[b];
	uint16_t joined = block->pred_count ? 0xffff : 0;
	for (uint32_t p = 0; p < block->pred_count; p++) {
		uint32_t pred = fn->ra.block_lists[block->first_pred + p];
		const struct x64_inst *end = &fn->insts[fn->ra.blocks[pred].end_inst - 1];
		if (end->op == X64_SWITCH)
			return 0;
		joined &= (uint16_t)((in[pred] & transfers[pred].keep) | transfers[pred].gen);
	}
	return joined;
}

/* The greatest solution, in a few rounds; false if they do not suffice. */
static bool
converge(const struct x64_function *fn, uint16_t *in, const struct transfer *transfers)
{
	enum { ROUNDS = 12 };
	for (uint32_t b = 1; b < fn->ra.block_count; b++)
		in[b] = 0xffff;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		bool changed = false;
		for (uint32_t b = 0; b < fn->ra.block_count; b++) {
			uint16_t joined = join_predecessors(fn, b, in, transfers);
			changed |= joined != in[b];
			in[b] = joined;
		}
		if (!changed)
			return true;
	}
	return false;
}

/* A solution in one round: nothing is known where a loop begins. Loops nested
 * without end need this. */
static void
forward_only(const struct x64_function *fn, uint16_t *in, const struct transfer *transfers)
{
	for (uint32_t b = 0; b < fn->ra.block_count; b++) {
		const struct ra_block *block = &fn->ra.blocks[b];
		bool is_header = false;
		for (uint32_t p = 0; p < block->pred_count; p++)
			is_header |= fn->ra.block_lists[block->first_pred + p] >= b;
		in[b] = is_header ? 0 : join_predecessors(fn, b, in, transfers);
	}
}

uint16_t *
x64_zx_analyze(const struct x64_function *fn, const struct ra_result *ra, struct arena *arena)
{
	uint32_t count = fn->ra.block_count;
	uint16_t *in = arena_new_array(arena, uint16_t, count);
	struct transfer *transfers = arena_new_array(arena, struct transfer, count);
	if (!in || !transfers)
		return NULL;
	transfers_compute(fn, ra, transfers);
	if (!converge(fn, in, transfers))
		forward_only(fn, in, transfers);
	return in;
}
