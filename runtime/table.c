/*
 * Tables: small ones that cannot grow much lie in the store's arena, others in
 * an area of their own that is committed as they grow.
 *
 * Storage always covers mask + 1 entries, and what lies beyond the length is
 * zero: null. So a masked index read speculatively finds nothing callable.
 */
#include "kernel/port/memory.h"
#include "lib/string.h"
#include "runtime/store_internal.h"
#include "wasm/limits.h"

enum { ARENA_ENTRIES_MAX = 128 };

/* The least power of two >= count, at least 1. */
static uint64_t
round_to_power(uint64_t count)
{
	return count <= 1 ? 1 : 1ull << (64 - __builtin_clzll(count - 1));
}

static uint64_t
maximum_entries(const struct wasm_limits *limits)
{
	if (limits->has_max && limits->max < WASM_LIMIT_TABLE_ENTRIES)
		return limits->max;
	return WASM_LIMIT_TABLE_ENTRIES;
}

static size_t
round_to_page(size_t bytes)
{
	return (bytes + PORT_PAGE_BYTES - 1) & ~(size_t)(PORT_PAGE_BYTES - 1);
}

/* Storage for `entries` entries, a power of two, in the table's area. */
static enum nb_status
table_commit(struct runtime_table *table, uint64_t entries)
{
	size_t bytes = round_to_page(entries * runtime_table_entry_bytes(table));

	if (bytes <= table->committed_bytes)
		return NB_OK;
	enum nb_status status =
		store_area_commit(table->store, (void *)(uintptr_t)table->desc.base,
				  table->committed_bytes, bytes - table->committed_bytes);
	if (status == NB_OK)
		table->committed_bytes = bytes;
	return status;
}

static enum nb_status
table_storage_create(struct runtime_table *table)
{
	uint64_t capacity = round_to_power(table->desc.maximum);
	size_t bytes = capacity * runtime_table_entry_bytes(table);
	void *storage;

	if (table->desc.maximum <= ARENA_ENTRIES_MAX) {
		storage = arena_alloc_array(&table->store->arena, 1, bytes, 64);
		if (!storage)
			return NB_OUT_OF_MEMORY;
		table->desc.base = (uint64_t)(uintptr_t)storage;
		table->desc.mask = (uint32_t)capacity - 1;
		return NB_OK;
	}
	enum nb_status status = store_area_reserve(table->store, round_to_page(bytes), &storage);
	if (status != NB_OK)
		return status;
	uint64_t entries = round_to_power(table->type.limits.min);
	table->desc.base = (uint64_t)(uintptr_t)storage;
	table->area_bytes = round_to_page(bytes);
	status = table_commit(table, entries);
	if (status != NB_OK) {
		store_area_release(table->store, storage, table->area_bytes, 0);
		return status;
	}
	table->desc.mask = (uint32_t)entries - 1;
	return NB_OK;
}

enum nb_status
store_table_create(struct store *store, const struct wasm_table_type *type,
		   struct runtime_table **out)
{
	struct runtime_table *table = arena_new(&store->arena, struct runtime_table);

	if (type->limits.min > WASM_LIMIT_TABLE_ENTRIES)
		return NB_LIMIT_EXCEEDED;
	if (!table)
		return NB_OUT_OF_MEMORY;
	table->type = *type;
	table->store = store;
	table->desc.length = (uint32_t)type->limits.min;
	table->desc.maximum = (uint32_t)maximum_entries(&type->limits);
	table->desc.element =
		wasm_valtype_is_func_ref(type->type) ? NB_TABLE_FUNCTIONS : NB_TABLE_EXTERNS;
	enum nb_status status = table_storage_create(table);
	if (status != NB_OK)
		return status;
	table->ordinal = store->table_count++;
	table->next = store->tables;
	store->tables = table;
	*out = table;
	return NB_OK;
}

void
store_table_release(struct runtime_table *table)
{
	if (!table->area_bytes)
		return;
	store_area_release(table->store, (void *)(uintptr_t)table->desc.base, table->area_bytes,
			   table->committed_bytes);
}

bool
runtime_table_get(const struct runtime_table *table, uint64_t index, uint32_t *out)
{
	if (index >= table->desc.length)
		return false;
	if (table->desc.element == NB_TABLE_FUNCTIONS) {
		const struct nb_callee *callees =
			(const struct nb_callee *)(uintptr_t)table->desc.base;
		*out = callees[index].reference;
	} else {
		*out = ((const uint32_t *)(uintptr_t)table->desc.base)[index];
	}
	return true;
}

bool
runtime_table_set(struct runtime_table *table, uint64_t index, uint32_t reference)
{
	if (index >= table->desc.length)
		return false;
	if (table->desc.element == NB_TABLE_EXTERNS) {
		((uint32_t *)(uintptr_t)table->desc.base)[index] = reference;
		return true;
	}
	const struct nb_callee *callee = store_callee(table->store, reference);
	if (!callee && reference != 0)
		return false;
	struct nb_callee *entry = (struct nb_callee *)(uintptr_t)table->desc.base + index;
	*entry = callee ? *callee : (struct nb_callee){ 0 };
	return true;
}

int64_t
runtime_table_grow(struct runtime_table *table, uint64_t delta, uint32_t reference)
{
	uint32_t old = table->desc.length;

	if (delta > table->desc.maximum - old)
		return -1;
	if (table->desc.element == NB_TABLE_FUNCTIONS && reference != 0 &&
	    !store_callee(table->store, reference))
		return -1;
	uint32_t length = old + (uint32_t)delta;
	uint64_t entries = round_to_power(length);
	if (entries - 1 > table->desc.mask) {
		if (table_commit(table, entries) != NB_OK)
			return -1;
		table->desc.mask = (uint32_t)entries - 1;
	}
	table->desc.length = length;
	for (uint32_t i = old; reference != 0 && i < length; i++)
		(void)runtime_table_set(table, i, reference);
	return old;
}
