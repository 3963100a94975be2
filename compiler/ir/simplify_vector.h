/*
 * Between simplify_vector.c and simplify_shuffle.c.
 */
#ifndef COMPILER_IR_SIMPLIFY_VECTOR_H
#define COMPILER_IR_SIMPLIFY_VECTOR_H

#include "compiler/ir/edit.h"
#include "compiler/ir/simplify.h"

/* Makes *inst the shuffle of a and b; IR_AGAIN. */
uint32_t ir_become_shuffle(struct ir_function *fn, struct ir_inst *inst, uint32_t a, uint32_t b,
			   const struct ir_v128 *pattern);

/* Rules for a SHUFFLE. */
uint32_t ir_simplify_shuffle(struct ir_function *fn, struct ir_inst *inst);

/* Rules for an EXTRACT of a SHUFFLE. */
uint32_t ir_extract_shuffled(struct ir_function *fn, struct ir_inst *inst);

#endif
