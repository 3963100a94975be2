/*
 * Thread objects: threads that a process has spawned, as handles name them.
 *
 * Such a thread runs in a clone of its process's instance graph. The object
 * outlives the thread, as long as there is a handle; closing the last handle
 * does not end the thread. TERMINATED: it has ended, its result is known.
 */
#ifndef KERNEL_OBJECT_THREAD_OBJECT_H
#define KERNEL_OBJECT_THREAD_OBJECT_H

#include "kernel/object/graph.h"
#include "kernel/object/object.h"
#include "kernel/sched/thread.h"

#include <stdbool.h>

struct thread_object {
	struct object object;
	struct process *process; /* whose it is; valid until the thread has ended */

	struct spinlock lock;
	/* Under the lock: */
	struct thread *thread; /* NULL: has ended, or was never started */
	uint32_t result;       /* valid when ended */
	uint64_t run_ns;       /* likewise */

	/* Of the spawner, then of the thread: */
	struct process_graph graph;
	struct nb_callee callee; /* in the graph */
	uint32_t arguments[2];
};

extern const struct object_type thread_type;

/* What a new thread begins with. */
struct thread_spawn {
	const struct instance *function_of; /* in any graph: whose counterpart has the function */
	const struct instance *stack_of;    /* likewise: whose stack pointer is set */
	const char *export;		    /* NULL: by table_index */
	size_t export_len;
	uint32_t table_index;
	uint32_t arguments[2];
	uint32_t stack; /* 0: not set */
};

/* The object of a thread to come, with one reference. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status
thread_object_create(struct process *process, struct thread_object **out);
/* Makes its thread and starts it, or leaves the object without one for ever.
 * Errors as the native calls. Gives way to others. */
NB_MUST_USE enum nb_status
thread_object_start(struct thread_object *thread, const struct thread_spawn *spawn);

/* The object of a spawned thread; NULL for a process's first one. */
struct thread_object *thread_object_of_thread(const struct thread *thread);
/* Its thread, which still exists, will never run in its process again. */
void thread_object_lose(struct thread_object *thread);
/* Behind that: gives up the graph and the thread's reference. Gives way to others. */
void thread_object_end(struct thread_object *thread);
/* What the calling thread's function returns if it does not. */
void thread_object_set_result(struct thread *thread, uint32_t result);

static inline struct thread_object *
thread_object_of(struct object *object)
{
	return (struct thread_object *)object;
}

#endif
