/*
 * What the files of the store share.
 */
#ifndef RUNTIME_STORE_INTERNAL_H
#define RUNTIME_STORE_INTERNAL_H

#include "runtime/store.h"

/* The account's callbacks, or nothing. */
NB_MUST_USE enum nb_status store_charge(struct store *store, uint64_t bytes);
void store_uncharge(struct store *store, uint64_t bytes);

/* Returns slot or area; the record itself lies in the store's arena. */
void store_memory_release(struct runtime_memory *memory);
void store_table_release(struct runtime_table *table);

/* What R14 holds in instances without a memory: the base of a slot of which
 * nothing is accessible. */
NB_MUST_USE enum nb_status store_guard_slot(struct store *store, uint64_t *out_base);

#endif
