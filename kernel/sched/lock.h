/*
 * Spin locks with a fixed order.
 *
 * Kernel code is never preempted and interrupt handlers take no lock, so a
 * lock is held for a few dozen instructions and only ever contended by another
 * processor. A holder may take only locks of a higher rank; debug builds
 * assert it. Nothing that may sleep runs under a lock.
 *
 * The order, outermost first, is enum lock_rank.
 */
#ifndef KERNEL_SCHED_LOCK_H
#define KERNEL_SCHED_LOCK_H

#include <stdbool.h>
#include <stdint.h>

enum lock_rank {
	LOCK_RANK_PROCESSES,  /* the list of all processes, and who builds whom */
	LOCK_RANK_PROCESS,    /* struct process: state, instances, children */
	LOCK_RANK_THREAD,     /* struct thread_object: the thread, while it lives */
	LOCK_RANK_GATES,      /* who is in which gate's activation, and who waits */
	LOCK_RANK_GATE_LENDS, /* struct gate_activation: what is lent to it */
	LOCK_RANK_HANDLES,    /* struct handle_table */
	LOCK_RANK_MODULE,     /* struct module: state, progress */
	LOCK_RANK_CHANNELS,   /* handles to channels that are under way in channels */
	LOCK_RANK_WAITSET,    /* struct waitset: its entries */
	LOCK_RANK_TIMER,      /* struct timer: deadline */
	LOCK_RANK_STREAM,     /* shared part of the two ends of a stream or channel, serial ports */
	LOCK_RANK_INTERRUPTS, /* which interrupt object has which slot */
	LOCK_RANK_OBJECT,     /* struct object: signals, observers, name */
	LOCK_RANK_READY,      /* struct waitset: entries that may be ready, who waits */
	LOCK_RANK_FUTEX,      /* who waits at the addresses of one bucket */
	LOCK_RANK_RUN_QUEUE,  /* struct cpu: threads that want to run, timers */
	LOCK_RANK_BUDGETS,    /* struct cpu_budget: all of them */
	LOCK_RANK_LOG,	      /* the log's ring */
	LOCK_RANK_HEAP,	      /* the kernel heap */
	LOCK_RANK_COUNT,
};

struct spinlock {
	uint32_t held; /* atomic */
	uint32_t rank;
};

#define SPINLOCK_INIT(lock_rank)               \
	{                                      \
		.held = 0, .rank = (lock_rank) \
	}

static inline void
spinlock_init(struct spinlock *lock, enum lock_rank rank)
{
	lock->held = 0;
	lock->rank = rank;
}

/* False while there is one processor only: nobody can want a lock that is held, so
 * taking one is a store. Whoever brings up another processor sets it first, holding no
 * lock (sched_cpu_init). */
extern bool lock_is_shared;

/* Waits until nobody holds the lock, and takes it. */
void spinlock_contend(struct spinlock *lock);
#ifdef NB_DEBUG
/* Note the order; panic on a violation. */
void spinlock_order_enter(const struct spinlock *lock);
void spinlock_order_leave(const struct spinlock *lock);
/* Panic if this processor holds a lock. */
void spinlock_check_none(void);
#else
static inline void
spinlock_check_none(void)
{
}
#endif

/* Counts that no interrupt handler touches. Atomic where another processor could count
 * meanwhile, without the price of it where there is none. */
static inline void
count_up(uint32_t *count)
{
	if (__builtin_expect(lock_is_shared, 0))
		__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
	else
		__atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
}

/* Returns what is left. */
static inline uint32_t
count_down(uint32_t *count)
{
	uint32_t left;

	if (__builtin_expect(lock_is_shared, 0))
		return __atomic_sub_fetch(count, 1, __ATOMIC_ACQ_REL);
	left = *count - 1;
	__atomic_store_n(count, left, __ATOMIC_RELAXED);
	return left;
}

static inline void
spinlock_lock(struct spinlock *lock)
{
#ifdef NB_DEBUG
	spinlock_order_enter(lock);
#endif
	if (__builtin_expect(lock_is_shared, 0)) {
		spinlock_contend(lock);
		return;
	}
	__atomic_store_n(&lock->held, 1, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_ACQUIRE);
}

/* Takes the lock unless somebody holds it. */
static inline bool
spinlock_try(struct spinlock *lock)
{
	if (__builtin_expect(lock_is_shared, 0) &&
	    __atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		return false;
#ifdef NB_DEBUG
	spinlock_order_enter(lock);
#endif
	__atomic_store_n(&lock->held, 1, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_ACQUIRE);
	return true;
}

/* For who releases the lock by storing 0 there. */
static inline uint32_t *
spinlock_hand_over(struct spinlock *lock)
{
#ifdef NB_DEBUG
	spinlock_order_leave(lock);
#endif
	return &lock->held;
}

static inline void
spinlock_unlock(struct spinlock *lock)
{
#ifdef NB_DEBUG
	spinlock_order_leave(lock);
#endif
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

#endif
