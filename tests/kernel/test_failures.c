/*
 * Every allocation of the kernel made to fail once while a guest creates, sends,
 * spawns, links, starts, publishes and maps, and makes gates: an error to the caller, nothing half done, nothing left
 * behind (the harness looks after each round).
 */
#include "kernel/init/boot.h"
#include "kernel/mm/heap.h"
#include "platform/hosted/hosted.h"
#include "tests/kernel/harness.h"

#include <stdio.h>

/* Runs the guest with the `site`th allocation from its start on failing; true if
 * all went well. */
static bool
run_round(uint64_t site, void (*fail_after)(uint64_t count))
{
	struct module *modules[] = { GUEST(trap), GUEST(everyclient), GUEST(personality),
				     GUEST(client) };
	enum { MODULES = sizeof modules / sizeof modules[0] };
	struct process *process = kernel_process(GUEST(failing), "failing");
	uint32_t words[MODULES];
	bool is_done;

	for (uint32_t i = 0; i < MODULES; i++) {
		words[i] = kernel_grant(process, &modules[i]->object, module_type.rights);
		object_put(&modules[i]->object);
	}
	kernel_start(process, words, MODULES);
	fail_after(site);
	kernel_run_until(boot_is_over);
	fail_after(UINT64_MAX);
	/* Its own memory may be what could not be had. */
	if (process->trap != NB_TRAP_OUT_OF_MEMORY && process->status != 1)
		kernel_expect_end(process, 0, NB_TRAP_NONE);
	is_done = process->status == 0;
	object_put(&process->object);
	return is_done;
}

static uint64_t
fail_everywhere(void **state, void (*fail_after)(uint64_t count))
{
	uint64_t site = 0;

	while (!run_round(site, fail_after)) {
		assert_int_equal(kernel_teardown(state), 0);
		assert_int_equal(kernel_setup(state), 0);
		site++;
		assert_true(site < 2000);
	}
	(void)printf("%u sites\n", (unsigned)site);
	return site;
}

static void
test_heap(void **state)
{
	assert_true(fail_everywhere(state, heap_fail_after) > 40);
}

static void
test_pages(void **state)
{
	assert_true(fail_everywhere(state, hosted_memory_fail_after) > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_heap),
		kernel_test(test_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
