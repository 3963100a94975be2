/*
 * The virtio-blk driver, the module itself, and a client of it, with disks that lie. Whatever
 * they do, the driver at most ends, and its client at most sees an error or does a request
 * again with the next driver, for a disk that is honest; the kernel stays in balance.
 */
#include "kernel/init/boot.h"
#include "kernel/ipc/channel.h"
#include "tests/kernel/virtio_device.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	DMA_BYTES = 4 * 1024 * 1024,
	/* tests/user/programs/native/lied.c */
	SEEN_ERROR = 1,
	SEEN_NEW_DRIVER = 2,
	GAVE_UP = 102,
	READ = 8, /* number of the first request that reads */
	GONE_SECONDS = 6,
	DEVICE_AT = 0x200,
	STATUS = 20,
	STATUS_NEEDS_RESET = 0x40,
};

extern const uint8_t driver_block[], driver_block_end[], client_lied[], client_lied_end[];

static struct process *driver, *client;

static bool
has_client_ended(void)
{
	return client->state == NB_PROCESS_ENDED;
}

static bool
has_one_ended(void)
{
	return driver->state == NB_PROCESS_ENDED || has_client_ended();
}

static struct process *
start_client(struct object *services)
{
	struct process *process = kernel_process(NULL, "client");
	struct virtio_block block = { .size = 0 };

	virtio_give(process, &block, "services", services, channel_type.rights);
	kernel_instantiate(process,
			   kernel_publish(client_lied, (size_t)(client_lied_end - client_lied)));
	virtio_start(process, &block);
	return process;
}

static void
start_driver(struct channel *bus, const struct virtio_lie *lie)
{
	virtio_device_start(VIRTIO_KIND_BLOCK, lie);
	object_get(&bus->object);
	driver = virtio_driver_start("virtio-blk", driver_block,
				     (size_t)(driver_block_end - driver_block), DMA_BYTES,
				     &bus->object);
}

/* The driver, which has ended or is to end now, and its device. */
static void
stop_driver(void)
{
	process_kill(driver, 0);
	while (driver->state != NB_PROCESS_ENDED)
		kernel_run_idle();
	virtio_device_stop();
	object_put(&driver->object);
}

static void
run_case(const struct virtio_lie *lie)
{
	static const struct virtio_lie honest = { .name = "honest" };
	struct channel *services[2];
	struct process *holder = kernel_process(NULL, "holder");
	bool has_ended;
	time_t begin = time(NULL);

	/* What a client sends over its end comes to the driver, as if the bus had passed it on. */
	assert_int_equal(channel_create(boot_account(), 16, services), NB_OK);
	(void)kernel_grant(holder, &services[0]->object, 0);
	(void)kernel_grant(holder, &services[1]->object, 0);
	virtio_disk_clear();
	start_driver(services[1], lie);
	client = start_client(&services[0]->object);
	alarm(60);
	kernel_run_until(has_one_ended);
	has_ended = driver->state == NB_PROCESS_ENDED;
	if (has_ended) {
		assert_int_equal(driver->trap, NB_TRAP_NONE);
		/* A device that has gone is not waited for like one that owes a result. */
		if (lie->act && time(NULL) - begin > GONE_SECONDS)
			fail_msg("%s: noticed late", lie->name);
		stop_driver();
		start_driver(services[1], &honest);
	}
	kernel_run_until(has_client_ended);
	alarm(0);
	if (lie->is_honest == has_ended)
		fail_msg("%s: the driver %s", lie->name, has_ended ? "ended" : "goes on");
	if (client->status != lie->outcome || client->trap != NB_TRAP_NONE)
		fail_msg("%s: the client's exit status is %d", lie->name, client->status);
	stop_driver();
	process_kill(holder, 0);
	kernel_run_until(boot_is_over);
	object_put(&client->object);
	object_put(&holder->object);
	object_put(&services[1]->object);
}

/* ---- acts ---- */

static void
want_reset(uint8_t *registers)
{
	registers[STATUS] |= STATUS_NEEDS_RESET;
}

static void
set_sectors(uint8_t *registers, uint64_t sectors)
{
	memcpy(registers + DEVICE_AT, &sectors, sizeof sectors);
}

static void
shrink(uint8_t *registers)
{
	set_sectors(registers, 1);
}

static void
no_sectors(uint8_t *registers, uint8_t *config)
{
	(void)config;
	set_sectors(registers, 0);
}

static void
endless_sectors(uint8_t *registers, uint8_t *config)
{
	(void)config;
	set_sectors(registers, UINT64_MAX);
}

/* The structure with the capacity is not in the list. */
static void
no_own_registers(uint8_t *registers, uint8_t *config)
{
	(void)registers;
	config[0x61] = 0;
}

static void
short_registers(uint8_t *registers, uint8_t *config)
{
	(void)registers;
	config[0x8c] = 4;
}

static void
test_lies(void **state)
{
	static const struct virtio_lie lies[] = {
		{ .name = "none", .is_honest = true },
		{ .name = "interrupts without end", .interrupts = 2000, .is_honest = true },
		/* Errors of one request. */
		{ .name = "error", .at = 3, .status = 1, .is_honest = true, .outcome = SEEN_ERROR },
		{ .name = "not supported", .status = 2, .is_honest = true, .outcome = SEEN_ERROR },
		{ .name = "no such status",
		  .status = 77,
		  .is_honest = true,
		  .outcome = SEEN_ERROR },
		{ .name = "status not set",
		  .status = 255,
		  .is_honest = true,
		  .outcome = SEEN_ERROR },
		{ .name = "read less",
		  .at = READ,
		  .is_len_said = true,
		  .len = 512,
		  .is_honest = true,
		  .outcome = SEEN_ERROR },
		{ .name = "read nothing",
		  .at = READ,
		  .is_len_said = true,
		  .is_honest = true,
		  .outcome = SEEN_ERROR },
		/* Rules broken, before and between. */
		{ .name = "read more", .at = READ, .is_len_said = true, .len = 1026 },
		{ .name = "a write that writes", .is_len_said = true, .len = 2 },
		{ .name = "wrote everything", .at = 4, .is_len_said = true, .len = 0xffffffff },
		{ .name = "another's descriptor", .at = 2, .id_more = 1 },
		{ .name = "no such descriptor", .at = 2, .id_more = VIRTIO_SIZE },
		{ .name = "no descriptor at all", .at = READ, .id_more = 0xfffffff0 },
		{ .name = "the same twice", .at = 5, .is_twice = true },
		{ .name = "more results than requests", .at = 5, .index_more = 1 },
		{ .name = "more results than the queue has", .index_more = VIRTIO_SIZE },
		{ .name = "results from the past", .at = 9, .index_more = 0xff00 },
		/* It is there no longer, or not really. */
		{ .name = "pulled out", .at = 3, .act = virtio_pull_out, .is_silent = true },
		{ .name = "reset itself", .at = READ, .act = virtio_forget, .is_silent = true },
		{ .name = "wants a reset", .at = 3, .act = want_reset, .is_silent = true },
		{ .name = "owes a result", .at = 3, .is_silent = true },
		/* Capacities. */
		{ .name = "smaller meanwhile", .at = 3, .act = shrink, .is_honest = true },
		{ .name = "endless", .set_up = endless_sectors, .is_honest = true },
		{ .name = "empty", .set_up = no_sectors, .is_honest = true, .outcome = GAVE_UP },
	};

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct virtio_lie lie = lies[i];

		/* A driver that ended was followed by one that did all again. */
		if (!lie.is_honest)
			lie.outcome = SEEN_NEW_DRIVER;
		run_case(&lie);
	}
}

/* The driver ends before it has any client; that one only finds the next. */
static void
test_setup_lies(void **state)
{
	static const struct virtio_lie own[] = {
		{ .name = "no registers of its own", .set_up = no_own_registers },
		{ .name = "registers too short", .set_up = short_registers },
	};

	(void)state;
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		run_case(&own[i]);
	for (size_t i = 0; i < VIRTIO_SETUP_LIES; i++)
		run_case(&virtio_setup_lies[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_lies),
		kernel_test(test_setup_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
