/*
 * Handles, signals, waits, streams, memory objects and accounts, without
 * guests, and with every allocation made to fail once.
 */
#include "kernel/init/boot.h"
#include "kernel/ipc/stream.h"
#include "kernel/mm/account.h"
#include "kernel/mm/heap.h"
#include "kernel/object/event.h"
#include "kernel/object/memory.h"
#include "kernel/object/trap_log.h"
#include "kernel/object/wait.h"
#include "kernel/port/cpu.h"
#include "kernel/port/memory.h"
#include "kernel/sched/sched.h"
#include "platform/hosted/hosted.h"
#include "tests/kernel/harness.h"

#include <stdio.h>
#include <string.h>

static struct object *
new_event(void)
{
	struct object *event;

	assert_int_equal(event_create(boot_account(), &event), NB_OK);
	return event;
}

static uint64_t
address_of(const void *bytes)
{
	return (uint64_t)(uintptr_t)bytes;
}

/* ---- handles ---- */

static void
test_handle_rights(void **state)
{
	struct handle_table table;
	struct object *event = new_event();
	struct handle_use use;
	uint32_t handle, renewed;

	(void)state;
	handle_table_init(&table, boot_account());
	assert_int_equal(handle_add(&table, event, NB_RIGHT_WAIT | NB_RIGHT_SIGNAL, &handle),
			 NB_OK);
	assert_int_not_equal(handle, NB_HANDLE_NONE);
	assert_int_equal(handle_use(&table, handle, &event_type, NB_RIGHT_WAIT, &use), NB_OK);
	assert_ptr_equal(use.object, event);
	assert_int_equal(use.rights, NB_RIGHT_WAIT | NB_RIGHT_SIGNAL);
	object_put(use.object);
	assert_int_equal(handle_use(&table, handle, &event_type, NB_RIGHT_READ, &use),
			 NB_ACCESS_DENIED);
	assert_int_equal(handle_use(&table, handle, &memory_type, NB_RIGHT_READ, &use),
			 NB_WRONG_TYPE);
	assert_int_equal(handle_renew(&table, handle, 0, &renewed), NB_OK);
	assert_int_equal(handle_use(&table, handle, NULL, 0, &use), NB_BAD_HANDLE);
	assert_int_equal(handle_use(&table, renewed, NULL, NB_RIGHT_WAIT, &use), NB_ACCESS_DENIED);
	assert_int_equal(handle_close(&table, renewed), NB_OK);
	assert_int_equal(handle_close(&table, renewed), NB_BAD_HANDLE);
	assert_int_equal(event->handles, 0);
	handle_table_close(&table);
	assert_int_equal(handle_add(&table, event, 0, &handle), NB_CANCELED);
	object_put(event);
}

/* A number does not come back for a long time, however it is provoked. */
static void
test_handle_generations(void **state)
{
	enum { OPEN = 100, ROUNDS = 20000 };
	static uint32_t stale[ROUNDS];
	struct handle_table table;
	struct object *event = new_event();
	struct handle_use use;
	uint32_t handles[OPEN];

	(void)state;
	handle_table_init(&table, boot_account());
	for (uint32_t i = 0; i < OPEN; i++)
		assert_int_equal(handle_add(&table, event, 0, &handles[i]), NB_OK);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		stale[i] = handles[i % OPEN];
		assert_int_equal(handle_close(&table, stale[i]), NB_OK);
		assert_int_equal(handle_add(&table, event, 0, &handles[i % OPEN]), NB_OK);
	}
	for (uint32_t i = 0; i < ROUNDS; i++)
		assert_int_equal(handle_use(&table, stale[i], NULL, 0, &use), NB_BAD_HANDLE);
	for (uint32_t i = 0; i < 70000; i++)
		assert_int_equal(handle_use(&table, i * 61, NULL, 0x10000, &use), NB_BAD_HANDLE);
	assert_int_equal(event->handles, OPEN);
	handle_table_close(&table);
	assert_int_equal(event->handles, 0);
	object_put(event);
}

/* Nor by replacing. */
static void
test_handle_replaced(void **state)
{
	enum { ROUNDS = 300000 };
	struct handle_table table;
	struct object *event = new_event();
	uint32_t first, handle;

	(void)state;
	handle_table_init(&table, boot_account());
	assert_int_equal(handle_add(&table, event, 0, &first), NB_OK);
	handle = first;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		assert_int_equal(handle_renew(&table, handle, 0, &handle), NB_OK);
		assert_int_not_equal(handle, first);
	}
	assert_int_equal(event->handles, 1);
	handle_table_close(&table);
	object_put(event);
}

static void
test_handle_limits(void **state)
{
	const uint64_t limit[ACCOUNT_RESOURCE_COUNT] = { 0, 5 };
	struct handle_table table;
	struct object *event = new_event();
	struct account *account;
	uint32_t handles[6];

	(void)state;
	assert_int_equal(account_create(boot_account(), limit, &account), NB_OK);
	handle_table_init(&table, account);
	for (int i = 0; i < 5; i++)
		assert_int_equal(handle_add(&table, event, 0, &handles[i]), NB_OK);
	assert_int_equal(handle_add(&table, event, 0, &handles[5]), NB_LIMIT_EXCEEDED);
	assert_int_equal(handle_close(&table, handles[2]), NB_OK);
	assert_int_equal(handle_add(&table, event, 0, &handles[5]), NB_OK);
	handle_table_close(&table);
	account_put(account);
	object_put(event);
}

static void
test_handle_capacity(void **state)
{
	struct handle_table table;
	struct object *event = new_event();
	static uint32_t handles[HANDLE_SLOTS_MAX + 1];
	uint32_t count = 0;

	(void)state;
	handle_table_init(&table, boot_account());
	while (handle_add(&table, event, 0, &handles[count]) == NB_OK)
		count++;
	assert_int_equal(count, HANDLE_SLOTS_MAX);
	assert_int_equal(handle_add(&table, event, 0, &handles[count]), NB_LIMIT_EXCEEDED);
	/* When generations could come round the last ones are spared. */
	for (uint32_t i = 0; i < HANDLE_CALM; i++)
		assert_int_equal(handle_close(&table, handles[i]), NB_OK);
	count = 0;
	while (handle_add(&table, event, 0, &handles[count]) == NB_OK)
		count++;
	assert_int_equal(count, HANDLE_CALM - HANDLE_SPARE);
	assert_int_equal(handle_renew(&table, handles[0], 0, &handles[0]), NB_LIMIT_EXCEEDED);
	assert_int_equal(handle_close(&table, handles[0]), NB_OK);
	handle_table_close(&table);
	object_put(event);
}

/* ---- accounts ---- */

static void
test_account_tree(void **state)
{
	const uint64_t wide[ACCOUNT_RESOURCE_COUNT] = { 10000, 0 };
	const uint64_t narrow[ACCOUNT_RESOURCE_COUNT] = { 6000, 0 };
	struct account *parent, *a, *b;
	uint64_t before = boot_account()->used[ACCOUNT_MEMORY];

	(void)state;
	assert_int_equal(account_create(boot_account(), wide, &parent), NB_OK);
	assert_int_equal(account_create(parent, narrow, &a), NB_OK);
	assert_int_equal(account_create(parent, narrow, &b), NB_OK);
	assert_int_equal(account_charge(a, ACCOUNT_MEMORY, 6001), NB_LIMIT_EXCEEDED);
	assert_int_equal(account_charge(a, ACCOUNT_MEMORY, 6000), NB_OK);
	assert_int_equal(account_charge(a, ACCOUNT_MEMORY, 1), NB_LIMIT_EXCEEDED);
	/* The parent refuses, and b is left as it was. */
	assert_int_equal(account_charge(b, ACCOUNT_MEMORY, 5000), NB_LIMIT_EXCEEDED);
	assert_int_equal(b->used[ACCOUNT_MEMORY], 0);
	assert_int_equal(account_charge(b, ACCOUNT_MEMORY, UINT64_MAX), NB_LIMIT_EXCEEDED);
	assert_null(account_alloc(b, 5000));
	account_uncharge(a, ACCOUNT_MEMORY, 6000);
	assert_int_equal(account_charge(b, ACCOUNT_MEMORY, 5000), NB_OK);
	account_uncharge(b, ACCOUNT_MEMORY, 5000);
	assert_int_equal(a->peak[ACCOUNT_MEMORY], 6000);
	/* The parent outlives its owner's reference. */
	account_put(parent);
	account_put(a);
	account_put(b);
	assert_int_equal(boot_account()->used[ACCOUNT_MEMORY], before);
}

/* ---- the heap ---- */

static void
test_heap(void **state)
{
	enum { BLOCKS = 400 };
	static struct {
		uint8_t *bytes;
		size_t size;
		uint8_t fill;
	} blocks[BLOCKS];
	uint32_t seed = 99;

	(void)state;
	memset(blocks, 0, sizeof blocks);
	for (int step = 0; step < 20000; step++) {
		size_t idx, at;

		seed = seed * 1664525 + 1013904223;
		idx = (seed >> 8) % BLOCKS;
		for (at = 0; at < blocks[idx].size; at++)
			assert_int_equal(blocks[idx].bytes[at], blocks[idx].fill);
		heap_free(blocks[idx].bytes, blocks[idx].size);
		blocks[idx].size = (seed >> 16) % (step % 50 ? 700 : 20000);
		blocks[idx].bytes = heap_alloc(blocks[idx].size);
		assert_non_null(blocks[idx].bytes);
		assert_int_equal((uintptr_t)blocks[idx].bytes % 16, 0);
		for (at = 0; at < blocks[idx].size; at++)
			assert_int_equal(blocks[idx].bytes[at], 0);
		blocks[idx].fill = (uint8_t)step;
		memset(blocks[idx].bytes, blocks[idx].fill, blocks[idx].size);
	}
	for (int i = 0; i < BLOCKS; i++)
		heap_free(blocks[i].bytes, blocks[i].size);
}

/* ---- waits ---- */

static struct {
	struct wait_item items[8];
	uint32_t count;
	struct handle_table *table; /* of the items' handles; NULL: none */
	int64_t deadline_ns;
	enum nb_status status;
	uint32_t ready;
	bool is_done;
} waiting;

static void
waiter_main(void *unused)
{
	(void)unused;
	waiting.status = wait_for_signals(waiting.items, waiting.count, waiting.table,
					  waiting.deadline_ns, &waiting.ready);
	waiting.is_done = true;
	thread_exit();
}

static bool
wait_is_done(void)
{
	return waiting.is_done;
}

static void
start_waiter(void)
{
	struct thread_options options = {
		.account = boot_account(),
		.priority = NB_PRIORITY_NORMAL,
		.stack_bytes = 256 * 1024,
		.entry = waiter_main,
	};
	struct thread *thread;

	waiting.is_done = false;
	assert_int_equal(thread_create(&options, &thread), NB_OK);
	thread_start(thread);
	kernel_run_idle();
}

static void
test_wait_many(void **state)
{
	struct object *events[8];

	(void)state;
	waiting.count = 8;
	waiting.deadline_ns = INT64_MAX;
	for (int i = 0; i < 8; i++) {
		events[i] = new_event();
		waiting.items[i] = (struct wait_item){ events[i], NB_SIGNAL_USER_1, 0, 0 };
	}
	start_waiter();
	object_signals_change(events[7], 0, NB_SIGNAL_USER_2);
	kernel_run_idle();
	assert_false(waiting.is_done);
	object_signals_change(events[3], 0, NB_SIGNAL_USER_1);
	object_signals_change(events[5], 0, NB_SIGNAL_USER_1 | NB_SIGNAL_SIGNALED);
	kernel_run_idle();
	assert_true(waiting.is_done);
	assert_int_equal(waiting.status, NB_OK);
	assert_int_equal(waiting.ready, 2);
	assert_int_equal(waiting.items[5].seen, NB_SIGNAL_USER_1 | NB_SIGNAL_SIGNALED);
	assert_int_equal(waiting.items[7].seen, NB_SIGNAL_USER_2);
	for (int i = 0; i < 8; i++) {
		assert_true(list_is_empty(&events[i]->observers));
		object_put(events[i]);
	}
}

static void
test_wait_timeout(void **state)
{
	struct object *event = new_event();
	uint64_t begin = port_time_monotonic_ns();

	(void)state;
	waiting.count = 1;
	waiting.items[0] = (struct wait_item){ event, NB_SIGNAL_USER_1, 0, 0 };
	waiting.deadline_ns = (int64_t)begin + 5000000;
	start_waiter();
	assert_false(waiting.is_done);
	sched_run(wait_is_done);
	assert_int_equal(waiting.status, NB_TIMED_OUT);
	assert_true(port_time_monotonic_ns() >= begin + 5000000);
	object_put(event);
}

static enum nb_status
give_nothing(void *unused)
{
	(void)unused;
	return NB_OK;
}

static enum nb_status
refuse_all(void *unused)
{
	(void)unused;
	return NB_SHOULD_WAIT;
}

/* A wait ends when the handle goes by which it waits, however it goes, and with no other's. */
static void
test_wait_handle_goes(void **state)
{
	const uint32_t rights = event_type.rights;
	struct handle_table table, others;
	struct object *event = new_event();
	struct handle_entry entry;
	uint32_t handle, other, elsewhere;

	(void)state;
	handle_table_init(&table, boot_account());
	handle_table_init(&others, boot_account());
	assert_int_equal(handle_add(&others, event, rights, &elsewhere), NB_OK);
	waiting.count = 1;
	waiting.table = &table;
	waiting.deadline_ns = INT64_MAX;
	for (int way = 0; way < 4; way++) {
		assert_int_equal(handle_add(&table, event, rights, &handle), NB_OK);
		assert_int_equal(handle_add(&table, event, rights, &other), NB_OK);
		waiting.items[0] = (struct wait_item){ event, NB_SIGNAL_USER_1, .handle = handle };
		/* Already gone when the wait begins. */
		if (way == 3)
			assert_int_equal(handle_close(&table, handle), NB_OK);
		start_waiter();
		if (way != 3) {
			assert_int_equal(handle_close(&table, other), NB_OK);
			assert_int_equal(handle_close(&others, elsewhere), NB_OK);
			assert_int_equal(handle_add(&others, event, rights, &elsewhere), NB_OK);
			assert_int_equal(
				handle_move_out(&table, &handle, 1, &entry, refuse_all, NULL),
				NB_SHOULD_WAIT);
			kernel_run_idle();
			assert_false(waiting.is_done);
		}
		if (way == 0)
			assert_int_equal(handle_close(&table, handle), NB_OK);
		if (way == 1)
			assert_int_equal(handle_renew(&table, handle, rights, &handle), NB_OK);
		if (way == 2) {
			assert_int_equal(
				handle_move_out(&table, &handle, 1, &entry, give_nothing, NULL),
				NB_OK);
			object_handle_put(entry.object);
		}
		kernel_run_idle();
		assert_true(waiting.is_done);
		assert_int_equal(waiting.status, NB_BAD_HANDLE);
		assert_true(list_is_empty(&event->observers));
	}
	waiting.table = NULL;
	handle_table_close(&table);
	handle_table_close(&others);
	object_put(event);
}

/* ---- streams ---- */

static void
test_stream_model(void **state)
{
	enum { CAPACITY = 37, STEPS = 20000 };
	struct stream *writer, *reader;
	uint8_t put[64], got[64], expected = 0, next = 0;
	uint32_t seed = 7, held = 0, moved;

	(void)state;
	assert_int_equal(stream_create(boot_account(), CAPACITY, &writer, &reader), NB_OK);
	for (int step = 0; step < STEPS; step++) {
		uint32_t len;

		seed = seed * 1664525 + 1013904223;
		len = 1 + (seed >> 9) % 60;
		if (seed >> 31) {
			for (uint32_t i = 0; i < len; i++)
				put[i] = (uint8_t)(next + i);
			if (held == CAPACITY) {
				assert_int_equal(stream_write(writer, address_of(put), len, &moved),
						 NB_SHOULD_WAIT);
				continue;
			}
			assert_int_equal(stream_write(writer, address_of(put), len, &moved), NB_OK);
			assert_int_equal(moved, len < CAPACITY - held ? len : CAPACITY - held);
			next = (uint8_t)(next + moved);
			held += moved;
		} else if (held) {
			assert_int_equal(stream_read(reader, address_of(got), len, &moved), NB_OK);
			assert_int_equal(moved, len < held ? len : held);
			for (uint32_t i = 0; i < moved; i++)
				assert_int_equal(got[i], expected++);
			held -= moved;
		}
		assert_int_equal(!!(object_signals(&reader->object) & NB_SIGNAL_READABLE),
				 held > 0);
		assert_int_equal(!!(object_signals(&writer->object) & NB_SIGNAL_WRITABLE),
				 held < CAPACITY);
	}
	object_put(&reader->object);
	object_put(&writer->object);
}

/* ---- the last traps ---- */

/* A process of that name that ends at once: by the trap or, if there is none, a kill. */
static uint64_t
end_process(const char *name, enum nb_trap trap)
{
	struct process_options options = { .account = boot_account(),
					   .name = name,
					   .name_len = strlen(name) };
	struct process *process;
	uint64_t id;

	assert_int_equal(process_create(&options, &process), NB_OK);
	id = process->object.id;
	if (trap == NB_TRAP_NONE)
		process_kill(process, 1);
	else
		process_fault(process, trap, NULL);
	assert_int_equal(process->state, NB_PROCESS_ENDED);
	object_put(&process->object);
	return id;
}

static void
test_last_traps(void **state)
{
	enum { ENDS = TRAP_LOG_ENTRIES + 5 };
	struct nb_trap_entry entry = { 0 };
	uint64_t before, ids[ENDS];
	char name[8];

	(void)state;
	while (trap_log_next(entry.sequence, &entry) == NB_OK)
		;
	before = entry.sequence;
	for (uint32_t i = 0; i < ENDS; i++) {
		(void)snprintf(name, sizeof name, "p%u", (unsigned)i);
		ids[i] = end_process(name, i % 2 ? NB_TRAP_UNREACHABLE : NB_TRAP_STACK_OVERFLOW);
		(void)end_process("killed", NB_TRAP_NONE);
		assert_int_equal(trap_log_next(before + i, &entry), NB_OK);
		assert_int_equal(entry.sequence, before + i + 1);
		assert_int_equal(entry.process, ids[i]);
		assert_int_equal(entry.trap, i % 2 ? NB_TRAP_UNREACHABLE : NB_TRAP_STACK_OVERFLOW);
		assert_int_equal(entry.name_len, strlen(name));
		assert_string_equal((const char *)entry.name, name);
		assert_int_equal(trap_log_next(entry.sequence, &entry), NB_NOT_FOUND);
	}
	/* Only the last ones are kept, and told in their order. */
	entry.sequence = 0;
	for (uint32_t i = ENDS - TRAP_LOG_ENTRIES; i < ENDS; i++) {
		uint64_t time_ns = entry.time_ns;

		assert_int_equal(trap_log_next(entry.sequence, &entry), NB_OK);
		assert_int_equal(entry.process, ids[i]);
		assert_int_equal(entry.sequence, before + i + 1);
		assert_true(i == ENDS - TRAP_LOG_ENTRIES || entry.time_ns >= time_ns);
	}
	assert_int_equal(trap_log_next(entry.sequence, &entry), NB_NOT_FOUND);
	assert_int_equal(trap_log_next(UINT64_MAX, &entry), NB_NOT_FOUND);
}

/* ---- allocation failures ---- */

/* Builds and destroys one of everything; true if all allocations succeeded. */
static bool
try_everything(void)
{
	const uint64_t no_limit[ACCOUNT_RESOURCE_COUNT] = { 0 };
	struct process_options options = { .account = boot_account(), .name = "p", .name_len = 1 };
	struct handle_table table;
	struct stream *writer, *reader;
	struct memory *memory;
	struct object *event;
	struct account *account;
	struct process *process;
	uint32_t handle;
	bool complete = false;

	if (account_create(boot_account(), no_limit, &account) != NB_OK)
		return false;
	handle_table_init(&table, account);
	if (event_create(account, &event) == NB_OK) {
		if (object_name_set(event, "name", 4) == NB_OK &&
		    handle_add(&table, event, 0, &handle) == NB_OK &&
		    stream_create(account, 5000, &writer, &reader) == NB_OK) {
			object_put(&writer->object);
			object_put(&reader->object);
			if (memory_create(account, 10000, &memory) == NB_OK) {
				object_put(&memory->object);
				if (process_create(&options, &process) == NB_OK) {
					complete =
						process_grant(process, event, 0, &handle) == NB_OK;
					object_put(&process->object);
				}
			}
		}
		object_put(event);
	}
	handle_table_close(&table);
	account_put(account);
	return complete;
}

static void
test_heap_failures(void **state)
{
	(void)state;
	/* Account, event, name, handles, stream, memory, process … all were hit. */
	assert_true(kernel_fail_each(heap_fail_after, try_everything) > 12);
}

static void
test_page_failures(void **state)
{
	(void)state;
	assert_true(kernel_fail_each(hosted_memory_fail_after, try_everything) > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_handle_rights),
		kernel_test(test_handle_generations),
		kernel_test(test_handle_replaced),
		kernel_test(test_handle_limits),
		kernel_test(test_handle_capacity),
		kernel_test(test_account_tree),
		kernel_test(test_heap),
		kernel_test(test_wait_many),
		kernel_test(test_wait_timeout),
		kernel_test(test_wait_handle_goes),
		kernel_test(test_stream_model),
		kernel_test(test_heap_failures),
		kernel_test(test_page_failures),
		kernel_test(test_last_traps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
