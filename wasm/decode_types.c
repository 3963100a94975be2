/*
 * Sections that declare without expressions: types, imports, functions,
 * tables and memories.
 */
#include "wasm/decoder.h"

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
	case 0x4c: /* describes */
	case 0x4d: /* descriptor */
		wasm_input_fail_feature(in, at, WASM_FEATURE_CUSTOM_DESCRIPTORS, "described type");
		return;
	case 0x4e: /* rec */
	case 0x4f: /* sub final */
	case 0x50: /* sub */
	case 0x5e: /* array */
	case 0x5f: /* struct */
		wasm_input_fail_feature(in, at, WASM_FEATURE_GC, "composite type");
		return;
	case 0x5d:
		wasm_input_fail_feature(in, at, WASM_FEATURE_STACK_SWITCHING, "continuation type");
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
	/* A type may refer to itself and to those before it. */
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++) {
		wasm_input_progress(in);
		d->module->type_count = i + 1;
		d->module->types[i].canonical_idx = i;
		decode_functype(d, &d->module->types[i]);
	}
	if (in->status == NB_OK)
		wasm_decode_canonical_types(d);
}

/* Bits of the byte before limits. */
enum {
	LIMITS_MAX = 1,
	LIMITS_SHARED = 2,
	LIMITS_64 = 4,
	LIMITS_PAGE_SIZE = 8,
	LIMITS_FLAGS_MOST = 15,
};

/* Reports flags that mean nothing or need a feature that is off. */
static void
check_limits_flags(struct wasm_decoder *d, const uint8_t *at, uint8_t flags, bool is_memory)
{
	struct wasm_input *in = &d->in;

	if (flags > LIMITS_FLAGS_MOST || (!is_memory && flags & (LIMITS_SHARED | LIMITS_PAGE_SIZE)))
		wasm_input_fail(in, NB_MALFORMED, at, "malformed limits flags 0x%02x", flags);
	else if (flags & LIMITS_PAGE_SIZE)
		wasm_input_fail_feature(in, at, WASM_FEATURE_CUSTOM_PAGE_SIZES, "page size");
	else if (flags & LIMITS_64 && !wasm_input_has_feature(d->module, WASM_FEATURE_MEMORY64))
		wasm_input_fail_feature(in, at, WASM_FEATURE_MEMORY64, "64-bit index type");
	else if (flags & LIMITS_SHARED && !wasm_input_has_feature(d->module, WASM_FEATURE_THREADS))
		wasm_input_fail_feature(in, at, WASM_FEATURE_THREADS, "shared memory");
	else if (flags & LIMITS_SHARED && !(flags & LIMITS_MAX))
		wasm_input_fail(in, NB_INVALID, at, "shared memory must have maximum");
}

static struct wasm_limits
decode_limits(struct wasm_decoder *d, bool is_memory)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint8_t flags = wasm_input_byte(in, "limits flags");
	struct wasm_limits limits = {
		.has_max = flags & LIMITS_MAX,
		.is_shared = flags & LIMITS_SHARED,
		.is_64 = flags & LIMITS_64,
	};
	uint64_t most = is_memory ? limits.is_64 ? WASM_MEMORY64_MAX_PAGES : WASM_MEMORY32_MAX_PAGES
			: limits.is_64 ? UINT64_MAX
				       : UINT32_MAX;

	check_limits_flags(d, at, flags, is_memory);
	at = in->pos;
	limits.min = wasm_input_u64(in, "minimum size");
	if (limits.has_max)
		limits.max = wasm_input_u64(in, "maximum size");
	if (limits.min > most || limits.max > most)
		wasm_input_fail(in, NB_INVALID, at, "%s size must be at most %llu %s",
				is_memory ? "memory" : "table", (unsigned long long)most,
				!is_memory     ? "entries"
				: limits.is_64 ? "pages (16EiB)"
					       : "pages (4GiB)");
	else if (limits.has_max && limits.min > limits.max)
		wasm_input_fail(in, NB_INVALID, at,
				"size minimum must not be greater than maximum: %llu and %llu",
				(unsigned long long)limits.min, (unsigned long long)limits.max);
	return limits;
}

/* A table type; in->status tells whether it was one. */
static void
decode_table(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	struct wasm_table_type *table;
	struct wasm_table_type type;

	type.type = wasm_input_reftype(in, d->module);
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

/* A table of this module's own, which may have an initialiser. */
static void
decode_defined_table(struct wasm_decoder *d, struct wasm_init_expr *init)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	bool has_init = at < in->end && *at == 0x40;
	enum wasm_valtype type;

	if (has_init) {
		in->pos++;
		if (!wasm_input_has_feature(d->module, WASM_FEATURE_FUNCTION_REFERENCES))
			wasm_input_fail_feature(in, at, WASM_FEATURE_FUNCTION_REFERENCES,
						"table with an initializer");
		else if (wasm_input_byte(in, "table") != 0)
			wasm_input_fail(in, NB_MALFORMED, at + 1, "malformed table");
	}
	decode_table(d);
	if (in->status != NB_OK)
		return;
	type = d->tables.items[d->tables.count - 1].type;
	init->kind = WASM_INIT_REF_NULL;
	init->type = type;
	if (has_init)
		*init = wasm_decode_init_expr(d, type);
	else if (!wasm_valtype_is_defaultable(type))
		wasm_input_fail(in, NB_INVALID, at,
				"type mismatch: a table of %s needs an initializer",
				wasm_valtype_text(type).text);
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

	wasm_input_progress(in);
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

enum { IMPORT_EXACT_FUNC = 0x20 };

static void
decode_import(struct wasm_decoder *d, struct wasm_import *import)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at;
	uint8_t kind;

	wasm_input_progress(in);
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
	case IMPORT_EXACT_FUNC:
		wasm_input_fail_feature(in, at, WASM_FEATURE_CUSTOM_DESCRIPTORS,
					"imported function of an exact type");
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
	struct wasm_module *module = d->module;
	uint32_t count = wasm_input_count(in, WASM_LIMIT_TABLES, 3, "number of tables");
	uint32_t first = d->tables.count;

	module->table_inits = arena_new_array(d->arena, struct wasm_init_expr, first + count);
	if (!module->table_inits)
		wasm_input_fail_memory(in);
	wasm_decode_begin_declared(d);
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++)
		decode_defined_table(d, &module->table_inits[first + i]);
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
