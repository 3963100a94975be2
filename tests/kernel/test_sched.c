/*
 * The scheduler: fairness, lateness, priorities, blocking; the pairing heap.
 *
 * The host may take its processor away from us at any time, so the tests that
 * measure time accept the best of a few attempts.
 */
#include "kernel/init/boot.h"
#include "kernel/mm/account.h"
#include "kernel/object/memory.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/pairing.h"
#include "kernel/sched/sched.h"
#include "tests/kernel/harness.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ATTEMPTS = 5, TICKS = 8, THREADS = 4, NODES = 500 };

/* ---- two loops and a clock ---- */

static struct process *loops[2];
static uint64_t loop_ns[2];

static void
read_loops(void)
{
	for (int i = 0; i < 2; i++)
		loop_ns[i] = process_run_ns(loops[i]);
}

static int
compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* True if this run kept the promises. */
static bool
measure_latency(void)
{
	struct process *ticker = kernel_process(GUEST(ticker), "ticker");
	uint64_t late_ns[TICKS], share;
	struct memory *memory;
	uint32_t handle;

	assert_int_equal(memory_create(boot_account(), sizeof late_ns, &memory), NB_OK);
	handle = kernel_grant(ticker, &memory->object, NB_RIGHT_WRITE);
	for (int i = 0; i < 2; i++)
		loops[i] = kernel_process(GUEST(spin), "loop");
	for (int i = 0; i < 2; i++)
		kernel_start(loops[i], NULL, 0);
	kernel_start(ticker, &handle, 1);
	kernel_run_all(100 * TICKS + 80, read_loops);
	kernel_expect_end(ticker, 0, NB_TRAP_NONE);
	memcpy(late_ns, memory->bytes, sizeof late_ns);
	qsort(late_ns, TICKS, sizeof late_ns[0], compare_u64);
	share = loop_ns[0] * 1000 / (loop_ns[0] + loop_ns[1]);
	(void)printf("late: median %lu us, most %lu us; first loop's share %lu.%lu %%\n",
		     (unsigned long)(late_ns[TICKS / 2] / 1000),
		     (unsigned long)(late_ns[TICKS - 1] / 1000), (unsigned long)(share / 10),
		     (unsigned long)(share % 10));
	object_put(&ticker->object);
	object_put(&memory->object);
	for (int i = 0; i < 2; i++)
		object_put(&loops[i]->object);
	return late_ns[TICKS / 2] <= 1000000 && late_ns[TICKS - 1] <= 20000000 && share >= 470 &&
	       share <= 530;
}

static void
test_latency_and_fairness(void **state)
{
	const struct sched_param urgent = { .sched_priority = 10 }, usual = { 0 };
	bool kept = false;

	(void)state;
	/* Where that is allowed, other programs of the host do not disturb. The
	 * host stops such a process that takes a whole second, so rest between. */
	(void)sched_setscheduler(0, SCHED_FIFO, &urgent);
	for (int i = 0; i < ATTEMPTS && !kept; i++) {
		(void)usleep(200000);
		kept = measure_latency();
	}
	(void)sched_setscheduler(0, SCHED_OTHER, &usual);
	assert_true(kept);
}

/* ---- kernel threads ---- */

static struct {
	uint32_t order[64];
	uint32_t count;
	struct thread *threads[THREADS];
} trace;

static void
note(uint32_t what)
{
	if (trace.count < 64)
		trace.order[trace.count++] = what;
}

static struct thread *
spawn(void (*entry)(void *), uintptr_t argument, uint32_t priority)
{
	struct thread_options options = {
		.account = boot_account(),
		.priority = priority,
		.stack_bytes = 256 * 1024,
		.entry = entry,
		.argument = (void *)argument,
	};
	struct thread *thread;

	assert_int_equal(thread_create(&options, &thread), NB_OK);
	thread_start(thread);
	return thread;
}

static void
note_and_exit(void *argument)
{
	note((uint32_t)(uintptr_t)argument);
	thread_exit();
}

static void
test_priorities(void **state)
{
	(void)state;
	memset(&trace, 0, sizeof trace);
	spawn(note_and_exit, 1, NB_PRIORITY_IDLE);
	spawn(note_and_exit, 2, NB_PRIORITY_NORMAL);
	spawn(note_and_exit, 3, NB_PRIORITY_MAX);
	spawn(note_and_exit, 4, NB_PRIORITY_HIGH);
	kernel_run_idle();
	assert_int_equal(trace.count, 4);
	assert_int_equal(trace.order[0], 3);
	assert_int_equal(trace.order[1], 4);
	assert_int_equal(trace.order[2], 2);
	assert_int_equal(trace.order[3], 1);
}

static void
yield_three_times(void *argument)
{
	for (int i = 0; i < 3; i++) {
		note((uint32_t)(uintptr_t)argument);
		sched_yield_turn();
	}
	thread_exit();
}

/* While others wait, who yields is not the next to run. */
static void
test_yield(void **state)
{
	uint32_t runs[THREADS] = { 0 };

	(void)state;
	memset(&trace, 0, sizeof trace);
	for (uintptr_t i = 0; i < THREADS; i++)
		spawn(yield_three_times, i, NB_PRIORITY_NORMAL);
	kernel_run_idle();
	assert_int_equal(trace.count, 3 * THREADS);
	for (uint32_t i = 0; i < trace.count; i++) {
		uint32_t self = trace.order[i];
		bool is_last = true;

		runs[self]++;
		for (uint32_t k = 0; k < THREADS; k++)
			is_last = is_last && (k == self || runs[k] == 3);
		if (!is_last && i + 1 < trace.count)
			assert_int_not_equal(trace.order[i + 1], self);
	}
}

static void
sleep_and_note(void *argument)
{
	uintptr_t idx = (uintptr_t)argument;
	uint64_t deadline = port_time_monotonic_ns() + (10 - idx) * 3000000;

	while (thread_block(deadline))
		;
	assert_true(port_time_monotonic_ns() >= deadline);
	note((uint32_t)idx);
	thread_exit();
}

static bool
all_noted(void)
{
	return trace.count == THREADS;
}

/* Nobody wakes early (sleep_and_note), and the order is that of the deadlines
 * unless the host slept over several of them. */
static void
test_timeouts(void **state)
{
	bool in_order = false;

	(void)state;
	for (int attempt = 0; attempt < ATTEMPTS && !in_order; attempt++) {
		memset(&trace, 0, sizeof trace);
		for (uintptr_t i = 0; i < THREADS; i++)
			spawn(sleep_and_note, i, NB_PRIORITY_NORMAL);
		sched_run(all_noted);
		in_order = true;
		for (uint32_t i = 0; i < THREADS; i++)
			in_order = in_order && trace.order[i] == THREADS - 1 - i;
	}
	assert_true(in_order);
}

static void
block_and_note(void *argument)
{
	assert_true(thread_block(UINT64_MAX));
	note((uint32_t)(uintptr_t)argument);
	assert_true(thread_block(UINT64_MAX));
	note(10 + (uint32_t)(uintptr_t)argument);
	thread_exit();
}

/* A wake that comes before the block is not lost, and counts once. */
static void
test_wake_permit(void **state)
{
	struct thread *thread = spawn(block_and_note, 1, NB_PRIORITY_NORMAL);

	(void)state;
	memset(&trace, 0, sizeof trace);
	thread_wake(thread);
	thread_wake(thread);
	kernel_run_idle();
	assert_int_equal(trace.count, 1);
	thread_wake(thread);
	kernel_run_idle();
	assert_int_equal(trace.count, 2);
	assert_int_equal(trace.order[1], 11);
	assert_int_equal(thread_live_count(), 0);
}

static void
test_past_deadline(void **state)
{
	(void)state;
	memset(&trace, 0, sizeof trace);
	spawn(sleep_and_note, 10, NB_PRIORITY_NORMAL);
	kernel_run_idle();
	assert_int_equal(trace.count, 1);
}

/* ---- pairing heap ---- */

static void
test_pairing(void **state)
{
	static struct pairing_node nodes[NODES];
	struct pairing heap = { NULL };
	uint32_t seed = 12345, inside = 0;
	uint64_t last = 0;

	(void)state;
	memset(nodes, 0, sizeof nodes);
	for (int step = 0; step < 20000; step++) {
		struct pairing_node *node;
		struct pairing_node *first;

		seed = seed * 1664525 + 1013904223;
		node = &nodes[(seed >> 8) % NODES];
		if (pairing_contains(node)) {
			pairing_remove(&heap, node);
			inside--;
		} else {
			node->key = seed >> 20;
			pairing_insert(&heap, node);
			inside++;
		}
		first = pairing_first(&heap);
		assert_true((first == NULL) == (inside == 0));
		for (int i = 0; step % 100 == 0 && i < NODES; i++) {
			if (pairing_contains(&nodes[i]))
				assert_true(first->key <= nodes[i].key);
		}
	}
	while (pairing_first(&heap)) {
		struct pairing_node *first = pairing_first(&heap);

		assert_true(first->key >= last);
		last = first->key;
		pairing_remove(&heap, first);
		inside--;
	}
	assert_int_equal(inside, 0);
}

/* ---- run queues ---- */

enum { QUEUED = 12 };

/* What a queue has to give, found by looking at all. */
static uint64_t
least_key(const struct pairing_node *nodes)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < QUEUED; i++) {
		if (pairing_contains(&nodes[i]) && nodes[i].key < least)
			least = nodes[i].key;
	}
	return least;
}

/* The list is in order, and leads back from its end. */
static void
check_list(const struct run_queue *queue)
{
	struct pairing_node *const *place = &queue->list;

	for (; *place; place = &(*place)->next) {
		assert_ptr_equal((*place)->place, place);
		assert_ptr_equal((*place)->child, *place);
		assert_true(!(*place)->next || (*place)->key <= (*place)->next->key);
	}
	assert_ptr_equal(queue->end, place);
}

/* Nodes come and go anywhere, and take turns, the last one mostly behind all others, as
 * who gives way does; at each step the first has the least key. */
static void
test_run_queue(void **state)
{
	static struct pairing_node nodes[QUEUED];
	struct run_queue queue;
	uint32_t seed = 4711, turns = 0, rotated = 0;

	(void)state;
	memset(nodes, 0, sizeof nodes);
	run_queue_init(&queue);
	for (int step = 0; step < 200000; step++) {
		struct pairing_node *first = run_queue_first(&queue), *node;

		seed = seed * 1664525 + 1013904223;
		node = &nodes[(seed >> 8) % QUEUED];
		if (pairing_contains(node)) {
			if (seed >> 28 == 0)
				run_queue_remove(&queue, node);
		} else if (first && seed >> 28 > 1) {
			node->key = first->key + (seed >> 12) % (seed >> 31 ? 65536 : 4096);
			turns++;
			if (run_queue_rotates(&queue, first, node->key)) {
				run_queue_rotate(&queue, first, node);
				rotated++;
			} else {
				run_queue_remove(&queue, first);
				run_queue_insert(&queue, node);
			}
			assert_false(pairing_contains(first));
		} else {
			node->key = (first ? first->key : 0) + (seed >> 12) % 4096;
			run_queue_insert(&queue, node);
		}
		first = run_queue_first(&queue);
		assert_int_equal(first ? first->key : UINT64_MAX, least_key(nodes));
		check_list(&queue);
	}
	assert_true(rotated > 1000 && rotated < turns);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_priorities),	  kernel_test(test_yield),
		kernel_test(test_timeouts),	  kernel_test(test_wake_permit),
		kernel_test(test_past_deadline),  cmocka_unit_test(test_pairing),
		cmocka_unit_test(test_run_queue), kernel_test(test_latency_and_fairness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
