/*
 * The verifier's scan, with each refusal passing through a function that
 * mutate.c can put in the place of the original, so that it can leave out a rule.
 */
#pragma weak scan_refuse
#include "verifier/verify.c"
