/*
 * Bindings: imports that are calls of gates.
 */
#include "kernel/mm/account.h"
#include "kernel/object/gate_private.h"
#include "kernel/object/process.h"

/* A binding of `gate`, a base, that belongs to the graph. */
static struct gate_binding *
binding_create(struct process_graph *graph, struct gate *gate, uint64_t badge)
{
	struct gate_binding *binding = account_alloc(graph->account, sizeof *binding);

	if (!binding)
		return NULL;
	object_get(&gate->object);
	binding->gate = gate;
	binding->account = graph->account;
	binding->port.badge = badge;
	binding->port.entry = gate->entries[0];
	if (!gate->signature.has_passing && !guest_gate_needs_slow_path())
		binding->port.first = &gate->pool->activations[0].port;
	binding->port.context.memory = &graph->no_memory;
	binding->port.context.thread = graph->store.thread;
	binding->next = graph->bindings;
	graph->bindings = binding;
	return binding;
}

enum nb_status
gate_bind(struct process_graph *graph, const struct instance *instance,
	  const struct process_binding *given, struct runtime_extern *out)
{
	struct gate *base = given->gate->base ? given->gate->base : given->gate;
	struct gate_binding *binding = binding_create(graph, base, given->gate->badge);

	if (!binding)
		return NB_OUT_OF_MEMORY;
	binding->lender = given->lends_client ? &graph->client : instance->vmctx;
	*out = (struct runtime_extern){ .kind = WASM_EXTERN_FUNC };
	out->func.code = (uint64_t)(uintptr_t)guest_gate_code;
	out->func.cross = (uint64_t)(uintptr_t)guest_gate_cross;
	out->func.vmctx = (uint64_t)(uintptr_t)&binding->port.context;
	return store_signature(&graph->store, &base->signature.type, &out->func.signature);
}

enum nb_status
gate_bind_clone(struct process_graph *clone, const struct nb_vmctx *context, struct nb_vmctx **out)
{
	const struct gate_binding *original = (const struct gate_binding *)(uintptr_t)context;
	struct gate_binding *binding = binding_create(clone, original->gate, original->port.badge);

	if (!binding)
		return NB_OUT_OF_MEMORY;
	binding->lender = original->lender;
	*out = &binding->port.context;
	return NB_OK;
}

void
gate_unbind(struct process_graph *graph, struct gate_binding *last)
{
	while (graph->bindings != last) {
		struct gate_binding *binding = graph->bindings;

		graph->bindings = binding->next;
		object_put(&binding->gate->object);
		account_free(binding->account, binding, sizeof *binding);
	}
}

void
gate_bindings_seat(struct process_graph *graph, struct nb_thread_head *head)
{
	for (struct gate_binding *binding = graph->bindings; binding; binding = binding->next)
		binding->port.context.thread = head;
}
