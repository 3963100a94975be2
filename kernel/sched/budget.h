/*
 * Budgets: how much processor time a process, with all that it creates, may
 * have, when its creator has limited that.
 *
 * A budget fills at its rate up to BUDGET_WINDOW_NS of it, and all run time is
 * taken from it and from the limited ones above. Time is never lost or given:
 * one that ran longer than it had owes the rest. A thread whose budget or one
 * above is used up does not run until all are half full again, so it is
 * preempted at most once in some ten milliseconds. Threads of several processors
 * may draw on one budget: one lock is for all of them, the innermost but few.
 */
#ifndef KERNEL_SCHED_BUDGET_H
#define KERNEL_SCHED_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum { BUDGET_WINDOW_NS = 20 * 1000 * 1000, BUDGET_PERMILLE_MAX = 1000 };

struct cpu_budget {
	struct cpu_budget *parent; /* the next limited one above, or NULL. Constant */
	uint32_t permille;	   /* of a processor's time, 1 to 1000. Constant */
	uint32_t depth;		   /* how many are above. Constant */
	/* Under the lock of budgets: */
	int64_t left;	      /* thousandths of nanoseconds; below 0: owed */
	uint64_t refilled_ns; /* `left` holds at this time */
};

/* A full budget. */
void budget_init(struct cpu_budget *budget, struct cpu_budget *parent, uint32_t permille);

/* Takes `ran_ns`, up to `now_ns`, from it and from all above. NULL: nothing. */
void budget_take(struct cpu_budget *budget, uint64_t ran_ns, uint64_t now_ns);

/* How long somebody may run from `now_ns` on if nobody else does; 0: not at all;
 * UINT64_MAX for NULL. */
uint64_t budget_left_ns(struct cpu_budget *budget, uint64_t now_ns);

/* When the next of it and those above that have something left is used up, if nobody
 * else runs; UINT64_MAX: none has. */
uint64_t budget_next_end_ns(struct cpu_budget *budget, uint64_t now_ns);

/* When one that has nothing left may run again; in the future. */
uint64_t budget_ready_ns(const struct cpu_budget *budget, uint64_t now_ns);

/* The first one that is both `a` or above it and `b` or above it; NULL: none. */
struct cpu_budget *budget_common(struct cpu_budget *a, struct cpu_budget *b);

#endif
