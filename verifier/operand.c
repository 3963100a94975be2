/*
 * Operands of ordinary instructions: what they may read, write and address.
 */
#include "abi/trap.h"
#include "verifier/scan.h"

enum { PINNED_GPRS = 1 << NB_RSP | 1 << NB_REG_MEMORY_BASE | 1 << NB_REG_VMCTX };

/* Bytes of one entry of the vmctx's arrays of globals and tables. */
enum { ENTRY_BYTES = 16 };

static bool
is_pinned(uint32_t reg)
{
	return reg != VF_NO_REG && PINNED_GPRS >> reg & 1;
}

bool
scan_write(struct scan *s, uint32_t reg, bool is_extended)
{
	uint16_t bit = (uint16_t)(1u << reg);

	if (is_pinned(reg))
		return scan_refuse(s, VERIFIER_PINNED);
	if (NB_PRESERVED_GPRS & bit & ~s->saved)
		return scan_refuse(s, VERIFIER_PRESERVED);
	s->zx = is_extended ? s->zx | bit : (uint16_t)(s->zx & ~bit);
	if (reg == NB_REG_CALLEE)
		s->scratch_kind = SCRATCH_ANY;
	if (reg == NB_REG_INDEX)
		s->fit_failed = false;
	return true;
}

/* A write that leaves the upper half as it is. */
static bool
write_part(struct scan *s, uint32_t reg)
{
	return scan_write(s, reg, s->zx >> reg & 1);
}

static bool
write_both(struct scan *s, uint32_t a, uint32_t b, bool is_extended)
{
	return scan_write(s, a, is_extended) && scan_write(s, b, is_extended);
}

/* Takes in what the instruction writes to general registers. */
static bool
take_writes(struct scan *s)
{
	const struct vf_inst *inst = &s->inst;
	bool is_reg = inst->operand == VF_REGISTER;

	switch ((enum nb_form_writes)inst->info->writes) {
	case NB_WRITES_REG8:
	case NB_WRITES_REG16:
		return write_part(s, inst->reg);
	case NB_WRITES_REG32:
		return scan_write(s, inst->reg, true);
	case NB_WRITES_REG64:
		return scan_write(s, inst->reg, false);
	case NB_WRITES_RM8:
		return !is_reg || write_part(s, inst->base);
	case NB_WRITES_RM32:
		return !is_reg || scan_write(s, inst->base, true);
	case NB_WRITES_RM64:
		return !is_reg || scan_write(s, inst->base, false);
	case NB_WRITES_BOTH64:
		return write_both(s, inst->reg, inst->base, false);
	case NB_WRITES_EDX:
		return scan_write(s, NB_RDX, true);
	case NB_WRITES_RDX:
		return scan_write(s, NB_RDX, false);
	case NB_WRITES_EAX_EDX:
		return write_both(s, NB_RAX, NB_RDX, true);
	case NB_WRITES_RAX_RDX:
		return write_both(s, NB_RAX, NB_RDX, false);
	case NB_WRITES_RAX:
		return scan_write(s, NB_RAX, false);
	case NB_WRITES_NONE:
	case NB_WRITES_REGX:
	case NB_WRITES_RMX:
	case NB_WRITES_VVVVX:
		return true;
	}
	return scan_refuse(s, VERIFIER_INSTRUCTION);
}

static bool
is_read(const struct nb_form_info *info)
{
	return (info->access & NB_ACCESS_BOTH) == NB_ACCESS_READ;
}

/* --- memory ---------------------------------------------------------------- */

/* An access to linear memory: displacement, and the site of its trap. */
static bool
check_linear(struct scan *s)
{
	if (s->inst.disp < 0 || s->inst.disp > NB_DISPLACEMENT_MAX)
		return scan_refuse(s, VERIFIER_DISPLACEMENT);
	if (s->inst.scale)
		return scan_refuse(s, VERIFIER_MEMORY);
	if (s->site_kind != NB_TRAP_MEMORY_OUT_OF_BOUNDS)
		return scan_refuse(s, VERIFIER_SITE);
	s->site_kind = NB_TRAP_NONE;
	return true;
}

/* The index, if any, must be zero-extended. */
static bool
check_index(struct scan *s)
{
	uint32_t index = s->inst.index;

	if (is_pinned(index))
		return scan_refuse(s, VERIFIER_PINNED);
	if (index != VF_NO_REG && !(s->zx >> index & 1))
		return scan_refuse(s, VERIFIER_EXTENSION);
	return check_linear(s);
}

/* [r14 + …] */
static bool
check_memory_base(struct scan *s)
{
	bool is_clamped = s->scratch_kind == SCRATCH_CLAMPED && s->scratch == 0;

	if (s->inst.index == NB_REG_CALLEE && is_clamped)
		return check_linear(s);
	return check_index(s);
}

/* [r15 + …]: globals of the instance, and the number of its first function. */
static bool
check_vmctx(struct scan *s)
{
	const struct verifier_facts *facts = s->facts;
	const struct nb_form_info *info = s->inst.info;
	int64_t at = s->inst.disp, end = at + info->bytes;
	int64_t globals = facts->layout.globals;
	int64_t globals_end = globals + ENTRY_BYTES * (int64_t)facts->counts.globals;

	if (s->inst.index != VF_NO_REG)
		return scan_refuse(s, VERIFIER_VMCTX);
	if (at == NB_VMCTX_REFERENCE_BASE && info->bytes == 4 && is_read(info))
		return true;
	if (at < globals || end > globals_end)
		return scan_refuse(s, VERIFIER_VMCTX);
	uint8_t kind = facts->globals[(at - globals) / ENTRY_BYTES];
	bool is_inside = (at - globals) % ENTRY_BYTES + info->bytes <= ENTRY_BYTES;
	bool may_write = kind == VERIFIER_GLOBAL_VARIABLE;

	if (!is_inside || kind == VERIFIER_GLOBAL_CELL || (!is_read(info) && !may_write))
		return scan_refuse(s, VERIFIER_VMCTX);
	return true;
}

/* [rsp + …]: the frame below the saved registers, and the incoming area. */
static bool
check_stack(struct scan *s)
{
	int64_t at = s->inst.disp, end = at + s->inst.info->bytes;
	int64_t area = (int64_t)s->frame + 8;
	bool in_frame = at >= 0 && end <= s->saved_at;
	bool in_area = at >= area && end <= area + s->area;

	if (s->inst.index != VF_NO_REG || (!in_frame && !in_area))
		return scan_refuse(s, VERIFIER_STACK);
	return true;
}

/* [r11 + …], by what the sequence before put there. */
static bool
check_scratch(struct scan *s)
{
	const struct vf_inst *inst = &s->inst;
	uint8_t bytes = inst->info->bytes;
	bool is_field = inst->index == VF_NO_REG && is_read(inst->info);

	switch ((enum scratch_kind)s->scratch_kind) {
	case SCRATCH_CELL:
		if (inst->index == VF_NO_REG && inst->disp == 0 && bytes <= ENTRY_BYTES)
			return true;
		break;
	case SCRATCH_MEMORY:
		if (is_field && inst->disp == NB_MEMORY_LENGTH && bytes == 8)
			return true;
		break;
	case SCRATCH_TABLE:
		if (is_field && inst->disp == NB_TABLE_LENGTH && bytes == 4)
			return true;
		break;
	case SCRATCH_BASE:
		return check_index(s);
	case SCRATCH_PLACE:
		if (inst->index == VF_NO_REG)
			return check_linear(s);
		break;
	case SCRATCH_ANY:
	case SCRATCH_LENGTH:
	case SCRATCH_CLAMPED:
		break;
	}
	return scan_refuse(s, VERIFIER_MEMORY);
}

static bool
check_pool(struct scan *s)
{
	int64_t at = (int64_t)s->at + s->inst.len + s->inst.disp;

	if (!is_read(s->inst.info) || at < s->pool_at || at + s->inst.info->bytes > s->pool_end)
		return scan_refuse(s, VERIFIER_POOL);
	return true;
}

/* Accesses that fault on other than aligned addresses: only constants and the
 * stack have an alignment that can be known. Functions and pools begin at
 * multiples of 16; the frame makes RSP one. */
static bool
check_alignment(struct scan *s)
{
	const struct vf_inst *inst = &s->inst;
	bool is_aligned = false;

	if (!(inst->info->access & NB_ACCESS_ALIGNED))
		return true;
	if (inst->operand == VF_RIP)
		is_aligned = (s->at + inst->len + (uint32_t)inst->disp) % 16 == 0;
	else if (inst->base == NB_RSP)
		is_aligned = s->frame % 16 == 8 && inst->disp % 16 == 0;
	return is_aligned || scan_refuse(s, VERIFIER_ALIGNMENT);
}

static bool
check_memory(struct scan *s)
{
	const struct vf_inst *inst = &s->inst;

	if (inst->operand != VF_RIP && inst->operand != VF_MEMORY)
		return true;
	if (inst->info->rm & NB_RM_ADDRESS) {
		if (inst->operand == VF_RIP || is_pinned(inst->base) || is_pinned(inst->index))
			return scan_refuse(s, VERIFIER_PINNED);
		return true;
	}
	if (!check_alignment(s))
		return false;
	if (inst->operand == VF_RIP)
		return check_pool(s);
	switch (inst->base) {
	case NB_REG_MEMORY_BASE:
		return check_memory_base(s);
	case NB_REG_VMCTX:
		return check_vmctx(s);
	case NB_RSP:
		return check_stack(s);
	case NB_REG_CALLEE:
		return check_scratch(s);
	default:
		return scan_refuse(s, VERIFIER_MEMORY);
	}
}

/* --- all ------------------------------------------------------------------- */

/* Register operands are never the pinned registers, not even to be read. */
static bool
check_registers(struct scan *s)
{
	const struct vf_inst *inst = &s->inst;
	const struct nb_form_info *info = inst->info;
	bool reg_is_gpr =
		info->reg == NB_REG_G || info->reg == NB_REG_G8 || info->reg == NB_REG_OPCODE;
	bool rm_is_gpr = inst->operand == VF_REGISTER && info->rm & (NB_RM_G | NB_RM_G8);
	bool vvvv_is_gpr = info->vvvv == NB_REG_G;

	if ((reg_is_gpr && is_pinned(inst->reg)) || (rm_is_gpr && is_pinned(inst->base)) ||
	    (vvvv_is_gpr && is_pinned(inst->vvvv)))
		return scan_refuse(s, VERIFIER_PINNED);
	return true;
}

static bool
check_divide(struct scan *s)
{
	switch (s->inst.form) {
	case NB_FORM_DIV32:
	case NB_FORM_IDIV32:
	case NB_FORM_DIV64:
	case NB_FORM_IDIV64:
		break;
	default:
		return true;
	}
	/* One instruction cannot have two sites. */
	if (s->inst.operand != VF_REGISTER)
		return scan_refuse(s, VERIFIER_OPERAND);
	if (s->site_kind != NB_SITE_DIVIDE)
		return scan_refuse(s, VERIFIER_SITE);
	s->site_kind = NB_TRAP_NONE;
	return true;
}

bool
scan_operands(struct scan *s)
{
	return check_registers(s) && check_memory(s) && check_divide(s) && take_writes(s);
}
