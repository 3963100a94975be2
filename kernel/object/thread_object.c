/*
 * Thread objects: spawning and the spawned thread's life.
 */
#include "kernel/object/thread_object.h"

#include "kernel/mm/account.h"
#include "kernel/object/process_private.h"
#include "kernel/sched/sched.h"
#include "lib/string.h"
#include "runtime/clone.h"
#include "runtime/invoke.h"

/* ---- the function and its stack ---- */

static enum nb_status
find_in_table(const struct instance *instance, uint32_t idx, const struct nb_callee **out)
{
	const struct runtime_table *table;
	uint32_t reference;

	if (!instance->module->wasm.table_count)
		return NB_OUT_OF_RANGE;
	table = instance->tables[0];
	if (table->desc.element != NB_TABLE_FUNCTIONS)
		return NB_UNLINKABLE;
	if (!runtime_table_get(table, idx, &reference))
		return NB_OUT_OF_RANGE;
	*out = store_callee(instance->store, reference);
	return *out ? NB_OK : NB_NOT_FOUND;
}

/* Copies the callee of the thread's function, if its type is one that is
 * allowed: `most` arguments, or one; a result only if it has one argument. */
static enum nb_status
find_function(struct thread_object *thread, const struct thread_spawn *spawn)
{
	const struct instance *instance =
		store_counterpart(&thread->graph.store, spawn->function_of);
	const struct wasm_functype *type;
	const struct nb_callee *callee;
	struct runtime_extern found;
	uint32_t most = spawn->export ? 2 : 1;
	enum nb_status status;

	if (!spawn->export) {
		status = find_in_table(instance, spawn->table_index, &callee);
		if (status != NB_OK)
			return status;
		thread->callee = *callee;
	} else {
		if (!instance_export(instance, spawn->export, spawn->export_len, &found) ||
		    found.kind != WASM_EXTERN_FUNC)
			return NB_NOT_FOUND;
		thread->callee = found.func;
	}
	type = store_type_of(&thread->graph.store, thread->callee.signature);
	if (!type || type->param_count == 0 || type->param_count > most || type->result_count > 1 ||
	    (type->result_count == 1 && type->results[0] != WASM_I32))
		return NB_UNLINKABLE;
	for (uint32_t i = 0; i < type->param_count; i++) {
		if (type->params[i] != WASM_I32)
			return NB_UNLINKABLE;
	}
	return NB_OK;
}

static enum nb_status
set_stack(struct thread_object *thread, const struct thread_spawn *spawn)
{
	static const char name[] = "__stack_pointer";
	struct instance *instance = store_counterpart(&thread->graph.store, spawn->stack_of);
	struct runtime_extern found;

	if (!spawn->stack)
		return NB_OK;
	if (!instance_export(instance, name, sizeof name - 1, &found)) {
		if (!instance->module->wasm.global_count)
			return NB_UNLINKABLE;
		found = instance_extern(instance, WASM_EXTERN_GLOBAL, 0);
	}
	if (found.kind != WASM_EXTERN_GLOBAL || found.global.type.type != WASM_I32 ||
	    !found.global.type.is_mutable)
		return NB_UNLINKABLE;
	found.global.cell[0] = spawn->stack;
	return NB_OK;
}

/* ---- the thread ---- */

static enum nb_trap
run(struct thread_object *self, uint32_t *out_result)
{
	const struct runtime_value arguments[2] = { { { self->arguments[0] } },
						    { { self->arguments[1] } } };
	struct runtime_value result = { 0 };
	enum nb_trap trap;

	sched_before_guest();
	if (thread_is_canceled())
		return NB_TRAP_KILLED;
	trap = runtime_invoke(&self->graph.store, &self->callee, arguments, &result);
	if (trap == NB_TRAP_NONE)
		*out_result = (uint32_t)result.bits[0];
	return trap;
}

static void
thread_object_main(void *argument)
{
	struct thread_object *self = argument;
	struct process *process = self->process;
	uint32_t result = 0;
	enum nb_trap trap = run(self, &result);

	sched_account_current();
	if (trap == NB_TRAP_NONE)
		self->result = result;
	thread_object_lose(self);
	thread_object_end(self);
	process_thread_left(process, trap);
	thread_exit();
}

void
thread_object_lose(struct thread_object *self)
{
	spinlock_lock(&self->lock);
	self->run_ns = self->thread->run_ns;
	self->thread = NULL;
	spinlock_unlock(&self->lock);
}

void
thread_object_end(struct thread_object *self)
{
	graph_release(&self->graph);
	object_signals_change(&self->object, 0, NB_SIGNAL_TERMINATED);
	object_put(&self->object);
}

struct thread_object *
thread_object_of_thread(const struct thread *thread)
{
	return thread->entry == thread_object_main ? thread->argument : NULL;
}

void
thread_object_set_result(struct thread *thread, uint32_t result)
{
	struct thread_object *object = thread_object_of_thread(thread);

	/* The first thread of a process has no object, and nobody asks it. */
	if (object)
		object->result = result;
}

/* ---- spawning ---- */

enum nb_status
thread_object_create(struct process *process, struct thread_object **out)
{
	struct thread_object *thread =
		thread_object_of(object_alloc(&thread_type, sizeof *thread, process->account));

	if (!thread)
		return NB_OUT_OF_MEMORY;
	spinlock_init(&thread->lock, LOCK_RANK_THREAD);
	thread->process = process;
	*out = thread;
	return NB_OK;
}

enum nb_status
thread_object_start(struct thread_object *self, const struct thread_spawn *spawn)
{
	struct process *process = self->process;
	const struct thread_options options = {
		.process = process,
		.owner = &process->object,
		.share = &process->share,
		.account = process->account,
		.priority = process->priority,
		.stack_bytes = process_stack_bytes(process),
		.entry = thread_object_main,
		.argument = self,
	};
	struct thread *thread;
	enum nb_status status = thread_create(&options, &thread);

	if (status != NB_OK)
		return status;
	memcpy(self->arguments, spawn->arguments, sizeof self->arguments);
	graph_init(&self->graph, process->account);
	status = graph_clone(&process->graph, &thread->home.head, &self->graph);
	if (status == NB_OK)
		status = find_function(self, spawn);
	if (status == NB_OK)
		status = set_stack(self, spawn);
	if (status == NB_OK && process_add_thread(process, thread) != NB_OK)
		status = NB_CANCELED;
	if (status != NB_OK) {
		graph_release(&self->graph);
		thread_destroy(thread);
		return status;
	}
	object_get(&self->object);
	spinlock_lock(&self->lock);
	self->thread = thread;
	spinlock_unlock(&self->lock);
	thread_start(thread);
	return NB_OK;
}

/* ---- the object ---- */

static enum nb_status
thread_info(struct object *object, uint32_t topic, struct object_info *out)
{
	struct thread_object *thread = thread_object_of(object);
	struct nb_thread_info info = { .state = NB_THREAD_ENDED };

	if (topic != NB_INFO_THREAD)
		return NB_NOT_SUPPORTED;
	if (thread_current())
		sched_account_current();
	spinlock_lock(&thread->lock);
	info.run_ns = thread->run_ns;
	if (thread->thread) {
		info.state = NB_THREAD_RUNNING;
		info.priority = thread->thread->priority;
		info.run_ns = __atomic_load_n(&thread->thread->run_ns, __ATOMIC_RELAXED);
	} else {
		info.result = thread->result;
	}
	spinlock_unlock(&thread->lock);
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

const struct object_type thread_type = {
	.number = NB_OBJECT_THREAD,
	.rights = NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER | NB_RIGHT_SIGNAL | NB_RIGHT_WAIT |
		  NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
	.destroy = object_free,
	.info = thread_info,
};
