/*
 * The ring of the event trace.
 */
#include "kernel/sched/trace.h"

#include "kernel/port/cpu.h"
#include "kernel/sched/lock.h"

uint32_t trace_events;

static struct {
	struct spinlock lock;
	/* Under the lock: */
	uint64_t next;					 /* sequence of the next record */
	struct nb_trace_record ring[TRACE_RING_RECORDS]; /* record n at n % RECORDS */
} kernel_trace = { .lock = SPINLOCK_INIT(LOCK_RANK_LOG) };

enum { KNOWN_EVENTS = (1 << (NB_TRACE_TIMER + 1)) - 1 };

enum nb_status
trace_set(uint32_t events)
{
	if (events & ~(uint32_t)KNOWN_EVENTS)
		return NB_INVALID_ARGUMENT;
	__atomic_store_n(&trace_events, events, __ATOMIC_RELAXED);
	return NB_OK;
}

void
trace_record(uint32_t event, uint64_t process, uint32_t detail, uint64_t value)
{
	struct nb_trace_record record = {
		.time_ns = port_time_monotonic_ns(),
		.event = event,
		.detail = detail,
		.process = process,
		.value = value,
	};

	spinlock_lock(&kernel_trace.lock);
	record.sequence = kernel_trace.next++;
	kernel_trace.ring[record.sequence % TRACE_RING_RECORDS] = record;
	spinlock_unlock(&kernel_trace.lock);
}

uint32_t
trace_read(uint64_t sequence, struct nb_trace_record *out, uint32_t cap)
{
	uint32_t count = 0;

	spinlock_lock(&kernel_trace.lock);
	if (kernel_trace.next > TRACE_RING_RECORDS &&
	    sequence < kernel_trace.next - TRACE_RING_RECORDS)
		sequence = kernel_trace.next - TRACE_RING_RECORDS;
	for (; count < cap && sequence < kernel_trace.next; sequence++)
		out[count++] = kernel_trace.ring[sequence % TRACE_RING_RECORDS];
	spinlock_unlock(&kernel_trace.lock);
	return count;
}
