/*
 * Building a process: grants, instances, start.
 */
#include "kernel/code/module.h"
#include "kernel/mm/account.h"
#include "kernel/object/gate.h"
#include "kernel/object/needs.h"
#include "kernel/object/process_private.h"
#include "kernel/sched/sched.h"
#include "kernel/sys/table.h"
#include "lib/string.h"
#include "runtime/template.h"

enum {
	/* What deep recursion may use. Charged; pages appear on first touch. */
	GUEST_STACK_MOST = 4 * 1024 * 1024,
	/* Of a process with tight limits. */
	GUEST_STACK_LEAST = GUEST_KERNEL_HEADROOM + 64 * 1024,
};

/* What the resolver needs to know. */
struct linking {
	struct process *process;
	const struct module *module; /* that is being linked */
	const struct process_binding *bindings;
	uint32_t binding_count;
};

static bool
name_is(const struct wasm_name *name, const char *text, size_t len)
{
	return name->len == len && memcmp(name->bytes, text, len) == 0;
}

/* A call of whatever gate its first argument names. */
static enum nb_status
resolve_gate_call(struct linking *linking, const struct nb_vmctx *vmctx,
		  const struct wasm_import *import, struct runtime_extern *out)
{
	const size_t prefix = sizeof NB_GATE_CALL - 1;
	const struct wasm_name *field = &import->field;

	if (field->len <= prefix || memcmp(field->bytes, NB_GATE_CALL, prefix) != 0)
		return NB_NOT_FOUND;
	return gate_bind_open(&linking->process->graph, vmctx, field->bytes + prefix,
			      (uint32_t)(field->len - prefix), out);
}

static void
kernel_call_extern(const struct sys_call *call, const struct nb_vmctx *vmctx,
		   struct runtime_extern *out)
{
	*out = (struct runtime_extern){ .kind = WASM_EXTERN_FUNC };
	out->func.code = (uint64_t)(uintptr_t)call->code;
	out->func.cross = (uint64_t)(uintptr_t)call->cross;
	out->func.vmctx = (uint64_t)(uintptr_t)vmctx;
}

static enum nb_status
resolve_kernel_call(struct linking *linking, const struct instance *instance,
		    const struct wasm_import *import, bool is_client, struct runtime_extern *out)
{
	const struct module *module = linking->module;
	const struct wasm_module *wasm = &module->code.wasm;
	const struct sys_call *known = module->calls[import - wasm->imports];
	const struct sys_call *call =
		known ? known : sys_call_find(import->field.bytes, import->field.len);
	const struct nb_vmctx *vmctx =
		is_client ? &linking->process->graph.client : instance->vmctx;

	if (!call)
		return resolve_gate_call(linking, vmctx, import, out);
	if (is_client && call->own_only)
		return NB_NOT_FOUND;
	kernel_call_extern(call, vmctx, out);
	if (known) {
		out->func.signature = instance_signatures(instance)[wasm->func_types[import->idx]];
		return NB_OK;
	}
	return store_signature(&linking->process->graph.store, &call->type, &out->func.signature);
}

/* The binding of an import to a gate, or NULL. */
static const struct process_binding *
find_gate(const struct linking *linking, const struct wasm_import *import)
{
	for (uint32_t i = 0; i < linking->binding_count; i++) {
		const struct process_binding *binding = &linking->bindings[i];

		if (binding->gate && name_is(&import->module, binding->name, binding->name_len) &&
		    name_is(&import->field, binding->field, binding->field_len))
			return binding;
	}
	return NULL;
}

/* `env.memory`, which programs with threads import and nobody supplies: one of their own. */
static enum nb_status
make_memory(const struct instance *instance, const struct wasm_import *import,
	    struct runtime_extern *out)
{
	if (import->kind != WASM_EXTERN_MEMORY || !name_is(&import->module, "env", 3) ||
	    !name_is(&import->field, "memory", 6))
		return NB_NOT_FOUND;
	*out = (struct runtime_extern){ .kind = WASM_EXTERN_MEMORY };
	return store_memory_create(instance->store, &instance->module->wasm.memories[import->idx],
				   &out->memory);
}

static enum nb_status
resolve(void *context, const struct instance *instance, const struct wasm_import *import,
	struct runtime_extern *out)
{
	struct linking *linking = context;
	const struct wasm_name *name = &import->module;
	const struct process_binding *gate;

	/* There may be a million imports. */
	sched_relax();
	if (kernel_is_canceled())
		return NB_CANCELED;
	if (name_is(name, NB_NAMESPACE, sizeof NB_NAMESPACE - 1))
		return resolve_kernel_call(linking, instance, import, false, out);
	if (name_is(name, NB_NAMESPACE_CLIENT, sizeof NB_NAMESPACE_CLIENT - 1))
		return resolve_kernel_call(linking, instance, import, true, out);
	gate = find_gate(linking, import);
	if (gate)
		return gate_bind(&linking->process->graph, instance, gate, out);
	for (uint32_t i = 0; i < linking->binding_count; i++) {
		const struct process_binding *binding = &linking->bindings[i];
		struct process_instance *supplier;

		if (binding->gate || !name_is(name, binding->name, binding->name_len))
			continue;
		supplier = &linking->process->graph.instances[binding->instance];
		return instance_export(supplier->instance, import->field.bytes, import->field.len,
				       out)
			       ? NB_OK
			       : NB_NOT_FOUND;
	}
	return make_memory(instance, import, out);
}

/* What an import is in every process: a native call of its own type. */
static enum nb_status
resolve_early(void *context, const struct instance *instance, const struct wasm_import *import,
	      struct runtime_extern *out)
{
	const struct module *module = context;
	const struct sys_call *call = module->calls[import - module->code.wasm.imports];
	bool is_client =
		name_is(&import->module, NB_NAMESPACE_CLIENT, sizeof NB_NAMESPACE_CLIENT - 1);

	if (!call || (is_client && call->own_only) ||
	    (!is_client && !name_is(&import->module, NB_NAMESPACE, sizeof NB_NAMESPACE - 1)))
		return NB_NOT_FOUND;
	kernel_call_extern(call, is_client ? &graph_of(instance->store)->client : instance->vmctx,
			   out);
	out->func.signature =
		instance_signatures(instance)[module->code.wasm.func_types[import->idx]];
	return NB_OK;
}

void
process_template(struct module *module)
{
	struct process_graph graphs[2];
	struct store *const stores[2] = { &graphs[0].store, &graphs[1].store };

	template_make(&module->code, resolve_early, module, stores);
}

static enum nb_status
instantiate(struct linking *linking, struct module *module, struct diag *diag, uint32_t *out_idx)
{
	struct process *process = linking->process;
	struct gate_binding *bound = process->graph.bindings;
	struct instance *instance;
	enum nb_status status = graph_reserve(&process->graph, process->graph.instance_count + 1);
	enum nb_trap trap;

	if (status != NB_OK)
		return diag_report(diag, status, DIAG_NO_OFFSET, "%s", nb_status_text(status));
	for (uint32_t i = 0; i < linking->binding_count; i++) {
		if (!linking->bindings[i].gate &&
		    linking->bindings[i].instance >= process->graph.instance_count)
			return diag_report(diag, NB_OUT_OF_RANGE, DIAG_NO_OFFSET,
					   "binding %u names an instance that is not there", i);
	}
	status = instance_create(&process->graph.store, &module->code, resolve, linking, diag,
				 &instance);
	if (status != NB_OK) {
		gate_unbind(&process->graph, bound);
		return diag_report(diag, status, DIAG_NO_OFFSET, "%s", nb_status_text(status));
	}
	object_get(&module->object);
	*out_idx = process->graph.instance_count;
	process->graph.instances[process->graph.instance_count++] =
		(struct process_instance){ instance, module };
	trap = instance_initialize(instance);
	if (trap != NB_TRAP_NONE)
		return diag_report(diag, NB_TRAPPED, DIAG_NO_OFFSET, "a segment does not fit: %s",
				   nb_trap_text(trap));
	return NB_OK;
}

enum nb_status
process_instantiate(struct process *process, struct module *module,
		    const struct process_binding *bindings, uint32_t binding_count,
		    struct diag *diag, uint32_t *out_idx)
{
	struct linking linking = { process, module, bindings, binding_count };
	enum nb_status status;

	if (module_state(module) != NB_MODULE_READY)
		return diag_report(diag, NB_BAD_STATE, DIAG_NO_OFFSET,
				   "the module is not published");
	status = process_build_begin(process);
	if (status != NB_OK)
		return diag_report(diag, status, DIAG_NO_OFFSET, "the process is not being built");
	if (module->manifest)
		status = needs_check(process, module->manifest, diag);
	if (status == NB_OK)
		status = instantiate(&linking, module, diag, out_idx);
	process_build_end(process);
	return status;
}

enum nb_status
process_grant(struct process *process, struct object *object, uint32_t rights, uint32_t *out)
{
	enum nb_status status = process_build_begin(process);

	if (status != NB_OK)
		return status;
	status = handle_add(&process->handles, object, rights, out);
	process_build_end(process);
	return status;
}

/* ---- start ---- */

enum nb_status
process_find_entry(const struct instance *instance, enum code_entry entry, struct nb_callee *out,
		   bool *out_found)
{
	uint32_t func_idx = instance->module->entries[entry];
	const struct wasm_functype *type;

	*out_found = func_idx != WASM_NO_INDEX;
	if (!*out_found)
		return NB_OK;
	*out = *instance_function(instance, func_idx);
	type = wasm_module_function_type(&instance->module->wasm, func_idx);
	return type->param_count == 0 && type->result_count == 0 ? NB_OK : NB_UNLINKABLE;
}

enum code_entry
process_entry(const struct instance *main)
{
	return instance_start(main) || main->module->entries[CODE_ENTRY_START] != WASM_NO_INDEX
		       ? CODE_ENTRY_START
		       : CODE_ENTRY_MAIN;
}

/* Everything process_main will call has the right type, and there is something. */
static enum nb_status
check_entries(const struct process *process, const struct instance *main)
{
	struct nb_callee callee;
	bool found;

	for (uint32_t i = 0; i < process->graph.instance_count; i++) {
		const struct instance *instance = process->graph.instances[i].instance;
		enum nb_status status =
			process_find_entry(instance, CODE_ENTRY_INITIALIZE, &callee, &found);

		if (status != NB_OK)
			return status;
	}
	if (process_find_entry(main, process_entry(main), &callee, &found) != NB_OK)
		return NB_UNLINKABLE;
	return found || instance_start(main) ? NB_OK : NB_NOT_FOUND;
}

/* A process that may not take much more leaves most of it to its memories. */
size_t
process_stack_bytes(const struct process *process)
{
	uint64_t bytes = account_room(process->account, ACCOUNT_MEMORY) / 4;

	bytes -= bytes % PORT_PAGE_BYTES;
	if (bytes > GUEST_STACK_MOST)
		return GUEST_STACK_MOST;
	return bytes < GUEST_STACK_LEAST ? GUEST_STACK_LEAST : (size_t)bytes;
}

static enum nb_status
start(struct process *process, uint32_t main_idx, uint8_t *startup, uint32_t startup_len)
{
	struct thread_options options = {
		.process = process,
		.owner = &process->object,
		.share = &process->share,
		.account = process->account,
		.priority = process->priority,
		.stack_bytes = process_stack_bytes(process),
		.entry = process_main,
		.argument = process,
	};
	struct thread *thread;
	enum nb_status status;

	if (main_idx >= process->graph.instance_count)
		return NB_OUT_OF_RANGE;
	status = check_entries(process, process->graph.instances[main_idx].instance);
	if (status == NB_OK)
		status = thread_create(&options, &thread);
	if (status != NB_OK)
		return status;
	status = process_add_thread(process, thread);
	if (status != NB_OK) {
		thread_destroy(thread);
		return status;
	}
	process->startup = startup;
	process->startup_len = startup_len;
	graph_bind(&process->graph, process->graph.instances[main_idx].instance,
		   &thread->home.head);
	process_unlink_builder(process);
	thread_start(thread);
	return NB_OK;
}

enum nb_status
process_start(struct process *process, uint32_t main_idx, uint8_t *startup, uint32_t startup_len)
{
	enum nb_status status = process_build_begin(process);

	if (status != NB_OK)
		return status;
	status = start(process, main_idx, startup, startup_len);
	process_build_end(process);
	return status;
}
