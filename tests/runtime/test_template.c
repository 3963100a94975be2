/*
 * Templates: which modules get one, that copies cannot be told from instances that were
 * linked, and what is left when one cannot be made. The modules are
 * tests/runtime/template/.
 */
#include "runtime/template.h"
#include "tests/runtime/support.h"

#define MODULE(name)                          \
	extern const uint8_t module_##name[]; \
	extern const uint64_t module_##name##_len
MODULE(settled);
MODULE(pending);
MODULE(bare);
MODULE(large);
#undef MODULE

/* A store, and beside it, as in a process, what imports are bound to. */
struct site {
	struct store store;
	struct nb_vmctx early, late;
};

static struct {
	bool is_late_missing;
	uint32_t asked; /* how often imports were resolved */
} rules;

static uint64_t
host_add(struct nb_vmctx *context, uint32_t x)
{
	return (uint32_t)(x + (uintptr_t)context->instance);
}

static uint64_t
host_multiply(struct nb_vmctx *context, uint32_t x)
{
	return (uint32_t)(x * (uintptr_t)context->instance);
}

static void
site_init(struct site *site, uintptr_t number)
{
	const struct store_account account = { test_charge, test_uncharge, NULL };

	memset(site, 0, sizeof *site);
	store_init(&site->store, &page_source, 64 << 20, &account);
	store_set_thread(&site->store, &t.head);
	site->early = (struct nb_vmctx){ .thread = &t.head,
					 .memory = &site->store.no_memory,
					 .instance = (void *)number,
					 .host_function = (uint64_t)(uintptr_t)host_add };
	site->late = site->early;
	site->late.host_function = (uint64_t)(uintptr_t)host_multiply;
}

static enum nb_status
resolve(const struct instance *instance, const struct wasm_import *import, struct nb_vmctx *context,
	struct runtime_extern *out)
{
	rules.asked++;
	*out = (struct runtime_extern){ .kind = WASM_EXTERN_FUNC };
	out->func.code = (uint64_t)(uintptr_t)guest_host_code;
	out->func.cross = (uint64_t)(uintptr_t)guest_host_cross;
	out->func.vmctx = (uint64_t)(uintptr_t)context;
	out->func.signature =
		instance_signatures(instance)[instance->module->wasm.func_types[import->idx]];
	return NB_OK;
}

static enum nb_status
resolve_early(void *context, const struct instance *instance, const struct wasm_import *import,
	      struct runtime_extern *out)
{
	struct site *site = (struct site *)instance->store;

	(void)context;
	return import->field.len == 5 ? resolve(instance, import, &site->early, out) : NB_NOT_FOUND;
}

static enum nb_status
resolve_all(void *context, const struct instance *instance, const struct wasm_import *import,
	    struct runtime_extern *out)
{
	struct site *site = (struct site *)instance->store;

	if (import->field.len == 5)
		return resolve_early(context, instance, import, out);
	return rules.is_late_missing ? NB_NOT_FOUND : resolve(instance, import, &site->late, out);
}

/* A module with its template, as publishing makes it. */
static struct code_module *
publish(const uint8_t *bytes, uint64_t len, bool with_data)
{
	struct site sites[2];
	struct store *const stores[2] = { &sites[0].store, &sites[1].store };
	struct code_module *module = NULL;
	uint64_t at, size;

	memset(&rules, 0, sizeof rules);
	assert_int_equal(test_publish("module", bytes, len, &module), NB_OK);
	assert_int_equal(store_types_make(&module->wasm, &module->arena, &module->types), NB_OK);
	if (with_data && code_module_data_extent(module, &at, &size))
		assert_int_equal(code_module_make_data(module, at, size), NB_OK);
	template_make(module, resolve_early, NULL, stores);
	return module;
}

static enum nb_status
create(struct site *site, const struct code_module *module, struct instance **out)
{
	diag_init(&t.diag);
	return instance_create(&site->store, module, resolve_all, NULL, &t.diag, out);
}

static struct instance *
make(struct site *site, uintptr_t number, const struct code_module *module)
{
	struct instance *instance;

	site_init(site, number);
	assert_int_equal(create(site, module, &instance), NB_OK);
	assert_int_equal(instance_initialize(instance), NB_TRAP_NONE);
	return instance;
}

/* The call's result, or the trap beyond all results. */
static uint64_t
call(struct site *site, const struct instance *instance, const char *name, uint32_t a, uint32_t b)
{
	struct store empty = t.store;
	uint64_t result = 0;
	enum nb_trap trap;

	/* Calls look types up in this one. */
	t.store = site->store;
	trap = test_call(instance, name, a, b, &result);
	site->store = t.store;
	t.store = empty;
	return trap == NB_TRAP_NONE ? (uint32_t)result : (1ull << 32) + trap;
}

/* All that the two do is the same. */
static void
check_same(struct site *a, const struct instance *x, struct site *b, const struct instance *y)
{
	static const char *const names[] = { "call", "direct", "call", "grow", "call", "direct" };

	for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
		for (uint32_t i = 0; i < 8; i++)
			assert_int_equal(call(a, x, names[k], i, 100 + i),
					 call(b, y, names[k], i, 100 + i));
	}
	assert_int_equal(a->store.reference_count, b->store.reference_count);
	assert_int_equal(a->store.callee_bytes, b->store.callee_bytes);
	assert_int_equal(a->store.type_count, b->store.type_count);
	assert_int_equal(a->store.instance_count, 1);
	assert_int_equal(b->store.instance_count, 1);
	assert_int_equal(a->store.table_count, b->store.table_count);
	if (x->module->wasm.memory_count) {
		assert_int_equal(x->vmctx->memory->length, y->vmctx->memory->length);
		assert_memory_equal((void *)(uintptr_t)x->vmctx->memory_base,
				    (void *)(uintptr_t)y->vmctx->memory_base,
				    x->vmctx->memory->length);
	}
}

/* Copies of the same template beside an instance that was linked, each with its own state. */
static void
check_module(const uint8_t *bytes, uint64_t len, bool with_data, uint32_t asked_each)
{
	struct code_module *module = publish(bytes, len, with_data);
	struct code_module linked = *module;
	struct site *sites = calloc(4, sizeof *sites);
	struct instance *instances[4];

	assert_non_null(sites);
	assert_non_null(module->template);
	linked.template = NULL;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 4; i++) {
			rules.asked = 0;
			instances[i] = make(&sites[i], 7, i < 2 ? &linked : module);
			if (i >= 2)
				assert_int_equal(rules.asked, asked_each);
		}
		check_same(&sites[0], instances[0], &sites[2], instances[2]);
		check_same(&sites[1], instances[1], &sites[3], instances[3]);
		for (int i = 0; i < 4; i++)
			store_destroy(&sites[i].store);
	}
	free(sites);
}

static void
test_settled(void **state)
{
	(void)state;
	check_module(module_settled, module_settled_len, true, 0);
}

/* Without a data image the segments are applied to each copy. */
static void
test_copied_data(void **state)
{
	(void)state;
	check_module(module_settled, module_settled_len, false, 0);
}

static void
test_pending(void **state)
{
	(void)state;
	check_module(module_pending, module_pending_len, true, 1);
}

static void
test_bare(void **state)
{
	(void)state;
	check_module(module_bare, module_bare_len, true, 0);
}

static void
test_large(void **state)
{
	(void)state;
	assert_null(publish(module_large, module_large_len, true)->template);
}

/* Only the first instance of a store is a copy, and a second one finds its own functions. */
static void
test_second(void **state)
{
	struct code_module *module = publish(module_settled, module_settled_len, true);
	struct site site;
	struct instance *first = make(&site, 3, module), *second;

	(void)state;
	assert_false(template_fits(module, &site.store));
	rules.asked = 0;
	assert_int_equal(create(&site, module, &second), NB_OK);
	assert_int_equal(rules.asked, 1);
	assert_int_equal(instance_initialize(second), NB_TRAP_NONE);
	assert_int_equal(call(&site, second, "call", 1, 1), 41);
	assert_int_equal(call(&site, second, "call", 3, 1), 7);
	assert_int_equal(call(&site, second, "call", 1, 1), 42);
	assert_int_equal(call(&site, first, "call", 1, 1), 41);
	assert_int_equal(call(&site, first, "call", 2, 1), 4);
	store_destroy(&site.store);
}

static void
check_empty(const struct site *site, const struct site *before)
{
	assert_ptr_equal(site->store.arena.next, before->store.arena.next);
	assert_null(site->store.instances);
	assert_null(site->store.memories);
	assert_null(site->store.callees);
	assert_int_equal(site->store.reference_count, 1);
	assert_int_equal(site->store.type_count, 0);
	assert_int_equal(t.charged, 0);
}

/* No room for the memory, no such import: the store is empty again, and can be used. */
static void
test_failures(void **state)
{
	struct code_module *module = publish(module_pending, module_pending_len, true);
	struct site site, before;
	struct instance *instance;

	(void)state;
	site_init(&site, 5);
	before = site;
	t.charge_limit = 65535;
	assert_int_equal(create(&site, module, &instance), NB_LIMIT_EXCEEDED);
	check_empty(&site, &before);
	t.charge_limit = UINT64_MAX;
	rules.is_late_missing = true;
	assert_int_equal(create(&site, module, &instance), NB_UNLINKABLE);
	assert_non_null(strstr(t.diag.text, "unknown import: function \"host\" \"late\""));
	check_empty(&site, &before);
	rules.is_late_missing = false;
	assert_int_equal(create(&site, module, &instance), NB_OK);
	assert_int_equal(instance_initialize(instance), NB_TRAP_NONE);
	assert_int_equal(call(&site, instance, "call", 0, 9), 45);
	store_destroy(&site.store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, test_setup, test_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_settled), TEST(test_copied_data), TEST(test_pending),	 TEST(test_bare),
		TEST(test_large),   TEST(test_second),	    TEST(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
