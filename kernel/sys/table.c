/*
 * The table of native calls, generated from abi/calls.def and sorted by name.
 */
#include "kernel/sys/table.h"

#include "lib/string.h"

/* Thunks of arch: each calls sys_NAME with the binding's vmctx. */
#define SYS_CALL(name, n_params, types, result, is_own_only) \
	extern const uint8_t guest_call_##name##_code[];     \
	extern const uint8_t guest_call_##name##_cross[];
#include "sys_table.inc"
#undef SYS_CALL

#define SYS_TYPES(...)              \
	(const enum wasm_valtype[]) \
	{                           \
		__VA_ARGS__         \
	}
static const enum wasm_valtype result_i64[] = { WASM_I64 };
static const enum wasm_valtype result_i32[] = { WASM_I32 };
#define RESULTS_i64  .results = result_i64, .result_count = 1
#define RESULTS_i32  .results = result_i32, .result_count = 1
#define RESULTS_none .result_count = 0

static const struct sys_call calls[] = {
#define SYS_CALL(call_name, n_params, types, result, is_own_only) \
	{                                                         \
		.name = #call_name,                               \
		.code = guest_call_##call_name##_code,            \
		.cross = guest_call_##call_name##_cross,          \
		.type = { .params = SYS_TYPES types,              \
			  RESULTS_##result,                       \
			  .param_count = (n_params),              \
			  .canonical_idx = WASM_NO_INDEX },       \
		.own_only = (is_own_only),                        \
	},
#include "sys_table.inc"
#undef SYS_CALL
};

static int
compare(const char *name, size_t len, const char *other)
{
	size_t other_len = strlen(other);
	int order = memcmp(name, other, len < other_len ? len : other_len);

	if (order)
		return order;
	return (len > other_len) - (len < other_len);
}

const struct sys_call *
sys_call_find(const char *name, size_t len)
{
	size_t low = 0, high = sizeof calls / sizeof calls[0];

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(name, len, calls[middle].name);

		if (order == 0)
			return &calls[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
