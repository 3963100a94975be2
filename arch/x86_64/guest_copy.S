/*
 * Copies to and from guest memory in which a page that cannot be had is an
 * error: each returns an enum nb_status, and the fault handler makes it return
 * with the reason in RAX (fault_fixups).
 *
 * They run on threads, behind a kernel call or a builtin, where the vector
 * registers are free by the calling convention: 64 bytes go per step in four
 * of them, which short and middle lengths gain from most; from REP_LEAST on
 * the string instruction is faster. The direction flag is clear.
 */
	.intel_syntax noprefix
	.text

#define REP_LEAST 2048

	.macro	guarded name
	.globl	\name
	.type	\name, @function
	.balign	16
\name:
	.pushsection fault_fixups, "a"
	.balign	4
	.long	\name - ., .Lend_\name - ., guest_copy_failed - .
	.popsection
	.endm

	.macro	guarded_end name
.Lend_\name:
	.size	\name, . - \name
	.endm

/* Less than 16 bytes, in either direction: all loads come before the stores. Of 1 to 3 bytes
 * the first, the middle (at len / 2; the carry keeps len's low bit) and the last are copied,
 * which may be the same. */
	.macro	copy_few
	cmp	edx, 8
	jae	21f
	cmp	edx, 4
	jae	22f
	test	edx, edx
	jz	23f
	movzx	eax, byte ptr [rsi]
	movzx	ecx, byte ptr [rsi + rdx - 1]
	shr	edx
	movzx	r8d, byte ptr [rsi + rdx]
	mov	[rdi + rdx], r8b
	adc	rdx, rdx
	mov	[rdi], al
	mov	[rdi + rdx - 1], cl
	xor	eax, eax
	ret
21:	mov	rax, [rsi]
	mov	rcx, [rsi + rdx - 8]
	mov	[rdi], rax
	mov	[rdi + rdx - 8], rcx
	xor	eax, eax
	ret
22:	mov	eax, [rsi]
	mov	ecx, [rsi + rdx - 4]
	mov	[rdi], eax
	mov	[rdi + rdx - 4], ecx
23:	xor	eax, eax
	ret
	.endm

/* 64 bytes at the offset. */
	.macro	copy_step offset=0
	movups	xmm0, [rsi + \offset]
	movups	xmm1, [rsi + \offset + 16]
	movups	xmm2, [rsi + \offset + 32]
	movups	xmm3, [rsi + \offset + 48]
	movups	[rdi + \offset], xmm0
	movups	[rdi + \offset + 16], xmm1
	movups	[rdi + \offset + 32], xmm2
	movups	[rdi + \offset + 48], xmm3
	.endm

/* enum nb_status guest_copy_up(void *to, const void *from, size_t len): right
 * unless `to` lies inside the source. The last 16 bytes are read first and written
 * last, over what the steps before may have written of them. */
	guarded	guest_copy_up
	cmp	rdx, 16
	jb	9f
	movups	xmm4, [rsi + rdx - 16]
	lea	r8, [rdi + rdx - 16]
	mov	rcx, rdx
	cmp	rdx, REP_LEAST
	jae	4f
	sub	rcx, 64
	jb	2f
1:	copy_step
	add	rsi, 64
	add	rdi, 64
	sub	rcx, 64
	jae	1b
2:	add	ecx, 48
	js	3f
5:	movups	xmm0, [rsi]
	movups	[rdi], xmm0
	add	rsi, 16
	add	rdi, 16
	sub	ecx, 16
	jns	5b
3:	movups	[r8], xmm4
	xor	eax, eax
	ret
4:	shr	rcx, 3
	rep movsq
	jmp	3b
9:	copy_few
	guarded_end guest_copy_up

/* enum nb_status guest_copy_down(void *to, const void *from, size_t len): right
 * unless `from` lies inside the target. The same from the end; RCX: what is left. */
	guarded	guest_copy_down
	cmp	rdx, 16
	jb	9f
	movups	xmm4, [rsi]
	mov	rcx, rdx
	sub	rcx, 64
	jb	2f
1:	copy_step rcx
	sub	rcx, 64
	jae	1b
2:	add	rcx, 48
	js	3f
5:	movups	xmm0, [rsi + rcx]
	movups	[rdi + rcx], xmm0
	sub	rcx, 16
	jns	5b
3:	movups	[rdi], xmm4
	xor	eax, eax
	ret
9:	copy_few
	guarded_end guest_copy_down

/* enum nb_status guest_fill_bytes(void *to, uint64_t pattern, size_t len) with
 * the byte repeated in all of `pattern`. */
	guarded	guest_fill_bytes
	mov	rax, rsi
	cmp	rdx, 16
	jb	9f
	movq	xmm0, rax
	punpcklqdq xmm0, xmm0
	lea	r8, [rdi + rdx - 16]
	mov	rcx, rdx
	cmp	rdx, REP_LEAST
	jae	4f
	sub	rcx, 64
	jb	2f
1:	movups	[rdi], xmm0
	movups	[rdi + 16], xmm0
	movups	[rdi + 32], xmm0
	movups	[rdi + 48], xmm0
	add	rdi, 64
	sub	rcx, 64
	jae	1b
2:	add	ecx, 48
	js	3f
5:	movups	[rdi], xmm0
	add	rdi, 16
	sub	ecx, 16
	jns	5b
3:	movups	[r8], xmm0
	xor	eax, eax
	ret
4:	shr	rcx, 3
	rep stosq
	jmp	3b
9:	mov	ecx, edx
	jecxz	7f
6:	mov	[rdi], al
	inc	rdi
	dec	ecx
	jnz	6b
7:	xor	eax, eax
	ret
	guarded_end guest_fill_bytes

guest_copy_failed:
	ret

	.section .note.GNU-stack, "", @progbits
