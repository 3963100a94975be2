/*
 * Element and data segments, and the code section.
 */
#include "wasm/decoder.h"

#include "wasm/limits.h"
#include "wasm/opcode.h"
#include "wasm/validate.h"

/* Bits of an element segment's leading number. */
enum {
	ELEM_NOT_ACTIVE = 1,  /* passive or declarative */
	ELEM_EXPLICIT = 2,    /* active: names its table; else: declarative */
	ELEM_EXPRESSIONS = 4, /* items are expressions, not function indices */
	ELEM_FLAGS_MOST = 7,
};

/* The type of a segment's items. Without ELEM_NOT_ACTIVE and ELEM_EXPLICIT it
 * is not in the input. */
static enum wasm_valtype
decode_elem_type(struct wasm_decoder *d, uint32_t flags)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	enum wasm_valtype funcs = WASM_FUNCREF;
	uint8_t kind;

	if (wasm_input_has_feature(d->module, WASM_FEATURE_FUNCTION_REFERENCES))
		funcs = WASM_REF_FUNC;
	if (!(flags & (ELEM_NOT_ACTIVE | ELEM_EXPLICIT)))
		return flags & ELEM_EXPRESSIONS ? WASM_FUNCREF : funcs;
	if (flags & ELEM_EXPRESSIONS)
		return wasm_input_reftype(in, d->module);
	kind = wasm_input_byte(in, "element kind");
	if (kind != 0)
		wasm_input_fail(in, NB_MALFORMED, at, "malformed element kind 0x%02x", kind);
	return funcs;
}

/* Where an active segment goes; its type is checked later. */
static void
decode_elem_place(struct wasm_decoder *d, uint32_t flags, struct wasm_elem_segment *segment)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;

	segment->table_idx = flags & ELEM_EXPLICIT ? wasm_input_u32(in, "table index") : 0;
	if (segment->table_idx >= d->module->table_count) {
		wasm_input_fail(in, NB_INVALID, at, "unknown table %u", segment->table_idx);
		return;
	}
	segment->offset = wasm_decode_init_expr(
		d, d->module->tables[segment->table_idx].limits.is_64 ? WASM_I64 : WASM_I32);
}

static void
decode_elem_items(struct wasm_decoder *d, uint32_t flags, struct wasm_elem_segment *segment)
{
	struct wasm_input *in = &d->in;
	bool are_expressions = flags & ELEM_EXPRESSIONS;
	struct wasm_elem_item *items;
	uint32_t count;

	count = wasm_input_count(in, WASM_LIMIT_ELEM_ENTRIES, 1, "number of elements");
	items = arena_new_array(d->arena, struct wasm_elem_item, count);
	if (!items) {
		wasm_input_fail_memory(in);
		return;
	}
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++) {
		struct wasm_init_expr expr;

		wasm_input_progress(in);
		if (are_expressions) {
			expr = wasm_decode_init_expr(d, segment->type);
			items[i].kind = expr.kind & 0xf;
			items[i].idx = expr.idx & 0xfffffff;
		} else {
			items[i].kind = WASM_INIT_REF_FUNC;
			items[i].idx = wasm_decode_func_idx(d) & 0xfffffff;
		}
	}
	segment->items = items;
	segment->item_count = count;
}

static void
decode_elem_segment(struct wasm_decoder *d, struct wasm_elem_segment *segment)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint32_t flags = wasm_input_u32(in, "element segment flags");
	enum wasm_valtype table_type;

	if (flags > ELEM_FLAGS_MOST) {
		wasm_input_fail(in, NB_MALFORMED, at, "malformed element segment flags %u", flags);
		return;
	}
	if (!(flags & ELEM_NOT_ACTIVE)) {
		segment->mode = WASM_SEGMENT_ACTIVE;
		decode_elem_place(d, flags, segment);
	} else {
		segment->mode =
			flags & ELEM_EXPLICIT ? WASM_SEGMENT_DECLARATIVE : WASM_SEGMENT_PASSIVE;
	}
	segment->type = decode_elem_type(d, flags);
	if (in->status == NB_OK && segment->mode == WASM_SEGMENT_ACTIVE) {
		table_type = d->module->tables[segment->table_idx].type;
		if (!wasm_valtype_matches(segment->type, table_type))
			wasm_input_fail(in, NB_INVALID, at,
					"type mismatch: elements of type %s for a table of %s",
					wasm_valtype_text(segment->type).text,
					wasm_valtype_text(table_type).text);
	}
	decode_elem_items(d, flags, segment);
}

void
wasm_decode_elem_section(struct wasm_decoder *d)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	uint32_t count =
		wasm_input_count(in, WASM_LIMIT_ELEM_SEGMENTS, 3, "number of element segments");

	module->elems = arena_new_array(d->arena, struct wasm_elem_segment, count);
	if (!module->elems)
		wasm_input_fail_memory(in);
	wasm_decode_begin_declared(d);
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++) {
		wasm_input_progress(in);
		decode_elem_segment(d, &module->elems[i]);
	}
	module->elem_count = count;
}

void
wasm_decode_data_count_section(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint32_t count = wasm_input_u32(in, "data count");

	if (count > WASM_LIMIT_DATA_SEGMENTS)
		wasm_input_fail(in, NB_LIMIT_EXCEEDED, at, "data count is %u, limit is %u", count,
				(unsigned)WASM_LIMIT_DATA_SEGMENTS);
	d->module->has_data_count = true;
	d->module->declared_data_count = count;
}

static void
decode_data_segment(struct wasm_decoder *d, struct wasm_data_segment *segment)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint32_t flags = wasm_input_u32(in, "data segment flags");

	if (flags > 2) {
		wasm_input_fail(in, NB_MALFORMED, at, "malformed data segment flags %u", flags);
		return;
	}
	segment->mode = flags == 1 ? WASM_SEGMENT_PASSIVE : WASM_SEGMENT_ACTIVE;
	if (segment->mode == WASM_SEGMENT_ACTIVE) {
		at = in->pos;
		segment->memory_idx = flags == 2 ? wasm_input_u32(in, "memory index") : 0;
		if (segment->memory_idx >= module->memory_count) {
			wasm_input_fail(in, NB_INVALID, at, "unknown memory %u",
					segment->memory_idx);
			return;
		}
		segment->offset = wasm_decode_init_expr(
			d,
			module->memories[segment->memory_idx].limits.is_64 ? WASM_I64 : WASM_I32);
	}
	segment->bytes_len = wasm_input_u32(in, "data segment length");
	segment->bytes_offset = wasm_input_offset(in);
	wasm_input_bytes(in, segment->bytes_len, "data segment");
}

void
wasm_decode_data_section(struct wasm_decoder *d)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	uint32_t count =
		wasm_input_count(in, WASM_LIMIT_DATA_SEGMENTS, 2, "number of data segments");

	module->datas = arena_new_array(d->arena, struct wasm_data_segment, count);
	if (!module->datas)
		wasm_input_fail_memory(in);
	wasm_decode_begin_declared(d);
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++) {
		wasm_input_progress(in);
		decode_data_segment(d, &module->datas[i]);
	}
	module->data_count = count;
}

/* Local declarations: `code_offset` and `local_count` of *code. */
static void
decode_locals(struct wasm_decoder *d, const struct wasm_functype *type, struct wasm_code *code)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint64_t total = type->param_count;
	uint32_t runs = wasm_input_count(in, UINT32_MAX, 2, "number of local declarations");

	for (uint32_t i = 0; i < runs && in->status == NB_OK; i++) {
		wasm_input_progress(in);
		total += wasm_input_u32(in, "number of locals");
		wasm_input_valtype(in, d->module);
	}
	if (total > UINT32_MAX)
		wasm_input_fail(in, NB_MALFORMED, at, "too many locals: %llu",
				(unsigned long long)total);
	else if (total > WASM_LIMIT_LOCALS)
		wasm_input_fail(in, NB_LIMIT_EXCEEDED, at, "too many locals: %llu, limit is %u",
				(unsigned long long)total, (unsigned)WASM_LIMIT_LOCALS);
	code->code_offset = wasm_input_offset(in);
	code->local_count = (uint32_t)total;
}

/* Reads the body of `func_idx` up to its first instruction and then leaves
 * the instructions to the validator, or passes over them. */
static void
decode_body(struct wasm_decoder *d, struct wasm_validator *validator, uint32_t func_idx)
{
	const struct wasm_functype *type = wasm_module_function_type(d->module, func_idx);
	struct wasm_code *code = &d->module->codes[func_idx - d->module->func_import_count];
	struct wasm_input *in = &d->in;
	const uint8_t *section_end = in->end;
	const uint8_t *at = in->pos;
	uint32_t len = wasm_input_u32(in, "function body size");

	if (len > wasm_input_left(in))
		wasm_input_fail(in, NB_MALFORMED, at,
				"unexpected end: length out of bounds (body of %u bytes)", len);
	else if (len > WASM_LIMIT_FUNCTION_BYTES)
		wasm_input_fail(in, NB_LIMIT_EXCEEDED, at, "function body of %u bytes, limit is %u",
				len, (unsigned)WASM_LIMIT_FUNCTION_BYTES);
	if (in->status != NB_OK)
		return;
	code->offset = wasm_input_offset(in);
	code->len = len;
	in->end = in->pos + len;
	decode_locals(d, type, code);
	if (in->status == NB_OK && d->module->features.code == WASM_CODE_VALIDATE)
		in->status = wasm_validator_run(validator, func_idx);
	in->pos = in->end;
	in->end = section_end;
}

void
wasm_decode_code_section(struct wasm_decoder *d)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint32_t defined = module->func_count - module->func_import_count;
	uint32_t func_idx = module->func_import_count;
	struct arena_mark mark;
	struct wasm_validator validator;
	uint32_t count;

	module->code_section_offset = wasm_input_offset(in);
	module->code_section_len = (uint32_t)wasm_input_left(in);
	count = wasm_input_count(in, WASM_LIMIT_FUNCTIONS, 3, "number of function bodies");
	if (in->status == NB_OK && count != defined)
		wasm_input_fail(in, NB_MALFORMED, at,
				"function and code section have inconsistent lengths: "
				"%u functions, %u bodies",
				defined, count);
	if (in->status != NB_OK)
		return;
	module->codes = arena_new_array(d->arena, struct wasm_code, count);
	if (!module->codes)
		wasm_input_fail_memory(in);
	module->code_count = count;
	wasm_decode_begin_declared(d);
	mark = arena_mark_get(d->arena);
	wasm_validator_init(&validator, module, d->arena, in->diag);
	validator.in.relax = in->relax;
	validator.in.relax_context = in->relax_context;
	for (; func_idx < module->func_count && in->status == NB_OK; func_idx++) {
		bool is_first_report = in->diag->status == NB_OK;

		wasm_input_progress(in);
		decode_body(d, &validator, func_idx);
		if (in->status != NB_OK && is_first_report)
			in->diag->function_idx = func_idx;
	}
	arena_release(d->arena, mark);
}
