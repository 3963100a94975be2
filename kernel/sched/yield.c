/*
 * Giving way to equals: the way of most switches, which does at once what sched.c does
 * for all of them.
 */
#include "kernel/sched/sched.h"
#include "kernel/sched/sched_private.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/trace.h"

#define LIKELY(condition) __builtin_expect((condition), 1)
/* The compiler forgets how the pointer was found, and so keeps no parts of that in registers. */
#define FOUND(pointer) __asm__("" : "+r"(pointer))

static __attribute__((noinline)) void
yield_slowly(struct cpu *cpu)
{
	spinlock_lock(&cpu->lock);
	sched_yield_slowly_locked(cpu);
}

/* Whether `next` is the one to run, when the current thread gives way, and neither limit,
 * event nor trace wants anything. For timeouts and timers the port's timer was armed when
 * they were set. */
static inline bool
is_plain_locked(const struct cpu *cpu, const struct thread *self, const struct thread *next)
{
	return LIKELY(next != NULL) && LIKELY(cpu->ready_mask >> self->priority == 1) &&
	       LIKELY(!next->is_interrupted) && LIKELY(!next->share->budget) &&
	       LIKELY(!self->share->budget) &&
	       LIKELY(!__atomic_load_n(&cpu->events, __ATOMIC_RELAXED)) &&
	       LIKELY(!__atomic_load_n(&trace_events, __ATOMIC_RELAXED));
}

/* Whether the clock is known, and the port's timer armed early enough for next's turn. */
static inline bool
is_in_time_locked(const struct cpu *cpu, uint64_t *out_now_ns)
{
	return run_clock_ns_known(&cpu->clock, out_now_ns) &&
	       *out_now_ns + SLICE_NS >= cpu->armed_ns && *out_now_ns >= cpu->switched_ns;
}

/* What sched_account_locked does for the current thread, which goes behind `next`. */
static inline void
account_locked(struct cpu *cpu, struct run_queue *queue, struct thread *self, uint64_t least_ns,
	       uint64_t now_ns)
{
	uint64_t ran_ns = now_ns - cpu->switched_ns;

	cpu->switched_ns = now_ns;
	cpu->slice_end_ns = now_ns + SLICE_NS;
	self->run_ns += ran_ns;
	if (self->vruntime_ns < least_ns)
		self->vruntime_ns = least_ns;
	self->vruntime_ns += ran_ns * __atomic_load_n(&self->share->runnable, __ATOMIC_RELAXED);
	if (queue->floor_ns < least_ns)
		queue->floor_ns = least_ns;
	self->ready.key = ready_key_locked(cpu, self);
}

/* What give_locked does. */
static inline void
give_locked(struct cpu *cpu, struct thread *self, struct thread *next)
{
	self->run_state = THREAD_READY;
	next->run_state = THREAD_RUNNING;
	cpu->current = next;
	cpu->switches++;
	pending_clear(next, THREAD_PENDING_YIELD);
	guest_context_switch_release(&self->context, &next->context,
				     spinlock_hand_over(&cpu->lock));
}

/* Where not only the ends of the list change. */
static __attribute__((noinline)) void
trade_anywhere_locked(struct cpu *cpu, struct thread *self, struct thread *next)
{
	struct run_queue *queue = &cpu->ready[self->priority];

	run_queue_remove(queue, &next->ready);
	run_queue_insert(queue, &self->ready);
	give_locked(cpu, self, next);
}

/* Where the thread's guest code goes on after the kernel call that it is in; 0: nowhere. */
static inline uint64_t
guest_return(const struct guest_seat *seat)
{
	return seat->head.guest_sp ? *(const uint64_t *)(uintptr_t)seat->head.guest_sp : 0;
}

/* No calls but tail calls, so that no register is saved but by the switch. */
void
sched_yield_turn(void)
{
	struct cpu *cpu = port_cpu_current();
	struct thread *self = cpu->current, *next;
	struct run_queue *queue;
	uint64_t now_ns;

	if (!LIKELY(spinlock_try(&cpu->lock))) {
		yield_slowly(cpu);
		return;
	}
	queue = &cpu->ready[self->priority];
	FOUND(queue);
	next = thread_of_ready(run_queue_first(queue));
	FOUND(next);
	if (!LIKELY(is_plain_locked(cpu, self, next)) || !LIKELY(is_in_time_locked(cpu, &now_ns))) {
		sched_yield_slowly_locked(cpu);
		return;
	}
	next->seat->left_return = guest_return(self->seat);
	account_locked(cpu, queue, self, next->ready.key, now_ns);
	if (!LIKELY(run_queue_rotates(queue, &next->ready, self->ready.key))) {
		trade_anywhere_locked(cpu, self, next);
		return;
	}
	run_queue_rotate(queue, &next->ready, &self->ready);
	give_locked(cpu, self, next);
}
