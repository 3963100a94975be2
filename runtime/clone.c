/*
 * Cloning a store.
 *
 * First all records are made, so that each address of the source has a
 * counterpart; then callees, imports and tables are filled in with those.
 */
#include "runtime/clone.h"

#include "kernel/port/guest.h"
#include "lib/string.h"
#include "runtime/instance_internal.h"
#include "runtime/segment.h"

/* One cloning. */
struct cloning {
	struct store *store;
	const struct store *source;
	store_clone_context *context;
	void *argument;
	const struct instance **originals; /* by ordinal */
	struct instance **instances;	   /* likewise */
	struct runtime_table **tables;	   /* likewise */
	const struct nb_vmctx *last;	   /* the context asked for last, and its answer */
	struct nb_vmctx *last_counterpart;
};

struct instance *
store_counterpart(const struct store *store, const struct instance *original)
{
	struct instance *instance = store->instances;

	while (instance->ordinal != original->ordinal)
		instance = instance->next;
	return instance;
}

/* ---- records ---- */

static enum nb_status
clone_tables(struct cloning *cloning)
{
	const struct runtime_table **originals = arena_new_array(
		&cloning->store->arena, const struct runtime_table *, cloning->source->table_count);
	enum nb_status status = NB_OK;

	if (!originals)
		return NB_OUT_OF_MEMORY;
	for (const struct runtime_table *table = cloning->source->tables; table;
	     table = table->next)
		originals[table->ordinal] = table;
	for (uint32_t i = 0; i < cloning->source->table_count && status == NB_OK; i++)
		status = store_table_create(cloning->store, &originals[i]->type,
					    &cloning->tables[i]);
	return status;
}

/* What of an instance needs nothing of the others. */
static enum nb_status
clone_records(struct cloning *cloning, const struct instance *original)
{
	struct nb_vmctx_layout layout = original->layout;
	struct instance *instance;
	enum nb_status status = instance_allocate(cloning->store, original->module, &instance);

	if (status != NB_OK)
		return status;
	instance->vmctx->memory_base = original->vmctx->memory_base;
	instance->vmctx->memory = original->vmctx->memory;
	instance->vmctx->reference_base = original->vmctx->reference_base;
	instance->owner = original->owner;
	instance->memories = original->memories;
	memcpy(instance_vmctx_at(instance, layout.memories),
	       instance_vmctx_at(original, layout.memories), layout.imports - layout.memories);
	memcpy(instance_type_slots(instance), instance_type_slots(original),
	       original->module->wasm.type_count * sizeof(uint32_t));
	instance_enter(instance);
	cloning->instances[original->ordinal] = instance;
	return NB_OK;
}

/* ---- counterparts ---- */

/* The instance whose vmctx that is, or NULL. */
static const struct instance *
instance_of_context(const struct nb_vmctx *context)
{
	const struct instance *instance = context->instance;

	if (context->host_function || !instance || instance->vmctx != context)
		return NULL;
	return instance;
}

static enum nb_status
clone_callee(struct cloning *cloning, const struct nb_callee *original, struct nb_callee *out)
{
	const struct nb_vmctx *context = (const struct nb_vmctx *)(uintptr_t)original->vmctx;
	const struct instance *instance;
	enum nb_status status = NB_OK;

	*out = *original;
	if (!context)
		return NB_OK;
	if (context != cloning->last) {
		instance = instance_of_context(context);
		if (instance)
			cloning->last_counterpart = cloning->instances[instance->ordinal]->vmctx;
		else
			status = cloning->context(cloning->argument, context,
						  &cloning->last_counterpart);
		cloning->last = status == NB_OK ? context : NULL;
	}
	out->vmctx = (uint64_t)(uintptr_t)cloning->last_counterpart;
	return status;
}

static enum nb_status
clone_callees(struct cloning *cloning)
{
	const struct store *source = cloning->source;
	uint32_t first;
	enum nb_status status = NB_OK;

	if (source->reference_count > 1)
		status = store_references_take(cloning->store, source->reference_count - 1, &first);
	for (uint32_t i = 1; i < source->reference_count && status == NB_OK; i++) {
		status = clone_callee(cloning, &source->callees[i], &cloning->store->callees[i]);
		store_give_way(i);
	}
	return status;
}

/* The cell of an imported global: of the clone's exporter, or, if no instance
 * defines it, the same one. */
static uint64_t
clone_cell(const struct cloning *cloning, uint64_t cell)
{
	for (uint32_t i = 0; i < cloning->source->instance_count; i++) {
		uint64_t vmctx = (uint64_t)(uintptr_t)cloning->originals[i]->vmctx;

		if (cell - vmctx < cloning->originals[i]->layout.size)
			return cell - vmctx + (uint64_t)(uintptr_t)cloning->instances[i]->vmctx;
	}
	return cell;
}

static void
clone_imported_globals(const struct cloning *cloning, const struct instance *original,
		       const struct instance *instance)
{
	const struct wasm_module *wasm = &original->module->wasm;

	for (uint32_t i = 0; i < wasm->global_import_count; i++) {
		const uint64_t *from = instance_global_slot(original, i);
		uint64_t *to = instance_global_slot(instance, i);

		to[0] = wasm->globals[i].type.is_mutable ? clone_cell(cloning, from[0]) : from[0];
		to[1] = from[1];
		store_give_way(i);
	}
}

/* Everything of an instance that leads to others. */
static enum nb_status
clone_links(struct cloning *cloning, const struct instance *original)
{
	struct instance *instance = cloning->instances[original->ordinal];
	const struct wasm_module *wasm = &original->module->wasm;

	for (uint32_t i = 0; i < wasm->func_import_count; i++) {
		enum nb_status status = clone_callee(cloning, instance_import_slot(original, i),
						     instance_import_slot(instance, i));

		if (status != NB_OK)
			return status;
		store_give_way(i);
	}
	for (uint32_t i = 0; i < wasm->table_count; i++) {
		struct runtime_table *table = cloning->tables[original->tables[i]->ordinal];
		uint64_t *slot = instance_table_slot(instance, i);

		instance->tables[i] = table;
		slot[0] = table->desc.base;
		slot[1] = (uint64_t)(uintptr_t)&table->desc;
	}
	clone_imported_globals(cloning, original, instance);
	instance_set_globals(instance);
	return NB_OK;
}

/* ---- the whole ---- */

static enum nb_status
cloning_prepare(struct cloning *cloning)
{
	const struct store *source = cloning->source;
	struct arena *arena = &cloning->store->arena;

	cloning->originals =
		arena_new_array(arena, const struct instance *, source->instance_count);
	cloning->instances = arena_new_array(arena, struct instance *, source->instance_count);
	cloning->tables = arena_new_array(arena, struct runtime_table *, source->table_count);
	if (!cloning->originals || !cloning->instances || !cloning->tables)
		return NB_OUT_OF_MEMORY;
	for (const struct instance *instance = source->instances; instance;
	     instance = instance->next)
		cloning->originals[instance->ordinal] = instance;
	cloning->store->types = source->types;
	cloning->store->type_buckets = source->type_buckets;
	cloning->store->type_count = source->type_count;
	cloning->store->type_cap = source->type_cap;
	cloning->store->types_are_shared = true;
	return clone_tables(cloning);
}

static enum nb_status
clone_all(struct cloning *cloning)
{
	uint32_t count = cloning->source->instance_count;
	enum nb_status status = cloning_prepare(cloning);

	for (uint32_t i = 0; i < count && status == NB_OK; i++)
		status = clone_records(cloning, cloning->originals[i]);
	if (status == NB_OK)
		status = clone_callees(cloning);
	for (uint32_t i = 0; i < count && status == NB_OK; i++)
		status = clone_links(cloning, cloning->originals[i]);
	for (uint32_t i = 0; i < count && status == NB_OK; i++) {
		struct instance *instance = cloning->instances[i];

		instance_fill_tables(instance);
		/* A segment that did not fit then does not fit now: the rest was
		 * not applied then, either. */
		(void)!instance_apply_elems(instance);
		for (uint32_t k = 0; k < instance->module->wasm.data_count; k++)
			if (instance->module->wasm.datas[k].mode != WASM_SEGMENT_PASSIVE)
				segment_data_drop(instance, k);
	}
	return status;
}

enum nb_status
store_clone(struct store *clone, const struct store *source, struct nb_thread_head *head,
	    store_clone_context *context, void *argument)
{
	struct cloning cloning = {
		.store = clone, .source = source, .context = context, .argument = argument
	};
	enum nb_status status;

	store_set_thread(clone, head);
	status = clone_all(&cloning);
	if (status == NB_OK)
		return NB_OK;
	store_destroy(clone);
	clone->reference_count = 1;
	return status;
}
