/*
 * Devices of the hosted machine: there are none but those that a test makes up.
 *
 * A test describes them by functions, and raises their interrupts. All
 * interrupt numbers are there; those below 4096 have lines.
 */
#ifndef PLATFORM_HOSTED_DEVICE_H
#define PLATFORM_HOSTED_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct hosted_devices {
	void *context;
	uint32_t (*port_read)(void *context, uint32_t port, unsigned bytes);
	void (*port_write)(void *context, uint32_t port, unsigned bytes, uint32_t value);
	uint64_t mmio_base, mmio_bytes; /* physical addresses that registers have */
	uint8_t *mmio_pages;		/* and what is there, from port_shared_pages_get */
	bool lines_are_level;		/* asserted until lowered; else every raise is an edge */
};

/* NULL: none, which is so at first. Ports then read as all ones. Not while a guest runs. */
void hosted_devices_set(const struct hosted_devices *devices);

/* Raises, or lowers a level. Any pthread. */
void hosted_interrupt_raise(uint32_t number);
void hosted_interrupt_lower(uint32_t number);

/* Whether that interrupt is open, and masked. */
bool hosted_interrupt_is_open(uint32_t number, bool *out_masked);

#endif
