/*
 * Clocks, the timer, idling and entropy.
 */
#include "tests/pc/selftest.h"

#include "arch/x86_64/priv/cpu.h"
#include "lib/string.h"

#define US 1000ull
#define MS 1000000ull

/* The machine may stand still under us unless instructions are counted. */
static uint64_t
slack(void)
{
	return argument("icount=", 0) ? 20 * US : 100 * MS;
}

static void
arm_and_wait(uint64_t deadline_ns)
{
	uint32_t before;

	(void)port_interrupts_disable();
	before = upcalls.timer_expired;
	port_timer_arm(deadline_ns);
	while (upcalls.timer_expired == before)
		port_cpu_idle();
	port_interrupts_restore(true);
}

static void
time_never_goes_back(void)
{
	uint64_t last = port_time_monotonic_ns();
	uint64_t end = last + 20 * MS;

	while (last < end) {
		uint64_t now = port_time_monotonic_ns();

		EXPECT(now >= last && now - last < 1000 * MS);
		last = now;
	}
}

static void
timer_keeps_deadlines(void)
{
	static const uint64_t spans[] = { 0, 1 * US, 50 * US, 1 * MS, 10 * MS, 50 * MS };

	for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
		uint64_t start = port_time_monotonic_ns();
		uint64_t took;

		arm_and_wait(start + spans[i]);
		took = port_time_monotonic_ns() - start;
		EXPECT(took >= spans[i]);
		EXPECT(took < spans[i] + slack());
	}
}

static void
timer_can_be_moved_and_cancelled(void)
{
	uint32_t before = upcalls.timer_expired;
	uint64_t start = port_time_monotonic_ns();

	port_timer_arm(start + 2 * MS);
	port_timer_arm(start + 5000 * MS);
	while (port_time_monotonic_ns() < start + 10 * MS)
		;
	EXPECT(upcalls.timer_expired == before);
	port_timer_arm(UINT64_MAX);
	arm_and_wait(port_time_monotonic_ns() + MS);
	EXPECT(upcalls.timer_expired == before + 1);
	/* Cancelled in time even if the interrupt is on its way. */
	(void)port_interrupts_disable();
	port_timer_arm(port_time_monotonic_ns() + MS);
	port_timer_arm(UINT64_MAX);
	port_interrupts_restore(true);
	start = port_time_monotonic_ns();
	while (port_time_monotonic_ns() < start + 5 * MS)
		;
	EXPECT(upcalls.timer_expired == before + 1);
}

/* Both clocks were measured by now; they must agree on a second. */
static void
cycles_have_a_rate(void)
{
	uint64_t start = port_time_monotonic_ns();
	uint64_t cycles = port_cycles();
	uint64_t hz;
	uint64_t span;

	arm_and_wait(start + 100 * MS);
	cycles = port_cycles() - cycles;
	span = port_time_monotonic_ns() - start;
	hz = port_cycles_hz();
	EXPECT(hz > 0);
	EXPECT(!argument("icount=", 0) || (hz > 999000000 && hz < 1001000000));
	cycles = cycles * 1000 / (hz / MS); /* in ns */
	EXPECT(cycles * 100 > span * 98 && cycles * 98 < span * 100);
}

static void
wall_time_is_right(void)
{
	uint64_t expected = argument("now=", 0);
	uint64_t seconds = port_time_realtime_ns() / (1000 * MS);

	if (expected)
		EXPECT(seconds + 5 >= expected && seconds <= expected + 60);
}

static void
interrupts_nest(void)
{
	bool outer = port_interrupts_disable();
	bool inner = port_interrupts_disable();

	EXPECT(outer && !inner);
	port_interrupts_restore(inner);
	EXPECT(!(cpu_read_flags() & RFLAGS_IF));
	port_interrupts_restore(outer);
	EXPECT(cpu_read_flags() & RFLAGS_IF);
}

static void
entropy_differs(void)
{
	uint8_t a[37];
	uint8_t b[37];
	uint32_t ones = 0;

	memset(a, 0, sizeof a);
	memset(b, 0, sizeof b);
	port_entropy(a, sizeof a);
	port_entropy(b, sizeof b);
	EXPECT(memcmp(a, b, sizeof a) != 0);
	for (size_t i = 0; i < sizeof a; i++) {
		for (uint8_t bits = a[i] ^ b[i]; bits; bits &= (uint8_t)(bits - 1))
			ones++;
	}
	EXPECT(ones > 90 && ones < 206); /* of 296 */
}

const struct selftest time_tests[] = {
	{ "time: never goes back", time_never_goes_back },
	{ "time: the timer keeps deadlines", timer_keeps_deadlines },
	{ "time: the timer can be moved and cancelled", timer_can_be_moved_and_cancelled },
	{ "time: cycles have a rate", cycles_have_a_rate },
	{ "time: wall time is right", wall_time_is_right },
	{ "time: interrupts nest", interrupts_nest },
	{ "time: entropy differs", entropy_differs },
	{ NULL, NULL },
};
