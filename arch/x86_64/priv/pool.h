/*
 * Released slots and stacks that keep their page tables and a few zeroed pages for
 * the next of their kind. What they keep counts as free; when memory gets scarce it
 * is given back.
 */
#ifndef ARCH_X86_64_PRIV_POOL_H
#define ARCH_X86_64_PRIV_POOL_H

#include "arch/x86_64/priv/lock.h"
#include "arch/x86_64/priv/space.h"

enum { POOL_MOST = 64 };

struct pool_item {
	uint32_t number;	/* of the slot or stack */
	struct space_kept kept; /* in its addresses */
};

struct pool {
	struct lock lock;
	uint32_t count;
	struct pool_item items[POOL_MOST]; /* the newest last */
};

/* The item given last; its pages are the caller's. False: there is none. */
bool pool_take(struct pool *pool, struct pool_item *out);
/* False, with nothing changed: the pool is full. */
bool pool_give(struct pool *pool, const struct pool_item *item);

#endif
