/*
 * Instances: a module's run-time state, and how it comes to be.
 *
 * Three steps, so that nothing has an effect before everything fits, and so
 * that guest code runs where the caller wants it:
 *   instance_create      links, allocates, sets globals: no effect outside
 *   instance_initialize  applies element and data segments; may trap part-way
 *   instance_start       says which function, if any, is to be called then
 * Source: WebAssembly Core 2.0, section 4.5.4 (Instantiation).
 */
#ifndef RUNTIME_INSTANCE_H
#define RUNTIME_INSTANCE_H

#include "runtime/code_module.h"
#include "runtime/store.h"

struct instance {
	struct store *store;
	const struct code_module *module; /* outlives the store */
	struct nb_vmctx *vmctx;
	struct nb_vmctx_layout layout;
	struct runtime_memory **memories; /* by index, imported ones included */
	struct runtime_table **tables;
	uint64_t *dropped_elems; /* bit sets */
	uint64_t *dropped_datas;
	struct instance *next; /* in the store */
	uint32_t ordinal;      /* how many were made before it in the store */
	void *owner;	       /* for the caller's use */
	bool is_initialized;   /* a copy: what instance_initialize does was done before */
};

/* Supplies what `instance` imports as `import` (of instance->module->wasm),
 * into *out: any kind, any type; instance_create checks that they fit.
 * NB_NOT_FOUND: there is no such thing; other errors end the linking. The
 * instance's vmctx address is final, its contents are not. */
typedef enum nb_status
instance_resolve(void *context, const struct instance *instance, const struct wasm_import *import,
		 struct runtime_extern *out);

/* Links and allocates an instance of `module` in `store`. Errors, reported in
 * *diag: NB_UNLINKABLE ("unknown import: …", "incompatible import type: …"),
 * NB_OUT_OF_MEMORY, NB_LIMIT_EXCEEDED, NB_CANCELED, what `resolve` returned. After an error
 * the store is as it was before, to the byte. Gives way to others, as the other
 * functions here that may take long. */
NB_MUST_USE enum nb_status
instance_create(struct store *store, const struct code_module *module, instance_resolve *resolve,
		void *context, struct diag *diag, struct instance **out);

/* Applies active element and then data segments in order and drops them. On a
 * trap the earlier ones stay in effect and the instance stays usable for
 * whoever has got hold of it; so it is with NB_TRAP_KILLED, when it was canceled. Call once. */
NB_MUST_USE enum nb_trap instance_initialize(struct instance *instance);

/* The start function, or NULL. */
const struct nb_callee *instance_start(const struct instance *instance);

/* What `instance` exports under that name; false if nothing. */
bool instance_export(const struct instance *instance, const char *name, size_t len,
		     struct runtime_extern *out);

/* Function, memory, table or global by index, as an extern. */
struct runtime_extern
instance_extern(const struct instance *instance, enum wasm_extern_kind kind, uint32_t idx);

/* The callee of function `func_idx`; valid while the store lives. */
const struct nb_callee *instance_function(const struct instance *instance, uint32_t func_idx);

/* The signature words of the module's types. */
const uint32_t *instance_signatures(const struct instance *instance);

/* The reference to function `func_idx`. */
uint32_t instance_reference(const struct instance *instance, uint32_t func_idx);

/* The address of a global's value. */
uint64_t *instance_global(const struct instance *instance, uint32_t global_idx);

/* The instance that a vmctx belongs to. */
static inline struct instance *
instance_of(const struct nb_vmctx *vmctx)
{
	return vmctx->instance;
}

#endif
