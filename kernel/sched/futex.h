/*
 * Futexes: threads that wait until a word of guest memory changes and somebody
 * tells. The word's address says what it is, for all memories lie in one
 * address space and none moves.
 */
#ifndef KERNEL_SCHED_FUTEX_H
#define KERNEL_SCHED_FUTEX_H

#include "abi/status.h"
#include "kernel/port/guest.h"

#include <stdint.h>

/* Blocks the calling thread until futex_wake chooses it. NB_SHOULD_WAIT: the
 * word is not what was expected; NB_TIMED_OUT, NB_CANCELED, NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status futex_wait(const struct guest_wait *wait);
/* Wakes up to `count` threads, those first that have waited longest; how many. */
uint32_t futex_wake(uint64_t address, uint32_t count);

/* Threads that wait. */
uint32_t futex_waiting_count(void);

#endif
