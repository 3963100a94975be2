/*
 * Who is in which activation, and who waits.
 *
 * Everything here happens under gates.lock but for what the stubs do: idle ->
 * seat, and seat -> idle. So an idle activation may be taken at any moment, and one
 * that is used may become idle unless GUEST_GATE_SLOW is set in its state; who
 * wants to rely on anything sets that first.
 */
#include "kernel/init/panic.h"
#include "kernel/object/gate_private.h"
#include "kernel/object/process.h"
#include "kernel/sched/sched.h"

static struct {
	struct spinlock lock;
	/* Under the lock: */
	uint64_t arrivals; /* waits so far */
} gates = { .lock = SPINLOCK_INIT(LOCK_RANK_GATES) };

/* Waiters of a pool that is closed that are woken while the lock is held. */
enum { REFUSED_AT_ONCE = 64 };

void
gate_settle(void)
{
	bool is_done;

	do {
		spinlock_lock(&gates.lock);
		is_done = gate_settle_locked();
		spinlock_unlock(&gates.lock);
		if (!is_done)
			sched_relax();
	} while (!is_done);
}

/* Releases the lock; what has been noted of inheritance is done before and, if that is much,
 * after it. */
static void
gates_unlock_settling(void)
{
	bool is_done = gate_settle_locked();

	spinlock_unlock(&gates.lock);
	if (!is_done)
		gate_settle();
}

/* ---- states ---- */

static uint64_t
seat_state(const struct guest_seat *seat, bool is_slow)
{
	return (uint64_t)(uintptr_t)seat | (is_slow || guest_gate_needs_slow_path());
}

static void
state_set_locked(struct gate_activation *activation, uint64_t state)
{
	__atomic_store_n(&activation->port.state, state, __ATOMIC_RELEASE);
}

/* The state without the mark, which it has from now on. */
static uint64_t
state_hold_locked(struct gate_activation *activation)
{
	return __atomic_fetch_or(&activation->port.state, GUEST_GATE_SLOW, __ATOMIC_ACQ_REL) &
	       ~(uint64_t)GUEST_GATE_SLOW;
}

/* ---- entering ---- */

static void
occupy_locked(struct gate_activation *activation, struct guest_seat *caller, struct thread *thread)
{
	bool is_slow = !list_is_empty(&activation->pool->waiters);

	activation->port.seat.caller = caller;
	thread->seat = &activation->port.seat;
	__atomic_store_n(&activation->port.seat.place, &thread->seat, __ATOMIC_RELEASE);
	state_set_locked(activation, seat_state(caller, is_slow));
}

/* An idle activation, which nobody else can take any more; NULL: all are used, and
 * will ask the kernel before they are given back. */
static struct gate_activation *
find_idle_locked(struct gate_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		if (state_hold_locked(&pool->activations[i]) == GATE_IDLE)
			return &pool->activations[i];
	}
	return NULL;
}

/* Decides what a wait ends with; it is in no list any more. */
static void
wait_decide_locked(struct gate_wait *wait, struct gate_activation *granted, enum nb_status status)
{
	gate_wait_leave_locked(wait);
	wait->granted = granted;
	wait->status = status;
	if (granted) {
		occupy_locked(granted, wait->caller, wait->thread);
		gate_entered_locked(wait->thread);
	}
	gate_wait_left_locked(wait);
}

static bool
wait_is_decided(const struct gate_wait *wait)
{
	bool is_decided;

	spinlock_lock(&gates.lock);
	is_decided = list_is_empty(&wait->link);
	spinlock_unlock(&gates.lock);
	return is_decided;
}

/* The wait's thread gives it up, unless it is decided. */
static void
wait_give_up(struct gate_wait *wait, enum nb_status status)
{
	spinlock_lock(&gates.lock);
	if (!list_is_empty(&wait->link)) {
		wait_decide_locked(wait, NULL, status);
		gates_unlock_settling();
	} else {
		spinlock_unlock(&gates.lock);
	}
}

/* Takes an activation at once, or puts `wait` into the queue: NB_SHOULD_WAIT. */
static enum nb_status
enter_or_queue_locked(struct gate_pool *pool, struct gate_wait *wait)
{
	if (pool->is_closed)
		return pool->end;
	/* Who waits already goes first. */
	wait->granted = list_is_empty(&pool->waiters) ? find_idle_locked(pool) : NULL;
	if (wait->granted) {
		occupy_locked(wait->granted, wait->caller, wait->thread);
		return NB_OK;
	}
	if (!gate_can_progress_locked(pool, wait->thread))
		return NB_DEADLOCK;
	wait->arrival = ++gates.arrivals;
	wait->thread->gate_wait = wait;
	gate_wait_begin_locked(wait);
	return NB_SHOULD_WAIT;
}

enum nb_status
gate_claim(struct gate_pool *pool, struct guest_seat *caller, uint64_t deadline_ns,
	   struct gate_activation **out)
{
	struct gate_wait wait = { .pool = pool, .thread = thread_current(), .caller = caller };
	enum nb_status status;
	bool in_time = true;

	list_init(&wait.link);
	spinlock_lock(&gates.lock);
	status = enter_or_queue_locked(pool, &wait);
	gates_unlock_settling();
	if (status == NB_SHOULD_WAIT) {
		while (!wait_is_decided(&wait)) {
			if (thread_is_canceled())
				wait_give_up(&wait, NB_CANCELED);
			else if (!in_time)
				wait_give_up(&wait, NB_TIMED_OUT);
			else
				in_time = thread_block(deadline_ns);
		}
		status = wait.granted ? NB_OK : wait.status;
	}
	if (wait.granted && thread_is_canceled()) {
		gate_give_back(wait.granted);
		status = NB_CANCELED;
	}
	*out = wait.granted;
	return status;
}

/* ---- leaving ---- */

/* Lets the most urgent one in. */
static void
grant_locked(struct gate_pool *pool, struct gate_activation *activation)
{
	struct gate_wait *wait = gate_first_locked(pool);

	wait_decide_locked(wait, activation, NB_OK);
	thread_wake(wait->thread);
}

/* Nobody is in the activation any more. True if the pool is to be drained. */
static bool
vacate_locked(struct gate_activation *activation)
{
	struct gate_pool *pool = activation->pool;

	__atomic_store_n(&activation->port.seat.place, NULL, __ATOMIC_RELEASE);
	if (pool->is_closed) {
		state_set_locked(activation, GATE_CLOSED | GUEST_GATE_SLOW);
		if (pool->server)
			thread_wake(pool->server);
		return --pool->inside == 0;
	}
	if (pool->server_wants) {
		state_set_locked(activation, GATE_SERVER | GUEST_GATE_SLOW);
		thread_wake(pool->server);
	} else if (!list_is_empty(&pool->waiters)) {
		grant_locked(pool, activation);
	} else {
		state_set_locked(activation, GATE_IDLE);
	}
	return false;
}

void
gate_give_back(struct gate_activation *activation)
{
	struct thread *self = thread_current();
	struct gate_pool *pool = activation->pool;
	bool must_drain;

	spinlock_lock(&gates.lock);
	self->seat = activation->port.seat.caller;
	/* The pool, which may go now, keeps the budget that may have paid for it. */
	if (self->share->budget)
		sched_seat_left();
	must_drain = vacate_locked(activation);
	if (self->inheritance.priority || self->inheritance.lender.is_there)
		gate_changed_locked(self);
	gates_unlock_settling();
	if (must_drain)
		gate_pool_drain(pool);
}

/* ---- the life of pools ---- */

void
gate_pool_open(struct gate_pool *pool)
{
	spinlock_lock(&gates.lock);
	list_push_back(&pool->process->gate_pools, &pool->link);
	spinlock_unlock(&gates.lock);
}

/* Brings the sum of its process up to date. The process is there. */
static void
count_calls_locked(struct gate_pool *pool)
{
	uint64_t calls = gate_pool_calls(pool);

	pool->process->gate_calls += calls - pool->counted_calls;
	pool->counted_calls = calls;
}

uint64_t
gate_process_calls(struct process *process)
{
	struct list_link *link;
	uint64_t calls;

	spinlock_lock(&gates.lock);
	list_for_each(link, &process->gate_pools)
		count_calls_locked(list_entry(link, struct gate_pool, link));
	calls = process->gate_calls;
	spinlock_unlock(&gates.lock);
	return calls;
}

void
gate_pool_get(struct gate_pool *pool)
{
	spinlock_lock(&gates.lock);
	pool->users++;
	spinlock_unlock(&gates.lock);
}

bool
gate_pool_is_free(struct gate_pool *pool, bool is_drained, uint32_t users_less)
{
	bool is_free;

	spinlock_lock(&gates.lock);
	if (is_drained)
		count_calls_locked(pool);
	pool->is_drained |= is_drained;
	pool->users -= users_less;
	is_free = pool->is_drained && pool->users == 0;
	/* A server that nobody can call any more need not serve. */
	if (users_less && pool->users == 1 && pool->is_serving)
		thread_wake(pool->server);
	spinlock_unlock(&gates.lock);
	return is_free;
}

/* Who pays for a thread whose own process has ended: the first of those whose calls led
 * it to where it is that is not ending, too; if there is none, the last. */
static struct process *
successor_locked(const struct thread *thread)
{
	const struct guest_seat *seat = thread->seat;
	struct process *found = seat->owner;

	for (; seat != &thread->home; seat = seat->caller) {
		if (!(__atomic_load_n(&seat->head.pending, __ATOMIC_RELAXED) & THREAD_PENDING_DIE))
			found = seat->owner;
	}
	return found;
}

static void
succeed_locked(struct thread *thread)
{
	struct process *payer = successor_locked(thread);

	if (thread->payer == &payer->object)
		return;
	process_paid(thread);
	thread_pay_by(thread, &payer->object, &payer->share, payer->account);
	gate_changed_locked(thread);
}

/* The thread is in an activation that is to be left. */
static void
unwind_locked(struct thread *thread)
{
	if (thread->is_detached)
		succeed_locked(thread);
	thread_wake(thread);
}

/* Nobody gets in; with `must_unwind` those inside leave as soon as they may. */
static void
close_activations_locked(struct gate_pool *pool, bool must_unwind)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		struct gate_activation *activation = &pool->activations[i];
		uint64_t state = state_hold_locked(activation);

		if (state <= GATE_MARK_LAST) {
			state_set_locked(activation, GATE_CLOSED | GUEST_GATE_SLOW);
			if (state == GATE_SERVER)
				gate_changed_locked(pool->server);
			continue;
		}
		pool->inside++;
		if (!must_unwind)
			continue;
		__atomic_fetch_or(&activation->port.seat.head.pending, THREAD_PENDING_DIE,
				  __ATOMIC_RELEASE);
		unwind_locked(gate_occupant_locked(activation));
	}
}

/* Some of the waiters of a closed pool learn of it; false if none is left. */
static bool
refuse_some_locked(struct gate_pool *pool)
{
	for (uint32_t i = 0; i < REFUSED_AT_ONCE; i++) {
		struct gate_wait *wait = gate_first_locked(pool);

		if (!wait)
			return false;
		wait_decide_locked(wait, NULL, pool->end);
		thread_wake(wait->thread);
	}
	return true;
}

/* Releases the lock. True if the caller, who uses the pool, must drain it. */
static bool
close_unlocking(struct gate_pool *pool, enum nb_status end, bool must_unwind)
{
	bool must_drain;

	if (pool->is_closed) {
		spinlock_unlock(&gates.lock);
		return false;
	}
	pool->is_closed = true;
	pool->end = end;
	list_remove(&pool->link);
	count_calls_locked(pool);
	/* Others run in between: none of those who leave is the last as long as this one is
	 * inside, too. */
	pool->inside = 1;
	close_activations_locked(pool, must_unwind);
	while (refuse_some_locked(pool)) {
		gates_unlock_settling();
		sched_relax();
		spinlock_lock(&gates.lock);
	}
	must_drain = --pool->inside == 0;
	gates_unlock_settling();
	return must_drain;
}

bool
gate_pool_close(struct gate_pool *pool, enum nb_status end)
{
	spinlock_lock(&gates.lock);
	return close_unlocking(pool, end, false);
}

void
gate_process_dying(struct process *process)
{
	enum nb_trap trap = process->trap;
	enum nb_status end =
		trap == NB_TRAP_NONE || trap == NB_TRAP_KILLED ? NB_PEER_CLOSED : NB_PEER_FAULTED;

	for (;;) {
		struct list_link *link;
		struct gate_pool *pool;

		spinlock_lock(&gates.lock);
		link = list_first(&process->gate_pools);
		if (!link) {
			gates_unlock_settling();
			return;
		}
		pool = list_entry(link, struct gate_pool, link);
		pool->users++;
		if (close_unlocking(pool, end, true))
			gate_pool_drain(pool);
		gate_pool_put(pool);
		sched_relax();
	}
}

/* ---- servers ---- */

enum nb_status
gate_server_open(struct gate_pool *pool)
{
	struct gate_activation *activation = &pool->activations[0];
	enum nb_status status = NB_CANCELED;

	spinlock_lock(&gates.lock);
	if (!pool->is_closed) {
		status = NB_OK;
		pool->is_serving = true;
		pool->server_wants = false;
		if (list_is_empty(&pool->waiters))
			state_set_locked(activation, GATE_IDLE);
		else
			grant_locked(pool, activation);
		gate_changed_locked(pool->server);
	}
	gates_unlock_settling();
	return status;
}

bool
gate_server_close(struct gate_pool *pool)
{
	struct gate_activation *activation = &pool->activations[0];
	bool is_vacant;

	spinlock_lock(&gates.lock);
	is_vacant = state_hold_locked(activation) <= GATE_MARK_LAST;
	pool->server_wants = !is_vacant;
	if (is_vacant) {
		pool->is_serving = false;
		if (!pool->is_closed)
			state_set_locked(activation, GATE_SERVER | GUEST_GATE_SLOW);
		gate_entered_locked(pool->server);
	}
	gates_unlock_settling();
	return is_vacant;
}

/* ---- threads ---- */

void
gate_set_priority(struct thread *thread, uint32_t priority)
{
	spinlock_lock(&gates.lock);
	thread_set_priority_base(thread, priority);
	gate_changed_locked(thread);
	(void)gate_settle_locked();
	spinlock_unlock(&gates.lock);
}

void
gate_forget(struct thread *thread)
{
	spinlock_lock(&gates.lock);
	gate_forget_locked(thread);
	spinlock_unlock(&gates.lock);
}

/* Under the process's lock, so that its memory is still there. */
bool
gate_detach(struct thread *thread)
{
	struct gate_activation *activation;
	struct guest_seat *seat;

	spinlock_lock(&gates.lock);
	seat = thread->seat;
	if (thread->is_detached || seat == &thread->home) {
		spinlock_unlock(&gates.lock);
		return false;
	}
	while (seat->caller != &thread->home)
		seat = seat->caller;
	activation = gate_activation_of(seat);
	thread->is_detached = true;
	succeed_locked(thread);
	(void)gate_settle_locked();
	spinlock_unlock(&gates.lock);
	spinlock_lock(&activation->lend_lock);
	activation->is_detached = true;
	spinlock_unlock(&activation->lend_lock);
	return true;
}

#ifdef NB_DEBUG
void
gate_visit_pools(const struct process *process, void (*visit)(const struct gate_pool *pool))
{
	const struct list_link *link;

	spinlock_lock(&gates.lock);
	list_for_each(link, &process->gate_pools) visit(list_entry(link, struct gate_pool, link));
	spinlock_unlock(&gates.lock);
}
#endif
