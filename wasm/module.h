/*
 * A decoded and validated WebAssembly module.
 *
 * wasm_module_decode turns bytes into this structure in one pass that trusts
 * nothing. Afterwards the module is immutable and may be read by any number
 * of threads. Its arrays live in the arena given to the decoder; names,
 * function bodies and data stay in the input, to which offsets and pointers
 * here refer: both must outlive the module.
 *
 * Every index in a decoded module is in range and every type fits; what reads
 * it need not check again. All offsets are byte offsets from the start of the
 * input and fit 32 bits (WASM_LIMIT_MODULE_BYTES).
 */
#ifndef WASM_MODULE_H
#define WASM_MODULE_H

#include "abi/status.h"
#include "lib/arena.h"
#include "lib/diag.h"
#include "wasm/types.h"

/* UTF-8 text in the input, not terminated. */
struct wasm_name {
	const char *bytes;
	uint32_t len;
};

/* Numbered as in the binary format. */
enum wasm_extern_kind {
	WASM_EXTERN_FUNC = 0,
	WASM_EXTERN_TABLE = 1,
	WASM_EXTERN_MEMORY = 2,
	WASM_EXTERN_GLOBAL = 3,
	WASM_EXTERN_TAG = 4,
};

struct wasm_import {
	struct wasm_name module;
	struct wasm_name field;
	enum wasm_extern_kind kind;
	/* In the index space of its kind; there are the function's type
	 * (func_types[idx]), the table type and so on. */
	uint32_t idx;
	uint32_t offset; /* of the import's first byte */
};

struct wasm_export {
	struct wasm_name name;
	enum wasm_extern_kind kind;
	uint32_t idx; /* in the index space of its kind */
	uint32_t offset;
};

enum wasm_init_kind {
	WASM_INIT_CONST,      /* i32, i64, f32, f64 or v128, by `type` */
	WASM_INIT_GLOBAL_GET, /* an immutable global, initialised before */
	WASM_INIT_REF_NULL,
	WASM_INIT_REF_FUNC,
	WASM_INIT_PROGRAM, /* arithmetic that reads a global; i32 or i64 */
};

enum wasm_init_op {
	WASM_INIT_OP_CONST,	 /* pushes `value` */
	WASM_INIT_OP_GLOBAL_GET, /* pushes the global of index `value` */
	WASM_INIT_OP_ADD,	 /* these replace the two topmost values */
	WASM_INIT_OP_SUB,
	WASM_INIT_OP_MUL,
};

/* A step of a WASM_INIT_PROGRAM: postfix, on a stack of at most
 * WASM_LIMIT_INIT_DEPTH integers. The arithmetic of i32 may be done in 64 bits
 * whose upper half is dropped at the end. */
struct wasm_init_step {
	uint64_t value;
	enum wasm_init_op op;
};

/* A constant expression in decoded form. Arithmetic on constants alone has
 * been done already. */
struct wasm_init_expr {
	enum wasm_init_kind kind;
	enum wasm_valtype type; /* of the result */
	uint32_t offset;	/* of its first byte in the input */
	union {
		uint64_t bits[2]; /* CONST: little end first; floats as bits */
		uint32_t idx;	  /* GLOBAL_GET: global; REF_FUNC: function */
		struct {
			const struct wasm_init_step *steps; /* PROGRAM */
			uint32_t step_count;
		};
	};
};

/* `left op right` modulo 2^64, for the operations of two operands. */
uint64_t wasm_init_calculate(enum wasm_init_op op, uint64_t left, uint64_t right);

/* The value of global `global_idx`; i32 in the low half. */
typedef uint64_t wasm_init_global(const void *context, uint32_t global_idx);

/* Runs an expression of kind WASM_INIT_PROGRAM; an i32 is zero-extended. */
uint64_t wasm_init_run(const struct wasm_init_expr *expr, wasm_init_global *read_global,
		       const void *context);

struct wasm_global {
	struct wasm_global_type type;
	struct wasm_init_expr init; /* all zero for an imported global */
};

enum wasm_segment_mode {
	WASM_SEGMENT_ACTIVE,
	WASM_SEGMENT_PASSIVE,
	WASM_SEGMENT_DECLARATIVE, /* element segments only */
};

/* One reference of an element segment. */
struct wasm_elem_item {
	uint32_t kind : 4; /* enum wasm_init_kind, never CONST */
	uint32_t idx : 28; /* as in struct wasm_init_expr; 0 for REF_NULL */
};

struct wasm_elem_segment {
	enum wasm_segment_mode mode;
	enum wasm_valtype type;
	uint32_t table_idx;	      /* ACTIVE */
	struct wasm_init_expr offset; /* ACTIVE */
	const struct wasm_elem_item *items;
	uint32_t item_count;
};

struct wasm_data_segment {
	enum wasm_segment_mode mode;
	uint32_t memory_idx;	      /* ACTIVE */
	struct wasm_init_expr offset; /* ACTIVE: i64 for a 64-bit memory or table */
	uint32_t bytes_offset;	      /* in the input */
	uint32_t bytes_len;
};

/* The body of a defined function. */
struct wasm_code {
	uint32_t offset;      /* of the local declarations (their count) */
	uint32_t len;	      /* from `offset` to behind the final `end` */
	uint32_t code_offset; /* of the first instruction */
	uint32_t local_count; /* parameters and declared locals */
};

struct wasm_custom {
	struct wasm_name name;
	uint32_t offset; /* of the contents, behind the name */
	uint32_t len;	 /* of the contents */
};

/* Imported entities come first in each index space. Pointers to arrays of no
 * elements may be NULL. */
struct wasm_module {
	const uint8_t *bytes;
	uint32_t len;
	struct wasm_features features; /* as given to the decoder, without relax */

	struct wasm_functype *types;
	struct wasm_import *imports;
	uint32_t *func_types; /* function index -> type index */
	struct wasm_table_type *tables;
	/* By table index: what the entries hold at first. WASM_INIT_REF_NULL if
	 * the table has no initialiser; meaningless for imported tables. */
	struct wasm_init_expr *table_inits;
	struct wasm_memory_type *memories;
	struct wasm_global *globals;
	struct wasm_export *exports;
	struct wasm_elem_segment *elems;
	struct wasm_data_segment *datas;
	struct wasm_code *codes;     /* function index - func_import_count -> body */
	struct wasm_custom *customs; /* in order of appearance */

	uint32_t type_count;
	uint32_t import_count;
	uint32_t func_count; /* imported ones included, as below */
	uint32_t func_import_count;
	uint32_t table_count;
	uint32_t table_import_count;
	uint32_t memory_count;
	uint32_t memory_import_count;
	uint32_t global_count;
	uint32_t global_import_count;
	uint32_t export_count;
	uint32_t elem_count;
	uint32_t data_count;
	uint32_t code_count; /* 0 with WASM_CODE_ABSENT */
	uint32_t custom_count;

	uint32_t start_func_idx;      /* WASM_NO_INDEX: no start function */
	bool has_data_count;	      /* there is a data count section */
	uint32_t code_section_offset; /* of its contents; 0: no code section */
	uint32_t code_section_len;

	/* Private to wasm/. */
	uint32_t declared_data_count; /* valid if has_data_count */
	uint32_t *exports_by_name;    /* export indices, by name */
	uint64_t *declared_funcs;     /* bit set: functions ref.func may name */
	uint32_t *func_names;	      /* function index -> offset of its name
					 (length first) or 0; may be NULL */
	struct wasm_name name;
};

/*
 * Decodes and validates bytes[0..len) into *out.
 *
 * Needs: an arena, of which at most a constant factor of `len` is used; bytes
 * that stay unchanged; *diag as diag_init leaves it. Takes time linear in
 * `len` up to the factors that the limits on parameters and results set.
 * Errors: NB_MALFORMED, NB_INVALID, NB_UNSUPPORTED_FEATURE, NB_LIMIT_EXCEEDED,
 * NB_OUT_OF_MEMORY, NB_NOT_SUPPORTED (features outside WASM_FEATURES_ALL), each
 * with a report in *diag: offset, section, function, reason. *out is
 * unspecified then and the arena holds no more than before the call. Does not
 * sleep; reentrant. Source: WebAssembly Core 3.0, chapters 3 and 5.
 */
NB_MUST_USE enum nb_status
wasm_module_decode(struct wasm_module *out, struct arena *arena, const uint8_t *bytes, size_t len,
		   const struct wasm_features *features, struct diag *diag);

/*
 * Validates the body of defined function `func_idx` (function index space) of
 * a module that wasm_module_decode accepted, with any code mode but ABSENT.
 * Scratch memory comes from `arena` and is released before returning. Calls for
 * the same module may run at once, each with its own arena. Errors as above.
 */
NB_MUST_USE enum nb_status
wasm_function_validate(const struct wasm_module *module, uint32_t func_idx, struct arena *arena,
		       struct diag *diag);

/* The type of function `func_idx` < func_count. */
static inline const struct wasm_functype *
wasm_module_function_type(const struct wasm_module *module, uint32_t func_idx)
{
	return &module->types[module->func_types[func_idx]];
}

/* The type of a block that takes nothing and returns `result`, a type of this
 * module. */
static inline const struct wasm_functype *
wasm_module_block_type(const struct wasm_module *module, enum wasm_valtype result)
{
	if (__builtin_expect(!wasm_valtype_is_typed(result), 1))
		return wasm_functype_shorthand(result);
	return &module->types[wasm_valtype_type_idx(result)]
			.ref_blocks[wasm_valtype_is_nullable(result)];
}

static inline bool
wasm_module_function_is_imported(const struct wasm_module *module, uint32_t func_idx)
{
	return func_idx < module->func_import_count;
}

/* The body of defined function `func_idx`; not with WASM_CODE_ABSENT. */
static inline const struct wasm_code *
wasm_module_code(const struct wasm_module *module, uint32_t func_idx)
{
	return &module->codes[func_idx - module->func_import_count];
}

/* The export of that name, or NULL. Logarithmic in the number of exports. */
const struct wasm_export *
wasm_module_find_export(const struct wasm_module *module, const char *name, size_t len);

/* The first custom section of that zero-terminated name, or NULL. */
const struct wasm_custom *
wasm_module_find_custom(const struct wasm_module *module, const char *name);

/* The name the name section gives function `func_idx` (any number); false if
 * it gives none. Constant time. The text is valid UTF-8. */
bool wasm_module_function_name(const struct wasm_module *module, uint32_t func_idx,
			       struct wasm_name *out);

/* The module's own name from the name section; false if there is none. */
bool wasm_module_name(const struct wasm_module *module, struct wasm_name *out);

/* "function", "table", …; the static word for a kind. */
const char *wasm_extern_kind_text(enum wasm_extern_kind kind);

#endif
