/*
 * Linear memories: a slot each, committed as far as the length goes.
 */
#include "kernel/port/memory.h"
#include "runtime/store_internal.h"
#include "wasm/limits.h"

/* Returned at a time, between two looks at who else wants to run. */
#define PIECE_BYTES ((uint64_t)4 << 20)

/* The most pages that the declared type, and we, allow a memory to have. */
static uint64_t
maximum_pages(const struct wasm_limits *limits)
{
	uint64_t most = limits->is_64 ? NB_WIDE_SLOT_ADDRESSABLE / WASM_PAGE_BYTES
				      : WASM_MEMORY32_MAX_PAGES;

	return limits->has_max && limits->max < most ? limits->max : most;
}

/* Charges the first bytes of a memory and makes its slot. */
static enum nb_status
slot_create(struct runtime_memory *memory, uint64_t bytes, const struct port_image *image)
{
	enum nb_status status = store_charge(memory->store, bytes);

	if (status != NB_OK)
		return status;
	memory->desc.length = bytes;
	if (memory->store->is_model)
		return NB_OK;
	status = port_slot_create(memory->bound, bytes, image, &memory->desc.base);
	if (status != NB_OK)
		store_uncharge(memory->store, bytes);
	return status;
}

enum nb_status
store_memory_place(struct runtime_memory *memory, const struct port_image *image)
{
	return slot_create(memory, memory->limits.min * WASM_PAGE_BYTES, image);
}

enum nb_status
store_memory_create_from(struct store *store, const struct wasm_memory_type *type,
			 const struct port_image *image, struct runtime_memory **out)
{
	uint64_t most = maximum_pages(&type->limits);
	struct runtime_memory *memory = arena_new(&store->arena, struct runtime_memory);

	if (type->limits.min > most)
		return NB_LIMIT_EXCEEDED;
	if (!memory)
		return NB_OUT_OF_MEMORY;
	memory->desc.maximum = most * WASM_PAGE_BYTES;
	memory->bound = memory->desc.maximum > NB_SLOT_ADDRESSABLE ? NB_WIDE_SLOT_ADDRESSABLE
								   : NB_SLOT_ADDRESSABLE;
	memory->limits = type->limits;
	memory->store = store;
	enum nb_status status = slot_create(memory, type->limits.min * WASM_PAGE_BYTES, image);
	if (status != NB_OK)
		return status;
	memory->next = store->memories;
	store->memories = memory;
	*out = memory;
	return NB_OK;
}

enum nb_status
store_memory_create(struct store *store, const struct wasm_memory_type *type,
		    struct runtime_memory **out)
{
	return store_memory_create_from(store, type, NULL, out);
}

void
store_memory_release(struct runtime_memory *memory)
{
	uint64_t bytes = memory->desc.length, left = bytes;

	if (memory->store->is_model)
		return;
	while (left > PIECE_BYTES) {
		uint64_t end = (left - 1) / PIECE_BYTES * PIECE_BYTES;

		port_slot_shrink(memory->desc.base, left, end);
		left = end;
		kernel_relax();
	}
	port_slot_release(memory->desc.base, left);
	store_uncharge(memory->store, bytes);
}

int64_t
runtime_memory_grow(struct runtime_memory *memory, uint64_t delta_pages)
{
	uint64_t old_bytes = memory->desc.length;
	uint64_t old_pages = old_bytes / WASM_PAGE_BYTES;

	if (delta_pages > memory->desc.maximum / WASM_PAGE_BYTES - old_pages)
		return -1;
	uint64_t new_bytes = old_bytes + delta_pages * WASM_PAGE_BYTES;
	if (store_charge(memory->store, new_bytes - old_bytes) != NB_OK)
		return -1;
	if (port_slot_commit(memory->desc.base, old_bytes, new_bytes) != NB_OK) {
		store_uncharge(memory->store, new_bytes - old_bytes);
		return -1;
	}
	__atomic_store_n(&memory->desc.length, new_bytes, __ATOMIC_RELEASE);
	return (int64_t)old_pages;
}

enum nb_status
store_guard_slot(struct store *store, uint64_t *out_base)
{
	if (!store->guard_slot && !store->is_model) {
		enum nb_status status = port_slot_reserve(NB_SLOT_ADDRESSABLE, &store->guard_slot);
		if (status != NB_OK) {
			store->guard_slot = 0;
			return status;
		}
	}
	*out_base = store->guard_slot;
	return NB_OK;
}
