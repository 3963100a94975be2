/*
 * Waitsets. Two locks, because objects tell of signals with their own lock
 * held: `lock`, outside the objects', for the entries; `ready_lock`, inside, for
 * what is ready and who waits.
 */
#include "kernel/object/waitset.h"

#include "kernel/mm/account.h"
#include "kernel/object/wait.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/thread.h"
#include "lib/string.h"

enum {
	ENTRY_BITS = 16,
	ENTRIES_MAX = 1 << ENTRY_BITS,
	FIRST_CAP = 8,
	REMOVALS_PER_TURN = 64,
};

struct waitset_entry {
	struct object_observer observer; /* its object is referenced */
	struct waitset *waitset;
	uint64_t key;
	uint32_t number;	     /* generation << ENTRY_BITS | place */
	struct list_link ready_link; /* under ready_lock */
};

/* A thread in waitset_wait, on its stack. */
struct waitset_waiter {
	struct list_link link;
	struct thread *thread;
};

struct waitset_place {
	struct waitset_entry *entry; /* NULL: free */
	uint16_t generation;
	uint16_t next_free; /* valid if free */
};

struct waitset {
	struct object object;
	struct spinlock lock;
	/* Under lock: */
	struct waitset_place *places; /* capacity of them */
	uint32_t capacity, used;      /* used: places that were ever taken */
	uint32_t free_count;
	uint16_t first_free, last_free; /* valid if free_count */
	uint32_t entry_count;
	struct spinlock ready_lock;
	/* Under ready_lock: */
	struct list_link ready;	  /* struct waitset_entry */
	struct list_link waiters; /* struct waitset_waiter */
};

/* ---- entries ---- */

/* An object has a signal that an entry wants; its lock is held. */
static void
entry_notify(struct object_observer *observer)
{
	struct waitset_entry *entry = list_entry(observer, struct waitset_entry, observer);
	struct waitset *waitset = entry->waitset;
	struct list_link *link;

	spinlock_lock(&waitset->ready_lock);
	if (list_is_empty(&entry->ready_link)) {
		list_push_back(&waitset->ready, &entry->ready_link);
		list_for_each(link, &waitset->waiters)
			thread_wake(list_entry(link, struct waitset_waiter, link)->thread);
	}
	spinlock_unlock(&waitset->ready_lock);
}

static enum nb_status
places_grow_locked(struct waitset *waitset)
{
	uint32_t capacity = waitset->capacity ? 2 * waitset->capacity : FIRST_CAP;
	struct waitset_place *places;

	if (waitset->capacity == ENTRIES_MAX)
		return NB_LIMIT_EXCEEDED;
	places = account_alloc(waitset->object.account, capacity * sizeof *places);
	if (!places)
		return NB_OUT_OF_MEMORY;
	if (waitset->used)
		memcpy(places, waitset->places, waitset->used * sizeof *places);
	account_free(waitset->object.account, waitset->places, waitset->capacity * sizeof *places);
	waitset->places = places;
	waitset->capacity = capacity;
	return NB_OK;
}

/* A free place: the one that has been free for longest, or a new one. */
static enum nb_status
place_take_locked(struct waitset *waitset, uint32_t *out)
{
	if (!waitset->free_count && waitset->used == waitset->capacity) {
		enum nb_status status = places_grow_locked(waitset);

		if (status != NB_OK)
			return status;
	}
	if (waitset->used < waitset->capacity) {
		*out = waitset->used++;
		waitset->places[*out].generation = 1;
		return NB_OK;
	}
	*out = waitset->first_free;
	waitset->first_free = waitset->places[*out].next_free;
	waitset->free_count--;
	return NB_OK;
}

static void
place_release_locked(struct waitset *waitset, uint32_t idx)
{
	struct waitset_place *place = &waitset->places[idx];

	place->entry = NULL;
	place->generation = place->generation == UINT16_MAX ? 1 : (uint16_t)(place->generation + 1);
	if (waitset->free_count++)
		waitset->places[waitset->last_free].next_free = (uint16_t)idx;
	else
		waitset->first_free = (uint16_t)idx;
	waitset->last_free = (uint16_t)idx;
}

enum nb_status
waitset_add(struct waitset *waitset, struct object *object, uint32_t signals, uint64_t key,
	    uint32_t *out_entry)
{
	struct waitset_entry *entry = account_alloc(waitset->object.account, sizeof *entry);
	enum nb_status status;
	uint32_t idx;

	if (!entry)
		return NB_OUT_OF_MEMORY;
	entry->waitset = waitset;
	entry->key = key;
	list_init(&entry->ready_link);
	entry->observer = (struct object_observer){ .object = object,
						    .wanted = signals,
						    .notify = entry_notify };
	spinlock_lock(&waitset->lock);
	status = place_take_locked(waitset, &idx);
	if (status == NB_OK) {
		entry->number = (uint32_t)waitset->places[idx].generation << ENTRY_BITS | idx;
		waitset->places[idx].entry = entry;
		waitset->entry_count++;
		object_get(object);
		object_observe(&entry->observer);
		*out_entry = entry->number;
		if (object_signals(object) & signals)
			entry_notify(&entry->observer);
	}
	spinlock_unlock(&waitset->lock);
	if (status != NB_OK)
		account_free(waitset->object.account, entry, sizeof *entry);
	return status;
}

/* Takes an entry out of every list; the caller frees it without the lock. */
static void
entry_detach_locked(struct waitset *waitset, struct waitset_entry *entry)
{
	object_unobserve(&entry->observer);
	spinlock_lock(&waitset->ready_lock);
	list_remove(&entry->ready_link);
	spinlock_unlock(&waitset->ready_lock);
	place_release_locked(waitset, entry->number & (ENTRIES_MAX - 1));
	waitset->entry_count--;
}

static void
entry_free(struct waitset *waitset, struct waitset_entry *entry)
{
	struct object *object = entry->observer.object;

	account_free(waitset->object.account, entry, sizeof *entry);
	object_put(object);
}

enum nb_status
waitset_remove(struct waitset *waitset, uint32_t number)
{
	uint32_t idx = number & (ENTRIES_MAX - 1);
	struct waitset_entry *entry = NULL;

	spinlock_lock(&waitset->lock);
	if (idx < waitset->used && waitset->places[idx].entry &&
	    waitset->places[idx].entry->number == number) {
		entry = waitset->places[idx].entry;
		entry_detach_locked(waitset, entry);
	}
	spinlock_unlock(&waitset->lock);
	if (!entry)
		return NB_NOT_FOUND;
	entry_free(waitset, entry);
	return NB_OK;
}

/* ---- waiting ---- */

/* The first entry of the ready list, which moves to `looked_at`; or NULL. */
static struct waitset_entry *
ready_take(struct waitset *waitset, struct list_link *looked_at)
{
	struct waitset_entry *entry = NULL;
	struct list_link *link;

	spinlock_lock(&waitset->ready_lock);
	link = list_pop_front(&waitset->ready);
	if (link) {
		entry = list_entry(link, struct waitset_entry, ready_link);
		list_push_back(looked_at, link);
	}
	spinlock_unlock(&waitset->ready_lock);
	return entry;
}

static void
ready_drop(struct waitset *waitset, struct waitset_entry *entry)
{
	spinlock_lock(&waitset->ready_lock);
	list_remove(&entry->ready_link);
	spinlock_unlock(&waitset->ready_lock);
	/* What was signalled between the look and the removal. */
	if (object_signals(entry->observer.object) & entry->observer.wanted)
		entry_notify(&entry->observer);
}

/* Reports ready entries; those that are not any more leave the list. */
static uint32_t
look(struct waitset *waitset, struct nb_waitset_event *events, uint32_t cap)
{
	struct waitset_entry *entry;
	struct list_link reported, *link;
	uint32_t count = 0;

	list_init(&reported);
	spinlock_lock(&waitset->lock);
	while (count < cap && (entry = ready_take(waitset, &reported))) {
		uint32_t seen = object_signals(entry->observer.object);

		if (seen & entry->observer.wanted)
			events[count++] = (struct nb_waitset_event){ .key = entry->key,
								     .entry = entry->number,
								     .seen = seen };
		else
			ready_drop(waitset, entry);
	}
	spinlock_lock(&waitset->ready_lock);
	while ((link = list_pop_front(&reported)))
		list_push_back(&waitset->ready, link);
	spinlock_unlock(&waitset->ready_lock);
	spinlock_unlock(&waitset->lock);
	return count;
}

enum nb_status
waitset_wait(const struct waitset_way *way, struct nb_waitset_event *events, uint32_t cap,
	     int64_t deadline_ns, uint32_t *out_count)
{
	struct waitset *waitset = way->waitset;
	struct waitset_waiter waiter = { .thread = thread_current() };
	struct object_observer observer = {
		.object = &waitset->object,
		.thread = waiter.thread,
		.table = way->table,
		.handle = way->handle,
		.is_doubtful = true,
	};
	enum nb_status status = NB_OK;
	bool in_time = deadline_ns > 0;

	*out_count = look(waitset, events, cap);
	if (*out_count)
		return NB_OK;
	spinlock_lock(&waitset->ready_lock);
	list_push_back(&waitset->waiters, &waiter.link);
	spinlock_unlock(&waitset->ready_lock);
	object_observe(&observer);
	for (;;) {
		*out_count = look(waitset, events, cap);
		if (*out_count)
			break;
		status = thread_is_canceled() ? NB_CANCELED
					      : wait_handle_check(&observer, way->table);
		if (status == NB_OK && !in_time)
			status = NB_TIMED_OUT;
		if (status != NB_OK)
			break;
		in_time = thread_block(wait_deadline(deadline_ns));
	}
	object_unobserve(&observer);
	spinlock_lock(&waitset->ready_lock);
	list_remove(&waiter.link);
	spinlock_unlock(&waitset->ready_lock);
	return status;
}

/* ---- the object ---- */

static void
waitset_destroy(struct object *object)
{
	struct waitset *waitset = waitset_of(object);

	for (uint32_t i = 0; i < waitset->used; i++) {
		struct waitset_entry *entry = waitset->places[i].entry;

		if (!entry)
			continue;
		spinlock_lock(&waitset->lock);
		entry_detach_locked(waitset, entry);
		spinlock_unlock(&waitset->lock);
		entry_free(waitset, entry);
		if (i % REMOVALS_PER_TURN == 0)
			sched_relax();
	}
	account_free(object->account, waitset->places, waitset->capacity * sizeof *waitset->places);
	object_free(object);
}

static enum nb_status
waitset_info(struct object *object, uint32_t topic, struct object_info *out)
{
	struct waitset *waitset = waitset_of(object);
	struct nb_waitset_info info = { 0 };
	struct list_link *link;

	if (topic != NB_INFO_WAITSET)
		return NB_NOT_SUPPORTED;
	spinlock_lock(&waitset->lock);
	info.entries = waitset->entry_count;
	spinlock_unlock(&waitset->lock);
	spinlock_lock(&waitset->ready_lock);
	list_for_each(link, &waitset->waiters) info.waiters++;
	spinlock_unlock(&waitset->ready_lock);
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

const struct object_type waitset_type = {
	.number = NB_OBJECT_WAITSET,
	/* Not WAIT: a waitset cannot be in a waitset. */
	.rights = NB_RIGHT_READ | NB_RIGHT_WRITE | NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER |
		  NB_RIGHT_SIGNAL | NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
	.destroy = waitset_destroy,
	.info = waitset_info,
};

enum nb_status
waitset_create(struct account *account, struct waitset **out)
{
	struct waitset *waitset = waitset_of(object_alloc(&waitset_type, sizeof *waitset, account));

	if (!waitset)
		return NB_OUT_OF_MEMORY;
	spinlock_init(&waitset->lock, LOCK_RANK_WAITSET);
	spinlock_init(&waitset->ready_lock, LOCK_RANK_READY);
	list_init(&waitset->ready);
	list_init(&waitset->waiters);
	*out = waitset;
	return NB_OK;
}
