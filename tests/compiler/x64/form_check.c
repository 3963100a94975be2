/*
 * One instruction of abi/code_forms.def against an independent decoder.
 */
#include "tests/compiler/x64/form_check.h"

#include <stdio.h>
#include <string.h>

static const char *const cc_texts[] = { "o", "no", "b", "nb", "z", "nz", "be", "nbe",
					"s", "ns", "p", "np", "l", "nl", "le", "nle" };

static ZydisRegister
gpr_of(uint32_t reg, uint32_t bits)
{
	static const ZydisRegister low8[] = { ZYDIS_REGISTER_AL,  ZYDIS_REGISTER_CL,
					      ZYDIS_REGISTER_DL,  ZYDIS_REGISTER_BL,
					      ZYDIS_REGISTER_SPL, ZYDIS_REGISTER_BPL,
					      ZYDIS_REGISTER_SIL, ZYDIS_REGISTER_DIL };
	if (bits == 8)
		return reg < 8 ? low8[reg] : (ZydisRegister)(ZYDIS_REGISTER_R8B + reg - 8);
	if (bits == 16)
		return (ZydisRegister)(ZYDIS_REGISTER_AX + reg);
	if (bits == 32)
		return (ZydisRegister)(ZYDIS_REGISTER_EAX + reg);
	return (ZydisRegister)(ZYDIS_REGISTER_RAX + reg);
}

static ZydisRegister
xmm_of(uint32_t reg)
{
	return (ZydisRegister)(ZYDIS_REGISTER_XMM0 + reg);
}

/* Width of the general register in ModRM.reg or the opcode. */
static uint32_t
reg_bits(const struct nb_form_info *info)
{
	if (info->writes == NB_WRITES_REG32)
		return 32;
	if (info->writes == NB_WRITES_REG64)
		return info->wide ? 64 : 32; /* bsf and bsr promise less than they do */
	return info->bytes * 8u;
}

/* Width of the general register in ModRM.rm: lanes of 8 and 16 bits come from
 * the low part of 32. */
static uint32_t
rm_bits(const struct nb_form_info *info)
{
	return info->reg == NB_REG_X && info->bytes < 4 ? 32 : info->bytes * 8u;
}

static const char *
check_register(const struct form_inst *c, const ZydisDecodedOperand *operand)
{
	const struct nb_form_info *info = c->info;
	ZydisRegister want = ZYDIS_REGISTER_NONE;
	/* As a number: the decoder knows many more encodings. */
	switch ((int)operand->encoding) {
	case ZYDIS_OPERAND_ENCODING_MODRM_REG:
		/* The decoder shows the unused field of a long nop as a register. */
		if (c->form == NB_FORM_NOP_LONG)
			return NULL;
		want = info->reg == NB_REG_X	? xmm_of(c->ops.reg)
		       : info->reg == NB_REG_G8 ? gpr_of(c->ops.reg, 8)
						: gpr_of(c->ops.reg, reg_bits(info));
		break;
	case ZYDIS_OPERAND_ENCODING_OPCODE:
		want = gpr_of(c->ops.reg, reg_bits(info));
		break;
	case ZYDIS_OPERAND_ENCODING_NDSNDD:
		want = info->vvvv == NB_REG_G ? gpr_of(c->ops.vvvv, info->wide ? 64 : 32)
					      : xmm_of(c->ops.vvvv);
		break;
	case ZYDIS_OPERAND_ENCODING_IS4:
		want = xmm_of((uint32_t)c->ops.imm >> 4);
		break;
	case ZYDIS_OPERAND_ENCODING_MODRM_RM:
		want = info->rm & NB_RM_X ? xmm_of(c->ops.rm.reg)
					  : gpr_of(c->ops.rm.reg, rm_bits(info));
		break;
	default:
		return NULL;
	}
	if (operand->reg.value != want)
		return ZydisRegisterGetString(operand->reg.value);
	return NULL;
}

static const char *
check_memory(const struct form_inst *c, const ZydisDecodedOperand *operand)
{
	const struct nb_form_info *info = c->info;
	const struct x64_rm *rm = &c->ops.rm;
	if (rm->kind == X64_RM_RIP) {
		if (operand->mem.base != ZYDIS_REGISTER_RIP || operand->mem.disp.value != rm->disp)
			return "rip operand";
	} else {
		ZydisRegister base =
			rm->reg == X64_NO_REG ? ZYDIS_REGISTER_NONE : gpr_of(rm->reg, 64);
		ZydisRegister index =
			rm->index == X64_NO_REG ? ZYDIS_REGISTER_NONE : gpr_of(rm->index, 64);
		if (operand->mem.base != base || operand->mem.index != index)
			return "base or index";
		if (index != ZYDIS_REGISTER_NONE && operand->mem.scale != 1 << rm->scale)
			return "scale";
		if (operand->mem.disp.value != rm->disp)
			return "displacement";
	}
	if (info->rm & NB_RM_ADDRESS)
		return NULL;
	if (operand->size != info->bytes * 8u)
		return "access size";
	uint32_t access = 0;
	if (operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
		access |= NB_ACCESS_READ;
	if (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
		access |= NB_ACCESS_WRITE;
	if (access != (info->access & NB_ACCESS_BOTH))
		return "access kind";
	return NULL;
}

static uint64_t
mask_of(uint32_t bits)
{
	return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

/* Registers written, 4 bits each: 0 no, 1 low 8 bits, 2 low 16 bits, 4 32 bits, 8 64 bits. */
static uint64_t
written_by(const ZydisDecodedInstruction *inst, const ZydisDecodedOperand *operands)
{
	uint64_t set = 0;
	for (uint32_t i = 0; i < inst->operand_count; i++) {
		const ZydisDecodedOperand *o = &operands[i];
		if (o->type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		ZydisRegisterClass class_ = ZydisRegisterGetClass(o->reg.value);
		if (class_ != ZYDIS_REGCLASS_GPR8 && class_ != ZYDIS_REGCLASS_GPR16 &&
		    class_ != ZYDIS_REGCLASS_GPR32 && class_ != ZYDIS_REGCLASS_GPR64)
			continue;
		ZydisRegister wide =
			ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, o->reg.value);
		uint32_t number = (uint32_t)(wide - ZYDIS_REGISTER_RAX);
		if (number == NB_RSP && o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
			continue;
		uint64_t width = class_ == ZYDIS_REGCLASS_GPR8	  ? 1
				 : class_ == ZYDIS_REGCLASS_GPR16 ? 2
				 : class_ == ZYDIS_REGCLASS_GPR32 ? 4
								  : 8;
		set |= width << 4 * number;
	}
	return set;
}

static uint64_t
written_expected(const struct form_inst *c)
{
	const struct nb_form_info *info = c->info;
	uint64_t reg = UINT64_C(1) << 4 * c->ops.reg, rm = UINT64_C(1) << 4 * (c->ops.rm.reg & 15);
	if (c->ops.rm.kind != X64_RM_REG)
		rm = 0;
	bool is_bit_scan = c->form == NB_FORM_BSF32 || c->form == NB_FORM_BSR32;
	switch ((enum nb_form_writes)info->writes) {
	case NB_WRITES_REG8:
		return reg;
	case NB_WRITES_REG16:
		return 2 * reg;
	case NB_WRITES_RAX:
		return info->bytes;
	case NB_WRITES_REG32:
		return 4 * reg;
	case NB_WRITES_REG64:
		return (is_bit_scan ? 4 : 8) * reg;
	case NB_WRITES_RM8:
		return rm;
	case NB_WRITES_RM32:
		return 4 * rm;
	case NB_WRITES_RM64:
		return 8 * rm;
	case NB_WRITES_BOTH64:
		return 8 * reg | 8 * rm;
	case NB_WRITES_EDX:
		return 4ull << 4 * NB_RDX;
	case NB_WRITES_RDX:
		return 8ull << 4 * NB_RDX;
	case NB_WRITES_EAX_EDX:
		return 4ull << 4 * NB_RDX | 4;
	case NB_WRITES_RAX_RDX:
		return 8ull << 4 * NB_RDX | 8;
	case NB_WRITES_NONE:
	case NB_WRITES_REGX:
	case NB_WRITES_RMX:
	case NB_WRITES_VVVVX:
		return 0;
	}
	return 0;
}

/* The vector registers written, a bit each. */
static uint32_t
vectors_written_by(const ZydisDecodedInstruction *inst, const ZydisDecodedOperand *operands)
{
	uint32_t set = 0;
	for (uint32_t i = 0; i < inst->operand_count; i++)
		if (operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE &&
		    ZydisRegisterGetClass(operands[i].reg.value) == ZYDIS_REGCLASS_XMM)
			set |= 1u << (operands[i].reg.value - ZYDIS_REGISTER_XMM0);
	return set;
}

static uint32_t
vectors_written_expected(const struct form_inst *c)
{
	switch ((uint32_t)c->info->writes) {
	case NB_WRITES_REGX:
		return 1u << c->ops.reg;
	case NB_WRITES_RMX:
		return 1u << c->ops.rm.reg;
	case NB_WRITES_VVVVX:
		return 1u << c->ops.vvvv;
	default:
		return 0;
	}
}

static const char *
check_mnemonic(const struct form_inst *c, const ZydisDecodedInstruction *inst)
{
	/* Texts are compared once for each form and condition. */
	static ZydisMnemonic known[NB_FORM_COUNT][16];
	bool has_cc = c->info->kind == NB_FORM_CONDITION;
	ZydisMnemonic *place = &known[c->form][has_cc ? c->ops.cc : 0];
	char want[16];

	if (*place != ZYDIS_MNEMONIC_INVALID)
		return *place == inst->mnemonic ? NULL : ZydisMnemonicGetString(inst->mnemonic);
	snprintf(want, sizeof(want), "%s%s", x64_form_text(c->form),
		 has_cc ? cc_texts[c->ops.cc] : "");
	if (strcmp(want, "movabs") == 0)
		want[3] = 0;
	if (strcmp(want, ZydisMnemonicGetString(inst->mnemonic)) != 0)
		return ZydisMnemonicGetString(inst->mnemonic);
	*place = inst->mnemonic;
	return NULL;
}

/* What is visible of the operands. */
static const char *
check_operands(const struct form_inst *c, const ZydisDecodedInstruction *inst,
	       const ZydisDecodedOperand *operands)
{
	bool is_memory = c->ops.rm.kind == X64_RM_MEM || c->ops.rm.kind == X64_RM_RIP;
	bool saw_memory = false;

	for (uint32_t i = 0; i < inst->operand_count_visible; i++) {
		const ZydisDecodedOperand *o = &operands[i];
		const char *wrong = NULL;

		if (o->type == ZYDIS_OPERAND_TYPE_REGISTER) {
			wrong = check_register(c, o);
		} else if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			saw_memory = true;
			wrong = check_memory(c, o);
		} else if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
			   o->encoding != ZYDIS_OPERAND_ENCODING_NONE) {
			/* A shift by one has its count in the mnemonic only. */
			if (((o->imm.value.u ^ (uint64_t)c->ops.imm) & mask_of(o->size)) != 0)
				wrong = "immediate";
		}
		if (wrong)
			return wrong;
	}
	return is_memory == saw_memory ? NULL : "memory operand";
}

/* What is not: only calls and returns touch the stack, and nothing else RSP, R14
 * and R15. */
static const char *
check_hidden(const struct form_inst *c, const ZydisDecodedInstruction *inst,
	     const ZydisDecodedOperand *operands)
{
	(void)c;
	if (inst->mnemonic == ZYDIS_MNEMONIC_CALL || inst->mnemonic == ZYDIS_MNEMONIC_RET)
		return NULL;
	for (uint32_t i = inst->operand_count_visible; i < inst->operand_count; i++) {
		ZydisRegister reg = ZYDIS_REGISTER_NONE;

		if (operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			return "hidden access to memory";
		if (operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER)
			reg = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64,
							       operands[i].reg.value);
		if (reg == ZYDIS_REGISTER_RSP || reg == ZYDIS_REGISTER_R14 ||
		    reg == ZYDIS_REGISTER_R15)
			return "hidden use of a pinned register";
	}
	return NULL;
}

const char *
form_check(const ZydisDecoder *decoder, struct form_inst *c)
{
	ZydisDecodedInstruction inst;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	bool is_locked = c->info->kind == NB_FORM_LOCKED;
	const char *wrong;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, c->bytes, c->len, &inst, operands)))
		return "does not decode";
	if (inst.length != c->len)
		return "length";
	if ((wrong = check_mnemonic(c, &inst)) != NULL)
		return wrong;
	if ((wrong = check_operands(c, &inst, operands)) != NULL)
		return wrong;
	if ((wrong = check_hidden(c, &inst, operands)) != NULL)
		return wrong;
	if (!!(inst.attributes & ZYDIS_ATTRIB_HAS_LOCK) != is_locked)
		return "lock prefix";
	c->written = written_by(&inst, operands);
	if (c->written != written_expected(c) ||
	    vectors_written_by(&inst, operands) != vectors_written_expected(c))
		return "written registers";
	return NULL;
}
