/*
 * Budgets of processor time.
 */
#include "kernel/sched/budget.h"

#include "kernel/sched/lock.h"

#include <stddef.h>

/* Nobody is without running for longer, so no product overflows. */
#define PASSED_MOST_NS (UINT64_C(1) << 52)

static struct spinlock budgets_lock = SPINLOCK_INIT(LOCK_RANK_BUDGETS);

static int64_t
full(const struct cpu_budget *budget)
{
	return (int64_t)BUDGET_WINDOW_NS * budget->permille;
}

static void
refill_locked(struct cpu_budget *budget, uint64_t now_ns)
{
	uint64_t passed_ns = now_ns - budget->refilled_ns;

	if (now_ns <= budget->refilled_ns)
		return;
	if (passed_ns > PASSED_MOST_NS)
		passed_ns = PASSED_MOST_NS;
	budget->left += (int64_t)(passed_ns * budget->permille);
	if (budget->left > full(budget))
		budget->left = full(budget);
	budget->refilled_ns = now_ns;
}

/* What this one alone has. */
static uint64_t
own_left_locked(struct cpu_budget *budget, uint64_t now_ns)
{
	refill_locked(budget, now_ns);
	return budget->left > 0 ? (uint64_t)budget->left / BUDGET_PERMILLE_MAX : 0;
}

void
budget_init(struct cpu_budget *budget, struct cpu_budget *parent, uint32_t permille)
{
	*budget = (struct cpu_budget){ .parent = parent,
				       .permille = permille,
				       .depth = parent ? parent->depth + 1 : 0 };
	budget->left = full(budget);
}

void
budget_take(struct cpu_budget *budget, uint64_t ran_ns, uint64_t now_ns)
{
	spinlock_lock(&budgets_lock);
	for (; budget; budget = budget->parent) {
		refill_locked(budget, now_ns);
		budget->left -= (int64_t)ran_ns * BUDGET_PERMILLE_MAX;
	}
	spinlock_unlock(&budgets_lock);
}

uint64_t
budget_left_ns(struct cpu_budget *budget, uint64_t now_ns)
{
	uint64_t least_ns = UINT64_MAX, left_ns;

	spinlock_lock(&budgets_lock);
	for (; budget && least_ns; budget = budget->parent) {
		left_ns = own_left_locked(budget, now_ns);
		least_ns = left_ns < least_ns ? left_ns : least_ns;
	}
	spinlock_unlock(&budgets_lock);
	return least_ns;
}

uint64_t
budget_next_end_ns(struct cpu_budget *budget, uint64_t now_ns)
{
	uint64_t least_ns = UINT64_MAX, left_ns;

	spinlock_lock(&budgets_lock);
	for (; budget; budget = budget->parent) {
		left_ns = own_left_locked(budget, now_ns);
		if (left_ns && left_ns < least_ns)
			least_ns = left_ns;
	}
	spinlock_unlock(&budgets_lock);
	return least_ns == UINT64_MAX ? least_ns : now_ns + least_ns;
}

uint64_t
budget_ready_ns(const struct cpu_budget *budget, uint64_t now_ns)
{
	uint64_t last_ns = now_ns + 1;

	spinlock_lock(&budgets_lock);
	for (; budget; budget = budget->parent) {
		int64_t missing = full(budget) / 2 - budget->left;
		uint64_t at_ns = budget->refilled_ns;

		if (missing > 0)
			at_ns += (uint64_t)missing / budget->permille + 1;
		if (at_ns > last_ns)
			last_ns = at_ns;
	}
	spinlock_unlock(&budgets_lock);
	return last_ns;
}

struct cpu_budget *
budget_common(struct cpu_budget *a, struct cpu_budget *b)
{
	while (a != b) {
		if (!a || !b)
			return NULL;
		if (a->depth >= b->depth)
			a = a->parent;
		else
			b = b->parent;
	}
	return a;
}
