/*
 * verifier_function, but that every instruction is looked at by operand.c.
 */
#ifndef TESTS_VERIFIER_VERIFY_PLAIN_H
#define TESTS_VERIFIER_VERIFY_PLAIN_H

#include "verifier/verifier.h"

bool verify_plainly(const struct nb_code_image *image, const struct verifier_facts *facts,
		    uint32_t function, const void *scratch, void *marks,
		    struct verifier_finding *finding);

#endif
