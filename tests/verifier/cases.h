/*
 * What the cases of test_rules share: tables of code that is accepted, or refused for a
 * rule, and builders of templates with one thing wrong.
 */
#ifndef TESTS_VERIFIER_CASES_H
#define TESTS_VERIFIER_CASES_H

#include "tests/verifier/builder.h"

struct verifier_case {
	const char *name;
	void (*build)(struct builder *b);
	enum verifier_rule rule; /* NONE: accepted */
};

#define OK(build)                            \
	{                                    \
#build, build, VERIFIER_NONE \
	}
#define REFUSED(build, rule)                   \
	{                                      \
#build, build, VERIFIER_##rule \
	}

/* Each ends with an empty one. */
extern const struct verifier_case cases_stream[], cases_forms[], cases_registers[], cases_frame[],
	cases_memory[], cases_calls[], cases_tail[], cases_port[];

enum { FRAME = 56, CC_B = 2, CC_AE = 3, CC_E = 4, CC_NE = 5, CC_A = 7 };

/* Which instruction of the template is wrong, and how. */
enum change {
	RIGHT,
	OTHER_DESCRIPTOR, /* of the table of externs */
	OTHER_LENGTH,
	OTHER_CONDITION,
	NO_MASK,
	SHIFT_BY_4,
	OTHER_BASE,
	NO_TYPE,
	OTHER_SIGNATURE_FIELD,
	SIGNATURE_EQUAL,
	OTHER_VMCTX_FIELD,
	SAME_CONDITION,
	OTHER_CODE_FIELD,
	FOREIGN_ELSEWHERE,
	NO_JUMP,
	DONE_ELSEWHERE,
	OTHER_CROSS_FIELD,
	ENTERED,
	LARGE_AREA,
	NO_CALLEE,
	SHORT_JUMPS,   /* as good as long ones */
	GARBAGE,       /* behind the comparison of contexts */
	GARBAGE_LATER, /* behind the branch after that */
};

/* From the shift on up to the comparison of signatures; *mismatch: its branch. */
void
put_callee(struct builder *b, enum change change, uint32_t trap, uint32_t type, uint32_t *mismatch);
void put_mask(struct builder *b, enum change change, int32_t mask);

/* Saves of RBX and R12 behind a prologue of FRAME bytes; the restores. */
void put_saves(struct builder *b);
void put_restores(struct builder *b);

#endif
