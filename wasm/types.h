/*
 * Value, function, table, memory and global types of WebAssembly, and the
 * features by which a module can be refused.
 */
#ifndef WASM_TYPES_H
#define WASM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A value type in 32 bits. The low 8 bits are its kind; for the kinds listed
 * here the rest is zero, so they compare and switch as plain enumerators.
 * Types that carry a type index (typed references) are a kind plus the index
 * in bits 8..30 and nullability in bit 31.
 */
enum wasm_valtype {
	WASM_BOTTOM = 0, /* the unknown operand of unreachable code; in no module */
	WASM_I32 = 1,
	WASM_I64 = 2,
	WASM_F32 = 3,
	WASM_F64 = 4,
	WASM_V128 = 5,
	WASM_FUNCREF = 6,
	WASM_EXTERNREF = 7,
	WASM_VALTYPE_COUNT = 8, /* kinds so far; not a type */
};

static inline bool
wasm_valtype_is_ref(enum wasm_valtype type)
{
	return type == WASM_FUNCREF || type == WASM_EXTERNREF;
}

static inline bool
wasm_valtype_is_num(enum wasm_valtype type)
{
	return type >= WASM_I32 && type <= WASM_F64;
}

/* "i32", "funcref", …; "unknown" for WASM_BOTTOM and what is not a type. */
const char *wasm_valtype_text(enum wasm_valtype type);

/* The type that a byte of the binary format names (0x7f: i32 …);
 * WASM_BOTTOM for other bytes. */
enum wasm_valtype wasm_valtype_from_byte(uint8_t byte);

/* A function type; block types without a type index are one of these too. */
struct wasm_functype {
	const enum wasm_valtype *params;
	const enum wasm_valtype *results;
	uint32_t param_count;
	uint32_t result_count;
	/* The least type index of this module with an equal type: within one
	 * module types are equal exactly if these are. WASM_NO_INDEX for the
	 * types of wasm_functype_shorthand. */
	uint32_t canonical_idx;
};

#define WASM_NO_INDEX UINT32_MAX

/* Structural equality, also of types from different modules. */
bool wasm_functype_equal(const struct wasm_functype *a, const struct wasm_functype *b);

/* The type without parameters that returns `result`, or nothing for
 * WASM_BOTTOM. Static and constant. */
const struct wasm_functype *wasm_functype_shorthand(enum wasm_valtype result);

/* Writes "(i32, i64) -> (f32)" into out[0..cap), terminated; returns the
 * length the whole text has. */
size_t wasm_functype_format(const struct wasm_functype *type, char *out, size_t cap);

struct wasm_limits {
	uint64_t min;
	uint64_t max; /* valid if has_max */
	bool has_max;
	bool is_shared; /* of a memory */
	bool is_64;	/* addressed by i64 */
};

struct wasm_table_type {
	enum wasm_valtype type;	   /* a reference type */
	struct wasm_limits limits; /* entries */
};

struct wasm_memory_type {
	struct wasm_limits limits; /* pages of WASM_PAGE_BYTES */
};

struct wasm_global_type {
	enum wasm_valtype type;
	bool is_mutable;
};

/* Features beyond the core, each a bit of struct wasm_features.set. */
enum wasm_feature {
#define WASM_FEATURE(name, number, text) WASM_FEATURE_##name = number,
#include "wasm/feature.def"
#undef WASM_FEATURE
};

#define WASM_FEATURE_BIT(name) (UINT32_C(1) << WASM_FEATURE_##name)

/* WebAssembly 2.0. */
#define WASM_FEATURES_2_0 (WASM_FEATURE_BIT(CORE) | WASM_FEATURE_BIT(SIMD))

/* What this decoder can validate; asking for more is NB_NOT_SUPPORTED. */
#define WASM_FEATURES_ALL WASM_FEATURES_2_0

/* "tail calls", …; the text of feature.def. */
const char *wasm_feature_text(enum wasm_feature feature);

enum wasm_code_mode {
	/* Function bodies are validated while decoding. */
	WASM_CODE_VALIDATE,
	/* Bodies are located only; every one must pass wasm_function_validate
	 * before anything else reads it. */
	WASM_CODE_DEFER,
	/* There must be no code section, whatever the function section says:
	 * the skeleton of a module whose machine code exists already. */
	WASM_CODE_ABSENT,
};

/* What a decoder accepts. */
struct wasm_features {
	uint32_t set; /* of WASM_FEATURE_BIT; CORE must be in it */
	enum wasm_code_mode code;
};

#endif
