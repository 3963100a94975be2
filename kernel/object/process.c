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

static uint32_t live_count; /* atomic */

uint32_t
process_live_count(void)
{
	return __atomic_load_n(&live_count, __ATOMIC_RELAXED);
}

/* ---- creation ---- */

enum nb_status
process_create(const struct process_options *options, struct process **out)
{
	const uint64_t limit[ACCOUNT_RESOURCE_COUNT] = {
		[ACCOUNT_MEMORY] = options->memory_bytes,
		[ACCOUNT_HANDLES] = options->handles,
		[ACCOUNT_THREADS] = options->threads,
	};
	struct process *process =
		process_of(object_alloc(&process_type, sizeof *process, options->account));
	enum nb_status status;

	if (!process)
		return NB_OUT_OF_MEMORY;
	__atomic_fetch_add(&live_count, 1, __ATOMIC_RELAXED);
	list_init(&process->all_link);
	list_init(&process->built_link);
	list_init(&process->doomed_link);
	list_init(&process->built);
	list_init(&process->threads);
	list_init(&process->detached);
	list_init(&process->gate_pools);
	list_init(&process->mappings);
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
	if (options->processor_permille)
		account_limit_processor(process->account, options->processor_permille);
	process->share.budget = account_budget(process->account);
	handle_table_init(&process->handles, process->account);
	graph_init(&process->graph, process->account);
	process->state = NB_PROCESS_CREATED;
	process_list_add(process, options->builder);
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

/* ---- the last handle, the last reference ---- */

static void
process_handles_gone(struct object *object)
{
	struct process *process = process_of(object);
	bool is_unstarted;

	spinlock_lock(&process->lock);
	is_unstarted = process->state == NB_PROCESS_CREATED;
	spinlock_unlock(&process->lock);
	if (is_unstarted)
		process_doom(process);
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
	__atomic_fetch_sub(&live_count, 1, __ATOMIC_RELAXED);
}

/* ---- information ---- */

uint64_t
process_run_ns(struct process *process)
{
	struct list_link *link;
	uint64_t run_ns;

	if (thread_current() && thread_current()->process == process)
		sched_account_current();
	spinlock_lock(&process->lock);
	run_ns = __atomic_load_n(&process->left_run_ns, __ATOMIC_RELAXED);
	list_for_each(link, &process->threads)
	{
		const struct thread *thread = list_entry(link, struct thread, link);

		run_ns += __atomic_load_n(&thread->run_ns, __ATOMIC_RELAXED);
	}
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
		.instances = process->graph.instance_count,
		.threads = process->thread_count,
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
	.name_offset = offsetof(struct process, name),
	.destroy = process_destroy,
	.handles_gone = process_handles_gone,
	.info = process_info,
};
