/*
 * What follows from control flow: order, dominators, loops, frequencies.
 */
#ifndef COMPILER_IR_ANALYZE_H
#define COMPILER_IR_ANALYZE_H

#include "compiler/ir/ir.h"

/*
 * Finds the reachable blocks and sets fn->order and the analysis part of every
 * block. Unreachable blocks lose their terminators and instructions, so that
 * they are nobody's predecessors. Working memory comes from `scratch` and is
 * released. Needs reducible control flow. Near linear; nothing to do if control
 * flow is as it was the last time.
 */
NB_MUST_USE enum nb_status ir_analyze(struct ir_function *fn, struct arena *scratch);

/*
 * The part of it that is quick to find: drops unreachable blocks and sets
 * fn->order to some reverse post order, positions accordingly, and
 * IR_BLOCK_LOOP_HEADER. The rest of the analysis is invalid afterwards.
 */
NB_MUST_USE enum nb_status ir_order(struct ir_function *fn, struct arena *scratch);

/*
 * What x64/ needs: splits critical edges, then analyses. Changing anything
 * afterwards but instructions inside blocks makes it invalid.
 */
NB_MUST_USE enum nb_status ir_schedule(struct ir_function *fn, struct arena *scratch);

/* Puts an empty block into every edge that leaves a block with several edges
 * for one with several, or with parameters. */
void ir_split_critical_edges(struct ir_function *fn);

#endif
