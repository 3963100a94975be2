/*
 * The scheduler. Every switch happens with the processor's lock held: who
 * leaves takes it, and the switch releases it.
 */
#include "kernel/sched/sched.h"

#include "kernel/init/panic.h"
#include "kernel/object/object.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/budget.h"
#include "kernel/sched/limit.h"
#include "kernel/sched/sched_private.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/trace.h"

enum {
	GRANULARITY_NS = 500 * 1000, /* lead in virtual time that preempts */
	RETRY_NS = 100 * 1000,	     /* until an interrupt in kernel code is looked at again */
	RESUME_STACK_BYTES = 64 * 1024,
};

static struct sched_handlers handlers;
static uint32_t cpu_count; /* atomic: processors that run the scheduler */

void
sched_set_handlers(const struct sched_handlers *given)
{
	handlers = *given;
}

enum nb_status
sched_cpu_init(struct cpu *cpu, uint32_t index)
{
	enum nb_status status = port_stack_create(RESUME_STACK_BYTES, &cpu->stack);

	if (status != NB_OK)
		return status;
	status = port_stack_commit(&cpu->stack, cpu->stack.limit);
	if (status != NB_OK) {
		port_stack_destroy(&cpu->stack);
		return status;
	}
	cpu->index = index;
	for (uint32_t i = 0; i < CPU_PRIORITIES; i++)
		run_queue_init(&cpu->ready[i]);
	cpu->armed_ns = UINT64_MAX;
	spinlock_init(&cpu->lock, LOCK_RANK_RUN_QUEUE);
	lock_is_shared = __atomic_fetch_add(&cpu_count, 1, __ATOMIC_RELAXED) > 0;
	port_cpu_set_current(cpu);
	return NB_OK;
}

void
sched_cpu_exit(struct cpu *cpu)
{
	ASSERT(!cpu->current && !cpu->ready_mask && !cpu->dead && !pairing_first(&cpu->timers));
	port_timer_arm(UINT64_MAX);
	port_stack_destroy(&cpu->stack);
	/* Who comes now is not the scheduler's. */
	lock_is_shared = true;
	__atomic_fetch_sub(&cpu_count, 1, __ATOMIC_RELAXED);
}

/* ---- the queue ---- */

static void
trace_thread(uint32_t event, const struct thread *thread)
{
	trace(event, thread->owner ? thread->owner->id : 0, thread->priority, 0);
}

static void
queue_insert_locked(struct cpu *cpu, struct thread *thread)
{
	thread->run_state = THREAD_READY;
	thread->cpu = cpu;
	thread->ready.key = ready_key_locked(cpu, thread);
	run_queue_insert(&cpu->ready[thread->priority], &thread->ready);
	cpu->ready_mask |= 1u << thread->priority;
}

static void
queue_remove_locked(struct cpu *cpu, struct thread *thread)
{
	run_queue_remove(&cpu->ready[thread->priority], &thread->ready);
	if (!run_queue_first(&cpu->ready[thread->priority]))
		cpu->ready_mask &= ~(1u << thread->priority);
}

/* Whether the thread has to wait until its budget allows it to run. */
static bool
must_park_locked(const struct thread *thread)
{
	return thread->share->budget && limit_must_wait_locked(thread, port_time_monotonic_ns());
}

/* Puts a thread that is in no queue aside until it may run. */
static void
park_locked(struct cpu *cpu, struct thread *thread)
{
	thread->run_state = THREAD_PARKED;
	__atomic_fetch_sub(&thread->share->runnable, 1, __ATOMIC_RELAXED);
	thread->timeout.key = limit_ready_ns_locked(thread, port_time_monotonic_ns());
	pairing_insert(&cpu->timeouts, &thread->timeout);
}

/* Takes out the thread that should run next; NULL: nobody wants to, or may. */
static struct thread *
queue_take_locked(struct cpu *cpu)
{
	while (cpu->ready_mask) {
		uint32_t priority = 31 - (uint32_t)__builtin_clz(cpu->ready_mask);
		struct thread *thread = thread_of_ready(run_queue_first(&cpu->ready[priority]));

		queue_remove_locked(cpu, thread);
		if (!must_park_locked(thread))
			return thread;
		park_locked(cpu, thread);
	}
	return NULL;
}

/* The least virtual run time of those that run or wait at `priority`. */
static void
floor_update_locked(struct cpu *cpu, const struct thread *running)
{
	uint64_t least = running->vruntime_ns;
	struct run_queue *queue = &cpu->ready[running->priority];
	struct pairing_node *first = run_queue_first(queue);

	if (first && first->key < least)
		least = first->key;
	if (least > queue->floor_ns)
		queue->floor_ns = least;
}

void
sched_account_locked(struct cpu *cpu, uint64_t now_ns)
{
	struct thread *thread = cpu->current;
	uint64_t ran_ns = now_ns > cpu->switched_ns ? now_ns - cpu->switched_ns : 0;
	uint32_t sharing;

	cpu->switched_ns = now_ns;
	if (!thread)
		return;
	sharing = __atomic_load_n(&thread->share->runnable, __ATOMIC_RELAXED);
	thread->run_ns += ran_ns;
	thread->vruntime_ns += ran_ns * (sharing ? sharing : 1);
	thread->share->vruntime_ns[thread->priority] += ran_ns;
	if (thread->share->budget)
		budget_take(thread->payer_budget, ran_ns, now_ns);
	floor_update_locked(cpu, thread);
}

void
sched_account_current(void)
{
	struct cpu *cpu = port_cpu_current();

	spinlock_lock(&cpu->lock);
	sched_account_locked(cpu, run_clock_ns(&cpu->clock));
	spinlock_unlock(&cpu->lock);
}

void
sched_seat_left(void)
{
	struct cpu *cpu = port_cpu_current();
	struct thread *self = cpu->current;

	spinlock_lock(&cpu->lock);
	sched_account_locked(cpu, run_clock_ns(&cpu->clock));
	limit_look_locked(self, cpu->switched_ns);
	sched_arm_locked(cpu, self);
	spinlock_unlock(&cpu->lock);
}

/* Whether somebody should run before `running`, which may lead by `lead_ns`. */
static bool
is_preempted_locked(const struct cpu *cpu, const struct thread *running, uint64_t lead_ns)
{
	const struct pairing_node *first = run_queue_first(&cpu->ready[running->priority]);

	if (cpu->ready_mask >> running->priority > 1)
		return true;
	return first && first->key + lead_ns < running->vruntime_ns;
}

static bool
has_company_locked(const struct cpu *cpu, const struct thread *running)
{
	return cpu->ready_mask >> running->priority != 0;
}

void
sched_arm_locked(struct cpu *cpu, const struct thread *running)
{
	struct pairing_node *first = pairing_first(&cpu->timeouts);
	struct pairing_node *timer = pairing_first(&cpu->timers);
	uint64_t deadline = first ? first->key : UINT64_MAX;
	bool enabled;

	if (timer && timer->key < deadline && cpu->timers_rest_ns < deadline)
		deadline = timer->key > cpu->timers_rest_ns ? timer->key : cpu->timers_rest_ns;
	if (running && has_company_locked(cpu, running) && cpu->slice_end_ns < deadline)
		deadline = cpu->slice_end_ns;
	if (running && running->share->budget) {
		uint64_t look_ns = limit_look_at_ns_locked(running, cpu->switched_ns);

		deadline = look_ns < deadline ? look_ns : deadline;
	}
	/* An interrupt that comes here only makes armed_ns later; it has noted an event. */
	if (deadline >= __atomic_load_n(&cpu->armed_ns, __ATOMIC_RELAXED))
		return;
	enabled = port_interrupts_disable();
	if (deadline < cpu->armed_ns) {
		cpu->armed_ns = deadline;
		port_timer_arm(deadline);
	}
	port_interrupts_restore(enabled);
}

/* Where a thread begins that comes: with the others, and if it has slept up to a slice ahead of
 * them. What its process has had counts as its own, or threads that take turns in sleeping,
 * or in living, would begin ahead each time. */
static uint64_t
start_vruntime_locked(const struct cpu *cpu, const struct thread *thread)
{
	uint64_t floor = cpu->ready[thread->priority].floor_ns;
	uint64_t lead = thread->run_state == THREAD_BLOCKED ? SLICE_NS : 0;
	uint64_t *shared = &thread->share->vruntime_ns[thread->priority];
	uint64_t least = floor > SLICE_NS ? floor - SLICE_NS : 0;

	/* Nobody's sleep is worth more than a slice. */
	if (*shared < least)
		*shared = least;
	if (*shared > floor)
		floor = *shared;
	return floor > lead ? floor - lead : 0;
}

void
sched_make_ready_locked(struct cpu *cpu, struct thread *thread)
{
	struct thread *current = cpu->current;
	uint64_t start;

	/* Before the floor is read: it follows those that run. */
	if (current)
		sched_account_locked(cpu, run_clock_ns(&cpu->clock));
	start = start_vruntime_locked(cpu, thread);
	if (thread->vruntime_ns < start)
		thread->vruntime_ns = start;
	if (pairing_contains(&thread->timeout))
		pairing_remove(&cpu->timeouts, &thread->timeout);
	__atomic_fetch_add(&thread->share->runnable, 1, __ATOMIC_RELAXED);
	queue_insert_locked(cpu, thread);
	trace_thread(NB_TRACE_WAKE, thread);
	if (!current)
		return;
	if (is_preempted_locked(cpu, current, GRANULARITY_NS))
		__atomic_fetch_or(&current->seat->head.pending, THREAD_PENDING_YIELD,
				  __ATOMIC_RELAXED);
	else
		sched_arm_locked(cpu, current);
}

/* The current thread gives way, or is looked after by a tick. */
static void
look_after_current_locked(struct cpu *cpu)
{
	struct thread *current = cpu->current;

	if (!current)
		return;
	sched_account_locked(cpu, run_clock_ns(&cpu->clock));
	if (is_preempted_locked(cpu, current, GRANULARITY_NS))
		__atomic_fetch_or(&current->seat->head.pending, THREAD_PENDING_YIELD,
				  __ATOMIC_RELAXED);
	else
		sched_arm_locked(cpu, current);
}

/* Who pays for the thread may be another one now, and whether it may run. */
static void
limit_changed_locked(struct cpu *cpu, struct thread *thread)
{
	thread->payer_budget = thread->share->budget;
	if (thread->run_state == THREAD_PARKED) {
		sched_make_ready_locked(cpu, thread);
	} else if (cpu->current == thread && thread->share->budget) {
		limit_look_locked(thread, cpu->switched_ns);
		sched_arm_locked(cpu, thread);
	}
}

void
sched_set_lender_locked(struct cpu *cpu, struct thread *thread, const struct thread_lender *lender)
{
	if (cpu->current == thread)
		sched_account_locked(cpu, run_clock_ns(&cpu->clock));
	thread->lender = *lender;
	limit_changed_locked(cpu, thread);
}

void
sched_pay_locked(struct cpu *cpu, struct thread *thread, struct thread_share *share)
{
	bool counts = thread->run_state == THREAD_READY || thread->run_state == THREAD_RUNNING;

	if (cpu->current == thread)
		sched_account_locked(cpu, run_clock_ns(&cpu->clock));
	if (counts) {
		__atomic_fetch_sub(&thread->share->runnable, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&share->runnable, 1, __ATOMIC_RELAXED);
	}
	thread->share = share;
	limit_changed_locked(cpu, thread);
}

void
sched_set_priority_locked(struct cpu *cpu, struct thread *thread, uint32_t priority)
{
	uint64_t before_ns = cpu->ready[thread->priority].floor_ns;
	uint64_t floor_ns = cpu->ready[priority].floor_ns;
	uint64_t lead_ns = thread->vruntime_ns > before_ns ? thread->vruntime_ns - before_ns : 0;
	bool is_ready = thread->run_state == THREAD_READY;

	if (is_ready)
		queue_remove_locked(cpu, thread);
	/* Among its new peers it is as far ahead as it was among the old ones. */
	thread->vruntime_ns = floor_ns + (lead_ns < SLICE_NS ? lead_ns : SLICE_NS);
	thread->priority = priority;
	if (is_ready)
		queue_insert_locked(cpu, thread);
	look_after_current_locked(cpu);
}

/* ---- switching ---- */

/* Makes `next` the running thread. */
static inline void
give_locked(struct cpu *cpu, struct thread *next, uint64_t now_ns)
{
	cpu->current = next;
	cpu->slice_end_ns = now_ns + SLICE_NS;
	next->run_state = THREAD_RUNNING;
	next->cpu = cpu;
	cpu->switches++;
	trace_thread(NB_TRACE_SWITCH, next);
	pending_clear(next, THREAD_PENDING_YIELD);
	if (next->share->budget)
		limit_look_locked(next, now_ns);
}

static inline void
pass_events_locked(struct cpu *cpu)
{
	if (__atomic_load_n(&cpu->events, __ATOMIC_RELAXED))
		sched_note_event(cpu, 0);
}

/* Prepares for `next` (NULL: the loop); the thread that leaves is accounted up to
 * now. */
static void
dispatch_at_locked(struct cpu *cpu, struct thread *next, uint64_t now_ns)
{
	if (next)
		give_locked(cpu, next, now_ns);
	else
		cpu->current = NULL;
	sched_arm_locked(cpu, next);
	if (next)
		pass_events_locked(cpu);
}

/* The same, accounting it. */
static void
dispatch_locked(struct cpu *cpu, struct thread *next)
{
	uint64_t now_ns = run_clock_ns(&cpu->clock);

	sched_account_locked(cpu, now_ns);
	dispatch_at_locked(cpu, next, now_ns);
}

/* Leaves the current thread, which is accounted up to now and either queued or
 * blocked. */
static void
switch_at_locked(struct cpu *cpu, uint64_t now_ns)
{
	struct thread *self = cpu->current;
	struct thread *next = queue_take_locked(cpu);

	if (next && !next->is_interrupted) {
		dispatch_at_locked(cpu, next, now_ns);
		if (next != self)
			guest_context_switch_release(&self->context, &next->context,
						     spinlock_hand_over(&cpu->lock));
		else
			spinlock_unlock(&cpu->lock);
	} else {
		if (next)
			queue_insert_locked(cpu, next);
		dispatch_at_locked(cpu, NULL, now_ns);
		guest_context_switch_release(&self->context, &cpu->loop,
					     spinlock_hand_over(&cpu->lock));
	}
}

void
sched_switch_locked(struct cpu *cpu)
{
	uint64_t now_ns = run_clock_ns(&cpu->clock);

	sched_account_locked(cpu, now_ns);
	if (cpu->current->run_state == THREAD_BLOCKED)
		__atomic_fetch_sub(&cpu->current->share->runnable, 1, __ATOMIC_RELAXED);
	switch_at_locked(cpu, now_ns);
}

void
sched_leave_locked(struct cpu *cpu)
{
	struct thread *self = cpu->current;

	__atomic_fetch_sub(&self->share->runnable, 1, __ATOMIC_RELAXED);
	dispatch_locked(cpu, NULL);
	cpu->dead = self;
	guest_context_jump_release(&cpu->loop, spinlock_hand_over(&cpu->lock));
}

static _Noreturn void
leave_interrupted(struct cpu *cpu)
{
	spinlock_lock(&cpu->lock);
	queue_insert_locked(cpu, cpu->current);
	dispatch_locked(cpu, NULL);
	guest_context_jump_release(&cpu->loop, spinlock_hand_over(&cpu->lock));
}

/* No sanitizer frame: the sanitizer learns of the stack only here. */
__attribute__((no_sanitize("address"))) void
sched_interrupted(void *argument)
{
	struct cpu *cpu = argument;

	guest_context_announce(&cpu->stack);
	leave_interrupted(cpu);
}

static void
prepare_resume(struct thread *thread)
{
	thread->is_interrupted = false;
	thread_condemn_interrupted(thread);
}

/* On the resume stack. */
static __attribute__((no_sanitize("address"))) void
resume_interrupted(void *argument)
{
	struct cpu *cpu = argument;

	prepare_resume(cpu->resuming);
	guest_state_resume(&cpu->resuming->state, &cpu->resuming->seat->stack);
}

/* From the loop: runs `next` until something comes back to the loop. Releases the lock. */
static void
loop_run_locked(struct cpu *cpu, struct thread *next)
{
	struct guest_context *to = &next->context;

	dispatch_locked(cpu, next);
	if (next->is_interrupted) {
		cpu->resuming = next;
		guest_context_init(&cpu->resume, &cpu->stack, resume_interrupted, cpu);
		to = &cpu->resume;
	}
	guest_context_switch_release(&cpu->loop, to, spinlock_hand_over(&cpu->lock));
}

static void
loop_reap(struct cpu *cpu)
{
	struct thread *dead = cpu->dead;

	cpu->dead = NULL;
	if (dead)
		thread_destroy(dead);
}

static void
loop_idle(struct cpu *cpu)
{
	bool enabled = port_interrupts_disable();

	if (!__atomic_load_n(&cpu->events, __ATOMIC_RELAXED))
		port_cpu_idle();
	port_interrupts_restore(enabled);
}

void
sched_run(bool (*is_done)(void))
{
	struct cpu *cpu = port_cpu_current();
	struct thread *next;

	for (;;) {
		sched_poll();
		spinlock_lock(&cpu->lock);
		next = queue_take_locked(cpu);
		if (next) {
			loop_run_locked(cpu, next);
		} else {
			sched_arm_locked(cpu, NULL);
			spinlock_unlock(&cpu->lock);
		}
		loop_reap(cpu);
		if (next)
			continue;
		if (is_done())
			return;
		loop_idle(cpu);
	}
}

/* ---- safe points ---- */

static void
expire_timeouts(struct cpu *cpu)
{
	struct pairing_node *first;
	uint64_t now_ns = port_time_monotonic_ns();

	spinlock_lock(&cpu->lock);
	while ((first = pairing_first(&cpu->timeouts)) && first->key <= now_ns)
		sched_make_ready_locked(cpu, list_entry(first, struct thread, timeout));
	if (cpu->current && now_ns >= cpu->slice_end_ns) {
		sched_account_locked(cpu, now_ns);
		if (is_preempted_locked(cpu, cpu->current, 0))
			__atomic_fetch_or(&cpu->current->seat->head.pending, THREAD_PENDING_YIELD,
					  __ATOMIC_RELAXED);
		cpu->slice_end_ns = now_ns + SLICE_NS;
	}
	if (cpu->current && cpu->current->share->budget) {
		sched_account_locked(cpu, now_ns);
		limit_look_locked(cpu->current, now_ns);
	}
	sched_arm_locked(cpu, cpu->current);
	spinlock_unlock(&cpu->lock);
}

void
sched_poll(void)
{
	struct cpu *cpu = port_cpu_current();
	uint32_t events = __atomic_exchange_n(&cpu->events, 0, __ATOMIC_ACQUIRE);

	if (events & CPU_EVENT_TIMER) {
		if (pairing_first(&cpu->timers) && port_time_monotonic_ns() >= cpu->timers_rest_ns)
			sched_expire_timers(cpu);
		expire_timeouts(cpu);
	}
	if ((events & CPU_EVENT_SERIAL) && handlers.serial)
		handlers.serial();
	if ((events & CPU_EVENT_INTERRUPT) && handlers.interrupt)
		handlers.interrupt();
}

void
sched_note_event(struct cpu *cpu, uint32_t event)
{
	struct thread *current = cpu->current;
	bool enabled;

	__atomic_fetch_or(&cpu->events, event, __ATOMIC_RELEASE);
	if (!current)
		return;
	__atomic_fetch_or(&current->seat->head.pending, THREAD_PENDING_EVENTS, __ATOMIC_RELAXED);
	if (current->process) {
		enabled = port_interrupts_disable();
		cpu->armed_ns = port_time_monotonic_ns() + RETRY_NS;
		port_timer_arm(cpu->armed_ns);
		port_interrupts_restore(enabled);
	}
}

static void
yield_to_first(struct cpu *cpu)
{
	uint64_t now_ns = run_clock_ns(&cpu->clock);

	sched_account_locked(cpu, now_ns);
	queue_insert_locked(cpu, cpu->current);
	switch_at_locked(cpu, now_ns);
}

void
sched_preempt(bool is_at_boundary)
{
	struct cpu *cpu = port_cpu_current();
	struct thread *self = cpu->current;

	spinlock_lock(&cpu->lock);
	/* What a kernel thread does between two calls of this is work like a guest's code. */
	self->is_at_boundary = is_at_boundary || !self->process;
	if (self->share->budget)
		sched_account_locked(cpu, run_clock_ns(&cpu->clock));
	if (has_company_locked(cpu, self) || must_park_locked(self)) {
		yield_to_first(cpu);
	} else {
		if (self->share->budget)
			limit_look_locked(self, cpu->switched_ns);
		spinlock_unlock(&cpu->lock);
	}
	self->is_at_boundary = false;
}

void
sched_before_guest(void)
{
	struct thread *self = thread_current();
	uint64_t *pending = &self->home.head.pending;

	while (__atomic_load_n(pending, __ATOMIC_RELAXED) & THREAD_PENDING_LIMIT) {
		__atomic_fetch_and(pending, ~(uint64_t)THREAD_PENDING_LIMIT, __ATOMIC_RELAXED);
		sched_preempt(true);
	}
}

void
sched_yield_slowly_locked(struct cpu *cpu)
{
	struct thread *self = cpu->current;
	struct thread *first = thread_of_ready(run_queue_first(&cpu->ready[self->priority]));

	if (!has_company_locked(cpu, self)) {
		spinlock_unlock(&cpu->lock);
		return;
	}
	if (first && self->vruntime_ns < first->ready.key)
		self->vruntime_ns = first->ready.key;
	yield_to_first(cpu);
}

void
sched_relax(void)
{
	struct thread *self = thread_current();
	uint64_t bits = THREAD_PENDING_EVENTS | THREAD_PENDING_YIELD;

	if (!self)
		return;
	spinlock_check_none();
	if (!self->process)
		bits |= THREAD_PENDING_LIMIT;
	if (!(__atomic_load_n(&self->seat->head.pending, __ATOMIC_RELAXED) & bits))
		return;
	__atomic_fetch_and(&self->seat->head.pending, ~bits, __ATOMIC_RELAXED);
	sched_poll();
	sched_preempt(false);
}
