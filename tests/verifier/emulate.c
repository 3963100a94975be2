#include "tests/verifier/emulate.h"

#include "abi/trap.h"
#include "tests/verifier/unicorn.h"

#include <Zydis/Zydis.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where things lie, far from one another. */
#define CODE_AT	    0x1000000000ull
#define STACK_AT    0x1800000000ull
#define ENTRY_RSP   (STACK_AT + STACK_BYTES - STACK_ABOVE + 8)
#define VMCTX_AT    0x1900000000ull
#define TABLES_AT   0x1a00000000ull /* descriptors */
#define ENTRIES_AT  0x1b00000000ull /* callees of the tables, those of references last */
#define CELLS_AT    0x1c00000000ull
#define MEMORIES_AT 0x1d00000000ull /* descriptors */
#define STUBS_AT    0x1e00000000ull
#define LINEAR_AT   0x2000000000ull
#define LINEAR_STEP 0x800000000ull
#define NOWHERE	    0x1f00000000ull

enum {
	PAGE = 4096,
	STACK_BYTES = 18 << 20,
	STACK_ABOVE = 1 << 19,
	SPACING = 64, /* of descriptors and cells */
	ENTRIES = 64, /* per table */
	MEMORIES_MAX = 16,
	STUB_RETURN = 0x10,
	STUB_TAIL = 0x20,
	STUB_GROW = 0x30,
	STUB_CROSS = 0x40,
	STUB_HOST = 0x50, /* code of callees that are not of this image */
	STUB_BUILTINS = 0x100,
	STUB_BYTES = PAGE,
};

enum kind {
	PLAIN,
	COMPARE,
	CALL,
	CALL_MEMORY,
	JUMP,
	BRANCH,
	JUMP_REGISTER,
	JUMP_MEMORY,
	RETURN,
	TRAP,
	DIVIDE
};

struct place {
	uint8_t len; /* 0: no instruction begins here */
	uint8_t kind;
	bool is_pointer; /* may load a kernel pointer: writes R10 or R11 only */
	bool is_call_site;
	uint8_t trap; /* kind of the trap site, 0: none */
	int32_t target;
};

enum event { EVENT_NONE, EVENT_CALL, EVENT_END, EVENT_ESCAPE };

struct emulator {
	struct unicorn api;
	void *library, *uc;
	ZydisDecoder decoder;
	const struct nb_code_image *image;
	const struct verifier_facts *facts;
	uint64_t bound[MEMORIES_MAX];
	uint32_t *entry_types; /* per table and entry; UINT32_MAX: null */

	/* of the function that runs */
	const struct nb_code_function *function;
	uint32_t number, pool_at, pool_end, area;
	struct place *places;
	uint32_t places_size;
	struct emulation *job;
	uint64_t rng;
	uint32_t steps, limit;
	uint64_t touched; /* lowest stack address so far */
	const struct place *last;
	uint32_t at; /* of `last` */
	enum event event;
	uint64_t preserved[16];
};

static const uint8_t gpr_numbers[16] = { 35,  38,  40,	37,  44,  36,  43,  39,
					 106, 107, 108, 109, 110, 111, 112, 113 };

/* --- values ------------------------------------------------------------------ */

static uint64_t
next_random(struct emulator *e)
{
	e->rng += 0x9e3779b97f4a7c15ull;
	uint64_t x = e->rng;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static uint64_t
hostile(struct emulator *e)
{
	uint64_t x = next_random(e);

	switch (x & 7) {
	case 0:
		return x >> 8 & 63;
	case 1:
		return x >> 32 | 0xffffffff00000000ull;
	case 2:
		return x >> 32;
	case 3:
		return ENTRY_RSP - (x >> 8 & 255);
	case 4:
		return VMCTX_AT + (x >> 8 & 1023);
	case 5:
		return ~0ull - (x >> 8 & 255);
	case 6:
		return 1ull << (x >> 8 & 63);
	default:
		return next_random(e);
	}
}

static uint64_t
get(struct emulator *e, uint32_t gpr)
{
	uint64_t value = 0;

	e->api.reg_read(e->uc, gpr_numbers[gpr], &value);
	return value;
}

static void
set(struct emulator *e, uint32_t gpr, uint64_t value)
{
	e->api.reg_write(e->uc, gpr_numbers[gpr], &value);
}

static void
put(struct emulator *e, uint64_t at, uint64_t value, size_t size)
{
	e->api.mem_write(e->uc, at, &value, size);
}

static void
put_hostile(struct emulator *e, uint64_t at, uint64_t size)
{
	for (uint64_t i = 0; i < size; i += 8)
		put(e, at + i, hostile(e), 8);
}

__attribute__((format(printf, 2, 3))) static void
escape(struct emulator *e, const char *format, ...)
{
	va_list args;
	char what[120];

	if (e->event == EVENT_ESCAPE)
		return;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	uint32_t at = e->function->code_offset + e->at;
	char bytes[32] = "";

	for (uint32_t i = 0; i < 8 && at + i < e->image->code_size; i++)
		snprintf(bytes + 3 * i, 4, " %02x", e->image->code[at + i]);
	snprintf(e->job->escape, sizeof(e->job->escape), "%s at +0x%x (%s ) after %u steps%s", what,
		 e->at, bytes, e->steps, e->job->is_forced ? ", forced" : "");
	e->event = EVENT_ESCAPE;
	e->api.emu_stop(e->uc);
}

/* --- callees ------------------------------------------------------------------ */

static uint32_t
table_count(const struct emulator *e)
{
	return e->facts->counts.tables + 1; /* that of references */
}

/* Whether `at` is a callee of a table, of the references or an import; its area,
 * UINT32_MAX for null. */
static bool
find_callee(const struct emulator *e, uint64_t at, uint32_t *area)
{
	uint64_t imports = VMCTX_AT + e->facts->layout.imports;
	uint64_t entry = (at - ENTRIES_AT) >> NB_CALLEE_SHIFT;

	if (at % (1 << NB_CALLEE_SHIFT) == 0 && entry < (uint64_t)ENTRIES * table_count(e)) {
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

static bool
find_entry(const struct emulator *e, uint64_t at, uint32_t *area)
{
	for (uint32_t i = 0; i < e->image->function_count; i++)
		if (CODE_AT + e->image->functions[i].code_offset == at) {
			*area = e->facts->function_areas[i];
			return true;
		}
	return false;
}

/* --- memory ------------------------------------------------------------------- */

static bool
may_touch_stack(struct emulator *e, uint64_t at, uint64_t end, bool is_write)
{
	uint64_t rsp = get(e, NB_RSP);

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
	uint64_t memory = (at - LINEAR_AT) / LINEAR_STEP, offset = (at - LINEAR_AT) % LINEAR_STEP;
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
	if (at - TABLES_AT < (uint64_t)SPACING * (table_count(e) - 1))
		return size == 4 && (offset == NB_TABLE_LENGTH || offset == NB_TABLE_MASK);
	if (at - TABLES_AT < (uint64_t)SPACING * table_count(e))
		return (size == 4 && offset == NB_REFERENCES_MASK) ||
		       (size == 8 && offset == NB_REFERENCES_BASE && e->last->is_pointer);
	if (at - ENTRIES_AT < 32ull * ENTRIES * table_count(e))
		return may_touch_callee(e, (at - ENTRIES_AT) % 32, size);
	if (at - MEMORIES_AT < (uint64_t)SPACING * (e->facts->counts.memories + 1))
		return size == 8 && (at - MEMORIES_AT) % SPACING == NB_MEMORY_LENGTH;
	return false;
}

static void
on_memory(void *uc, int type, uint64_t at, int size, int64_t value, void *data)
{
	struct emulator *e = data;
	bool is_write = type != UC_MEM_READ;

	(void)uc;
	(void)value;
	if (e->event == EVENT_NONE && !may_touch(e, at, (uint64_t)size, is_write))
		escape(e, "%s of %d bytes at 0x%llx", is_write ? "write" : "read", size,
		       (unsigned long long)at);
}

static uint64_t
on_linear_read(void *uc, uint64_t offset, unsigned size, void *data)
{
	(void)uc;
	(void)offset;
	(void)size;
	return hostile(data);
}

static void
on_linear_write(void *uc, uint64_t offset, unsigned size, uint64_t value, void *data)
{
	(void)uc;
	(void)offset;
	(void)size;
	(void)value;
	(void)data;
}

/* --- control ------------------------------------------------------------------ */

static void
stop(struct emulator *e, enum event event)
{
	if (e->event == EVENT_NONE)
		e->event = event;
	e->api.emu_stop(e->uc);
}

/* RSP, the pinned registers, and the preserved ones if `is_end`. */
static bool
check_state(struct emulator *e, uint64_t rsp, bool is_end)
{
	if (get(e, NB_RSP) != rsp)
		escape(e, "RSP is 0x%llx, not 0x%llx", (unsigned long long)get(e, NB_RSP),
		       (unsigned long long)rsp);
	else if (get(e, NB_R14) != LINEAR_AT || get(e, NB_R15) != VMCTX_AT)
		escape(e, "R14 or R15 changed");
	for (uint32_t i = 0; is_end && i < 16; i++)
		if (NB_PRESERVED_GPRS >> i & 1 && get(e, i) != e->preserved[i])
			escape(e, "register %u is not restored", i);
	return e->event != EVENT_ESCAPE;
}

/* The area of what is entered at `at` by the last instruction; false: nothing
 * that may be. UINT32_MAX: not to be compared. */
static bool
find_target(struct emulator *e, uint64_t at, uint32_t *area)
{
	uint64_t stub = at - STUBS_AT;
	bool is_direct = e->last->kind == CALL || e->last->kind == JUMP;

	if (is_direct)
		return find_entry(e, at, area);
	if (stub == STUB_CROSS && find_callee(e, get(e, NB_R11), area))
		return *area != UINT32_MAX || e->job->is_forced;
	if (stub >= STUB_BUILTINS && stub < STUB_BUILTINS + 16 * NB_BUILTIN_COUNT) {
		*area = 0;
		return e->last->kind == CALL_MEMORY && get(e, NB_RDI) == VMCTX_AT;
	}
	if ((at && stub != STUB_HOST && !find_entry(e, at, area)) ||
	    !find_callee(e, get(e, NB_R10), area))
		return false;
	return *area != UINT32_MAX || e->job->is_forced;
}

static void
on_call(struct emulator *e, uint64_t at)
{
	uint64_t rsp = ENTRY_RSP - e->function->frame_size - 8;
	uint32_t area = 0;

	if (!find_target(e, at, &area)) {
		escape(e, "call to 0x%llx", (unsigned long long)at);
		return;
	}
	if (!check_state(e, rsp, false))
		return;
	/* On a mispredicted way the type may be another. */
	if (area == UINT32_MAX || e->job->is_forced)
		area = 0;
	if (rsp % 16 != 8 || rsp + 8 + 8ull * area > ENTRY_RSP)
		escape(e, "call without room for its area");
	else if (!e->places[e->at + e->last->len].is_call_site)
		escape(e, "call without a return site");
	put_hostile(e, rsp + 8, 8ull * area);
	stop(e, EVENT_CALL);
}

static void
on_tail_stub(struct emulator *e, bool is_grow)
{
	uint64_t word = get(e, NB_R10);
	uint32_t area = 0, frame = e->function->frame_size;
	uint32_t slots = word >> 44 & 0xfff, results = word >> 32 & 0xfff;
	bool is_callee = is_grow ? find_entry(e, get(e, NB_R11), &area)
				 : find_callee(e, get(e, NB_R11), &area);

	if (!check_state(e, ENTRY_RSP - frame, true))
		return;
	if (!is_callee)
		escape(e, "tail call of nothing");
	else if ((!e->job->is_forced && area != slots) || (uint32_t)word != frame ||
		 word >> 56 != nb_tail_class(slots) || 8 * results > e->area || results > slots ||
		 frame < nb_tail_frame_bytes(slots))
		escape(e, "tail call with the word 0x%llx", (unsigned long long)word);
	stop(e, EVENT_END);
}

static void
on_tail(struct emulator *e, uint64_t at)
{
	uint32_t area = 0;

	e->job->tails++;
	if (at == STUBS_AT + STUB_TAIL || at == STUBS_AT + STUB_GROW) {
		on_tail_stub(e, at == STUBS_AT + STUB_GROW);
		return;
	}
	if (!find_target(e, at, &area)) {
		escape(e, "jump to 0x%llx", (unsigned long long)at);
		return;
	}
	if (check_state(e, ENTRY_RSP, true) && !e->job->is_forced && 8 * area > e->area)
		escape(e, "tail call of a function with a larger area");
	stop(e, EVENT_END);
}

static void
on_trap(struct emulator *e)
{
	uint32_t kind = e->last->trap, area;

	e->job->traps++;
	if (kind == 0 || kind == NB_SITE_DIVIDE)
		escape(e, "ud2 without a site");
	else if ((kind == NB_SITE_INDIRECT || kind == NB_SITE_REFERENCE) &&
		 !find_callee(e, get(e, NB_R10), &area))
		escape(e, "ud2 with R10 at no callee");
	stop(e, EVENT_END);
}

/* Whether control went from the last instruction to `at` inside the function. */
static bool
stays(const struct emulator *e, uint64_t at)
{
	uint64_t offset = at - CODE_AT - e->function->code_offset;

	if (!e->last)
		return offset == 0;
	if (offset >= e->function->code_size || !e->places[offset].len)
		return false;
	if (e->last->kind == JUMP || e->last->kind == JUMP_REGISTER || e->last->kind == BRANCH)
		return offset || e->function->frame_size == 0;
	return e->last->kind != CALL && e->last->kind != CALL_MEMORY && e->last->kind != RETURN &&
	       e->last->kind != JUMP_MEMORY && offset == (uint64_t)e->at + e->last->len;
}

static void
leave(struct emulator *e, uint64_t at)
{
	switch ((enum kind)e->last->kind) {
	case CALL:
	case CALL_MEMORY:
		e->job->calls++;
		on_call(e, at);
		break;
	case RETURN:
		e->job->returns++;
		if (at != STUBS_AT + STUB_RETURN)
			escape(e, "return to 0x%llx", (unsigned long long)at);
		else
			check_state(e, ENTRY_RSP + 8, true);
		stop(e, EVENT_END);
		break;
	case JUMP:
	case JUMP_MEMORY:
		on_tail(e, at);
		break;
	case PLAIN:
	case COMPARE:
	case BRANCH:
	case JUMP_REGISTER:
	case TRAP:
	case DIVIDE:
		escape(e, "control went to 0x%llx", (unsigned long long)at);
		break;
	}
}

static void
on_code(void *uc, uint64_t at, uint32_t size, void *data)
{
	struct emulator *e = data;

	(void)size;
	if (e->event != EVENT_NONE) {
		e->api.emu_stop(uc);
		return;
	}
	if (!stays(e, at)) {
		leave(e, at);
		return;
	}
	e->at = (uint32_t)(at - CODE_AT - e->function->code_offset);
	e->last = &e->places[e->at];
	e->job->executed++;
	if (++e->steps >= e->limit) {
		check_state(e, get(e, NB_RSP), false);
		stop(e, EVENT_END);
	} else if (e->last->kind == TRAP) {
		on_trap(e);
	} else if (e->last->kind == BRANCH && e->job->is_forced && next_random(e) & 1) {
		uint64_t to = CODE_AT + e->function->code_offset + e->at + e->last->len;

		if (next_random(e) & 1)
			to += (uint64_t)(int64_t)e->last->target;
		e->api.reg_write(uc, UC_X86_REG_RIP, &to);
	}
}

/* The emulator reports the second and third divide error of its life as a double
 * fault and as nothing. */
static void
on_divide_error(struct emulator *e)
{
	e->job->traps++;
	if (e->last->trap != NB_SITE_DIVIDE)
		escape(e, "division without a site");
	stop(e, EVENT_END);
}

static void
on_interrupt(void *uc, uint32_t number, void *data)
{
	struct emulator *e = data;

	(void)uc;
	if (e->last->kind == DIVIDE)
		on_divide_error(e);
	else
		escape(e, "exception %u", number);
}

/* --- the function's instructions ------------------------------------------------ */

static enum kind
kind_of(const ZydisDecodedInstruction *inst, const ZydisDecodedOperand *operands)
{
	bool is_relative = inst->attributes & ZYDIS_ATTRIB_IS_RELATIVE &&
			   operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	switch ((int)inst->mnemonic) {
	case ZYDIS_MNEMONIC_CALL:
		return is_relative ? CALL : CALL_MEMORY;
	case ZYDIS_MNEMONIC_RET:
		return RETURN;
	case ZYDIS_MNEMONIC_UD2:
		return TRAP;
	case ZYDIS_MNEMONIC_DIV:
	case ZYDIS_MNEMONIC_IDIV:
		return DIVIDE;
	case ZYDIS_MNEMONIC_CMP:
		return COMPARE;
	case ZYDIS_MNEMONIC_JMP:
		if (is_relative)
			return JUMP;
		return operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER ? JUMP_REGISTER
								       : JUMP_MEMORY;
	default:
		return inst->meta.category == ZYDIS_CATEGORY_COND_BR ? BRANCH : PLAIN;
	}
}

static bool
read_instructions(struct emulator *e, const uint8_t *code)
{
	uint32_t size = e->function->code_size;

	for (uint32_t at = 0; at < size;) {
		ZydisDecodedInstruction inst;
		ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&e->decoder, code + at, size - at, &inst,
							 operands))) {
			e->at = at;
			escape(e, "does not decode");
			return false;
		}
		struct place *place = &e->places[at];
		ZydisRegister reg = operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER
					    ? operands[0].reg.value
					    : ZYDIS_REGISTER_NONE;

		place->len = inst.length;
		place->kind = (uint8_t)kind_of(&inst, operands);
		place->is_pointer = reg == ZYDIS_REGISTER_R10 || reg == ZYDIS_REGISTER_R11;
		if (place->kind == BRANCH)
			place->target = (int32_t)operands[0].imm.value.s;
		at += inst.length;
	}
	return true;
}

static void
read_sites(struct emulator *e, const struct nb_code_image *image)
{
	bool is_last = e->number + 1 == image->function_count;
	uint32_t end = is_last ? image->site_count : e->function[1].first_site;

	for (uint32_t i = e->function->first_site; i < end; i++) {
		uint32_t at = image->sites[i].code_offset - e->function->code_offset;
		uint8_t kind = (uint8_t)(image->sites[i].info >> 24);

		if (at >= e->function->code_size)
			continue;
		if (kind == NB_SITE_CALL)
			e->places[at].is_call_site = true;
		else
			e->places[at].trap = kind;
	}
}

/* --- running ---------------------------------------------------------------------- */

static void
set_registers(struct emulator *e, bool is_entry)
{
	for (uint32_t i = 0; i < 16; i++) {
		if (i == NB_RSP || i == NB_R14 || i == NB_R15 ||
		    (!is_entry && NB_PRESERVED_GPRS >> i & 1))
			continue;
		uint64_t value = hostile(e);

		set(e, i, value);
		if (is_entry)
			e->preserved[i] = value;
	}
	for (int i = 0; i < 16; i++) {
		uint64_t value[2] = { hostile(e), hostile(e) };

		e->api.reg_write(e->uc, UC_X86_REG_XMM0 + i, value);
	}
}

/* Stands for the callee's return, which may lead to any instruction. */
static const struct place after_call = { .kind = JUMP_REGISTER };

static void
run_once(struct emulator *e)
{
	uint64_t start = CODE_AT + e->function->code_offset, begin = start;

	e->steps = 0;
	e->at = 0;
	e->last = NULL;
	e->event = EVENT_NONE;
	e->touched = ENTRY_RSP;
	e->limit = e->job->is_forced ? FORCED_STEPS : e->job->steps;
	set_registers(e, true);
	set(e, NB_RSP, ENTRY_RSP);
	set(e, NB_R14, LINEAR_AT);
	set(e, NB_R15, VMCTX_AT);
	put_hostile(e, ENTRY_RSP - 512, 512);
	put(e, ENTRY_RSP, STUBS_AT + STUB_RETURN, 8);
	put_hostile(e, ENTRY_RSP + 8, e->area);
	for (;;) {
		int error = e->api.emu_start(e->uc, begin, NOWHERE, 0, 0);

		if (error == UC_ERR_FETCH_UNMAPPED && e->event == EVENT_NONE && e->last) {
			uint64_t rip = 0;

			e->api.reg_read(e->uc, UC_X86_REG_RIP, &rip);
			leave(e, rip);
		}
		if (error == UC_ERR_OK && e->event == EVENT_NONE && e->last->kind == DIVIDE)
			on_divide_error(e);
		if (e->event == EVENT_NONE)
			escape(e, "the emulator ends with error %d", error);
		if (e->event != EVENT_CALL)
			return;
		/* The callee has returned. */
		e->event = EVENT_NONE;
		e->at += e->last->len;
		e->last = NULL;
		set_registers(e, false);
		set(e, NB_RSP, ENTRY_RSP - e->function->frame_size);
		begin = start + e->at;
		if (!e->places[e->at].len) {
			escape(e, "returns into an instruction");
			return;
		}
		e->last = &after_call;
	}
}

bool
emulator_run(struct emulator *e, const struct nb_code_image *image, uint32_t number,
	     struct emulation *job)
{
	const struct nb_code_function *function = &image->functions[number];

	e->image = image;
	e->function = function;
	e->number = number;
	e->job = job;
	e->area = 8u * e->facts->function_areas[number];
	e->pool_at = (function->code_size + 15) & ~15u;
	e->pool_end = e->pool_at + function->pool_size;
	e->rng = job->seed;
	e->steps = 0;
	e->event = EVENT_NONE;
	job->escape[0] = 0;
	if (e->places_size < function->code_size + 16) {
		e->places_size = function->code_size + 16;
		free(e->places);
		e->places = calloc(e->places_size, sizeof(*e->places));
	}
	memset(e->places, 0, sizeof(*e->places) * (function->code_size + 16));
	const uint8_t *code = image->code + function->code_offset;

	e->api.mem_write(e->uc, CODE_AT + function->code_offset, code,
			 function->pool_size ? e->pool_end : function->code_size);
	e->api.ctl(e->uc, UC_CTL_WRITE_FLUSH_TB);
	if (read_instructions(e, code)) {
		read_sites(e, image);
		for (uint32_t i = 0; i < job->runs && !job->escape[0]; i++)
			run_once(e);
	}
	return !job->escape[0];
}

/* --- instances ---------------------------------------------------------------------- */

static uint64_t
pages(uint64_t size)
{
	return (size + PAGE) & ~(uint64_t)(PAGE - 1);
}

static void
put_callee(struct emulator *e, uint64_t at, uint32_t type, uint64_t code)
{
	bool is_own = code != STUBS_AT + STUB_HOST;
	uint32_t area = type == UINT32_MAX ? 0 : e->facts->type_areas[type];

	put(e, at + NB_CALLEE_CODE, type == UINT32_MAX ? 0 : code, 8);
	put(e, at + NB_CALLEE_VMCTX, type != UINT32_MAX && is_own ? VMCTX_AT : 0, 8);
	put(e, at + NB_CALLEE_SIGNATURE,
	    type == UINT32_MAX ? 0 : (type + 1) | (uint64_t)(area / 2) << NB_SIGNATURE_TYPE_BITS,
	    4);
	put(e, at + NB_CALLEE_CROSS, STUBS_AT + STUB_CROSS, 8);
}

static void
put_tables(struct emulator *e)
{
	const struct verifier_facts *facts = e->facts;
	uint32_t count = table_count(e);

	free(e->entry_types);
	e->entry_types = malloc(sizeof(*e->entry_types) * count * ENTRIES);
	for (uint32_t i = 0; i < count * ENTRIES; i++) {
		uint32_t type = UINT32_MAX, function;
		uint64_t code = STUBS_AT + STUB_HOST;

		if (facts->counts.types && next_random(e) % 8)
			type = (uint32_t)(next_random(e) % facts->counts.types);
		if (facts->function_count && next_random(e) & 1) {
			function = (uint32_t)(next_random(e) % facts->function_count);
			code = CODE_AT + e->image->functions[function].code_offset;
		}
		e->entry_types[i] = type;
		put_callee(e, ENTRIES_AT + 32ull * i, type, code);
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t desc = TABLES_AT + (uint64_t)SPACING * i;
		uint64_t base = ENTRIES_AT + 32ull * ENTRIES * i;
		bool is_table = i + 1 < count;

		put(e, desc, base, 8);
		put(e, desc + NB_TABLE_LENGTH, is_table ? ENTRIES - 7 : ENTRIES - 1, 4);
		put(e, desc + NB_TABLE_MASK, ENTRIES - 1, 4);
		if (!is_table)
			break;
		put(e, VMCTX_AT + facts->layout.tables + 16ull * i, base, 8);
		put(e, VMCTX_AT + facts->layout.tables + 16ull * i + 8, desc, 8);
	}
}

static void
put_vmctx(struct emulator *e)
{
	const struct nb_vmctx_layout *layout = &e->facts->layout;
	const struct nb_vmctx_counts *counts = &e->facts->counts;

	put_hostile(e, VMCTX_AT, layout->size);
	put(e, VMCTX_AT + NB_VMCTX_MEMORY_DESC, MEMORIES_AT, 8);
	put(e, VMCTX_AT + NB_VMCTX_REFERENCES, TABLES_AT + (uint64_t)SPACING * counts->tables, 8);
	put(e, VMCTX_AT + NB_VMCTX_TAIL, STUBS_AT + STUB_TAIL, 8);
	put(e, VMCTX_AT + NB_VMCTX_TAIL_GROW, STUBS_AT + STUB_GROW, 8);
	for (uint32_t i = 0; i < NB_BUILTIN_COUNT; i++)
		put(e, VMCTX_AT + NB_VMCTX_BUILTINS + 8 * i, STUBS_AT + STUB_BUILTINS + 16 * i, 8);
	for (uint32_t i = 0; i < counts->globals; i++)
		if (e->facts->globals[i] == VERIFIER_GLOBAL_CELL)
			put(e, VMCTX_AT + layout->globals + 16ull * i,
			    CELLS_AT + (uint64_t)SPACING * i, 8);
	for (uint32_t i = 0; i < counts->memories; i++) {
		uint64_t at = VMCTX_AT + layout->memories + 32ull * i;

		put(e, at + NB_VMCTX_ENTRY_BASE, LINEAR_AT + LINEAR_STEP * i, 8);
		put(e, at + NB_VMCTX_ENTRY_DESC, MEMORIES_AT + (uint64_t)SPACING * i, 8);
		put(e, at + NB_VMCTX_ENTRY_BOUND, e->bound[i], 8);
	}
	for (uint32_t i = 0; i < counts->types; i++)
		put(e, VMCTX_AT + layout->types + 4ull * i,
		    (i + 1) | (uint64_t)(e->facts->type_areas[i] / 2) << NB_SIGNATURE_TYPE_BITS, 4);
	for (uint32_t i = 0; i < counts->imports; i++)
		put(e, VMCTX_AT + layout->imports + 32ull * i + NB_CALLEE_CROSS,
		    STUBS_AT + STUB_CROSS, 8);
}

static bool
map_all(struct emulator *e)
{
	const struct nb_vmctx_counts *counts = &e->facts->counts;
	const struct {
		uint64_t at, size;
	} regions[] = {
		{ CODE_AT, e->image->code_size },
		{ STACK_AT, STACK_BYTES },
		{ VMCTX_AT, e->facts->layout.size },
		{ TABLES_AT, (uint64_t)SPACING * table_count(e) },
		{ ENTRIES_AT, 32ull * ENTRIES * table_count(e) },
		{ CELLS_AT, (uint64_t)SPACING * counts->globals },
		{ MEMORIES_AT, (uint64_t)SPACING * (counts->memories + 1) },
		{ STUBS_AT, STUB_BYTES },
	};
	uint32_t memories = counts->memories ? counts->memories : 1;
	bool is_good = true;

	for (uint32_t i = 0; i < sizeof(regions) / sizeof(*regions); i++)
		is_good &= e->api.mem_map(e->uc, regions[i].at, pages(regions[i].size),
					  UC_PROT_ALL) == UC_ERR_OK;
	for (uint32_t i = 0; i < memories; i++) {
		e->bound[i] = next_random(e) & 1 ? NB_SLOT_ADDRESSABLE : NB_WIDE_SLOT_ADDRESSABLE;
		is_good &= e->api.mmio_map(e->uc, LINEAR_AT + LINEAR_STEP * i,
					   e->bound[i] + NB_SLOT_GUARD, (void *)on_linear_read, e,
					   (void *)on_linear_write, e) == UC_ERR_OK;
	}
	return is_good;
}

bool
emulator_instance(struct emulator *e, const struct nb_code_image *image,
		  const struct verifier_facts *facts, uint64_t seed)
{
	size_t hook;

	e->image = image;
	e->facts = facts;
	e->rng = seed;
	if (facts->counts.memories > MEMORIES_MAX)
		return false;
	if (e->uc)
		e->api.close(e->uc);
	e->uc = NULL;
	if (e->api.open(UC_ARCH_X86, UC_MODE_64, &e->uc) != UC_ERR_OK)
		return false;
	e->api.ctl(e->uc, UC_CTL_WRITE_CPU_MODEL, UC_CPU_X86_HASWELL);
	if (!map_all(e))
		return false;
	e->api.mem_write(e->uc, CODE_AT, image->code, image->code_size);
	put_vmctx(e);
	put_tables(e);
	for (uint32_t i = 0; i <= facts->counts.memories; i++)
		put(e, MEMORIES_AT + (uint64_t)SPACING * i + NB_MEMORY_LENGTH, 65536, 8);
	e->api.hook_add(e->uc, &hook, UC_HOOK_CODE, (void *)on_code, e, 1, 0);
	e->api.hook_add(e->uc, &hook, UC_HOOK_INTR, (void *)on_interrupt, e, 1, 0);
	return e->api.hook_add(e->uc, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
			       (void *)on_memory, e, 1, 0) == UC_ERR_OK;
}

struct emulator *
emulator_open(const char *path)
{
	struct emulator *e = calloc(1, sizeof(*e));
	static const char *const names[] = {
		"uc_open",	"uc_close",	"uc_ctl",      "uc_reg_read",
		"uc_reg_write", "uc_mem_map",	"uc_mmio_map", "uc_mem_write",
		"uc_hook_add",	"uc_emu_start", "uc_emu_stop",
	};
	void *entries[sizeof(names) / sizeof(*names)];

	if (!e)
		return NULL;
	e->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; e->library && i < sizeof(names) / sizeof(*names); i++) {
		entries[i] = dlsym(e->library, names[i]);
		if (!entries[i]) {
			dlclose(e->library);
			e->library = NULL;
		}
	}
	if (!e->library) {
		fprintf(stderr, "the emulator cannot be loaded: %s\n", path);
		free(e);
		return NULL;
	}
	_Static_assert(sizeof(e->api) == sizeof(entries), "one field for each name, in order");
	memcpy(&e->api, entries, sizeof(entries));
	ZydisDecoderInit(&e->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return e;
}

void
emulator_close(struct emulator *e)
{
	if (e->uc)
		e->api.close(e->uc);
	dlclose(e->library);
	free(e->places);
	free(e->entry_types);
	free(e);
}
