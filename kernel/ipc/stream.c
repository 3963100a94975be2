/*
 * Streams. The queue's lock is taken before the ends' object locks; an end
 * leaves the queue under it before it is freed, so that the other end never
 * signals what is gone.
 */
#include "kernel/ipc/stream.h"

#include "kernel/mm/account.h"
#include "kernel/port/memory.h"

#include <stdbool.h>

struct stream_queue {
	struct account *account; /* pays; owns a reference */
	uint32_t capacity;
	struct spinlock lock;
	/* Under the lock: */
	struct stream *ends[2]; /* NULL once freed */
	bool is_open[2];	/* the end still has handles (or never had one) */
	uint32_t first;		/* where the oldest byte lies */
	uint32_t used;
	uint8_t *bytes;
};

static void
queue_free(struct stream_queue *queue)
{
	struct account *account = queue->account;

	account_free(account, queue->bytes, queue->capacity);
	account_free(account, queue, sizeof *queue);
	account_put(account);
}

static void
stream_destroy(struct object *object)
{
	struct stream *stream = stream_of(object);
	struct stream_queue *queue = stream->queue;
	bool is_last;

	spinlock_lock(&queue->lock);
	queue->ends[stream->end] = NULL;
	is_last = !queue->ends[!stream->end];
	spinlock_unlock(&queue->lock);
	if (is_last)
		queue_free(queue);
	object_free(object);
}

static void
stream_handles_gone(struct object *object)
{
	struct stream *stream = stream_of(object);
	struct stream_queue *queue = stream->queue;
	struct stream *peer;

	spinlock_lock(&queue->lock);
	queue->is_open[stream->end] = false;
	peer = queue->ends[!stream->end];
	if (peer && peer->end == STREAM_READER)
		object_signals_change(&peer->object, 0, NB_SIGNAL_PEER_CLOSED | NB_SIGNAL_READABLE);
	else if (peer)
		object_signals_change(&peer->object, NB_SIGNAL_WRITABLE, NB_SIGNAL_PEER_CLOSED);
	spinlock_unlock(&queue->lock);
}

static enum nb_status
stream_info(struct object *object, uint32_t topic, struct object_info *out)
{
	struct stream_queue *queue = stream_of(object)->queue;
	struct nb_stream_info info;

	if (topic != NB_INFO_STREAM)
		return NB_NOT_SUPPORTED;
	spinlock_lock(&queue->lock);
	info = (struct nb_stream_info){
		.capacity = queue->capacity,
		.readable_bytes = queue->used,
		.writable_bytes = queue->capacity - queue->used,
	};
	spinlock_unlock(&queue->lock);
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

static enum nb_status
stream_signal_peer(struct object *object, uint32_t set)
{
	const struct stream *stream = stream_of(object);
	struct stream_queue *queue = stream->queue;
	enum nb_status status = NB_PEER_CLOSED;
	struct stream *peer;

	spinlock_lock(&queue->lock);
	peer = queue->ends[!stream->end];
	if (peer && queue->is_open[!stream->end]) {
		object_signals_change(&peer->object, 0, set);
		status = NB_OK;
	}
	spinlock_unlock(&queue->lock);
	return status;
}

const struct object_type stream_type = {
	.number = NB_OBJECT_STREAM,
	.rights = NB_RIGHT_READ | NB_RIGHT_WRITE | NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER |
		  NB_RIGHT_SIGNAL | NB_RIGHT_WAIT | NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
	.destroy = stream_destroy,
	.handles_gone = stream_handles_gone,
	.settable_signals = NB_SIGNAL_SIGNALED,
	.peer_signals = NB_SIGNAL_SIGNALED,
	.signal_peer = stream_signal_peer,
	.info = stream_info,
};

uint32_t
stream_rights(enum stream_end end)
{
	uint32_t other = end == STREAM_WRITER ? NB_RIGHT_READ : NB_RIGHT_WRITE;

	return stream_type.rights & ~other;
}

/* One end, holding a share of the queue. */
static struct stream *
end_create(struct stream_queue *queue, enum stream_end end)
{
	struct stream *stream =
		stream_of(object_alloc(&stream_type, sizeof *stream, queue->account));

	if (!stream)
		return NULL;
	stream->end = end;
	stream->queue = queue;
	queue->ends[end] = stream;
	queue->is_open[end] = true;
	return stream;
}

enum nb_status
stream_create(struct account *account, uint32_t capacity, struct stream **out_writer,
	      struct stream **out_reader)
{
	struct stream_queue *queue;

	if (capacity == 0 || capacity > NB_STREAM_CAPACITY_MAX)
		return NB_OUT_OF_RANGE;
	queue = account_alloc(account, sizeof *queue);
	if (!queue)
		return NB_OUT_OF_MEMORY;
	queue->account = account_get(account);
	queue->capacity = capacity;
	spinlock_init(&queue->lock, LOCK_RANK_STREAM);
	queue->bytes = account_alloc(account, capacity);
	if (!queue->bytes || !end_create(queue, STREAM_WRITER)) {
		queue_free(queue);
		return NB_OUT_OF_MEMORY;
	}
	*out_writer = queue->ends[STREAM_WRITER];
	*out_reader = end_create(queue, STREAM_READER);
	if (!*out_reader) {
		object_put(&(*out_writer)->object);
		return NB_OUT_OF_MEMORY;
	}
	object_signals_change(&(*out_writer)->object, 0, NB_SIGNAL_WRITABLE);
	return NB_OK;
}

/* After a move: sets both ends' signals to what the queue says. */
static void
update_signals_locked(struct stream_queue *queue)
{
	struct stream *writer = queue->ends[STREAM_WRITER];
	struct stream *reader = queue->ends[STREAM_READER];
	bool readable = queue->used || !queue->is_open[STREAM_WRITER];
	bool writable = queue->used < queue->capacity && queue->is_open[STREAM_READER];

	if (reader)
		object_signals_change(&reader->object, readable ? 0 : NB_SIGNAL_READABLE,
				      readable ? NB_SIGNAL_READABLE : 0);
	if (writer)
		object_signals_change(&writer->object, writable ? 0 : NB_SIGNAL_WRITABLE,
				      writable ? NB_SIGNAL_WRITABLE : 0);
}

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static enum nb_status
write_locked(struct stream_queue *queue, uint64_t address, uint32_t len, uint32_t *out_moved)
{
	uint32_t count = least(len, queue->capacity - queue->used);
	uint32_t at = (queue->first + queue->used) % queue->capacity;
	uint32_t straight = least(count, queue->capacity - at);
	enum nb_status status;

	if (!queue->is_open[STREAM_READER])
		return NB_PEER_CLOSED;
	if (len && !count)
		return NB_SHOULD_WAIT;
	status = port_guest_read(queue->bytes + at, address, straight);
	if (status == NB_OK)
		status = port_guest_read(queue->bytes, address + straight, count - straight);
	if (status != NB_OK)
		return status;
	queue->used += count;
	*out_moved = count;
	return NB_OK;
}

static enum nb_status
read_locked(struct stream_queue *queue, uint64_t address, uint32_t len, uint32_t *out_moved)
{
	uint32_t count = least(len, queue->used);
	uint32_t straight = least(count, queue->capacity - queue->first);
	enum nb_status status;

	if (len && !count && queue->is_open[STREAM_WRITER])
		return NB_SHOULD_WAIT;
	status = port_guest_write(address, queue->bytes + queue->first, straight);
	if (status == NB_OK)
		status = port_guest_write(address + straight, queue->bytes, count - straight);
	if (status != NB_OK)
		return status;
	queue->first = (queue->first + count) % queue->capacity;
	queue->used -= count;
	*out_moved = count;
	return NB_OK;
}

enum nb_status
stream_write(struct stream *stream, uint64_t address, uint32_t len, uint32_t *out_moved)
{
	struct stream_queue *queue = stream->queue;
	enum nb_status status;

	if (stream->end != STREAM_WRITER)
		return NB_BAD_STATE;
	spinlock_lock(&queue->lock);
	status = write_locked(queue, address, len, out_moved);
	if (status == NB_OK)
		update_signals_locked(queue);
	spinlock_unlock(&queue->lock);
	return status;
}

enum nb_status
stream_read(struct stream *stream, uint64_t address, uint32_t len, uint32_t *out_moved)
{
	struct stream_queue *queue = stream->queue;
	enum nb_status status;

	if (stream->end != STREAM_READER)
		return NB_BAD_STATE;
	spinlock_lock(&queue->lock);
	status = read_locked(queue, address, len, out_moved);
	if (status == NB_OK)
		update_signals_locked(queue);
	spinlock_unlock(&queue->lock);
	return status;
}
