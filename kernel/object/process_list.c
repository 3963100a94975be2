/*
 * The list of all processes that have not ended, who builds whom, and the
 * processes that nobody can reach any more.
 */
#include "kernel/object/process_private.h"
#include "kernel/sched/sched.h"

static struct {
	struct spinlock lock;
	/* Under the lock: */
	struct list_link all; /* processes that are not ENDED; next NULL: not yet used */
	uint32_t running;
} processes = { .lock = SPINLOCK_INIT(LOCK_RANK_PROCESSES) };

static void
lists_prepare_locked(void)
{
	if (processes.all.next)
		return;
	list_init(&processes.all);
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

void
process_doom(struct process *process)
{
	struct reaping *reaping = reaping_current();
	struct list_link list, *link;
	bool is_first = !reaping->processes;

	list_init(&list);
	if (is_first)
		reaping->processes = &list;
	spinlock_lock(&processes.lock);
	if (list_is_empty(&process->doomed_link)) {
		object_get(&process->object);
		list_push_back(reaping->processes, &process->doomed_link);
	}
	while (is_first && (link = list_pop_front(&list))) {
		process = list_entry(link, struct process, doomed_link);
		spinlock_unlock(&processes.lock);
		process_kill(process, 0);
		object_put(&process->object);
		sched_relax();
		spinlock_lock(&processes.lock);
	}
	spinlock_unlock(&processes.lock);
	if (is_first)
		reaping->processes = NULL;
}
