/*
 * The switch between suspended contexts; context.c prepares them.
 */
	.intel_syntax noprefix
	.text

/* void guest_context_swap(uint64_t *save rdi, uint64_t stack rsi) */
	.globl	guest_context_swap
	.type	guest_context_swap, @function
	.balign	16
guest_context_swap:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[rdi], rsp
	mov	rsp, rsi
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret
	.size	guest_context_swap, . - guest_context_swap

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

	.section .note.GNU-stack, "", @progbits
