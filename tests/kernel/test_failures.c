/*
 * Every allocation of the kernel made to fail while a guest creates, sends, spawns,
 * links, starts, publishes and maps, and makes gates: from there on all of them, and that
 * one alone. An error to the caller, nothing half done, nothing left behind (the harness
 * looks after each round).
 *
 * Every way to memory leads through here (linked with --wrap), so that the test knows
 * which allocations there are; with NEBULET_SITES=1 it prints where in the kernel.
 */
#include "kernel/init/boot.h"
#include "kernel/mm/account.h"
#include "kernel/mm/heap.h"
#include "kernel/object/resource.h"
#include "kernel/object/system.h"
#include "platform/hosted/account.h"
#include "tests/kernel/harness.h"

#include <stdio.h>
#include <stdlib.h>

enum kind { HEAP, PAGES, KINDS };
enum { SITES_MAX = 400, ROUNDS_MAX = 2000 };

static struct {
	bool is_on;
	enum kind kind;
	bool alone;	 /* only that one fails */
	uint64_t number; /* of the first that fails */
	uint64_t seen[KINDS];
	const void *outer; /* who called the outermost of the wrapped functions */
	const void *sites[KINDS][SITES_MAX];
	uint32_t site_count[KINDS];
} plan;

/* ---- ways to memory ---- */

static void
note_site(enum kind kind, const void *site)
{
	for (uint32_t i = 0; i < plan.site_count[kind]; i++) {
		if (plan.sites[kind][i] == site)
			return;
	}
	assert_true(plan.site_count[kind] < SITES_MAX);
	plan.sites[kind][plan.site_count[kind]++] = site;
}

/* Whether this request is to fail. */
static bool
request(enum kind kind, const void *site)
{
	uint64_t number;

	if (!plan.is_on)
		return false;
	note_site(kind, site);
	number = plan.seen[kind]++;
	return kind == plan.kind && (plan.alone ? number == plan.number : number >= plan.number);
}

void *__real_heap_alloc(size_t size);
void *__wrap_heap_alloc(size_t size);
void *__real_heap_alloc_any(size_t size);
void *__wrap_heap_alloc_any(size_t size);
void *__real_account_alloc(struct account *account, size_t size);
void *__wrap_account_alloc(struct account *account, size_t size);
struct object *
__real_object_alloc(const struct object_type *type, size_t size, struct account *account);
struct object *
__wrap_object_alloc(const struct object_type *type, size_t size, struct account *account);
enum nb_status __real_hosted_account_take(size_t size);
enum nb_status __wrap_hosted_account_take(size_t size);

void *
__wrap_heap_alloc(size_t size)
{
	const void *site = plan.outer ? plan.outer : __builtin_return_address(0);

	return request(HEAP, site) ? NULL : __real_heap_alloc(size);
}

void *
__wrap_heap_alloc_any(size_t size)
{
	const void *site = plan.outer ? plan.outer : __builtin_return_address(0);

	return request(HEAP, site) ? NULL : __real_heap_alloc_any(size);
}

void *
__wrap_account_alloc(struct account *account, size_t size)
{
	const void *outer = plan.outer;
	void *memory;

	if (!outer)
		plan.outer = __builtin_return_address(0);
	memory = __real_account_alloc(account, size);
	plan.outer = outer;
	return memory;
}

struct object *
__wrap_object_alloc(const struct object_type *type, size_t size, struct account *account)
{
	const void *outer = plan.outer;
	struct object *object;

	plan.outer = __builtin_return_address(0);
	object = __real_object_alloc(type, size, account);
	plan.outer = outer;
	return object;
}

enum nb_status
__wrap_hosted_account_take(size_t size)
{
	if (request(PAGES, __builtin_return_address(0)))
		return NB_OUT_OF_MEMORY;
	return __real_hosted_account_take(size);
}

/* ---- rounds ---- */

/* Runs the guest as planned; true if all went well. */
static bool
run_round(void)
{
	struct module *modules[] = { GUEST(trap), GUEST(everyclient), GUEST(personality),
				     GUEST(client) };
	enum { MODULES = sizeof modules / sizeof modules[0] };
	struct process *process = kernel_process(GUEST(failing), "failing");
	uint32_t words[MODULES + 2];
	struct resource *resource;
	struct object *system;
	bool is_done;

	for (uint32_t i = 0; i < MODULES; i++) {
		words[i] = kernel_grant(process, &modules[i]->object, module_type.rights);
		object_put(&modules[i]->object);
	}
	assert_int_equal(system_create(boot_account(), &system), NB_OK);
	assert_int_equal(resource_create_root(boot_account(), &resource), NB_OK);
	words[MODULES] = kernel_grant(process, system, system_type.rights);
	words[MODULES + 1] = kernel_grant(process, &resource->object, resource_type.rights);
	kernel_start(process, words, MODULES + 2);
	object_put(system);
	object_put(&resource->object);
	plan.seen[HEAP] = plan.seen[PAGES] = 0;
	plan.is_on = true;
	kernel_run_until(boot_is_over);
	plan.is_on = false;
	/* Its own memory may be what could not be had. */
	if (process->trap != NB_TRAP_OUT_OF_MEMORY && process->status != 1)
		kernel_expect_end(process, 0, NB_TRAP_NONE);
	is_done = process->status == 0;
	object_put(&process->object);
	return is_done;
}

static void
print_sites(enum kind kind)
{
	for (uint32_t i = 0; getenv("NEBULET_SITES") && i < plan.site_count[kind]; i++)
		(void)printf("site %p\n", plan.sites[kind][i]);
}

/* Until as many succeeded as there are if none fails. */
static void
fail_everywhere(void **state, enum kind kind, bool alone, uint32_t sites)
{
	uint64_t failed = 0, tolerated = 0;

	plan.kind = kind;
	plan.alone = alone;
	for (plan.number = 0;; plan.number++) {
		bool is_done = run_round(), was_reached = plan.seen[kind] > plan.number;

		/* Nothing fails without a cause. */
		assert_true(is_done || was_reached);
		if (!was_reached)
			break;
		failed += !is_done;
		tolerated += is_done;
		assert_int_equal(kernel_teardown(state), 0);
		assert_int_equal(kernel_setup(state), 0);
		assert_true(plan.number < ROUNDS_MAX);
	}
	print_sites(kind);
	(void)printf("%u allocations at %u places, %u failed the guest, %u did without\n",
		     (uint32_t)plan.seen[kind], plan.site_count[kind], (uint32_t)failed,
		     (uint32_t)tolerated);
	assert_true(plan.site_count[kind] >= sites);
}

static void
test_heap(void **state)
{
	fail_everywhere(state, HEAP, false, 38);
}

static void
test_heap_alone(void **state)
{
	fail_everywhere(state, HEAP, true, 38);
}

static void
test_pages(void **state)
{
	fail_everywhere(state, PAGES, false, 4);
}

static void
test_pages_alone(void **state)
{
	fail_everywhere(state, PAGES, true, 4);
}

int
main(int count, char **words)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_heap),
		kernel_test(test_heap_alone),
		kernel_test(test_pages),
		kernel_test(test_pages_alone),
	};

	if (count > 1)
		cmocka_set_test_filter(words[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
