/*
 * The clock by which run time is accounted: nanoseconds of the monotonic clock, told
 * by the cycle counter.
 *
 * Reading the monotonic clock costs more than the rest of a switch. So the cycle
 * counter is compared with it now and then, and in between is believed: for at most
 * RUN_CLOCK_FRESH_NS, and no longer than it has been measured. It is off by less than a
 * microsecond, never by more than it counts wrongly in that time, and may step back
 * by as much when it is compared.
 */
#ifndef KERNEL_SCHED_RUN_CLOCK_H
#define KERNEL_SCHED_RUN_CLOCK_H

#include "kernel/port/cpu.h"

#include <stdbool.h>
#include <stdint.h>

enum { RUN_CLOCK_FRESH_NS = 100 * 1000 * 1000 };

/* A processor's; used by it alone. All zero at first. */
struct run_clock {
	uint64_t base_ticks;  /* the counter was this */
	uint64_t base_ns;     /* at this time */
	uint64_t rate;	      /* nanoseconds a tick, times 2^32 */
	uint64_t fresh_ticks; /* behind base_ticks this is believed; 0: nothing is known yet */
	uint64_t first_ticks, first_ns; /* where measuring began */
};

/* Compares the counter with the monotonic clock, whose time it returns. */
uint64_t run_clock_compare(struct run_clock *clock);

/* The time, if it can be told without comparing. */
static inline bool
run_clock_ns_known(const struct run_clock *clock, uint64_t *out_ns)
{
	uint64_t ticks = port_cycles() - clock->base_ticks;

	*out_ns = clock->base_ns + (uint64_t)((unsigned __int128)ticks * clock->rate >> 32);
	return __builtin_expect(ticks < clock->fresh_ticks, 1);
}

static inline uint64_t
run_clock_ns(struct run_clock *clock)
{
	uint64_t ns;

	return run_clock_ns_known(clock, &ns) ? ns : run_clock_compare(clock);
}

#endif
