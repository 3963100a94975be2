#include "tests/verifier/emulator.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t gpr_numbers[16] = { 35,  38,  40,	37,  44,  36,  43,  39,
					 106, 107, 108, 109, 110, 111, 112, 113 };

/* --- values ------------------------------------------------------------------ */

uint64_t
emu_random(struct emulator *e)
{
	e->rng += 0x9e3779b97f4a7c15ull;
	uint64_t x = e->rng;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

uint64_t
emu_hostile(struct emulator *e)
{
	uint64_t x = emu_random(e);

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
		return emu_random(e);
	}
}

uint64_t
emu_get(struct emulator *e, uint32_t gpr)
{
	uint64_t value = 0;

	e->api.reg_read(e->uc, gpr_numbers[gpr], &value);
	return value;
}

void
emu_set(struct emulator *e, uint32_t gpr, uint64_t value)
{
	e->api.reg_write(e->uc, gpr_numbers[gpr], &value);
}

void
emu_put(struct emulator *e, uint64_t at, uint64_t value, size_t size)
{
	e->api.mem_write(e->uc, at, &value, size);
}

void
emu_put_hostile(struct emulator *e, uint64_t at, uint64_t size)
{
	uint64_t values[256];

	while (size) {
		uint64_t part = size < sizeof(values) ? size : sizeof(values);

		for (uint64_t i = 0; i < part; i += 8)
			values[i / 8] = emu_hostile(e);
		e->api.mem_write(e->uc, at, values, part);
		at += part;
		size -= part;
	}
}

void
emu_escape(struct emulator *e, const char *format, ...)
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
	case ZYDIS_MNEMONIC_IN:
		return INPUT;
	case ZYDIS_MNEMONIC_OUT:
		return OUTPUT;
	case ZYDIS_MNEMONIC_JMP:
		if (is_relative)
			return JUMP;
		return operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER ? JUMP_REGISTER
								       : JUMP_MEMORY;
	default:
		return inst->meta.category == ZYDIS_CATEGORY_COND_BR ? BRANCH : PLAIN;
	}
}

static void
read_port(struct place *place, const ZydisDecodedOperand *operands)
{
	bool is_input = place->kind == INPUT;
	const ZydisDecodedOperand *value = &operands[!is_input], *port = &operands[is_input];

	if (place->kind != INPUT && place->kind != OUTPUT)
		return;
	place->bytes = (uint8_t)(value->size / 8);
	place->port = -1;
	if (port->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		place->port = (int16_t)(port->imm.value.u & UINT8_MAX);
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
			emu_escape(e, "does not decode");
			return false;
		}
		struct place *place = &e->places[at];
		ZydisRegister reg = operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER
					    ? operands[0].reg.value
					    : ZYDIS_REGISTER_NONE;

		place->len = inst.length;
		place->kind = (uint8_t)kind_of(&inst, operands);
		place->is_pointer = reg == ZYDIS_REGISTER_R10 || reg == ZYDIS_REGISTER_R11;
		for (uint32_t i = 0; i < inst.operand_count; i++)
			place->is_aligned |= operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
					     operands[i].size == 128 &&
					     inst.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
					     inst.mnemonic != ZYDIS_MNEMONIC_MOVUPS;
		read_port(place, operands);
		if (place->kind == BRANCH)
			place->target = (int32_t)operands[0].imm.value.s;
		at += inst.length;
		e->job->all++;
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
		uint64_t value = emu_hostile(e);

		emu_set(e, i, value);
		if (is_entry)
			e->preserved[i] = value;
	}
	for (int i = 0; i < 16; i++) {
		uint64_t value[2] = { emu_hostile(e), emu_hostile(e) };

		e->api.reg_write(e->uc, UC_X86_REG_XMM0 + i, value);
	}
}

/* Stands for the callee's return, which may lead to any instruction. */
static const struct place after_call = { .kind = JUMP_REGISTER };

static void
run_once(struct emulator *e)
{
	uint64_t start = CODE_AT + e->function->code_offset, begin = start;

	e->steps = e->accessed = 0;
	e->at = 0;
	e->last = NULL;
	e->event = EVENT_NONE;
	e->touched = ENTRY_RSP;
	set_registers(e, true);
	emu_set(e, NB_RSP, ENTRY_RSP);
	emu_set(e, NB_R14, LINEAR_AT);
	emu_set(e, NB_R15, VMCTX_AT);
	emu_put_hostile(e, ENTRY_RSP - 512, 512);
	emu_put(e, ENTRY_RSP, STUBS_AT + STUB_RETURN, 8);
	emu_put_hostile(e, ENTRY_RSP + 8, e->area);
	for (;;) {
		int error = e->api.emu_start(e->uc, begin, NOWHERE, 0, 0);

		if (error == UC_ERR_FETCH_UNMAPPED && e->event == EVENT_NONE && e->last) {
			uint64_t rip = 0;

			e->api.reg_read(e->uc, UC_X86_REG_RIP, &rip);
			emu_leave(e, rip);
		}
		if (error == UC_ERR_OK && e->event == EVENT_NONE && e->last->kind == DIVIDE)
			emu_on_divide_error(e);
		if (e->event == EVENT_NONE)
			emu_escape(e, "the emulator ends with error %d", error);
		if (e->event != EVENT_CALL)
			return;
		/* The callee has returned. */
		e->event = EVENT_NONE;
		e->at += e->last->len;
		e->last = NULL;
		set_registers(e, false);
		emu_set(e, NB_RSP, ENTRY_RSP - e->function->frame_size);
		begin = start + e->at;
		if (!e->places[e->at].len) {
			emu_escape(e, "returns into an instruction");
			return;
		}
		e->last = &after_call;
	}
}

/* Gives the emulator what of the function's bytes it does not have, and makes it
 * translate only that anew. */
static void
load_code(struct emulator *e, const uint8_t *code, uint32_t size)
{
	uint8_t *loaded = e->loaded + e->function->code_offset;
	uint64_t at = CODE_AT + e->function->code_offset;
	uint32_t first = 0, end = size;

	while (first < size && loaded[first] == code[first])
		first++;
	if (first == size)
		return;
	while (loaded[end - 1] == code[end - 1])
		end--;
	memcpy(loaded + first, code + first, end - first);
	e->api.mem_write(e->uc, at + first, code + first, end - first);
	e->api.ctl(e->uc, UC_CTL_WRITE_REMOVE_CACHE, at + first, at + end);
}

static void
run_all(struct emulator *e)
{
	struct emulation *job = e->job;
	uint64_t executed = job->executed;
	uint32_t idle = 0;

	for (uint32_t i = 0; i < job->runs && !job->escape[0]; i++) {
		uint32_t seen = e->seen;

		run_once(e);
		idle = e->seen == seen ? idle + 1 : 0;
		if (job->enough && job->executed - executed >= job->enough)
			break;
		if (job->idle && idle >= job->idle)
			break;
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
	e->steps = e->seen = 0;
	e->event = EVENT_NONE;
	job->escape[0] = 0;
	if (e->places_size < function->code_size + 16) {
		e->places_size = function->code_size + 16;
		free(e->places);
		e->places = calloc(e->places_size, sizeof(*e->places));
	}
	memset(e->places, 0, sizeof(*e->places) * (function->code_size + 16));
	const uint8_t *code = image->code + function->code_offset;

	load_code(e, code, function->pool_size ? e->pool_end : function->code_size);
	if (read_instructions(e, code)) {
		read_sites(e, image);
		run_all(e);
		job->seen += e->seen;
	}
	return !job->escape[0];
}

/* --- the library ----------------------------------------------------------- */

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
	free(e->loaded);
	free(e->entry_types);
	free(e);
}
