/*
 * What accesses tell about addresses, for pass_gvn.
 *
 * An address of 32 bits is a root plus a constant, which may wrap. Two accesses from one
 * root lie to each other as their constants do, wherever the root is: what reaches
 * beyond 32 bits traps and touches nothing.
 *
 * An access that did not trap has told that its base plus its offset does not wrap. So
 * what it dominates may address everything between from that base, by a static offset.
 */
#ifndef COMPILER_PASS_ADDRESS_H
#define COMPILER_PASS_ADDRESS_H

#include "compiler/ir/ir.h"

/* Where an access of memory begins: `at` bytes from what `root` stands for. */
struct place {
	uint32_t root; /* a value; IR_NONE: 0 */
	uint64_t at;   /* of a 32-bit root modulo 2^32 */
	bool is_32;    /* the root is a value of 32 bits */
};

struct address_fact {
	uint32_t base;	   /* the value from which accesses were made */
	uint32_t from;	   /* it is the root plus this */
	uint32_t block;	   /* the fact holds in what this dominates */
	uint32_t previous; /* an older fact about the same root; 0: none */
	uint64_t end;	   /* base + end is at most the memory's length */
};

struct addresses {
	struct ir_function *fn;
	struct arena *scratch;
	struct address_fact *list;
	uint32_t count, cap;
	uint32_t *latest;     /* by root; 0: none */
	uint32_t value_count; /* instructions at the beginning: of newer ones nothing is known */
};

/* Needs valid analysis for as long as the facts are asked. False when exhausted. */
bool addresses_init(struct addresses *a, struct ir_function *fn, struct arena *scratch);

/* Where `access`, a load or store, begins. */
struct place address_place(const struct ir_function *fn, const struct ir_inst *access);

/* Addresses what `access` in `block` touches from a base that accesses have used before, if
 * that is certainly the same. */
void address_fold(const struct addresses *a, uint32_t block, struct ir_inst *access);

/* Notes what follows from `access` in `block` having happened. */
void address_learn(struct addresses *a, uint32_t block, const struct ir_inst *access);

#endif
