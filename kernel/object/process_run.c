/*
 * A process's thread: start functions, entry, end.
 */
#include "kernel/init/init.h"
#include "kernel/mm/account.h"
#include "kernel/object/process_private.h"
#include "lib/format.h"
#include "lib/string.h"
#include "runtime/invoke.h"
#include "runtime/trap.h"

/* What a kill left before the call is found here; what it leaves later, at the
 * end of the next kernel call or interrupt. */
static enum nb_trap
call(struct process *process, const struct nb_callee *callee)
{
	if (thread_is_canceled())
		return NB_TRAP_KILLED;
	return runtime_invoke(&process->store, callee, NULL, NULL);
}

/* process_start has checked the type. */
static enum nb_trap
call_export(struct process *process, const struct instance *instance, const char *name)
{
	struct nb_callee callee;
	bool found;

	if (process_find_entry(instance, name, &callee, &found) != NB_OK || !found)
		return NB_TRAP_NONE;
	return call(process, &callee);
}

static enum nb_trap
run(struct process *process)
{
	enum nb_trap trap = NB_TRAP_NONE;

	for (uint32_t i = 0; i < process->instance_count && trap == NB_TRAP_NONE; i++) {
		const struct instance *instance = process->instances[i].instance;
		const struct nb_callee *start = instance_start(instance);

		if (start)
			trap = call(process, start);
		if (trap == NB_TRAP_NONE)
			trap = call_export(process, instance, "_initialize");
	}
	if (trap == NB_TRAP_NONE)
		trap = call_export(process, process->main, "_start");
	return trap;
}

/* Keeps the cause and the frames as text; without memory, as much as the
 * process's own spare room holds. */
static void
keep_backtrace(struct process *process, const struct thread *thread)
{
	struct account *account = process->object.account;
	const char *cause = nb_trap_text(process->trap);
	char name[NB_NAME_MAX + 1];
	size_t head_len, frames_len, size;

	(void)object_name_get(&process->object, name, sizeof name);
	head_len = format_text(NULL, 0, "%s: %s\n", name, cause);
	frames_len = thread->has_trace ? runtime_backtrace_format(&thread->trace, NULL, 0) : 0;
	size = head_len + frames_len + 1;
	process->backtrace = account_alloc(account, size);
	if (!process->backtrace) {
		process->backtrace = process->spare_backtrace;
		if (size > sizeof process->spare_backtrace)
			size = sizeof process->spare_backtrace;
	}
	process->backtrace_size = size;
	(void)format_text(process->backtrace, size, "%s: %s\n", name, cause);
	if (frames_len && head_len < size)
		(void)runtime_backtrace_format(&thread->trace, process->backtrace + head_len,
					       size - head_len);
}

/* What ended the thread decides the exit, unless exit or kill did before. */
static void
decide_exit(struct process *process, enum nb_trap trap)
{
	spinlock_lock(&process->lock);
	if (!process->has_exit) {
		process->has_exit = true;
		process->trap = trap;
		process->status = trap == NB_TRAP_NONE ? 0 : NB_TRAP_EXIT_BASE + (int32_t)trap;
	}
	process->state = NB_PROCESS_ENDING;
	spinlock_unlock(&process->lock);
}

void
process_main(void *argument)
{
	struct process *process = argument;
	struct thread *thread = thread_current();

	init_entered();
	decide_exit(process, run(process));
	if (process->trap != NB_TRAP_NONE)
		keep_backtrace(process, thread);
	process_end(process);
	thread_exit();
}
