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
 * Evaluates a vector operation or SHUFFLE (of pattern `pattern`) on constant
 * arguments; scalars, the result's too, are zero-extended in the first 8 bytes.
 * False as for ir_evaluate.
 */
bool ir_evaluate_vector(const struct ir_inst *inst, const uint8_t *pattern,
			const struct ir_v128 args[3], struct ir_v128 *out);

/* All lanes hold the low bits of `bits`. */
struct ir_v128 ir_vector_splat(uint32_t shape, uint64_t bits);

/* Zero-extended. */
uint64_t ir_vector_get_lane(const struct ir_v128 *vector, uint32_t shape, uint32_t lane);

/* The low bits into a lane. */
void ir_vector_set_lane(struct ir_v128 *vector, uint32_t shape, uint32_t lane, uint64_t bits);

/* True if every lane of that shape is certainly all ones or 0. Bounded time. */
bool ir_is_lane_mask(const struct ir_function *fn, uint32_t value, uint32_t shape);

/*
 * Simplifies *inst, which describes an instruction but is not one of
 * fn->insts (those may move). Returns the existing value that it equals (constants may be made),
 * or IR_NONE, when *inst may have been changed to a cheaper or more canonical
 * operation with the same value. New arguments are arguments of its arguments,
 * so what dominated goes on dominating. Bounded time.
 */
uint32_t ir_simplify(struct ir_function *fn, struct ir_inst *inst);

/* What a rule did. AGAIN: *inst changed. Other numbers are values. */
#define IR_UNCHANGED IR_NONE
#define IR_AGAIN     (IR_NONE - 1)

/* One step of ir_simplify for vector operations: simplify_vector.c. */
uint32_t ir_simplify_vector(struct ir_function *fn, struct ir_inst *inst);

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
