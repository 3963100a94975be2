/*
 * Interrupt controllers: the processor's local APIC with its one-shot timer,
 * and the I/O APIC for device lines.
 */
#ifndef ARCH_X86_64_PRIV_APIC_H
#define ARCH_X86_64_PRIV_APIC_H

#include "abi/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Masks the two legacy controllers and enables this processor's local APIC,
 * timer stopped. Its registers lie at physical `base`. Panics without
 * one: every x86-64 machine has it. */
void apic_init(uint64_t base);

/* The running handler's interrupt is done. */
void apic_end_interrupt(void);

/* Starts the timer: VECTOR_TIMER comes after `ticks` (nonzero) of the unit's
 * clock divided by APIC_TIMER_DIVIDE; 0 stops it. */
enum { APIC_TIMER_DIVIDE = 1 };
void apic_timer_start(uint32_t ticks);
/* Ticks left of what was started. */
uint32_t apic_timer_left(void);

/* Numbers of the processors' local APICs. */
uint32_t apic_id(void);

/* The I/O APIC at physical `base` serves global interrupts from `first` on. */
void ioapic_init(uint64_t base, uint32_t first);
/* Sends global interrupt `line` to this processor as `vector`. */
void ioapic_route(uint32_t line, unsigned vector, bool is_level, bool is_active_low);
/* Ends that; the line is masked for good. */
void ioapic_unroute(uint32_t line);
/* Whether there is such a global interrupt, and somebody gets it. */
bool ioapic_has(uint32_t line);
bool ioapic_is_routed(uint32_t line);
/* Of a routed line. An edge that comes while it is masked is lost. */
void ioapic_mask(uint32_t line, bool is_masked);

#endif
