/*
 * Devices that processes drive: what of the machine may be handed out, and
 * their interrupts.
 *
 * An interrupt slot is a vector of its own. Lines go through the I/O APIC;
 * messages are writes of the device to the local APIC's address, which the
 * bus server programs into the device.
 *
 * Sources: Intel SDM volume 3A 11.11 (messages); the ports' owners as in the
 * chipsets' and QEMU's documentation.
 */
#include "kernel/port/device.h"
#include "arch/x86_64/priv/apic.h"
#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/trap.h"
#include "kernel/port/cpu.h"
#include "platform/pc/acpi.h"
#include "platform/pc/boot_protocol.h"
#include "platform/pc/serial.h"

#include "abi/types.h"

#include <stddef.h>

enum {
	VECTOR_FIRST = VECTOR_DEVICE_FIRST + 6, /* below lie those of the kernel's serial ports */
	LINES_MAX = 256,
	CONTROLLER_BYTES = 4096,
	MESSAGE_BYTES = 1 << 20, /* every write there is an interrupt at some processor */
	MESSAGE_ID_SHIFT = 12,
};
_Static_assert(VECTOR_FIRST + PORT_INTERRUPT_SLOTS <= VECTOR_TIMER, "the timer's vector");

#define MESSAGE_BASE 0xfee00000u
/* Registers beyond that are not in the direct map on every machine. */
#define REACH_END (4ull << 30)

struct port_range {
	uint16_t first, last;
};

/* Ports that would let a process pass the kernel, and those that the kernel uses. */
static const struct port_range kept_ports[] = {
#define NB_RESERVED_PORTS(first, last, text) { first, last },
#include "abi/reserved_ports.def"
#undef NB_RESERVED_PORTS
	{ 0xf4, 0xf4 },	  /* exit of the emulator */
	{ 0x510, 0x51b }, /* QEMU's configuration device, which has DMA */
};

/* What uses an interrupt slot. */
struct slot {
	bool is_open;
	bool has_line;
	uint32_t number; /* as resources count them */
	uint32_t line;	 /* global interrupt; valid if has_line */
};

static struct slot slots[PORT_INTERRUPT_SLOTS];

/* ---- ports ---- */

uint32_t
port_io_read(uint32_t port, unsigned bytes)
{
	switch (bytes) {
	case 1:
		return cpu_in8((uint16_t)port);
	case 2:
		return cpu_in16((uint16_t)port);
	default:
		return cpu_in32((uint16_t)port);
	}
}

void
port_io_write(uint32_t port, unsigned bytes, uint32_t value)
{
	switch (bytes) {
	case 1:
		cpu_out8((uint16_t)port, (uint8_t)value);
		break;
	case 2:
		cpu_out16((uint16_t)port, (uint16_t)value);
		break;
	default:
		cpu_out32((uint16_t)port, value);
		break;
	}
}

static bool
overlaps(uint64_t first, uint64_t count, uint64_t other, uint64_t other_count)
{
	return first < other + other_count && other < first + count;
}

bool
port_io_is_free(uint32_t first, uint32_t count)
{
	for (size_t i = 0; i < sizeof kept_ports / sizeof kept_ports[0]; i++) {
		const struct port_range *kept = &kept_ports[i];

		if (overlaps(first, count, kept->first, kept->last - kept->first + 1u))
			return false;
	}
	if (serial_uses_ports(first, count))
		return false;
	/* Power management: the control registers and what switches to ACPI. */
	return !(acpi_found.pm1_control_port &&
		 overlaps(first, count, acpi_found.pm1_control_port, 2)) &&
	       !(acpi_found.pm1b_control_port &&
		 overlaps(first, count, acpi_found.pm1b_control_port, 2)) &&
	       !(acpi_found.enable_port && overlaps(first, count, acpi_found.enable_port, 1));
}

bool
port_mmio_is_free(uint64_t first, uint64_t len)
{
	const struct {
		uint64_t base, bytes;
	} kept[] = {
		{ acpi_found.local_apic, CONTROLLER_BYTES },
		{ acpi_found.io_apic, CONTROLLER_BYTES },
		{ acpi_found.hpet, CONTROLLER_BYTES },
		{ MESSAGE_BASE, MESSAGE_BYTES },
	};

	if (first + len > REACH_END || boot_is_memory(first, first + len))
		return false;
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
		if (kept[i].base && overlaps(first, len, kept[i].base, kept[i].bytes))
			return false;
	}
	return true;
}

bool
port_pci_config(struct nb_pci_info *out)
{
	if (!acpi_found.pci_config)
		return false;
	*out = (struct nb_pci_info){
		.config_address = acpi_found.pci_config,
		.first_bus = acpi_found.pci_first_bus,
		.last_bus = acpi_found.pci_last_bus,
	};
	return true;
}

const void *
port_mmio_pages(uint64_t physical)
{
	return map_direct(physical);
}

/* ---- interrupts ---- */

static void
arrived(void *context)
{
	kernel_interrupt_arrived((uint32_t)((struct slot *)context - slots));
}

/* A free slot, PORT_INTERRUPT_SLOTS if there is none; NB_ALREADY_EXISTS if one has
 * that number. */
static enum nb_status
find_slot(uint32_t number, uint32_t *out)
{
	*out = PORT_INTERRUPT_SLOTS;
	for (uint32_t i = PORT_INTERRUPT_SLOTS; i-- > 0;) {
		if (!slots[i].is_open)
			*out = i;
		else if (slots[i].number == number)
			return NB_ALREADY_EXISTS;
	}
	return *out < PORT_INTERRUPT_SLOTS ? NB_OK : NB_LIMIT_EXCEEDED;
}

/* Which input of the I/O APIC an interrupt with a line is, and what kind. Lines beyond
 * the ISA's are PCI's. */
static enum nb_status
find_line(uint32_t number, struct acpi_line *out)
{
	if (number >= LINES_MAX)
		return NB_OUT_OF_RANGE;
	*out = number < ACPI_ISA_LINES ? acpi_found.isa[number]
				       : (struct acpi_line){ .global = number, .is_level = true };
	if (!ioapic_has(out->global))
		return NB_OUT_OF_RANGE;
	return ioapic_is_routed(out->global) ? NB_ALREADY_EXISTS : NB_OK;
}

enum nb_status
port_interrupt_open(uint32_t number, struct port_interrupt *out)
{
	bool is_message = number >= NB_IRQ_MESSAGE;
	struct acpi_line line = { 0 };
	enum nb_status status = is_message ? NB_OK : find_line(number, &line);
	uint32_t slot;

	if (status == NB_OK)
		status = find_slot(number, &slot);
	if (status != NB_OK)
		return status;
	slots[slot] = (struct slot){
		.is_open = true, .has_line = !is_message, .number = number, .line = line.global
	};
	*out = (struct port_interrupt){ .slot = slot, .is_level = line.is_level };
	trap_set_handler(VECTOR_FIRST + slot, arrived, &slots[slot]);
	if (is_message) {
		out->message_address = MESSAGE_BASE | (uint64_t)apic_id() << MESSAGE_ID_SHIFT;
		out->message_data = VECTOR_FIRST + slot;
	} else {
		ioapic_route(line.global, VECTOR_FIRST + slot, line.is_level, line.is_active_low);
	}
	return NB_OK;
}

void
port_interrupt_mask(uint32_t slot, bool is_masked)
{
	if (slots[slot].has_line)
		ioapic_mask(slots[slot].line, is_masked);
}

void
port_interrupt_close(uint32_t slot)
{
	bool enabled = port_interrupts_disable();

	if (slots[slot].has_line)
		ioapic_unroute(slots[slot].line);
	trap_set_handler(VECTOR_FIRST + slot, NULL, NULL);
	slots[slot].is_open = false;
	port_interrupts_restore(enabled);
}
