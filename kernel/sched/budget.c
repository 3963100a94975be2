/*
 * Budgets of processor time.
 */
#include "kernel/sched/budget.h"

#include <stddef.h>

/* Nobody is without running for longer, so no product overflows. */
#define PASSED_MOST_NS (UINT64_C(1) << 52)

static int64_t
full(const struct cpu_budget *budget)
{
	return (int64_t)BUDGET_WINDOW_NS * budget->permille;
}

static void
refill(struct cpu_budget *budget, uint64_t now_ns)
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

void
budget_init(struct cpu_budget *budget, struct cpu_budget *parent, uint32_t permille)
{
	*budget = (struct cpu_budget){ .parent = parent, .permille = permille };
	budget->left = full(budget);
}

void
budget_take(struct cpu_budget *budget, uint64_t ran_ns, uint64_t now_ns)
{
	for (; budget; budget = budget->parent) {
		refill(budget, now_ns);
		budget->left -= (int64_t)ran_ns * BUDGET_PERMILLE_MAX;
	}
}

uint64_t
budget_left_ns(struct cpu_budget *budget, uint64_t now_ns)
{
	uint64_t least_ns = UINT64_MAX;

	for (; budget; budget = budget->parent) {
		refill(budget, now_ns);
		uint64_t left_ns =
			budget->left > 0 ? (uint64_t)budget->left / BUDGET_PERMILLE_MAX : 0;
		if (left_ns < least_ns)
			least_ns = left_ns;
	}
	return least_ns;
}

uint64_t
budget_ready_ns(const struct cpu_budget *budget, uint64_t now_ns)
{
	uint64_t last_ns = now_ns + 1;

	for (; budget; budget = budget->parent) {
		int64_t missing = full(budget) / 2 - budget->left;
		uint64_t at_ns = budget->refilled_ns;

		if (missing > 0)
			at_ns += (uint64_t)missing / budget->permille + 1;
		if (at_ns > last_ns)
			last_ns = at_ns;
	}
	return last_ns;
}
