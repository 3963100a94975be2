/*
 * Threads: what the scheduler runs.
 *
 * A guest thread belongs to a process and runs guest code, kernel calls and
 * its process's end on its own stack. A kernel thread has no process; it does
 * long work and calls sched_relax often. Suspended threads are of two kinds:
 * those that left by themselves in kernel code have `context`; those that an
 * interrupt found in guest code have `state`.
 *
 * Life: thread_create -> thread_start -> (running, ready, blocked)* ->
 * thread_exit, after which the scheduler frees stack and record.
 */
#ifndef KERNEL_SCHED_THREAD_H
#define KERNEL_SCHED_THREAD_H

#include "abi/code_contract.h"
#include "abi/status.h"
#include "abi/types.h"
#include "kernel/port/guest.h"
#include "kernel/sched/pairing.h"
#include "kernel/sched/reaping.h"
#include "lib/list.h"
#include "runtime/trap.h"

#include <stdbool.h>
#include <stdint.h>

struct account;
struct cpu_budget;
struct gate_pool;
struct gate_wait;
struct object;
struct process;

/* Who shares the processor: a process's threads count as one. */
struct thread_share {
	uint32_t runnable;	   /* atomic: ready or running threads */
	struct cpu_budget *budget; /* that their time is taken from; NULL: no limit. Constant */
	/* Of all of them, by priority, from which a thread that comes does not lag much. Under
	 * the lock of the processor. */
	uint64_t vruntime_ns[NB_PRIORITY_MAX + 1];
};

enum thread_state {
	THREAD_NEW,
	THREAD_READY,	/* in a run queue */
	THREAD_RUNNING, /* cpu->current */
	THREAD_BLOCKED,
	THREAD_PARKED, /* in cpu->timeouts until its budget allows it to run */
	THREAD_DEAD,
};

/* Reasons in head.pending to take the slow path before guest code goes on. */
enum thread_pending {
	THREAD_PENDING_EVENTS = 1, /* interrupts left something to do */
	THREAD_PENDING_YIELD = 2,  /* another thread should run */
	/* the process is ending; never cleared */
	THREAD_PENDING_DIE = GUEST_PENDING_END,
	/* whether its budget allows guest code is to be asked first */
	THREAD_PENDING_LIMIT = 8,
};

/* Somebody who waits for a thread, and lends it processor time. */
struct thread_lender {
	bool is_there;
	struct cpu_budget *budget; /* from which it is taken; NULL: there is no limit */
};

/* What a thread has from those who wait for it. */
struct thread_inheritance {
	uint32_t priority; /* 0: none */
	struct thread_lender lender;
};

struct thread {
	struct guest_seat home;	    /* its own seat */
	struct guest_seat *seat;    /* where it is: `home`, or an activation of a gate */
	struct process *process;    /* whose thread it is; NULL: kernel thread. Constant */
	struct object *owner;	    /* the process again, referenced; or NULL. Constant */
	struct thread_share *share; /* the process's, or own_share; see thread_pay_by */
	struct thread_share own_share;
	struct account *account; /* pays for this record and the stack; likewise */
	struct object *payer;  /* whose `share` it is since thread_pay_by; referenced. NULL: none */
	uint64_t paid_run_ns;  /* of run_ns, what came before or is in the payer's sum */
	struct list_link link; /* in process->threads, under the process's lock */
	size_t stack_bytes;    /* charged, of home.stack */
	void (*entry)(void *argument);
	void *argument;

	/* Under the lock of `cpu`: */
	struct cpu *cpu; /* whose queue it is in or was in last */
	enum thread_state run_state;
	struct pairing_node ready; /* key: vruntime */
	uint64_t vruntime_ns;	   /* run time scaled by the threads that share it */
	struct pairing_node
		timeout;     /* key: deadline; in cpu->timeouts while blocked with one, or parked */
	bool wake_permit;    /* thread_wake came before thread_block */
	bool is_at_boundary; /* its next step, not interrupted, is guest code */
	uint32_t priority;   /* NB_PRIORITY_*: the higher of the next two */
	uint32_t base_priority;	     /* its own */
	uint32_t inherited_priority; /* from those who wait for it; 0: none */

	struct thread_lender lender;	 /* if its own budget is used up */
	struct cpu_budget *payer_budget; /* what its run time is taken from */

	uint64_t run_ns; /* written by the processor that runs it */

	/* Owned by the thread, or by who switches it: */
	bool is_interrupted; /* `state` holds it, else `context` */
	bool is_condemned;   /* `state` has been made to unwind */
	struct guest_context context;
	struct reaping reaping;

	/* Under the lock of gates: */
	struct gate_wait *gate_wait; /* it waits to get into one; or NULL */
	bool is_detached;	     /* its process ended while it was inside another */
	/* What it inherits, as far as known, and whether that is to be looked at again. */
	struct thread_inheritance inheritance;
	struct list_link inherit_link; /* in one of the lists of gate_inherit.c, or in none */
	bool inherit_lowers;	       /* in the first */
	struct gate_pool *serving;     /* of gates on its own instances, or NULL; the thread's */

	/* Where guest code was when it trapped or was told to die; heap memory that is
	 * charged with this record. NULL: it was not, or there was no memory. */
	struct runtime_backtrace *trace;

	struct guest_state state; /* of any content unless is_interrupted */
};

struct thread_options {
	struct process *process;    /* or NULL */
	struct object *owner;	    /* or NULL; a reference is taken */
	struct thread_share *share; /* or NULL: shares with nobody */
	struct account *account;    /* a reference is taken */
	uint32_t priority;
	size_t stack_bytes;
	void (*entry)(void *argument); /* must not return: ends with thread_exit */
	void *argument;
};

/* A thread that does not run yet. NB_OUT_OF_MEMORY, NB_LIMIT_EXCEEDED. */
NB_MUST_USE enum nb_status thread_create(const struct thread_options *options, struct thread **out);
/* Frees a thread that was never started, or is dead and off its stack. */
void thread_destroy(struct thread *thread);
/* Lets it run. */
void thread_start(struct thread *thread);
/* Ends the calling thread. */
_Noreturn void thread_exit(void);

/* Threads that exist. */
uint32_t thread_live_count(void);

/* The running thread; NULL in the scheduler's own loop. */
struct thread *thread_current(void);

/* Sleeps until thread_wake is called for this thread, or was called since the
 * last thread_block; may also return without cause. Returns false, perhaps at
 * once, if the monotonic clock is past `deadline_ns` (UINT64_MAX: none), or past the
 * deadline of a gate call that it is inside of: the caller then stops waiting. The
 * caller holds no lock and checks its condition again. */
bool thread_block(uint64_t deadline_ns);
/* Makes `thread` leave or not enter thread_block. Any context but interrupts;
 * takes the run queue's lock. */
void thread_wake(struct thread *thread);
/* Changes what it inherits. The caller has the lock of gates. */
void thread_inherit(struct thread *thread, const struct thread_inheritance *inheritance);

/* Who pays for a thread when its process has ended: from now on its time is taken from
 * `share`, and its stack and record from `account` unless a limit refuses that. `payer`
 * is the object that both are part of: it is referenced as long as the thread is there.
 * The caller has the lock of gates. */
void thread_pay_by(struct thread *thread, struct object *payer, struct thread_share *share,
		   struct account *account);

/* The thread that is in a seat, which somebody is. */
static inline struct thread *
thread_of_seat(const struct guest_seat *seat)
{
	return list_entry(seat->place, struct thread, seat);
}

/* Changes the thread's own priority, NB_PRIORITY_*. Takes the run queue's lock. The
 * caller has the lock of gates (gate_set_priority). */
void thread_set_priority_base(struct thread *thread, uint32_t priority);

/* Sets bits of thread_pending in the thread's own seat; wakes it if DIE is among
 * them. */
void thread_set_pending(struct thread *thread, uint64_t bits);

/* True if the calling thread must stop waiting: the process that it works for,
 * or one of those whose calls have led it there, is ending. */
bool thread_is_canceled(void);
/* The same of another thread, which cannot leave its seat meanwhile: it waits to get
 * into a gate, and the caller has the lock of gates. */
bool thread_must_cancel(const struct thread *thread);

#endif
