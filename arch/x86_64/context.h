/*
 * Between context.c and its assembly only.
 */
#ifndef ARCH_X86_64_CONTEXT_H
#define ARCH_X86_64_CONTEXT_H

#include "kernel/port/guest.h"

/* Pushes the callee-saved registers, stores RSP in *save, continues `stack`. */
void guest_context_swap(uint64_t *save, uint64_t stack);
/* Then stores 0 in *lock. */
void guest_context_swap_release(uint64_t *save, uint64_t stack, uint32_t *lock);

/* The first return address of a new context; calls guest_context_begin. */
void guest_context_start(void);
_Noreturn void guest_context_begin(guest_entry *entry, void *argument);

/* Loads every register from `state`; in context.S. */
_Noreturn void guest_state_restore(const struct guest_state *state);

#endif
