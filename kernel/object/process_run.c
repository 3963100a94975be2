/*
 * A process's thread: start functions, entry, end.
 */
#include "kernel/init/init.h"
#include "kernel/object/process_private.h"
#include "kernel/sched/sched.h"
#include "runtime/invoke.h"

/* What a kill left before the call is found here; what it leaves later, at the
 * end of the next kernel call or interrupt. */
static enum nb_trap
call(struct process *process, const struct nb_callee *callee)
{
	sched_before_guest();
	if (thread_is_canceled())
		return NB_TRAP_KILLED;
	return runtime_invoke(&process->graph.store, callee, NULL, NULL);
}

/* process_start has checked the type. */
static enum nb_trap
call_export(struct process *process, const struct instance *instance, enum code_entry entry)
{
	struct nb_callee callee;
	bool found;

	if (process_find_entry(instance, entry, &callee, &found) != NB_OK || !found)
		return NB_TRAP_NONE;
	return call(process, &callee);
}

static enum nb_trap
run(struct process *process)
{
	enum nb_trap trap = NB_TRAP_NONE;

	for (uint32_t i = 0; i < process->graph.instance_count && trap == NB_TRAP_NONE; i++) {
		const struct instance *instance = process->graph.instances[i].instance;
		const struct nb_callee *start = instance_start(instance);

		if (start)
			trap = call(process, start);
		if (trap == NB_TRAP_NONE)
			trap = call_export(process, instance, CODE_ENTRY_INITIALIZE);
	}
	if (trap == NB_TRAP_NONE)
		trap = call_export(process, process->graph.main,
				   process_entry(process->graph.main));
	return trap;
}

void
process_main(void *argument)
{
	struct process *process = argument;
	enum nb_trap trap;

	init_entered();
	trap = run(process);
	/* The return of `_start` ends the process, and with it its other threads. */
	if (trap == NB_TRAP_NONE)
		process_exit(process, 0);
	process_thread_left(process, trap);
	thread_exit();
}
