/*
 * What a fault in guest code means, and where it was.
 */
#ifndef RUNTIME_TRAP_H
#define RUNTIME_TRAP_H

#include "abi/trap.h"
#include "kernel/port/guest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The trap behind a fault that kernel_guest_fault got, on a thread with that
 * stack. False: no recorded site explains it, the kernel or the compiler is
 * wrong. Safe on the fault stack. */
bool
runtime_fault_resolve(enum guest_fault_kind kind, uint64_t address, const struct guest_state *state,
		      const struct port_stack *stack, enum nb_trap *out);

enum { RUNTIME_BACKTRACE_FRAMES = 64 };

/* Addresses of the frames of one activation, innermost first. Meaningful while
 * the modules that they lie in are published. */
struct runtime_backtrace {
	uint32_t count;
	bool is_truncated; /* there were more frames */
	struct {
		uint64_t pc;
		bool is_return_address;
	} frames[RUNTIME_BACKTRACE_FRAMES];
};

/* Of a fault or interrupt at `state`, or, with NULL, of the thread's kernel
 * call under way. Safe on the fault stack. */
void runtime_backtrace_capture(struct runtime_backtrace *out, const struct nb_thread_head *head,
			       const struct guest_state *state);

/* Writes one line a frame,
 *   at NAME (MODULE, function N, offset 0xOFFSET)
 * with NAME left out where there is none, into out[0..cap), terminated;
 * returns the length of the whole text. What was inlined has a line of its own,
 * above that of the function it was inlined into, whose offset is left out.
 * Safe on the fault stack. */
size_t runtime_backtrace_format(const struct runtime_backtrace *backtrace, char *out, size_t cap);

#endif
