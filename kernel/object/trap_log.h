/*
 * The last processes that ended by a trap, for people who look for what went wrong
 * after nobody has a handle any more.
 */
#ifndef KERNEL_OBJECT_TRAP_LOG_H
#define KERNEL_OBJECT_TRAP_LOG_H

#include "abi/types.h"
#include "kernel/object/process.h"

enum { TRAP_LOG_ENTRIES = 16 };

/* Enters a process whose trap is decided, in the place of the oldest entry. Allocates
 * nothing. */
void trap_log_add(struct process *process);

/* The oldest entry kept whose sequence is over `after`. NB_NOT_FOUND. */
NB_MUST_USE enum nb_status trap_log_next(uint64_t after, struct nb_trap_entry *out);

#endif
