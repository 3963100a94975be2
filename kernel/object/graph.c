/*
 * Instance graphs.
 */
#include "kernel/object/graph.h"

#include "kernel/code/module.h"
#include "kernel/mm/account.h"
#include "kernel/object/gate.h"
#include "lib/string.h"
#include "runtime/clone.h"

static enum nb_status
charge_store(void *context, uint64_t bytes)
{
	return account_charge(context, ACCOUNT_MEMORY, bytes);
}

static void
uncharge_store(void *context, uint64_t bytes)
{
	account_uncharge(context, ACCOUNT_MEMORY, bytes);
}

void
graph_init(struct process_graph *graph, struct account *account)
{
	const struct store_account store_account = { charge_store, uncharge_store, account };

	*graph = (struct process_graph){ .account = account,
					 .instances = graph->few,
					 .instance_cap = GRAPH_INSTANCES_FEW };
	store_init(&graph->store, &account->source, SIZE_MAX, &store_account);
	graph->client.memory = &graph->no_memory;
}

void
graph_bind(struct process_graph *graph, struct instance *main, struct nb_thread_head *head)
{
	graph->main = main;
	graph->client.memory_base = main->vmctx->memory_base;
	graph->client.memory = main->vmctx->memory;
	graph->client.instance = main;
	graph_set_head(graph, head);
}

void
graph_set_head(struct process_graph *graph, struct nb_thread_head *head)
{
	graph->client.thread = head;
	store_set_thread(&graph->store, head);
	gate_bindings_seat(graph, head);
}

struct cloning {
	const struct process_graph *source;
	struct process_graph *clone;
};

/* A context that is no instance's is the client's, or a gate's binding. */
static enum nb_status
clone_context(void *argument, const struct nb_vmctx *context, struct nb_vmctx **out)
{
	struct cloning *cloning = argument;

	if (context != &cloning->source->client)
		return gate_bind_clone(cloning->clone, context, out);
	*out = &cloning->clone->client;
	return NB_OK;
}

/* The instances' own storage. */
static void
instances_free(struct process_graph *graph)
{
	if (graph->instances != graph->few)
		account_free(graph->account, graph->instances,
			     graph->instance_cap * sizeof *graph->instances);
}

enum nb_status
graph_reserve(struct process_graph *graph, uint32_t count)
{
	uint32_t cap = 2 * graph->instance_cap;
	struct process_instance *grown;

	if (count <= graph->instance_cap)
		return NB_OK;
	cap = cap < count ? count : cap;
	grown = account_alloc(graph->account, cap * sizeof *grown);
	if (!grown)
		return NB_OUT_OF_MEMORY;
	memcpy(grown, graph->instances, graph->instance_count * sizeof *grown);
	instances_free(graph);
	graph->instances = grown;
	graph->instance_cap = cap;
	return NB_OK;
}

enum nb_status
graph_clone(const struct process_graph *graph, struct nb_thread_head *head,
	    struct process_graph *out)
{
	struct cloning cloning = { graph, out };
	enum nb_status status;

	graph_init(out, graph->account);
	status = graph_reserve(out, graph->instance_count);
	if (status != NB_OK)
		return status;
	status = store_clone(&out->store, &graph->store, head, clone_context, &cloning);
	if (status != NB_OK) {
		graph_release(out);
		return status;
	}
	out->instance_count = graph->instance_count;
	for (uint32_t i = 0; i < graph->instance_count; i++)
		out->instances[i].instance =
			store_counterpart(&out->store, graph->instances[i].instance);
	graph_bind(out, store_counterpart(&out->store, graph->main), head);
	return NB_OK;
}

void
graph_release(struct process_graph *graph)
{
	gate_unbind(graph, NULL);
	store_destroy(&graph->store);
	for (uint32_t i = 0; i < graph->instance_count; i++) {
		if (graph->instances[i].module)
			object_put(&graph->instances[i].module->object);
	}
	instances_free(graph);
	graph_init(graph, graph->account);
}
