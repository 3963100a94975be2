/*
 * Native calls: time, randomness, log, client memory, system.
 */
#include "kernel/init/boot.h"
#include "kernel/object/system.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/sched.h"
#include "kernel/sys/guest.h"
#include "kernel/sys/log.h"
#include "kernel/sys/random.h"
#include "lib/string.h"

#include "sys_calls.h"

/* ---- time and randomness ---- */

int64_t
sys_clock_get(struct nb_vmctx *vmctx, uint32_t clock)
{
	switch (clock) {
	case NB_CLOCK_MONOTONIC:
		return (int64_t)port_time_monotonic_ns();
	case NB_CLOCK_REALTIME:
		return (int64_t)port_time_realtime_ns();
	case NB_CLOCK_PROCESS:
		return (int64_t)process_run_ns(guest_process(vmctx));
	case NB_CLOCK_THREAD:
		sched_account_current();
		return (int64_t)guest_thread(vmctx)->run_ns;
	default:
		return guest_result(NB_INVALID_ARGUMENT);
	}
}

int64_t
sys_clock_resolution(struct nb_vmctx *vmctx, uint32_t clock)
{
	(void)vmctx;
	return clock <= NB_CLOCK_THREAD ? 1 : guest_result(NB_INVALID_ARGUMENT);
}

int64_t
sys_random_fill(struct nb_vmctx *vmctx, uint32_t buffer, uint32_t len)
{
	uint8_t piece[1024];
	uint64_t at;
	enum nb_status status = guest_range(vmctx, buffer, len, &at);

	while (len && status == NB_OK) {
		uint32_t count = len < sizeof piece ? len : (uint32_t)sizeof piece;

		random_bytes(piece, count);
		status = port_guest_write(at, piece, count);
		at += count;
		len -= count;
		if (len && status == NB_OK)
			status = guest_relax();
	}
	return guest_result(status);
}

/* ---- log ---- */

int64_t
sys_log_write(struct nb_vmctx *vmctx, uint32_t level, uint32_t text, uint32_t len)
{
	char copy[NB_LOG_TEXT_MAX];
	char name[NB_NAME_MAX + 1];
	enum nb_status status = guest_copy_in(vmctx, copy, text, len <= NB_LOG_TEXT_MAX ? len : 0);

	if (status != NB_OK)
		return guest_result(status);
	if (len > NB_LOG_TEXT_MAX)
		return guest_result(NB_OUT_OF_RANGE);
	if (level > NB_LOG_DEBUG)
		return guest_result(NB_INVALID_ARGUMENT);
	(void)object_name_get(&guest_process(vmctx)->object, name, sizeof name);
	log_write(level, "%s: %.*s", name, (int)len, copy);
	return 0;
}

int64_t
sys_log_follow(struct nb_vmctx *vmctx, uint32_t system)
{
	struct object *object;
	struct handle_use use;
	enum nb_status status = guest_handle(vmctx, system, &system_type, NB_RIGHT_MANAGE, &use);

	if (status != NB_OK)
		return guest_result(status);
	object_put(use.object);
	status = log_follow(guest_process(vmctx)->account, &object);
	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, object, log_type.rights);
}

/* Whether the handle is to the log, or to the system [MANAGE]. */
static enum nb_status
use_log(const struct nb_vmctx *vmctx, uint32_t handle, bool *is_followed)
{
	struct handle_use use;
	enum nb_status status = guest_handle(vmctx, handle, NULL, 0, &use);

	if (status != NB_OK)
		return status;
	*is_followed = use.object->type == &log_type;
	if (!*is_followed && use.object->type != &system_type)
		status = NB_WRONG_TYPE;
	else if (!(use.rights & (*is_followed ? NB_RIGHT_READ : NB_RIGHT_MANAGE)))
		status = NB_ACCESS_DENIED;
	object_put(use.object);
	return status;
}

int64_t
sys_log_read(struct nb_vmctx *vmctx, uint32_t log, uint64_t sequence, uint32_t record,
	     uint32_t text, uint32_t len)
{
	char copy[NB_LOG_TEXT_MAX];
	struct nb_log_record found;
	bool is_followed;
	uint64_t record_at, text_at;
	enum nb_status status = guest_range(vmctx, record, sizeof found, &record_at);

	if (status == NB_OK)
		status = guest_range(vmctx, text, len, &text_at);
	if (status == NB_OK)
		status = use_log(vmctx, log, &is_followed);
	if (status != NB_OK)
		return guest_result(status);
	status = is_followed ? log_read_followed(sequence, &found, copy, sizeof copy)
			     : log_read(sequence, &found, copy, sizeof copy);
	if (status == NB_OK)
		status = port_guest_write(record_at, &found, sizeof found);
	if (status == NB_OK)
		status = port_guest_write(text_at, copy, found.len < len ? found.len : len);
	return status == NB_OK ? (int64_t)found.len : guest_result(status);
}

/* ---- a personality's client ---- */

/* Copies between two guest memories, which may be the same, piece by piece:
 * from the end if the target lies above the source. */
static enum nb_status
copy_between(uint64_t to, uint64_t from, uint32_t len)
{
	bool is_backward = to > from;
	enum nb_status status = NB_OK;

	for (uint32_t done = 0; done < len && status == NB_OK;) {
		uint32_t left = len - done;
		uint32_t piece = left < GUEST_PIECE_BYTES ? left : GUEST_PIECE_BYTES;
		uint32_t at = is_backward ? left - piece : done;

		status = port_guest_copy(to + at, from + at, piece);
		done += piece;
		if (done < len && status == NB_OK)
			status = guest_relax();
	}
	return status;
}

int64_t
sys_client_read(struct nb_vmctx *vmctx, uint32_t own, uint32_t client, uint32_t len)
{
	uint64_t to, from;
	enum nb_status status = guest_range(vmctx, own, len, &to);

	if (status == NB_OK)
		status = guest_range_of(guest_process(vmctx)->graph.client.memory, client, len,
					&from);
	return guest_result(status == NB_OK ? copy_between(to, from, len) : status);
}

int64_t
sys_client_write(struct nb_vmctx *vmctx, uint32_t client, uint32_t own, uint32_t len)
{
	uint64_t to, from;
	enum nb_status status = guest_range(vmctx, own, len, &from);

	if (status == NB_OK)
		status =
			guest_range_of(guest_process(vmctx)->graph.client.memory, client, len, &to);
	return guest_result(status == NB_OK ? copy_between(to, from, len) : status);
}

int64_t
sys_client_size(struct nb_vmctx *vmctx)
{
	struct nb_memory_desc *memory = guest_process(vmctx)->graph.client.memory;

	return (int64_t)__atomic_load_n(&memory->length, __ATOMIC_ACQUIRE);
}

/* ---- system ---- */

int64_t
sys_system_info(struct nb_vmctx *vmctx, uint32_t topic, uint32_t buffer, uint32_t len)
{
	struct object_info info;
	uint64_t at;
	enum nb_status status = guest_range(vmctx, buffer, len, &at);

	if (status == NB_OK)
		status = system_info(topic, &info);
	if (status == NB_OK)
		status = port_guest_write(at, info.bytes, info.len < len ? info.len : len);
	return status == NB_OK ? (int64_t)info.len : guest_result(status);
}

int64_t
sys_system_power(struct nb_vmctx *vmctx, uint32_t system, uint32_t action, int32_t exit_status)
{
	struct handle_use use;
	enum nb_status status = guest_handle(vmctx, system, &system_type, NB_RIGHT_MANAGE, &use);

	if (status != NB_OK)
		return guest_result(status);
	object_put(use.object);
	if (action != NB_POWER_OFF)
		return guest_result(NB_INVALID_ARGUMENT);
	boot_power_off(exit_status & 0xff);
	return guest_result(NB_CANCELED);
}
