/*
 * What making an instance and cloning one have in common.
 */
#ifndef RUNTIME_INSTANCE_INTERNAL_H
#define RUNTIME_INSTANCE_INTERNAL_H

#include "runtime/instance.h"
#include "runtime/store_internal.h"

/* ---- the arrays of a vmctx ---- */

static inline void *
instance_vmctx_at(const struct instance *instance, uint32_t offset)
{
	return (uint8_t *)instance->vmctx + offset;
}

static inline uint64_t *
instance_global_slot(const struct instance *instance, uint32_t idx)
{
	return instance_vmctx_at(instance, instance->layout.globals + 16 * idx);
}

static inline uint64_t *
instance_table_slot(const struct instance *instance, uint32_t idx)
{
	return instance_vmctx_at(instance, instance->layout.tables + 16 * idx);
}

static inline struct nb_callee *
instance_import_slot(const struct instance *instance, uint32_t idx)
{
	return (struct nb_callee *)instance_vmctx_at(instance, instance->layout.imports) + idx;
}

static inline uint32_t *
instance_type_slots(const struct instance *instance)
{
	return instance_vmctx_at(instance, instance->layout.types);
}

/* ---- steps ---- */

/* The records of an instance, not yet in the store's list: zero but for the
 * vmctx's head. NB_OUT_OF_MEMORY, NB_LIMIT_EXCEEDED, NB_INTERNAL. */
NB_MUST_USE enum nb_status
instance_allocate(struct store *store, const struct code_module *module, struct instance **out);
/* Finds, checks and binds one import. Errors as instance_create. */
NB_MUST_USE enum nb_status
instance_link_import(struct instance *instance, const struct wasm_import *import,
		     instance_resolve *resolve, void *context, struct diag *diag);
/* Gives the globals that it defines their first values. */
void instance_set_globals(const struct instance *instance);
/* Fills the tables that it defines with their first values. */
void instance_fill_tables(const struct instance *instance);
/* Puts it in the store's list. */
void instance_enter(struct instance *instance);
/* Applies active element segments and drops them, and declarative ones. */
NB_MUST_USE enum nb_trap instance_apply_elems(struct instance *instance);

#endif
