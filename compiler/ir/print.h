/*
 * IR as text, for dumps and tests; ir_parse reads it back.
 *
 *	function 2 {
 *	b0 (v1: i32, v2: i64):
 *		v3: i32 = load8_u v1, offset=16 @7
 *		branch v3, b1, b2 (i32:5, v1) !likely @9
 *	b1:
 *		…
 *	}
 *
 * vN is a value, bN a block, TYPE:BITS a constant (integers as signed decimal
 * numbers, floats as hexadecimal bits), @N the offset in the body if it is not
 * 0, !WORD a property. Blocks come in the order of fn->order if that is valid
 * (see ir_block.position), otherwise as numbered.
 */
#ifndef COMPILER_IR_PRINT_H
#define COMPILER_IR_PRINT_H

#include "compiler/ir/ir.h"
#include "lib/format.h"

enum ir_numbers {
	IR_NUMBERS_RAW,	  /* values and blocks by their numbers */
	IR_NUMBERS_DENSE, /* renumbered from 0 in order of appearance */
};

/* Writes the function through `emit`. DENSE needs `scratch` for a while and
 * fails with NB_OUT_OF_MEMORY; RAW ignores it. */
NB_MUST_USE enum nb_status ir_print(const struct ir_function *fn, enum ir_numbers numbers,
				    struct arena *scratch, format_emit *emit, void *context);

#endif
