/*
 * The kernel core around a test.
 */
#include "tests/kernel/harness.h"

#include "kernel/code/publish.h"
#include "kernel/init/boot.h"
#include "kernel/mm/account.h"
#include "kernel/mm/heap.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/sched.h"
#include "kernel/sys/log.h"
#include "platform/hosted/hosted.h"

#include <stdio.h>
#include <string.h>

int
kernel_setup(void **state)
{
	(void)state;
	log_set_console_level(-1);
	return boot_core_init() == NB_OK ? 0 : -1;
}

static void
print_log(void)
{
	struct nb_log_record record;
	char text[NB_LOG_TEXT_MAX];
	uint64_t sequence = 0;

	while (log_read(sequence, &record, text, sizeof text) == NB_OK) {
		(void)printf("log: %.*s\n", (int)record.len, text);
		sequence = record.sequence + 1;
	}
}

/* cmocka puts its own fault handlers around every function it calls. */
void
kernel_run_until(bool (*done)(void))
{
	hosted_fault_handlers_install();
	sched_run(done);
}

int
kernel_teardown(void **state)
{
	(void)state;
	heap_fail_after(UINT64_MAX);
	hosted_memory_fail_after(UINT64_MAX);
	process_kill_all(0);
	kernel_run_until(boot_is_over);
	if (boot_core_exit() == 0)
		return 0;
	print_log();
	return -1;
}

static bool
always(void)
{
	return true;
}

void
kernel_run_idle(void)
{
	kernel_run_until(always);
}

/* ---- running with a deadline ---- */

struct alarm {
	uint64_t deadline_ns;
	void (*at_deadline)(void);
	bool is_canceled;
	bool is_late;
};

static struct thread *
start_alarm(void (*entry)(void *argument), struct alarm *alarm)
{
	struct thread_options options = {
		.account = boot_account(),
		.priority = NB_PRIORITY_MAX,
		.stack_bytes = 256 * 1024,
		.entry = entry,
		.argument = alarm,
	};
	struct thread *thread;

	assert_int_equal(thread_create(&options, &thread), NB_OK);
	thread_start(thread);
	return thread;
}

static void
alarm_main(void *argument)
{
	struct alarm *alarm = argument;

	while (!alarm->is_canceled && thread_block(alarm->deadline_ns))
		;
	alarm->is_late = !alarm->is_canceled;
	if (alarm->is_late && alarm->at_deadline)
		alarm->at_deadline();
	if (alarm->is_late)
		process_kill_all(-1);
	thread_exit();
}

static bool
no_process_runs(void)
{
	return process_running_count() == 0;
}

void
kernel_run_all(uint32_t ms, void (*at_deadline)(void))
{
	struct alarm alarm = {
		.deadline_ns = port_time_monotonic_ns() + (uint64_t)ms * 1000000,
		.at_deadline = at_deadline,
	};
	struct thread *thread = start_alarm(alarm_main, &alarm);

	kernel_run_until(no_process_runs);
	if (!alarm.is_late) {
		alarm.is_canceled = true;
		thread_wake(thread);
	}
	kernel_run_until(boot_is_over);
	if (!at_deadline)
		assert_false(alarm.is_late);
}

static bool has_run_out;

static void
note_deadline(void)
{
	has_run_out = true;
}

void
kernel_run_out(uint32_t ms)
{
	has_run_out = false;
	kernel_run_all(ms, note_deadline);
	assert_true(has_run_out);
}

static struct alarm run_for_alarm;

static void
run_for_main(void *argument)
{
	struct alarm *alarm = argument;

	while (thread_block(alarm->deadline_ns))
		;
	alarm->at_deadline();
	alarm->is_late = true;
	thread_exit();
}

static bool
has_run_for(void)
{
	return run_for_alarm.is_late;
}

void
kernel_run_for(uint32_t ms, void (*then)(void))
{
	run_for_alarm = (struct alarm){
		.deadline_ns = port_time_monotonic_ns() + (uint64_t)ms * 1000000,
		.at_deadline = then,
	};
	(void)start_alarm(run_for_main, &run_for_alarm);
	kernel_run_until(has_run_for);
}

/* ---- guests ---- */

static struct module *publishing;

static bool
is_published(void)
{
	return module_state(publishing) != NB_MODULE_PUBLISHING;
}

struct module *
kernel_publish(const uint8_t *bytes, size_t len)
{
	struct module_source source = { .bytes = bytes, .len = len };

	assert_int_equal(publish_begin(boot_account(), NB_PRIORITY_NORMAL, &source, &publishing),
			 NB_OK);
	kernel_run_until(is_published);
	if (module_state(publishing) != NB_MODULE_READY)
		fail_msg("publish: %s", publishing->diagnostic);
	return publishing;
}

struct process *
kernel_process(struct module *module, const char *name)
{
	struct process_options options = {
		.account = boot_account(),
		.name = name,
		.name_len = strlen(name),
		.priority = NB_PRIORITY_NORMAL,
	};
	struct process *process;

	assert_int_equal(process_create(&options, &process), NB_OK);
	if (module)
		kernel_instantiate(process, module);
	return process;
}

void
kernel_instantiate(struct process *process, struct module *module)
{
	struct diag diag;
	uint32_t idx;

	diag_init(&diag);
	if (process_instantiate(process, module, NULL, 0, &diag, &idx) != NB_OK)
		fail_msg("instantiate: %s", diag.text);
	object_put(&module->object);
}

uint32_t
kernel_grant(struct process *process, struct object *object, uint32_t rights)
{
	uint32_t handle;

	assert_int_equal(process_grant(process, object, rights, &handle), NB_OK);
	return handle;
}

void
kernel_start(struct process *process, const uint32_t *words, uint32_t count)
{
	uint32_t len = count * (uint32_t)sizeof *words;
	uint8_t *startup = len ? account_alloc(process->account, len) : NULL;

	if (len)
		memcpy(startup, words, len);
	assert_int_equal(process_start(process, 0, startup, len), NB_OK);
}

void
kernel_expect_end(struct process *process, int32_t status, enum nb_trap trap)
{
	if (process->trap != trap && process->backtrace)
		(void)printf("%s", process->backtrace);
	assert_int_equal(process->state, NB_PROCESS_ENDED);
	assert_int_equal(process->status, status);
	assert_int_equal(process->trap, trap);
}

void
kernel_run_process(struct process *process, const uint32_t *words, uint32_t count, int32_t status,
		   enum nb_trap trap)
{
	kernel_start(process, words, count);
	kernel_run_all(10000, NULL);
	kernel_expect_end(process, status, trap);
	object_put(&process->object);
}

uint64_t
kernel_fail_each(void (*fail_after)(uint64_t count), bool (*attempt)(void))
{
	uint64_t count = 0;
	bool is_complete;

	do {
		assert_true(count < 100000);
		heap_trim();
		fail_after(count++);
		is_complete = attempt();
		fail_after(UINT64_MAX);
	} while (!is_complete);
	return count;
}
