/*
 * PCI's configuration space: as registers, 1 MiB a bus, where the machine's ACPI tables
 * tell of such (MCFG); else by the configuration ports (mechanism 1).
 *
 * Sources: PCI Local Bus 3.0, section 3.2.2.3; PCI Express Base 3.0, section 7.2.2.
 */
#include "user/servers/bus/bus.h"

#include "nebulet.h"

#include <stddef.h>

enum {
	PORT_ADDRESS = 0xcf8,
	PORT_DATA = 0xcfc,
	BUSES = 256,
	BUS_BYTES = 1 << 20,
	FUNCTION_SHIFT = 12, /* of device and function in a bus's registers */
};

static struct nb_pci_info space; /* config_address 0: none */
static uint32_t root;
static volatile uint8_t *windows[BUSES]; /* NULL: not mapped */

void
config_open(const struct bus *bus)
{
	root = bus->root;
	if (nb_system_info(NB_SYSTEM_PCI, &space, sizeof space) < 0)
		space.config_address = 0;
	bus_log(NB_LOG_DEBUG, "PCI", "configured by ",
		space.config_address ? "registers" : "ports");
}

/* The registers of that bus, or NULL. */
static volatile uint8_t *
map_bus(uint32_t number)
{
	uint64_t at = space.config_address + (uint64_t)number * BUS_BYTES;
	int64_t resource, memory, result;

	if (windows[number] || !space.config_address || number < space.first_bus ||
	    number > space.last_bus)
		return windows[number];
	resource = nb_resource_divide(root, NB_RESOURCE_MMIO, at, BUS_BYTES);
	if (resource < 0)
		return NULL;
	memory = nb_mmio_create((uint32_t)resource, 0, BUS_BYTES);
	(void)nb_handle_close((uint32_t)resource);
	if (memory < 0)
		return NULL;
	result = nb_memory_map((uint32_t)memory, 0, BUS_BYTES, 0, NB_MAP_WRITE | NB_MAP_APPEND);
	(void)nb_handle_close((uint32_t)memory);
	if (result >= 0)
		windows[number] = (volatile uint8_t *)(uintptr_t)result;
	return windows[number];
}

/* The register, or NULL: it is behind the ports. */
static volatile uint32_t *
find_register(uint32_t address, uint32_t at)
{
	volatile uint8_t *window = map_bus(address >> 16 & 0xff);

	if (!window)
		return NULL;
	return (volatile uint32_t *)(window + ((address >> 8 & 0xff) << FUNCTION_SHIFT | at));
}

uint32_t
config_read(uint32_t address, uint32_t at)
{
	volatile uint32_t *place = find_register(address, at);

	if (place)
		return *place;
	nb_port_write32(PORT_ADDRESS, address | at);
	return nb_port_read32(PORT_DATA);
}

void
config_write(uint32_t address, uint32_t at, uint32_t value)
{
	volatile uint32_t *place = find_register(address, at);

	if (place) {
		*place = value;
		return;
	}
	nb_port_write32(PORT_ADDRESS, address | at);
	nb_port_write32(PORT_DATA, value);
}
