/*
 * Pieces of areas, charged and committed; and going back to an earlier state
 * of a store. Long work here gives way between pieces.
 */
#include "kernel/port/guest.h"
#include "kernel/port/memory.h"
#include "lib/string.h"
#include "runtime/store_internal.h"

/* Between two looks at who else wants to run. */
enum { PIECE_BYTES = 256 * 1024 };

enum { ADDRESS_CHARGE_SHIFT = 16 };

static size_t
piece_of(size_t left)
{
	return left < PIECE_BYTES ? left : PIECE_BYTES;
}

static void
decommit(void *area, size_t offset, size_t size)
{
	while (size) {
		size_t piece = piece_of(size);

		size -= piece;
		port_area_decommit(area, offset + size, piece);
		kernel_relax();
	}
}

enum nb_status
store_area_reserve(struct store *store, size_t size, void **out)
{
	enum nb_status status = store_charge(store, size >> ADDRESS_CHARGE_SHIFT);

	if (status != NB_OK)
		return status;
	status = port_area_reserve(size, out);
	if (status != NB_OK)
		store_uncharge(store, size >> ADDRESS_CHARGE_SHIFT);
	return status;
}

enum nb_status
store_area_commit(struct store *store, void *area, size_t offset, size_t size)
{
	enum nb_status status = store_charge(store, size);
	size_t done = 0;

	while (status == NB_OK && done < size) {
		size_t piece = piece_of(size - done);

		status = port_area_commit(area, offset + done, piece);
		if (status == NB_OK) {
			done += piece;
			kernel_relax();
			if (done == size)
				break;
			status = kernel_is_canceled() ? NB_CANCELED : NB_OK;
		}
		if (status == NB_OK)
			continue;
		decommit(area, offset, done);
		store_uncharge(store, size);
	}
	return status;
}

void
store_area_release(struct store *store, void *area, size_t reserved, size_t committed)
{
	decommit(area, 0, committed);
	port_area_release(area, reserved);
	store_uncharge(store, committed + (reserved >> ADDRESS_CHARGE_SHIFT));
}

void
store_mark_get(const struct store *store, struct store_mark *out)
{
	out->store = *store;
	out->arena = arena_mark_get(&store->arena);
}

/* References that were taken since are null again; their storage is as large as before, but
 * may be another area. */
static void
release_references(struct store *store, struct store *before)
{
	size_t used = before->reference_count * sizeof(struct nb_callee);

	if (store->area_bytes && !before->area_bytes)
		store_area_release(store, store->callees, store->area_bytes, store->callee_bytes);
	if (store->area_bytes && before->area_bytes) {
		decommit(store->callees, before->callee_bytes,
			 store->callee_bytes - before->callee_bytes);
		store_uncharge(store, store->callee_bytes - before->callee_bytes);
		before->callees = store->callees;
		before->area_bytes = store->area_bytes;
		before->references.base = store->references.base;
	}
	if (before->callees)
		memset((uint8_t *)before->callees + used, 0, before->callee_bytes - used);
}

void
store_rollback(struct store *store, const struct store_mark *mark)
{
	struct store before = mark->store;
	struct arena arena;

	for (; store->memories != before.memories; store->memories = store->memories->next)
		store_memory_release(store->memories);
	for (; store->tables != before.tables; store->tables = store->tables->next)
		store_table_release(store->tables);
	if (store->guard_slot != before.guard_slot)
		port_slot_release(store->guard_slot, 0);
	release_references(store, &before);
	arena_release(&store->arena, mark->arena);
	arena = store->arena;
	*store = before;
	store->arena = arena;
	store_types_enter_all(store);
}
