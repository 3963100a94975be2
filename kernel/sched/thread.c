/*
 * Threads: creation, blocking, waking, ending.
 */
#include "kernel/sched/thread.h"

#include "kernel/init/panic.h"
#include "kernel/mm/account.h"
#include "kernel/mm/heap.h"
#include "kernel/object/object.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/sched_private.h"
#include "lib/string.h"

/* What a thread's account pays besides its stack. */
enum { THREAD_CHARGED = sizeof(struct thread) + sizeof(struct runtime_backtrace) };

static uint32_t live_count; /* atomic */

uint32_t
thread_live_count(void)
{
	return __atomic_load_n(&live_count, __ATOMIC_RELAXED);
}

/* A new thread's first function, on its own stack. */
static void
thread_begin(void *argument)
{
	struct thread *thread = argument;

	thread->entry(thread->argument);
	panic("a thread's entry function returned");
}

/* Present from the start is what kernel code needs on a stack, for it must not find a page
 * missing: all of a kernel thread's stack; of a guest's, the part at the top where its
 * thread begins and ends. Behind a thunk see GUEST_KERNEL_PRESENT. */
static enum nb_status
thread_stack_create(const struct thread_options *options, struct port_stack *out)
{
	size_t bytes = options->stack_bytes;
	enum nb_status status = port_stack_create(bytes, out);

	if (status != NB_OK)
		return status;
	if (options->process && bytes > GUEST_KERNEL_PRESENT)
		bytes = GUEST_KERNEL_PRESENT;
	status = port_stack_commit(out, out->top - bytes);
	if (status != NB_OK)
		port_stack_destroy(out);
	return status;
}

/* The record, zero but for `state`, and the stack, charged whole, as memories are: what may be
 * touched. */
static enum nb_status
thread_alloc(const struct thread_options *options, struct port_stack *out_stack,
	     struct thread **out)
{
	uint64_t bytes = THREAD_CHARGED + options->stack_bytes;
	enum nb_status status = account_charge(options->account, ACCOUNT_MEMORY, bytes);
	struct thread *thread;

	if (status != NB_OK)
		return status;
	thread = heap_alloc_any(sizeof *thread);
	status = thread ? thread_stack_create(options, out_stack) : NB_OUT_OF_MEMORY;
	if (status != NB_OK) {
		heap_delete(thread);
		account_uncharge(options->account, ACCOUNT_MEMORY, bytes);
		return status;
	}
	memset(thread, 0, offsetof(struct thread, state));
	*out = thread;
	return NB_OK;
}

enum nb_status
thread_create(const struct thread_options *options, struct thread **out)
{
	enum nb_status status = account_charge(options->account, ACCOUNT_THREADS, 1);
	struct port_stack stack;
	struct thread *thread;

	if (status != NB_OK)
		return status;
	status = thread_alloc(options, &stack, &thread);
	if (status != NB_OK) {
		account_uncharge(options->account, ACCOUNT_THREADS, 1);
		return status;
	}
	thread->account = options->account;
	account_get(thread->account);
	thread->process = options->process;
	thread->owner = options->owner;
	if (thread->owner)
		object_get(thread->owner);
	thread->share = options->share ? options->share : &thread->own_share;
	thread->own_share.budget = account_budget(options->account);
	thread->payer_budget = thread->share->budget;
	thread->entry = options->entry;
	thread->argument = options->argument;
	thread->priority = options->priority;
	thread->base_priority = options->priority;
	thread->run_state = THREAD_NEW;
	thread->stack_bytes = options->stack_bytes;
	list_init(&thread->link);
	list_init(&thread->inherit_link);
	guest_seat_init(&thread->home, &stack, options->process);
	thread->home.budget = thread->share->budget;
	thread->home.place = &thread->seat;
	thread->seat = &thread->home;
	guest_context_init(&thread->context, &stack, thread_begin, thread);
	__atomic_fetch_add(&live_count, 1, __ATOMIC_RELAXED);
	*out = thread;
	return NB_OK;
}

void
thread_destroy(struct thread *thread)
{
	struct account *account = thread->account;
	struct object *owner = thread->owner, *payer = thread->payer;

	ASSERT(thread->run_state == THREAD_NEW || thread->run_state == THREAD_DEAD);
	ASSERT(list_is_empty(&thread->inherit_link));
	port_stack_destroy(&thread->home.stack);
	account_uncharge(account, ACCOUNT_MEMORY, THREAD_CHARGED + thread->stack_bytes);
	heap_delete(thread->trace);
	heap_delete(thread);
	account_uncharge(account, ACCOUNT_THREADS, 1);
	__atomic_fetch_sub(&live_count, 1, __ATOMIC_RELAXED);
	account_put(account);
	if (owner)
		object_put(owner);
	if (payer)
		object_put(payer);
}

void
thread_start(struct thread *thread)
{
	struct cpu *cpu = port_cpu_current();

	spinlock_lock(&cpu->lock);
	ASSERT(thread->run_state == THREAD_NEW);
	sched_make_ready_locked(cpu, thread);
	spinlock_unlock(&cpu->lock);
}

void
thread_exit(void)
{
	struct cpu *cpu = port_cpu_current();

	spinlock_lock(&cpu->lock);
	cpu->current->run_state = THREAD_DEAD;
	sched_leave_locked(cpu);
}

struct thread *
thread_current(void)
{
	return port_cpu_current()->current;
}

struct reaping *
reaping_current(void)
{
	struct cpu *cpu = port_cpu_current();

	return cpu->current ? &cpu->current->reaping : &cpu->reaping;
}

/* The earliest of `deadline_ns` and those of the gate calls that led here. */
static uint64_t
bounded_deadline(const struct thread *self, uint64_t deadline_ns)
{
	for (const struct guest_seat *seat = self->seat->caller; seat; seat = seat->caller) {
		if (seat->call_deadline_ns < deadline_ns)
			deadline_ns = seat->call_deadline_ns;
	}
	return deadline_ns;
}

bool
thread_block(uint64_t deadline_ns)
{
	struct cpu *cpu = port_cpu_current();
	struct thread *self = cpu->current;

	deadline_ns = bounded_deadline(self, deadline_ns);
	if (deadline_ns != UINT64_MAX && port_time_monotonic_ns() >= deadline_ns)
		return false;
	spinlock_lock(&cpu->lock);
	if (self->wake_permit) {
		self->wake_permit = false;
		spinlock_unlock(&cpu->lock);
		return true;
	}
	self->run_state = THREAD_BLOCKED;
	if (deadline_ns != UINT64_MAX) {
		self->timeout.key = deadline_ns;
		pairing_insert(&cpu->timeouts, &self->timeout);
	}
	sched_switch_locked(cpu);
	return deadline_ns == UINT64_MAX || port_time_monotonic_ns() < deadline_ns;
}

/* The locked processor in whose queue the thread is or was last. */
static struct cpu *
thread_lock_cpu(const struct thread *thread)
{
	struct cpu *cpu = __atomic_load_n(&thread->cpu, __ATOMIC_ACQUIRE);

	if (!cpu)
		cpu = port_cpu_current();
	spinlock_lock(&cpu->lock);
	return cpu;
}

void
thread_wake(struct thread *thread)
{
	struct cpu *cpu = thread_lock_cpu(thread);

	/* One that is parked goes on if that is to its end. It does not leave its seat. */
	if (thread->run_state == THREAD_BLOCKED ||
	    (thread->run_state == THREAD_PARKED &&
	     __atomic_load_n(&thread->seat->head.pending, __ATOMIC_ACQUIRE) & THREAD_PENDING_DIE))
		sched_make_ready_locked(cpu, thread);
	else
		thread->wake_permit = true;
	spinlock_unlock(&cpu->lock);
}

/* Applies base and inherited priority. */
static void
apply_priorities_locked(struct cpu *cpu, struct thread *thread)
{
	uint32_t base = thread->base_priority, inherited = thread->inherited_priority;
	uint32_t priority = base > inherited ? base : inherited;

	if (priority != thread->priority)
		sched_set_priority_locked(cpu, thread, priority);
}

void
thread_set_priority_base(struct thread *thread, uint32_t priority)
{
	struct cpu *cpu = thread_lock_cpu(thread);

	thread->base_priority = priority;
	apply_priorities_locked(cpu, thread);
	spinlock_unlock(&cpu->lock);
}

void
thread_inherit(struct thread *thread, const struct thread_inheritance *inheritance)
{
	struct cpu *cpu = thread_lock_cpu(thread);
	const struct thread_lender *lender = &inheritance->lender;

	thread->inherited_priority = inheritance->priority;
	apply_priorities_locked(cpu, thread);
	if (lender->is_there != thread->lender.is_there || lender->budget != thread->lender.budget)
		sched_set_lender_locked(cpu, thread, lender);
	spinlock_unlock(&cpu->lock);
}

/* True if it is `to` that pays for the thread's record and stack now. */
static bool
move_charge(const struct thread *thread, struct account *to)
{
	uint64_t bytes = THREAD_CHARGED + thread->stack_bytes;

	if (account_charge(to, ACCOUNT_THREADS, 1) != NB_OK)
		return false;
	if (account_charge(to, ACCOUNT_MEMORY, bytes) != NB_OK) {
		account_uncharge(to, ACCOUNT_THREADS, 1);
		return false;
	}
	account_uncharge(thread->account, ACCOUNT_MEMORY, bytes);
	account_uncharge(thread->account, ACCOUNT_THREADS, 1);
	return true;
}

void
thread_pay_by(struct thread *thread, struct object *payer, struct thread_share *share,
	      struct account *account)
{
	struct object *before = thread->payer;
	struct cpu *cpu;

	object_get(payer);
	thread->payer = payer;
	if (move_charge(thread, account)) {
		account_get(account);
		account_put(thread->account);
		thread->account = account;
	}
	cpu = thread_lock_cpu(thread);
	sched_pay_locked(cpu, thread, share);
	spinlock_unlock(&cpu->lock);
	if (before)
		object_put(before);
}

void
thread_set_pending(struct thread *thread, uint64_t bits)
{
	__atomic_fetch_or(&thread->home.head.pending, bits, __ATOMIC_RELEASE);
	if (bits & THREAD_PENDING_DIE)
		thread_wake(thread);
}

bool
thread_must_cancel(const struct thread *thread)
{
	for (const struct guest_seat *seat = thread->seat; seat; seat = seat->caller) {
		if (__atomic_load_n(&seat->head.pending, __ATOMIC_ACQUIRE) & THREAD_PENDING_DIE)
			return true;
	}
	return false;
}

bool
thread_is_canceled(void)
{
	return thread_must_cancel(thread_current());
}
