/*
 * What the files of platform/hosted share with each other and with hosted
 * tools and tests.
 */
#ifndef PLATFORM_HOSTED_HOSTED_H
#define PLATFORM_HOSTED_HOSTED_H

#include "abi/status.h"
#include "kernel/port/guest.h"

#include <stdint.h>
#include <ucontext.h>

/* Bounds what the port_* memory functions give out in all, in pages; the
 * default is the host's physical memory. Memory already given out counts. */
void hosted_memory_limit_set(uint64_t pages);

/* Makes the next port_* memory request that can fail after `count` successful
 * ones fail, and all later ones; UINT64_MAX: none. For tests. */
void hosted_memory_fail_after(uint64_t count);

/* Gives the calling pthread an alternate signal stack and installs the
 * handlers below. */
NB_MUST_USE enum nb_status hosted_fault_thread_init(void);
/* Installs, for the whole process, the handlers that turn SIGSEGV, SIGBUS,
 * SIGILL and SIGFPE in guest code into kernel_guest_fault. Faults elsewhere go
 * to the handlers found here. May be repeated when something (a test library)
 * has replaced them. */
void hosted_fault_handlers_install(void);
/* Takes back the calling pthread's alternate stack. */
void hosted_fault_thread_exit(void);

/* True if `pc` lies in the range of published code. */
bool hosted_pc_is_guest(uint64_t pc);

/* Between a signal's context and the kernel's form of the same state. */
void hosted_state_load(struct guest_state *state, const ucontext_t *context);
void hosted_state_store(const struct guest_state *state, ucontext_t *context);

#endif
