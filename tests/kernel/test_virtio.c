/*
 * The virtio-rng driver, the module itself, with devices that lie. Whatever they do, the driver
 * either serves its client or ends by itself; the kernel stays in balance.
 */
#include "kernel/init/boot.h"
#include "kernel/ipc/channel.h"
#include "tests/kernel/virtio_device.h"

#include <unistd.h>

enum { DMA_BYTES = 32768, WANTED = 16 };

extern const uint8_t driver_entropy[], driver_entropy_end[];

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
		assert_int_equal(bytes[i], VIRTIO_RNG_BYTE);
}

static void
run_case(const struct virtio_lie *lie)
{
	const uint32_t wanted = WANTED;
	const struct channel_send request = { .bytes = (uint64_t)(uintptr_t)&wanted, .len = 4 };
	struct channel *bus[2], *ends[2], *rude_ends[2], *spare[2];
	struct process *holder; /* of our ends, so that closing them is heard */

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
	virtio_device_start(VIRTIO_KIND_RNG, lie);
	driver = virtio_driver_start("virtio-rng", driver_entropy,
				     (size_t)(driver_entropy_end - driver_entropy), DMA_BYTES,
				     &bus[1]->object);
	alarm(60);
	kernel_run_until(is_answered_or_ended);
	alarm(0);
	if (lie->is_honest != (driver->state != NB_PROCESS_ENDED))
		fail_msg("%s: the driver %s", lie->name, lie->is_honest ? "ended" : "goes on");
	if (lie->is_honest)
		expect_reply();
	else
		assert_int_equal(driver->trap, NB_TRAP_NONE);
	process_kill(driver, 0);
	process_kill(holder, 0);
	kernel_run_until(boot_is_over);
	object_put(&driver->object);
	object_put(&holder->object);
	object_put(&client->object);
	object_put(&rude->object);
	object_put(&spare[0]->object);
	object_put(&bus[0]->object);
	virtio_device_stop();
}

static void
test_lies(void **state)
{
	static const struct virtio_lie lies[] = {
		{ .name = "none", .is_honest = true },
		{ .name = "interrupts for nothing", .interrupts = 10000, .is_honest = true },
		{ .name = "another's descriptor", .id_more = 1 },
		{ .name = "no such descriptor", .id_more = VIRTIO_SIZE },
		{ .name = "no descriptor at all", .id_more = 0xfffffff0 },
		{ .name = "more results than requests", .index_more = 1 },
		{ .name = "more results than the queue has", .index_more = VIRTIO_SIZE },
		{ .name = "results from the past", .index_more = 0xff00 },
		{ .name = "the same twice", .is_twice = true },
		{ .name = "wrote nothing", .is_len_said = true, .len = 0 },
		{ .name = "wrote too much", .is_len_said = true, .len = 1025 },
		{ .name = "wrote everything", .is_len_said = true, .len = 0xffffffff },
		{ .name = "pulled out", .act = virtio_pull_out, .is_silent = true },
		{ .name = "reset itself", .act = virtio_forget, .is_silent = true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++)
		run_case(&lies[i]);
	for (size_t i = 0; i < VIRTIO_SETUP_LIES; i++)
		run_case(&virtio_setup_lies[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
