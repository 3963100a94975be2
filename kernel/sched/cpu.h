/*
 * A processor as the scheduler sees it.
 *
 * Each processor has a loop (sched_run, on the stack that brought it up) that
 * runs when no thread does, and a small stack of its own on which interrupted
 * guest code lands and from which it is resumed. Threads switch directly to
 * each other where they can, else by way of the loop.
 */
#ifndef KERNEL_SCHED_CPU_H
#define KERNEL_SCHED_CPU_H

#include "abi/types.h"
#include "kernel/port/guest.h"
#include "kernel/sched/lock.h"
#include "kernel/sched/pairing.h"
#include "kernel/sched/reaping.h"
#include "kernel/sched/run_clock.h"
#include "kernel/sched/run_queue.h"

#include <stdbool.h>
#include <stdint.h>

struct thread;

enum { CPU_PRIORITIES = NB_PRIORITY_MAX + 1 };

/* Bits of cpu->events. */
enum cpu_event {
	CPU_EVENT_TIMER = 1,
	CPU_EVENT_SERIAL = 2,
	CPU_EVENT_INTERRUPT = 4, /* of devices that processes drive */
};

struct cpu {
	uint32_t index;
	uint32_t held_ranks;	/* locks this processor holds, by rank; debug builds */
	struct thread *current; /* NULL: the loop runs. Only this processor writes it */
	uint32_t events;	/* atomic: enum cpu_event, set by interrupt handlers */

	struct spinlock lock;
	/* Under the lock: */
	struct run_queue ready[CPU_PRIORITIES];
	uint32_t ready_mask;	 /* priorities with ready threads */
	struct pairing timeouts; /* of blocked threads */
	struct pairing timers;	 /* struct sched_timer */
	uint64_t timers_rest_ns; /* none of them is told of before */
	struct thread *dead;	 /* has left its stack for ever; the loop frees it */

	/* Only by this processor, in kernel context: */
	struct run_clock clock;
	uint64_t switched_ns;	 /* run time of `current` is accounted up to here, by `clock` */
	uint64_t slice_end_ns;	 /* by `clock` */
	uint64_t armed_ns;	 /* deadline the port's timer was last given */
	struct thread *resuming; /* handed to the resume stack */
	struct guest_context loop;
	struct guest_context resume;
	struct port_stack stack; /* of interrupted and resumed guest code */
	struct reaping reaping;	 /* of the loop */
	uint64_t switches;	 /* how often a thread was given the processor */
};

#endif
