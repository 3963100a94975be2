/*
 * Resources and interrupt objects against made-up devices: what may be had, what
 * is refused, that every DMA byte comes back, and that a device that never
 * stops interrupting costs no more than its driver acknowledges.
 */
#include "kernel/init/boot.h"
#include "kernel/mm/account.h"
#include "kernel/mm/heap.h"
#include "kernel/object/event.h"
#include "kernel/object/interrupt.h"
#include "kernel/object/resource.h"
#include "kernel/port/memory.h"
#include "platform/hosted/device.h"
#include "tests/kernel/harness.h"

#include <pthread.h>
#include <string.h>

enum { MMIO_BASE = 0x10000000, MMIO_BYTES = 0x10000, PAGE = 4096 };

static struct resource *
new_root(void)
{
	struct resource *root;

	assert_int_equal(resource_create_root(boot_account(), &root), NB_OK);
	return root;
}

static enum nb_status
divide(struct resource *parent, uint32_t kind, uint64_t first, uint64_t count,
       struct resource **out)
{
	const struct nb_resource_info part = { .kind = kind, .first = first, .count = count };

	*out = NULL;
	return resource_divide(parent, boot_account(), &part, out);
}

static struct resource *
new_part(struct resource *parent, uint32_t kind, uint64_t first, uint64_t count)
{
	struct resource *part;

	assert_int_equal(divide(parent, kind, first, count, &part), NB_OK);
	return part;
}

static void
put(struct resource *resource)
{
	object_put(&resource->object);
}

/* ---- dividing ---- */

static void
test_divide_from_root(void **state)
{
	const struct {
		uint32_t kind;
		uint64_t first, count;
		enum nb_status status;
	} cases[] = {
		{ NB_RESOURCE_PORT, 0, 65536, NB_OK },
		{ NB_RESOURCE_PORT, 65535, 1, NB_OK },
		{ NB_RESOURCE_PORT, 65535, 2, NB_OUT_OF_RANGE },
		{ NB_RESOURCE_PORT, 0, 0, NB_OUT_OF_RANGE },
		{ NB_RESOURCE_PORT, UINT64_MAX, 2, NB_OUT_OF_RANGE },
		{ NB_RESOURCE_MMIO, MMIO_BASE, MMIO_BYTES, NB_OK },
		{ NB_RESOURCE_MMIO, MMIO_BASE, MMIO_BYTES + PAGE, NB_ACCESS_DENIED },
		{ NB_RESOURCE_MMIO, MMIO_BASE - PAGE, PAGE, NB_ACCESS_DENIED },
		{ NB_RESOURCE_MMIO, MMIO_BASE + 1, PAGE, NB_INVALID_ARGUMENT },
		{ NB_RESOURCE_MMIO, MMIO_BASE, PAGE + 1, NB_INVALID_ARGUMENT },
		{ NB_RESOURCE_MMIO, UINT64_MAX - PAGE + 1, PAGE, NB_OUT_OF_RANGE },
		{ NB_RESOURCE_IRQ, 4, 1, NB_OK },
		{ NB_RESOURCE_IRQ, 2 * NB_IRQ_MESSAGE - 1, 1, NB_OK },
		{ NB_RESOURCE_IRQ, 2 * NB_IRQ_MESSAGE - 1, 2, NB_OUT_OF_RANGE },
		{ NB_RESOURCE_DMA, 0, PAGE, NB_OK },
		{ NB_RESOURCE_DMA, PAGE, PAGE, NB_INVALID_ARGUMENT },
		{ NB_RESOURCE_DMA, 0, PAGE + 8, NB_INVALID_ARGUMENT },
		{ NB_RESOURCE_ROOT, 0, 1, NB_INVALID_ARGUMENT },
		{ 99, 0, 1, NB_INVALID_ARGUMENT },
	};
	const struct hosted_devices devices = { .mmio_base = MMIO_BASE, .mmio_bytes = MMIO_BYTES };
	struct resource *root = new_root(), *part;

	(void)state;
	hosted_devices_set(&devices);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		enum nb_status status =
			divide(root, cases[i].kind, cases[i].first, cases[i].count, &part);

		if (status != cases[i].status)
			fail_msg("case %zu: %s", i, nb_status_text(status));
		if (status == NB_OK)
			put(part);
	}
	put(root);
	hosted_devices_set(NULL);
}

static struct resource *deepest;

static void
put_deepest(void *argument)
{
	(void)argument;
	put(deepest);
	deepest = NULL;
	thread_exit();
}

static bool
is_deepest_gone(void)
{
	return !deepest;
}

/* Parts of parts, of which only the last is held, and let go of on a thread's stack. */
static void
test_divide_deep(void **state)
{
	enum { DEPTH = 20000 };
	const struct thread_options options = { .account = boot_account(),
						.priority = NB_PRIORITY_NORMAL,
						.stack_bytes = 256 * 1024,
						.entry = put_deepest };
	struct resource *root = new_root();
	struct thread *thread;

	(void)state;
	deepest = new_part(root, NB_RESOURCE_DMA, 0, PAGE);
	for (int i = 0; i < DEPTH; i++) {
		struct resource *next = new_part(deepest, NB_RESOURCE_DMA, 0, PAGE);

		put(deepest);
		deepest = next;
	}
	assert_int_equal(thread_create(&options, &thread), NB_OK);
	thread_start(thread);
	kernel_run_until(is_deepest_gone);
	kernel_run_idle();
	put(root);
}

/* A part never reaches beyond what it is a part of, whatever is asked. */
static void
test_divide_narrows(void **state)
{
	struct resource *root = new_root();
	struct resource *ports = new_part(root, NB_RESOURCE_PORT, 0x60, 5), *part, *all;
	uint32_t made = 0;

	(void)state;
	for (uint64_t first = 0x5c; first < 0x68; first++) {
		for (uint64_t count = 0; count < 9; count++) {
			bool fits = count && first >= 0x60 && first + count <= 0x65;

			assert_int_equal(divide(ports, NB_RESOURCE_PORT, first, count, &part),
					 fits ? NB_OK : NB_OUT_OF_RANGE);
			if (!fits)
				continue;
			made++;
			assert_int_equal(divide(part, NB_RESOURCE_PORT, 0x60, 5, &all),
					 first == 0x60 && count == 5 ? NB_OK : NB_OUT_OF_RANGE);
			if (all)
				put(all);
			put(part);
		}
	}
	assert_int_equal(made, 15);
	assert_int_equal(divide(ports, NB_RESOURCE_IRQ, 0x60, 1, &part), NB_INVALID_ARGUMENT);
	assert_int_equal(divide(ports, NB_RESOURCE_DMA, 0, PAGE, &part), NB_INVALID_ARGUMENT);
	put(ports);
	put(root);
}

static void
test_dma_accounting(void **state)
{
	struct resource *root = new_root(), *more;
	struct resource *whole = new_part(root, NB_RESOURCE_DMA, 0, 10 * PAGE);
	struct resource *half = new_part(whole, NB_RESOURCE_DMA, 0, 6 * PAGE);

	(void)state;
	assert_int_equal(whole->used, 6 * PAGE);
	assert_int_equal(divide(whole, NB_RESOURCE_DMA, 0, 5 * PAGE, &more), NB_LIMIT_EXCEEDED);
	assert_int_equal(resource_take(half, 7 * PAGE), NB_LIMIT_EXCEEDED);
	assert_int_equal(resource_take(half, 6 * PAGE), NB_OK);
	assert_int_equal(resource_take(half, 1), NB_LIMIT_EXCEEDED);
	assert_int_equal(resource_take(half, UINT64_MAX), NB_LIMIT_EXCEEDED);
	/* The parent stays as long as a part of it. */
	object_get(&half->object);
	put(half);
	put(whole);
	assert_int_equal(whole->used, 6 * PAGE);
	object_get(&whole->object);
	resource_give(half, 6 * PAGE);
	put(half);
	assert_int_equal(whole->used, 0);
	put(whole);
	put(root);
}

static void
test_process_has_resource(void **state)
{
	struct process_options options = { .account = boot_account(), .name = "p", .name_len = 1 };
	const uint32_t port = NB_RESOURCE_PORT;
	struct resource *root = new_root();
	struct resource *ports = new_part(root, port, 0x60, 4);
	struct process *process;
	uint32_t handle;

	(void)state;
	assert_int_equal(process_create(&options, &process), NB_OK);
	assert_int_equal(process_grant(process, &root->object, resource_type.rights, &handle),
			 NB_OK);
	assert_false(process_has_resource(process, port, 0x60, 1, NB_RIGHT_READ));
	assert_int_equal(process_grant(process, &ports->object, NB_RIGHT_READ, &handle), NB_OK);
	assert_true(process_has_resource(process, port, 0x60, 1, NB_RIGHT_READ));
	assert_true(process_has_resource(process, port, 0x60, 4, NB_RIGHT_READ));
	assert_false(process_has_resource(process, port, 0x60, 5, NB_RIGHT_READ));
	assert_false(process_has_resource(process, port, 0x5f, 2, NB_RIGHT_READ));
	assert_false(process_has_resource(process, port, 0x60, 1, NB_RIGHT_WRITE));
	assert_false(process_has_resource(process, NB_RESOURCE_IRQ, 0x60, 1, NB_RIGHT_READ));
	assert_int_equal(handle_close(&process->handles, handle), NB_OK);
	assert_false(process_has_resource(process, port, 0x60, 1, NB_RIGHT_READ));
	object_put(&process->object);
	put(ports);
	put(root);
}

/* Every allocation made to fail: nothing stays, and no DMA byte is lost. */
static void
test_divide_failures(void **state)
{
	struct resource *root = new_root();
	struct resource *whole = new_part(root, NB_RESOURCE_DMA, 0, 8 * PAGE), *part;
	struct interrupt *interrupt;
	uint64_t count = 0;
	bool is_complete;

	(void)state;
	do {
		heap_fail_after(count++);
		is_complete = divide(whole, NB_RESOURCE_DMA, 0, 8 * PAGE, &part) == NB_OK;
		if (is_complete) {
			is_complete = interrupt_create(boot_account(), 5, &interrupt) == NB_OK;
			put(part);
		}
		if (is_complete)
			object_put(&interrupt->object);
		heap_fail_after(UINT64_MAX);
		assert_int_equal(whole->used, 0);
	} while (!is_complete);
	assert_true(count > 2);
	put(whole);
	put(root);
}

/* ---- interrupts ---- */

static struct interrupt *
new_interrupt(uint32_t number)
{
	struct interrupt *interrupt;

	assert_int_equal(interrupt_create(boot_account(), number, &interrupt), NB_OK);
	return interrupt;
}

static bool
is_signaled(struct interrupt *interrupt)
{
	kernel_run_idle();
	return object_signals(&interrupt->object) & NB_SIGNAL_SIGNALED;
}

static bool
is_masked(uint32_t number)
{
	bool masked;

	assert_true(hosted_interrupt_is_open(number, &masked));
	return masked;
}

static void
test_edges(void **state)
{
	struct interrupt *interrupt = new_interrupt(5);

	(void)state;
	assert_false(is_signaled(interrupt));
	hosted_interrupt_raise(5);
	assert_true(is_signaled(interrupt));
	assert_false(is_masked(5));
	/* One that comes before the first is served is not lost, and the last. */
	for (int i = 0; i < 1000; i++)
		hosted_interrupt_raise(5);
	assert_true(is_masked(5));
	assert_int_equal(interrupt_ack(interrupt), 2);
	assert_true(is_signaled(interrupt));
	assert_false(is_masked(5));
	assert_int_equal(interrupt_ack(interrupt), 2);
	assert_false(is_signaled(interrupt));
	/* Acknowledging too often does no harm. */
	assert_int_equal(interrupt_ack(interrupt), 2);
	hosted_interrupt_raise(5);
	assert_true(is_signaled(interrupt));
	object_put(&interrupt->object);
}

static void
test_levels(void **state)
{
	const struct hosted_devices devices = { .lines_are_level = true };
	struct interrupt *interrupt;

	(void)state;
	hosted_devices_set(&devices);
	interrupt = new_interrupt(11);
	hosted_interrupt_raise(11);
	for (uint64_t i = 1; i < 100; i++) {
		/* The device is never served: one arrival an acknowledgement. */
		assert_true(is_signaled(interrupt));
		assert_true(is_masked(11));
		assert_int_equal(interrupt_ack(interrupt), i);
	}
	assert_true(is_signaled(interrupt));
	hosted_interrupt_lower(11);
	assert_int_equal(interrupt_ack(interrupt), 100);
	assert_false(is_signaled(interrupt));
	assert_false(is_masked(11));
	object_put(&interrupt->object);
	hosted_devices_set(NULL);
}

static void
test_shared_line(void **state)
{
	const struct hosted_devices devices = { .lines_are_level = true };
	struct interrupt *one, *two, *three, *more;

	(void)state;
	hosted_devices_set(&devices);
	one = new_interrupt(11);
	two = new_interrupt(11);
	three = new_interrupt(11);
	hosted_interrupt_raise(11);
	assert_true(is_signaled(one) && is_signaled(two) && is_signaled(three));
	/* Who has nothing to do with it acknowledges at once; it stays away for the others. */
	assert_int_equal(interrupt_ack(one), 1);
	assert_int_equal(interrupt_ack(one), 1);
	assert_false(is_signaled(one));
	assert_true(is_masked(11));
	/* One that begins now is not waited for. */
	more = new_interrupt(11);
	assert_false(is_signaled(more));
	assert_int_equal(interrupt_ack(more), 1);
	assert_int_equal(interrupt_ack(two), 1);
	assert_true(is_masked(11));
	/* Nor is one that ends without an answer. */
	hosted_interrupt_lower(11);
	object_put(&three->object);
	assert_false(is_masked(11));
	/* Again, with two devices: the second goes on asserting when the first was served. */
	hosted_interrupt_raise(11);
	assert_true(is_signaled(one) && is_signaled(two) && is_signaled(more));
	assert_int_equal(interrupt_ack(two), 2);
	assert_int_equal(interrupt_ack(more), 2);
	assert_int_equal(interrupt_ack(one), 2);
	assert_true(is_signaled(one) && is_signaled(two) && is_signaled(more));
	assert_true(is_masked(11));
	object_put(&one->object);
	object_put(&more->object);
	hosted_interrupt_lower(11);
	assert_int_equal(interrupt_ack(two), 3);
	assert_false(is_masked(11));
	object_put(&two->object);
	/* The last one gave the line back. */
	one = new_interrupt(11);
	assert_false(is_signaled(one));
	object_put(&one->object);
	hosted_devices_set(NULL);
}

static void
test_messages(void **state)
{
	struct interrupt *interrupt = new_interrupt(NB_IRQ_MESSAGE + 7);
	struct object_info info;

	(void)state;
	assert_int_equal(object_info(&interrupt->object, 0, NB_INFO_INTERRUPT, &info), NB_OK);
	assert_int_equal(((const struct nb_interrupt_info *)info.bytes)->number,
			 NB_IRQ_MESSAGE + 7);
	assert_int_not_equal(((const struct nb_interrupt_info *)info.bytes)->message_address, 0);
	for (int i = 0; i < 50; i++)
		hosted_interrupt_raise(NB_IRQ_MESSAGE + 7);
	assert_true(is_signaled(interrupt));
	(void)interrupt_ack(interrupt);
	assert_true(is_signaled(interrupt));
	assert_int_equal(interrupt_ack(interrupt), 50);
	assert_false(is_signaled(interrupt));
	object_put(&interrupt->object);
}

static void
test_slots(void **state)
{
	struct interrupt *all[64], *again;
	enum nb_status status = NB_OK;
	uint32_t count = 0;

	(void)state;
	while (count < 64 && status == NB_OK) {
		status = interrupt_create(boot_account(), count, &all[count]);
		count += status == NB_OK;
	}
	assert_int_equal(status, NB_LIMIT_EXCEEDED);
	assert_int_equal(interrupt_create(boot_account(), 3, &again), NB_ALREADY_EXISTS);
	/* What arrives for one that has gone is nobody's. */
	hosted_interrupt_raise(3);
	object_put(&all[3]->object);
	hosted_interrupt_raise(3);
	again = new_interrupt(3);
	assert_false(is_signaled(again));
	all[3] = again;
	for (uint32_t i = 0; i < count; i++)
		object_put(&all[i]->object);
}

/* Another pthread is the device while the kernel creates, serves and destroys. */
static volatile bool storm_is_over;

static void *
storm(void *unused)
{
	while (!storm_is_over)
		hosted_interrupt_raise(9);
	return unused;
}

static void
test_storm(void **state)
{
	struct interrupt *interrupt;
	uint64_t arrivals = 0;
	pthread_t device;

	(void)state;
	storm_is_over = false;
	assert_int_equal(pthread_create(&device, NULL, storm, NULL), 0);
	for (int round = 0; round < 200; round++) {
		interrupt = new_interrupt(9);
		for (uint64_t i = 1; i <= 10; i++) {
			while (!is_signaled(interrupt))
				;
			arrivals = interrupt_ack(interrupt);
			/* At most one for each acknowledgement, and two at first. */
			assert_in_range(arrivals, 1, i + 2);
		}
		object_put(&interrupt->object);
	}
	storm_is_over = true;
	assert_int_equal(pthread_join(device, NULL), 0);
}

/* ---- through the native calls ---- */

static uint8_t registers[8];
static uint32_t accesses;

static uint32_t
mock_read(void *context, uint32_t port, unsigned bytes)
{
	uint32_t value = 0;

	(void)context;
	accesses++;
	assert_in_range(port, 0x300, 0x308 - bytes);
	memcpy(&value, &registers[port - 0x300], bytes);
	return value;
}

static void
mock_write(void *context, uint32_t port, unsigned bytes, uint32_t value)
{
	(void)context;
	accesses++;
	assert_in_range(port, 0x300, 0x308 - bytes);
	memcpy(&registers[port - 0x300], &value, bytes);
	/* A command that makes it interrupt. */
	if (port == 0x307)
		hosted_interrupt_raise(5);
}

static void
test_guest(void **state)
{
	struct hosted_devices devices = {
		.port_read = mock_read,
		.port_write = mock_write,
		.mmio_base = MMIO_BASE,
		.mmio_bytes = MMIO_BYTES,
	};
	void *pages;
	struct resource *root = new_root();
	struct resource *ports = new_part(root, NB_RESOURCE_PORT, 0x300, 8);
	struct resource *irq = new_part(root, NB_RESOURCE_IRQ, 5, 1);
	struct resource *dma = new_part(root, NB_RESOURCE_DMA, 0, 4 * PAGE), *mmio;
	struct process *process = kernel_process(NULL, "driver");
	uint32_t words[5];

	(void)state;
	assert_int_equal(port_shared_pages_get(MMIO_BYTES, &pages), NB_OK);
	devices.mmio_pages = pages;
	memcpy((uint8_t *)pages + PAGE, "\x44\x33\x22\x11", 4);
	hosted_devices_set(&devices);
	mmio = new_part(root, NB_RESOURCE_MMIO, MMIO_BASE, 2 * PAGE);
	memset(registers, 0, sizeof registers);
	accesses = 0;
	words[0] = kernel_grant(process, &ports->object, resource_type.rights);
	words[1] = kernel_grant(process, &irq->object, resource_type.rights);
	words[2] = kernel_grant(process, &root->object, NB_RIGHT_READ | NB_RIGHT_WRITE);
	words[3] = kernel_grant(process, &mmio->object, resource_type.rights);
	words[4] = kernel_grant(process, &dma->object, resource_type.rights);
	put(ports);
	put(irq);
	put(root);
	put(mmio);
	kernel_instantiate(process, GUEST(driver));
	kernel_start(process, words, 5);
	kernel_run_all(5000, NULL);
	kernel_expect_end(process, 0, NB_TRAP_NONE);
	object_put(&process->object);
	/* What a device may still write to is kept as long as the creator wants. */
	assert_int_equal(dma->used, 0);
	assert_non_null(dma->dma_bytes);
	put(dma);
	assert_memory_equal((uint8_t *)pages + PAGE, "\x44\x33\x22\x11\x88\x77\x66\x55", 8);
	port_shared_pages_put(pages, MMIO_BYTES);
	assert_int_equal(registers[0], 0x34);
	assert_int_equal(registers[1], 0x12);
	assert_int_equal(accesses, 26);
	hosted_devices_set(NULL);
}

/* ---- manifests ---- */

/* A process with fewer than a driver's resources, or fewer rights, does not get its code. */
static void
test_needs(void **state)
{
	const struct hosted_devices devices = { .mmio_base = MMIO_BASE, .mmio_bytes = MMIO_BYTES };
	const struct {
		uint32_t kind;
		uint64_t first, count;
		uint32_t rights;
		const char *missing;
	} wanted[] = {
		{ NB_RESOURCE_PORT, 0x300, 8, NB_RIGHT_READ | NB_RIGHT_WRITE, "port 0x300" },
		{ NB_RESOURCE_MMIO, MMIO_BASE, 2 * PAGE, NB_RIGHT_MAP, "device memory 0x10000000" },
		{ NB_RESOURCE_IRQ, 5, 1, NB_RIGHT_READ, "interrupt 0x5" },
		{ NB_RESOURCE_DMA, 0, 4 * PAGE, NB_RIGHT_MAP, "bytes of DMA 0x4000" },
	};
	struct module *module = GUEST(driver);
	struct resource *root = new_root(), *part;

	(void)state;
	hosted_devices_set(&devices);
	/* In turn, one is left out, is too small, or lacks a right. */
	for (uint32_t i = 0; i < 12; i++) {
		struct process *process = kernel_process(NULL, "driver");
		struct diag diag;
		uint32_t idx;

		for (uint32_t j = 0; j < 4; j++) {
			uint64_t less = wanted[j].kind == NB_RESOURCE_PORT ? 1 : PAGE;
			uint64_t count = wanted[j].count;
			uint32_t rights = wanted[j].rights;

			if (i % 4 == j && (i / 4 == 0 || (i / 4 == 1 && count == 1)))
				continue;
			if (i % 4 == j && i / 4 == 1)
				count -= less;
			if (i % 4 == j && i / 4 == 2)
				rights &= rights - 1;
			part = new_part(root, wanted[j].kind, wanted[j].first, count);
			(void)kernel_grant(process, &part->object, rights);
			put(part);
		}
		diag_init(&diag);
		assert_int_equal(process_instantiate(process, module, NULL, 0, &diag, &idx),
				 NB_ACCESS_DENIED);
		assert_non_null(strstr(diag.text, wanted[i % 4].missing));
		object_put(&process->object);
	}
	object_put(&module->object);
	put(root);
	hosted_devices_set(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(test_divide_from_root),
		kernel_test(test_divide_deep),
		kernel_test(test_divide_narrows),
		kernel_test(test_dma_accounting),
		kernel_test(test_process_has_resource),
		kernel_test(test_divide_failures),
		kernel_test(test_edges),
		kernel_test(test_levels),
		kernel_test(test_shared_line),
		kernel_test(test_messages),
		kernel_test(test_slots),
		kernel_test(test_storm),
		kernel_test(test_guest),
		kernel_test(test_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
