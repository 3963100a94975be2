/*
 * Time on pc, and the one-shot timer. Implements the time part of
 * kernel/port/cpu.h.
 */
#ifndef PLATFORM_PC_CLOCK_H
#define PLATFORM_PC_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Chooses the sources of time and starts them. After apic_init. */
void clock_init(void);

/* kvm-clock: true if the hypervisor offers it and it now runs. */
bool kvm_clock_init(void);
uint64_t kvm_clock_monotonic_ns(void);
uint64_t kvm_clock_tsc_hz(void);
/* Nanoseconds since 1970 at the zero of kvm_clock_monotonic_ns. */
uint64_t kvm_clock_boot_time_ns(void);

/* Nanoseconds since 1970 by the battery clock, to the second. */
uint64_t rtc_read_ns(void);

#endif
