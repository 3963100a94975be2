/*
 * What the files of `nebulet dump` share.
 */
#ifndef TOOLS_DUMP_H
#define TOOLS_DUMP_H

#include "runtime/code_module.h"

#include <stdbool.h>
#include <stdint.h>

/* From a place in a function's machine code on it stems from a wasm offset. */
struct dump_place {
	uint32_t function; /* index */
	uint32_t code_offset;
	int32_t wasm_offset; /* from the body's start */
};

struct dump_places {
	struct dump_place *places; /* sorted by function, then code_offset */
	size_t count, cap;
};

/* "12 "name"": what a function is called in output, valid until the next call. */
const char *dump_function_title(const struct wasm_module *module, uint32_t func_idx);

/* Prints the machine code of function `func_idx`, with wasm offsets where `places`
 * knows them, and bytes if `shows_bytes`. False after an error, which is
 * reported. */
bool dump_machine_code(const struct code_module *code, uint32_t func_idx,
		       const struct dump_places *places, bool shows_bytes, bool is_colored);

#endif
