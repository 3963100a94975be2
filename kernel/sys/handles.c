/*
 * Native calls: handles, information, waiting, events.
 */
#include "kernel/object/event.h"
#include "kernel/object/wait.h"
#include "kernel/sys/guest.h"

#include "sys_calls.h"

int64_t
sys_handle_close(struct nb_vmctx *vmctx, uint32_t handle)
{
	return guest_result(handle_close(&guest_process(vmctx)->handles, handle));
}

/* `wanted` as a subset of `held`. */
static enum nb_status
narrow(uint32_t held, uint32_t wanted, uint32_t *out)
{
	*out = wanted == NB_RIGHTS_SAME ? held : wanted;
	return *out & ~held ? NB_ACCESS_DENIED : NB_OK;
}

int64_t
sys_handle_duplicate(struct nb_vmctx *vmctx, uint32_t handle, uint32_t rights)
{
	struct handle_use use;
	enum nb_status status = guest_handle(vmctx, handle, NULL, NB_RIGHT_DUPLICATE, &use);

	if (status != NB_OK)
		return guest_result(status);
	status = narrow(use.rights, rights, &rights);
	if (status != NB_OK) {
		object_put(use.object);
		return guest_result(status);
	}
	return guest_handle_add(vmctx, use.object, rights);
}

int64_t
sys_handle_replace(struct nb_vmctx *vmctx, uint32_t handle, uint32_t rights)
{
	struct handle_use use;
	uint32_t renewed = NB_HANDLE_NONE;
	enum nb_status status = guest_handle(vmctx, handle, NULL, 0, &use);

	if (status != NB_OK)
		return guest_result(status);
	status = narrow(use.rights, rights, &rights);
	if (status == NB_OK)
		status = handle_renew(&guest_process(vmctx)->handles, handle, rights, &renewed);
	object_put(use.object);
	return status == NB_OK ? (int64_t)renewed : guest_result(status);
}

int64_t
sys_object_info(struct nb_vmctx *vmctx, uint32_t handle, uint32_t topic, uint32_t buffer,
		uint32_t len)
{
	struct object_info info;
	struct handle_use use;
	uint64_t unused;
	enum nb_status status = guest_range(vmctx, buffer, len, &unused);

	if (status == NB_OK)
		status = guest_handle(vmctx, handle, NULL, NB_RIGHT_INSPECT, &use);
	if (status != NB_OK)
		return guest_result(status);
	status = object_info(use.object, use.rights, topic, &info);
	if (status == NB_OK)
		status = guest_copy_out(vmctx, buffer, info.bytes, info.len < len ? info.len : len);
	object_put(use.object);
	return status == NB_OK ? (int64_t)info.len : guest_result(status);
}

int64_t
sys_object_set_name(struct nb_vmctx *vmctx, uint32_t handle, uint32_t name, uint32_t len)
{
	char text[NB_NAME_MAX];
	struct handle_use use;
	enum nb_status status = guest_copy_in(vmctx, text, name, len <= NB_NAME_MAX ? len : 0);

	if (status == NB_OK)
		status = guest_handle(vmctx, handle, NULL, NB_RIGHT_MANAGE, &use);
	if (status != NB_OK)
		return guest_result(status);
	status = len <= NB_NAME_MAX ? object_name_set(use.object, text, len) : NB_OUT_OF_RANGE;
	object_put(use.object);
	return guest_result(status);
}

/* Clears, then sets; what belongs to the other end, there. */
static enum nb_status
change_signals(struct object *object, uint32_t clear, uint32_t set)
{
	const struct object_type *type = object->type;
	uint32_t at_peer = set & type->peer_signals;
	enum nb_status status = NB_OK;

	if ((clear | set) & ~(NB_SIGNALS_USER | type->settable_signals))
		return NB_INVALID_ARGUMENT;
	if (at_peer)
		status = type->signal_peer(object, at_peer);
	if (status == NB_OK)
		object_signals_change(object, clear, set & ~at_peer);
	return status;
}

int64_t
sys_object_signal(struct nb_vmctx *vmctx, uint32_t handle, uint32_t clear, uint32_t set)
{
	struct handle_use use;
	enum nb_status status = guest_handle(vmctx, handle, NULL, NB_RIGHT_SIGNAL, &use);

	if (status != NB_OK)
		return guest_result(status);
	status = change_signals(use.object, clear, set);
	object_put(use.object);
	return guest_result(status);
}

int64_t
sys_event_create(struct nb_vmctx *vmctx)
{
	struct object *event;
	enum nb_status status = event_create(guest_process(vmctx)->account, &event);

	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, event, event_type.rights);
}

/* ---- waiting ---- */

int64_t
sys_object_wait_one(struct nb_vmctx *vmctx, uint32_t handle, uint32_t signals, int64_t deadline_ns)
{
	struct wait_item item = { .wanted = signals, .handle = handle };
	struct handle_use use;
	uint32_t ready;
	enum nb_status status = guest_handle(vmctx, handle, NULL, NB_RIGHT_WAIT, &use);

	if (status != NB_OK)
		return guest_result(status);
	item.object = use.object;
	status = wait_for_signals(&item, 1, &guest_process(vmctx)->handles, deadline_ns, &ready);
	object_put(use.object);
	return status == NB_OK ? (int64_t)item.seen : guest_result(status);
}

static void
put_items(struct wait_item *items, uint32_t count)
{
	while (count--)
		object_put(items[count].object);
}

/* Looks all handles up, or none. */
static enum nb_status
use_items(const struct nb_vmctx *vmctx, const struct nb_wait_item *given, uint32_t count,
	  struct wait_item *items)
{
	for (uint32_t i = 0; i < count; i++) {
		struct handle_use use;
		enum nb_status status =
			guest_handle(vmctx, given[i].handle, NULL, NB_RIGHT_WAIT, &use);

		if (status != NB_OK) {
			put_items(items, i);
			return status;
		}
		items[i] = (struct wait_item){ .object = use.object,
					       .wanted = given[i].wanted,
					       .handle = given[i].handle };
	}
	return NB_OK;
}

int64_t
sys_object_wait_many(struct nb_vmctx *vmctx, uint32_t items, uint32_t count, int64_t deadline_ns)
{
	struct nb_wait_item given[NB_WAIT_ITEMS_MAX];
	struct wait_item used[NB_WAIT_ITEMS_MAX];
	uint32_t ready;
	enum nb_status status, copied;

	if (count == 0 || count > NB_WAIT_ITEMS_MAX)
		return guest_result(NB_OUT_OF_RANGE);
	status = guest_copy_in(vmctx, given, items, count * sizeof *given);
	if (status == NB_OK)
		status = use_items(vmctx, given, count, used);
	if (status != NB_OK)
		return guest_result(status);
	status = wait_for_signals(used, count, &guest_process(vmctx)->handles, deadline_ns, &ready);
	for (uint32_t i = 0; i < count; i++)
		given[i].seen = used[i].seen;
	put_items(used, count);
	if (status != NB_OK && status != NB_TIMED_OUT)
		return guest_result(status);
	copied = guest_copy_out(vmctx, items, given, count * sizeof *given);
	if (copied != NB_OK)
		return guest_result(copied);
	return status == NB_OK ? (int64_t)ready : guest_result(status);
}
