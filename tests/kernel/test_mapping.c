/*
 * Memory objects in linear memories: what guests see, processes that share one,
 * failures on the way. Each test ends with the leak check of the harness.
 */
#include "kernel/init/boot.h"
#include "kernel/mm/account.h"
#include "kernel/object/mapping.h"
#include "kernel/object/memory.h"
#include "tests/kernel/harness.h"

static void
test_alone(void **state)
{
	struct process *process = kernel_process(GUEST(mapping), "mapper");
	uint32_t word = 0;

	(void)state;
	kernel_run_process(process, &word, 1, 0, NB_TRAP_NONE);
}

static void
test_read_only(void **state)
{
	(void)state;
	for (uint32_t word = 1; word <= 4; word += 3) {
		struct process *process = kernel_process(GUEST(mapping), "reader");

		kernel_run_process(process, &word, 1,
				   NB_TRAP_EXIT_BASE + NB_TRAP_MEMORY_OUT_OF_BOUNDS,
				   NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	}
}

/* The two wait for words at different addresses of different memories. */
static void
test_between_processes(void **state)
{
	struct process *players[2];
	struct memory *memory;

	(void)state;
	assert_int_equal(memory_create(boot_account(), 3 * 4096, &memory), NB_OK);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t words[2] = { 2 + i };

		players[i] = kernel_process(GUEST(mapping), i ? "odd" : "even");
		words[1] = kernel_grant(players[i], &memory->object, memory_type.rights);
		kernel_start(players[i], words, 2);
	}
	kernel_run_all(10000, NULL);
	for (uint32_t i = 0; i < 2; i++) {
		kernel_expect_end(players[i], 0, NB_TRAP_NONE);
		object_put(&players[i]->object);
	}
	assert_true(memory->bytes[2 * 4096] >= 200);
	object_put(&memory->object);
}

/* A RAM disk may begin anywhere; what is not pages has no mapping. */
static void
test_no_pages(void **state)
{
	static const _Alignas(4096) uint8_t bytes[3 * 4096];
	struct process *process = kernel_process(GUEST(mapping), "reader");
	const struct mapping_request request = { .len = 4096 };
	struct memory *memory;
	uint32_t at;

	(void)state;
	assert_int_equal(memory_create_view(boot_account(), bytes + 1, 2 * 4096, &memory), NB_OK);
	assert_int_equal(mapping_create(process,
					process->graph.instances[0].instance->vmctx->memory, memory,
					&request, &at),
			 NB_NOT_SUPPORTED);
	object_put(&memory->object);
	process_kill(process, 0);
	kernel_run_all(10000, NULL);
	object_put(&process->object);
}

/* The object outlives the process that pays for it as long as somebody maps it. */
static void
test_creator_gone(void **state)
{
	struct process *player = kernel_process(GUEST(mapping), "even");
	struct account *account;
	const uint64_t limit[ACCOUNT_RESOURCE_COUNT] = { 0 };
	struct memory *memory;
	uint32_t words[2] = { 2 };

	(void)state;
	assert_int_equal(account_create(boot_account(), limit, &account), NB_OK);
	assert_int_equal(memory_create(account, 3 * 4096, &memory), NB_OK);
	account_put(account);
	memory->bytes[2 * 4096] = 199;
	words[1] = kernel_grant(player, &memory->object, memory_type.rights);
	object_put(&memory->object);
	kernel_start(player, words, 2);
	/* Waits for somebody to make 199 even, until the harness kills it. */
	kernel_run_out(50);
	kernel_expect_end(player, -1, NB_TRAP_KILLED);
	object_put(&player->object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_alone),
		kernel_test(test_read_only),
		kernel_test(test_between_processes),
		kernel_test(test_creator_gone),
		kernel_test(test_no_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
