/*
 * Entry of every vector, and the way back. See trap.h.
 */
#include "arch/x86_64/priv/trap.h"

	.intel_syntax noprefix
	.text

	/* One stub a vector: an error code (real or 0), the vector, and on. */
	.balign	16
	.globl	trap_stubs
trap_stubs:
	.set	vector, 0
	.rept	TRAP_VECTORS
	.balign	TRAP_STUB_BYTES
	/* 8 DF, 10 TS, 11 NP, 12 SS, 13 GP, 14 PF, 17 AC, 21 CP, 29 VC, 30 SX */
	.if	!((0x60227d00 >> vector) & 1) || vector > 31
	push	0
	.endif
	push	vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr
	.balign	TRAP_STUB_BYTES

	/* RSP is 16-aligned after the subtraction: the processor aligns an
	 * interrupt stack before it pushes. */
	.type	trap_common, @function
trap_common:
	sub	rsp, TRAP_STATE_BYTES
	mov	[rsp + 0], rax
	mov	[rsp + 8], rcx
	mov	[rsp + 16], rdx
	mov	[rsp + 24], rbx
	mov	[rsp + 40], rbp
	mov	[rsp + 48], rsi
	mov	[rsp + 56], rdi
	mov	[rsp + 64], r8
	mov	[rsp + 72], r9
	mov	[rsp + 80], r10
	mov	[rsp + 88], r11
	mov	[rsp + 96], r12
	mov	[rsp + 104], r13
	mov	[rsp + 112], r14
	mov	[rsp + 120], r15
	cld
	mov	rdi, rsp
	call	trap_handle
	test	eax, eax
	jz	2f

	/* Guest code was interrupted: its whole state goes to the core. */
	movaps	[rsp + TRAP_STATE_XMM + 0], xmm0
	movaps	[rsp + TRAP_STATE_XMM + 16], xmm1
	movaps	[rsp + TRAP_STATE_XMM + 32], xmm2
	movaps	[rsp + TRAP_STATE_XMM + 48], xmm3
	movaps	[rsp + TRAP_STATE_XMM + 64], xmm4
	movaps	[rsp + TRAP_STATE_XMM + 80], xmm5
	movaps	[rsp + TRAP_STATE_XMM + 96], xmm6
	movaps	[rsp + TRAP_STATE_XMM + 112], xmm7
	movaps	[rsp + TRAP_STATE_XMM + 128], xmm8
	movaps	[rsp + TRAP_STATE_XMM + 144], xmm9
	movaps	[rsp + TRAP_STATE_XMM + 160], xmm10
	movaps	[rsp + TRAP_STATE_XMM + 176], xmm11
	movaps	[rsp + TRAP_STATE_XMM + 192], xmm12
	movaps	[rsp + TRAP_STATE_XMM + 208], xmm13
	movaps	[rsp + TRAP_STATE_XMM + 224], xmm14
	movaps	[rsp + TRAP_STATE_XMM + 240], xmm15
	stmxcsr	[rsp + TRAP_STATE_MXCSR]
	mov	rdi, rsp
	call	trap_handle_guest
	movaps	xmm0, [rsp + TRAP_STATE_XMM + 0]
	movaps	xmm1, [rsp + TRAP_STATE_XMM + 16]
	movaps	xmm2, [rsp + TRAP_STATE_XMM + 32]
	movaps	xmm3, [rsp + TRAP_STATE_XMM + 48]
	movaps	xmm4, [rsp + TRAP_STATE_XMM + 64]
	movaps	xmm5, [rsp + TRAP_STATE_XMM + 80]
	movaps	xmm6, [rsp + TRAP_STATE_XMM + 96]
	movaps	xmm7, [rsp + TRAP_STATE_XMM + 112]
	movaps	xmm8, [rsp + TRAP_STATE_XMM + 128]
	movaps	xmm9, [rsp + TRAP_STATE_XMM + 144]
	movaps	xmm10, [rsp + TRAP_STATE_XMM + 160]
	movaps	xmm11, [rsp + TRAP_STATE_XMM + 176]
	movaps	xmm12, [rsp + TRAP_STATE_XMM + 192]
	movaps	xmm13, [rsp + TRAP_STATE_XMM + 208]
	movaps	xmm14, [rsp + TRAP_STATE_XMM + 224]
	movaps	xmm15, [rsp + TRAP_STATE_XMM + 240]
	ldmxcsr	[rsp + TRAP_STATE_MXCSR]
	mov	rbx, [rsp + 24]
	mov	rbp, [rsp + 40]
	mov	r12, [rsp + 96]
	mov	r13, [rsp + 104]
	mov	r14, [rsp + 112]
	mov	r15, [rsp + 120]
2:	mov	rax, [rsp + 0]
	mov	rcx, [rsp + 8]
	mov	rdx, [rsp + 16]
	mov	rsi, [rsp + 48]
	mov	rdi, [rsp + 56]
	mov	r8, [rsp + 64]
	mov	r9, [rsp + 72]
	mov	r10, [rsp + 80]
	mov	r11, [rsp + 88]
	add	rsp, TRAP_STATE_BYTES + 16
	iretq
	.size	trap_common, . - trap_common

	.section .note.GNU-stack, "", @progbits
