/*
 * Is this IR what ir.h says it is?
 */
#ifndef COMPILER_IR_CHECK_H
#define COMPILER_IR_CHECK_H

#include "compiler/ir/ir.h"

enum ir_check_stage {
	IR_CHECK_ANY,	    /* the invariants of every pass */
	IR_CHECK_SCHEDULED, /* and those after ir_schedule */
};

/*
 * Checks every reachable block: links, edges, argument counts, types,
 * dominance; after scheduling also order, loops and edges. Writes what is
 * wrong into reason[0..cap). NB_INTERNAL if something is, NB_OUT_OF_MEMORY if
 * `scratch` (released afterwards) does not suffice. Near linear.
 */
NB_MUST_USE enum nb_status ir_check(const struct ir_function *fn, enum ir_check_stage stage,
				    struct arena *scratch, char *reason, size_t cap);

#endif
