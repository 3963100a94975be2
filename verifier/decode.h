/*
 * The verifier's decoder: bytes to one instruction of code_forms.def.
 *
 * Accepts exactly the canonical encodings that the table's head defines. What
 * operands mean is not its business. All it knows about instructions is in constant
 * tables, which generate/tables.c makes of code_forms.def when the system is built.
 * vf_look finds what they say about an instruction, for whoever asks.
 */
#ifndef VERIFIER_DECODE_H
#define VERIFIER_DECODE_H

#include "abi/code_forms.h"
#include "lib/string.h"
#include "verifier/verifier.h"

enum {
	VF_NO_REG = 16,
	VF_READ_BYTES = 24, /* more than any instruction takes, and 8 that are read at once */
	VF_SPACES = 3 << 4,
	VF_PAGE = 2 * 256, /* opcodes of a space: without W and with it */
	VF_DIGITS = 16,	   /* the upper half is for registers */
	VF_ROW_REGISTER = 8,
	VF_PLACE_SIB = 4 * 256,
	VF_OPCODES = NB_FORM_COUNT + 128, /* a few forms have 8 or 16 */
	VF_PATTERNS = 8,
	VF_BOUND_BYTES = 32,
};

/* As they stand in REX; BARE stands for one without any of them. */
enum { VF_REX_B = 1, VF_REX_X = 2, VF_REX_R = 4, VF_REX_W = 8, VF_REX_BARE = 0x40 };

/* An opcode: its shape, by what it does first of all; bytes of the immediate or distance;
 * the first of its rows. */
enum { VF_OPCODE_SHAPE = UINT8_MAX, VF_OPCODE_IMM = 8, VF_OPCODE_ROWS = 16 };
enum vf_shape {
	VF_SHAPE_OTHER,
	VF_SHAPE_PREFIX, /* no opcode, but something that stands before one */
	VF_SHAPE_MODRM,	 /* a computation with a ModRM byte */
	VF_SHAPE_UNSURE, /* one, if 4 bytes of an immediate are needed, or a byte of r/m is there */
	VF_SHAPE_BRANCH,
	VF_SHAPE_JUMP,
	VF_SHAPE_CONSTANT,
	VF_SHAPE_CALL,
	VF_SHAPE_TRAP,
	VF_SHAPE_NOP,
};

/* By the first byte of an instruction: what REX, or else a first 0F, says. */
struct vf_rex {
	uint8_t shift; /* bits before the opcode */
	uint8_t end;   /* bytes up to the opcode, and it */
	uint8_t r;     /* 8 or 0 */
	uint8_t bits;
	uint16_t page; /* of opcodes, with W's half */
	uint16_t xb;   /* of places */
};

/* By a ModRM byte; masks are 0 or all bits. */
struct vf_modrm {
	int32_t near, far; /* masks: a displacement of 1, of 4 bytes */
	uint16_t place;	   /* VF_PLACE_SIB if there is one, or 0 */
	uint8_t rm_shift;  /* bits from the opcode to SIB, or else to ModRM */
	uint8_t rm_mask;   /* what of these says the place */
	uint8_t bytes;	   /* with it, SIB and displacement */
	uint8_t disp_at;   /* from its first */
	uint8_t row;	   /* the digit, and VF_ROW_REGISTER */
	int8_t is_fine;	   /* mask: no displacement, or 4 bytes that no other could be */
};
_Static_assert(sizeof(struct vf_modrm) == 16, "quickly found");

/* What the r/m operand is, by the contract: one of the first; and what it may be. */
enum vf_place_kind {
	VF_PLACE_REGISTER = 1,
	VF_PLACE_FRAME = 2,    /* [rsp + …] */
	VF_PLACE_MEMORY = 4,   /* [r14 + …] */
	VF_PLACE_VMCTX = 8,    /* [r15 + …] */
	VF_PLACE_ADDRESS = 16, /* what may only be computed */
	VF_PLACE_OTHER = 32,   /* nothing common */
	VF_PLACE_WRONG = 64,   /* not in its one encoding */
	VF_PLACE_FREE = 128,   /* a displacement of 1 byte may be 0 */
	VF_PLACE_BOUNDS = 4,   /* of any kind, FRAME, MEMORY, VMCTX */
};

enum vf_operand {
	VF_NONE,
	VF_REGISTER, /* `base` */
	VF_MEMORY,   /* [base + index << scale + disp] */
	VF_RIP,	     /* [end of the instruction + disp] */
};

/* By SIB or else ModRM, REX.B, REX.X and whether it is SIB. */
struct vf_place {
	uint16_t extended; /* the index must be: a set of general registers */
	uint8_t kind;	   /* enum vf_place_kind */
	uint8_t bound;	   /* its number below VF_PLACE_BOUNDS * VF_BOUND_BYTES */
	uint8_t operand;   /* enum vf_operand */
	uint8_t base;	   /* register or VF_NO_REG */
	uint8_t index;	   /* register or VF_NO_REG */
	uint8_t scale;	   /* logarithm */
};
_Static_assert(sizeof(struct vf_place) == 8, "quickly found");

/*
 * What an instruction does to general registers: four sets. Patterns of vf_tables have
 * register 0 in them, for the register that an operand names.
 */
enum vf_effect {
	VF_USED = 0,	  /* named */
	VF_WRITTEN = 16,  /* of any width */
	VF_EXTENDED = 32, /* written, and the upper half becomes zero */
	VF_WIDE = 48,	  /* written, and the upper half may become anything */
};

/* What of an instruction is looked at first, by its opcode and ModRM. */
struct vf_row {
	uint16_t number;       /* of its form + 1, or 0: it is no instruction */
	uint8_t on_reg, on_rm; /* numbers of patterns, by operand */
	uint8_t no_kinds;      /* enum vf_place_kind that are refused, or need more than a look */
	uint8_t no_rex;	       /* bits that neither REX nor VEX may have */
	uint8_t last;	       /* bytes accessed, without one */
	uint8_t needs_rex;     /* VF_BYTE_REG, VF_BYTE_RM: an operand is a byte */
};
_Static_assert(sizeof(struct vf_row) == 8, "quickly found");
enum { VF_BYTE_REG = 1, VF_BYTE_RM = 2 };

enum vf_form_flag {
	VF_FORM_MODRM = 1,    /* 1 byte, and VF_REGISTER */
	VF_FORM_CONTROL = 2,  /* no computation, but a branch, call, trap or no-operation */
	VF_FORM_RARE = 4,     /* divides, accesses a port, or has a third general register */
	VF_FORM_UNSIGNED = 8, /* so is the immediate */
};

/* What else follows from the columns of a form. */
struct vf_form {
	uint64_t on_others; /* effects on registers that no operand names */
	uint8_t flags;	    /* enum vf_form_flag */
	uint8_t imm_bytes;  /* of the immediate or distance */
	uint8_t imm_short;  /* bit of the opcode that says that these are not 4 but 1 */
	uint8_t imm_zero;   /* bits of an unsigned byte that must be zero */
	struct nb_form_info info;
};

extern const struct vf_tables {
	struct vf_rex rexes[256];
	struct vf_modrm modrms[256];
	struct vf_place places[2 * VF_PLACE_SIB];
	uint64_t patterns[VF_PATTERNS];
	uint32_t opcodes[VF_SPACES * VF_PAGE]; /* by space, W and opcode */
	/* By vf_modrm.row. The first opcode is none. */
	struct vf_row rows[VF_OPCODES * VF_DIGITS];
	struct vf_form forms[NB_FORM_COUNT];
} vf_tables;

/* The space of an opcode: what stands before it. */
enum { VF_SPACE_MAP = 0, VF_SPACE_PREFIX = 2, VF_SPACE_LOCKED = 1 << 4, VF_SPACE_VEX = 2 << 4 };

/* What stands before the operands. */
struct vf_head {
	uint64_t word;		  /* from the opcode on */
	const struct vf_rex *rex; /* or what VEX says of the same */
	uint32_t opcode;	  /* of vf_tables.opcodes */
	uint32_t end;		  /* bytes up to the opcode, and it */
	uint32_t vex;		  /* 0: there is none */
};

/* What the form does not have is unspecified, but for the index. */
struct vf_inst {
	const struct vf_form *form;
	uint8_t len;	 /* bytes */
	uint8_t operand; /* enum vf_operand: what the r/m operand is */
	uint8_t opcode;	 /* its last byte, with the condition */
	uint8_t vvvv;	 /* register */
	uint8_t reg;	 /* general or XMM register, the opcode's register too */
	uint8_t base;	 /* register or VF_NO_REG */
	uint8_t index;	 /* register or VF_NO_REG */
	uint8_t scale;	 /* logarithm */
	int32_t disp;
	int64_t imm;	 /* extended as it is used; distances too */
	uint64_t effect; /* what it does to the registers */
};

/* enum nb_form */
static inline uint32_t
vf_form(const struct vf_inst *inst)
{
	return (uint32_t)(inst->form - vf_tables.forms);
}

/* The head of an instruction that begins with more than REX. */
struct vf_head vf_look_behind(const uint8_t *at);

/* The head of the instruction at `at`, with VF_READ_BYTES, unless its shape is _PREFIX. */
static inline struct vf_head
vf_look(const struct vf_tables *t, const uint8_t *at)
{
	struct vf_head h = { .vex = 0 };

	memcpy(&h.word, at, sizeof(h.word));
	h.rex = &t->rexes[h.word & UINT8_MAX];
	h.word >>= h.rex->shift;
	h.end = h.rex->end;
	h.opcode = t->opcodes[h.rex->page + (h.word & UINT8_MAX)];
	return h;
}

static inline const struct vf_modrm *
vf_modrm(const struct vf_tables *t, const struct vf_head *h)
{
	return &t->modrms[h->word >> 8 & UINT8_MAX];
}

static inline const struct vf_row *
vf_row(const struct vf_tables *t, const struct vf_head *h, const struct vf_modrm *m)
{
	return &t->rows[(h->opcode >> VF_OPCODE_ROWS) + m->row];
}

static inline const struct vf_place *
vf_place(const struct vf_tables *t, const struct vf_head *h, const struct vf_modrm *m)
{
	return &t->places[(h->word >> m->rm_shift & m->rm_mask) + h->rex->xb + m->place];
}

/* The register operand. */
static inline uint32_t
vf_reg(const struct vf_head *h, const struct vf_modrm *m)
{
	return (m->row & 7u) | h->rex->r;
}

/* What it does to the registers that operands name. */
static inline uint64_t
vf_effect(const struct vf_tables *t, const struct vf_row *row, uint32_t reg, uint32_t rm)
{
	return t->patterns[row->on_reg] << reg | t->patterns[row->on_rm] << rm;
}

/* A number of one byte. */
static inline int32_t
vf_short(uint64_t byte)
{
	return (int32_t)(byte << 24) >> 24;
}

/* The displacement, of the instruction at `at`; *out_right is 0 if it could be shorter. */
static inline int32_t
vf_disp(const uint8_t *at, const struct vf_head *h, const struct vf_modrm *m, uint32_t *out_right)
{
	uint32_t word;

	memcpy(&word, at + h->end + m->disp_at, sizeof(word));
	int32_t far = (int32_t)word & m->far, near = vf_short(word);

	*out_right = (uint32_t)((near ^ far) | m->is_fine);
	return (near & m->near) | far;
}

/* Whether REX is there for the lowest byte of registers 4 to 7 if it says nothing else. */
static inline bool
vf_rex_is_right(const struct vf_head *h, const struct vf_modrm *m, const struct vf_row *row)
{
	bool needs = (row->needs_rex & VF_BYTE_REG && m->row & 4) ||
		     (row->needs_rex & VF_BYTE_RM && m->row & VF_ROW_REGISTER && h->word >> 8 & 4);

	return h->rex->bits & ~VF_REX_BARE || (h->rex->bits != 0) == needs;
}

/* Decodes one instruction from at[0..room); VERIFIER_NONE if it is one. Instructions that
 * need other processor features (NB_CPU_*) are refused. */
enum verifier_rule
vf_decode(uint32_t cpu_features, const uint8_t *at, uint32_t room, struct vf_inst *out);

#endif
