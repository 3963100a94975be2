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

/* enum nb_status guest_copy_up(void *to, const void *from, size_t len): right
 * unless `to` lies inside the source. */
	guarded	guest_copy_up
	mov	rcx, rdx
	cmp	rcx, REP_LEAST
	jae	4f
	sub	rcx, 64
	jb	2f
1:	movups	xmm0, [rsi]
	movups	xmm1, [rsi + 16]
	movups	xmm2, [rsi + 32]
	movups	xmm3, [rsi + 48]
	movups	[rdi], xmm0
	movups	[rdi + 16], xmm1
	movups	[rdi + 32], xmm2
	movups	[rdi + 48], xmm3
	add	rsi, 64
	add	rdi, 64
	sub	rcx, 64
	jae	1b
2:	add	rcx, 64
3:	sub	rcx, 8
	jb	5f
	mov	rax, [rsi]
	mov	[rdi], rax
	add	rsi, 8
	add	rdi, 8
	jmp	3b
4:	shr	rcx, 3
	rep movsq
	mov	rcx, rdx
	and	ecx, 7
	sub	rcx, 8
5:	add	rcx, 8
	jz	7f
6:	movzx	eax, byte ptr [rsi]
	mov	[rdi], al
	inc	rsi
	inc	rdi
	dec	rcx
	jnz	6b
7:	xor	eax, eax
	ret
	guarded_end guest_copy_up

/* enum nb_status guest_copy_down(void *to, const void *from, size_t len): right
 * unless `from` lies inside the target. */
	guarded	guest_copy_down
	mov	rcx, rdx
	sub	rcx, 16
	jb	2f
1:	movups	xmm0, [rsi + rcx]
	movups	[rdi + rcx], xmm0
	sub	rcx, 16
	jae	1b
2:	add	rcx, 16
	jz	4f
3:	movzx	eax, byte ptr [rsi + rcx - 1]
	mov	[rdi + rcx - 1], al
	dec	rcx
	jnz	3b
4:	xor	eax, eax
	ret
	guarded_end guest_copy_down

/* enum nb_status guest_fill_bytes(void *to, uint64_t pattern, size_t len) with
 * the byte repeated in all of `pattern`. */
	guarded	guest_fill_bytes
	mov	rcx, rdx
	mov	rax, rsi
	shr	rcx, 3
	cmp	rdx, REP_LEAST
	jae	2f
1:	sub	rcx, 1
	jb	3f
	mov	[rdi], rax
	add	rdi, 8
	jmp	1b
2:	rep stosq
3:	mov	ecx, edx
	and	ecx, 7
	jz	5f
4:	mov	[rdi], al
	inc	rdi
	dec	ecx
	jnz	4b
5:	xor	eax, eax
	ret
	guarded_end guest_fill_bytes

guest_copy_failed:
	ret

	.section .note.GNU-stack, "", @progbits
