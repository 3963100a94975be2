/*
 * Guest programs in the kernel: life and death of processes, waiting, streams,
 * hostile arguments. Each test ends with the leak check of the harness.
 */
#include "kernel/init/boot.h"
#include "kernel/ipc/stream.h"
#include "kernel/mm/account.h"
#include "kernel/object/event.h"
#include "kernel/object/memory.h"
#include "kernel/object/system.h"
#include "tests/kernel/harness.h"

#include <string.h>

static void
test_trap_kinds(void **state)
{
	static const enum nb_trap kinds[] = {
		NB_TRAP_UNREACHABLE,	      NB_TRAP_INTEGER_DIVIDE_BY_ZERO,
		NB_TRAP_MEMORY_OUT_OF_BOUNDS, NB_TRAP_STACK_OVERFLOW,
		NB_TRAP_INDIRECT_CALL_TYPE,
	};

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct process *process = kernel_process(GUEST(trap), "trapper");
		uint32_t word = kinds[i];

		kernel_start(process, &word, 1);
		kernel_run_all(10000, NULL);
		kernel_expect_end(process, NB_TRAP_EXIT_BASE + (int32_t)kinds[i], kinds[i]);
		assert_non_null(process->backtrace);
		assert_non_null(strstr(process->backtrace, nb_trap_text(kinds[i])));
		assert_non_null(strstr(process->backtrace, "offset 0x"));
		object_put(&process->object);
	}
}

static void
test_exit_status(void **state)
{
	struct process *process = kernel_process(GUEST(trap), "exit");
	uint32_t word = 0;

	(void)state;
	kernel_start(process, &word, 1);
	kernel_run_all(10000, NULL);
	kernel_expect_end(process, 17, NB_TRAP_NONE);
	assert_null(process->backtrace);
	object_put(&process->object);
}

static void
test_kill_looping(void **state)
{
	struct process *process = kernel_process(GUEST(spin), "spinner");

	(void)state;
	kernel_start(process, NULL, 0);
	kernel_run_out(20);
	kernel_expect_end(process, -1, NB_TRAP_KILLED);
	assert_non_null(strstr(process->backtrace, "spinner: killed\n  at _start"));
	object_put(&process->object);
}

static void
test_parent(void **state)
{
	struct module *spin = GUEST(spin), *trap = GUEST(trap);
	struct module *personality = GUEST(personality), *client = GUEST(client);
	struct process *process = kernel_process(GUEST(parent), "parent");
	uint32_t words[4];

	(void)state;
	assert_int_equal(object_name_set(&spin->object, "spin-module", 11), NB_OK);
	words[0] = kernel_grant(process, &spin->object, module_type.rights);
	words[1] = kernel_grant(process, &trap->object, module_type.rights);
	words[2] = kernel_grant(process, &personality->object, module_type.rights);
	words[3] = kernel_grant(process, &client->object, module_type.rights);
	object_put(&spin->object);
	object_put(&trap->object);
	object_put(&personality->object);
	object_put(&client->object);
	kernel_run_process(process, words, 4, 0, NB_TRAP_NONE);
}

static void
test_hostile(void **state)
{
	struct module *spin = GUEST(spin);
	struct process *process = kernel_process(GUEST(hostile), "hostile");
	struct object *event, *system;
	struct memory *memory;
	uint32_t words[4];

	(void)state;
	assert_int_equal(event_create(boot_account(), &event), NB_OK);
	assert_int_equal(system_create(boot_account(), &system), NB_OK);
	assert_int_equal(memory_create(boot_account(), 4096, &memory), NB_OK);
	words[0] = kernel_grant(process, event, 0);
	words[1] = kernel_grant(process, &memory->object, NB_RIGHT_READ | NB_RIGHT_INSPECT);
	words[2] = kernel_grant(process, &spin->object, module_type.rights);
	words[3] = kernel_grant(process, system, system_type.rights & ~(uint32_t)NB_RIGHT_MANAGE);
	object_put(event);
	object_put(system);
	object_put(&memory->object);
	object_put(&spin->object);
	kernel_run_process(process, words, 4, 0, NB_TRAP_NONE);
}

static void
test_pipe(void **state)
{
	struct process *ends[2];
	struct stream *writer, *reader;
	uint32_t words[2];

	(void)state;
	assert_int_equal(stream_create(boot_account(), 4093, &writer, &reader), NB_OK);
	for (uint32_t i = 0; i < 2; i++) {
		struct stream *end = i ? reader : writer;

		ends[i] = kernel_process(GUEST(streams), i ? "reader" : "writer");
		words[0] = kernel_grant(ends[i], &end->object, stream_rights(end->end));
		words[1] = i;
		object_put(&end->object);
		kernel_start(ends[i], words, 2);
	}
	kernel_run_all(10000, NULL);
	for (uint32_t i = 0; i < 2; i++) {
		kernel_expect_end(ends[i], 0, NB_TRAP_NONE);
		object_put(&ends[i]->object);
	}
}

/* A guest that needs nothing and tells by its status what went wrong. */
static void
run_alone(struct module *module, const char *name)
{
	kernel_run_process(kernel_process(module, name), NULL, 0, 0, NB_TRAP_NONE);
}

static void
test_ipc(void **state)
{
	(void)state;
	run_alone(GUEST(ipc), "ipc");
}

static void
test_threads(void **state)
{
	(void)state;
	run_alone(GUEST(threads), "threads");
}

static void
test_wake_and_cancel(void **state)
{
	struct process *process[2];
	struct object *event, *other;
	uint32_t words[2];

	(void)state;
	assert_int_equal(event_create(boot_account(), &event), NB_OK);
	assert_int_equal(event_create(boot_account(), &other), NB_OK);
	for (int i = 0; i < 2; i++) {
		process[i] = kernel_process(GUEST(waiter), "waiter");
		words[0] = kernel_grant(process[i], i ? other : event, event_type.rights);
		words[1] = kernel_grant(process[i], other, event_type.rights);
		kernel_start(process[i], words, 2);
	}
	kernel_run_idle();
	assert_int_equal(process[0]->state, NB_PROCESS_RUNNING);
	object_signals_change(event, 0, NB_SIGNAL_USER_0);
	kernel_run_idle();
	assert_int_equal(process[0]->state, NB_PROCESS_RUNNING);
	object_signals_change(event, 0, NB_SIGNAL_SIGNALED);
	process_kill(process[1], 3);
	kernel_run_idle();
	kernel_expect_end(process[0], 23, NB_TRAP_NONE);
	kernel_expect_end(process[1], 3, NB_TRAP_KILLED);
	assert_non_null(strstr(process[1]->backtrace, "_start"));
	object_put(&process[0]->object);
	object_put(&process[1]->object);
	object_put(event);
	object_put(other);
}

/* A process handle that nobody keeps does not keep the process from running. */
static void
test_detached(void **state)
{
	struct process *process = kernel_process(GUEST(trap), "detached");
	uint32_t word = 0;

	(void)state;
	kernel_start(process, &word, 1);
	object_put(&process->object);
	kernel_run_all(10000, NULL);
	assert_int_equal(process_live_count(), 0);
}

/* A kill that comes before the first instruction counts. */
static void
test_kill_before_run(void **state)
{
	struct process *process = kernel_process(GUEST(spin), "spinner");

	(void)state;
	kernel_start(process, NULL, 0);
	process_kill(process, 7);
	kernel_run_all(10000, NULL);
	kernel_expect_end(process, 7, NB_TRAP_KILLED);
	object_put(&process->object);
}

/* Each process holds the only handle to the next; none is ever started. */
static void
test_long_chain(void **state)
{
	enum { LENGTH = 5000 };
	const struct process_options options = { .account = boot_account(),
						 .name = "link",
						 .name_len = 4 };
	struct handle_table table;
	struct process *last = NULL, *process;
	uint32_t handle;

	(void)state;
	for (int i = 0; i < LENGTH; i++) {
		assert_int_equal(process_create(&options, &process), NB_OK);
		if (last) {
			(void)kernel_grant(process, &last->object, 0);
			object_put(&last->object);
		}
		last = process;
	}
	handle_table_init(&table, boot_account());
	assert_int_equal(handle_add(&table, &last->object, 0, &handle), NB_OK);
	object_put(&last->object);
	assert_int_equal(process_live_count(), LENGTH);
	handle_table_close(&table);
	assert_int_equal(process_live_count(), 0);
}

static void
test_depth(void **state)
{
	struct process_options options = { .account = boot_account(),
					   .name = "deep",
					   .name_len = 4 };
	struct process *processes[ACCOUNT_DEPTH_MAX], *beyond;

	(void)state;
	for (int i = 0; i < ACCOUNT_DEPTH_MAX; i++) {
		assert_int_equal(process_create(&options, &processes[i]), NB_OK);
		options.account = processes[i]->account;
	}
	assert_int_equal(process_create(&options, &beyond), NB_LIMIT_EXCEEDED);
	for (int i = 0; i < ACCOUNT_DEPTH_MAX; i++)
		object_put(&processes[i]->object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_exit_status),	   kernel_test(test_trap_kinds),
		kernel_test(test_kill_looping),	   kernel_test(test_parent),
		kernel_test(test_hostile),	   kernel_test(test_pipe),
		kernel_test(test_wake_and_cancel), kernel_test(test_detached),
		kernel_test(test_kill_before_run), kernel_test(test_long_chain),
		kernel_test(test_depth),	   kernel_test(test_ipc),
		kernel_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
