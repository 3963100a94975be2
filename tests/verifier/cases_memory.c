/*
 * Cases of test_rules: linear memory, the vmctx, constants, sites.
 */
#include "tests/verifier/cases.h"

/* --- linear memory ----------------------------------------------------------------- */

static void
linear(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, NB_DISPLACEMENT_MAX));
	ACCESS(b, MOV64_STORE, .reg = NB_RCX, .rm = MEM(NB_R14, 8));
	ACCESS(b, MOVUPS, .reg = 5, .rm = MEMX(NB_R14, NB_RAX, 3));
	put_return(b);
}

static void
linear_not_extended(struct builder *b)
{
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	put_return(b);
}

static void
linear_after_call(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	put_call(b, 1);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	put_return(b);
}

static void
linear_negative(struct builder *b)
{
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEM(NB_R14, -1));
	put_return(b);
}

static void
linear_too_far(struct builder *b)
{
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEM(NB_R14, NB_DISPLACEMENT_MAX + 1));
	put_return(b);
}

static void
linear_scaled(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	site(b, NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	put_bytes(b, "\x41\x8b\x0c\x86", 4); /* mov ecx, [r14 + 4 * rax] */
	put_return(b);
}

static void
linear_with_other_site(struct builder *b)
{
	site(b, NB_SITE_DIVIDE);
	PUT(b, MOV32, .reg = NB_RAX, .rm = MEM(NB_R14, 0));
	put_return(b);
}

/* The first is not the access's own. */
static void
linear_with_two_sites(struct builder *b)
{
	site(b, NB_SITE_DIVIDE);
	ACCESS(b, MOV32, .reg = NB_RAX, .rm = MEM(NB_R14, 0));
	put_return(b);
}

static void
linear_without_site(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RCX, .rm = MEM(NB_R14, 0));
	put_return(b);
}

static void
other_base(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RCX, .rm = MEM(NB_RAX, 0));
	put_return(b);
}

static void
no_base_access(struct builder *b)
{
	put_bytes(b, "\x8b\x04\x0d\x00\x00\x00\x00", 7); /* mov eax, [rcx] without a base */
	put_return(b);
}

static void
linear_unaligned(struct builder *b)
{
	ACCESS(b, PADDB, .reg = 5, .rm = MEM(NB_R14, 0));
	put_return(b);
}

static void
put_base(struct builder *b, uint32_t memory)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_memory(b, memory, NB_VMCTX_ENTRY_BASE)));
}

static void
put_clamp(struct builder *b, uint32_t memory, uint32_t index)
{
	template_begin(b);
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_memory(b, memory, NB_VMCTX_ENTRY_BOUND)));
	PUT(b, CMP64, .reg = (uint8_t)index, .rm = REG(NB_R11));
	PUT(b, CMOV64, .reg = NB_R11, .cc = CC_B, .rm = REG(index));
	template_end(b);
}

static void
second_memory(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	put_base(b, 1);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R11, NB_RAX, 16));
	put_base(b, 1);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEM(NB_R11, 16));
	put_return(b);
}

static void
second_memory_not_extended(struct builder *b)
{
	put_base(b, 1);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R11, NB_RAX, 16));
	put_return(b);
}

static void
base_after_label(struct builder *b)
{
	uint32_t field = put_branch(b, NB_FORM_J_32, CC_E, 0);

	put_base(b, 1);
	patch(b, field);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEM(NB_R11, 16));
	put_return(b);
}

static void
base_overwritten(struct builder *b)
{
	put_base(b, 1);
	PUT(b, ADD64, .reg = NB_R11, .rm = REG(NB_RAX));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEM(NB_R11, 16));
	put_return(b);
}

static void
clamped(struct builder *b)
{
	put_clamp(b, 0, NB_RAX);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_R11, 8));
	put_clamp(b, 1, NB_RCX);
	PUT(b, ADD64, .reg = NB_R11, .rm = MEM(NB_R15, at_memory(b, 1, NB_VMCTX_ENTRY_BASE)));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEM(NB_R11, 8));
	put_return(b);
}

static void
clamped_other_way(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_memory(b, 0, NB_VMCTX_ENTRY_BOUND)));
	PUT(b, CMP64, .reg = NB_RAX, .rm = REG(NB_R11));
	PUT(b, CMOV64, .reg = NB_R11, .cc = CC_AE, .rm = REG(NB_RAX));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_R11, 8));
	put_return(b);
}

static void
clamped_another(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_memory(b, 0, NB_VMCTX_ENTRY_BOUND)));
	PUT(b, CMP64, .reg = NB_RAX, .rm = REG(NB_R11));
	PUT(b, CMOV64, .reg = NB_R11, .cc = CC_B, .rm = REG(NB_RCX));
	put_return(b);
}

static void
clamped_pinned(struct builder *b)
{
	put_clamp(b, 0, NB_R14);
	put_return(b);
}

static void
clamped_stack_pointer(struct builder *b)
{
	put_clamp(b, 0, NB_RSP);
	put_return(b);
}

static void
clamped_itself(struct builder *b)
{
	put_clamp(b, 0, NB_R11);
	put_return(b);
}

static void
clamped_for_another_memory(struct builder *b)
{
	put_clamp(b, 1, NB_RCX);
	PUT(b, ADD64, .reg = NB_R11, .rm = MEM(NB_R15, at_memory(b, 0, NB_VMCTX_ENTRY_BASE)));
	put_return(b);
}

static void
clamped_place_with_index(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	put_clamp(b, 1, NB_RCX);
	PUT(b, ADD64, .reg = NB_R11, .rm = MEM(NB_R15, at_memory(b, 1, NB_VMCTX_ENTRY_BASE)));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R11, NB_RAX, 8));
	put_return(b);
}

static void
clamped_index_elsewhere(struct builder *b)
{
	put_clamp(b, 0, NB_RAX);
	PUT(b, MOV64, .reg = NB_RCX, .rm = REG(NB_R11));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RCX, 8));
	put_return(b);
}

static void
clamped_but_another_used(struct builder *b)
{
	put_clamp(b, 0, NB_RAX);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RCX, 8));
	put_return(b);
}

/* What R11 holds is for the next instruction. */
static void
clamped_and_used_twice(struct builder *b)
{
	put_clamp(b, 0, NB_RAX);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_R11, 8));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_R11, 8));
	put_return(b);
}

static void
memory_length_later(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_MEMORY_DESC));
	PUT(b, NOP);
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_R11, NB_MEMORY_LENGTH));
	put_return(b);
}

static void
table_length_indexed(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_table(b, 0, NB_VMCTX_TABLE_DESC)));
	PUT(b, MOV32, .reg = NB_RAX, .rm = MEMX(NB_R11, NB_RCX, NB_TABLE_LENGTH));
	put_return(b);
}

static void
memory_length(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_MEMORY_DESC));
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_R11, NB_MEMORY_LENGTH));
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_memory(b, 1, NB_VMCTX_ENTRY_DESC)));
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_R11, NB_MEMORY_LENGTH));
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_table(b, 0, NB_VMCTX_TABLE_DESC)));
	PUT(b, MOV32, .reg = NB_RAX, .rm = MEM(NB_R11, NB_TABLE_LENGTH));
	put_return(b);
}

static void
memory_length_written(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_MEMORY_DESC));
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_R11, NB_MEMORY_LENGTH));
	put_return(b);
}

static void
memory_base_read(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_MEMORY_DESC));
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_R11, 0));
	put_return(b);
}

static void
table_length_wide(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_table(b, 0, NB_VMCTX_TABLE_DESC)));
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_R11, NB_TABLE_LENGTH));
	put_return(b);
}

static void
memory_entry_reserved(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_memory(b, 0, 24)));
	put_return(b);
}

/* --- vmctx --------------------------------------------------------------------------- */

static void
globals(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_R15, at_global(b, 0)));
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_R15, at_global(b, 1)));
	PUT(b, MOVUPS_STORE, .reg = 1, .rm = MEM(NB_R15, at_global(b, 1)));
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_global(b, 1)));
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_global(b, 2)));
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_R11, 0));
	PUT(b, MOV32, .reg = NB_RAX, .rm = MEM(NB_R15, NB_VMCTX_REFERENCE_BASE));
	put_return(b);
}

static void
constant_written(struct builder *b)
{
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_R15, at_global(b, 0)));
	put_return(b);
}

static void
cell_pointer_read(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_R15, at_global(b, 2)));
	put_return(b);
}

static void
cell_pointer_written(struct builder *b)
{
	PUT(b, MOV64_STORE, .reg = NB_RAX, .rm = MEM(NB_R15, at_global(b, 2)));
	put_return(b);
}

static void
cell_beside(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_global(b, 2)));
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_R11, 8));
	put_return(b);
}

static void
cell_second_half(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_global(b, 2) + 8));
	put_return(b);
}

static void
global_across(struct builder *b)
{
	PUT(b, MOVUPS, .reg = 1, .rm = MEM(NB_R15, at_global(b, 0) + 8));
	put_return(b);
}

static void
vmctx_head(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_R15, NB_VMCTX_THREAD));
	put_return(b);
}

static void
reference_base_written(struct builder *b)
{
	PUT(b, MOV32_STORE, .reg = NB_RAX, .rm = MEM(NB_R15, NB_VMCTX_REFERENCE_BASE));
	put_return(b);
}

static void
behind_globals(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_R15, at_table(b, 0, 0)));
	put_return(b);
}

static void
vmctx_indexed(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEMX(NB_R15, NB_RAX, at_global(b, 1)));
	put_return(b);
}

static void
table_base_loaded(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_table(b, 0, NB_VMCTX_TABLE_BASE)));
	put_return(b);
}

/* --- constants -------------------------------------------------------------------------- */

static void
constants(struct builder *b)
{
	b->pool_size = 32;
	put_rip(b, NB_FORM_MOVSD, 0, 48 + 24);
	put_rip(b, NB_FORM_ANDPS, 0, 48 + 16);
	while (b->code.len < 47)
		PUT(b, NOP);
	put_return(b);
}

static void
constant_behind_pool(struct builder *b)
{
	b->pool_size = 32;
	put_rip(b, NB_FORM_MOVSD, 0, 16 + 28);
	put_return(b);
}

static void
constant_in_code(struct builder *b)
{
	b->pool_size = 32;
	put_rip(b, NB_FORM_MOVSD, 0, 0);
	put_return(b);
}

static void
constant_stored(struct builder *b)
{
	b->pool_size = 32;
	put_rip(b, NB_FORM_MOVSD_STORE, 0, 16);
	put_return(b);
}

static void
constant_unaligned(struct builder *b)
{
	b->pool_size = 32;
	put_rip(b, NB_FORM_ANDPS, 0, 16 + 8);
	put_return(b);
}

/* --- sites --------------------------------------------------------------------------------------------- */

static void
traps(struct builder *b)
{
	uint32_t field = put_branch(b, NB_FORM_J_32, CC_E, 0);

	site(b, NB_SITE_DIVIDE);
	PUT(b, DIV32, .rm = REG(NB_RCX));
	put_trap(b, NB_TRAP_INTEGER_OVERFLOW);
	patch(b, field);
	put_trap(b, NB_SITE_DYNAMIC);
}

static void
trap_without_site(struct builder *b)
{
	PUT(b, UD2);
}

static void
trap_of_no_kind(struct builder *b)
{
	put_trap(b, 200);
}

static void
trap_of_kind_none(struct builder *b)
{
	put_trap(b, NB_TRAP_NONE);
}

static void
division_without_site(struct builder *b)
{
	PUT(b, IDIV64, .rm = REG(NB_RCX));
	put_return(b);
}

static void
division_in_memory(struct builder *b)
{
	ACCESS(b, DIV64, .rm = MEM(NB_R14, 0));
	put_return(b);
}

static void
site_at_nothing(struct builder *b)
{
	ACCESS(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RCX));
	put_return(b);
}

static void
site_inside_instruction(struct builder *b)
{
	ACCESS(b, MOV32, .reg = NB_RAX, .rm = MEM(NB_R14, 0));
	b->sites[0].code_offset++;
	put_return(b);
}

static void
site_twice(struct builder *b)
{
	site(b, NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	ACCESS(b, MOV32, .reg = NB_RAX, .rm = MEM(NB_R14, 0));
	put_return(b);
}

static void
site_behind_the_end(struct builder *b)
{
	put_return(b);
	site(b, NB_TRAP_UNREACHABLE);
}

static void
site_in_sequence(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64, .reg = NB_RDI, .rm = REG(NB_R15));
	site(b, NB_TRAP_UNREACHABLE);
	PUT(b, CALL_MEM, .rm = MEM(NB_R15, NB_VMCTX_BUILTINS));
	site(b, NB_SITE_CALL);
	put_return(b);
}

const struct verifier_case cases_memory[] = {
	OK(linear),
	REFUSED(linear_not_extended, EXTENSION),
	REFUSED(linear_after_call, EXTENSION),
	REFUSED(linear_negative, DISPLACEMENT),
	REFUSED(linear_too_far, DISPLACEMENT),
	REFUSED(linear_scaled, MEMORY),
	REFUSED(linear_without_site, SITE),
	REFUSED(linear_with_other_site, SITE),
	REFUSED(linear_with_two_sites, SITE),
	REFUSED(other_base, MEMORY),
	REFUSED(no_base_access, MEMORY),
	REFUSED(linear_unaligned, ALIGNMENT),
	OK(second_memory),
	REFUSED(second_memory_not_extended, EXTENSION),
	REFUSED(base_after_label, MEMORY),
	REFUSED(base_overwritten, MEMORY),
	OK(clamped),
	REFUSED(clamped_other_way, TEMPLATE),
	REFUSED(clamped_another, TEMPLATE),
	REFUSED(clamped_pinned, TEMPLATE),
	REFUSED(clamped_stack_pointer, TEMPLATE),
	REFUSED(clamped_itself, TEMPLATE),
	REFUSED(clamped_for_another_memory, TEMPLATE),
	REFUSED(clamped_place_with_index, MEMORY),
	REFUSED(clamped_index_elsewhere, EXTENSION),
	REFUSED(clamped_but_another_used, EXTENSION),
	REFUSED(clamped_and_used_twice, EXTENSION),
	OK(memory_length),
	REFUSED(memory_length_later, MEMORY),
	REFUSED(table_length_indexed, MEMORY),
	REFUSED(memory_length_written, MEMORY),
	REFUSED(memory_base_read, MEMORY),
	REFUSED(table_length_wide, MEMORY),
	REFUSED(memory_entry_reserved, VMCTX),
	OK(globals),
	REFUSED(constant_written, VMCTX),
	REFUSED(cell_pointer_read, VMCTX),
	REFUSED(cell_pointer_written, VMCTX),
	REFUSED(cell_beside, MEMORY),
	REFUSED(cell_second_half, VMCTX),
	REFUSED(global_across, VMCTX),
	REFUSED(vmctx_head, VMCTX),
	REFUSED(reference_base_written, VMCTX),
	REFUSED(behind_globals, VMCTX),
	REFUSED(vmctx_indexed, VMCTX),
	REFUSED(table_base_loaded, VMCTX),
	OK(constants),
	REFUSED(constant_behind_pool, POOL),
	REFUSED(constant_in_code, POOL),
	REFUSED(constant_stored, POOL),
	REFUSED(constant_unaligned, ALIGNMENT),
	OK(traps),
	REFUSED(trap_without_site, SITE),
	REFUSED(trap_of_no_kind, SITE),
	REFUSED(trap_of_kind_none, SITE),
	REFUSED(division_without_site, SITE),
	REFUSED(division_in_memory, OPERAND),
	REFUSED(site_at_nothing, SITE),
	REFUSED(site_inside_instruction, SITE),
	REFUSED(site_twice, SITE),
	REFUSED(site_behind_the_end, SITE),
	REFUSED(site_in_sequence, SITE),
	{ 0 },
};
