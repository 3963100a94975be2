/*
 * In which order blocks are emitted.
 *
 * Starts from reverse post order, in which loops are contiguous. Blocks that
 * do nothing but jump disappear; blocks that only lead to traps go last; loops
 * are rotated so that going round takes one jump at most.
 */
#ifndef COMPILER_X64_LAYOUT_H
#define COMPILER_X64_LAYOUT_H

#include "compiler/x64/minst.h"

struct x64_layout {
	const uint32_t *forward;    /* per block: where a jump to it really goes */
	const uint32_t *order;	    /* blocks to emit; exactly those that forward to themselves */
	uint32_t count;		    /* of them */
	const uint8_t *is_loop_top; /* per block: the first one of a loop, worth aligning */
};

/* Lays out `fn` as allocated in `ra`; arrays live in `arena`. Near linear.
 * NB_OUT_OF_MEMORY when the arena is exhausted. */
NB_MUST_USE enum nb_status
x64_layout_compute(const struct x64_function *fn, const struct ra_result *ra, struct arena *arena,
		   struct x64_layout *out);

#endif
