/*
 * The event trace: what the kernel did last, in a ring, when somebody asked for
 * it. An event that is not asked for costs a load and a branch.
 */
#ifndef KERNEL_SCHED_TRACE_H
#define KERNEL_SCHED_TRACE_H

#include "abi/status.h"
#include "abi/types.h"

#include <stdint.h>

enum { TRACE_RING_RECORDS = 2048 };

/* Bits 1 << NB_TRACE_<event> of the events to be recorded; written by trace_set. */
extern uint32_t trace_events;

/* Records those events from now on. NB_INVALID_ARGUMENT: unknown ones. */
NB_MUST_USE enum nb_status trace_set(uint32_t events);

/* For trace() only. Takes the trace's lock, the innermost but the heap's. */
void trace_record(uint32_t event, uint64_t process, uint32_t detail, uint64_t value);

/* Records NB_TRACE_<event> about the process of that object id (0: the kernel). Any
 * context but interrupts. */
static inline void
trace(uint32_t event, uint64_t process, uint32_t detail, uint64_t value)
{
	if (__builtin_expect(__atomic_load_n(&trace_events, __ATOMIC_RELAXED) >> event & 1, 0))
		trace_record(event, process, detail, value);
}

/* The kept records numbered `sequence` or later, oldest first, up to `cap`; how many. */
uint32_t trace_read(uint64_t sequence, struct nb_trace_record *out, uint32_t cap);

#endif
