/*
 * Calling guest functions from C, with values as the specification has them.
 */
#ifndef RUNTIME_INVOKE_H
#define RUNTIME_INVOKE_H

#include "runtime/store.h"

/* Bits of a value: i32 and f32 in the low half, references in the low half,
 * v128 in both words. */
struct runtime_value {
	uint64_t bits[2];
};

/* Calls `callee`, a function of `store`, on the current stack and thread with
 * as many arguments as its type has, and stores as many results. Returns
 * what ended it; results are unspecified after a trap. Sleeps if the guest
 * does. NB_TRAP_OUT_OF_MEMORY also if the area of a very wide type could not
 * be had. */
NB_MUST_USE enum nb_trap
runtime_invoke(struct store *store, const struct nb_callee *callee,
	       const struct runtime_value *arguments, struct runtime_value *results);

#endif
