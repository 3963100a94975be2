/*
 * Decoding, driven by code_forms.def.
 */
#include "verifier/decode.h"

#include "lib/string.h"
#include "verifier/decode_inline.h"

/* --- rows ------------------------------------------------------------------- */

/* What each kind of WRITES does to general registers. */
enum { ALL = 0xffff, A = 1 << NB_RAX, D = 1 << NB_RDX };
#define WRITES_NONE
#define WRITES_REGX
#define WRITES_RMX
#define WRITES_REG8    .reg_written = ALL,
#define WRITES_REG16   .reg_written = ALL,
#define WRITES_REG32   .reg_written = ALL, .extended = ALL,
#define WRITES_REG64   .reg_written = ALL, .wide = ALL,
#define WRITES_RM8     .rm_written = ALL,
#define WRITES_RM32    .rm_written = ALL, .extended = ALL,
#define WRITES_RM64    .rm_written = ALL, .wide = ALL,
#define WRITES_BOTH64  .reg_written = ALL, .rm_written = ALL, .wide = ALL,
#define WRITES_EDX     .also_written = D, .extended = ALL,
#define WRITES_RDX     .also_written = D, .wide = ALL,
#define WRITES_EAX_EDX .also_written = A | D, .extended = ALL,
#define WRITES_RAX_RDX .also_written = A | D, .wide = ALL,
#define WRITES_RAX     .also_written = A, .wide = ALL,

#define IMM_BYTES(imm)                                                            \
	((imm) == NB_IMM_NONE  ? 0                                                \
	 : (imm) == NB_IMM_S16 ? 2                                                \
	 : (imm) == NB_IMM_Q64 ? 8                                                \
	 : (imm) == NB_IMM_S32 || (imm) == NB_IMM_U32 || (imm) == NB_IMM_S8_32 || \
			 (imm) == NB_IMM_REL32                                    \
		 ? 4                                                              \
		 : 1)
#define IS_NARROW(imm) ((imm) >= NB_IMM_U1 && (imm) <= NB_IMM_U5)
#define IMM_BITS(imm)  (IS_NARROW(imm) ? (imm)-NB_IMM_U1 + 1 : (imm) == NB_IMM_CMP ? 3 : 8)
#define IMM_ZERO(imm)  ((imm) == NB_IMM_IS4 ? 15 : 0xff << IMM_BITS(imm) & 0xff)
#define IS_UNSIGNED(imm)                                                     \
	((imm) == NB_IMM_U8 || (imm) == NB_IMM_U32 || (imm) == NB_IMM_IS4 || \
	 (imm) == NB_IMM_CMP || IS_NARROW(imm))
#define IS_CODED(reg)	 ((reg) >= NB_REG_G8 && (reg) <= NB_REG_X)
#define IS_GENERAL(reg)	 ((reg) == NB_REG_G8 || (reg) == NB_REG_G || (reg) == NB_REG_OPCODE)
#define IS_BYTE(reg, rm) ((reg) == NB_REG_G8 || ((rm)&NB_RM_G8) != 0)
#define IS_DIVIDE(form)                                                                    \
	((form) == NB_FORM_DIV32 || (form) == NB_FORM_IDIV32 || (form) == NB_FORM_DIV64 || \
	 (form) == NB_FORM_IDIV64)
#define IS_PORT(form) ((form) >= NB_FORM_IN8 && (form) <= NB_FORM_OUT32_IMM)
#define IS_EXTRA(kind, feature, reg, rm, imm)                                                    \
	((kind) == NB_FORM_VEX_ENCODED || (feature) != 0 || IS_BYTE(reg, rm) || (rm)&NB_RM_G0 || \
	 IS_UNSIGNED(imm))
#define FLAGS(form, kind, feature, reg, vvvv, rm, imm)                                           \
	((form) >= NB_FORM_J_8 && (form) <= NB_FORM_NOP_LONG ? VF_ROW_CONTROL : 0) |             \
		(IS_DIVIDE(form) || IS_PORT(form) || (vvvv) == NB_REG_G ? VF_ROW_RARE : 0) |     \
		((rm) != NB_RM_NONE ? VF_ROW_MODRM : 0) | (IS_BYTE(reg, rm) ? VF_ROW_BYTE : 0) | \
		(IS_UNSIGNED(imm) ? VF_ROW_UNSIGNED : 0) |                                       \
		(IS_EXTRA(kind, feature, reg, rm, imm) ? VF_ROW_EXTRA : 0)

/* What REX adds to vf_inst.registers. */
#define REX(rex) (((rex)&VF_REX_R) << 1 | ((rex)&VF_REX_B) << 11 | ((rex)&VF_REX_X) << 18)

/* Columns as values, but WRITES. */
#define VALUES(name, kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, \
	       writes)                                                                         \
	{ .info = { kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm,  \
		    NB_WRITES_##writes },                                                      \
	  .rex = (VF_REX_W | (IS_CODED(reg) ? VF_REX_R : 0) |                                  \
		  (IS_BYTE(reg, rm) ? VF_REX_BARE : 0) |                                       \
		  ((rm) != NB_RM_NONE || (reg) == NB_REG_OPCODE ? VF_REX_B : 0)),              \
	  .imm_bytes = IMM_BYTES(imm),                                                         \
	  .imm_zero = IMM_ZERO(imm),                                                           \
	  .flags = FLAGS(name, kind, feature, reg, vvvv, rm, imm),                             \
	  .imm_short = (imm) == NB_IMM_S8_32 ? 2 : 0,                                          \
	  .reg_used = IS_GENERAL(reg) ? ALL : 0,                                               \
	  .rm_used = (rm) & (NB_RM_G8 | NB_RM_G) ? ALL : 0,                                    \
	  WRITES_##writes },
#define ROW(name, kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, \
	    writes)                                                                         \
	VALUES(NB_FORM_##name, NB_FORM_##kind, NB_FEATURE_##feature, NB_PREFIX_##prefix,    \
	       NB_MAP_##map, opcode, w, NB_REG_##reg, NB_REG_##vvvv, NB_RM_##rm,            \
	       NB_ACCESS_##access, bytes, NB_IMM_##imm, writes)
const uint32_t vf_rex_registers[16] = {
	REX(0), REX(1), REX(2),	 REX(3),  REX(4),  REX(5),  REX(6),  REX(7),
	REX(8), REX(9), REX(10), REX(11), REX(12), REX(13), REX(14), REX(15),
};

const struct vf_row vf_rows[NB_FORM_COUNT + 1] = {
	{ .flags = VF_ROW_EXTRA, .rex = UINT8_MAX },
#define NB_FORM(name, text, feature, prefix, map, opcode, w, reg, ...) \
	ROW(name, LEGACY, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_LOCK(name, text, feature, prefix, map, opcode, w, reg, ...) \
	ROW(name, LOCKED, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_CC(name, text, feature, prefix, map, opcode, w, reg, ...) \
	ROW(name, CONDITION, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_VEX(name, text, ...) ROW(name, VEX_ENCODED, __VA_ARGS__)
/* The twin writes the same general registers. */
#define NB_FORM_SSE(name, text, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, writes) \
	ROW(name, SSE_LEGACY, BASE, prefix, map, opcode, w, reg, NONE, rm, access, bytes, imm,     \
	    writes)                                                                                \
	VALUES(NB_FORM_V##name, NB_FORM_VEX_ENCODED, NB_FEATURE_AVX, NB_PREFIX_##prefix,           \
	       NB_MAP_##map, opcode, w, NB_REG_##reg, NB_REG_##vvvv, NB_RM_##rm,                   \
	       NB_ACCESS_##access &NB_ACCESS_BOTH, bytes, NB_TWIN_IMM(imm), writes)
#include "abi/code_forms.def"
#undef NB_FORM
#undef NB_FORM_LOCK
#undef NB_FORM_CC
#undef NB_FORM_VEX
#undef NB_FORM_SSE
};

/* --- finding rows -------------------------------------------------------------- */

static void
enter(struct vf_decoder *decoder, const struct vf_row *row, uint32_t opcode, bool is_register)
{
	static const uint8_t encodings[] = {
		[NB_FORM_LOCKED] = VF_SPACE_LOCKED,
		[NB_FORM_VEX_ENCODED] = VF_SPACE_VEX,
		[NB_FORM_SSE_LEGACY] = 0,
	};
	const struct nb_form_info *info = &row->info;
	uint32_t wide = info->wide ? 256 : 0;
	uint16_t *page = &decoder->page_of[encodings[info->kind] | info->map << VF_SPACE_MAP |
					   info->prefix << VF_SPACE_PREFIX];

	if (!*page)
		*page = (uint16_t)(VF_PAGE * ++decoder->page_count);
	uint16_t *place = &decoder->rows[*page + 2 * (wide + opcode) + is_register];

	if (info->reg <= NB_REG_D7) {
		if (!*place)
			*place = (uint16_t)(VF_IS_GROUP | decoder->group_count++);
		place = &decoder->groups[*place & ~VF_IS_GROUP][info->reg];
	}
	*place = (uint16_t)(row - vf_rows);
}

static void
enter_both(struct vf_decoder *decoder, const struct vf_row *row, uint32_t opcode)
{
	uint32_t rm = row->info.rm, memory = NB_RM_M | NB_RM_ADDRESS;

	if (rm == NB_RM_NONE || rm & memory)
		enter(decoder, row, opcode, false);
	if (rm == NB_RM_NONE || rm & ~memory)
		enter(decoder, row, opcode, true);
}

void
vf_decoder_init(struct vf_decoder *decoder, uint32_t cpu_features)
{
	memset(decoder, 0, sizeof(*decoder));
	decoder->no_features = ~cpu_features;
	for (uint32_t form = 0; form < NB_FORM_COUNT; form++) {
		const struct nb_form_info *info = &vf_rows[form + 1].info;
		uint32_t count = 1;

		if (info->kind == NB_FORM_CONDITION)
			count = 16;
		else if (info->reg == NB_REG_OPCODE)
			count = 8;
		if (info->rm & NB_RM_TABLE)
			continue; /* a template's, which compares its bytes */
		for (uint32_t i = 0; i < count; i++)
			enter_both(decoder, &vf_rows[form + 1], info->opcode + i);
		if (info->imm == NB_IMM_S8_32)
			enter_both(decoder, &vf_rows[form + 1], info->opcode | 2u);
	}
}

/* --- the rarer parts of instructions ------------------------------------------------ */

/* VEX; what is behind it. */
static const uint8_t *
take_vex(const uint8_t *at, struct vf_head *h)
{
	uint32_t first = at[1], last = first, map = NB_MAP_0F;

	h->is_vex = true;
	h->is_vex_long = *at == 0xc4;
	h->rex = first & 0x80 ? 0 : VF_REX_R;
	if (h->is_vex_long) {
		last = at[2];
		h->rex = (~first >> 5 & 7) | (last >> 7 << 3);
		map = first & 31;
	}
	h->vvvv = (last >> 3 & 15) ^ 15;
	/* Map numbers are those of the table, in which no row has map 0; VEX.L = 0. */
	h->space = VF_SPACE_VEX;
	if (map <= NB_MAP_3A && !(last & 4))
		h->space |= map << VF_SPACE_MAP | (last & 3) << VF_SPACE_PREFIX;
	return at + (h->is_vex_long ? 3 : 2);
}

/* LOCK, one of the other prefixes, and REX if it says nothing; what is behind. */
static const uint8_t *
take_prefixes(const uint8_t *at, struct vf_head *h)
{
	static const uint8_t prefixes[256] = {
		[0x66] = NB_PREFIX_66, [0xf3] = NB_PREFIX_F3, [0xf2] = NB_PREFIX_F2
	};

	if (*at == 0xf0) {
		h->space = VF_SPACE_LOCKED;
		at++;
	}
	if (prefixes[*at])
		h->space |= (uint32_t)prefixes[*at++] << VF_SPACE_PREFIX;
	if (*at == 0x40) {
		h->rex = VF_REX_BARE;
		at++;
	}
	return at;
}

enum verifier_rule
vf_decode_special(const struct vf_decoder *decoder, const uint8_t *start, struct vf_inst *out)
{
	struct vf_head head = { 0 };
	bool is_vex = (*start & 0xfe) == 0xc4;
	const uint8_t *at = is_vex ? take_vex(start, &head) : take_prefixes(start, &head);

	return is_vex ? vf_decode_opcode(decoder, start, at, &head, out)
		      : vf_decode_rex(decoder, start, at, head, out);
}

/* VEX must be as short as possible and name no register for nothing. */
static bool
vex_is_right(const struct vf_head *h, const struct vf_inst *inst)
{
	const struct nb_form_info *info = &inst->row->info;
	bool needs_long = info->map != NB_MAP_0F || h->rex & (VF_REX_W | VF_REX_X | VF_REX_B);

	return h->is_vex_long == needs_long && (info->vvvv != NB_REG_NONE || h->vvvv == 0);
}

/* The 8-bit registers 4 to 7 need a REX, and only they may have one that says
 * nothing else. */
static bool
byte_is_right(uint32_t rex, const struct vf_inst *inst)
{
	const struct nb_form_info *info = &inst->row->info;
	bool reg_needs = info->reg == NB_REG_G8 && inst->reg >= 4;
	bool rm_needs = info->rm & NB_RM_G8 && inst->operand == VF_REGISTER && inst->base >= 4;

	if (rex & ~(uint32_t)VF_REX_BARE)
		return !(rex & VF_REX_BARE);
	return (rex != 0) == (reg_needs || rm_needs);
}

enum verifier_rule
vf_check_extra(const struct vf_decoder *decoder, const struct vf_head *head, struct vf_inst *inst)
{
	const struct vf_row *row = inst->row;

	if (row == vf_rows)
		return VERIFIER_INSTRUCTION;
	inst->vvvv = head->vvvv;
	if (row->flags & VF_ROW_UNSIGNED)
		inst->imm &= row->imm_bytes == 1 ? UINT8_MAX : UINT32_MAX;
	if (inst->imm & row->imm_zero)
		return VERIFIER_ENCODING;
	if (row->flags & VF_ROW_BYTE && !byte_is_right(head->rex, inst))
		return VERIFIER_ENCODING;
	if (head->is_vex && !vex_is_right(head, inst))
		return VERIFIER_ENCODING;
	if (row->info.rm & NB_RM_G0 && inst->base != 0)
		return VERIFIER_ENCODING;
	return row->info.feature & decoder->no_features ? VERIFIER_FEATURE : VERIFIER_NONE;
}

enum verifier_rule
vf_decode(const struct vf_decoder *decoder, const uint8_t *at, uint32_t room, struct vf_inst *out)
{
	uint8_t padded[VF_READ_BYTES];

	if (room >= VF_READ_BYTES)
		return vf_decode_inline(decoder, at, out);
	memset(padded, 0, sizeof(padded));
	memcpy(padded, at, room);
	enum verifier_rule rule = vf_decode_inline(decoder, padded, out);

	if (rule == VERIFIER_NONE && out->len > room)
		return VERIFIER_INSTRUCTION;
	return rule;
}
