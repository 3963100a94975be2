/*
 * Implementation limits of the decoder and validator.
 *
 * They are those of the WebAssembly JavaScript interface (section
 * "Implementation-defined Limits") or larger; nesting of blocks is bounded by
 * memory alone. A module beyond a limit is refused with NB_LIMIT_EXCEEDED and
 * a text that names the limit. Each count fits in 24 bits, so an index and a
 * small kind share 32 bits where that saves memory.
 */
#ifndef WASM_LIMITS_H
#define WASM_LIMITS_H

#include <stdint.h>

enum {
	WASM_LIMIT_MODULE_BYTES = 1 << 30,
	WASM_LIMIT_TYPES = 1000000,
	WASM_LIMIT_FUNCTIONS = 1000000, /* imported ones included, as below */
	WASM_LIMIT_IMPORTS = 1000000,
	WASM_LIMIT_EXPORTS = 1000000,
	WASM_LIMIT_GLOBALS = 1000000,
	WASM_LIMIT_TABLES = 100000,
	WASM_LIMIT_MEMORIES = 100000,
	WASM_LIMIT_TAGS = 1000000,
	WASM_LIMIT_DATA_SEGMENTS = 100000,
	WASM_LIMIT_ELEM_SEGMENTS = 1000000,
	WASM_LIMIT_ELEM_ENTRIES = 10000000, /* in one segment */
	WASM_LIMIT_PARAMS = 1000,
	WASM_LIMIT_RESULTS = 1000,
	WASM_LIMIT_FUNCTION_BYTES = 7654321, /* one body, its locals included */
	WASM_LIMIT_LOCALS = 50000,	     /* parameters included */
	WASM_LIMIT_BR_TABLE = 1000000,	     /* targets without the default */
	WASM_LIMIT_NAME_BYTES = 100000,	     /* one import or export name */
	WASM_LIMIT_INIT_DEPTH = 128,	     /* operands of a constant expression */
	WASM_LIMIT_INIT_LENGTH = 50001,	     /* its instructions without `end` */
};

/* The decoder takes any table size, as the specification does; instantiation
 * and table.grow refuse more entries than this. */
enum { WASM_LIMIT_TABLE_ENTRIES = 10000000 };

/* Bounds that the specification itself sets (3.0, section 3.2). */
enum {
	WASM_MEMORY32_MAX_PAGES = 65536,
	WASM_PAGE_BYTES = 65536,
};

#define WASM_MEMORY64_MAX_PAGES (UINT64_C(1) << 48)

#endif
