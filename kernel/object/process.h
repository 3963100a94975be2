/*
 * Processes: the unit of isolation, authority and accounting.
 *
 * Life: CREATED, while somebody builds it (grants, instances) -> RUNNING, from
 * process_start -> ENDING -> ENDED. Exit, trap, kill, the end of its builder
 * and the loss of the last handle before it was started all lead to the one
 * path process_end, which returns every resource; the object stays, with the
 * exit record, as long as there is a handle.
 *
 * While it is being built, calls that change it are serialised by is_busy.
 * Once it runs, `inside` counts who may execute its code: its own threads and
 * those that have entered it from other processes. When its exit is decided all
 * of them are told to leave, and the last to do so runs process_end.
 */
#ifndef KERNEL_OBJECT_PROCESS_H
#define KERNEL_OBJECT_PROCESS_H

#include "abi/trap.h"
#include "kernel/object/graph.h"
#include "kernel/object/handle.h"
#include "kernel/sched/thread.h"

#include <stdbool.h>

struct gate;
struct module;

struct process {
	struct object object;
	struct account *account; /* its own; owns a reference. Constant */
	uint32_t priority;	 /* constant */
	struct thread_share share;
	struct handle_table handles;

	/* Under the lock of the process list: */
	struct list_link all_link;
	struct process *builder;      /* NULL: none, or not CREATED any more */
	struct list_link built_link;  /* in builder->built */
	struct list_link built;	      /* CREATED processes that this one builds */
	struct list_link doomed_link; /* CREATED, and nobody has a handle any more */

	struct spinlock lock;
	/* Under the lock: */
	uint32_t state; /* NB_PROCESS_* */
	bool is_busy;	/* CREATED, and a call is changing it */
	bool has_exit;	/* status and trap are decided */
	int32_t status;
	enum nb_trap trap;
	uint32_t inside;	  /* own threads and visitors */
	uint32_t thread_count;	  /* own threads */
	struct list_link threads; /* struct thread, by link */
	/* Threads, by link, that were inside other processes when the exit was decided;
	 * counted no more. */
	struct list_link detached;
	struct list_link mappings; /* struct mapping */
	/* Atomic: of the threads that have ended, and of others' that it has paid for. */
	uint64_t left_run_ns;

	/* Under the lock of gates: */
	struct list_link gate_pools; /* open ones */
	uint64_t gate_calls;	     /* counted so far; gate_process_calls knows all */

	struct runtime_backtrace *trace; /* where the trap or kill came; owned, or NULL */

	/* Changed while it is built, constant while it runs: */
	struct process_graph graph;
	uint8_t *startup;
	uint32_t startup_len;

	/* Valid when ENDED: */
	char *backtrace; /* charged to object.account, or spare_backtrace; NULL: none */
	size_t backtrace_size;
	char name[NB_NAME_MAX + 1]; /* under object.lock */
	char spare_backtrace[112];  /* for a process that ends because nothing is left */
};

extern const struct object_type process_type;

struct process_options {
	struct process *builder; /* NULL: the kernel */
	struct account *account; /* parent of the new process's own */
	const char *name;
	size_t name_len;
	uint64_t memory_bytes, handles, threads; /* limits; 0: none */
	uint32_t priority;
	uint32_t processor_permille; /* 0: no limit of its own */
};

/* A process in state CREATED with one reference. Errors: as object_name_set
 * and account_create. */
NB_MUST_USE enum nb_status
process_create(const struct process_options *options, struct process **out);

/* An import namespace and the instance that stands for it, or, with a gate, one
 * function of it. */
struct process_binding {
	const char *name, *field;
	uint32_t name_len, field_len;
	uint32_t instance;
	struct gate *gate; /* or NULL */
	bool lends_client; /* to the gate: memory 0 of the main instance, not the importer's */
};

/* Adds an instance of `module` and returns its index. Errors as the native
 * call; *diag tells why. */
NB_MUST_USE enum nb_status
process_instantiate(struct process *process, struct module *module,
		    const struct process_binding *bindings, uint32_t binding_count,
		    struct diag *diag, uint32_t *out_idx);

/* Prepares a module whose imports are known for process_instantiate. Nobody uses it yet. */
void process_template(struct module *module);

/* What the thread has run so far counts for who pays for it since its own process ended. */
void process_paid(struct thread *thread);
/* The calling thread, a detached one of its process, will never run there again. */
void process_detached_left(struct thread *thread);

/* Starts it with instance `main_idx`; takes over `startup`, which is charged
 * to process->account, if it succeeds. Errors as the native call. */
NB_MUST_USE enum nb_status
process_start(struct process *process, uint32_t main_idx, uint8_t *startup, uint32_t startup_len);

/* Gives a CREATED process a handle. NB_BAD_STATE, those of handle_add. */
NB_MUST_USE enum nb_status
process_grant(struct process *process, struct object *object, uint32_t rights, uint32_t *out);

/* Decides how it ends, unless that is decided, and makes it end. */
void process_kill(struct process *process, int32_t status);
/* The calling thread's process ends with `status`; the caller unwinds. */
void process_exit(struct process *process, int32_t status);
/* It ends by `trap`, which came at *trace (NULL: not known). If that decides it, *trace
 * is taken over and NULL then. */
void process_fault(struct process *process, enum nb_trap trap, struct runtime_backtrace **trace);

/* Counts the caller among those who are inside. NB_PEER_CLOSED unless it is
 * RUNNING and its exit is not decided. */
NB_MUST_USE enum nb_status process_enter(struct process *process);
/* Takes the caller off; the last one out of a process whose exit is decided
 * ends it, and may be long about it. No lock held. */
void process_leave(struct process *process);

/* Kills every process there is. */
void process_kill_all(int32_t status);
/* Processes that are not ENDED, and all that exist. */
uint32_t process_running_count(void);
uint32_t process_live_count(void);

/* The first process, in the order of creation, with an id over `after` that is
 * not ENDED, or NULL; the caller gets a reference. */
struct process *process_next(uint64_t after);

/* Processor time up to now. */
uint64_t process_run_ns(struct process *process);

static inline struct process *
process_of(struct object *object)
{
	return (struct process *)object;
}

#endif
