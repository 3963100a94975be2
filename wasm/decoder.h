/*
 * The decoder's state, shared by the files that read one kind of section each.
 *
 *	decode.c		order of sections, header, end of the module
 *	decode_types.c		types, imports, functions, tables, memories
 *	decode_canon.c		which types are equal
 *	decode_globals.c	globals, exports, start
 *	decode_init.c		constant expressions
 *	decode_segments.c	elements, data, code
 *	names.c			name section, lookups by name
 *
 * A section reader reads from `in`, whose end is the section's, fills in the
 * module and reports failures through `in` alone. What precedes it in the
 * order of sections is complete in the module by then.
 *
 * Private to wasm/.
 */
#ifndef WASM_DECODER_H
#define WASM_DECODER_H

#include "lib/vec.h"
#include "wasm/input.h"
#include "wasm/module.h"

struct wasm_decoder {
	struct wasm_module *module;
	struct arena *arena;
	struct wasm_input in;
	const char *section; /* being read; NULL outside of sections */

	/* Index spaces that imports and a section of their own fill; the
	 * module points to the items once the section is read. */
	VEC(uint32_t) funcs;
	VEC(struct wasm_table_type) tables;
	VEC(struct wasm_memory_type) memories;
	VEC(struct wasm_global) globals;
	VEC(struct wasm_custom) customs;
};

void wasm_decode_type_section(struct wasm_decoder *d);
void wasm_decode_import_section(struct wasm_decoder *d);
void wasm_decode_function_section(struct wasm_decoder *d);
void wasm_decode_table_section(struct wasm_decoder *d);
void wasm_decode_memory_section(struct wasm_decoder *d);
void wasm_decode_global_section(struct wasm_decoder *d);
void wasm_decode_export_section(struct wasm_decoder *d);
void wasm_decode_start_section(struct wasm_decoder *d);
void wasm_decode_elem_section(struct wasm_decoder *d);
void wasm_decode_data_count_section(struct wasm_decoder *d);
void wasm_decode_code_section(struct wasm_decoder *d);
void wasm_decode_data_section(struct wasm_decoder *d);

/* Gives equal types one canonical index and shared arrays. Until then types
 * have their own index for it. */
void wasm_decode_canonical_types(struct wasm_decoder *d);

/* Points the module to the index spaces as far as they are known. */
void wasm_decode_publish_spaces(struct wasm_decoder *d);

/* The type and mutability of a global. */
struct wasm_global_type wasm_decode_global_type(struct wasm_decoder *d);

/* A constant expression whose value is of type `type`, with its `end`. It sees
 * the globals published so far. Functions that it names become declared. */
struct wasm_init_expr wasm_decode_init_expr(struct wasm_decoder *d, enum wasm_valtype type);

/* A function index in range, which becomes declared for ref.func. */
uint32_t wasm_decode_func_idx(struct wasm_decoder *d);

/* Allocates the set of declared functions once the functions are known. */
void wasm_decode_begin_declared(struct wasm_decoder *d);

/* Reads the name section, if there is one, leniently. */
void wasm_decode_names(struct wasm_decoder *d);

/* Orders exports by name and reports a name that occurs twice. */
void wasm_decode_order_exports(struct wasm_decoder *d);

#endif
