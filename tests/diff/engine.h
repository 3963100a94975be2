/*
 * Running a generated module (see gen.h) in this engine.
 */
#ifndef TESTS_DIFF_ENGINE_H
#define TESTS_DIFF_ENGINE_H

#include "compiler/compiler.h"
#include "tests/wasm/module_builder.h"

#include <stdbool.h>

/* Once a process: fault handlers and the guest stack. */
NB_MUST_USE enum nb_status engine_init(void);

/* Compiles the module with `options`, instantiates it, makes its calls, and
 * writes what came of it to *out, in the words of oracle.js. Everything the
 * run took has come back afterwards, or *out says that it has not. */
void engine_run(const uint8_t *bytes, size_t len, const struct compiler_options *options,
		bool is_verbose, struct buffer *out);

#endif
