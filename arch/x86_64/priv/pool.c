/*
 * Pools of slots and stacks; see pool.h.
 */
#include "arch/x86_64/priv/pool.h"

#include "arch/x86_64/priv/frames.h"

bool
pool_take(struct pool *pool, struct pool_item *out)
{
	bool is_there;

	lock_take(&pool->lock);
	is_there = pool->count > 0;
	if (is_there)
		*out = pool->items[--pool->count];
	lock_drop(&pool->lock);
	if (is_there)
		frames_note_kept(-(int64_t)out->kept.frames);
	return is_there;
}

bool
pool_give(struct pool *pool, const struct pool_item *item)
{
	bool is_taken;

	lock_take(&pool->lock);
	is_taken = pool->count < POOL_MOST;
	if (is_taken)
		pool->items[pool->count++] = *item;
	lock_drop(&pool->lock);
	if (is_taken)
		frames_note_kept(item->kept.frames);
	return is_taken;
}
