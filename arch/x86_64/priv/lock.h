/*
 * Spin lock that keeps local interrupts off while held, and the one way to
 * state an invariant.
 *
 * Order of this layer's locks, outermost first: records and ranges (range.c), address space
 * (space.c), frames. Serial and clock come last. A lock may be taken only while every lock held ranks
 * before it; that is checked for each processor.
 */
#ifndef ARCH_X86_64_PRIV_LOCK_H
#define ARCH_X86_64_PRIV_LOCK_H

#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"

#include <stdbool.h>
#include <stdint.h>

#define CHECK_TEXT_(x) #x
#define CHECK_TEXT(x)  CHECK_TEXT_(x)
#define check_that(holds)                                                                  \
	do {                                                                               \
		if (__builtin_expect(!(holds), 0))                                         \
			port_panic(__FILE__ ":" CHECK_TEXT(__LINE__) ": broken: " #holds); \
	} while (0)

enum lock_rank {
	LOCK_RANK_RECORDS = 1,
	LOCK_RANK_SPACE,
	LOCK_RANK_FRAMES,
	LOCK_RANK_SERIAL,
	LOCK_RANK_CLOCK
};

struct lock {
	uint32_t held;	      /* 0 or 1 */
	enum lock_rank rank;  /* constant */
	bool interrupts_were; /* of the holder; valid while held */
};

#define LOCK_INIT(rank_)                   \
	{                                  \
		.held = 0, .rank = (rank_) \
	}

/* Takes the lock; interrupts are off until it is released. Not recursive. */
void lock_take(struct lock *lock);
void lock_drop(struct lock *lock);

#endif
