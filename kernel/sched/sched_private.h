/*
 * Between the files of kernel/sched only. `_locked`: this processor's (or
 * thread->cpu's) lock is held.
 */
#ifndef KERNEL_SCHED_SCHED_PRIVATE_H
#define KERNEL_SCHED_SCHED_PRIVATE_H

#include "kernel/sched/cpu.h"
#include "kernel/sched/thread.h"

/* Puts a new or blocked thread in cpu's queue and sees to it that it gets its
 * turn. */
void sched_make_ready_locked(struct cpu *cpu, struct thread *thread);
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
