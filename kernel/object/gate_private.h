/*
 * Between the files gate*.c only.
 */
#ifndef KERNEL_OBJECT_GATE_PRIVATE_H
#define KERNEL_OBJECT_GATE_PRIVATE_H

#include "kernel/object/gate.h"
#include "kernel/port/guest.h"
#include "kernel/sched/lock.h"

/* Values of guest_gate_activation.state that are no seat. */
enum gate_mark {
	GATE_IDLE = 0,
	GATE_SERVER = 2, /* the server's thread is not in gate_serve */
	GATE_CLOSED = 4,
	GATE_MARK_LAST = 7,
};

/* A range of the caller's memory 0 that the callee may use. */
struct gate_lend {
	uint64_t base;
	uint32_t len;
	bool may_read, may_write;
};

struct gate_activation {
	struct guest_gate_activation port; /* must be first */
	struct gate_pool *pool;
	struct process_graph *graph; /* clone, or the server's own */
	struct process_graph clone;

	struct spinlock lend_lock;
	/* Under the lock: */
	struct gate_lend lends[GATE_LENDS_MAX];
	uint32_t lend_count;
	/* The call, of port.calls, for which they hold: gates of one server share its
	 * activation, and calls that pass nothing do not come by here. */
	uint64_t lent_call;
	/* Handles that a call, of port.calls, has moved to the caller. Of the thread inside. */
	uint64_t reply_call;
	uint32_t reply_count;
	bool is_detached; /* the lender's memory is gone, or going */
};

struct gate_pool {
	struct process *process; /* which it is a visitor of; referenced until drained */
	struct account *account; /* the process's; owns a reference */
	struct thread *server;	 /* of a pool of one activation without a clone, or NULL */
	uint32_t count;		 /* activations. Constant */

	/* Under gates.lock: */
	struct list_link link; /* in process->gate_pools */
	uint32_t users;	       /* gates, and the server: who frees it */
	bool is_closed;
	bool is_drained;	  /* closed, and graphs and stacks are given back */
	bool is_serving;	  /* the server is in gate_serve */
	bool server_wants;	  /* and is about to leave it */
	enum nb_status end;	  /* what callers get. Valid when closed */
	uint32_t inside;	  /* calls that have not left yet. Valid when closed */
	struct list_link waiters; /* struct gate_wait, in the order of their arrival */
	struct pairing queue;	  /* the same, the most urgent first */
	/* Of the waiters: how many have each priority by themselves, and a bit where there are
	 * some; how many can lend time without a limit, their own or somebody else's. */
	uint32_t base_counts[NB_PRIORITY_MAX + 1];
	uint32_t base_mask;
	uint32_t free_count, lent_free_count;
	uint64_t counted_calls; /* of its calls, those in process->gate_calls */
	uint64_t visit;		/* of the last walk that came by */
	struct gate_pool *visit_next;

	struct gate_activation activations[];
};

/* What who waits gives to those inside. */
struct gate_offer {
	uint32_t priority;
	struct cpu_budget *own;	   /* its own time; NULL: without a limit */
	struct thread_lender lent; /* and what it has been lent */
};

/* A caller in a queue, on its thread's stack. thread->gate_wait points to it.
 * Under gates.lock. */
struct gate_wait {
	struct list_link link;	   /* in pool->waiters, or in no list: decided */
	struct pairing_node place; /* in pool->queue */
	struct gate_offer offer;   /* as it was when it was looked at last */
	uint32_t base;		   /* its priority, and whether its time has no limit, as counted */
	bool is_free;
	struct gate_pool *pool;
	struct thread *thread;
	struct guest_seat *caller;
	uint64_t arrival; /* numbers the waits in the order in which they began */
	struct gate_activation *granted;
	enum nb_status status; /* valid when decided and nothing is granted */
};

/* Letters of a signature, and what they mean as a type. */
struct gate_signature {
	char params[GATE_LETTERS_MAX]; /* zero-terminated */
	enum wasm_valtype param_types[GATE_LETTERS_MAX];
	enum wasm_valtype result_types[GATE_LETTERS_MAX];
	struct wasm_functype type;
	bool has_passing; /* some parameter is no plain value */
};

struct gate {
	struct object object;
	struct gate *base; /* of a badged one: whose calls it makes; referenced */
	uint64_t badge;
	/* Unless there is a base. Constant: */
	struct gate_pool *pool;
	struct gate_signature signature;
	struct nb_callee *entries; /* by activation */
};

/* An import that is bound. */
struct gate_binding {
	struct guest_gate_binding port; /* must be first */
	struct gate *gate;		/* the base; referenced. NULL: calls name one by a handle */
	/* What such calls are: the handle, then a gate's parameters. NULL if there is a gate. */
	struct gate_signature *called;
	/* Whose memory 0 is lent from; of the first graph. */
	const struct nb_vmctx *lender;
	struct account *account;
	struct gate_binding *next; /* in the graph */
};

static inline struct gate_activation *
gate_activation_of(const struct guest_seat *seat)
{
	return (struct gate_activation *)(uintptr_t)seat;
}

/* ---- gate.c ---- */

/* "iI>I" and the like. NB_INVALID_ARGUMENT. */
NB_MUST_USE enum nb_status
gate_signature_read(const char *text, uint32_t len, struct gate_signature *out);
void gate_signature_copy(struct gate_signature *to, const struct gate_signature *from);
/* Whether calls that name their gate can call one with that signature. */
bool gate_signature_fits(const struct gate_signature *called, const struct gate_signature *gate);
/* Gives graphs and stacks of a closed pool with nobody inside back, and the pool
 * itself if nobody uses it. No lock held. */
void gate_pool_drain(struct gate_pool *pool);
/* One user less; the last one closes the pool. No lock held. */
void gate_pool_put(struct gate_pool *pool);

/* Calls made so far into all its activations. */
uint64_t gate_pool_calls(const struct gate_pool *pool);

/* Activations that are charged to accounts, of all pools. Debug kernels only. */
uint64_t gate_activation_count(void);

/* ---- gate_inherit.c: under the lock of gates ---- */

/* The thread that keeps others from entering, or NULL. Its state is held. */
struct thread *gate_occupant_locked(const struct gate_activation *activation);
/* The wait at whose end the pool's next activation is given away, or NULL. */
struct gate_wait *gate_first_locked(const struct gate_pool *pool);
/* Whether some thread that occupies `pool`, or for which such a one waits, directly
 * or not, can go on without `self`. One that is canceled can: its wait is ending. */
bool gate_can_progress_locked(struct gate_pool *pool, const struct thread *self);

/* What follows notes whose inheritance may have changed. It is found anew in
 * gate_settle_locked. */

/* The wait, whose thread, pool and arrival are set, begins: it is in the pool's queue. */
void gate_wait_begin_locked(struct gate_wait *wait);
/* It is out of the queue; then, once its thread is where it goes, withdraws what it gave. */
void gate_wait_leave_locked(struct gate_wait *wait);
void gate_wait_left_locked(const struct gate_wait *wait);
/* The thread has got into a pool with waiters. */
void gate_entered_locked(struct thread *thread);
/* It has left one, or somebody else pays for it, or its own priority is another one. */
void gate_changed_locked(struct thread *thread);
/* The thread will never be in a gate again. */
void gate_forget_locked(struct thread *thread);

/* Some steps of that; true if nothing is left to do. Whoever has noted something calls it
 * before the lock is released, and gate_settle afterwards. */
bool gate_settle_locked(void);
/* Whether everybody has what he inherits. */
bool gate_is_settled_locked(void);

/* ---- gate_queue.c ---- */

/* Looks at the process's open pools, under the lock of gates. Debug kernels only. */
void gate_visit_pools(const struct process *process, void (*visit)(const struct gate_pool *pool));

/* Enters a new pool in its process's list, open; of a server with that mark. */
void gate_pool_open(struct gate_pool *pool);
/* True if the caller, who uses it, must drain it. Gives way to others. */
NB_MUST_USE bool gate_pool_close(struct gate_pool *pool, enum nb_status end);
/* True if the caller, who has just drained it or dropped the last use, frees it. */
NB_MUST_USE bool gate_pool_is_free(struct gate_pool *pool, bool is_drained, uint32_t users_less);
/* One more user. */
void gate_pool_get(struct gate_pool *pool);

/* Takes an activation for a call of the calling thread from `caller`; waits until
 * `deadline_ns`. NB_PEER_CLOSED, NB_PEER_FAULTED, NB_DEADLOCK, NB_TIMED_OUT,
 * NB_CANCELED. May sleep. */
NB_MUST_USE enum nb_status gate_claim(struct gate_pool *pool, struct guest_seat *caller,
				      uint64_t deadline_ns, struct gate_activation **out);
/* The calling thread leaves an activation, which the next one gets. May drain the
 * pool. No lock held. */
void gate_give_back(struct gate_activation *activation);

/* A server begins to serve; NB_CANCELED: the pool is closed. */
NB_MUST_USE enum nb_status gate_server_open(struct gate_pool *pool);
/* And ends it: true if nobody is inside any more, else it is woken then. */
NB_MUST_USE bool gate_server_close(struct gate_pool *pool);

#endif
