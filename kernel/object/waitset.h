/*
 * Waitsets: many long-lived waits at once, at a cost that depends on how many
 * are ready and not on how many there are.
 *
 * An entry is an object and the signals wanted of it. Whenever one of them is
 * set, the object puts the entry in the ready list; waitset_wait looks at the
 * entries there only. Waits are for levels: an entry stays ready as long as its
 * object has a wanted signal, and takes its place behind the others each time it
 * was reported. A waitset holds references to its objects, not handles.
 */
#ifndef KERNEL_OBJECT_WAITSET_H
#define KERNEL_OBJECT_WAITSET_H

#include "kernel/object/object.h"

struct waitset;

extern const struct object_type waitset_type;

/* An empty waitset with one reference. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status waitset_create(struct account *account, struct waitset **out);

/* Adds an entry; its number, never 0 and not soon used again. NB_LIMIT_EXCEEDED (65 536
 * entries), NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status waitset_add(struct waitset *waitset, struct object *object,
				       uint32_t signals, uint64_t key, uint32_t *out_entry);
/* NB_NOT_FOUND. */
NB_MUST_USE enum nb_status waitset_remove(struct waitset *waitset, uint32_t entry);

/* By which handle a waitset is waited for. */
struct waitset_way {
	struct waitset *waitset; /* the caller holds a reference */
	struct handle_table *table;
	uint32_t handle;
};

/* Blocks until an entry is ready and reports up to `cap` of them, *out_count.
 * NB_TIMED_OUT, NB_CANCELED, NB_BAD_HANDLE: `way` names it no longer. */
NB_MUST_USE enum nb_status
waitset_wait(const struct waitset_way *way, struct nb_waitset_event *events, uint32_t cap,
	     int64_t deadline_ns, uint32_t *out_count);

static inline struct waitset *
waitset_of(struct object *object)
{
	return (struct waitset *)object;
}

#endif
