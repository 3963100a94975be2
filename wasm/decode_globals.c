/*
 * Globals, exports and the start function.
 */
#include "wasm/decoder.h"

#include "lib/bitset.h"
#include "wasm/limits.h"

void
wasm_decode_begin_declared(struct wasm_decoder *d)
{
	if (d->module->declared_funcs)
		return;
	d->module->declared_funcs =
		arena_new_array(d->arena, uint64_t, bitset_words(d->module->func_count));
	if (!d->module->declared_funcs)
		wasm_input_fail_memory(&d->in);
}

uint32_t
wasm_decode_func_idx(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint32_t func_idx = wasm_input_u32(in, "function index");

	if (func_idx >= d->module->func_count) {
		wasm_input_fail(in, NB_INVALID, at, "unknown function %u", func_idx);
		return 0;
	}
	bitset_add(d->module->declared_funcs, func_idx);
	return func_idx;
}

struct wasm_global_type
wasm_decode_global_type(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	struct wasm_global_type type = { .type = wasm_input_valtype(in, d->module) };
	const uint8_t *at = in->pos;
	uint8_t mutability = wasm_input_byte(in, "mutability");

	if (mutability > 1)
		wasm_input_fail(in, NB_MALFORMED, at, "malformed mutability 0x%02x", mutability);
	type.is_mutable = mutability == 1;
	return type;
}

void
wasm_decode_global_section(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint32_t count = wasm_input_count(in, WASM_LIMIT_GLOBALS, 3, "number of globals");

	if (count > WASM_LIMIT_GLOBALS - d->globals.count) {
		wasm_input_fail(in, NB_LIMIT_EXCEEDED, at, "more globals than the limit of %u",
				(unsigned)WASM_LIMIT_GLOBALS);
		return;
	}
	if (!vec_reserve(d->arena, &d->globals, count))
		wasm_input_fail_memory(in);
	wasm_decode_begin_declared(d);
	wasm_decode_publish_spaces(d);
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++) {
		struct wasm_global *global = &d->globals.items[d->globals.count];

		wasm_input_progress(in);
		global->type = wasm_decode_global_type(d);
		global->init = wasm_decode_init_expr(d, global->type.type);
		d->globals.count++;
		wasm_decode_publish_spaces(d);
	}
}

static void
decode_export(struct wasm_decoder *d, struct wasm_export *export)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	const uint8_t *at;
	uint32_t count = 0;
	uint8_t kind;

	wasm_input_progress(in);
	export->offset = wasm_input_offset(in);
	export->name = wasm_input_name(in, "export name");
	at = in->pos;
	kind = wasm_input_byte(in, "export kind");
	export->kind = (enum wasm_extern_kind)kind;
	switch (kind) {
	case WASM_EXTERN_FUNC:
		export->idx = wasm_decode_func_idx(d);
		return;
	case WASM_EXTERN_TABLE:
		count = module->table_count;
		break;
	case WASM_EXTERN_MEMORY:
		count = module->memory_count;
		break;
	case WASM_EXTERN_GLOBAL:
		count = module->global_count;
		break;
	case WASM_EXTERN_TAG:
		wasm_input_fail_feature(in, at, WASM_FEATURE_EXCEPTIONS, "exported tag");
		return;
	default:
		wasm_input_fail(in, NB_MALFORMED, at, "malformed export kind 0x%02x", kind);
		return;
	}
	at = in->pos;
	export->idx = wasm_input_u32(in, "export index");
	if (export->idx >= count)
		wasm_input_fail(in, NB_INVALID, at, "unknown %s %u",
				wasm_extern_kind_text(export->kind), export->idx);
}

void
wasm_decode_export_section(struct wasm_decoder *d)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	uint32_t count = wasm_input_count(in, WASM_LIMIT_EXPORTS, 3, "number of exports");

	module->exports = arena_new_array(d->arena, struct wasm_export, count);
	if (!module->exports)
		wasm_input_fail_memory(in);
	wasm_decode_begin_declared(d);
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++)
		decode_export(d, &module->exports[i]);
	module->export_count = count;
	if (in->status == NB_OK)
		wasm_decode_order_exports(d);
}

void
wasm_decode_start_section(struct wasm_decoder *d)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint32_t func_idx = wasm_input_u32(in, "function index");
	const struct wasm_functype *type;

	if (func_idx >= module->func_count) {
		wasm_input_fail(in, NB_INVALID, at, "unknown function %u", func_idx);
		return;
	}
	type = wasm_module_function_type(module, func_idx);
	if (type->param_count != 0 || type->result_count != 0)
		wasm_input_fail(in, NB_INVALID, at,
				"start function %u must have no parameters and no results",
				func_idx);
	module->start_func_idx = func_idx;
}
