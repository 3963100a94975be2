/*
 * virtio-rng: randomness from the host.
 *
 * Service "entropy": a message is the number of bytes wanted, a uint32_t of at most
 * SERVICE_MESSAGE_MAX; the reply is at least one byte and at most so many. What the device
 * gives more than one client wants is the next one's.
 *
 * Source: VIRTIO 1.1, section 5.4.
 */
#include "user/libs/driver/driver.h"
#include "user/libs/virtio/virtio.h"
#include "user/sdk/bytes.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"

#include "nebulet.h"

NEBULET_MANIFEST("name virtio-rng", "pci 1af4:1005", "pci 1af4:1044", "mmio bar4", "irq pci",
		 "dma 32K", "memory 4M", "offers entropy");

enum { LOOKS_MOST = 8 }; /* at a device that owes bytes: seconds */

static struct service service;
static struct virtio virtio;
static struct virtio_queue queue;
static struct virtio_memory buffer;
static uint32_t pool_at, pool_end;	     /* of the buffer: bytes that nobody has got yet */
static uint32_t wanted[SERVICE_CLIENTS_MAX]; /* bytes; 0: nothing */
static uint32_t next_client;		     /* who is served first */
static bool is_busy;			     /* the device fills the buffer */
static uint32_t looks;			     /* since then */

/* The next client that wants something, or SERVICE_CLIENTS_MAX. */
static uint32_t
next_wanting(void)
{
	for (uint32_t i = 0; i < SERVICE_CLIENTS_MAX; i++) {
		uint32_t client = (next_client + i) % SERVICE_CLIENTS_MAX;

		if (wanted[client])
			return client;
	}
	return SERVICE_CLIENTS_MAX;
}

/* Gives the clients in turns what there is; when there is no more, asks the device. */
static void
give(void)
{
	const struct virtio_piece piece = { buffer.address, SERVICE_MESSAGE_MAX, true };
	uint32_t client = next_wanting();

	for (; client < SERVICE_CLIENTS_MAX && pool_at < pool_end; client = next_wanting()) {
		uint32_t left = pool_end - pool_at;
		uint32_t len = wanted[client] < left ? wanted[client] : left;

		service_reply(&service, client, buffer.bytes + pool_at, len, NB_HANDLE_NONE);
		bytes_clear(buffer.bytes + pool_at, len);
		pool_at += len;
		wanted[client] = 0;
		next_client = client + 1;
	}
	if (client == SERVICE_CLIENTS_MAX || is_busy || virtio_queue_add(&queue, &piece, 1, 0))
		return;
	is_busy = true;
	looks = 0;
	virtio_notify(&queue);
}

static bool
take(void)
{
	enum virtio_result result;
	uint64_t cookie;
	uint32_t len;

	while ((result = virtio_queue_take(&queue, &cookie, &len)) == VIRTIO_DONE) {
		is_busy = false;
		if (len == 0)
			return false;
		pool_at = 0;
		pool_end = len;
	}
	give();
	return result != VIRTIO_BROKEN;
}

static bool
interrupted(void)
{
	virtio_interrupted(&virtio);
	return take();
}

/* A device that says nothing may still have answered. */
static bool
look(void)
{
	return virtio_is_sound(&virtio) && take() && (!is_busy || ++looks < LOOKS_MOST);
}

static bool
is_waiting(void)
{
	return is_busy;
}

static void
request(const struct service_event *event)
{
	uint32_t len = 0;

	if (event->len == sizeof len)
		bytes_copy(&len, event->bytes, sizeof len);
	wanted[event->index] = len < SERVICE_MESSAGE_MAX ? len : SERVICE_MESSAGE_MAX;
	give();
}

static void
gone(uint32_t client)
{
	wanted[client] = 0;
}

static enum nb_status
set_up(void)
{
	uint32_t features;
	enum nb_status status = virtio_begin(&virtio, 0, &features);

	if (!status)
		status = virtio_queue_create(&virtio, 0, &queue);
	if (!status)
		status = virtio_memory_create(SERVICE_MESSAGE_MAX, &buffer);
	if (!status)
		virtio_ready(&virtio);
	return status;
}

int
module_main(void)
{
	static const struct driver_events events = {
		.set_up = set_up,
		.request = request,
		.gone = gone,
		.interrupted = interrupted,
		.look = look,
		.is_waiting = is_waiting,
	};

	return driver_run(&service, &events);
}
