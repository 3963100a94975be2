/*
 * Futexes: a fixed table of buckets, in each the waiters of all addresses that
 * fall into it, in the order of their coming. A waiter's record is on its
 * thread's stack; whoever wakes it takes it out of the bucket.
 */
#include "kernel/sched/futex.h"

#include "kernel/port/memory.h"
#include "kernel/sched/lock.h"
#include "kernel/sched/thread.h"
#include "lib/list.h"

#include <stdbool.h>

enum { BUCKETS = 256 };

struct futex_bucket {
	struct spinlock lock;
	struct list_link waiters; /* under the lock; next NULL: not used yet */
};

struct futex_waiter {
	struct list_link link; /* under the bucket's lock */
	uint64_t address;
	struct thread *thread;
	bool is_woken; /* under the bucket's lock */
};

static struct futex_bucket buckets[BUCKETS];
static uint32_t waiting_count; /* atomic */

uint32_t
futex_waiting_count(void)
{
	return __atomic_load_n(&waiting_count, __ATOMIC_RELAXED);
}

/* Memories are 6 GiB apart, so their addresses' upper bits must count. */
static struct futex_bucket *
bucket_lock(uint64_t address)
{
	struct futex_bucket *bucket = &buckets[address * UINT64_C(0x9e3779b97f4a7c15) >> 56];

	_Static_assert(BUCKETS == 1 << (64 - 56), "hash");
	bucket->lock.rank = LOCK_RANK_FUTEX;
	spinlock_lock(&bucket->lock);
	if (!bucket->waiters.next)
		list_init(&bucket->waiters);
	return bucket;
}

/* Enters the bucket if the word is as expected. */
static enum nb_status
enter(const struct guest_wait *wait, struct futex_waiter *waiter)
{
	struct futex_bucket *bucket = bucket_lock(wait->address);
	uint64_t found = 0;
	enum nb_status status = port_guest_read(&found, wait->address, wait->bytes);

	if (status == NB_OK && found != wait->expected)
		status = NB_SHOULD_WAIT;
	if (status == NB_OK) {
		list_push_back(&bucket->waiters, &waiter->link);
		__atomic_fetch_add(&waiting_count, 1, __ATOMIC_RELAXED);
	}
	spinlock_unlock(&bucket->lock);
	return status;
}

/* What woke the waiter, if anything; otherwise it stays unless it `must_leave`. */
static bool
is_done(struct futex_waiter *waiter, bool must_leave)
{
	struct futex_bucket *bucket = bucket_lock(waiter->address);
	bool is_woken = waiter->is_woken;

	if (must_leave && !is_woken) {
		list_remove(&waiter->link);
		__atomic_fetch_sub(&waiting_count, 1, __ATOMIC_RELAXED);
	}
	spinlock_unlock(&bucket->lock);
	return is_woken;
}

enum nb_status
futex_wait(const struct guest_wait *wait)
{
	struct futex_waiter waiter = { .address = wait->address, .thread = thread_current() };
	enum nb_status status = enter(wait, &waiter);
	bool in_time;

	if (status != NB_OK)
		return status;
	for (;;) {
		in_time = thread_block(wait->deadline_ns);
		if (thread_is_canceled())
			status = NB_CANCELED;
		else if (!in_time)
			status = NB_TIMED_OUT;
		if (is_done(&waiter, status != NB_OK))
			return NB_OK;
		if (status != NB_OK)
			return status;
	}
}

uint32_t
futex_wake(uint64_t address, uint32_t count)
{
	struct futex_bucket *bucket = bucket_lock(address);
	struct list_link *link = bucket->waiters.next, *next;
	uint32_t woken = 0;

	for (; link != &bucket->waiters && woken < count; link = next) {
		struct futex_waiter *waiter = list_entry(link, struct futex_waiter, link);

		next = link->next;
		if (waiter->address != address)
			continue;
		list_remove(link);
		waiter->is_woken = true;
		__atomic_fetch_sub(&waiting_count, 1, __ATOMIC_RELAXED);
		thread_wake(waiter->thread);
		woken++;
	}
	spinlock_unlock(&bucket->lock);
	return woken;
}
