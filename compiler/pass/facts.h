/*
 * What branches tell about values, for pass_gvn.
 *
 * In a block with one predecessor, and in what it dominates, the branch that leads
 * there has told its condition, and with it what the condition compares.
 */
#ifndef COMPILER_PASS_FACTS_H
#define COMPILER_PASS_FACTS_H

#include "compiler/ir/ir.h"

struct fact {
	uint32_t block;	   /* it holds in what this dominates */
	uint32_t constant; /* the value is this one; IR_NONE: it is not 0 */
	uint32_t previous; /* an older fact about the same value; 0: none */
};

struct facts {
	struct ir_function *fn;
	struct arena *scratch;
	struct fact *list;
	uint32_t count, cap;
	uint32_t *latest;     /* by value; 0: none */
	uint32_t value_count; /* instructions at the beginning: of newer ones nothing is known */
};

/* Needs valid analysis for as long as the facts are asked. False when exhausted. */
bool facts_init(struct facts *facts, struct ir_function *fn, struct arena *scratch);

/* Notes what the branch before `block` says. */
void facts_learn(struct facts *facts, uint32_t block);

/* The constant that `value`, no alias, is in `block`; or `value`. */
uint32_t facts_value(const struct facts *facts, uint32_t block, uint32_t value);

/* True if it is an integer and certainly not 0 in `block`. */
bool facts_is_nonzero(const struct facts *facts, uint32_t block, uint32_t value);

/* The constant that `value` is where the branch `inst` leaves along edge 0 or 1; or
 * `value`. */
uint32_t facts_edge_value(const struct facts *facts, const struct ir_inst *inst, uint32_t edge,
			  uint32_t value);

#endif
