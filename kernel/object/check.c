/*
 * The invariants of processes, handles, accounts and gates, as one can see them
 * from outside. Kernel code is not preempted, so they hold whenever a thread gives
 * way; sums over all processes are only compared on one processor.
 */
#include "kernel/object/check.h"

#ifdef NB_DEBUG
#include "kernel/init/boot.h"
#include "kernel/init/panic.h"
#include "kernel/mm/account.h"
#include "kernel/object/gate_private.h"
#include "kernel/object/process_private.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/futex.h"

struct census {
	uint64_t handles; /* in tables */
	uint64_t threads; /* of processes */
	uint32_t processes;
};

static void
check_table(struct handle_table *table, struct census *census)
{
	uint32_t open = 0;

	spinlock_lock(&table->lock);
	for (uint32_t i = 0; i < table->chunk_count * HANDLE_CHUNK_SLOTS; i++) {
		const struct handle_slot *slot =
			&table->chunks[i / HANDLE_CHUNK_SLOTS][i % HANDLE_CHUNK_SLOTS];
		const struct object *object = slot->object;

		if (!object)
			continue;
		open++;
		ASSERT(object->handles >= 1 && object->refs >= object->handles);
		ASSERT((slot->rights & ~object->type->rights) == 0);
		ASSERT(slot->generation != 0);
	}
	ASSERT(open == table->open_count);
	ASSERT(table->free_count + open == table->chunk_count * HANDLE_CHUNK_SLOTS);
	spinlock_unlock(&table->lock);
	census->handles += open;
}

static void
check_account(const struct account *account)
{
	for (int i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
		ASSERT(account->used[i] <= account->limit[i]);
		ASSERT(account->peak[i] >= account->used[i]);
		/* A child's use is part of its parent's. */
		ASSERT(!account->parent || account->parent->used[i] >= account->used[i]);
	}
}

/* ---- gates: docs/decisions/0007-gates.md ---- */

static void
check_wait(const struct gate_pool *pool, const struct list_link *link)
{
	const struct gate_wait *wait = list_entry(link, struct gate_wait, link);

	ASSERT(wait->pool == pool);
	ASSERT(wait->thread->gate_wait == wait);
	ASSERT(wait->thread->seat == wait->caller);
	ASSERT(link->next == &pool->waiters ||
	       list_entry(link->next, struct gate_wait, link)->arrival > wait->arrival);
	ASSERT(gate_first_locked(pool)->place.key <= wait->place.key);
}

static void
check_activation(const struct gate_pool *pool, const struct gate_activation *activation)
{
	uint64_t state = activation->port.state;
	const struct guest_seat *seat = &activation->port.seat, *at;
	bool has_waiters = !list_is_empty(&pool->waiters);

	if ((state & ~(uint64_t)GUEST_GATE_SLOW) <= GATE_MARK_LAST) {
		ASSERT(!seat->place);
		ASSERT(pool->is_closed == !!(state & GATE_CLOSED));
		ASSERT(!has_waiters || state & GATE_SERVER);
		return;
	}
	ASSERT((state & ~(uint64_t)GUEST_GATE_SLOW) == (uintptr_t)seat->caller);
	at = thread_of_seat(seat)->seat;
	while (at != seat) {
		ASSERT(at);
		at = at->caller;
	}
	if (has_waiters || pool->is_closed)
		ASSERT(state & GUEST_GATE_SLOW);
	if (has_waiters && gate_is_settled_locked())
		ASSERT(thread_of_seat(seat)->priority >= gate_first_locked(pool)->thread->priority);
}

void
check_gate_pool(const struct gate_pool *pool)
{
	const struct list_link *link;
	uint32_t waiting = 0;

	list_for_each(link, &pool->waiters)
	{
		check_wait(pool, link);
		waiting++;
	}
	ASSERT(!pool->is_closed || waiting == 0);
	for (uint32_t i = 0; i < pool->count && !pool->is_drained; i++)
		check_activation(pool, &pool->activations[i]);
}

/* ---- all processes ---- */

static void
check_process(struct process *process, void *context)
{
	struct census *census = context;
	const struct list_link *link;
	uint32_t threads = 0;

	spinlock_lock(&process->lock);
	list_for_each(link, &process->threads) threads++;
	ASSERT(threads == process->thread_count);
	ASSERT(process->inside >= threads);
	ASSERT(process->state != NB_PROCESS_CREATED || process->inside == 0);
	ASSERT(process->state != NB_PROCESS_RUNNING || process->inside > 0);
	ASSERT(process->state != NB_PROCESS_ENDING || (process->has_exit && process->inside == 0));
	list_for_each(link, &process->detached) threads++;
	gate_visit_pools(process, check_gate_pool);
	spinlock_unlock(&process->lock);
	check_account(process->account);
	check_table(&process->handles, census);
	census->threads += threads;
	census->processes++;
}

void
check_invariants(void)
{
	struct census census = { 0 };

	process_list_visit(check_process, &census);
	ASSERT(census.handles == handle_live_count());
	ASSERT(census.handles == boot_account()->used[ACCOUNT_HANDLES]);
	ASSERT(census.processes == process_running_count());
	ASSERT(census.threads <= thread_live_count());
	ASSERT(thread_live_count() + gate_activation_count() ==
	       boot_account()->used[ACCOUNT_THREADS]);
	ASSERT(futex_waiting_count() <= thread_live_count());
}

void
check_invariants_at_times(void)
{
	static uint64_t next_ns; /* not again before */
	uint64_t begin_ns = port_time_monotonic_ns(), end_ns;

	/* Unit tests have tables without processes, and no thread. */
	if (begin_ns < next_ns || !thread_current())
		return;
	check_invariants();
	end_ns = port_time_monotonic_ns();
	next_ns = end_ns + 9 * (end_ns - begin_ns);
}
#endif
