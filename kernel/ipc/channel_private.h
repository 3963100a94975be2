/*
 * Between the files channel*.c only.
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
	struct handle_entry handles[]; /* then the bytes */
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

static inline uint8_t *
message_bytes(struct channel_message *message)
{
	return (uint8_t *)&message->handles[message->handle_count];
}

/* ---- channel_flight.c ---- */

/* Held while a message with handles to channel ends enters or leaves a queue. */
void channel_flight_lock(void);
void channel_flight_unlock(void);
/* Counts the channel ends in `message`, which enters or leaves a queue. */
void channel_flight_begin_locked(struct channel_message *message);
void channel_flight_end_locked(struct channel_message *message);
/* Empties the queues that nobody can reach any more, if `channel` may be among
 * their ends. No lock held. */
void channel_flight_search(struct channel *channel);
/* Frees messages nobody will receive, and closes their handles; perhaps not in
 * this call but in an outer one. The list, whose messages own references to
 * their accounts, is emptied. No lock held. */
void channel_messages_doom(struct list_link *messages);

/* ---- channel.c ---- */

/* Moves the pair's queue at `end` to the list `out`, to be doomed. */
void channel_queue_take(struct channel_pair *pair, uint32_t end, struct list_link *out);

#endif
