/*
 * Canonical function types: what the modules of a store have in common.
 *
 * A module numbers its types for itself. Here a type is kept with the type
 * indices in it replaced by numbers of the store (from 1), and with
 * WASM_TYPE_IDX_SELF where it refers to itself; so two types are equal,
 * wherever they come from, exactly if these forms are.
 */
#include "lib/string.h"
#include "runtime/signature.h"
#include "runtime/store_internal.h"

enum {
	TYPES_MAX = (1 << NB_SIGNATURE_TYPE_BITS) - 1,
	TYPES_FIRST = 8, /* capacity; a power of two, as are the buckets */
};

static uint32_t
hash_valtypes(uint32_t hash, const enum wasm_valtype *types, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		hash = (hash ^ (uint32_t)types[i]) * 16777619u;
	return hash;
}

static uint32_t
type_hash(const struct wasm_functype *type)
{
	uint32_t hash = 2166136261u ^ type->param_count ^ type->result_count << 16;

	hash = hash_valtypes(hash, type->params, type->param_count);
	hash = hash_valtypes(hash * 31, type->results, type->result_count);
	return hash ^ hash >> 15;
}

static uint32_t *
bucket_of(const struct store *store, uint32_t hash)
{
	return &store->type_buckets[hash & (store->type_cap - 1)];
}

static void
enter(struct store *store, uint32_t number)
{
	struct store_type *type = &store->types[number - 1];
	uint32_t *bucket = bucket_of(store, type->hash);

	type->next = *bucket;
	*bucket = number;
}

void
store_types_enter_all(struct store *store)
{
	/* Nobody writes to shared ones. */
	if (store->types_are_shared)
		return;
	if (store->type_cap)
		memset(store->type_buckets, 0, store->type_cap * sizeof(*store->type_buckets));
	for (uint32_t i = 0; i < store->type_count; i++) {
		enter(store, i + 1);
		store_give_way(i);
	}
}

static enum nb_status
grow(struct store *store)
{
	uint32_t cap = store->type_cap ? store->type_cap : TYPES_FIRST;

	if (store->type_count == cap)
		cap *= 2;
	uint32_t *buckets = arena_new_array(&store->arena, uint32_t, cap);
	struct store_type *types =
		arena_grow_array(&store->arena, store->types, store->type_count, cap,
				 sizeof(struct store_type), _Alignof(struct store_type));

	if (!buckets || !types)
		return NB_OUT_OF_MEMORY;
	store->types = types;
	store->type_buckets = buckets;
	store->type_cap = cap;
	store->types_are_shared = false;
	store_types_enter_all(store);
	return NB_OK;
}

static const enum wasm_valtype *
copy_valtypes(struct arena *arena, const enum wasm_valtype *types, uint32_t count)
{
	enum wasm_valtype *copy = arena_new_array(arena, enum wasm_valtype, count);

	if (copy && count)
		memcpy(copy, types, count * sizeof(*types));
	return copy;
}

/* Adds *type, whose arrays become the store's. */
static enum nb_status
add(struct store *store, const struct wasm_functype *type, uint32_t hash, uint32_t *out)
{
	if (store->type_count == TYPES_MAX)
		return NB_LIMIT_EXCEEDED;
	if (store->type_count == store->type_cap || store->types_are_shared) {
		enum nb_status status = grow(store);
		if (status != NB_OK)
			return status;
	}
	struct wasm_functype copy = *type;
	copy.params = copy_valtypes(&store->arena, type->params, type->param_count);
	copy.results = copy_valtypes(&store->arena, type->results, type->result_count);
	if (!copy.params || !copy.results)
		return NB_OUT_OF_MEMORY;
	uint32_t number = ++store->type_count; /* 0 would be the null signature */
	copy.canonical_idx = number;
	copy.ref_blocks = NULL;
	*out = number | signature_area_slots(type) / 2 << NB_SIGNATURE_TYPE_BITS;
	store->types[number - 1] =
		(struct store_type){ .type = copy, .signature = *out, .hash = hash };
	enter(store, number);
	return NB_OK;
}

enum nb_status
store_signature(struct store *store, const struct wasm_functype *type, uint32_t *out)
{
	uint32_t hash = type_hash(type);

	for (uint32_t i = store->type_cap ? *bucket_of(store, hash) : 0; i;
	     i = store->types[i - 1].next) {
		const struct store_type *known = &store->types[i - 1];
		if (known->hash == hash && wasm_functype_equal(&known->type, type)) {
			*out = known->signature;
			return NB_OK;
		}
	}
	return add(store, type, hash, out);
}

const struct wasm_functype *
store_type_of(const struct store *store, uint32_t signature)
{
	uint32_t number = store_type_number(signature);

	if (number == 0 || number > store->type_count ||
	    store->types[number - 1].signature != signature)
		return NULL;
	return &store->types[number - 1].type;
}

/* ---- types of modules ---- */

enum wasm_valtype
store_valtype(const uint32_t *signatures, enum wasm_valtype type)
{
	if (!wasm_valtype_is_typed(type))
		return type;
	return wasm_valtype_typed(store_type_number(signatures[wasm_valtype_type_idx(type)]),
				  wasm_valtype_is_nullable(type));
}

static bool
has_typed(const enum wasm_valtype *types, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (wasm_valtype_is_typed(types[i]))
			return true;
	return false;
}

/* The store's form of types[0..count) of module type `self`, in the arena. */
static const enum wasm_valtype *
rename_valtypes(struct store *store, const enum wasm_valtype *types, uint32_t count,
		const uint32_t *signatures, uint32_t self)
{
	enum wasm_valtype *renamed = arena_new_array(&store->arena, enum wasm_valtype, count);

	for (uint32_t i = 0; renamed && i < count; i++)
		renamed[i] =
			wasm_valtype_is_typed(types[i]) && wasm_valtype_type_idx(types[i]) == self
				? wasm_valtype_typed(WASM_TYPE_IDX_SELF,
						     wasm_valtype_is_nullable(types[i]))
				: store_valtype(signatures, types[i]);
	return renamed;
}

static enum nb_status
module_signature(struct store *store, const struct wasm_module *module, uint32_t idx,
		 uint32_t *signatures)
{
	struct wasm_functype type = module->types[idx];

	if (type.canonical_idx < idx) {
		signatures[idx] = signatures[type.canonical_idx];
		return NB_OK;
	}
	if (has_typed(type.params, type.param_count) ||
	    has_typed(type.results, type.result_count)) {
		type.params =
			rename_valtypes(store, type.params, type.param_count, signatures, idx);
		type.results =
			rename_valtypes(store, type.results, type.result_count, signatures, idx);
		if (!type.params || !type.results)
			return NB_OUT_OF_MEMORY;
	}
	return store_signature(store, &type, &signatures[idx]);
}

enum nb_status
store_signatures(struct store *store, const struct wasm_module *module, uint32_t *signatures)
{
	enum nb_status status = NB_OK;

	for (uint32_t i = 0; i < module->type_count && status == NB_OK; i++) {
		status = module_signature(store, module, i, signatures);
		store_give_way(i);
	}
	return status;
}

enum nb_status
store_types_make(const struct wasm_module *module, struct arena *arena, struct store_types *out)
{
	/* A store that lives in the module's arena. */
	struct store store = { .arena = *arena, .reference_count = 1 };
	uint32_t *signatures = arena_new_array(&store.arena, uint32_t, module->type_count);
	enum nb_status status =
		signatures ? store_signatures(&store, module, signatures) : NB_OUT_OF_MEMORY;

	*arena = store.arena;
	*out = (struct store_types){ 0 };
	if (status == NB_OK)
		*out = (struct store_types){ store.types, store.type_buckets, store.type_count,
					     store.type_cap, signatures };
	return status;
}

enum nb_status
store_types_adopt(struct store *store, const struct store_types *types,
		  const struct wasm_module *module, uint32_t *signatures)
{
	if (store->type_count || !types->types)
		return store_signatures(store, module, signatures);
	store->types = types->types;
	store->type_buckets = types->buckets;
	store->type_count = types->count;
	store->type_cap = types->cap;
	store->types_are_shared = true;
	memcpy(signatures, types->signatures, module->type_count * sizeof *signatures);
	return NB_OK;
}
