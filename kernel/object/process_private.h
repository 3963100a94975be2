/*
 * Between the files process*.c only.
 */
#ifndef KERNEL_OBJECT_PROCESS_PRIVATE_H
#define KERNEL_OBJECT_PROCESS_PRIVATE_H

#include "kernel/object/process.h"
#include "runtime/code_module.h"

/* ---- process_list.c: all processes, and who builds whom ---- */

/* Enters a new process, which `builder` (or NULL) builds. */
void process_list_add(struct process *process, struct process *builder);
/* It has ended. */
void process_list_remove(struct process *process);
/* It is no longer built by anybody. */
void process_unlink_builder(struct process *process);
/* Calls visit(process, context) for every process that has not ended, under the
 * list's lock. Debug kernels only. */
void process_list_visit(void (*visit)(struct process *process, void *context), void *context);
/* Some process that `process` builds and that now nobody builds, or NULL; the
 * caller gets a reference. */
struct process *process_take_built(struct process *process);
/* Some process whose exit is not decided, or NULL; the caller gets a reference. */
struct process *process_find_undecided(void);
/* Ends `process`, which is not started and to which there is no handle any more;
 * perhaps not in this call but in an outer one of the same function. */
void process_doom(struct process *process);

/* ---- process.c ---- */

/* Takes the right to change a CREATED process; NB_BAD_STATE. */
NB_MUST_USE enum nb_status process_build_begin(struct process *process);
/* Gives it back, and ends the process if it was killed meanwhile. */
void process_build_end(struct process *process);

/* ---- process_build.c ---- */

/* An entry of type [] -> []: *out, if *out_found. NB_UNLINKABLE: it has another type. */
NB_MUST_USE enum nb_status
process_find_entry(const struct instance *instance, enum code_entry entry, struct nb_callee *out,
		   bool *out_found);

/* What a process with that main instance begins with: `_start`, or `main` of one that
 * has neither that nor a start function. */
enum code_entry process_entry(const struct instance *main);
/* Bytes of stack for a thread of the process. */
size_t process_stack_bytes(const struct process *process);

/* ---- process_end.c ---- */

/* Counts a thread that has not run yet among the process's, in state RUNNING
 * or, for the first one, CREATED (which becomes RUNNING). NB_BAD_STATE: the exit
 * is decided. */
NB_MUST_USE enum nb_status process_add_thread(struct process *process, struct thread *thread);
/* The calling thread, one of the process's own, has left guest code for ever
 * because of `trap`, or NB_TRAP_NONE. */
void process_thread_left(struct process *process, enum nb_trap trap);
/* Returns every resource. The caller has set the state to ENDING and decided
 * the exit; nobody is inside. */
void process_end(struct process *process);

/* ---- process_run.c ---- */

/* The entry of a process's first thread; `argument` is the process. */
void process_main(void *argument);

#endif
