/*
 * Waiting for signals of one or many objects.
 */
#ifndef KERNEL_OBJECT_WAIT_H
#define KERNEL_OBJECT_WAIT_H

#include "abi/status.h"

#include <stdint.h>

struct handle_table;
struct object;

struct wait_item {
	struct object *object; /* the caller holds a reference */
	uint32_t wanted;
	uint32_t handle; /* by which it is waited for, in the call's table */
	uint32_t seen;	 /* out: all its signals at the end */
};

/* Blocks the calling thread until an item has a wanted signal; *out_ready is
 * how many have one. NB_TIMED_OUT (seen and *out_ready are valid then, too)
 * once the monotonic clock reaches `deadline_ns`, INT64_MAX meaning never and 0
 * or less polling; NB_BAD_HANDLE once an item's handle in `table` (NULL: there are none)
 * names the object no longer; NB_CANCELED; NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status
wait_for_signals(struct wait_item *items, uint32_t count, struct handle_table *table,
		 int64_t deadline_ns, uint32_t *out_ready);

struct object_observer;

/* NB_BAD_HANDLE: the handle of a registered observer names its object no longer. To be
 * called before each sleep; the first time the observer is_doubtful. */
NB_MUST_USE enum nb_status
wait_handle_check(struct object_observer *observer, struct handle_table *table);

/* A call's deadline as thread_block takes it. */
static inline uint64_t
wait_deadline(int64_t deadline_ns)
{
	if (deadline_ns == INT64_MAX)
		return UINT64_MAX;
	return deadline_ns < 0 ? 0 : (uint64_t)deadline_ns;
}

#endif
