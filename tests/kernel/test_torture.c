/*
 * Processes that do everything to each other at random, and one that calls
 * everything with nonsense, while others are killed at random instants and an
 * invariant checker looks on. The harness finds whatever has not come back.
 *
 * NEBULET_LONG=1 runs the full counts; NEBULET_SEED=N begins with
 * that seed. An argument names the test to be run.
 */
#include "kernel/init/boot.h"
#include "kernel/mm/account.h"
#include "kernel/object/check.h"
#include "kernel/object/memory.h"
#include "kernel/object/resource.h"
#include "kernel/object/system.h"
#include "kernel/port/cpu.h"
#include "kernel/port/memory.h"
#include "kernel/sched/sched.h"
#include "platform/hosted/device.h"
#include "tests/kernel/guests/graph.h"
#include "tests/kernel/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the tormentor ---- */

static struct {
	uint64_t random;
	uint64_t root_id;
	uint32_t looks, kills;
	bool spares; /* kills nobody */
	bool must_stop, has_stopped;
} tormentor;

static uint32_t
random_bits(void)
{
	tormentor.random ^= tormentor.random << 13;
	tormentor.random ^= tormentor.random >> 7;
	tormentor.random ^= tormentor.random << 17;
	return (uint32_t)(tormentor.random >> 20);
}

/* Kills any process but the root. */
static void
kill_one(void)
{
	uint32_t skip = random_bits() % 16;
	struct process *process = process_next(tormentor.root_id), *next;

	while (process && skip--) {
		next = process_next(process->object.id);
		object_put(&process->object);
		process = next;
	}
	if (!process)
		return;
	process_kill(process, 99);
	tormentor.kills++;
	object_put(&process->object);
}

static void
tormentor_main(void *argument)
{
	(void)argument;
	while (!tormentor.must_stop) {
		uint64_t pause_ns = 20000 + random_bits() % 400000;

		(void)thread_block(port_time_monotonic_ns() + pause_ns);
		check_invariants();
		tormentor.looks++;
		if (!tormentor.spares && random_bits() % 2)
			kill_one();
	}
	tormentor.has_stopped = true;
	thread_exit();
}

static struct thread *
tormentor_start(uint64_t seed, bool spares, uint64_t root_id)
{
	struct thread_options options = {
		.account = boot_account(),
		.priority = NB_PRIORITY_MAX,
		.stack_bytes = 256 * 1024,
		.entry = tormentor_main,
	};
	struct thread *thread;

	memset(&tormentor, 0, sizeof tormentor);
	tormentor.random = seed * 2654435761u + 88172645463325252u;
	tormentor.root_id = root_id;
	tormentor.spares = spares;
	assert_int_equal(thread_create(&options, &thread), NB_OK);
	thread_start(thread);
	return thread;
}

static struct process *root;

static bool
root_has_ended(void)
{
	return root->state == NB_PROCESS_ENDED;
}

/* Runs the root process with those words, tormented, to its end. */
static void
run_root(const uint32_t *words, uint32_t count, uint64_t seed, bool spares)
{
	struct thread *thread = tormentor_start(seed, spares, root->object.id);

	kernel_start(root, words, count);
	kernel_run_until(root_has_ended);
	tormentor.must_stop = true;
	if (!tormentor.has_stopped)
		thread_wake(thread);
	process_kill_all(0);
	kernel_run_until(boot_is_over);
	if (root->status != 0)
		(void)printf("%s\n", root->backtrace ? root->backtrace : "");
	kernel_expect_end(root, 0, NB_TRAP_NONE);
	object_put(&root->object);
}

/* As a process of `module`, whose handle is the first word. */
static void
run_tormented(struct module *module, const uint32_t *words, uint32_t count, uint64_t seed)
{
	root = kernel_process(module, "root");
	assert_int_equal(kernel_grant(root, &module->object, module_type.rights), words[0]);
	run_root(words, count, seed, false);
}

static bool
is_long(void)
{
	const char *text = getenv("NEBULET_LONG");

	return text && strcmp(text, "1") == 0;
}

static uint32_t
first_seed(void)
{
	const char *text = getenv("NEBULET_SEED");

	return text ? (uint32_t)strtoul(text, NULL, 0) : 1;
}

/* The number that the module's handle will have in a process without others. */
enum { FIRST_HANDLE = 0x10000 };

static void
test_torture(void **state)
{
	enum { OPERATIONS = 50000, SEEDS = 2, LONG_SEEDS = 20 };
	uint32_t seeds = is_long() ? LONG_SEEDS : SEEDS;

	(void)state;
	for (uint32_t i = 0; i < seeds; i++) {
		uint32_t seed = first_seed() + i;
		uint32_t words[5] = { FIRST_HANDLE, 0, seed, OPERATIONS, 0 };
		struct module *module = GUEST(torture);

		(void)printf("seed %u: ", seed);
		(void)fflush(stdout);
		run_tormented(module, words, 5, seed);
		(void)printf("%u looks, %u kills\n", tormentor.looks, tormentor.kills);
	}
}

enum { CALLS = 40000, CALL_SEEDS = 2, LONG_CALL_SEEDS = 13 };

static void
test_hostile_calls(void **state)
{
	uint32_t seeds = is_long() ? LONG_CALL_SEEDS : CALL_SEEDS;

	(void)state;
	for (uint32_t i = 0; i < seeds; i++) {
		uint32_t seed = first_seed() + i;
		uint32_t words[3] = { FIRST_HANDLE, seed, CALLS };

		(void)printf("seed %u: ", seed);
		(void)fflush(stdout);
		run_tormented(GUEST(fuzz), words, 3, seed);
		(void)printf("%u looks, %u kills\n", tormentor.looks, tormentor.kills);
	}
}

/* With the system object, and with devices, as far as there are any. */
static void
test_hostile_driver_calls(void **state)
{
	const struct nb_resource_info dma = { .kind = NB_RESOURCE_DMA, .count = 65536 };
	struct hosted_devices devices = { .mmio_base = 0x10000000, .mmio_bytes = PORT_PAGE_BYTES };
	uint32_t seeds = is_long() ? LONG_CALL_SEEDS : CALL_SEEDS;
	struct resource *resource, *part;
	struct object *system;
	void *pages;

	(void)state;
	assert_int_equal(resource_create_root(boot_account(), &resource), NB_OK);
	assert_int_equal(resource_divide(resource, boot_account(), &dma, &part), NB_OK);
	assert_int_equal(system_create(boot_account(), &system), NB_OK);
	assert_int_equal(port_shared_pages_get(PORT_PAGE_BYTES, &pages), NB_OK);
	devices.mmio_pages = pages;
	hosted_devices_set(&devices);
	for (uint32_t i = 0; i < seeds; i++) {
		uint32_t seed = first_seed() + i, words[5] = { 0, seed, CALLS };
		struct module *module = GUEST(fuzzdriver), *child = GUEST(fuzz);

		(void)printf("seed %u: ", seed);
		(void)fflush(stdout);
		root = kernel_process(NULL, "root");
		(void)kernel_grant(root, &part->object, resource_type.rights);
		kernel_instantiate(root, module);
		words[0] = kernel_grant(root, &child->object, module_type.rights);
		words[3] = kernel_grant(root, system, system_type.rights);
		words[4] = kernel_grant(root, &resource->object, resource_type.rights);
		object_put(&child->object);
		run_root(words, 5, seed, false);
		(void)printf("%u looks, %u kills\n", tormentor.looks, tormentor.kills);
	}
	hosted_devices_set(NULL);
	port_shared_pages_put(pages, PORT_PAGE_BYTES);
	object_put(system);
	object_put(&part->object);
	object_put(&resource->object);
}

static void
print_counts(const struct memory *memory)
{
	static const char *const names[GRAPH_COUNTS] = { GRAPH_COUNT_NAMES };
	const struct graph_board *board = (const void *)memory->bytes;

	for (uint32_t i = 0; i < GRAPH_COUNTS; i++)
		(void)printf("%s %u, ", names[i], board->counts[i]);
	(void)printf("%u looks\n", tormentor.looks);
}

/* The graph kills its processes itself. */
static void
test_graph(void **state)
{
	enum { OPERATIONS = 50000, SEEDS = 2, LONG_SEEDS = 20 };
	uint32_t seeds = is_long() ? LONG_SEEDS : SEEDS;

	(void)state;
	for (uint32_t i = 0; i < seeds; i++) {
		uint32_t seed = first_seed() + i, words[6] = { 0, 0, 0, 0, seed, OPERATIONS };
		struct module *modules[] = { GUEST(graph), GUEST(graphnode), GUEST(graphbase) };
		struct memory *memory;

		(void)printf("seed %u: ", seed);
		(void)fflush(stdout);
		root = kernel_process(modules[0], "root");
		for (uint32_t k = 1; k < 3; k++) {
			words[k] = kernel_grant(root, &modules[k]->object, module_type.rights);
			object_put(&modules[k]->object);
		}
		assert_int_equal(memory_create(boot_account(), PORT_PAGE_BYTES, &memory), NB_OK);
		words[3] = kernel_grant(root, &memory->object, memory_type.rights);
		run_root(words, 6, seed, true);
		print_counts(memory);
		object_put(&memory->object);
	}
}

int
main(int count, char **words)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_torture),
		kernel_test(test_hostile_calls),
		kernel_test(test_hostile_driver_calls),
		kernel_test(test_graph),
	};

	if (count > 1)
		cmocka_set_test_filter(words[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
