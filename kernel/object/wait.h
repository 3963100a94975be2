/*
 * Waiting for signals of one or many objects.
 */
#ifndef KERNEL_OBJECT_WAIT_H
#define KERNEL_OBJECT_WAIT_H

#include "abi/status.h"

#include <stdint.h>

struct object;

struct wait_item {
	struct object *object; /* the caller holds a reference */
	uint32_t wanted;
	uint32_t seen; /* out: all its signals at the end */
};

/* Blocks the calling thread until an item has a wanted signal; *out_ready is
 * how many have one. NB_TIMED_OUT (seen and *out_ready are valid then, too)
 * once the monotonic clock reaches `deadline_ns`, INT64_MAX meaning never and 0
 * or less polling; NB_CANCELED; NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status
wait_for_signals(struct wait_item *items, uint32_t count, int64_t deadline_ns, uint32_t *out_ready);

/* A call's deadline as thread_block takes it. */
static inline uint64_t
wait_deadline(int64_t deadline_ns)
{
	if (deadline_ns == INT64_MAX)
		return UINT64_MAX;
	return deadline_ns < 0 ? 0 : (uint64_t)deadline_ns;
}

#endif
