/*
 * Element and data segments. Nothing is kept per segment but a bit that says
 * it was dropped: items are evaluated when they are copied, which is the same,
 * because they only name functions and immutable globals.
 */
#include "runtime/segment.h"

#include "kernel/port/guest.h"
#include "kernel/port/memory.h"

/* Between two looks at who else wants to run. */
enum { PIECE_ITEMS = 4096, PIECE_BYTES = 64 * 1024 };

static bool
bit_get(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static void
bit_set(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= 1ull << i % 64;
}

static uint32_t
item_reference(const struct instance *instance, struct wasm_elem_item item)
{
	switch ((enum wasm_init_kind)item.kind) {
	case WASM_INIT_REF_FUNC:
		return instance_reference(instance, item.idx);
	case WASM_INIT_GLOBAL_GET:
		return (uint32_t)*instance_global(instance, item.idx);
	case WASM_INIT_REF_NULL:
	case WASM_INIT_CONST:
	case WASM_INIT_PROGRAM:
		break;
	}
	return 0;
}

enum nb_trap
segment_table_check(const struct instance *instance, uint32_t segment, uint32_t table_idx,
		    const struct segment_range *range)
{
	const struct wasm_module *wasm = &instance->module->wasm;

	if (segment >= wasm->elem_count || table_idx >= wasm->table_count)
		return NB_TRAP_TABLE_OUT_OF_BOUNDS;
	uint32_t length = instance->tables[table_idx]->desc.length;
	uint32_t items =
		bit_get(instance->dropped_elems, segment) ? 0 : wasm->elems[segment].item_count;
	if (range->count > items || range->from > items - range->count || range->count > length ||
	    range->to > length - range->count)
		return NB_TRAP_TABLE_OUT_OF_BOUNDS;
	return NB_TRAP_NONE;
}

enum nb_trap
segment_table_init(struct instance *instance, uint32_t segment, uint32_t table_idx,
		   const struct segment_range *range)
{
	enum nb_trap trap = segment_table_check(instance, segment, table_idx, range);

	if (trap != NB_TRAP_NONE)
		return trap;
	const struct wasm_elem_item *items =
		instance->module->wasm.elems[segment].items + range->from;
	for (uint32_t i = 0; i < range->count; i++)
		if (!runtime_table_set(instance->tables[table_idx], range->to + i,
				       item_reference(instance, items[i])))
			return NB_TRAP_TABLE_OUT_OF_BOUNDS;
	return NB_TRAP_NONE;
}

enum nb_trap
segment_memory_check(const struct instance *instance, uint32_t segment, uint32_t memory_idx,
		     const struct segment_range *range)
{
	const struct wasm_module *wasm = &instance->module->wasm;

	if (segment >= wasm->data_count || memory_idx >= wasm->memory_count)
		return NB_TRAP_MEMORY_OUT_OF_BOUNDS;
	const struct nb_memory_desc *memory = &instance->memories[memory_idx]->desc;
	uint64_t length = __atomic_load_n(&memory->length, __ATOMIC_ACQUIRE);
	uint32_t bytes =
		bit_get(instance->dropped_datas, segment) ? 0 : wasm->datas[segment].bytes_len;
	if (range->count > bytes || range->from > bytes - range->count || range->count > length ||
	    range->to > length - range->count)
		return NB_TRAP_MEMORY_OUT_OF_BOUNDS;
	return NB_TRAP_NONE;
}

enum nb_trap
segment_memory_init(struct instance *instance, uint32_t segment, uint32_t memory_idx,
		    const struct segment_range *range)
{
	const struct wasm_module *wasm = &instance->module->wasm;
	enum nb_trap trap = segment_memory_check(instance, segment, memory_idx, range);

	if (trap != NB_TRAP_NONE || range->count == 0)
		return trap;
	const uint8_t *from = wasm->bytes + wasm->datas[segment].bytes_offset + range->from;
	uint64_t to = instance->memories[memory_idx]->desc.base + range->to;
	return port_guest_write(to, from, range->count) == NB_OK ? NB_TRAP_NONE
								 : NB_TRAP_OUT_OF_MEMORY;
}

typedef enum nb_trap segment_function(struct instance *instance, uint32_t segment, uint32_t target,
				      const struct segment_range *range);

/* In pieces of at most `most`; the whole has been checked. */
static enum nb_trap
apply(segment_function *init, uint32_t most, struct instance *instance, uint32_t segment,
      uint32_t target, const struct segment_range *range)
{
	enum nb_trap trap = NB_TRAP_NONE;

	for (uint32_t done = 0; trap == NB_TRAP_NONE && done < range->count;) {
		uint32_t left = range->count - done, count = left < most ? left : most;
		struct segment_range piece = { range->to + done, range->from + done, count };

		trap = init(instance, segment, target, &piece);
		done += count;
		kernel_relax();
		if (trap == NB_TRAP_NONE && done < range->count && kernel_is_canceled())
			trap = NB_TRAP_KILLED;
	}
	return trap;
}

enum nb_trap
segment_table_apply(struct instance *instance, uint32_t segment, uint32_t table_idx,
		    const struct segment_range *range)
{
	enum nb_trap trap = segment_table_check(instance, segment, table_idx, range);

	if (trap != NB_TRAP_NONE)
		return trap;
	return apply(segment_table_init, PIECE_ITEMS, instance, segment, table_idx, range);
}

enum nb_trap
segment_memory_apply(struct instance *instance, uint32_t segment, uint32_t memory_idx,
		     const struct segment_range *range)
{
	enum nb_trap trap = segment_memory_check(instance, segment, memory_idx, range);

	if (trap != NB_TRAP_NONE)
		return trap;
	return apply(segment_memory_init, PIECE_BYTES, instance, segment, memory_idx, range);
}

void
segment_elem_drop(struct instance *instance, uint32_t segment)
{
	if (segment < instance->module->wasm.elem_count)
		bit_set(instance->dropped_elems, segment);
}

void
segment_data_drop(struct instance *instance, uint32_t segment)
{
	if (segment < instance->module->wasm.data_count)
		bit_set(instance->dropped_datas, segment);
}
