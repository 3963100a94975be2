/*
 * Measuring the cycle counter by the monotonic clock.
 */
#include "kernel/sched/run_clock.h"

#include <stdbool.h>

enum {
	MEASURE_LEAST_NS = 1000 * 1000,
	MEASURE_MOST_NS = 2 * 1000 * 1000 * 1000, /* then it begins anew: rates change slowly */
	RATE_CHANGE = 64, /* the rate changes by less than this part of it, or the counter jumped */
};

/* Nothing is known yet. */
static uint64_t
begin(struct run_clock *clock, uint64_t ticks, uint64_t ns)
{
	*clock = (struct run_clock){
		.base_ticks = ticks,
		.base_ns = ns,
		.first_ticks = ticks,
		.first_ns = ns,
	};
	return ns;
}

/* The rate over `ticks` in `ns`, both at most a few seconds unless the counter jumped. */
static uint64_t
rate_of(uint64_t ns, uint64_t ticks)
{
	while (ns >> 32) {
		ns >>= 1;
		ticks >>= 1;
	}
	return (ns << 32) / (ticks ? ticks : 1);
}

static bool
is_plausible(const struct run_clock *clock, uint64_t rate)
{
	uint64_t change = rate > clock->rate ? rate - clock->rate : clock->rate - rate;

	return !clock->rate || change <= clock->rate / RATE_CHANGE;
}

uint64_t
run_clock_compare(struct run_clock *clock)
{
	uint64_t ns = port_time_monotonic_ns(), ticks = port_cycles();
	uint64_t span_ns = ns - clock->first_ns, span = ticks - clock->first_ticks;
	uint64_t rate;

	if (!clock->first_ns || ticks < clock->base_ticks)
		return begin(clock, ticks, ns);
	if (span_ns < MEASURE_LEAST_NS)
		return ns;
	rate = rate_of(span_ns, span);
	if (!rate || !is_plausible(clock, rate))
		return begin(clock, ticks, ns);
	clock->rate = rate;
	clock->base_ticks = ticks;
	clock->base_ns = ns;
	clock->fresh_ticks =
		span_ns < RUN_CLOCK_FRESH_NS ? span : ((uint64_t)RUN_CLOCK_FRESH_NS << 32) / rate;
	if (span_ns > MEASURE_MOST_NS) {
		clock->first_ticks = ticks;
		clock->first_ns = ns;
	}
	return ns;
}
