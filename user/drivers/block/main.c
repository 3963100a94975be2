/*
 * virtio-blk: a disk of the host. Service "block" (user/libs/block/protocol.h).
 *
 * Source: VIRTIO 1.1, section 5.2.
 */
#include "user/drivers/block/block.h"
#include "user/libs/driver/driver.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"

#include "nebulet.h"

/* Rings for all clients that there can be, and one time more for those that have gone and keep
 * their pages. */
NEBULET_MANIFEST("name virtio-blk", "pci 1af4:1001", "pci 1af4:1042", "mmio bar4", "irq pci",
		 "dma 4M", "memory 16M", "offers block");

enum {
	FEATURE_READ_ONLY = 1 << 5,
	FEATURE_FLUSH = 1 << 9,
	LOOKS_MOST = 8, /* at a device that owes results and gives none: seconds */
	GATE_STACK_BYTES = 16384,
};

/* What the driver's own thread wants of the gate; the client's number is added. */
enum own_call {
	OWN_INTERRUPT = 0x000,
	OWN_LOOK = 0x100,
	OWN_CONNECT = 0x200,
	OWN_CLOSE = 0x300,
};

__attribute__((import_module("nebulet"), import_name("gate_call:" BLOCK_SIGNATURE))) int64_t
gate_call(uint32_t gate, uint32_t call);

static struct disk disk;
static uint32_t gate;
static uint32_t looks; /* since the device has given a result */
static _Alignas(16) uint8_t gate_stack[GATE_STACK_BYTES];

/* ---- inside the gate ---- */

/* Takes what the device has done. */
static int64_t
collect(void)
{
	enum virtio_result result;
	uint64_t number;
	uint32_t written;

	while ((result = virtio_queue_take(&disk.queue, &number, &written)) == VIRTIO_DONE) {
		looks = 0;
		if (!clients_complete(&disk, number, written))
			return -NB_IO_ERROR;
	}
	clients_take(&disk);
	return result == VIRTIO_BROKEN ? -NB_IO_ERROR : 0;
}

/* A device that says nothing may still have done something. */
static int64_t
look_after(void)
{
	int64_t result = collect();

	if (!disk.in_flight)
		looks = 0;
	return virtio_is_sound(&disk.virtio) && looks++ < LOOKS_MOST ? result : -NB_IO_ERROR;
}

static int64_t
serve_own(uint32_t call)
{
	uint32_t client = call % SERVICE_CLIENTS_MAX;

	switch (call - client) {
	case OWN_INTERRUPT:
		virtio_interrupted(&disk.virtio);
		return collect();
	case OWN_LOOK:
		return look_after();
	case OWN_CONNECT:
		return (int64_t)clients_connect(&disk, client);
	case OWN_CLOSE:
		clients_close(&disk, client);
		return 0;
	default:
		return -NB_INVALID_ARGUMENT;
	}
}

static int64_t
serve(uint32_t call)
{
	uint64_t badge = 0;
	uint32_t client;

	(void)nb_gate_caller(&badge);
	if (!badge)
		return serve_own(call);
	client = clients_find(&disk, badge);
	if (client == SERVICE_CLIENTS_MAX)
		return -NB_PEER_CLOSED; /* its channel has been closed */
	switch (call) {
	case BLOCK_OPEN:
		return clients_open(&disk, client);
	case BLOCK_KICK:
		if (!disk.rings[client].is_open)
			return -NB_BAD_STATE;
		clients_take(&disk);
		return 0;
	default:
		return -NB_INVALID_ARGUMENT;
	}
}

/* ---- events ---- */

static bool
interrupted(void)
{
	return gate_call(gate, OWN_INTERRUPT) >= 0;
}

static bool
look(void)
{
	return gate_call(gate, OWN_LOOK) >= 0;
}

/* Clients put requests under way without the driver's thread: as long as there are any. */
static bool
is_waiting(void)
{
	return disk.open || disk.in_flight;
}

static void
request(const struct service_event *event)
{
	struct block_connected connected = { .status = NB_OK };
	int64_t badge, badged;

	if (event->len != 1 || event->bytes[0] != BLOCK_CONNECT)
		return;
	badge = gate_call(gate, OWN_CONNECT + event->index);
	badged = badge < 0 ? badge : nb_gate_badge(gate, (uint64_t)badge);
	if (badged < 0)
		connected.status = (uint32_t)-badged;
	service_reply(&disk.service, event->index, &connected, sizeof connected,
		      badged < 0 ? NB_HANDLE_NONE : (uint32_t)badged);
}

static void
gone(uint32_t client)
{
	(void)gate_call(gate, OWN_CLOSE + client);
}

static enum nb_status
set_up(void)
{
	static const char signature[] = BLOCK_SIGNATURE;
	const struct nb_gate_stacks stacks = { (uint32_t)(uintptr_t)gate_stack, GATE_STACK_BYTES };
	uint32_t features;
	enum nb_status status =
		virtio_begin(&disk.virtio, FEATURE_READ_ONLY | FEATURE_FLUSH, &features);
	int64_t result;

	if (!status)
		status = virtio_queue_create(&disk.virtio, 0, &disk.queue);
	if (!status)
		status = virtio_memory_create(IN_FLIGHT_MAX * STATE_BYTES, &disk.states);
	if (!status && disk.virtio.device_bytes < 8)
		status = NB_NOT_SUPPORTED;
	/* The device's first register is the number of sectors. */
	if (!status)
		status = virtio_read64(&disk.virtio, 0, &disk.sectors);
	if (status)
		return status;
	clients_init(&disk);
	disk.is_read_only = features & FEATURE_READ_ONLY;
	disk.has_flush = features & FEATURE_FLUSH;
	result = nb_gate_create((uint32_t)(uintptr_t)serve, signature, sizeof signature - 1, 1,
				&stacks);
	if (result < 0)
		return (enum nb_status) - result;
	gate = (uint32_t)result;
	virtio_ready(&disk.virtio);
	return NB_OK;
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

	return driver_run(&disk.service, &events);
}
