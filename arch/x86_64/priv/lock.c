/*
 * Spin locks; see lock.h for the order.
 */
#include "arch/x86_64/priv/lock.h"

#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/processor.h"

void
lock_take(struct lock *lock)
{
	bool were_enabled = port_interrupts_disable();
	struct processor *processor = processor_current();

	/* Nothing of this rank or an inner one may be held. */
	check_that(processor->lock_ranks >> lock->rank == 0);
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		cpu_pause();
	processor->lock_ranks |= 1u << lock->rank;
	lock->interrupts_were = were_enabled;
}

void
lock_drop(struct lock *lock)
{
	struct processor *processor = processor_current();
	bool were_enabled = lock->interrupts_were;

	processor->lock_ranks &= ~(1u << lock->rank);
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
	port_interrupts_restore(were_enabled);
}
