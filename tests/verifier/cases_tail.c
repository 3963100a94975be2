/*
 * Cases of test_rules: tail calls.
 */
#include "tests/verifier/cases.h"

/* --- tail calls ---------------------------------------------------------------------------------- */

static void
tail_direct(struct builder *b)
{
	put_saves(b);
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_RSP, 0));
	PUT(b, MOV64_STORE, .reg = NB_R11, .rm = MEM(NB_RSP, FRAME + 8));
	template_begin(b);
	put_restores(b);
	PUT(b, ADD64_IMM, .rm = REG(NB_RSP), .imm = FRAME);
	PUT(b, JMP_32);
	fixup(b, 2);
	template_end(b);
}

static void
tail_direct_without_frame(struct builder *b)
{
	PUT(b, JMP_32);
	fixup(b, 1);
}

/* A jump of a frameless function to its own start: a label like another, or a tail
 * call, at which nothing is known. */
static void
tail_self_without_frame(struct builder *b)
{
	uint32_t field = put_branch(b, NB_FORM_J_32, CC_E, 0);

	PUT(b, ADD32_IMM, .rm = REG(NB_RSI), .imm = -1);
	(void)put_branch(b, NB_FORM_JMP_32, 0, 0);
	patch(b, field);
	put_return(b);
}

static void
tail_self_with_knowledge(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RCX, .rm = REG(NB_RCX));
	(void)put_branch(b, NB_FORM_JMP_32, 0, 0);
}

static void
tail_self_believed(struct builder *b)
{
	ACCESS(b, MOV32, .reg = NB_RAX, .rm = MEMX(NB_R14, NB_RCX, 0));
	PUT(b, MOV32, .reg = NB_RCX, .rm = REG(NB_RCX));
	(void)put_branch(b, NB_FORM_JMP_32, 0, 0);
}

static void
tail_self_short(struct builder *b)
{
	put_bytes(b, "\xeb\xfe", 2);
}

static void
tail_self_with_frame(struct builder *b)
{
	put_prologue(b, FRAME);
	(void)put_branch(b, NB_FORM_JMP_32, 0, 0);
}

static void
tail_self_conditional(struct builder *b)
{
	(void)put_branch(b, NB_FORM_J_32, CC_E, 0);
	put_return(b);
}

static void
tail_self_has_site(struct builder *b)
{
	PUT(b, NOP);
	site(b, NB_TRAP_UNREACHABLE);
	(void)put_branch(b, NB_FORM_JMP_32, 0, 0);
}

static void
tail_behind_all(struct builder *b)
{
	(void)put_branch(b, NB_FORM_JMP_32, 0, 100000);
}

static void
tail_before_all(struct builder *b)
{
	(void)put_branch(b, NB_FORM_JMP_32, 0, (uint32_t)-100000);
}

static void
tail_large_area_without_frame(struct builder *b)
{
	PUT(b, JMP_32);
	fixup(b, 3);
}

static void
tail_direct_no_entry(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, ADD64_IMM, .rm = REG(NB_RSP), .imm = FRAME);
	(void)put_branch(b, NB_FORM_JMP_32, 0, 4);
}

static void
tail_direct_large_area(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, ADD64_IMM, .rm = REG(NB_RSP), .imm = FRAME);
	PUT(b, JMP_32);
	fixup(b, 3);
}

static void
tail_inside_frame(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, JMP_32);
	fixup(b, 1);
}

static void
put_word(struct builder *b, uint32_t frame, uint32_t results, uint32_t area)
{
	PUT(b, MOV64_IMM, .reg = NB_R10, .imm = (int64_t)nb_tail_word(frame, results, area));
}

static void
tail_import(struct builder *b)
{
	put_saves(b);
	template_begin(b);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, 0)));
	put_restores(b);
	put_word(b, FRAME, 0, 0);
	PUT(b, JMP_MEM, .rm = MEM(NB_R15, NB_VMCTX_TAIL));
	template_end(b);
}

static void
put_tail_import(struct builder *b, uint32_t import, uint32_t results, uint32_t area, uint32_t stub)
{
	put_prologue(b, 152);
	template_begin(b);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, import)));
	put_word(b, 152, results, area);
	PUT(b, JMP_MEM, .rm = MEM(NB_R15, (int32_t)stub));
	template_end(b);
}

static void
tail_import_with_area(struct builder *b)
{
	put_tail_import(b, 1, 2, 2, NB_VMCTX_TAIL);
}

static void
tail_wrong_area(struct builder *b)
{
	put_tail_import(b, 1, 0, 0, NB_VMCTX_TAIL);
}

static void
tail_more_results_than_area(struct builder *b)
{
	put_tail_import(b, 0, 2, 0, NB_VMCTX_TAIL);
}

static void
tail_more_results_than_own(struct builder *b)
{
	put_tail_import(b, 1, 4, 2, NB_VMCTX_TAIL);
}

static void
tail_frame_too_small(struct builder *b)
{
	put_tail_import(b, 2, 0, BUILDER_LARGE, NB_VMCTX_TAIL);
}

static void
tail_other_stub(struct builder *b)
{
	put_tail_import(b, 0, 0, 0, NB_VMCTX_THREAD);
}

static void
tail_wrong_word(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, 0)));
	put_word(b, FRAME + 16, 0, 0);
	PUT(b, JMP_MEM, .rm = MEM(NB_R15, NB_VMCTX_TAIL));
}

static void
tail_no_word(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, 0)));
	PUT(b, MOV32, .reg = NB_R10, .rm = REG(NB_RAX));
	PUT(b, JMP_MEM, .rm = MEM(NB_R15, NB_VMCTX_TAIL));
}

static void
tail_import_then_other(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_R15, at_import(b, 0)));
	PUT(b, MOV64, .reg = NB_R15, .rm = REG(NB_RAX));
	put_return(b);
}

static void
put_grow(struct builder *b, uint32_t callee, uint32_t area, uint32_t frame)
{
	put_prologue(b, frame);
	template_begin(b);
	PUT(b, LEA64, .reg = NB_R11, .rm = { .kind = X64_RM_RIP });
	fixup(b, callee);
	put_word(b, frame, 0, area);
	PUT(b, JMP_MEM, .rm = MEM(NB_R15, NB_VMCTX_TAIL_GROW));
	template_end(b);
}

static void
tail_grow(struct builder *b)
{
	put_grow(b, 3, BUILDER_LARGE, 1000);
}

static void
tail_grow_wrong_area(struct builder *b)
{
	put_grow(b, 3, 2, 1000);
}

static void
tail_grow_no_entry(struct builder *b)
{
	put_prologue(b, FRAME);
	put_rip(b, NB_FORM_LEA64, NB_R11, 4);
	put_word(b, FRAME, 0, 0);
	PUT(b, JMP_MEM, .rm = MEM(NB_R15, NB_VMCTX_TAIL_GROW));
}

/* A tail call by reference; `type` 2 has too large an area to stay. */
static void
put_tail_reference(struct builder *b, enum change change, uint32_t type, bool stays)
{
	uint32_t mismatch, foreign = 0, frame = type == 2 ? 1000 : 152;

	put_prologue(b, frame);
	template_begin(b);
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_REFERENCES));
	put_mask(b, RIGHT, NB_REFERENCES_MASK);
	put_callee(b, RIGHT, NB_SITE_REFERENCE, type, &mismatch);
	if (stays) {
		PUT(b, CMP64, .reg = NB_R15, .rm = MEM(NB_R10, NB_CALLEE_VMCTX));
		foreign = put_branch(b, NB_FORM_J_32, change == SAME_CONDITION ? CC_E : CC_NE, 0);
		PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_RSP, change == OTHER_BASE ? 4 : 8));
		PUT(b, MOV64_STORE, .reg = NB_R11,
		    .rm = MEM(NB_RSP, (int32_t)frame + (change == OTHER_LENGTH ? 24 : 16)));
		if (change == DONE_ELSEWHERE) { /* the copies' order falls */
			PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_RSP, 0));
			PUT(b, MOV64_STORE, .reg = NB_R11, .rm = MEM(NB_RSP, (int32_t)frame + 8));
		}
		PUT(b, ADD64_IMM, .rm = REG(NB_RSP), .imm = frame);
		if (change != NO_JUMP)
			PUT(b, JMP_MEM,
			    .rm = MEM(NB_R10, change == OTHER_CODE_FIELD ? 24 : NB_CALLEE_CODE));
		if (change == FOREIGN_ELSEWHERE)
			PUT(b, NOP);
		patch(b, foreign);
	}
	PUT(b, MOV64, .reg = NB_R11, .rm = REG(change == NO_CALLEE ? NB_RAX : NB_R10));
	put_word(b, frame, 0, type == 2 ? BUILDER_LARGE : type == 1 ? 2 : 0);
	PUT(b, JMP_MEM, .rm = MEM(NB_R15, NB_VMCTX_TAIL));
	template_end(b);
	patch(b, mismatch);
	put_trap(b, NB_SITE_REFERENCE);
}

#define TAIL_REFERENCE(name, change, type, stays)           \
	static void name(struct builder *b)                 \
	{                                                   \
		put_tail_reference(b, change, type, stays); \
	}
TAIL_REFERENCE(tail_reference, RIGHT, 1, true)
TAIL_REFERENCE(tail_reference_grows, RIGHT, 2, false)
TAIL_REFERENCE(tail_reference_too_large_to_stay, RIGHT, 2, true)
TAIL_REFERENCE(tail_reference_same_condition, SAME_CONDITION, 1, true)
TAIL_REFERENCE(tail_reference_copies_between, OTHER_BASE, 1, true)
TAIL_REFERENCE(tail_reference_copies_behind, OTHER_LENGTH, 1, true)
TAIL_REFERENCE(tail_reference_other_code, OTHER_CODE_FIELD, 1, true)
TAIL_REFERENCE(tail_reference_foreign_elsewhere, FOREIGN_ELSEWHERE, 1, true)
TAIL_REFERENCE(tail_reference_no_callee, NO_CALLEE, 1, true)
TAIL_REFERENCE(tail_reference_no_jump, NO_JUMP, 1, true)
TAIL_REFERENCE(tail_reference_copies_fall, DONE_ELSEWHERE, 1, true)

/* With a saved register, which is restored before either jump, or not. */
static void
put_tail_reference_saved(struct builder *b, bool is_restored)
{
	uint32_t mismatch;

	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 8));
	template_begin(b);
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_REFERENCES));
	put_mask(b, RIGHT, NB_REFERENCES_MASK);
	put_callee(b, RIGHT, NB_SITE_REFERENCE, 0, &mismatch);
	PUT(b, CMP64, .reg = NB_R15, .rm = MEM(NB_R10, NB_CALLEE_VMCTX));
	uint32_t foreign = put_short(b, NB_FORM_J_8, CC_NE);
	if (is_restored)
		PUT(b, MOV64, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 8));
	PUT(b, ADD64_IMM, .rm = REG(NB_RSP), .imm = FRAME);
	PUT(b, JMP_MEM, .rm = MEM(NB_R10, NB_CALLEE_CODE));
	patch_short(b, foreign);
	PUT(b, MOV64, .reg = NB_R11, .rm = REG(NB_R10));
	PUT(b, MOV64, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 8));
	put_word(b, FRAME, 0, 0);
	PUT(b, JMP_MEM, .rm = MEM(NB_R15, NB_VMCTX_TAIL));
	template_end(b);
	patch(b, mismatch);
	put_trap(b, NB_SITE_REFERENCE);
}

static void
tail_reference_saved(struct builder *b)
{
	put_tail_reference_saved(b, true);
}

static void
tail_reference_not_restored(struct builder *b)
{
	put_tail_reference_saved(b, false);
}

const struct verifier_case cases_tail[] = {
	OK(tail_direct),
	OK(tail_direct_without_frame),
	OK(tail_self_without_frame),
	OK(tail_self_with_knowledge),
	REFUSED(tail_self_believed, EXTENSION),
	REFUSED(tail_self_short, LABEL),
	REFUSED(tail_self_with_frame, LABEL),
	REFUSED(tail_self_conditional, LABEL),
	REFUSED(tail_self_has_site, SITE),
	REFUSED(tail_behind_all, LABEL),
	REFUSED(tail_before_all, LABEL),
	REFUSED(tail_large_area_without_frame, AREA),
	REFUSED(tail_direct_no_entry, CALL),
	REFUSED(tail_direct_large_area, AREA),
	REFUSED(tail_inside_frame, LABEL),
	OK(tail_import),
	OK(tail_import_with_area),
	REFUSED(tail_wrong_area, AREA),
	REFUSED(tail_more_results_than_area, AREA),
	REFUSED(tail_more_results_than_own, AREA),
	REFUSED(tail_frame_too_small, AREA),
	REFUSED(tail_other_stub, TEMPLATE),
	REFUSED(tail_wrong_word, AREA),
	REFUSED(tail_no_word, TEMPLATE),
	REFUSED(tail_import_then_other, TEMPLATE),
	OK(tail_grow),
	REFUSED(tail_grow_wrong_area, AREA),
	REFUSED(tail_grow_no_entry, CALL),
	OK(tail_reference),
	OK(tail_reference_grows),
	REFUSED(tail_reference_too_large_to_stay, AREA),
	REFUSED(tail_reference_same_condition, TEMPLATE),
	REFUSED(tail_reference_copies_between, STACK),
	REFUSED(tail_reference_copies_behind, TEMPLATE),
	REFUSED(tail_reference_other_code, TEMPLATE),
	REFUSED(tail_reference_foreign_elsewhere, TEMPLATE),
	REFUSED(tail_reference_no_callee, TEMPLATE),
	REFUSED(tail_reference_no_jump, TEMPLATE),
	REFUSED(tail_reference_copies_fall, STACK),
	OK(tail_reference_saved),
	REFUSED(tail_reference_not_restored, FRAME),
	{ 0 },
};
