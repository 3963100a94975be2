/*
 * The sequences of the code contract that address linear memory.
 */
#include "tests/compiler/x64/contract_check.h"

enum { NO_MEMORY = -1 };

static bool
writes_r11(const struct instruction *inst)
{
	const ZydisDecodedOperand *o = &inst->operands[0];

	return o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value == ZYDIS_REGISTER_R11;
}

/* The memory whose entry has `field` where `inst` reads [r15 + disp], or none. */
static int64_t
memory_of(const struct check *c, const struct instruction *inst, uint32_t field)
{
	const ZydisDecodedOperand *o = &inst->operands[1];

	if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || o->mem.base != ZYDIS_REGISTER_R15 ||
	    o->mem.index != ZYDIS_REGISTER_NONE || o->size != 64)
		return NO_MEMORY;
	int64_t within = o->mem.disp.value - c->layout.memories - field;
	int64_t memory = within >> NB_VMCTX_MEMORY_SHIFT;
	if (within < 0 || within % (1 << NB_VMCTX_MEMORY_SHIFT) != 0 ||
	    memory >= c->module->memory_count)
		return NO_MEMORY;
	return memory;
}

/* Whether the three instructions that end at `last` make R11 an index of
 * `memory` that is at most its bound. */
static bool
is_clamped(const struct check *c, uint32_t last, int64_t memory)
{
	if (last < 2 || c->is_label[last] || c->is_label[last - 1])
		return false;
	const struct instruction *bound = &c->insts[last - 2];
	const struct instruction *compare = bound + 1, *move = bound + 2;
	int index = gpr_number(move->operands[1].reg.value);
	return is(bound, ZYDIS_MNEMONIC_MOV) && writes_r11(bound) &&
	       memory_of(c, bound, NB_VMCTX_ENTRY_BOUND) == memory &&
	       is(compare, ZYDIS_MNEMONIC_CMP) && compare->operands[0].size == 64 &&
	       compare->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       compare->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       compare->operands[1].reg.value == ZYDIS_REGISTER_R11 &&
	       is(move, ZYDIS_MNEMONIC_CMOVB) && writes_r11(move) &&
	       move->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER && index != NB_R11 &&
	       move->operands[1].reg.value == compare->operands[0].reg.value;
}

static bool
is_zero_extended(const ZydisDecodedOperand *o, uint16_t zx)
{
	return o->mem.scale == 1 && zx >> gpr_number(o->mem.index) & 1;
}

bool
contract_linear_fits(const struct check *c, uint32_t i, const ZydisDecodedOperand *o, uint16_t zx)
{
	bool has_index = o->mem.index != ZYDIS_REGISTER_NONE;
	const struct instruction *before = &c->insts[i ? i - 1 : 0];
	int64_t memory;

	if (o->mem.disp.value < 0 || o->mem.disp.value > NB_DISPLACEMENT_MAX || o->size > 128)
		return false;
	if (o->mem.base == ZYDIS_REGISTER_R14) {
		if (!has_index)
			return true;
		if (o->mem.index == ZYDIS_REGISTER_R11)
			return o->mem.scale == 1 && i > 0 && !c->is_label[i] &&
			       is_clamped(c, i - 1, 0);
		return is_zero_extended(o, zx);
	}
	if (o->mem.base != ZYDIS_REGISTER_R11 || i == 0 || c->is_label[i] || !writes_r11(before))
		return false;
	memory = memory_of(c, before, NB_VMCTX_ENTRY_BASE);
	if (memory == NO_MEMORY)
		return false;
	if (is(before, ZYDIS_MNEMONIC_MOV))
		return !has_index ||
		       (o->mem.index != ZYDIS_REGISTER_R11 && is_zero_extended(o, zx));
	return is(before, ZYDIS_MNEMONIC_ADD) && !has_index && i > 1 && !c->is_label[i - 1] &&
	       is_clamped(c, i - 2, memory);
}
