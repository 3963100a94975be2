/*
 * The encoder: one instruction of abi/code_forms.def into bytes.
 *
 * Nothing else in the compiler writes machine code. The table decides opcode,
 * prefixes and operand kinds; operands that do not fit the form are refused,
 * so what is not in the table cannot be emitted. Encodings are the canonical
 * ones the table's head defines.
 */
#ifndef COMPILER_X64_ENCODE_H
#define COMPILER_X64_ENCODE_H

#include "abi/code_forms.h"
#include "abi/status.h"
#include "lib/arena.h"

enum { X64_INST_BYTES_MAX = 15, X64_NO_REG = 0xff };

/* Condition codes, in the low bits of Jcc, SETcc, CMOVcc. */
enum x64_cc {
	X64_CC_O,
	X64_CC_NO,
	X64_CC_B,
	X64_CC_AE,
	X64_CC_E,
	X64_CC_NE,
	X64_CC_BE,
	X64_CC_A,
	X64_CC_S,
	X64_CC_NS,
	X64_CC_P,
	X64_CC_NP,
	X64_CC_L,
	X64_CC_GE,
	X64_CC_LE,
	X64_CC_G,
};

enum x64_rm_kind {
	X64_RM_NONE,
	X64_RM_REG,
	X64_RM_MEM, /* [base + index * scale + disp] */
	X64_RM_RIP, /* [rip + field]; the field is filled in by whoever knows the target */
};

struct x64_rm {
	uint8_t kind;  /* enum x64_rm_kind */
	uint8_t reg;   /* REG; MEM: the base, or X64_NO_REG (address computations only) */
	uint8_t index; /* MEM: X64_NO_REG or not RSP */
	uint8_t scale; /* MEM: logarithm, 0 to 3 */
	int32_t disp;  /* MEM */
};

/* The operands of one instruction; fields the form does not have are ignored. */
struct x64_operands {
	uint8_t reg; /* G8, G, X, or the opcode's register */
	uint8_t vvvv;
	uint8_t cc; /* enum x64_cc, for conditional forms */
	struct x64_rm rm;
	int64_t imm; /* REL8, REL32: the field's value */
};

/* Growing code bytes. `status` is NB_OK until something fails and keeps the
 * first failure: NB_OUT_OF_MEMORY, or NB_INTERNAL for operands outside the
 * form. Nothing is written after a failure. */
struct x64_buffer {
	struct arena *arena;
	uint8_t *bytes;
	uint32_t len, cap;
	enum nb_status status;
};

/* The row of `form` < NB_FORM_COUNT, and its mnemonic. */
const struct nb_form_info *x64_form_info(enum nb_form form);
const char *x64_form_text(enum nb_form form);

/* The VEX.128 twin of a NB_FORM_SSE_LEGACY form. */
static inline enum nb_form
x64_form_twin(enum nb_form form)
{
	return (enum nb_form)(form + 1);
}

/* Appends one instruction. A four-byte branch distance is the last four bytes
 * of it, a RIP field likewise but for a one-byte immediate behind it. Failure
 * shows in buffer->status. */
void x64_encode(struct x64_buffer *buffer, enum nb_form form, const struct x64_operands *operands);

/* Makes room for `bytes` more; false (and a status) if there is none. */
bool x64_buffer_reserve(struct x64_buffer *buffer, uint32_t bytes);

static inline struct x64_rm
x64_rm_reg(uint32_t reg)
{
	return (struct x64_rm){ .kind = X64_RM_REG, .reg = (uint8_t)reg, .index = X64_NO_REG };
}

static inline struct x64_rm
x64_rm_mem(uint32_t base, int32_t disp)
{
	return (struct x64_rm){
		.kind = X64_RM_MEM, .reg = (uint8_t)base, .index = X64_NO_REG, .disp = disp
	};
}

static inline struct x64_rm
x64_rm_indexed(uint32_t base, uint32_t index, uint32_t scale, int32_t disp)
{
	return (struct x64_rm){ .kind = X64_RM_MEM,
				.reg = (uint8_t)base,
				.index = (uint8_t)index,
				.scale = (uint8_t)scale,
				.disp = disp };
}

#endif
