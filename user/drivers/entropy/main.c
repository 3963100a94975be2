/*
 * virtio-rng: randomness from the host.
 *
 * Service "entropy": a message is the number of bytes wanted, a uint32_t of at most
 * SERVICE_MESSAGE_MAX; the reply is at least one byte and at most so many.
 *
 * Source: VIRTIO 1.1, section 5.4.
 */
#include "user/libs/service/service.h"
#include "user/libs/virtio/virtio.h"
#include "user/sdk/bytes.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

NEBULET_MANIFEST("name virtio-rng", "pci 1af4:1005", "pci 1af4:1044", "mmio bar4", "irq pci",
		 "dma 32K", "memory 4M", "offers entropy");

enum { KEY_INTERRUPT = 1, EXIT_BROKEN = 3 };

static struct service service;
static struct service_event event;
static struct virtio virtio;
static struct virtio_queue queue;
static struct virtio_memory buffer;
static uint32_t wanted[SERVICE_CLIENTS_MAX]; /* bytes; 0: nothing */
static bool is_busy;			     /* the device fills the buffer */

static bool
is_anything_wanted(void)
{
	for (uint32_t i = 0; i < SERVICE_CLIENTS_MAX; i++) {
		if (wanted[i])
			return true;
	}
	return false;
}

static void
ask_device(void)
{
	const struct virtio_piece piece = { buffer.address, SERVICE_MESSAGE_MAX, true };

	if (is_busy || !is_anything_wanted() || virtio_queue_add(&queue, &piece, 1, 0))
		return;
	is_busy = true;
	virtio_notify(&queue);
}

/* Gives the first client that wants some what there is. */
static void
give(uint32_t len)
{
	for (uint32_t i = 0; i < SERVICE_CLIENTS_MAX; i++) {
		if (!wanted[i])
			continue;
		service_reply(&service, i, buffer.bytes, wanted[i] < len ? wanted[i] : len,
			      NB_HANDLE_NONE);
		wanted[i] = 0;
		break;
	}
	bytes_clear(buffer.bytes, SERVICE_MESSAGE_MAX);
}

static bool
interrupted(uint32_t interrupt)
{
	enum virtio_result result;
	uint64_t cookie;
	uint32_t len;

	while ((result = virtio_queue_take(&queue, &cookie, &len)) == VIRTIO_DONE) {
		is_busy = false;
		if (len == 0 || len > SERVICE_MESSAGE_MAX)
			return false;
		give(len);
	}
	ask_device();
	(void)nb_interrupt_ack(interrupt);
	return result != VIRTIO_BROKEN;
}

static void
serve(void)
{
	uint32_t len = 0;

	if (event.len == sizeof len)
		bytes_copy(&len, event.bytes, sizeof len);
	wanted[event.index] = len < SERVICE_MESSAGE_MAX ? len : SERVICE_MESSAGE_MAX;
	ask_device();
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
	uint32_t interrupt = startup_handle("interrupt");
	enum nb_status status = set_up();

	if (!status)
		status = service_init(&service, startup_handle("bus"));
	if (!status)
		status = service_watch(&service, interrupt, NB_SIGNAL_SIGNALED, KEY_INTERRUPT);
	if (status)
		return (int)status;
	for (;;) {
		service_wait(&service, &event);
		switch (event.kind) {
		case SERVICE_REQUEST:
			serve();
			break;
		case SERVICE_GONE:
			wanted[event.index] = 0;
			break;
		case SERVICE_WATCHED:
			if (!interrupted(interrupt))
				return EXIT_BROKEN;
			break;
		case SERVICE_END:
			return 0;
		}
	}
}
