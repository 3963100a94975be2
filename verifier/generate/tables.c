/*
 * Prints the decoder's tables: the words of struct vf_tables, for decode.c.
 *
 * Runs when the system is built. Everything follows from code_forms.def and from what
 * ModRM, SIB and REX mean on this processor.
 */
#include "verifier/decode.h"

#include <inttypes.h>
#include <stdio.h>

/* The columns, by form. */
static const struct nb_form_info infos[NB_FORM_COUNT] = {
#include "abi/code_form_rows.def"
};

enum { SPACE_0F = NB_MAP_0F << VF_SPACE_MAP };

/* --- effects ----------------------------------------------------------------------- */

/* Numbers of patterns, and these. */
enum { READ, CHANGED, EXTENDED, WIDENED, NO_REGISTER };
static struct vf_tables tables = {
	.patterns[READ] = 1ull << VF_USED,
	.patterns[CHANGED] = 1ull << VF_USED | 1ull << VF_WRITTEN,
	.patterns[EXTENDED] = 1ull << VF_USED | 1ull << VF_WRITTEN | 1ull << VF_EXTENDED,
	.patterns[WIDENED] = 1ull << VF_USED | 1ull << VF_WRITTEN | 1ull << VF_WIDE,
};
static uint32_t opcode_count;

/* What becomes of the register in reg, of that in r/m, and of which ones that none names. */
static const struct {
	uint8_t reg, rm, others;
	uint16_t registers;
} effects[] = {
	[NB_WRITES_REG8] = { CHANGED, READ, 0, 0 },
	[NB_WRITES_REG16] = { CHANGED, READ, 0, 0 },
	[NB_WRITES_REG32] = { EXTENDED, READ, 0, 0 },
	[NB_WRITES_REG64] = { WIDENED, READ, 0, 0 },
	[NB_WRITES_RM8] = { READ, CHANGED, 0, 0 },
	[NB_WRITES_RM32] = { READ, EXTENDED, 0, 0 },
	[NB_WRITES_RM64] = { READ, WIDENED, 0, 0 },
	[NB_WRITES_BOTH64] = { WIDENED, WIDENED, 0, 0 },
	[NB_WRITES_EDX] = { READ, READ, EXTENDED, 1 << NB_RDX },
	[NB_WRITES_RDX] = { READ, READ, WIDENED, 1 << NB_RDX },
	[NB_WRITES_EAX_EDX] = { READ, READ, EXTENDED, 1 << NB_RAX | 1 << NB_RDX },
	[NB_WRITES_RAX_RDX] = { READ, READ, WIDENED, 1 << NB_RAX | 1 << NB_RDX },
	[NB_WRITES_RAX] = { READ, READ, WIDENED, 1 << NB_RAX },
};

/* --- forms and rows ------------------------------------------------------------------ */

static const uint8_t imm_bytes[] = {
	[NB_IMM_S8] = 1,    [NB_IMM_U8] = 1,  [NB_IMM_S16] = 2,	  [NB_IMM_S32] = 4,
	[NB_IMM_U32] = 4,   [NB_IMM_Q64] = 8, [NB_IMM_S8_32] = 4, [NB_IMM_REL8] = 1,
	[NB_IMM_REL32] = 4, [NB_IMM_IS4] = 1, [NB_IMM_U1] = 1,	  [NB_IMM_U2] = 1,
	[NB_IMM_U3] = 1,    [NB_IMM_U4] = 1,  [NB_IMM_U5] = 1,	  [NB_IMM_CMP] = 1,
};

static bool
is_between(uint32_t form, enum nb_form first, enum nb_form last)
{
	return form >= first && form <= last;
}

static void
make_form(uint32_t form)
{
	const struct nb_form_info *info = &infos[form];
	bool is_control = is_between(form, NB_FORM_J_8, NB_FORM_NOP_LONG);
	bool is_rare = is_between(form, NB_FORM_DIV32, NB_FORM_IDIV32) ||
		       is_between(form, NB_FORM_DIV64, NB_FORM_IDIV64) ||
		       is_between(form, NB_FORM_IN8, NB_FORM_OUT32_IMM) || info->vvvv == NB_REG_G;
	uint32_t imm = info->imm, bits = imm == NB_IMM_IS4 ? 4 : nb_imm_bits(imm);
	uint64_t registers = effects[info->writes].registers;

	tables.forms[form] = (struct vf_form){
		/* Not used, as no operand names them. */
		.on_others = registers * (tables.patterns[effects[info->writes].others] & ~1ull),
		.flags = (uint8_t)((is_control ? VF_FORM_CONTROL : 0) |
				   (is_rare ? VF_FORM_RARE : 0) |
				   (info->rm != NB_RM_NONE ? VF_FORM_MODRM : 0) |
				   (bits || imm == NB_IMM_U32 ? VF_FORM_UNSIGNED : 0)),
		.imm_bytes = imm_bytes[imm],
		.imm_short = imm == NB_IMM_S8_32 ? 2 : 0,
		.imm_zero = (uint8_t)(imm == NB_IMM_IS4 ? 15
				      : bits		? 0xff << bits
							: 0),
		.info = *info
	};
}

/* Kinds of places, for which nothing but them and the registers need be looked at. */
static uint32_t
kinds_of(uint32_t form)
{
	const struct nb_form_info *info = &infos[form];
	const struct vf_form *f = &tables.forms[form];
	uint32_t kinds = info->rm & (NB_RM_G8 | NB_RM_G | NB_RM_X) ? VF_PLACE_REGISTER : 0u;

	if (f->on_others || f->imm_zero || f->flags & VF_FORM_RARE || info->feature ||
	    info->kind == NB_FORM_VEX_ENCODED || info->rm & NB_RM_G0)
		return 0;
	if (info->rm & NB_RM_ADDRESS)
		return VF_PLACE_ADDRESS;
	if (f->flags & VF_FORM_CONTROL)
		return 0;
	if (info->rm & NB_RM_M && !(info->access & NB_ACCESS_ALIGNED))
		kinds |= VF_PLACE_FRAME | VF_PLACE_MEMORY | VF_PLACE_VMCTX;
	return kinds;
}

/* For a register as r/m operand, or for none. */
static struct vf_row
row_of(uint32_t form, bool is_register)
{
	const struct nb_form_info *info = &infos[form];
	uint32_t reg = info->reg, rm = info->rm;
	bool is_byte_reg = reg == NB_REG_G8, is_byte_rm = rm & NB_RM_G8;
	bool is_general = is_byte_reg || reg == NB_REG_G || reg == NB_REG_OPCODE;
	bool is_general_rm = is_register && rm & (NB_RM_G8 | NB_RM_G);
	/* Of r/m operands the place says whether X and B are right. */
	uint32_t rex = VF_REX_W | (is_byte_reg || is_byte_rm ? VF_REX_BARE : 0) |
		       (rm != NB_RM_NONE ? VF_REX_B : 0) |
		       (rm != NB_RM_NONE && !is_register ? VF_REX_X : 0) |
		       (reg == NB_REG_OPCODE ? VF_REX_B : 0) |
		       (is_byte_reg || reg == NB_REG_G || reg == NB_REG_X ? VF_REX_R : 0);

	return (struct vf_row){ .number = (uint16_t)(form + 1),
				.on_reg = is_general ? effects[info->writes].reg : NO_REGISTER,
				.on_rm = is_general_rm ? effects[info->writes].rm : NO_REGISTER,
				.no_kinds = (uint8_t) ~(kinds_of(form) | VF_PLACE_FREE),
				.no_rex = (uint8_t)~rex,
				.last = (uint8_t)(info->bytes - 1),
				.needs_rex = (uint8_t)((is_byte_reg ? VF_BYTE_REG : 0) |
						       (is_byte_rm ? VF_BYTE_RM : 0)) };
}

/* --- by one byte ------------------------------------------------------------------ */

static void
make_rex(uint32_t byte)
{
	bool is_rex = (byte & 0xf0) == VF_REX_BARE, is_escape = byte == 0x0f;
	uint32_t bits = is_rex ? byte & 15 : 0;

	tables.rexes[byte] =
		(struct vf_rex){ .shift = is_rex || is_escape ? 8 : 0,
				 .end = is_rex || is_escape ? 2 : 1,
				 .r = bits & VF_REX_R ? 8 : 0,
				 .bits = (uint8_t)(is_rex && !bits ? VF_REX_BARE : bits),
				 .page = (uint16_t)(is_escape	      ? SPACE_0F * VF_PAGE
						    : bits & VF_REX_W ? VF_PAGE / 2
								      : 0),
				 .xb = (uint16_t)((bits & (VF_REX_X | VF_REX_B)) << 8) };
}

static void
make_modrm(uint32_t byte)
{
	uint32_t mod = byte >> 6, low = byte & 7;
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
		.row = (uint8_t)((byte >> 3 & 7) | (mod == 3 ? VF_ROW_REGISTER : 0))
	};
}

/* --- places -------------------------------------------------------------------------- */

/* Of an operand in memory; RSP as an index is none. */
static uint32_t
kind_of(uint32_t base, uint32_t index, uint32_t scale)
{
	if (index == NB_RSP && (base == NB_RSP || base == NB_R15))
		return base == NB_RSP ? VF_PLACE_FRAME : VF_PLACE_VMCTX;
	if (index == NB_R14 || index == NB_R15 || base == NB_RSP || base == NB_R15)
		return VF_PLACE_OTHER;
	if (base == NB_R14)
		return scale ? VF_PLACE_OTHER : VF_PLACE_MEMORY;
	return VF_PLACE_ADDRESS;
}

/* By ModRM, in which mod stands where SIB has the scale. */
static void
make_modrm_place(struct vf_place *place, uint32_t mod, uint32_t base, bool has_x)
{
	uint32_t low = base & 7, kind = kind_of(base, NB_RSP, 0);

	*place = (struct vf_place){ .operand = VF_MEMORY,
				    .base = (uint8_t)base,
				    .index = VF_NO_REG };
	if (mod == 3) {
		place->operand = VF_REGISTER;
		kind = VF_PLACE_REGISTER;
	} else if (low == NB_RSP) {
		kind = VF_PLACE_OTHER; /* there is a SIB */
	} else if (low == NB_RBP && mod == 0) {
		place->operand = VF_RIP;
		place->base = VF_NO_REG;
		kind = VF_PLACE_OTHER | (base != NB_RBP ? VF_PLACE_WRONG : 0);
	} else if (low == NB_RBP) {
		kind |= VF_PLACE_FREE;
	}
	place->kind = (uint8_t)(kind | (has_x ? VF_PLACE_WRONG : 0));
}

static void
make_sib_place(struct vf_place *place, uint32_t scale, uint32_t base, uint32_t index)
{
	bool has_index = index != NB_RSP, is_rbp = (base & 7) == NB_RBP;
	/* With RBP there may be no base; ModRM knows. */
	uint32_t kind = is_rbp ? VF_PLACE_OTHER | VF_PLACE_FREE : kind_of(base, index, scale);

	if (!has_index && (scale != 0 || (base & 7) != NB_RSP))
		kind = VF_PLACE_OTHER | VF_PLACE_WRONG; /* not needed */
	*place = (struct vf_place){
		.extended = (uint16_t)(has_index && kind == VF_PLACE_MEMORY ? 1 << index : 0),
		.kind = (uint8_t)kind,
		.operand = VF_MEMORY,
		.base = (uint8_t)base,
		.index = (uint8_t)(has_index ? index : VF_NO_REG),
		.scale = (uint8_t)scale
	};
}

static void
make_place(uint32_t at)
{
	static const uint8_t numbers[16] = {
		[VF_PLACE_FRAME] = 1, [VF_PLACE_MEMORY] = 2, [VF_PLACE_VMCTX] = 3
	};
	uint32_t top = at >> 6 & 3, base = (at & 7) | (at >> 8 & 1) << 3, x = at >> 9 & 1;
	struct vf_place *by_modrm = &tables.places[at], *by_sib = by_modrm + VF_PLACE_SIB;

	make_modrm_place(by_modrm, top, base, x);
	make_sib_place(by_sib, top, base, (at >> 3 & 7) | x << 3);
	for (struct vf_place *place = by_modrm; place <= by_sib; place += VF_PLACE_SIB)
		place->bound = VF_BOUND_BYTES * numbers[place->kind % sizeof(numbers)];
}

/* --- opcodes ------------------------------------------------------------------------- */

static uint32_t
shape_of(uint32_t form, uint32_t opcode)
{
	static const uint8_t shapes[NB_FORM_COUNT] = { [NB_FORM_J_8] = VF_SHAPE_BRANCH,
						       [NB_FORM_J_32] = VF_SHAPE_BRANCH,
						       [NB_FORM_JMP_8] = VF_SHAPE_JUMP,
						       [NB_FORM_JMP_32] = VF_SHAPE_JUMP,
						       [NB_FORM_CALL_32] = VF_SHAPE_CALL,
						       [NB_FORM_UD2] = VF_SHAPE_TRAP,
						       [NB_FORM_MOV32_IMM] = VF_SHAPE_CONSTANT,
						       [NB_FORM_MOV64_IMM] = VF_SHAPE_CONSTANT,
						       [NB_FORM_NOP] = VF_SHAPE_NOP };
	const struct nb_form_info *info = &infos[form];

	if (info->rm == NB_RM_NONE)
		return shapes[form];
	bool is_unsure = info->reg == NB_REG_G8 || info->rm & NB_RM_G8 ||
			 tables.forms[form].imm_short & ~opcode;

	return is_unsure ? VF_SHAPE_UNSURE : VF_SHAPE_MODRM;
}

static void
enter(uint32_t form, uint32_t opcode)
{
	static const uint8_t spaces[NB_FORM_SSE_LEGACY + 1] = {
		[NB_FORM_LOCKED] = VF_SPACE_LOCKED, [NB_FORM_VEX_ENCODED] = VF_SPACE_VEX
	};
	const struct nb_form_info *info = &infos[form];
	const struct vf_form *f = &tables.forms[form];
	uint32_t memory = NB_RM_M | NB_RM_ADDRESS;
	uint32_t space = spaces[info->kind] | (uint32_t)info->map << VF_SPACE_MAP |
			 (uint32_t)info->prefix << VF_SPACE_PREFIX;
	uint32_t *entry =
		&tables.opcodes[VF_PAGE * space + (info->wide ? VF_PAGE / 2 : 0) + opcode];
	uint32_t what = (uint32_t)f->imm_bytes >> (opcode & f->imm_short) << VF_OPCODE_IMM |
			shape_of(form, opcode);

	if (!*entry)
		*entry = VF_DIGITS * ++opcode_count << VF_OPCODE_ROWS | what;
	/* Of what has other immediates than the first, more must be looked at. */
	bool is_other = (*entry & UINT16_MAX) != what;

	for (uint32_t i = 0; i < VF_DIGITS; i++) {
		bool is_register = i & VF_ROW_REGISTER;
		bool is_there =
			info->rm == NB_RM_NONE || info->rm & (is_register ? ~memory : memory);

		struct vf_row *row = &tables.rows[(*entry >> VF_OPCODE_ROWS) + i];

		if (is_there && (info->reg > NB_REG_D7 || info->reg == (i & 7))) {
			*row = row_of(form, is_register);
			row->no_kinds |= is_other ? UINT8_MAX : 0;
		}
	}
}

static void
make_opcodes(void)
{
	static const uint8_t prefixes[] = { 0x0f, 0x66, 0xc4, 0xc5, 0xf0, 0xf2, 0xf3 };

	for (uint32_t form = 0; form < NB_FORM_COUNT; form++) {
		const struct nb_form_info *info = &infos[form];
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
		tables.opcodes[prefixes[i]] = VF_SHAPE_PREFIX;
	tables.opcodes[VF_PAGE / 2 + 0x0f] = VF_SHAPE_PREFIX; /* behind REX.W */
	tables.opcodes[SPACE_0F * VF_PAGE + 0x38] = VF_SHAPE_PREFIX;
	tables.opcodes[SPACE_0F * VF_PAGE + 0x3a] = VF_SHAPE_PREFIX;
}

int
main(void)
{
	uint64_t words[sizeof(tables) / sizeof(uint64_t)];

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
	return opcode_count < VF_OPCODES - 1 ? 0 : 1;
}
