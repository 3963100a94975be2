/*
 * The sequences of abi/code_contract.h that are checked as a whole: calls, jump
 * tables, and loads from the vmctx into R11.
 *
 * Inside a sequence nothing looks at labels: a branch that leads into its
 * middle finds no label there, or leaves its mark behind, and either refuses
 * the function.
 */
#include "verifier/scan.h"

#include "lib/string.h"

enum { WORD = 8 };
enum { CC_B = 2, CC_AE = 3, CC_NE = 5, CC_A = 7 };

/* --- single instructions ------------------------------------------------------- */

bool
scan_is_memory(const struct vf_inst *inst, enum nb_form form, uint32_t reg, uint32_t base,
	       int64_t disp)
{
	bool has_reg = inst->form->info.reg >= NB_REG_G8;

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

/* Moves on to the next instruction if it is these bytes, its one encoding. */
static bool
take_text(struct scan *s, const void *text, uint32_t len)
{
	uint32_t at = s->at + s->inst.len;

	if (at + len > s->size || memcmp(s->code + at, text, len) != 0)
		return false;
	s->at = at;
	s->inst.len = (uint8_t)len;
	return true;
}

/* Likewise; it must be them. */
static bool
step_text(struct scan *s, const void *text, uint32_t len)
{
	return scan_require(s, take_text(s, text, len), VERIFIER_TEMPLATE);
}
#define TEXT(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ })

bool
scan_step_condition(struct scan *s, uint32_t cc)
{
	uint32_t at = s->at + s->inst.len;
	const uint8_t *code = s->code + at;
	bool is_short = at < s->size && code[0] == (0x70 | cc);
	uint32_t distance = 0, bytes = is_short ? 1 : 4, opcode = is_short ? 1 : 2;

	if (at + opcode + bytes > s->size ||
	    (!is_short && (code[0] != 0x0f || code[1] != (0x80 | cc))))
		return scan_refuse(s, VERIFIER_TEMPLATE);
	memcpy(&distance, code + opcode, bytes);
	s->at = at;
	s->inst.len = (uint8_t)(opcode + bytes);
	s->inst.imm = is_short ? vf_short(distance) : (int32_t)distance;
	return true;
}

int32_t
scan_entry_area(const struct scan *s, int64_t target)
{
	int64_t offset = target + s->function->code_offset;

	if (offset < 0 || offset >= (int64_t)s->image->code_size)
		return -1;
	const uint32_t *block = &s->blocks[offset >> SCAN_BLOCK_SHIFT];

	for (uint32_t i = block[0]; i < block[1]; i++)
		if (s->image->functions[i].code_offset == offset)
			return s->facts->function_areas[i];
	return -1;
}

/* --- calls ------------------------------------------------------------------------ */

/* The site of a call says where it returns to, which is behind the current instruction. */
static bool
take_return_site(struct scan *s)
{
	return scan_require(s, scan_take_site(s, s->at + s->inst.len) == NB_SITE_CALL,
			    VERIFIER_SITE);
}

/* Likewise; without a frame RSP is not aligned. */
static bool
returned(struct scan *s)
{
	s->open = SCAN_GPRS;
	return scan_require(s, s->frame != 0, VERIFIER_FRAME) && take_return_site(s);
}

bool
scan_direct_call(struct scan *s, int64_t target)
{
	int32_t area_slots = scan_entry_area(s, target);

	if (area_slots < 0)
		return scan_refuse(s, VERIFIER_CALL);
	return scan_area_fits(s, (uint32_t)area_slots) && returned(s);
}

/* mov rdi, r15; call [r15 + builtin] */
static bool
take_builtin(struct scan *s)
{
	if (!scan_next(s))
		return false;
	int64_t at = (int64_t)s->inst.disp - NB_VMCTX_BUILTINS;
	bool is_builtin = at >= 0 && at % WORD == 0 && at / WORD < NB_BUILTIN_COUNT &&
			  scan_is_memory(&s->inst, NB_FORM_CALL_MEM, 0, NB_REG_VMCTX, s->inst.disp);

	return scan_require(s, is_builtin, VERIFIER_TEMPLATE) && returned(s);
}

/* lea r11, [r15 + import]; then a call or a tail call. */
static bool
take_import(struct scan *s)
{
	int64_t distance = (int64_t)s->inst.disp - s->facts->layout.imports;
	int64_t import = distance >> NB_CALLEE_SHIFT;

	if (distance < 0 || distance % (1 << NB_CALLEE_SHIFT) || s->inst.index != VF_NO_REG ||
	    import >= s->facts->counts.imports)
		return scan_refuse(s, VERIFIER_VMCTX);
	uint32_t slots = s->facts->import_areas[import];

	s->open |= 1u << NB_REG_CALLEE;
	if (!scan_next(s))
		return false;
	if (vf_form(&s->inst) != NB_FORM_CALL_MEM)
		return scan_hard(s, slots);
	if (!scan_is_memory(&s->inst, NB_FORM_CALL_MEM, 0, NB_REG_CALLEE, NB_CALLEE_CROSS))
		return scan_refuse(s, VERIFIER_TEMPLATE);
	return scan_area_fits(s, slots) && returned(s);
}

/* --- calls through callees ------------------------------------------------------------ */

/* The callee's address is in R10, its signature fits; the current instruction
 * is the one behind the jne to `foreign`, for callees of other instances. A call: in this
 * instance directly, else through the crossing. */
static bool
take_call(struct scan *s, uint32_t area_slots, int64_t foreign)
{
	if (!scan_area_fits(s, area_slots) || !take_return_site(s) || !scan_next(s))
		return false;
	int64_t done = scan_branch_target(s);

	if ((vf_form(&s->inst) != NB_FORM_JMP_8 && vf_form(&s->inst) != NB_FORM_JMP_32) ||
	    foreign != (int64_t)s->at + s->inst.len)
		return scan_refuse(s, VERIFIER_TEMPLATE);
	/* mov r11, r10; call [r11 + cross] */
	return step_text(s, TEXT(0x4d, 0x8b, 0xda)) &&
	       step_text(s, TEXT(0x41, 0xff, 0x53, NB_CALLEE_CROSS)) &&
	       scan_require(s, done == (int64_t)s->at + s->inst.len, VERIFIER_TEMPLATE) &&
	       returned(s);
}

/* What follows the comparison of signatures. */
static bool
take_transfer(struct scan *s, uint32_t area_slots)
{
	/* cmp r15, [r10 + vmctx]; jne */
	if (take_text(s, TEXT(0x4d, 0x3b, 0x7a, NB_CALLEE_VMCTX))) {
		if (!scan_step_condition(s, CC_NE))
			return false;
		int64_t foreign = scan_branch_target(s);

		/* call [r10 + code] */
		if (take_text(s, TEXT(0x41, 0xff, 0x12)))
			return take_call(s, area_slots, foreign);
		if (!scan_next(s) || !scan_own_tail(s, area_slots, foreign))
			return false;
	} else if (!scan_next(s)) {
		return false;
	}
	if (!scan_is_register(&s->inst, NB_FORM_MOV64, NB_REG_CALLEE, NB_REG_INDEX))
		return scan_refuse(s, VERIFIER_TEMPLATE);
	return scan_next(s) && scan_hard(s, area_slots);
}

/* From `mov r11d, [r15 + signature]` on, with some callee's address in R10. */
static bool
take_callee(struct scan *s)
{
	const struct nb_vmctx_layout *layout = &s->facts->layout;

	if (!scan_next(s))
		return false;
	int64_t type = ((int64_t)s->inst.disp - layout->types) / 4;
	bool is_type = s->inst.disp >= (int64_t)layout->types && type < s->facts->counts.types;

	if (!is_type || !scan_is_memory(&s->inst, NB_FORM_MOV32, NB_REG_CALLEE, NB_REG_VMCTX,
					layout->types + 4 * type))
		return scan_refuse(s, VERIFIER_TEMPLATE);
	/* Of the registers, R10 and R11 have been written; R11 has no bit any more. */
	s->open |= 1u << NB_REG_INDEX;
	/* cmp r11d, [r10 + signature]; jne */
	return step_text(s, TEXT(0x45, 0x3b, 0x5a, NB_CALLEE_SIGNATURE)) &&
	       scan_step_condition(s, CC_NE) && scan_edge(s, scan_branch_target(s), s->open, 0) &&
	       take_transfer(s, s->facts->type_areas[type]);
}

/* and r10d, [r11 + mask]; shl r10, 5; add r10, [base + disp] */
static bool
take_callee_address(struct scan *s, uint8_t mask, uint32_t base, int64_t disp)
{
	return step_text(s, TEXT(0x45, 0x23, 0x53, mask)) &&
	       step_text(s, TEXT(0x49, 0xc1, 0xe2, NB_CALLEE_SHIFT)) &&
	       scan_step_memory(s, NB_FORM_ADD64, NB_REG_INDEX, base, disp) && take_callee(s);
}

/* The current instruction has loaded the descriptor of table `table`. */
static bool
take_indirect(struct scan *s, uint32_t table)
{
	int64_t base =
		s->facts->layout.tables + SCAN_ENTRY_BYTES * (int64_t)table + NB_VMCTX_TABLE_BASE;

	/* cmp r10d, [r11 + length]; jae */
	return scan_require(s, s->facts->tables[table] == NB_TABLE_FUNCTIONS, VERIFIER_TEMPLATE) &&
	       step_text(s, TEXT(0x45, 0x3b, 0x53, NB_TABLE_LENGTH)) &&
	       scan_step_condition(s, CC_AE) &&
	       scan_edge(s, scan_branch_target(s), s->open, MARK_PLAIN) &&
	       take_callee_address(s, NB_TABLE_MASK, NB_REG_VMCTX, base);
}

/* Whether an indirect call begins with the current load of a descriptor: two instructions
 * further, behind a comparison and a branch, the mask is read, which nothing else does. */
static bool
is_indirect(const struct scan *s)
{
	struct vf_inst inst;
	uint32_t at = s->at + s->inst.len;

	for (uint32_t i = 0; i < 3; i++, at += inst.len)
		if (at >= s->size || vf_decode(s->image->cpu_features, s->code + at, s->size - at,
					       &inst) != VERIFIER_NONE)
			return false;
	return scan_is_memory(&inst, NB_FORM_AND32, NB_REG_INDEX, NB_REG_CALLEE, NB_TABLE_MASK);
}

/* --- br_table ----------------------------------------------------------------------------- */

/* The entries of a jump table: labels of this function that claim nothing. */
static bool
check_table(struct scan *s, int64_t table, uint64_t entries)
{
	int64_t end = table + 4 * (int64_t)entries;

	if (table < s->tables_at || end > s->pool_end)
		return scan_refuse(s, VERIFIER_TABLE);
	for (int64_t at = table; at < end; at += 4) {
		int32_t distance;

		memcpy(&distance, s->code + at, sizeof(distance));
		if (!scan_edge(s, table + distance, SCAN_GPRS, MARK_PLAIN))
			return false;
	}
	/* Tables do not overlap, so their entries are no more than the pool has. */
	s->tables_at = (uint32_t)end;
	return true;
}

/* The current instruction is `mov r11d, n`, with the comparison behind it. The load is the
 * one access with a scale. */
static bool
take_switch(struct scan *s)
{
	uint64_t entries = (uint64_t)s->inst.imm + 1;

	/* cmova r10d, r11d; lea r11, [rip + table] */
	if (!step_text(s, TEXT(0x45, 0x0f, 0x47, 0xd3)) || !scan_next(s))
		return false;
	int64_t table = (int64_t)s->at + s->inst.len + s->inst.disp;

	scan_stop(s);
	/* movsxd r10, [r11 + 4 * r10]; add r10, r11; jmp r10 */
	return scan_require(s, scan_is_lea_rip(&s->inst), VERIFIER_TEMPLATE) &&
	       step_text(s, TEXT(0x4f, 0x63, 0x14, 0x93, 0x4d, 0x03, 0xd3, 0x41, 0xff, 0xe2)) &&
	       check_table(s, table, entries);
}

/* --- loads from the vmctx into R11 --------------------------------------------------------- */

/* An index, clamped to the bound of the memory at entry `memory` that R11 holds. */
static bool
take_clamp(struct scan *s, int64_t memory)
{
	if (!scan_next(s))
		return false;
	uint8_t index = s->inst.reg, low = index & 7;

	if (!scan_is_register(&s->inst, NB_FORM_CMP64, index, NB_REG_CALLEE) || index == NB_RSP ||
	    index == NB_REG_CALLEE || index >= NB_REG_MEMORY_BASE)
		return scan_refuse(s, VERIFIER_TEMPLATE);
	/* cmovb r11, index */
	if (!step_text(s, TEXT(index > low ? 0x4d : 0x4c, 0x0f, 0x42, 0xd8 | low)) ||
	    (memory != 0 &&
	     !scan_step_memory(s, NB_FORM_ADD64, NB_REG_CALLEE, NB_REG_VMCTX,
			       s->facts->layout.memories + memory + NB_VMCTX_ENTRY_BASE)))
		return false;
	scan_set_scratch(s, memory == 0 ? SCRATCH_CLAMPED : SCRATCH_PLACE);
	return true;
}

/* An entry of the vmctx's memories. */
static bool
take_memory_entry(struct scan *s, int64_t at)
{
	int64_t field = at % (1 << NB_VMCTX_MEMORY_SHIFT);

	if (field == NB_VMCTX_ENTRY_BOUND)
		return take_clamp(s, at - field);
	if (field != NB_VMCTX_ENTRY_BASE && field != NB_VMCTX_ENTRY_DESC)
		return scan_refuse(s, VERIFIER_VMCTX);
	scan_set_scratch(s, field == NB_VMCTX_ENTRY_BASE ? SCRATCH_BASE : SCRATCH_MEMORY);
	return true;
}

static bool
take_table_entry(struct scan *s, int64_t at)
{
	if (at % SCAN_ENTRY_BYTES != NB_VMCTX_TABLE_DESC)
		return scan_refuse(s, VERIFIER_VMCTX);
	if (is_indirect(s))
		return take_indirect(s, (uint32_t)(at / SCAN_ENTRY_BYTES));
	scan_set_scratch(s, SCRATCH_TABLE);
	return true;
}

/* mov r11, [r15 + disp]. *out_done is false if it is an ordinary load. */
static bool
take_pointer(struct scan *s, bool *out_done)
{
	const struct verifier_facts *facts = s->facts;
	int64_t disp = s->inst.disp;
	int64_t global = disp - facts->layout.globals, table = disp - facts->layout.tables;
	int64_t memory = disp - facts->layout.memories;

	s->open |= 1u << NB_REG_CALLEE;
	if (disp == NB_VMCTX_MEMORY_DESC) {
		scan_set_scratch(s, SCRATCH_MEMORY);
		return true;
	}
	if (disp == NB_VMCTX_REFERENCES)
		return take_callee_address(s, NB_REFERENCES_MASK, NB_REG_CALLEE,
					   NB_REFERENCES_BASE);
	if (table >= 0 && table < SCAN_ENTRY_BYTES * (int64_t)facts->counts.tables)
		return take_table_entry(s, table);
	if (memory >= 0 && memory >> NB_VMCTX_MEMORY_SHIFT < facts->counts.memories)
		return take_memory_entry(s, memory);
	if (global >= 0 && global % SCAN_ENTRY_BYTES == 0 &&
	    global / SCAN_ENTRY_BYTES < facts->counts.globals &&
	    facts->globals[global / SCAN_ENTRY_BYTES] == VERIFIER_GLOBAL_CELL)
		scan_set_scratch(s, SCRATCH_CELL);
	else
		*out_done = false;
	return true;
}

/* --- which ------------------------------------------------------------------------------------ */

bool
scan_sequence(struct scan *s, bool *out_done)
{
	const struct vf_inst *inst = &s->inst;

	*out_done = true;
	if (scan_is_epilogue(s))
		return scan_epilogue(s);
	if (scan_is_memory(inst, NB_FORM_MOV64, NB_REG_CALLEE, NB_REG_VMCTX, inst->disp))
		return take_pointer(s, out_done);
	if (vf_form(inst) == NB_FORM_LEA64 && inst->operand == VF_MEMORY &&
	    inst->reg == NB_REG_CALLEE && inst->base == NB_REG_VMCTX)
		return take_import(s);
	if (vf_form(inst) == NB_FORM_LEA32 && inst->operand == VF_MEMORY &&
	    inst->reg == NB_REG_CALLEE && inst->base == NB_RDX)
		return scan_computed_port(s);
	if (scan_is_register(inst, NB_FORM_MOV64, NB_RDI, NB_REG_VMCTX))
		return take_builtin(s);
	/* cmp r10d, r11d */
	if (vf_form(inst) == NB_FORM_MOV32_IMM && inst->reg == NB_REG_CALLEE &&
	    take_text(s, TEXT(0x45, 0x3b, 0xd3)))
		return take_switch(s);
	*out_done = false;
	return true;
}
