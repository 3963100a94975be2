/*
 * Guest code of the tests, each fragment position independent, with arguments
 * in RSI, RDX, RCX and its result in RAX.
 */
	.intel_syntax noprefix
	.section .rodata

	.macro	fragment name
	.balign	16
	.globl	fragment_\name
fragment_\name:
	.endm
	.macro	fragment_end name
	.globl	fragment_\name\()_end
fragment_\name\()_end:
	.endm

	/* [rsi] = rdx */
	fragment store
	mov	[rsi], rdx
	mov	eax, 1
	ret
	fragment_end store

	fragment load
	mov	rax, [rsi]
	ret
	fragment_end load

	/* goes where RSI points */
	fragment jump
	jmp	rsi
	fragment_end jump

	/* RSI levels of RDX bytes each, a multiple of 16 plus 8 */
	fragment recurse
	xor	eax, eax
1:	sub	rsp, rdx
	call	2f
2:	inc	rax
	dec	rsi
	jnz	1b
	mov	rcx, rax
	lea	rdi, [rdx + 8]
	imul	rcx, rdi
	add	rsp, rcx
	ret
	fragment_end recurse

	/* Calls, low half of RSI times, something that goes on here through the tail
	 * stub at RDX, RCX being the callee: itself. Upper half of RSI: bytes to waste
	 * on the stack, a multiple of 16. RAX: levels. */
	fragment leap
	push	rbx
	mov	rbx, rsi
	shr	rbx, 32
	mov	esi, esi
	sub	rsp, rbx
	xor	eax, eax
	sub	esi, 1
	jz	1f
	call	2f
	add	eax, 1
1:	add	rsp, rbx
	pop	rbx
	ret
2:	mov	r11, rcx
	xor	r10d, r10d
	jmp	rdx
	fragment_end leap

	/* Fills every register but RSP, R14, R15 from RSI, then waits until the
	 * word at RDX changes; RAX counts the registers that did not survive. */
	fragment spin
	push	rbx
	push	rbp
	push	r12
	push	r13
	sub	rsp, 24
	mov	[rsp], rdx
	mov	[rsp + 8], rsi
	stmxcsr	[rsp + 16]
	lea	rbx, [rsi + 1]
	lea	rbp, [rsi + 2]
	lea	r12, [rsi + 3]
	lea	r13, [rsi + 4]
	lea	r8, [rsi + 5]
	lea	r9, [rsi + 6]
	lea	r10, [rsi + 7]
	lea	r11, [rsi + 8]
	lea	rcx, [rsi + 9]
	lea	rdi, [rsi + 10]
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	lea	rax, [rsi + 100 + \n]
	movq	xmm\n, rax
	punpcklqdq xmm\n, xmm\n
	.endr
	stc
1:	mov	rax, [rdx]
	inc	rax		/* keeps the carry */
	jnc	9f
	cmp	rdx, [rsp]
	jne	9f
	cmp	qword ptr [rdx], 0
	stc
	je	1b
	xor	eax, eax
	.macro	same register, distance
	lea	rdx, [rsi + \distance]
	cmp	\register, rdx
	setne	dl
	movzx	edx, dl
	add	eax, edx
	.endm
	cmp	rsi, [rsp + 8]
	setne	al
	same	rbx, 1
	same	rbp, 2
	same	r12, 3
	same	r13, 4
	same	r8, 5
	same	r9, 6
	same	r10, 7
	same	r11, 8
	same	rcx, 9
	same	rdi, 10
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movq	rcx, xmm\n
	same	rcx, 100 + \n
	punpckhqdq xmm\n, xmm\n
	movq	rcx, xmm\n
	same	rcx, 100 + \n
	.endr
	mov	ecx, [rsp + 16]
	stmxcsr	[rsp + 20]
	cmp	ecx, [rsp + 20]
	setne	dl
	movzx	edx, dl
	add	eax, edx
8:	add	rsp, 24
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret
9:	mov	eax, 1000
	jmp	8b
	fragment_end spin

	fragment invalid
	ud2
	fragment_end invalid

	fragment divide
	xor	edx, edx
	mov	eax, 7
	xor	ecx, ecx
	div	ecx
	ret
	fragment_end divide

	/* a VEX.128 form */
	fragment avx
	vmovq	xmm1, rsi
	vpaddq	xmm2, xmm1, xmm1
	vmovq	rax, xmm2
	ret
	fragment_end avx

	.section .note.GNU-stack, "", @progbits
