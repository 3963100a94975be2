/*
 * The store by itself: canonical types, references, tables, memories, and
 * builtins whose arguments no compiler would produce.
 */
#include "runtime/builtin.h"
#include "tests/runtime/modules.h"
#include "tests/runtime/support.h"
#include "wasm/limits.h"

static uint32_t
signature_of(const enum wasm_valtype *params, uint32_t param_count,
	     const enum wasm_valtype *results, uint32_t result_count)
{
	struct wasm_functype type = { .params = params,
				      .results = results,
				      .param_count = param_count,
				      .result_count = result_count };
	uint32_t signature = 0;

	assert_int_equal(store_signature(&t.store, &type, &signature), NB_OK);
	const struct wasm_functype *back = store_type_of(&t.store, signature);
	assert_non_null(back);
	assert_true(wasm_functype_equal(back, &type));
	return signature;
}

static void
equal_types_have_equal_words(void **state)
{
	(void)state;
	enum wasm_valtype types[64];
	uint32_t words[64][2];

	/* (i32^n) -> (): all different, each found again. */
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t n = 0; n < 64; n++) {
			for (uint32_t i = 0; i < n; i++)
				types[i] = WASM_I32;
			words[n][round] = signature_of(types, n, NULL, 0);
		}
	}
	for (uint32_t n = 0; n < 64; n++) {
		assert_int_equal(words[n][0], words[n][1]);
		assert_int_not_equal(words[n][0], NB_SIGNATURE_NULL);
		for (uint32_t m = 0; m < n; m++)
			assert_int_not_equal(words[n][0], words[m][0]);
		/* 7 integers travel in registers, the rest in an even area. */
		uint32_t slots = n > 7 ? (n - 7 + 1) & ~1u : 0;
		assert_int_equal(words[n][0] >> NB_SIGNATURE_TYPE_BITS, slots / 2);
	}
	static const enum wasm_valtype i64[] = { WASM_I64 }, f64[] = { WASM_F64 };
	uint32_t a = signature_of(i64, 1, NULL, 0), b = signature_of(f64, 1, NULL, 0);
	uint32_t c = signature_of(NULL, 0, i64, 1), d = signature_of(i64, 1, i64, 1);
	assert_true(a != b && a != c && a != d && b != c && c != d);
	assert_null(store_type_of(&t.store, NB_SIGNATURE_NULL));
	assert_null(store_type_of(&t.store, 0xfffff));
	assert_null(store_type_of(&t.store, a | 1u << NB_SIGNATURE_TYPE_BITS));
}

static void
references_are_dense_and_null_is_none(void **state)
{
	(void)state;
	uint32_t first, second;

	assert_null(store_callee(&t.store, 0));
	assert_null(store_callee(&t.store, 1));
	assert_int_equal(store_references_take(&t.store, 1000, &first), NB_OK);
	assert_int_equal(store_references_take(&t.store, 3, &second), NB_OK);
	assert_int_equal(first, 1);
	assert_int_equal(second, 1001);
	assert_int_equal(store_callee(&t.store, 1003)->reference, 1003);
	assert_int_equal(store_callee(&t.store, 1003)->signature, NB_SIGNATURE_NULL);
	assert_null(store_callee(&t.store, 1004));
	assert_null(store_callee(&t.store, UINT32_MAX));
	assert_int_equal(store_references_take(&t.store, UINT32_MAX, &first), NB_LIMIT_EXCEEDED);
	/* What was taken is charged, page by page; and what is reserved, a byte for 64 KiB. */
	assert_int_equal(t.charged, 8 * 4096 + 8);
	/* They move when they have outgrown that. */
	assert_int_equal(store_references_take(&t.store, 100000, &first), NB_OK);
	assert_int_equal(store_callee(&t.store, 1003)->reference, 1003);
	assert_int_equal(store_callee(&t.store, 101003)->reference, 101003);
	assert_int_equal(t.charged, 1024 * 4096 + 1024);
}

static struct runtime_table *
make_table(enum wasm_valtype type, uint64_t min, uint64_t max)
{
	struct wasm_table_type table_type = { type, { .min = min, .max = max, .has_max = true } };
	struct runtime_table *table = NULL;

	assert_int_equal(store_table_create(&t.store, &table_type, &table), NB_OK);
	return table;
}

/* Every masked index must hit storage, and beyond the length only nulls. */
static void
check_masked_storage(const struct runtime_table *table)
{
	const struct nb_callee *callees = (const struct nb_callee *)(uintptr_t)table->desc.base;

	assert_true(table->desc.mask >= table->desc.length - 1 || table->desc.length == 0);
	assert_int_equal(table->desc.mask & (table->desc.mask + 1ull), 0);
	for (uint64_t i = table->desc.length; i <= table->desc.mask; i++) {
		assert_int_equal(callees[i].signature, NB_SIGNATURE_NULL);
		assert_int_equal(callees[i].code, 0);
	}
}

static void
tables_cover_their_mask(void **state)
{
	(void)state;
	static const uint64_t sizes[][2] = { { 0, 0 },	    { 0, 1 },	   { 1, 1 },
					     { 3, 5 },	    { 128, 128 },  { 0, 129 },
					     { 129, 1000 }, { 128, 5000 }, { 1000, 100000 } };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct runtime_table *table = make_table(WASM_FUNCREF, sizes[i][0], sizes[i][1]);
		check_masked_storage(table);
		int64_t old = runtime_table_grow(table, 1, 0);
		assert_int_equal(old, sizes[i][0] < sizes[i][1] ? (int64_t)sizes[i][0] : -1);
		check_masked_storage(table);
		uint64_t rest = sizes[i][1] - table->desc.length;
		assert_int_equal(runtime_table_grow(table, rest + 1, 0), -1);
		assert_int_equal(runtime_table_grow(table, rest, 0), sizes[i][1] - rest);
		check_masked_storage(table);
		assert_int_equal(runtime_table_grow(table, 0, 0), sizes[i][1]);
		assert_int_equal(runtime_table_grow(table, UINT64_MAX, 0), -1);
	}
}

static void
tables_have_limits(void **state)
{
	(void)state;
	struct wasm_table_type type = { WASM_FUNCREF, { .min = WASM_LIMIT_TABLE_ENTRIES + 1ull } };
	struct runtime_table *table = NULL;

	assert_int_equal(store_table_create(&t.store, &type, &table), NB_LIMIT_EXCEEDED);
	type.limits.min = 1000;
	/* Of 2^24 entries, with a byte for each 64 KiB that they may take. */
	t.charge_limit = t.charged + 1000 * 32 + 8192;
	assert_int_equal(store_table_create(&t.store, &type, &table), NB_LIMIT_EXCEEDED);
	t.charge_limit = t.charged + 1024 * 32 + 8192;
	assert_int_equal(store_table_create(&t.store, &type, &table), NB_OK);
	assert_int_equal(runtime_table_grow(table, 24, 0), 1000);
	assert_int_equal(runtime_table_grow(table, 1, 0), -1);
	assert_int_equal(table->desc.length, 1024);
}

static void
function_tables_take_only_references(void **state)
{
	(void)state;
	struct runtime_table *functions = make_table(WASM_FUNCREF, 4, 4);
	struct runtime_table *externs = make_table(WASM_EXTERNREF, 4, 4);
	uint32_t reference, got = 1;

	assert_int_equal(store_references_take(&t.store, 1, &reference), NB_OK);
	assert_true(runtime_table_set(functions, 3, reference));
	assert_true(runtime_table_get(functions, 3, &got));
	assert_int_equal(got, reference);
	assert_true(runtime_table_set(functions, 3, 0));
	assert_true(runtime_table_get(functions, 3, &got));
	assert_int_equal(got, 0);
	assert_false(runtime_table_set(functions, 3, reference + 1));
	assert_false(runtime_table_set(functions, 4, reference));
	assert_false(runtime_table_get(functions, 1ull << 32, &got));
	assert_true(runtime_table_set(externs, 0, 0xdeadbeef));
	assert_true(runtime_table_get(externs, 0, &got));
	assert_int_equal(got, 0xdeadbeef);
}

static void
memories_have_limits(void **state)
{
	(void)state;
	struct wasm_memory_type type = { { .min = 65537 } };
	struct runtime_memory *memory = NULL;

	assert_int_equal(store_memory_create(&t.store, &type, &memory), NB_LIMIT_EXCEEDED);
	type.limits.min = 2;
	t.charge_limit = t.charged + 65536;
	assert_int_equal(store_memory_create(&t.store, &type, &memory), NB_LIMIT_EXCEEDED);
	assert_int_equal(t.charged, 0);
	t.charge_limit = UINT64_MAX;
	assert_int_equal(store_memory_create(&t.store, &type, &memory), NB_OK);
	assert_int_equal(t.charged, 2 * 65536);
	assert_int_equal(runtime_memory_grow(memory, UINT64_MAX), -1);
	assert_int_equal(runtime_memory_grow(memory, 65535), -1);
	assert_int_equal(runtime_memory_grow(memory, 0), 2);
	hosted_memory_fail_after(0);
	assert_int_equal(runtime_memory_grow(memory, 1), -1);
	hosted_memory_fail_after(UINT64_MAX);
	assert_int_equal(t.charged, 2 * 65536);
	assert_int_equal(memory->desc.length, 2 * 65536);
}

/* The verifier proves the shape of calls, not the numbers passed. */
static void
builtins_check_numbers_from_machine_code(void **state)
{
	(void)state;
	struct instance *instance = test_instance_of("lib", library_wasm, sizeof(library_wasm));

	assert_int_equal(instance_initialize(instance), NB_TRAP_NONE);
	struct nb_vmctx *vmctx = instance->vmctx;
	static const uint32_t bad[] = { 1, 2, 0xffff, 0x10000, 0x10001, UINT32_MAX };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t n = bad[i];
		assert_int_equal(runtime_builtin_MEMORY_GROW(vmctx, n, 1), -1);
		assert_int_equal(runtime_builtin_MEMORY_FILL(vmctx, n, 0, 0, 1),
				 NB_TRAP_MEMORY_OUT_OF_BOUNDS);
		assert_int_equal(runtime_builtin_MEMORY_COPY(vmctx, n, 0, 0, 1),
				 NB_TRAP_MEMORY_OUT_OF_BOUNDS);
		assert_int_equal(runtime_builtin_MEMORY_INIT(vmctx, n, 0, 0, 0, 0),
				 NB_TRAP_MEMORY_OUT_OF_BOUNDS);
		assert_int_equal(runtime_builtin_TABLE_GET(vmctx, n, 0),
				 -NB_TRAP_TABLE_OUT_OF_BOUNDS);
		assert_int_equal(runtime_builtin_TABLE_SET(vmctx, n, 0, 0),
				 NB_TRAP_TABLE_OUT_OF_BOUNDS);
		assert_int_equal(runtime_builtin_TABLE_GROW(vmctx, n, 0, 1), -1);
		assert_int_equal(runtime_builtin_TABLE_FILL(vmctx, n, 0, 0, 1),
				 NB_TRAP_TABLE_OUT_OF_BOUNDS);
		assert_int_equal(runtime_builtin_TABLE_COPY(vmctx, n, 0, 0, 0, 1),
				 NB_TRAP_TABLE_OUT_OF_BOUNDS);
		assert_int_equal(runtime_builtin_TABLE_COPY(vmctx, 0, n, 0, 0, 1),
				 NB_TRAP_TABLE_OUT_OF_BOUNDS);
		assert_int_equal(runtime_builtin_TABLE_INIT(vmctx, n, 0, 0, 0, 0),
				 NB_TRAP_TABLE_OUT_OF_BOUNDS);
		assert_int_equal(runtime_builtin_TABLE_INIT(vmctx, 0, n, 0, 0, 0),
				 NB_TRAP_TABLE_OUT_OF_BOUNDS);
		runtime_builtin_DATA_DROP(vmctx, n);
		runtime_builtin_ELEM_DROP(vmctx, n);
	}
	/* Ranges that wrap. */
	assert_int_equal(runtime_builtin_MEMORY_FILL(vmctx, 0, UINT64_MAX, 0, 2),
			 NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	assert_int_equal(runtime_builtin_MEMORY_FILL(vmctx, 0, 2, 0, UINT64_MAX),
			 NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	assert_int_equal(runtime_builtin_MEMORY_COPY(vmctx, 0, UINT64_MAX, 0, 2),
			 NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	assert_int_equal(runtime_builtin_MEMORY_COPY(vmctx, 0, 0, UINT64_MAX, 2),
			 NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	assert_int_equal(runtime_builtin_TABLE_COPY(vmctx, 0, 0, UINT64_MAX, 0, 2),
			 NB_TRAP_TABLE_OUT_OF_BOUNDS);
	assert_int_equal(runtime_builtin_TABLE_FILL(vmctx, 0, UINT64_MAX, 0, 2),
			 NB_TRAP_TABLE_OUT_OF_BOUNDS);
	/* A funcref that is none. */
	assert_int_equal(runtime_builtin_TABLE_SET(vmctx, 0, 0, 0x7fffffff),
			 NB_TRAP_TABLE_OUT_OF_BOUNDS);
	assert_int_equal(runtime_builtin_TABLE_GROW(vmctx, 0, 0x7fffffff, 1), -1);
	assert_int_equal(instance->tables[0]->desc.length, 4);
}

static void
overlapping_copies_are_right(void **state)
{
	(void)state;
	struct instance *instance = test_instance_of("lib", library_wasm, sizeof(library_wasm));
	enum { LEN = 200000 };

	assert_int_equal(runtime_memory_grow(instance->memories[0], 3), 1);
	uint8_t *bytes = (uint8_t *)(uintptr_t)instance->memories[0]->desc.base;
	uint8_t *model = malloc(4 * 65536);
	assert_non_null(model);
	for (uint32_t i = 0; i < 4 * 65536; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);
	memcpy(model, bytes, 4 * 65536);
	/* Forwards, backwards, and not at all; longer than a piece. */
	static const uint64_t moves[][2] = {
		{ 100, 0 }, { 0, 100 }, { 62144, 0 }, { 0, 62144 }, { 7, 7 }
	};
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		assert_int_equal(runtime_builtin_MEMORY_COPY(instance->vmctx, 0, moves[i][0],
							     moves[i][1], LEN),
				 NB_TRAP_NONE);
		memmove(model + moves[i][0], model + moves[i][1], LEN);
		assert_memory_equal(bytes, model, 4 * 65536);
	}
	free(model);
}

/* Longer than a piece, both ways, with something pending. */
static void
table_operations_give_way(void **state)
{
	(void)state;
	struct instance *instance = test_instance_of("greedy", greedy_wasm, sizeof(greedy_wasm));
	uint32_t got = 0;

	struct nb_vmctx *vmctx = instance->vmctx;
	t.head.pending = 1;
	t.pending_again = 100;
	assert_int_equal(runtime_builtin_TABLE_GROW(vmctx, 0, 7, 20000), 200);
	assert_int_equal(t.pending_calls, 4);
	for (uint32_t i = 0; i < 20200; i++)
		assert_int_equal(runtime_builtin_TABLE_SET(vmctx, 0, i, i + 1), NB_TRAP_NONE);
	static const uint64_t moves[][2] = { { 100, 0 }, { 0, 100 } };
	for (int m = 0; m < 2; m++) {
		uint64_t to = moves[m][0], from = moves[m][1];
		t.pending_calls = 0;
		assert_int_equal(runtime_builtin_TABLE_COPY(vmctx, 0, 0, to, from, 20000),
				 NB_TRAP_NONE);
		assert_int_equal(t.pending_calls, 4);
		assert_true(runtime_table_get(instance->tables[0], to, &got));
		assert_int_equal(got, m == 0 ? from + 1 : 1);
		assert_true(runtime_table_get(instance->tables[0], to + 19999, &got));
		assert_int_equal(got, 20000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)
		TEST(equal_types_have_equal_words),
		TEST(references_are_dense_and_null_is_none),
		TEST(tables_cover_their_mask),
		TEST(tables_have_limits),
		TEST(function_tables_take_only_references),
		TEST(memories_have_limits),
		TEST(builtins_check_numbers_from_machine_code),
		TEST(overlapping_copies_are_right),
		TEST(table_operations_give_way),
	};
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
