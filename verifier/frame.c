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
		if (!scan_next(s))
			return false;
		if (!scan_is_memory(&s->inst, NB_FORM_TEST32, NB_RAX, NB_RSP, at))
			return scan_refuse(s, VERIFIER_FRAME);
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

bool
scan_prologue(struct scan *s)
{
	if (s->frame == 0)
		return true;
	if (s->frame % 16 != 8 || s->frame > NB_FRAME_MAX)
		return scan_refuse(s, VERIFIER_FRAME);
	if (!scan_next(s))
		return false;
	if (!scan_is_immediate(&s->inst, NB_FORM_SUB64_IMM, NB_RSP, s->frame))
		return scan_refuse(s, VERIFIER_FRAME);
	return check_probes(s) && take_saves(s);
}

/* --- epilogue --------------------------------------------------------------------- */

bool
scan_restores(struct scan *s)
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

bool
scan_frame_end(struct scan *s)
{
	if (s->frame == 0)
		return true;
	if (!scan_is_immediate(&s->inst, NB_FORM_ADD64_IMM, NB_RSP, s->frame))
		return scan_refuse(s, VERIFIER_FRAME);
	return scan_next(s);
}

bool
scan_is_epilogue(const struct scan *s)
{
	const struct vf_inst *inst = &s->inst;
	uint32_t callee;

	if (s->saved)
		return scan_is_memory(inst, NB_FORM_MOV64, inst->reg, NB_RSP, inst->disp) &&
		       inst->disp >= (int64_t)s->saved_at && inst->disp < (int64_t)s->frame;
	if (s->frame)
		return scan_is_immediate(inst, NB_FORM_ADD64_IMM, NB_RSP, inst->imm) ||
		       scan_is_lea_rip(inst);
	if (vf_form(inst) == NB_FORM_JMP_32) {
		int64_t target = scan_branch_target(s);

		return (target <= 0 || target >= s->size) && scan_find_entry(s, target, &callee);
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

	if (vf_form(&s->inst) != NB_FORM_MOV64_IMM || s->inst.reg != NB_REG_INDEX)
		return scan_refuse(s, VERIFIER_TEMPLATE);
	if (word != nb_tail_word(s->frame, results, area_slots) || WORD * results > s->area ||
	    results > area_slots || s->frame < nb_tail_frame_bytes(area_slots))
		return scan_refuse(s, VERIFIER_AREA);
	scan_stop(s); /* such a frame has room for the area, below the saves too */
	return scan_step_memory(s, NB_FORM_JMP_MEM, 0, NB_REG_VMCTX, stub);
}

bool
scan_hard(struct scan *s, uint32_t area_slots)
{
	return scan_restores(s) && take_stub(s, area_slots, NB_VMCTX_TAIL);
}

/* The template `grow`; the current instruction is the lea. */
static bool
take_grow(struct scan *s)
{
	uint32_t callee;
	int64_t target = (int64_t)s->at + s->inst.len + s->inst.disp;

	if (!scan_find_entry(s, target, &callee))
		return scan_refuse(s, VERIFIER_CALL);
	return scan_next(s) && take_stub(s, s->facts->function_areas[callee], NB_VMCTX_TAIL_GROW);
}

/* The frame has gone; a direct jump to another function. */
static bool
take_tail_jump(struct scan *s)
{
	uint32_t callee;

	if (!scan_find_entry(s, scan_branch_target(s), &callee))
		return scan_refuse(s, VERIFIER_CALL);
	return scan_require(s, WORD * (uint32_t)s->facts->function_areas[callee] <= s->area,
			    VERIFIER_AREA);
}

bool
scan_epilogue(struct scan *s)
{
	scan_stop(s);
	if (!scan_restores(s))
		return false;
	if (scan_is_lea_rip(&s->inst))
		return take_grow(s);
	if (!scan_frame_end(s))
		return false;
	if (vf_form(&s->inst) == NB_FORM_JMP_32)
		return take_tail_jump(s);
	return scan_require(s, vf_form(&s->inst) == NB_FORM_RET, VERIFIER_FRAME);
}

/* mov r11, [rsp + 8 * i]; mov [rsp + F + 8 + 8 * i], r11, for rising i. */
bool
scan_copies(struct scan *s)
{
	int64_t least = 0;

	while (scan_is_memory(&s->inst, NB_FORM_MOV64, NB_REG_CALLEE, NB_RSP, s->inst.disp)) {
		int64_t from = s->inst.disp;

		if (from < least || from % WORD || from + WORD > s->saved_at ||
		    from + WORD > s->area)
			return scan_refuse(s, VERIFIER_STACK);
		if (!scan_step_memory(s, NB_FORM_MOV64_STORE, NB_REG_CALLEE, NB_RSP,
				      (int64_t)s->frame + WORD + from) ||
		    !scan_next(s))
			return false;
		least = from + WORD;
	}
	return true;
}
