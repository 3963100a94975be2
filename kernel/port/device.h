/*
 * Devices as processes use them: ports, registers in memory, interrupts.
 *
 * The core hands these out as resources; the platform says which of them are
 * its own, or memory, and can never be handed out.
 */
#ifndef KERNEL_PORT_DEVICE_H
#define KERNEL_PORT_DEVICE_H

#include "abi/status.h"
#include "abi/types.h"

#include <stdbool.h>
#include <stdint.h>

/* Ports, `bytes` 1, 2 or 4; all of them below 65 536. */
uint32_t port_io_read(uint32_t port, unsigned bytes);
void port_io_write(uint32_t port, unsigned bytes, uint32_t value);

/* Whether the ports [first, first + count), all below 65 536, may be handed
 * out: none is the kernel's or would reach memory behind its back. */
bool port_io_is_free(uint32_t first, uint32_t count);

/* Whether physical [first, first + len) may be handed out as device registers: no
 * memory, and nothing of the kernel's. The sum does not overflow. */
bool port_mmio_is_free(uint64_t first, uint64_t len);

/* What stands for the pages of registers at `physical`, which are free, in port_slot_map.
 * Nobody reads or writes there. */
const void *port_mmio_pages(uint64_t physical);

/* Where PCI's configuration space is among the registers: *out as struct nb_pci_info. False:
 * it is not. */
bool port_pci_config(struct nb_pci_info *out);

/* ---- interrupts ---- */

/* An open interrupt is known by its slot. */
enum { PORT_INTERRUPT_SLOTS = 24 };

struct port_interrupt {
	uint32_t slot;
	bool is_level;		  /* asserted until the device is served */
	uint64_t message_address; /* what makes it arrive; 0: it has a line */
	uint32_t message_data;
};

/* Opens interrupt `number` (as resources count them), unmasked. NB_OUT_OF_RANGE: the
 * machine has no such; NB_ALREADY_EXISTS: it is open, or the kernel's;
 * NB_LIMIT_EXCEEDED: no slot is free. */
enum nb_status port_interrupt_open(uint32_t number, struct port_interrupt *out) NB_MUST_USE;
/* It does not arrive any more when this returns. */
void port_interrupt_close(uint32_t slot);
/* Messages cannot be masked: then nothing happens. Interrupts off. */
void port_interrupt_mask(uint32_t slot, bool is_masked);

/* ---- upcalls ---- */
/* From interrupt context: the interrupt of that slot has arrived. */
void kernel_interrupt_arrived(uint32_t slot);

#endif
