/*
 * Which general registers hold zero-extended 32-bit values at block starts.
 *
 * A forward must-analysis over allocated code, by bit masks. The same facts
 * become the claims of labels: function entries, returns of calls and targets
 * of jump tables start with none.
 */
#ifndef COMPILER_X64_ZX_H
#define COMPILER_X64_ZX_H

#include "compiler/x64/minst.h"

/* Masks per block of fn->ra, in `arena`; NULL when it is exhausted. Needs
 * places for every operand. Linear. */
uint16_t *
x64_zx_analyze(const struct x64_function *fn, const struct ra_result *ra, struct arena *arena);

/* Whether the operand that `inst` defines gets its upper half cleared. */
bool x64_zx_defines(const struct x64_inst *inst);

#endif
