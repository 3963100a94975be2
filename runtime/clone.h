/*
 * Clones of a whole store: what a further thread, or an activation of a gate,
 * runs in.
 *
 * A clone has an instance for each of the source's, of the same module and with
 * the same ordinal, and of its own: vmctx, globals, tables, references. Globals
 * have their first values again, tables what declarations and active element
 * segments put there; changes that code made since are not taken over. Active
 * data segments and start functions are not run. Memories are those of the
 * source. Function imports lead to the clone's own instances, so a thread never
 * leaves its clone; signature words and reference numbers are the same in both.
 *
 * So each store still has one thread at a time, and destroying a clone gives
 * back everything that its thread had.
 */
#ifndef RUNTIME_CLONE_H
#define RUNTIME_CLONE_H

#include "runtime/instance.h"

/* Supplies the counterpart of `context`, to which an imported function of the
 * source is bound and which is no instance's: a host context, a namespace of
 * native calls. It may be the same one. Errors end the cloning. */
typedef enum nb_status
store_clone_context(void *argument, const struct nb_vmctx *context, struct nb_vmctx **out);

/* Makes `clone`, which store_init has just made (its account pays), a clone of
 * `source`. Its instances run on the thread of `head`. The source outlives it,
 * and gets no instances, types and host functions while clones are made of it.
 * On an error (NB_OUT_OF_MEMORY, NB_LIMIT_EXCEEDED, those of `context`) the clone
 * is an empty store again. Gives way to others. */
NB_MUST_USE enum nb_status
store_clone(struct store *clone, const struct store *source, struct nb_thread_head *head,
	    store_clone_context *context, void *argument);

/* The instance of `store` that is the counterpart of `original`, an instance of
 * its source or of a clone of that. */
struct instance *store_counterpart(const struct store *store, const struct instance *original);

#endif
