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
 * A value type in 32 bits: its kind in the low 8 bits and, for WASM_REF_TYPED
 * alone, a type index in bits 8..30 and nullability in bit 31. All other types
 * compare and switch as plain enumerators.
 *
 * In a decoded module type indices are canonical (struct wasm_functype), so two
 * types of one module are equal exactly if their words are, and whether one is
 * a subtype of another does not depend on the module (wasm_valtype_matches).
 */
enum wasm_valtype {
	WASM_BOTTOM = 0, /* the unknown operand of unreachable code; in no module */
	WASM_I32 = 1,
	WASM_I64 = 2,
	WASM_F32 = 3,
	WASM_F64 = 4,
	WASM_V128 = 5,
	WASM_FUNCREF = 6,		/* (ref null func) */
	WASM_EXTERNREF = 7,		/* (ref null extern) */
	WASM_REF_FUNC = 8,		/* (ref func) */
	WASM_REF_EXTERN = 9,		/* (ref extern) */
	WASM_REF_BOTTOM = 10,		/* a non-null operand of unreachable code; in no module */
	WASM_REF_TYPED = 11,		/* the kind of (ref $t) and (ref null $t) */
	WASM_VALTYPE_COUNT = 12,	/* kinds; not a type */
	WASM_VALTYPE_WORD = 0xffffffff, /* not a type; makes the word 32 bits */
};

enum {
	WASM_VALTYPE_IDX_SHIFT = 8,
	WASM_VALTYPE_IDX_MASK = 0x7fffff,
	/* Stands for "this very type" where types of several modules are
	 * compared: a recursive type refers to itself by it. */
	WASM_TYPE_IDX_SELF = WASM_VALTYPE_IDX_MASK,
};

#define WASM_VALTYPE_NULLABLE UINT32_C(0x80000000)

static inline uint32_t
wasm_valtype_kind(enum wasm_valtype type)
{
	return (uint32_t)type & 0xff;
}

/* (ref null? $type_idx) */
static inline enum wasm_valtype
wasm_valtype_typed(uint32_t type_idx, bool is_nullable)
{
	return (enum wasm_valtype)(WASM_REF_TYPED | type_idx << WASM_VALTYPE_IDX_SHIFT |
				   (is_nullable ? WASM_VALTYPE_NULLABLE : 0));
}

static inline bool
wasm_valtype_is_typed(enum wasm_valtype type)
{
	return wasm_valtype_kind(type) == WASM_REF_TYPED;
}

/* The index in a type for which wasm_valtype_is_typed holds. */
static inline uint32_t
wasm_valtype_type_idx(enum wasm_valtype type)
{
	return (uint32_t)type >> WASM_VALTYPE_IDX_SHIFT & WASM_VALTYPE_IDX_MASK;
}

static inline bool
wasm_valtype_is_ref(enum wasm_valtype type)
{
	return wasm_valtype_kind(type) >= WASM_FUNCREF;
}

static inline bool
wasm_valtype_is_num(enum wasm_valtype type)
{
	return type >= WASM_I32 && type <= WASM_F64;
}

/* A reference to functions of some or any type. */
static inline bool
wasm_valtype_is_func_ref(enum wasm_valtype type)
{
	return type == WASM_FUNCREF || type == WASM_REF_FUNC || wasm_valtype_is_typed(type);
}

static inline bool
wasm_valtype_is_nullable(enum wasm_valtype type)
{
	return type == WASM_FUNCREF || type == WASM_EXTERNREF ||
	       (type & WASM_VALTYPE_NULLABLE) != 0;
}

/* Whether the type has a default value: all but references that cannot be
 * null. Locals of others must be set before they are read. */
static inline bool
wasm_valtype_is_defaultable(enum wasm_valtype type)
{
	return wasm_valtype_kind(type) < WASM_REF_FUNC || wasm_valtype_is_nullable(type);
}

/* A reference type without null; WASM_BOTTOM becomes WASM_REF_BOTTOM. */
enum wasm_valtype wasm_valtype_as_non_null(enum wasm_valtype type);

/* A reference type with null; WASM_REF_BOTTOM becomes WASM_BOTTOM. */
enum wasm_valtype wasm_valtype_as_nullable(enum wasm_valtype type);

/* Whether `sub` is a subtype of `super`, both of one module or both renamed to
 * one numbering (wasm_valtypes_rename). WASM_BOTTOM is one of every type.
 * Source: Core 3.0, section 3.3. */
bool wasm_valtype_matches(enum wasm_valtype sub, enum wasm_valtype super);

/* Replaces each type index t in types[0..count) by numbers[t], or by
 * WASM_TYPE_IDX_SELF if it is `self`. Types of different modules can be
 * compared after renaming to one numbering of types. A type of a module refers
 * to itself and to canonical types of lower index only. */
void wasm_valtypes_rename(enum wasm_valtype *types, uint32_t count, const uint32_t *numbers,
			  uint32_t self);

/* "i32", "funcref", "(ref null 3)", …; "unknown" for the bottom types. */
struct wasm_valtype_text {
	char text[24];
};
struct wasm_valtype_text wasm_valtype_text(enum wasm_valtype type);

/* The type that a single byte of the binary format names (0x7f: i32 …);
 * WASM_BOTTOM for other bytes. */
enum wasm_valtype wasm_valtype_from_byte(uint8_t byte);

/* A function type; block types without a type index are one of these too. */
struct wasm_functype {
	const enum wasm_valtype *params;
	const enum wasm_valtype *results;
	uint32_t param_count;
	uint32_t result_count;
	/* The least type index of this module with an equal type: within one
	 * module types are equal exactly if these are. Equal types share their
	 * arrays. WASM_NO_INDEX for block types without an index. */
	uint32_t canonical_idx;
	/* The block types () -> (ref $t) and () -> (ref null $t) for this type;
	 * NULL if no module refers to it. */
	const struct wasm_functype *ref_blocks;
};

#define WASM_NO_INDEX UINT32_MAX

/* Equality of types of one module, or of types of different modules renamed
 * to one numbering (wasm_valtypes_rename). */
bool wasm_functype_equal(const struct wasm_functype *a, const struct wasm_functype *b);

/* The type without parameters that returns `result`, which is not a typed
 * reference, or nothing for WASM_BOTTOM. Static and constant. */
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
#define WASM_FEATURES_ALL                                                                     \
	(WASM_FEATURES_2_0 | WASM_FEATURE_BIT(EXTENDED_CONST) | WASM_FEATURE_BIT(TAIL_CALL) | \
	 WASM_FEATURE_BIT(MULTI_MEMORY) | WASM_FEATURE_BIT(MEMORY64) |                        \
	 WASM_FEATURE_BIT(RELAXED_SIMD) | WASM_FEATURE_BIT(FUNCTION_REFERENCES) |             \
	 WASM_FEATURE_BIT(THREADS))

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
	/* Called now and then while decoding, at least once per few thousand
	 * things done or 64 KiB read, so that a large module does not keep the
	 * processor from others. NULL: never. Not kept in the module. */
	void (*relax)(void *context);
	void *relax_context;
};

#endif
