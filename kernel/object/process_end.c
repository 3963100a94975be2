/*
 * How processes end: exit, trap and kill decide the exit once; everybody inside
 * is told to leave; the last one out returns what the process had.
 */
#include "kernel/init/panic.h"
#include "kernel/mm/account.h"
#include "kernel/mm/heap.h"
#include "kernel/object/check.h"
#include "kernel/object/gate.h"
#include "kernel/object/mapping.h"
#include "kernel/object/process_private.h"
#include "kernel/object/thread_object.h"
#include "kernel/object/trap_log.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/trace.h"
#include "lib/format.h"
#include "lib/string.h"

/* ---- deciding ---- */

static void
take_trace_locked(struct process *process, struct runtime_backtrace **trace)
{
	process->trace = *trace;
	*trace = NULL;
}

/* Decides the exit, if that is not done. */
static void
decide_locked(struct process *process, int32_t status, enum nb_trap trap,
	      struct runtime_backtrace **trace)
{
	if (process->has_exit)
		return;
	__atomic_store_n(&process->has_exit, true, __ATOMIC_RELEASE);
	process->status = status;
	process->trap = trap;
	if (trace)
		take_trace_locked(process, trace);
}

/* The thread, inside another process, will not come back. */
static void
forget_thread_locked(struct process *process, struct thread *thread)
{
	list_remove(&thread->link);
	list_push_back(&process->detached, &thread->link);
	process->thread_count--;
	process->inside--;
	__atomic_fetch_add(&process->left_run_ns, thread->run_ns, __ATOMIC_RELAXED);
}

/* Tells everybody inside; true if the caller must call process_end, because
 * nobody is. */
static bool
tell_locked(struct process *process)
{
	struct list_link *link, *next;

	if (process->state == NB_PROCESS_CREATED && !process->is_busy) {
		process->state = NB_PROCESS_ENDING;
		return true;
	}
	for (link = process->threads.next; link != &process->threads; link = next) {
		struct thread *thread = list_entry(link, struct thread, link);

		next = link->next;
		thread_set_pending(thread, THREAD_PENDING_DIE);
		if (gate_detach(thread))
			forget_thread_locked(process, thread);
	}
	if (process->state != NB_PROCESS_RUNNING || process->inside)
		return false;
	process->state = NB_PROCESS_ENDING;
	return true;
}

static void
decide_exit(struct process *process, int32_t status, enum nb_trap trap,
	    struct runtime_backtrace **trace)
{
	bool must_end;

	spinlock_lock(&process->lock);
	decide_locked(process, status, trap, trace);
	must_end = tell_locked(process);
	spinlock_unlock(&process->lock);
	gate_process_dying(process);
	if (must_end)
		process_end(process);
}

void
process_kill(struct process *process, int32_t status)
{
	decide_exit(process, status, NB_TRAP_KILLED, NULL);
}

void
process_exit(struct process *process, int32_t status)
{
	decide_exit(process, status, NB_TRAP_NONE, NULL);
}

void
process_fault(struct process *process, enum nb_trap trap, struct runtime_backtrace **trace)
{
	decide_exit(process, NB_TRAP_EXIT_BASE + (int32_t)trap, trap, trace);
}

void
process_kill_all(int32_t status)
{
	struct process *victim;

	while ((victim = process_find_undecided())) {
		process_kill(victim, status);
		object_put(&victim->object);
	}
}

/* ---- inside ---- */

enum nb_status
process_enter(struct process *process)
{
	enum nb_status status = NB_PEER_CLOSED;

	spinlock_lock(&process->lock);
	if (process->state == NB_PROCESS_RUNNING && !process->has_exit) {
		process->inside++;
		status = NB_OK;
	}
	spinlock_unlock(&process->lock);
	return status;
}

void
process_leave(struct process *process)
{
	bool is_last;

	spinlock_lock(&process->lock);
	ASSERT(process->state == NB_PROCESS_RUNNING && process->inside > 0);
	is_last = --process->inside == 0;
	if (is_last) {
		ASSERT(process->has_exit && list_is_empty(&process->threads));
		process->state = NB_PROCESS_ENDING;
	}
	spinlock_unlock(&process->lock);
	if (is_last)
		process_end(process);
}

enum nb_status
process_add_thread(struct process *process, struct thread *thread)
{
	enum nb_status status = NB_BAD_STATE;

	spinlock_lock(&process->lock);
	if (!process->has_exit) {
		if (process->state == NB_PROCESS_CREATED)
			trace(NB_TRACE_PROCESS_START, process->object.id, 0,
			      process->builder ? process->builder->object.id : 0);
		process->state = NB_PROCESS_RUNNING;
		process->inside++;
		process->thread_count++;
		trace(NB_TRACE_THREAD_START, process->object.id, process->thread_count, 0);
		list_push_back(&process->threads, &thread->link);
		status = NB_OK;
	}
	spinlock_unlock(&process->lock);
	return status;
}

/* A killed process's record tells where the first of its threads was then. */
static void
keep_trace_locked(struct process *process, struct thread *thread)
{
	if (!process->trace && process->trap != NB_TRAP_NONE)
		take_trace_locked(process, &thread->trace);
}

void
process_thread_left(struct process *process, enum nb_trap trap)
{
	struct thread *thread = thread_current();

	/* NB_TRAP_KILLED is how exits and kills, decided before, end a thread. */
	if (trap != NB_TRAP_NONE && trap != NB_TRAP_KILLED)
		process_fault(process, trap, &thread->trace);
	sched_account_current();
	trace(NB_TRACE_THREAD_END, process->object.id, trap, thread->run_ns);
	gate_thread_left(thread);
	gate_forget(thread);
	spinlock_lock(&process->lock);
	list_remove(&thread->link);
	process->thread_count--;
	__atomic_fetch_add(&process->left_run_ns, thread->run_ns, __ATOMIC_RELAXED);
	if (list_is_empty(&process->threads))
		decide_locked(process, 0, NB_TRAP_NONE, NULL);
	keep_trace_locked(process, thread);
	spinlock_unlock(&process->lock);
	process_leave(process);
}

/* ---- detached threads ---- */

/* Takes a thread, or any, off the list of detached ones: whoever does gives up what
 * it had here. The thread itself may end at any moment then. */
static bool
take_detached(struct process *process, struct thread *thread, struct thread_object **out)
{
	struct list_link *link;

	spinlock_lock(&process->lock);
	link = thread ? &thread->link : list_first(&process->detached);
	if (link && list_is_empty(link))
		link = NULL;
	if (link) {
		list_remove(link);
		*out = thread_object_of_thread(list_entry(link, struct thread, link));
		if (*out)
			thread_object_lose(*out);
	}
	spinlock_unlock(&process->lock);
	return link != NULL;
}

void
process_paid(struct thread *thread)
{
	uint64_t run_ns = __atomic_load_n(&thread->run_ns, __ATOMIC_RELAXED);

	if (thread->payer)
		__atomic_fetch_add(&process_of(thread->payer)->left_run_ns,
				   run_ns - thread->paid_run_ns, __ATOMIC_RELAXED);
	thread->paid_run_ns = run_ns;
}

void
process_detached_left(struct thread *thread)
{
	struct thread_object *object;

	sched_account_current();
	process_paid(thread);

	if (take_detached(thread->process, thread, &object) && object)
		thread_object_end(object);
}

/* ---- the end ---- */

/* Writes the cause and the frames; returns the length of the whole text. */
static size_t
write_backtrace(struct process *process, char *out, size_t cap)
{
	char name[NB_NAME_MAX + 1];
	size_t len;

	(void)object_name_get(&process->object, name, sizeof name);
	len = format_text(out, cap, "%s: %s\n", name, nb_trap_text(process->trap));
	if (!process->trace)
		return len;
	if (len < cap)
		return len + runtime_backtrace_format(process->trace, out + len, cap - len);
	return len + runtime_backtrace_format(process->trace, NULL, 0);
}

/* Keeps it; without memory, as much as the process's own spare room holds. */
static void
keep_backtrace(struct process *process)
{
	char text[512];
	size_t size = write_backtrace(process, text, sizeof text) + 1;

	process->backtrace = account_alloc(process->object.account, size);
	if (!process->backtrace) {
		process->backtrace = process->spare_backtrace;
		if (size > sizeof process->spare_backtrace)
			size = sizeof process->spare_backtrace;
	}
	process->backtrace_size = size;
	if (size > sizeof text) {
		(void)write_backtrace(process, process->backtrace, size);
		return;
	}
	memcpy(process->backtrace, text, size);
	process->backtrace[size - 1] = 0;
}

/* Ends what this process has begun to build and not started. */
static void
kill_built(struct process *process)
{
	struct process *child;

	while ((child = process_take_built(process))) {
		process_kill(child, 0);
		object_put(&child->object);
		sched_relax();
	}
}

void
process_end(struct process *process)
{
	struct thread_object *object;

	object_get(&process->object);
	process_unlink_builder(process);
	if (process->trap != NB_TRAP_NONE)
		keep_backtrace(process);
	if (process->trap != NB_TRAP_NONE && process->trap != NB_TRAP_KILLED)
		trap_log_add(process);
	heap_delete(process->trace);
	process->trace = NULL;
	handle_table_close(&process->handles);
	kill_built(process);
	while (take_detached(process, NULL, &object)) {
		if (object)
			thread_object_end(object);
	}
	mapping_remove_all(process);
	graph_release(&process->graph);
	account_free(process->account, process->startup, process->startup_len);
	process->startup = NULL;
	process->startup_len = 0;
	process_list_remove(process);
	spinlock_lock(&process->lock);
	process->state = NB_PROCESS_ENDED;
	spinlock_unlock(&process->lock);
	trace(NB_TRACE_PROCESS_END, process->object.id, process->trap, (uint64_t)process->status);
	object_signals_change(&process->object, 0, NB_SIGNAL_TERMINATED);
	object_put(&process->object);
	check_invariants_at_times();
}
