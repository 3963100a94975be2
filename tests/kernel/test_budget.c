/*
 * Budgets of processor time, run through with a clock of the test's own.
 */
#include "kernel/sched/budget.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#define MS UINT64_C(1000000)

/* Runs as long and as often as the budget lets it until `end_ns`; how long that was. */
static uint64_t
run_until(struct cpu_budget *budget, uint64_t *now_ns, uint64_t end_ns, uint64_t step_ns)
{
	uint64_t ran_ns = 0;

	while (*now_ns < end_ns) {
		if (!budget_left_ns(budget, *now_ns)) {
			uint64_t ready_ns = budget_ready_ns(budget, *now_ns);

			assert_true(ready_ns > *now_ns);
			*now_ns = ready_ns < end_ns ? ready_ns : end_ns;
			continue;
		}
		*now_ns += step_ns;
		ran_ns += step_ns;
		budget_take(budget, step_ns, *now_ns);
	}
	return ran_ns;
}

static void
test_rate_is_exact(void **state)
{
	static const uint32_t rates[] = { 1, 20, 250, 500, 999 };

	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		struct cpu_budget budget;
		uint64_t now = 5 * MS, ran;

		budget_init(&budget, NULL, rates[i]);
		(void)run_until(&budget, &now, 2000 * MS, MS);
		ran = run_until(&budget, &now, 102000 * MS, MS);
		/* What it may have saved or owe at either end. */
		assert_in_range(ran / MS, rates[i] * 100 - 22, rates[i] * 100 + 22);
	}
}

static void
test_whole_processor_has_no_end(void **state)
{
	struct cpu_budget budget;
	uint64_t now = 1;

	(void)state;
	budget_init(&budget, NULL, BUDGET_PERMILLE_MAX);
	assert_int_equal(run_until(&budget, &now, 1 + 1000 * MS, MS / 2), 1000 * MS);
}

static void
test_tighter_one_counts(void **state)
{
	struct cpu_budget above, own, other;
	uint64_t now = 0, ran = 0;

	(void)state;
	budget_init(&above, NULL, 300);
	budget_init(&own, &above, 500);
	budget_init(&other, &above, 900);
	for (int turn = 0; turn < 400; turn++) {
		struct cpu_budget *runs = turn % 2 ? &own : &other;
		uint64_t end = now + 50 * MS;

		ran += run_until(runs, &now, end, MS);
	}
	assert_in_range(ran / MS, 20000 * 3 / 10 - 22, 20000 * 3 / 10 + 22);
}

/* Who ran on, where it could not be stopped, waits until all is paid. */
static void
test_debt(void **state)
{
	struct cpu_budget budget;
	uint64_t now = 1000 * MS;

	(void)state;
	budget_init(&budget, NULL, 100);
	assert_int_equal(budget_left_ns(&budget, now), 2 * MS);
	now += 500 * MS;
	budget_take(&budget, 500 * MS, now);
	assert_int_equal(budget_left_ns(&budget, now), 0);
	/* 498 ms at a tenth, and half of the 2 ms that fill it. */
	assert_in_range(budget_ready_ns(&budget, now) - now, 4990 * MS, 4991 * MS);
	assert_int_equal(budget_left_ns(&budget, now + 10000 * MS), 2 * MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_is_exact),
		cmocka_unit_test(test_whole_processor_has_no_end),
		cmocka_unit_test(test_tighter_one_counts),
		cmocka_unit_test(test_debt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
