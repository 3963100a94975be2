/*
 * Accounts: what a process may use, and what it uses.
 *
 * Accounts form a tree: what is charged to one is charged to all above it, so
 * a creator's limits hold for the sum of what it creates. Every kernel object,
 * handle, linear memory and table is charged to some account; the account
 * outlives its process as long as something is still charged to it. Charging
 * is atomic counting: no lock, does not sleep.
 */
#ifndef KERNEL_MM_ACCOUNT_H
#define KERNEL_MM_ACCOUNT_H

#include "abi/status.h"
#include "kernel/sched/budget.h"
#include "lib/arena.h"

#include <stddef.h>
#include <stdint.h>

enum account_resource {
	ACCOUNT_MEMORY,	 /* bytes */
	ACCOUNT_HANDLES, /* open handles */
	ACCOUNT_THREADS, /* threads, and activations of gates */
	ACCOUNT_RESOURCE_COUNT,
};

/* Charging walks to the root, so the tree may not be deeper. */
enum { ACCOUNT_DEPTH_MAX = 32 };

struct account {
	struct account *parent;			/* owns a reference; NULL: the root */
	uint32_t depth;				/* ancestors. Constant */
	uint32_t refs;				/* atomic */
	uint64_t limit[ACCOUNT_RESOURCE_COUNT]; /* constant */
	uint64_t used[ACCOUNT_RESOURCE_COUNT];	/* atomic */
	uint64_t peak[ACCOUNT_RESOURCE_COUNT];	/* atomic */
	struct arena_source source;		/* charged pages, for arenas */
	struct cpu_budget budget;		/* if its processor time has a limit */
	struct cpu_budget *nearest_budget;	/* that, or the next one above; NULL: none */
};

/* A new account below `parent` (NULL: a root) with one reference; a limit of 0
 * means none. NB_OUT_OF_MEMORY (the account itself is charged to the parent),
 * NB_LIMIT_EXCEEDED (too deep). */
NB_MUST_USE enum nb_status
account_create(struct account *parent, const uint64_t limit[ACCOUNT_RESOURCE_COUNT],
	       struct account **out);
struct account *account_get(struct account *account);
/* Drops a reference; panics if the last one goes while something is charged. */
void account_put(struct account *account);

/* Limits the processor time of a new account and of all below it. */
void account_limit_processor(struct account *account, uint32_t permille);
/* The budget that run time of the account is taken from: its own, or the next one above;
 * NULL: no limit. It lives as long as the account. */
static inline struct cpu_budget *
account_budget(struct account *account)
{
	return account ? account->nearest_budget : NULL;
}

/* NB_LIMIT_EXCEEDED, with nothing changed, if a limit on the way up would be
 * passed. */
NB_MUST_USE enum nb_status
account_charge(struct account *account, enum account_resource resource, uint64_t amount);
void account_uncharge(struct account *account, enum account_resource resource, uint64_t amount);

/* The most that charging would accept at this moment. */
uint64_t account_room(const struct account *account, enum account_resource resource);

/* Heap memory charged to `account`, which the caller keeps alive until it is
 * freed. NULL on a limit or exhaustion. */
void *account_alloc(struct account *account, size_t size);
void account_free(struct account *account, void *memory, size_t size);
/* The same of any content; they give way to others where it is much. The chunks of arenas
 * come from here. */
void *account_alloc_much(struct account *account, size_t size);
void account_free_much(struct account *account, void *memory, size_t size);

#endif
