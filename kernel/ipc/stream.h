/*
 * Streams: bounded byte queues with a writing and a reading end.
 *
 * Each end is an object; both share the queue. States of the queue:
 *   both ends have handles   bytes flow; WRITABLE on the writer while there is
 *                            room, READABLE on the reader while there are bytes
 *   writer's handles gone    reader: PEER_CLOSED and READABLE for ever; reads
 *                            take what is left, then 0 bytes, the end
 *   reader's handles gone    writer: PEER_CLOSED; writes fail with PEER_CLOSED
 */
#ifndef KERNEL_IPC_STREAM_H
#define KERNEL_IPC_STREAM_H

#include "kernel/object/object.h"

enum stream_end { STREAM_WRITER, STREAM_READER };

struct stream_queue;

struct stream {
	struct object object;
	enum stream_end end;
	struct stream_queue *queue; /* owns a share */
};

extern const struct object_type stream_type;

/* Rights that a handle to that end is made with. */
uint32_t stream_rights(enum stream_end end);

/* Both ends with one reference each. NB_OUT_OF_RANGE for a capacity of 0 or
 * over NB_STREAM_CAPACITY_MAX, NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status stream_create(struct account *account, uint32_t capacity,
					 struct stream **out_writer, struct stream **out_reader);

/* Moves up to `len` bytes between the queue and memory that port_guest_read
 * or port_guest_write reaches. NB_BAD_STATE: the wrong end; NB_SHOULD_WAIT,
 * NB_PEER_CLOSED, NB_OUT_OF_MEMORY (nothing was moved). */
NB_MUST_USE enum nb_status
stream_write(struct stream *stream, uint64_t address, uint32_t len, uint32_t *out_moved);
NB_MUST_USE enum nb_status
stream_read(struct stream *stream, uint64_t address, uint32_t len, uint32_t *out_moved);

static inline struct stream *
stream_of(struct object *object)
{
	return (struct stream *)object;
}

#endif
