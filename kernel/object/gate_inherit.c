/*
 * What threads inside of gates have from those who wait for them: urgency and processor
 * time. And whether waiting would ever end.
 *
 * Who is inside has the best of what the waiters of its pools offer, along whole chains,
 * which may be circles: a call that waits in one does not wait for ever if a pool of it has
 * another activation. So what has come from a waiter who goes must not stay because it
 * goes round. Whoever may have it from there loses all that it inherits (`lowering`), and so
 * do those for whom it waits and who may have it from it; only when nobody is left in that
 * list they are looked at again (`raising`) and win what is still offered. Nobody who waits by
 * a priority of its own is suspected. A change costs in proportion to those who have
 * something else then; long chains are done in pieces, between which the lock is free.
 *
 * Everything here needs the lock of gates.
 */
#include "kernel/object/gate_private.h"
#include "kernel/object/process.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/budget.h"

enum {
	SETTLE_STEPS = 64, /* threads looked at while the lock is held */
	LENDERS_MOST = 16, /* of a pool's waiters with a limit, looked at for time left */
	ARRIVAL_BITS = 48,
};

/* Under the lock of gates, all of them: */
static uint64_t visits; /* walks so far */
static struct list_link lowering = { &lowering, &lowering }, raising = { &raising, &raising };

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

/* ---- what is offered ---- */

static uint32_t
urgency(const struct thread *thread)
{
	uint32_t base = thread->base_priority, inherited = thread->inheritance.priority;

	return base > inherited ? base : inherited;
}

static bool
is_free(const struct thread_lender *lender)
{
	return lender->is_there && !lender->budget;
}

static bool
is_same_lender(const struct thread_lender *a, const struct thread_lender *b)
{
	return a->is_there == b->is_there && (!a->is_there || a->budget == b->budget);
}

/* Whether it is better to have time from `offer` than from `has`: from somebody at all, from
 * one that can pay, best from one without limit. */
static bool
is_better(const struct thread_lender *offer, const struct thread_lender *has, uint64_t now_ns)
{
	if (!offer->is_there || is_free(has))
		return false;
	if (!has->is_there || !offer->budget)
		return true;
	return offer->budget != has->budget && budget_left_ns(offer->budget, now_ns) &&
	       !budget_left_ns(has->budget, now_ns);
}

struct gate_wait *
gate_first_locked(const struct gate_pool *pool)
{
	struct pairing_node *first = pairing_first(&pool->queue);

	return first ? list_entry(first, struct gate_wait, place) : NULL;
}

/* Notes what the waiting thread offers from now on, and gives it the place in the queue that
 * it has by that. A priority that was inherited and lost again does not cost it its place
 * among its equals. */
static void
offer_make_locked(struct gate_wait *wait)
{
	const struct thread *thread = wait->thread;
	struct gate_pool *pool = wait->pool;

	wait->offer = (struct gate_offer){ urgency(thread), thread->share->budget,
					   thread->inheritance.lender };
	pool->lent_free_count += is_free(&wait->offer.lent);
	wait->place.key =
		(uint64_t)(NB_PRIORITY_MAX - wait->offer.priority) << ARRIVAL_BITS | wait->arrival;
	pairing_insert(&pool->queue, &wait->place);
}

static void
offer_drop_locked(struct gate_wait *wait)
{
	wait->pool->lent_free_count -= is_free(&wait->offer.lent);
	pairing_remove(&wait->pool->queue, &wait->place);
}

static void
count_locked(struct gate_wait *wait)
{
	struct gate_pool *pool = wait->pool;

	wait->base = wait->thread->base_priority;
	wait->is_free = !wait->thread->share->budget;
	pool->free_count += wait->is_free;
	if (pool->base_counts[wait->base]++ == 0)
		pool->base_mask |= 1u << wait->base;
}

static void
uncount_locked(const struct gate_wait *wait)
{
	struct gate_pool *pool = wait->pool;

	pool->free_count -= wait->is_free;
	if (--pool->base_counts[wait->base] == 0)
		pool->base_mask &= ~(1u << wait->base);
}

/* ---- who is concerned ---- */

static void
raise_locked(struct thread *thread)
{
	if (list_is_empty(&thread->inherit_link))
		list_push_back(&raising, &thread->inherit_link);
}

static void
lower_locked(struct thread *thread)
{
	if (thread->inherit_lowers)
		return;
	thread->inherit_lowers = true;
	list_remove(&thread->inherit_link);
	list_push_back(&lowering, &thread->inherit_link);
}

/* Those inside of `pool` look again if they have less. */
static void
offer_locked(const struct gate_pool *pool, const struct gate_offer *offer)
{
	const struct thread_lender own = { true, offer->own };
	uint64_t now_ns = 0;

	for (uint32_t i = 0; i < pool->count; i++) {
		struct thread *thread = gate_occupant_locked(&pool->activations[i]);
		const struct thread_lender *has;

		if (!thread)
			continue;
		has = &thread->inheritance.lender;
		if (thread->share->budget && !now_ns)
			now_ns = port_time_monotonic_ns();
		if (thread->inheritance.priority < offer->priority ||
		    (thread->share->budget &&
		     (is_better(&own, has, now_ns) || is_better(&offer->lent, has, now_ns))))
			raise_locked(thread);
	}
}

/* Whether `has` may come from a waiter that offered that, which is not counted any more. */
static bool
is_lent_by(const struct gate_pool *pool, const struct gate_offer *offer,
	   const struct thread_lender *has)
{
	const struct thread_lender own = { true, offer->own };

	if (!has->is_there)
		return false;
	if (!has->budget)
		return !pool->free_count && (!offer->own || is_free(&offer->lent));
	return is_same_lender(has, &own) || is_same_lender(has, &offer->lent);
}

/* Those inside of `pool` who may have what was offered lose it. */
static void
withdraw_locked(const struct gate_pool *pool, const struct gate_offer *offer)
{
	bool is_urgency_gone = !(pool->base_mask >> offer->priority);

	for (uint32_t i = 0; i < pool->count; i++) {
		struct thread *thread = gate_occupant_locked(&pool->activations[i]);

		if (!thread)
			continue;
		if ((is_urgency_gone && thread->inheritance.priority == offer->priority) ||
		    is_lent_by(pool, offer, &thread->inheritance.lender))
			lower_locked(thread);
	}
}

/* ---- what happens ---- */

void
gate_wait_begin_locked(struct gate_wait *wait)
{
	count_locked(wait);
	list_push_back(&wait->pool->waiters, &wait->link);
	offer_make_locked(wait);
	offer_locked(wait->pool, &wait->offer);
}

void
gate_wait_leave_locked(struct gate_wait *wait)
{
	uncount_locked(wait);
	list_remove(&wait->link);
	offer_drop_locked(wait);
	wait->thread->gate_wait = NULL;
}

void
gate_wait_left_locked(const struct gate_wait *wait)
{
	withdraw_locked(wait->pool, &wait->offer);
}

void
gate_entered_locked(struct thread *thread)
{
	raise_locked(thread);
}

void
gate_changed_locked(struct thread *thread)
{
	if (thread->gate_wait) {
		uncount_locked(thread->gate_wait);
		count_locked(thread->gate_wait);
	} else if (!thread->inheritance.priority && !thread->inheritance.lender.is_there) {
		raise_locked(thread);
		return;
	}
	lower_locked(thread);
}

void
gate_forget_locked(struct thread *thread)
{
	list_remove(&thread->inherit_link);
	thread->inherit_lowers = false;
}

/* ---- finding out ---- */

/* What the waiters of `pool` have for `thread`, who is inside. */
static void
find_in_pool(const struct gate_pool *pool, const struct thread *thread, uint64_t now_ns,
	     struct thread_inheritance *out)
{
	const struct gate_wait *first = gate_first_locked(pool);
	const struct list_link *link;
	uint32_t looked_at = 0;

	if (!first)
		return;
	if (first->offer.priority > out->priority)
		out->priority = first->offer.priority;
	if (!thread->share->budget || is_free(&out->lender))
		return;
	if (pool->free_count || pool->lent_free_count) {
		out->lender = (struct thread_lender){ .is_there = true };
		return;
	}
	list_for_each(link, &pool->waiters)
	{
		const struct gate_wait *wait = list_entry(link, struct gate_wait, link);
		const struct thread_lender own = { true, wait->offer.own };

		if (is_better(&own, &out->lender, now_ns))
			out->lender = own;
		if (is_better(&wait->offer.lent, &out->lender, now_ns))
			out->lender = wait->offer.lent;
		if (++looked_at == LENDERS_MOST)
			break;
	}
}

/* Takes what is better than what it has. */
static void
win_locked(struct thread *thread)
{
	uint64_t now_ns = thread->share->budget ? port_time_monotonic_ns() : 0;
	struct thread_inheritance found = { 0 }, *has = &thread->inheritance;
	const struct gate_pool *own = thread->serving;

	for (const struct guest_seat *seat = thread->seat; seat->caller; seat = seat->caller)
		find_in_pool(gate_activation_of(seat)->pool, thread, now_ns, &found);
	if (own && !own->is_serving && !own->is_closed)
		find_in_pool(own, thread, now_ns, &found);
	if (found.priority > has->priority)
		has->priority = found.priority;
	if (is_better(&found.lender, &has->lender, now_ns))
		has->lender = found.lender;
}

static void
lower_step_locked(struct thread *thread)
{
	struct gate_wait *wait = thread->gate_wait;
	struct gate_offer offer;

	gate_forget_locked(thread);
	thread->inheritance = (struct thread_inheritance){ 0 };
	raise_locked(thread);
	if (!wait)
		return;
	offer = wait->offer;
	offer_drop_locked(wait);
	offer_make_locked(wait);
	if (offer.priority == wait->offer.priority && offer.own == wait->offer.own &&
	    is_same_lender(&offer.lent, &wait->offer.lent))
		return;
	withdraw_locked(wait->pool, &offer);
	offer_locked(wait->pool, &wait->offer);
}

static void
raise_step_locked(struct thread *thread)
{
	struct gate_wait *wait = thread->gate_wait;
	struct gate_offer offer;

	gate_forget_locked(thread);
	win_locked(thread);
	thread_inherit(thread, &thread->inheritance);
	if (!wait)
		return;
	offer = wait->offer;
	if (offer.priority == urgency(thread) &&
	    is_same_lender(&offer.lent, &thread->inheritance.lender))
		return;
	offer_drop_locked(wait);
	offer_make_locked(wait);
	/* Time that is not passed on any more, for there is better: who has it lets go of it. */
	if (offer.lent.is_there && offer.lent.budget) {
		struct gate_offer lent = { .own = offer.lent.budget, .lent = offer.lent };

		withdraw_locked(wait->pool, &lent);
	}
	offer_locked(wait->pool, &wait->offer);
}

bool
gate_is_settled_locked(void)
{
	return list_is_empty(&lowering) && list_is_empty(&raising);
}

bool
gate_settle_locked(void)
{
	struct list_link *link;

	for (uint32_t i = 0; i < SETTLE_STEPS; i++) {
		if ((link = list_first(&lowering)))
			lower_step_locked(list_entry(link, struct thread, inherit_link));
		else if ((link = list_first(&raising)))
			raise_step_locked(list_entry(link, struct thread, inherit_link));
		else
			return true;
	}
	return gate_is_settled_locked();
}
