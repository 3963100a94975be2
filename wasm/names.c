/*
 * Looking things up by name, and the name section.
 *
 * The name section (Core 2.0, appendix 7.4) only helps people: what is
 * malformed in it ends its reading and nothing else.
 */
#include "wasm/decoder.h"

#include "lib/sort.h"
#include "lib/string.h"
#include "lib/utf8.h"

static int
compare_names(const struct wasm_name *a, const char *bytes, size_t len)
{
	if (a->len != len)
		return a->len < len ? -1 : 1;
	return memcmp(a->bytes, bytes, len);
}

static int
compare_exports(const struct wasm_export *exports, uint32_t a, uint32_t b)
{
	return compare_names(&exports[a].name, exports[b].name.bytes, exports[b].name.len);
}

static bool
is_export_before(const void *context, uint32_t a, uint32_t b)
{
	struct wasm_decoder *d = (struct wasm_decoder *)(uintptr_t)context;

	wasm_input_tick(&d->in);
	return compare_exports(d->module->exports, a, b) < 0;
}

void
wasm_decode_order_exports(struct wasm_decoder *d)
{
	const struct wasm_export *exports = d->module->exports;
	uint32_t count = d->module->export_count;
	uint32_t *order = arena_new_array(d->arena, uint32_t, count);
	struct arena_mark mark = arena_mark_get(d->arena);
	uint32_t *scratch = arena_new_array(d->arena, uint32_t, count);

	if (!order || !scratch) {
		wasm_input_fail_memory(&d->in);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	sort_indices(order, scratch, count, is_export_before, d);
	arena_release(d->arena, mark);
	for (uint32_t i = 1; i < count; i++) {
		const struct wasm_export *export = &exports[order[i]];

		if (compare_exports(exports, order[i - 1], order[i]) == 0) {
			wasm_input_fail(&d->in, NB_INVALID, d->in.base + export->offset,
					"duplicate export name \"%.*s\"", (int)export->name.len,
					export->name.bytes);
			return;
		}
	}
	d->module->exports_by_name = order;
}

const struct wasm_export *
wasm_module_find_export(const struct wasm_module *module, const char *name, size_t len)
{
	uint32_t low = 0;
	uint32_t high = module->export_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct wasm_export *export =
			&module->exports[module->exports_by_name[middle]];
		int order = compare_names(&export->name, name, len);

		if (order == 0)
			return export;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct wasm_custom *
wasm_module_find_custom(const struct wasm_module *module, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < module->custom_count; i++) {
		if (compare_names(&module->customs[i].name, name, len) == 0)
			return &module->customs[i];
	}
	return NULL;
}

/* A length-prefixed name at *pos; false if there is none. Leaves *pos behind. */
static bool
read_name(const uint8_t **pos, const uint8_t *end, struct wasm_name *out)
{
	uint32_t len;

	if (leb128_read_u32(pos, end, &len) != LEB128_OK || len > (size_t)(end - *pos))
		return false;
	if (!utf8_is_valid(*pos, len))
		return false;
	*out = (struct wasm_name){ (const char *)*pos, len };
	*pos += len;
	return true;
}

/* Notes where each function's name lies. */
static void
read_function_names(struct wasm_decoder *d, const uint8_t *pos, const uint8_t *end)
{
	struct wasm_module *module = d->module;
	uint32_t count;

	if (leb128_read_u32(&pos, end, &count) != LEB128_OK)
		return;
	for (; count > 0; count--) {
		struct wasm_name name;
		const uint8_t *at;
		uint32_t func_idx;

		wasm_input_tick(&d->in);
		if (leb128_read_u32(&pos, end, &func_idx) != LEB128_OK)
			return;
		at = pos;
		if (!read_name(&pos, end, &name))
			return;
		if (func_idx < module->func_count && module->func_names[func_idx] == 0)
			module->func_names[func_idx] = (uint32_t)(at - module->bytes);
	}
}

enum { NAMES_OF_MODULE = 0, NAMES_OF_FUNCTIONS = 1 };

void
wasm_decode_names(struct wasm_decoder *d)
{
	struct wasm_module *module = d->module;
	const struct wasm_custom *section = wasm_module_find_custom(module, "name");
	const uint8_t *pos;
	const uint8_t *end;

	if (!section)
		return;
	module->func_names = arena_new_array(d->arena, uint32_t, module->func_count);
	if (!module->func_names) {
		wasm_input_fail_memory(&d->in);
		return;
	}
	pos = module->bytes + section->offset;
	end = pos + section->len;
	while (pos < end) {
		uint8_t kind = *pos++;
		const uint8_t *part;
		uint32_t len;

		if (leb128_read_u32(&pos, end, &len) != LEB128_OK || len > (size_t)(end - pos))
			return;
		part = pos;
		pos += len;
		if (kind == NAMES_OF_MODULE)
			read_name(&part, pos, &module->name);
		else if (kind == NAMES_OF_FUNCTIONS)
			read_function_names(d, part, pos);
	}
}

bool
wasm_module_function_name(const struct wasm_module *module, uint32_t func_idx,
			  struct wasm_name *out)
{
	const uint8_t *at;

	if (!module->func_names || func_idx >= module->func_count ||
	    module->func_names[func_idx] == 0)
		return false;
	at = module->bytes + module->func_names[func_idx];
	return read_name(&at, module->bytes + module->len, out);
}

bool
wasm_module_name(const struct wasm_module *module, struct wasm_name *out)
{
	if (!module->name.bytes)
		return false;
	*out = module->name;
	return true;
}

const char *
wasm_extern_kind_text(enum wasm_extern_kind kind)
{
	switch (kind) {
	case WASM_EXTERN_FUNC:
		return "function";
	case WASM_EXTERN_TABLE:
		return "table";
	case WASM_EXTERN_MEMORY:
		return "memory";
	case WASM_EXTERN_GLOBAL:
		return "global";
	case WASM_EXTERN_TAG:
		return "tag";
	}
	return "unknown";
}
