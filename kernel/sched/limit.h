/*
 * Limits of processor time, as the scheduler keeps them
 * (docs/decisions/0011-limits-inside-gates.md).
 *
 * A thread's time is taken from the budget of its share, wherever it is, until that is
 * used up. Then a limited process whose code comes next pays with its own budget, and if
 * that is used up, too, the thread waits: so it does with its own code, or in a gate of
 * its own making. With code of a process without a limit, or whose limit is one above its
 * own, and in the kernel, it goes on and owes. If it would have to wait and somebody with
 * time left waits for it, that one pays instead.
 *
 * Only for threads whose share has a budget. All need the lock of the thread's
 * processor, on which it runs or where it waits.
 */
#ifndef KERNEL_SCHED_LIMIT_H
#define KERNEL_SCHED_LIMIT_H

#include "kernel/sched/thread.h"

/* Whether the thread may not take its next step, which would be one in guest code, or of a
 * kernel thread's work, until it is paid for. It is neither if it is about to end. */
bool limit_must_wait_locked(const struct thread *thread, uint64_t now_ns);
/* When one that must wait can be asked again; in the future. */
uint64_t limit_ready_ns_locked(const struct thread *thread, uint64_t now_ns);
/* The thread goes on: settles who pays from now on, and marks the places where it has to
 * be asked again before guest code runs. */
void limit_look_locked(struct thread *thread, uint64_t now_ns);
/* When the running thread is to be looked at again. */
uint64_t limit_look_at_ns_locked(const struct thread *thread, uint64_t now_ns);

#endif
