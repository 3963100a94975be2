/*
 * Prints the decoder's tables: the words of struct vf_tables, for decode.c.
 *
 * Runs when the system is built. Everything follows from code_forms.def and from what
 * ModRM, SIB and REX mean on this processor.
 */
#include "verifier/decode.h"

#include <inttypes.h>
#include <stdio.h>

enum { PINNED = 1 << NB_RSP | 1 << NB_R14 | 1 << NB_R15 };

/* The columns, by form. */
static const struct nb_form_info forms[NB_FORM_COUNT] = {
#define ROW(name, kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, \
	    writes)                                                                         \
	{ kind,	 feature,      NB_PREFIX_##prefix, NB_MAP_##map, opcode,                    \
	  w,	 NB_REG_##reg, NB_REG_##vvvv,	   NB_RM_##rm,	 (uint8_t)(access),         \
	  bytes, imm,	       NB_WRITES_##writes },
#define OF(kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, writes) \
	ROW(, NB_FORM_##kind, NB_FEATURE_##feature, prefix, map, opcode, w, reg, vvvv, rm,   \
	    NB_ACCESS_##access, bytes, NB_IMM_##imm, writes)
#define NB_FORM(name, text, feature, prefix, map, opcode, w, reg, ...) \
	OF(LEGACY, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_LOCK(name, text, feature, prefix, map, opcode, w, reg, ...) \
	OF(LOCKED, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_CC(name, text, feature, prefix, map, opcode, w, reg, ...) \
	OF(CONDITION, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_VEX(name, text, ...) OF(VEX_ENCODED, __VA_ARGS__)
/* The twin writes the same general registers. */
#define NB_FORM_SSE(name, text, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, writes) \
	OF(SSE_LEGACY, BASE, prefix, map, opcode, w, reg, NONE, rm, access, bytes, imm, writes)    \
	ROW(, NB_FORM_VEX_ENCODED, NB_FEATURE_AVX, prefix, map, opcode, w, reg, vvvv, rm,          \
	    NB_ACCESS_##access &NB_ACCESS_BOTH, bytes, NB_TWIN_IMM(imm), writes)
#include "abi/code_forms.def"
};

static struct vf_tables tables;
static uint32_t page_count, opcode_count;

/* --- rows ------------------------------------------------------------------------ */

/* Numbers of patterns. */
enum { NO_REGISTER, READ, CHANGED, EXTENDED, WIDENED };

static uint64_t
sets_of(uint32_t registers, uint32_t written, uint32_t extended, uint32_t wide)
{
	return (uint64_t)registers << VF_USED | (uint64_t)written << VF_WRITTEN |
	       (uint64_t)extended << VF_EXTENDED | (uint64_t)wide << VF_WIDE;
}

static void
make_patterns(void)
{
	tables.patterns[READ] = sets_of(1, 0, 0, 0);
	tables.patterns[CHANGED] = sets_of(1, 1, 0, 0);
	tables.patterns[EXTENDED] = sets_of(1, 1, 1, 0);
	tables.patterns[WIDENED] = sets_of(1, 1, 0, 1);
}

static uint8_t
effect_on_reg(const struct nb_form_info *info)
{
	if (info->reg != NB_REG_G8 && info->reg != NB_REG_G && info->reg != NB_REG_OPCODE)
		return NO_REGISTER;
	switch ((uint32_t)info->writes) {
	case NB_WRITES_REG8:
	case NB_WRITES_REG16:
		return CHANGED;
	case NB_WRITES_REG32:
		return EXTENDED;
	case NB_WRITES_REG64:
	case NB_WRITES_BOTH64:
		return WIDENED;
	default:
		return READ;
	}
}

static uint8_t
effect_on_rm(const struct nb_form_info *info)
{
	if (!(info->rm & (NB_RM_G8 | NB_RM_G)))
		return NO_REGISTER;
	switch ((uint32_t)info->writes) {
	case NB_WRITES_RM8:
		return CHANGED;
	case NB_WRITES_RM32:
		return EXTENDED;
	case NB_WRITES_RM64:
	case NB_WRITES_BOTH64:
		return WIDENED;
	default:
		return READ;
	}
}

static uint64_t
effect_on_others(const struct nb_form_info *info)
{
	enum { A = 1 << NB_RAX, D = 1 << NB_RDX };

	switch ((uint32_t)info->writes) {
	case NB_WRITES_EDX:
		return sets_of(0, D, D, 0);
	case NB_WRITES_EAX_EDX:
		return sets_of(0, A | D, A | D, 0);
	case NB_WRITES_RDX:
		return sets_of(0, D, 0, D);
	case NB_WRITES_RAX_RDX:
		return sets_of(0, A | D, 0, A | D);
	case NB_WRITES_RAX:
		return sets_of(0, A, 0, A);
	default:
		return 0;
	}
}

static void
make_immediate(struct vf_form *row)
{
	static const uint8_t bytes[] = {
		[NB_IMM_NONE] = 0, [NB_IMM_S8] = 1,    [NB_IMM_U8] = 1,	 [NB_IMM_S16] = 2,
		[NB_IMM_S32] = 4,  [NB_IMM_U32] = 4,   [NB_IMM_Q64] = 8, [NB_IMM_S8_32] = 4,
		[NB_IMM_REL8] = 1, [NB_IMM_REL32] = 4, [NB_IMM_IS4] = 1, [NB_IMM_U1] = 1,
		[NB_IMM_U2] = 1,   [NB_IMM_U3] = 1,    [NB_IMM_U4] = 1,	 [NB_IMM_U5] = 1,
		[NB_IMM_CMP] = 1,
	};
	uint32_t imm = row->info.imm, bits = nb_imm_bits(imm);

	row->imm_bytes = bytes[imm];
	if (imm == NB_IMM_S8_32)
		row->imm_short = 2;
	if (bits)
		row->imm_zero = (uint8_t)(0xff << bits);
	if (imm == NB_IMM_IS4)
		row->imm_zero = 15;
	if (bits || imm == NB_IMM_U32 || imm == NB_IMM_IS4)
		row->flags |= VF_FORM_UNSIGNED;
}

static bool
is_between(uint32_t form, enum nb_form first, enum nb_form last)
{
	return form >= first && form <= last;
}

/* Whether more must be looked at than its registers and its place. */
static bool
is_special(const struct vf_form *row)
{
	const struct nb_form_info *info = &row->info;

	return row->on_others || row->flags & VF_FORM_RARE || row->imm_zero || info->feature ||
	       info->kind == NB_FORM_VEX_ENCODED || info->rm & NB_RM_G0 ||
	       (row->flags & VF_FORM_CONTROL && !(info->rm & NB_RM_ADDRESS));
}

static void
make_form(uint32_t form)
{
	struct vf_form *out = &tables.forms[form];
	const struct nb_form_info *info = &forms[form];

	out->info = *info;
	out->on_others = effect_on_others(info);
	if (is_between(form, NB_FORM_J_8, NB_FORM_NOP_LONG))
		out->flags |= VF_FORM_CONTROL;
	if (is_between(form, NB_FORM_DIV32, NB_FORM_IDIV32) ||
	    is_between(form, NB_FORM_DIV64, NB_FORM_IDIV64) ||
	    is_between(form, NB_FORM_IN8, NB_FORM_OUT32_IMM) || info->vvvv == NB_REG_G)
		out->flags |= VF_FORM_RARE;
	if (info->rm != NB_RM_NONE)
		out->flags |= VF_FORM_MODRM;
	make_immediate(out);
}

static uint8_t
kinds_of(uint32_t form)
{
	const struct nb_form_info *info = &forms[form];
	uint32_t kinds = VF_PLACE_FREE;

	if (is_special(&tables.forms[form]))
		return VF_PLACE_FREE;
	if (info->rm & (NB_RM_G8 | NB_RM_G | NB_RM_X))
		kinds |= VF_PLACE_REGISTER;
	if (info->rm & NB_RM_M && !(info->access & NB_ACCESS_ALIGNED))
		kinds |= VF_PLACE_FRAME | VF_PLACE_MEMORY | VF_PLACE_VMCTX;
	if (info->rm & NB_RM_ADDRESS)
		kinds |= VF_PLACE_ADDRESS;
	return (uint8_t)kinds;
}

static uint8_t
rex_of(const struct nb_form_info *info)
{
	uint32_t rex = VF_REX_W;

	if (info->reg == NB_REG_G8 || info->rm & NB_RM_G8)
		rex |= VF_REX_BARE;
	if (info->rm != NB_RM_NONE)
		rex |= VF_REX_X | VF_REX_B; /* as its place says */
	if (info->reg == NB_REG_OPCODE)
		rex |= VF_REX_B;
	if (info->reg >= NB_REG_G8 && info->reg <= NB_REG_X)
		rex |= VF_REX_R;
	return (uint8_t)rex;
}

/* For a register as r/m operand, or for none. */
static struct vf_row
row_of(uint32_t form, bool is_register)
{
	const struct nb_form_info *info = &forms[form];

	return (struct vf_row){
		.number = (uint16_t)(form + 1),
		.on_reg = effect_on_reg(info),
		.on_rm = is_register ? effect_on_rm(info) : NO_REGISTER,
		.no_kinds = (uint8_t)~kinds_of(form),
		.no_rex = (uint8_t)~rex_of(info),
		.last = (uint8_t)(info->bytes - 1),
		.needs_rex = (uint8_t)((info->reg == NB_REG_G8 ? VF_BYTE_REG : 0) |
				       (info->rm & NB_RM_G8 ? VF_BYTE_RM : 0)),
	};
}

/* --- by one byte ------------------------------------------------------------------ */

static void
make_rex(uint32_t byte)
{
	bool is_rex = byte >> 4 == VF_REX_BARE >> 4, is_escape = byte == 0x0f;
	uint32_t bits = is_rex ? byte & 15 : 0;

	tables.rexes[byte] = (struct vf_rex){
		.shift = is_rex || is_escape ? 8 : 0,
		.end = is_rex || is_escape ? 2 : 1,
		.r = bits & VF_REX_R ? 8 : 0,
		.bits = (uint8_t)(is_rex && !bits ? VF_REX_BARE : bits),
		.page = (uint16_t)((is_escape ? VF_PAGE_0F : VF_PAGE_ONE) +
				   (bits & VF_REX_W ? VF_PAGE / 2 : 0)),
		.xb = (uint16_t)((bits & (VF_REX_X | VF_REX_B)) << 8),
	};
}

static void
make_modrm(uint32_t byte)
{
	uint32_t mod = byte >> 6, digit = byte >> 3 & 7, low = byte & 7;
	bool has_sib = mod != 3 && low == NB_RSP, is_rip = mod == 0 && low == NB_RBP;
	uint32_t disp_bytes = is_rip || mod == 2 ? 4 : mod == 1;

	tables.modrms[byte] = (struct vf_modrm){
		.near = disp_bytes == 1 ? -1 : 0,
		.far = disp_bytes == 4 ? -1 : 0,
		.is_fine = disp_bytes == 0 || is_rip ? -1 : 0,
		.place = has_sib ? VF_PLACE_SIB : 0,
		.rm_shift = has_sib ? 16 : 8,
		.rm_mask = has_sib ? 0xff : 0xc7,
		.bytes = (uint8_t)(1 + has_sib + disp_bytes),
		.disp_at = (uint8_t)(1 + has_sib),
		.row = (uint8_t)(digit | (mod == 3 ? VF_ROW_REGISTER : 0)),
	};
}

/* --- operands in memory ------------------------------------------------------------- */

/* RSP as an index is none. */
static uint32_t
kind_of(uint32_t base, uint32_t index, uint32_t scale)
{
	if (index == NB_RSP && base == NB_RSP)
		return VF_PLACE_FRAME;
	if (index == NB_RSP && base == NB_R15)
		return VF_PLACE_VMCTX;
	if (index == NB_R14 || index == NB_R15)
		return VF_PLACE_OTHER;
	if (base == NB_R14 && scale == 0)
		return VF_PLACE_MEMORY;
	return PINNED >> base & 1 ? VF_PLACE_OTHER : VF_PLACE_ADDRESS;
}

static uint8_t
bound_of(uint32_t kind)
{
	uint32_t number = kind & VF_PLACE_FRAME ? 1 : kind & VF_PLACE_MEMORY ? 2 : 0;

	return (uint8_t)(VF_BOUND_BYTES * (kind & VF_PLACE_VMCTX ? 3 : number));
}

/* By ModRM, in which mod stands where SIB has the scale. */
static struct vf_place
place_of_modrm(uint32_t mod, uint32_t base, bool has_x)
{
	uint32_t low = base & 7, wrong = has_x ? VF_PLACE_WRONG : 0;
	struct vf_place place = { .base = (uint8_t)base, .index = VF_NO_REG, .operand = VF_MEMORY };
	uint32_t kind = kind_of(base, NB_RSP, 0);

	if (mod == 3) {
		place.operand = VF_REGISTER;
		kind = VF_PLACE_REGISTER;
	} else if (low == NB_RSP) {
		kind = VF_PLACE_OTHER; /* there is a SIB */
	} else if (low == NB_RBP && mod == 0) {
		place.operand = VF_RIP;
		place.base = VF_NO_REG;
		kind = VF_PLACE_OTHER | (base != NB_RBP ? VF_PLACE_WRONG : 0);
	} else if (low == NB_RBP) {
		kind |= VF_PLACE_FREE;
	}
	place.kind = (uint8_t)(kind | wrong);
	place.bound = bound_of(kind);
	return place;
}

static struct vf_place
place_of_sib(uint32_t base, uint32_t index, uint32_t scale)
{
	bool is_needed = index != NB_RSP || (scale == 0 && (base & 7) == NB_RSP);
	uint32_t kind = kind_of(base, index, scale);

	/* Or there is no base; ModRM knows. */
	if ((base & 7) == NB_RBP)
		kind = VF_PLACE_OTHER | VF_PLACE_FREE;
	if (!is_needed)
		kind = VF_PLACE_OTHER | VF_PLACE_WRONG;
	return (struct vf_place){
		.extended = (uint16_t)(index != NB_RSP && kind & VF_PLACE_MEMORY ? 1 << index : 0),
		.kind = (uint8_t)kind,
		.bound = bound_of(kind),
		.operand = VF_MEMORY,
		.base = (uint8_t)base,
		.index = (uint8_t)(index == NB_RSP ? VF_NO_REG : index),
		.scale = (uint8_t)scale,
	};
}

static void
make_place(uint32_t at)
{
	uint32_t top = at >> 6 & 3, base = (at & 7) | (at >> 8 & 1) << 3, x = at >> 9 & 1;

	tables.places[at] = place_of_modrm(top, base, x);
	tables.places[VF_PLACE_SIB + at] = place_of_sib(base, (at >> 3 & 7) | x << 3, top);
}

/* --- opcodes ------------------------------------------------------------------------- */

static uint32_t
page_of(uint32_t space)
{
	if (!tables.page_of[space])
		tables.page_of[space] = (uint16_t)(VF_PAGE * ++page_count);
	return tables.page_of[space];
}

static uint32_t
shape_of(uint32_t form, uint32_t opcode)
{
	const struct nb_form_info *info = &forms[form];
	bool is_byte = info->reg == NB_REG_G8 || info->rm & NB_RM_G8;

	switch (form) {
	case NB_FORM_J_8:
	case NB_FORM_J_32:
		return VF_SHAPE_BRANCH;
	case NB_FORM_JMP_8:
	case NB_FORM_JMP_32:
		return VF_SHAPE_JUMP;
	case NB_FORM_CALL_32:
		return VF_SHAPE_CALL;
	case NB_FORM_UD2:
		return VF_SHAPE_TRAP;
	case NB_FORM_NOP:
		return VF_SHAPE_NOP;
	case NB_FORM_MOV32_IMM:
	case NB_FORM_MOV64_IMM:
		return VF_SHAPE_CONSTANT;
	default:
		if (info->rm == NB_RM_NONE)
			return VF_SHAPE_OTHER;
		return is_byte || tables.forms[form].imm_short & ~opcode ? VF_SHAPE_UNSURE
									 : VF_SHAPE_MODRM;
	}
}

/* Half of an opcode's rows, or of them the one of the row's digit. */
static void
fill(struct vf_row *rows, uint32_t form, bool is_register)
{
	uint32_t digit = forms[form].reg;

	for (uint32_t i = 0; i < VF_DIGITS / 2; i++)
		if (digit > NB_REG_D7 || digit == i)
			rows[i] = row_of(form, is_register);
}

static void
enter(uint32_t form, uint32_t opcode)
{
	static const uint8_t encodings[] = {
		[NB_FORM_LOCKED] = VF_SPACE_LOCKED,
		[NB_FORM_VEX_ENCODED] = VF_SPACE_VEX,
		[NB_FORM_SSE_LEGACY] = 0,
	};
	const struct nb_form_info *info = &forms[form];
	const struct vf_form *made = &tables.forms[form];
	uint32_t memory = NB_RM_M | NB_RM_ADDRESS;
	uint32_t space = encodings[info->kind] | (uint32_t)info->map << VF_SPACE_MAP |
			 (uint32_t)info->prefix << VF_SPACE_PREFIX;
	uint32_t *entry = &tables.opcodes[page_of(space) + (info->wide ? VF_PAGE / 2 : 0) + opcode];
	uint32_t what = (uint32_t)made->imm_bytes >> (opcode & made->imm_short) << VF_OPCODE_IMM |
			shape_of(form, opcode);

	if (!*entry)
		*entry = VF_DIGITS * ++opcode_count << VF_OPCODE_ROWS | what;
	else if ((*entry & UINT16_MAX) != what)
		*entry = (*entry & ~(uint32_t)VF_OPCODE_SHAPE) | VF_SHAPE_OTHER;
	struct vf_row *rows = &tables.rows[*entry >> VF_OPCODE_ROWS];

	if (info->rm == NB_RM_NONE || info->rm & memory)
		fill(rows, form, false);
	if (info->rm == NB_RM_NONE || info->rm & ~memory)
		fill(rows + VF_ROW_REGISTER, form, true);
}

static void
make_opcodes(void)
{
	static const uint8_t prefixes[] = { 0x66, 0xc4, 0xc5, 0xf0, 0xf2, 0xf3, 0x0f };

	/* VF_PAGE_ONE and VF_PAGE_0F are the first. */
	(void)page_of(NB_MAP_1 << VF_SPACE_MAP);
	(void)page_of(NB_MAP_0F << VF_SPACE_MAP);
	for (uint32_t form = 0; form < NB_FORM_COUNT; form++) {
		const struct nb_form_info *info = &forms[form];
		uint32_t count = info->kind == NB_FORM_CONDITION ? 16
				 : info->reg == NB_REG_OPCODE	 ? 8
								 : 1;

		if (info->rm & NB_RM_TABLE)
			continue; /* a template's, which compares its bytes */
		for (uint32_t i = 0; i < count; i++)
			enter(form, info->opcode + i);
		if (info->imm == NB_IMM_S8_32)
			enter(form, info->opcode | 2u);
	}
	for (uint32_t i = 0; i < sizeof(prefixes); i++)
		tables.opcodes[VF_PAGE_ONE + prefixes[i]] = VF_SHAPE_PREFIX;
	for (uint32_t w = 0; w < VF_PAGE; w += VF_PAGE / 2) {
		tables.opcodes[VF_PAGE_ONE + w + 0x0f] = VF_SHAPE_PREFIX;
		tables.opcodes[VF_PAGE_0F + w + 0x38] = VF_SHAPE_PREFIX;
		tables.opcodes[VF_PAGE_0F + w + 0x3a] = VF_SHAPE_PREFIX;
	}
	for (uint32_t i = 0; i < VF_PAGES * VF_PAGE; i++)
		if (!tables.opcodes[i])
			tables.opcodes[i] = VF_SHAPE_OTHER;
}

int
main(void)
{
	uint64_t words[sizeof(tables) / sizeof(uint64_t)];

	make_patterns();
	for (uint32_t form = 0; form < NB_FORM_COUNT; form++)
		make_form(form);
	for (uint32_t i = 0; i < VF_OPCODES * VF_DIGITS; i++)
		tables.rows[i].no_kinds = UINT8_MAX;
	for (uint32_t byte = 0; byte < 256; byte++) {
		make_rex(byte);
		make_modrm(byte);
	}
	for (uint32_t at = 0; at < VF_PLACE_SIB; at++)
		make_place(at);
	make_opcodes();
	memcpy(words, &tables, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		printf("0x%" PRIx64 ",\n", words[i]);
	/* More would have been written behind the tables. */
	return page_count < VF_PAGES && opcode_count < VF_OPCODES - 1 ? 0 : 1;
}
