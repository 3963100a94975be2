/*
 * Clones of stores: what is the clone's own, what is shared, and that nothing
 * is left of one that was destroyed or could not be made.
 */
#include "runtime/clone.h"

#include "tests/runtime/modules.h"
#include "tests/runtime/support.h"

static struct nb_vmctx *host_context_expected;
static int host_contexts_asked;

static uint64_t
host_twice(struct nb_vmctx *context, uint32_t x)
{
	(void)context;
	return 2ull * x;
}

static enum nb_status
same_context(void *argument, const struct nb_vmctx *context, struct nb_vmctx **out)
{
	assert_ptr_equal(argument, &t);
	assert_ptr_equal(context, host_context_expected);
	host_contexts_asked++;
	*out = host_context_expected;
	return NB_OK;
}

/* The library, and a client of it whose start function has run: it shares the
 * library's memory, table and counter. */
static void
make_pair(struct instance **library, struct instance **client)
{
	static const enum wasm_valtype i32[] = { WASM_I32 };
	struct wasm_functype type = {
		.params = i32, .results = i32, .param_count = 1, .result_count = 1
	};
	struct runtime_extern value;

	*library = test_instance_of("lib.wasm", library_wasm, sizeof(library_wasm));
	assert_int_equal(instance_initialize(*library), NB_TRAP_NONE);
	test_offer("library", *library);
	assert_int_equal(
		store_host_function(&t.store, &type, (uint64_t)(uintptr_t)host_twice, NULL, &value),
		NB_OK);
	host_context_expected = (struct nb_vmctx *)(uintptr_t)value.func.vmctx;
	test_offer_one("host", "twice", value);
	*client = test_instance_of("client.wasm", client_wasm, sizeof(client_wasm));
	assert_int_equal(instance_initialize(*client), NB_TRAP_NONE);
	assert_int_equal(test_invoke(instance_start(*client), NULL, NULL), NB_TRAP_NONE);
}

static enum nb_status
make_clone(struct store *clone)
{
	struct store_account account = { test_charge, test_uncharge, NULL };

	store_init(clone, &page_source, 64 << 20, &account);
	return store_clone(clone, &t.store, &t.head, same_context, &t);
}

static uint64_t
call_of(const struct instance *instance, const char *name, uint32_t argument)
{
	uint64_t result = 0;

	assert_int_equal(test_call(instance, name, argument, 0, &result), NB_TRAP_NONE);
	return result;
}

static void
globals_begin_anew(void **state)
{
	struct instance *library, *client, *twin;
	struct runtime_extern counter;
	struct store clone;

	(void)state;
	make_pair(&library, &client);
	assert_int_equal(call_of(client, "count", 0), 108); /* 7, start's 100, and 1 */
	assert_int_equal(make_clone(&clone), NB_OK);
	twin = store_counterpart(&clone, client);
	assert_int_equal(twin->ordinal, client->ordinal);
	assert_int_equal(call_of(twin, "count", 0), 8); /* start has not run again */
	assert_int_equal(call_of(twin, "count", 0), 9);
	assert_int_equal(call_of(client, "count", 0), 109);
	/* The imported global is the cell of the clone's library. */
	assert_true(instance_export(store_counterpart(&clone, library), "counter", 7, &counter));
	assert_int_equal((uint32_t)counter.global.cell[0], 9);
	store_destroy(&clone);
	assert_int_equal(call_of(client, "count", 0), 110);
}

static void
memory_is_shared(void **state)
{
	struct instance *library, *client, *twin;
	struct store clone;

	(void)state;
	make_pair(&library, &client);
	/* The active segment of the client wrote to 16; it is not applied again. */
	*(uint8_t *)(uintptr_t)(library->vmctx->memory_base + 16) = 0x99;
	assert_int_equal(make_clone(&clone), NB_OK);
	twin = store_counterpart(&clone, library);
	assert_int_equal(call_of(twin, "load", 16), 0x44332299);
	assert_int_equal(call_of(twin, "grow", 1), 1);
	assert_ptr_equal(twin->vmctx->memory, library->vmctx->memory);
	assert_int_equal(client->vmctx->memory->length, 2 * 65536);
	store_destroy(&clone);
	assert_int_equal(call_of(library, "load", 16), 0x44332299);
}

static void
calls_stay_in_the_clone(void **state)
{
	struct instance *library, *client, *twin;
	struct store clone;
	uint64_t result;

	(void)state;
	make_pair(&library, &client);
	/* The original's table changes; the clone's has what the segments say. */
	assert_true(runtime_table_set(library->tables[0], 1, 0));
	assert_int_equal(make_clone(&clone), NB_OK);
	twin = store_counterpart(&clone, client);
	assert_int_equal(host_contexts_asked > 0, true);
	assert_int_equal(call_of(twin, "weigh", 0), 35009);
	assert_int_equal(call_of(twin, "outer", 8), 7);
	assert_int_equal(call_of(twin, "double", 21), 42);
	assert_int_equal(call_of(store_counterpart(&clone, library), "call", 1), 40);
	assert_int_equal(test_call(library, "call", 1, 0, &result), NB_TRAP_UNINITIALIZED_ELEMENT);
	for (uint32_t i = 1; i < clone.reference_count; i++) {
		const struct nb_callee *callee = store_callee(&clone, i);
		const struct nb_callee *original = store_callee(&t.store, i);

		assert_int_equal(callee->signature, original->signature);
		assert_int_equal(callee->reference, original->reference);
		assert_int_equal(callee->code, original->code);
		assert_true(callee->vmctx != original->vmctx ||
			    callee->vmctx == (uint64_t)(uintptr_t)host_context_expected);
	}
	store_destroy(&clone);
}

static void
backtraces_of_clones(void **state)
{
	struct instance *library, *client;
	struct store clone;
	uint64_t result;
	char text[512];

	(void)state;
	make_pair(&library, &client);
	assert_int_equal(make_clone(&clone), NB_OK);
	assert_int_equal(test_call(store_counterpart(&clone, client), "outer", 0, 0, &result),
			 NB_TRAP_INTEGER_DIVIDE_BY_ZERO);
	runtime_backtrace_format(&t.backtrace, text, sizeof(text));
	assert_non_null(strstr(text, "  at divide (lib.wasm"));
	assert_non_null(strstr(text, "  at outer (client.wasm"));
	store_destroy(&clone);
}

/* Clones of clones are clones of the first. */
static void
clone_of_a_clone(void **state)
{
	struct store_account account = { test_charge, test_uncharge, NULL };
	struct instance *library, *client;
	struct store clone, second;

	(void)state;
	make_pair(&library, &client);
	assert_int_equal(make_clone(&clone), NB_OK);
	store_init(&second, &page_source, 64 << 20, &account);
	assert_int_equal(store_clone(&second, &clone, &t.head, same_context, &t), NB_OK);
	assert_int_equal(call_of(store_counterpart(&second, client), "count", 0), 8);
	assert_int_equal(call_of(store_counterpart(&second, client), "outer", 8), 7);
	store_destroy(&second);
	assert_int_equal(call_of(store_counterpart(&clone, client), "count", 0), 8);
	store_destroy(&clone);
}

static void
every_allocation_may_fail(void **state)
{
	struct port_memory_info before, after;
	struct instance *library, *client;
	uint64_t charged;
	struct store clone;
	enum nb_status status = NB_OUT_OF_MEMORY;
	uint32_t refused = 0, first;

	(void)state;
	make_pair(&library, &client);
	/* So many that they have an area. */
	assert_int_equal(store_references_take(&t.store, 100, &first), NB_OK);
	charged = t.charged;
	port_memory_info(&before);
	for (uint64_t n = 0; status != NB_OK; n++) {
		hosted_memory_fail_after(n);
		status = make_clone(&clone);
		hosted_memory_fail_after(UINT64_MAX);
		if (status == NB_OK)
			store_destroy(&clone);
		else
			refused++;
		assert_true(status == NB_OK || status == NB_OUT_OF_MEMORY);
		port_memory_info(&after);
		assert_int_equal(after.free_pages, before.free_pages);
		assert_int_equal(after.areas_live, before.areas_live);
		assert_int_equal(t.charged, charged);
	}
	assert_true(refused >= 3);
	t.charge_limit = t.charged;
	assert_int_equal(make_clone(&clone), NB_LIMIT_EXCEEDED);
	assert_int_equal(t.charged, charged);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(globals_begin_anew, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(memory_is_shared, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(calls_stay_in_the_clone, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(backtraces_of_clones, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(clone_of_a_clone, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(every_allocation_may_fail, test_setup,
						test_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
