/*
 * Life of a store, its references, host functions and globals.
 */
#include "runtime/store.h"

#include "kernel/port/guest.h"
#include "kernel/port/memory.h"
#include "lib/string.h"
#include "runtime/instance.h"
#include "runtime/store_internal.h"

/* References' storage at first, the most that is in the arena, and how many times what is
 * needed is reserved outside of it. */
enum { CALLEE_FIRST_BYTES = 512, CALLEE_ARENA_BYTES = 2048, CALLEE_AREA_TIMES = 16 };

void
store_init(struct store *store, const struct arena_source *source, size_t limit_bytes,
	   const struct store_account *account)
{
	*store = (struct store){ .reference_count = 1 };
	arena_init(&store->arena, source, limit_bytes);
	store->arena.first_bytes = PORT_PAGE_BYTES; /* enough for a small instance */
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
	if (store->area_bytes)
		store_area_release(store, store->callees, store->area_bytes, store->callee_bytes);
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

/* ---- references ---- */

const struct nb_callee *
store_callee(const struct store *store, uint32_t reference)
{
	if (reference == 0 || reference >= store->reference_count)
		return NULL;
	return &store->callees[reference];
}

/* Storage for `bytes` in an area, to which what was in the arena or a smaller area moves. */
static enum nb_status
callees_commit(struct store *store, size_t bytes)
{
	size_t reserved = bytes * CALLEE_AREA_TIMES;
	enum nb_status status;
	void *area;

	if (bytes <= store->area_bytes)
		return store_area_commit(store, store->callees, store->callee_bytes,
					 bytes - store->callee_bytes);
	if (reserved > STORE_CALLEE_BYTES_MOST)
		reserved = STORE_CALLEE_BYTES_MOST;
	status = store_area_reserve(store, reserved, &area);
	if (status != NB_OK)
		return status;
	status = store_area_commit(store, area, 0, bytes);
	if (status != NB_OK) {
		store_area_release(store, area, reserved, 0);
		return status;
	}
	if (store->callees)
		memcpy(area, store->callees, store->callee_bytes);
	if (store->area_bytes)
		store_area_release(store, store->callees, store->area_bytes, store->callee_bytes);
	store->callees = area;
	store->area_bytes = reserved;
	return NB_OK;
}

/* Storage for at least `needed` bytes; of a power of two, so that every masked index
 * has storage. The few of a small program need no pages of their own. */
static enum nb_status
callees_reserve(struct store *store, size_t needed)
{
	size_t bytes = store->callee_bytes ? store->callee_bytes : CALLEE_FIRST_BYTES;

	if (needed > STORE_CALLEE_BYTES_MOST)
		return NB_LIMIT_EXCEEDED;
	while (bytes < needed)
		bytes *= 2;
	if (bytes == store->callee_bytes)
		return NB_OK;
	if (bytes > CALLEE_ARENA_BYTES) {
		if (bytes < PORT_PAGE_BYTES)
			bytes = PORT_PAGE_BYTES;
		enum nb_status status = callees_commit(store, bytes);
		if (status != NB_OK)
			return status;
	} else {
		struct nb_callee *grown = arena_alloc_array(&store->arena, 1, bytes, 64);
		if (!grown)
			return NB_OUT_OF_MEMORY;
		if (store->callees)
			memcpy(grown, store->callees, store->callee_bytes);
		store->callees = grown;
	}
	store->callee_bytes = bytes;
	store->references.base = (uint64_t)(uintptr_t)store->callees;
	store->references.mask = (uint32_t)(bytes / sizeof(struct nb_callee)) - 1;
	return NB_OK;
}

enum nb_status
store_references_take(struct store *store, uint32_t count, uint32_t *out_first)
{
	size_t needed = ((size_t)store->reference_count + count) * sizeof(struct nb_callee);
	enum nb_status status = callees_reserve(store, needed);

	if (status != NB_OK)
		return status;
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
