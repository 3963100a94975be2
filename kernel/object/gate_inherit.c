/*
 * What threads inside of gates have from those who wait for them: urgency and processor
 * time. And whether waiting would ever end.
 *
 * Everything here needs the lock of gates.
 */
#include "kernel/object/gate_private.h"
#include "kernel/object/process.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/budget.h"

static uint64_t visits; /* walks so far. Under the lock of gates */

struct thread *
gate_occupant_locked(const struct gate_activation *activation)
{
	uint64_t state = activation->port.state & ~(uint64_t)GUEST_GATE_SLOW;
	const struct guest_seat *seat = &activation->port.seat;

	if (state == GATE_SERVER)
		return activation->pool->server;
	if (state <= GATE_MARK_LAST)
		return NULL;
	/* Another processor's stub may be just storing it. */
	while (!__atomic_load_n(&seat->place, __ATOMIC_ACQUIRE))
		;
	return thread_of_seat(seat);
}

/* ---- order ---- */

/* Whether `wait` is served before `other`: a priority that was inherited and lost again
 * does not cost it its place among its equals. */
static bool
wait_is_before(const struct gate_wait *wait, const struct gate_wait *other)
{
	if (wait->thread->priority != other->thread->priority)
		return wait->thread->priority > other->thread->priority;
	return wait->arrival < other->arrival;
}

void
gate_wait_insert_locked(struct gate_wait *wait)
{
	struct list_link *place = &wait->pool->waiters, *link;

	list_for_each(link, &wait->pool->waiters)
	{
		if (wait_is_before(wait, list_entry(link, struct gate_wait, link))) {
			place = link;
			break;
		}
	}
	list_insert_before(place, &wait->link);
}

/* ---- walks ---- */

/* The pools of one walk, each once: a list through visit_next. */
struct pool_walk {
	uint64_t visit;
	struct gate_pool *next;
};

static void
walk_add_locked(struct pool_walk *walk, struct gate_pool *pool)
{
	if (!pool || pool->visit == walk->visit)
		return;
	pool->visit = walk->visit;
	pool->visit_next = walk->next;
	walk->next = pool;
}

static struct gate_pool *
walk_take_locked(struct pool_walk *walk)
{
	struct gate_pool *pool = walk->next;

	if (pool)
		walk->next = pool->visit_next;
	return pool;
}

bool
gate_can_progress_locked(struct gate_pool *pool, const struct thread *self)
{
	struct pool_walk walk = { .visit = ++visits };

	walk_add_locked(&walk, pool);
	while ((pool = walk_take_locked(&walk))) {
		for (uint32_t i = 0; i < pool->count; i++) {
			struct thread *thread = gate_occupant_locked(&pool->activations[i]);

			if (!thread || thread == self)
				continue;
			if (!thread->gate_wait || thread_must_cancel(thread))
				return true;
			walk_add_locked(&walk, thread->gate_wait->pool);
		}
	}
	return false;
}

/* ---- urgency and time ---- */

/* Threads that may inherit something else than before, and what: a list through
 * inherit_next. What they will have counts for those for whom they wait. */
struct heirs {
	uint64_t visit;
	uint64_t now_ns;
	struct thread *first, **end;
};

static void
heirs_add(struct heirs *heirs, struct thread *thread)
{
	if (!thread || thread->inherit_visit == heirs->visit)
		return;
	thread->inherit_visit = heirs->visit;
	thread->inheritance = (struct thread_inheritance){ 0 };
	thread->inherit_next = NULL;
	*heirs->end = thread;
	heirs->end = &thread->inherit_next;
}

/* All that are in `pool`, and those for whom they wait, and so on. */
static void
heirs_find_locked(struct heirs *heirs, struct gate_pool *pool)
{
	struct pool_walk walk = { .visit = heirs->visit };

	walk_add_locked(&walk, pool);
	while ((pool = walk_take_locked(&walk))) {
		for (uint32_t i = 0; i < pool->count; i++) {
			struct thread *thread = gate_occupant_locked(&pool->activations[i]);

			heirs_add(heirs, thread);
			if (thread && thread->gate_wait)
				walk_add_locked(&walk, thread->gate_wait->pool);
		}
	}
}

/* Takes `offer` if it is better than what the heir has: one that can pay at all, best
 * without limit. */
static void
offer_time(const struct heirs *heirs, const struct thread_lender *offer,
	   struct thread_inheritance *out)
{
	if (!offer->is_there || (out->lender.is_there && !out->lender.budget))
		return;
	if (!out->lender.is_there || !offer->budget ||
	    (budget_left_ns(offer->budget, heirs->now_ns) &&
	     !budget_left_ns(out->lender.budget, heirs->now_ns)))
		out->lender = *offer;
}

/* What the waiters of `pool` give to `heir`, who is inside. Who waits lends its own time,
 * and what it borrows itself. */
static void
inherit_from_locked(const struct heirs *heirs, const struct gate_pool *pool,
		    const struct thread *heir, struct thread_inheritance *out)
{
	const struct list_link *link;

	list_for_each(link, &pool->waiters)
	{
		const struct thread *waiter = list_entry(link, struct gate_wait, link)->thread;
		bool is_heir = waiter->inherit_visit == heirs->visit;
		const struct thread_lender own = { true, waiter->share->budget };
		uint32_t priority = waiter->priority;

		if (is_heir)
			priority = waiter->base_priority > waiter->inheritance.priority
					   ? waiter->base_priority
					   : waiter->inheritance.priority;
		if (priority > out->priority)
			out->priority = priority;
		if (!heir->share->budget)
			continue;
		offer_time(heirs, &own, out);
		offer_time(heirs, is_heir ? &waiter->inheritance.lender : &waiter->lender, out);
	}
}

/* True if the thread will have more than was known so far. */
static bool
heir_improve_locked(const struct heirs *heirs, struct thread *thread)
{
	struct thread_inheritance found = thread->inheritance;

	for (const struct guest_seat *seat = thread->seat; seat->caller; seat = seat->caller)
		inherit_from_locked(heirs, gate_activation_of(seat)->pool, thread, &found);
	if (thread->serving && !thread->serving->is_serving)
		inherit_from_locked(heirs, thread->serving, thread, &found);
	if (found.priority == thread->inheritance.priority &&
	    found.lender.is_there == thread->inheritance.lender.is_there &&
	    found.lender.budget == thread->inheritance.lender.budget)
		return false;
	thread->inheritance = found;
	return true;
}

/* They have it; in the queue in which such a one waits its place may be another. */
static void
heir_enter_locked(struct thread *thread)
{
	struct gate_wait *wait = thread->gate_wait;

	if (!thread_inherit(thread, &thread->inheritance) || !wait)
		return;
	list_remove(&wait->link);
	gate_wait_insert_locked(wait);
}

/* All begin with nothing and only win, so what comes round in a circle does not last
 * when it has lost its source. */
void
gate_update_locked(struct gate_pool *pool, struct thread *thread)
{
	struct heirs heirs = { .visit = ++visits, .now_ns = port_time_monotonic_ns() };
	bool is_improved = true;

	heirs.end = &heirs.first;
	heirs_add(&heirs, thread);
	if (thread && thread->gate_wait)
		heirs_find_locked(&heirs, thread->gate_wait->pool);
	if (pool)
		heirs_find_locked(&heirs, pool);
	while (is_improved) {
		is_improved = false;
		for (thread = heirs.first; thread; thread = thread->inherit_next)
			is_improved |= heir_improve_locked(&heirs, thread);
	}
	for (thread = heirs.first; thread; thread = thread->inherit_next)
		heir_enter_locked(thread);
}
