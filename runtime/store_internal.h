/*
 * What the files of the store share.
 */
#ifndef RUNTIME_STORE_INTERNAL_H
#define RUNTIME_STORE_INTERNAL_H

#include "kernel/port/guest.h"
#include "runtime/store.h"

/* The account's callbacks, or nothing. */
NB_MUST_USE enum nb_status store_charge(struct store *store, uint64_t bytes);
void store_uncharge(struct store *store, uint64_t bytes);

/* In a loop over items that may be a million: lets others run now and then. */
static inline void
store_give_way(uint32_t i)
{
	if (i % 1024 == 1023)
		kernel_relax();
}

/* Finds all types anew, after their number was set back. Gives way to others. */
void store_types_enter_all(struct store *store);

/* Of 2^25 references. */
#define STORE_CALLEE_BYTES_MOST ((size_t)1 << 30)

/* Address space of `size` bytes. Charged, but little: a byte for 64 KiB of it, lest one process
 * takes all there is. NB_OUT_OF_MEMORY, NB_LIMIT_EXCEEDED. */
NB_MUST_USE enum nb_status store_area_reserve(struct store *store, size_t size, void **out);
/* Charges and commits size bytes (whole pages) of an area; NB_OUT_OF_MEMORY or
 * NB_LIMIT_EXCEEDED or NB_CANCELED, with nothing changed. Gives way to others. */
NB_MUST_USE enum nb_status
store_area_commit(struct store *store, void *area, size_t offset, size_t size);
/* Returns an area with `committed` bytes from its start on. Gives way. */
void store_area_release(struct store *store, void *area, size_t reserved, size_t committed);

/* The state of a store, to go back to if an instance cannot be made. */
struct store_mark {
	struct store store;
	struct arena_mark arena;
};
void store_mark_get(const struct store *store, struct store_mark *out);
/* Gives back everything since; nothing may refer to it. Gives way to others. */
void store_rollback(struct store *store, const struct store_mark *mark);

/* As store_memory_create; the first content is that of `image`, or zero. */
NB_MUST_USE enum nb_status
store_memory_create_from(struct store *store, const struct wasm_memory_type *type,
			 const struct port_image *image, struct runtime_memory **out);

/* Charges the first pages of a memory that was copied, and makes its slot. Errors as
 * above. */
NB_MUST_USE enum nb_status
store_memory_place(struct runtime_memory *memory, const struct port_image *image);

/* Returns slot or area; the record itself lies in the store's arena. */
void store_memory_release(struct runtime_memory *memory);
void store_table_release(struct runtime_table *table);

/* What R14 holds in instances without a memory: the base of a slot of which
 * nothing is accessible. */
NB_MUST_USE enum nb_status store_guard_slot(struct store *store, uint64_t *out_base);

#endif
