/*
 * Spin locks. The ranks that a processor holds are counted in its record, so
 * that a wrong order is found on one processor, too.
 */
#include "kernel/sched/lock.h"

#include "kernel/init/panic.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/cpu.h"

bool lock_is_shared = true;

#ifdef NB_DEBUG
void
spinlock_order_enter(const struct spinlock *lock)
{
	struct cpu *cpu = port_cpu_current();

	if (!cpu)
		return;
	if (cpu->held_ranks >> lock->rank)
		panic("lock of rank %u taken while holding ranks %x", lock->rank, cpu->held_ranks);
	cpu->held_ranks |= 1u << lock->rank;
}

void
spinlock_order_leave(const struct spinlock *lock)
{
	struct cpu *cpu = port_cpu_current();

	if (cpu)
		cpu->held_ranks &= ~(1u << lock->rank);
}

void
spinlock_check_none(void)
{
	const struct cpu *cpu = port_cpu_current();

	if (cpu && cpu->held_ranks)
		panic("others may run while ranks %x are held", cpu->held_ranks);
}
#endif

void
spinlock_contend(struct spinlock *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED))
			;
	}
}
