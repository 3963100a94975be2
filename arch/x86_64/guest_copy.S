/*
 * Copies to and from guest memory in which a page that cannot be had is an
 * error: each returns an enum nb_status, and the fault handler makes it return
 * with the reason in RAX (fault_fixups).
 *
 * They run on threads, behind a kernel call or a builtin, where the vector
 * registers are free by the calling convention. Up to 128 bytes are loaded whole before
 * anything is stored, in pairs from both ends that may overlap, without a loop. Beyond,
 * steps of four vector registers, of 32 bytes where guest_copy_is_wide says that there are
 * such; from REP_LEAST on the string instruction is as fast. The direction flag is clear.
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

/* 16 to 128 bytes, in either direction. */
	.macro	copy_some
	cmp	edx, 32
	ja	31f
	movups	xmm0, [rsi]
	movups	xmm1, [rsi + rdx - 16]
	movups	[rdi], xmm0
	movups	[rdi + rdx - 16], xmm1
	xor	eax, eax
	ret
31:	movups	xmm0, [rsi]
	movups	xmm1, [rsi + 16]
	movups	xmm2, [rsi + rdx - 32]
	movups	xmm3, [rsi + rdx - 16]
	cmp	edx, 64
	ja	32f
	movups	[rdi], xmm0
	movups	[rdi + 16], xmm1
	movups	[rdi + rdx - 32], xmm2
	movups	[rdi + rdx - 16], xmm3
	xor	eax, eax
	ret
32:	movups	xmm4, [rsi + 32]
	movups	xmm5, [rsi + 48]
	movups	xmm6, [rsi + rdx - 64]
	movups	xmm7, [rsi + rdx - 48]
	movups	[rdi], xmm0
	movups	[rdi + 16], xmm1
	movups	[rdi + 32], xmm4
	movups	[rdi + 48], xmm5
	movups	[rdi + rdx - 64], xmm6
	movups	[rdi + rdx - 48], xmm7
	movups	[rdi + rdx - 32], xmm2
	movups	[rdi + rdx - 16], xmm3
	xor	eax, eax
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
 * unless `to` lies inside the source and len is more than 128. The last bytes, as many as
 * a step has, are read first and written last, over what the steps before may have
 * written of them. */
	guarded	guest_copy_up
	cmp	rdx, 16
	jb	9f
	cmp	rdx, 128
	ja	1f
	copy_some
1:	cmp	rdx, REP_LEAST
	jae	4f
	cmp	byte ptr [rip + guest_copy_is_wide], 0
	jne	5f
	movups	xmm4, [rsi + rdx - 64]
	movups	xmm5, [rsi + rdx - 48]
	movups	xmm6, [rsi + rdx - 32]
	movups	xmm7, [rsi + rdx - 16]
	lea	r8, [rdi + rdx - 64]
2:	copy_step
	add	rsi, 64
	add	rdi, 64
	cmp	rdi, r8
	jb	2b
	movups	[r8], xmm4
	movups	[r8 + 16], xmm5
	movups	[r8 + 32], xmm6
	movups	[r8 + 48], xmm7
	xor	eax, eax
	ret
5:	vmovups	ymm4, [rsi + rdx - 128]
	vmovups	ymm5, [rsi + rdx - 96]
	vmovups	ymm6, [rsi + rdx - 64]
	vmovups	ymm7, [rsi + rdx - 32]
	lea	r8, [rdi + rdx - 128]
6:	vmovups	ymm0, [rsi]
	vmovups	ymm1, [rsi + 32]
	vmovups	ymm2, [rsi + 64]
	vmovups	ymm3, [rsi + 96]
	sub	rsi, -128
	vmovups	[rdi], ymm0
	vmovups	[rdi + 32], ymm1
	vmovups	[rdi + 64], ymm2
	vmovups	[rdi + 96], ymm3
	sub	rdi, -128
	cmp	rdi, r8
	jb	6b
	vmovups	[r8], ymm4
	vmovups	[r8 + 32], ymm5
	vmovups	[r8 + 64], ymm6
	vmovups	[r8 + 96], ymm7
	vzeroupper
	xor	eax, eax
	ret
4:	movups	xmm4, [rsi + rdx - 16]
	lea	r8, [rdi + rdx - 16]
	mov	rcx, rdx
	shr	rcx, 3
	rep movsq
	movups	[r8], xmm4
	xor	eax, eax
	ret
9:	copy_few
	guarded_end guest_copy_up

/* enum nb_status guest_copy_down(void *to, const void *from, size_t len): right
 * unless `from` lies inside the target and len is more than 128. The same from the end;
 * RCX: where the step lies. */
	guarded	guest_copy_down
	cmp	rdx, 16
	jb	9f
	cmp	rdx, 128
	ja	1f
	copy_some
1:	movups	xmm4, [rsi]
	movups	xmm5, [rsi + 16]
	movups	xmm6, [rsi + 32]
	movups	xmm7, [rsi + 48]
	lea	rcx, [rdx - 64]
2:	copy_step rcx
	sub	rcx, 64
	jae	2b
	movups	[rdi], xmm4
	movups	[rdi + 16], xmm5
	movups	[rdi + 32], xmm6
	movups	[rdi + 48], xmm7
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
	cmp	rdx, REP_LEAST
	jae	4f
	cmp	edx, 64
	ja	1f
	lea	r8, [rdi + rdx - 16]
	cmp	edx, 32
	jbe	5f
	movups	[rdi + 16], xmm0
	movups	[r8 - 16], xmm0
5:	movups	[rdi], xmm0
	movups	[r8], xmm0
	xor	eax, eax
	ret
1:	lea	r8, [rdi + rdx - 64]
	cmp	byte ptr [rip + guest_copy_is_wide], 0
	jne	3f
2:	movups	[rdi], xmm0
	movups	[rdi + 16], xmm0
	movups	[rdi + 32], xmm0
	movups	[rdi + 48], xmm0
	add	rdi, 64
	cmp	rdi, r8
	jb	2b
	movups	[r8], xmm0
	movups	[r8 + 16], xmm0
	movups	[r8 + 32], xmm0
	movups	[r8 + 48], xmm0
	xor	eax, eax
	ret
3:	vinsertf128 ymm0, ymm0, xmm0, 1
6:	vmovups	[rdi], ymm0
	vmovups	[rdi + 32], ymm0
	add	rdi, 64
	cmp	rdi, r8
	jb	6b
	vmovups	[r8], ymm0
	vmovups	[r8 + 32], ymm0
	vzeroupper
	xor	eax, eax
	ret
4:	lea	r8, [rdi + rdx - 16]
	mov	rcx, rdx
	shr	rcx, 3
	rep stosq
	movups	[r8], xmm0
	xor	eax, eax
	ret
9:	cmp	edx, 4
	jae	21f
	test	edx, edx
	jz	23f
	mov	[rdi], al
	mov	[rdi + rdx - 1], al
	shr	edx
	mov	[rdi + rdx], al
23:	xor	eax, eax
	ret
21:	cmp	edx, 8
	jae	22f
	mov	[rdi], eax
	mov	[rdi + rdx - 4], eax
	xor	eax, eax
	ret
22:	mov	[rdi], rax
	mov	[rdi + rdx - 8], rax
	xor	eax, eax
	ret
	guarded_end guest_fill_bytes

/* Upper halves that are in use slow down what follows. */
guest_copy_failed:
	cmp	byte ptr [rip + guest_copy_is_wide], 0
	je	1f
	vzeroupper
1:	ret

/* Whether there are vector registers of 32 bytes; set before guests run. */
	.bss
	.globl	guest_copy_is_wide
	.type	guest_copy_is_wide, @object
	.size	guest_copy_is_wide, 1
guest_copy_is_wide:
	.zero	1

	.section .note.GNU-stack, "", @progbits
