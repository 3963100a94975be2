/*
 * The scan over a function, and the instructions of which nearly all code consists.
 *
 * These are decoded and checked here in one go. What is not one of them, not in its
 * one encoding, or not obviously right is looked at from its start by operand.c, which
 * would say the same of all that is accepted here. As what comes next in code is hard
 * to predict, choices are made by arithmetic where that is possible.
 */
#include "verifier/scan.h"

#include "lib/string.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Bytes of one entry of the vmctx's array of globals. */
enum { ENTRY_BYTES = 16 };

struct head {
	uint64_t word; /* from the opcode on */
	uint32_t rex;
	uint32_t opcode;     /* of vf_decoder.opcodes */
	uint32_t opcode_end; /* bytes up to the opcode, and it */
};

/* --- operands ------------------------------------------------------------------------ */

/* Whether [r15 + …] lies in a global that is read and written in place. */
static ALWAYS_INLINE bool
is_variable(const struct scan *s, int64_t disp, uint32_t bytes)
{
	uint64_t at = (uint64_t)(disp - s->facts->layout.globals);

	return at / ENTRY_BYTES < s->facts->counts.globals &&
	       at % ENTRY_BYTES + bytes <= ENTRY_BYTES &&
	       s->facts->globals[at / ENTRY_BYTES] == VERIFIER_GLOBAL_VARIABLE;
}

/* An access to memory 0, to the frame below the saved registers, or to a variable. An
 * index of NB_RSP stands for SIB that says that there is none. */
static ALWAYS_INLINE bool
is_access(struct scan *s, uint32_t base, uint32_t index, int32_t disp, uint32_t bytes)
{
	if (base == NB_REG_MEMORY_BASE) {
		if (!(s->zx >> index & 1) || (uint32_t)disp > NB_DISPLACEMENT_MAX ||
		    !scan_has_site(s, s->at, NB_TRAP_MEMORY_OUT_OF_BOUNDS))
			return false;
		s->site++;
		return true;
	}
	if (base == NB_RSP)
		return index == NB_RSP && (uint64_t)(uint32_t)disp + bytes <= s->saved_at;
	return base == NB_REG_VMCTX && index == VF_NO_REG && is_variable(s, disp, bytes);
}

/* --- instructions: their bytes, or 0 if they are not common or not right ------------------ */

static ALWAYS_INLINE uint32_t
common_memory(struct scan *s, const struct head *h, const struct vf_row *row, uint32_t imm_bytes,
	      bool is_address)
{
	uint32_t modrm = h->word >> 8 & UINT8_MAX;
	const struct vf_modrm *m = &s->decoder->modrms[modrm];
	uint32_t rm = h->word >> m->rm_shift & UINT8_MAX; /* SIB or else ModRM */
	uint32_t base = (rm & 7) | (h->rex & VF_REX_B) << 3;
	uint32_t index = (((rm >> 3 & 7) | (h->rex & VF_REX_X) << 2) & m->index) | m->no_index;
	uint64_t reg = vf_sets((modrm >> 3 & 7) | (h->rex & VF_REX_R) << 1);
	uint64_t effect = (reg & row->on_reg) | row->on_others;
	int32_t disp;

	memcpy(&disp, s->code + s->at + h->opcode_end + 1 + m->has_sib, sizeof(disp));
	int32_t near = (int8_t)disp, far = disp & m->far;

	disp = (near & m->near) | far;
	/* The last: 1 byte is 0 and could be none, or 4 bytes could be 1. */
	if (h->rex & (row->no_rex | m->no_rex) || effect & s->stop ||
	    ((near ^ far) | m->is_none) == 0)
		return 0;
	if (is_address) {
		if ((1u << base | 1u << index) & SCAN_PINNED_GPRS ||
		    (m->is_none && (rm & 7) == NB_RBP))
			return 0;
	} else if (rm & m->scale || !is_access(s, base, index, disp, row->info.bytes)) {
		return 0;
	}
	scan_apply(s, effect);
	return h->opcode_end + m->bytes + imm_bytes;
}

static ALWAYS_INLINE uint32_t
common_modrm(struct scan *s, const struct head *h, uint32_t imm_bytes)
{
	uint32_t modrm = h->word >> 8 & UINT8_MAX;
	uint32_t entry = s->decoder->rows[(h->opcode & UINT16_MAX) + (modrm >> 3)];
	const struct vf_row *row = &vf_rows[entry & VF_ROW_MASK];

	if (entry & VF_ROW_OTHER)
		return 0;
	if (modrm < 0xc0)
		return common_memory(s, h, row, imm_bytes, false);
	uint64_t reg = vf_sets((modrm >> 3 & 7) | (h->rex & VF_REX_R) << 1);
	uint64_t rm = vf_sets((modrm & 7) | (h->rex & VF_REX_B) << 3);
	uint64_t effect = (reg & row->on_reg) | (rm & row->on_rm) | row->on_others;

	if (h->rex & (row->no_rex | VF_REX_X) || effect & s->stop)
		return 0;
	scan_apply(s, effect);
	return h->opcode_end + 1 + imm_bytes;
}

/* lea, and long no-operations */
static ALWAYS_INLINE uint32_t
common_address(struct scan *s, const struct head *h)
{
	uint32_t entry = s->decoder->rows[(h->opcode & UINT16_MAX) + (h->word >> 11 & 31)];

	return entry & VF_ROW_OTHER ? 0 : common_memory(s, h, &vf_rows[entry], 0, true);
}

/* mov r32, constant */
static ALWAYS_INLINE uint32_t
common_constant(struct scan *s, const struct head *h)
{
	uint32_t reg = (h->word & 7) | (h->rex & VF_REX_B) << 3;
	uint64_t effect = vf_sets(reg) & vf_rows[NB_FORM_MOV32_IMM + 1].on_reg;

	if (h->rex & (VF_REX_R | VF_REX_X) || effect & s->stop)
		return 0;
	scan_apply(s, effect);
	return h->opcode_end + 4;
}

/* Branches, jumps that are no tail calls, direct calls, traps; false if it is refused. */
static ALWAYS_INLINE bool
common_control(struct scan *s, const struct head *h, uint32_t shape, uint32_t *behind)
{
	uint32_t imm_bytes = h->opcode >> VF_OPCODE_IMM;
	int32_t distance;

	if (shape == VF_SHAPE_OTHER || h->rex || (shape == VF_SHAPE_JUMP && s->frame == 0))
		return true;
	memcpy(&distance, s->code + s->at + h->opcode_end, sizeof(distance));
	distance = imm_bytes == 1 ? (int8_t)distance : distance;
	*behind += h->opcode_end + imm_bytes;
	if (shape == VF_SHAPE_TRAP)
		return scan_trap(s);
	if (shape == VF_SHAPE_CALL)
		return scan_direct_call(s, (int64_t)*behind + distance, *behind);
	if (shape == VF_SHAPE_JUMP)
		s->is_reached = false;
	return scan_edge(s, (int64_t)*behind + distance, s->zx, false);
}

/* The instruction at *at, which is s->at; if it is common, *at is behind it afterwards.
 * False if it is refused. */
static ALWAYS_INLINE bool
take_common(struct scan *s, uint32_t *at)
{
	const uint32_t *page = s->decoder->opcodes + VF_PAGE_ONE;
	struct head h;

	memcpy(&h.word, s->code + *at, sizeof(h.word));
	uint32_t rex = (h.word & UINT8_MAX) ^ VF_REX_BARE;
	uint32_t is_rex = (uint32_t)((int32_t)(rex - 16) >> 31); /* all bits */

	if (rex == 0)
		return true;
	h.rex = rex & is_rex;
	h.opcode_end = 1 - is_rex;
	h.word >>= is_rex & 8;
	if ((h.word & UINT8_MAX) == 0x0f) {
		page = s->decoder->opcodes + VF_PAGE_0F;
		h.word >>= 8;
		h.opcode_end++;
	}
	h.opcode = page[((h.rex & VF_REX_W) << 5) + (h.word & UINT8_MAX)];
	uint32_t shape = h.opcode >> VF_OPCODE_SHAPE & UINT8_MAX;

	if (shape == VF_SHAPE_MODRM)
		*at += common_modrm(s, &h, 0);
	else if (shape == VF_SHAPE_MODRM_IMM)
		*at += common_modrm(s, &h, h.opcode >> VF_OPCODE_IMM);
	else if (shape == VF_SHAPE_CONSTANT)
		*at += common_constant(s, &h);
	else if (shape == VF_SHAPE_ADDRESS)
		*at += common_address(s, &h);
	else
		return common_control(s, &h, shape, at);
	return true;
}

/* --- all ---------------------------------------------------------------------------- */

/* The instruction or sequence at *at, which is s->at; likewise. */
static bool
take_any(struct scan *s, uint32_t *at)
{
	s->inst.len = 0;
	if (!scan_next(s) ||
	    !(s->inst.row->flags & VF_ROW_CONTROL ? scan_control(s) : scan_computation(s)))
		return false;
	*at = s->at + s->inst.len;
	return true;
}

bool
scan_body(struct scan *s)
{
	if (!scan_prologue(s))
		return false;
	uint32_t at = s->at + s->inst.len;

	while (at < s->size) {
		s->before = s->at;
		s->at = at;
		if ((s->marks[at] || !s->is_reached) && !scan_join(s))
			return false;
		if (at < s->fast_end && !take_common(s, &at))
			return false;
		if (at == s->at && !take_any(s, &at))
			return false;
	}
	/* The last instruction may be longer than the function. */
	if (at > s->size)
		return scan_refuse(s, VERIFIER_INSTRUCTION);
	if (s->is_reached)
		return scan_refuse(s, VERIFIER_END);
	if (s->pending)
		return scan_refuse(s, VERIFIER_LABEL);
	if (s->claims)
		return scan_refuse(s, VERIFIER_CLAIM);
	if (s->site != s->site_end)
		return scan_refuse(s, VERIFIER_SITE);
	return true;
}
