/*
 * Objects: what handles name.
 *
 * Each object type is a file of its own; its structure begins with struct
 * object and its behaviour is a constant struct object_type. An object has two
 * counts: references (it exists while there is one) and handles (each also a
 * reference). When the last handle goes, handles_gone tells the type, so that
 * a stream's other end hears of it; when the last reference goes, destroy
 * frees it.
 *
 * Signals are levels under the object's lock. Whoever waits is in the list of
 * observers and is woken by every change to a signal it wants, and when the handle by which
 * it waits goes.
 */
#ifndef KERNEL_OBJECT_OBJECT_H
#define KERNEL_OBJECT_OBJECT_H

#include "abi/status.h"
#include "abi/types.h"
#include "kernel/sched/lock.h"
#include "lib/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account;
struct handle_table;
struct object;
struct thread;

/* What NB_INFO_<topic> tells: bytes in `inline_bytes`, or anywhere that lives
 * as long as the object. */
struct object_info {
	const void *bytes;
	size_t len;
	uint64_t inline_bytes[8];
};

struct object_type {
	uint32_t number; /* NB_OBJECT_* */
	uint32_t rights; /* that the creator's handle has */
	/* Signals that object_signal may change besides the user's. */
	uint32_t settable_signals;
	/* Those of them that it sets at the object's other end instead. */
	uint32_t peer_signals;
	/* Where in the structure NB_NAME_MAX + 1 bytes are for the name; 0: nowhere. */
	uint32_t name_offset;
	/* Frees the object by object_free; no reference is left. */
	void (*destroy)(struct object *object);
	/* The last handle was closed. May be NULL. No lock is held. */
	void (*handles_gone)(struct object *object);
	/* A handle was closed, and there are others. May be NULL. No lock is held. */
	void (*handle_closed)(struct object *object);
	/* Sets some of peer_signals, if there are any. NB_PEER_CLOSED. */
	enum nb_status (*signal_peer)(struct object *object, uint32_t set);
	/* The object has got another name. May be NULL. */
	void (*named)(struct object *object);
	/* Topics of its own: NB_NOT_SUPPORTED if unknown. May be NULL. */
	enum nb_status (*info)(struct object *object, uint32_t topic, struct object_info *out);
};

struct object {
	const struct object_type *type;
	struct account *account; /* pays for it; owns a reference */
	size_t size;		 /* bytes of the whole structure */
	uint64_t id;		 /* unique since boot */
	uint32_t refs;		 /* atomic */
	uint32_t handles;	 /* atomic */
	struct spinlock lock;
	/* Under the lock: */
	uint32_t signals;
	uint32_t name_len;
	char *name;		    /* NB_NAME_MAX + 1 bytes, of its own or at
				     * type->name_offset; or NULL: has none yet */
	struct list_link observers; /* struct object_observer */
};

/* One wish to hear of an object's signals: a thread's, on its stack, or a
 * waitset's. */
struct object_observer {
	struct list_link link; /* under the object's lock */
	struct object *object;
	uint32_t wanted;
	struct thread *thread; /* to be woken; NULL: call notify */
	/* With the object's lock held. */
	void (*notify)(struct object_observer *observer);
	/* The handle by which `thread` waits, which may go; NULL: the wait does not end with it. */
	const struct handle_table *table;
	uint32_t handle;
	bool is_doubtful; /* atomic: the handle may have gone since this was last cleared */
};

/* A zeroed structure of `size` bytes with one reference, charged to `account`;
 * NULL on a limit or exhaustion. */
struct object *object_alloc(const struct object_type *type, size_t size, struct account *account);
/* For destroy only. */
void object_free(struct object *object);

static inline void
object_get(struct object *object)
{
	count_up(&object->refs);
}

static inline void
object_put(struct object *object)
{
	if (count_down(&object->refs) == 0)
		object->type->destroy(object);
}

/* For handle tables: a handle (and its reference) more or less. */
void object_handle_get(struct object *object);
void object_handle_put(struct object *object);

/* For object_signals_change only. */
void object_wake_observers_locked(struct object *object);

/* Clears, then sets signals, and wakes who waits for one that is set. */
static inline void
object_signals_change(struct object *object, uint32_t clear, uint32_t set)
{
	spinlock_lock(&object->lock);
	object->signals = (object->signals & ~clear) | set;
	if (set && !list_is_empty(&object->observers))
		object_wake_observers_locked(object);
	spinlock_unlock(&object->lock);
}

/* Whether anybody waits for its signals; may be out of date at once. */
static inline bool
object_is_observed(const struct object *object)
{
	return __atomic_load_n(&object->observers.next, __ATOMIC_RELAXED) != &object->observers;
}

uint32_t object_signals(struct object *object);
/* Registers an observer, of which everything but `link` is set. It is
 * unregistered before its memory goes. */
void object_observe(struct object_observer *observer);
void object_unobserve(struct object_observer *observer);

/* For handle tables: `handle` of `table` names the object no longer, or is about to when the
 * table's lock is released. Wakes who waits by it. */
void object_wake_waits_by(struct object *object, const struct handle_table *table, uint32_t handle);

/* Takes a copy of the name: at most NB_NAME_MAX bytes of valid UTF-8 without
 * control characters. NB_OUT_OF_RANGE, NB_INVALID_ARGUMENT, NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status object_name_set(struct object *object, const char *name, size_t len);
/* Copies the name, terminated (shortened to fit `cap`), returns its length. */
size_t object_name_get(struct object *object, char *out, size_t cap);

/* Everything about `object` that a topic tells; `rights` are of the handle
 * used. NB_NOT_SUPPORTED. */
NB_MUST_USE enum nb_status
object_info(struct object *object, uint32_t rights, uint32_t topic, struct object_info *out);

/* Makes `info` tell the `size` bytes at `structure` (at most 64). */
void object_info_set(struct object_info *info, const void *structure, size_t size);

/* Objects that exist. */
uint32_t object_live_count(void);

#endif
