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
	VF_PAGES = 26,
	VF_PAGE = 2 * 256,
	VF_PAGE_ONE = VF_PAGE, /* opcodes of one byte; then those behind 0F */
	VF_DIGITS = 16,	       /* the upper half is for registers */
	VF_ROW_REGISTER = 8,
	VF_PLACE_SIB = 4 * 256,
	VF_OPCODES = NB_FORM_COUNT + 128, /* a few forms have 8 or 16 */
};

/* As they stand in REX; BARE stands for one without any of them. */
enum { VF_REX_B = 1, VF_REX_X = 2, VF_REX_R = 4, VF_REX_W = 8, VF_REX_BARE = 0x40 };
enum { VF_REX_ANY = 0x80 }; /* set in vf_head, of REX or none */

/* Of vf_decoder.opcodes: the shape, of those of which most code consists; bytes of the
 * immediate or distance; the first of rows. */
enum { VF_OPCODE_SHAPE = UINT8_MAX, VF_OPCODE_IMM = 8, VF_OPCODE_ROWS = 16 };
enum vf_shape {
	VF_SHAPE_OTHER,
	VF_SHAPE_MODRM,	 /* a computation */
	VF_SHAPE_UNSURE, /* one, if 4 bytes of an immediate are needed, or a byte of r/m is there */
	VF_SHAPE_CONSTANT,
	VF_SHAPE_BRANCH,
	VF_SHAPE_JUMP,
	VF_SHAPE_CALL,
	VF_SHAPE_TRAP,
	VF_SHAPE_NOP,
};
/* Of vf_decoder.rows: where in vf_rows, and above the same or 0 if it has not the shape. */
enum { VF_ROW_SHAPED = 16 };

/* By the first byte of an instruction: what REX says, if it is one. */
struct vf_head {
	uint8_t shift; /* bits before the opcode */
	uint8_t end;   /* bytes up to the opcode, and it */
	uint8_t r, b;  /* 8 or 0 */
	uint8_t rex;   /* its bits, and VF_REX_ANY */
	uint16_t page; /* W's half of a page of opcodes */
	uint16_t xb;   /* of places */
	uint8_t spare[6];
};
_Static_assert(sizeof(struct vf_head) == 16, "quickly found");

/* By a ModRM byte; masks are 0 or all bits. */
struct vf_modrm {
	int32_t near, far; /* masks: a displacement of 1, of 4 bytes */
	int32_t is_none;   /* mask: none */
	uint16_t sib;	   /* VF_PLACE_SIB if there is one, or 0 */
	uint8_t bytes;	   /* with it, SIB and displacement */
	uint8_t disp_at;   /* from its first */
	uint8_t no_rex;	   /* REX.X, if there is no SIB */
	uint8_t rm_shift;  /* bits from the opcode to SIB, or else to ModRM */
	uint8_t digit;
	uint8_t row; /* the digit, and VF_ROW_REGISTER */
} __attribute__((aligned(32)));
_Static_assert(sizeof(struct vf_modrm) == 32, "quickly found");

/* What the r/m operand is, by the contract. */
enum vf_place_kind {
	VF_PLACE_OTHER,	  /* nothing common */
	VF_PLACE_FRAME,	  /* [rsp + …] */
	VF_PLACE_MEMORY,  /* [r14 + …] */
	VF_PLACE_VMCTX,	  /* [r15 + …] */
	VF_PLACE_ADDRESS, /* what may only be computed */
	VF_PLACE_KINDS = 8,
	VF_LIMIT_BYTES = 32, /* common.c has so many of a kind and row */
};
struct vf_place {
	uint16_t extended; /* the index must be: a set of general registers */
	uint16_t kind;	   /* enum vf_place_kind * VF_LIMIT_BYTES */
};

/* Finds the row of an instruction. */
struct vf_decoder {
	uint16_t page_of[VF_SPACES]; /* where a page begins, by encoding, prefix and map */
	/* Of a page, by W and opcode. The first page is empty. */
	uint32_t opcodes[VF_PAGES * VF_PAGE];
	/* By vf_modrm.row. The first opcode is none. */
	uint32_t rows[VF_OPCODES * VF_DIGITS];
	uint32_t page_count, opcode_count;
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

/*
 * What an instruction does to general registers: four sets. Of a row, for the
 * register that an operand names: each set is all registers or none.
 */
enum vf_effect {
	VF_USED = 0,	  /* named */
	VF_WRITTEN = 16,  /* of any width */
	VF_EXTENDED = 32, /* written, and the upper half becomes zero */
	VF_WIDE = 48,	  /* written, and the upper half may become anything */
};

/* A row, and what follows from its columns. */
struct vf_row {
	uint64_t on_reg, on_rm, on_others; /* effects, by operand; of what none names */
	struct nb_form_info info;
	uint8_t flags;	   /* enum vf_row_flag */
	uint8_t shape;	   /* enum vf_shape */
	uint8_t no_rex;	   /* bits that neither REX nor VEX may have, but X */
	uint8_t no_x;	   /* and X */
	uint8_t imm_bytes; /* of the immediate or distance */
	uint8_t imm_short; /* bit of the opcode that says that these are not 4 but 1 */
	uint8_t imm_zero;  /* bits of an unsigned byte that must be zero */
	uint16_t places;   /* added to vf_place.kind */
} __attribute__((aligned(64)));

_Static_assert((NB_FORM_COUNT + 1) * sizeof(struct vf_row) <= UINT16_MAX, "vf_decoder.rows");

/* What does not depend on the processor. */
extern const struct vf_tables {
	struct vf_head heads[256];
	struct vf_modrm modrms[256];
	/* By SIB or else ModRM, REX.B, REX.X and whether it is SIB. */
	struct vf_place places[2 * VF_PLACE_SIB];
	/* By form + 1; the first stands for what is no instruction. */
	struct vf_row rows[NB_FORM_COUNT + 1];
} vf_tables;

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
	uint8_t opcode;	 /* its last byte, with the condition */
	uint8_t vvvv;	 /* register */
	uint8_t reg;	 /* general or XMM register, the opcode's register too */
	uint8_t base;	 /* register or VF_NO_REG */
	uint8_t index;	 /* register or VF_NO_REG */
	uint8_t scale;	 /* logarithm */
	int32_t disp;
	int64_t imm; /* extended as it is used; distances too */
};

static inline const struct vf_row *
vf_row(const struct vf_decoder *decoder, uint32_t opcode, uint32_t modrm)
{
	uint32_t row = decoder->rows[(opcode >> VF_OPCODE_ROWS) + vf_tables.modrms[modrm].row];

	return (const struct vf_row *)((const uint8_t *)vf_tables.rows + (row & UINT16_MAX));
}

/* enum nb_form */
static inline uint32_t
vf_form(const struct vf_inst *inst)
{
	return (uint32_t)(inst->row - vf_tables.rows) - 1;
}

/* The same register in all sets. */
static inline uint64_t
vf_sets(uint32_t reg)
{
	return (1 | UINT64_C(1) << VF_WRITTEN | UINT64_C(1) << VF_WIDE | UINT64_C(1) << VF_EXTENDED)
	       << reg;
}

/* What it does to the registers. */
static inline uint64_t
vf_effect(const struct vf_inst *inst)
{
	uint64_t effect = (vf_sets(inst->reg) & inst->row->on_reg) | inst->row->on_others;

	return inst->operand == VF_REGISTER ? effect | (vf_sets(inst->base) & inst->row->on_rm)
					    : effect;
}

/* Fills the tables; once before any decoding. Instructions that need others than
 * these processor features are refused. */
void vf_decoder_init(struct vf_decoder *decoder, uint32_t cpu_features);

/* Decodes one instruction from at[0..room); VERIFIER_NONE if it is one. */
enum verifier_rule
vf_decode(const struct vf_decoder *decoder, const uint8_t *at, uint32_t room, struct vf_inst *out);

#endif
