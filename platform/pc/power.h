/*
 * Turning the machine off. Implements port_power_off.
 */
#ifndef PLATFORM_PC_POWER_H
#define PLATFORM_PC_POWER_H

/* Ends a virtual machine with `status`, or stops a real one where it stands so
 * that what it printed can be read. For panics. */
_Noreturn void power_stop(int status);

#endif
