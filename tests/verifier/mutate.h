/*
 * What is mutated, and what came of it.
 */
#ifndef TESTS_VERIFIER_MUTATE_H
#define TESTS_VERIFIER_MUTATE_H

#include "tests/verifier/emulate.h"
#include "wasm/module.h"

enum { SAVED_BYTES = 16, ESCAPES_SHOWN = 10 };

struct tally {
	uint64_t flips, edits, accepted, reached, escapes, code_bytes;
	struct emulation work, unchanged;
};

struct subject {
	const char *file;
	const struct wasm_module *module;
	struct nb_code_image image; /* with arrays that may be written */
	struct verifier_facts facts;
	uint8_t *code;
	struct nb_code_function *functions;
	struct nb_code_site *sites;
	struct nb_code_claim *claims;
	void *scratch, *marks;
	struct emulator *emulator;
	struct tally *tally;
	uint64_t rng, seed;
	uint32_t steps;	 /* for which each mutation runs at least, if it can */
	bool is_forced;	 /* it runs only on mispredicted ways */
	uint32_t window; /* instructions on mispredicted ways */
	uint32_t runs;	 /* of unchanged functions */
	uint32_t aimed;	 /* on mispredicted ways, led to what they have not reached */
	bool is_weak;	 /* a rule of the verifier is left out */
	char what[100];	 /* the mutation */
};

/* Whether so much has escaped that no more is to be tried. */
bool mutate_is_enough(const struct subject *s);

/* Flips `count` single bits: each of the image once if it has no more, else those
 * of functions, or parts of functions, that the seed chooses. */
void mutate_flips(struct subject *s, uint64_t count);

/* Makes up to three random changes of instructions, one of the tables, or both. */
void mutate_edit(struct subject *s);

#endif
