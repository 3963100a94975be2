/*
 * Optimising passes over the IR of one function, one file each.
 *
 * A pass needs IR that ir_check accepts and gives such IR back. It leaves no
 * ALIAS and no GONE instruction in reach. Analysis results (ir_analyze) that it
 * needs it computes itself unless its contract says otherwise. It returns
 * fn->status. Contracts stand above each declaration: what it needs beyond
 * that, what it gives, what it breaks.
 */
#ifndef COMPILER_PASS_PASS_H
#define COMPILER_PASS_PASS_H

#include "abi/status.h"
#include "compiler/compiler.h"
#include "compiler/ir/ir.h"
#include "lib/arena.h"

struct pass_context {
	struct arena *scratch; /* working memory, left as found */
	const struct compiler_options *options;
};

#endif
