/*
 * Manifest against imports.
 */
#include "compiler/device.h"

#include "lib/format.h"
#include "lib/string.h"

enum { WHERE_BYTES = 48 };

enum { POLL_IMPORTS = 1024 };

/* A row of abi/device_call.def. */
struct device_call {
	const char *module, *field;
	uint32_t field_len;
	struct device_port port; /* access 0: none */
	enum nb_manifest_line line;
};

static const struct device_call device_calls[] = {
#define NB_DEVICE_PORT(module, field, width, access) \
	{ module, field, sizeof field - 1, { width, NB_PORT_##access }, NB_MANIFEST_PORT },
#define NB_DEVICE_NEED(module, field, line) \
	{ module, field, sizeof field - 1, { 0, 0 }, NB_MANIFEST_##line },
#include "abi/device_call.def"
#undef NB_DEVICE_PORT
#undef NB_DEVICE_NEED
};

static const char *const keywords[] = {
#define NB_MANIFEST(name, keyword, arguments, most, text) keyword,
#include "abi/manifest.def"
#undef NB_MANIFEST
};

static bool
name_is(const struct wasm_name *name, const char *text)
{
	return name->len == strlen(text) && memcmp(name->bytes, text, name->len) == 0;
}

static const struct device_call *
find_call(const struct wasm_import *import)
{
	for (size_t i = 0; i < sizeof(device_calls) / sizeof(*device_calls); i++)
		if (import->field.len == device_calls[i].field_len &&
		    import->kind == WASM_EXTERN_FUNC &&
		    name_is(&import->module, device_calls[i].module) &&
		    name_is(&import->field, device_calls[i].field))
			return &device_calls[i];
	return NULL;
}

static uint32_t
count_manifests(const struct wasm_module *module)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < module->custom_count; i++)
		count += name_is(&module->customs[i].name, NB_MANIFEST_SECTION);
	return count;
}

static enum nb_status
read_manifest(const struct wasm_module *module, struct arena *arena, const struct manifest **out,
	      struct diag *diag)
{
	const struct wasm_custom *custom = wasm_module_find_custom(module, NB_MANIFEST_SECTION);
	struct manifest_error error;
	struct manifest *manifest;

	*out = NULL;
	if (!custom)
		return NB_OK;
	if (count_manifests(module) > 1)
		return diag_report(diag, NB_MALFORMED, custom->offset,
				   "more than one manifest (section %s)", NB_MANIFEST_SECTION);
	manifest = arena_new_array(arena, struct manifest, 1);
	if (!manifest)
		return NB_OUT_OF_MEMORY;
	if (manifest_parse((const char *)module->bytes + custom->offset, custom->len, manifest,
			   &error) != NB_OK)
		return diag_report(diag, NB_MALFORMED, custom->offset,
				   "manifest, line %u, column %u: %s", error.line, error.column,
				   error.text);
	*out = manifest;
	return NB_OK;
}

/* --- imports ------------------------------------------------------------------ */

static bool
type_fits(const struct wasm_functype *type, const struct device_port *port)
{
	uint32_t params = port->access == NB_PORT_READ ? 1 : 2;

	if (type->param_count != params || type->result_count != 2 - params)
		return false;
	for (uint32_t i = 0; i < params; i++)
		if (type->params[i] != WASM_I32)
			return false;
	return type->result_count == 0 || type->results[0] == WASM_I32;
}

/* Functions that somebody else could call. */
static bool
is_referable(const struct wasm_module *module, uint32_t func_idx)
{
	return module->declared_funcs[func_idx / 64] >> func_idx % 64 & 1;
}

static enum nb_status
check_import(const struct wasm_module *module, const struct wasm_import *import,
	     const struct device_call *call, const struct manifest *manifest, struct diag *diag)
{
	if (!manifest)
		return diag_report(diag, NB_ACCESS_DENIED, import->offset,
				   "imports %s.%s but has no manifest (section %s)", call->module,
				   call->field, NB_MANIFEST_SECTION);
	if (!manifest->counts[call->line])
		return diag_report(diag, NB_ACCESS_DENIED, import->offset,
				   "imports %s.%s but its manifest has no line \"%s\"",
				   call->module, call->field, keywords[call->line]);
	if (!call->port.access)
		return NB_OK;
	if (!type_fits(wasm_module_function_type(module, import->idx), &call->port))
		return diag_report(
			diag, NB_UNLINKABLE, import->offset,
			"imports %s.%s with another type than %s", call->module, call->field,
			call->port.access == NB_PORT_READ ? "[i32] -> [i32]" : "[i32 i32] -> []");
	if (is_referable(module, import->idx))
		return diag_report(diag, NB_ACCESS_DENIED, import->offset,
				   "%s.%s is exported or taken by reference; it can only be called",
				   call->module, call->field);
	return NB_OK;
}

static enum nb_status
check_imports(const struct wasm_module *module, struct arena *arena, const struct device_poll *poll,
	      struct device_rules *out, struct diag *diag)
{
	struct device_port *ports = NULL;

	for (uint32_t i = 0; i < module->import_count; i++) {
		const struct wasm_import *import = &module->imports[i];
		const struct device_call *call = find_call(import);
		enum nb_status status = NB_OK;

		if (poll && i % POLL_IMPORTS == POLL_IMPORTS - 1)
			status = poll->poll(poll->context);
		if (status != NB_OK)
			return status;
		if (!call)
			continue;
		status = check_import(module, import, call, out->manifest, diag);
		if (status != NB_OK)
			return status;
		if (!call->port.access)
			continue;
		if (!ports)
			ports = arena_new_array(arena, struct device_port,
						module->func_import_count);
		if (!ports)
			return NB_OUT_OF_MEMORY;
		ports[import->idx] = call->port;
	}
	out->ports = ports;
	return NB_OK;
}

enum nb_status
device_read(const struct wasm_module *module, struct arena *arena, const struct device_poll *poll,
	    struct device_rules *out, struct diag *diag)
{
	enum nb_status status;

	*out = (struct device_rules){ .module = module };
	status = read_manifest(module, arena, &out->manifest, diag);
	if (status == NB_OK)
		status = check_imports(module, arena, poll, out, diag);
	return status;
}

/* --- accesses ------------------------------------------------------------------- */

static const char *
verb_of(const struct device_port *port)
{
	return port->access == NB_PORT_READ ? "reads" : "writes";
}

static const char *
mode_of(const struct device_port *port)
{
	return port->access == NB_PORT_READ ? "r" : "w";
}

/* Begins a report about function `func_idx`: its name and a space, or nothing. */
static const char *
where_of(const struct device_rules *rules, uint32_t func_idx, struct diag *diag,
	 char out[WHERE_BYTES])
{
	struct wasm_name name;

	diag->function_idx = func_idx;
	diag->section = "code";
	out[0] = 0;
	if (wasm_module_function_name(rules->module, func_idx, &name))
		format_text(out, WHERE_BYTES, "%.*s ", (int)(name.len < 40 ? name.len : 40),
			    name.bytes);
	return out;
}

enum nb_status
device_check_port(const struct device_rules *rules, const struct device_port *port, uint32_t number,
		  uint32_t func_idx, uint32_t offset, struct diag *diag)
{
	uint32_t bytes = 1u << port->width;
	char text[WHERE_BYTES];
	const char *owner, *where;

	if (number < NB_PORT_COUNT &&
	    manifest_port_line(rules->manifest, number, bytes, (enum nb_port_access)port->access))
		return NB_OK;
	where = where_of(rules, func_idx, diag, text);
	if (number > NB_PORT_COUNT - bytes)
		return diag_report(diag, NB_ACCESS_DENIED, offset,
				   "%s%s %u bits at port 0x%x, which does not exist", where,
				   verb_of(port), 8 * bytes, number);
	owner = manifest_reserved_ports(number, bytes);
	if (owner)
		return diag_report(diag, NB_ACCESS_DENIED, offset,
				   "%s%s %u bits at port 0x%x of %s, which is never granted", where,
				   verb_of(port), 8 * bytes, number, owner);
	return diag_report(
		diag, NB_ACCESS_DENIED, offset,
		"%s%s %u bits at port 0x%x, outside the manifest; it would need the line "
		"\"port 0x%x %u %s\"",
		where, verb_of(port), 8 * bytes, number, number, bytes, mode_of(port));
}

enum nb_status
device_check_computed(const struct device_rules *rules, const struct device_port *port,
		      uint32_t func_idx, uint32_t offset, struct diag *diag)
{
	const struct manifest *manifest = rules->manifest;
	uint32_t bytes = 1u << port->width;
	char text[WHERE_BYTES];

	for (uint32_t i = 0; i < manifest->counts[NB_MANIFEST_PORT]; i++)
		if (manifest->ports[i].access & port->access && manifest->ports[i].count >= bytes)
			return NB_OK;
	const char *where = where_of(rules, func_idx, diag, text);

	return diag_report(
		diag, NB_ACCESS_DENIED, offset,
		"%s%s %u bits at a computed port, but the manifest allows that of no port; "
		"it would need a line such as \"port FIRST %u %s\"",
		where, verb_of(port), 8 * bytes, bytes, mode_of(port));
}
