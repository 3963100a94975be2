/*
 * Single instructions of sequences, compared with what they must be.
 */
#include "verifier/scan.h"

bool
scan_is_memory(const struct vf_inst *inst, enum nb_form form, uint32_t reg, uint32_t base,
	       int64_t disp)
{
	bool has_reg = inst->row->info.reg >= NB_REG_G8;

	return vf_form(inst) == form && inst->operand == VF_MEMORY &&
	       (!has_reg || inst->reg == reg) && inst->base == base && inst->index == VF_NO_REG &&
	       inst->disp == disp;
}

bool
scan_is_register(const struct vf_inst *inst, enum nb_form form, uint32_t reg, uint32_t rm)
{
	return vf_form(inst) == form && inst->operand == VF_REGISTER && inst->reg == reg &&
	       inst->base == rm;
}

bool
scan_is_immediate(const struct vf_inst *inst, enum nb_form form, uint32_t rm, int64_t imm)
{
	return vf_form(inst) == form && inst->operand == VF_REGISTER && inst->base == rm &&
	       inst->imm == imm;
}

bool
scan_is_condition(const struct vf_inst *inst, uint32_t cc)
{
	return (vf_form(inst) == NB_FORM_J_8 || vf_form(inst) == NB_FORM_J_32) &&
	       vf_condition(inst) == cc;
}

bool
scan_is_lea_rip(const struct vf_inst *inst)
{
	return vf_form(inst) == NB_FORM_LEA64 && inst->operand == VF_RIP &&
	       inst->reg == NB_REG_CALLEE;
}

bool
scan_step_memory(struct scan *s, enum nb_form form, uint32_t reg, uint32_t base, int64_t disp)
{
	return scan_next(s) &&
	       scan_require(s, scan_is_memory(&s->inst, form, reg, base, disp), VERIFIER_TEMPLATE);
}

bool
scan_step_register(struct scan *s, enum nb_form form, uint32_t reg, uint32_t rm)
{
	return scan_next(s) &&
	       scan_require(s, scan_is_register(&s->inst, form, reg, rm), VERIFIER_TEMPLATE);
}

bool
scan_step_condition(struct scan *s, uint32_t cc)
{
	return scan_next(s) && scan_require(s, scan_is_condition(&s->inst, cc), VERIFIER_TEMPLATE);
}

bool
scan_find_entry(const struct scan *s, int64_t target, uint32_t *out)
{
	int64_t offset = target + s->function->code_offset;

	if (offset < 0 || offset >= (int64_t)s->image->code_size)
		return false;
	const uint32_t *block = &s->blocks[offset >> SCAN_BLOCK_SHIFT];

	for (uint32_t i = block[0]; i < block[1]; i++)
		if (s->image->functions[i].code_offset == offset) {
			*out = i;
			return true;
		}
	return false;
}
