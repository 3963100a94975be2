/*
 * Calls of gates as far as the kernel takes part: what the stubs cannot decide, what
 * passes from caller to callee besides plain values, and serving.
 */
#include "kernel/mm/heap.h"
#include "kernel/object/gate_private.h"
#include "kernel/object/process.h"
#include "kernel/port/memory.h"
#include "kernel/sched/sched.h"
#include "lib/string.h"

/* Of one copy under an activation's lock. */
enum { LEND_PIECE_BYTES = 16 * 1024 };

/* ---- passing ---- */

/* The integer registers in the order of arguments. */
static uint64_t *
integer_argument(struct guest_gate_registers *registers, uint32_t idx)
{
	uint64_t *const order[NB_INT_ARGUMENTS] = {
		&registers->rsi, &registers->rdx, &registers->rcx, &registers->r8,
		&registers->r9,	 &registers->rdi, &registers->rax,
	};

	return order[idx];
}

/* A call's parameters that are no plain values, as they were given and as the callee
 * gets them. */
struct passing {
	const struct gate_binding *binding;
	const struct gate *gate;
	struct gate_activation *activation;
	struct guest_gate_registers *registers;
	struct handle_table *from, *to;
	struct {
		uint32_t idx; /* of the integer argument */
		uint32_t given, taken;
	} handles[NB_INT_ARGUMENTS];
	uint32_t handle_count;
	struct gate_lend lends[GATE_LENDS_MAX];
	uint32_t lend_count;
};

/* Gives the callee a handle to what the caller's handle names. */
static enum nb_status
add_handle(struct handle_table *from, uint32_t handle, struct handle_table *to, uint32_t *out)
{
	struct handle_use use;
	enum nb_status status = handle_use(from, handle, NULL, NB_RIGHT_TRANSFER, &use);

	if (status != NB_OK)
		return status;
	status = handle_add(to, use.object, use.rights, out);
	object_put(use.object);
	return status;
}

static enum nb_status
pass_handle(struct passing *passing, uint32_t idx)
{
	uint32_t k = passing->handle_count;
	enum nb_status status;

	passing->handles[k].idx = idx;
	passing->handles[k].given = (uint32_t)*integer_argument(passing->registers, idx);
	for (uint32_t i = 0; i < k; i++) {
		if (passing->handles[i].given == passing->handles[k].given)
			return NB_INVALID_ARGUMENT;
	}
	status = add_handle(passing->from, passing->handles[k].given, passing->to,
			    &passing->handles[k].taken);
	passing->handle_count += status == NB_OK;
	return status;
}

static enum nb_status
pass_lend(struct passing *passing, uint32_t idx, char letter)
{
	const struct nb_memory_desc *memory = passing->binding->lender->memory;
	uint64_t length = __atomic_load_n(&memory->length, __ATOMIC_ACQUIRE);
	uint32_t address = (uint32_t)*integer_argument(passing->registers, idx);
	uint32_t len = (uint32_t)*integer_argument(passing->registers, idx + 1);

	if (address > length || len > length - address)
		return NB_INVALID_ADDRESS;
	passing->lends[passing->lend_count++] = (struct gate_lend){
		.base = memory->base + address,
		.len = len,
		.may_read = letter != 'w',
		.may_write = letter != 'r',
	};
	return NB_OK;
}

static enum nb_status
pass_all(struct passing *passing)
{
	enum nb_status status = NB_OK;
	uint32_t idx = 0;

	for (const char *letter = passing->gate->signature.params; *letter && status == NB_OK;
	     letter++) {
		switch (*letter) {
		case 'h':
			status = pass_handle(passing, idx++);
			break;
		case 'r':
		case 'w':
		case 'b':
			status = pass_lend(passing, idx, *letter);
			idx += 2;
			break;
		case 'i':
		case 'I':
			idx++;
			break;
		default:
			break;
		}
	}
	return status;
}

/* The handles leave the caller: from here on nothing fails but that another thread of
 * it has closed one meanwhile. */
static enum nb_status
pass_commit(struct passing *passing)
{
	enum nb_status status = NB_OK;
	uint32_t slot = 0, idx = 0, closed = 0;

	for (; closed < passing->handle_count && status == NB_OK; closed++)
		status = handle_close(passing->from, passing->handles[closed].given);
	if (status != NB_OK)
		return status;
	for (uint32_t i = 0; i < passing->handle_count; i++)
		*integer_argument(passing->registers, passing->handles[i].idx) =
			passing->handles[i].taken;
	for (const char *letter = passing->gate->signature.params; *letter; letter++) {
		bool is_lend = *letter == 'r' || *letter == 'w' || *letter == 'b';

		if (is_lend)
			*integer_argument(passing->registers, idx) = slot++;
		idx += is_lend ? 2 : *letter == 'h' || *letter == 'i' || *letter == 'I';
	}
	spinlock_lock(&passing->activation->lend_lock);
	memcpy(passing->activation->lends, passing->lends, sizeof passing->lends);
	passing->activation->lend_count = passing->lend_count;
	spinlock_unlock(&passing->activation->lend_lock);
	return NB_OK;
}

static enum nb_status
pass(const struct gate_binding *binding, const struct gate *gate,
     struct gate_activation *activation, struct guest_gate_registers *registers)
{
	struct process *caller = activation->port.seat.caller->owner;
	struct passing passing = {
		.binding = binding,
		.gate = gate,
		.activation = activation,
		.registers = registers,
		.from = &caller->handles,
		.to = &activation->pool->process->handles,
	};
	enum nb_status status = pass_all(&passing);

	if (status == NB_OK)
		status = pass_commit(&passing);
	while (status != NB_OK && passing.handle_count)
		(void)!handle_close(passing.to, passing.handles[--passing.handle_count].taken);
	return status;
}

/* ---- entering and leaving ---- */

static void
set_error(struct guest_gate_registers *registers, enum nb_status status)
{
	*registers = (struct guest_gate_registers){ .rax = -(uint64_t)status };
}

/* The thread is in `caller` again. What it has come back to may be gone. */
static void
come_back(struct guest_seat *caller)
{
	struct thread *self = thread_current();

	if (caller == &self->home && self->is_detached) {
		gate_thread_left(self);
		process_detached_left(self);
		gate_forget(self);
		thread_exit();
	}
	if (__atomic_load_n(&caller->head.pending, __ATOMIC_RELAXED))
		kernel_guest_pending(&caller->head);
}

/* The gate that a call names by the handle that is its first argument, with a reference,
 * maybe one with a badge; the other arguments move up. */
static enum nb_status
find_named(const struct gate_binding *binding, struct guest_seat *caller,
	   struct guest_gate_registers *registers, struct gate **out)
{
	struct process *process = caller->owner;
	uint32_t handle = (uint32_t)*integer_argument(registers, 0);
	struct handle_use use;
	struct gate *gate;
	enum nb_status status =
		handle_use(&process->handles, handle, &gate_type, NB_RIGHT_EXECUTE, &use);

	if (status != NB_OK)
		return status;
	gate = gate_of(use.object);
	if (!gate_signature_fits(binding->called, &(gate->base ? gate->base : gate)->signature)) {
		object_put(use.object);
		return NB_UNLINKABLE;
	}
	for (uint32_t i = 0; i + 1 < NB_INT_ARGUMENTS; i++)
		*integer_argument(registers, i) = *integer_argument(registers, i + 1);
	*integer_argument(registers, NB_INT_ARGUMENTS - 1) = 0;
	*out = gate;
	return NB_OK;
}

/* Takes an activation of the gate, a base, and passes what is to be passed. */
static enum nb_status
claim(const struct gate_binding *binding, const struct gate *gate, struct guest_seat *caller,
      struct guest_gate_registers *registers, struct gate_activation **out)
{
	enum nb_status status = gate_claim(gate->pool, caller, caller->call_deadline_ns, out);

	if (status != NB_OK)
		return status;
	(*out)->lend_count = 0;
	(*out)->is_detached = false;
	if (gate->signature.has_passing)
		status = pass(binding, gate, *out, registers);
	if (status != NB_OK)
		gate_give_back(*out);
	return status;
}

static struct guest_gate_entry
enter(struct guest_gate_binding *port, struct guest_seat *caller,
      struct guest_gate_registers *registers)
{
	struct gate_binding *binding = (struct gate_binding *)(uintptr_t)port;
	struct gate *named = NULL, *gate = binding->gate;
	struct gate_activation *activation;
	enum nb_status status = NB_OK;

	if (!gate) {
		status = find_named(binding, caller, registers, &named);
		if (status == NB_OK)
			gate = named->base ? named->base : named;
	}
	if (status == NB_OK)
		status = claim(binding, gate, caller, registers, &activation);
	if (status != NB_OK) {
		if (named)
			object_put(&named->object);
		set_error(registers, status);
		/* It may have been let in, and detached, and given that up again. */
		come_back(caller);
		return (struct guest_gate_entry){ NULL, NULL };
	}
	activation->port.badge = named ? named->badge : port->badge;
	activation->lent_call = ++activation->port.calls;
	if (!named)
		return (struct guest_gate_entry){
			&activation->port, &gate->entries[activation - gate->pool->activations]
		};
	/* The call keeps the pool; the gate may go. */
	port->entry = gate->entries[activation - gate->pool->activations];
	object_put(&named->object);
	return (struct guest_gate_entry){ &activation->port, &port->entry };
}

/* The sanitizer learns here that the callee's stack comes next. */
__attribute__((no_sanitize("address"))) struct guest_gate_entry
kernel_gate_enter(struct guest_gate_binding *binding, struct guest_seat *caller,
		  struct guest_gate_registers *registers)
{
	struct guest_gate_entry entry = enter(binding, caller, registers);

	if (entry.activation)
		guest_context_announce(&entry.activation->seat.stack);
	return entry;
}

static void
leave(struct guest_gate_activation *activation, struct guest_seat *caller)
{
	if (activation)
		gate_give_back(gate_activation_of(&activation->seat));
	come_back(caller);
}

__attribute__((no_sanitize("address"))) void
kernel_gate_return(struct guest_gate_activation *activation, struct guest_seat *caller)
{
	guest_context_announce(&caller->stack);
	leave(activation, caller);
}

/* The callee ended in a trap, its own or that of a kill. */
static void
unwound(struct guest_gate_activation *port, struct guest_gate_registers *registers)
{
	struct gate_activation *activation = gate_activation_of(&port->seat);
	struct process *process = activation->pool->process;
	struct guest_seat *caller = port->seat.caller;
	struct thread *self = thread_current();
	enum nb_trap trap = (enum nb_trap)port->boundary.outcome;

	guest_context_forget(&port->seat.stack);
	/* A kill or exit has been decided before. */
	if (trap != NB_TRAP_KILLED)
		process_fault(process, trap, &self->trace);
	heap_delete(self->trace);
	self->trace = NULL;
	self->is_condemned = false;
	set_error(registers, activation->pool->end);
	port->seat.head.guest_sp = 0;
	leave(port, caller);
}

__attribute__((no_sanitize("address"))) void
kernel_gate_unwound(struct guest_gate_activation *activation,
		    struct guest_gate_registers *registers)
{
	guest_context_announce(&activation->seat.caller->stack);
	unwound(activation, registers);
}

/* ---- inside a call ---- */

enum nb_status
gate_caller_badge(const struct guest_seat *seat, uint64_t *out)
{
	if (!seat->caller)
		return NB_BAD_STATE;
	*out = gate_activation_of(seat)->port.badge;
	return NB_OK;
}

/* Whether the process on whose memory and handles the call works is ending. */
static bool
is_caller_dying(const struct guest_seat *seat)
{
	return __atomic_load_n(&seat->caller->head.pending, __ATOMIC_ACQUIRE) & THREAD_PENDING_DIE;
}

static enum nb_status
copy_piece(struct gate_activation *activation, uint32_t slot, uint64_t lent_offset,
	   uint64_t address, uint32_t len, enum gate_lend_direction direction)
{
	enum nb_status status = NB_PEER_CLOSED;

	spinlock_lock(&activation->lend_lock);
	if (!activation->is_detached) {
		uint64_t lent = activation->lends[slot].base + lent_offset;

		status = direction == GATE_LEND_READ ? port_guest_copy(address, lent, len)
						     : port_guest_copy(lent, address, len);
	}
	spinlock_unlock(&activation->lend_lock);
	return status;
}

enum nb_status
gate_lend_copy(struct guest_seat *seat, uint32_t slot, uint32_t offset, uint64_t address,
	       uint32_t len, enum gate_lend_direction direction)
{
	struct gate_activation *activation = gate_activation_of(seat);
	const struct gate_lend *lend;
	enum nb_status status = NB_OK;

	if (!seat->caller)
		return NB_BAD_STATE;
	if (slot >= activation->lend_count || activation->lent_call != activation->port.calls)
		return NB_OUT_OF_RANGE;
	lend = &activation->lends[slot];
	if (offset > lend->len || len > lend->len - offset)
		return NB_OUT_OF_RANGE;
	if (direction == GATE_LEND_READ ? !lend->may_read : !lend->may_write)
		return NB_ACCESS_DENIED;
	for (uint32_t done = 0; status == NB_OK; sched_relax()) {
		uint32_t left = len - done;
		uint32_t piece = left < LEND_PIECE_BYTES ? left : LEND_PIECE_BYTES;

		if (is_caller_dying(seat))
			return NB_PEER_CLOSED;
		if (thread_is_canceled())
			return NB_CANCELED;
		if (!left)
			break;
		status = copy_piece(activation, slot, offset + done, address + done, piece,
				    direction);
		done += piece;
	}
	return status;
}

/* Counts one more handle of this call; false if it has moved as many as it may. */
static bool
count_reply(struct gate_activation *activation)
{
	if (activation->reply_call != activation->port.calls)
		activation->reply_count = 0;
	activation->reply_call = activation->port.calls;
	if (activation->reply_count == NB_REPLY_HANDLES_MAX)
		return false;
	activation->reply_count++;
	return true;
}

enum nb_status
gate_reply_handle(struct guest_seat *seat, struct handle_table *table, uint32_t handle,
		  uint32_t *out)
{
	struct process *caller;
	enum nb_status status;

	if (!seat->caller)
		return NB_BAD_STATE;
	if (is_caller_dying(seat))
		return NB_PEER_CLOSED;
	if (!count_reply(gate_activation_of(seat)))
		return NB_LIMIT_EXCEEDED;
	caller = seat->caller->owner;
	status = add_handle(table, handle, &caller->handles, out);
	if (status == NB_CANCELED)
		return NB_PEER_CLOSED;
	if (status != NB_OK)
		return status;
	status = handle_close(table, handle);
	if (status != NB_OK)
		(void)!handle_close(&caller->handles, *out);
	return status;
}

/* ---- serving ---- */

static bool
has_callers(const struct gate_pool *pool)
{
	return __atomic_load_n(&pool->users, __ATOMIC_ACQUIRE) > 1;
}

enum nb_status
gate_serve(struct thread *thread, uint64_t deadline_ns)
{
	struct gate_pool *pool = thread->serving;
	struct process_graph *graph;
	enum nb_status status;

	if (!pool || thread->seat != &thread->home)
		return NB_BAD_STATE;
	graph = pool->activations[0].graph;
	graph_set_head(graph, &pool->activations[0].port.seat.head);
	status = gate_server_open(pool);
	while (status == NB_OK) {
		if (thread_is_canceled())
			status = NB_CANCELED;
		else if (!has_callers(pool))
			status = NB_PEER_CLOSED;
		else if (!thread_block(deadline_ns))
			status = NB_TIMED_OUT;
	}
	while (!gate_server_close(pool))
		(void)thread_block(UINT64_MAX);
	graph_set_head(graph, &thread->home.head);
	return status;
}

void
gate_thread_left(struct thread *thread)
{
	struct gate_pool *pool = thread->serving;

	thread->serving = NULL;
	if (pool) {
		if (gate_pool_close(pool, NB_PEER_CLOSED))
			gate_pool_drain(pool);
		gate_pool_put(pool);
	}
}
