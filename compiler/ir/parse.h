/*
 * Reads the text that ir_print writes, for tests and tools.
 */
#ifndef COMPILER_IR_PARSE_H
#define COMPILER_IR_PARSE_H

#include "compiler/ir/ir.h"
#include "lib/diag.h"

/*
 * Reads one function from text[0..len).
 *
 * Needs fn->arena set, fn->module and fn->type as the text requires them (NULL
 * if nothing is to be checked against them). Numbers of values and blocks in
 * the text are only names, except that block 0 is the entry. `scratch` is
 * released. Errors: NB_MALFORMED (offset and reason in *diag),
 * NB_OUT_OF_MEMORY. Says nothing about sense: see ir_check.
 */
NB_MUST_USE enum nb_status ir_parse(struct ir_function *fn, const char *text, size_t len,
				    struct arena *scratch, struct diag *diag);

#endif
