/*
 * Cases of test_rules: encodings and operands of single instructions, of every kind
 * that the decoder tells apart.
 */
#include "tests/verifier/cases.h"

/* --- encodings ----------------------------------------------------------------- */

static void
maps_and_prefixes(struct builder *b)
{
	PUT(b, POPCNT32, .reg = NB_RAX, .rm = REG(NB_RCX));
	PUT(b, PSHUFB, .reg = 1, .rm = REG(2));
	PUT(b, MOVSS, .reg = 1, .rm = MEM(NB_RSP, 8));
	ACCESS(b, MOV16_STORE_IMM, .rm = MEM(NB_R14, 4), .imm = -2);
	PUT(b, ADD32_IMM, .rm = REG(NB_RAX), .imm = -1000);
	put_return(b);
}

static void
forbidden_prefix(struct builder *b)
{
	put_bytes(b, "\x64\x8b\x01", 3); /* FS */
	put_return(b);
}

static void
forbidden_escape(struct builder *b)
{
	put_bytes(b, "\x0f\x38\xf0\x01", 4); /* movbe */
	put_return(b);
}

static void
byte_of_register(struct builder *b)
{
	PUT(b, MOV8_STORE, .reg = NB_RSI, .rm = MEM(NB_RSP, 8));
	PUT(b, MOV8_STORE, .reg = NB_RDX, .rm = MEM(NB_RSP, 8));
	put_return(b);
}

static void
byte_of_register_without_rex(struct builder *b)
{
	put_bytes(b, "\x88\x74\x24\x08", 4); /* mov [rsp + 8], dh */
	put_return(b);
}

static void
bytes_in_memory(struct builder *b)
{
	PUT(b, MOVZX8, .reg = NB_RAX, .rm = MEM(NB_RSP, 8));
	PUT(b, MOVZX8, .reg = NB_R9, .rm = MEM(NB_RSP, 8));
	put_return(b);
}

static void
address_with_rex_x(struct builder *b)
{
	put_bytes(b, "\x42\x8d\x41\x08", 4); /* lea eax, [rcx + 8], REX.X */
	put_return(b);
}

static void
constant_with_rex_r(struct builder *b)
{
	put_bytes(b, "\x44\xb8\x01\x00\x00\x00", 6);
	put_return(b);
}

static void
branch_with_rex(struct builder *b)
{
	put_bytes(b, "\x41\x74\x00", 3);
	put_return(b);
}

static void
rex_twice(struct builder *b)
{
	put_bytes(b, "\x40\x40\x0f\x94\xc6", 5); /* sete sil */
	put_return(b);
}

/* Of a common shape, but not of its group: SAL, which SHL is as well */
static void
digit_of_nothing(struct builder *b)
{
	put_bytes(b, "\xc1\xf6\x01", 3);
	put_return(b);
}

static void
rip_with_rex_b(struct builder *b)
{
	b->pool_size = 16;
	put_bytes(b, "\x41\x8b\x05\x08\x00\x00\x00", 7);
	put_return(b);
}

/* VEX with an opcode that is an escape elsewhere. */
static void
vex_opcode_of_escape(struct builder *b)
{
	b->cpu_features = NB_CPU_AVX;
	PUT(b, VPALIGNR, .reg = 1, .vvvv = 2, .rm = REG(3), .imm = 4);
	put_return(b);
}

static void
fourth_register(struct builder *b)
{
	b->cpu_features = NB_CPU_AVX;
	PUT(b, VPBLENDVB, .reg = 1, .vvvv = 2, .rm = REG(3), .imm = 0x40);
	put_return(b);
}

static void
fourth_register_and_more(struct builder *b)
{
	b->cpu_features = NB_CPU_AVX;
	put_bytes(b, "\xc4\xe3\x69\x4c\xcb\x41", 6);
	put_return(b);
}

static void
vex_with_rex_bits(struct builder *b)
{
	b->cpu_features = NB_CPU_BMI1;
	PUT(b, ANDN32, .reg = NB_R9, .vvvv = NB_R10, .rm = REG(NB_R8));
	PUT(b, ANDN64, .reg = NB_RAX, .vvvv = NB_RCX, .rm = REG(NB_RDX));
	put_return(b);
}

/* --- operands ------------------------------------------------------------------ */

static void
pinned_third_register(struct builder *b)
{
	b->cpu_features = NB_CPU_BMI1;
	PUT(b, ANDN32, .reg = NB_RAX, .vvvv = NB_R15, .rm = REG(NB_RCX));
	put_return(b);
}

static void
pinned_in_rm(struct builder *b)
{
	PUT(b, ADD64_IMM, .rm = REG(NB_R14), .imm = 16);
	put_return(b);
}

static void
exchanged_preserved(struct builder *b)
{
	PUT(b, XCHG64, .reg = NB_RAX, .rm = REG(NB_RBX));
	put_return(b);
}

static void
exchanged_preserved_first(struct builder *b)
{
	PUT(b, XCHG64, .reg = NB_RBX, .rm = REG(NB_RAX));
	put_return(b);
}

static void
set_preserved(struct builder *b)
{
	PUT(b, SET, .cc = CC_E, .rm = REG(NB_RBX));
	put_return(b);
}

static void
added_preserved(struct builder *b)
{
	PUT(b, ADD32_IMM, .rm = REG(NB_RBP), .imm = 1);
	put_return(b);
}

static void
added_preserved_wide(struct builder *b)
{
	PUT(b, ADD64_IMM, .rm = REG(NB_R13), .imm = 1);
	put_return(b);
}

static void
added_to_memory(struct builder *b)
{
	ACCESS(b, ADD32_IMM, .rm = MEM(NB_R14, 4), .imm = 1);
	ACCESS(b, ADD64_IMM, .rm = MEM(NB_R14, 8), .imm = 1);
	put_return(b);
}

/* An index that one way of writing leaves extended, and another does not. */
static void
index_written_in_rm(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RCX, .rm = REG(NB_RCX));
	PUT(b, ADD32_IMM, .rm = REG(NB_RCX), .imm = 1);
	ACCESS(b, MOV32, .reg = NB_RAX, .rm = MEMX(NB_R14, NB_RCX, 0));
	put_return(b);
}

static void
index_written_wide_in_rm(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RCX, .rm = REG(NB_RCX));
	PUT(b, ADD64_IMM, .rm = REG(NB_RCX), .imm = 1);
	ACCESS(b, MOV32, .reg = NB_RAX, .rm = MEMX(NB_R14, NB_RCX, 0));
	put_return(b);
}

static void
reference_base_wide(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEM(NB_R15, NB_VMCTX_REFERENCE_BASE));
	put_return(b);
}

static void
memory_length_narrow(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_MEMORY_DESC));
	PUT(b, MOV32, .reg = NB_RAX, .rm = MEM(NB_R11, NB_MEMORY_LENGTH));
	put_return(b);
}

static void
memory_length_indexed(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, NB_VMCTX_MEMORY_DESC));
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEMX(NB_R11, NB_RAX, NB_MEMORY_LENGTH));
	put_return(b);
}

static void
table_length_elsewhere(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_table(b, 1, NB_VMCTX_TABLE_DESC)));
	PUT(b, MOV32, .reg = NB_RAX, .rm = MEM(NB_R11, NB_TABLE_LENGTH + 4));
	put_return(b);
}

static void
table_length_written(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_table(b, 1, NB_VMCTX_TABLE_DESC)));
	PUT(b, MOV32_STORE, .reg = NB_RAX, .rm = MEM(NB_R11, NB_TABLE_LENGTH));
	put_return(b);
}

static void
cell_indexed(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_global(b, 2)));
	PUT(b, MOV64, .reg = NB_RAX, .rm = MEMX(NB_R11, NB_RCX, 0));
	put_return(b);
}

static void
clamped_index_of_memory_0(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_memory(b, 0, NB_VMCTX_ENTRY_BASE)));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_R11, 8));
	put_return(b);
}

static void
alignment_without_frame(struct builder *b)
{
	PUT(b, PADDB, .reg = 3, .rm = MEM(NB_RSP, 8));
	put_return(b);
}

static void
no_pointer(struct builder *b)
{
	/* Loads into R11 that look like a template's. */
	PUT(b, MOV64, .reg = NB_R11, .rm = REG(NB_RAX));
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_RSP, 8));
	PUT(b, LEA64, .reg = NB_R11, .rm = MEM(NB_RAX, 8));
	PUT(b, LEA64, .reg = NB_RCX, .rm = MEM(NB_RAX, 8));
	PUT(b, MOV64, .reg = NB_RDI, .rm = REG(NB_RAX));
	PUT(b, MOV32_IMM, .reg = NB_R11, .imm = 1);
	PUT(b, CMP32, .reg = NB_RAX, .rm = REG(NB_R11));
	PUT(b, MOV32_IMM, .reg = NB_RCX, .imm = 1);
	put_return(b);
}

static void
pointer_indexed(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEMX(NB_R15, NB_RAX, NB_VMCTX_MEMORY_DESC));
	put_return(b);
}

static void
pointer_between_arrays(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_memory(b, 2, NB_VMCTX_ENTRY_BASE)));
	put_return(b);
}

static void
pointer_behind_all(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_R11, .rm = MEM(NB_R15, at_type(b, 2)));
	put_return(b);
}

static void
last_instruction_is_bound(struct builder *b)
{
	PUT(b, MOV32_IMM, .reg = NB_R11, .imm = 1);
}

const struct verifier_case cases_forms[] = {
	OK(maps_and_prefixes),
	REFUSED(forbidden_prefix, INSTRUCTION),
	REFUSED(forbidden_escape, INSTRUCTION),
	OK(byte_of_register),
	REFUSED(byte_of_register_without_rex, ENCODING),
	OK(bytes_in_memory),
	REFUSED(address_with_rex_x, ENCODING),
	REFUSED(constant_with_rex_r, ENCODING),
	REFUSED(branch_with_rex, ENCODING),
	REFUSED(rex_twice, INSTRUCTION),
	REFUSED(digit_of_nothing, INSTRUCTION),
	REFUSED(rip_with_rex_b, ENCODING),
	OK(vex_opcode_of_escape),
	OK(fourth_register),
	REFUSED(fourth_register_and_more, ENCODING),
	OK(vex_with_rex_bits),
	REFUSED(pinned_third_register, PINNED),
	REFUSED(pinned_in_rm, PINNED),
	REFUSED(exchanged_preserved, PRESERVED),
	REFUSED(exchanged_preserved_first, PRESERVED),
	REFUSED(set_preserved, PRESERVED),
	REFUSED(added_preserved, PRESERVED),
	REFUSED(added_preserved_wide, PRESERVED),
	OK(added_to_memory),
	OK(index_written_in_rm),
	REFUSED(index_written_wide_in_rm, EXTENSION),
	REFUSED(reference_base_wide, VMCTX),
	REFUSED(memory_length_narrow, MEMORY),
	REFUSED(memory_length_indexed, MEMORY),
	REFUSED(table_length_elsewhere, MEMORY),
	REFUSED(table_length_written, MEMORY),
	REFUSED(cell_indexed, MEMORY),
	REFUSED(clamped_index_of_memory_0, EXTENSION),
	REFUSED(alignment_without_frame, ALIGNMENT),
	OK(no_pointer),
	REFUSED(pointer_indexed, VMCTX),
	REFUSED(pointer_between_arrays, VMCTX),
	REFUSED(pointer_behind_all, VMCTX),
	REFUSED(last_instruction_is_bound, END),
	{ 0 },
};
