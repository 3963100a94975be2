/*
 * Instance graphs: the linked instances that one thread of a process runs in.
 *
 * A process is built as one graph; each further thread and each activation of
 * a gate has a clone of it (runtime/clone.h). A clone refers to the first
 * graph's memories, modules and types, so it is released before that.
 */
#ifndef KERNEL_OBJECT_GRAPH_H
#define KERNEL_OBJECT_GRAPH_H

#include "runtime/instance.h"

struct account;
struct gate_binding;
struct module;

struct process_instance {
	struct instance *instance;
	struct module *module; /* referenced; of a clone NULL */
};

enum { GRAPH_INSTANCES_FEW = 2 };

/* Stays where it was made. */
struct process_graph {
	struct account *account; /* pays; outlives the graph */
	struct store store;
	struct process_instance few[GRAPH_INSTANCES_FEW];
	struct process_instance *instances; /* `few`, or more */
	uint32_t instance_count, instance_cap;
	struct instance *main; /* NULL until started */
	/* What imports from nebulet:client are bound to. */
	struct nb_vmctx client;
	struct nb_memory_desc no_memory;
	struct gate_binding *bindings; /* imports that are bound to gates; newest first */
};

/* The graph that a store is of. */
static inline struct process_graph *
graph_of(struct store *store)
{
	return (struct process_graph *)(void *)((uint8_t *)store -
						offsetof(struct process_graph, store));
}

/* An empty graph. */
void graph_init(struct process_graph *graph, struct account *account);

/* Sees to room for `count` instances in all. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status graph_reserve(struct process_graph *graph, uint32_t count);

/* Makes *out, of any content, a clone of `graph`, a process's first one, whose
 * main instance is known: it runs on the thread of `head`. NB_OUT_OF_MEMORY,
 * NB_LIMIT_EXCEEDED: *out is empty then. Gives way to others. */
NB_MUST_USE enum nb_status graph_clone(const struct process_graph *graph,
				       struct nb_thread_head *head, struct process_graph *out);

/* Gives back everything, the references to modules included; nobody runs in it.
 * The graph is empty then. Gives way to others. */
void graph_release(struct process_graph *graph);

/* Lets nebulet:client mean memory 0 of instance `main`, and all instances run on
 * the thread of `head`. */
void graph_bind(struct process_graph *graph, struct instance *main, struct nb_thread_head *head);

/* All instances, and calls of gates that they make, are in the seat of `head`. Nobody
 * runs in them. */
void graph_set_head(struct process_graph *graph, struct nb_thread_head *head);

#endif
