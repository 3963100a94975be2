/*
 * The two serial ports. Implements port_serial_* of kernel/port/platform.h.
 */
#ifndef PLATFORM_PC_SERIAL_H
#define PLATFORM_PC_SERIAL_H

/* Sets both ports up for polled output; needs nothing. */
void serial_init_early(void);
/* Turns on their interrupts; after the I/O APIC. */
void serial_init(void);

#endif
