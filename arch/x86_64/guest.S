/*
 * The way into guest code and out of it, and between instances.
 *
 * Register roles are those of abi/code_contract.h. Everything here runs the
 * same in ring 0 and as an ordinary Linux process.
 */
#include "arch/x86_64/guest_layout.h"

	.intel_syntax noprefix
	.text

/*
 * enum nb_trap guest_enter(head rdi, callee rsi, call rdx)
 *
 * Frame below the six saved registers:
 *	[rbp + 0]	padding
 *	[rbp + 8]	struct guest_activation
 *	[rbp + 40]	head
 *	[rbp + 48]	call
 * and under RBP the incoming-argument area of the callee.
 */
#define FRAME_ACTIVATION 8
#define FRAME_HEAD 40
#define FRAME_CALL 48
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
	sub	rsp, ACTIVATION_BYTES + 8
	mov	rbp, rsp
	mov	rax, [rdi + THREAD_ACTIVATION]
	mov	[rbp + FRAME_ACTIVATION + ACTIVATION_PREVIOUS], rax
	mov	[rbp + FRAME_ACTIVATION + ACTIVATION_STACK], rsp
	mov	qword ptr [rbp + FRAME_ACTIVATION + ACTIVATION_OUTCOME], 0
	mov	rax, [rdi + THREAD_GUEST_SP]
	mov	[rbp + FRAME_ACTIVATION + ACTIVATION_SAVED_GUEST_SP], rax
	lea	rax, [rbp + FRAME_ACTIVATION]
	mov	[rdi + THREAD_ACTIVATION], rax
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
	call	[r11 + CALLEE_CODE]
	.globl	guest_enter_return
guest_enter_return:
	mov	r10, [rbp + FRAME_CALL]
	mov	[r10 + CALL_GPR + 0], rax
	mov	[r10 + CALL_GPR + 8], rdx
	mov	[r10 + CALL_GPR + 16], rcx
	mov	[r10 + CALL_GPR + 24], rsi
	mov	[r10 + CALL_GPR + 32], r8
	mov	[r10 + CALL_GPR + 40], r9
	movups	[r10 + CALL_XMM + 0], xmm0
	movups	[r10 + CALL_XMM + 16], xmm1
	movups	[r10 + CALL_XMM + 32], xmm2
	movups	[r10 + CALL_XMM + 48], xmm3
	movups	[r10 + CALL_XMM + 64], xmm4
	movups	[r10 + CALL_XMM + 80], xmm5
	movups	[r10 + CALL_XMM + 96], xmm6
	movups	[r10 + CALL_XMM + 112], xmm7
	mov	ecx, [r10 + CALL_AREA_SLOTS]
	mov	rdx, [r10 + CALL_AREA]
	jmp	4f
3:	mov	rax, [rsp + rcx * 8]
	mov	[rdx + rcx * 8], rax
4:	sub	ecx, 1
	jns	3b
	mov	rsp, rbp

	/* RSP is the activation's stack. */
.Lleave:
	mov	rdi, [rsp + FRAME_HEAD]
	mov	rax, [rsp + FRAME_ACTIVATION + ACTIVATION_PREVIOUS]
	mov	[rdi + THREAD_ACTIVATION], rax
	mov	rax, [rsp + FRAME_ACTIVATION + ACTIVATION_SAVED_GUEST_SP]
	mov	[rdi + THREAD_GUEST_SP], rax
	mov	eax, [rsp + FRAME_ACTIVATION + ACTIVATION_OUTCOME]
	add	rsp, ACTIVATION_BYTES + 8 + 16
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret
	.size	guest_enter, . - guest_enter

/* _Noreturn void guest_unwind(head rdi, trap esi) */
	.globl	guest_unwind
	.type	guest_unwind, @function
	.balign	16
guest_unwind:
	mov	rax, [rdi + THREAD_ACTIVATION]
	mov	[rax + ACTIVATION_OUTCOME], rsi
	mov	rsp, [rax + ACTIVATION_STACK]
	jmp	.Lleave
	.size	guest_unwind, . - guest_unwind

/*
 * Entered by a call with the callee in R11. Arguments stay where they are;
 * those of the area are copied below the saved registers and results back.
 * Free here: R10, R14 (reloaded from the vmctx).
 */
	.globl	guest_cross_stub
	.type	guest_cross_stub, @function
	.balign	32
guest_cross_stub:
	mov	r10, [r15 + VMCTX_THREAD]
	cmp	rsp, [r10 + THREAD_STACK_LIMIT]
	jb	5f
1:	mov	r10d, [r11 + CALLEE_SIGNATURE]
	shr	r10d, SIGNATURE_AREA_SHIFT
	jnz	2f
	push	r15
	mov	r15, [r11 + CALLEE_VMCTX]
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	call	[r11 + CALLEE_CODE]
	.globl	guest_cross_return
guest_cross_return:
	pop	r15
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	ret

2:	push	r15
	push	rbx
	push	rbp
	mov	rbp, rsp
	lea	ebx, [r10 * 2]
	mov	r10d, ebx
3:	push	qword ptr [rbp + r10 * 8 + CROSS_AREA_SAVED]
	sub	r10d, 1
	jnz	3b
	mov	r15, [r11 + CALLEE_VMCTX]
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	call	[r11 + CALLEE_CODE]
	.globl	guest_cross_area_return
guest_cross_area_return:
4:	mov	r10, [rsp + rbx * 8 - 8]
	mov	[rbp + rbx * 8 + CROSS_AREA_SAVED], r10
	sub	ebx, 1
	jnz	4b
	mov	rsp, rbp
	pop	rbp
	pop	rbx
	pop	r15
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	ret

5:	lea	r14, [rip + 1b]
	jmp	guest_stack_probe
	.size	guest_cross_stub, . - guest_cross_stub

/*
 * Entered by a jump with the head in R10 and where to go on in R14; RSP points
 * to a return address into guest code. Makes the headroom below RSP present.
 * A fault here, the ud2 included, is the guest's: its stack is exhausted.
 */
	.globl	guest_stack_probe, guest_stack_probe_end
	.type	guest_stack_probe, @function
	.balign	16
guest_stack_probe:
	cmp	rsp, [r10 + THREAD_STACK_FLOOR]
	jae	1f
	ud2
1:
	.set	distance, PAGE_BYTES
	.rept	HEADROOM_PAGES
	or	dword ptr [rsp - distance], 0
	.set	distance, distance + PAGE_BYTES
	.endr
	mov	[r10 + THREAD_STACK_LIMIT], rsp
	jmp	r14
guest_stack_probe_end:
	.size	guest_stack_probe, . - guest_stack_probe

/*
 * _Noreturn void guest_state_restore(state rdi)
 *
 * iretq restores RIP, RFLAGS and RSP at once, in either ring.
 */
	.globl	guest_state_restore
	.type	guest_state_restore, @function
	.balign	16
guest_state_restore:
	xor	eax, eax
	mov	ax, ss
	push	rax
	push	qword ptr [rdi + STATE_GPR + 8 * 4]
	push	qword ptr [rdi + STATE_RFLAGS]
	mov	ax, cs
	push	rax
	push	qword ptr [rdi + STATE_RIP]
	ldmxcsr	[rdi + STATE_MXCSR]
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups	xmm\n, [rdi + STATE_XMM + 16 * \n]
	.endr
	mov	rax, [rdi + STATE_GPR + 8 * 0]
	mov	rcx, [rdi + STATE_GPR + 8 * 1]
	mov	rdx, [rdi + STATE_GPR + 8 * 2]
	mov	rbx, [rdi + STATE_GPR + 8 * 3]
	mov	rbp, [rdi + STATE_GPR + 8 * 5]
	mov	rsi, [rdi + STATE_GPR + 8 * 6]
	mov	r8, [rdi + STATE_GPR + 8 * 8]
	mov	r9, [rdi + STATE_GPR + 8 * 9]
	mov	r10, [rdi + STATE_GPR + 8 * 10]
	mov	r11, [rdi + STATE_GPR + 8 * 11]
	mov	r12, [rdi + STATE_GPR + 8 * 12]
	mov	r13, [rdi + STATE_GPR + 8 * 13]
	mov	r14, [rdi + STATE_GPR + 8 * 14]
	mov	r15, [rdi + STATE_GPR + 8 * 15]
	mov	rdi, [rdi + STATE_GPR + 8 * 7]
	iretq
	.size	guest_state_restore, . - guest_state_restore

	.section .note.GNU-stack, "", @progbits
