/*
 * Cases of test_rules: what is, and what only looks like, a prologue or an epilogue.
 */
#include "tests/verifier/cases.h"

/* --- saves ----------------------------------------------------------------------- */

/* Stores behind the subtraction that are ordinary ones. */
static void
stores_that_save_nothing(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME + 8));
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_RSP, 0));
	put_return(b);
}

static void
store_too_far_below(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_RSP, 0));
	put_return(b);
}

static void
store_between_words(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 12));
	put_return(b);
}

static void
store_below_small_frame(struct builder *b)
{
	put_prologue(b, 8);
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_RSP, -8));
	put_return(b);
}

static void
store_to_memory_first(struct builder *b)
{
	put_prologue(b, FRAME);
	ACCESS(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_R14, 8));
	put_return(b);
}

static void
store_of_other_register(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_RSP, FRAME - 8));
	put_return(b);
}

static void
store_indexed(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEMX(NB_RSP, NB_RAX, FRAME - 8));
	put_return(b);
}

/* The frame's top is full: R13 goes to a slot. */
static void
store_behind_saves(struct builder *b)
{
	put_saves(b);
	PUT(b, MOV64_STORE, .reg = NB_R13, .rm = MEM(NB_RSP, 0));
	put_restores(b);
	put_return(b);
}

static void
saves_with_gap(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 24));
	PUT(b, MOV64_STORE, .reg = NB_R12, .rm = MEM(NB_RSP, FRAME - 8));
	put_return(b);
}

static void
saves_twice(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_R12, .rm = MEM(NB_RSP, FRAME - 16));
	PUT(b, MOV64_STORE, .reg = NB_R12, .rm = MEM(NB_RSP, FRAME - 8));
	put_return(b);
}

static void
save_has_site(struct builder *b)
{
	put_prologue(b, FRAME);
	site(b, NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 8));
	PUT(b, MOV64, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 8));
	put_return(b);
}

static void
subtraction_has_site(struct builder *b)
{
	site(b, NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	put_prologue(b, FRAME);
	put_return(b);
}

static void
subtraction_has_site_before_saves(struct builder *b)
{
	site(b, NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	put_saves(b);
	put_restores(b);
	put_return(b);
}

static void
frame_not_subtracted(struct builder *b)
{
	b->frame = FRAME;
	PUT(b, NOP);
	put_return(b);
}

static void
another_frame_subtracted(struct builder *b)
{
	put_prologue(b, FRAME - 16);
	b->frame = FRAME;
	put_return(b);
}

static void
frame_is_all(struct builder *b)
{
	put_prologue(b, FRAME);
}

static void
all_saved(struct builder *b)
{
	static const uint8_t saved[] = { NB_RBX, NB_RBP, NB_R12, NB_R13 };

	put_prologue(b, 40);
	for (int32_t i = 0; i < 4; i++)
		PUT(b, MOV64_STORE, .reg = saved[i], .rm = MEM(NB_RSP, 8 + 8 * i));
	for (int32_t i = 0; i < 4; i++)
		PUT(b, MOV32, .reg = saved[i], .rm = REG(NB_RAX));
	template_begin(b);
	for (int32_t i = 0; i < 4; i++)
		PUT(b, MOV64, .reg = saved[i], .rm = MEM(NB_RSP, 8 + 8 * i));
	put_return(b);
	template_end(b);
}

/* --- what is no epilogue ------------------------------------------------------------ */

static void
additions_inside(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, ADD64_IMM, .rm = REG(NB_RAX), .imm = 16);
	PUT(b, ADD64_IMM, .rm = MEM(NB_RSP, 8), .imm = 16);
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_RAX, 16));
	put_return(b);
}

static void
address_of_code(struct builder *b)
{
	put_prologue(b, FRAME);
	put_rip(b, NB_FORM_LEA64, NB_RAX, 0);
	put_return(b);
}

/* With saved registers, loads of other places. */
static void
loads_inside(struct builder *b)
{
	put_saves(b);
	PUT(b, MOV64, .reg = NB_RBX, .rm = MEM(NB_RSP, 8));
	PUT(b, MOV64, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME + 8));
	PUT(b, MOV64, .reg = NB_RBX, .rm = REG(NB_RAX));
	ACCESS(b, MOV64, .reg = NB_RBX, .rm = MEM(NB_R14, FRAME - 16));
	put_restores(b);
	put_return(b);
}

static void
load_of_save_indexed(struct builder *b)
{
	put_saves(b);
	PUT(b, MOV64, .reg = NB_RBX, .rm = MEMX(NB_RSP, NB_RAX, FRAME - 16));
	put_restores(b);
	put_return(b);
}

static void
short_jump_inside(struct builder *b)
{
	put_bytes(b, "\xeb\x01\x90", 3); /* over a no-operation */
	put_return(b);
}

static void
short_branch_inside(struct builder *b)
{
	put_bytes(b, "\x74\x01\x90", 3);
	put_return(b);
}

static void
epilogue_has_site(struct builder *b)
{
	put_prologue(b, FRAME);
	site(b, NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	put_return(b);
}

static void
return_has_site(struct builder *b)
{
	site(b, NB_TRAP_UNREACHABLE);
	put_return(b);
}

static void
call_behind_all(struct builder *b)
{
	put_prologue(b, FRAME);
	(void)put_branch(b, NB_FORM_CALL_32, 0, 100000);
	site(b, NB_SITE_CALL);
	put_return(b);
}

static void
call_before_all(struct builder *b)
{
	put_prologue(b, FRAME);
	(void)put_branch(b, NB_FORM_CALL_32, 0, (uint32_t)-100000);
	site(b, NB_SITE_CALL);
	put_return(b);
}

/* mov [rsp + …], rbx, longer than it must be. */
static void
save_with_long_displacement(struct builder *b)
{
	put_prologue(b, 24);
	put_bytes(b, "\x48\x89\x9c\x24\x10\x00\x00\x00", 8);
	put_return(b);
}

static void
save_with_displacement_of_zero(struct builder *b)
{
	put_prologue(b, 8);
	put_bytes(b, "\x48\x89\x5c\x24\x00", 5);
	put_return(b);
}

/* mov rsp, rbx in the form of a store, and what would be its SIB byte. */
static void
save_to_stack_pointer(struct builder *b)
{
	put_prologue(b, 24);
	put_bytes(b, "\x48\x89\xdc\x24\x10", 5);
	put_return(b);
}

const struct verifier_case cases_frame[] = {
	OK(stores_that_save_nothing),
	OK(store_too_far_below),
	OK(store_between_words),
	REFUSED(store_below_small_frame, STACK),
	OK(store_to_memory_first),
	OK(store_of_other_register),
	REFUSED(store_indexed, STACK),
	OK(store_behind_saves),
	REFUSED(save_with_long_displacement, ENCODING),
	REFUSED(save_with_displacement_of_zero, ENCODING),
	REFUSED(save_to_stack_pointer, INSTRUCTION),
	REFUSED(saves_with_gap, FRAME),
	REFUSED(saves_twice, FRAME),
	REFUSED(save_has_site, SITE),
	REFUSED(subtraction_has_site, SITE),
	REFUSED(subtraction_has_site_before_saves, SITE),
	REFUSED(frame_not_subtracted, FRAME),
	REFUSED(another_frame_subtracted, FRAME),
	REFUSED(frame_is_all, END),
	OK(all_saved),
	OK(additions_inside),
	REFUSED(address_of_code, PINNED),
	OK(loads_inside),
	REFUSED(load_of_save_indexed, STACK),
	OK(short_jump_inside),
	OK(short_branch_inside),
	REFUSED(epilogue_has_site, SITE),
	REFUSED(return_has_site, SITE),
	REFUSED(call_behind_all, CALL),
	REFUSED(call_before_all, CALL),
	{ 0 },
};
