/*
 * Running the suite with an interruption behind every instruction.
 */
#ifndef TESTS_SUITE_STEP_MAIN_H
#define TESTS_SUITE_STEP_MAIN_H

#include "abi/status.h"

/* From here on every guest instruction (of the first few hundred of a call) is
 * followed by an interruption, as a timer might cause it: the whole state is
 * put away, another stack runs, and the state is loaded again. At each, the
 * guest's frames must lead back to the call. A walk that does not is printed
 * and counted as a failure. */
NB_MUST_USE enum nb_status step_start(void);
/* Ends it and says on standard error how many interruptions there were. */
void step_stop(void);

#endif
