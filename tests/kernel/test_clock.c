/*
 * clock_get where its stub tells the time by itself: from a counter that stands still, so
 * that what it tells is known; and where it leaves that to the kernel.
 */
#include "kernel/port/cpu.h"
#include "kernel/port/guest.h"
#include "tests/kernel/harness.h"

enum { TOLD_US = 12345, FLOOR_US = 54321 };

static int32_t
clock_told(uint32_t clock)
{
	struct process *process = kernel_process(GUEST(now), "clock");
	int32_t told;

	kernel_start(process, &clock, 1);
	kernel_run_idle();
	assert_int_equal(process->trap, NB_TRAP_NONE);
	told = process->status;
	object_put(&process->object);
	return told;
}

/* Fails unless the kernel's own monotonic clock was told. */
static void
expect_kernel(void)
{
	int32_t before = (int32_t)(port_time_monotonic_ns() / 1000), told;

	told = clock_told(NB_CLOCK_MONOTONIC);
	assert_in_range(told - before, 0, (int32_t)(port_time_monotonic_ns() / 1000) - before);
}

static void
test_clock(void **state)
{
	const struct guest_clock stopped = { .version = 2,
					     .base_ns = TOLD_US * 1000,
					     .next_ns = UINT64_MAX };

	(void)state;
	expect_kernel();
	guest_clock = stopped;
	assert_int_equal(clock_told(NB_CLOCK_MONOTONIC), TOLD_US);
	assert_int_not_equal(clock_told(NB_CLOCK_REALTIME), TOLD_US);
	guest_clock.floor_ns = FLOOR_US * 1000;
	assert_int_equal(clock_told(NB_CLOCK_MONOTONIC), FLOOR_US);
	guest_clock.next_ns = stopped.base_ns;
	expect_kernel();
	guest_clock = stopped;
	guest_clock.version = 3;
	expect_kernel();
	/* Two ticks are a nanosecond. */
	guest_clock = stopped;
	guest_clock.rate = UINT64_C(1) << 31;
	guest_clock.base_ticks = port_cycles();
	assert_in_range(clock_told(NB_CLOCK_MONOTONIC), TOLD_US, TOLD_US + 60 * 1000 * 1000);
	guest_clock = (struct guest_clock){ 0 };
	expect_kernel();
}

int
main(void)
{
	const struct CMUnitTest tests[] = { kernel_test(test_clock) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
