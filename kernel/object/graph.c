/*
 * Instance graphs.
 */
#include "kernel/object/graph.h"

#include "kernel/code/module.h"
#include "kernel/mm/account.h"
#include "kernel/object/gate.h"
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

	*graph = (struct process_graph){ .account = account };
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

enum nb_status
graph_clone(const struct process_graph *graph, struct nb_thread_head *head,
	    struct process_graph *out)
{
	struct cloning cloning = { graph, out };
	size_t bytes = graph->instance_count * sizeof *out->instances;
	enum nb_status status = NB_OUT_OF_MEMORY;

	graph_init(out, graph->account);
	out->instances = account_alloc(out->account, bytes);
	if (!out->instances)
		return NB_OUT_OF_MEMORY;
	out->instance_cap = graph->instance_count;
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
	account_free(graph->account, graph->instances,
		     graph->instance_cap * sizeof *graph->instances);
	graph_init(graph, graph->account);
}
