/*
 * Running the kernel as a part of this Linux process.
 */
#ifndef PLATFORM_HOSTED_RUN_H
#define PLATFORM_HOSTED_RUN_H

#include "platform/hosted/serial.h"

#include <stddef.h>
#include <stdint.h>

struct hosted_machine {
	const uint8_t *ramdisk; /* 16-aligned; lives as long as the process; or NULL */
	size_t ramdisk_len;
	const char *command_line;
	struct hosted_serial_fds serials[PORT_SERIAL_COUNT];
	uint64_t memory_pages; /* that the machine has; 0: the host's */
};

/* Boots the kernel on this pthread. Ends the process: with the status given at
 * power-off, or by abort() after a panic. */
_Noreturn void hosted_run(const struct hosted_machine *machine);

#endif
