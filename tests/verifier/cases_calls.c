/*
 * Cases of test_rules: calls, direct and through tables and references, and br_table.
 */
#include "tests/verifier/cases.h"

/* --- calls ---------------------------------------------------------------------------------- */

static void
calls(struct builder *b)
{
	put_prologue(b, FRAME);
	put_call(b, 1);
	put_call(b, 2);
	template_begin(b);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, 1)));
	PUT(b, CALL_MEM, .rm = MEM(NB_R11, NB_CALLEE_CROSS));
	site(b, NB_SITE_CALL);
	template_end(b);
	PUT(b, NOP);
	template_begin(b);
	PUT(b, MOV64, .reg = NB_RDI, .rm = REG(NB_R15));
	PUT(b, CALL_MEM, .rm = MEM(NB_R15, NB_VMCTX_BUILTINS));
	site(b, NB_SITE_CALL);
	template_end(b);
	put_return(b);
}

static void
call_without_frame(struct builder *b)
{
	put_call(b, 1);
	put_return(b);
}

static void
call_large_area(struct builder *b)
{
	put_prologue(b, FRAME);
	put_call(b, 3);
	put_return(b);
}

static void
call_no_entry(struct builder *b)
{
	put_prologue(b, FRAME);
	(void)put_branch(b, NB_FORM_CALL_32, 0, 4);
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
call_without_site(struct builder *b)
{
	put_prologue(b, FRAME);
	put_call(b, 1);
	b->site_count--;
	put_return(b);
}

static void
call_site_alone(struct builder *b)
{
	put_prologue(b, FRAME);
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
call_site_twice(struct builder *b)
{
	put_prologue(b, FRAME);
	put_call(b, 1);
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
call_is_last(struct builder *b)
{
	put_prologue(b, FRAME);
	put_call(b, 1);
}

static void
call_memory(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, CALL_MEM, .rm = MEM(NB_RAX, 0));
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
import_unknown(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, 3)));
	PUT(b, CALL_MEM, .rm = MEM(NB_R11, NB_CALLEE_CROSS));
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
import_between(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, 1) + 8));
	PUT(b, CALL_MEM, .rm = MEM(NB_R11, NB_CALLEE_CROSS));
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
import_code(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, 1)));
	PUT(b, CALL_MEM, .rm = MEM(NB_R11, NB_CALLEE_CODE));
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
import_large_area(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, 2)));
	PUT(b, CALL_MEM, .rm = MEM(NB_R11, NB_CALLEE_CROSS));
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
import_without_frame(struct builder *b)
{
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, 0)));
	PUT(b, CALL_MEM, .rm = MEM(NB_R11, NB_CALLEE_CROSS));
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
builtin_without_frame(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_RDI, .rm = REG(NB_R15));
	PUT(b, CALL_MEM, .rm = MEM(NB_R15, NB_VMCTX_BUILTINS));
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
import_before_the_first(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, 0) - 32));
	PUT(b, CALL_MEM, .rm = MEM(NB_R11, NB_CALLEE_CROSS));
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
import_indexed(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEMX(NB_R15, NB_RAX, at_import(b, 0)));
	PUT(b, CALL_MEM, .rm = MEM(NB_R11, NB_CALLEE_CROSS));
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
builtin_unknown(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64, .reg = NB_RDI, .rm = REG(NB_R15));
	PUT(b, CALL_MEM, .rm = MEM(NB_R15, NB_VMCTX_BUILTINS + 8 * NB_BUILTIN_COUNT));
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
builtin_without_vmctx(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, CALL_MEM, .rm = MEM(NB_R15, NB_VMCTX_BUILTINS));
	site(b, NB_SITE_CALL);
	put_return(b);
}

/* --- calls through tables and references --------------------------------------------------- */

static void
put_call_of_callee(struct builder *b, enum change change)
{
	bool is_short = change == SHORT_JUMPS;
	uint32_t condition = change == SAME_CONDITION ? CC_E : CC_NE, done = 0;

	PUT(b, CMP64, .reg = NB_R15,
	    .rm = MEM(NB_R10, change == OTHER_VMCTX_FIELD ? 0 : NB_CALLEE_VMCTX));
	if (change == GARBAGE)
		put_bytes(b, "\x06", 1);
	uint32_t foreign = is_short ? put_short(b, NB_FORM_J_8, condition)
				    : put_branch(b, NB_FORM_J_32, condition, 0);
	if (change == GARBAGE_LATER)
		put_bytes(b, "\x06", 1);
	PUT(b, CALL_MEM, .rm = MEM(NB_R10, change == OTHER_CODE_FIELD ? 24 : NB_CALLEE_CODE));
	site(b, NB_SITE_CALL);
	if (change != NO_JUMP)
		done = is_short ? put_short(b, NB_FORM_JMP_8, 0)
				: put_branch(b, NB_FORM_JMP_32, 0, 0);
	if (change == FOREIGN_ELSEWHERE)
		PUT(b, NOP);
	if (is_short)
		patch_short(b, foreign);
	else
		patch(b, foreign);
	PUT(b, MOV64, .reg = NB_R11, .rm = REG(change == NO_CALLEE ? NB_RAX : NB_R10));
	PUT(b, CALL_MEM, .rm = MEM(NB_R11, change == OTHER_CROSS_FIELD ? 0 : NB_CALLEE_CROSS));
	site(b, NB_SITE_CALL);
	if (change == DONE_ELSEWHERE)
		PUT(b, NOP);
	if (is_short)
		patch_short(b, done);
	else if (done)
		patch(b, done);
}

static void
put_indirect(struct builder *b, enum change change)
{
	uint32_t mismatch, entry = 0, type = change == LARGE_AREA ? 2 : 1;

	put_prologue(b, FRAME);
	if (change == ENTERED)
		entry = put_branch(b, NB_FORM_J_32, CC_E, 0);
	template_begin(b);
	PUT(b, MOV64, .reg = NB_R11,
	    .rm = MEM(NB_R15, at_table(b, change == OTHER_DESCRIPTOR, NB_VMCTX_TABLE_DESC)));
	PUT(b, CMP32, .reg = NB_R10,
	    .rm = MEM(NB_R11, change == OTHER_LENGTH ? 16 : NB_TABLE_LENGTH));
	uint32_t undefined =
		put_branch(b, NB_FORM_J_32, change == OTHER_CONDITION ? CC_A : CC_AE, 0);
	if (entry)
		patch(b, entry);
	put_mask(b, change, NB_TABLE_MASK);
	put_callee(b, change, NB_SITE_INDIRECT, type, &mismatch);
	put_call_of_callee(b, change);
	template_end(b);
	put_return(b);
	patch(b, undefined);
	put_trap(b, NB_TRAP_UNDEFINED_ELEMENT);
	patch(b, mismatch);
	put_trap(b, NB_SITE_INDIRECT);
}

#define INDIRECT(name, change)              \
	static void name(struct builder *b) \
	{                                   \
		put_indirect(b, change);    \
	}
INDIRECT(indirect, RIGHT)
INDIRECT(indirect_extern_table, OTHER_DESCRIPTOR)
INDIRECT(indirect_other_length, OTHER_LENGTH)
INDIRECT(indirect_other_condition, OTHER_CONDITION)
INDIRECT(indirect_no_mask, NO_MASK)
INDIRECT(indirect_shift, SHIFT_BY_4)
INDIRECT(indirect_other_base, OTHER_BASE)
INDIRECT(indirect_no_type, NO_TYPE)
INDIRECT(indirect_other_signature, OTHER_SIGNATURE_FIELD)
INDIRECT(indirect_signature_equal, SIGNATURE_EQUAL)
INDIRECT(indirect_other_vmctx, OTHER_VMCTX_FIELD)
INDIRECT(indirect_same_condition, SAME_CONDITION)
INDIRECT(indirect_other_code, OTHER_CODE_FIELD)
INDIRECT(indirect_foreign_elsewhere, FOREIGN_ELSEWHERE)
INDIRECT(indirect_no_jump, NO_JUMP)
INDIRECT(indirect_done_elsewhere, DONE_ELSEWHERE)
INDIRECT(indirect_other_cross, OTHER_CROSS_FIELD)
INDIRECT(indirect_entered, ENTERED)
INDIRECT(indirect_large_area, LARGE_AREA)
INDIRECT(indirect_no_callee, NO_CALLEE)
INDIRECT(indirect_short, SHORT_JUMPS)
INDIRECT(indirect_garbage, GARBAGE)
INDIRECT(indirect_garbage_later, GARBAGE_LATER)

static void
reference(struct builder *b)
{
	uint32_t mismatch;

	put_prologue(b, FRAME);
	template_begin(b);
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_REFERENCES));
	put_mask(b, RIGHT, NB_REFERENCES_MASK);
	put_callee(b, RIGHT, NB_SITE_REFERENCE, 1, &mismatch);
	put_call_of_callee(b, RIGHT);
	template_end(b);
	put_return(b);
	patch(b, mismatch);
	put_trap(b, NB_SITE_REFERENCE);
}

static void
reference_no_mask(struct builder *b)
{
	uint32_t mismatch;

	put_prologue(b, FRAME);
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_REFERENCES));
	put_callee(b, RIGHT, NB_SITE_REFERENCE, 1, &mismatch);
	put_call_of_callee(b, RIGHT);
	put_return(b);
	patch(b, mismatch);
	put_trap(b, NB_SITE_REFERENCE);
}

/* Where the template has to go on, something else, and then a return. */
static void
put_reference_cut(struct builder *b, bool is_called)
{
	uint32_t mismatch;

	put_prologue(b, FRAME);
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_REFERENCES));
	put_mask(b, RIGHT, NB_REFERENCES_MASK);
	put_callee(b, RIGHT, NB_SITE_REFERENCE, 1, &mismatch);
	if (is_called) {
		PUT(b, CMP64, .reg = NB_R15, .rm = MEM(NB_R10, NB_CALLEE_VMCTX));
		uint32_t foreign = put_short(b, NB_FORM_J_8, CC_NE);
		PUT(b, CALL_MEM, .rm = MEM(NB_R10, NB_CALLEE_CODE));
		site(b, NB_SITE_CALL);
		patch_short(b, foreign);
	}
	PUT(b, MOV64, .reg = NB_R15, .rm = REG(NB_RAX));
	put_return(b);
	patch(b, mismatch);
	put_trap(b, NB_SITE_REFERENCE);
}

static void
reference_without_call(struct builder *b)
{
	put_reference_cut(b, false);
}

static void
reference_without_crossing(struct builder *b)
{
	put_reference_cut(b, true);
}

/* ud2 that makes the kernel look at R10. */
static void
callee_trap_from_elsewhere(struct builder *b)
{
	uint32_t field = put_branch(b, NB_FORM_J_32, CC_E, 0);

	put_return(b);
	patch(b, field);
	put_trap(b, NB_SITE_INDIRECT);
}

static void
callee_trap_after_write(struct builder *b)
{
	uint32_t mismatch;

	put_prologue(b, FRAME);
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_REFERENCES));
	put_mask(b, RIGHT, NB_REFERENCES_MASK);
	put_callee(b, RIGHT, NB_SITE_REFERENCE, 1, &mismatch);
	put_call_of_callee(b, RIGHT);
	put_return(b);
	patch(b, mismatch);
	PUT(b, MOV32, .reg = NB_R10, .rm = REG(NB_RAX));
	put_trap(b, NB_SITE_REFERENCE);
}

/* The trap of a wrong signature also comes next. */
static void
put_callee_trap(struct builder *b, bool is_reached)
{
	uint32_t mismatch;

	put_prologue(b, FRAME);
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_REFERENCES));
	put_mask(b, RIGHT, NB_REFERENCES_MASK);
	put_callee(b, RIGHT, NB_SITE_REFERENCE, 1, &mismatch);
	put_call_of_callee(b, RIGHT);
	if (!is_reached)
		put_return(b);
	patch(b, mismatch);
	if (!is_reached)
		claim(b, 0);
	put_trap(b, NB_SITE_REFERENCE);
}

static void
callee_trap_also_reached(struct builder *b)
{
	put_callee_trap(b, true);
}

static void
callee_trap_claimed(struct builder *b)
{
	put_callee_trap(b, false);
}

/* --- br_table ----------------------------------------------------------------------------------------- */

static void
put_entry(struct builder *b, uint32_t index, int32_t distance)
{
	memcpy(b->pool + 4 * index, &distance, sizeof(distance));
}

/* Two cases and a default, all leading to the same trap at byte 48. */
static void
put_switch(struct builder *b, enum change change)
{
	enum { POOL = 64, TARGET = 48 };

	b->pool_size = 12;
	template_begin(b);
	PUT(b, MOV32_IMM, .reg = NB_R11, .imm = change == OTHER_LENGTH ? 3 : 2);
	PUT(b, CMP32, .reg = NB_R10, .rm = REG(NB_R11));
	PUT(b, CMOV32, .reg = NB_R10, .cc = change == OTHER_CONDITION ? CC_B : CC_A,
	    .rm = REG(NB_R11));
	put_rip(b, NB_FORM_LEA64, NB_R11, change == OTHER_BASE ? 4 : POOL);
	if (change == NO_MASK)
		put_bytes(b, "\x4f\x63\x14\xd3", 4); /* scale 8 */
	else
		PUT(b, MOVSXD_TABLE, .reg = NB_R10, .rm = x64_rm_indexed(NB_R11, NB_R10, 2, 0));
	PUT(b, ADD64, .reg = NB_R10, .rm = REG(change == NO_CALLEE ? NB_RAX : NB_R11));
	PUT(b, JMP_REG, .rm = REG(change == OTHER_CODE_FIELD ? NB_RAX : NB_R10));
	template_end(b);
	while (b->code.len < TARGET)
		PUT(b, NOP);
	if (change == SAME_CONDITION)
		claim(b, 1 << NB_RAX);
	put_trap(b, NB_TRAP_UNREACHABLE);
	while (b->code.len < POOL - 1)
		PUT(b, NOP);
	put_return(b);
	for (uint32_t i = 0; i < 3; i++)
		put_entry(b, i, TARGET - POOL + (i == 1 && change == ENTERED ? 1 : 0));
	if (change == NO_TYPE)
		put_entry(b, 2, 1000);
}

#define SWITCH(name, change)                \
	static void name(struct builder *b) \
	{                                   \
		put_switch(b, change);      \
	}
SWITCH(br_table, RIGHT)
SWITCH(br_table_too_long, OTHER_LENGTH)
SWITCH(br_table_not_clamped, OTHER_CONDITION)
SWITCH(br_table_in_code, OTHER_BASE)
SWITCH(br_table_other_scale, NO_MASK)
SWITCH(br_table_other_base, NO_CALLEE)
SWITCH(br_table_other_register, OTHER_CODE_FIELD)
SWITCH(br_table_into_instruction, ENTERED)
SWITCH(br_table_outside, NO_TYPE)
SWITCH(br_table_target_claims, SAME_CONDITION)

static void
jump_register(struct builder *b)
{
	PUT(b, JMP_REG, .rm = REG(NB_RAX));
}

/* Two switches on one table. */
static void
br_table_twice(struct builder *b)
{
	b->pool_size = 4;
	for (uint32_t i = 0; i < 2; i++) {
		PUT(b, MOV32_IMM, .reg = NB_R11, .imm = 0);
		PUT(b, CMP32, .reg = NB_R10, .rm = REG(NB_R11));
		PUT(b, CMOV32, .reg = NB_R10, .cc = CC_A, .rm = REG(NB_R11));
		put_rip(b, NB_FORM_LEA64, NB_R11, 80);
		PUT(b, MOVSXD_TABLE, .reg = NB_R10, .rm = x64_rm_indexed(NB_R11, NB_R10, 2, 0));
		PUT(b, ADD64, .reg = NB_R10, .rm = REG(NB_R11));
		PUT(b, JMP_REG, .rm = REG(NB_R10));
	}
	while (b->code.len < 79)
		PUT(b, NOP);
	put_return(b);
	put_entry(b, 0, -1);
}

const struct verifier_case cases_calls[] = {
	OK(calls),
	REFUSED(call_without_frame, FRAME),
	REFUSED(call_large_area, AREA),
	REFUSED(call_no_entry, CALL),
	REFUSED(call_without_site, SITE),
	REFUSED(call_site_alone, SITE),
	REFUSED(call_site_twice, SITE),
	REFUSED(call_is_last, END),
	REFUSED(call_memory, TEMPLATE),
	REFUSED(import_unknown, VMCTX),
	REFUSED(import_between, VMCTX),
	REFUSED(import_code, TEMPLATE),
	REFUSED(import_large_area, AREA),
	REFUSED(builtin_unknown, TEMPLATE),
	REFUSED(builtin_without_vmctx, TEMPLATE),
	OK(indirect),
	REFUSED(indirect_extern_table, TEMPLATE),
	REFUSED(indirect_other_length, TEMPLATE),
	REFUSED(indirect_other_condition, TEMPLATE),
	REFUSED(indirect_no_mask, VMCTX),
	REFUSED(indirect_shift, TEMPLATE),
	REFUSED(indirect_other_base, TEMPLATE),
	REFUSED(indirect_no_type, TEMPLATE),
	REFUSED(indirect_other_signature, TEMPLATE),
	REFUSED(indirect_signature_equal, TEMPLATE),
	REFUSED(indirect_other_vmctx, TEMPLATE),
	REFUSED(indirect_same_condition, TEMPLATE),
	REFUSED(indirect_other_code, FRAME),
	REFUSED(indirect_foreign_elsewhere, TEMPLATE),
	REFUSED(indirect_no_jump, TEMPLATE),
	REFUSED(indirect_done_elsewhere, TEMPLATE),
	REFUSED(indirect_other_cross, TEMPLATE),
	REFUSED(indirect_entered, LABEL),
	REFUSED(indirect_large_area, AREA),
	REFUSED(indirect_no_callee, TEMPLATE),
	OK(indirect_short),
	REFUSED(indirect_garbage, TEMPLATE),
	REFUSED(indirect_garbage_later, INSTRUCTION),
	REFUSED(import_without_frame, FRAME),
	REFUSED(builtin_without_frame, FRAME),
	REFUSED(import_before_the_first, VMCTX),
	REFUSED(import_indexed, VMCTX),
	REFUSED(callee_trap_also_reached, SITE),
	REFUSED(callee_trap_claimed, SITE),
	OK(reference),
	REFUSED(reference_no_mask, TEMPLATE),
	REFUSED(reference_without_call, TEMPLATE),
	REFUSED(reference_without_crossing, TEMPLATE),
	REFUSED(callee_trap_from_elsewhere, SITE),
	REFUSED(callee_trap_after_write, SITE),
	OK(br_table),
	REFUSED(br_table_too_long, TABLE),
	REFUSED(br_table_not_clamped, TEMPLATE),
	REFUSED(br_table_in_code, TABLE),
	REFUSED(br_table_other_scale, TEMPLATE),
	REFUSED(br_table_other_base, TEMPLATE),
	REFUSED(br_table_other_register, TEMPLATE),
	REFUSED(br_table_into_instruction, LABEL),
	REFUSED(br_table_outside, LABEL),
	REFUSED(br_table_target_claims, CLAIM),
	REFUSED(jump_register, TEMPLATE),
	REFUSED(br_table_twice, TABLE),
	{ 0 },
};
