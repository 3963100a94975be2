/*
 * Builders that several files of cases share.
 */
#include "tests/verifier/cases.h"

void
put_callee(struct builder *b, enum change change, uint32_t trap, uint32_t type, uint32_t *mismatch)
{
	PUT(b, SHL64_IMM, .rm = REG(NB_R10), .imm = change == SHIFT_BY_4 ? 4 : NB_CALLEE_SHIFT);
	if (trap == NB_SITE_REFERENCE)
		PUT(b, ADD64, .reg = NB_R10, .rm = MEM(NB_R11, NB_REFERENCES_BASE));
	else
		PUT(b, ADD64, .reg = NB_R10,
		    .rm = MEM(NB_R15, at_table(b, change == OTHER_BASE, NB_VMCTX_TABLE_BASE)));
	PUT(b, MOV32, .reg = NB_R11, .rm = MEM(NB_R15, at_type(b, change == NO_TYPE ? 3 : type)));
	PUT(b, CMP32, .reg = NB_R11,
	    .rm = MEM(NB_R10, change == OTHER_SIGNATURE_FIELD ? 20 : NB_CALLEE_SIGNATURE));
	*mismatch = put_branch(b, NB_FORM_J_32, change == SIGNATURE_EQUAL ? CC_E : CC_NE, 0);
}

void
put_mask(struct builder *b, enum change change, int32_t mask)
{
	if (change != NO_MASK)
		PUT(b, AND32, .reg = NB_R10, .rm = MEM(NB_R11, mask));
}

void
put_saves(struct builder *b)
{
	put_prologue(b, FRAME);
	PUT(b, MOV64_STORE, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 16));
	PUT(b, MOV64_STORE, .reg = NB_R12, .rm = MEM(NB_RSP, FRAME - 8));
}

void
put_restores(struct builder *b)
{
	PUT(b, MOV64, .reg = NB_RBX, .rm = MEM(NB_RSP, FRAME - 16));
	PUT(b, MOV64, .reg = NB_R12, .rm = MEM(NB_RSP, FRAME - 8));
}
