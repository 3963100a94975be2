/*
 * Life of a store, its types, references, host functions and globals.
 */
#include "runtime/store.h"

#include "kernel/port/guest.h"
#include "kernel/port/memory.h"
#include "lib/string.h"
#include "runtime/instance.h"
#include "runtime/signature.h"
#include "runtime/store_internal.h"

enum { TYPES_MAX = (1 << NB_SIGNATURE_TYPE_BITS) - 1 };

void
store_init(struct store *store, const struct arena_source *source, size_t limit_bytes,
	   const struct store_account *account)
{
	*store = (struct store){ .reference_count = 1 };
	arena_init(&store->arena, source, limit_bytes);
	if (account)
		store->account = *account;
}

enum nb_status
store_charge(struct store *store, uint64_t bytes)
{
	if (!store->account.charge || bytes == 0)
		return NB_OK;
	return store->account.charge(store->account.context, bytes);
}

void
store_uncharge(struct store *store, uint64_t bytes)
{
	if (store->account.uncharge && bytes != 0)
		store->account.uncharge(store->account.context, bytes);
}

void
store_destroy(struct store *store)
{
	for (struct runtime_memory *memory = store->memories; memory; memory = memory->next)
		store_memory_release(memory);
	for (struct runtime_table *table = store->tables; table; table = table->next)
		store_table_release(table);
	if (store->guard_slot)
		port_slot_release(store->guard_slot, 0);
	if (store->callees)
		store_area_release(store, store->callees, STORE_CALLEE_AREA_BYTES,
				   store->callee_bytes);
	arena_reset(&store->arena);
	*store = (struct store){ .arena = store->arena, .account = store->account };
}

void
store_set_thread(struct store *store, struct nb_thread_head *head)
{
	store->thread = head;
	for (struct instance *instance = store->instances; instance; instance = instance->next)
		instance->vmctx->thread = head;
	for (struct store_host_function *host = store->host_functions; host; host = host->next)
		host->context->thread = head;
}

/* ---- types ---- */

static uint32_t
type_hash(const struct wasm_functype *type)
{
	uint32_t hash = 2166136261u ^ type->param_count;

	for (uint32_t i = 0; i < type->param_count; i++)
		hash = (hash ^ (uint32_t)type->params[i]) * 16777619u;
	hash ^= type->result_count << 16;
	for (uint32_t i = 0; i < type->result_count; i++)
		hash = (hash ^ (uint32_t)type->results[i]) * 16777619u;
	return (hash ^ hash >> 15) % STORE_TYPE_BUCKETS;
}

static const enum wasm_valtype *
copy_valtypes(struct arena *arena, const enum wasm_valtype *types, uint32_t count)
{
	enum wasm_valtype *copy = arena_new_array(arena, enum wasm_valtype, count);

	if (copy && count)
		memcpy(copy, types, count * sizeof(*types));
	return copy;
}

static enum nb_status
type_add(struct store *store, const struct wasm_functype *type, uint32_t bucket, uint32_t *out)
{
	if (store->type_count == TYPES_MAX)
		return NB_LIMIT_EXCEEDED;
	if (store->type_count == store->type_cap) {
		uint32_t cap = store->type_cap ? store->type_cap * 2 : 32;
		struct store_type *types =
			arena_grow_array(&store->arena, store->types, store->type_count, cap,
					 sizeof(struct store_type), _Alignof(struct store_type));
		if (!types)
			return NB_OUT_OF_MEMORY;
		store->types = types;
		store->type_cap = cap;
	}
	struct wasm_functype copy = *type;
	copy.params = copy_valtypes(&store->arena, type->params, type->param_count);
	copy.results = copy_valtypes(&store->arena, type->results, type->result_count);
	if (!copy.params || !copy.results)
		return NB_OUT_OF_MEMORY;
	copy.canonical_idx = store->type_count;
	uint32_t number = store->type_count + 1; /* 0 would be the null signature */
	*out = number | signature_area_slots(type) / 2 << NB_SIGNATURE_TYPE_BITS;
	store->types[store->type_count++] = (struct store_type){
		.type = copy,
		.signature = *out,
		.next = store->type_buckets[bucket],
	};
	store->type_buckets[bucket] = number;
	return NB_OK;
}

enum nb_status
store_signature(struct store *store, const struct wasm_functype *type, uint32_t *out)
{
	uint32_t bucket = type_hash(type);

	for (uint32_t i = store->type_buckets[bucket]; i; i = store->types[i - 1].next) {
		if (wasm_functype_equal(&store->types[i - 1].type, type)) {
			*out = store->types[i - 1].signature;
			return NB_OK;
		}
	}
	return type_add(store, type, bucket, out);
}

const struct wasm_functype *
store_type_of(const struct store *store, uint32_t signature)
{
	uint32_t number = signature & ((1u << NB_SIGNATURE_TYPE_BITS) - 1);

	if (number == 0 || number > store->type_count ||
	    store->types[number - 1].signature != signature)
		return NULL;
	return &store->types[number - 1].type;
}

/* ---- references ---- */

const struct nb_callee *
store_callee(const struct store *store, uint32_t reference)
{
	if (reference == 0 || reference >= store->reference_count)
		return NULL;
	return &store->callees[reference];
}

enum nb_status
store_references_take(struct store *store, uint32_t count, uint32_t *out_first)
{
	size_t needed = ((size_t)store->reference_count + count) * sizeof(struct nb_callee);
	size_t bytes = store->callee_bytes ? store->callee_bytes : PORT_PAGE_BYTES;
	enum nb_status status;

	if (needed > STORE_CALLEE_AREA_BYTES)
		return NB_LIMIT_EXCEEDED;
	/* A power of two, so that every masked index has storage. */
	while (bytes < needed)
		bytes *= 2;
	if (!store->callees) {
		void *area;
		status = port_area_reserve(STORE_CALLEE_AREA_BYTES, &area);
		if (status != NB_OK)
			return status;
		store->callees = area;
		store->references.base = (uint64_t)(uintptr_t)area;
	}
	if (bytes > store->callee_bytes) {
		size_t more = bytes - store->callee_bytes;
		status = store_area_commit(store, store->callees, store->callee_bytes, more);
		if (status != NB_OK)
			return status;
		store->callee_bytes = bytes;
		store->references.mask = (uint32_t)(bytes / sizeof(struct nb_callee)) - 1;
	}
	*out_first = store->reference_count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t reference = store->reference_count++;
		store->callees[reference].reference = reference;
		store_give_way(i);
	}
	return NB_OK;
}

/* ---- host functions and globals ---- */

enum nb_status
store_host_function(struct store *store, const struct wasm_functype *type, uint64_t function,
		    void *argument, struct runtime_extern *out)
{
	uint32_t signature, reference;
	enum nb_status status = store_signature(store, type, &signature);

	if (status != NB_OK)
		return status;
	struct store_host_function *host = arena_new(&store->arena, struct store_host_function);
	struct nb_vmctx *context = arena_new(&store->arena, struct nb_vmctx);
	if (!host || !context)
		return NB_OUT_OF_MEMORY;
	status = store_references_take(store, 1, &reference);
	if (status != NB_OK)
		return status;
	context->thread = store->thread;
	context->memory = &store->no_memory;
	context->instance = argument;
	context->host_function = function;
	*host = (struct store_host_function){ context, store->host_functions };
	store->host_functions = host;
	store->callees[reference] = (struct nb_callee){
		.code = (uint64_t)(uintptr_t)guest_host_code,
		.vmctx = (uint64_t)(uintptr_t)context,
		.signature = signature,
		.reference = reference,
		.cross = (uint64_t)(uintptr_t)guest_host_cross,
	};
	*out = (struct runtime_extern){ .kind = WASM_EXTERN_FUNC,
					.func = store->callees[reference] };
	return NB_OK;
}

enum nb_status
store_global_create(struct store *store, const struct wasm_global_type *type,
		    const uint64_t bits[2], struct runtime_global *out)
{
	uint64_t *cell = arena_alloc(&store->arena, 16, 16);

	if (!cell)
		return NB_OUT_OF_MEMORY;
	cell[0] = bits[0];
	cell[1] = bits[1];
	*out = (struct runtime_global){ *type, cell };
	return NB_OK;
}
