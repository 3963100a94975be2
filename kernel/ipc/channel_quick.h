/*
 * The quick way of short messages without handles, for the native calls.
 *
 * While there is one processor, which kernel code keeps until it sleeps or relaxes,
 * nothing can happen between the steps of a call that does neither: the handle
 * stays what it is and keeps its object, and locks would only be stored to. So the
 * quick way takes neither locks nor references. It decides before its first step; what
 * it does not do, or would refuse, is left to channel.c, and so is everything as soon as
 * there is a second processor.
 */
#ifndef KERNEL_IPC_CHANNEL_QUICK_H
#define KERNEL_IPC_CHANNEL_QUICK_H

#include "kernel/ipc/channel_private.h"
#include "kernel/mm/account.h"
#include "kernel/port/memory.h"
#include "kernel/sched/trace.h"

/* The end that a handle with the right names, if it may go the quick way. */
static inline struct channel *
channel_quick_find(struct handle_table *table, uint32_t handle, uint32_t right)
{
	const struct handle_slot *slot = handle_slot_find_locked(table, handle);

	if (!slot || slot->object->type != &channel_type || !(slot->rights & right) ||
	    lock_is_shared || __atomic_load_n(&trace_events, __ATOMIC_RELAXED))
		return NULL;
	return channel_of(slot->object);
}

static inline bool
channel_quick_can_send(const struct channel *channel, uint32_t len)
{
	const struct channel_pair *pair = channel->pair;
	uint32_t end = channel->end ^ 1;

	return pair->spare && len <= SPARE_BYTES - sizeof(struct channel_message) &&
	       pair->is_open[end] && pair->queues[end].count < pair->capacity;
}

/* Needs: channel_quick_can_send. NB_INVALID_ADDRESS, NB_OUT_OF_MEMORY. */
NB_MUST_USE static inline enum nb_status
channel_quick_send(struct channel *channel, uint64_t bytes, uint32_t len)
{
	struct channel_pair *pair = channel->pair;
	struct channel_message *message = pair->spare;
	uint32_t end = channel->end ^ 1;
	struct channel_queue *queue = &pair->queues[end];
	enum nb_status status;

	message->handle_count = 0;
	message->len = len;
	status = port_guest_read((uint8_t *)message->handles, bytes, len);
	if (status != NB_OK)
		return status;
	pair->spare = NULL;
	list_push_back(&queue->messages, &message->link);
	/* The receiver is there: its end is open. */
	if (queue->count++ == 0) {
		struct object *receiver = &pair->ends[end]->object;

		receiver->signals |= NB_SIGNAL_READABLE;
		if (__builtin_expect(!list_is_empty(&receiver->observers), 0))
			object_signals_change(receiver, 0, NB_SIGNAL_READABLE);
	}
	if (__builtin_expect(queue->count == pair->capacity, 0))
		channel_update_writable_locked(pair, end);
	return NB_OK;
}

/* The oldest message, if it has no handles and no more than `cap` bytes; or NULL. */
static inline struct channel_message *
channel_quick_peek(const struct channel *channel, uint32_t cap)
{
	const struct channel_queue *queue = &channel->pair->queues[channel->end];
	struct channel_message *message =
		list_entry(queue->messages.next, struct channel_message, link);

	return queue->count && !message->handle_count && message->len <= cap ? message : NULL;
}

/* Takes it, which channel_quick_peek gave. Errors as above: it stays. */
NB_MUST_USE static inline enum nb_status
channel_quick_recv(struct channel *channel, struct channel_message *message, uint64_t bytes)
{
	struct channel_pair *pair = channel->pair;
	struct channel_queue *queue = &pair->queues[channel->end];
	enum nb_status status =
		port_guest_write(bytes, (const uint8_t *)message->handles, message->len);

	if (status != NB_OK)
		return status;
	(void)list_pop_front(&queue->messages);
	if (__builtin_expect(queue->count-- == pair->capacity, 0))
		channel_update_writable_locked(pair, channel->end);
	if (queue->count == 0)
		channel->object.signals &= ~(uint32_t)NB_SIGNAL_READABLE;
	if (__builtin_expect(!channel_message_spare_locked(pair, message), 0))
		account_free(pair->account, message, message->size);
	return NB_OK;
}

#endif
