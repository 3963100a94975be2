/*
 * Modules of the script: decode, compile, publish, instantiate.
 */
#include "lib/string.h"
#include "runtime/invoke.h"
#include "tests/suite/suite.h"

#define MODULE_BYTES_MAX ((size_t)1 << 30)

static const struct wasm_features all_features = { .set = WASM_FEATURES_ALL,
						   .code = WASM_CODE_VALIDATE };

enum nb_status
load_validate(const struct archive_module *source, struct diag *diag)
{
	struct wasm_module module;
	struct arena arena;

	diag_init(diag);
	arena_init(&arena, &page_source, MODULE_BYTES_MAX);
	enum nb_status status = wasm_module_decode(&module, &arena, source->bytes, source->len,
						   &all_features, diag);
	arena_reset(&arena);
	return status;
}

/* Decodes, compiles and seals into `module`; leaves nothing on failure. */
static enum nb_status
publish(struct code_module *module, const struct archive_module *source, struct diag *diag)
{
	code_module_init(module, &page_source, MODULE_BYTES_MAX);
	code_module_set_name(module, suite.source_name.bytes, suite.source_name.len);
	enum nb_status status = wasm_module_decode(&module->wasm, &module->arena, source->bytes,
						   source->len, &all_features, diag);
	if (status == NB_OK)
		status = compiler_compile(&module->wasm, &suite.options, &page_source,
					  &module->arena, &module->image, diag);
	if (status == NB_OK)
		status = code_module_place(module);
	if (status == NB_OK)
		status = code_module_seal(module);
	if (status == NB_OK)
		status = code_module_enter(module);
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
	module->state = SCRIPT_ABSENT;
	if (source->kind == ARCHIVE_TEXT) {
		suite_blocked(ARCHIVE_EXCUSE_TEXT, "the module is in the text format");
		return module;
	}
	diag_init(&diag);
	enum nb_status status = publish(&module->module, source, &diag);
	if (status != NB_OK) {
		char text[320];
		diag_format(&diag, text, sizeof(text));
		if (status == NB_UNSUPPORTED_FEATURE && load_names_feature(&diag)) {
			suite_blocked(ARCHIVE_EXCUSE_FEATURE, "%s: %s", nb_status_text(status),
				      text);
			return module;
		}
		suite_fail("%s: %s", nb_status_text(status), text);
		module->state = SCRIPT_BROKEN;
		return module;
	}
	module->state = SCRIPT_READY;
	module->next = suite.modules;
	suite.modules = module;
	return module;
}

static bool
contains(const char *text, const char *part)
{
	size_t len = strlen(text), part_len = strlen(part);

	for (size_t i = 0; i + part_len <= len; i++)
		if (memcmp(text + i, part, part_len) == 0)
			return true;
	return false;
}

bool
load_names_feature(const struct diag *diag)
{
	static const enum wasm_feature features[] = {
#define WASM_FEATURE(name, number, text) WASM_FEATURE_##name,
#include "wasm/feature.def"
#undef WASM_FEATURE
	};

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (!(all_features.set >> features[i] & 1) &&
		    contains(diag->text, wasm_feature_text(features[i])))
			return true;
	return false;
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
	if (found && found->state == SCRIPT_ABSENT)
		suite.is_absent = true;
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
	suite.is_absent = false;
	enum nb_status status =
		instance_create(&suite.store, &module->module, resolve, NULL, diag, &instance);
	if (status != NB_OK && suite.is_absent)
		module->state = SCRIPT_ABSENT;
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
