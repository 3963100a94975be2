/*
 * The verifier's decoder: bytes to one instruction of code_forms.def.
 *
 * Accepts exactly the canonical encodings that the table's head defines. What
 * operands mean is not its business.
 */
#ifndef VERIFIER_DECODE_H
#define VERIFIER_DECODE_H

#include "abi/code_forms.h"
#include "verifier/verifier.h"

enum {
	VF_NO_REG = 0xff,
	VF_READ_BYTES = 24 /* more than any instruction takes */,
	VF_KEYS = 1 << 15
};

/* Finds the rows of an opcode. Numbers are form + 1, or 0 for none; rows that
 * differ only in what r/m may be are chained. */
enum { VF_GROUPS = 96, VF_IS_GROUP = 0x8000 };
struct vf_decoder {
	uint16_t first[VF_KEYS];       /* by kind, prefix, map, W, opcode: a row, or VF_IS_GROUP |
				       * group if ModRM.reg tells rows apart */
	uint16_t groups[VF_GROUPS][8]; /* by that digit */
	uint16_t next[NB_FORM_COUNT];
	uint16_t group_count;
};

enum vf_operand {
	VF_NONE,
	VF_REGISTER, /* `base` */
	VF_MEMORY,   /* [base + index << scale + disp] */
	VF_RIP,	     /* [end of the instruction + disp] */
};

struct vf_inst {
	const struct nb_form_info *info;
	uint16_t form;	 /* enum nb_form */
	uint8_t len;	 /* bytes */
	uint8_t reg;	 /* general or XMM register, the opcode's register too; or VF_NO_REG */
	uint8_t vvvv;	 /* register, if the form has it */
	uint8_t cc;	 /* condition, if the form has one */
	uint8_t operand; /* enum vf_operand: what the r/m operand is */
	uint8_t base;	 /* register or VF_NO_REG (ADDRESS forms only) */
	uint8_t index;	 /* register or VF_NO_REG */
	uint8_t scale;	 /* logarithm */
	int32_t disp;
	int64_t imm; /* extended as it is used; distances too */
};

/* Fills the table; once before any decoding. */
void vf_decoder_init(struct vf_decoder *decoder);

/* Decodes one instruction from at[0..room); VERIFIER_NONE if it is one. */
enum verifier_rule
vf_decode(const struct vf_decoder *decoder, const uint8_t *at, uint32_t room, struct vf_inst *out);

#endif
