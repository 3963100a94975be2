/*
 * Limits of processor time: who must wait, and who pays.
 */
#include "kernel/sched/limit.h"

#include "kernel/sched/budget.h"

enum {
	SOON_NS = 100 * 1000,  /* an interrupt comes no earlier */
	LOOK_NS = 1000 * 1000, /* between looks at one that goes on with nothing of its own */
};

/* Finds who pays for the thread's code where it is; false: nobody does. */
static bool
find_payer(const struct thread *thread, uint64_t now_ns, struct cpu_budget **out)
{
	const struct thread_lender *lender = &thread->lender;
	struct cpu_budget *own = thread->share->budget, *here = thread->seat->budget;

	*out = own;
	if (budget_left_ns(own, now_ns))
		return true;
	if (budget_left_ns(here, now_ns)) {
		/* One above its own pays with it, and NULL is nobody: then it owes. */
		if (budget_common(own, here) != here)
			*out = here;
		return true;
	}
	if (!lender->is_there || !budget_left_ns(lender->budget, now_ns))
		return false;
	*out = lender->budget;
	return true;
}

static bool
is_ending(const struct thread *thread)
{
	return __atomic_load_n(&thread->seat->head.pending, __ATOMIC_RELAXED) & THREAD_PENDING_DIE;
}

bool
limit_must_wait_locked(const struct thread *thread, uint64_t now_ns)
{
	struct cpu_budget *payer;

	if (!(thread->is_interrupted || thread->is_at_boundary) || is_ending(thread))
		return false;
	return !find_payer(thread, now_ns, &payer);
}

uint64_t
limit_ready_ns_locked(const struct thread *thread, uint64_t now_ns)
{
	uint64_t first_ns = budget_ready_ns(thread->share->budget, now_ns);
	uint64_t here_ns = budget_ready_ns(thread->seat->budget, now_ns);
	uint64_t lender_ns = UINT64_MAX;

	if (thread->lender.is_there)
		lender_ns = budget_ready_ns(thread->lender.budget, now_ns);
	first_ns = here_ns < first_ns ? here_ns : first_ns;
	return first_ns < lender_ns ? first_ns : lender_ns;
}

static void
mark(struct guest_seat *seat)
{
	__atomic_fetch_or(&seat->head.pending, THREAD_PENDING_LIMIT, __ATOMIC_RELAXED);
}

/* Who is ending is not marked: it would not wait and be looked at for ever. Of the seats
 * to which it will return only the next is marked: there this is done
 * again. */
void
limit_look_locked(struct thread *thread, uint64_t now_ns)
{
	if (!find_payer(thread, now_ns, &thread->payer_budget) && !is_ending(thread))
		mark(thread->seat);
	if (thread->seat->caller && !budget_left_ns(thread->share->budget, now_ns))
		mark(thread->seat->caller);
}

uint64_t
limit_look_at_ns_locked(const struct thread *thread, uint64_t now_ns)
{
	uint64_t at_ns = budget_next_end_ns(thread->payer_budget, now_ns);

	if (at_ns > now_ns + LOOK_NS && !budget_left_ns(thread->share->budget, now_ns))
		at_ns = now_ns + LOOK_NS;
	return at_ns > now_ns + SOON_NS ? at_ns : now_ns + SOON_NS;
}
