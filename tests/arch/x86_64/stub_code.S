/*
 * Guest functions that enter the stubs with hostile registers. They do by tables
 * (struct plan) what compiled code does with constants, and log what they see.
 */
#include "arch/x86_64/guest_layout.h"
#include "tests/arch/x86_64/stub_layout.h"

	.intel_syntax noprefix
	.section .rodata
	.globl	stub_code_start, stub_code_end
	.balign	16
stub_code_start:

	.macro store_gprs base, at
	mov	[\base + \at + 8 * 0], rax
	mov	[\base + \at + 8 * 1], rcx
	mov	[\base + \at + 8 * 2], rdx
	mov	[\base + \at + 8 * 3], rbx
	mov	[\base + \at + 8 * 4], rsp
	mov	[\base + \at + 8 * 5], rbp
	mov	[\base + \at + 8 * 6], rsi
	mov	[\base + \at + 8 * 7], rdi
	mov	[\base + \at + 8 * 8], r8
	mov	[\base + \at + 8 * 9], r9
	mov	[\base + \at + 8 * 12], r12
	mov	[\base + \at + 8 * 13], r13
	mov	[\base + \at + 8 * 14], r14
	mov	[\base + \at + 8 * 15], r15
	.endm

	.macro store_xmms base, at
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups	[\base + \at + 16 * \n], xmm\n
	.endr
	.endm

/* All that a call may clobber, but R10 and R11. */
	.macro hostile_scratch base
	mov	rax, [\base + PLAN_HOSTILE + 8 * 0]
	mov	rcx, [\base + PLAN_HOSTILE + 8 * 1]
	mov	rdx, [\base + PLAN_HOSTILE + 8 * 2]
	mov	rsi, [\base + PLAN_HOSTILE + 8 * 6]
	mov	rdi, [\base + PLAN_HOSTILE + 8 * 7]
	mov	r8, [\base + PLAN_HOSTILE + 8 * 8]
	mov	r9, [\base + PLAN_HOSTILE + 8 * 9]
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups	xmm\n, [\base + PLAN_HOSTILE_XMM + 16 * \n]
	.endr
	.endm

/*
 * Fills a frame of PLAN_FRAME bytes from PLAN_PATTERN, calls the import (RSI = 1:
 * its code, in this instance) with every register hostile, and copies the frame
 * to PLAN_LEFT afterwards. In place of R11, PLAN_AFTER gets the head's guest_sp, and
 * PLAN_AFTER_R11 what was in it.
 */
	.balign	16
	.globl	stub_code_start_chain
stub_code_start_chain:
	push	rbx
	push	rbp
	push	r12
	push	r13
	mov	rax, rsi
	mov	r10, [r15 + CONTEXT_PLAN]
	sub	rsp, [r10 + PLAN_FRAME]
	mov	[r10 + PLAN_BEFORE_RSP], rsp
	mov	rdi, rsp
	mov	rsi, [r10 + PLAN_PATTERN]
	mov	rcx, [r10 + PLAN_FRAME]
	shr	rcx, 3
	rep movsq
	cmp	rax, 1
	hostile_scratch r10
	mov	rbx, [r10 + PLAN_HOSTILE + 8 * 3]
	mov	rbp, [r10 + PLAN_HOSTILE + 8 * 5]
	mov	r12, [r10 + PLAN_HOSTILE + 8 * 12]
	mov	r13, [r10 + PLAN_HOSTILE + 8 * 13]
	mov	r10, [r10 + PLAN_HOSTILE + 8 * 10]
	je	1f
	lea	r11, [r15 + CONTEXT_IMPORTS]
	call	[r11 + 24]
	jmp	2f
1:	call	[r15 + CONTEXT_IMPORTS + CALLEE_CODE]
2:	pushfq
	push	r11
	push	r10
	mov	r10, [r15 + CONTEXT_PLAN]
	pop	[r10 + PLAN_AFTER + 8 * 10]
	pop	[r10 + PLAN_AFTER_R11]
	pop	[r10 + PLAN_AFTER_FLAGS]
	store_gprs r10, PLAN_AFTER
	store_xmms r10, PLAN_AFTER_XMM
	mov	r11, [r15 + VMCTX_THREAD]
	mov	r11, [r11 + THREAD_GUEST_SP]
	mov	[r10 + PLAN_AFTER + 8 * 11], r11
	mov	rsi, rsp
	mov	rdi, [r10 + PLAN_LEFT]
	mov	rcx, [r10 + PLAN_FRAME]
	shr	rcx, 3
	rep movsq
	add	rsp, [r10 + PLAN_FRAME]
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

/*
 * One step of the plan: logs registers and area. Then returns, with STEP_OUT in
 * the area; or fills a frame from it and ends in a tail stub.
 */
	.balign	16
	.globl	stub_code_hop
stub_code_hop:
	pushfq
	push	r11
	push	r10
	mov	r10, [r15 + CONTEXT_PLAN]
	imul	r11, [r10 + PLAN_STEP], STEP_BYTES
	lea	r11, [r10 + r11 + PLAN_STEPS]
	pop	[r11 + STEP_SEEN + 8 * 10]
	pop	[r11 + STEP_SEEN + 8 * 11]
	pop	[r11 + STEP_FLAGS]
	add	qword ptr [r10 + PLAN_STEP], 1
	store_gprs r11, STEP_SEEN
	store_xmms r11, STEP_XMM
	lea	rsi, [rsp + 8]
	mov	rdi, [r11 + STEP_LOG]
	mov	rcx, [r11 + STEP_AREA]
	rep movsq
	cmp	qword ptr [r11 + STEP_KIND], KIND_RETURN
	je	2f
	sub	rsp, [r11 + STEP_FRAME]
	mov	rdi, rsp
	mov	rsi, [r11 + STEP_OUT]
	mov	rcx, [r11 + STEP_FRAME]
	shr	rcx, 3
	rep movsq
	cmp	qword ptr [r11 + STEP_KIND], KIND_HARD
	hostile_scratch r10
	mov	r10, [r11 + STEP_WORD]
	mov	r11, [r11 + STEP_TARGET]
	jne	1f
	jmp	[r15 + 56]
1:	jmp	[r15 + 64]
2:	lea	rdi, [rsp + 8]
	mov	rsi, [r11 + STEP_OUT]
	mov	rcx, [r11 + STEP_AREA]
	rep movsq
	mov	r11, [r10 + PLAN_HOSTILE + 8 * 11]
	hostile_scratch r10
	mov	r10, [r10 + PLAN_HOSTILE + 8 * 10]
	ret

	.balign	16
stub_code_end:
	.section .note.GNU-stack, "", @progbits
