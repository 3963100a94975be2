/*
 * The ring of the last traps.
 */
#include "kernel/object/trap_log.h"

#include "kernel/port/cpu.h"
#include "kernel/sched/lock.h"

_Static_assert(sizeof((struct nb_trap_entry){ 0 }.name) == NB_NAME_MAX + 1, "name");

static struct {
	struct spinlock lock;
	/* Under the lock: */
	uint64_t last;				     /* sequence of the newest entry, 0: none */
	struct nb_trap_entry ring[TRAP_LOG_ENTRIES]; /* entry n at n % ENTRIES */
} trap_log = { .lock = SPINLOCK_INIT(LOCK_RANK_LOG) };

void
trap_log_add(struct process *process)
{
	struct nb_trap_entry entry = {
		.time_ns = port_time_monotonic_ns(),
		.process = process->object.id,
		.trap = process->trap,
	};

	entry.name_len =
		(uint32_t)object_name_get(&process->object, (char *)entry.name, sizeof entry.name);
	spinlock_lock(&trap_log.lock);
	entry.sequence = ++trap_log.last;
	trap_log.ring[entry.sequence % TRAP_LOG_ENTRIES] = entry;
	spinlock_unlock(&trap_log.lock);
}

enum nb_status
trap_log_next(uint64_t after, struct nb_trap_entry *out)
{
	enum nb_status status = NB_NOT_FOUND;

	spinlock_lock(&trap_log.lock);
	if (after < trap_log.last) {
		if (trap_log.last - after > TRAP_LOG_ENTRIES)
			after = trap_log.last - TRAP_LOG_ENTRIES;
		*out = trap_log.ring[(after + 1) % TRAP_LOG_ENTRIES];
		status = NB_OK;
	}
	spinlock_unlock(&trap_log.lock);
	return status;
}
