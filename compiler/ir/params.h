/*
 * Block parameters that are no choice.
 */
#ifndef COMPILER_IR_PARAMS_H
#define COMPILER_IR_PARAMS_H

#include "compiler/ir/ir.h"

/*
 * Removes every block parameter to which all edges bring one value (or itself),
 * and resolves all aliases. Parameters that only become so through very long
 * chains may stay. Needs: consistent edges. Linear.
 */
void ir_drop_trivial_params(struct ir_function *fn);

/*
 * Removes from every block but the entry the parameters for which keep[value]
 * is zero, with the edges' arguments. Nobody may use the removed ones but
 * arguments that are removed too. Linear.
 */
void ir_remove_params(struct ir_function *fn, const uint8_t *keep);

#endif
