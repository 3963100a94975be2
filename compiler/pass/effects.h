/*
 * What loops do to state, for passes.
 */
#ifndef COMPILER_PASS_EFFECTS_H
#define COMPILER_PASS_EFFECTS_H

#include "compiler/ir/ir.h"

/*
 * Collects which parts of the state (enum ir_state) each loop may write into
 * by_header[block], zeroed by the caller, for the blocks that are headers.
 * Needs valid analysis. Linear.
 */
void pass_find_loop_writes(struct ir_function *fn, uint8_t *by_header);

#endif
