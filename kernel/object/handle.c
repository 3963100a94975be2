/*
 * Handle tables.
 */
#include "kernel/object/handle.h"

#include "kernel/init/panic.h"
#include "kernel/mm/account.h"
#include "kernel/sched/sched.h"
#include "lib/string.h"

enum {
	CHUNK_BYTES = HANDLE_CHUNK_SLOTS * sizeof(struct handle_slot),
	CHUNKS_MAX = HANDLE_SLOTS_MAX / HANDLE_CHUNK_SLOTS,
};

static uint32_t live_count; /* atomic */

uint32_t
handle_live_count(void)
{
	return __atomic_load_n(&live_count, __ATOMIC_RELAXED);
}

void
handle_table_init(struct handle_table *table, struct account *account)
{
	*table = (struct handle_table){ .account = account };
	spinlock_init(&table->lock, LOCK_RANK_HANDLES);
}

static struct handle_slot *
slot_at(struct handle_table *table, uint32_t idx)
{
	return &table->chunks[idx / HANDLE_CHUNK_SLOTS][idx % HANDLE_CHUNK_SLOTS];
}

static void
free_push_locked(struct handle_table *table, uint32_t idx)
{
	if (table->free_count++)
		slot_at(table, table->free_last)->next = (uint16_t)idx;
	else
		table->free_first = (uint16_t)idx;
	table->free_last = (uint16_t)idx;
}

static uint32_t
free_pop_locked(struct handle_table *table)
{
	uint32_t idx = table->free_first;

	table->free_first = slot_at(table, idx)->next;
	table->free_count--;
	return idx;
}

static void
chunks_free(struct handle_table *table)
{
	if (table->chunks != table->few)
		account_free(table->account, table->chunks,
			     table->chunk_cap * sizeof(struct handle_slot *));
}

/* Makes room for more chunks. */
static enum nb_status
chunks_grow_locked(struct handle_table *table)
{
	uint32_t cap = 4 * table->chunk_cap;
	struct handle_slot **chunks;

	if (!table->chunk_cap) {
		table->chunks = table->few;
		table->chunk_cap = HANDLE_CHUNKS_FEW;
		return NB_OK;
	}
	chunks = account_alloc(table->account, cap * sizeof(struct handle_slot *));
	if (!chunks)
		return NB_OUT_OF_MEMORY;
	memcpy(chunks, table->chunks, table->chunk_count * sizeof(struct handle_slot *));
	chunks_free(table);
	table->chunks = chunks;
	table->chunk_cap = cap;
	return NB_OK;
}

/* Adds HANDLE_CHUNK_SLOTS free slots. */
static enum nb_status
table_grow_locked(struct handle_table *table)
{
	struct handle_slot *chunk;
	uint32_t first;

	if (table->chunk_count == CHUNKS_MAX)
		return NB_LIMIT_EXCEEDED;
	if (table->chunk_count == table->chunk_cap && chunks_grow_locked(table) != NB_OK)
		return NB_OUT_OF_MEMORY;
	chunk = account_alloc(table->account, CHUNK_BYTES);
	if (!chunk)
		return NB_OUT_OF_MEMORY;
	table->chunks[table->chunk_count] = chunk;
	first = table->chunk_count++ * HANDLE_CHUNK_SLOTS;
	for (uint32_t i = 0; i < HANDLE_CHUNK_SLOTS; i++) {
		chunk[i].generation = 1;
		chunk[i].next = (uint16_t)(first + i + 1);
	}
	/* Behind those that are free. */
	if (table->free_count)
		slot_at(table, table->free_last)->next = (uint16_t)first;
	else
		table->free_first = (uint16_t)first;
	table->free_last = (uint16_t)(first + HANDLE_CHUNK_SLOTS - 1);
	table->free_count += HANDLE_CHUNK_SLOTS;
	return NB_OK;
}

/* Sees to `count` free slots, and to as many more as keep numbers from coming round. */
static enum nb_status
room_make_locked(struct handle_table *table, uint32_t count)
{
	if (table->closed_count == HANDLE_CALM)
		count += HANDLE_SPARE;
	while (table->free_count < count) {
		enum nb_status status = table_grow_locked(table);

		if (status != NB_OK)
			return status;
	}
	return NB_OK;
}

static void
generation_advance(struct handle_slot *slot)
{
	slot->generation = slot->generation == UINT16_MAX ? 1 : (uint16_t)(slot->generation + 1);
}

/* Puts a handle into a slot that was taken; its number. */
static uint32_t
slot_fill_locked(struct handle_table *table, uint32_t idx, struct object *object, uint32_t rights)
{
	struct handle_slot *slot = slot_at(table, idx);

	slot->object = object;
	slot->rights = (uint16_t)rights;
	table->open_count++;
	__atomic_fetch_add(&live_count, 1, __ATOMIC_RELAXED);
	return (uint32_t)slot->generation << HANDLE_SLOT_BITS | idx;
}

enum nb_status
handle_add(struct handle_table *table, struct object *object, uint32_t rights, uint32_t *out)
{
	enum nb_status status = account_charge(table->account, ACCOUNT_HANDLES, 1);

	if (status != NB_OK)
		return status;
	spinlock_lock(&table->lock);
	status = table->is_closed ? NB_CANCELED : room_make_locked(table, 1);
	if (status == NB_OK) {
		object_handle_get(object);
		*out = slot_fill_locked(table, free_pop_locked(table), object, rights);
	}
	spinlock_unlock(&table->lock);
	if (status != NB_OK)
		account_uncharge(table->account, ACCOUNT_HANDLES, 1);
	return status;
}

/* Empties the slot; the caller owns its handle now. */
static struct object *
slot_clear_locked(struct handle_table *table, struct handle_slot *slot, uint32_t idx)
{
	struct object *object = slot->object;

	slot->object = NULL;
	generation_advance(slot);
	free_push_locked(table, idx);
	table->open_count--;
	table->closed_count += table->closed_count < HANDLE_CALM;
	__atomic_fetch_sub(&live_count, 1, __ATOMIC_RELAXED);
	return object;
}

/* Ends the waits by a handle that goes. */
static inline void
end_waits(struct object *object, const struct handle_table *table, uint32_t handle)
{
	if (object_is_observed(object))
		object_wake_waits_by(object, table, handle);
}

bool
handle_names(struct handle_table *table, uint32_t handle, const struct object *object)
{
	const struct handle_slot *slot;
	bool is_named;

	spinlock_lock(&table->lock);
	slot = handle_slot_find_locked(table, handle);
	is_named = slot && slot->object == object;
	spinlock_unlock(&table->lock);
	return is_named;
}

enum nb_status
handle_close(struct handle_table *table, uint32_t handle)
{
	struct object *object = NULL;
	struct handle_slot *slot;

	spinlock_lock(&table->lock);
	slot = handle_slot_find_locked(table, handle);
	if (slot)
		object = slot_clear_locked(table, slot, handle & (HANDLE_SLOTS_MAX - 1));
	spinlock_unlock(&table->lock);
	if (!object)
		return NB_BAD_HANDLE;
	account_uncharge(table->account, ACCOUNT_HANDLES, 1);
	end_waits(object, table, handle);
	object_handle_put(object);
	return NB_OK;
}

/* In another slot, so that numbers come round no sooner than by closing and opening. */
enum nb_status
handle_renew(struct handle_table *table, uint32_t handle, uint32_t rights, uint32_t *out)
{
	enum nb_status status = NB_BAD_HANDLE;
	struct handle_slot *slot;
	struct object *object;
	uint32_t idx;

	spinlock_lock(&table->lock);
	slot = handle_slot_find_locked(table, handle);
	if (slot)
		status = room_make_locked(table, 1);
	if (status == NB_OK) {
		idx = free_pop_locked(table);
		end_waits(slot->object, table, handle);
		object = slot_clear_locked(table, slot, handle & (HANDLE_SLOTS_MAX - 1));
		*out = slot_fill_locked(table, idx, object, rights);
	}
	spinlock_unlock(&table->lock);
	return status;
}

enum nb_status
handle_next(struct handle_table *table, uint32_t after, struct handle_use *out,
	    uint32_t *out_handle)
{
	uint32_t idx = after ? (after & (HANDLE_SLOTS_MAX - 1)) + 1 : 0;
	enum nb_status status = NB_NOT_FOUND;

	spinlock_lock(&table->lock);
	for (; idx < table->chunk_count * HANDLE_CHUNK_SLOTS && status != NB_OK; idx++) {
		const struct handle_slot *slot = slot_at(table, idx);

		if (!slot->object)
			continue;
		object_get(slot->object);
		*out = (struct handle_use){ slot->object, slot->rights };
		*out_handle = (uint32_t)slot->generation << HANDLE_SLOT_BITS | idx;
		status = NB_OK;
	}
	spinlock_unlock(&table->lock);
	return status;
}

/* ---- moving ---- */

static enum nb_status
entries_fill_locked(struct handle_table *table, const uint32_t *handles, uint32_t count,
		    struct handle_entry *entries)
{
	for (uint32_t i = 0; i < count; i++) {
		struct handle_slot *slot = handle_slot_find_locked(table, handles[i]);

		if (!slot)
			return NB_BAD_HANDLE;
		if (!(slot->rights & NB_RIGHT_TRANSFER))
			return NB_ACCESS_DENIED;
		for (uint32_t k = 0; k < i; k++) {
			if (handles[k] == handles[i])
				return NB_INVALID_ARGUMENT;
		}
		entries[i] = (struct handle_entry){ slot->object, slot->rights };
	}
	return NB_OK;
}

enum nb_status
handle_move_out(struct handle_table *table, const uint32_t *handles, uint32_t count,
		struct handle_entry *entries, handle_transfer *give, void *context)
{
	enum nb_status status;

	spinlock_lock(&table->lock);
	status = entries_fill_locked(table, handles, count, entries);
	/* They look after the table's lock is released; behind `give` the objects may be gone. */
	for (uint32_t i = 0; i < count && status == NB_OK; i++)
		end_waits(entries[i].object, table, handles[i]);
	if (status == NB_OK)
		status = give(context);
	for (uint32_t i = 0; i < count && status == NB_OK; i++) {
		uint32_t idx = handles[i] & (HANDLE_SLOTS_MAX - 1);

		(void)slot_clear_locked(table, slot_at(table, idx), idx);
	}
	spinlock_unlock(&table->lock);
	if (status == NB_OK)
		account_uncharge(table->account, ACCOUNT_HANDLES, count);
	return status;
}

/* Sees to `count` free slots and says what the handles in them will be called. */
static enum nb_status
numbers_fill_locked(struct handle_table *table, uint32_t count, uint32_t *numbers)
{
	enum nb_status status = table->is_closed ? NB_CANCELED : room_make_locked(table, count);
	uint32_t idx;

	if (status != NB_OK)
		return status;
	idx = table->free_first;
	for (uint32_t i = 0; i < count; i++) {
		const struct handle_slot *slot = slot_at(table, idx);

		numbers[i] = (uint32_t)slot->generation << HANDLE_SLOT_BITS | idx;
		idx = slot->next;
	}
	return NB_OK;
}

enum nb_status
handle_move_in(struct handle_table *table, uint32_t count, uint32_t *numbers,
	       struct handle_entry *entries, handle_transfer *take, void *context)
{
	enum nb_status status = account_charge(table->account, ACCOUNT_HANDLES, count);

	if (status != NB_OK)
		return status;
	spinlock_lock(&table->lock);
	status = numbers_fill_locked(table, count, numbers);
	if (status == NB_OK)
		status = take(context);
	for (uint32_t i = 0; i < count && status == NB_OK; i++)
		(void)slot_fill_locked(table, free_pop_locked(table), entries[i].object,
				       entries[i].rights);
	spinlock_unlock(&table->lock);
	if (status != NB_OK)
		account_uncharge(table->account, ACCOUNT_HANDLES, count);
	return status;
}

/* ---- the end ---- */

static void
table_free(struct handle_table *table)
{
	for (uint32_t i = 0; i < table->chunk_count; i++)
		account_free(table->account, table->chunks[i], CHUNK_BYTES);
	chunks_free(table);
	table->chunks = NULL;
	table->chunk_count = 0;
	table->chunk_cap = 0;
	table->free_count = 0;
}

void
handle_table_close(struct handle_table *table)
{
	spinlock_lock(&table->lock);
	table->is_closed = true;
	for (uint32_t idx = 0; idx < table->chunk_count * HANDLE_CHUNK_SLOTS; idx++) {
		struct handle_slot *slot = slot_at(table, idx);
		struct object *object;

		if (!slot->object)
			continue;
		object = slot_clear_locked(table, slot, idx);
		spinlock_unlock(&table->lock);
		account_uncharge(table->account, ACCOUNT_HANDLES, 1);
		object_handle_put(object);
		if (idx % HANDLE_CHUNK_SLOTS == 0)
			sched_relax();
		spinlock_lock(&table->lock);
	}
	table_free(table);
	spinlock_unlock(&table->lock);
}
