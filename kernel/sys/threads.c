/*
 * Native calls: threads and futexes.
 */
#include "kernel/object/gate.h"
#include "kernel/object/mapping.h"
#include "kernel/object/thread_object.h"
#include "kernel/object/wait.h"
#include "kernel/port/cpu.h"
#include "kernel/port/guest.h"
#include "kernel/sched/futex.h"
#include "kernel/sched/sched.h"
#include "kernel/sys/guest.h"

#include "sys_calls.h"

enum { EXPORT_NAME_MAX = 64 };

/* ---- spawning ---- */

/* Starts the thread and gives the caller a handle to it. A process that cannot
 * have the handle has no thread either. */
static int64_t
spawn(const struct nb_vmctx *vmctx, const struct thread_spawn *given)
{
	struct handle_table *table = &guest_process(vmctx)->handles;
	struct thread_object *thread;
	uint32_t handle;
	enum nb_status status;

	status = thread_object_create(guest_process(vmctx), &thread);
	if (status != NB_OK)
		return guest_result(status);
	status = handle_add(table, &thread->object, thread_type.rights, &handle);
	if (status == NB_OK) {
		status = thread_object_start(thread, given);
		if (status != NB_OK)
			(void)!handle_close(table, handle);
	}
	object_put(&thread->object);
	return status == NB_OK ? (int64_t)handle : guest_result(status);
}

int64_t
sys_thread_spawn(struct nb_vmctx *vmctx, uint32_t table_index, uint32_t argument, uint32_t stack)
{
	struct thread_spawn given = {
		.function_of = vmctx->instance,
		.stack_of = vmctx->instance,
		.table_index = table_index,
		.arguments = { argument },
		.stack = stack,
	};

	return spawn(vmctx, &given);
}

int64_t
sys_thread_spawn_export(struct nb_vmctx *vmctx, uint32_t name, uint32_t len, uint32_t first,
			uint32_t second, uint32_t stack)
{
	char text[EXPORT_NAME_MAX];
	struct thread_spawn given = {
		.function_of = guest_process(vmctx)->graph.main,
		.stack_of = vmctx->instance,
		.export = text,
		.export_len = len,
		.arguments = { first, second },
		.stack = stack,
	};
	enum nb_status status = NB_OUT_OF_RANGE;

	if (len <= sizeof text)
		status = guest_copy_in(vmctx, text, name, len);
	return status == NB_OK ? spawn(vmctx, &given) : guest_result(status);
}

/* ---- life ---- */

void
sys_thread_exit(struct nb_vmctx *vmctx, uint32_t result)
{
	struct thread *thread = guest_thread(vmctx);
	bool is_at_home = thread->seat == &thread->home;

	if (is_at_home)
		thread_object_set_result(thread, result);
	guest_unwind(vmctx->thread, is_at_home ? NB_TRAP_KILLED : NB_TRAP_HOST);
}

int64_t
sys_thread_join(struct nb_vmctx *vmctx, uint32_t handle, int64_t deadline_ns)
{
	struct wait_item item = { .wanted = NB_SIGNAL_TERMINATED, .handle = handle };
	struct thread_object *thread;
	struct handle_use use;
	uint32_t ready;
	int64_t result = 0;
	enum nb_status status = guest_handle(vmctx, handle, &thread_type, NB_RIGHT_WAIT, &use);

	if (status != NB_OK)
		return guest_result(status);
	thread = thread_object_of(use.object);
	item.object = use.object;
	spinlock_lock(&thread->lock);
	if (thread->thread == guest_thread(vmctx))
		status = NB_DEADLOCK;
	spinlock_unlock(&thread->lock);
	if (status == NB_OK)
		status = wait_for_signals(&item, 1, &guest_process(vmctx)->handles, deadline_ns,
					  &ready);
	if (status == NB_OK)
		result = thread->result;
	object_put(use.object);
	return status == NB_OK ? result : guest_result(status);
}

int64_t
sys_thread_set_priority(struct nb_vmctx *vmctx, uint32_t handle, uint32_t priority)
{
	struct thread_object *thread;
	struct handle_use use;
	enum nb_status status;

	if (priority == 0 || priority > guest_process(vmctx)->priority)
		return guest_result(NB_OUT_OF_RANGE);
	if (handle == NB_HANDLE_NONE) {
		/* The thread is its caller's, also after the call. */
		if (guest_seat(vmctx)->caller)
			return guest_result(NB_BAD_STATE);
		gate_set_priority(guest_thread(vmctx), priority);
		gate_settle();
		return 0;
	}
	status = guest_handle(vmctx, handle, &thread_type, NB_RIGHT_MANAGE, &use);
	if (status != NB_OK)
		return guest_result(status);
	thread = thread_object_of(use.object);
	spinlock_lock(&thread->lock);
	if (thread->thread)
		gate_set_priority(thread->thread, priority);
	else
		status = NB_BAD_STATE;
	spinlock_unlock(&thread->lock);
	gate_settle();
	object_put(use.object);
	return guest_result(status);
}

void
sys_thread_yield(struct nb_vmctx *vmctx)
{
	(void)vmctx;
	sched_yield_turn();
}

int64_t
sys_thread_sleep(struct nb_vmctx *vmctx, int64_t deadline_ns)
{
	uint64_t deadline = wait_deadline(deadline_ns);

	(void)vmctx;
	while (thread_block(deadline)) {
		if (thread_is_canceled())
			return guest_result(NB_CANCELED);
	}
	return guest_result(port_time_monotonic_ns() < deadline ? NB_TIMED_OUT : NB_OK);
}

/* ---- futexes ---- */

/* Where the word is: of one that several processes map, where it is for all of them, and
 * the object as mapping_home. */
static enum nb_status
futex_word(const struct nb_vmctx *vmctx, uint32_t word, uint64_t *out, struct object **out_object)
{
	if (word % sizeof(uint32_t))
		return NB_INVALID_ARGUMENT;
	enum nb_status status = guest_range(vmctx, word, sizeof(uint32_t), out);

	if (status == NB_OK)
		*out = mapping_home(guest_process(vmctx), *out, out_object);
	return status;
}

int64_t
sys_futex_wait(struct nb_vmctx *vmctx, uint32_t word, uint32_t expected, int64_t deadline_ns)
{
	struct guest_wait wait = {
		.expected = expected,
		.bytes = sizeof expected,
		.deadline_ns = wait_deadline(deadline_ns),
	};
	struct object *object = NULL;
	enum nb_status status = futex_word(vmctx, word, &wait.address, &object);

	if (status == NB_OK)
		status = futex_wait(&wait);
	if (object)
		object_put(object);
	return guest_result(status);
}

int64_t
sys_futex_wake(struct nb_vmctx *vmctx, uint32_t word, uint32_t count)
{
	uint64_t address;
	enum nb_status status = futex_word(vmctx, word, &address, NULL);

	return status == NB_OK ? (int64_t)futex_wake(address, count) : guest_result(status);
}
