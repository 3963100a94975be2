/*
 * Between the files process*.c only.
 */
#ifndef KERNEL_OBJECT_PROCESS_PRIVATE_H
#define KERNEL_OBJECT_PROCESS_PRIVATE_H

#include "kernel/object/process.h"

/* Takes the right to change a CREATED process; NB_BAD_STATE. */
NB_MUST_USE enum nb_status process_build_begin(struct process *process);
/* Gives it back, and ends the process if it was killed meanwhile. */
void process_build_end(struct process *process);
/* It is no longer built by anybody. */
void process_unlink_builder(struct process *process);

/* The entry of a process's thread; `argument` is the process. */
void process_main(void *argument);

/* Returns every resource. The caller has set the state to ENDING and decided
 * the exit; nothing of the process runs but perhaps the caller. */
void process_end(struct process *process);

/* A function export of that name and type [] -> []: *out, or NULL if there is
 * none. NB_UNLINKABLE: it has another type. */
NB_MUST_USE enum nb_status process_find_entry(const struct instance *instance, const char *name,
					      struct nb_callee *out, bool *out_found);

#endif
