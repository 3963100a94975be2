/*
 * Unsigned ranges of integer values; for passes.
 */
#ifndef COMPILER_PASS_SPAN_H
#define COMPILER_PASS_SPAN_H

#include "compiler/ir/ir.h"
#include "lib/arena.h"

/* All the values that something can have lie in [lo, hi]. */
struct span {
	uint64_t lo, hi;
};

/* Of the instructions that there are when the analysis is made. */
struct span_facts {
	const struct ir_function *fn;
	struct span_fact *facts; /* by value */
};

/*
 * Finds ranges in one sweep in order: through operations, joins, and variables of
 * loops that step by a constant as often as an exit test of the loop allows.
 * Needs ir_analyze. The result lives in `scratch`. Near linear. NB_OUT_OF_MEMORY.
 */
NB_MUST_USE enum nb_status
span_analyze(const struct ir_function *fn, struct arena *scratch, struct span_facts *out);

/* The range of an integer value; that of its type if nothing is known. */
struct span span_of(const struct span_facts *s, uint32_t value);

#endif
