/*
 * Runs one function of accepted machine code in an emulator, in a hostile state,
 * and holds each access and each transfer of control against the code contract.
 *
 * Nothing here asks the verifier: instructions come from Zydis, permissions from
 * the contract and the facts. Whatever the function calls is played by a callee
 * that fills everything it may change with hostile values.
 *
 * The emulator knows what the contract's instructions do to general registers, flags and
 * memory; test_emulate.c holds that against the processor. Vector registers have no
 * contents: what comes out of them is hostile each time, whatever went in. Addresses
 * never come from them otherwise than that.
 */
#ifndef TESTS_VERIFIER_EMULATE_H
#define TESTS_VERIFIER_EMULATE_H

#include "verifier/verifier.h"

struct emulator;

/* What to do and what came of it. */
struct emulation {
	uint64_t seed;
	uint32_t runs;	    /* from the entry at most, each in another state */
	uint32_t steps;	    /* instructions at most, per run */
	uint32_t enough;    /* instructions after which there is no further run; 0: none */
	uint32_t idle;	    /* runs that reach nothing new, likewise */
	uint32_t aimed;	    /* further runs at most, each led to an instruction not seen */
	uint32_t watched;   /* a byte of the function */
	bool is_forced;	    /* conditional branches go wrong ways, mostly to where nothing was */
	bool is_watch_seen; /* the instruction with that byte ran; is not set to false */
	uint64_t executed;  /* instructions in all, added to */
	uint64_t seen, all; /* instructions that ran, and that there are, added to */
	uint64_t calls, returns, traps, tails; /* added to */
	char escape[240];		       /* what was not permitted; empty: nothing */
};

/* NULL if there is no memory. */
struct emulator *emulator_open(void);
void emulator_close(struct emulator *e);

/* Sets up an instance of `image`; false if it has more memories than fit. Both
 * must live as long as it is used. */
bool emulator_instance(struct emulator *e, const struct nb_code_image *image,
		       const struct verifier_facts *facts, uint64_t seed);

/* Runs function `number` of `image`, which is the instance's but for that
 * function's code and tables. False if something escaped. What happens depends on
 * these, the instance's seed and the job alone, not on what ran before. */
bool emulator_run(struct emulator *e, const struct nb_code_image *image, uint32_t number,
		  struct emulation *job);

#endif
