/*
 * Between the files channel*.[ch] only.
 */
#ifndef KERNEL_IPC_CHANNEL_PRIVATE_H
#define KERNEL_IPC_CHANNEL_PRIVATE_H

#include "kernel/ipc/channel.h"

struct channel_message {
	struct list_link link;
	struct account *account; /* pays; kept alive by the pair or, once doomed, by a reference */
	uint32_t len;
	uint32_t handle_count;
	size_t size; /* of the whole block */
	bool has_channels;
	/* If has_channels, under the lock of the flight: the end in whose queue it is, or NULL. */
	struct channel *receiver;
	struct handle_entry handles[]; /* then as many carriages, then the bytes */
};

/* Where a handle to a channel's end is while it is in a queue. */
struct channel_carriage {
	struct list_link link; /* in that end's carriages */
	struct channel_message *message;
};

struct channel_queue {
	struct list_link messages; /* struct channel_message, oldest first */
	uint32_t count;
};

struct channel_pair {
	struct account *account; /* pays; owns a reference */
	uint32_t capacity;	 /* messages of a queue */
	struct spinlock lock;
	/* Under the lock: */
	struct channel *ends[2];	/* NULL once freed */
	bool is_open[2];		/* the end still has handles (or never had one) */
	struct channel_queue queues[2]; /* queues[e] is received at end e */
	struct channel_message *spare;	/* of SPARE_BYTES, empty; NULL: none */
};

static inline struct channel_carriage *
message_carriages(struct channel_message *message)
{
	return (struct channel_carriage *)&message->handles[message->handle_count];
}

static inline uint8_t *
message_bytes(struct channel_message *message)
{
	return (uint8_t *)(message_carriages(message) + message->handle_count);
}

/* A block of this size serves message after message; larger ones come and go. */
enum { SPARE_BYTES = 256 };

/* Takes back an empty block as the spare one, if there is none. */
static inline bool
channel_message_spare_locked(struct channel_pair *pair, struct channel_message *message)
{
	if (message->size != SPARE_BYTES || pair->spare)
		return false;
	message->has_channels = false;
	pair->spare = message;
	return true;
}

/* Sets the signal of the end that fills `queues[end]`, which has become or ceased to be
 * full. */
void channel_update_writable_locked(struct channel_pair *pair, uint32_t end);

/* Sets the signals of both ends after a message has entered or left `queues[end]`, or
 * all have, which had `before`. */
static inline void
channel_update_signals_locked(struct channel_pair *pair, uint32_t end, uint32_t before)
{
	struct channel *receiver = pair->ends[end];
	uint32_t count = pair->queues[end].count, capacity = pair->capacity;

	if (receiver && before == 0 && count)
		object_signals_change(&receiver->object, 0, NB_SIGNAL_READABLE);
	if (receiver && count == 0)
		object_signals_change(&receiver->object, NB_SIGNAL_READABLE, 0);
	if (count == capacity || before == capacity)
		channel_update_writable_locked(pair, end);
}

/* Needs: the end is open and has room. */
static inline void
channel_enqueue_locked(struct channel_pair *pair, uint32_t end, struct channel_message *message)
{
	struct channel_queue *queue = &pair->queues[end];

	list_push_back(&queue->messages, &message->link);
	queue->count++;
	channel_update_signals_locked(pair, end, queue->count - 1);
}

static inline void
channel_dequeue_locked(struct channel_pair *pair, uint32_t end, struct channel_message *message)
{
	struct channel_queue *queue = &pair->queues[end];

	list_remove(&message->link);
	queue->count--;
	channel_update_signals_locked(pair, end, queue->count + 1);
}

/* ---- channel_flight.c ---- */

/* Held while a message with handles to channel ends enters or leaves a queue. */
void channel_flight_lock(void);
void channel_flight_unlock(void);
/* Notes the channel ends in `message`, which enters the queue of `receiver`, or leaves its
 * queue for good. */
void channel_flight_begin_locked(struct channel_message *message, struct channel *receiver);
void channel_flight_end_locked(struct channel_message *message);
/* A handle to `channel` has gone, or into a queue: if nobody can reach it any more, empties
 * its queue. The caller has a reference. No lock held. */
void channel_flight_search(struct channel *channel);
/* Frees messages nobody will receive, and closes their handles; perhaps not in
 * this call but in an outer one. The list, whose messages own references to
 * their accounts, is emptied. No lock held. */
void channel_messages_doom(struct list_link *messages);

/* ---- channel.c ---- */

/* Moves the pair's queue at `end` to the list `out`, to be doomed. The flight's lock is
 * held. */
void channel_queue_take_locked(struct channel_pair *pair, uint32_t end, struct list_link *out);

#endif
