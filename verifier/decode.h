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
	VF_NO_REG = 16,
	VF_READ_BYTES = 24, /* more than any instruction takes, and 8 that are read at once */
	VF_SPACES = 64,
	VF_PAGES = 24,
	VF_PAGE = 2 * 2 * 256,
	VF_GROUPS = 96,
	VF_IS_GROUP = 0x8000,
};

/* Finds the row of an instruction. Numbers are form + 1, or 0 for none. */
struct vf_decoder {
	uint16_t page_of[VF_SPACES]; /* where a page begins, by encoding, prefix and map */
	/* Of a page, by W and opcode, and whether r/m is a register: a number, or
	 * VF_IS_GROUP | group if ModRM.reg tells rows apart. The first page is empty. */
	uint16_t rows[VF_PAGES * VF_PAGE];
	uint16_t groups[VF_GROUPS][8]; /* by that digit */
	uint32_t page_count, group_count;
	uint32_t no_features; /* NB_CPU_* without which to decode */
};

enum vf_row_flag {
	VF_ROW_MODRM = 1,     /* 1 byte, and VF_REGISTER */
	VF_ROW_CONTROL = 2,   /* no computation, but a branch, call, trap or no-operation */
	VF_ROW_RARE = 4,      /* divides, accesses a port, or has a third general register */
	VF_ROW_BYTE = 16,     /* an operand may be an 8-bit register */
	VF_ROW_UNSIGNED = 32, /* so is the immediate */
	VF_ROW_EXTRA = 64,    /* has something that few have: vf_check_extra */
};

/* A row, and what follows from its columns. Sets are of general registers: all,
 * or none, to be cut down to the one that an operand names. */
struct vf_row {
	struct nb_form_info info;
	uint8_t flags;	      /* enum vf_row_flag */
	uint8_t rex;	      /* bits that REX or VEX may have, but X */
	uint8_t imm_bytes;    /* of the immediate or distance */
	uint8_t imm_short;    /* bit of the opcode that says that these are not 4 but 1 */
	uint8_t imm_zero;     /* bits of an unsigned byte that must be zero */
	uint8_t also_written; /* registers that no operand names */
	uint16_t reg_used, rm_used;
	uint16_t reg_written, rm_written;
	uint16_t extended; /* what is written, if its upper half becomes zero */
	uint16_t wide;	   /* what is written, if its upper half may become anything */
};

/* By form + 1; the first stands for what is no instruction. */
extern const struct vf_row vf_rows[NB_FORM_COUNT + 1];

enum vf_operand {
	VF_NONE,
	VF_REGISTER, /* `base` */
	VF_MEMORY,   /* [base + index << scale + disp] */
	VF_RIP,	     /* [end of the instruction + disp] */
};

/* What the form does not have is unspecified, but for the index. */
struct vf_inst {
	const struct vf_row *row;
	uint8_t len;	 /* bytes */
	uint8_t operand; /* enum vf_operand: what the r/m operand is */
	union {
		struct {
			uint8_t reg;   /* general or XMM register, the opcode's register too */
			uint8_t base;  /* register or VF_NO_REG */
			uint8_t index; /* register or VF_NO_REG */
			uint8_t scale; /* logarithm */
		};
		uint32_t registers; /* all four */
	};
	int32_t disp;
	uint8_t vvvv;	/* register */
	uint8_t opcode; /* its last byte, with the condition */
	int64_t imm;	/* extended as it is used; distances too */
};

/* enum nb_form */
static inline uint32_t
vf_form(const struct vf_inst *inst)
{
	return (uint32_t)(inst->row - vf_rows) - 1;
}

/* Fills the tables; once before any decoding. Instructions that need others than
 * these processor features are refused. */
void vf_decoder_init(struct vf_decoder *decoder, uint32_t cpu_features);

/* Decodes one instruction from at[0..room); VERIFIER_NONE if it is one. */
enum verifier_rule
vf_decode(const struct vf_decoder *decoder, const uint8_t *at, uint32_t room, struct vf_inst *out);

#endif
