/*
 * The two serial ports. Implements port_serial_* of kernel/port/platform.h.
 */
#ifndef PLATFORM_PC_SERIAL_H
#define PLATFORM_PC_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

/* Sets both ports up for polled output; needs nothing. */
void serial_init_early(void);
/* Whether the port's registers are among [first, first + count), and the kernel serves it. */
bool serial_uses_ports(uint32_t first, uint32_t count);
/* Turns on their interrupts; after the I/O APIC. */
void serial_init(void);

#endif
