/*
 * Processes: creation, ending, information.
 */
#include "kernel/object/process.h"

#include "kernel/code/module.h"
#include "kernel/init/panic.h"
#include "kernel/mm/account.h"
#include "kernel/object/process_private.h"
#include "kernel/sched/sched.h"
#include "lib/string.h"

static struct {
	struct spinlock lock;
	/* Under the lock: */
	struct list_link all; /* processes that are not ENDED; next NULL: not yet used */
	uint32_t running;
	struct list_link doomed; /* unstarted processes to be ended, by doomed_link */
	bool is_reaping;	 /* somebody is ending the doomed ones */
	uint32_t live;		 /* atomic */
} processes = { .lock = SPINLOCK_INIT(LOCK_RANK_PROCESSES) };

uint32_t
process_running_count(void)
{
	uint32_t count;

	spinlock_lock(&processes.lock);
	count = processes.running;
	spinlock_unlock(&processes.lock);
	return count;
}

uint32_t
process_live_count(void)
{
	return __atomic_load_n(&processes.live, __ATOMIC_RELAXED);
}

static void
lists_prepare_locked(void)
{
	if (processes.all.next)
		return;
	list_init(&processes.all);
	list_init(&processes.doomed);
}

/* ---- creation ---- */

static enum nb_status
charge_store(void *context, uint64_t bytes)
{
	return account_charge(context, ACCOUNT_MEMORY, bytes);
}

static void
uncharge_store(void *context, uint64_t bytes)
{
	account_uncharge(context, ACCOUNT_MEMORY, bytes);
}

static void
process_link(struct process *process, struct process *builder)
{
	spinlock_lock(&processes.lock);
	lists_prepare_locked();
	list_push_back(&processes.all, &process->all_link);
	processes.running++;
	process->builder = builder;
	if (builder)
		list_push_back(&builder->built, &process->built_link);
	spinlock_unlock(&processes.lock);
}

void
process_unlink_builder(struct process *process)
{
	spinlock_lock(&processes.lock);
	process->builder = NULL;
	list_remove(&process->built_link);
	spinlock_unlock(&processes.lock);
}

enum nb_status
process_create(const struct process_options *options, struct process **out)
{
	const uint64_t limit[ACCOUNT_RESOURCE_COUNT] = {
		[ACCOUNT_MEMORY] = options->memory_bytes,
		[ACCOUNT_HANDLES] = options->handles,
	};
	struct process *process =
		process_of(object_alloc(&process_type, sizeof *process, options->account));
	struct store_account store_account;
	enum nb_status status;

	if (!process)
		return NB_OUT_OF_MEMORY;
	__atomic_fetch_add(&processes.live, 1, __ATOMIC_RELAXED);
	list_init(&process->all_link);
	list_init(&process->built_link);
	list_init(&process->doomed_link);
	list_init(&process->built);
	spinlock_init(&process->lock, LOCK_RANK_PROCESS);
	process->state = NB_PROCESS_ENDED;
	process->priority = options->priority;
	status = object_name_set(&process->object, options->name, options->name_len);
	if (status == NB_OK)
		status = account_create(options->account, limit, &process->account);
	if (status != NB_OK) {
		object_put(&process->object);
		return status;
	}
	handle_table_init(&process->handles, process->account);
	store_account = (struct store_account){ charge_store, uncharge_store, process->account };
	store_init(&process->store, &process->account->source, SIZE_MAX, &store_account);
	process->client.memory = &process->no_memory;
	process->state = NB_PROCESS_CREATED;
	process_link(process, options->builder);
	*out = process;
	return NB_OK;
}

/* ---- the right to build ---- */

enum nb_status
process_build_begin(struct process *process)
{
	enum nb_status status = NB_OK;

	spinlock_lock(&process->lock);
	if (process->state != NB_PROCESS_CREATED || process->is_busy || process->has_exit)
		status = NB_BAD_STATE;
	else
		process->is_busy = true;
	spinlock_unlock(&process->lock);
	return status;
}

void
process_build_end(struct process *process)
{
	bool is_killed;

	spinlock_lock(&process->lock);
	process->is_busy = false;
	is_killed = process->has_exit && process->state == NB_PROCESS_CREATED;
	if (is_killed)
		process->state = NB_PROCESS_ENDING;
	spinlock_unlock(&process->lock);
	if (is_killed)
		process_end(process);
}

/* ---- ending ---- */

/* Decides the exit once and tells the thread. True if the caller must call
 * process_end, because there is no thread. */
static bool
process_decide_exit(struct process *process, int32_t status, enum nb_trap trap)
{
	bool must_end = false;

	spinlock_lock(&process->lock);
	if (!process->has_exit) {
		process->has_exit = true;
		process->status = status;
		process->trap = trap;
	}
	if (process->state == NB_PROCESS_CREATED && !process->is_busy) {
		process->state = NB_PROCESS_ENDING;
		must_end = true;
	} else if (process->thread) {
		thread_set_pending(process->thread, THREAD_PENDING_DIE);
	}
	spinlock_unlock(&process->lock);
	return must_end;
}

void
process_kill(struct process *process, int32_t status)
{
	if (process_decide_exit(process, status, NB_TRAP_KILLED))
		process_end(process);
}

void
process_exit(struct process *process, int32_t status)
{
	(void)process_decide_exit(process, status, NB_TRAP_NONE);
}

void
process_kill_all(int32_t status)
{
	for (;;) {
		struct process *victim = NULL;
		struct list_link *link;

		spinlock_lock(&processes.lock);
		lists_prepare_locked();
		list_for_each(link, &processes.all)
		{
			struct process *process = list_entry(link, struct process, all_link);

			if (!__atomic_load_n(&process->has_exit, __ATOMIC_ACQUIRE)) {
				victim = process;
				object_get(&victim->object);
				break;
			}
		}
		spinlock_unlock(&processes.lock);
		if (!victim)
			return;
		process_kill(victim, status);
		object_put(&victim->object);
	}
}

/* Ends what this process has begun to build and not started. */
static void
kill_built(struct process *process)
{
	for (;;) {
		struct process *child = NULL;
		struct list_link *link;

		spinlock_lock(&processes.lock);
		link = list_pop_front(&process->built);
		if (link) {
			child = list_entry(link, struct process, built_link);
			child->builder = NULL;
			object_get(&child->object);
		}
		spinlock_unlock(&processes.lock);
		if (!child)
			return;
		process_kill(child, 0);
		object_put(&child->object);
	}
}

static void
release_instances(struct process *process)
{
	store_destroy(&process->store);
	for (uint32_t i = 0; i < process->instance_count; i++)
		object_put(&process->instances[i].module->object);
	account_free(process->account, process->instances,
		     process->instance_cap * sizeof *process->instances);
	account_free(process->account, process->startup, process->startup_len);
	process->instances = NULL;
	process->instance_cap = 0;
	process->startup = NULL;
	process->startup_len = 0;
}

void
process_end(struct process *process)
{
	object_get(&process->object);
	process_unlink_builder(process);
	handle_table_close(&process->handles);
	kill_built(process);
	release_instances(process);
	process->run_ns = process_run_ns(process);
	spinlock_lock(&processes.lock);
	list_remove(&process->all_link);
	processes.running--;
	spinlock_unlock(&processes.lock);
	spinlock_lock(&process->lock);
	process->state = NB_PROCESS_ENDED;
	process->thread = NULL;
	spinlock_unlock(&process->lock);
	object_signals_change(&process->object, 0, NB_SIGNAL_TERMINATED);
	object_put(&process->object);
}

/* Ends the doomed processes one after the other. Ending one may doom others,
 * whose handles it held; they are ended here, too, and not by recursion, for
 * the chain may be as long as its builder liked. */
static void
reap_doomed(void)
{
	struct list_link *link;

	spinlock_lock(&processes.lock);
	if (processes.is_reaping) {
		spinlock_unlock(&processes.lock);
		return;
	}
	processes.is_reaping = true;
	while ((link = list_pop_front(&processes.doomed))) {
		struct process *process = list_entry(link, struct process, doomed_link);

		spinlock_unlock(&processes.lock);
		process_kill(process, 0);
		object_put(&process->object);
		spinlock_lock(&processes.lock);
	}
	processes.is_reaping = false;
	spinlock_unlock(&processes.lock);
}

static void
process_handles_gone(struct object *object)
{
	struct process *process = process_of(object);
	bool is_unstarted;

	spinlock_lock(&process->lock);
	is_unstarted = process->state == NB_PROCESS_CREATED;
	spinlock_unlock(&process->lock);
	if (!is_unstarted)
		return;
	spinlock_lock(&processes.lock);
	if (list_is_empty(&process->doomed_link)) {
		object_get(object);
		list_push_back(&processes.doomed, &process->doomed_link);
	}
	spinlock_unlock(&processes.lock);
	reap_doomed();
}

static void
process_destroy(struct object *object)
{
	struct process *process = process_of(object);

	if (process->state == NB_PROCESS_CREATED) {
		object_get(object);
		process_kill(process, 0);
		object_put(object);
		return;
	}
	ASSERT(process->state == NB_PROCESS_ENDED);
	if (process->backtrace != process->spare_backtrace)
		account_free(object->account, process->backtrace, process->backtrace_size);
	if (process->account)
		account_put(process->account);
	object_free(object);
	__atomic_fetch_sub(&processes.live, 1, __ATOMIC_RELAXED);
}

/* ---- information ---- */

uint64_t
process_run_ns(struct process *process)
{
	uint64_t run_ns = process->run_ns;

	if (thread_current() && thread_current()->process == process)
		sched_account_current();
	spinlock_lock(&process->lock);
	if (process->thread)
		run_ns = __atomic_load_n(&process->thread->run_ns, __ATOMIC_RELAXED);
	spinlock_unlock(&process->lock);
	return run_ns;
}

static uint64_t
account_now(const struct process *process, enum account_resource resource)
{
	return __atomic_load_n(&process->account->used[resource], __ATOMIC_RELAXED);
}

static enum nb_status
process_info(struct object *object, uint32_t topic, struct object_info *out)
{
	struct process *process = process_of(object);
	struct nb_process_info info;
	uint64_t run_ns;

	if (topic != NB_INFO_PROCESS && topic != NB_INFO_BACKTRACE)
		return NB_NOT_SUPPORTED;
	run_ns = process_run_ns(process);
	spinlock_lock(&process->lock);
	info = (struct nb_process_info){
		.state = process->state,
		.status = process->status,
		.trap = process->trap,
		.instances = process->instance_count,
		.threads = process->thread != NULL,
	};
	spinlock_unlock(&process->lock);
	if (topic == NB_INFO_BACKTRACE) {
		bool is_there = info.state == NB_PROCESS_ENDED && process->backtrace;

		out->bytes = is_there ? process->backtrace : "";
		out->len = is_there ? process->backtrace_size - 1 : 0;
		return NB_OK;
	}
	info.run_ns = run_ns;
	info.handles = (uint32_t)account_now(process, ACCOUNT_HANDLES);
	info.memory_bytes = account_now(process, ACCOUNT_MEMORY);
	info.memory_peak_bytes =
		__atomic_load_n(&process->account->peak[ACCOUNT_MEMORY], __ATOMIC_RELAXED);
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

const struct object_type process_type = {
	.number = NB_OBJECT_PROCESS,
	.rights = NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER | NB_RIGHT_SIGNAL | NB_RIGHT_WAIT |
		  NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
	.destroy = process_destroy,
	.handles_gone = process_handles_gone,
	.info = process_info,
};
