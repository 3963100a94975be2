/*
 * The made-up device; see virtio_device.h.
 */
#include "tests/kernel/virtio_device.h"

#include "abi/startup.h"
#include "kernel/init/boot.h"
#include "kernel/mm/account.h"
#include "kernel/object/interrupt.h"
#include "kernel/object/resource.h"
#include "kernel/port/memory.h"
#include "platform/hosted/device.h"
#include "user/libs/driver/driver.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum {
	PAGE = 4096,
	MMIO_BASE = 0x10000000,
	CONFIG_BYTES = 256,
	SECTOR = 512,
	IRQ = NB_IRQ_MESSAGE + 1,
	/* Registers of the common structure, section 4.1.4.3 of VIRTIO 1.1. */
	DEVICE_FEATURE = 4,
	QUEUE_COUNT = 18,
	STATUS = 20,
	QUEUE_SIZE = 24,
	QUEUE_ENABLE = 28,
	QUEUE_NOTIFY_OFFSET = 30,
	QUEUE_DESCRIPTORS = 32,
	QUEUE_AVAILABLE = 40,
	QUEUE_USED = 48,
	NOTIFY_AT = 0x100,
	DEVICE_AT = 0x200,
	STATUS_DRIVER_OK = 4,
	DESCRIPTOR_NEXT = 1,
	DISK_WRITE = 1,
};

static struct {
	enum virtio_kind kind;
	const struct virtio_lie *lie;
	uint8_t *registers;
	uint8_t config[CONFIG_BYTES];
	pthread_t thread;
	struct object *dma; /* which outlives the driver, as with the bus server */
	volatile bool is_over;
	uint16_t seen;	/* requests, and where the next lies */
	uint16_t index; /* of the used ring */
	uint8_t disk[VIRTIO_SECTORS * SECTOR];
} device;

struct piece {
	uint8_t *bytes;
	uint32_t len;
};

static uint16_t
get16(const uint8_t *at)
{
	return __atomic_load_n((const uint16_t *)at, __ATOMIC_ACQUIRE);
}

static uint8_t *
address_in(uint32_t at)
{
	uint64_t address;

	memcpy(&address, device.registers + at, sizeof address);
	return (uint8_t *)(uintptr_t)address;
}

static void
nap(void)
{
	const struct timespec while_ns = { 0, 100000 };

	(void)nanosleep(&while_ns, NULL);
}

/* ---- requests ---- */

/* The pieces of the chain that begins with that descriptor. */
static uint32_t
read_chain(uint16_t first, struct piece pieces[3])
{
	uint32_t count = 0;
	uint16_t flags;

	do {
		const uint8_t *row = address_in(QUEUE_DESCRIPTORS) + 16 * first;
		uint64_t address;

		memcpy(&address, row, sizeof address);
		memcpy(&pieces[count].len, row + 8, sizeof pieces[count].len);
		pieces[count++].bytes = (uint8_t *)(uintptr_t)address;
		flags = get16(row + 12);
		first = get16(row + 14);
	} while (flags & DESCRIPTOR_NEXT && count < 3);
	return count;
}

/* Does what a disk does; returns how much it wrote. */
static uint32_t
do_disk(const struct piece pieces[3], uint32_t count, uint8_t status)
{
	uint32_t type, written = 1;
	uint64_t sector;

	memcpy(&type, pieces[0].bytes, sizeof type);
	memcpy(&sector, pieces[0].bytes + 8, sizeof sector);
	if (count == 3 && sector * SECTOR + pieces[1].len <= sizeof device.disk) {
		uint8_t *at = device.disk + sector * SECTOR;

		if (type == DISK_WRITE)
			memcpy(at, pieces[1].bytes, pieces[1].len);
		else
			memcpy(pieces[1].bytes, at, pieces[1].len);
		written += type == DISK_WRITE ? 0 : pieces[1].len;
	}
	pieces[count - 1].bytes[0] = status;
	return written;
}

static uint32_t
do_rng(const struct piece *piece)
{
	uint32_t len = piece->len < 64 ? piece->len : 64;

	memset(piece->bytes, VIRTIO_RNG_BYTE, len);
	return len;
}

/* ---- answers ---- */

static void
put_used(uint16_t id, uint32_t len, const struct virtio_lie *lie)
{
	uint8_t *used = address_in(QUEUE_USED);
	uint32_t row[2] = { id + lie->id_more, lie->is_len_said ? lie->len : len };

	for (uint32_t i = 0; i <= lie->is_twice; i++)
		memcpy(used + 4 + 8 * (device.index++ % VIRTIO_SIZE), row, sizeof row);
	__atomic_store_n((uint16_t *)(used + 2), (uint16_t)(device.index + lie->index_more),
			 __ATOMIC_RELEASE);
	hosted_interrupt_raise(IRQ);
}

/* Answers the next request; false: nor any other. */
static bool
answer(void)
{
	static const struct virtio_lie honest = { 0 };
	const struct virtio_lie *lie = device.seen == device.lie->at ? device.lie : &honest;
	uint8_t *available = address_in(QUEUE_AVAILABLE);
	uint16_t id = get16(available + 4 + 2 * (device.seen++ % VIRTIO_SIZE));
	struct piece pieces[3];
	uint32_t count = read_chain(id, pieces), len;

	for (uint32_t i = 0; i < device.lie->interrupts; i++)
		hosted_interrupt_raise(IRQ);
	if (lie->act)
		lie->act(device.registers);
	if (lie->is_silent)
		return false;
	len = device.kind == VIRTIO_KIND_RNG ? do_rng(&pieces[0])
					     : do_disk(pieces, count, lie->status);
	put_used(id, len, lie);
	/* Who lied about the queue has lost count of it. */
	return !lie->index_more && !lie->is_twice && !lie->id_more;
}

static void *
device_main(void *unused)
{
	bool is_answering = true;

	while (!device.is_over) {
		if (!is_answering || !(device.registers[STATUS] & STATUS_DRIVER_OK) ||
		    get16(address_in(QUEUE_AVAILABLE) + 2) == device.seen)
			nap();
		else
			is_answering = answer();
	}
	return unused;
}

/* ---- the device's registers ---- */

static void
put_capability(uint8_t *config, uint8_t at, uint8_t next, uint8_t kind, const uint32_t place[3])
{
	const uint8_t head[] = { 9, next, 20, kind, 4 };

	memcpy(config + at, head, sizeof head);
	memcpy(config + at + 8, place, 12);
}

static void
set_up_honest(uint8_t *registers, uint8_t *config)
{
	const uint32_t common[] = { 0, 56, 0 }, notify[] = { NOTIFY_AT, 64, 4 };
	const uint32_t own[] = { DEVICE_AT, 64, 0 };
	const uint64_t sectors = VIRTIO_SECTORS;

	memset(config, 0, CONFIG_BYTES);
	config[0x34] = 0xa0;
	config[0xa0] = 0x11; /* it sends messages */
	config[0xa1] = 0x40;
	put_capability(config, 0x40, 0x60, 1, common);
	put_capability(config, 0x60, 0x80, 2, notify);
	put_capability(config, 0x80, 0, 4, own);
	memset(registers, 0, PAGE);
	memcpy(registers + DEVICE_AT, &sectors, sizeof sectors);
	registers[DEVICE_FEATURE] = 1; /* VERSION_1, whichever word is chosen */
	registers[QUEUE_COUNT] = 1;
	registers[QUEUE_SIZE] = VIRTIO_SIZE;
}

static void
odd_size(uint8_t *registers, uint8_t *config)
{
	(void)config;
	registers[QUEUE_SIZE] = 3;
}

static void
no_size(uint8_t *registers, uint8_t *config)
{
	(void)config;
	registers[QUEUE_SIZE] = 0;
}

static void
no_queues(uint8_t *registers, uint8_t *config)
{
	(void)config;
	registers[QUEUE_COUNT] = 0;
}

static void
far_doorbell(uint8_t *registers, uint8_t *config)
{
	(void)config;
	memset(registers + QUEUE_NOTIFY_OFFSET, 0xff, 2);
}

static void
old_device(uint8_t *registers, uint8_t *config)
{
	(void)config;
	registers[DEVICE_FEATURE] = 0;
}

static void
registers_beyond(uint8_t *registers, uint8_t *config)
{
	const uint32_t common[] = { PAGE - 8, 56, 0 };

	(void)registers;
	put_capability(config, 0x40, 0x60, 1, common);
}

static void
registers_far_beyond(uint8_t *registers, uint8_t *config)
{
	const uint32_t common[] = { 0xfffffff0, 56, 0 };

	(void)registers;
	put_capability(config, 0x40, 0x60, 1, common);
}

static void
endless_list(uint8_t *registers, uint8_t *config)
{
	(void)registers;
	config[0x41] = 0x40;
}

/* It would interrupt by a line, and has no register to let go of it. */
static void
stuck_line(uint8_t *registers, uint8_t *config)
{
	(void)registers;
	config[0xa0] = 1;
}

const struct virtio_lie virtio_setup_lies[VIRTIO_SETUP_LIES] = {
	{ .name = "odd size", .set_up = odd_size },
	{ .name = "no size", .set_up = no_size },
	{ .name = "no queues", .set_up = no_queues },
	{ .name = "far doorbell", .set_up = far_doorbell },
	{ .name = "old device", .set_up = old_device },
	{ .name = "registers beyond", .set_up = registers_beyond },
	{ .name = "registers far beyond", .set_up = registers_far_beyond },
	{ .name = "endless list", .set_up = endless_list },
	{ .name = "stuck line", .set_up = stuck_line },
};

void
virtio_pull_out(uint8_t *registers)
{
	memset(registers, 0xff, PAGE);
}

void
virtio_forget(uint8_t *registers)
{
	registers[STATUS] = 0;
}

/* ---- its life ---- */

void
virtio_device_start(enum virtio_kind kind, const struct virtio_lie *lie)
{
	struct hosted_devices devices = { .mmio_base = MMIO_BASE, .mmio_bytes = PAGE };
	void *pages;

	assert_int_equal(port_shared_pages_get(PAGE, &pages), NB_OK);
	set_up_honest(pages, device.config);
	if (lie->set_up)
		lie->set_up(pages, device.config);
	devices.mmio_pages = pages;
	hosted_devices_set(&devices);
	device.kind = kind;
	device.lie = lie;
	device.registers = pages;
	device.is_over = false;
	device.seen = device.index = 0;
}

void
virtio_device_stop(void)
{
	device.is_over = true;
	assert_int_equal(pthread_join(device.thread, NULL), 0);
	object_put(device.dma);
	hosted_devices_set(NULL);
	port_shared_pages_put(device.registers, PAGE);
}

void
virtio_disk_clear(void)
{
	memset(device.disk, 0, sizeof device.disk);
}

/* ---- processes ---- */

static void
add_record(struct virtio_block *block, uint16_t kind, const void *first, uint32_t first_len,
	   const char *second)
{
	struct nb_startup_record record = { .kind = kind, .length = first_len };
	uint8_t *at = block->bytes + block->size, *text = at + sizeof record;

	memcpy(text, first, first_len);
	/* Without a zero at its end. */
	for (const char *c = second; *c; c++)
		text[record.length++] = (uint8_t)*c;
	memcpy(at, &record, sizeof record);
	block->size += (uint32_t)nb_startup_record_size(record.length);
}

void
virtio_give(struct process *process, struct virtio_block *block, const char *name,
	    struct object *object, uint32_t rights)
{
	uint32_t handle = kernel_grant(process, object, rights);

	add_record(block, NB_STARTUP_HANDLE, &handle, sizeof handle, name);
	object_put(object);
}

static struct object *
new_part(uint32_t kind, uint64_t first, uint64_t count)
{
	const struct nb_resource_info part = { .kind = kind, .first = first, .count = count };
	struct resource *root, *resource;

	assert_int_equal(resource_create_root(boot_account(), &root), NB_OK);
	assert_int_equal(resource_divide(root, boot_account(), &part, &resource), NB_OK);
	object_put(&root->object);
	return &resource->object;
}

void
virtio_start(struct process *process, const struct virtio_block *block)
{
	uint8_t *startup = account_alloc(process->account, block->size);

	memcpy(startup, block->bytes, block->size);
	assert_int_equal(process_start(process, 0, startup, block->size), NB_OK);
}

struct process *
virtio_driver_start(const char *name, const uint8_t *bytes, size_t len, uint64_t dma_bytes,
		    struct object *bus)
{
	struct process *process = kernel_process(NULL, name);
	struct virtio_block block = { .size = 0 };
	struct interrupt *interrupt;

	assert_int_equal(interrupt_create(boot_account(), IRQ, &interrupt), NB_OK);
	virtio_give(process, &block, "interrupt", &interrupt->object, interrupt_type.rights);
	virtio_give(process, &block, "mmio0", new_part(NB_RESOURCE_MMIO, MMIO_BASE, PAGE),
		    resource_type.rights);
	device.dma = new_part(NB_RESOURCE_DMA, 0, dma_bytes);
	object_get(device.dma);
	virtio_give(process, &block, "dma", device.dma, resource_type.rights);
	virtio_give(process, &block, "bus", bus, channel_type.rights);
	add_record(&block, DRIVER_RECORD_PCI, device.config, CONFIG_BYTES, "");
	kernel_instantiate(process, kernel_publish(bytes, len));
	virtio_start(process, &block);
	/* Not before: its kernel catches signals now. */
	assert_int_equal(pthread_create(&device.thread, NULL, device_main, NULL), 0);
	return process;
}
