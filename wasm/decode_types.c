/*
 * Sections that declare without expressions: types, imports, functions,
 * tables and memories.
 */
#include "wasm/decoder.h"

#include "lib/sort.h"
#include "lib/string.h"
#include "wasm/limits.h"

static const enum wasm_valtype *
decode_valtypes(struct wasm_decoder *d, uint32_t limit, const char *what, uint32_t *count)
{
	struct wasm_input *in = &d->in;
	enum wasm_valtype *types;

	*count = wasm_input_count(in, limit, 1, what);
	if (*count == 0)
		return NULL;
	types = arena_new_array(d->arena, enum wasm_valtype, *count);
	if (!types) {
		wasm_input_fail_memory(in);
		return NULL;
	}
	for (uint32_t i = 0; i < *count && in->status == NB_OK; i++)
		types[i] = wasm_input_valtype(in, d->module);
	return types;
}

static void
decode_functype(struct wasm_decoder *d, struct wasm_functype *type)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint8_t form = wasm_input_byte(in, "type");

	switch (form) {
	case 0x60:
		break;
	case 0x4e: /* rec */
	case 0x4f: /* sub final */
	case 0x50: /* sub */
	case 0x5e: /* array */
	case 0x5f: /* struct */
		wasm_input_fail_feature(in, at, WASM_FEATURE_GC, "composite type");
		return;
	default:
		wasm_input_fail(in, NB_MALFORMED, at, "malformed function type 0x%02x", form);
		return;
	}
	type->params =
		decode_valtypes(d, WASM_LIMIT_PARAMS, "number of parameters", &type->param_count);
	type->results =
		decode_valtypes(d, WASM_LIMIT_RESULTS, "number of results", &type->result_count);
}

static int
compare_valtypes(const enum wasm_valtype *a, uint32_t a_count, const enum wasm_valtype *b,
		 uint32_t b_count)
{
	if (a_count != b_count)
		return a_count < b_count ? -1 : 1;
	return a_count == 0 ? 0 : memcmp(a, b, a_count * sizeof(*a));
}

/* Any total order that makes equal types neighbours. */
static bool
is_type_before(const void *context, uint32_t a, uint32_t b)
{
	const struct wasm_functype *types = context;
	int order = compare_valtypes(types[a].params, types[a].param_count, types[b].params,
				     types[b].param_count);

	if (order == 0)
		order = compare_valtypes(types[a].results, types[a].result_count, types[b].results,
					 types[b].result_count);
	return order < 0;
}

/* Sets canonical_idx. Sorting is stable, so the first of equal types leads. */
static void
canonicalise_types(struct wasm_decoder *d)
{
	struct wasm_functype *types = d->module->types;
	uint32_t count = d->module->type_count;
	struct arena_mark mark = arena_mark_get(d->arena);
	uint32_t *order = arena_new_array(d->arena, uint32_t, count);
	uint32_t *scratch = arena_new_array(d->arena, uint32_t, count);

	if (!order || !scratch) {
		wasm_input_fail_memory(&d->in);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	sort_indices(order, scratch, count, is_type_before, types);
	for (uint32_t i = 0; i < count; i++) {
		bool leads = i == 0 || !wasm_functype_equal(&types[order[i - 1]], &types[order[i]]);

		types[order[i]].canonical_idx =
			leads ? order[i] : types[order[i - 1]].canonical_idx;
	}
	arena_release(d->arena, mark);
}

void
wasm_decode_type_section(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	uint32_t count = wasm_input_count(in, WASM_LIMIT_TYPES, 3, "number of types");

	d->module->types = arena_new_array(d->arena, struct wasm_functype, count);
	if (!d->module->types) {
		wasm_input_fail_memory(in);
		return;
	}
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++)
		decode_functype(d, &d->module->types[i]);
	d->module->type_count = count;
	if (in->status == NB_OK)
		canonicalise_types(d);
}

/* Reports limit flags other than "no maximum" and "maximum". */
static void
fail_limits_flags(struct wasm_input *in, const uint8_t *at, uint8_t flags, bool is_memory)
{
	if (flags >= 4 && flags <= 7)
		wasm_input_fail_feature(in, at, WASM_FEATURE_MEMORY64, "64-bit index type");
	else if (is_memory && (flags == 2 || flags == 3))
		wasm_input_fail_feature(in, at, WASM_FEATURE_THREADS, "shared memory");
	else
		wasm_input_fail(in, NB_MALFORMED, at, "malformed limits flags 0x%02x", flags);
}

static struct wasm_limits
decode_limits(struct wasm_decoder *d, bool is_memory)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint8_t flags = wasm_input_byte(in, "limits flags");
	struct wasm_limits limits = { 0 };

	if (flags > 1) {
		fail_limits_flags(in, at, flags, is_memory);
		return limits;
	}
	at = in->pos;
	limits.min = wasm_input_u32(in, "minimum size");
	limits.has_max = flags & 1;
	if (limits.has_max)
		limits.max = wasm_input_u32(in, "maximum size");
	if (is_memory &&
	    (limits.min > WASM_MEMORY32_MAX_PAGES || limits.max > WASM_MEMORY32_MAX_PAGES))
		wasm_input_fail(in, NB_INVALID, at,
				"memory size must be at most 65536 pages (4GiB)");
	else if (limits.has_max && limits.min > limits.max)
		wasm_input_fail(in, NB_INVALID, at,
				"size minimum must not be greater than maximum: %u and %u",
				(uint32_t)limits.min, (uint32_t)limits.max);
	return limits;
}

static void
decode_table(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	struct wasm_table_type *table;
	struct wasm_table_type type;

	if (in->pos < in->end && *in->pos == 0x40) {
		wasm_input_fail_feature(in, at, WASM_FEATURE_FUNCTION_REFERENCES,
					"table with an initializer");
		return;
	}
	type.type = wasm_input_reftype(in);
	type.limits = decode_limits(d, false);
	if (in->status != NB_OK)
		return;
	if (d->tables.count == WASM_LIMIT_TABLES) {
		wasm_input_fail(in, NB_LIMIT_EXCEEDED, at, "more tables than the limit of %u",
				(unsigned)WASM_LIMIT_TABLES);
		return;
	}
	table = vec_push(d->arena, &d->tables);
	if (table)
		*table = type;
	else
		wasm_input_fail_memory(in);
}

static void
decode_memory(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	struct wasm_memory_type type = { decode_limits(d, true) };
	struct wasm_memory_type *memory;

	if (in->status != NB_OK)
		return;
	if (d->memories.count > 0 &&
	    !wasm_input_has_feature(d->module, WASM_FEATURE_MULTI_MEMORY)) {
		wasm_input_fail_feature(in, at, WASM_FEATURE_MULTI_MEMORY, "second memory");
		return;
	}
	if (d->memories.count == WASM_LIMIT_MEMORIES) {
		wasm_input_fail(in, NB_LIMIT_EXCEEDED, at, "more memories than the limit of %u",
				(unsigned)WASM_LIMIT_MEMORIES);
		return;
	}
	memory = vec_push(d->arena, &d->memories);
	if (memory)
		*memory = type;
	else
		wasm_input_fail_memory(in);
}

/* The type index of a function. */
static void
decode_function(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint32_t type_idx = wasm_input_u32(in, "type index");
	uint32_t *func;

	if (type_idx >= d->module->type_count) {
		wasm_input_fail(in, NB_INVALID, at, "unknown type %u", type_idx);
		return;
	}
	if (d->funcs.count == WASM_LIMIT_FUNCTIONS) {
		wasm_input_fail(in, NB_LIMIT_EXCEEDED, at, "more functions than the limit of %u",
				(unsigned)WASM_LIMIT_FUNCTIONS);
		return;
	}
	func = vec_push(d->arena, &d->funcs);
	if (func)
		*func = type_idx;
	else
		wasm_input_fail_memory(in);
}

static void
decode_imported_global(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	struct wasm_global_type type = wasm_decode_global_type(d);
	struct wasm_global *global;

	if (in->status != NB_OK)
		return;
	global = vec_push(d->arena, &d->globals);
	if (global)
		global->type = type;
	else
		wasm_input_fail_memory(in);
}

static void
decode_import(struct wasm_decoder *d, struct wasm_import *import)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at;
	uint8_t kind;

	import->offset = wasm_input_offset(in);
	import->module = wasm_input_name(in, "import module name");
	import->field = wasm_input_name(in, "import field name");
	at = in->pos;
	kind = wasm_input_byte(in, "import kind");
	import->kind = (enum wasm_extern_kind)kind;
	switch (kind) {
	case WASM_EXTERN_FUNC:
		import->idx = d->funcs.count;
		decode_function(d);
		break;
	case WASM_EXTERN_TABLE:
		import->idx = d->tables.count;
		decode_table(d);
		break;
	case WASM_EXTERN_MEMORY:
		import->idx = d->memories.count;
		decode_memory(d);
		break;
	case WASM_EXTERN_GLOBAL:
		import->idx = d->globals.count;
		decode_imported_global(d);
		break;
	case WASM_EXTERN_TAG:
		wasm_input_fail_feature(in, at, WASM_FEATURE_EXCEPTIONS, "imported tag");
		break;
	default:
		wasm_input_fail(in, NB_MALFORMED, at, "malformed import kind 0x%02x", kind);
		break;
	}
}

void
wasm_decode_import_section(struct wasm_decoder *d)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	uint32_t count = wasm_input_count(in, WASM_LIMIT_IMPORTS, 4, "number of imports");

	module->imports = arena_new_array(d->arena, struct wasm_import, count);
	if (!module->imports) {
		wasm_input_fail_memory(in);
		return;
	}
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++)
		decode_import(d, &module->imports[i]);
	module->import_count = count;
	wasm_decode_publish_spaces(d);
	module->func_import_count = module->func_count;
	module->table_import_count = module->table_count;
	module->memory_import_count = module->memory_count;
	module->global_import_count = module->global_count;
}

void
wasm_decode_publish_spaces(struct wasm_decoder *d)
{
	struct wasm_module *module = d->module;

	module->func_types = d->funcs.items;
	module->func_count = d->funcs.count;
	module->tables = d->tables.items;
	module->table_count = d->tables.count;
	module->memories = d->memories.items;
	module->memory_count = d->memories.count;
	module->globals = d->globals.items;
	module->global_count = d->globals.count;
}

void
wasm_decode_function_section(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	uint32_t count = wasm_input_count(in, WASM_LIMIT_FUNCTIONS, 1, "number of functions");

	if (!vec_reserve(d->arena, &d->funcs, count))
		wasm_input_fail_memory(in);
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++)
		decode_function(d);
	wasm_decode_publish_spaces(d);
}

void
wasm_decode_table_section(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	uint32_t count = wasm_input_count(in, WASM_LIMIT_TABLES, 3, "number of tables");

	for (uint32_t i = 0; i < count && in->status == NB_OK; i++)
		decode_table(d);
	wasm_decode_publish_spaces(d);
}

void
wasm_decode_memory_section(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	uint32_t count = wasm_input_count(in, WASM_LIMIT_MEMORIES, 2, "number of memories");

	for (uint32_t i = 0; i < count && in->status == NB_OK; i++)
		decode_memory(d);
	wasm_decode_publish_spaces(d);
}
