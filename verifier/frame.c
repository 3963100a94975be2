/*
 * Prologues and epilogues; tail calls, which end with one.
 */
#include "verifier/scan.h"

#include "lib/string.h"

enum { SAVES_MAX = 4, WORD = 8 };

/* --- prologue -------------------------------------------------------------------- */

/* One word touched in every interval, from the top downward. */
static bool
check_probes(struct scan *s)
{
	int64_t at = s->frame;

	if (at <= NB_PROBE_INTERVAL)
		return true;
	while (at > 0) {
		at = at > NB_PROBE_INTERVAL ? at - NB_PROBE_INTERVAL : 0;
		if (!scan_next(s) ||
		    !scan_require(s, scan_is_memory(&s->inst, NB_FORM_TEST32, NB_RAX, NB_RSP, at),
				  VERIFIER_FRAME))
			return false;
	}
	return true;
}

/* The bytes of mov [rsp + …], reg (opcode 89) or mov reg, [rsp + …] (8b), all 64 bits, if
 * this is what stands at `at`, or else 0. Code that could be right has 8 more there. */
static uint32_t
word_at(const struct scan *s, uint32_t at, uint32_t opcode, uint32_t *reg, int32_t *disp)
{
	uint64_t word, plain = 0x24040048 | opcode << 8;

	if (at + sizeof(word) > s->size)
		return 0;
	memcpy(&word, s->code + at, sizeof(word));
	uint32_t mod = word >> 22 & 3;

	/* All but REX.R, reg and mod. */
	if ((word & 0xff07fffb) != plain || mod == 3)
		return 0;
	*reg = (uint32_t)((word >> 19 & 7) | (word & VF_REX_R) << 1);
	*disp = mod == 0 ? 0 : mod == 1 ? vf_short(word >> 32) : (int32_t)(word >> 32);
	/* As short as it can be. */
	if (mod != (*disp == 0 ? 0u : *disp == vf_short((uint32_t)*disp) ? 1u : 2u))
		return 0;
	return 4 + mod * mod;
}

/* mov [rsp + …], reg: saves of preserved registers, in their order, which fill
 * the top of the frame. A store that is none of them ends them. */
static bool
take_saves(struct scan *s)
{
	uint32_t len, reg, behind = s->at + s->inst.len, at = 0;
	int32_t disp;

	while ((len = word_at(s, behind, 0x89, &reg, &disp)) != 0) {
		if (!(NB_PRESERVED_GPRS >> reg & 1) || s->saved >> reg)
			break;
		if (s->saved == 0) {
			int64_t room = (int64_t)s->frame - disp;

			if (disp < 0 || room <= 0 || room > WORD * SAVES_MAX || room % WORD)
				break;
			s->saved_at = at = (uint32_t)disp;
		} else if (at == s->frame || disp != (int64_t)at) {
			break;
		}
		behind += len;
		s->saved |= (uint16_t)(1u << reg);
		at += WORD;
	}
	s->own_at = behind;
	s->stop &= ~((uint64_t)s->saved << VF_WRITTEN);
	return scan_require(s, s->saved == 0 || at == s->frame, VERIFIER_FRAME);
}

/* The current instruction adds or subtracts the frame. */
static bool
is_adjusted(struct scan *s, enum nb_form form)
{
	return scan_require(s, scan_is_immediate(&s->inst, form, NB_RSP, s->frame), VERIFIER_FRAME);
}

bool
scan_prologue(struct scan *s)
{
	if (s->frame == 0)
		return true;
	return scan_require(s, s->frame % 16 == 8 && s->frame <= NB_FRAME_MAX, VERIFIER_FRAME) &&
	       scan_next(s) && is_adjusted(s, NB_FORM_SUB64_IMM) && check_probes(s) &&
	       take_saves(s);
}

/* --- epilogue --------------------------------------------------------------------- */

static bool
take_restores(struct scan *s)
{
	uint32_t at = s->saved_at, reg;
	int32_t disp;

	if (!s->saved)
		return true;
	for (uint32_t saved = s->saved; saved; saved &= saved - 1) {
		uint32_t len = word_at(s, s->at, 0x8b, &reg, &disp);

		if (!len || reg != (uint32_t)__builtin_ctz(saved) || disp != (int64_t)at)
			return scan_refuse(s, VERIFIER_FRAME);
		s->at += len;
		at += WORD;
	}
	s->inst.len = 0;
	return scan_next(s);
}

/* add rsp, F, if there is a frame; the current instruction is behind it afterwards. */
static bool
take_frame_end(struct scan *s)
{
	return s->frame == 0 || (is_adjusted(s, NB_FORM_ADD64_IMM) && scan_next(s));
}

bool
scan_is_epilogue(const struct scan *s)
{
	const struct vf_inst *inst = &s->inst;

	if (s->saved)
		return scan_is_memory(inst, NB_FORM_MOV64, inst->reg, NB_RSP, inst->disp) &&
		       inst->disp >= (int64_t)s->saved_at && inst->disp < (int64_t)s->frame;
	if (s->frame)
		return scan_is_immediate(inst, NB_FORM_ADD64_IMM, NB_RSP, inst->imm) ||
		       scan_is_lea_rip(inst);
	if (vf_form(inst) == NB_FORM_JMP_32) {
		int64_t target = scan_branch_target(s);

		return (target <= 0 || target >= s->size) && scan_entry_area(s, target) >= 0;
	}
	return vf_form(inst) == NB_FORM_RET;
}

/* --- tail calls -------------------------------------------------------------------- */

bool
scan_area_fits(struct scan *s, uint32_t slots)
{
	return scan_require(s, (uint64_t)WORD * slots <= s->saved_at, VERIFIER_AREA);
}

/* movabs r10, word; jmp [r15 + stub]; the current instruction is the first. */
static bool
take_stub(struct scan *s, uint32_t area_slots, int64_t stub)
{
	uint64_t word = (uint64_t)s->inst.imm;
	uint32_t results = word >> 32 & 0xfff;

	bool is_move = vf_form(&s->inst) == NB_FORM_MOV64_IMM && s->inst.reg == NB_REG_INDEX;
	/* Such a frame has room for the area, below the saves too. */
	bool fits = word == nb_tail_word(s->frame, results, area_slots) &&
		    WORD * results <= s->area && results <= area_slots &&
		    s->frame >= nb_tail_frame_bytes(area_slots);

	scan_stop(s);
	return scan_require(s, is_move, VERIFIER_TEMPLATE) &&
	       scan_require(s, fits, VERIFIER_AREA) &&
	       scan_step_memory(s, NB_FORM_JMP_MEM, 0, NB_REG_VMCTX, stub);
}

bool
scan_hard(struct scan *s, uint32_t area_slots)
{
	return take_restores(s) && take_stub(s, area_slots, NB_VMCTX_TAIL);
}

/* The template `grow`; the current instruction is the lea. */
static bool
take_grow(struct scan *s)
{
	int32_t area_slots = scan_entry_area(s, (int64_t)s->at + s->inst.len + s->inst.disp);

	if (area_slots < 0)
		return scan_refuse(s, VERIFIER_CALL);
	return scan_next(s) && take_stub(s, (uint32_t)area_slots, NB_VMCTX_TAIL_GROW);
}

/* The frame has gone; a direct jump to another function. */
static bool
take_tail_jump(struct scan *s)
{
	int32_t area_slots = scan_entry_area(s, scan_branch_target(s));

	if (area_slots < 0)
		return scan_refuse(s, VERIFIER_CALL);
	return scan_require(s, WORD * (uint32_t)area_slots <= s->area, VERIFIER_AREA);
}

bool
scan_epilogue(struct scan *s)
{
	scan_stop(s);
	if (!take_restores(s))
		return false;
	if (scan_is_lea_rip(&s->inst))
		return take_grow(s);
	if (!take_frame_end(s))
		return false;
	if (vf_form(&s->inst) == NB_FORM_JMP_32)
		return take_tail_jump(s);
	return scan_require(s, vf_form(&s->inst) == NB_FORM_RET, VERIFIER_FRAME);
}

/* mov r11, [rsp + 8 * i]; mov [rsp + F + 8 + 8 * i], r11, for rising i. */
static bool
take_copies(struct scan *s)
{
	int64_t least = 0;

	while (scan_is_memory(&s->inst, NB_FORM_MOV64, NB_REG_CALLEE, NB_RSP, s->inst.disp)) {
		int64_t from = s->inst.disp;

		bool is_right = from >= least && from % WORD == 0 && from + WORD <= s->saved_at &&
				from + WORD <= s->area;

		if (!scan_require(s, is_right, VERIFIER_STACK) ||
		    !scan_step_memory(s, NB_FORM_MOV64_STORE, NB_REG_CALLEE, NB_RSP,
				      (int64_t)s->frame + WORD + from) ||
		    !scan_next(s))
			return false;
		least = from + WORD;
	}
	return true;
}

bool
scan_own_tail(struct scan *s, uint32_t area_slots, int64_t foreign)
{
	if (!scan_require(s, WORD * area_slots <= s->area, VERIFIER_AREA) || !take_copies(s) ||
	    !take_restores(s) || !take_frame_end(s))
		return false;
	if (!scan_is_memory(&s->inst, NB_FORM_JMP_MEM, 0, NB_REG_INDEX, NB_CALLEE_CODE) ||
	    foreign != (int64_t)s->at + s->inst.len)
		return scan_refuse(s, VERIFIER_TEMPLATE);
	return scan_next(s);
}
