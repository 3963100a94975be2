/*
 * What memory a function may touch, by the code contract, and what is there.
 */
#include "tests/verifier/emulator.h"

#include <stdlib.h>
#include <string.h>

/* --- callees ------------------------------------------------------------------ */

uint32_t
emu_table_count(const struct emulator *e)
{
	return e->facts->counts.tables + 1; /* that of references */
}

bool
emu_find_callee(const struct emulator *e, uint64_t at, uint32_t *area)
{
	uint64_t imports = VMCTX_AT + e->facts->layout.imports;
	uint64_t entry = (at - ENTRIES_AT) >> NB_CALLEE_SHIFT;

	if (at % (1 << NB_CALLEE_SHIFT) == 0 && entry < (uint64_t)ENTRIES * emu_table_count(e)) {
		uint32_t type = e->entry_types[entry];

		*area = type == UINT32_MAX ? UINT32_MAX : e->facts->type_areas[type];
		return true;
	}
	entry = (at - imports) >> NB_CALLEE_SHIFT;
	if (at < imports || (at - imports) % (1 << NB_CALLEE_SHIFT) ||
	    entry >= e->facts->counts.imports)
		return false;
	*area = e->facts->import_areas[entry];
	return true;
}

bool
emu_find_entry(const struct emulator *e, uint64_t at, uint32_t *area)
{
	uint32_t low = 0, high = e->image->function_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (CODE_AT + e->image->functions[middle].code_offset < at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == e->image->function_count || CODE_AT + e->image->functions[low].code_offset != at)
		return false;
	*area = e->facts->function_areas[low];
	return true;
}

/* --- memory ------------------------------------------------------------------- */

static bool
may_touch_stack(struct emulator *e, uint64_t at, uint64_t end, bool is_write)
{
	uint64_t rsp = e->gpr[NB_RSP];

	if (at >= ENTRY_RSP + 8 && end <= ENTRY_RSP + 8 + e->area)
		return true;
	if (e->last->kind == RETURN && !is_write)
		return at == ENTRY_RSP && rsp == at;
	bool is_push = is_write && (e->last->kind == CALL || e->last->kind == CALL_MEMORY);

	if (at < e->touched) {
		if (at + NB_PROBE_INTERVAL < e->touched)
			return false;
		e->touched = at;
	}
	return at >= (is_push ? rsp - 8 : rsp) && end <= ENTRY_RSP;
}

/* A kernel pointer may be loaded by instructions of templates only. */
static bool
is_pointer_use(const struct emulator *e)
{
	return e->last->is_pointer || e->last->kind == COMPARE || e->last->kind == CALL_MEMORY ||
	       e->last->kind == JUMP_MEMORY;
}

static bool
is_leaving(const struct emulator *e)
{
	return e->last->kind == CALL_MEMORY || e->last->kind == JUMP_MEMORY;
}

static bool
may_touch_global(const struct emulator *e, uint64_t at, uint64_t size, bool is_write)
{
	uint8_t kind = e->facts->globals[at / 16];

	if (at % 16 + size > 16)
		return false;
	if (kind == VERIFIER_GLOBAL_CELL)
		return !is_write && at % 16 == 0 && size == 8 && is_pointer_use(e);
	return !is_write || kind == VERIFIER_GLOBAL_VARIABLE;
}

static bool
may_touch_vmctx(const struct emulator *e, uint64_t at, uint64_t size, bool is_write)
{
	const struct nb_vmctx_layout *layout = &e->facts->layout;
	const struct nb_vmctx_counts *counts = &e->facts->counts;

	if (at - layout->globals < 16ull * counts->globals && at >= layout->globals)
		return may_touch_global(e, at - layout->globals, size, is_write);
	if (is_write)
		return false;
	if (at == NB_VMCTX_REFERENCE_BASE && size == 4)
		return true;
	if (at >= layout->types && at + size <= layout->types + 4ull * counts->types)
		return size == 4;
	if (size != 8 || at % 8)
		return false;
	if (at == NB_VMCTX_MEMORY_DESC || at == NB_VMCTX_REFERENCES)
		return e->last->is_pointer;
	if (at == NB_VMCTX_TAIL || at == NB_VMCTX_TAIL_GROW)
		return e->last->kind == JUMP_MEMORY;
	if (at >= NB_VMCTX_BUILTINS && at < NB_VMCTX_BUILTINS + 8 * NB_BUILTIN_COUNT)
		return e->last->kind == CALL_MEMORY;
	if (at >= layout->tables && at < layout->tables + 16ull * counts->tables)
		return e->last->is_pointer;
	if (at >= layout->memories && at < layout->memories + 32ull * counts->memories)
		return e->last->is_pointer && at % 32 != (layout->memories + 24) % 32;
	if (at >= layout->imports && at < layout->imports + 32ull * counts->imports)
		return is_leaving(e) && (at - layout->imports) % 32 == NB_CALLEE_CROSS;
	return false;
}

static bool
may_touch_callee(const struct emulator *e, uint64_t field, uint64_t size)
{
	switch (field) {
	case NB_CALLEE_CODE:
	case NB_CALLEE_CROSS:
		return size == 8 && is_leaving(e);
	case NB_CALLEE_VMCTX:
		return size == 8 && e->last->kind == COMPARE;
	case NB_CALLEE_SIGNATURE:
		return size == 4 && e->last->kind == COMPARE;
	default:
		return false;
	}
}

static bool
may_touch_linear(const struct emulator *e, uint64_t at, uint64_t size)
{
	uint64_t memory = (at - LINEAR_AT) >> LINEAR_SHIFT, offset = (at - LINEAR_AT) % LINEAR_STEP;
	uint32_t count = e->facts->counts.memories ? e->facts->counts.memories : 1;

	return memory < count && offset + size <= e->bound[memory] + NB_SLOT_GUARD &&
	       e->last->trap == NB_TRAP_MEMORY_OUT_OF_BOUNDS;
}

static bool
may_touch(struct emulator *e, uint64_t at, uint64_t size, bool is_write)
{
	uint64_t offset;

	if (at >= LINEAR_AT)
		return may_touch_linear(e, at, size);
	if (at - STACK_AT < STACK_BYTES)
		return may_touch_stack(e, at, at + size, is_write);
	if (at - VMCTX_AT < e->facts->layout.size)
		return may_touch_vmctx(e, at - VMCTX_AT, size, is_write);
	if (at - CELLS_AT < (uint64_t)SPACING * e->facts->counts.globals)
		return (at - CELLS_AT) % SPACING + size <= 16;
	if (is_write)
		return false;
	offset = at - CODE_AT - e->function->code_offset;
	if (at >= CODE_AT && offset < INT32_MAX)
		return offset >= e->pool_at && offset + size <= e->pool_end;
	offset = (at - TABLES_AT) % SPACING;
	if (at - TABLES_AT < (uint64_t)SPACING * (emu_table_count(e) - 1))
		return size == 4 && (offset == NB_TABLE_LENGTH || offset == NB_TABLE_MASK);
	if (at - TABLES_AT < (uint64_t)SPACING * emu_table_count(e))
		return (size == 4 && offset == NB_REFERENCES_MASK) ||
		       (size == 8 && offset == NB_REFERENCES_BASE && e->last->is_pointer);
	if (at - ENTRIES_AT < 32ull * ENTRIES * emu_table_count(e))
		return may_touch_callee(e, (at - ENTRIES_AT) % 32, size);
	if (at - MEMORIES_AT < (uint64_t)SPACING * (e->facts->counts.memories + 1))
		return size == 8 && (at - MEMORIES_AT) % SPACING == NB_MEMORY_LENGTH;
	return false;
}

/* Escapes if e->last may not touch this. */
static bool
check(struct emulator *e, uint64_t at, uint32_t size, bool is_write)
{
	if (e->event != EVENT_NONE)
		return false;
	if (!may_touch(e, at, size, is_write))
		emu_escape(e, "%s of %u bytes at 0x%llx", is_write ? "write" : "read", size,
			   (unsigned long long)at);
	else if (e->last->is_aligned && at % 16)
		emu_escape(e, "access to unaligned 0x%llx", (unsigned long long)at);
	return e->event == EVENT_NONE;
}

/* --- contents ----------------------------------------------------------------- */

static uint8_t *
bytes_at(struct emulator *e, uint64_t at, uint64_t size)
{
	uint64_t number = (at >> REGION_SHIFT) - REGION_FIRST;
	uint64_t offset = at & ((1ull << REGION_SHIFT) - 1);

	if (number >= REGION_COUNT || offset + size > e->regions[number].size + REGION_SPARE)
		abort(); /* it is permitted, but there is nothing */
	return e->regions[number].bytes + offset;
}

/* Until the end of the run. */
static void
change(struct emulator *e, uint64_t at, uint64_t value, uint32_t size)
{
	uint8_t *bytes = bytes_at(e, at, 8);

	if (e->saved_count == e->saved_room) {
		e->saved_room = e->saved_room ? 2 * e->saved_room : 4096;
		e->saved = realloc(e->saved, sizeof(*e->saved) * e->saved_room);
		if (!e->saved)
			abort();
	}
	struct saved *saved = &e->saved[e->saved_count++];

	saved->at = bytes;
	memcpy(&saved->old, bytes, 8);
	memcpy(bytes, &value, size);
}

void
emu_undo(struct emulator *e)
{
	while (e->saved_count) {
		const struct saved *saved = &e->saved[--e->saved_count];

		memcpy(saved->at, &saved->old, 8);
	}
}

uint64_t
emu_read(struct emulator *e, uint64_t at, uint32_t size)
{
	uint32_t counted = size < 8 ? size : 8;
	uint64_t value = 0;

	if (!check(e, at, size, false))
		return 0;
	if (at >= LINEAR_AT)
		return emu_hostile(e) & (UINT64_MAX >> (64 - 8 * counted));
	if (at < STACK_AT)
		memcpy(&value, e->image->code + (at - CODE_AT), counted);
	else
		memcpy(&value, bytes_at(e, at, counted), counted);
	return value;
}

void
emu_write(struct emulator *e, uint64_t at, uint64_t value, uint32_t size)
{
	if (!check(e, at, size, true) || at >= LINEAR_AT)
		return;
	change(e, at, value, size < 8 ? size : 8);
	if (size > 8)
		change(e, at + 8, emu_hostile(e), size - 8);
}

void
emu_put(struct emulator *e, uint64_t at, uint64_t value, uint32_t size)
{
	memcpy(bytes_at(e, at, size), &value, size);
}

void
emu_put_hostile(struct emulator *e, uint64_t at, uint64_t size)
{
	for (uint64_t i = 0; i < size; i += 8)
		emu_put(e, at + i, emu_hostile(e), 8);
}

void
emu_change_hostile(struct emulator *e, uint64_t at, uint64_t size)
{
	for (uint64_t i = 0; i < size; i += 8)
		change(e, at + i, emu_hostile(e), 8);
}
