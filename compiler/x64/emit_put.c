/*
 * What all of emission adds to a function's code: instructions, with what is known of registers
 * and flags behind them; labels, jumps and other events; code out of line; jump tables.
 */
#include "compiler/x64/emit.h"

/* --- labels, events ------------------------------------------------------- */

void
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

void
emit_event_add(struct emitter *e, enum emit_event_kind kind, uint32_t cc, uint32_t value)
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
	emit_event_add(e, EMIT_LABEL, 0, label);
	e->flags_reg = X64_NO_REG;
	e->falls_through = true;
}

void
emit_check_claims(struct emitter *e, uint32_t label)
{
	if (label < e->fn->ra.block_count && e->zx_in[label] & ~e->zx)
		emit_fail(e, NB_INTERNAL);
}

void
emit_jump(struct emitter *e, uint32_t cc, uint32_t label)
{
	emit_check_claims(e, label);
	emit_event_add(e, EMIT_JUMP, cc, label);
	e->falls_through = cc != EMIT_ALWAYS;
}

void
emit_site(struct emitter *e, uint32_t kind)
{
	emit_event_add(e, EMIT_SITE, 0, kind << 24 | (emit_inst(e)->wasm_offset & 0xffffff));
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
	emit_event_add(e, EMIT_CALL, 0, func_idx);
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
		emit_event_add(e, EMIT_SITE, 0, e->site);
		e->site_count++;
		e->site = 0;
	}
	x64_encode(&e->code, form, ops);
	if (ops->rm.kind == X64_RM_RIP)
		emit_event_add(e, EMIT_POOL, x64_form_info(form)->imm != NB_IMM_NONE, e->pool_ref);
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
