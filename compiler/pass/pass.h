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

/*
 * Gives: no instruction without effect whose value nobody needs; no block
 * parameter that nobody needs. Keeps analysis valid. Linear.
 */
NB_MUST_USE enum nb_status pass_dce(struct ir_function *fn, struct pass_context *context);

/*
 * Simplifies control flow: branches and switches on constants, or with one
 * target, become jumps; edges to blocks that only jump on, or only decide on a
 * parameter that the edge makes constant, lead past them; a block that is its
 * only predecessor's only successor is merged into it.
 * Breaks analysis. Linear in instructions and edges, in a few rounds.
 */
NB_MUST_USE enum nb_status pass_branch(struct ir_function *fn, struct pass_context *context);

/*
 * The same if a pass has made conditions, or arguments of edges, constant; else
 * nothing.
 */
NB_MUST_USE enum nb_status pass_branch_folds(struct ir_function *fn, struct pass_context *context);

/*
 * Dominator-based value numbering: equal operations become one, simpler
 * with what branches tell about their conditions; loads take what an earlier
 * load or store in the same memory says, as long as nothing between can change
 * it. In strict functions linear memory is left alone.
 * Gives: branches on constants may appear. Keeps control flow; analysis stays
 * valid. Near linear.
 */
NB_MUST_USE enum nb_status pass_gvn(struct ir_function *fn, struct pass_context *context);

/*
 * Moves loop variables that run from negative numbers up to zero to where the
 * additions that they are for do not wrap.
 * Keeps control flow; analysis is valid after it. Linear but for span_analyze, which it
 * needs only if there are any.
 */
NB_MUST_USE enum nb_status pass_rebase(struct ir_function *fn, struct pass_context *context);

/*
 * Takes constants out of addresses into static offsets, and drops masks and
 * extensions, where ranges of values (span.h) show that nothing wraps or changes.
 * Keeps control flow; analysis is valid after it. Near linear.
 */
NB_MUST_USE enum nb_status pass_range(struct ir_function *fn, struct pass_context *context);

/*
 * Moves values that a loop does not change in front of it: pure operations,
 * and what reads state that the loop does not write, if that cannot trap or
 * comes before every effect of the loop.
 * Breaks analysis (it adds blocks in front of loops). Near linear.
 */
NB_MUST_USE enum nb_status pass_licm(struct ir_function *fn, struct pass_context *context);

/*
 * Replaces division and remainder by constants by multiplication and shifts.
 * Keeps control flow; analysis stays valid. Linear.
 */
NB_MUST_USE enum nb_status pass_strength(struct ir_function *fn, struct pass_context *context);

/*
 * Finds products of 64 by 64 to 128 bits that are put together from products of
 * halves, as LLVM's __multi3 and portable programs do, and makes them MUL and
 * MUL_HIGH_U; the pieces stay for pass_dce.
 * Keeps control flow; analysis stays valid. Linear.
 */
NB_MUST_USE enum nb_status pass_wide(struct ir_function *fn, struct pass_context *context);

/*
 * Turns branches around nothing but the choice of values into select.
 * Breaks analysis. Linear.
 */
NB_MUST_USE enum nb_status pass_ifconv(struct ir_function *fn, struct pass_context *context);

/*
 * Makes a branch on the choice between a constant and a value, which nobody else needs,
 * two branches.
 * Breaks analysis (it adds blocks). Linear.
 */
NB_MUST_USE enum nb_status pass_decide(struct ir_function *fn, struct pass_context *context);

/*
 * Moves the step of a loop variable behind the variable's last use, to where the
 * loop goes round and to other users, so that one register holds both.
 * Needs ir_schedule's result and keeps it. Linear.
 */
NB_MUST_USE enum nb_status pass_sink(struct ir_function *fn, struct pass_context *context);

/*
 * Orders the instructions of long blocks in which more values live at once than there
 * are registers so that fewer do. What reads or writes state, or may trap, keeps its order.
 * Needs ir_schedule's result and keeps it. Linear.
 */
NB_MUST_USE enum nb_status pass_order(struct ir_function *fn, struct pass_context *context);

#endif
