/*
 * Import matching and its error texts.
 */
#include "runtime/link.h"

#include "lib/format.h"
#include "wasm/limits.h"

enum { TYPE_TEXT_BYTES = 80, NAME_TEXT_BYTES = 32 };

static int
shown(uint32_t len)
{
	return len < NAME_TEXT_BYTES ? (int)len : NAME_TEXT_BYTES;
}

enum nb_status
link_unknown(const struct wasm_import *import, struct diag *diag)
{
	return diag_report(diag, NB_UNLINKABLE, import->offset,
			   "unknown import: %s \"%.*s\" \"%.*s\"",
			   wasm_extern_kind_text(import->kind), shown(import->module.len),
			   import->module.bytes, shown(import->field.len), import->field.bytes);
}

static enum nb_status
mismatch(const struct wasm_import *import, const char *wanted, const char *found, struct diag *diag)
{
	return diag_report(diag, NB_UNLINKABLE, import->offset,
			   "incompatible import type: \"%.*s\" \"%.*s\" wants %s, found %s",
			   shown(import->module.len), import->module.bytes,
			   shown(import->field.len), import->field.bytes, wanted, found);
}

static void
format_limits(char *out, size_t cap, const char *what, uint64_t length,
	      const struct wasm_limits *limits)
{
	if (limits->has_max)
		format_text(out, cap, "%s %llu..%llu", what, (unsigned long long)length,
			    (unsigned long long)limits->max);
	else
		format_text(out, cap, "%s %llu..", what, (unsigned long long)length);
}

static bool
limits_fit(const struct wasm_limits *wanted, uint64_t length, const struct wasm_limits *found)
{
	if (length < wanted->min || wanted->is_64 != found->is_64 ||
	    wanted->is_shared != found->is_shared)
		return false;
	return !wanted->has_max || (found->has_max && found->max <= wanted->max);
}

/* The wanted type in the numbering that `found` types have. */
static enum wasm_valtype
wanted_valtype(const struct instance *instance, enum wasm_valtype type)
{
	return store_valtype(instance_signatures(instance), type);
}

static enum nb_status
check_function(const struct instance *instance, const struct wasm_import *import,
	       const struct runtime_extern *given, struct diag *diag)
{
	const struct wasm_module *wasm = &instance->module->wasm;
	const struct wasm_functype *wanted = wasm_module_function_type(wasm, import->idx);
	const struct wasm_functype *found;
	uint32_t signature = instance_signatures(instance)[wasm->func_types[import->idx]];
	char wanted_text[TYPE_TEXT_BYTES], found_text[TYPE_TEXT_BYTES];

	if (signature == given->func.signature)
		return NB_OK;
	found = store_type_of(instance->store, given->func.signature);
	wasm_functype_format(wanted, wanted_text, sizeof(wanted_text));
	found_text[0] = 0;
	if (found)
		wasm_functype_format(found, found_text, sizeof(found_text));
	return mismatch(import, wanted_text, found_text, diag);
}

static enum nb_status
check_table(const struct instance *instance, const struct wasm_import *import,
	    const struct runtime_extern *given, struct diag *diag)
{
	const struct wasm_table_type *wanted = &instance->module->wasm.tables[import->idx];
	const struct runtime_table *found = given->table;
	char wanted_text[TYPE_TEXT_BYTES], found_text[TYPE_TEXT_BYTES];

	if (wanted_valtype(instance, wanted->type) == found->type.type &&
	    limits_fit(&wanted->limits, found->desc.length, &found->type.limits))
		return NB_OK;
	format_limits(wanted_text, sizeof(wanted_text), wasm_valtype_text(wanted->type).text,
		      wanted->limits.min, &wanted->limits);
	format_limits(found_text, sizeof(found_text), wasm_valtype_text(found->type.type).text,
		      found->desc.length, &found->type.limits);
	return mismatch(import, wanted_text, found_text, diag);
}

static enum nb_status
check_memory(const struct instance *instance, const struct wasm_import *import,
	     const struct runtime_extern *given, struct diag *diag)
{
	const struct wasm_limits *wanted = &instance->module->wasm.memories[import->idx].limits;
	const struct runtime_memory *found = given->memory;
	uint64_t pages = found->desc.length / WASM_PAGE_BYTES;
	char wanted_text[TYPE_TEXT_BYTES], found_text[TYPE_TEXT_BYTES];

	if (limits_fit(wanted, pages, &found->limits))
		return NB_OK;
	format_limits(wanted_text, sizeof(wanted_text), "pages", wanted->min, wanted);
	format_limits(found_text, sizeof(found_text), "pages", pages, &found->limits);
	return mismatch(import, wanted_text, found_text, diag);
}

static enum nb_status
check_global(const struct instance *instance, const struct wasm_import *import,
	     const struct runtime_extern *given, struct diag *diag)
{
	const struct wasm_global_type *wanted = &instance->module->wasm.globals[import->idx].type;
	const struct wasm_global_type *found = &given->global.type;
	char wanted_text[TYPE_TEXT_BYTES], found_text[TYPE_TEXT_BYTES];

	enum wasm_valtype type = wanted_valtype(instance, wanted->type);

	/* What can be written must have exactly the type. */
	if (wanted->is_mutable == found->is_mutable &&
	    (wanted->is_mutable ? type == found->type : wasm_valtype_matches(found->type, type)))
		return NB_OK;
	format_text(wanted_text, sizeof(wanted_text), "%s%s", wanted->is_mutable ? "mut " : "",
		    wasm_valtype_text(wanted->type).text);
	format_text(found_text, sizeof(found_text), "%s%s", found->is_mutable ? "mut " : "",
		    wasm_valtype_text(found->type).text);
	return mismatch(import, wanted_text, found_text, diag);
}

enum nb_status
link_check(const struct instance *instance, const struct wasm_import *import,
	   const struct runtime_extern *given, struct diag *diag)
{
	if (import->kind != given->kind)
		return mismatch(import, wasm_extern_kind_text(import->kind),
				wasm_extern_kind_text(given->kind), diag);
	switch (import->kind) {
	case WASM_EXTERN_FUNC:
		return check_function(instance, import, given, diag);
	case WASM_EXTERN_TABLE:
		return check_table(instance, import, given, diag);
	case WASM_EXTERN_MEMORY:
		return check_memory(instance, import, given, diag);
	case WASM_EXTERN_GLOBAL:
		return check_global(instance, import, given, diag);
	case WASM_EXTERN_TAG:
		break;
	}
	return link_unknown(import, diag);
}
