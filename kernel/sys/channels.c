/*
 * Native calls: channels.
 */
#include "kernel/ipc/channel.h"
#include "kernel/ipc/channel_quick.h"
#include "kernel/sched/trace.h"
#include "kernel/sys/guest.h"

#include "sys_calls.h"

static enum nb_status
add_ends(struct handle_table *table, struct channel *ends[2], uint32_t out[2])
{
	enum nb_status status = handle_add(table, &ends[0]->object, channel_type.rights, &out[0]);

	if (status != NB_OK)
		return status;
	status = handle_add(table, &ends[1]->object, channel_type.rights, &out[1]);
	if (status != NB_OK)
		(void)!handle_close(table, out[0]);
	return status;
}

int64_t
sys_channel_create(struct nb_vmctx *vmctx, uint32_t ends, uint32_t messages)
{
	struct process *process = guest_process(vmctx);
	struct channel *made[2];
	uint32_t handles[2];
	uint64_t unused;
	enum nb_status status = guest_range(vmctx, ends, sizeof handles, &unused);

	_Static_assert(sizeof handles == sizeof(struct nb_channel_ends), "layout");
	if (status == NB_OK)
		status = channel_create(process->account,
					messages ? messages : NB_CHANNEL_MESSAGES_DEFAULT, made);
	if (status != NB_OK)
		return guest_result(status);
	status = add_ends(&process->handles, made, handles);
	object_put(&made[0]->object);
	object_put(&made[1]->object);
	if (status != NB_OK)
		return guest_result(status);
	status = guest_copy_out(vmctx, ends, handles, sizeof handles);
	if (status != NB_OK) {
		(void)!handle_close(&process->handles, handles[0]);
		(void)!handle_close(&process->handles, handles[1]);
	}
	return guest_result(status);
}

static __attribute__((noinline)) int64_t
send(struct nb_vmctx *vmctx, uint32_t handle, uint32_t bytes, uint32_t len, uint32_t handles,
     uint32_t count)
{
	uint32_t numbers[NB_CHANNEL_HANDLES_MAX];
	struct channel_send message;
	struct handle_use use;
	enum nb_status status = guest_range(vmctx, bytes, len, &message.bytes);

	if (status == NB_OK && count > NB_CHANNEL_HANDLES_MAX)
		status = NB_OUT_OF_RANGE;
	if (status == NB_OK && count)
		status = guest_copy_in(vmctx, numbers, handles, count * sizeof *numbers);
	if (status == NB_OK)
		status = guest_handle(vmctx, handle, &channel_type, NB_RIGHT_WRITE, &use);
	if (status != NB_OK)
		return guest_result(status);
	message.len = len;
	message.handles = numbers;
	message.handle_count = count;
	message.table = &guest_process(vmctx)->handles;
	status = channel_send(channel_of(use.object), &message);
	if (status == NB_OK)
		trace(NB_TRACE_SEND, guest_process(vmctx)->object.id, len, use.object->id);
	object_put(use.object);
	return guest_result(status);
}

int64_t
sys_channel_send(struct nb_vmctx *vmctx, uint32_t handle, uint32_t bytes, uint32_t len,
		 uint32_t handles, uint32_t count)
{
	struct channel *channel =
		channel_quick_find(&guest_process(vmctx)->handles, handle, NB_RIGHT_WRITE);
	uint64_t from;

	if (count || !channel || !channel_quick_can_send(channel, len) ||
	    guest_range(vmctx, bytes, len, &from) != NB_OK)
		return send(vmctx, handle, bytes, len, handles, count);
	return guest_result(channel_quick_send(channel, from, len));
}

static __attribute__((noinline)) int64_t
recv(struct nb_vmctx *vmctx, uint32_t handle, uint32_t bytes, uint32_t cap, uint32_t handles,
     uint32_t counts)
{
	struct channel_recv message;
	struct nb_message_counts given;
	struct handle_use use;
	enum nb_status status = guest_copy_in(vmctx, &given, counts, sizeof given), copied;

	if (status == NB_OK)
		status = guest_range(vmctx, bytes, cap, &message.bytes);
	if (status == NB_OK)
		status = guest_range(vmctx, handles, (uint64_t)given.handles * sizeof(uint32_t),
				     &message.handles);
	/* It may be where one can only read. */
	if (status == NB_OK)
		status = guest_copy_out(vmctx, counts, &given, sizeof given);
	if (status == NB_OK)
		status = guest_handle(vmctx, handle, &channel_type, NB_RIGHT_READ, &use);
	if (status != NB_OK)
		return guest_result(status);
	message.table = &guest_process(vmctx)->handles;
	message.cap = cap;
	message.handle_cap = given.handles;
	message.len = 0;
	message.handle_count = 0;
	status = channel_recv(channel_of(use.object), &message);
	if (status == NB_OK)
		trace(NB_TRACE_RECEIVE, guest_process(vmctx)->object.id, message.len,
		      use.object->id);
	object_put(use.object);
	if (status != NB_OK && status != NB_BUFFER_TOO_SMALL)
		return guest_result(status);
	given = (struct nb_message_counts){ message.len, message.handle_count };
	/* Written there before, so the page is present. */
	copied = guest_copy_out(vmctx, counts, &given, sizeof given);
	if (copied != NB_OK)
		return guest_result(copied);
	return status == NB_OK ? (int64_t)message.len : guest_result(status);
}

int64_t
sys_channel_recv(struct nb_vmctx *vmctx, uint32_t handle, uint32_t bytes, uint32_t cap,
		 uint32_t handles, uint32_t counts)
{
	struct channel *channel =
		channel_quick_find(&guest_process(vmctx)->handles, handle, NB_RIGHT_READ);
	struct channel_message *message = channel ? channel_quick_peek(channel, cap) : NULL;
	uint64_t to, counts_at, unused, given, told; /* struct nb_message_counts, as one word */
	enum nb_status status;
	uint32_t len;

	if (!message || guest_range(vmctx, bytes, cap, &to) != NB_OK ||
	    guest_range(vmctx, counts, sizeof given, &counts_at) != NB_OK)
		return recv(vmctx, handle, bytes, cap, handles, counts);
	status = port_guest_read(&given, counts_at, sizeof given);
	if (status == NB_OK)
		status = guest_range(vmctx, handles, (given >> 32) * sizeof(uint32_t), &unused);
	len = message->len;
	told = len;
	/* First, for it can be where one can only read. */
	if (status == NB_OK)
		status = port_guest_write(counts_at, &told, sizeof told);
	if (status != NB_OK)
		return guest_result(status);
	status = channel_quick_recv(channel, message, to);
	if (status == NB_OK)
		return len;
	(void)!port_guest_write(counts_at, &given, sizeof given);
	return guest_result(status);
}
