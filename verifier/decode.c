/*
 * Decoding, driven by code_forms.def.
 */
#include "verifier/decode.h"

#include "lib/string.h"

/* --- rows ------------------------------------------------------------------- */

/* Effects of a row. */
#define SETS(registers, effect) ((uint64_t)(registers) << VF_##effect)
#define ALL(condition, effect)	((condition) ? SETS(0xffff, effect) : 0)
#define IS(writes, kind)	((writes) == NB_WRITES_##kind)
#define EXTENDS(writes)		(IS(writes, REG32) || IS(writes, RM32))
#define WIDENS(writes)		(IS(writes, REG64) || IS(writes, RM64) || IS(writes, BOTH64))
#define WRITES_REG(writes)                                                                  \
	(IS(writes, REG8) || IS(writes, REG16) || IS(writes, REG32) || IS(writes, REG64) || \
	 IS(writes, BOTH64))
#define WRITES_RM(writes) \
	(IS(writes, RM8) || IS(writes, RM32) || IS(writes, RM64) || IS(writes, BOTH64))
#define NAMED(is_used, is_written, writes)                \
	(ALL(is_used, USED) | ALL(is_written, WRITTEN) |  \
	 ALL((is_written) && EXTENDS(writes), EXTENDED) | \
	 ALL((is_written) && WIDENS(writes), WIDE))
#define FIXED(writes)                                                           \
	(IS(writes, EAX_EDX) || IS(writes, RAX_RDX) ? 1 << NB_RAX | 1 << NB_RDX \
	 : IS(writes, RAX)			    ? 1 << NB_RAX               \
	 : IS(writes, EDX) || IS(writes, RDX)	    ? 1 << NB_RDX               \
						    : 0)
#define UNNAMED(writes)                                                          \
	(SETS(FIXED(writes), WRITTEN) |                                          \
	 (IS(writes, EDX) || IS(writes, EAX_EDX) ? SETS(FIXED(writes), EXTENDED) \
						 : SETS(FIXED(writes), WIDE)))

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
#define IS_EXTRA(kind, feature, rm, imm) \
	((kind) == NB_FORM_VEX_ENCODED || (feature) != 0 || (rm)&NB_RM_G0 || IMM_ZERO(imm))
#define FLAGS(form, kind, feature, reg, vvvv, rm, imm)                                           \
	((form) >= NB_FORM_J_8 && (form) <= NB_FORM_NOP_LONG ? VF_ROW_CONTROL : 0) |             \
		(IS_DIVIDE(form) || IS_PORT(form) || (vvvv) == NB_REG_G ? VF_ROW_RARE : 0) |     \
		((rm) != NB_RM_NONE ? VF_ROW_MODRM : 0) | (IS_BYTE(reg, rm) ? VF_ROW_BYTE : 0) | \
		(IS_UNSIGNED(imm) ? VF_ROW_UNSIGNED : 0) |                                       \
		(IS_EXTRA(kind, feature, rm, imm) ? VF_ROW_EXTRA : 0)

#define SHAPE(form, rm, imm)                                                       \
	((form) == NB_FORM_J_8 || (form) == NB_FORM_J_32       ? VF_SHAPE_BRANCH   \
	 : (form) == NB_FORM_JMP_8 || (form) == NB_FORM_JMP_32 ? VF_SHAPE_JUMP     \
	 : (form) == NB_FORM_CALL_32			       ? VF_SHAPE_CALL     \
	 : (form) == NB_FORM_UD2			       ? VF_SHAPE_TRAP     \
	 : (form) == NB_FORM_NOP			       ? VF_SHAPE_NOP      \
	 : (form) == NB_FORM_MOV32_IMM			       ? VF_SHAPE_CONSTANT \
	 : (rm) == NB_RM_NONE				       ? VF_SHAPE_OTHER    \
							       : VF_SHAPE_MODRM)

/* Columns as values. */
#define VALUES(name, kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm,    \
	       writes)                                                                            \
	{ .info = { kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm,     \
		    writes },                                                                     \
	  .no_rex =                                                                               \
		  (uint8_t) ~(VF_REX_ANY | VF_REX_X | VF_REX_W | (IS_CODED(reg) ? VF_REX_R : 0) | \
			      (IS_BYTE(reg, rm) ? VF_REX_BARE : 0) |                              \
			      ((rm) != NB_RM_NONE || (reg) == NB_REG_OPCODE ? VF_REX_B : 0)),     \
	  .no_x = (uint8_t) ~(VF_REX_ANY | VF_REX_W | VF_REX_B | (IS_CODED(reg) ? VF_REX_R : 0)), \
	  .shape = SHAPE(name, rm, imm),                                                          \
	  .imm_bytes = IMM_BYTES(imm),                                                            \
	  .imm_short = (imm) == NB_IMM_S8_32 ? 2 : 0,                                             \
	  .imm_zero = IMM_ZERO(imm),                                                              \
	  .places = VF_PLACE_KINDS * VF_LIMIT_BYTES * ((rm)&NB_RM_ADDRESS ? 2 : 1),               \
                                                                                                  \
	  .flags = FLAGS(name, kind, feature, reg, vvvv, rm, imm),                                \
	  .on_reg = NAMED(IS_GENERAL(reg), WRITES_REG(writes), writes),                           \
	  .on_rm = NAMED((rm) & (NB_RM_G8 | NB_RM_G), WRITES_RM(writes), writes),                 \
	  .on_others = UNNAMED(writes) },
#define ROW(name, kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, \
	    writes)                                                                         \
	VALUES(NB_FORM_##name, NB_FORM_##kind, NB_FEATURE_##feature, NB_PREFIX_##prefix,    \
	       NB_MAP_##map, opcode, w, NB_REG_##reg, NB_REG_##vvvv, NB_RM_##rm,            \
	       NB_ACCESS_##access, bytes, NB_IMM_##imm, NB_WRITES_##writes)

/* --- by one byte ---------------------------------------------------------------- */

/* M(at) … M(at + 2^n - 1) */
#define BITS1(M, at)  M(at) M((at) + 1)
#define BITS2(M, at)  BITS1(M, at) BITS1(M, (at) + 2)
#define BITS4(M, at)  BITS2(M, at) BITS2(M, (at) + 4) BITS2(M, (at) + 8) BITS2(M, (at) + 12)
#define BITS6(M, at)  BITS4(M, at) BITS4(M, (at) + 16) BITS4(M, (at) + 32) BITS4(M, (at) + 48)
#define BITS8(M, at)  BITS6(M, at) BITS6(M, (at) + 64) BITS6(M, (at) + 128) BITS6(M, (at) + 192)
#define BITS10(M, at) BITS8(M, at) BITS8(M, (at) + 256) BITS8(M, (at) + 512) BITS8(M, (at) + 768)

/* REX, but for the one that says nothing. */
#define IS_REX(byte) ((byte) > VF_REX_BARE && (byte) < VF_REX_BARE + 16)
#define HEAD(byte)                                                     \
	[byte] = { .shift = IS_REX(byte) ? 8 : 0,                      \
		   .end = IS_REX(byte) ? 2 : 1,                        \
		   .r = IS_REX(byte) ? ((byte)&VF_REX_R) << 1 : 0,     \
		   .b = IS_REX(byte) ? ((byte)&VF_REX_B) << 3 : 0,     \
		   .rex = VF_REX_ANY | (IS_REX(byte) ? (byte)&15 : 0), \
		   .page = IS_REX(byte) ? ((byte)&VF_REX_W) << 5 : 0,  \
		   .xb = IS_REX(byte) ? ((byte) & (VF_REX_X | VF_REX_B)) << 8 : 0 },

#define MOD(modrm)     ((modrm) >> 6)
#define HAS_SIB(modrm) (MOD(modrm) != 3 && ((modrm)&7) == NB_RSP)
#define MODRM(modrm)                                                                               \
	[modrm] = { .near = MOD(modrm) == 1 ? -1 : 0,                                              \
		    .far = MOD(modrm) == 2 ? -1 : 0,                                               \
		    .is_none = MOD(modrm) == 0 ? -1 : 0,                                           \
		    .sib = HAS_SIB(modrm) ? VF_PLACE_SIB : 0,                                      \
		    .bytes = 1 + HAS_SIB(modrm) + (MOD(modrm) == 3 ? 0 : MOD(modrm) * MOD(modrm)), \
		    .disp_at = 1 + HAS_SIB(modrm),                                                 \
		    .no_rex = HAS_SIB(modrm) ? 0 : VF_REX_X,                                       \
		    .rm_shift = 8 + 8 * HAS_SIB(modrm),                                            \
		    .digit = (modrm) >> 3 & 7,                                                     \
		    .row = ((modrm) >> 3 & 7) | (MOD(modrm) == 3 ? VF_ROW_REGISTER : 0) },

/* Operands in memory: [base + index << scale + …]; RSP as an index is none. */
#define PINNED	   (1 << NB_RSP | 1 << NB_R14 | 1 << NB_R15)
#define KIND(name) (VF_LIMIT_BYTES * VF_PLACE_##name)
#define PLACE(base, index, scale)                                               \
	((index) == NB_RSP && (scale) == 0 && (base) == NB_RSP	 ? KIND(FRAME)  \
	 : (index) == NB_RSP && (scale) == 0 && (base) == NB_R15 ? KIND(VMCTX)  \
	 : (PINNED & ~(1 << NB_RSP)) >> (index)&1		 ? KIND(OTHER)  \
	 : (index) == NB_RSP && (scale) != 0			 ? KIND(OTHER)  \
	 : (base) == NB_R14 && (scale) == 0			 ? KIND(MEMORY) \
	 : PINNED >> (base)&1					 ? KIND(OTHER)  \
								 : KIND(ADDRESS))
/* SIB or ModRM, REX.B, REX.X */
#define LOW(at)	  ((at)&7)
#define BASE(at)  (LOW(at) | ((at) >> 8 & 1) << 3)
#define INDEX(at) (((at) >> 3 & 7) | ((at) >> 9 & 1) << 3)
#define SCALE(at) ((at) >> 6 & 3)
/* REX.X is for SIB alone, which is there for RSP and R12. */
#define BY_MODRM(at)                                                                             \
	[at] = { .kind = (at) >> 9 || LOW(at) == NB_RSP || (SCALE(at) == 0 && LOW(at) == NB_RBP) \
				 ? KIND(OTHER)                                                   \
				 : PLACE(BASE(at), NB_RSP, 0) },
/* No base; and SIB that is not needed. */
#define BY_SIB(at)                                                                          \
	[VF_PLACE_SIB + (at)] = {                                                           \
		.kind = LOW(at) == NB_RBP || (INDEX(at) == NB_RSP && LOW(at) != NB_RSP)     \
				? KIND(OTHER)                                               \
				: PLACE(BASE(at), INDEX(at), SCALE(at)),                    \
		.extended = INDEX(at) == NB_RSP || BASE(at) != NB_R14 ? 0 : 1 << INDEX(at), \
	},

const struct vf_tables vf_tables = {
	.heads = { BITS8(HEAD, 0) },
	.modrms = { BITS8(MODRM, 0) },
	.places = { BITS10(BY_MODRM, 0) BITS10(BY_SIB, 0) },
	.rows = {
	{ .no_rex = VF_REX_ANY, .no_x = VF_REX_ANY },
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
	       NB_ACCESS_##access &NB_ACCESS_BOTH, bytes, NB_TWIN_IMM(imm), NB_WRITES_##writes)
#include "abi/code_forms.def"
#undef NB_FORM
#undef NB_FORM_LOCK
#undef NB_FORM_CC
#undef NB_FORM_VEX
#undef NB_FORM_SSE
	},
};

/* --- finding rows -------------------------------------------------------------- */

/* The space of an opcode: what stands before it. */
enum { SPACE_MAP = 0, SPACE_PREFIX = 2, SPACE_LOCKED = 1 << 4, SPACE_VEX = 2 << 4 };

static uint32_t
page_of(struct vf_decoder *decoder, uint32_t space)
{
	uint16_t *page = &decoder->page_of[space];

	if (!*page)
		*page = (uint16_t)(VF_PAGE * ++decoder->page_count);
	return *page;
}

/* Whether more must be looked at than common.c does. */
static bool
is_other(const struct vf_row *row, bool is_register)
{
	if (row->on_others || row->flags & (VF_ROW_RARE | VF_ROW_EXTRA) ||
	    (row->flags & VF_ROW_CONTROL && !(row->info.rm & NB_RM_ADDRESS)))
		return true;
	return !is_register && row->info.access & NB_ACCESS_ALIGNED;
}

/* Half of an opcode's rows, or of them the one of the row's digit. */
static void
fill(uint32_t *rows, uint32_t value, const struct nb_form_info *info)
{
	if (info->reg <= NB_REG_D7) {
		rows[info->reg] = value;
		return;
	}
	for (uint32_t i = 0; i < VF_DIGITS / 2; i++)
		rows[i] = value;
	/* The lowest bytes of these need a REX that says so. */
	for (uint32_t i = 4; info->reg == NB_REG_G8 && i < 8; i++)
		rows[i] &= UINT16_MAX;
}

static void
enter(struct vf_decoder *decoder, const struct vf_row *row, uint32_t opcode)
{
	static const uint8_t encodings[] = {
		[NB_FORM_LOCKED] = SPACE_LOCKED,
		[NB_FORM_VEX_ENCODED] = SPACE_VEX,
		[NB_FORM_SSE_LEGACY] = 0,
	};
	const struct nb_form_info *info = &row->info;
	uint32_t rm = info->rm;
	uint32_t space = encodings[info->kind] | (uint32_t)info->map << SPACE_MAP |
			 (uint32_t)info->prefix << SPACE_PREFIX;
	uint32_t imm_bytes = (uint32_t)row->imm_bytes >> (opcode & row->imm_short);
	uint32_t *entry =
		&decoder->opcodes[page_of(decoder, space) + (info->wide ? 256 : 0) + opcode];
	bool is_unsure = row->imm_short & ~opcode || rm & NB_RM_G8;
	uint32_t shape = is_unsure ? VF_SHAPE_UNSURE : row->shape;
	uint32_t what = imm_bytes << VF_OPCODE_IMM | shape;

	if (!*entry)
		*entry = VF_DIGITS * ++decoder->opcode_count << VF_OPCODE_ROWS | what;
	else if ((*entry & UINT16_MAX) != what)
		*entry &= ~(uint32_t)VF_OPCODE_SHAPE; /* OTHER */
	uint32_t *rows = &decoder->rows[*entry >> VF_OPCODE_ROWS];
	uint32_t memory = NB_RM_M | NB_RM_ADDRESS;
	uint32_t number = (uint32_t)((row - vf_tables.rows) * (ptrdiff_t)sizeof(*row));

	if (rm == NB_RM_NONE || rm & memory)
		fill(rows, is_other(row, false) ? number : number | number << VF_ROW_SHAPED, info);
	if (rm == NB_RM_NONE || rm & ~memory)
		fill(rows + VF_ROW_REGISTER,
		     is_other(row, true) ? number : number | number << VF_ROW_SHAPED, info);
}

void
vf_decoder_init(struct vf_decoder *decoder, uint32_t cpu_features)
{
	memset(decoder, 0, sizeof(*decoder));
	decoder->no_features = ~cpu_features;
	/* From VF_PAGE_ONE on, for each prefix two pages. */
	for (uint32_t prefix = NB_PREFIX_NONE; prefix <= NB_PREFIX_F2; prefix++) {
		(void)page_of(decoder, prefix << SPACE_PREFIX | NB_MAP_1 << SPACE_MAP);
		(void)page_of(decoder, prefix << SPACE_PREFIX | NB_MAP_0F << SPACE_MAP);
	}
	for (uint32_t form = 0; form < NB_FORM_COUNT; form++) {
		const struct nb_form_info *info = &vf_tables.rows[form + 1].info;
		uint32_t count = 1;

		if (info->kind == NB_FORM_CONDITION)
			count = 16;
		else if (info->reg == NB_REG_OPCODE)
			count = 8;
		if (info->rm & NB_RM_TABLE)
			continue; /* a template's, which compares its bytes */
		for (uint32_t i = 0; i < count; i++)
			enter(decoder, &vf_tables.rows[form + 1], info->opcode + i);
		if (info->imm == NB_IMM_S8_32)
			enter(decoder, &vf_tables.rows[form + 1], info->opcode | 2u);
	}
}

/* --- one instruction ------------------------------------------------------------------ */

enum { VEX = 16, VEX_LONG = 32 }; /* beside vvvv */

/* What stands before the opcode; of VEX what REX and escapes would say. */
struct head {
	uint32_t space; /* of the opcode */
	uint32_t rex, vex;
};

/* VEX; what is behind it. */
static const uint8_t *
take_vex(const uint8_t *at, struct head *h)
{
	bool is_long = *at == 0xc4;
	uint32_t first = at[1], last = is_long ? at[2] : first;
	uint32_t map = is_long ? first & 31 : NB_MAP_0F;

	h->rex = is_long ? (~first >> 5 & 7) | last >> 7 << 3 : ~first >> 5 & VF_REX_R;
	h->vex = VEX | (is_long ? VEX_LONG : 0) | (~last >> 3 & 15);
	/* Map numbers are those of the table, in which no row has map 0; VEX.L = 0. */
	h->space = SPACE_VEX;
	if (map <= NB_MAP_3A && !(last & 4))
		h->space |= map << SPACE_MAP | (last & 3) << SPACE_PREFIX;
	return at + (is_long ? 3 : 2);
}

/* VEX, or LOCK and one of the other prefixes; what is behind. */
static const uint8_t *
take_prefixes(const uint8_t *at, struct head *h)
{
	if ((*at & 0xfe) == 0xc4)
		return take_vex(at, h);
	if (*at == 0xf0) {
		h->space = SPACE_LOCKED;
		at++;
	}
	if (*at == 0x66 || *at == 0xf2 || *at == 0xf3) {
		uint32_t prefix = *at == 0x66	? NB_PREFIX_66
				  : *at == 0xf3 ? NB_PREFIX_F3
						: NB_PREFIX_F2;

		h->space |= prefix << SPACE_PREFIX;
		at++;
	}
	return at;
}

/* All that stands before the opcode; what is behind. */
static inline const uint8_t *
take_head(const uint8_t *at, struct head *h)
{
	static const uint8_t is_prefix[256] = {
		[0x66] = 1, [0xc4] = 1, [0xc5] = 1, [0xf0] = 1, [0xf2] = 1, [0xf3] = 1
	};

	if (is_prefix[*at]) {
		at = take_prefixes(at, h);
		if (h->vex)
			return at;
	}
	if ((*at & 0xf0) == VF_REX_BARE) {
		h->rex = *at & 15 ? *at & 15 : VF_REX_BARE;
		at++;
	}
	if (*at == 0x0f) {
		uint32_t map = NB_MAP_0F;

		at++;
		if ((*at & 0xfd) == 0x38)
			map = *at++ == 0x38 ? NB_MAP_38 : NB_MAP_3A;
		h->space |= map << SPACE_MAP;
	}
	return at;
}

/* A memory operand, whose ModRM byte begins `rm`; false if its encoding is not the
 * one it must be. */
static inline bool
take_memory(const struct vf_modrm *m, uint64_t word, uint32_t rex, const uint8_t *at,
	    struct vf_inst *out)
{
	uint32_t rm = word >> (m->rm_shift - 8) & UINT8_MAX, low = rm & 7;
	uint32_t index = (rm >> 3 & 7) | (rex & VF_REX_X) << 2;
	int32_t disp;

	memcpy(&disp, at + m->disp_at, sizeof(disp));
	int32_t near = (int8_t)disp;

	out->operand = VF_MEMORY;
	out->base = (uint8_t)(low | (rex & VF_REX_B) << 3);
	out->index = VF_NO_REG;
	out->scale = 0;
	out->disp = m->far ? disp : near & m->near;
	if (m->sib) {
		out->scale = (uint8_t)(rm >> 6);
		if (index != NB_RSP)
			out->index = (uint8_t)index;
		else if (rm != (NB_RSP << 3 | NB_RSP))
			return false;
	}
	if (m->is_none && low == NB_RBP) {
		out->operand = m->sib ? VF_MEMORY : VF_RIP;
		out->base = VF_NO_REG;
		out->disp = disp;
		out->len += (uint8_t)sizeof(disp);
		return !(rex & VF_REX_B);
	}
	return m->far ? disp != near : !m->near || near || low == NB_RBP;
}

/* ModRM byte and what belongs to it; likewise. */
static inline bool
take_operands(uint32_t rex, uint64_t word, const uint8_t *at, struct vf_inst *out)
{
	uint32_t modrm = word & UINT8_MAX, no_rex = out->row->no_rex | VF_REX_X;

	out->operand = VF_NONE;
	if (!(out->row->flags & VF_ROW_MODRM)) {
		out->reg = (uint8_t)((out->opcode & 7) | (rex & VF_REX_B) << 3);
		return !(rex & no_rex);
	}
	out->reg = (uint8_t)((modrm >> 3 & 7) | (rex & VF_REX_R) << 1);
	if (modrm < 0xc0) {
		const struct vf_modrm *m = &vf_tables.modrms[modrm];

		out->len += m->bytes;
		return !(rex & (out->row->no_rex | m->no_rex)) &&
		       take_memory(m, word, rex, at, out);
	}
	out->operand = VF_REGISTER;
	out->base = (uint8_t)((modrm & 7) | (rex & VF_REX_B) << 3);
	out->index = VF_NO_REG;
	out->len++;
	return !(rex & no_rex);
}

/* Immediates and distances; likewise. */
static inline bool
take_immediate(const uint8_t *at, struct vf_inst *out)
{
	const struct vf_row *row = out->row;
	uint32_t bytes = (uint32_t)row->imm_bytes >> (out->opcode & row->imm_short);
	uint32_t unused = 64 - 8 * bytes;
	uint64_t imm;

	if (bytes == 0)
		return true;
	memcpy(&imm, at, sizeof(imm));
	imm <<= unused;
	out->imm = row->flags & VF_ROW_UNSIGNED ? (int64_t)(imm >> unused) : (int64_t)imm >> unused;
	out->len += (uint8_t)bytes;
	if (row->imm_short & ~out->opcode && out->imm == (int8_t)out->imm)
		return false;
	return !(out->imm & row->imm_zero);
}

/* VEX must be as short as possible and name no register for nothing. */
static bool
vex_is_right(const struct head *h, const struct nb_form_info *info)
{
	bool needs_long = info->map != NB_MAP_0F || h->rex & (VF_REX_W | VF_REX_X | VF_REX_B);

	return (h->vex & VEX_LONG) == (needs_long ? VEX_LONG : 0u) &&
	       (info->vvvv != NB_REG_NONE || (h->vex & 15) == 0);
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
		return true;
	return (rex != 0) == (reg_needs || rm_needs);
}

/* What few instructions have. */
static enum verifier_rule
check_extra(const struct vf_decoder *decoder, const struct head *h, const struct vf_inst *inst)
{
	const struct nb_form_info *info = &inst->row->info;

	if ((inst->row->flags & VF_ROW_BYTE && !byte_is_right(h->rex, inst)) ||
	    (h->vex && !vex_is_right(h, info)) || (info->rm & NB_RM_G0 && inst->base != 0))
		return VERIFIER_ENCODING;
	return info->feature & decoder->no_features ? VERIFIER_FEATURE : VERIFIER_NONE;
}

/* VF_READ_BYTES must be readable. */
static inline enum verifier_rule
decode(const struct vf_decoder *decoder, const uint8_t *start, struct vf_inst *out)
{
	struct head head = { 0, 0, 0 };
	const uint8_t *at = take_head(start, &head);
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	uint32_t first = decoder->opcodes[decoder->page_of[head.space] +
					  ((head.rex & VF_REX_W) << 5) + (word & UINT8_MAX)];
	const struct vf_row *row = vf_row(decoder, first, word >> 8 & UINT8_MAX);

	if (row == vf_tables.rows)
		return VERIFIER_INSTRUCTION;
	out->row = row;
	out->opcode = (uint8_t)word;
	out->vvvv = head.vex & 15;
	out->len = (uint8_t)(at + 1 - start);
	if (!take_operands(head.rex, word >> 8, at + 1, out) ||
	    !take_immediate(start + out->len, out))
		return VERIFIER_ENCODING;
	if (row->flags & (VF_ROW_EXTRA | VF_ROW_BYTE))
		return check_extra(decoder, &head, out);
	return VERIFIER_NONE;
}

enum verifier_rule
vf_decode(const struct vf_decoder *decoder, const uint8_t *at, uint32_t room, struct vf_inst *out)
{
	uint8_t padded[VF_READ_BYTES];

	if (room >= VF_READ_BYTES)
		return decode(decoder, at, out);
	memset(padded, 0, sizeof(padded));
	memcpy(padded, at, room);
	enum verifier_rule rule = decode(decoder, padded, out);

	if (rule == VERIFIER_NONE && out->len > room)
		return VERIFIER_INSTRUCTION;
	return rule;
}
