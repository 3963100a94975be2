/*
 * Prologues, epilogues and the other sequences of abi/code_contract.h that are
 * checked as a whole.
 *
 * Inside a sequence nothing looks at labels: a branch that leads into its
 * middle finds no label there, or leaves its mark behind, and either refuses
 * the function.
 */
#include "verifier/scan.h"

enum { ENTRY_BYTES = 16, SAVES_MAX = 4, WORD = 8 };

/* --- single instructions ----------------------------------------------------- */

/* form reg, [base + disp] */
static bool
is_memory(const struct vf_inst *inst, enum nb_form form, uint32_t reg, uint32_t base, int64_t disp)
{
	bool has_reg = inst->info->reg >= NB_REG_G8;

	return inst->form == form && inst->operand == VF_MEMORY && (!has_reg || inst->reg == reg) &&
	       inst->base == base && inst->index == VF_NO_REG && inst->disp == disp;
}

/* form reg, rm */
static bool
is_register(const struct vf_inst *inst, enum nb_form form, uint32_t reg, uint32_t rm)
{
	return inst->form == form && inst->operand == VF_REGISTER && inst->reg == reg &&
	       inst->base == rm;
}

/* form rm, imm */
static bool
is_immediate(const struct vf_inst *inst, enum nb_form form, uint32_t rm, int64_t imm)
{
	return inst->form == form && inst->operand == VF_REGISTER && inst->base == rm &&
	       inst->imm == imm;
}

static bool
is_condition(const struct vf_inst *inst, uint32_t cc)
{
	return (inst->form == NB_FORM_J_8 || inst->form == NB_FORM_J_32) && inst->cc == cc;
}

static bool
is_jump(const struct vf_inst *inst)
{
	return inst->form == NB_FORM_JMP_8 || inst->form == NB_FORM_JMP_32;
}

enum { CC_B = 2, CC_AE = 3, CC_NE = 5, CC_A = 7 };

/* Moves on to the next instruction, which must have no trap site; callers
 * compare it. */
static bool
next(struct scan *s)
{
	if (!scan_next(s))
		return false;
	return s->site_kind == 0 || scan_refuse(s, VERIFIER_SITE);
}

static bool
next_memory(struct scan *s, enum nb_form form, uint32_t reg, uint32_t base, int64_t disp)
{
	if (!next(s))
		return false;
	return is_memory(&s->inst, form, reg, base, disp) || scan_refuse(s, VERIFIER_TEMPLATE);
}

static bool
next_register(struct scan *s, enum nb_form form, uint32_t reg, uint32_t rm)
{
	if (!next(s))
		return false;
	return is_register(&s->inst, form, reg, rm) || scan_refuse(s, VERIFIER_TEMPLATE);
}

static bool
next_condition(struct scan *s, uint32_t cc)
{
	if (!next(s))
		return false;
	return is_condition(&s->inst, cc) || scan_refuse(s, VERIFIER_TEMPLATE);
}

/* --- frame --------------------------------------------------------------------- */

/* One word touched in every interval, from the top downward. */
static bool
check_probes(struct scan *s)
{
	int64_t at = s->frame;

	if (at <= NB_PROBE_INTERVAL)
		return true;
	while (at > 0) {
		at = at > NB_PROBE_INTERVAL ? at - NB_PROBE_INTERVAL : 0;
		if (!next(s))
			return false;
		if (!is_memory(&s->inst, NB_FORM_TEST32, NB_RAX, NB_RSP, at))
			return scan_refuse(s, VERIFIER_FRAME);
	}
	return true;
}

/* mov [rsp + …], reg: saves of preserved registers, in their order, which fill
 * the top of the frame. */
static bool
take_saves(struct scan *s)
{
	struct vf_inst inst;
	uint32_t at = 0;

	while (scan_peek(s, &inst)) {
		bool is_save = inst.form == NB_FORM_MOV64_STORE && inst.base == NB_RSP &&
			       inst.index == VF_NO_REG && NB_PRESERVED_GPRS >> inst.reg & 1;
		if (!is_save)
			break;
		if (s->saved == 0) {
			int64_t room = (int64_t)s->frame - inst.disp;

			if (room <= 0 || room > WORD * SAVES_MAX || room % WORD || inst.disp < 0)
				break;
			s->saved_at = at = (uint32_t)inst.disp;
		} else if (at == s->frame || inst.disp != (int64_t)at || s->saved >> inst.reg) {
			break;
		}
		if (!next(s))
			return false;
		s->saved |= (uint16_t)(1u << inst.reg);
		at += WORD;
	}
	return s->saved == 0 || at == s->frame || scan_refuse(s, VERIFIER_FRAME);
}

bool
scan_prologue(struct scan *s)
{
	if (s->frame == 0)
		return true;
	if (s->frame % 16 != 8 || s->frame > NB_FRAME_MAX)
		return scan_refuse(s, VERIFIER_FRAME);
	if (!next(s))
		return false;
	if (!is_immediate(&s->inst, NB_FORM_SUB64_IMM, NB_RSP, s->frame))
		return scan_refuse(s, VERIFIER_FRAME);
	if (!check_probes(s) || !take_saves(s))
		return false;
	s->own_at = s->at + s->inst.len;
	return true;
}

/* mov reg, [rsp + …] of a saved register's place. */
static bool
is_restore(const struct scan *s, const struct vf_inst *inst)
{
	return inst->form == NB_FORM_MOV64 && inst->operand == VF_MEMORY && inst->base == NB_RSP &&
	       inst->index == VF_NO_REG && inst->disp >= (int64_t)s->saved_at &&
	       inst->disp < (int64_t)s->frame;
}

/* Restores all saved registers; the current instruction is the first of them,
 * and afterwards the first that is none. */
static bool
take_restores(struct scan *s)
{
	uint32_t at = s->saved_at;

	for (uint32_t reg = 0; reg < 16; reg++) {
		if (!(s->saved >> reg & 1))
			continue;
		if (!is_memory(&s->inst, NB_FORM_MOV64, reg, NB_RSP, at))
			return scan_refuse(s, VERIFIER_FRAME);
		at += WORD;
		if (!next(s))
			return false;
	}
	return true;
}

/* --- calls ------------------------------------------------------------------------ */

/* The function whose entry lies at `target` from this function's start; false
 * if there is none. */
static bool
find_entry(const struct scan *s, int64_t target, uint32_t *out)
{
	int64_t offset = target + s->function->code_offset;
	uint32_t low = 0, high = s->image->function_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->image->functions[middle].code_offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	*out = low;
	return low < s->image->function_count && s->image->functions[low].code_offset == offset;
}

/* A callee may use an area of so many slots at RSP. */
static bool
check_area(struct scan *s, uint32_t slots)
{
	return (uint64_t)WORD * slots <= s->saved_at || scan_refuse(s, VERIFIER_AREA);
}

/* The current instruction is a call; without a frame RSP is not aligned. */
static bool
returned(struct scan *s)
{
	if (s->frame == 0)
		return scan_refuse(s, VERIFIER_FRAME);
	scan_forget(s);
	s->after_call = true;
	return true;
}

bool
scan_direct_call(struct scan *s)
{
	uint32_t callee;

	if (!find_entry(s, scan_branch_target(s), &callee))
		return scan_refuse(s, VERIFIER_CALL);
	return check_area(s, s->facts->function_areas[callee]) && returned(s);
}

/* --- tail calls --------------------------------------------------------------------- */

/* movabs r10, word; jmp [r15 + stub]; the current instruction is the first. */
static bool
take_stub(struct scan *s, uint32_t area_slots, int64_t stub)
{
	uint64_t word = (uint64_t)s->inst.imm;
	uint32_t results = word >> 32 & 0xfff;

	if (s->inst.form != NB_FORM_MOV64_IMM || s->inst.reg != NB_REG_INDEX)
		return scan_refuse(s, VERIFIER_TEMPLATE);
	if (word != nb_tail_word(s->frame, results, area_slots) || WORD * results > s->area ||
	    results > area_slots || s->frame < nb_tail_frame_bytes(area_slots) ||
	    !check_area(s, area_slots))
		return scan_refuse(s, VERIFIER_AREA);
	s->is_reached = false;
	return next_memory(s, NB_FORM_JMP_MEM, 0, NB_REG_VMCTX, stub);
}

/* The template `hard`, from the next instruction on, with the callee in R11. */
static bool
take_hard(struct scan *s, uint32_t area_slots)
{
	return next(s) && take_restores(s) && take_stub(s, area_slots, NB_VMCTX_TAIL);
}

/* The template `grow`; the current instruction is the lea. */
static bool
take_grow(struct scan *s)
{
	uint32_t callee;
	int64_t target = (int64_t)s->at + s->inst.len + s->inst.disp;

	if (!find_entry(s, target, &callee))
		return scan_refuse(s, VERIFIER_CALL);
	return next(s) && take_stub(s, s->facts->function_areas[callee], NB_VMCTX_TAIL_GROW);
}

/* The frame has gone; a direct jump to another function. */
static bool
take_tail_jump(struct scan *s)
{
	uint32_t callee;

	if (!find_entry(s, scan_branch_target(s), &callee))
		return scan_refuse(s, VERIFIER_CALL);
	if (WORD * (uint32_t)s->facts->function_areas[callee] > s->area)
		return scan_refuse(s, VERIFIER_AREA);
	return true;
}

/* add rsp, F, if there is a frame; then the instruction behind it. */
static bool
take_frame_end(struct scan *s)
{
	if (s->frame == 0)
		return true;
	if (!is_immediate(&s->inst, NB_FORM_ADD64_IMM, NB_RSP, s->frame))
		return scan_refuse(s, VERIFIER_FRAME);
	return next(s);
}

static bool
is_grow(const struct vf_inst *inst)
{
	return inst->form == NB_FORM_LEA64 && inst->operand == VF_RIP && inst->reg == NB_REG_CALLEE;
}

bool
scan_is_epilogue(const struct scan *s)
{
	const struct vf_inst *inst = &s->inst;
	uint32_t callee;

	if (s->saved)
		return is_restore(s, inst);
	if (s->frame)
		return (inst->form == NB_FORM_ADD64_IMM && inst->operand == VF_REGISTER &&
			inst->base == NB_RSP) ||
		       is_grow(inst);
	if (is_jump(inst) && inst->form == NB_FORM_JMP_32) {
		int64_t target = scan_branch_target(s);

		return (target <= 0 || target >= s->size) && find_entry(s, target, &callee);
	}
	return inst->form == NB_FORM_RET;
}

bool
scan_epilogue(struct scan *s)
{
	s->is_reached = false;
	if (s->site_kind)
		return scan_refuse(s, VERIFIER_SITE);
	if (!take_restores(s))
		return false;
	if (is_grow(&s->inst))
		return take_grow(s);
	if (!take_frame_end(s))
		return false;
	if (s->inst.form == NB_FORM_RET)
		return true;
	if (s->inst.form == NB_FORM_JMP_32)
		return take_tail_jump(s);
	return scan_refuse(s, VERIFIER_FRAME);
}

/* --- calls through callees ------------------------------------------------------------ */

/* mov r11, [rsp + 8 * i]; mov [rsp + F + 8 + 8 * i], r11, for rising i. The
 * current instruction is behind them afterwards. */
static bool
take_copies(struct scan *s)
{
	int64_t from = -WORD;

	for (;;) {
		const struct vf_inst *inst = &s->inst;
		bool is_load = inst->form == NB_FORM_MOV64 && inst->operand == VF_MEMORY &&
			       inst->reg == NB_REG_CALLEE && inst->base == NB_RSP;

		if (!is_load)
			return true;
		from = inst->disp > from && inst->disp % WORD == 0 ? inst->disp : INT32_MAX;
		if (inst->index != VF_NO_REG || from + WORD > s->saved_at || from + WORD > s->area)
			return scan_refuse(s, VERIFIER_STACK);
		if (!next_memory(s, NB_FORM_MOV64_STORE, NB_REG_CALLEE, NB_RSP,
				 (int64_t)s->frame + WORD + from) ||
		    !next(s))
			return false;
	}
}

/* The callee's address is in R10, its signature fits; the current instruction
 * is the one behind the jne. A tail call. */
static bool
take_callee_tail(struct scan *s, uint32_t area_slots)
{
	if (is_memory(&s->inst, NB_FORM_CMP64, NB_REG_VMCTX, NB_REG_INDEX, NB_CALLEE_VMCTX)) {
		if (WORD * area_slots > s->area)
			return scan_refuse(s, VERIFIER_AREA);
		if (!next_condition(s, CC_NE))
			return false;
		int64_t foreign = scan_branch_target(s);

		if (!next(s) || !take_copies(s) || !take_restores(s) || !take_frame_end(s))
			return false;
		if (!is_memory(&s->inst, NB_FORM_JMP_MEM, 0, NB_REG_INDEX, NB_CALLEE_CODE))
			return scan_refuse(s, VERIFIER_TEMPLATE);
		if (foreign != (int64_t)s->at + s->inst.len || !next(s))
			return scan_refuse(s, VERIFIER_TEMPLATE);
	}
	if (!is_register(&s->inst, NB_FORM_MOV64, NB_REG_CALLEE, NB_REG_INDEX))
		return scan_refuse(s, VERIFIER_TEMPLATE);
	return take_hard(s, area_slots);
}

/* Likewise, a call: in this instance directly, else through the crossing. */
static bool
take_callee_call(struct scan *s, uint32_t area_slots)
{
	if (!check_area(s, area_slots) || !next_condition(s, CC_NE))
		return false;
	int64_t foreign = scan_branch_target(s);

	if (!next_memory(s, NB_FORM_CALL_MEM, 0, NB_REG_INDEX, NB_CALLEE_CODE))
		return false;
	s->after_call = true;
	if (!next(s))
		return false;
	if (!is_jump(&s->inst) || foreign != (int64_t)s->at + s->inst.len)
		return scan_refuse(s, VERIFIER_TEMPLATE);
	int64_t done = scan_branch_target(s);

	if (!next_register(s, NB_FORM_MOV64, NB_REG_CALLEE, NB_REG_INDEX) ||
	    !next_memory(s, NB_FORM_CALL_MEM, 0, NB_REG_CALLEE, NB_CALLEE_CROSS))
		return false;
	if (done != (int64_t)s->at + s->inst.len)
		return scan_refuse(s, VERIFIER_TEMPLATE);
	return returned(s);
}

/* From `mov r11d, [r15 + signature]` on, with some callee's address in R10. */
static bool
take_callee(struct scan *s)
{
	const struct nb_vmctx_layout *layout = &s->facts->layout;
	struct vf_inst behind;

	if (!next(s))
		return false;
	int64_t type = ((int64_t)s->inst.disp - layout->types) / 4;
	bool is_type = s->inst.disp >= (int64_t)layout->types && type < s->facts->counts.types;

	if (!is_type || !is_memory(&s->inst, NB_FORM_MOV32, NB_REG_CALLEE, NB_REG_VMCTX,
				   layout->types + 4 * type))
		return scan_refuse(s, VERIFIER_TEMPLATE);
	if (!next_memory(s, NB_FORM_CMP32, NB_REG_CALLEE, NB_REG_INDEX, NB_CALLEE_SIGNATURE) ||
	    !next_condition(s, CC_NE))
		return false;
	if (!scan_write(s, NB_REG_INDEX, false) || !scan_write(s, NB_REG_CALLEE, false) ||
	    !scan_edge(s, scan_branch_target(s), true) || !next(s))
		return false;
	uint32_t slots = s->facts->type_areas[type];
	bool is_call =
		is_memory(&s->inst, NB_FORM_CMP64, NB_REG_VMCTX, NB_REG_INDEX, NB_CALLEE_VMCTX);

	/* A call's crossing follows the comparison, a tail call's copies. */
	if (is_call) {
		uint32_t at = s->at;
		struct vf_inst compare = s->inst;

		is_call = scan_peek(s, &behind) && is_condition(&behind, CC_NE);
		if (is_call) {
			s->at += s->inst.len;
			s->inst = behind;
			is_call = scan_peek(s, &behind) && is_memory(&behind, NB_FORM_CALL_MEM, 0,
								     NB_REG_INDEX, NB_CALLEE_CODE);
		}
		s->at = at;
		s->inst = compare;
	}
	return is_call ? take_callee_call(s, slots) : take_callee_tail(s, slots);
}

/* and r10d, [r11 + mask]; shl r10, 5; add r10, [base + disp] */
static bool
take_callee_address(struct scan *s, int64_t mask, uint32_t base, int64_t disp)
{
	if (!next_memory(s, NB_FORM_AND32, NB_REG_INDEX, NB_REG_CALLEE, mask) || !next(s))
		return false;
	if (!is_immediate(&s->inst, NB_FORM_SHL64_IMM, NB_REG_INDEX, NB_CALLEE_SHIFT))
		return scan_refuse(s, VERIFIER_TEMPLATE);
	return next_memory(s, NB_FORM_ADD64, NB_REG_INDEX, base, disp) && take_callee(s);
}

/* The current instruction has loaded the descriptor of table `table`. */
static bool
take_indirect(struct scan *s, uint32_t table)
{
	int64_t base = s->facts->layout.tables + ENTRY_BYTES * (int64_t)table + NB_VMCTX_TABLE_BASE;

	if (s->facts->tables[table] != NB_TABLE_FUNCTIONS)
		return scan_refuse(s, VERIFIER_TEMPLATE);
	if (!next_memory(s, NB_FORM_CMP32, NB_REG_INDEX, NB_REG_CALLEE, NB_TABLE_LENGTH) ||
	    !next_condition(s, CC_AE) || !scan_edge(s, scan_branch_target(s), false))
		return false;
	return take_callee_address(s, NB_TABLE_MASK, NB_REG_VMCTX, base);
}

/* Whether an indirect call begins with the current load of a descriptor: two
 * instructions further the mask is read, which nothing else does. */
static bool
is_indirect(const struct scan *s)
{
	struct scan ahead = *s;

	for (uint32_t i = 0; i < 3; i++) {
		struct vf_inst inst;

		if (!scan_peek(&ahead, &inst))
			return false;
		ahead.at += ahead.inst.len;
		ahead.inst = inst;
	}
	return is_memory(&ahead.inst, NB_FORM_AND32, NB_REG_INDEX, NB_REG_CALLEE, NB_TABLE_MASK);
}

static bool
take_reference(struct scan *s)
{
	return take_callee_address(s, NB_REFERENCES_MASK, NB_REG_CALLEE, NB_REFERENCES_BASE);
}

/* lea r11, [r15 + import]; then a call or a tail call. */
static bool
take_import(struct scan *s)
{
	const struct nb_vmctx_layout *layout = &s->facts->layout;
	int64_t distance = (int64_t)s->inst.disp - layout->imports;
	int64_t import = distance >> NB_CALLEE_SHIFT;
	struct vf_inst behind;

	if (distance < 0 || distance % (1 << NB_CALLEE_SHIFT) || s->inst.index != VF_NO_REG ||
	    import >= s->facts->counts.imports)
		return scan_refuse(s, VERIFIER_VMCTX);
	uint32_t slots = s->facts->import_areas[import];

	if (!scan_write(s, NB_REG_CALLEE, false))
		return false;
	if (!scan_peek(s, &behind) || behind.form != NB_FORM_CALL_MEM)
		return take_hard(s, slots);
	return next_memory(s, NB_FORM_CALL_MEM, 0, NB_REG_CALLEE, NB_CALLEE_CROSS) &&
	       check_area(s, slots) && returned(s);
}

/* mov rdi, r15; call [r15 + builtin] */
static bool
take_builtin(struct scan *s)
{
	if (!next(s))
		return false;
	int64_t builtin = ((int64_t)s->inst.disp - NB_VMCTX_BUILTINS) / WORD;

	if (builtin < 0 || builtin >= NB_BUILTIN_COUNT ||
	    !is_memory(&s->inst, NB_FORM_CALL_MEM, 0, NB_REG_VMCTX,
		       NB_VMCTX_BUILTINS + WORD * builtin))
		return scan_refuse(s, VERIFIER_TEMPLATE);
	return returned(s);
}

/* --- br_table ----------------------------------------------------------------------------- */

/* The entries of a jump table: labels of this function that claim nothing. */
static bool
check_table(struct scan *s, int64_t table, uint64_t entries)
{
	if (table < s->tables_at || entries > (s->pool_end - (uint64_t)table) / 4 ||
	    table > s->pool_end)
		return scan_refuse(s, VERIFIER_TABLE);
	for (uint64_t i = 0; i < entries; i++) {
		const uint8_t *at = s->code + table + 4 * i;
		uint32_t distance = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
				    (uint32_t)at[3] << 24;

		if (!scan_edge_bare(s, table + (int32_t)distance))
			return false;
	}
	/* Tables do not overlap, so their entries are no more than the pool has. */
	s->tables_at = (uint32_t)(table + 4 * (int64_t)entries);
	return true;
}

/* The current instruction is `mov r11d, n`, with the comparison behind it. */
static bool
take_switch(struct scan *s)
{
	/* movsxd r10, [r11 + 4 * r10]: the one access with a scale. */
	static const uint8_t load[] = { 0x4f, 0x63, 0x14, 0x93 };
	uint64_t entries = (uint64_t)s->inst.imm + 1;

	if (!next_register(s, NB_FORM_CMP32, NB_REG_INDEX, NB_REG_CALLEE) ||
	    !next_register(s, NB_FORM_CMOV32, NB_REG_INDEX, NB_REG_CALLEE) || s->inst.cc != CC_A ||
	    !next(s) || !is_grow(&s->inst))
		return scan_refuse(s, VERIFIER_TEMPLATE);
	int64_t table = (int64_t)s->at + s->inst.len + s->inst.disp;

	for (uint32_t i = 0; i < sizeof(load); i++)
		if (s->at + s->inst.len + i >= s->size ||
		    s->code[s->at + s->inst.len + i] != load[i])
			return scan_refuse(s, VERIFIER_TEMPLATE);
	s->at += s->inst.len;
	s->inst.len = sizeof(load);
	if (!next_register(s, NB_FORM_ADD64, NB_REG_INDEX, NB_REG_CALLEE) || !next(s))
		return false;
	if (s->inst.form != NB_FORM_JMP_REG || s->inst.base != NB_REG_INDEX)
		return scan_refuse(s, VERIFIER_TEMPLATE);
	s->is_reached = false;
	return check_table(s, table, entries);
}

/* --- loads from the vmctx into R11 --------------------------------------------------------- */

/* An index in `reg`, clamped to the bound of memory `memory` that R11 holds. */
static bool
take_clamp(struct scan *s, uint32_t memory)
{
	int64_t base = s->facts->layout.memories + ((int64_t)memory << NB_VMCTX_MEMORY_SHIFT) +
		       NB_VMCTX_ENTRY_BASE;

	if (!next(s))
		return false;
	uint32_t index = s->inst.reg;
	bool is_pinned = index == NB_RSP || index >= NB_REG_MEMORY_BASE;

	if (!is_register(&s->inst, NB_FORM_CMP64, index, NB_REG_CALLEE) || is_pinned ||
	    index == NB_REG_CALLEE || !next_register(s, NB_FORM_CMOV64, NB_REG_CALLEE, index) ||
	    s->inst.cc != CC_B)
		return scan_refuse(s, VERIFIER_TEMPLATE);
	s->scratch = memory;
	s->scratch_kind = SCRATCH_CLAMPED;
	if (memory == 0)
		return true;
	s->scratch_kind = SCRATCH_PLACE;
	return next_memory(s, NB_FORM_ADD64, NB_REG_CALLEE, NB_REG_VMCTX, base);
}

/* An entry of the vmctx's memories. */
static bool
take_memory_entry(struct scan *s, int64_t at)
{
	s->scratch = (uint32_t)(at >> NB_VMCTX_MEMORY_SHIFT);
	switch (at % (1 << NB_VMCTX_MEMORY_SHIFT)) {
	case NB_VMCTX_ENTRY_BASE:
		s->scratch_kind = SCRATCH_BASE;
		return true;
	case NB_VMCTX_ENTRY_DESC:
		s->scratch_kind = SCRATCH_MEMORY;
		return true;
	case NB_VMCTX_ENTRY_BOUND:
		return take_clamp(s, s->scratch);
	default:
		return scan_refuse(s, VERIFIER_VMCTX);
	}
}

static bool
take_table_entry(struct scan *s, int64_t at)
{
	if (at % ENTRY_BYTES != NB_VMCTX_TABLE_DESC)
		return scan_refuse(s, VERIFIER_VMCTX);
	if (is_indirect(s))
		return take_indirect(s, (uint32_t)(at / ENTRY_BYTES));
	s->scratch_kind = SCRATCH_TABLE;
	s->scratch = (uint32_t)(at / ENTRY_BYTES);
	return true;
}

/* mov r11, [r15 + disp]. *out_done is false if it is an ordinary load. */
static bool
take_pointer(struct scan *s, bool *out_done)
{
	const struct verifier_facts *facts = s->facts;
	const struct nb_vmctx_layout *layout = &facts->layout;
	int64_t disp = s->inst.disp;
	int64_t global = disp - layout->globals, table = disp - layout->tables;
	int64_t memory = disp - layout->memories;

	*out_done = true;
	if (!scan_write(s, NB_REG_CALLEE, false))
		return false;
	if (disp == NB_VMCTX_MEMORY_DESC) {
		s->scratch_kind = SCRATCH_MEMORY;
		s->scratch = 0;
		return true;
	}
	if (disp == NB_VMCTX_REFERENCES)
		return take_reference(s);
	if (table >= 0 && table < ENTRY_BYTES * (int64_t)facts->counts.tables)
		return take_table_entry(s, table);
	if (memory >= 0 && memory >> NB_VMCTX_MEMORY_SHIFT < facts->counts.memories)
		return take_memory_entry(s, memory);
	*out_done = false;
	if (global >= 0 && global % ENTRY_BYTES == 0 &&
	    global / ENTRY_BYTES < facts->counts.globals &&
	    facts->globals[global / ENTRY_BYTES] == VERIFIER_GLOBAL_CELL) {
		*out_done = true;
		s->scratch_kind = SCRATCH_CELL;
		s->scratch = (uint32_t)(global / ENTRY_BYTES);
	}
	return true;
}

bool
scan_sequence(struct scan *s, bool *out_done)
{
	const struct vf_inst *inst = &s->inst;
	struct vf_inst behind;
	bool is_pointer = inst->form == NB_FORM_MOV64 && inst->operand == VF_MEMORY &&
			  inst->reg == NB_REG_CALLEE && inst->base == NB_REG_VMCTX &&
			  inst->index == VF_NO_REG;

	*out_done = true;
	if (is_pointer)
		return take_pointer(s, out_done);
	if (inst->form == NB_FORM_LEA64 && inst->operand == VF_MEMORY &&
	    inst->reg == NB_REG_CALLEE && inst->base == NB_REG_VMCTX)
		return take_import(s);
	if (is_register(inst, NB_FORM_MOV64, NB_RDI, NB_REG_VMCTX))
		return take_builtin(s);
	if (inst->form == NB_FORM_MOV32_IMM && inst->reg == NB_REG_CALLEE &&
	    scan_peek(s, &behind) &&
	    is_register(&behind, NB_FORM_CMP32, NB_REG_INDEX, NB_REG_CALLEE))
		return take_switch(s);
	*out_done = false;
	return true;
}
