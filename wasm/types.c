/*
 * Types: texts, encodings, equality.
 */
#include "wasm/types.h"

#include "lib/format.h"
#include "lib/string.h"

enum wasm_valtype
wasm_valtype_as_non_null(enum wasm_valtype type)
{
	switch ((uint32_t)type) {
	case WASM_BOTTOM:
		return WASM_REF_BOTTOM;
	case WASM_FUNCREF:
		return WASM_REF_FUNC;
	case WASM_EXTERNREF:
		return WASM_REF_EXTERN;
	default:
		return (enum wasm_valtype)(type & ~WASM_VALTYPE_NULLABLE);
	}
}

enum wasm_valtype
wasm_valtype_as_nullable(enum wasm_valtype type)
{
	switch ((uint32_t)type) {
	case WASM_REF_BOTTOM:
		return WASM_BOTTOM;
	case WASM_REF_FUNC:
		return WASM_FUNCREF;
	case WASM_REF_EXTERN:
		return WASM_EXTERNREF;
	default:
		return wasm_valtype_is_typed(type)
			       ? (enum wasm_valtype)(type | WASM_VALTYPE_NULLABLE)
			       : type;
	}
}

bool
wasm_valtype_matches(enum wasm_valtype sub, enum wasm_valtype super)
{
	if (sub == super || sub == WASM_BOTTOM)
		return true;
	if (!wasm_valtype_is_ref(sub) || !wasm_valtype_is_ref(super))
		return false;
	if (wasm_valtype_is_nullable(sub) && !wasm_valtype_is_nullable(super))
		return false;
	if (sub == WASM_REF_BOTTOM)
		return true;
	switch ((uint32_t)super) {
	case WASM_FUNCREF:
	case WASM_REF_FUNC:
		return wasm_valtype_is_func_ref(sub);
	case WASM_EXTERNREF:
	case WASM_REF_EXTERN:
		return sub == WASM_REF_EXTERN;
	default:
		return wasm_valtype_is_typed(sub) && wasm_valtype_is_typed(super) &&
		       wasm_valtype_type_idx(sub) == wasm_valtype_type_idx(super);
	}
}

void
wasm_valtypes_rename(enum wasm_valtype *types, uint32_t count, const uint32_t *numbers,
		     uint32_t self)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t idx = wasm_valtype_type_idx(types[i]);

		if (!wasm_valtype_is_typed(types[i]))
			continue;
		types[i] = wasm_valtype_typed(idx == self ? WASM_TYPE_IDX_SELF : numbers[idx],
					      wasm_valtype_is_nullable(types[i]));
	}
}

struct wasm_valtype_text
wasm_valtype_text(enum wasm_valtype type)
{
	static const char *const texts[WASM_VALTYPE_COUNT] = {
		[WASM_BOTTOM] = "unknown",
		[WASM_I32] = "i32",
		[WASM_I64] = "i64",
		[WASM_F32] = "f32",
		[WASM_F64] = "f64",
		[WASM_V128] = "v128",
		[WASM_FUNCREF] = "funcref",
		[WASM_EXTERNREF] = "externref",
		[WASM_REF_FUNC] = "(ref func)",
		[WASM_REF_EXTERN] = "(ref extern)",
		[WASM_REF_BOTTOM] = "unknown reference",
	};
	struct wasm_valtype_text out;
	uint32_t kind = wasm_valtype_kind(type);

	if (wasm_valtype_is_typed(type))
		format_text(out.text, sizeof(out.text), "(ref %s%u)",
			    wasm_valtype_is_nullable(type) ? "null " : "",
			    wasm_valtype_type_idx(type));
	else
		format_text(out.text, sizeof(out.text), "%s",
			    kind < WASM_VALTYPE_COUNT ? texts[kind] : texts[WASM_BOTTOM]);
	return out;
}

enum wasm_valtype
wasm_valtype_from_byte(uint8_t byte)
{
	switch (byte) {
	case 0x7f:
		return WASM_I32;
	case 0x7e:
		return WASM_I64;
	case 0x7d:
		return WASM_F32;
	case 0x7c:
		return WASM_F64;
	case 0x7b:
		return WASM_V128;
	case 0x70:
		return WASM_FUNCREF;
	case 0x6f:
		return WASM_EXTERNREF;
	default:
		return WASM_BOTTOM;
	}
}

bool
wasm_functype_equal(const struct wasm_functype *a, const struct wasm_functype *b)
{
	if (a->param_count != b->param_count || a->result_count != b->result_count)
		return false;
	return (a->param_count == 0 ||
		memcmp(a->params, b->params, a->param_count * sizeof(*a->params)) == 0) &&
	       (a->result_count == 0 ||
		memcmp(a->results, b->results, a->result_count * sizeof(*a->results)) == 0);
}

static const enum wasm_valtype each_valtype[WASM_REF_TYPED] = {
	WASM_BOTTOM,  WASM_I32,	      WASM_I64,	     WASM_F32,	      WASM_F64,	       WASM_V128,
	WASM_FUNCREF, WASM_EXTERNREF, WASM_REF_FUNC, WASM_REF_EXTERN, WASM_REF_BOTTOM,
};

#define SHORTHAND(type)                                \
	[type] = {                                     \
		.results = &each_valtype[type],        \
		.result_count = (type) != WASM_BOTTOM, \
		.canonical_idx = WASM_NO_INDEX,        \
	}

static const struct wasm_functype shorthands[WASM_REF_TYPED] = {
	SHORTHAND(WASM_BOTTOM),	    SHORTHAND(WASM_I32),	SHORTHAND(WASM_I64),
	SHORTHAND(WASM_F32),	    SHORTHAND(WASM_F64),	SHORTHAND(WASM_V128),
	SHORTHAND(WASM_FUNCREF),    SHORTHAND(WASM_EXTERNREF),	SHORTHAND(WASM_REF_FUNC),
	SHORTHAND(WASM_REF_EXTERN), SHORTHAND(WASM_REF_BOTTOM),
};

const struct wasm_functype *
wasm_functype_shorthand(enum wasm_valtype result)
{
	return &shorthands[result];
}

/* Where the text of wasm_functype_format grows. */
struct type_text {
	char *out;
	size_t cap;
	size_t len;
};

static void
append(struct type_text *text, const char *piece)
{
	size_t room = text->len < text->cap ? text->cap - text->len : 0;

	text->len += format_text(room ? text->out + text->len : NULL, room, "%s", piece);
}

static void
append_types(struct type_text *text, const enum wasm_valtype *types, uint32_t count)
{
	append(text, "(");
	for (uint32_t i = 0; i < count; i++) {
		append(text, i ? ", " : "");
		append(text, wasm_valtype_text(types[i]).text);
	}
	append(text, ")");
}

size_t
wasm_functype_format(const struct wasm_functype *type, char *out, size_t cap)
{
	struct type_text text = { out, cap, 0 };

	append_types(&text, type->params, type->param_count);
	append(&text, " -> ");
	append_types(&text, type->results, type->result_count);
	return text.len;
}

const char *
wasm_feature_text(enum wasm_feature feature)
{
	switch (feature) {
#define WASM_FEATURE(name, number, text) \
	case WASM_FEATURE_##name:        \
		return text;
#include "wasm/feature.def"
#undef WASM_FEATURE
	}
	return "unknown feature";
}
