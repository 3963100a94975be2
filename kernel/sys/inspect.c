/*
 * Native calls that show what goes on: processes, their handles, the event trace.
 */
#include "kernel/object/gate.h"
#include "kernel/object/process.h"
#include "kernel/object/system.h"
#include "kernel/object/trap_log.h"
#include "kernel/sched/budget.h"
#include "kernel/sched/trace.h"
#include "kernel/sys/guest.h"

#include "sys_calls.h"

_Static_assert(sizeof((struct nb_process_entry){ 0 }.name) == NB_NAME_MAX + 1, "name");
_Static_assert(sizeof((struct nb_handle_entry){ 0 }.name) == NB_NAME_MAX + 1, "name");

/* Checks the right to `rights` on the system object. */
static enum nb_status
check_system(const struct nb_vmctx *vmctx, uint32_t handle, uint32_t rights)
{
	struct handle_use use;
	enum nb_status status = guest_handle(vmctx, handle, &system_type, rights, &use);

	if (status == NB_OK)
		object_put(use.object);
	return status;
}

/* The least limit of processor time that holds for the process; 0: none. */
static uint32_t
processor_limit(const struct process *process)
{
	uint32_t least = 0;

	for (const struct cpu_budget *b = process->share.budget; b; b = b->parent)
		if (!least || b->permille < least)
			least = b->permille;
	return least;
}

int64_t
sys_system_process(struct nb_vmctx *vmctx, uint32_t system, uint64_t after, uint32_t entry)
{
	struct nb_process_info *info;
	struct nb_process_entry told = { 0 };
	struct object_info topic;
	struct process *process;
	uint64_t unused;
	enum nb_status status = guest_range(vmctx, entry, sizeof told, &unused);

	if (status == NB_OK)
		status = check_system(vmctx, system, NB_RIGHT_INSPECT);
	if (status != NB_OK)
		return guest_result(status);
	process = process_next(after);
	if (!process)
		return guest_result(NB_NOT_FOUND);
	status = object_info(&process->object, 0, NB_INFO_PROCESS, &topic);
	if (status == NB_OK) {
		info = (struct nb_process_info *)topic.inline_bytes;
		told.id = process->object.id;
		told.state = info->state;
		told.handles = info->handles;
		told.run_ns = info->run_ns;
		told.memory_bytes = info->memory_bytes;
		told.gate_calls = gate_process_calls(process);
		told.threads = info->threads;
		told.processor_permille = processor_limit(process);
		told.name_len = (uint32_t)object_name_get(&process->object, (char *)told.name,
							  sizeof told.name);
	}
	object_put(&process->object);
	if (status == NB_OK)
		status = guest_copy_out(vmctx, entry, &told, sizeof told);
	return guest_result(status);
}

int64_t
sys_system_trap(struct nb_vmctx *vmctx, uint32_t system, uint64_t after, uint32_t entry)
{
	struct nb_trap_entry told;
	uint64_t unused;
	enum nb_status status = guest_range(vmctx, entry, sizeof told, &unused);

	if (status == NB_OK)
		status = check_system(vmctx, system, NB_RIGHT_INSPECT);
	if (status == NB_OK)
		status = trap_log_next(after, &told);
	if (status == NB_OK)
		status = guest_copy_out(vmctx, entry, &told, sizeof told);
	return guest_result(status);
}

int64_t
sys_system_open_process(struct nb_vmctx *vmctx, uint32_t system, uint64_t id)
{
	struct process *process;
	enum nb_status status = check_system(vmctx, system, NB_RIGHT_MANAGE);

	if (status != NB_OK)
		return guest_result(status);
	process = id ? process_next(id - 1) : NULL;
	if (process && process->object.id == id)
		return guest_handle_add(vmctx, &process->object, process_type.rights);
	if (process)
		object_put(&process->object);
	return guest_result(NB_NOT_FOUND);
}

int64_t
sys_process_handle(struct nb_vmctx *vmctx, uint32_t handle, uint32_t after, uint32_t entry)
{
	struct nb_object_info *info;
	struct nb_handle_entry told = { 0 };
	struct object_info topic;
	struct handle_use process, found;
	uint64_t unused;
	enum nb_status status = guest_range(vmctx, entry, sizeof told, &unused);

	if (status == NB_OK)
		status = guest_handle(vmctx, handle, &process_type, NB_RIGHT_INSPECT, &process);
	if (status != NB_OK)
		return guest_result(status);
	status = handle_next(&process_of(process.object)->handles, after, &found, &told.handle);
	object_put(process.object);
	if (status != NB_OK)
		return guest_result(status);
	status = object_info(found.object, found.rights, NB_INFO_OBJECT, &topic);
	if (status == NB_OK) {
		info = (struct nb_object_info *)topic.inline_bytes;
		told.id = info->id;
		told.rights = info->rights;
		told.type = info->type;
		told.signals = info->signals;
		told.handles = info->handles;
		told.name_len = (uint32_t)object_name_get(found.object, (char *)told.name,
							  sizeof told.name);
	}
	object_put(found.object);
	if (status == NB_OK)
		status = guest_copy_out(vmctx, entry, &told, sizeof told);
	return guest_result(status);
}

/* ---- the trace ---- */

int64_t
sys_trace_set(struct nb_vmctx *vmctx, uint32_t system, uint32_t events)
{
	enum nb_status status = check_system(vmctx, system, NB_RIGHT_MANAGE);

	return guest_result(status == NB_OK ? trace_set(events) : status);
}

int64_t
sys_trace_read(struct nb_vmctx *vmctx, uint32_t system, uint64_t sequence, uint32_t records,
	       uint32_t count)
{
	struct nb_trace_record found[NB_TRACE_RECORDS_MAX];
	uint32_t read;
	uint64_t at;
	enum nb_status status = NB_OUT_OF_RANGE;

	if (count != 0 && count <= NB_TRACE_RECORDS_MAX)
		status = guest_range(vmctx, records, count * sizeof *found, &at);
	if (status == NB_OK)
		status = check_system(vmctx, system, NB_RIGHT_MANAGE);
	if (status != NB_OK)
		return guest_result(status);
	read = trace_read(sequence, found, count);
	if (!read)
		return guest_result(NB_SHOULD_WAIT);
	status = port_guest_write(at, found, read * sizeof *found);
	return status == NB_OK ? (int64_t)read : guest_result(status);
}
