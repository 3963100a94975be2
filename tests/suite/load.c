/*
 * Modules of the script: decode, compile, publish, instantiate.
 */
#include "lib/string.h"
#include "runtime/invoke.h"
#include "tests/suite/suite.h"

#define MODULE_BYTES_MAX ((size_t)1 << 30)

/* What the decoder can validate, and what can also be run, beyond the core. */
static const char *const validated_features[] = { "simd", NULL };
static const char *const executed_features[] = { NULL };

static bool
is_listed(struct archive_text name, const char *const *list)
{
	for (; *list; list++)
		if (archive_text_is(name, *list))
			return true;
	return false;
}

/* The reason that names a feature; static texts, because counts refer to it. */
static const char *
reason_of(struct archive_text feature)
{
	static const struct {
		const char *feature;
		const char *reason;
	} reasons[] = {
		{ "simd", "SIMD is not compiled" },
		{ "function-references", "needs typed function references (3.0)" },
		{ "gc", "needs garbage collection (3.0)" },
		{ "extended-const", "needs extended constant expressions (3.0)" },
		{ "tail-call", "needs tail calls (3.0)" },
		{ "multi-memory", "needs multiple memories (3.0)" },
		{ "memory64", "needs 64-bit memories or tables (3.0)" },
		{ "exceptions", "needs exceptions (3.0)" },
		{ "legacy-exceptions", "needs the legacy form of exceptions" },
		{ "relaxed-simd", "needs relaxed SIMD (3.0)" },
		{ "threads", "needs threads" },
		{ "3.0", "needs WebAssembly 3.0" },
	};
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (archive_text_is(feature, reasons[i].feature))
			return reasons[i].reason;
	return "needs a feature outside WebAssembly 3.0";
}

const char *
load_unsupported(struct archive_cursor names, bool only_validation)
{
	for (uint8_t n = archive_u8(&names); n > 0; n--) {
		struct archive_text name = archive_text(&names);
		bool is_fine = is_listed(name, executed_features) ||
			       (only_validation && is_listed(name, validated_features));
		if (!is_fine)
			return reason_of(name);
	}
	return NULL;
}

static const struct wasm_features all_features = { WASM_FEATURES_ALL, WASM_CODE_VALIDATE };

enum nb_status
load_validate(const struct archive_module *source, struct diag *diag)
{
	struct wasm_module module;
	struct arena arena;

	diag_init(diag);
	arena_init(&arena, &suite.source, MODULE_BYTES_MAX);
	enum nb_status status = wasm_module_decode(&module, &arena, source->bytes, source->len,
						   &all_features, diag);
	arena_reset(&arena);
	return status;
}

/* Decodes, compiles and seals into `module`; leaves nothing on failure. */
static enum nb_status
publish(struct code_module *module, const struct archive_module *source, struct diag *diag)
{
	code_module_init(module, &suite.source, MODULE_BYTES_MAX);
	code_module_set_name(module, suite.source_name.bytes, suite.source_name.len);
	enum nb_status status = wasm_module_decode(&module->wasm, &module->arena, source->bytes,
						   source->len, &all_features, diag);
	if (status == NB_OK)
		status = compiler_compile(&module->wasm, &suite.options, &suite.source,
					  &module->arena, &module->image, diag);
	if (status == NB_OK)
		status = code_module_place(module);
	if (status == NB_OK)
		status = code_module_seal(module);
	if (status != NB_OK)
		code_module_release(module);
	return status;
}

struct script_module *
load_module(const struct archive_module *source)
{
	struct script_module *module = arena_new(&suite.arena, struct script_module);
	struct diag diag;

	if (!module) {
		suite_fail("no memory for the runner");
		return NULL;
	}
	module->reason = source->kind == ARCHIVE_TEXT ? "module in the text format"
						      : load_unsupported(source->features, false);
	module->state = SCRIPT_NOT_APPLICABLE;
	if (module->reason) {
		suite.has_gaps = true;
		return module;
	}
	diag_init(&diag);
	enum nb_status status = publish(&module->module, source, &diag);
	if (status == NB_UNSUPPORTED_FEATURE && suite.not_executed) {
		module->reason = suite.not_executed;
		return module;
	}
	if (status != NB_OK) {
		char text[320];
		diag_format(&diag, text, sizeof(text));
		suite_fail("%s: %s", nb_status_text(status), text);
		module->state = SCRIPT_BROKEN;
		return module;
	}
	module->state = SCRIPT_READY;
	module->next = suite.modules;
	suite.modules = module;
	return module;
}

static enum nb_status
resolve(void *context, const struct instance *instance, const struct wasm_import *import,
	struct runtime_extern *out)
{
	struct archive_text name = { import->module.bytes, (uint16_t)import->module.len };

	(void)context;
	(void)instance;
	if (archive_text_is(name, "spectest"))
		return spectest_find(import->field.bytes, import->field.len, out);
	const struct script_module *found = script_lookup(SCRIPT_REGISTERED, name);
	if (found && found->state == SCRIPT_NOT_APPLICABLE)
		suite.missing = found->reason;
	if (!found || !found->instance ||
	    !instance_export(found->instance, import->field.bytes, import->field.len, out))
		return NB_NOT_FOUND;
	return NB_OK;
}

enum nb_status
load_instantiate(struct script_module *module, struct diag *diag, enum nb_trap *trap)
{
	struct instance *instance;

	*trap = NB_TRAP_NONE;
	diag_init(diag);
	suite.missing = NULL;
	enum nb_status status =
		instance_create(&suite.store, &module->module, resolve, NULL, diag, &instance);
	if (status != NB_OK && suite.missing) {
		module->state = SCRIPT_NOT_APPLICABLE;
		module->reason = suite.missing;
	}
	if (status != NB_OK)
		return status;
	*trap = instance_initialize(instance);
	const struct nb_callee *start = instance_start(instance);
	if (*trap == NB_TRAP_NONE && start)
		*trap = runtime_invoke(&suite.store, start, NULL, NULL);
	if (*trap == NB_TRAP_NONE)
		module->instance = instance;
	return NB_OK;
}
