/*
 * Random graphs of processes that call each other through gates while others are
 * killed at random instants; invariants are checked all the time, and in the end
 * everything is back.
 *
 * usage: test_gate_torture [SEED [OPERATIONS]]
 */
#include "kernel/init/boot.h"
#include "kernel/object/check.h"
#include "kernel/object/event.h"
#include "kernel/object/gate_private.h"
#include "kernel/port/cpu.h"
#include "tests/kernel/gate_reference.h"
#include "tests/kernel/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 24, PEERS = 3, OPERATIONS = 20000, ROOTS = 2 };

struct node {
	struct process *process;
	struct gate *gates[2]; /* referenced; NULL: it has not made them yet */
};

static struct {
	uint64_t seed;
	uint32_t operations;
	struct module *module;
	struct object *event;
	struct node nodes[NODES];
	uint64_t calls, kills, checks;
	uint32_t waiting;   /* most waiters seen at once */
	uint64_t inherited; /* threads that had another's priority at a check */
	struct gate_reference reference;
	bool is_done;
} torture = { .seed = 1, .operations = OPERATIONS };

/* cmocka's ways do not lead out of a kernel thread. */
static _Noreturn void __attribute__((format(printf, 1, 2))) give_up(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vprintf(format, arguments);
	(void)printf(" (seed and operations of this run repeat it)\n");
	(void)fflush(stdout);
	abort();
}

#define REQUIRE(condition)                                                            \
	do {                                                                          \
		if (!(condition))                                                     \
			give_up("%s:%d: not so: %s", __FILE__, __LINE__, #condition); \
	} while (0)

static uint32_t
random_below(uint32_t limit)
{
	torture.seed = torture.seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(torture.seed >> 33) % limit;
}

/* ---- invariants of gates ---- */

static void
check_pool(const struct gate_pool *pool)
{
	const struct list_link *link;
	uint32_t waiting = 0;

	check_gate_pool(pool);
	list_for_each(link, &pool->waiters) waiting++;
	torture.waiting = waiting > torture.waiting ? waiting : torture.waiting;
	torture.checks++;
}

static void
check_all(void)
{
	struct gate_reference *reference = &torture.reference;
	const char *problem;

	reference->pool_count = 0;
	for (uint32_t i = 0; i < NODES; i++) {
		for (uint32_t k = 0; k < 2; k++) {
			if (!torture.nodes[i].gates[k])
				continue;
			check_pool(torture.nodes[i].gates[k]->pool);
			gate_reference_add(reference, torture.nodes[i].gates[k]->pool);
		}
	}
	if (!gate_is_settled_locked())
		return;
	problem = gate_reference_compare(reference);
	if (problem)
		give_up("%s", problem);
	for (uint32_t i = 0; i < reference->thread_count; i++)
		torture.inherited += reference->threads[i].priority >
				     reference->threads[i].thread->base_priority;
}

/* ---- nodes ---- */

/* Keeps the gates that the node has made since. */
static void
look_for_gates(struct node *node)
{
	struct handle_table *table = &node->process->handles;
	uint32_t found = 0;

	if (node->gates[0] || node->process->state != NB_PROCESS_RUNNING)
		return;
	for (uint32_t i = 0; i < table->chunk_count * HANDLE_CHUNK_SLOTS && found < 2; i++) {
		struct object *object =
			table->chunks[i / HANDLE_CHUNK_SLOTS][i % HANDLE_CHUNK_SLOTS].object;

		if (object && object->type == &gate_type)
			node->gates[found++] = gate_of(object);
	}
	if (found < 2) {
		node->gates[0] = NULL;
		return;
	}
	object_get(&node->gates[0]->object);
	object_get(&node->gates[1]->object);
}

static void
choose_peers(const struct node *node, struct process_binding bindings[2 * PEERS])
{
	static const char *const names[2][PEERS] = { { "plain0", "plain1", "plain2" },
						     { "rich0", "rich1", "rich2" } };
	const struct node *peer = NULL;

	for (uint32_t i = 0; i < 2 * PEERS; i++) {
		if (i % 2 == 0) {
			do
				peer = &torture.nodes[random_below(NODES)];
			while (!peer->gates[0] || peer == node);
		}
		bindings[i] = (struct process_binding){ .name = "peer",
							.name_len = 4,
							.field = names[i % 2][i / 2],
							.field_len = i % 2 ? 5 : 6,
							.gate = peer->gates[i % 2] };
	}
}

static void
create_node(struct node *node, struct module *module)
{
	static const uint32_t priorities[] = { NB_PRIORITY_IDLE, NB_PRIORITY_NORMAL,
					       NB_PRIORITY_NORMAL, NB_PRIORITY_HIGH };
	struct process_options options = { .account = boot_account(),
					   .name = "node",
					   .name_len = 4,
					   .priority = priorities[random_below(4)],
					   .processor_permille = random_below(3) ? 0 : 500 };
	uint32_t idx, words[4], count = module == torture.module ? 2 * PEERS : 0;
	struct process_binding bindings[2 * PEERS];
	struct process *process;
	struct diag diag;

	if (count)
		choose_peers(node, bindings);
	diag_init(&diag);
	REQUIRE(process_create(&options, &process) == NB_OK);
	if (process_instantiate(process, module, bindings, count, &diag, &idx) != NB_OK)
		give_up("instantiate: %s", diag.text);
	words[0] = random_below(8);
	words[0] = words[0] > 3 ? words[0] % 2 : words[0];
	words[1] = random_below(1u << 31) | 1;
	words[2] = random_below(4) != 0;
	words[3] = kernel_grant(process, torture.event, event_type.rights);
	kernel_start(process, words, 4);
	node->process = process;
}

static void
forget_node(struct node *node)
{
	const struct process *process = node->process;

	if (process->state == NB_PROCESS_ENDED && process->trap == NB_TRAP_NONE &&
	    process->status != 0)
		give_up("a node found something wrong in line %d of its source", process->status);
	for (uint32_t k = 0; k < 2 && node->gates[k]; k++) {
		const struct gate_pool *pool = node->gates[k]->pool;

		/* Gates on its own instance share the pool. */
		for (uint32_t i = 0; i < pool->count && (k == 0 || !pool->server); i++)
			torture.calls += pool->activations[i].port.calls;
		object_put(&node->gates[k]->object);
	}
	object_put(&node->process->object);
	*node = (struct node){ 0 };
}

static void
act(void)
{
	struct node *node = &torture.nodes[ROOTS + random_below(NODES - ROOTS)];

	if (!node->process) {
		create_node(node, torture.module);
	} else if (node->process->state == NB_PROCESS_ENDED) {
		forget_node(node);
	} else if (random_below(3) == 0) {
		torture.kills++;
		process_kill(node->process, 0);
	}
}

static void
driver_main(void *argument)
{
	(void)argument;
	for (uint32_t i = 0; i < torture.operations; i++) {
		(void)thread_block(port_time_monotonic_ns() + random_below(60000));
		for (uint32_t k = 0; k < NODES; k++) {
			if (torture.nodes[k].process)
				look_for_gates(&torture.nodes[k]);
		}
		check_all();
		act();
		check_all();
	}
	for (uint32_t k = 0; k < NODES; k++) {
		if (torture.nodes[k].process)
			process_kill(torture.nodes[k].process, 0);
	}
	torture.is_done = true;
	thread_exit();
}

static bool
is_over(void)
{
	return torture.is_done && process_running_count() == 0;
}

static void
test_torture(void **state)
{
	struct thread_options options = {
		.account = boot_account(),
		.priority = NB_PRIORITY_MAX,
		.stack_bytes = 256 * 1024,
		.entry = driver_main,
	};
	uint64_t seed = torture.seed;
	struct module *root = GUEST(gateroot);
	struct thread *driver;

	(void)state;
	torture.module = GUEST(gatenode);
	assert_int_equal(event_create(boot_account(), &torture.event), NB_OK);
	for (uint32_t i = 0; i < ROOTS; i++)
		create_node(&torture.nodes[i], root);
	kernel_run_idle();
	for (uint32_t i = 0; i < ROOTS; i++) {
		look_for_gates(&torture.nodes[i]);
		assert_non_null(torture.nodes[i].gates[0]);
	}
	assert_int_equal(thread_create(&options, &driver), NB_OK);
	thread_start(driver);
	kernel_run_until(is_over);
	for (uint32_t i = 0; i < NODES; i++) {
		if (torture.nodes[i].process)
			forget_node(&torture.nodes[i]);
	}
	object_put(&root->object);
	object_put(&torture.module->object);
	object_put(torture.event);
	(void)printf(
		"seed %lu: %lu calls, %lu kills, %lu checks, %u waited at once, %lu inherited\n",
		(unsigned long)seed, (unsigned long)torture.calls, (unsigned long)torture.kills,
		(unsigned long)torture.checks, torture.waiting, (unsigned long)torture.inherited);
	assert_true(torture.kills > torture.operations / 20);
	assert_true(torture.inherited > torture.operations / 100);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { kernel_test(test_torture) };

	if (argc > 1)
		torture.seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		torture.operations = (uint32_t)strtoul(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
