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
enum { VF_REX_B = 1, VF_REX_X = 2, VF_REX_R = 4, VF_REX_W = 8, VF_REX_BARE = 0x40 };

/* The space of an opcode: what stands before it. */
enum { VF_SPACE_MAP = 0, VF_SPACE_PREFIX = 2, VF_SPACE_LOCKED = 1 << 4, VF_SPACE_VEX = 2 << 4 };

/* What stands before the opcode; of VEX what REX and escapes would say. */
struct vf_head {
	uint32_t space;
	uint32_t rex;
	uint8_t vvvv;
	bool is_vex, is_vex_long;
};

/* What REX adds to vf_inst.registers. */
extern const uint32_t vf_rex_registers[16];

/* Decodes an instruction with other prefixes than a REX that says something. */
enum verifier_rule
vf_decode_special(const struct vf_decoder *decoder, const uint8_t *start, struct vf_inst *out);

/* Checks what rows with VF_ROW_EXTRA have, and completes it. */
enum verifier_rule
vf_check_extra(const struct vf_decoder *decoder, const struct vf_head *head, struct vf_inst *inst);

/* SIB byte and displacement of a memory operand, from `at` on; what is behind
 * them, or NULL if the encoding is not the one it must be. Takes the bits that it
 * uses out of *rex. */
static inline const uint8_t *
vf_take_memory(const uint8_t *at, uint32_t modrm, uint32_t *rex, struct vf_inst *out)
{
	static const uint8_t disp_shift[] = { 0, 24, 0 };
	static const int8_t disp_mask[] = { 0, -1, -1 };
	uint32_t mod = modrm >> 6, low = modrm & 7;
	uint32_t registers = (modrm >> 3 & 7) + vf_rex_registers[*rex & 15];
	int32_t disp;

	out->operand = VF_MEMORY;
	if (low == 4) {
		uint32_t sib = *at++;

		*rex &= ~(uint32_t)VF_REX_X;
		low = sib & 7;
		registers += low << 8 | (sib & 0x38) << 13 | (sib & 0xc0) << 18;
		if ((registers >> 16 & UINT8_MAX) == NB_RSP) {
			if (sib >> 6 || low != 4)
				return NULL;
			registers += (VF_NO_REG - NB_RSP) << 16;
		}
	} else {
		registers += low << 8 | VF_NO_REG << 16;
		out->operand = mod == 0 && low == 5 ? VF_RIP : VF_MEMORY;
	}
	memcpy(&disp, at, sizeof(disp));
	if (mod == 0 && low == 5) {
		out->registers = (registers & ~UINT32_C(0xff00)) | VF_NO_REG << 8;
		out->disp = disp;
		return *rex & VF_REX_B ? NULL : at + sizeof(disp);
	}
	out->registers = registers;
	disp = (int32_t)((uint32_t)disp << disp_shift[mod]) >> disp_shift[mod] & disp_mask[mod];
	out->disp = disp;
	uint32_t least = disp == 0 && low != 5 ? 0 : disp == (int8_t)disp ? 1 : 2;

	if (least != mod)
		return NULL;
	if (mod == 0)
		return at;
	return mod == 1 ? at + 1 : at + 4;
}

/* Immediates and distances, sign-extended; likewise. */
static inline const uint8_t *
vf_take_immediate(const uint8_t *at, const struct vf_row *row, struct vf_inst *out)
{
	uint32_t bytes = (uint32_t)row->imm_bytes >> (out->opcode & row->imm_short);
	int16_t half;
	int32_t word;

	if (bytes == 1) {
		out->imm = (*at ^ 0x80) - 0x80; /* signed */
		return at + 1;
	}
	if (bytes == 4) {
		memcpy(&word, at, sizeof(word));
		out->imm = word;
		return row->imm_short && word == (int8_t)word ? NULL : at + 4;
	}
	if (bytes == 2) {
		memcpy(&half, at, sizeof(half));
		out->imm = half;
		return at + 2;
	}
	memcpy(&out->imm, at, sizeof(out->imm));
	return at + 8;
}

/* From the opcode on. */
static inline __attribute__((always_inline)) enum verifier_rule
vf_decode_opcode(const struct vf_decoder *decoder, const uint8_t *start, const uint8_t *at,
		 const struct vf_head *head, struct vf_inst *out)
{
	uint32_t rex = head->rex, opcode = *at++, modrm = *at;
	uint32_t found = decoder->rows[decoder->page_of[head->space] + ((rex & VF_REX_W) << 6) +
				       2 * opcode + (modrm >= 0xc0)];

	if (found & VF_IS_GROUP)
		found = decoder->groups[found & ~(uint32_t)VF_IS_GROUP][modrm >> 3 & 7];
	const struct vf_row *row = &vf_rows[found];
	uint32_t flags = row->flags;

	out->row = row;
	out->opcode = (uint8_t)opcode;
	if (flags & VF_ROW_MODRM && modrm < 0xc0) {
		at = vf_take_memory(at + 1, modrm, &rex, out);
		if (!at)
			return VERIFIER_ENCODING;
	} else if (flags & VF_ROW_MODRM) {
		at++;
		out->operand = VF_REGISTER;
		out->registers = ((modrm & 0x38) >> 3 | (modrm & 7) << 8 | VF_NO_REG << 16) +
				 vf_rex_registers[rex & (VF_REX_R | VF_REX_B)];
	} else {
		out->operand = VF_NONE;
		out->registers = (opcode & 7) | (rex & VF_REX_B) << 3 | VF_NO_REG << 16;
	}
	if (rex & ~(uint32_t)row->rex)
		return VERIFIER_ENCODING;
	if (row->imm_bytes) {
		at = vf_take_immediate(at, row, out);
		if (!at)
			return VERIFIER_ENCODING;
	}
	out->len = (uint8_t)(at - start);
	return flags & VF_ROW_EXTRA ? vf_check_extra(decoder, head, out) : VERIFIER_NONE;
}

/* From REX on. */
static inline __attribute__((always_inline)) enum verifier_rule
vf_decode_rex(const struct vf_decoder *decoder, const uint8_t *start, const uint8_t *at,
	      struct vf_head head, struct vf_inst *out)
{
	if ((*at & 0xf0) == 0x40)
		head.rex |= *at++ & 15;
	if (*at == 0x0f) {
		uint32_t map = NB_MAP_0F;

		at++;
		if ((*at & 0xfd) == 0x38)
			map = *at++ == 0x38 ? NB_MAP_38 : NB_MAP_3A;
		head.space |= map << VF_SPACE_MAP;
	}
	return vf_decode_opcode(decoder, start, at, &head, out);
}

/* Decodes one instruction; VF_READ_BYTES must be readable. */
static inline __attribute__((always_inline)) enum verifier_rule
vf_decode_inline(const struct vf_decoder *decoder, const uint8_t *start, struct vf_inst *out)
{
	static const uint8_t is_special[256] = {
		[0x40] = 1, [0x66] = 1, [0xc4] = 1, [0xc5] = 1, [0xf0] = 1, [0xf2] = 1, [0xf3] = 1,
	};

	if (is_special[*start])
		return vf_decode_special(decoder, start, out);
	return vf_decode_rex(decoder, start, start, (struct vf_head){ 0 }, out);
}

#endif
