/*
 * Boot and power-off of the hosted platform.
 */
#include "platform/hosted/run.h"

#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"
#include "platform/hosted/hosted.h"

#include <stdlib.h>

void
port_power_off(int status)
{
	exit(status & 0xff);
}

void
hosted_run(const struct hosted_machine *machine)
{
	const struct port_boot_info boot = {
		.ramdisk = machine->ramdisk,
		.ramdisk_len = machine->ramdisk_len,
		.command_line = machine->command_line,
		.entry_counter = port_cycles(),
	};

	if (machine->memory_pages)
		hosted_memory_limit_set(machine->memory_pages);
	if (!hosted_serial_start(machine->serials))
		port_panic("the host refuses a thread for the serial ports");
	kernel_main(&boot);
}
