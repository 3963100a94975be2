/*
 * Cases of test_rules: the instruction stream, labels and claims.
 */
#include "tests/verifier/cases.h"

/* --- one instruction stream -------------------------------------------------- */

static void
just_return(struct builder *b)
{
	put_return(b);
}

static void
forbidden(struct builder *b)
{
	put_bytes(b, "\x0f\x05", 2); /* syscall */
	put_return(b);
}

static void
forbidden_vex(struct builder *b)
{
	b->cpu_features = NB_CPU_AVX;
	put_bytes(b, "\xc5\xfc\x58\xc1", 4); /* vaddps ymm0, ymm0, ymm1: VEX.L */
	put_return(b);
}

static void
forbidden_map(struct builder *b)
{
	put_bytes(b, "\xc4\xe4\x79\x58\xc1", 5); /* VEX map 4 */
	put_return(b);
}

static void
cut_off(struct builder *b)
{
	put_bytes(b, "\xc3\x41\x0f", 3);
}

static void
runs_off(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RCX));
}

static void
ends_in_sequence(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64, .reg = NB_RDI, .rm = REG(NB_R15));
}

static void
rex_not_needed(struct builder *b)
{
	put_bytes(b, "\x40\x8b\xc1", 3); /* mov eax, ecx with an empty REX */
	put_return(b);
}

static void
rex_bit_not_used(struct builder *b)
{
	put_bytes(b, "\x42\x8b\xc1", 3); /* REX.X without an index */
	put_return(b);
}

static void
byte_register_without_rex(struct builder *b)
{
	put_bytes(b, "\x0f\xb6\xc4", 3); /* movzx eax, ah */
	put_return(b);
}

static void
byte_register_with_rex(struct builder *b)
{
	PUT(b, MOVZX8, .reg = NB_RAX, .rm = REG(NB_RSI));
	PUT(b, SET, .cc = CC_E, .rm = REG(NB_RDI));
	put_return(b);
}

static void
displacement_too_long(struct builder *b)
{
	put_prologue(b, FRAME);
	put_bytes(b, "\x8b\x84\x24\x08\x00\x00\x00", 7); /* mov eax, [rsp + disp32 8] */
	put_return(b);
}

static void
displacement_of_zero(struct builder *b)
{
	put_prologue(b, FRAME);
	put_bytes(b, "\x8b\x44\x24\x00", 4); /* mov eax, [rsp + disp8 0] */
	put_return(b);
}

static void
sib_not_needed(struct builder *b)
{
	put_bytes(b, "\x8d\x04\x21", 3); /* lea eax, [rcx] with a SIB byte */
	put_return(b);
}

static void
scale_without_index(struct builder *b)
{
	put_prologue(b, FRAME);
	put_bytes(b, "\x8b\x04\x64", 3); /* mov eax, [rsp] with scale 2 */
	put_return(b);
}

static void
no_base_with_rex_b(struct builder *b)
{
	put_bytes(b, "\x49\x8d\x04\x8d\x00\x00\x00\x00", 8); /* lea rax, [rcx * 4], REX.B */
	put_return(b);
}

static void
no_base(struct builder *b)
{
	PUT(b, LEA64, .reg = NB_RAX, .rm = x64_rm_indexed(X64_NO_REG, NB_RCX, 2, 0));
	PUT(b, LEA64, .reg = NB_RAX, .rm = x64_rm_indexed(NB_RBP, NB_RCX, 3, 0));
	put_return(b);
}

static void
immediate_too_long(struct builder *b)
{
	put_bytes(b, "\x81\xc0\x01\x00\x00\x00", 6); /* add eax, imm32 1 */
	put_return(b);
}

static void
immediates(struct builder *b)
{
	PUT(b, ADD32_IMM, .rm = REG(NB_RAX), .imm = 1);
	PUT(b, ADD32_IMM, .rm = REG(NB_RAX), .imm = 1000);
	PUT(b, MOV64_IMM, .reg = NB_R9, .imm = INT64_MIN);
	PUT(b, MOV32_IMM, .reg = NB_RAX, .imm = UINT32_MAX);
	PUT(b, ROUNDSS, .reg = 1, .rm = REG(2), .imm = 10);
	PUT(b, MOV64_SIMM, .rm = REG(NB_RAX), .imm = -1);
	put_return(b);
}

static void
vex_too_long(struct builder *b)
{
	b->cpu_features = NB_CPU_AVX;
	put_bytes(b, "\xc4\xe1\x70\x58\xc2", 5); /* vaddps xmm0, xmm1, xmm2 in three bytes */
	put_return(b);
}

static void
vex_register_not_used(struct builder *b)
{
	b->cpu_features = NB_CPU_AVX;
	put_bytes(b, "\xc5\xf0\x28\xc2", 4); /* vmovaps with a VVVV */
	put_return(b);
}

static void
vex(struct builder *b)
{
	b->cpu_features = NB_CPU_AVX;
	PUT(b, VADDSS, .reg = 9, .vvvv = 10, .rm = REG(11));
	PUT(b, VMOVAPS, .reg = 1, .rm = REG(9));
	put_return(b);
}

static void
feature_not_declared(struct builder *b)
{
	PUT(b, VADDSS, .reg = 9, .vvvv = 10, .rm = REG(11));
	put_return(b);
}

/* Without VEX. */
static void
feature_of_register_not_declared(struct builder *b)
{
	PUT(b, TZCNT32, .reg = NB_RAX, .rm = REG(NB_RCX));
	put_return(b);
}

static void
feature_of_memory_not_declared(struct builder *b)
{
	b->cpu_features = NB_CPU_BMI1;
	ACCESS(b, LZCNT64, .reg = NB_RAX, .rm = MEM(NB_R14, 8));
	put_return(b);
}

static void
feature_of_no_processor(struct builder *b)
{
	b->cpu_features = NB_CPU_LZCNT;
	put_return(b);
}

static void
fence(struct builder *b)
{
	PUT(b, MFENCE, .rm = REG(0));
	PUT(b, NOP);
	PUT(b, NOP_LONG, .rm = MEM(NB_RAX, 0));
	put_return(b);
}

static void
fence_of_register(struct builder *b)
{
	put_bytes(b, "\x0f\xae\xf1", 3);
	put_return(b);
}

/* --- labels and claims ------------------------------------------------------- */

static void
branch_forward(struct builder *b)
{
	uint32_t field = put_branch(b, NB_FORM_J_32, CC_E, 0);

	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RCX));
	patch(b, field);
	put_return(b);
}

static void
branch_into_instruction(struct builder *b)
{
	uint32_t field = put_branch(b, NB_FORM_J_32, CC_E, 0);

	PUT(b, ADD32_IMM, .rm = REG(NB_RAX), .imm = 1000);
	patch(b, field);
	b->code.bytes[field] -= 2;
	put_return(b);
}

static void
branch_behind_the_end(struct builder *b)
{
	(void)put_branch(b, NB_FORM_J_32, CC_E, 4000);
	put_return(b);
}

static void
branch_into_prologue(struct builder *b)
{
	put_prologue(b, FRAME);
	(void)put_branch(b, NB_FORM_J_32, CC_E, 0);
	put_return(b);
}

static void
branch_before_the_start(struct builder *b)
{
	(void)put_branch(b, NB_FORM_J_32, CC_E, (uint32_t)-64);
	put_return(b);
}

static void
loop(struct builder *b)
{
	claim(b, 0);
	PUT(b, ADD32_IMM, .rm = REG(NB_RAX), .imm = -1);
	(void)put_branch(b, NB_FORM_J_32, CC_NE, 0);
	put_return(b);
}

static void
loop_without_claim(struct builder *b)
{
	PUT(b, ADD32_IMM, .rm = REG(NB_RAX), .imm = -1);
	(void)put_branch(b, NB_FORM_J_32, CC_NE, 0);
	put_return(b);
}

static void
loop_claims_at_entry(struct builder *b)
{
	claim(b, 1 << NB_RAX);
	PUT(b, ADD32_IMM, .rm = REG(NB_RAX), .imm = -1);
	(void)put_branch(b, NB_FORM_J_32, CC_NE, 0);
	put_return(b);
}

static void
loop_claims_at_branch(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	claim(b, 1 << NB_RAX);
	uint32_t top = b->code.len;
	PUT(b, ADD64_IMM, .rm = REG(NB_RAX), .imm = -1);
	(void)put_branch(b, NB_FORM_J_32, CC_NE, top);
	put_return(b);
}

static void
loop_entered_at_its_end(struct builder *b)
{
	uint32_t field = put_branch(b, NB_FORM_JMP_32, 0, 0);
	claim(b, 1 << NB_RAX);
	uint32_t top = b->code.len;
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	patch(b, field);
	PUT(b, ADD32_IMM, .rm = REG(NB_RAX), .imm = -1);
	(void)put_branch(b, NB_FORM_J_32, CC_NE, top);
	put_return(b);
}

static void
claim_at_no_label(struct builder *b)
{
	put_return(b);
	claim(b, 0);
}

static void
claim_twice(struct builder *b)
{
	claim(b, 0);
	claim(b, 0);
	PUT(b, ADD32_IMM, .rm = REG(NB_RAX), .imm = -1);
	(void)put_branch(b, NB_FORM_J_32, CC_NE, 0);
	put_return(b);
}

static void
claim_inside_instruction(struct builder *b)
{
	PUT(b, ADD32_IMM, .rm = REG(NB_RAX), .imm = 1000);
	claim(b, 0);
	b->claims[0].code_offset--;
	put_return(b);
}

/* An address whose upper half is known on one of two ways. */
static void
known_on_one_way(struct builder *b)
{
	uint32_t field = put_branch(b, NB_FORM_J_32, CC_E, 0);

	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	patch(b, field);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	put_return(b);
}

static void
known_on_both_ways(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	uint32_t field = put_branch(b, NB_FORM_J_32, CC_E, 0);
	PUT(b, ADD32_IMM, .rm = REG(NB_RAX), .imm = 1);
	patch(b, field);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	put_return(b);
}

static void
dead_code(struct builder *b)
{
	put_trap(b, NB_TRAP_UNREACHABLE);
	PUT(b, NOP);
	put_return(b);
}

/* Nothing is known there, but what it says itself. */
static void
dead_code_that_knows(struct builder *b)
{
	put_prologue(b, FRAME);
	uint32_t jump = put_branch(b, NB_FORM_JMP_32, 0, 0);
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	patch(b, jump);
	put_return(b);
}

static void
dead_code_that_remembers(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	put_trap(b, NB_TRAP_UNREACHABLE);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	put_return(b);
}

/* A branch there does not make it reached: what is behind knows what the jump there knows. */
static void
dead_branch(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RAX, .rm = REG(NB_RAX));
	uint32_t jump = put_branch(b, NB_FORM_J_32, CC_E, 0);
	put_trap(b, NB_TRAP_UNREACHABLE);
	uint32_t dead = put_branch(b, NB_FORM_J_32, CC_E, 0);
	patch(b, jump);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	patch(b, dead);
	put_return(b);
}

static void
rex_before_nop(struct builder *b)
{
	put_bytes(b, "\x41\x90", 2);
	put_return(b);
}

/* What is refused at byte 0 is not looked at once more, with the next site. */
static void
trap_of_two_sites(struct builder *b)
{
	site(b, NB_SITE_INDIRECT);
	put_trap(b, NB_TRAP_UNREACHABLE);
}

const struct verifier_case cases_stream[] = {
	OK(just_return),
	REFUSED(forbidden, INSTRUCTION),
	REFUSED(forbidden_vex, INSTRUCTION),
	REFUSED(forbidden_map, INSTRUCTION),
	REFUSED(cut_off, INSTRUCTION),
	REFUSED(runs_off, END),
	REFUSED(ends_in_sequence, END),
	REFUSED(rex_not_needed, ENCODING),
	REFUSED(rex_bit_not_used, ENCODING),
	REFUSED(byte_register_without_rex, ENCODING),
	OK(byte_register_with_rex),
	REFUSED(displacement_too_long, ENCODING),
	REFUSED(displacement_of_zero, ENCODING),
	REFUSED(sib_not_needed, ENCODING),
	REFUSED(scale_without_index, ENCODING),
	REFUSED(no_base_with_rex_b, ENCODING),
	OK(no_base),
	REFUSED(immediate_too_long, ENCODING),
	OK(immediates),
	REFUSED(vex_too_long, ENCODING),
	REFUSED(vex_register_not_used, ENCODING),
	OK(vex),
	REFUSED(feature_not_declared, FEATURE),
	REFUSED(feature_of_register_not_declared, FEATURE),
	REFUSED(feature_of_memory_not_declared, FEATURE),
	REFUSED(feature_of_no_processor, FEATURE),
	OK(fence),
	REFUSED(fence_of_register, ENCODING),
	OK(branch_forward),
	REFUSED(branch_into_instruction, LABEL),
	REFUSED(branch_behind_the_end, LABEL),
	REFUSED(branch_into_prologue, LABEL),
	REFUSED(branch_before_the_start, LABEL),
	OK(loop),
	REFUSED(loop_without_claim, LABEL),
	REFUSED(loop_claims_at_entry, CLAIM),
	REFUSED(loop_claims_at_branch, CLAIM),
	OK(loop_entered_at_its_end),
	REFUSED(claim_at_no_label, CLAIM),
	REFUSED(claim_twice, CLAIM),
	REFUSED(claim_inside_instruction, CLAIM),
	REFUSED(known_on_one_way, EXTENSION),
	OK(known_on_both_ways),
	OK(dead_code),
	OK(dead_code_that_knows),
	REFUSED(dead_code_that_remembers, EXTENSION),
	OK(dead_branch),
	REFUSED(rex_before_nop, ENCODING),
	REFUSED(trap_of_two_sites, SITE),
	{ 0 },
};
