/*
 * Exceptions and interrupts: what the entry code and its C side share, and how
 * devices hook on.
 *
 * Every vector enters through trap_entry.S on an interrupt stack. The general
 * registers are saved at once; the vector registers only when guest code was
 * interrupted and its whole state goes to the kernel core.
 */
#ifndef ARCH_X86_64_PRIV_TRAP_H
#define ARCH_X86_64_PRIV_TRAP_H

/* Numbers that trap_entry.S shares. */
#define TRAP_VECTORS	    64
#define TRAP_STUB_BYTES	    16
#define TRAP_STATE_BYTES    408
#define TRAP_STATE_RIP	    128
#define TRAP_STATE_XMM	    144
#define TRAP_STATE_MXCSR    400
#define VECTOR_DEVICE_FIRST 32
#define VECTOR_TIMER	    62
#define VECTOR_SPURIOUS	    63 /* the low four bits must be set on old APICs */

#ifndef __ASSEMBLER__

#include "kernel/port/guest.h"

#include <stddef.h>
#include <stdint.h>

struct trap_frame {
	struct guest_state state; /* at first only gpr is valid, without RSP */
	uint64_t vector;
	uint64_t error;
	uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct guest_state) == TRAP_STATE_BYTES, "trap_entry.S");
_Static_assert(offsetof(struct guest_state, rip) == TRAP_STATE_RIP, "trap_entry.S");
_Static_assert(offsetof(struct guest_state, xmm) == TRAP_STATE_XMM, "trap_entry.S");
_Static_assert(offsetof(struct guest_state, mxcsr) == TRAP_STATE_MXCSR, "trap_entry.S");

/* Loads the interrupt descriptor table; the first call fills it. */
void trap_load_table(void);

/* Calls `handler(context)` on every interrupt of `vector` (VECTOR_DEVICE_FIRST
 * up to VECTOR_SPURIOUS - 1), with interrupts off, before the local APIC is told
 * the end of the interrupt. NULL: the interrupt is passed over. */
typedef void trap_handler(void *context);
void trap_set_handler(unsigned vector, trap_handler *handler, void *context);

/* What interrupted registers a panic may show: the innermost trap frame, or
 * NULL outside of trap handling. */
const struct trap_frame *trap_frame_for_panic(void);

/* Called by trap_entry.S. */
unsigned trap_handle(struct trap_frame *frame);
void trap_handle_guest(struct trap_frame *frame);

#endif
#endif
