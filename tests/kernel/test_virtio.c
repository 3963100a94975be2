/*
 * The virtio-rng driver, the module itself, with devices that lie.
 *
 * A made-up device is a page of registers that do nothing, which virtio's may, and a pthread
 * that looks into the driver's queue in DMA memory and does what the case says. Whatever that
 * is, the driver either serves its client or ends by itself; the kernel stays in balance.
 */
#include "abi/startup.h"
#include "kernel/init/boot.h"
#include "kernel/ipc/channel.h"
#include "kernel/mm/account.h"
#include "kernel/object/interrupt.h"
#include "kernel/object/resource.h"
#include "kernel/port/memory.h"
#include "platform/hosted/device.h"
#include "tests/kernel/harness.h"
#include "user/libs/driver/driver.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	MMIO_BASE = 0x10000000,
	DMA_BYTES = 32768,
	CONFIG_BYTES = 256,
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
	STATUS_DRIVER_OK = 4,
	SIZE = 64, /* of the queue */
	WANTED = 16,
};

/* What a case does to an honest device. */
struct lie {
	const char *name;
	/* Before the driver starts; registers and configuration space are set up. */
	void (*set_up)(uint8_t *registers, uint8_t *config);
	uint32_t id_more;    /* added to the id of the used chain */
	uint32_t len;	     /* that was written */
	uint16_t index_more; /* added to the used index */
	uint32_t interrupts; /* with nothing to say, before the answer */
	bool is_honest;	     /* the client is served */
};

static struct {
	const struct lie *lie;
	uint8_t *registers;
	volatile bool is_over;
} device;

static uint16_t
get16(const uint8_t *at)
{
	return *(const volatile uint16_t *)at;
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

/* Answers the chain that the driver has put first. */
static void
answer(void)
{
	const struct lie *lie = device.lie;
	uint8_t *used = address_in(QUEUE_USED), *available = address_in(QUEUE_AVAILABLE);
	uint32_t row[2] = { get16(available + 4) + lie->id_more, lie->len };
	uint16_t index = (uint16_t)(1 + lie->index_more);
	uint8_t *buffer;
	uint64_t address;

	memcpy(&address, address_in(QUEUE_DESCRIPTORS) + 16 * get16(available + 4), 8);
	buffer = (uint8_t *)(uintptr_t)address;
	memset(buffer, 0x5a, WANTED);
	memcpy(used + 4, row, sizeof row);
	__atomic_store_n((uint16_t *)(used + 2), index, __ATOMIC_RELEASE);
	hosted_interrupt_raise(IRQ);
}

static void *
device_main(void *unused)
{
	while (!device.is_over) {
		if (!(device.registers[STATUS] & STATUS_DRIVER_OK) ||
		    !get16(address_in(QUEUE_AVAILABLE) + 2)) {
			nap();
			continue;
		}
		for (uint32_t i = 0; i < device.lie->interrupts; i++)
			hosted_interrupt_raise(IRQ);
		answer();
		break;
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

	memset(config, 0, CONFIG_BYTES);
	config[0x34] = 0x40;
	put_capability(config, 0x40, 0x60, 1, common);
	put_capability(config, 0x60, 0, 2, notify);
	memset(registers, 0, PAGE);
	registers[DEVICE_FEATURE] = 1; /* VERSION_1, whichever word is chosen */
	registers[QUEUE_COUNT] = 1;
	registers[QUEUE_SIZE] = SIZE;
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

/* ---- the driver's process ---- */

struct block {
	uint8_t bytes[1024];
	uint32_t size;
};

static void
add_record(struct block *block, uint16_t kind, const void *first, uint32_t first_len,
	   const char *second)
{
	uint32_t second_len = (uint32_t)strlen(second);
	struct nb_startup_record record = { .kind = kind, .length = first_len + second_len };
	uint8_t *at = block->bytes + block->size;

	memcpy(at, &record, sizeof record);
	memcpy(at + sizeof record, first, first_len);
	memcpy(at + sizeof record + first_len, second, second_len);
	block->size += (uint32_t)nb_startup_record_size(record.length);
}

/* Grants `object`, whose reference it takes, under that name. */
static void
give(struct process *process, struct block *block, const char *name, struct object *object,
     uint32_t rights)
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

static struct process *
start_driver(const uint8_t *config, struct object *bus)
{
	extern const uint8_t driver_entropy[], driver_entropy_end[];
	struct process *process = kernel_process(NULL, "virtio-rng");
	struct block block = { .size = 0 };
	struct interrupt *interrupt;
	uint8_t *startup;

	assert_int_equal(interrupt_create(boot_account(), IRQ, &interrupt), NB_OK);
	give(process, &block, "interrupt", &interrupt->object, interrupt_type.rights);
	give(process, &block, "mmio0", new_part(NB_RESOURCE_MMIO, MMIO_BASE, PAGE),
	     resource_type.rights);
	give(process, &block, "dma", new_part(NB_RESOURCE_DMA, 0, DMA_BYTES), resource_type.rights);
	give(process, &block, "bus", bus, channel_type.rights);
	add_record(&block, DRIVER_RECORD_PCI, config, CONFIG_BYTES, "");
	kernel_instantiate(process, kernel_publish(driver_entropy,
						   (size_t)(driver_entropy_end - driver_entropy)));
	startup = account_alloc(process->account, block.size);
	memcpy(startup, block.bytes, block.size);
	assert_int_equal(process_start(process, 0, startup, block.size), NB_OK);
	return process;
}

/* ---- a case ---- */

static struct process *driver;
static struct channel *client;
static struct channel *rude; /* sends a handle that the driver never asked for */

static bool
is_answered_or_ended(void)
{
	return driver->state == NB_PROCESS_ENDED ||
	       (object_signals(&client->object) & NB_SIGNAL_READABLE &&
		object_signals(&rude->object) & NB_SIGNAL_PEER_CLOSED);
}

/* Sends a client's end, whose reference it takes, over the bus's, as the bus server does. */
static void
connect(struct channel *bus, struct channel *far)
{
	struct handle_table table;
	uint32_t handle;
	struct channel_send message = { .handle_count = 1, .handles = &handle, .table = &table };

	handle_table_init(&table, boot_account());
	assert_int_equal(handle_add(&table, &far->object, channel_type.rights, &handle), NB_OK);
	object_put(&far->object);
	assert_int_equal(channel_send(bus, &message), NB_OK);
	handle_table_close(&table);
}

static void
expect_reply(void)
{
	uint8_t bytes[64];
	struct channel_recv reply = { .bytes = (uint64_t)(uintptr_t)bytes, .cap = sizeof bytes };

	assert_int_equal(channel_recv(client, &reply), NB_OK);
	assert_int_equal(reply.len, WANTED);
	for (uint32_t i = 0; i < WANTED; i++)
		assert_int_equal(bytes[i], 0x5a);
}

static void
run_case(const struct lie *lie)
{
	struct hosted_devices devices = { .mmio_base = MMIO_BASE, .mmio_bytes = PAGE };
	const uint32_t wanted = WANTED;
	const struct channel_send request = { .bytes = (uint64_t)(uintptr_t)&wanted, .len = 4 };
	struct channel *bus[2], *ends[2], *rude_ends[2], *spare[2];
	struct process *holder; /* of our ends, so that closing them is heard */
	uint8_t config[CONFIG_BYTES];
	pthread_t thread;
	void *pages;

	assert_int_equal(port_shared_pages_get(PAGE, &pages), NB_OK);
	set_up_honest(pages, config);
	if (lie->set_up)
		lie->set_up(pages, config);
	devices.mmio_pages = pages;
	hosted_devices_set(&devices);
	device.lie = lie;
	device.registers = pages;
	device.is_over = false;
	assert_int_equal(channel_create(boot_account(), 4, bus), NB_OK);
	assert_int_equal(channel_create(boot_account(), 4, ends), NB_OK);
	assert_int_equal(channel_create(boot_account(), 4, rude_ends), NB_OK);
	assert_int_equal(channel_create(boot_account(), 4, spare), NB_OK);
	client = ends[0];
	rude = rude_ends[0];
	holder = kernel_process(NULL, "holder");
	(void)kernel_grant(holder, &client->object, 0);
	(void)kernel_grant(holder, &bus[0]->object, 0);
	(void)kernel_grant(holder, &rude->object, 0);
	connect(bus[0], rude_ends[1]);
	connect(rude, spare[1]);
	connect(bus[0], ends[1]);
	assert_int_equal(channel_send(client, &request), NB_OK);
	driver = start_driver(config, &bus[1]->object);
	assert_int_equal(pthread_create(&thread, NULL, device_main, NULL), 0);
	alarm(60);
	kernel_run_until(is_answered_or_ended);
	alarm(0);
	if (lie->is_honest != (driver->state != NB_PROCESS_ENDED))
		fail_msg("%s: the driver %s", lie->name, lie->is_honest ? "ended" : "goes on");
	if (lie->is_honest)
		expect_reply();
	else
		assert_int_equal(driver->trap, NB_TRAP_NONE);
	device.is_over = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	process_kill(driver, 0);
	process_kill(holder, 0);
	kernel_run_until(boot_is_over);
	object_put(&driver->object);
	object_put(&holder->object);
	object_put(&client->object);
	object_put(&rude->object);
	object_put(&spare[0]->object);
	object_put(&bus[0]->object);
	hosted_devices_set(NULL);
	port_shared_pages_put(pages, PAGE);
}

static void
test_lies(void **state)
{
	static const struct lie lies[] = {
		{ .name = "none", .len = 64, .is_honest = true },
		{ .name = "interrupts for nothing",
		  .len = 64,
		  .interrupts = 10000,
		  .is_honest = true },
		{ .name = "another's descriptor", .len = 64, .id_more = 1 },
		{ .name = "no such descriptor", .len = 64, .id_more = SIZE },
		{ .name = "no descriptor at all", .len = 64, .id_more = 0xfffffff0 },
		{ .name = "more results than requests", .len = 64, .index_more = 1 },
		{ .name = "more results than the queue has", .len = 64, .index_more = SIZE },
		{ .name = "results from the past", .len = 64, .index_more = 0xff00 },
		{ .name = "wrote nothing", .len = 0 },
		{ .name = "wrote too much", .len = 1025 },
		{ .name = "wrote everything", .len = 0xffffffff },
		{ .name = "odd size", .set_up = odd_size },
		{ .name = "no size", .set_up = no_size },
		{ .name = "no queues", .set_up = no_queues },
		{ .name = "far doorbell", .set_up = far_doorbell },
		{ .name = "old device", .set_up = old_device },
		{ .name = "registers beyond", .set_up = registers_beyond },
		{ .name = "registers far beyond", .set_up = registers_far_beyond },
		{ .name = "endless list", .set_up = endless_list },
	};

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++)
		run_case(&lies[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
