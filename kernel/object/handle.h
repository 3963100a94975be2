/*
 * Handle tables: a process's numbers for (object, rights).
 *
 * A handle is generation << 16 | slot. A slot's generation changes with every
 * use, freed slots are reused in the order of their freeing and only when
 * HANDLE_SPARE of them are free, so a stale number stays BAD_HANDLE for some
 * eight million further openings. Each open handle is charged to the account.
 */
#ifndef KERNEL_OBJECT_HANDLE_H
#define KERNEL_OBJECT_HANDLE_H

#include "kernel/object/object.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	HANDLE_SLOTS_MAX = 1 << 16,
	HANDLE_SPARE = 128,
	HANDLE_CHUNK_SLOTS = 64,
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
	struct handle_slot **chunks; /* of HANDLE_CHUNK_SLOTS each */
	uint32_t chunk_count;
	uint32_t chunk_cap;
	uint32_t free_count;
	uint16_t free_first, free_last; /* valid if free_count */
	uint32_t open_count;
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
 * NB_BAD_HANDLE. */
NB_MUST_USE enum nb_status
handle_renew(struct handle_table *table, uint32_t handle, uint32_t rights, uint32_t *out);

/* Looks a handle up that must name an object of `type` (NULL: any) with all of
 * `rights`. NB_BAD_HANDLE, NB_WRONG_TYPE, NB_ACCESS_DENIED, in this order. */
NB_MUST_USE enum nb_status
handle_use(struct handle_table *table, uint32_t handle, const struct object_type *type,
	   uint32_t rights, struct handle_use *out);

/* Open handles in all tables. */
uint32_t handle_live_count(void);

#endif
