/*
 * Between the files of kernel/sched only. `_locked`: this processor's (or
 * thread->cpu's) lock is held.
 */
#ifndef KERNEL_SCHED_SCHED_PRIVATE_H
#define KERNEL_SCHED_SCHED_PRIVATE_H

#include "kernel/sched/cpu.h"
#include "kernel/sched/thread.h"

enum { SLICE_NS = 4 * 1000 * 1000 }; /* longest turn while others wait */

/* The ready thread of the least key runs next. */
static inline uint64_t
ready_key_locked(struct cpu *cpu, const struct thread *thread)
{
	(void)cpu;
	return thread->vruntime_ns;
}

static inline struct thread *
thread_of_ready(struct pairing_node *node)
{
	return node ? list_entry(node, struct thread, ready) : NULL;
}

/* Interrupts may set other bits meanwhile; most of the time there is nothing to clear. */
static inline void
pending_clear(struct thread *thread, uint64_t bits)
{
	uint64_t *pending = &thread->seat->head.pending;

	if (__atomic_load_n(pending, __ATOMIC_RELAXED) & bits)
		__atomic_fetch_and(pending, ~bits, __ATOMIC_RELAXED);
}

/* Puts a new or blocked thread in cpu's queue and sees to it that it gets its
 * turn. */
void sched_make_ready_locked(struct cpu *cpu, struct thread *thread);
/* Accounts the running thread, if there is one, up to now. */
void sched_account_locked(struct cpu *cpu, uint64_t now_ns);
/* Gives the port the next deadline unless it will wake us early enough. `running` may
 * be NULL. */
void sched_arm_locked(struct cpu *cpu, const struct thread *running);
/* Lets the timers expire whose time has come. No lock held. */
void sched_expire_timers(struct cpu *cpu);
/* sched_yield_turn, whatever there is; releases the lock. */
void sched_yield_slowly_locked(struct cpu *cpu);
/* Changes the priority with which the thread runs. */
void sched_set_priority_locked(struct cpu *cpu, struct thread *thread, uint32_t priority);
/* Changes who pays for the thread when its own budget is used up. */
void
sched_set_lender_locked(struct cpu *cpu, struct thread *thread, const struct thread_lender *lender);
/* Makes the thread one of another share, whose budget pays for it from now on. */
void sched_pay_locked(struct cpu *cpu, struct thread *thread, struct thread_share *share);
/* Leaves the current thread, whose run_state the caller has set, for another
 * one; returns, unlocked, when it runs again (perhaps elsewhere). */
void sched_switch_locked(struct cpu *cpu);
/* The same for a thread that will not run again. */
_Noreturn void sched_leave_locked(struct cpu *cpu);
/* Entered on cpu->stack when guest code was interrupted; its state is saved. */
void sched_interrupted(void *cpu);
/* From interrupt handlers: something is in cpu->events. */
void sched_note_event(struct cpu *cpu, uint32_t event);
/* Lets whoever should run before the current thread do so. No lock held. If guest code is
 * next, `is_at_boundary`, it may have to wait here for its budget. */
void sched_preempt(bool is_at_boundary);
/* If the thread must die, makes its saved state unwind instead of going on. */
void thread_condemn_interrupted(struct thread *thread);

#endif
