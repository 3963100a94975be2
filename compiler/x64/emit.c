/*
 * Emission: selected instructions with their places become code.
 *
 * Blocks are emitted in the order that layout.h gives. What an instruction
 * needs only rarely is emitted at the end of the function (struct emit_cold).
 */
#include "compiler/x64/emit.h"

#include "compiler/x64/zx.h"

enum { LOOP_ALIGN = 32 };

/* --- moves ---------------------------------------------------------------- */

static void
move_gpr(struct emitter *e, const struct ra_move *move, bool is_64)
{
	const struct ra_place *from = &move->from, *to = &move->to;
	enum nb_form load = is_64 ? NB_FORM_MOV64 : NB_FORM_MOV32;
	enum nb_form store = is_64 ? NB_FORM_MOV64_STORE : NB_FORM_MOV32_STORE;
	if (from->kind == RA_PLACE_SLOT)
		emit_rm(e, load, to->reg, emit_slot_rm(e, from->slot));
	else if (to->kind == RA_PLACE_SLOT)
		emit_rm(e, store, from->reg, emit_slot_rm(e, to->slot));
	else
		emit_rr(e, load, to->reg, from->reg);
}

static void
move_xmm(struct emitter *e, const struct ra_move *move, bool is_64)
{
	const struct ra_place *from = &move->from, *to = &move->to;
	enum nb_form load = is_64 ? NB_FORM_MOVSD : NB_FORM_MOVSS;
	enum nb_form store = is_64 ? NB_FORM_MOVSD_STORE : NB_FORM_MOVSS_STORE;
	if (move->slots == 2) {
		load = NB_FORM_MOVUPS;
		store = NB_FORM_MOVUPS_STORE;
	}
	if (from->kind == RA_PLACE_SLOT)
		emit_rm(e, load, to->reg, emit_slot_rm(e, from->slot));
	else if (to->kind == RA_PLACE_SLOT)
		emit_rm(e, store, from->reg, emit_slot_rm(e, to->slot));
	else
		emit_rr(e, NB_FORM_MOVAPS, to->reg, from->reg);
}

static void
emit_move(struct emitter *e, const struct ra_move *move)
{
	if (move->remat_inst != UINT32_MAX) {
		emit_remat(e, move->remat_inst, move->to.reg);
		return;
	}
	enum ir_type type = e->fn->vreg_type[move->vreg];
	uint8_t own = ir_type_is_int(type) ? RA_GPR : RA_XMM;
	bool from_reg = move->from.kind == RA_PLACE_REG, to_reg = move->to.kind == RA_PLACE_REG;
	/* A scratch register of the other class carries all 8 bytes. */
	bool is_64 = ir_type_bits(type) == 64 || (from_reg && move->from.class_ != own) ||
		     (to_reg && move->to.class_ != own);
	if (from_reg && to_reg && move->from.class_ != move->to.class_) {
		if (move->to.class_ == RA_XMM)
			emit_rr(e, NB_FORM_MOVQ_FROM_GPR, move->to.reg, move->from.reg);
		else
			emit_rr(e, NB_FORM_MOVQ_TO_GPR, move->from.reg, move->to.reg);
		return;
	}
	uint8_t class_ = from_reg ? move->from.class_ : move->to.class_;
	if (class_ == RA_GPR)
		move_gpr(e, move, is_64);
	else
		move_xmm(e, move, is_64);
}

/* --- blocks --------------------------------------------------------------- */

/* The first move at instruction `inst` or behind it. */
static uint32_t
first_move(const struct emitter *e, uint32_t inst)
{
	uint32_t low = 0, high = e->ra->move_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (e->ra->moves[middle].before_inst < inst)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What an instruction uses up on the way may have been written in its
 * out-of-line code only. */
/* Notes where the next instruction comes from, for a dump that wants to know. */
static void
emit_place_note(struct emitter *e)
{
	const struct compiler_dump *dump = e->context->options->dump;
	if (dump && dump->place)
		emit_event_add(e, EMIT_PLACE, 0, emit_inst(e)->wasm_offset & 0xffffff);
}

static void
forget_scratch(struct emitter *e)
{
	const struct ra_inst *inst = &e->fn->ra.insts[e->inst];
	uint32_t used = inst->clobbers[RA_GPR], defined = 0;
	for (uint32_t i = 0; i < inst->operand_count; i++) {
		const struct ra_operand *operand = &e->fn->ra.operands[inst->first_operand + i];
		const struct ra_place *place = emit_place(e, i);
		if (operand->role != RA_DEF || place->kind != RA_PLACE_REG ||
		    place->class_ != RA_GPR)
			continue;
		if (operand->time == RA_EARLY)
			used |= 1u << place->reg;
		else
			defined |= 1u << place->reg;
	}
	e->zx &= (uint16_t) ~(used & ~defined);
}

static void
emit_block(struct emitter *e, uint32_t b)
{
	const struct ra_block *block = &e->fn->ra.blocks[b];
	if (e->falls_through)
		emit_check_claims(e, b);
	e->block = b;
	if (e->layout.is_loop_top[b])
		emit_event_add(e, EMIT_ALIGN, 0, LOOP_ALIGN);
	emit_label(e, b);
	e->zx = e->zx_in[b];
	e->move = first_move(e, block->first_inst);
	for (uint32_t i = block->first_inst; i < block->end_inst; i++) {
		e->inst = i;
		while (e->move < e->ra->move_count && e->ra->moves[e->move].before_inst == i)
			emit_move(e, &e->ra->moves[e->move++]);
		emit_place_note(e);
		emit_instruction(e);
		forget_scratch(e);
	}
}

static void
emit_cold(struct emitter *e, const struct emit_cold *cold)
{
	e->inst = cold->inst;
	emit_label(e, cold->entry);
	emit_place_note(e);
	e->zx = cold->zx;
	if (cold->trap) {
		emit_trap(e, cold->trap);
		return;
	}
	switch (emit_inst(e)->op) {
	case X64_FMINMAX:
		emit_fminmax_cold(e);
		break;
	case X64_FROM_U64:
		emit_from_u64_cold(e);
		break;
	case X64_TRUNC:
		emit_trunc_cold(e, cold->back);
		break;
	case X64_DIVIDE:
		emit_divide_cold(e, cold->back);
		break;
	case X64_TRAP_RESULT:
		emit_trap_result_cold(e);
		return;
	default:
		emit_fail(e, NB_INTERNAL);
		return;
	}
	if (e->falls_through)
		emit_jump(e, EMIT_ALWAYS, cold->back);
}

/* --- all blocks ----------------------------------------------------------- */

static void
emit_blocks(struct emitter *e)
{
	for (e->layout_pos = 0; e->layout_pos < e->layout.count; e->layout_pos++) {
		emit_block(e, e->layout.order[e->layout_pos]);
		if (e->code.status != NB_OK)
			return;
	}
	for (uint32_t i = 0; i < e->cold_count && e->code.status == NB_OK; i++) {
		struct emit_cold cold = e->colds[i];
		emit_cold(e, &cold);
	}
}

/* --- frame ---------------------------------------------------------------- */

static enum nb_status
frame_compute(struct emitter *e)
{
	uint32_t saves = (uint32_t)__builtin_popcount(e->ra->used[RA_GPR] & NB_PRESERVED_GPRS);
	uint64_t size = 8ull * e->fn->out_slots + 8ull * e->fn->frame_slots;
	e->slots_at = (uint32_t)size;
	size += 8ull * e->ra->slot_count;
	size += 8 * saves;
	if (size < e->fn->frame_min)
		size = e->fn->frame_min;
	if (size || e->fn->has_calls)
		size += size % 16 == 8 ? 0 : 8;
	if (size > NB_FRAME_MAX)
		return NB_LIMIT_EXCEEDED;
	e->frame_size = (uint32_t)size;
	e->saves_at = (uint32_t)size - 8 * saves;
	return NB_OK;
}

enum nb_status
x64_emit(const struct x64_context *context, const struct x64_function *fn,
	 const struct ra_result *ra, struct arena *out_arena, struct arena *scratch,
	 struct x64_chunk *out)
{
	struct emitter e = {
		.context = context,
		.has_avx = context->options->cpu_features & NB_CPU_AVX,
		.fn = fn,
		.ra = ra,
		.arena = scratch,
		.code = { .arena = scratch },
		.label_count = fn->ra.block_count,
		.pool_size = fn->pool_size,
		.flags_reg = X64_NO_REG,
	};
	enum nb_status status = frame_compute(&e);
	if (status != NB_OK)
		return status;
	e.zx_in = x64_zx_analyze(fn, ra, scratch);
	status = x64_layout_compute(fn, ra, scratch, &e.layout);
	if (status != NB_OK || !e.zx_in)
		return NB_OUT_OF_MEMORY;
	emit_blocks(&e);
	if (e.code.status != NB_OK)
		return e.code.status;
	return emit_finish(&e, out_arena, out);
}
