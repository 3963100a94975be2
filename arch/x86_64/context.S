/*
 * The switch between suspended contexts, which context.c prepares, and the way
 * back into interrupted code. No guest code enters here.
 */
#include "arch/x86_64/guest_layout.h"

	.intel_syntax noprefix
	.text

/*
 * void guest_context_switch(from rdi, to rsi)
 * void guest_context_switch_release(from rdi, to rsi, uint32_t *lock rdx)
 *
 * Weak, for with the address sanitizer, which is told of the stacks, context.c has
 * others, which use
 *
 * void guest_context_swap(uint64_t *save rdi, uint64_t stack rsi)
 * void guest_context_swap_release(uint64_t *save rdi, uint64_t stack rsi, uint32_t *lock rdx)
 *
 * The lock is free once all of the context that is left is in memory.
 */
	.macro context_swap release
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[rdi], rsp
	mov	rsp, rsi
	.if \release
	mov	dword ptr [rdx], 0
	.endif
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret
	.endm

	.weak	guest_context_switch
	.type	guest_context_switch, @function
	.globl	guest_context_swap
	.type	guest_context_swap, @function
	.balign	16
guest_context_switch:
	mov	rsi, [rsi + CONTEXT_STACK]
guest_context_swap:
	context_swap 0
	.size	guest_context_swap, . - guest_context_swap

	.weak	guest_context_switch_release
	.type	guest_context_switch_release, @function
	.globl	guest_context_swap_release
	.type	guest_context_swap_release, @function
	.balign	16
guest_context_switch_release:
	mov	rsi, [rsi + CONTEXT_STACK]
guest_context_swap_release:
	context_swap 1
	.size	guest_context_swap_release, . - guest_context_swap_release

/* Where a new context begins: entry in R12, argument in R13. */
	.globl	guest_context_start
	.type	guest_context_start, @function
	.balign	16
guest_context_start:
	mov	rdi, r12
	mov	rsi, r13
	xor	ebp, ebp
	call	guest_context_begin
	ud2
	.size	guest_context_start, . - guest_context_start

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
