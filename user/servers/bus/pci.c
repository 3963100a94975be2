/*
 * PCI functions. Those on bus 0, and behind the bridges there that the firmware has set up.
 *
 * A function that the firmware gave no addresses gets them here, from a window
 * that chipsets leave to PCI. The table of its messages (MSI-X) is written here
 * and never given to a driver: who writes it can make the device write anywhere.
 *
 * Sources: PCI Local Bus 3.0, sections 6.1, 6.2.4, 6.2.5, 6.8.2; PCI-to-PCI
 * Bridge 1.2, section 3.2.5.
 */
#include "user/servers/bus/bus.h"

#include "nebulet.h"

#include <stddef.h>

enum {
	BUSES = 256,
	SLOTS = 32,
	FUNCTIONS = 8,
	AT_ID = 0,
	AT_COMMAND = 4,
	AT_CLASS = 8,
	AT_HEADER = 12,
	AT_BARS = 16,
	AT_CAPABILITIES = 0x34,
	COMMAND_PORTS = 1,
	COMMAND_MEMORY = 2,
	COMMAND_MASTER = 4,
	COMMAND_NO_LINE = 0x400,
	AT_LINE = 0x3c, /* and the pin */
	LINES = 16,
	STATUS_CAPABILITIES = 0x10 << 16,
	HEADER_MANY = 0x80 << 16,
	HEADER_TYPE = 0x7f << 16,
	HEADER_BRIDGE = 1 << 16,
	AT_BEHIND = 0x18, /* of a bridge: which buses */
	BAR_PORTS = 1,
	BAR_64_BITS = 4,
	CAPABILITY_MESSAGES = 0x11, /* MSI-X */
	CAPABILITY_EXPRESS = 0x10,
	EXPRESS_CAN_RESET = 1 << 28,
	EXPRESS_RESET = 1 << 15,
	MESSAGES_ON = 1u << 31,
	MESSAGES_MASK_ALL = 1u << 30,
	MESSAGE_BYTES = 16,
	PAGE = 4096,
};

/* Where functions without addresses go. */
#define WINDOW_FIRST 0xf0000000ull
#define WINDOW_END   0xfc000000ull

/* A function may take 100 ms for its reset; those of virtual machines are done at once, and
 * one that is not answers with all ones, which its driver notices. */
#define RESET_NS 1000000

static uint64_t window_next = WINDOW_FIRST;
static uint32_t messages_used;

static uint32_t
address_of(uint32_t bus, uint32_t slot, uint32_t function)
{
	return 1u << 31 | bus << 16 | slot << 11 | function << 8;
}

/* ---- finding ---- */

/* Gives the BAR an address if it has none, or one that may share a page with another
 * function's. */
static void
bar_place(const struct device *device, uint32_t index, struct bar *bar, bool is_wide)
{
	uint64_t at = (window_next + bar->size - 1) & ~(bar->size - 1);

	bool is_in_reach = bar->base && bar->base + bar->size <= 1ull << 32;

	if (bar->is_ports)
		return;
	if (is_in_reach && bar->size >= PAGE) {
		/* From a bus server before us, perhaps. */
		if (bar->base >= window_next && bar->base + bar->size <= WINDOW_END)
			window_next = bar->base + bar->size;
		return;
	}
	if (at + bar->size > WINDOW_END) {
		bar->size = 0;
		return;
	}
	window_next = (at + bar->size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	bar->base = at;
	config_write(device->address, AT_BARS + 4 * index, (uint32_t)at);
	if (is_wide)
		config_write(device->address, AT_BARS + 4 * index + 4, 0);
}

/* Reads BAR `index` and how large it is; returns how many it takes up. */
static uint32_t
bar_read(const struct device *device, uint32_t index, struct bar *bar)
{
	uint32_t at = AT_BARS + 4 * index;
	uint32_t low = config_read(device->address, at), high = 0, mask;
	bool is_wide = !(low & BAR_PORTS) && (low & 6) == BAR_64_BITS && index + 1 < BARS;

	config_write(device->address, at, UINT32_MAX);
	mask = config_read(device->address, at);
	config_write(device->address, at, low);
	if (is_wide)
		high = config_read(device->address, at + 4);
	bar->is_ports = low & BAR_PORTS;
	mask &= bar->is_ports ? ~3u : ~15u;
	bar->size = mask ? ~mask + 1 : 0;
	if (bar->is_ports)
		bar->size &= 0xffff;
	bar->base = (uint64_t)high << 32 | (low & (bar->is_ports ? ~3u : ~15u));
	if (bar->size)
		bar_place(device, index, bar, is_wide);
	return is_wide ? 2 : 1;
}

static uint8_t
find_capability(const struct device *device, uint8_t wanted)
{
	uint32_t at;

	if (!(config_read(device->address, AT_COMMAND) & STATUS_CAPABILITIES))
		return 0;
	at = config_read(device->address, AT_CAPABILITIES) & 0xfc;
	/* A list without end is a lie. */
	for (uint32_t i = 0; at && i < CONFIG_BYTES / 4; i++) {
		uint32_t head = config_read(device->address, at);

		if ((head & 0xff) == wanted)
			return (uint8_t)at;
		at = head >> 8 & 0xfc;
	}
	return 0;
}

static void
add_function(struct bus *bus, uint32_t address, uint32_t id)
{
	struct device *device = &bus->devices[bus->device_count];

	if (bus->device_count == DEVICES_MAX)
		return;
	bus->device_count++;
	*device = (struct device){
		.address = address,
		.vendor = (uint16_t)id,
		.product = (uint16_t)(id >> 16),
		.class_code = config_read(address, AT_CLASS) >> 8,
	};
	if (config_read(address, AT_HEADER) & HEADER_TYPE)
		return; /* a bridge */
	config_write(address, AT_COMMAND, COMMAND_NO_LINE);
	for (uint32_t i = 0; i < BARS;)
		i += bar_read(device, i, &device->bars[i]);
	device->message_table = find_capability(device, CAPABILITY_MESSAGES);
	device->express = find_capability(device, CAPABILITY_EXPRESS);
}

/* Buses that have been found, in the order in which they are looked at. */
struct buses {
	uint8_t numbers[BUSES];
	bool is_known[BUSES];
	uint32_t count;
};

static void
add_bus(struct buses *buses, uint32_t number)
{
	if (buses->is_known[number])
		return;
	buses->is_known[number] = true;
	buses->numbers[buses->count++] = (uint8_t)number;
}

static void
look_at(struct bus *bus, struct buses *buses, uint32_t address)
{
	uint32_t id = config_read(address, AT_ID);

	if (id == UINT32_MAX)
		return;
	add_function(bus, address, id);
	if ((config_read(address, AT_HEADER) & HEADER_TYPE) == HEADER_BRIDGE)
		add_bus(buses, config_read(address, AT_BEHIND) >> 8 & 0xff);
}

void
pci_find(struct bus *bus)
{
	static struct buses buses;

	config_open(bus);
	add_bus(&buses, 0);
	for (uint32_t i = 0; i < buses.count; i++) {
		for (uint32_t slot = 0; slot < SLOTS; slot++) {
			uint32_t first = address_of(buses.numbers[i], slot, 0);
			uint32_t count = 1;

			if (config_read(first, AT_ID) == UINT32_MAX)
				continue;
			if (config_read(first, AT_HEADER) & HEADER_MANY)
				count = FUNCTIONS;
			for (uint32_t function = 0; function < count; function++)
				look_at(bus, &buses, first | function << 8);
		}
	}
}

/* ---- use ---- */

void
pci_read_config(const struct device *device, uint8_t config[CONFIG_BYTES])
{
	for (uint32_t at = 0; at < CONFIG_BYTES; at += 4) {
		uint32_t value = config_read(device->address, at);

		for (uint32_t i = 0; i < 4; i++)
			config[at + i] = (uint8_t)(value >> 8 * i);
	}
}

void
pci_enable(const struct device *device, bool is_master)
{
	uint32_t command = COMMAND_MEMORY | (is_master ? COMMAND_MASTER : 0u);

	config_write(device->address, AT_COMMAND,
		     command | (device->uses_line ? 0u : COMMAND_NO_LINE));
}

/* Function level reset, which forgets everything; the BARs are written again. */
static void
reset(const struct device *device)
{
	uint32_t at = device->express;

	if (!at || !(config_read(device->address, at + 4) & EXPRESS_CAN_RESET))
		return;
	config_write(device->address, at + 8,
		     (config_read(device->address, at + 8) & 0xffff) | EXPRESS_RESET);
	(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + RESET_NS);
	for (uint32_t i = 0; i < BARS; i++) {
		const struct bar *bar = &device->bars[i];

		if (bar->size && bar->base)
			config_write(device->address, AT_BARS + 4 * i, (uint32_t)bar->base);
	}
}

void
pci_disable(struct device *device)
{
	device->uses_line = false;
	config_write(device->address, AT_COMMAND, COMMAND_NO_LINE);
	reset(device);
}

uint32_t
pci_message_bar(const struct device *device)
{
	return config_read(device->address, device->message_table + 4u) & 7;
}

/* Writes the first row of the table of messages, which lies in a BAR. */
static enum nb_status
write_message(const struct bus *bus, const struct device *device, uint64_t address, uint32_t data)
{
	static uint8_t window[PAGE] __attribute__((aligned(4096)));
	uint32_t where = config_read(device->address, device->message_table + 4u);
	const struct bar *bar = &device->bars[where & 7];
	uint64_t at;
	volatile uint32_t *row;
	int64_t resource, memory, result;

	if ((where & 7) >= BARS || bar->is_ports || (where & ~7u) + MESSAGE_BYTES > bar->size)
		return NB_IO_ERROR;
	at = bar->base + (where & ~7u);
	resource = nb_resource_divide(bus->root, NB_RESOURCE_MMIO, at & ~(PAGE - 1ull), PAGE);
	if (resource < 0)
		return (enum nb_status) - resource;
	memory = nb_mmio_create((uint32_t)resource, 0, PAGE);
	(void)nb_handle_close((uint32_t)resource);
	if (memory < 0)
		return (enum nb_status) - memory;
	result =
		nb_memory_map((uint32_t)memory, 0, PAGE, (uint32_t)(uintptr_t)window, NB_MAP_WRITE);
	(void)nb_handle_close((uint32_t)memory);
	if (result < 0)
		return (enum nb_status) - result;
	row = (volatile uint32_t *)(window + at % PAGE);
	row[0] = (uint32_t)address;
	row[1] = (uint32_t)(address >> 32);
	row[2] = data;
	row[3] = 0; /* not masked */
	return (enum nb_status) - nb_memory_unmap((uint32_t)(uintptr_t)window);
}

/* A message interrupt of its own for the function, the same one each time. */
static int64_t
open_message(const struct bus *bus, struct device *device)
{
	int64_t resource, interrupt;

	if (!device->message_number)
		device->message_number = NB_IRQ_MESSAGE + messages_used++;
	resource = nb_resource_divide(bus->root, NB_RESOURCE_IRQ, device->message_number, 1);
	if (resource < 0)
		return resource;
	interrupt = nb_interrupt_create((uint32_t)resource, 0);
	(void)nb_handle_close((uint32_t)resource);
	return interrupt;
}

/* The line that the firmware says its pin is connected to, as one of the two legacy controllers'
 * (section 6.2.4). Their lines are inputs of the I/O APIC, too; what is connected to its other
 * inputs only ACPI's machine code would tell. */
static int64_t
open_line(const struct bus *bus, const struct device *device)
{
	uint32_t connected = config_read(device->address, AT_LINE), line = connected & 0xff;
	int64_t resource, interrupt;

	if (!(connected >> 8 & 0xff) || line == 0 || line >= LINES)
		return -NB_NOT_SUPPORTED;
	resource = nb_resource_divide(bus->root, NB_RESOURCE_IRQ, line, 1);
	if (resource < 0)
		return resource;
	interrupt = nb_interrupt_create((uint32_t)resource, 0);
	(void)nb_handle_close((uint32_t)resource);
	return interrupt;
}

enum nb_status
pci_interrupt(struct bus *bus, struct device *device, uint32_t *interrupt)
{
	uint32_t control;
	struct nb_interrupt_info info;
	enum nb_status status;
	int64_t opened;

	opened = device->message_table ? open_message(bus, device) : open_line(bus, device);
	if (opened < 0)
		return (enum nb_status) - opened;
	*interrupt = (uint32_t)opened;
	device->uses_line = !device->message_table;
	if (device->uses_line)
		return NB_OK;
	if (nb_object_info(*interrupt, NB_INFO_INTERRUPT, &info, sizeof info) < 0)
		return NB_INTERNAL;
	pci_enable(device, false); /* or nobody hears what is written to the table */
	control =
		config_read(device->address, device->message_table) & ~(uint32_t)MESSAGES_MASK_ALL;
	config_write(device->address, device->message_table, control | MESSAGES_ON);
	status = write_message(bus, device, info.message_address, info.message_data);
	if (status)
		(void)nb_handle_close(*interrupt);
	return status;
}
