/*
 * Channels: bounded queues of messages that carry bytes and handles, one in
 * each direction.
 *
 * Each end is an object; both share the pair. READABLE on an end: a message is
 * there for it; WRITABLE: the other end's queue has room for one of any size.
 * When an end's handles are gone, what was queued for it goes, and the other
 * end gets PEER_CLOSED: it takes what is left for it, then PEER_CLOSED.
 *
 * A message is sent and received whole or not at all. Handles in it belong to
 * nobody's table; a handle is at every moment in exactly one place.
 *
 * Handles to channel ends can travel, so queues may come to hold the last
 * handles to each other, which nobody could ever receive. Whenever the last
 * handle to an end outside of queues is closed or sent, channel_flight.c looks
 * for such circles and empties their queues.
 */
#ifndef KERNEL_IPC_CHANNEL_H
#define KERNEL_IPC_CHANNEL_H

#include "kernel/object/handle.h"

struct channel_pair;

struct channel {
	struct object object;
	uint32_t end;		   /* 0 or 1 */
	struct channel_pair *pair; /* owns a share */

	/* Under the lock of channel_flight.c: */
	uint32_t in_flight;	    /* handles to this end in queues; read anywhere */
	struct list_link carriages; /* struct channel_carriage: one for each of them */
	struct list_link reached;   /* during a search: among the ends it has come to */
};

extern const struct object_type channel_type;

/* Both ends with one reference each; each queue holds up to `messages`.
 * NB_OUT_OF_RANGE for none or over NB_CHANNEL_MESSAGES_MAX, NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status
channel_create(struct account *account, uint32_t messages, struct channel *out_ends[2]);

/* Where a message comes from: guest memory that port_guest_read reaches, and
 * handles of `table`, already copied. */
struct channel_send {
	uint64_t bytes;
	uint32_t len;
	uint32_t handle_count;
	const uint32_t *handles;
	struct handle_table *table;
};
/* Sends through `channel`. NB_OUT_OF_RANGE (too long, too many), NB_SHOULD_WAIT,
 * NB_PEER_CLOSED, NB_OUT_OF_MEMORY, those of handle_move_out: nothing moved. */
NB_MUST_USE enum nb_status
channel_send(struct channel *channel, const struct channel_send *message);

/* Where a message goes: memory that port_guest_write reaches, a table. */
struct channel_recv {
	uint64_t bytes;
	uint64_t handles; /* uint32_t[handle_cap] */
	uint32_t cap;
	uint32_t handle_cap;
	struct handle_table *table;
	/* Out, also with NB_BUFFER_TOO_SMALL: */
	uint32_t len;
	uint32_t handle_count;
};
/* Takes the oldest message. NB_SHOULD_WAIT, NB_PEER_CLOSED (nothing is left),
 * NB_BUFFER_TOO_SMALL, NB_OUT_OF_MEMORY, those of handle_move_in: it stays. */
NB_MUST_USE enum nb_status channel_recv(struct channel *channel, struct channel_recv *message);

static inline struct channel *
channel_of(struct object *object)
{
	return (struct channel *)object;
}

#endif
