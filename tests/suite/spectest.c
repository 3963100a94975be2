/*
 * The module "spectest" that the suite's scripts import.
 */
#include "lib/string.h"
#include "tests/suite/suite.h"

/* What the print functions do: the suite only wants them to be callable. They
 * are C functions in the kernel-call convention; floats stay in XMM registers
 * that nothing here reads. */
static void
print_nothing(struct nb_vmctx *context)
{
	(void)context;
}

static enum nb_status
add(const char *name, const struct runtime_extern *value)
{
	if (suite.spectest_count == SPECTEST_EXPORTS_MAX)
		return NB_INTERNAL;
	suite.spectest[suite.spectest_count++] = (struct spectest_export){ name, *value };
	return NB_OK;
}

static enum nb_status
add_function(const char *name, const enum wasm_valtype *params, uint32_t count)
{
	struct wasm_functype type = { .params = params, .param_count = count };
	struct runtime_extern value;
	enum nb_status status = store_host_function(
		&suite.store, &type, (uint64_t)(uintptr_t)print_nothing, NULL, &value);

	return status == NB_OK ? add(name, &value) : status;
}

static enum nb_status
add_functions(void)
{
	static const struct {
		const char *name;
		enum wasm_valtype params[2];
		uint32_t count;
	} functions[] = {
		{ "print", { 0 }, 0 },
		{ "print_i32", { WASM_I32 }, 1 },
		{ "print_i64", { WASM_I64 }, 1 },
		{ "print_f32", { WASM_F32 }, 1 },
		{ "print_f64", { WASM_F64 }, 1 },
		{ "print_i32_f32", { WASM_I32, WASM_F32 }, 2 },
		{ "print_f64_f64", { WASM_F64, WASM_F64 }, 2 },
	};
	enum nb_status status = NB_OK;

	for (size_t i = 0; status == NB_OK && i < sizeof(functions) / sizeof(functions[0]); i++)
		status = add_function(functions[i].name, functions[i].params, functions[i].count);
	return status;
}

static enum nb_status
add_globals(void)
{
	static const struct {
		const char *name;
		enum wasm_valtype type;
		uint64_t bits;
	} globals[] = {
		{ "global_i32", WASM_I32, 666 },
		{ "global_i64", WASM_I64, 666 },
		{ "global_f32", WASM_F32, 0x4426a666 },		/* 666.6 */
		{ "global_f64", WASM_F64, 0x4084d4cccccccccd }, /* 666.6 */
	};
	enum nb_status status = NB_OK;

	for (size_t i = 0; status == NB_OK && i < sizeof(globals) / sizeof(globals[0]); i++) {
		struct wasm_global_type type = { globals[i].type, false };
		uint64_t bits[2] = { globals[i].bits, 0 };
		struct runtime_extern value = { .kind = WASM_EXTERN_GLOBAL };
		status = store_global_create(&suite.store, &type, bits, &value.global);
		if (status == NB_OK)
			status = add(globals[i].name, &value);
	}
	return status;
}

static enum nb_status
add_memory(const char *name, bool is_shared)
{
	struct wasm_memory_type type = {
		{ .min = 1, .max = 2, .has_max = true, .is_shared = is_shared }
	};
	struct runtime_extern value = { .kind = WASM_EXTERN_MEMORY };
	enum nb_status status = store_memory_create(&suite.store, &type, &value.memory);

	return status == NB_OK ? add(name, &value) : status;
}

static enum nb_status
add_table(const char *name, bool is_64)
{
	struct wasm_table_type type = { WASM_FUNCREF,
					{ .min = 10, .max = 20, .has_max = true, .is_64 = is_64 } };
	struct runtime_extern value = { .kind = WASM_EXTERN_TABLE };
	enum nb_status status = store_table_create(&suite.store, &type, &value.table);

	return status == NB_OK ? add(name, &value) : status;
}

enum nb_status
spectest_create(void)
{
	suite.spectest_count = 0;
	enum nb_status status = add_functions();
	if (status == NB_OK)
		status = add_globals();
	if (status == NB_OK)
		status = add_memory("memory", false);
	if (status == NB_OK)
		status = add_memory("shared_memory", true);
	if (status == NB_OK)
		status = add_table("table", false);
	if (status == NB_OK)
		status = add_table("table64", true);
	return status;
}

enum nb_status
spectest_find(const char *name, size_t len, struct runtime_extern *out)
{
	for (uint32_t i = 0; i < suite.spectest_count; i++) {
		const struct spectest_export *export = &suite.spectest[i];
		if (strlen(export->name) == len && memcmp(export->name, name, len) == 0) {
			*out = export->value;
			return NB_OK;
		}
	}
	return NB_NOT_FOUND;
}
