/*
 * Instances for the emulation: everything that code may reach, filled with
 * hostile values.
 */
#include "tests/verifier/emulator.h"

#include <stdlib.h>

static void
put_callee(struct emulator *e, uint64_t at, uint32_t type, uint64_t code)
{
	bool is_own = code != STUBS_AT + STUB_HOST;
	uint32_t area = type == UINT32_MAX ? 0 : e->facts->type_areas[type];

	emu_put(e, at + NB_CALLEE_CODE, type == UINT32_MAX ? 0 : code, 8);
	emu_put(e, at + NB_CALLEE_VMCTX, type != UINT32_MAX && is_own ? VMCTX_AT : 0, 8);
	emu_put(e, at + NB_CALLEE_SIGNATURE,
		type == UINT32_MAX ? 0
				   : (type + 1) | (uint64_t)(area / 2) << NB_SIGNATURE_TYPE_BITS,
		4);
	emu_put(e, at + NB_CALLEE_CROSS, STUBS_AT + STUB_CROSS, 8);
}

static void
put_tables(struct emulator *e)
{
	const struct verifier_facts *facts = e->facts;
	uint32_t count = emu_table_count(e);

	free(e->entry_types);
	e->entry_types = malloc(sizeof(*e->entry_types) * count * ENTRIES);
	for (uint32_t i = 0; i < count * ENTRIES; i++) {
		uint32_t type = UINT32_MAX, function;
		uint64_t code = STUBS_AT + STUB_HOST;

		if (facts->counts.types && emu_random(e) % 8)
			type = (uint32_t)(emu_random(e) % facts->counts.types);
		if (facts->function_count && emu_random(e) & 1) {
			function = (uint32_t)(emu_random(e) % facts->function_count);
			code = CODE_AT + e->image->functions[function].code_offset;
		}
		e->entry_types[i] = type;
		put_callee(e, ENTRIES_AT + 32ull * i, type, code);
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t desc = TABLES_AT + (uint64_t)SPACING * i;
		uint64_t base = ENTRIES_AT + 32ull * ENTRIES * i;
		bool is_table = i + 1 < count;

		emu_put(e, desc, base, 8);
		emu_put(e, desc + NB_TABLE_LENGTH, is_table ? ENTRIES - 7 : ENTRIES - 1, 4);
		emu_put(e, desc + NB_TABLE_MASK, ENTRIES - 1, 4);
		if (!is_table)
			break;
		emu_put(e, VMCTX_AT + facts->layout.tables + 16ull * i, base, 8);
		emu_put(e, VMCTX_AT + facts->layout.tables + 16ull * i + 8, desc, 8);
	}
}

static void
put_vmctx(struct emulator *e)
{
	const struct nb_vmctx_layout *layout = &e->facts->layout;
	const struct nb_vmctx_counts *counts = &e->facts->counts;

	emu_put_hostile(e, VMCTX_AT, layout->size);
	emu_put(e, VMCTX_AT + NB_VMCTX_MEMORY_DESC, MEMORIES_AT, 8);
	emu_put(e, VMCTX_AT + NB_VMCTX_REFERENCES, TABLES_AT + (uint64_t)SPACING * counts->tables,
		8);
	emu_put(e, VMCTX_AT + NB_VMCTX_TAIL, STUBS_AT + STUB_TAIL, 8);
	emu_put(e, VMCTX_AT + NB_VMCTX_TAIL_GROW, STUBS_AT + STUB_GROW, 8);
	for (uint32_t i = 0; i < NB_BUILTIN_COUNT; i++)
		emu_put(e, VMCTX_AT + NB_VMCTX_BUILTINS + 8 * i, STUBS_AT + STUB_BUILTINS + 16 * i,
			8);
	for (uint32_t i = 0; i < counts->globals; i++)
		if (e->facts->globals[i] == VERIFIER_GLOBAL_CELL)
			emu_put(e, VMCTX_AT + layout->globals + 16ull * i,
				CELLS_AT + (uint64_t)SPACING * i, 8);
	for (uint32_t i = 0; i < counts->memories; i++) {
		uint64_t at = VMCTX_AT + layout->memories + 32ull * i;

		emu_put(e, at + NB_VMCTX_ENTRY_BASE, LINEAR_AT + LINEAR_STEP * i, 8);
		emu_put(e, at + NB_VMCTX_ENTRY_DESC, MEMORIES_AT + (uint64_t)SPACING * i, 8);
		emu_put(e, at + NB_VMCTX_ENTRY_BOUND, e->bound[i], 8);
	}
	for (uint32_t i = 0; i < counts->types; i++)
		emu_put(e, VMCTX_AT + layout->types + 4ull * i,
			(i + 1) | (uint64_t)(e->facts->type_areas[i] / 2) << NB_SIGNATURE_TYPE_BITS,
			4);
	for (uint32_t i = 0; i < counts->imports; i++)
		emu_put(e, VMCTX_AT + layout->imports + 32ull * i + NB_CALLEE_CROSS,
			STUBS_AT + STUB_CROSS, 8);
}

/* Memory with contents, anew but for the stack, which is as large in every instance. */
static void
map_all(struct emulator *e)
{
	const struct nb_vmctx_counts *counts = &e->facts->counts;
	const uint64_t sizes[REGION_COUNT] = {
		STACK_BYTES,
		e->facts->layout.size,
		(uint64_t)SPACING * emu_table_count(e),
		32ull * ENTRIES * emu_table_count(e),
		(uint64_t)SPACING * counts->globals,
		(uint64_t)SPACING * (counts->memories + 1),
	};

	for (uint32_t i = 0; i < REGION_COUNT; i++) {
		struct region *region = &e->regions[i];

		if (i == 0 && region->bytes)
			continue;
		free(region->bytes);
		region->size = sizes[i];
		region->bytes = calloc(1, sizes[i] + REGION_SPARE);
		if (!region->bytes)
			abort();
	}
}

bool
emulator_instance(struct emulator *e, const struct nb_code_image *image,
		  const struct verifier_facts *facts, uint64_t seed)
{
	e->image = image;
	e->facts = facts;
	e->rng = seed;
	e->decoded_size = e->site_count = 0;
	e->aimed_number = UINT32_MAX;
	if (facts->counts.memories > MEMORIES_MAX)
		return false;
	map_all(e);
	emu_put_hostile(e, ENTRY_RSP - STACK_FILLED, STACK_FILLED);
	for (uint32_t i = 0; i < MEMORIES_MAX; i++)
		e->bound[i] = emu_random(e) & 1 ? NB_SLOT_ADDRESSABLE : NB_WIDE_SLOT_ADDRESSABLE;
	put_vmctx(e);
	put_tables(e);
	emu_put_hostile(e, CELLS_AT, (uint64_t)SPACING * facts->counts.globals);
	for (uint32_t i = 0; i <= facts->counts.memories; i++)
		emu_put(e, MEMORIES_AT + (uint64_t)SPACING * i + NB_MEMORY_LENGTH, 65536, 8);
	return true;
}
