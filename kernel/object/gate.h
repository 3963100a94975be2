/*
 * Gates: typed entry points into a process (docs/decisions/0007-gates.md).
 *
 * A gate belongs to a pool of activations, in which its calls run: one or more
 * clones of its process's instance graph, or the graph of the thread that made
 * it, entered while that is in gate_serve. Imports are bound to gates when an
 * instance is linked (struct gate_binding); the call itself is a stub of arch,
 * which asks kernel_gate_enter where it cannot go on alone.
 */
#ifndef KERNEL_OBJECT_GATE_H
#define KERNEL_OBJECT_GATE_H

#include "kernel/object/graph.h"
#include "kernel/object/object.h"
#include "kernel/sched/thread.h"

#include <stdbool.h>

struct gate;
struct gate_binding;
struct handle_table;
struct process;
struct process_binding;

extern const struct object_type gate_type;

enum {
	GATE_LETTERS_MAX = 32, /* of a signature, the '>' included */
	GATE_ACTIVATIONS_MAX = 64,
	GATE_LENDS_MAX = 3, /* of one call: each takes two of seven integers */
};

struct gate_options {
	struct process *process;
	struct thread *thread;		 /* that makes it, in its own seat */
	const struct instance *instance; /* whose table 0 is meant */
	uint32_t table_idx;
	const char *signature;
	uint32_t signature_len;
	uint32_t activations;		       /* 0: the thread's own graph */
	uint32_t stack_base, stack_bytes_each; /* shadow stacks in memory 0; 0: none */
};

/* A gate with one reference. NB_INVALID_ARGUMENT (signature), NB_OUT_OF_RANGE
 * (table index, number of activations, stacks), NB_UNLINKABLE (the function has
 * another type), NB_CANCELED, NB_LIMIT_EXCEEDED, NB_OUT_OF_MEMORY. Gives way. */
NB_MUST_USE enum nb_status gate_create(const struct gate_options *options, struct gate **out);
/* The same gate with a badge, as an object of its own. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status
gate_create_badged(struct gate *gate, uint64_t badge, struct account *account, struct gate **out);

static inline struct gate *
gate_of(struct object *object)
{
	return (struct gate *)object;
}

/* ---- imports ---- */

/* What an import of `instance`, of `graph`, gets that is bound to a binding's gate. What
 * it makes belongs to the graph. NB_OUT_OF_MEMORY, NB_LIMIT_EXCEEDED. */
NB_MUST_USE enum nb_status
gate_bind(struct process_graph *graph, const struct instance *instance,
	  const struct process_binding *given, struct runtime_extern *out);
/* What an import gets whose calls name the gate by a handle, their first argument; the rest
 * is the signature `text`. Ranges are lent from the memory of `lender`. NB_INVALID_ARGUMENT: no
 * signature; else the same. */
NB_MUST_USE enum nb_status
gate_bind_open(struct process_graph *graph, const struct nb_vmctx *lender, const char *text,
	       uint32_t len, struct runtime_extern *out);
/* The counterpart, in a clone, of the binding with that context. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status
gate_bind_clone(struct process_graph *clone, const struct nb_vmctx *context, struct nb_vmctx **out);
/* Frees the graph's bindings back to `last`, which stays (NULL: all). */
void gate_unbind(struct process_graph *graph, struct gate_binding *last);
/* Calls through the graph's bindings come from the seat of `head`. */
void gate_bindings_seat(struct process_graph *graph, struct nb_thread_head *head);

/* ---- inside a call: `seat` is the calling thread's ---- */

/* The badge that the call came with; NB_BAD_STATE: not inside a call. */
NB_MUST_USE enum nb_status gate_caller_badge(const struct guest_seat *seat, uint64_t *out);

enum gate_lend_direction { GATE_LEND_READ, GATE_LEND_WRITE };

/* Copies `len` bytes between `offset` of the lent range `slot` and `address`, which
 * the caller has checked. NB_BAD_STATE, NB_OUT_OF_RANGE, NB_ACCESS_DENIED,
 * NB_PEER_CLOSED (the lender is gone), NB_CANCELED, NB_OUT_OF_MEMORY; part may be
 * copied then. Gives way to others. */
NB_MUST_USE enum nb_status
gate_lend_copy(struct guest_seat *seat, uint32_t slot, uint32_t offset, uint64_t address,
	       uint32_t len, enum gate_lend_direction direction);
/* Moves a handle of `table` [TRANSFER] to the caller's process and returns its number
 * there. NB_BAD_STATE, NB_BAD_HANDLE, NB_ACCESS_DENIED, NB_PEER_CLOSED,
 * NB_LIMIT_EXCEEDED, NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status gate_reply_handle(struct guest_seat *seat, struct handle_table *table,
					     uint32_t handle, uint32_t *out);

/* ---- threads and processes ---- */

/* Lets callers into the calling thread's own gates until the deadline, or until its
 * process ends, and the last one has left. NB_TIMED_OUT, NB_CANCELED; NB_BAD_STATE: the
 * thread has no such gate. */
NB_MUST_USE enum nb_status gate_serve(struct thread *thread, uint64_t deadline_ns);

/* The process's exit is decided: nobody gets in any more, waiting callers get an
 * error, those inside are unwound as soon as they may be. The caller is counted
 * inside the process, or it is CREATED. */
void gate_process_dying(struct process *process);
/* Calls made so far into all its gates, those that are gone, too. */
uint64_t gate_process_calls(struct process *process);
/* Under the process's lock, when its exit is decided: true if the thread, one of its
 * own, is inside another process. It will never come back then. */
bool gate_detach(struct thread *thread);
/* Changes the thread's own priority, NB_PRIORITY_*, and its place at the gate for which
 * it may be waiting. The thread cannot end meanwhile. gate_settle must follow. */
void gate_set_priority(struct thread *thread, uint32_t priority);
/* Finds out what threads inherit, until everybody has it. No lock held. Gives way to
 * others. */
void gate_settle(void);
/* The thread has left guest code for ever: its own gates close. */
void gate_thread_left(struct thread *thread);
/* The calling thread, which that was said of and which nobody can name any more, is about to
 * end: nobody looks at what it inherits, or is still looking at it. */
void gate_forget(struct thread *thread);

#endif
