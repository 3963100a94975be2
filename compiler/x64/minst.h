/*
 * Machine instructions before emission.
 *
 *   ir_function ── select ──> x64_function ── ra_allocate ──> places, moves
 *                                   └────────────── emit ──> bytes
 *
 * Each x64_inst has a ra_inst of the same number: that one holds the operands
 * for the register allocator, this one says what to emit. `reg`, `rm`, `index`
 * number operands within the ra_inst.
 *
 * Whatever sets flags and whatever reads them is one instruction here, so
 * flags are never live between two of them, and R11 and XMM15 are free inside
 * each one. Addressing linear memory may take R11 and the flags: an operand
 * there comes before whatever else uses them.
 */
#ifndef COMPILER_X64_MINST_H
#define COMPILER_X64_MINST_H

#include "compiler/ir/ir.h"
#include "compiler/x64/encode.h"
#include "compiler/x64/ra.h"

/* What an instruction is. `d` is the defined operand 0. */
enum x64_op {
	X64_FORM,	 /* exactly `form` */
	X64_COMMUTE,	 /* `form` d = 1 op 2, where the allocator may have exchanged 1 and 2 */
	X64_MOVE,	 /* d = 1 by `form` MOV32, MOV64 or MOVAPS; nothing if they are equal,
			 * unless X64_KEEP */
	X64_ADD,	 /* d = 1 + 2: add or lea; `form` is the add */
	X64_ADD_IMM,	 /* d = 1 + imm: add or lea; `form` is the add */
	X64_SHL_IMM,	 /* d = 1 << imm: shl or lea; `form` is the shl */
	X64_FLAGS,	 /* `form` compares; then `consumer` by cc */
	X64_CONST,	 /* d = imm, in the width of `form` MOV32_IMM or MOV64_IMM */
	X64_FCONST,	 /* d = pool entry `disp` (form: its load), X64_ZERO or X64_ONES */
	X64_SHIFT_CL,	 /* d = 1 shifted by cl; an X64_FORM whose count is operand 2 */
	X64_DIVIDE,	 /* `form`, cdq or xor before it; cc: enum x64_divide */
	X64_MUL_HIGH,	 /* rdx = high(rax * operand `rm`), rax = low */
	X64_CLZ,	 /* d = leading zeros of rm by bsr */
	X64_CTZ,	 /* d = trailing zeros of rm by bsf */
	X64_FMINMAX,	 /* d = min or max of 1 and 2 (form: MINSS …) */
	X64_FCOPYSIGN,	 /* d = magnitude of 1, sign of 2; disp, imm: pool entries of the masks */
	X64_FROM_INT,	 /* d = (float) rm, form CVTSI… */
	X64_FROM_U32,	 /* d = (float) rm as unsigned 32 bits; form CVTSI64_… */
	X64_FROM_U64,	 /* d = (float) 2 as unsigned 64 bits; 1: scratch register */
	X64_TRUNC,	 /* d = (int) 1, cc: enum x64_trunc */
	X64_ATOMIC_LOOP, /* rax = old value, which becomes old `form` operand 1; scale: log2 of
			    * the width; operand 2: scratch register */
	X64_FENCE,	 /* mfence */
	X64_PORT,	 /* `form` IN… or OUT…, with DX; memory: 0, the port is imm; 1, it is in
			    * edx and checked; eax: the value */
	X64_ENTRY,	 /* the function's register arguments appear */
	X64_JUMP,	 /* to the only successor */
	X64_SWITCH,	 /* br_table template, index in r10; imm: first case | count << 32 */
	X64_SWITCH_FEW,	 /* compares with each case; the same imm */
	X64_CALL,	 /* function imm */
	X64_CALL_IMPORT, /* [r15 + disp] is the callee */
	X64_CALL_INDIRECT, /* imm: type | table << 32, index in r10 */
	X64_CALL_REF,	   /* imm: type, reference in r10 */
	X64_CALL_BUILTIN,  /* builtin imm */
	X64_TAIL,	   /* these as the calls, but ends of the function */
	X64_TAIL_IMPORT,
	X64_TAIL_INDIRECT,
	X64_TAIL_REF,
	X64_TRAP_RESULT, /* traps if eax is not 0; cc S: if rax is negative */
	X64_RETURN,
	X64_TRAP,
};

/* What reads the flags of X64_FLAGS. */
enum x64_consumer {
	X64_TO_JUMP,   /* terminator: successor 0 if the condition holds, else 1 */
	X64_TO_VALUE,  /* d = condition ? 1 : 0 */
	X64_TO_SELECT, /* d (place of operand 1) = condition ? operand 2 : operand 1; scale: 1 if
			* the values have 64 bits */
	X64_TO_SELECT_FLOAT, /* likewise in XMM registers; scale 2: 128 bits */
	X64_TO_TRAP,	     /* trap if the condition holds */
	X64_TO_CARRY, /* d (place of operand 1) = operand 1 +- (operand 2 or a constant) +- CF;
		       * scale: enum x64_carry */
};

enum x64_carry {
	X64_CARRY_64 = 1,
	X64_CARRY_SUBTRACTS = 2,
	X64_CARRY_OPERAND = 4, /* there is an operand 2; else the constant is 0 */
	X64_CARRY_ONES = 8,    /* or -1 */
};

/* Conditions of float comparisons that one flag does not decide. */
enum { X64_CC_FLOAT_EQ = 16, X64_CC_FLOAT_NE = 17 };

/* The opposite of `cc`; of those two as well. */
static inline uint8_t
x64_cc_invert(uint32_t cc)
{
	return (uint8_t)(cc ^ 1);
}

enum x64_divide { X64_DIV_S, X64_REM_S, X64_DIV_U, X64_REM_U };

/* X64_TRUNC variants: signedness, whether it saturates. */
enum { X64_TRUNC_UNSIGNED = 1, X64_TRUNC_SATURATES = 2, X64_TRUNC_F64 = 4, X64_TRUNC_I64 = 8 };

/* What the r/m operand is, if not a register or slot operand. */
enum x64_base {
	X64_BASE_NONE,	  /* operand `rm` */
	X64_BASE_LINEAR,  /* memory `memory`, address index + disp, index zero-extended */
	X64_BASE_CLAMPED, /* likewise, index a 64-bit value: takes r11 and flags */
	X64_BASE_VMCTX,	  /* [r15 + disp] */
	X64_BASE_CELL,	  /* [[r15 + disp]] */
	X64_BASE_LENGTH,  /* [[r15 + disp] + 8]: a descriptor's length */
	X64_BASE_IN,	  /* incoming slot disp */
	X64_BASE_OUT,	  /* outgoing slot disp */
	X64_BASE_FRAME,	  /* slot disp behind the outgoing area */
	X64_BASE_POOL,	  /* constant pool + disp */
	X64_BASE_ADDRESS, /* [operand rm + operand index << scale + disp] (lea) */
};

enum x64_inst_flag {
	X64_KEEP = 1,	   /* an X64_MOVE that also zero-extends: needed even in place */
	X64_ZERO = 2,	   /* X64_FCONST: all zeros */
	X64_NO_CHECK = 4,  /* X64_DIVIDE: the divisor is neither 0 nor -1 */
	X64_ONES = 8,	   /* X64_FCONST: all ones */
	X64_COMMUTES = 16, /* X64_FORM: its sources may be exchanged */
};

enum { X64_NO_OPERAND = 0xff };

struct x64_inst {
	uint16_t form;		/* enum nb_form */
	uint8_t op;		/* enum x64_op */
	uint8_t cc;		/* enum x64_cc, or as the op says; the operand of IMM IS4 */
	uint8_t consumer;	/* enum x64_consumer */
	uint8_t reg, rm, index; /* operand numbers or X64_NO_OPERAND */
	uint8_t base;		/* enum x64_base */
	uint8_t scale;		/* of X64_BASE_ADDRESS */
	uint8_t trap;		/* enum nb_trap that it may raise, 0: none */
	uint8_t flags;		/* enum x64_inst_flag */
	uint8_t vvvv;		/* operand number of the VEX field; of SSE forms whose twin has it:
				 * the first source, tied to the result without AVX */
	uint16_t memory;	/* of X64_BASE_LINEAR and CLAMPED */
	int32_t disp;
	uint32_t wasm_offset; /* from the function body's start */
	int64_t imm;
};

/* A selected function. Lives in the arena that select was given. */
struct x64_function {
	const struct ir_function *ir;
	struct ra_function ra;
	struct x64_inst *insts;	    /* ra.inst_count of them */
	uint8_t *vreg_type;	    /* enum ir_type, per virtual register */
	const uint8_t *block_flags; /* enum ir_block_flag, per RA block */
	uint8_t *pool;		    /* constants; jump tables follow */
	uint32_t pool_size;	    /* bytes, a multiple of 4 */
	uint32_t out_slots;	    /* outgoing area, even */
	uint32_t frame_slots;	    /* of X64_BASE_FRAME, even */
	uint32_t in_slots;	    /* incoming area, even */
	uint32_t frame_min;	    /* bytes, 0 or 8 more than a multiple of 16 */
	bool has_calls;
};

#endif
