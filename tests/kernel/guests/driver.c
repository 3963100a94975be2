/*
 * Drives the made-up device of test_devices: handles of its ports (0x300 to 0x307), of its
 * interrupt (5), of the root, which it cannot use, of two pages of
 * registers and of four pages for DMA.
 */
#include "guest.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name driver", "port 0x300 8 rw", "irq 5", "mmio 0x10000000 8K", "dma 16K");

static void
ports(uint32_t given)
{
	int64_t narrow;

	nb_port_write16(0x300, 0x1234);
	EXPECT(nb_port_read8(0x300) == 0x34);
	EXPECT(nb_port_read8(0x301) == 0x12);
	EXPECT(nb_port_read32(0x300) == 0x1234);
	nb_port_write32(0x304, 0xfedcba98);
	EXPECT(nb_port_read16(0x306) == 0xfedc);
	EXPECT(nb_port_read32(0x304) == 0xfedcba98);
	/* A smaller part, and fewer rights, are all that is left without the whole. */
	narrow = nb_resource_divide(given, NB_RESOURCE_PORT, 0x302, 2);
	EXPECT(narrow > 0);
	EXPECT(nb_resource_divide((uint32_t)narrow, NB_RESOURCE_PORT, 0x302, 3) ==
	       ERR(OUT_OF_RANGE));
	narrow = nb_handle_replace((uint32_t)narrow, NB_RIGHT_READ);
	EXPECT(narrow > 0);
	EXPECT(nb_resource_divide((uint32_t)narrow, NB_RESOURCE_PORT, 0x302, 1) ==
	       ERR(ACCESS_DENIED));
}

static void
interrupts(uint32_t irq)
{
	int64_t interrupt = nb_interrupt_create(irq, 0);
	uint32_t handle = (uint32_t)interrupt;
	struct nb_interrupt_info info;

	EXPECT(interrupt > 0);
	EXPECT(nb_interrupt_create(irq, 0) == ERR(ALREADY_EXISTS));
	EXPECT(nb_interrupt_create(irq, 1) == ERR(OUT_OF_RANGE));
	for (int64_t i = 1; i <= 18; i++) {
		EXPECT(nb_object_wait_one(handle, NB_SIGNAL_SIGNALED, 0) == ERR(TIMED_OUT));
		nb_port_write8(0x307, 1);
		EXPECT(nb_object_wait_one(handle, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER) > 0);
		EXPECT(nb_interrupt_ack(handle) == i);
	}
	EXPECT(nb_object_info(handle, NB_INFO_INTERRUPT, &info, sizeof info) == sizeof info);
	EXPECT(info.number == 5 && info.arrivals == 18 && info.message_address == 0);
	/* It is nobody's when the handle is closed. */
	EXPECT(nb_handle_close(handle) == 0);
	interrupt = nb_interrupt_create(irq, 0);
	EXPECT(interrupt > 0);
	EXPECT(nb_interrupt_ack((uint32_t)interrupt) == 0);
}

static void
authority(uint32_t given, uint32_t root)
{
	struct nb_resource_info info;

	EXPECT(nb_resource_divide(root, NB_RESOURCE_PORT, 0, 65536) == ERR(ACCESS_DENIED));
	EXPECT(nb_resource_divide(given, NB_RESOURCE_PORT, 0x2ff, 1) == ERR(OUT_OF_RANGE));
	EXPECT(nb_resource_divide(given, NB_RESOURCE_MMIO, 0, 4096) < 0);
	EXPECT(nb_interrupt_create(given, 0) == ERR(WRONG_TYPE));
	EXPECT(nb_interrupt_ack(given) == ERR(WRONG_TYPE));
	EXPECT(nb_resource_divide(0, NB_RESOURCE_PORT, 0, 1) == ERR(BAD_HANDLE));
	EXPECT(nb_object_info(given, NB_INFO_RESOURCE, &info, sizeof info) == sizeof info);
	EXPECT(info.kind == NB_RESOURCE_PORT && info.first == 0x300 && info.count == 8);
}

static uint8_t window[2 * 4096] __attribute__((aligned(4096)));

/* Registers are loads and stores, and still there after the mapping is gone. */
static void
registers(uint32_t mmio)
{
	const uint32_t at = (uint32_t)(uintptr_t)window;
	volatile uint32_t *page = (volatile uint32_t *)window;
	int64_t memory = nb_mmio_create(mmio, 4096, 4096);
	uint32_t handle = (uint32_t)memory;

	EXPECT(memory > 0);
	EXPECT(nb_mmio_create(mmio, 4096, 8192) == ERR(OUT_OF_RANGE));
	EXPECT(nb_mmio_create(mmio, 8192, 4096) == ERR(OUT_OF_RANGE));
	EXPECT(nb_mmio_create(mmio, 1, 4096) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_mmio_create(mmio, 0, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_mmio_create(mmio, UINT64_MAX - 4095, 8192) == ERR(OUT_OF_RANGE));
	EXPECT(nb_memory_read(handle, 0, window, 4) == ERR(NOT_SUPPORTED));
	EXPECT(nb_memory_write(handle, 0, window, 4) == ERR(NOT_SUPPORTED));
	EXPECT(nb_module_publish_object(handle, 0, 4096) == ERR(NOT_SUPPORTED));
	EXPECT(nb_memory_map(handle, 0, 4096, at, NB_MAP_WRITE) >= 0);
	EXPECT(page[0] == 0x11223344);
	page[1] = 0x55667788;
	EXPECT(nb_memory_unmap(at) == 0);
	EXPECT(page[0] == 0 && page[1] == 0);
	EXPECT(nb_memory_map(handle, 0, 4096, at, NB_MAP_WRITE) >= 0);
	EXPECT(page[1] == 0x55667788);
	EXPECT(nb_memory_unmap(at) == 0);
	/* Only to be read, although it is a device's. */
	EXPECT(nb_memory_map(handle, 0, 4096, at, 0) >= 0);
	EXPECT(nb_random_fill(window, 4) == ERR(INVALID_ADDRESS));
	EXPECT(page[1] == 0x55667788);
	EXPECT(nb_memory_unmap(at) == 0);
	EXPECT(nb_memory_map(handle, 0, 4096, at, NB_MAP_WRITE) >= 0);
}

/* What is published is what the bytes were then, whatever becomes of them. */
static void
publish_from(uint32_t memory)
{
	static const uint8_t empty_module[8] = { 0, 'a', 's', 'm', 1 }, nothing[8];
	struct nb_module_info info;
	int64_t module;

	EXPECT(nb_memory_write(memory, 0, empty_module, 8) == 8);
	module = nb_module_publish_object(memory, 0, 8);
	EXPECT(module > 0);
	EXPECT(nb_memory_write(memory, 0, nothing, 8) == 8);
	EXPECT(nb_object_wait_one((uint32_t)module, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER) > 0);
	EXPECT(nb_object_info((uint32_t)module, NB_INFO_MODULE, &info, sizeof info) > 0);
	EXPECT(info.state == NB_MODULE_READY);
}

static void
dma(uint32_t resource)
{
	const uint32_t at = (uint32_t)(uintptr_t)window + 4096;
	uint64_t first, second, again;
	int64_t a = nb_dma_create(resource, 4096, &first);
	int64_t b = nb_dma_create(resource, 1, &second);
	struct nb_resource_info info;

	EXPECT(a > 0 && b > 0 && second == first + 4096);
	EXPECT(nb_dma_create(resource, 8193, &again) == ERR(LIMIT_EXCEEDED));
	EXPECT(nb_dma_create(resource, 0, &again) == ERR(OUT_OF_RANGE));
	EXPECT(nb_memory_map((uint32_t)b, 0, 4096, at, NB_MAP_WRITE) >= 0);
	window[4096] = 77;
	/* Still mapped, so still taken. */
	EXPECT(nb_handle_close((uint32_t)b) == 0);
	EXPECT(nb_object_info(resource, NB_INFO_RESOURCE, &info, sizeof info) > 0);
	EXPECT(info.used == 8192);
	EXPECT(nb_memory_unmap(at) == 0);
	EXPECT(nb_object_info(resource, NB_INFO_RESOURCE, &info, sizeof info) > 0);
	EXPECT(info.used == 4096);
	publish_from((uint32_t)a);
	/* The same bytes again, and nothing left in them. */
	b = nb_dma_create(resource, 3 * 4096, &again);
	EXPECT(b > 0 && again == second);
	EXPECT(nb_memory_read((uint32_t)b, 0, window + 4096, 1) == 1);
	EXPECT(window[4096] == 0);
	EXPECT(nb_dma_create(resource, 1, &again) == ERR(LIMIT_EXCEEDED));
}

void
_start(void)
{
	registers(guest_handle(3));
	dma(guest_handle(4));
	ports(guest_handle(0));
	interrupts(guest_handle(1));
	authority(guest_handle(0), guest_handle(2));
	/* What the process had when it was instantiated it keeps for its life. */
	EXPECT(nb_handle_close(guest_handle(0)) == 0);
	EXPECT(nb_port_read16(0x300) == 0x1234);
}
