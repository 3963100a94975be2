/*
 * virtio-blk: a disk of the host. Service "block" (user/libs/block/protocol.h).
 *
 * Source: VIRTIO 1.1, section 5.2.
 */
#include "user/drivers/block/block.h"
#include "user/sdk/bytes.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

NEBULET_MANIFEST("name virtio-blk", "pci 1af4:1001", "pci 1af4:1042", "mmio bar4", "irq pci",
		 "dma 1M", "memory 16M", "offers block");

enum {
	FEATURE_READ_ONLY = 1 << 5,
	FEATURE_FLUSH = 1 << 9,
	EXIT_BROKEN = 3,
};

static struct disk disk;
static struct service_event event;

/* The device's first register is the number of sectors. */
static uint64_t
read_capacity(void)
{
	const volatile uint32_t *words = (const volatile uint32_t *)disk.virtio.device;

	return words[0] | (uint64_t)words[1] << 32;
}

static enum nb_status
set_up(void)
{
	uint32_t features;
	enum nb_status status =
		virtio_begin(&disk.virtio, FEATURE_READ_ONLY | FEATURE_FLUSH, &features);

	if (!status)
		status = virtio_queue_create(&disk.virtio, 0, &disk.queue);
	if (!status)
		status = virtio_memory_create(IN_FLIGHT_MAX * STATE_BYTES, &disk.states);
	if (!status && disk.virtio.device_bytes < 8)
		status = NB_NOT_SUPPORTED;
	if (status)
		return status;
	disk.sectors = read_capacity();
	disk.is_read_only = features & FEATURE_READ_ONLY;
	disk.has_flush = features & FEATURE_FLUSH;
	virtio_ready(&disk.virtio);
	return NB_OK;
}

/* False: the device breaks the rules. */
static bool
interrupted(uint32_t interrupt)
{
	enum virtio_result result;
	uint64_t number;
	uint32_t written;

	while ((result = virtio_queue_take(&disk.queue, &number, &written)) == VIRTIO_DONE) {
		if (!clients_complete(&disk, number))
			return false;
	}
	(void)nb_interrupt_ack(interrupt);
	return result != VIRTIO_BROKEN;
}

int
module_main(void)
{
	uint32_t interrupt = startup_handle("interrupt");
	enum nb_status status = set_up();

	if (!status)
		status = service_init(&disk.service, startup_handle("bus"));
	if (!status)
		status = service_watch(&disk.service, interrupt, NB_SIGNAL_SIGNALED, KEY_INTERRUPT);
	if (status)
		return (int)status;
	for (;;) {
		service_wait(&disk.service, &event);
		switch (event.kind) {
		case SERVICE_REQUEST:
			if (event.len == 1 && event.bytes[0] == BLOCK_OPEN)
				clients_open(&disk, event.index);
			break;
		case SERVICE_GONE:
			clients_close(&disk, event.index);
			break;
		case SERVICE_WATCHED:
			if (event.index >= KEY_DOORBELL)
				clients_hear(&disk, event.index - KEY_DOORBELL);
			else if (!interrupted(interrupt))
				return EXIT_BROKEN;
			clients_take(&disk);
			break;
		case SERVICE_END:
			return 0;
		}
	}
}
