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

static void
reply_opened(struct disk *disk, uint32_t client, enum nb_status status)
{
	const struct block_opened opened = { .status = status,
					     .is_read_only = disk->is_read_only,
					     .sectors = disk->sectors };
	int64_t handle = NB_HANDLE_NONE;

	if (!status)
		handle = nb_handle_duplicate(disk->rings[client].memory.handle,
					     NB_RIGHT_MAP | NB_RIGHT_READ | NB_RIGHT_WRITE |
						     NB_RIGHT_TRANSFER | NB_RIGHT_SIGNAL |
						     NB_RIGHT_WAIT);
	service_reply(&disk->service, client, &opened, sizeof opened,
		      handle < 0 ? NB_HANDLE_NONE : (uint32_t)handle);
}

void
clients_open(struct disk *disk, uint32_t client)
{
	struct ring *ring = &disk->rings[client];
	enum nb_status status;
	int64_t entry;

	if (ring->is_mapped) {
		/* Open already; or of a client before, whose requests are not done yet. */
		reply_opened(disk, client, ring->is_open ? NB_ALREADY_EXISTS : NB_SHOULD_WAIT);
		return;
	}
	/* The place of an earlier client's pages serves again. */
	*ring = (struct ring){ .is_open = true, .memory = { .bytes = ring->memory.bytes } };
	status = virtio_memory_create(BLOCK_BYTES, &ring->memory);
	if (!status) {
		ring->is_mapped = true;
		entry = nb_waitset_add(disk->service.waitset, ring->memory.handle, BLOCK_DOORBELL,
				       KEY_DOORBELL + client);
		ring->entry = (uint32_t)entry;
		status = entry < 0 ? (enum nb_status) - entry : NB_OK;
	}
	reply_opened(disk, client, status);
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

void
clients_close(struct disk *disk, uint32_t client)
{
	struct ring *ring = &disk->rings[client];

	if (!ring->is_open)
		return;
	ring->is_open = false;
	if (ring->is_mapped)
		(void)nb_waitset_remove(disk->service.waitset, ring->entry);
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
	(void)nb_object_signal(ring->memory.handle, 0, BLOCK_DONE);
}

static enum nb_status
status_of(uint8_t device_status)
{
	if (device_status == STATUS_OK)
		return NB_OK;
	return device_status == STATUS_UNSUPPORTED ? NB_NOT_SUPPORTED : NB_IO_ERROR;
}

bool
clients_complete(struct disk *disk, uint64_t number)
{
	struct flight *flight = &disk->flights[number % IN_FLIGHT_MAX];
	struct ring *ring = &disk->rings[flight->client];
	const volatile uint8_t *state;

	if (number >= IN_FLIGHT_MAX || !flight->is_used)
		return false;
	state = disk->states.bytes + number * STATE_BYTES;
	flight->is_used = false;
	ring->in_flight--;
	if (ring->is_open)
		put_result(ring, flight->tag, status_of(state[STATUS_AT]));
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

static uint32_t
find_flight(const struct disk *disk)
{
	uint32_t number = 0;

	while (number < IN_FLIGHT_MAX && disk->flights[number].is_used)
		number++;
	return number;
}

static void
fly(struct disk *disk, uint32_t client, const struct block_request *request)
{
	static const uint32_t types[] = { TYPE_READ, TYPE_WRITE, TYPE_FLUSH };
	uint32_t number = find_flight(disk), count = 0;
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
	disk->flights[number] = (struct flight){ true, client, request->tag };
	ring->in_flight++;
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

void
clients_take(struct disk *disk)
{
	uint32_t without = 0, taken = 0;
	bool is_news = false;

	/* A client that submits without end gets no more than the others in turn. */
	while (without < SERVICE_CLIENTS_MAX && taken < SERVICE_CLIENTS_MAX * BLOCK_RING &&
	       find_flight(disk) < IN_FLIGHT_MAX && disk->queue.free_count >= 3) {
		uint32_t client = disk->next_client++ % SERVICE_CLIENTS_MAX;

		if (take(disk, client, &is_news)) {
			without = 0;
			taken++;
		} else {
			without++;
		}
	}
	if (is_news)
		virtio_notify(&disk->queue);
}

void
clients_hear(struct disk *disk, uint32_t client)
{
	if (!disk->rings[client].is_open)
		return;
	(void)nb_object_signal(disk->rings[client].memory.handle, BLOCK_DOORBELL, 0);
}
