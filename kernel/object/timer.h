/*
 * Timers: objects that get SIGNALED at a deadline, once or periodically.
 */
#ifndef KERNEL_OBJECT_TIMER_H
#define KERNEL_OBJECT_TIMER_H

#include "kernel/object/object.h"
#include "kernel/sched/sched.h"

#include <stdbool.h>

struct timer {
	struct object object;
	struct spinlock lock;
	/* Under the lock: */
	bool is_set;	      /* will expire at deadline_ns */
	bool is_gone;	      /* no handle is left: nobody would see it */
	uint64_t deadline_ns; /* valid if is_set */
	uint64_t period_ns;   /* 0: once */
	uint64_t expirations; /* since it was set */

	struct sched_timer alarm; /* while in a heap it owns a reference */
};

extern const struct object_type timer_type;

/* A timer that is not set, with one reference. NB_OUT_OF_MEMORY. (timer_create
 * is the C library's on the hosted platform.) */
NB_MUST_USE enum nb_status timer_object_create(struct account *account, struct timer **out);

/* Clears SIGNALED and lets it come at `deadline_ns` of the monotonic clock
 * (INT64_MAX: never, in the past: now) and then every `period_ns` (0: once).
 * NB_OUT_OF_RANGE: a period under NB_TIMER_PERIOD_MIN. */
NB_MUST_USE enum nb_status timer_set(struct timer *timer, int64_t deadline_ns, uint64_t period_ns);

static inline struct timer *
timer_of(struct object *object)
{
	return (struct timer *)object;
}

#endif
