/*
 * Tail calls across two instances: bounded stack, arguments and results of all
 * sizes, host functions at the end, backtraces, and stacks that end anywhere in
 * the stubs. The modules are tests/runtime/tail/.
 */
#include "tests/runtime/support.h"

extern const uint8_t module_first[], module_second[];
extern const uint64_t module_first_len, module_second_len;

static uint64_t
host_twice(struct nb_vmctx *context, uint32_t x)
{
	(void)context;
	return 2ull * x;
}

static void
offer_host(void)
{
	static const enum wasm_valtype i32[] = { WASM_I32 };
	struct wasm_functype type = {
		.params = i32, .results = i32, .param_count = 1, .result_count = 1
	};
	struct runtime_extern value;

	assert_int_equal(
		store_host_function(&t.store, &type, (uint64_t)(uintptr_t)host_twice, NULL, &value),
		NB_OK);
	test_offer_one("host", "twice", value);
}

static struct instance *
make(const char *name, const uint8_t *bytes, size_t len)
{
	struct instance *instance = test_instance_of(name, bytes, len);

	assert_int_equal(instance_initialize(instance), NB_TRAP_NONE);
	test_offer(name, instance);
	return instance;
}

/* The first instance; the second one is reached through its table. */
static struct instance *
make_both(void)
{
	offer_host();
	struct instance *first = make("first", module_first, module_first_len);
	make("second", module_second, module_second_len);
	return first;
}

enum { BIG_ARGUMENTS = 20, MILLION = 1000000 };

/* Calls an export with the steps, 0 and what functions with areas expect. */
static enum nb_trap
count(const struct instance *instance, const char *name, uint64_t steps, uint64_t *result)
{
	struct runtime_extern found;
	struct runtime_value in[BIG_ARGUMENTS], out[8];

	assert_true(instance_export(instance, name, strlen(name), &found));
	for (uint64_t i = 0; i < BIG_ARGUMENTS; i++)
		in[i] = (struct runtime_value){ { i, 0 } };
	in[0].bits[0] = steps;
	in[1].bits[0] = 0;
	enum nb_trap trap = test_invoke(&found.func, in, out);
	*result = out[0].bits[0];
	return trap;
}

/* Bytes of the stack that were written, as stack pages keep what they got. */
static size_t
stack_used(void)
{
	const uint8_t *at = (const uint8_t *)(uintptr_t)t.stack.limit;
	const uint8_t *top = (const uint8_t *)(uintptr_t)t.stack.top;

	while (at < top && *at == 0)
		at++;
	return (size_t)(top - at);
}

static void
chains_across_instances_take_bounded_stack(void **state)
{
	(void)state;
	static const char *const starts[] = { "small", "big", "wide", "wide_big", "grow" };
	struct instance *first = make_both();
	uint64_t result;

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		for (uint64_t steps = 0; steps < 20; steps++) {
			assert_int_equal(count(first, starts[i], steps, &result), NB_TRAP_NONE);
			assert_int_equal(result, steps);
		}
		assert_int_equal(count(first, starts[i], 2 * MILLION + i, &result), NB_TRAP_NONE);
		assert_int_equal(result, 2 * MILLION + i);
	}
	assert_true(stack_used() < 8192);
	assert_int_equal(count(first, "small", 10 * MILLION, &result), NB_TRAP_NONE);
	assert_int_equal(result, 10 * MILLION);
	assert_true(stack_used() < 8192);
}

static void
results_in_slots_come_back(void **state)
{
	(void)state;
	struct instance *first = make_both();
	uint64_t result;

	for (uint64_t steps = 0; steps < 50; steps++) {
		assert_int_equal(count(first, "weigh", steps, &result), NB_TRAP_NONE);
		assert_int_equal(result, 10 * (steps + 20) + steps);
	}
}

static void
host_functions_end_chains(void **state)
{
	(void)state;
	struct instance *first = make_both();
	uint64_t result;

	assert_int_equal(test_call(first, "through_host", 21, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 42);
	assert_int_equal(test_call(first, "many_through_host", MILLION, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 2 * MILLION);
	assert_true(stack_used() < 128 * 1024);
	/* Something pending is taken up on the way back. */
	t.head.pending = 1;
	assert_int_equal(test_call(first, "through_host", 5, 0, &result), NB_TRAP_NONE);
	assert_int_equal(result, 10);
	assert_int_equal(t.pending_calls, 1);
}

static void
backtraces_pass_tail_frames(void **state)
{
	(void)state;
	struct instance *first = make_both();
	uint64_t result;
	char text[512];

	assert_int_equal(test_call(first, "outer", 0, 0, &result), NB_TRAP_UNREACHABLE);
	runtime_backtrace_format(&t.backtrace, text, sizeof(text));
	assert_int_equal(t.backtrace.count, 2);
	assert_ptr_equal(strstr(text, "  at trap (second, function"), text);
	assert_non_null(strstr(text, "\n  at outer (first, function"));
}

/* Moves the stack's end by every distance that may decide where it is met. */
static void
stacks_may_end_in_any_stub(void **state)
{
	(void)state;
	static const char *const starts[] = { "deep", "deep_big", "sink", "sink_big", "sink_grow" };
	struct instance *first = make_both();
	struct port_stack whole = t.stack;
	uint32_t in_stubs = 0;
	uint64_t result;

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		for (uint64_t distance = 0; distance < 1024; distance += 16) {
			t.stack.top = whole.top - distance;
			assert_int_equal(count(first, starts[i], UINT64_MAX, &result),
					 NB_TRAP_STACK_OVERFLOW);
			assert_true(t.backtrace.is_truncated);
			in_stubs += guest_pc_is_stub(t.fault_pc);
			t.head.stack_limit = whole.top;
		}
		t.stack = whole;
		assert_int_equal(count(first, starts[i], 200, &result), NB_TRAP_NONE);
		assert_int_equal(result, 200);
	}
	assert_true(in_stubs > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)
		TEST(chains_across_instances_take_bounded_stack),
		TEST(results_in_slots_come_back),
		TEST(host_functions_end_chains),
		TEST(backtraces_pass_tail_frames),
		TEST(stacks_may_end_in_any_stub),
	};
	return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
