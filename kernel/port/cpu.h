/*
 * Processor, time, interrupts, entropy.
 */
#ifndef KERNEL_PORT_CPU_H
#define KERNEL_PORT_CPU_H

#include "abi/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu; /* kernel/sched's per-processor record */

/* The running processor's record. Never keep it across a switch. */
struct cpu *port_cpu_current(void);
/* Called once per processor by its bring-up code. */
void port_cpu_set_current(struct cpu *cpu);

/* Monotonic nanoseconds since some fixed point before boot; and wall-clock
 * nanoseconds since 1970-01-01 UTC. */
uint64_t port_time_monotonic_ns(void);
uint64_t port_time_realtime_ns(void);

/* Asks for kernel_timer_expired on this processor at `deadline_ns` (monotonic),
 * replacing the earlier request; UINT64_MAX cancels. A deadline in the past
 * fires at once. */
void port_timer_arm(uint64_t deadline_ns);

/* Local interrupts (hosted: the signals that stand for them). Nestable by
 * keeping the returned state. */
bool port_interrupts_disable(void); /* returns whether they were enabled */
void port_interrupts_restore(bool were_enabled);

/* Waits with interrupts enabled until one was handled; called and returns with
 * interrupts disabled. */
void port_cpu_idle(void);

/* The processor's cycle counter, and how often it counts a second (0: not
 * known). Under an emulator that counts instructions, those. */
static inline uint64_t
port_cycles(void)
{
	return __builtin_ia32_rdtsc();
}
uint64_t port_cycles_hz(void);

/* NB_CPU_* of abi/code_contract.h. */
uint32_t port_cpu_features(void);

/* Fills `out` with entropy from the processor or host for seeding. */
void port_entropy(void *out, size_t len);

/* ---- upcalls ---- */
/* From interrupt context, interrupts off, after the deadline passed. */
void kernel_timer_expired(void);

#endif
