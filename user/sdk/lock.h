/*
 * A lock between the threads of a process. For modules with shared memory, compiled with atomics.
 */
#ifndef USER_SDK_LOCK_H
#define USER_SDK_LOCK_H

#include "nebulet.h"

#include <stdbool.h>

/* Free while it is all zero. */
struct lock {
	struct nb_futex futex; /* 0: free; 1: held; 2: held, and somebody waits */
};

static inline void
lock_take(struct lock *lock)
{
	uint32_t free_word = 0;

	if (__atomic_compare_exchange_n(&lock->futex.word, &free_word, 1, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST))
		return;
	while (__atomic_exchange_n(&lock->futex.word, 2, __ATOMIC_SEQ_CST))
		(void)nb_futex_wait(&lock->futex, 2, NB_DEADLINE_NEVER);
}

static inline void
lock_give(struct lock *lock)
{
	if (__atomic_exchange_n(&lock->futex.word, 0, __ATOMIC_SEQ_CST) == 2)
		(void)nb_futex_wake(&lock->futex, 1);
}

#endif
