/*
 * The least of what satisfies all: who is inside has what any waiter of its pools has.
 */
#include "tests/kernel/gate_reference.h"

#include <stddef.h>

void
gate_reference_add(struct gate_reference *reference, const struct gate_pool *pool)
{
	for (uint32_t i = 0; i < reference->pool_count; i++) {
		if (reference->pools[i] == pool)
			return;
	}
	if (reference->pool_count < REFERENCE_POOLS_MAX)
		reference->pools[reference->pool_count++] = pool;
}

static uint32_t
number_of(struct gate_reference *reference, const struct thread *thread)
{
	uint32_t i = 0;

	while (i < reference->thread_count && reference->threads[i].thread != thread)
		i++;
	if (i == reference->thread_count && i < REFERENCE_THREADS_MAX) {
		reference->threads[i].thread = thread;
		reference->threads[i].priority = thread->base_priority;
		reference->threads[i].has_free = false;
		reference->thread_count++;
	}
	return i;
}

/* Each that is in the pool gets what each that waits for it has; true if that is new. */
static bool
give(struct gate_reference *reference, const struct gate_pool *pool, uint32_t inside)
{
	const struct list_link *link;
	bool is_new = false;

	list_for_each(link, &pool->waiters)
	{
		const struct thread *waiter = list_entry(link, struct gate_wait, link)->thread;
		uint32_t from = number_of(reference, waiter);
		uint32_t priority = reference->threads[from].priority;
		bool is_free = !waiter->share->budget || reference->threads[from].has_free;

		if (priority > reference->threads[inside].priority) {
			reference->threads[inside].priority = priority;
			is_new = true;
		}
		if (is_free && !reference->threads[inside].has_free) {
			reference->threads[inside].has_free = true;
			is_new = true;
		}
	}
	return is_new;
}

static bool
give_all(struct gate_reference *reference)
{
	bool is_new = false;

	for (uint32_t i = 0; i < reference->pool_count; i++) {
		const struct gate_pool *pool = reference->pools[i];

		for (uint32_t k = 0; k < pool->count && !pool->is_drained; k++) {
			const struct thread *thread = gate_occupant_locked(&pool->activations[k]);

			/* A server in gate_serve is not what others wait for. */
			if (thread && !(thread == pool->server && pool->is_serving &&
					thread->seat == &thread->home))
				is_new |= give(reference, pool, number_of(reference, thread));
		}
	}
	return is_new;
}

const char *
gate_reference_compare(struct gate_reference *reference)
{
	reference->thread_count = 0;
	while (give_all(reference))
		;
	if (reference->thread_count == REFERENCE_THREADS_MAX)
		return "there are more threads than fit";
	for (uint32_t i = 0; i < reference->thread_count; i++) {
		const struct thread *thread = reference->threads[i].thread;
		const struct thread_lender *lender = &thread->lender;

		if (thread->priority != reference->threads[i].priority)
			return "another priority is inherited";
		if (thread->share->budget &&
		    (lender->is_there && !lender->budget) != reference->threads[i].has_free)
			return "time is lent otherwise";
	}
	return NULL;
}
