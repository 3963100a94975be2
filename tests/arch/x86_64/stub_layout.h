/*
 * What stub_code.S and test_stubs.c share; for the preprocessor. test_stubs.c
 * asserts the offsets.
 */
#ifndef TESTS_ARCH_X86_64_STUB_LAYOUT_H
#define TESTS_ARCH_X86_64_STUB_LAYOUT_H

/* In both contexts: the address of the plan; in the caller's its one import. */
#define CONTEXT_PLAN	256
#define CONTEXT_IMPORTS 512

/* struct plan */
#define PLAN_STEP	 0
#define PLAN_HOSTILE	 8
#define PLAN_HOSTILE_XMM 136
#define PLAN_FRAME	 392
#define PLAN_BEFORE_RSP	 400
#define PLAN_AFTER	 408
#define PLAN_PATTERN	 536
#define PLAN_LEFT	 544
#define PLAN_AFTER_XMM	 552
#define PLAN_AFTER_R11	 808
#define PLAN_AFTER_FLAGS 816
#define PLAN_STEPS	 824

/* struct step */
#define STEP_KIND   0
#define STEP_FRAME  8
#define STEP_WORD   16
#define STEP_TARGET 24
#define STEP_AREA   32
#define STEP_OUT    40
#define STEP_SEEN   48
#define STEP_LOG    176
#define STEP_XMM    184
#define STEP_FLAGS  440
#define STEP_BYTES  448

#define KIND_RETURN 0
#define KIND_HARD   1
#define KIND_GROW   2

#endif
