/*
 * Emission: selected instructions with their places become code.
 *
 * Blocks are emitted in the order that layout.h gives. What an instruction
 * needs only rarely is emitted at the end of the function (struct emit_cold).
 */
#include "compiler/x64/emit.h"

#include "abi/trap.h"
#include "compiler/x64/zx.h"
#include "lib/string.h"

enum { LOOP_ALIGN = 32 };

/* --- labels, events ------------------------------------------------------- */

static void
emit_fail(struct emitter *e, enum nb_status status)
{
	if (e->code.status == NB_OK)
		e->code.status = status;
}

static void *
grow(struct emitter *e, void *array, uint32_t *cap, uint32_t size)
{
	uint32_t new_cap = *cap ? *cap * 2 : 64;
	void *grown = arena_extend_array(e->arena, array, *cap, new_cap, size, 8);
	if (!grown) {
		emit_fail(e, NB_OUT_OF_MEMORY);
		return NULL;
	}
	*cap = new_cap;
	return grown;
}

static void
add_event(struct emitter *e, enum emit_event_kind kind, uint32_t cc, uint32_t value)
{
	if (e->event_count == e->event_cap) {
		void *grown = grow(e, e->events, &e->event_cap, sizeof(*e->events));
		if (!grown)
			return;
		e->events = grown;
	}
	e->events[e->event_count++] = (struct emit_event){
		.at = e->code.len,
		.kind = (uint8_t)kind,
		.cc = (uint8_t)cc,
		.zx = e->zx,
		.value = value,
	};
}

uint32_t
emit_label_new(struct emitter *e)
{
	return e->label_count++;
}

void
emit_label(struct emitter *e, uint32_t label)
{
	add_event(e, EMIT_LABEL, 0, label);
	e->flags_reg = X64_NO_REG;
	e->falls_through = true;
}

/* Whatever is taken as known at a block's start must hold here. */
static void
check_claims(struct emitter *e, uint32_t label)
{
	if (label < e->fn->ra.block_count && e->zx_in[label] & ~e->zx)
		emit_fail(e, NB_INTERNAL);
}

void
emit_jump(struct emitter *e, uint32_t cc, uint32_t label)
{
	check_claims(e, label);
	add_event(e, EMIT_JUMP, cc, label);
	e->falls_through = cc != EMIT_ALWAYS;
}

void
emit_site(struct emitter *e, uint32_t kind)
{
	add_event(e, EMIT_SITE, 0, kind << 24 | (emit_inst(e)->wasm_offset & 0xffffff));
	e->site_count++;
}

void
emit_trap(struct emitter *e, uint32_t kind)
{
	emit_site(e, kind);
	emit_put(e, NB_FORM_UD2, &(struct x64_operands){ 0 });
}

struct emit_cold
emit_cold_add(struct emitter *e)
{
	struct emit_cold cold = {
		.inst = e->inst,
		.entry = emit_label_new(e),
		.back = emit_label_new(e),
		.zx = e->zx,
	};
	if (e->cold_count == e->cold_cap) {
		void *grown = grow(e, e->colds, &e->cold_cap, sizeof(*e->colds));
		if (!grown)
			return cold;
		e->colds = grown;
	}
	e->colds[e->cold_count++] = cold;
	return cold;
}

uint32_t
emit_trap_label(struct emitter *e, uint32_t kind)
{
	if (e->cold_count) {
		const struct emit_cold *last = &e->colds[e->cold_count - 1];
		if (last->trap == kind &&
		    e->fn->insts[last->inst].wasm_offset == emit_inst(e)->wasm_offset)
			return last->entry;
	}
	struct emit_cold cold = emit_cold_add(e);
	if (e->code.status == NB_OK)
		e->colds[e->cold_count - 1].trap = (uint8_t)kind;
	return cold.entry;
}

void
emit_call_fixup(struct emitter *e, uint32_t func_idx)
{
	add_event(e, EMIT_CALL, 0, func_idx);
	e->call_count++;
}

uint32_t
emit_table_add(struct emitter *e, uint32_t cases)
{
	uint32_t at = e->pool_size;
	if (e->table_count == e->table_cap) {
		void *grown = grow(e, e->tables, &e->table_cap, sizeof(*e->tables));
		if (!grown)
			return at;
		e->tables = grown;
	}
	e->tables[e->table_count++] = (struct emit_table){ .pool_offset = at, .block = e->block };
	e->pool_size += 4 * cases;
	return at;
}

/* --- instructions --------------------------------------------------------- */

/* What instructions do to ZF and SF, where it matters: they tell of the result,
 * or stay as they are. All others are taken to destroy them. */
enum flags_effect { FLAGS_DESTROYED, FLAGS_OF_RESULT, FLAGS_KEPT };

static const uint8_t flags_effects[NB_FORM_COUNT] = {
	[NB_FORM_ADD32] = FLAGS_OF_RESULT,  [NB_FORM_ADD32_IMM] = FLAGS_OF_RESULT,
	[NB_FORM_ADD64] = FLAGS_OF_RESULT,  [NB_FORM_ADD64_IMM] = FLAGS_OF_RESULT,
	[NB_FORM_SUB32] = FLAGS_OF_RESULT,  [NB_FORM_SUB32_IMM] = FLAGS_OF_RESULT,
	[NB_FORM_SUB64] = FLAGS_OF_RESULT,  [NB_FORM_SUB64_IMM] = FLAGS_OF_RESULT,
	[NB_FORM_AND32] = FLAGS_OF_RESULT,  [NB_FORM_AND32_IMM] = FLAGS_OF_RESULT,
	[NB_FORM_AND64] = FLAGS_OF_RESULT,  [NB_FORM_AND64_IMM] = FLAGS_OF_RESULT,
	[NB_FORM_OR32] = FLAGS_OF_RESULT,   [NB_FORM_OR32_IMM] = FLAGS_OF_RESULT,
	[NB_FORM_OR64] = FLAGS_OF_RESULT,   [NB_FORM_OR64_IMM] = FLAGS_OF_RESULT,
	[NB_FORM_XOR32] = FLAGS_OF_RESULT,  [NB_FORM_XOR32_IMM] = FLAGS_OF_RESULT,
	[NB_FORM_XOR64] = FLAGS_OF_RESULT,  [NB_FORM_XOR64_IMM] = FLAGS_OF_RESULT,
	[NB_FORM_MOV32] = FLAGS_KEPT,	    [NB_FORM_MOV64] = FLAGS_KEPT,
	[NB_FORM_MOV32_STORE] = FLAGS_KEPT, [NB_FORM_MOV64_STORE] = FLAGS_KEPT,
	[NB_FORM_MOV32_IMM] = FLAGS_KEPT,   [NB_FORM_MOV64_IMM] = FLAGS_KEPT,
	[NB_FORM_LEA32] = FLAGS_KEPT,	    [NB_FORM_LEA64] = FLAGS_KEPT,
};

/* Of float and vector instructions only comparisons touch flags: those that
 * read and write no register. */
static enum flags_effect
flags_effect_of(enum nb_form form, const struct nb_form_info *info)
{
	if (info->kind == NB_FORM_SSE_LEGACY || info->feature == NB_FEATURE_AVX)
		return info->writes == NB_WRITES_NONE && info->access == NB_ACCESS_READ
			       ? FLAGS_DESTROYED
			       : FLAGS_KEPT;
	return flags_effects[form];
}

static void
track_write(struct emitter *e, uint32_t reg, bool is_zx)
{
	uint16_t bit = (uint16_t)(1u << reg);
	e->zx = is_zx ? e->zx | bit : (uint16_t)(e->zx & ~bit);
	if (e->flags_reg == reg)
		e->flags_reg = X64_NO_REG;
}

/* Brings zx and flags_reg up to date with what an instruction writes. */
static void
track(struct emitter *e, enum nb_form form, const struct x64_operands *ops)
{
	const struct nb_form_info *info = x64_form_info(form);
	bool rm_is_reg = ops->rm.kind == X64_RM_REG;
	uint32_t written = X64_NO_REG;
	switch ((enum nb_form_writes)info->writes) {
	case NB_WRITES_REG32:
	case NB_WRITES_REG64:
		written = ops->reg;
		track_write(e, written, info->writes == NB_WRITES_REG32);
		break;
	case NB_WRITES_RM32:
	case NB_WRITES_RM64:
		if (rm_is_reg) {
			written = ops->rm.reg;
			track_write(e, written, info->writes == NB_WRITES_RM32);
		}
		break;
	case NB_WRITES_EDX:
	case NB_WRITES_RDX:
		track_write(e, NB_RDX, info->writes == NB_WRITES_EDX);
		break;
	case NB_WRITES_EAX_EDX:
	case NB_WRITES_RAX_RDX:
		track_write(e, NB_RAX, info->writes == NB_WRITES_EAX_EDX);
		track_write(e, NB_RDX, info->writes == NB_WRITES_EAX_EDX);
		break;
	case NB_WRITES_RAX:
		track_write(e, NB_RAX, false);
		break;
	case NB_WRITES_BOTH64:
		track_write(e, ops->reg, false);
		track_write(e, ops->rm.reg, false);
		break;
	case NB_WRITES_NONE:
	case NB_WRITES_REG8:
	case NB_WRITES_REG16:
	case NB_WRITES_REGX:
	case NB_WRITES_RM8:
	case NB_WRITES_RMX:
	case NB_WRITES_VVVVX:
		break;
	}
	enum flags_effect effect = flags_effect_of(form, info);
	if (effect == FLAGS_OF_RESULT) {
		e->flags_reg = (uint8_t)written;
		e->flags_wide = info->wide;
	} else if (effect == FLAGS_DESTROYED) {
		e->flags_reg = X64_NO_REG;
	}
}

static void
put(struct emitter *e, enum nb_form form, const struct x64_operands *ops)
{
	if (e->site) {
		add_event(e, EMIT_SITE, 0, e->site);
		e->site_count++;
		e->site = 0;
	}
	x64_encode(&e->code, form, ops);
	if (ops->rm.kind == X64_RM_RIP)
		add_event(e, EMIT_POOL, x64_form_info(form)->imm != NB_IMM_NONE, e->pool_ref);
	track(e, form, ops);
	e->falls_through = form != NB_FORM_RET && form != NB_FORM_UD2 && form != NB_FORM_JMP_REG &&
			   form != NB_FORM_JMP_MEM && form != NB_FORM_JMP_32;
}

void
emit_put(struct emitter *e, enum nb_form form, const struct x64_operands *ops)
{
	const struct nb_form_info *info = x64_form_info(form);
	if (!e->has_avx || info->kind != NB_FORM_SSE_LEGACY) {
		put(e, form, ops);
		return;
	}
	struct x64_operands twin = *ops;
	twin.vvvv = info->vvvv == NB_REG_XD ? ops->rm.reg : ops->reg;
	put(e, x64_form_twin(form), &twin);
}

void
emit_sse3(struct emitter *e, enum nb_form form, uint32_t d, uint32_t a, struct x64_rm b)
{
	struct x64_operands ops = { .reg = (uint8_t)d, .vvvv = (uint8_t)a, .rm = b };
	if (e->has_avx)
		form = x64_form_twin(form);
	else if (d != a)
		emit_rr(e, NB_FORM_MOVAPS, d, a);
	put(e, form, &ops);
}

void
emit_rm(struct emitter *e, enum nb_form form, uint32_t reg, struct x64_rm rm)
{
	emit_put(e, form, &(struct x64_operands){ .reg = (uint8_t)reg, .rm = rm });
}

void
emit_rr(struct emitter *e, enum nb_form form, uint32_t reg, uint32_t rm)
{
	emit_rm(e, form, reg, x64_rm_reg(rm));
}

void
emit_rm_imm(struct emitter *e, enum nb_form form, struct x64_rm rm, int64_t imm)
{
	emit_put(e, form, &(struct x64_operands){ .rm = rm, .imm = imm });
}

void
emit_r_imm(struct emitter *e, enum nb_form form, uint32_t rm, int64_t imm)
{
	emit_rm_imm(e, form, x64_rm_reg(rm), imm);
}

void
emit_zero(struct emitter *e, uint32_t reg)
{
	emit_rr(e, NB_FORM_XOR32, reg, reg);
}

void
emit_const(struct emitter *e, uint32_t reg, uint64_t value, bool is_64)
{
	if (value == 0)
		emit_zero(e, reg);
	else if (!is_64 || value <= UINT32_MAX)
		emit_put(e, NB_FORM_MOV32_IMM,
			 &(struct x64_operands){ .reg = (uint8_t)reg,
						 .imm = (int64_t)(value & UINT32_MAX) });
	else if ((int64_t)value == (int32_t)value)
		emit_r_imm(e, NB_FORM_MOV64_SIMM, reg, (int64_t)value);
	else
		emit_put(e, NB_FORM_MOV64_IMM,
			 &(struct x64_operands){ .reg = (uint8_t)reg, .imm = (int64_t)value });
}

void
emit_zero_extend(struct emitter *e, uint32_t reg)
{
	if (!(e->zx >> reg & 1))
		emit_rr(e, NB_FORM_MOV32, reg, reg);
}

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

uint32_t
emit_next_block(const struct emitter *e)
{
	uint32_t next = e->layout_pos + 1;
	return next < e->layout.count ? e->layout.order[next] : UINT32_MAX;
}

void
emit_goto(struct emitter *e, uint32_t block)
{
	if (e->layout.forward[block] != emit_next_block(e))
		emit_jump(e, EMIT_ALWAYS, e->layout.forward[block]);
}

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
		add_event(e, EMIT_PLACE, 0, emit_inst(e)->wasm_offset & 0xffffff);
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
		check_claims(e, b);
	e->block = b;
	if (e->layout.is_loop_top[b])
		add_event(e, EMIT_ALIGN, 0, LOOP_ALIGN);
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
