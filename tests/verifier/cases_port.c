/*
 * Cases of test_rules: accesses to ports.
 */
#include "tests/verifier/cases.h"

static void
load_port(struct builder *b, int64_t port)
{
	PUT(b, MOV32_IMM, .reg = NB_RDX, .imm = port);
}

/* lea r11d, [rdx - first]; cmp r11d, distance; ja trap. Returns the branch. */
static uint32_t
check_port(struct builder *b, int32_t first, int64_t distance)
{
	PUT(b, LEA32, .reg = NB_R11, .rm = MEM(NB_RDX, -first));
	PUT(b, CMP32_IMM, .rm = REG(NB_R11), .imm = distance);
	return put_branch(b, NB_FORM_J_32, CC_A, 0);
}

static void
end_checked(struct builder *b, uint32_t branch)
{
	put_return(b);
	patch(b, branch);
	put_trap(b, NB_TRAP_PORT_OUT_OF_RANGE);
}

/* --- constants --------------------------------------------------------------------- */

static void
port_immediates(struct builder *b)
{
	PUT(b, IN8_IMM, .imm = BUILDER_PORT_LOW);
	PUT(b, OUT8_IMM, .imm = BUILDER_PORT_LOW);
	PUT(b, IN8_IMM, .imm = 0x70);
	PUT(b, IN8_IMM, .imm = 0x71);
	PUT(b, IN16_IMM, .imm = 0x70);
	put_return(b);
}

static void
port_constants(struct builder *b)
{
	template_begin(b);
	load_port(b, BUILDER_PORT);
	template_end(b);
	PUT(b, IN8);
	template_begin(b);
	load_port(b, BUILDER_PORT);
	template_end(b);
	PUT(b, OUT8);
	load_port(b, 0x3fe);
	PUT(b, IN16);
	load_port(b, 0x3f8);
	PUT(b, IN32);
	load_port(b, 0x3fc);
	PUT(b, OUT32);
	load_port(b, 0x3fd);
	PUT(b, OUT16);
	put_return(b);
}

#define CONSTANT(name, form, port)          \
	static void name(struct builder *b) \
	{                                   \
		load_port(b, port);         \
		PUT(b, form);               \
		put_return(b);              \
	}
CONSTANT(port_below, IN8, 0x3f7)
CONSTANT(port_behind, IN8, 0x400)
CONSTANT(port_half_below, IN16, 0x3f7)
CONSTANT(port_half_behind, OUT16, 0x3ff)
CONSTANT(port_mostly_behind, IN32, 0x3fd)
CONSTANT(port_not_readable, IN16, 0x400)
CONSTANT(port_not_writable, OUT8, 0x70)
CONSTANT(port_beyond_16_bits, IN8, 0x103f8)
CONSTANT(port_negative, IN8, 0xffffffff)

#define IMMEDIATE(name, form, port)         \
	static void name(struct builder *b) \
	{                                   \
		PUT(b, form, .imm = port);  \
		put_return(b);              \
	}
IMMEDIATE(port_immediate_below, IN8_IMM, 0x60)
IMMEDIATE(port_immediate_behind, OUT8_IMM, 0x62)
IMMEDIATE(port_immediate_half_behind, IN16_IMM, 0x71)
IMMEDIATE(port_immediate_not_writable, OUT16_IMM, 0x70)
IMMEDIATE(port_immediate_wide, OUT32_IMM, 0x61)
IMMEDIATE(port_immediate_wide_read, IN32_IMM, 0x70)

/* --- unknown ports ------------------------------------------------------------------- */

static void
port_unknown(struct builder *b)
{
	PUT(b, IN8);
	put_return(b);
}

static void
port_other_register(struct builder *b)
{
	PUT(b, MOV32_IMM, .reg = NB_RCX, .imm = BUILDER_PORT);
	PUT(b, IN8);
	put_return(b);
}

static void
port_by_register(struct builder *b)
{
	PUT(b, MOV32, .reg = NB_RDX, .rm = REG(NB_RCX));
	PUT(b, OUT32);
	put_return(b);
}

static void
port_loaded_earlier(struct builder *b)
{
	load_port(b, BUILDER_PORT);
	PUT(b, NOP);
	PUT(b, IN8);
	put_return(b);
}

static void
port_loaded_on_one_way(struct builder *b)
{
	PUT(b, TEST32, .reg = NB_RAX, .rm = REG(NB_RAX));
	uint32_t branch = put_branch(b, NB_FORM_J_32, CC_E, 0);

	load_port(b, BUILDER_PORT);
	patch(b, branch);
	PUT(b, IN8);
	put_return(b);
}

static void
port_loaded_before_loop(struct builder *b)
{
	load_port(b, BUILDER_PORT);
	claim(b, 0);
	uint32_t start = b->code.len;

	PUT(b, IN8);
	PUT(b, MOV32, .reg = NB_RDX, .rm = REG(NB_RCX));
	PUT(b, TEST32, .reg = NB_RAX, .rm = REG(NB_RAX));
	(void)put_branch(b, NB_FORM_J_32, CC_E, start);
	put_return(b);
}

/* The bytes of `mov edx, 0x2e8` are there, but as part of another instruction. */
static void
port_hidden(struct builder *b)
{
	PUT(b, MOV64_IMM, .reg = NB_RAX, .imm = (int64_t)0x000002e8baccccccULL);
	PUT(b, IN8);
	put_return(b);
}

/* --- computed ports -------------------------------------------------------------------- */

static void
port_computed(struct builder *b)
{
	template_begin(b);
	uint32_t branch = check_port(b, BUILDER_PORT, 0);

	PUT(b, OUT8);
	template_end(b);
	end_checked(b, branch);
}

static void
port_computed_wide(struct builder *b)
{
	uint32_t first = check_port(b, 0x3f8, 6);

	PUT(b, IN16);
	uint32_t second = check_port(b, 0x3f9, 3);

	PUT(b, OUT32);
	put_return(b);
	patch(b, first);
	patch(b, second);
	put_trap(b, NB_TRAP_PORT_OUT_OF_RANGE);
}

#define COMPUTED(name, form, first, distance)                         \
	static void name(struct builder *b)                           \
	{                                                             \
		uint32_t branch = check_port(b, (first), (distance)); \
                                                                      \
		PUT(b, form);                                         \
		end_checked(b, branch);                               \
	}
COMPUTED(computed_below, IN8, 0x3f7, 7)
COMPUTED(computed_too_long, IN8, 0x3f8, 8)
COMPUTED(computed_too_long_for_width, IN32, 0x3f8, 5)
COMPUTED(computed_not_readable, IN8, 0x400, 3)
COMPUTED(computed_not_writable, OUT8, 0x70, 1)
COMPUTED(computed_over_two_ranges, OUT8, 0x3f8, 11)
COMPUTED(computed_negative, IN8, -8, 7)
COMPUTED(computed_distance_negative, IN8, 0x3f8, -1)
COMPUTED(computed_distance_huge, IN8, 0x3f8, INT32_MAX)
COMPUTED(computed_no_access, CDQ, 0x3f8, 7)

static void
computed_with_immediate(struct builder *b)
{
	uint32_t branch = check_port(b, 0x70, 1);

	PUT(b, IN8_IMM, .imm = 0x70);
	end_checked(b, branch);
}

static void
computed_with_index(struct builder *b)
{
	PUT(b, LEA32, .reg = NB_R11, .rm = MEMX(NB_RDX, NB_RCX, -0x3f8));
	PUT(b, CMP32_IMM, .rm = REG(NB_R11), .imm = 7);
	uint32_t branch = put_branch(b, NB_FORM_J_32, CC_A, 0);

	PUT(b, IN8);
	end_checked(b, branch);
}

static void
computed_from_other_register(struct builder *b)
{
	PUT(b, LEA32, .reg = NB_R11, .rm = MEM(NB_RCX, -0x3f8));
	PUT(b, CMP32_IMM, .rm = REG(NB_R11), .imm = 7);
	uint32_t branch = put_branch(b, NB_FORM_J_32, CC_A, 0);

	PUT(b, IN8);
	end_checked(b, branch);
}

static void
computed_compares_other(struct builder *b)
{
	PUT(b, LEA32, .reg = NB_R11, .rm = MEM(NB_RDX, -0x3f8));
	PUT(b, CMP32_IMM, .rm = REG(NB_RCX), .imm = 7);
	uint32_t branch = put_branch(b, NB_FORM_J_32, CC_A, 0);

	PUT(b, IN8);
	end_checked(b, branch);
}

static void
computed_other_condition(struct builder *b)
{
	PUT(b, LEA32, .reg = NB_R11, .rm = MEM(NB_RDX, -0x3f8));
	PUT(b, CMP32_IMM, .rm = REG(NB_R11), .imm = 7);
	uint32_t branch = put_branch(b, NB_FORM_J_32, CC_AE, 0);

	PUT(b, IN8);
	end_checked(b, branch);
}

/* A branch leads between the comparison and the access. */
static void
computed_entered(struct builder *b)
{
	uint32_t entry = put_branch(b, NB_FORM_J_32, CC_E, 0);
	uint32_t branch = check_port(b, 0x3f8, 7);

	patch(b, entry);
	PUT(b, IN8);
	end_checked(b, branch);
}

/* What was read is not an index: its upper half is unknown. */
static void
port_as_index(struct builder *b)
{
	PUT(b, XOR32, .reg = NB_RAX, .rm = REG(NB_RAX));
	PUT(b, IN8_IMM, .imm = BUILDER_PORT_LOW);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	put_return(b);
}

static void
computed_as_index(struct builder *b)
{
	PUT(b, XOR32, .reg = NB_RAX, .rm = REG(NB_RAX));
	uint32_t branch = check_port(b, 0x3f8, 4);

	PUT(b, IN32);
	ACCESS(b, MOV32, .reg = NB_RCX, .rm = MEMX(NB_R14, NB_RAX, 0));
	end_checked(b, branch);
}

const struct verifier_case cases_port[] = {
	OK(port_immediates),
	OK(port_constants),
	REFUSED(port_below, PORT),
	REFUSED(port_behind, PORT),
	REFUSED(port_half_below, PORT),
	REFUSED(port_half_behind, PORT),
	REFUSED(port_mostly_behind, PORT),
	REFUSED(port_not_readable, PORT),
	REFUSED(port_not_writable, PORT),
	REFUSED(port_beyond_16_bits, PORT),
	REFUSED(port_negative, PORT),
	REFUSED(port_immediate_below, PORT),
	REFUSED(port_immediate_behind, PORT),
	REFUSED(port_immediate_half_behind, PORT),
	REFUSED(port_immediate_not_writable, PORT),
	REFUSED(port_immediate_wide, PORT),
	REFUSED(port_immediate_wide_read, PORT),
	REFUSED(port_unknown, PORT),
	REFUSED(port_other_register, PORT),
	REFUSED(port_by_register, PORT),
	REFUSED(port_loaded_earlier, PORT),
	REFUSED(port_loaded_on_one_way, PORT),
	REFUSED(port_loaded_before_loop, PORT),
	REFUSED(port_hidden, PORT),
	OK(port_computed),
	OK(port_computed_wide),
	REFUSED(computed_below, PORT),
	REFUSED(computed_too_long, PORT),
	REFUSED(computed_too_long_for_width, PORT),
	REFUSED(computed_not_readable, PORT),
	REFUSED(computed_not_writable, PORT),
	REFUSED(computed_over_two_ranges, PORT),
	REFUSED(computed_negative, PORT),
	REFUSED(computed_distance_negative, TEMPLATE),
	REFUSED(computed_distance_huge, PORT),
	REFUSED(computed_no_access, TEMPLATE),
	REFUSED(computed_with_immediate, TEMPLATE),
	REFUSED(computed_with_index, TEMPLATE),
	REFUSED(computed_from_other_register, PORT),
	REFUSED(computed_compares_other, TEMPLATE),
	REFUSED(computed_other_condition, TEMPLATE),
	REFUSED(computed_entered, LABEL),
	REFUSED(port_as_index, EXTENSION),
	REFUSED(computed_as_index, EXTENSION),
	{ 0 },
};
