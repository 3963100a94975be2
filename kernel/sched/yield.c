/*
 * Giving way to equals: the way of most switches, which does at once what sched.c does
 * for all of them.
 */
#include "kernel/sched/sched.h"
#include "kernel/sched/sched_private.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/trace.h"

static __attribute__((noinline)) void
yield_slowly(struct cpu *cpu)
{
	spinlock_lock(&cpu->lock);
	sched_yield_slowly_locked(cpu);
}

/* Whether `next`, the first that is ready at the running thread's priority, is the only
 * one that could run, and neither limit, event, clock, timer nor trace wants anything.
 * For timeouts and timers the port's timer was armed when they were set. */
static inline bool
is_pair_locked(const struct cpu *cpu, const struct thread *self, const struct thread *next,
	       uint64_t *out_now_ns)
{
	if (cpu->ready_mask >> self->priority != 1 || next->ready.child || next->is_interrupted ||
	    next->share->budget || self->share->budget ||
	    __atomic_load_n(&cpu->events, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&trace_events, __ATOMIC_RELAXED) ||
	    !run_clock_ns_known(&cpu->clock, out_now_ns))
		return false;
	return *out_now_ns + SLICE_NS >= cpu->armed_ns && *out_now_ns >= cpu->switched_ns;
}

/* What sched_account_locked, the queue and give_locked do, for a pair. */
static inline void
trade_places_locked(struct cpu *cpu, struct thread *self, struct thread *next, uint64_t now_ns)
{
	uint64_t ran_ns = now_ns - cpu->switched_ns, least_ns = next->ready.key;

	cpu->switched_ns = now_ns;
	self->run_ns += ran_ns;
	if (self->vruntime_ns < least_ns)
		self->vruntime_ns = least_ns;
	self->vruntime_ns += ran_ns * __atomic_load_n(&self->share->runnable, __ATOMIC_RELAXED);
	if (cpu->min_vruntime_ns[self->priority] < least_ns)
		cpu->min_vruntime_ns[self->priority] = least_ns;
	self->run_state = THREAD_READY;
	self->ready.key = ready_key_locked(cpu, self);
	pairing_exchange_only(&cpu->ready[self->priority], &self->ready);
	next->run_state = THREAD_RUNNING;
	cpu->current = next;
	cpu->slice_end_ns = now_ns + SLICE_NS;
	cpu->switches++;
	pending_clear(next, THREAD_PENDING_YIELD);
}

/* Two that give way to each other come here most often. No calls but tail calls, so that
 * no register is saved but by the switch. */
void
sched_yield_turn(void)
{
	struct cpu *cpu = port_cpu_current();
	struct thread *self = cpu->current, *next;
	uint64_t now_ns;

	if (!spinlock_try(&cpu->lock)) {
		yield_slowly(cpu);
		return;
	}
	next = thread_of_ready(pairing_first(&cpu->ready[self->priority]));
	if (!next || !is_pair_locked(cpu, self, next, &now_ns)) {
		sched_yield_slowly_locked(cpu);
		return;
	}
	trade_places_locked(cpu, self, next, now_ns);
	guest_context_switch_release(&self->context, &next->context,
				     spinlock_hand_over(&cpu->lock));
}
