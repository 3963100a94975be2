/*
 * Cases of test_rules: registers, the stack and its frame.
 */
#include "tests/verifier/cases.h"

/* --- registers ----------------------------------------------------------------- */

static void
writes_vmctx_pointer(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R15, .rm = REG(NB_RAX));
	put_return(b);
}

static void
writes_memory_base(struct builder *b)
{
	PUT(b, MOV32_IMM, .reg = NB_R14, .imm = 5);
	put_return(b);
}

static void
computes_memory_base(struct builder *b)
{
	PUT(b, LEA32, .reg = NB_R14, .rm = MEM(NB_RDX, -8));
	put_return(b);
}

static void
reads_vmctx_pointer(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_RAX, .rm = REG(NB_R15));
	put_return(b);
}

static void
reads_stack_pointer(struct builder *b)
{
	PUT(b, LEA64, .reg = NB_RAX, .rm = MEM(NB_RSP, 8));
	put_return(b);
}

static void
pinned_index(struct builder *b)
{
	PUT(b, LEA64, .reg = NB_RAX, .rm = x64_rm_indexed(NB_RAX, NB_R14, 0, 8));
	put_return(b);
}

static void
pinned_linear_index(struct builder *b)
{
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_R15, 0));
	put_return(b);
}

static void
lea_of_rip(struct builder *b)
{
	put_rip(b, NB_FORM_LEA64, NB_RAX, 0);
	put_return(b);
}

static void
implicit_writes(struct builder *b)
{
	PUT(b, CDQ);
	PUT(b, MUL32, .rm = REG(NB_RCX));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RDX, 0));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	PUT(b, XCHG64, .reg = NB_RCX, .rm = REG(NB_R8));
	put_return(b);
}

static void
wide_multiplication(struct builder *b)
{
	PUT(b, CDQ);
	PUT(b, MUL64, .rm = REG(NB_RCX));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RDX, 0));
	put_return(b);
}

static void
wide_sign(struct builder *b)
{
	PUT(b, CDQ);
	PUT(b, CQO);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RDX, 0));
	put_return(b);
}

static void
exchanged_index(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RCX, .rm = REG(NB_RCX));
	PUT(b, XCHG64, .reg = NB_RCX, .rm = REG(NB_R8));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RCX, 0));
	put_return(b);
}

static void
compared_index(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	PUT(b, MOV32, .reg = NB_RCX, .rm = REG(NB_RCX));
	ACCESS(b, LOCK_CMPXCHG32, .reg = NB_RDX, .rm = MEMX(NB_R14, NB_RCX, 0));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	put_return(b);
}

/* Writes to a part leave the upper half. */
static void
partial_writes(struct builder *b)
{
	PUT(b, XOR32, .reg = NB_RAX, .rm = REG(NB_RAX));
	PUT(b, SET, .cc = CC_E, .rm = REG(NB_RAX));
	ACCESS(b, LOCK_XADD16, .reg = NB_RAX, .rm = MEM(NB_R14, 0));
	ACCESS(b, XCHG8_STORE, .reg = NB_RAX, .rm = MEMX(NB_R14, NB_RAX, 0));
	PUT(b, MOVD_TO_GPR, .reg = 3, .rm = REG(NB_RDX));
	ACCESS(b, ADD32_STORE, .reg = NB_RDX, .rm = MEMX(NB_R14, NB_RDX, 0));
	PUT(b, MOVQ_TO_GPR, .reg = 3, .rm = REG(NB_RDX));
	put_return(b);
}

static void
preserved_not_saved(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RBX, .rm = REG(NB_RAX));
	put_return(b);
}

static void
preserved_saved(struct builder *b)
{
	put_saves(b);
	PUT(b, MOV32, .reg = NB_RBX, .rm = REG(NB_RAX));
	PUT(b, MOV64, .reg = NB_R12, .rm = REG(NB_RAX));
	put_restores(b);
	put_return(b);
}

static void
another_preserved(struct builder *b)
{
	put_saves(b);
	PUT(b, MOV32, .reg = NB_RBP, .rm = REG(NB_RAX));
	put_restores(b);
	put_return(b);
}

static void
saves_out_of_order(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_R12, .rm = MEM(NB_RSP, FRAME - 16));
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 8));
	put_return(b);
}

static void
saves_incomplete(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 16));
	put_return(b);
}

static void
store_over_save(struct builder *b)
{
	put_saves(b);
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_RSP, FRAME - 16));
	put_restores(b);
	put_return(b);
}

static void
restore_missing(struct builder *b)
{
	put_saves(b);
	PUT(b, MOV64, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 16));
	put_return(b);
}

static void
restore_exchanged(struct builder *b)
{
	put_saves(b);
	PUT(b, MOV64, .reg = NB_R12, .rm = MEM(NB_RSP, FRAME - 16));
	PUT(b, MOV64, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 8));
	put_return(b);
}

static void
return_without_restore(struct builder *b)
{
	put_saves(b);
	put_return(b);
}

static void
restore_has_site(struct builder *b)
{
	put_saves(b);
	site(b, NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	put_restores(b);
	put_return(b);
}

/* --- stack -------------------------------------------------------------------------- */

static void
stack(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_RSP, 0));
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_RSP, FRAME - 8));
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_RSP, FRAME + 8));
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_RSP, FRAME + 16));
	PUT(b, PADDB, .reg = 3, .rm = MEM(NB_RSP, 16));
	put_return(b);
}

static void
stack_return_address(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_RSP, FRAME));
	put_return(b);
}

static void
stack_across_return_address(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_RSP, FRAME - 4));
	put_return(b);
}

static void
stack_below(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_RSP, -8));
	put_return(b);
}

static void
stack_behind_area(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_RSP, FRAME + 8 + 8 * BUILDER_AREA));
	put_return(b);
}

static void
stack_indexed(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEMX(NB_RSP, NB_RCX, 0));
	put_return(b);
}

static void
stack_unaligned(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, PADDB, .reg = 3, .rm = MEM(NB_RSP, 8));
	put_return(b);
}

static void
frame_wrong(struct builder *b)
{
	put_prologue(b, FRAME);
	b->frame += 16;
	PUT(b, ADD64_IMM, .rm = REG(NB_RSP), .imm = FRAME);
	PUT(b, RET);
}

static void
frame_misaligned(struct builder *b)
{
	put_prologue(b, 64);
	put_return(b);
}

static void
frame_too_large(struct builder *b)
{
	put_prologue(b, NB_FRAME_MAX + 8);
	put_return(b);
}

static void
frame_end_wrong(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, ADD64_IMM, .rm = REG(NB_RSP), .imm = FRAME - 16);
	PUT(b, RET);
}

static void
frame_end_then_more(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, ADD64_IMM, .rm = REG(NB_RSP), .imm = FRAME);
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RCX));
	PUT(b, RET);
}

static void
frame_probed(struct builder *b)
{
	put_prologue(b, 2 * NB_PROBE_INTERVAL + 8);
	PUT(b, TEST32, .reg = NB_RAX, .rm = MEM(NB_RSP, NB_PROBE_INTERVAL + 8));
	PUT(b, TEST32, .reg = NB_RAX, .rm = MEM(NB_RSP, 8));
	PUT(b, TEST32, .reg = NB_RAX, .rm = MEM(NB_RSP, 0));
	put_return(b);
}

static void
frame_not_probed(struct builder *b)
{
	put_prologue(b, NB_PROBE_INTERVAL + 8);
	PUT(b, TEST32, .reg = NB_RAX, .rm = MEM(NB_RSP, 8));
	put_return(b);
}

static void
return_inside_frame(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, RET);
}

const struct verifier_case cases_registers[] = {
	REFUSED(writes_vmctx_pointer, PINNED),
	REFUSED(writes_memory_base, PINNED),
	REFUSED(computes_memory_base, PINNED),
	REFUSED(reads_vmctx_pointer, PINNED),
	REFUSED(reads_stack_pointer, PINNED),
	REFUSED(pinned_index, PINNED),
	REFUSED(pinned_linear_index, PINNED),
	REFUSED(lea_of_rip, PINNED),
	OK(implicit_writes),
	REFUSED(wide_multiplication, EXTENSION),
	REFUSED(wide_sign, EXTENSION),
	REFUSED(exchanged_index, EXTENSION),
	REFUSED(compared_index, EXTENSION),
	OK(partial_writes),
	REFUSED(preserved_not_saved, PRESERVED),
	OK(preserved_saved),
	REFUSED(another_preserved, PRESERVED),
	REFUSED(saves_out_of_order, FRAME),
	REFUSED(saves_incomplete, FRAME),
	REFUSED(store_over_save, STACK),
	REFUSED(restore_missing, FRAME),
	REFUSED(restore_exchanged, FRAME),
	REFUSED(return_without_restore, PINNED),
	REFUSED(restore_has_site, SITE),
	OK(stack),
	REFUSED(stack_return_address, STACK),
	REFUSED(stack_across_return_address, STACK),
	REFUSED(stack_below, STACK),
	REFUSED(stack_behind_area, STACK),
	REFUSED(stack_indexed, STACK),
	REFUSED(stack_unaligned, ALIGNMENT),
	REFUSED(frame_wrong, FRAME),
	REFUSED(frame_misaligned, FRAME),
	REFUSED(frame_too_large, FRAME),
	REFUSED(frame_end_wrong, FRAME),
	REFUSED(frame_end_then_more, FRAME),
	OK(frame_probed),
	REFUSED(frame_not_probed, FRAME),
	REFUSED(return_inside_frame, TEMPLATE),
	{ 0 },
};
