/*
 * Decoding, driven by code_forms.def: what vf_look finds, and the rest.
 */
#include "verifier/decode.h"

/* The tables, as the words that they are in memory. */
static const union {
	uint64_t words[sizeof(struct vf_tables) / sizeof(uint64_t)];
	struct vf_tables tables;
} made = { .words = {
#include "vf_tables.inc"
	   } };
extern const struct vf_tables vf_tables __attribute__((alias("made")));

/* --- what stands before the opcode --------------------------------------------- */

enum { VEX = 16, VEX_LONG = 32 }; /* beside vvvv */

/* VEX: the space of the opcode behind it. */
static uint32_t
look_at_vex(const uint8_t *at, struct vf_head *out)
{
	bool is_long = *at == 0xc4;
	uint32_t first = at[1], last = is_long ? at[2] : first;
	uint32_t map = is_long ? first & 31 : NB_MAP_0F;
	uint32_t rex = is_long ? (~first >> 5 & 7) | last >> 7 << 3 : ~first >> 5 & VF_REX_R;

	out->vex = VEX | (is_long ? VEX_LONG : 0) | (~last >> 3 & 15);
	out->rex = &vf_tables.rexes[rex ? VF_REX_BARE | rex : 0];
	out->end = is_long ? 3 : 2;
	/* Map numbers are those of the table, in which no row has map 0; VEX.L = 0. */
	if (map > NB_MAP_3A || last & 4)
		map = NB_MAP_1;
	return VF_SPACE_VEX | map << VF_SPACE_MAP | (last & 3) << VF_SPACE_PREFIX;
}

/* LOCK and one of the other prefixes, REX, escapes; likewise. */
static uint32_t
look_at_prefixes(const uint8_t *at, struct vf_head *out)
{
	const uint8_t *start = at;
	uint32_t space = 0;

	if (*at == 0xf0) {
		space = VF_SPACE_LOCKED;
		at++;
	}
	if (*at == 0x66 || *at == 0xf2 || *at == 0xf3) {
		uint32_t prefix = *at == 0x66	? NB_PREFIX_66
				  : *at == 0xf3 ? NB_PREFIX_F3
						: NB_PREFIX_F2;

		space |= prefix << VF_SPACE_PREFIX;
		at++;
	}
	out->rex = &vf_tables.rexes[(*at & 0xf0) == VF_REX_BARE ? *at++ : 0];
	if (*at == 0x0f) {
		uint32_t map = NB_MAP_0F;

		at++;
		if ((*at & 0xfd) == 0x38)
			map = *at++ == 0x38 ? NB_MAP_38 : NB_MAP_3A;
		space |= map << VF_SPACE_MAP;
	}
	out->end = (uint32_t)(at - start);
	return space;
}

struct vf_head
vf_look_behind(const uint8_t *at)
{
	struct vf_head h = { .vex = 0 };
	uint32_t space = (*at & 0xfe) == 0xc4 ? look_at_vex(at, &h) : look_at_prefixes(at, &h);

	memcpy(&h.word, at + h.end, sizeof(h.word));
	h.opcode = vf_tables.opcodes[VF_PAGE * space + (h.rex->bits & VF_REX_W ? VF_PAGE / 2u : 0) +
				     (h.word & UINT8_MAX)];
	h.end++;
	return h;
}

/* --- what stands behind it -------------------------------------------------------- */

/* ModRM byte and what belongs to it; false if that is not its one encoding. */
static bool
take_operands(const struct vf_head *h, const struct vf_row *row, const uint8_t *at,
	      struct vf_inst *out)
{
	const struct vf_modrm *m = vf_modrm(&vf_tables, h);
	const struct vf_place *place = vf_place(&vf_tables, h, m);
	uint32_t is_right;

	out->reg = (uint8_t)vf_reg(h, m);
	out->operand = place->operand;
	out->base = place->base;
	out->index = place->index;
	out->scale = place->scale;
	out->disp = vf_disp(at, h, m, &is_right);
	is_right |= (place->kind & VF_PLACE_FREE & (uint32_t)m->near);
	out->len += m->bytes;
	out->effect |= vf_effect(&vf_tables, row, out->reg, out->base);
	if (m->place && m->is_fine && (out->base & 7) == NB_RBP) {
		memcpy(&out->disp, at + out->len, sizeof(out->disp));
		out->len += (uint8_t)sizeof(out->disp);
		out->base = VF_NO_REG;
		is_right = !(h->rex->bits & VF_REX_B);
	}
	return is_right && !(place->kind & VF_PLACE_WRONG) && vf_rex_is_right(h, m, row);
}

/* Immediates and distances; likewise. */
static bool
take_immediate(const uint8_t *at, struct vf_inst *out)
{
	const struct vf_form *form = out->form;
	uint32_t bytes = (uint32_t)form->imm_bytes >> (out->opcode & form->imm_short);
	uint32_t unused = 64 - 8 * bytes;
	uint64_t imm;

	if (bytes == 0)
		return true;
	memcpy(&imm, at + out->len, sizeof(imm));
	imm <<= unused;
	out->imm =
		form->flags & VF_FORM_UNSIGNED ? (int64_t)(imm >> unused) : (int64_t)imm >> unused;
	out->len += (uint8_t)bytes;
	if (form->imm_short & ~out->opcode && out->imm == vf_short((uint64_t)out->imm))
		return false;
	return !(out->imm & form->imm_zero);
}

/* VEX must be as short as possible and name no register for nothing. */
static bool
vex_is_right(const struct vf_head *h, const struct nb_form_info *info)
{
	bool needs_long = info->map != NB_MAP_0F || h->rex->bits & (VF_REX_W | VF_REX_X | VF_REX_B);

	return (h->vex & VEX_LONG) == (needs_long ? VEX_LONG : 0u) &&
	       (info->vvvv != NB_REG_NONE || (h->vex & 15) == 0);
}

/* VF_READ_BYTES must be readable. */
static enum verifier_rule
decode(uint32_t cpu_features, const uint8_t *at, struct vf_inst *out)
{
	struct vf_head h = vf_look(&vf_tables, at);

	if ((h.opcode & VF_OPCODE_SHAPE) == VF_SHAPE_PREFIX)
		h = vf_look_behind(at);
	const struct vf_row *row = vf_row(&vf_tables, &h, vf_modrm(&vf_tables, &h));

	if (row->number == 0)
		return VERIFIER_INSTRUCTION;
	const struct vf_form *form = &vf_tables.forms[row->number - 1];
	bool is_right = true;

	out->form = form;
	out->opcode = (uint8_t)h.word;
	out->vvvv = h.vex & 15;
	out->len = (uint8_t)h.end;
	out->effect = form->on_others;
	if (form->flags & VF_FORM_MODRM) {
		is_right = take_operands(&h, row, at, out);
	} else {
		out->reg = (uint8_t)((out->opcode & 7) | (h.rex->bits & VF_REX_B) << 3);
		out->operand = VF_NONE;
		out->effect |= vf_effect(&vf_tables, row, out->reg, 0);
	}
	if (!is_right || !take_immediate(at, out) || h.rex->bits & row->no_rex ||
	    (h.vex && !vex_is_right(&h, &form->info)) ||
	    (form->info.rm & NB_RM_G0 && out->base != 0))
		return VERIFIER_ENCODING;
	return form->info.feature & ~cpu_features ? VERIFIER_FEATURE : VERIFIER_NONE;
}

enum verifier_rule
vf_decode(uint32_t cpu_features, const uint8_t *at, uint32_t room, struct vf_inst *out)
{
	uint8_t padded[VF_READ_BYTES];

	if (room >= VF_READ_BYTES)
		return decode(cpu_features, at, out);
	memset(padded, 0, sizeof(padded));
	memcpy(padded, at, room);
	enum verifier_rule rule = decode(cpu_features, padded, out);

	return rule == VERIFIER_NONE && out->len > room ? VERIFIER_INSTRUCTION : rule;
}
