/*
 * The list of all processes that have not ended, who builds whom, and the
 * processes that nobody can reach any more.
 */
#include "kernel/object/process_private.h"

static struct {
	struct spinlock lock;
	/* Under the lock: */
	struct list_link all; /* processes that are not ENDED; next NULL: not yet used */
	uint32_t running;
	struct list_link doomed; /* unstarted processes to be ended, by doomed_link */
	bool is_reaping;	 /* somebody is ending the doomed ones */
} processes = { .lock = SPINLOCK_INIT(LOCK_RANK_PROCESSES) };

static void
lists_prepare_locked(void)
{
	if (processes.all.next)
		return;
	list_init(&processes.all);
	list_init(&processes.doomed);
}

uint32_t
process_running_count(void)
{
	uint32_t count;

	spinlock_lock(&processes.lock);
	count = processes.running;
	spinlock_unlock(&processes.lock);
	return count;
}

void
process_list_add(struct process *process, struct process *builder)
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
process_list_remove(struct process *process)
{
	spinlock_lock(&processes.lock);
	list_remove(&process->all_link);
	processes.running--;
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

struct process *
process_take_built(struct process *process)
{
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
	return child;
}

struct process *
process_find_undecided(void)
{
	struct process *found = NULL;
	struct list_link *link;

	spinlock_lock(&processes.lock);
	lists_prepare_locked();
	list_for_each(link, &processes.all)
	{
		struct process *process = list_entry(link, struct process, all_link);

		if (!__atomic_load_n(&process->has_exit, __ATOMIC_ACQUIRE)) {
			found = process;
			object_get(&found->object);
			break;
		}
	}
	spinlock_unlock(&processes.lock);
	return found;
}

#ifdef NB_DEBUG
void
process_list_visit(void (*visit)(struct process *process, void *context), void *context)
{
	struct list_link *link;

	spinlock_lock(&processes.lock);
	lists_prepare_locked();
	list_for_each(link, &processes.all)
		visit(list_entry(link, struct process, all_link), context);
	spinlock_unlock(&processes.lock);
}
#endif

struct process *
process_next(uint64_t after)
{
	struct process *found = NULL;
	struct list_link *link;

	spinlock_lock(&processes.lock);
	lists_prepare_locked();
	list_for_each(link, &processes.all)
	{
		struct process *process = list_entry(link, struct process, all_link);

		if (process->object.id > after) {
			found = process;
			object_get(&found->object);
			break;
		}
	}
	spinlock_unlock(&processes.lock);
	return found;
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

void
process_doom(struct process *process)
{
	spinlock_lock(&processes.lock);
	if (list_is_empty(&process->doomed_link)) {
		object_get(&process->object);
		list_push_back(&processes.doomed, &process->doomed_link);
	}
	spinlock_unlock(&processes.lock);
	reap_doomed();
}
