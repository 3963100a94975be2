/*
 * Ways to end the machine, from the one that carries a status to the crudest.
 *
 * Sources: QEMU hw/misc/debugexit.c (isa-debug-exit: the virtual machine ends
 * with status * 2 + 1), ACPI 6.5 sections 4.8.3.2 and 7.4.2.
 */
#include "platform/pc/power.h"

#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/processor.h"
#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"
#include "platform/pc/acpi.h"

enum {
	DEBUG_EXIT_PORT = 0xf4,
	PM1_ACPI_ON = 1 << 0,
	PM1_SLEEP = 1 << 13,
	PM1_SLEEP_TYPE_SHIFT = 10,
	PM1_SLEEP_TYPE_MASK = 7 << 10,
	KEYBOARD_COMMAND = 0x64,
	KEYBOARD_RESET = 0xfe,
	ACPI_ON_TRIES = 1000000,
	POWER_OFF_TRIES = 1000000, /* about a second on real ports */
};

/* Only on a virtual machine, and only where the device answers. */
static void
try_debug_exit(int status)
{
	if (processor_features.hypervisor && cpu_in32(DEBUG_EXIT_PORT) == 0)
		cpu_out32(DEBUG_EXIT_PORT, (uint32_t)status);
}

static void
acpi_turn_on(void)
{
	if (!acpi_found.enable_port || cpu_in16(acpi_found.pm1_control_port) & PM1_ACPI_ON)
		return;
	cpu_out8(acpi_found.enable_port, acpi_found.enable_value);
	for (int i = 0; i < ACPI_ON_TRIES; i++) {
		if (cpu_in16(acpi_found.pm1_control_port) & PM1_ACPI_ON)
			return;
	}
}

static void
sleep_at(uint16_t port, uint8_t type)
{
	uint16_t kept = cpu_in16(port) & (uint16_t)~PM1_SLEEP_TYPE_MASK;

	cpu_out16(port, (uint16_t)(kept | type << PM1_SLEEP_TYPE_SHIFT | PM1_SLEEP));
}

static void
try_acpi(void)
{
	if (!acpi_found.pm1_control_port || !acpi_find_s5())
		return;
	acpi_turn_on();
	sleep_at(acpi_found.pm1_control_port, acpi_found.s5_a);
	if (acpi_found.pm1b_control_port)
		sleep_at(acpi_found.pm1b_control_port, acpi_found.s5_b);
	/* It takes its time. */
	for (int i = 0; i < POWER_OFF_TRIES; i++)
		(void)cpu_in16(acpi_found.pm1_control_port);
}

static void
try_reset(void)
{
	static const struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} empty = { 0, 0 };

	if (acpi_found.reset_port)
		cpu_out8(acpi_found.reset_port, acpi_found.reset_value);
	cpu_out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
	/* Without a descriptor table the next exception shuts down. */
	__asm__ volatile("lidt %0; ud2" : : "m"(empty));
}

_Noreturn void
port_power_off(int status)
{
	(void)port_interrupts_disable();
	try_debug_exit(status);
	try_acpi();
	try_reset();
	cpu_halt();
}

_Noreturn void
power_stop(int status)
{
	(void)port_interrupts_disable();
	if (processor_features.hypervisor)
		port_power_off(status);
	cpu_halt();
}
