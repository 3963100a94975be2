/*
 * From a validated WebAssembly body to SSA.
 */
#ifndef COMPILER_IR_BUILD_H
#define COMPILER_IR_BUILD_H

#include "compiler/ir/ir.h"
#include "lib/diag.h"

enum ir_inlining {
	IR_INLINE_NONE,
	IR_INLINE_SMALL, /* calls of small functions become copies of their bodies */
};

/*
 * Builds defined function fn->func_idx of fn->module, whose body is validated.
 *
 * Needs arena, module, func_idx, ticker, is_strict, calls_bulk and rules of *fn set; working
 * memory comes from `scratch` and is released. Gives IR that ir_check accepts,
 * without unreachable blocks. Values are folded and numbered on the way, so
 * most dead and duplicate pure code never appears. Time is near linear in the
 * body plus the block parameters that SSA form needs.
 * Inlined instructions carry their own offset, outside of this body; bodies whose validation
 * was deferred are validated before they are inlined.
 * Errors: NB_UNSUPPORTED_FEATURE (reported with offset), NB_OUT_OF_MEMORY,
 * NB_ACCESS_DENIED (a port outside the manifest, reported with offset),
 * what the ticker says, those of wasm_function_validate.
 */
NB_MUST_USE enum nb_status ir_build(struct ir_function *fn, enum ir_inlining inlining,
				    struct arena *scratch, struct diag *diag);

#endif
