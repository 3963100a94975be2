/*
 * Gates and their pools: creation, badges, information, end.
 */
#include "kernel/mm/account.h"
#include "kernel/object/gate_private.h"
#include "kernel/object/process.h"
#include "kernel/port/memory.h"
#include "kernel/sched/sched.h"
#include "lib/string.h"
#include "runtime/clone.h"
#include "runtime/signature.h"

/* Of an activation; GUEST_KERNEL_HEADROOM of it is the kernel's. Charged. */
enum { GATE_STACK_BYTES = 256 * 1024 };

/* ---- signatures ---- */

static bool
type_of_letter(char letter, enum wasm_valtype *out)
{
	switch (letter) {
	case 'i':
		*out = WASM_I32;
		return true;
	case 'I':
		*out = WASM_I64;
		return true;
	case 'f':
		*out = WASM_F32;
		return true;
	case 'F':
		*out = WASM_F64;
		return true;
	case 'v':
		*out = WASM_V128;
		return true;
	default:
		return false;
	}
}

/* A parameter that the kernel changes on its way: a handle, or a lent range, which
 * is two integers. */
static bool
is_passing(char letter)
{
	return letter == 'h' || letter == 'r' || letter == 'w' || letter == 'b';
}

static bool
read_param(char letter, struct gate_signature *out)
{
	enum wasm_valtype type = WASM_I32;
	uint32_t values = letter == 'r' || letter == 'w' || letter == 'b' ? 2 : 1;

	if (is_passing(letter))
		out->has_passing = true;
	else if (!type_of_letter(letter, &type))
		return false;
	if (out->type.param_count + values > GATE_LETTERS_MAX)
		return false;
	while (values--)
		out->param_types[out->type.param_count++] = type;
	return true;
}

enum nb_status
gate_signature_read(const char *text, uint32_t len, struct gate_signature *out)
{
	uint32_t i = 0;

	*out = (struct gate_signature){ .type.canonical_idx = WASM_NO_INDEX };
	if (len > GATE_LETTERS_MAX)
		return NB_INVALID_ARGUMENT;
	for (; i < len && text[i] != '>'; i++) {
		if (!read_param(text[i], out))
			return NB_INVALID_ARGUMENT;
		out->params[i] = text[i];
	}
	for (i++; i < len; i++) {
		if (!type_of_letter(text[i], &out->result_types[out->type.result_count++]))
			return NB_INVALID_ARGUMENT;
	}
	out->type.params = out->param_types;
	out->type.results = out->result_types;
	if (!out->type.result_count || out->result_types[0] != WASM_I64 ||
	    signature_area_slots(&out->type))
		return NB_INVALID_ARGUMENT;
	return NB_OK;
}

void
gate_signature_copy(struct gate_signature *to, const struct gate_signature *from)
{
	*to = *from;
	to->type.params = to->param_types;
	to->type.results = to->result_types;
}

bool
gate_signature_fits(const struct gate_signature *called, const struct gate_signature *gate)
{
	const struct wasm_functype *a = &called->type, *b = &gate->type;

	/* The letters say more than the types: they must be what the caller was built for. */
	return memcmp(called->params + 1, gate->params, GATE_LETTERS_MAX - 1) == 0 &&
	       a->result_count == b->result_count &&
	       memcmp(a->results, b->results, a->result_count * sizeof *a->results) == 0;
}

/* ---- activations ---- */

static uint64_t activation_count; /* charged to accounts; atomic */

#ifdef NB_DEBUG
uint64_t
gate_activation_count(void)
{
	return __atomic_load_n(&activation_count, __ATOMIC_RELAXED);
}
#endif

static enum nb_status
activation_charge(struct account *account)
{
	enum nb_status status = account_charge(account, ACCOUNT_THREADS, 1);

	if (status != NB_OK)
		return status;
	status = account_charge(account, ACCOUNT_MEMORY, GATE_STACK_BYTES);
	if (status != NB_OK)
		account_uncharge(account, ACCOUNT_THREADS, 1);
	else
		__atomic_fetch_add(&activation_count, 1, __ATOMIC_RELAXED);
	return status;
}

static void
activation_uncharge(struct account *account)
{
	__atomic_fetch_sub(&activation_count, 1, __ATOMIC_RELAXED);
	account_uncharge(account, ACCOUNT_MEMORY, GATE_STACK_BYTES);
	account_uncharge(account, ACCOUNT_THREADS, 1);
}

static enum nb_status
activation_stack_create(struct gate_activation *activation)
{
	struct gate_pool *pool = activation->pool;
	struct port_stack stack;
	enum nb_status status = activation_charge(pool->account);

	if (status != NB_OK)
		return status;
	status = port_stack_create(GATE_STACK_BYTES, &stack);
	if (status == NB_OK) {
		status = port_stack_commit(&stack, stack.top - PORT_PAGE_BYTES);
		if (status != NB_OK)
			port_stack_destroy(&stack);
	}
	if (status != NB_OK) {
		activation_uncharge(pool->account);
		return status;
	}
	guest_context_forget(&stack);
	guest_seat_init(&activation->port.seat, &stack, pool->process);
	activation->port.seat.budget = pool->process->share.budget;
	guest_gate_init(&activation->port);
	return NB_OK;
}

static void
activation_release(struct gate_activation *activation)
{
	struct gate_pool *pool = activation->pool;

	if (activation->graph == &activation->clone)
		graph_release(&activation->clone);
	port_stack_destroy(&activation->port.seat.stack);
	activation_uncharge(pool->account);
}

/* Sets the shadow stack's pointer in `instance`: the export `__stack_pointer`, else
 * global 0, if that is a mutable i32. */
static void
set_stack_pointer(const struct instance *instance, uint32_t address)
{
	static const char name[] = "__stack_pointer";
	struct runtime_extern found;

	if (!instance_export(instance, name, sizeof name - 1, &found) ||
	    found.kind != WASM_EXTERN_GLOBAL) {
		if (instance->module->wasm.global_count == 0)
			return;
		found = instance_extern(instance, WASM_EXTERN_GLOBAL, 0);
	}
	if (found.global.type.is_mutable && found.global.type.type == WASM_I32)
		found.global.cell[0] = address;
}

static enum nb_status
activation_create(struct gate_activation *activation, const struct gate_options *options)
{
	uint32_t idx = (uint32_t)(activation - activation->pool->activations);
	struct process_graph *graph = &activation->clone;
	enum nb_status status;

	spinlock_init(&activation->lend_lock, LOCK_RANK_GATE_LENDS);
	status = activation_stack_create(activation);
	if (status != NB_OK)
		return status;
	if (!options->activations) {
		activation->graph =
			list_entry(options->instance->store, struct process_graph, store);
		activation->port.state = GATE_SERVER;
		return NB_OK;
	}
	status = graph_clone(&options->process->graph, &activation->port.seat.head, graph);
	if (status != NB_OK) {
		activation_release(activation);
		return status;
	}
	activation->graph = graph;
	if (options->stack_bytes_each)
		set_stack_pointer(store_counterpart(&graph->store, options->instance),
				  options->stack_base + (idx + 1) * options->stack_bytes_each);
	return NB_OK;
}

/* ---- pools ---- */

static size_t
pool_bytes(uint32_t count)
{
	return sizeof(struct gate_pool) + count * sizeof(struct gate_activation);
}

static void
pool_free(struct gate_pool *pool)
{
	struct account *account = pool->account;

	account_free(account, pool, pool_bytes(pool->count));
	account_put(account);
}

static enum nb_status
pool_create(const struct gate_options *options, struct gate_pool **out)
{
	struct process *process = options->process;
	uint32_t count = options->activations ? options->activations : 1, done = 0;
	struct gate_pool *pool = account_alloc(process->account, pool_bytes(count));
	enum nb_status status = pool ? NB_OK : NB_OUT_OF_MEMORY;

	if (!pool)
		return status;
	pool->process = process;
	pool->account = account_get(process->account);
	pool->server = options->activations ? NULL : options->thread;
	pool->count = count;
	pool->users = 1;
	list_init(&pool->link);
	list_init(&pool->waiters);
	for (; done < count && status == NB_OK; done += status == NB_OK) {
		pool->activations[done].pool = pool;
		status = activation_create(&pool->activations[done], options);
	}
	if (status == NB_OK && process_enter(process) != NB_OK)
		status = NB_CANCELED;
	if (status != NB_OK) {
		while (done--)
			activation_release(&pool->activations[done]);
		pool_free(pool);
		return status;
	}
	object_get(&process->object);
	gate_pool_open(pool);
	*out = pool;
	return NB_OK;
}

uint64_t
gate_pool_calls(const struct gate_pool *pool)
{
	uint64_t calls = 0;

	for (uint32_t i = 0; i < pool->count; i++)
		calls += __atomic_load_n(&pool->activations[i].port.calls, __ATOMIC_RELAXED);
	return calls;
}

void
gate_pool_drain(struct gate_pool *pool)
{
	struct process *process = pool->process;

	for (uint32_t i = 0; i < pool->count; i++) {
		activation_release(&pool->activations[i]);
		sched_relax();
	}
	if (gate_pool_is_free(pool, true, 0))
		pool_free(pool);
	process_leave(process);
	object_put(&process->object);
}

void
gate_pool_put(struct gate_pool *pool)
{
	bool is_last = __atomic_load_n(&pool->users, __ATOMIC_ACQUIRE) == 1;

	if (is_last && gate_pool_close(pool, NB_PEER_CLOSED))
		gate_pool_drain(pool);
	if (gate_pool_is_free(pool, false, 1))
		pool_free(pool);
}

/* The thread's own pool, with one more user. */
static enum nb_status
pool_of_thread(const struct gate_options *options, struct gate_pool **out)
{
	struct thread *thread = options->thread;
	enum nb_status status;

	if (!thread->serving) {
		status = pool_create(options, out);
		if (status != NB_OK)
			return status;
		thread->serving = *out;
	}
	*out = thread->serving;
	gate_pool_get(*out);
	return NB_OK;
}

/* ---- gates ---- */

static bool
is_same_type(const struct wasm_functype *a, const struct wasm_functype *b)
{
	return a->param_count == b->param_count && a->result_count == b->result_count &&
	       memcmp(a->params, b->params, a->param_count * sizeof *a->params) == 0 &&
	       memcmp(a->results, b->results, a->result_count * sizeof *a->results) == 0;
}

/* What stands at the index in table 0 of the graph's counterpart of `instance`. */
static enum nb_status
find_entry(const struct process_graph *graph, const struct gate_options *options,
	   const struct gate_signature *signature, struct nb_callee *out)
{
	const struct instance *instance = store_counterpart(&graph->store, options->instance);
	const struct wasm_functype *type;
	const struct nb_table_desc *table;

	if (instance->module->wasm.table_count == 0)
		return NB_OUT_OF_RANGE;
	table = &instance->tables[0]->desc;
	if (table->element != NB_TABLE_FUNCTIONS || options->table_idx >= table->length)
		return NB_OUT_OF_RANGE;
	*out = ((const struct nb_callee *)(uintptr_t)table->base)[options->table_idx];
	type = store_type_of(&graph->store, out->signature);
	return type && is_same_type(type, &signature->type) ? NB_OK : NB_UNLINKABLE;
}

static enum nb_status
find_entries(struct gate *gate, const struct gate_options *options)
{
	struct gate_pool *pool = gate->pool;
	enum nb_status status = NB_OK;

	gate->entries = account_alloc(gate->object.account, pool->count * sizeof *gate->entries);
	if (!gate->entries)
		return NB_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < pool->count && status == NB_OK; i++)
		status = find_entry(pool->activations[i].graph, options, &gate->signature,
				    &gate->entries[i]);
	return status;
}

/* Are the shadow stacks in memory, and does the kernel's arithmetic hold? */
static bool
are_stacks_there(const struct gate_options *options)
{
	const struct nb_memory_desc *memory = options->instance->vmctx->memory;
	uint64_t end =
		options->stack_base + (uint64_t)options->activations * options->stack_bytes_each;

	return end <= __atomic_load_n(&memory->length, __ATOMIC_ACQUIRE) && end <= UINT32_MAX &&
	       options->stack_base % 16 == 0 && options->stack_bytes_each % 16 == 0;
}

enum nb_status
gate_create(const struct gate_options *options, struct gate **out)
{
	struct account *account = options->process->account;
	struct gate_signature signature;
	struct gate *gate;
	enum nb_status status =
		gate_signature_read(options->signature, options->signature_len, &signature);

	if (status != NB_OK)
		return status;
	if (options->activations > GATE_ACTIVATIONS_MAX || !are_stacks_there(options))
		return NB_OUT_OF_RANGE;
	gate = gate_of(object_alloc(&gate_type, sizeof *gate, account));
	if (!gate)
		return NB_OUT_OF_MEMORY;
	gate_signature_copy(&gate->signature, &signature);
	status = options->activations ? pool_create(options, &gate->pool)
				      : pool_of_thread(options, &gate->pool);
	if (status == NB_OK)
		status = find_entries(gate, options);
	if (status != NB_OK) {
		object_put(&gate->object);
		return status;
	}
	*out = gate;
	return NB_OK;
}

enum nb_status
gate_create_badged(struct gate *gate, uint64_t badge, struct account *account, struct gate **out)
{
	struct gate *badged = gate_of(object_alloc(&gate_type, sizeof *badged, account));

	if (!badged)
		return NB_OUT_OF_MEMORY;
	badged->base = gate->base ? gate->base : gate;
	badged->badge = badge;
	object_get(&badged->base->object);
	*out = badged;
	return NB_OK;
}

static void
gate_destroy(struct object *object)
{
	struct gate *gate = gate_of(object);

	if (gate->base)
		object_put(&gate->base->object);
	if (gate->pool) {
		account_free(object->account, gate->entries,
			     gate->pool->count * sizeof *gate->entries);
		gate_pool_put(gate->pool);
	}
	object_free(object);
}

static enum nb_status
gate_info(struct object *object, uint32_t topic, struct object_info *out)
{
	const struct gate *gate = gate_of(object);
	const struct gate_pool *pool = (gate->base ? gate->base : gate)->pool;
	struct nb_gate_info info = { .calls = gate_pool_calls(pool),
				     .badge = gate->badge,
				     .activations = pool->count };

	if (topic != NB_INFO_GATE)
		return NB_NOT_SUPPORTED;
	for (uint32_t i = 0; i < pool->count; i++) {
		const struct guest_gate_activation *activation = &pool->activations[i].port;

		info.busy += __atomic_load_n(&activation->state, __ATOMIC_RELAXED) > GATE_MARK_LAST;
	}
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

const struct object_type gate_type = {
	.number = NB_OBJECT_GATE,
	.rights = NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER | NB_RIGHT_EXECUTE | NB_RIGHT_SIGNAL |
		  NB_RIGHT_WAIT | NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
	.destroy = gate_destroy,
	.info = gate_info,
};
