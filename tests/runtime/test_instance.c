/*
 * Instances with real code: linking, calls across, effects of failed
 * initialisation, traps and backtraces, limits, and every allocation failing
 * in turn.
 */
#include "tests/runtime/modules.h"
#include "tests/runtime/support.h"

static uint64_t
host_twice(struct nb_vmctx *context, uint32_t x)
{
	(void)context;
	return 2ull * x;
}

/* Offers "host" "twice". */
static enum nb_status
offer_host(void)
{
	static const enum wasm_valtype i32[] = { WASM_I32 };
	struct wasm_functype type = {
		.params = i32, .results = i32, .param_count = 1, .result_count = 1
	};
	struct runtime_extern value;
	enum nb_status status =
		store_host_function(&t.store, &type, (uint64_t)(uintptr_t)host_twice, NULL, &value);

	if (status == NB_OK)
		test_offer_one("host", "twice", value);
	return status;
}

/* The library, offered under its name. */
static struct instance *
make_library(void)
{
	struct instance *instance =
		test_instance_of("lib.wasm", library_wasm, sizeof(library_wasm));

	assert_int_equal(instance_initialize(instance), NB_TRAP_NONE);
	assert_null(instance_start(instance));
	test_offer("library", instance);
	return instance;
}

static struct instance *
make_client(void)
{
	struct instance *instance;

	assert_int_equal(offer_host(), NB_OK);
	instance = test_instance_of("client.wasm", client_wasm, sizeof(client_wasm));
	assert_int_equal(instance_initialize(instance), NB_TRAP_NONE);
	assert_non_null(instance_start(instance));
	assert_int_equal(test_invoke(instance_start(instance), NULL, NULL), NB_TRAP_NONE);
	return instance;
}

static void
calls_cross_instances(void **state)
{
	(void)state;
	uint64_t result;
	struct instance *library = make_library();
	struct instance *client = make_client();

	assert_int_equal(test_call(client, "weigh", 0, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 35009);
	assert_int_equal(test_call(client, "outer", 8, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 7);
	assert_int_equal(test_call(client, "double", 21, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 42);
	/* Through the shared table, in both directions. */
	assert_int_equal(test_call(library, "call", 1, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 40);
	assert_int_equal(test_call(library, "call", 0, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 7);
	assert_int_equal(test_call(library, "call", 3, 0, &result), NB_TRAP_UNINITIALIZED_ELEMENT);
	assert_int_equal(test_call(library, "call", 4, 0, &result), NB_TRAP_UNDEFINED_ELEMENT);
}

static void
globals_and_memories_are_shared(void **state)
{
	(void)state;
	uint64_t result;
	struct instance *library = make_library();
	struct instance *client = make_client();
	struct runtime_extern counter;

	assert_true(instance_export(library, "counter", 7, &counter));
	assert_int_equal((uint32_t)counter.global.cell[0], 107); /* 7, and start's 100 */
	assert_int_equal(test_call(client, "count", 0, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 108);
	assert_int_equal((uint32_t)counter.global.cell[0], 108);
	assert_int_equal(test_call(library, "load", 16, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 0x44332211);
	assert_int_equal(test_call(library, "grow", 1, 0, &result), NB_TRAP_NONE);
	assert_int_equal(client->vmctx->memory->length, 2 * 65536);
	assert_ptr_equal(client->vmctx->memory, library->vmctx->memory);
	assert_int_equal(client->vmctx->memory_base, library->vmctx->memory_base);
}

static void
backtraces_name_functions_across_instances(void **state)
{
	(void)state;
	uint64_t result;
	char text[512];
	make_library();
	struct instance *client = make_client();

	assert_int_equal(test_call(client, "outer", 0, 0, &result), NB_TRAP_INTEGER_DIVIDE_BY_ZERO);
	assert_int_equal(t.backtrace.count, 2);
	runtime_backtrace_format(&t.backtrace, text, sizeof(text));
	const char *first = strstr(text, "  at divide (lib.wasm, function 1, offset 0x");
	const char *second = strstr(text, "  at outer (client.wasm, function 4, offset 0x");
	assert_ptr_equal(first, text);
	assert_non_null(second);
	/* The offsets are those of i32.div_u and of the call. */
	unsigned divide, call;
	assert_int_equal(sscanf(strstr(first, "0x"), "%x", &divide), 1);
	assert_int_equal(sscanf(strstr(second, "0x"), "%x", &call), 1);
	assert_int_equal(library_wasm[divide], 0x6e);
	assert_int_equal(client_wasm[call], 0x10);
	/* Cut text says how long the whole would be. */
	char small[16];
	assert_int_equal(runtime_backtrace_format(&t.backtrace, small, sizeof(small)),
			 strlen(text));
	assert_int_equal(strlen(small), sizeof(small) - 1);
}

/* Whether or not the compiler inlines, the function that divides comes first. */
static void
backtraces_name_inlined_functions(void **state)
{
	(void)state;
	struct instance *instance = test_instance_of("m", inlined_wasm, sizeof(inlined_wasm));
	uint64_t result;
	unsigned divide;
	char text[256];

	assert_int_equal(test_call(instance, "outer", 0, 0, &result),
			 NB_TRAP_INTEGER_DIVIDE_BY_ZERO);
	runtime_backtrace_format(&t.backtrace, text, sizeof(text));
	assert_int_equal(sscanf(text, "  at inner (m, function 1, offset 0x%x)", &divide), 1);
	assert_int_equal(inlined_wasm[divide], 0x6e);
	assert_non_null(strstr(text, ")\n  at outer (m, function 0"));
	assert_int_equal(test_call(instance, "outer", 4, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 26);
}

static void
exhausted_stacks_leave_instances_usable(void **state)
{
	(void)state;
	uint64_t result;
	struct instance *library = make_library();
	struct instance *client = make_client();

	for (int i = 0; i < 3; i++) {
		assert_int_equal(test_call(library, "recurse", 0, 0, &result),
				 NB_TRAP_STACK_OVERFLOW);
		assert_int_equal(t.backtrace.count, RUNTIME_BACKTRACE_FRAMES);
		assert_true(t.backtrace.is_truncated);
		assert_int_equal(test_call(library, "call", 2, 0, &result), NB_TRAP_STACK_OVERFLOW);
		assert_int_equal(test_call(client, "mutual", 0, 0, &result),
				 NB_TRAP_STACK_OVERFLOW);
	}
	assert_int_equal(test_call(client, "outer", 4, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 12);
}

static void
failed_initialisation_keeps_earlier_effects(void **state)
{
	(void)state;
	uint64_t result;
	struct instance *library = make_library();
	struct instance *broken = test_instance_of("broken", broken_wasm, sizeof(broken_wasm));
	assert_int_equal(instance_initialize(broken), NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	assert_int_equal(test_call(library, "call", 3, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 99);
	assert_int_equal(test_call(library, "load", 0, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 0xaa);
}

static void
what_does_not_fit_is_not_linked(void **state)
{
	(void)state;
	struct code_module *module = NULL;
	struct instance *client;
	struct instance *library = make_library();

	assert_int_equal(test_publish("client", client_wasm, sizeof(client_wasm), &module), NB_OK);
	assert_int_equal(test_create(module, &client), NB_UNLINKABLE);
	assert_string_equal(t.diag.text, "unknown import: function \"host\" \"twice\"");
	assert_null(strstr(t.diag.text, "cannot"));

	/* A function where another type is wanted. */
	diag_init(&t.diag);
	test_offer_one("host", "twice", instance_extern(library, WASM_EXTERN_FUNC, 1));
	assert_int_equal(test_create(module, &client), NB_UNLINKABLE);
	assert_string_equal(t.diag.text,
			    "incompatible import type: \"host\" \"twice\" wants (i32) -> (i32), "
			    "found (i32, i32) -> (i32)");
	/* Another kind. */
	diag_init(&t.diag);
	t.imports[t.import_count - 1].value = instance_extern(library, WASM_EXTERN_GLOBAL, 0);
	assert_int_equal(test_create(module, &client), NB_UNLINKABLE);
	assert_string_equal(t.diag.text, "incompatible import type: \"host\" \"twice\" wants "
					 "function, found global");
	/* Nothing has happened to the library. */
	uint64_t result;
	assert_int_equal(test_call(library, "load", 16, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 0);
}

static struct instance *
make_greedy(void)
{
	struct instance *instance = test_instance_of("greedy", greedy_wasm, sizeof(greedy_wasm));

	assert_int_equal(instance_initialize(instance), NB_TRAP_NONE);
	return instance;
}

static void
growth_stops_at_account_and_maximum(void **state)
{
	(void)state;
	uint64_t result;
	struct instance *greedy = make_greedy();
	struct instance *library = make_library();

	t.charge_limit = t.charged + 3 * 65536;
	assert_int_equal(test_call(greedy, "grow", 4, 0, &result), NB_TRAP_NONE);
	assert_int_equal((int32_t)result, -1);
	assert_int_equal(test_call(greedy, "grow", 3, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 0);
	assert_int_equal(test_call(greedy, "grow", 1, 0, &result), NB_TRAP_NONE);
	assert_int_equal((int32_t)result, -1);
	assert_int_equal(greedy->vmctx->memory->length, 3 * 65536);
	/* 200 entries have storage for 256; beyond that the account says no. */
	assert_int_equal(test_call(greedy, "table_grow", 1000000, 0, &result), NB_TRAP_NONE);
	assert_int_equal((int32_t)result, -1);
	assert_int_equal(test_call(greedy, "table_grow", 56, 5, &result), NB_TRAP_NONE);
	assert_int_equal(result, 200);
	t.charge_limit = UINT64_MAX;
	assert_int_equal(test_call(greedy, "table_grow", 10000, 9, &result), NB_TRAP_NONE);
	assert_int_equal(result, 256);
	assert_int_equal(test_call(greedy, "table_get", 255, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 5);
	assert_int_equal(test_call(greedy, "table_get", 10255, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 9);
	assert_int_equal(test_call(greedy, "table_get", 10256, 0, &result),
			 NB_TRAP_TABLE_OUT_OF_BOUNDS);
	assert_int_equal(test_call(greedy, "grow", 65536, 0, &result), NB_TRAP_NONE);
	assert_int_equal((int32_t)result, -1); /* 3 + 65536 pages do not exist */

	assert_int_equal(test_call(library, "grow", 3, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 1);
	assert_int_equal(test_call(library, "grow", 1, 0, &result), NB_TRAP_NONE);
	assert_int_equal((int32_t)result, -1);
	assert_int_equal(test_call(library, "table_grow", 17, 0, &result), NB_TRAP_NONE);
	assert_int_equal((int32_t)result, -1);
	assert_int_equal(test_call(library, "table_grow", 16, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 4);
}

static void
grown_memory_is_reachable_and_zero(void **state)
{
	(void)state;
	uint64_t result;
	struct instance *library = make_library();

	assert_int_equal(test_call(library, "load", 65532, 0, &result), NB_TRAP_NONE);
	assert_int_equal(test_call(library, "load", 65533, 0, &result),
			 NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	assert_int_equal(test_call(library, "grow", 1, 0, &result), NB_TRAP_NONE);
	assert_int_equal(test_call(library, "load", 65533, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 0);
	assert_int_equal(test_call(library, "load", 0xffffffff, 0, &result),
			 NB_TRAP_MEMORY_OUT_OF_BOUNDS);
}

static void
long_operations_give_way(void **state)
{
	(void)state;
	uint64_t result;
	struct instance *library = make_library();

	assert_int_equal(test_call(library, "grow", 3, 0, &result), NB_TRAP_NONE);
	t.head.pending = 1;
	t.pending_again = 2;
	static const uint32_t everything[3] = { 0, 0x5a, 4 * 65536 };
	assert_int_equal(test_call3(library, "fill", everything, &result), NB_TRAP_NONE);
	assert_int_equal(t.pending_calls, 3); /* between four pieces */
	assert_int_equal(test_call(library, "load", 4 * 65536 - 4, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 0x5a5a5a5a);
	static const uint32_t too_much[3] = { 1, 0, 4 * 65536 };
	assert_int_equal(test_call3(library, "fill", too_much, &result),
			 NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	assert_int_equal(test_call(library, "load", 1, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 0x5a5a5a5a); /* nothing was written */
}

static void
many_instances_come_and_go(void **state)
{
	(void)state;
	struct code_module *module = NULL;

	assert_int_equal(test_publish("greedy", greedy_wasm, sizeof(greedy_wasm), &module), NB_OK);
	for (int i = 0; i < 300; i++) {
		struct instance *instance;
		uint64_t result;
		assert_int_equal(test_create(module, &instance), NB_OK);
		assert_int_equal(instance_initialize(instance), NB_TRAP_NONE);
		assert_int_equal(test_call(instance, "grow", 1, 0, &result), NB_TRAP_NONE);
		assert_int_equal(result, 0);
	}
	struct port_memory_info info;
	port_memory_info(&info);
	assert_int_equal(info.slots_live - t.before.slots_live, 300);
}

/* Everything from bytes to a call; what it came to. */
static enum nb_status
whole_life(void)
{
	struct code_module *library_module = NULL, *client_module = NULL;
	struct instance *library, *client;
	uint64_t result;
	enum nb_status status =
		test_publish("lib", library_wasm, sizeof(library_wasm), &library_module);

	if (status == NB_OK)
		status = test_create(library_module, &library);
	if (status != NB_OK)
		return status;
	assert_int_equal(instance_initialize(library), NB_TRAP_NONE);
	test_offer("library", library);
	status = offer_host();
	if (status == NB_OK)
		status = test_publish("client", client_wasm, sizeof(client_wasm), &client_module);
	if (status == NB_OK)
		status = test_create(client_module, &client);
	if (status != NB_OK)
		return status;
	assert_int_equal(instance_initialize(client), NB_TRAP_NONE);
	assert_int_equal(test_call(library, "grow", 1, 0, &result), NB_TRAP_NONE);
	if ((int32_t)result == -1)
		return NB_OUT_OF_MEMORY;
	assert_int_equal(test_call(client, "weigh", 0, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 35009);
	return NB_OK;
}

/* (func (param i32) (memory.fill (i32.const 0) (i32.const 0) (local.get 0))) */
static const uint8_t module_fill[] = {
	0, 'a', 's', 'm', 1,	0,    0, 0,    1, 5,	1, 0x60, 1, 0x7f, 0, 3,	   2,	 1, 0,	  5,
	3, 1,	0,   1,	  0x0a, 0x0d, 1, 0x0b, 0, 0x41, 0, 0x41, 0, 0x20, 0, 0xfc, 0x0b, 0, 0x0b,
};

/* Where the code says the trap's number itself, it may say anything. */
static void
numbers_of_no_trap_are_unreachable(void **state)
{
	static const struct {
		uint64_t rax;
		enum nb_trap trap;
	} cases[] = {
		{ NB_TRAP_TABLE_OUT_OF_BOUNDS, NB_TRAP_TABLE_OUT_OF_BOUNDS },
		{ NB_TRAP_NULL_FUNCTION_REFERENCE, NB_TRAP_NULL_FUNCTION_REFERENCE },
		{ NB_TRAP_NONE, NB_TRAP_UNREACHABLE },
		{ NB_TRAP_PORT_OUT_OF_RANGE + 1, NB_TRAP_UNREACHABLE },
		{ INT32_MAX, NB_TRAP_UNREACHABLE },
		{ UINT64_MAX, NB_TRAP_UNREACHABLE },
		{ 5ull << 32, NB_TRAP_UNREACHABLE },
	};
	struct code_module *module;
	struct guest_state at = { 0 };

	(void)state;
	assert_int_equal(test_publish("fill", module_fill, sizeof(module_fill), &module), NB_OK);
	for (uint32_t i = 0; i < module->image.site_count; i++)
		if (module->image.sites[i].info >> 24 == NB_SITE_DYNAMIC)
			at.rip = (uint64_t)(uintptr_t)module->image.code +
				 module->image.sites[i].code_offset;
	assert_int_not_equal(at.rip, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum nb_trap trap = NB_TRAP_NONE;

		at.gpr[NB_RAX] = cases[i].rax;
		assert_true(runtime_fault_resolve(GUEST_FAULT_INVALID, 0, &at, &t.stack, &trap));
		assert_int_equal(trap, cases[i].trap);
	}
}

/* All memory of the platform's comes through here (linked with --wrap). */
enum nb_status __real_hosted_account_take(size_t size);
enum nb_status __wrap_hosted_account_take(size_t size);
static uint64_t requests;

enum nb_status
__wrap_hosted_account_take(size_t size)
{
	requests++;
	return __real_hosted_account_take(size);
}

static enum nb_status
life_with_failures(uint64_t failures)
{
	enum nb_status status;

	test_begin();
	requests = 0;
	hosted_memory_fail_after(failures);
	status = whole_life();
	hosted_memory_fail_after(UINT64_MAX);
	test_end();
	return status;
}

/* One for each request of a life in which none fails. */
static void
each_failing_allocation_is_an_error(void **state)
{
	uint64_t all;

	(void)state;
	assert_int_equal(life_with_failures(UINT64_MAX), NB_OK);
	all = requests;
	(void)printf("%lu requests\n", (unsigned long)all);
	assert_true(all > 12);
	for (uint64_t failures = 0; failures < all; failures++)
		assert_int_equal(life_with_failures(failures), NB_OUT_OF_MEMORY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)
		TEST(calls_cross_instances),
		TEST(globals_and_memories_are_shared),
		TEST(backtraces_name_functions_across_instances),
		TEST(backtraces_name_inlined_functions),
		TEST(exhausted_stacks_leave_instances_usable),
		TEST(failed_initialisation_keeps_earlier_effects),
		TEST(what_does_not_fit_is_not_linked),
		TEST(growth_stops_at_account_and_maximum),
		TEST(grown_memory_is_reachable_and_zero),
		TEST(long_operations_give_way),
		TEST(many_instances_come_and_go),
		TEST(numbers_of_no_trap_are_unreachable),
		cmocka_unit_test(each_failing_allocation_is_an_error),
	};
	return cmocka_run_group_tests_name("instance", tests, NULL, NULL);
}
