/*
 * Mutation fuzzing: files, variants of them, rounds, and how to repeat one.
 * What is checked of each variant is the caller's.
 */
#ifndef TESTS_WASM_FUZZ_CORPUS_H
#define TESTS_WASM_FUZZ_CORPUS_H

#include "abi/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fuzz_target {
	const char *name; /* of the program */
	/* Checks a variant that lies in memory of exactly its size, with the
	 * random state of its round; returns the verdict, for the counts. Ends
	 * the process by fuzz_fail if something is wrong. */
	enum nb_status (*check)(const uint8_t *bytes, size_t len, uint64_t *random);
	/* Seconds after which a round hangs: those, and more a megabyte. */
	unsigned round_seconds, seconds_per_megabyte;
	bool only_valid; /* leaves out files that are not valid as they are */
};

/*
 * The program itself:
 *
 *	NAME [--seed S] [--count N] [--large-count N] [--state FILE] [--dump DIR] PATH...
 *
 * PATHs are modules or folders, which are searched for *.wasm. Each round takes
 * a file, changes it (truncation, flipped bits, other bytes, pieces moved,
 * removed or taken from another file, mostly in the code section), and has it
 * checked. Two thirds of the rounds on small valid files keep the structure of
 * the module (fuzz_structure.h). --count rounds go over files up to 200 KB, --large-count rounds over
 * larger ones. --state keeps what has been done, so that an interrupted run
 * goes on. --dump writes every variant to DIR as N.wasm and prints "N STATUS",
 * for a comparison with other tools. Returns the exit status.
 */
int fuzz_main(const struct fuzz_target *target, int argc, char **argv);

/* Says what is wrong and how to repeat the round, and ends the process. */
_Noreturn void fuzz_fail(const char *what);

/* A number below `limit`; 0 if that is 0. */
size_t fuzz_below(uint64_t *state, size_t limit);

#endif
