/*
 * Boot information, byte ports, power and panic.
 */
#ifndef KERNEL_PORT_PLATFORM_H
#define KERNEL_PORT_PLATFORM_H

#include "abi/status.h"

#include <stddef.h>
#include <stdint.h>

struct port_boot_info {
	const uint8_t *ramdisk; /* initial archive, mapped read-only for ever; or NULL */
	size_t ramdisk_len;
	const char *command_line; /* zero-terminated, never NULL */
	uint64_t entry_counter;	  /* time stamp counter at the first kernel instruction */
};

/* The two byte ports to the outside. */
enum port_serial { PORT_SERIAL_CONSOLE, PORT_SERIAL_LINK, PORT_SERIAL_COUNT };

/* Writes what fits at once and returns how much; when less than `len`,
 * kernel_serial_ready is called later. Interrupts off or on. */
size_t port_serial_write(enum port_serial port, const uint8_t *bytes, size_t len);
/* Reads what has arrived, up to `cap` bytes; 0: nothing now. */
size_t port_serial_read(enum port_serial port, uint8_t *out, size_t cap);
/* Leaves the port to whoever then opens its interrupt and gets its ports: from now on it is
 * written by port_serial_write_sync only, and port_serial_read gives what had arrived.
 * NB_NOT_SUPPORTED: it is none that a process can drive. */
enum nb_status port_serial_release(enum port_serial port) NB_MUST_USE;
/* Writes everything by polling: for panics, early boot, and the log when nobody follows it. */
void port_serial_write_sync(enum port_serial port, const uint8_t *bytes, size_t len);

/* Powers the machine off (hosted: ends the process). `status` 0..255 becomes
 * the exit status of the virtual machine where it has one. */
_Noreturn void port_power_off(int status);

/* Prints what it can (message, symbolised backtrace) and stops the machine. */
_Noreturn void port_panic(const char *message);

/* ---- upcalls ---- */
/* First C function of the kernel core, on the boot stack, interrupts off. */
_Noreturn void kernel_main(const struct port_boot_info *boot);
/* From port_panic, before it prints: shows what the log has not shown. No lock is taken. */
void kernel_panicking(void);
/* From interrupt context: `port` has input or room for output. */
void kernel_serial_ready(enum port_serial port);

#endif
