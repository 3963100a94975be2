/*
 * The decoder's common path, to be inlined where instructions are scanned.
 *
 * Parts that few instructions have are in decode.c.
 */
#ifndef VERIFIER_DECODE_INLINE_H
#define VERIFIER_DECODE_INLINE_H

#include "lib/string.h"
#include "verifier/decode.h"

/* As they stand in REX; BARE stands for one without any of them. */
enum {
	VF_REX_B = 1,
	VF_REX_X = 2,
	VF_REX_R = 4,
	VF_REX_W = 8,
	VF_REX_BARE = 0x40,
};

/* The space of an opcode: what stands before it. */
enum {
	VF_SPACE_MAP = 0,
	VF_SPACE_PREFIX = 2,
	VF_SPACE_LOCKED = 1 << 4,
	VF_SPACE_VEX = 2 << 4,
};

/* Prefixes other than REX with a bit, which few instructions have. */
struct vf_special {
	const uint8_t *behind;
	uint8_t space;
	uint8_t rex; /* of VEX likewise, or VF_REX_BARE */
	uint8_t vvvv;
	bool is_vex, is_vex_long;
};

extern const struct vf_row vf_rows[NB_FORM_COUNT + 1]; /* from 1 on */
extern const uint32_t vf_rex_registers[16];

struct vf_special vf_take_special(const uint8_t *at);

/* Checks what rows with VF_ROW_EXTRA have, and completes it. */
enum verifier_rule vf_check_extra(const struct vf_decoder *decoder, struct vf_special special,
				  uint32_t rex, struct vf_inst *inst);

/* SIB byte and displacement of a memory operand, from `at` on; what is behind
 * them, or NULL if the encoding is not the one it must be. */
static inline const uint8_t *
vf_take_memory(const uint8_t *at, uint32_t modrm, uint32_t rex, struct vf_inst *out)
{
	static const uint8_t disp_bytes[] = { 0, 1, 4 };
	uint32_t mod = modrm >> 6, low = modrm & 7;
	uint32_t registers = (modrm >> 3 & 7) + vf_rex_registers[rex & 15];
	int32_t disp;

	out->operand = VF_MEMORY;
	if (low == 4) {
		uint32_t sib = *at++;

		low = sib & 7;
		registers += low << 8 | (sib & 0x38) << 13 | (sib & 0xc0) << 18;
		if ((registers >> 16 & UINT8_MAX) == NB_RSP) {
			if (sib >> 6 || low != 4)
				return NULL;
			registers += (VF_NO_REG - NB_RSP) << 16;
		}
	} else {
		if (mod == 0 && low == 5)
			out->operand = VF_RIP;
		if (rex & VF_REX_X)
			return NULL;
		registers += low << 8 | VF_NO_REG << 16;
	}
	memcpy(&disp, at, sizeof(disp));
	if (mod == 0 && low == 5) {
		out->registers = (registers & ~UINT32_C(0xff00)) | VF_NO_REG << 8;
		out->disp = disp;
		return rex & VF_REX_B ? NULL : at + sizeof(disp);
	}
	out->registers = registers;
	disp = mod == 0 ? 0 : mod == 1 ? (int8_t)disp : disp;
	out->disp = disp;
	uint32_t least = disp == 0 && low != 5 ? 0 : disp == (int8_t)disp ? 1 : 2;

	return least != mod ? NULL : at + disp_bytes[mod];
}

/* Immediates and distances, sign-extended; likewise. */
static inline const uint8_t *
vf_take_immediate(const uint8_t *at, const struct vf_row *row, struct vf_inst *out)
{
	bool is_either = row->flags & VF_ROW_EITHER;
	uint32_t bytes = is_either && out->opcode & 2 ? 1 : row->imm_bytes;
	uint32_t shift = 64 - 8 * bytes;
	int64_t imm;

	memcpy(&imm, at, sizeof(imm));
	imm = (int64_t)((uint64_t)imm << shift) >> shift;
	out->imm = imm;
	if (is_either && bytes == 4 && imm == (int8_t)imm)
		return NULL;
	return at + bytes;
}

/* Decodes one instruction; VF_READ_BYTES must be readable. */
static inline __attribute__((always_inline)) enum verifier_rule
vf_decode_inline(const struct vf_decoder *decoder, const uint8_t *start, struct vf_inst *out)
{
	static const uint8_t is_special[256] = {
		[0x40] = 1, [0x66] = 1, [0xc4] = 1, [0xc5] = 1, [0xf0] = 1, [0xf2] = 1, [0xf3] = 1,
	};
	const uint8_t *at = start;
	struct vf_special special = { 0 };

	if (is_special[*at]) {
		special = vf_take_special(at);
		at = special.behind;
	}
	uint32_t rex = special.rex, space = special.space;

	if ((*at & 0xf0) == 0x40 && !special.is_vex)
		rex |= *at++ & 15u;
	if (*at == 0x0f && !special.is_vex) {
		uint32_t map = NB_MAP_0F;

		at++;
		if ((*at & 0xfd) == 0x38)
			map = *at++ == 0x38 ? NB_MAP_38 : NB_MAP_3A;
		space |= map << VF_SPACE_MAP;
	}
	uint32_t opcode = *at++, modrm = *at;
	uint32_t found = decoder->rows[decoder->page_of[space] + ((rex & VF_REX_W) << 6) +
				       2 * opcode + (modrm >= 0xc0)];

	if (found & VF_IS_GROUP)
		found = decoder->groups[found & ~(uint32_t)VF_IS_GROUP][modrm >> 3 & 7];
	if (!found)
		return VERIFIER_INSTRUCTION;
	const struct vf_row *row = &vf_rows[found];
	uint32_t flags = row->flags;

	out->row = row;
	out->opcode = (uint8_t)opcode;
	if (rex & ~(uint32_t)row->rex)
		return VERIFIER_ENCODING;
	if (!(flags & VF_ROW_MODRM)) {
		out->operand = VF_NONE;
		out->registers =
			(opcode & 7) | (rex & VF_REX_B) << 3 | VF_NO_REG << 8 | VF_NO_REG << 16;
	} else if (modrm < 0xc0) {
		at = vf_take_memory(at + 1, modrm, rex, out);
		if (!at)
			return VERIFIER_ENCODING;
	} else {
		at++;
		out->operand = VF_REGISTER;
		out->registers = ((modrm & 0x38) >> 3 | (modrm & 7) << 8 | VF_NO_REG << 16) +
				 vf_rex_registers[rex & (VF_REX_R | VF_REX_B)];
		if (rex & VF_REX_X)
			return VERIFIER_ENCODING;
	}
	if (row->imm_bytes) {
		at = vf_take_immediate(at, row, out);
		if (!at)
			return VERIFIER_ENCODING;
	}
	out->len = (uint8_t)(at - start);
	if (flags & VF_ROW_EXTRA)
		return vf_check_extra(decoder, special, rex, out);
	return VERIFIER_NONE;
}

#endif
