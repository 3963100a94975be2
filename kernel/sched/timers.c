/*
 * Timers of the kernel's own, by the processor's heap of deadlines.
 */
#include "kernel/port/cpu.h"
#include "kernel/sched/budget.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/sched_private.h"
#include "lib/list.h"

enum {
	TIMERS_AT_ONCE = 256,
	TIMERS_REST = 4,     /* times as long as the last one, between expiries */
	INTERRUPT_NS = 1000, /* what an expiry costs before and behind it, generously */
};

void
sched_timer_init(struct sched_timer *timer, void (*expired)(struct sched_timer *timer),
		 void (*told)(struct sched_timer *timer), struct cpu_budget *budget)
{
	*timer = (struct sched_timer){
		.cpu = port_cpu_current(), .expired = expired, .told = told, .budget = budget
	};
}

void
sched_timer_set(struct sched_timer *timer, uint64_t deadline_ns)
{
	struct cpu *cpu = port_cpu_current();

	spinlock_lock(&cpu->lock);
	timer->cpu = cpu;
	timer->node.key = deadline_ns;
	pairing_insert(&cpu->timers, &timer->node);
	sched_arm_locked(cpu, cpu->current);
	spinlock_unlock(&cpu->lock);
}

bool
sched_timer_cancel(struct sched_timer *timer)
{
	struct cpu *cpu = timer->cpu;
	bool was_set;

	spinlock_lock(&cpu->lock);
	was_set = pairing_contains(&timer->node);
	if (was_set)
		pairing_remove(&cpu->timers, &timer->node);
	spinlock_unlock(&cpu->lock);
	return was_set;
}

bool
sched_timer_is_set(struct sched_timer *timer)
{
	bool is_set;

	spinlock_lock(&timer->cpu->lock);
	is_set = pairing_contains(&timer->node);
	spinlock_unlock(&timer->cpu->lock);
	return is_set;
}

/* Tells of an expiry. The timer may be gone then. */
static void
expire_locked(struct cpu *cpu, struct sched_timer *timer)
{
	spinlock_unlock(&cpu->lock);
	timer->expired(timer);
	timer->told(timer);
	spinlock_lock(&cpu->lock);
}

/* The same for one of somebody whose time is limited: that one pays, and is told later when
 * it has nothing left. */
static void
expire_limited_locked(struct cpu *cpu, struct sched_timer *timer)
{
	uint64_t begin_ns = run_clock_ns(&cpu->clock), end_ns;

	sched_account_locked(cpu, begin_ns);
	if (!budget_left_ns(timer->budget, begin_ns)) {
		timer->node.key = budget_ready_ns(timer->budget, begin_ns);
		pairing_insert(&cpu->timers, &timer->node);
		end_ns = run_clock_ns(&cpu->clock);
		budget_take(timer->budget, INTERRUPT_NS + end_ns - begin_ns, end_ns);
	} else {
		spinlock_unlock(&cpu->lock);
		timer->expired(timer);
		end_ns = run_clock_ns(&cpu->clock);
		budget_take(timer->budget, INTERRUPT_NS + end_ns - begin_ns, end_ns);
		timer->told(timer);
		spinlock_lock(&cpu->lock);
	}
	cpu->switched_ns = end_ns;
}

/* Takes at most a share of the processor's time, and a fraction of a millisecond at a time,
 * however many timers there are. */
void
sched_expire_timers(struct cpu *cpu)
{
	struct pairing_node *first;
	uint64_t now_ns = port_time_monotonic_ns(), end_ns;
	uint32_t count = 0;

	spinlock_lock(&cpu->lock);
	/* Timers that are set anew meanwhile are armed for once, below. */
	__atomic_store_n(&cpu->armed_ns, 0, __ATOMIC_RELAXED);
	while (count++ < TIMERS_AT_ONCE && (first = pairing_first(&cpu->timers)) &&
	       first->key <= now_ns) {
		struct sched_timer *timer = list_entry(first, struct sched_timer, node);

		pairing_remove(&cpu->timers, first);
		if (timer->budget)
			expire_limited_locked(cpu, timer);
		else
			expire_locked(cpu, timer);
	}
	end_ns = port_time_monotonic_ns();
	cpu->timers_rest_ns = end_ns + TIMERS_REST * (end_ns - now_ns);
	__atomic_store_n(&cpu->armed_ns, UINT64_MAX, __ATOMIC_RELAXED);
	sched_arm_locked(cpu, cpu->current);
	spinlock_unlock(&cpu->lock);
}
