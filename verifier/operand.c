/*
 * Instructions: what their operands may read, write and address, and where
 * branches and traps lead.
 */
#include "verifier/scan.h"

static bool
is_read(const struct vf_inst *inst)
{
	return (inst->form->info.access & NB_ACCESS_BOTH) == NB_ACCESS_READ;
}

/* --- memory ---------------------------------------------------------------- */

/* An access to linear memory: the index, if any, displacement, and the site of its trap. */
static bool
check_linear(struct scan *s)
{
	uint32_t index = 1u << s->inst.index;
	bool is_clamped = scan_scratch(s) == SCRATCH_CLAMPED && s->inst.index == NB_REG_CALLEE;

	return scan_require(s, !(index & SCAN_PINNED_GPRS), VERIFIER_PINNED) &&
	       scan_require(s, !(index & s->open) || is_clamped, VERIFIER_EXTENSION) &&
	       scan_require(s, s->inst.disp >= 0 && s->inst.disp <= NB_DISPLACEMENT_MAX,
			    VERIFIER_DISPLACEMENT) &&
	       scan_require(s, !s->inst.scale, VERIFIER_MEMORY) &&
	       scan_require(s, scan_take_site(s, s->at) == NB_TRAP_MEMORY_OUT_OF_BOUNDS,
			    VERIFIER_SITE);
}

/* [r15 + …]: globals of the instance, and the number of its first function. */
static bool
check_vmctx(struct scan *s)
{
	uint32_t bytes = s->inst.form->info.bytes;
	bool is_first = s->inst.disp == NB_VMCTX_REFERENCE_BASE && bytes == 4;
	enum verifier_global kind = scan_global(s, s->inst.disp, bytes);
	bool is_right = kind == VERIFIER_GLOBAL_VARIABLE ||
			(is_read(&s->inst) && (is_first || kind != VERIFIER_GLOBAL_CELL));

	return scan_require(s, is_right && s->inst.index == VF_NO_REG, VERIFIER_VMCTX);
}

/* [rsp + …]: the frame below the saved registers, and the incoming area. The
 * frame makes RSP a multiple of 16. */
static bool
check_stack(struct scan *s)
{
	const struct nb_form_info *info = &s->inst.form->info;
	int64_t at = s->inst.disp, end = at + info->bytes;
	int64_t area = (int64_t)s->frame + 8;
	bool in_frame = at >= 0 && end <= s->saved_at;
	bool in_area = at >= area && end <= area + s->area;

	bool is_aligned = s->frame % 16 == 8 && at % 16 == 0;

	return scan_require(s, s->inst.index == VF_NO_REG && (in_frame || in_area),
			    VERIFIER_STACK) &&
	       scan_require(s, !(info->access & NB_ACCESS_ALIGNED) || is_aligned,
			    VERIFIER_ALIGNMENT);
}

/* [r11 + …], by what the sequence before put there. */
static bool
check_scratch(struct scan *s)
{
	const struct vf_inst *inst = &s->inst;
	uint8_t bytes = inst->form->info.bytes;
	enum scratch_kind kind = scan_scratch(s);
	bool is_cell = kind == SCRATCH_CELL && inst->disp == 0;
	bool is_length = (kind == SCRATCH_MEMORY && inst->disp == NB_MEMORY_LENGTH && bytes == 8) ||
			 (kind == SCRATCH_TABLE && inst->disp == NB_TABLE_LENGTH && bytes == 4);

	bool has_index = inst->index != VF_NO_REG;

	if (kind == SCRATCH_BASE || (kind == SCRATCH_PLACE && !has_index))
		return check_linear(s);
	return scan_require(s, !has_index && (is_cell || (is_length && is_read(inst))),
			    VERIFIER_MEMORY);
}

/* [rip + …]: constants. Functions and pools begin at multiples of 16. */
static bool
check_pool(struct scan *s)
{
	const struct nb_form_info *info = &s->inst.form->info;
	int64_t at = (int64_t)s->at + s->inst.len + s->inst.disp;

	bool in_pool = at >= s->pool_at && at + info->bytes <= s->pool_end;

	return scan_require(s, in_pool && is_read(&s->inst), VERIFIER_POOL) &&
	       scan_require(s, !(info->access & NB_ACCESS_ALIGNED) || at % 16 == 0,
			    VERIFIER_ALIGNMENT);
}

static inline bool
check_memory(struct scan *s)
{
	const struct vf_inst *inst = &s->inst;
	uint32_t named =
		inst->operand == VF_RIP ? SCAN_PINNED_GPRS : 1u << inst->base | 1u << inst->index;

	if (inst->form->info.rm & NB_RM_ADDRESS)
		return scan_require(s, !(named & SCAN_PINNED_GPRS), VERIFIER_PINNED);
	if (inst->operand == VF_RIP)
		return check_pool(s);
	if (inst->base == NB_RSP)
		return check_stack(s);
	if (inst->form->info.access & NB_ACCESS_ALIGNED)
		return scan_refuse(s, VERIFIER_ALIGNMENT);
	if (inst->base == NB_REG_MEMORY_BASE)
		return check_linear(s);
	if (inst->base == NB_REG_VMCTX)
		return check_vmctx(s);
	if (inst->base == NB_REG_CALLEE)
		return check_scratch(s);
	return scan_refuse(s, VERIFIER_MEMORY);
}

/* --- computation -------------------------------------------------------------- */

/* What few computations have: a port, a third general register, or a divisor. */
static bool
check_rare(struct scan *s)
{
	if (s->inst.form->info.reg == NB_REG_NONE)
		return scan_port(s);
	if (s->inst.form->info.vvvv == NB_REG_G)
		return scan_require(s, !(1u << s->inst.vvvv & SCAN_PINNED_GPRS), VERIFIER_PINNED);
	/* One instruction cannot have two sites, so the divisor is a register. */
	return scan_require(s, s->inst.operand == VF_REGISTER, VERIFIER_OPERAND) &&
	       scan_require(s, scan_take_site(s, s->at) == NB_SITE_DIVIDE, VERIFIER_SITE);
}

/* Register operands are never the pinned registers, not even to be read. */
bool
scan_computation(struct scan *s)
{
	const struct vf_inst *inst = &s->inst;
	uint64_t effect = inst->effect, written = effect >> VF_WRITTEN;
	bool is_above = inst->operand == VF_MEMORY && inst->base == NB_RSP &&
			inst->disp >= (int64_t)s->saved_at;

	if (inst->form->flags & VF_FORM_RARE && !check_rare(s))
		return false;
	/* A sequence or an epilogue may begin here: all of them begin with an instruction
	 * that has R11 or a pinned register as an operand, or reads from the stack what an
	 * ordinary one may not. */
	if (effect & SCAN_SPECIAL_GPRS || is_above) {
		bool is_done, is_good = scan_sequence(s, &is_done);

		if (!is_good || is_done)
			return is_good;
		if (effect & SCAN_PINNED_GPRS)
			return scan_refuse(s, VERIFIER_PINNED);
	}
	if (inst->operand >= VF_MEMORY && !check_memory(s))
		return false;
	if (written & s->stop >> VF_WRITTEN & NB_PRESERVED_GPRS)
		return scan_refuse(s, VERIFIER_PRESERVED);
	scan_apply(s, effect);
	if (vf_form(inst) == NB_FORM_MOV32_IMM)
		s->moved_at = s->at;
	return true;
}

/* --- control flow -------------------------------------------------------------- */

/* ud2 needs a site that says what it means. */
bool
scan_trap(struct scan *s)
{
	uint32_t kind = scan_take_site(s, s->at);
	bool is_trap = kind == NB_SITE_DYNAMIC || (kind != NB_TRAP_NONE && nb_trap_exists(kind));
	bool is_unfit = kind == NB_SITE_INDIRECT || kind == NB_SITE_REFERENCE;

	scan_stop(s);
	return scan_require(s, is_trap || (is_unfit && scan_scratch(s) == SCRATCH_UNFIT),
			    VERIFIER_SITE);
}

bool
scan_control(struct scan *s)
{
	uint32_t open;

	if (s->inst.form->info.kind == NB_FORM_CONDITION)
		return scan_edge(s, scan_branch_target(s), s->open, MARK_PLAIN);
	if (scan_is_epilogue(s))
		return scan_epilogue(s);
	switch (vf_form(&s->inst)) {
	case NB_FORM_CALL_32:
		return scan_direct_call(s, scan_branch_target(s));
	case NB_FORM_UD2:
		return scan_trap(s);
	case NB_FORM_NOP:
	case NB_FORM_NOP_LONG:
		return true;
	case NB_FORM_JMP_8:
	case NB_FORM_JMP_32:
		open = s->open;
		scan_stop(s);
		return scan_edge(s, scan_branch_target(s), open, MARK_PLAIN);
	default:
		return scan_refuse(s, VERIFIER_TEMPLATE);
	}
}

/* --- all ------------------------------------------------------------------------- */

bool
scan_next(struct scan *s)
{
	s->at += s->inst.len;
	if (s->at >= s->size)
		return scan_refuse(s, VERIFIER_END);
	enum verifier_rule rule =
		vf_decode(s->image->cpu_features, s->code + s->at, s->room - s->at, &s->inst);

	return scan_require(s, rule == VERIFIER_NONE, rule);
}
