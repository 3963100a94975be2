/*
 * Handle tables: a process's numbers for (object, rights).
 *
 * A handle is generation << 16 | slot. A slot's generation changes with every
 * use, freed slots are reused in the order of their freeing and only when
 * HANDLE_SPARE others are free (but for the first few thousand, in which no
 * generation comes round), so a stale number stays BAD_HANDLE for
 * eight million further openings. Each open handle is charged to the account.
 *
 * A thread that waits by a handle (object_observer) is woken when that handle is closed,
 * moved or renewed: before its table's lock is released, or after. Since whoever begins to
 * wait looks whether the handle is still there (handle_names) after it has registered,
 * one of the two sees the other.
 */
#ifndef KERNEL_OBJECT_HANDLE_H
#define KERNEL_OBJECT_HANDLE_H

#include "kernel/object/object.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	HANDLE_SLOT_BITS = 16, /* of a handle's number */
	HANDLE_SLOTS_MAX = 1 << HANDLE_SLOT_BITS,
	HANDLE_SPARE = 128,
	HANDLE_CHUNK_SLOTS = 16,
	HANDLE_CHUNKS_FEW = 2, /* that need no list of their own */
	HANDLE_CALM = 4096,    /* closings, before which no slot need be spared */
};

struct handle_slot {
	struct object *object; /* NULL: free */
	uint16_t generation;   /* 1 to 65535 */
	uint16_t next;	       /* free: the slot freed after it */
	uint16_t rights;
	uint16_t reserved;
};

struct handle_table {
	struct account *account; /* the process's, which outlives the table */
	struct spinlock lock;
	/* Under the lock: */
	bool is_closed;		     /* no handle will be added any more */
	struct handle_slot **chunks; /* of HANDLE_CHUNK_SLOTS each; `few` at first */
	struct handle_slot *few[HANDLE_CHUNKS_FEW];
	uint32_t chunk_count;
	uint32_t chunk_cap;
	uint32_t free_count;
	uint16_t free_first, free_last; /* valid if free_count */
	uint32_t open_count;
	uint32_t closed_count; /* up to HANDLE_CALM */
};

/* A looked-up handle: owns a reference to the object. */
struct handle_use {
	struct object *object;
	uint32_t rights;
};

void handle_table_init(struct handle_table *table, struct account *account);
/* Closes every handle; later additions give NB_CANCELED. */
void handle_table_close(struct handle_table *table);

/* A new handle to `object` (which gets a reference). NB_LIMIT_EXCEEDED,
 * NB_OUT_OF_MEMORY, NB_CANCELED. */
NB_MUST_USE enum nb_status
handle_add(struct handle_table *table, struct object *object, uint32_t rights, uint32_t *out);
/* NB_BAD_HANDLE. */
NB_MUST_USE enum nb_status handle_close(struct handle_table *table, uint32_t handle);
/* Gives the handle another number and `rights`, which the caller has checked.
 * NB_BAD_HANDLE; NB_LIMIT_EXCEEDED, NB_OUT_OF_MEMORY: it stays as it is. */
NB_MUST_USE enum nb_status
handle_renew(struct handle_table *table, uint32_t handle, uint32_t rights, uint32_t *out);

/* A handle between two tables: counts as one of the object's. */
struct handle_entry {
	struct object *object;
	uint32_t rights;
};

/* The other side's part in moving handles; called with the table's lock held,
 * so it takes inner locks only. Anything but NB_OK and nothing has moved. */
typedef enum nb_status handle_transfer(void *context);

/* Moves `count` handles, all different and with the right to TRANSFER, out of
 * the table, all or none: entries[] is filled, then `give` called, then they are
 * closed here. NB_BAD_HANDLE, NB_ACCESS_DENIED, NB_INVALID_ARGUMENT (one of them
 * twice), what `give` returns. */
NB_MUST_USE enum nb_status
handle_move_out(struct handle_table *table, const uint32_t *handles, uint32_t count,
		struct handle_entry *entries, handle_transfer *give, void *context);
/* Moves `count` handles in, all or none: numbers[] is filled with what they will
 * be called, then `take` called, which fills entries[]. NB_LIMIT_EXCEEDED,
 * NB_OUT_OF_MEMORY, NB_CANCELED, what `take` returns. */
NB_MUST_USE enum nb_status
handle_move_in(struct handle_table *table, uint32_t count, uint32_t *numbers,
	       struct handle_entry *entries, handle_transfer *take, void *context);

static inline struct handle_slot *
handle_slot_find_locked(struct handle_table *table, uint32_t handle)
{
	uint32_t idx = handle & (HANDLE_SLOTS_MAX - 1);
	struct handle_slot *slot;

	if (idx >= table->chunk_count * HANDLE_CHUNK_SLOTS)
		return NULL;
	slot = &table->chunks[idx / HANDLE_CHUNK_SLOTS][idx % HANDLE_CHUNK_SLOTS];
	return slot->object && slot->generation == handle >> HANDLE_SLOT_BITS ? slot : NULL;
}

/* Looks a handle up that must name an object of `type` (NULL: any) with all of
 * `rights`. NB_BAD_HANDLE, NB_WRONG_TYPE, NB_ACCESS_DENIED, in this order. */
NB_MUST_USE static inline enum nb_status
handle_use(struct handle_table *table, uint32_t handle, const struct object_type *type,
	   uint32_t rights, struct handle_use *out)
{
	enum nb_status status = NB_OK;
	struct handle_slot *slot;

	spinlock_lock(&table->lock);
	slot = handle_slot_find_locked(table, handle);
	if (!slot)
		status = NB_BAD_HANDLE;
	else if (type && slot->object->type != type)
		status = NB_WRONG_TYPE;
	else if (rights & ~(uint32_t)slot->rights)
		status = NB_ACCESS_DENIED;
	if (status == NB_OK) {
		object_get(slot->object);
		*out = (struct handle_use){ slot->object, slot->rights };
	}
	spinlock_unlock(&table->lock);
	return status;
}

/* Whether the handle is open and names that object. */
bool handle_names(struct handle_table *table, uint32_t handle, const struct object *object);

/* The first open handle behind the place of `after` (0: from the beginning), its
 * number in *out_handle. NB_NOT_FOUND. */
NB_MUST_USE enum nb_status handle_next(struct handle_table *table, uint32_t after,
				       struct handle_use *out, uint32_t *out_handle);

/* Open handles in all tables. */
uint32_t handle_live_count(void);

#endif
