/*
 * Decoding a module: header, sections in their order, and what must agree
 * between them.
 */
#include "wasm/decoder.h"

#include "lib/string.h"
#include "wasm/limits.h"
#include "wasm/validate.h"

typedef void section_reader(struct wasm_decoder *d);

/* By section number. `order` grows along a module (custom sections aside). */
struct section_kind {
	const char *name;
	uint8_t order;
	section_reader *read;
};

enum { SECTION_CUSTOM = 0, SECTION_CODE = 10, SECTION_TAG = 13, SECTION_COUNT };

static const struct section_kind section_kinds[SECTION_COUNT] = {
	[SECTION_CUSTOM] = { "custom", 0, NULL },
	[1] = { "type", 1, wasm_decode_type_section },
	[2] = { "import", 2, wasm_decode_import_section },
	[3] = { "function", 3, wasm_decode_function_section },
	[4] = { "table", 4, wasm_decode_table_section },
	[5] = { "memory", 5, wasm_decode_memory_section },
	[SECTION_TAG] = { "tag", 6, NULL },
	[6] = { "global", 7, wasm_decode_global_section },
	[7] = { "export", 8, wasm_decode_export_section },
	[8] = { "start", 9, wasm_decode_start_section },
	[9] = { "element", 10, wasm_decode_elem_section },
	[12] = { "data count", 11, wasm_decode_data_count_section },
	[SECTION_CODE] = { "code", 12, wasm_decode_code_section },
	[11] = { "data", 13, wasm_decode_data_section },
};

static void
decode_header(struct wasm_decoder *d)
{
	static const uint8_t magic[4] = { 0x00, 'a', 's', 'm' };
	static const uint8_t version[4] = { 0x01, 0x00, 0x00, 0x00 };
	static const uint8_t component[4] = { 0x0d, 0x00, 0x01, 0x00 };
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;

	if (wasm_input_left(in) < sizeof(magic)) {
		wasm_input_fail(in, NB_MALFORMED, at, "unexpected end (magic header)");
		return;
	}
	if (memcmp(at, magic, sizeof(magic)) != 0) {
		wasm_input_fail(in, NB_MALFORMED, at, "magic header not detected");
		return;
	}
	in->pos += sizeof(magic);
	at = in->pos;
	if (wasm_input_left(in) < sizeof(version))
		wasm_input_fail(in, NB_MALFORMED, at, "unexpected end (version)");
	else if (memcmp(at, component, sizeof(component)) == 0)
		wasm_input_fail(in, NB_UNSUPPORTED_FEATURE, at,
				"this is a component; only core modules are supported");
	else if (memcmp(at, version, sizeof(version)) != 0)
		wasm_input_fail(in, NB_MALFORMED, at, "unknown binary version");
	else
		in->pos += sizeof(version);
}

static void
decode_custom_section(struct wasm_decoder *d)
{
	struct wasm_name name = wasm_input_name(&d->in, "custom section name");
	struct wasm_custom *custom;

	if (d->in.status != NB_OK)
		return;
	custom = vec_push(d->arena, &d->customs);
	if (!custom) {
		wasm_input_fail_memory(&d->in);
		return;
	}
	custom->name = name;
	custom->offset = wasm_input_offset(&d->in);
	custom->len = (uint32_t)wasm_input_left(&d->in);
	d->in.pos = d->in.end;
}

/* Reports sections that are unknown, repeated or out of order, or whose
 * feature is off. */
static void
check_section(struct wasm_decoder *d, const uint8_t *at, uint8_t number, uint8_t order_before)
{
	struct wasm_input *in = &d->in;

	if (number >= SECTION_COUNT)
		wasm_input_fail(in, NB_MALFORMED, at, "malformed section id %u", number);
	else if (number == SECTION_TAG)
		wasm_input_fail_feature(in, at, WASM_FEATURE_EXCEPTIONS, "tag section");
	else if (number != SECTION_CUSTOM && section_kinds[number].order <= order_before)
		wasm_input_fail(in, NB_MALFORMED, at,
				"unexpected content after last section: "
				"%s section is repeated or out of order",
				section_kinds[number].name);
	else if (number == SECTION_CODE && d->module->features.code == WASM_CODE_ABSENT)
		wasm_input_fail(in, NB_MALFORMED, at, "code section where there must be none");
}

/* Reads the contents of a section, which must use all of it. */
static void
decode_section(struct wasm_decoder *d, uint8_t number, uint32_t len)
{
	struct wasm_input *in = &d->in;
	const uint8_t *module_end = in->end;

	in->end = in->pos + len;
	if (number == SECTION_CUSTOM)
		decode_custom_section(d);
	else
		section_kinds[number].read(d);
	if (in->status == NB_OK && in->pos != in->end)
		wasm_input_fail(in, NB_MALFORMED, in->pos, "section size mismatch: %zu bytes left",
				wasm_input_left(in));
	in->end = module_end;
}

/* A failure leaves d->section at the section it lies in. */
static void
decode_sections(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	uint8_t order = 0;

	while (in->status == NB_OK && in->pos < in->end) {
		const uint8_t *at = in->pos;
		uint8_t number = wasm_input_byte(in, "section id");
		uint32_t len;

		wasm_input_progress(in);
		check_section(d, at, number, order);
		at = in->pos;
		len = wasm_input_u32(in, "section size");
		if (in->status != NB_OK)
			break;
		d->section = section_kinds[number].name;
		if (len > wasm_input_left(in)) {
			wasm_input_fail(
				in, NB_MALFORMED, at,
				"unexpected end: length out of bounds (section of %u bytes)", len);
			break;
		}
		if (number != SECTION_CUSTOM)
			order = section_kinds[number].order;
		decode_section(d, number, len);
		if (in->status == NB_OK)
			d->section = NULL;
	}
}

/* What only the end of the module shows. */
static void
finish_module(struct wasm_decoder *d)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	uint32_t defined = module->func_count - module->func_import_count;

	if (module->features.code != WASM_CODE_ABSENT && module->code_count != defined)
		wasm_input_fail(in, NB_MALFORMED, in->end,
				"function and code section have inconsistent lengths: "
				"%u functions, %u bodies",
				defined, module->code_count);
	if (module->has_data_count && module->declared_data_count != module->data_count)
		wasm_input_fail(in, NB_MALFORMED, in->end,
				"data count and data section have inconsistent lengths: %u and %u",
				module->declared_data_count, module->data_count);
	module->customs = d->customs.items;
	module->custom_count = d->customs.count;
	if (in->status == NB_OK)
		wasm_decode_names(d);
}

enum nb_status
wasm_module_decode(struct wasm_module *out, struct arena *arena, const uint8_t *bytes, size_t len,
		   const struct wasm_features *features, struct diag *diag)
{
	struct arena_mark mark = arena_mark_get(arena);
	struct wasm_decoder d = {
		.module = out,
		.arena = arena,
		.in = {
			.base = bytes,
			.pos = bytes,
			.end = bytes + len,
			.diag = diag,
			.relax = features->relax,
			.relax_context = features->relax_context,
			.relax_at = bytes,
		},
	};
	bool is_first_report = diag->status == NB_OK;

	*out = (struct wasm_module){
		.bytes = bytes,
		.len = (uint32_t)len,
		.features = { .set = features->set, .code = features->code },
		.start_func_idx = WASM_NO_INDEX,
	};
	if (!(features->set & WASM_FEATURE_BIT(CORE)) || (features->set & ~WASM_FEATURES_ALL))
		return diag_report(diag, NB_NOT_SUPPORTED, DIAG_NO_OFFSET,
				   "feature set 0x%x, of which 0x%x can be validated",
				   features->set, WASM_FEATURES_ALL);
	if (len > WASM_LIMIT_MODULE_BYTES)
		return diag_report(diag, NB_LIMIT_EXCEEDED, DIAG_NO_OFFSET,
				   "module of %zu bytes, limit is %u", len,
				   (unsigned)WASM_LIMIT_MODULE_BYTES);

	decode_header(&d);
	decode_sections(&d);
	if (d.in.status == NB_OK)
		finish_module(&d);
	if (d.in.status == NB_OK)
		return NB_OK;
	if (is_first_report)
		diag->section = d.section;
	arena_release(arena, mark);
	return d.in.status;
}
