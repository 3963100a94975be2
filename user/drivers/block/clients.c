/*
 * The clients' rings. What a ring says is read once and checked; addresses for the
 * device are computed here, inside the client's own pages.
 */
#include "user/drivers/block/block.h"

#include "nebulet.h"

#include <stddef.h>

/* What the device reads first, section 5.2.6 of VIRTIO 1.1. */
struct head {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

enum {
	TYPE_READ = 0,
	TYPE_WRITE = 1,
	TYPE_FLUSH = 4,
	STATUS_AT = sizeof(struct head),
	STATUS_OK = 0,
	STATUS_UNSUPPORTED = 2,
	STATUS_UNSET = 0xff,
};

static volatile struct block_ring *
ring_of(const struct ring *ring)
{
	return (volatile struct block_ring *)ring->memory.bytes;
}

/* ---- opening, closing ---- */

void
clients_init(struct disk *disk)
{
	for (uint32_t i = 0; i < IN_FLIGHT_MAX; i++)
		disk->flights[i].next = (uint8_t)(i + 1);
}

uint64_t
clients_connect(struct disk *disk, uint32_t client)
{
	return disk->rings[client].badge = ++disk->connected;
}

uint32_t
clients_find(const struct disk *disk, uint64_t badge)
{
	uint32_t client = 0;

	while (client < SERVICE_CLIENTS_MAX && disk->rings[client].badge != badge)
		client++;
	return client;
}

static enum nb_status
create_ring(const struct disk *disk, struct ring *ring)
{
	volatile struct block_ring *shared;
	enum nb_status status;

	/* The place of an earlier client's pages serves again. */
	*ring = (struct ring){ .badge = ring->badge, .memory = { .bytes = ring->memory.bytes } };
	status = virtio_memory_create(BLOCK_BYTES, &ring->memory);
	if (status)
		return status;
	ring->is_mapped = true;
	shared = ring_of(ring);
	shared->sectors = disk->sectors;
	shared->is_read_only = disk->is_read_only;
	return NB_OK;
}

static void
release(struct ring *ring)
{
	if (ring->is_open || !ring->is_mapped || ring->in_flight)
		return;
	(void)nb_memory_unmap((uint32_t)(uintptr_t)ring->memory.bytes);
	(void)nb_handle_close(ring->memory.handle);
	ring->is_mapped = false;
}

int64_t
clients_open(struct disk *disk, uint32_t client)
{
	struct ring *ring = &disk->rings[client];
	enum nb_status status;
	int64_t handle, result;

	if (ring->is_mapped)
		return ring->is_open ? -NB_ALREADY_EXISTS : -NB_SHOULD_WAIT;
	status = create_ring(disk, ring);
	if (status)
		return -(int64_t)status;
	handle = nb_handle_duplicate(ring->memory.handle,
				     NB_RIGHT_MAP | NB_RIGHT_READ | NB_RIGHT_WRITE |
					     NB_RIGHT_TRANSFER | NB_RIGHT_SIGNAL | NB_RIGHT_WAIT);
	result = handle < 0 ? handle : nb_gate_reply_handle((uint32_t)handle);
	if (result < 0) {
		/* The client has no room for it, or is ending: the pages are not to stay with us. */
		if (handle >= 0)
			(void)nb_handle_close((uint32_t)handle);
		release(ring);
		return result;
	}
	ring->is_open = true;
	disk->open |= 1u << client;
	return result;
}

void
clients_close(struct disk *disk, uint32_t client)
{
	struct ring *ring = &disk->rings[client];

	ring->badge = 0;
	ring->is_open = false;
	disk->open &= ~(1u << client);
	release(ring);
}

/* ---- results ---- */

static void
put_result(struct ring *ring, uint32_t tag, enum nb_status status)
{
	volatile struct block_ring *shared = ring_of(ring);
	volatile struct block_result *result = &shared->results[ring->completed % BLOCK_RING];

	result->tag = tag;
	result->status = status;
	__asm__ volatile("" ::: "memory");
	shared->completed = ++ring->completed;
	ring->has_news = true;
}

void
clients_tell(struct disk *disk)
{
	for (uint32_t left = disk->open; left; left &= left - 1) {
		struct ring *ring = &disk->rings[__builtin_ctz(left)];

		if (ring->has_news)
			(void)nb_object_signal(ring->memory.handle, 0, BLOCK_DONE);
		ring->has_news = false;
	}
}

static enum nb_status
status_of(uint8_t device_status)
{
	if (device_status == STATUS_OK)
		return NB_OK;
	return device_status == STATUS_UNSUPPORTED ? NB_NOT_SUPPORTED : NB_IO_ERROR;
}

bool
clients_complete(struct disk *disk, uint64_t number, uint32_t written)
{
	struct flight *flight = &disk->flights[number % IN_FLIGHT_MAX];
	struct ring *ring = &disk->rings[flight->client];
	const volatile uint8_t *state;
	enum nb_status status;

	if (number >= IN_FLIGHT_MAX || !flight->is_used)
		return false;
	state = disk->states.bytes + number * STATE_BYTES;
	status = status_of(state[STATUS_AT]);
	if (!status && written < flight->written)
		status = NB_IO_ERROR; /* well done, and not all there */
	flight->is_used = false;
	flight->next = disk->free_flight;
	disk->free_flight = (uint8_t)number;
	ring->in_flight--;
	disk->in_flight--;
	if (ring->is_open)
		put_result(ring, flight->tag, status);
	release(ring);
	return true;
}

/* ---- requests ---- */

static enum nb_status
check(const struct disk *disk, const struct block_request *request)
{
	uint64_t sectors = request->len / BLOCK_SECTOR;

	switch (request->operation) {
	case BLOCK_FLUSH:
		return NB_OK;
	case BLOCK_WRITE:
		if (disk->is_read_only)
			return NB_ACCESS_DENIED;
		break;
	case BLOCK_READ:
		break;
	default:
		return NB_INVALID_ARGUMENT;
	}
	if (request->len == 0 || request->len % BLOCK_SECTOR || request->len > BLOCK_DATA_BYTES ||
	    request->offset > BLOCK_DATA_BYTES - request->len)
		return NB_OUT_OF_RANGE;
	return sectors <= disk->sectors && request->sector <= disk->sectors - sectors
		       ? NB_OK
		       : NB_OUT_OF_RANGE;
}

static void
fly(struct disk *disk, uint32_t client, const struct block_request *request)
{
	static const uint32_t types[] = { TYPE_READ, TYPE_WRITE, TYPE_FLUSH };
	uint32_t number = disk->free_flight, count = 0;
	struct ring *ring = &disk->rings[client];
	uint64_t state = disk->states.address + number * STATE_BYTES;
	volatile struct head *head =
		(volatile struct head *)(disk->states.bytes + number * STATE_BYTES);
	struct virtio_piece pieces[3];

	head->type = types[request->operation];
	head->reserved = 0;
	head->sector = request->operation == BLOCK_FLUSH ? 0 : request->sector;
	((volatile uint8_t *)head)[STATUS_AT] = STATUS_UNSET;
	pieces[count++] = (struct virtio_piece){ state, sizeof *head, false };
	if (request->operation != BLOCK_FLUSH)
		pieces[count++] = (struct virtio_piece){
			ring->memory.address + BLOCK_DATA_OFFSET + request->offset,
			request->len,
			request->operation == BLOCK_READ,
		};
	pieces[count++] = (struct virtio_piece){ state + STATUS_AT, 1, true };
	/* There is room: IN_FLIGHT_MAX is a third of the queue. */
	(void)!virtio_queue_add(&disk->queue, pieces, count, number);
	disk->free_flight = disk->flights[number].next;
	disk->flights[number] = (struct flight){
		.is_used = true,
		.client = client,
		.tag = request->tag,
		.written = request->operation == BLOCK_READ ? request->len : 0,
	};
	ring->in_flight++;
	disk->in_flight++;
}

/* Takes one request; false: there is none. */
static bool
take(struct disk *disk, uint32_t client, bool *is_news)
{
	struct ring *ring = &disk->rings[client];
	const volatile struct block_request *from;
	struct block_request request;
	enum nb_status status;

	if (!ring->is_open || !ring->is_mapped || ring_of(ring)->submitted == ring->taken)
		return false;
	from = &ring_of(ring)->requests[ring->taken++ % BLOCK_RING];
	request = (struct block_request){ .sector = from->sector,
					  .operation = from->operation,
					  .offset = from->offset,
					  .len = from->len,
					  .tag = from->tag };
	status = check(disk, &request);
	if (!status && request.operation == BLOCK_FLUSH && !disk->has_flush) {
		put_result(ring, request.tag, NB_OK); /* the device keeps nothing back */
		return true;
	}
	if (status) {
		put_result(ring, request.tag, status);
		return true;
	}
	fly(disk, client, &request);
	*is_news = true;
	return true;
}

/* The client whose turn it is, of those in the set, which is not empty. */
static uint32_t
next_of(const struct disk *disk, uint32_t clients)
{
	uint32_t later = clients & ~0u << disk->next_client;

	return (uint32_t)__builtin_ctz(later ? later : clients);
}

void
clients_take(struct disk *disk)
{
	uint32_t clients = disk->open, taken = 0;
	bool is_news = false;

	/* A client that submits without end gets no more than the others in turn. */
	while (clients && taken < SERVICE_CLIENTS_MAX * BLOCK_RING &&
	       disk->free_flight < IN_FLIGHT_MAX && disk->queue.free_count >= 3) {
		uint32_t client = next_of(disk, clients);

		disk->next_client = client + 1;
		if (take(disk, client, &is_news))
			taken++;
		else
			clients &= ~(1u << client);
	}
	if (is_news)
		virtio_notify(&disk->queue);
	clients_tell(disk);
}
