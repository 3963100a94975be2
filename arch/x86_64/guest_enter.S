/*
 * From C into guest code, and back when it does not return. Guest code enters none of this;
 * where it returns to is guest_enter_call's (guest_stubs.S), which goes on at guest_enter_leave.
 */
#include "arch/x86_64/guest_layout.h"

	.intel_syntax noprefix
	.text

/*
 * enum nb_trap guest_enter(head rdi, callee rsi, call rdx)
 *
 * Frame below the six saved registers:
 *	[rbp]			struct guest_activation
 *	[rbp + FRAME_HEAD]	head
 *	[rbp + FRAME_CALL]	call
 * and under RBP the incoming-argument area of the callee.
 */
	.globl	guest_enter
	.type	guest_enter, @function
	.balign	16
guest_enter:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	push	rdx
	push	rdi
	sub	rsp, ACTIVATION_BYTES
	mov	rbp, rsp
	mov	rax, [rdi + THREAD_ACTIVATION]
	mov	[rbp + ACTIVATION_PREVIOUS], rax
	mov	[rbp + ACTIVATION_STACK], rsp
	mov	qword ptr [rbp + ACTIVATION_OUTCOME], 0
	mov	rax, [rdi + THREAD_GUEST_SP]
	mov	[rbp + ACTIVATION_SAVED_GUEST_SP], rax
	lea	rax, [rip + guest_enter_leave]
	mov	[rbp + ACTIVATION_LANDING], rax
	mov	[rdi + THREAD_ACTIVATION], rbp
	mov	qword ptr [rdi + THREAD_GUEST_SP], 0

	mov	ecx, [rdx + CALL_AREA_SLOTS]
	mov	rax, [rdx + CALL_AREA]
	jmp	2f
1:	push	qword ptr [rax + rcx * 8]
2:	sub	ecx, 1
	jns	1b

	mov	r11, rsi
	mov	r15, [r11 + CALLEE_VMCTX]
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	mov	r10, rdx
	mov	rsi, [r10 + CALL_GPR + 0]
	mov	rdx, [r10 + CALL_GPR + 8]
	mov	rcx, [r10 + CALL_GPR + 16]
	mov	r8, [r10 + CALL_GPR + 24]
	mov	r9, [r10 + CALL_GPR + 32]
	mov	rdi, [r10 + CALL_GPR + 40]
	mov	rax, [r10 + CALL_GPR + 48]
	movups	xmm0, [r10 + CALL_XMM + 0]
	movups	xmm1, [r10 + CALL_XMM + 16]
	movups	xmm2, [r10 + CALL_XMM + 32]
	movups	xmm3, [r10 + CALL_XMM + 48]
	movups	xmm4, [r10 + CALL_XMM + 64]
	movups	xmm5, [r10 + CALL_XMM + 80]
	movups	xmm6, [r10 + CALL_XMM + 96]
	movups	xmm7, [r10 + CALL_XMM + 112]
	jmp	guest_enter_call

	/* RSP is the activation's stack. */
	.globl	guest_enter_leave
guest_enter_leave:
	mov	rdi, [rsp + FRAME_HEAD]
	mov	rax, [rsp + ACTIVATION_PREVIOUS]
	mov	[rdi + THREAD_ACTIVATION], rax
	mov	rax, [rsp + ACTIVATION_SAVED_GUEST_SP]
	mov	[rdi + THREAD_GUEST_SP], rax
	mov	eax, [rsp + ACTIVATION_OUTCOME]
	add	rsp, ACTIVATION_BYTES + 16
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret
	.size	guest_enter, . - guest_enter

/*
 * _Noreturn void guest_unwind(head rdi, trap esi)
 *
 * Not entered by guest code, but in its place, by trusted code and fault handlers:
 * takes nothing from registers but its arguments.
 */
	.globl	guest_unwind
	.type	guest_unwind, @function
	.balign	16
guest_unwind:
	mov	rax, [rdi + THREAD_ACTIVATION]
	mov	[rax + ACTIVATION_OUTCOME], rsi
	mov	rsp, [rax + ACTIVATION_STACK]
	jmp	[rax + ACTIVATION_LANDING]
	.size	guest_unwind, . - guest_unwind

	.section .note.GNU-stack, "", @progbits
