/*
 * Families of modules that are extreme in one way each.
 */
#ifndef TESTS_COMPILER_GROWTH_H
#define TESTS_COMPILER_GROWTH_H

#include "tests/wasm/module_builder.h"

#include <stdint.h>

/* Local 0 of the function is an i32 parameter; `code` writes what comes between
 * the declarations and the end, of type [] -> [i32], for a module of size n. */
struct growth_shape {
	const char *name;
	uint32_t count;				     /* n that takes some ten milliseconds */
	uint32_t i32_locals, i64_locals, f64_locals; /* of each; UINT32_MAX: n */
	void (*code)(struct buffer *out, uint32_t n);
	uint32_t functions; /* copies of the function; UINT32_MAX: n; 0: one */
};

/* Ends with a shape without a name. */
extern const struct growth_shape growth_shapes[];

/* The module of a shape: a memory, a table of 10 entries, two globals, type 0
 * [i32] -> [i32]; function 0 has it and calls nothing. */
struct buffer growth_module(const struct growth_shape *shape, uint32_t n);

#endif
