/*
 * What all objects have in common.
 */
#include "kernel/object/object.h"

#include "kernel/init/panic.h"
#include "kernel/mm/account.h"
#include "kernel/sched/thread.h"
#include "lib/string.h"
#include "lib/utf8.h"

static uint64_t last_id;    /* atomic */
static uint32_t live_count; /* atomic */

enum { NAME_BYTES = NB_NAME_MAX + 1 };

uint32_t
object_live_count(void)
{
	return __atomic_load_n(&live_count, __ATOMIC_RELAXED);
}

struct object *
object_alloc(const struct object_type *type, size_t size, struct account *account)
{
	struct object *object = account_alloc(account, size);

	if (!object)
		return NULL;
	object->type = type;
	object->account = account_get(account);
	object->size = size;
	object->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	object->refs = 1;
	spinlock_init(&object->lock, LOCK_RANK_OBJECT);
	list_init(&object->observers);
	__atomic_fetch_add(&live_count, 1, __ATOMIC_RELAXED);
	return object;
}

void
object_free(struct object *object)
{
	struct account *account = object->account;

	ASSERT(object->refs == 0 && object->handles == 0 && list_is_empty(&object->observers));
	if (!object->type->name_offset)
		account_free(account, object->name, NAME_BYTES);
	account_free(account, object, object->size);
	account_put(account);
	__atomic_fetch_sub(&live_count, 1, __ATOMIC_RELAXED);
}

void
object_handle_get(struct object *object)
{
	object_get(object);
	count_up(&object->handles);
}

void
object_handle_put(struct object *object)
{
	const struct object_type *type = object->type;

	if (count_down(&object->handles)) {
		if (type->handle_closed)
			type->handle_closed(object);
	} else if (type->handles_gone) {
		type->handles_gone(object);
	}
	object_put(object);
}

/* ---- signals ---- */

void
object_wake_observers_locked(struct object *object)
{
	struct list_link *link;

	list_for_each(link, &object->observers)
	{
		struct object_observer *observer = list_entry(link, struct object_observer, link);

		if (!(observer->wanted & object->signals))
			continue;
		if (observer->thread)
			thread_wake(observer->thread);
		else
			observer->notify(observer);
	}
}

uint32_t
object_signals(struct object *object)
{
	uint32_t signals;

	spinlock_lock(&object->lock);
	signals = object->signals;
	spinlock_unlock(&object->lock);
	return signals;
}

void
object_observe(struct object_observer *observer)
{
	spinlock_lock(&observer->object->lock);
	list_push_back(&observer->object->observers, &observer->link);
	spinlock_unlock(&observer->object->lock);
}

void
object_unobserve(struct object_observer *observer)
{
	spinlock_lock(&observer->object->lock);
	list_remove(&observer->link);
	spinlock_unlock(&observer->object->lock);
}

void
object_wake_waits_by(struct object *object, const struct handle_table *table, uint32_t handle)
{
	struct list_link *link;

	spinlock_lock(&object->lock);
	list_for_each(link, &object->observers)
	{
		struct object_observer *observer = list_entry(link, struct object_observer, link);

		if (observer->table != table || observer->handle != handle)
			continue;
		__atomic_store_n(&observer->is_doubtful, true, __ATOMIC_RELEASE);
		thread_wake(observer->thread);
	}
	spinlock_unlock(&object->lock);
}

/* ---- names ---- */

static bool
name_is_clean(const char *name, size_t len)
{
	const uint8_t *bytes = (const uint8_t *)name;
	size_t plain = 0;

	while (plain < len && bytes[plain] - 0x20u < 0x5f)
		plain++;
	if (plain == len)
		return true;
	for (size_t i = 0; i < len; i++) {
		if (utf8_is_control(bytes + i, len - i))
			return false;
	}
	return utf8_is_valid(bytes, len);
}

/* Where the name goes; NULL: no memory. */
static char *
name_room(struct object *object)
{
	if (object->type->name_offset)
		return (char *)object + object->type->name_offset;
	return account_alloc(object->account, NAME_BYTES);
}

enum nb_status
object_name_set(struct object *object, const char *name, size_t len)
{
	char *fresh, *unused;

	if (len > NB_NAME_MAX)
		return NB_OUT_OF_RANGE;
	if (!name_is_clean(name, len))
		return NB_INVALID_ARGUMENT;
	fresh = name_room(object);
	if (!fresh)
		return NB_OUT_OF_MEMORY;
	spinlock_lock(&object->lock);
	memcpy(fresh, name, len);
	unused = object->name;
	object->name = fresh;
	object->name_len = (uint32_t)len;
	spinlock_unlock(&object->lock);
	if (unused != fresh)
		account_free(object->account, unused, NAME_BYTES);
	if (object->type->named)
		object->type->named(object);
	return NB_OK;
}

size_t
object_name_get(struct object *object, char *out, size_t cap)
{
	size_t len;

	spinlock_lock(&object->lock);
	len = object->name_len;
	if (cap) {
		size_t copied = len < cap ? len : cap - 1;

		memcpy(out, object->name ? object->name : "", copied);
		out[copied] = 0;
	}
	spinlock_unlock(&object->lock);
	return len;
}

/* ---- information ---- */

void
object_info_set(struct object_info *info, const void *structure, size_t size)
{
	ASSERT(size <= sizeof info->inline_bytes);
	memcpy(info->inline_bytes, structure, size);
	info->bytes = info->inline_bytes;
	info->len = size;
}

enum nb_status
object_info(struct object *object, uint32_t rights, uint32_t topic, struct object_info *out)
{
	struct nb_object_info info = {
		.id = object->id,
		.type = object->type->number,
		.rights = rights,
		.signals = object_signals(object),
		.handles = __atomic_load_n(&object->handles, __ATOMIC_RELAXED),
	};

	if (topic == NB_INFO_OBJECT) {
		object_info_set(out, &info, sizeof info);
		return NB_OK;
	}
	if (topic == NB_INFO_NAME) {
		out->bytes = out->inline_bytes;
		out->len = object_name_get(object, (char *)out->inline_bytes,
					   sizeof out->inline_bytes);
		return NB_OK;
	}
	return object->type->info ? object->type->info(object, topic, out) : NB_NOT_SUPPORTED;
}
