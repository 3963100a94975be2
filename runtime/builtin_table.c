/*
 * Builtins on tables. Arguments come from machine code and are checked here,
 * references included.
 */
#include "lib/string.h"
#include "runtime/builtin.h"
#include "runtime/segment.h"

/* Entries between two looks at head.pending; at most 128 KiB of them. */
enum { PIECE_ENTRIES = 4096 };

static struct runtime_table *
table_at(struct nb_vmctx *vmctx, uint32_t idx)
{
	struct instance *instance = instance_of(vmctx);

	return idx < instance->module->wasm.table_count ? instance->tables[idx] : NULL;
}

static bool
range_fits(const struct runtime_table *table, uint64_t at, uint64_t count)
{
	return count <= table->desc.length && at <= table->desc.length - count;
}

int64_t
runtime_builtin_TABLE_GET(struct nb_vmctx *vmctx, uint32_t idx, uint64_t index)
{
	const struct runtime_table *table = table_at(vmctx, idx);
	uint32_t reference;

	if (!table || !runtime_table_get(table, index, &reference))
		return -(int64_t)NB_TRAP_TABLE_OUT_OF_BOUNDS;
	return reference;
}

enum nb_trap
runtime_builtin_TABLE_SET(struct nb_vmctx *vmctx, uint32_t idx, uint64_t index, uint32_t reference)
{
	struct runtime_table *table = table_at(vmctx, idx);

	if (!table || !runtime_table_set(table, index, reference))
		return NB_TRAP_TABLE_OUT_OF_BOUNDS;
	return NB_TRAP_NONE;
}

enum nb_trap
runtime_builtin_TABLE_FILL(struct nb_vmctx *vmctx, uint32_t idx, uint64_t at, uint32_t reference,
			   uint64_t count)
{
	struct runtime_table *table = table_at(vmctx, idx);

	if (!table || !range_fits(table, at, count))
		return NB_TRAP_TABLE_OUT_OF_BOUNDS;
	for (uint64_t i = 0; i < count; i++) {
		if (!runtime_table_set(table, at + i, reference))
			return NB_TRAP_TABLE_OUT_OF_BOUNDS;
		if (i % PIECE_ENTRIES == PIECE_ENTRIES - 1)
			builtin_give_way(vmctx);
	}
	return NB_TRAP_NONE;
}

int64_t
runtime_builtin_TABLE_GROW(struct nb_vmctx *vmctx, uint32_t idx, uint32_t reference, uint64_t delta)
{
	struct runtime_table *table = table_at(vmctx, idx);

	if (!table || (table->desc.element == NB_TABLE_FUNCTIONS && reference != 0 &&
		       !store_callee(table->store, reference)))
		return -1;
	int64_t old = runtime_table_grow(table, delta, 0);
	/* The new entries are null already; filling them may take long. */
	if (old >= 0 && reference != 0 &&
	    runtime_builtin_TABLE_FILL(vmctx, idx, (uint64_t)old, reference, delta) != NB_TRAP_NONE)
		return -1;
	return old;
}

enum nb_trap
runtime_builtin_TABLE_COPY(struct nb_vmctx *vmctx, uint32_t to_table, uint32_t from_table,
			   uint64_t to, uint64_t from, uint64_t count)
{
	struct runtime_table *target = table_at(vmctx, to_table);
	struct runtime_table *source = table_at(vmctx, from_table);

	if (!target || !source || target->desc.element != source->desc.element ||
	    !range_fits(target, to, count) || !range_fits(source, from, count))
		return NB_TRAP_TABLE_OUT_OF_BOUNDS;
	size_t entry = runtime_table_entry_bytes(target);
	uint8_t *target_bytes = (uint8_t *)(uintptr_t)target->desc.base + to * entry;
	const uint8_t *source_bytes = (const uint8_t *)(uintptr_t)source->desc.base + from * entry;
	bool is_backward = target_bytes > source_bytes;
	for (uint64_t done = 0; done < count;) {
		uint64_t piece = count - done < PIECE_ENTRIES ? count - done : PIECE_ENTRIES;
		uint64_t at = is_backward ? count - done - piece : done;
		memmove(target_bytes + at * entry, source_bytes + at * entry, piece * entry);
		done += piece;
		if (done < count)
			builtin_give_way(vmctx);
	}
	return NB_TRAP_NONE;
}

enum nb_trap
runtime_builtin_TABLE_INIT(struct nb_vmctx *vmctx, uint32_t segment, uint32_t table, uint64_t to,
			   uint32_t from, uint32_t count)
{
	struct instance *instance = instance_of(vmctx);
	struct segment_range whole = { to, from, count };
	enum nb_trap trap = segment_table_check(instance, segment, table, &whole);

	for (uint32_t done = 0; trap == NB_TRAP_NONE && done < count;) {
		uint32_t piece = count - done < PIECE_ENTRIES ? count - done : PIECE_ENTRIES;
		struct segment_range range = { to + done, from + done, piece };
		trap = segment_table_init(instance, segment, table, &range);
		done += piece;
		if (trap == NB_TRAP_NONE && done < count)
			builtin_give_way(vmctx);
	}
	return trap;
}

void
runtime_builtin_ELEM_DROP(struct nb_vmctx *vmctx, uint32_t segment)
{
	segment_elem_drop(instance_of(vmctx), segment);
}
