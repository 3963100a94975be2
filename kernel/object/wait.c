/*
 * Waiting: look, and if nothing is there register an observer with every
 * object, then look again before each sleep, at signals and handles, so that no change is missed.
 */
#include "kernel/object/wait.h"

#include "kernel/mm/account.h"
#include "kernel/object/handle.h"
#include "kernel/sched/thread.h"

enum { WAIT_ITEMS_ON_STACK = 4 };

static uint32_t
look(struct wait_item *items, uint32_t count)
{
	uint32_t ready = 0;

	for (uint32_t i = 0; i < count; i++) {
		items[i].seen = object_signals(items[i].object);
		ready += (items[i].seen & items[i].wanted) != 0;
	}
	return ready;
}

enum nb_status
wait_handle_check(struct object_observer *observer, struct handle_table *table)
{
	if (!__atomic_exchange_n(&observer->is_doubtful, false, __ATOMIC_ACQUIRE))
		return NB_OK;
	return handle_names(table, observer->handle, observer->object) ? NB_OK : NB_BAD_HANDLE;
}

/* What `observers`, one for each item, are registered for. */
struct waiting {
	struct wait_item *items;
	struct object_observer *observers;
	uint32_t count;
	struct handle_table *table;
};

static enum nb_status
check_handles(const struct waiting *waiting)
{
	enum nb_status status = NB_OK;

	for (uint32_t i = 0; i < waiting->count && status == NB_OK; i++)
		status = wait_handle_check(&waiting->observers[i], waiting->table);
	return status;
}

static enum nb_status
wait_observed(const struct waiting *waiting, uint64_t deadline_ns, uint32_t *out_ready)
{
	bool in_time = true;
	enum nb_status status;

	for (;;) {
		*out_ready = look(waiting->items, waiting->count);
		if (*out_ready)
			return NB_OK;
		if (thread_is_canceled())
			return NB_CANCELED;
		status = check_handles(waiting);
		if (status != NB_OK)
			return status;
		if (!in_time)
			return NB_TIMED_OUT;
		in_time = thread_block(deadline_ns);
	}
}

enum nb_status
wait_for_signals(struct wait_item *items, uint32_t count, struct handle_table *table,
		 int64_t deadline_ns, uint32_t *out_ready)
{
	struct object_observer on_stack[WAIT_ITEMS_ON_STACK];
	struct object_observer *observers = on_stack;
	struct waiting waiting = { .items = items, .count = count, .table = table };
	struct thread *self = thread_current();
	enum nb_status status;

	*out_ready = look(items, count);
	if (*out_ready)
		return NB_OK;
	if (deadline_ns <= 0)
		return NB_TIMED_OUT;
	if (count > WAIT_ITEMS_ON_STACK)
		observers = account_alloc(self->account, count * sizeof *observers);
	if (!observers)
		return NB_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < count; i++) {
		observers[i] = (struct object_observer){
			.object = items[i].object,
			.wanted = items[i].wanted,
			.thread = self,
			.table = table,
			.handle = items[i].handle,
			.is_doubtful = table != NULL,
		};
		object_observe(&observers[i]);
	}
	waiting.observers = observers;
	status = wait_observed(&waiting, wait_deadline(deadline_ns), out_ready);
	for (uint32_t i = 0; i < count; i++)
		object_unobserve(&observers[i]);
	if (observers != on_stack)
		account_free(self->account, observers, count * sizeof *observers);
	return status;
}
