/*
 * Reading unchecked bytes. The wording of reports follows the specification
 * suite where it has one.
 */
#include "wasm/input.h"

#include "lib/format.h"
#include "lib/utf8.h"
#include "wasm/limits.h"

void
wasm_input_fail(struct wasm_input *in, enum nb_status status, const uint8_t *at, const char *format,
		...)
{
	char text[sizeof(in->diag->text)];
	va_list args;

	if (in->status == NB_OK) {
		va_start(args, format);
		format_text_va(text, sizeof(text), format, args);
		va_end(args);
		in->status = diag_report(in->diag, status, (uint64_t)(at - in->base), "%s", text);
	}
	in->pos = in->end;
}

void
wasm_input_relax(struct wasm_input *in)
{
	in->relax_at = in->pos + WASM_INPUT_RELAX_BYTES;
	if (in->relax)
		in->relax(in->relax_context);
}

void
wasm_input_fail_memory(struct wasm_input *in)
{
	wasm_input_fail(in, NB_OUT_OF_MEMORY, in->pos, "out of memory while reading the module");
}

void
wasm_input_fail_feature(struct wasm_input *in, const uint8_t *at, enum wasm_feature feature,
			const char *what)
{
	wasm_input_fail(in, NB_UNSUPPORTED_FEATURE, at,
			"%s needs a feature that is not supported: %s", what,
			wasm_feature_text(feature));
}

void
wasm_input_fail_leb(struct wasm_input *in, const uint8_t *at, enum leb128_result result,
		    const char *what)
{
	switch (result) {
	case LEB128_TOO_LONG:
		wasm_input_fail(in, NB_MALFORMED, at, "integer representation too long (%s)", what);
		return;
	case LEB128_TOO_LARGE:
		wasm_input_fail(in, NB_MALFORMED, at, "integer too large (%s)", what);
		return;
	case LEB128_TRUNCATED:
	case LEB128_OK:
		break;
	}
	wasm_input_fail(in, NB_MALFORMED, in->end, "unexpected end (%s)", what);
}

const uint8_t *
wasm_input_bytes(struct wasm_input *in, size_t len, const char *what)
{
	const uint8_t *bytes = in->pos;

	if (len > wasm_input_left(in)) {
		wasm_input_fail(in, NB_MALFORMED, bytes,
				"unexpected end: length out of bounds (%s of %zu bytes)", what,
				len);
		return NULL;
	}
	in->pos += len;
	return bytes;
}

uint32_t
wasm_input_count(struct wasm_input *in, uint32_t limit, uint32_t least_bytes, const char *what)
{
	const uint8_t *at = in->pos;
	uint32_t count = wasm_input_u32(in, what);

	if (count > wasm_input_left(in) / least_bytes) {
		wasm_input_fail(in, NB_MALFORMED, at,
				"unexpected end: length out of bounds (%s is %u)", what, count);
		return 0;
	}
	if (count > limit) {
		wasm_input_fail(in, NB_LIMIT_EXCEEDED, at, "%s is %u, more than the limit of %u",
				what, count, limit);
		return 0;
	}
	return count;
}

struct wasm_name
wasm_input_name(struct wasm_input *in, const char *what)
{
	const uint8_t *at = in->pos;
	uint32_t len = wasm_input_u32(in, what);
	const uint8_t *bytes = wasm_input_bytes(in, len, what);

	if (!bytes)
		return (struct wasm_name){ "", 0 };
	if (len > WASM_LIMIT_NAME_BYTES) {
		wasm_input_fail(in, NB_LIMIT_EXCEEDED, at, "%s of %u bytes, limit is %u", what, len,
				(unsigned)WASM_LIMIT_NAME_BYTES);
		return (struct wasm_name){ "", 0 };
	}
	if (!utf8_is_valid(bytes, len)) {
		wasm_input_fail(in, NB_MALFORMED, at, "malformed UTF-8 encoding (%s)", what);
		return (struct wasm_name){ "", 0 };
	}
	return (struct wasm_name){ (const char *)bytes, len };
}

/* Reports a byte that stands where a value, reference or heap type must. */
static void
fail_valtype(struct wasm_input *in, const uint8_t *at, uint8_t byte, const char *what)
{
	switch (byte) {
	case 0x62: /* (exact ht) */
		wasm_input_fail_feature(in, at, WASM_FEATURE_CUSTOM_DESCRIPTORS, "exact type");
		break;
	case 0x68: /* contref */
	case 0x75: /* nocontref */
		wasm_input_fail_feature(in, at, WASM_FEATURE_STACK_SWITCHING, "continuation type");
		break;
	case 0x69: /* exnref */
	case 0x74: /* nullexnref */
		wasm_input_fail_feature(in, at, WASM_FEATURE_EXCEPTIONS, "exception type");
		break;
	case 0x6a: /* arrayref */
	case 0x6b: /* structref */
	case 0x6c: /* i31ref */
	case 0x6d: /* eqref */
	case 0x6e: /* anyref */
	case 0x71: /* nullref */
	case 0x72: /* nullexternref */
	case 0x73: /* nullfuncref */
		wasm_input_fail_feature(in, at, WASM_FEATURE_GC, "heap type");
		break;
	default:
		wasm_input_fail(in, NB_MALFORMED, at, "malformed %s type 0x%02x", what, byte);
		break;
	}
}

enum wasm_valtype
wasm_input_heap_type(struct wasm_input *in, const struct wasm_module *module)
{
	const uint8_t *at = in->pos;
	enum wasm_valtype type;
	int64_t idx;

	if (at < in->end && (*at & 0xc0) == 0x40) {
		in->pos++;
		type = wasm_valtype_from_byte(*at);
		if (!wasm_valtype_is_ref(type))
			fail_valtype(in, at, *at, "heap");
		return type;
	}
	idx = wasm_input_signed(in, 33, "heap type");
	if (in->status != NB_OK)
		return WASM_BOTTOM;
	if (idx < 0)
		wasm_input_fail(in, NB_MALFORMED, at, "malformed heap type");
	else if (!wasm_input_has_feature(module, WASM_FEATURE_FUNCTION_REFERENCES))
		wasm_input_fail_feature(in, at, WASM_FEATURE_FUNCTION_REFERENCES, "heap type");
	else if (idx >= module->type_count)
		wasm_input_fail(in, NB_INVALID, at, "unknown type %lld", (long long)idx);
	else
		return wasm_valtype_typed(module->types[idx].canonical_idx, true);
	return WASM_BOTTOM;
}

/* A value type that starts with the byte at `at`, which has been read. */
static enum wasm_valtype
input_type_behind(struct wasm_input *in, const struct wasm_module *module, const uint8_t *at,
		  const char *what)
{
	enum wasm_valtype type;

	if (*at != 0x63 && *at != 0x64) {
		type = wasm_valtype_from_byte(*at);
		if (type == WASM_BOTTOM)
			fail_valtype(in, at, *at, what);
		return type;
	}
	if (!wasm_input_has_feature(module, WASM_FEATURE_FUNCTION_REFERENCES)) {
		wasm_input_fail_feature(in, at, WASM_FEATURE_FUNCTION_REFERENCES, "reference type");
		return WASM_BOTTOM;
	}
	type = wasm_input_heap_type(in, module);
	return *at == 0x63 ? type : wasm_valtype_as_non_null(type);
}

enum wasm_valtype
wasm_input_valtype(struct wasm_input *in, const struct wasm_module *module)
{
	const uint8_t *at = in->pos;
	enum wasm_valtype type;

	wasm_input_byte(in, "value type");
	if (in->status != NB_OK)
		return WASM_BOTTOM;
	type = input_type_behind(in, module, at, "value");
	if (type == WASM_V128 && !wasm_input_has_feature(module, WASM_FEATURE_SIMD))
		wasm_input_fail_feature(in, at, WASM_FEATURE_SIMD, "v128");
	return type;
}

enum wasm_valtype
wasm_input_reftype(struct wasm_input *in, const struct wasm_module *module)
{
	const uint8_t *at = in->pos;
	enum wasm_valtype type;

	wasm_input_byte(in, "reference type");
	if (in->status != NB_OK)
		return WASM_BOTTOM;
	type = input_type_behind(in, module, at, "reference");
	if (wasm_valtype_is_ref(type))
		return type;
	if (in->status == NB_OK)
		fail_valtype(in, at, *at, "reference");
	return WASM_BOTTOM;
}

enum wasm_valtype
wasm_input_func_ref(const struct wasm_module *module, uint32_t type_idx)
{
	if (!wasm_input_has_feature(module, WASM_FEATURE_FUNCTION_REFERENCES))
		return WASM_FUNCREF;
	return wasm_valtype_typed(module->types[type_idx].canonical_idx, false);
}
