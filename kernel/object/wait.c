/*
 * Waiting: look, and if nothing is there register an observer with every
 * object, then look again before each sleep, so that no change is missed.
 */
#include "kernel/object/wait.h"

#include "kernel/mm/account.h"
#include "kernel/object/object.h"
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

static enum nb_status
wait_observed(struct wait_item *items, uint32_t count, uint64_t deadline_ns, uint32_t *out_ready)
{
	bool in_time = true;

	for (;;) {
		*out_ready = look(items, count);
		if (*out_ready)
			return NB_OK;
		if (thread_is_canceled())
			return NB_CANCELED;
		if (!in_time)
			return NB_TIMED_OUT;
		in_time = thread_block(deadline_ns);
	}
}

enum nb_status
wait_for_signals(struct wait_item *items, uint32_t count, int64_t deadline_ns, uint32_t *out_ready)
{
	struct object_observer on_stack[WAIT_ITEMS_ON_STACK];
	struct object_observer *observers = on_stack;
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
		};
		object_observe(&observers[i]);
	}
	status = wait_observed(items, count, wait_deadline(deadline_ns), out_ready);
	for (uint32_t i = 0; i < count; i++)
		object_unobserve(&observers[i]);
	if (observers != on_stack)
		account_free(self->account, observers, count * sizeof *observers);
	return status;
}
