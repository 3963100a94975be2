/*
 * Mutations of a valid module that keep its structure: instructions and items
 * of sections are replaced, moved, removed, made up; all lengths stay right.
 */
#ifndef TESTS_WASM_FUZZ_STRUCTURE_H
#define TESTS_WASM_FUZZ_STRUCTURE_H

#include "tests/wasm/fuzz_bytes.h"
#include "wasm/module.h"
#include "wasm/opcode.h"

/* A changed copy of the module in bytes[0..len), which is valid. */
struct fuzz_bytes fuzz_structure(const uint8_t *bytes, size_t len, uint64_t *random);

/* ---- pieces made up (fuzz_make.c) ---- */

/* A value type, mostly one that means something in the module. */
void fuzz_make_valtype(struct fuzz_bytes *out, const struct wasm_module *module, uint64_t *random);

/* An instruction with an immediate, perhaps out of range. `locals` is the
 * number of locals where it will stand. */
void fuzz_make_instruction(struct fuzz_bytes *out, const struct wasm_module *module,
			   uint32_t locals, uint64_t *random);

/* Only the immediate of `opcode`. */
void fuzz_make_immediate(struct fuzz_bytes *out, const struct wasm_module *module,
			 enum wasm_opcode opcode, uint32_t locals, uint64_t *random);

/* Constants, an instruction that takes them, and `drop` for its result. */
void fuzz_make_statement(struct fuzz_bytes *out, const struct wasm_module *module, uint32_t locals,
			 uint64_t *random);

/* The opcode's own bytes. */
void fuzz_put_opcode(struct fuzz_bytes *out, enum wasm_opcode opcode);

/* An item of section `number`; false if none is made up for that section. */
bool fuzz_make_item(struct fuzz_bytes *out, const struct wasm_module *module, unsigned number,
		    uint64_t *random);

#endif
