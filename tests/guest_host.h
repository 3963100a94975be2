/*
 * What a test program that runs guests needs in place of a kernel: one thread
 * on one guest stack, whose faults are traps that end the call; the rest is
 * no_kernel.h's.
 */
#ifndef TESTS_GUEST_HOST_H
#define TESTS_GUEST_HOST_H

#include "kernel/port/guest.h"
#include "runtime/trap.h"
#include "tests/no_kernel.h"

#include <stddef.h>

struct guest_host {
	struct nb_thread_head head;
	struct port_stack stack;
	struct runtime_backtrace backtrace; /* of the last trap that was a fault */
};

/* The one host; fault handlers need to find it. */
extern struct guest_host guest_host;

/* Creates and commits the stack and sets its limits in the head. */
NB_MUST_USE enum nb_status guest_host_init(size_t stack_bytes);
void guest_host_exit(void);

#endif
