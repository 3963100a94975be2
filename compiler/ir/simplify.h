/*
 * Saying the same with less: constant evaluation and algebra on single
 * operations. Used while building and by passes; every rule is exact for all
 * inputs, traps and NaNs included.
 */
#ifndef COMPILER_IR_SIMPLIFY_H
#define COMPILER_IR_SIMPLIFY_H

#include "compiler/ir/ir.h"

/*
 * Evaluates `op` with result type `type` on constant arguments of type
 * `arg_type` (that of the first argument). False if the operation cannot be
 * evaluated here: it would trap, its NaN would not be determined, it reads
 * state, or it is too rare to be worth it. `out` is zero-extended.
 */
bool ir_evaluate(enum ir_op op, enum ir_type type, enum ir_type arg_type, const uint64_t *args,
		 uint64_t *out);

/*
 * Simplifies *inst, which describes an instruction but is not one of
 * fn->insts (those may move). Returns the existing value that it equals (constants may be made),
 * or IR_NONE, when *inst may have been changed to a cheaper or more canonical
 * operation with the same value. New arguments are arguments of its arguments,
 * so what dominated goes on dominating. Bounded time.
 */
uint32_t ir_simplify(struct ir_function *fn, struct ir_inst *inst);

/* Bits of an integer value that are certainly zero. Bounded time. */
uint64_t ir_known_zeros(const struct ir_function *fn, uint32_t value);

/* The comparison that holds exactly if `op` does not; IR_OP_COUNT if there is
 * none (ordered float comparisons). */
enum ir_op ir_inverse_comparison(enum ir_op op);

/* The comparison with exchanged arguments; for any of them. */
enum ir_op ir_swapped_comparison(enum ir_op op);

static inline bool
ir_op_is_comparison(uint32_t op)
{
	return op >= IR_EQ && op <= IR_FGE;
}

#endif
