/*
 * What the emulator knows of instructions, by Zydis.
 */
#include "tests/verifier/emulator.h"

#include <stdlib.h>
#include <string.h>

struct decoded {
	ZydisDecodedInstruction inst;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

/* Instructions whose visible operands are a destination and up to two sources, in order,
 * and which do nothing else; and those with implied operands. */
static const struct {
	ZydisMnemonic mnemonic;
	enum op op;
} integer_ops[] = {
	{ ZYDIS_MNEMONIC_MOV, OP_MOVE },
	{ ZYDIS_MNEMONIC_MOVZX, OP_MOVE },
	{ ZYDIS_MNEMONIC_MOVSX, OP_MOVE_SIGNED },
	{ ZYDIS_MNEMONIC_MOVSXD, OP_MOVE_SIGNED },
	{ ZYDIS_MNEMONIC_LEA, OP_ADDRESS },
	{ ZYDIS_MNEMONIC_ADD, OP_ADD },
	{ ZYDIS_MNEMONIC_ADC, OP_ADC },
	{ ZYDIS_MNEMONIC_SUB, OP_SUB },
	{ ZYDIS_MNEMONIC_SBB, OP_SBB },
	{ ZYDIS_MNEMONIC_CMP, OP_CMP },
	{ ZYDIS_MNEMONIC_AND, OP_AND },
	{ ZYDIS_MNEMONIC_TEST, OP_TEST },
	{ ZYDIS_MNEMONIC_OR, OP_OR },
	{ ZYDIS_MNEMONIC_XOR, OP_XOR },
	{ ZYDIS_MNEMONIC_ANDN, OP_ANDN },
	{ ZYDIS_MNEMONIC_NOT, OP_NOT },
	{ ZYDIS_MNEMONIC_NEG, OP_NEG },
	{ ZYDIS_MNEMONIC_MUL, OP_MUL_WIDE },
	{ ZYDIS_MNEMONIC_IMUL, OP_IMUL },
	{ ZYDIS_MNEMONIC_DIV, OP_DIV },
	{ ZYDIS_MNEMONIC_IDIV, OP_IDIV },
	{ ZYDIS_MNEMONIC_CDQ, OP_SIGN },
	{ ZYDIS_MNEMONIC_CQO, OP_SIGN },
	{ ZYDIS_MNEMONIC_ROL, OP_ROL },
	{ ZYDIS_MNEMONIC_ROR, OP_ROR },
	{ ZYDIS_MNEMONIC_RORX, OP_RORX },
	{ ZYDIS_MNEMONIC_SHL, OP_SHL },
	{ ZYDIS_MNEMONIC_SHR, OP_SHR },
	{ ZYDIS_MNEMONIC_SAR, OP_SAR },
	{ ZYDIS_MNEMONIC_SHLX, OP_SHLX },
	{ ZYDIS_MNEMONIC_SHRX, OP_SHRX },
	{ ZYDIS_MNEMONIC_SARX, OP_SARX },
	{ ZYDIS_MNEMONIC_BT, OP_BT },
	{ ZYDIS_MNEMONIC_BTC, OP_BTC },
	{ ZYDIS_MNEMONIC_BSF, OP_BSF },
	{ ZYDIS_MNEMONIC_BSR, OP_BSR },
	{ ZYDIS_MNEMONIC_POPCNT, OP_POPCNT },
	{ ZYDIS_MNEMONIC_TZCNT, OP_TZCNT },
	{ ZYDIS_MNEMONIC_LZCNT, OP_LZCNT },
	{ ZYDIS_MNEMONIC_XCHG, OP_XCHG },
	{ ZYDIS_MNEMONIC_XADD, OP_XADD },
	{ ZYDIS_MNEMONIC_CMPXCHG, OP_CMPXCHG },
	{ ZYDIS_MNEMONIC_NOP, OP_NOTHING },
	{ ZYDIS_MNEMONIC_MFENCE, OP_NOTHING },
};

static uint8_t
general_register(ZydisRegister reg)
{
	bool is_high = reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	if (is_high || whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15)
		return NO_REG;
	return (uint8_t)(whole - ZYDIS_REGISTER_RAX);
}

/* --- operands ---------------------------------------------------------------- */

static bool
take_memory(const ZydisDecodedOperand *operand, struct place *out)
{
	ZydisRegister segment = operand->mem.segment;

	if ((operand->mem.type != ZYDIS_MEMOP_TYPE_MEM &&
	     operand->mem.type != ZYDIS_MEMOP_TYPE_AGEN) ||
	    out->memory_size || segment == ZYDIS_REGISTER_FS || segment == ZYDIS_REGISTER_GS)
		return false;
	if (operand->mem.base == ZYDIS_REGISTER_RIP)
		out->base = NEXT_REG;
	else if (operand->mem.base != ZYDIS_REGISTER_NONE)
		out->base = general_register(operand->mem.base);
	if (operand->mem.index != ZYDIS_REGISTER_NONE)
		out->index = general_register(operand->mem.index);
	out->shift = (uint8_t)(operand->mem.scale ? __builtin_ctz(operand->mem.scale) : 0);
	out->displacement = (int32_t)operand->mem.disp.value;
	out->memory_size = (uint8_t)(operand->size / 8);
	out->reads = operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
	out->writes = operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	return operand->size % 8 == 0 && operand->size <= 128 && out->base != NO_REG &&
	       out->index != NO_REG;
}

static bool
take_operand(const ZydisDecodedOperand *operand, uint32_t number, struct place *out)
{
	if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		out->operands[number] = OPERAND_REG;
		out->regs[number] = general_register(operand->reg.value);
		return out->regs[number] != NO_REG;
	}
	if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		out->operands[number] = OPERAND_VALUE;
		out->regs[number] = VALUE_REG;
		out->value = operand->imm.value.u;
		return true;
	}
	out->operands[number] = OPERAND_MEMORY;
	return operand->type == ZYDIS_OPERAND_TYPE_MEMORY && take_memory(operand, out);
}

/* --- instructions --------------------------------------------------------------- */

static bool
is_vector(const struct decoded *d)
{
	switch ((int)d->inst.mnemonic) {
	case ZYDIS_MNEMONIC_CVTTSS2SI:
	case ZYDIS_MNEMONIC_CVTTSD2SI:
	case ZYDIS_MNEMONIC_VCVTTSS2SI:
	case ZYDIS_MNEMONIC_VCVTTSD2SI:
		return true; /* maybe from memory, without any such register */
	default:
		break;
	}
	for (uint32_t i = 0; i < d->inst.operand_count; i++)
		if (d->operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    ZydisRegisterGetClass(d->operands[i].reg.value) == ZYDIS_REGCLASS_XMM)
			return true;
	return false;
}

/* A register that an instruction with vector registers names: it may write one general
 * register. */
static bool
take_vector_register(const ZydisDecodedOperand *operand, struct place *out)
{
	ZydisRegisterClass class = ZydisRegisterGetClass(operand->reg.value);
	bool is_general = class == ZYDIS_REGCLASS_GPR32 || class == ZYDIS_REGCLASS_GPR64;

	if (is_general && operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) {
		if (out->regs[0] != NO_REG)
			return false;
		out->regs[0] = general_register(operand->reg.value);
		out->size = (uint8_t)(operand->size / 8);
	}
	return is_general || class == ZYDIS_REGCLASS_XMM || class == ZYDIS_REGCLASS_FLAGS ||
	       operand->reg.value == ZYDIS_REGISTER_MXCSR;
}

static bool
needs_alignment(const ZydisDecodedInstruction *inst)
{
	switch ((int)inst->mnemonic) {
	case ZYDIS_MNEMONIC_MOVUPS:
	case ZYDIS_MNEMONIC_MOVUPD:
	case ZYDIS_MNEMONIC_MOVDQU:
	case ZYDIS_MNEMONIC_LDDQU:
		return false;
	case ZYDIS_MNEMONIC_VMOVAPS:
	case ZYDIS_MNEMONIC_VMOVAPD:
	case ZYDIS_MNEMONIC_VMOVDQA:
	case ZYDIS_MNEMONIC_VMOVNTDQ:
	case ZYDIS_MNEMONIC_VMOVNTDQA:
	case ZYDIS_MNEMONIC_VMOVNTPS:
	case ZYDIS_MNEMONIC_VMOVNTPD:
		return true;
	default:
		return inst->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;
	}
}

static bool
take_vector(const struct decoded *d, struct place *out)
{
	const ZydisAccessedFlags *flags = d->inst.cpu_flags;

	out->op = OP_VECTOR;
	out->regs[0] = NO_REG;
	out->sets_flags =
		flags && (flags->modified | flags->set_0 | flags->set_1 | flags->undefined);
	for (uint32_t i = 0; i < d->inst.operand_count; i++) {
		const ZydisDecodedOperand *operand = &d->operands[i];

		if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			if (!take_memory(operand, out))
				return false;
			out->is_aligned = operand->size == 128 && needs_alignment(&d->inst);
		} else if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
			if (!take_vector_register(operand, out))
				return false;
		}
	}
	return d->inst.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
	       d->inst.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
}

/* The forms of which the emulator knows only some. */
static bool
is_known(const struct place *place)
{
	bool is_memory = place->operands[0] == OPERAND_MEMORY;

	switch ((int)place->op) {
	case OP_BT:
	case OP_BTC:
		return !is_memory && place->operands[1] == OPERAND_VALUE && place->size >= 4;
	case OP_XADD:
	case OP_CMPXCHG:
		return is_memory;
	case OP_ROL:
	case OP_ROR:
	case OP_SHL:
	case OP_SHR:
	case OP_SAR:
	case OP_MUL_WIDE:
	case OP_IMUL_WIDE:
	case OP_IMUL:
	case OP_DIV:
	case OP_IDIV:
	case OP_SIGN:
	case OP_BSF:
	case OP_BSR:
	case OP_POPCNT:
	case OP_TZCNT:
	case OP_LZCNT:
		return place->size >= 4;
	default:
		return true;
	}
}

/* Puts the only visible operand where the source is. */
static bool
take_source(const struct decoded *d, enum op op, struct place *out)
{
	out->op = (uint8_t)op;
	out->size = out->source_size = (uint8_t)(d->operands[0].size / 8);
	return take_operand(&d->operands[0], 1, out) && is_known(out);
}

static bool
take_integer(const struct decoded *d, enum op op, struct place *out)
{
	uint32_t count = d->inst.operand_count_visible;

	if (op == OP_MUL_WIDE || op == OP_DIV || op == OP_IDIV)
		return take_source(d, op, out);
	if (op == OP_IMUL && count == 1)
		return take_source(d, OP_IMUL_WIDE, out);
	out->op = (uint8_t)op;
	if (op == OP_NOTHING)
		return true;
	out->size = (uint8_t)(count ? d->operands[0].size / 8 : d->inst.operand_width / 8);
	if (count > 1)
		out->source_size = (uint8_t)(d->operands[1].size / 8);
	if (count > 3)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!take_operand(&d->operands[i], i, out))
			return false;
	if (out->operands[1] == OPERAND_VALUE)
		out->source_size = out->size;
	if (op == OP_IMUL && count == 2) {
		out->operands[2] = out->operands[1];
		out->regs[2] = out->regs[1];
		out->operands[1] = OPERAND_REG;
		out->regs[1] = out->regs[0];
	}
	return is_known(out);
}

/* Conditional ones, whose condition is in the opcode. */
static bool
take_conditional(const struct decoded *d, struct place *out)
{
	uint32_t family = d->inst.opcode & 0xf0;
	bool is_long = d->inst.opcode_map == ZYDIS_OPCODE_MAP_0F;

	if (d->inst.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return false;
	out->condition = d->inst.opcode & 15;
	if (is_long ? family == 0x80
		    : d->inst.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && family == 0x70) {
		out->op = OP_CONTROL;
		out->kind = BRANCH;
		out->target = (int32_t)d->operands[0].imm.value.s;
		return true;
	}
	if (is_long && (family == 0x40 || family == 0x90))
		return take_integer(d, family == 0x40 ? OP_CMOV : OP_SET, out);
	return false;
}

static bool
take_port(const struct decoded *d, struct place *out)
{
	bool is_input = d->inst.mnemonic == ZYDIS_MNEMONIC_IN;
	const ZydisDecodedOperand *value = &d->operands[!is_input], *port = &d->operands[is_input];

	out->op = OP_CONTROL;
	out->kind = is_input ? INPUT : OUTPUT;
	out->bytes = (uint8_t)(value->size / 8);
	out->port = -1;
	if (port->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		out->port = (int16_t)(port->imm.value.u & UINT8_MAX);
	return true;
}

static bool
take_jump(const struct decoded *d, struct place *out)
{
	bool is_call = d->inst.mnemonic == ZYDIS_MNEMONIC_CALL;

	out->op = OP_CONTROL;
	out->size = 8;
	if (d->operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		out->kind = is_call ? CALL : JUMP;
		out->target = (int32_t)d->operands[0].imm.value.s;
		return true;
	}
	out->kind = is_call ? CALL_MEMORY : JUMP_MEMORY;
	if (!is_call && d->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
		out->kind = JUMP_REGISTER;
	return d->operands[0].size == 64 && take_operand(&d->operands[0], 0, out);
}

static bool
take_other(const struct decoded *d, struct place *out)
{
	switch ((int)d->inst.mnemonic) {
	case ZYDIS_MNEMONIC_CALL:
	case ZYDIS_MNEMONIC_JMP:
		return take_jump(d, out);
	case ZYDIS_MNEMONIC_RET:
		out->op = OP_CONTROL;
		out->kind = RETURN;
		return d->inst.operand_count_visible == 0;
	case ZYDIS_MNEMONIC_UD2:
		out->op = OP_CONTROL;
		out->kind = TRAP;
		return true;
	case ZYDIS_MNEMONIC_IN:
	case ZYDIS_MNEMONIC_OUT:
		return take_port(d, out);
	default:
		break;
	}
	for (uint32_t i = 0; i < sizeof(integer_ops) / sizeof(*integer_ops); i++)
		if (integer_ops[i].mnemonic == d->inst.mnemonic)
			return take_integer(d, integer_ops[i].op, out);
	return take_conditional(d, out);
}

bool
emu_decode_one(const ZydisDecoder *decoder, const uint8_t *code, uint32_t size, struct place *out)
{
	struct decoded d;

	*out = (struct place){ .base = ZERO_REG, .index = ZERO_REG };
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, code, size, &d.inst, d.operands)))
		return false;
	out->len = d.inst.length;
	if (d.inst.mnemonic == ZYDIS_MNEMONIC_CMP)
		out->kind = COMPARE;
	if (d.inst.mnemonic == ZYDIS_MNEMONIC_MOV &&
	    d.operands[0].reg.value == ZYDIS_REGISTER_R11D &&
	    d.operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	    d.operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		out->kind = TABLE_COUNT;
	if (d.inst.mnemonic == ZYDIS_MNEMONIC_DIV || d.inst.mnemonic == ZYDIS_MNEMONIC_IDIV)
		out->kind = DIVIDE;
	if (d.operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER && d.inst.operand_count)
		out->is_pointer = d.operands[0].reg.value == ZYDIS_REGISTER_R10 ||
				  d.operands[0].reg.value == ZYDIS_REGISTER_R11;
	if (d.inst.address_width != 64)
		return false;
	return is_vector(&d) ? take_vector(&d, out) : take_other(&d, out);
}

/* --- functions ------------------------------------------------------------------- */

/* The bytes of the function that are not those decoded before: [*first, *end). */
static void
find_changes(const struct emulator *e, const uint8_t *code, uint32_t *first, uint32_t *end)
{
	uint32_t size = e->function->code_size, from = 0;

	while (from + 64 <= size && memcmp(e->decoded + from, code + from, 64) == 0)
		from += 64;
	while (from < size && e->decoded[from] == code[from])
		from++;
	*first = from;
	while (from + 64 <= size && memcmp(e->decoded + size - 64, code + size - 64, 64) == 0)
		size -= 64;
	while (size > from && e->decoded[size - 1] == code[size - 1])
		size--;
	*end = size;
}

static void
make_room(struct emulator *e, uint32_t size)
{
	if (e->places_size >= size)
		return;
	free(e->places);
	free(e->decoded);
	free(e->visited);
	free(e->ways);
	free(e->reached_from);
	free(e->queue);
	e->places_size = size + size / 2;
	e->places = aligned_alloc(64, sizeof(*e->places) * e->places_size);
	e->decoded = malloc(e->places_size);
	e->visited = malloc(sizeof(*e->visited) * e->places_size);
	e->ways = malloc(sizeof(*e->ways) * e->places_size);
	e->reached_from = malloc(sizeof(*e->reached_from) * e->places_size);
	e->queue = malloc(sizeof(*e->queue) * e->places_size);
	if (!e->places || !e->decoded || !e->visited || !e->ways || !e->reached_from || !e->queue)
		abort();
	e->aimed_number = UINT32_MAX;
}

/* Decodes from the instruction boundary at `at` on, up to `end` and the next boundary
 * that was one before. */
static bool
decode_from(struct emulator *e, const uint8_t *code, uint32_t at, uint32_t end)
{
	uint32_t size = e->function->code_size;

	while (at < size && (at < end || !e->places[at].len)) {
		struct place place;

		if (!emu_decode_one(&e->decoder, code + at, size - at, &place)) {
			e->at = at;
			emu_escape(e, "is not known");
			return false;
		}
		for (uint32_t i = 0; i < place.len; i++) {
			e->decoded_count -= e->places[at + i].len != 0;
			e->places[at + i].len = 0;
		}
		e->places[at] = place;
		e->decoded_count++;
		at += place.len;
	}
	return true;
}

bool
emu_decode(struct emulator *e, const uint8_t *code)
{
	uint32_t size = e->function->code_size, first = 0, end = size;

	if (e->decoded_size == size) {
		find_changes(e, code, &first, &end);
	} else {
		make_room(e, size + 16);
		memset(e->places, 0, sizeof(*e->places) * (size + 16));
		e->decoded_count = 0;
	}
	e->decoded_size = 0;
	if (first < end) {
		uint32_t at = first;

		while (at && !e->places[at].len)
			at--;
		if (!decode_from(e, code, at, end))
			return false;
		memcpy(e->decoded + first, code + first, end - first);
	}
	e->decoded_size = size;
	e->job->all += e->decoded_count;
	return true;
}
