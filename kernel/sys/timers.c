/*
 * Native calls: timers and waitsets.
 */
#include "kernel/object/timer.h"
#include "kernel/object/waitset.h"
#include "kernel/sys/guest.h"

#include "sys_calls.h"

int64_t
sys_timer_create(struct nb_vmctx *vmctx)
{
	struct timer *timer;
	enum nb_status status = timer_object_create(guest_process(vmctx)->account, &timer);

	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, &timer->object, timer_type.rights);
}

int64_t
sys_timer_set(struct nb_vmctx *vmctx, uint32_t handle, int64_t deadline_ns, uint64_t period_ns)
{
	struct handle_use use;
	enum nb_status status = guest_handle(vmctx, handle, &timer_type, NB_RIGHT_WRITE, &use);

	if (status != NB_OK)
		return guest_result(status);
	status = timer_set(timer_of(use.object), deadline_ns, period_ns);
	object_put(use.object);
	return guest_result(status);
}

int64_t
sys_waitset_create(struct nb_vmctx *vmctx)
{
	struct waitset *waitset;
	enum nb_status status = waitset_create(guest_process(vmctx)->account, &waitset);

	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, (struct object *)waitset, waitset_type.rights);
}

int64_t
sys_waitset_add(struct nb_vmctx *vmctx, uint32_t handle, uint32_t object, uint32_t signals,
		uint64_t key)
{
	struct handle_use use, added;
	uint32_t entry = 0;
	enum nb_status status = guest_handle(vmctx, handle, &waitset_type, NB_RIGHT_WRITE, &use);

	if (status != NB_OK)
		return guest_result(status);
	status = guest_handle(vmctx, object, NULL, NB_RIGHT_WAIT, &added);
	if (status == NB_OK) {
		status = waitset_add(waitset_of(use.object), added.object, signals, key, &entry);
		object_put(added.object);
	}
	object_put(use.object);
	return status == NB_OK ? (int64_t)entry : guest_result(status);
}

int64_t
sys_waitset_remove(struct nb_vmctx *vmctx, uint32_t handle, uint32_t entry)
{
	struct handle_use use;
	enum nb_status status = guest_handle(vmctx, handle, &waitset_type, NB_RIGHT_WRITE, &use);

	if (status != NB_OK)
		return guest_result(status);
	status = waitset_remove(waitset_of(use.object), entry);
	object_put(use.object);
	return guest_result(status);
}

int64_t
sys_waitset_wait(struct nb_vmctx *vmctx, uint32_t handle, uint32_t events, uint32_t count,
		 int64_t deadline_ns)
{
	struct nb_waitset_event found[NB_WAIT_ITEMS_MAX];
	struct waitset_way way = { .table = &guest_process(vmctx)->handles, .handle = handle };
	struct handle_use use;
	uint64_t at;
	uint32_t ready = 0;
	enum nb_status status = NB_OUT_OF_RANGE;

	if (count != 0 && count <= NB_WAIT_ITEMS_MAX)
		status = guest_range(vmctx, events, count * sizeof *found, &at);
	if (status == NB_OK)
		status = guest_handle(vmctx, handle, &waitset_type, NB_RIGHT_READ, &use);
	if (status != NB_OK)
		return guest_result(status);
	way.waitset = waitset_of(use.object);
	status = waitset_wait(&way, found, count, deadline_ns, &ready);
	object_put(use.object);
	if (status == NB_OK)
		status = port_guest_write(at, found, ready * sizeof *found);
	return status == NB_OK ? (int64_t)ready : guest_result(status);
}
