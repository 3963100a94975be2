/*
 * Devices: what every PC has at fixed places, and who drives what.
 */
#include "user/sdk/bytes.h"
#include "user/servers/bus/bus.h"

#include "nebulet.h"

#include <stddef.h>

/* A part of a platform device. */
struct part {
	const char *device;
	uint32_t kind; /* NB_RESOURCE_* */
	uint64_t first, count;
};

static const struct part parts[] = {
	{ "rtc", NB_RESOURCE_PORT, 0x70, 2 },	      { "rtc", NB_RESOURCE_IRQ, 8, 1 },
	{ "keyboard", NB_RESOURCE_PORT, 0x60, 1 },    { "keyboard", NB_RESOURCE_PORT, 0x64, 1 },
	{ "keyboard", NB_RESOURCE_IRQ, 1, 1 },	      { "vga", NB_RESOURCE_PORT, 0x3c0, 0x20 },
	{ "vga", NB_RESOURCE_MMIO, 0xb8000, 0x8000 }, { "serial3", NB_RESOURCE_PORT, 0x3e8, 8 },
	{ "serial3", NB_RESOURCE_IRQ, 5, 1 },	      { "serial1", NB_RESOURCE_PORT, 0x3f8, 8 },
	{ "serial1", NB_RESOURCE_IRQ, 4, 1 },	      { "serial2", NB_RESOURCE_PORT, 0x2f8, 8 },
	{ "serial2", NB_RESOURCE_IRQ, 3, 1 },
};

enum { PARTS = sizeof parts / sizeof parts[0] };

bool
devices_has(const struct device *device, uint32_t kind, uint64_t first, uint64_t count)
{
	for (uint32_t i = 0; device->platform && i < PARTS; i++) {
		const struct part *part = &parts[i];

		if (part->device == device->platform && part->kind == kind &&
		    first >= part->first && first + count <= part->first + part->count)
			return true;
	}
	return false;
}

void
devices_find(struct bus *bus)
{
	for (uint32_t i = 0; i < PARTS; i++) {
		if (i == 0 || parts[i].device != parts[i - 1].device)
			bus->devices[bus->device_count++].platform = parts[i].device;
	}
}

void
devices_find_pci(struct bus *bus)
{
	if (!bus->is_pci_known)
		pci_find(bus);
	bus->is_pci_known = true;
}

struct device *
devices_match(struct bus *bus, const struct manifest *manifest)
{
	if (manifest->counts[NB_MANIFEST_PCI])
		devices_find_pci(bus);
	for (uint32_t i = 0; i < bus->device_count; i++) {
		struct device *device = &bus->devices[i];

		if (device->is_taken)
			continue;
		if (device->platform ? manifest_drives_platform(manifest, device->platform)
				     : manifest_drives_pci(manifest, device->vendor,
							   device->product, device->class_code)) {
			device->is_taken = true;
			return device;
		}
	}
	return NULL;
}
