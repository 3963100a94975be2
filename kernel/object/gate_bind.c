/*
 * Bindings: imports that are calls of gates.
 */
#include "kernel/mm/account.h"
#include "kernel/object/gate_private.h"
#include "kernel/object/process.h"
#include "lib/string.h"
#include "runtime/signature.h"

static void
keep_value(struct guest_gate_registers *out, struct nb_place place, enum wasm_valtype type)
{
	uint64_t *const gprs[] = {
		[NB_RAX] = &out->rax, [NB_RCX] = &out->rcx, [NB_RDX] = &out->rdx,
		[NB_RSI] = &out->rsi, [NB_RDI] = &out->rdi, [NB_R8] = &out->r8,
		[NB_R9] = &out->r9,
	};
	size_t bytes = type == WASM_V128 ? 16 : type == WASM_I64 || type == WASM_F64 ? 8 : 4;

	if (place.kind == NB_PLACE_XMM)
		memset(out->xmm[place.index], 0xff, bytes);
	else
		memset(gprs[place.index], 0xff, bytes);
}

/* What of the registers is the gate's arguments and results; there is no area. */
static void
keep_values(struct guest_gate_binding *port, const struct wasm_functype *type)
{
	struct nb_placement arguments = { 0 }, results = { 0 };

	for (uint32_t i = 0; i < type->param_count; i++)
		keep_value(&port->arguments,
			   nb_place_argument(&arguments, signature_class(type->params[i])),
			   type->params[i]);
	for (uint32_t i = 0; i < type->result_count; i++)
		keep_value(&port->results,
			   nb_place_result(&results, signature_class(type->results[i])),
			   type->results[i]);
}

/* Enters a new binding into the graph; `type` is the gate's. */
static void
binding_add(struct process_graph *graph, struct gate_binding *binding,
	    const struct wasm_functype *type)
{
	binding->account = graph->account;
	keep_values(&binding->port, type);
	binding->port.context.memory = &graph->no_memory;
	binding->port.context.thread = graph->store.thread;
	binding->next = graph->bindings;
	graph->bindings = binding;
}

/* A binding of `gate`, a base, that belongs to the graph. */
static struct gate_binding *
binding_create(struct process_graph *graph, struct gate *gate, uint64_t badge)
{
	struct gate_binding *binding = account_alloc(graph->account, sizeof *binding);

	if (!binding)
		return NULL;
	object_get(&gate->object);
	binding->gate = gate;
	binding->port.badge = badge;
	binding->port.entry = gate->entries[0];
	if (!gate->signature.has_passing && !guest_gate_needs_slow_path())
		binding->port.first = &gate->pool->activations[0].port;
	binding_add(graph, binding, &gate->signature.type);
	return binding;
}

/* A binding whose calls name their gate. */
static struct gate_binding *
binding_create_open(struct process_graph *graph, const struct gate_signature *called)
{
	struct gate_binding *binding = account_alloc(graph->account, sizeof *binding);
	struct gate_signature *copy = account_alloc(graph->account, sizeof *copy);
	struct wasm_functype inner;

	if (!binding || !copy) {
		account_free(graph->account, binding, sizeof *binding);
		account_free(graph->account, copy, sizeof *copy);
		return NULL;
	}
	gate_signature_copy(copy, called);
	binding->called = copy;
	inner = copy->type;
	inner.params++;
	inner.param_count--;
	binding_add(graph, binding, &inner);
	return binding;
}

/* What an import bound to it gets. */
static enum nb_status
binding_extern(struct process_graph *graph, struct gate_binding *binding,
	       const struct wasm_functype *type, struct runtime_extern *out)
{
	*out = (struct runtime_extern){ .kind = WASM_EXTERN_FUNC };
	out->func.code = (uint64_t)(uintptr_t)guest_gate_code;
	out->func.cross = (uint64_t)(uintptr_t)guest_gate_cross;
	out->func.vmctx = (uint64_t)(uintptr_t)&binding->port.context;
	return store_signature(&graph->store, type, &out->func.signature);
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
	return binding_extern(graph, binding, &base->signature.type, out);
}

enum nb_status
gate_bind_open(struct process_graph *graph, const struct nb_vmctx *lender, const char *text,
	       uint32_t len, struct runtime_extern *out)
{
	char letters[GATE_LETTERS_MAX];
	struct gate_signature called;
	struct gate_binding *binding;
	enum nb_status status;

	if (len >= sizeof letters)
		return NB_INVALID_ARGUMENT;
	letters[0] = 'i'; /* the handle */
	memcpy(letters + 1, text, len);
	status = gate_signature_read(letters, len + 1, &called);
	if (status != NB_OK)
		return status;
	binding = binding_create_open(graph, &called);
	if (!binding)
		return NB_OUT_OF_MEMORY;
	binding->lender = lender;
	return binding_extern(graph, binding, &binding->called->type, out);
}

enum nb_status
gate_bind_clone(struct process_graph *clone, const struct nb_vmctx *context, struct nb_vmctx **out)
{
	const struct gate_binding *original = (const struct gate_binding *)(uintptr_t)context;
	struct gate_binding *binding =
		original->gate ? binding_create(clone, original->gate, original->port.badge)
			       : binding_create_open(clone, original->called);

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
		if (binding->gate)
			object_put(&binding->gate->object);
		account_free(binding->account, binding->called, sizeof *binding->called);
		account_free(binding->account, binding, sizeof *binding);
	}
}

void
gate_bindings_seat(struct process_graph *graph, struct nb_thread_head *head)
{
	for (struct gate_binding *binding = graph->bindings; binding; binding = binding->next)
		binding->port.context.thread = head;
}
