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
 * The stubs between instances. A fault in them is the guest's: on its stack, in
 * pages that are not there. Each keeps the place of the return address in a
 * register that guest.c knows while it touches such memory.
 *
 * A tail frame stands below a return address into guest code (or into one of
 * these stubs), from the top downward:
 *	vmctx to go back to; slots of its area that get results; unused
 *	an area of a class (see nb_tail_class)
 *	the return address that names the class: one of guest_tail_entries
 */
	.globl	guest_stubs, guest_stubs_end
guest_stubs:

/* reg = bytes of the area of class `class`, which becomes class + 3. */
	.macro tail_class_bytes reg, class
	xor	\reg\()d, \reg\()d
	add	\class\()d, 3
	bts	\reg, \class
	and	\reg, -16
	.endm

/* Copies `slots` slots, an even number that becomes zero, upward in memory or
 * to where nothing overlaps: the last ones first. */
	.macro copy_area to, from, slots
	test	\slots\()d, \slots\()d
	jz	2f
1:	movups	xmm8, [\from + \slots * 8 - 16]
	movups	[\to + \slots * 8 - 16], xmm8
	sub	\slots\()d, 2
	jnz	1b
2:
	.endm

/*
 * Entered by a call with the callee in R11. Arguments stay where they are;
 * those of the area are copied into a tail frame, and results back.
 * Free here: R10, R14 (reloaded from the vmctx), R15 once it is saved, XMM8.
 */
	.globl	guest_cross_stub, guest_cross_area
	.type	guest_cross_stub, @function
	.balign	32
guest_cross_stub:
	mov	r10, [r15 + VMCTX_THREAD]
	cmp	rsp, [r10 + THREAD_STACK_LIMIT]
	jb	5f
4:	mov	r10d, [r11 + CALLEE_SIGNATURE]
	shr	r10d, SIGNATURE_AREA_SHIFT
	jnz	guest_cross_area
	push	r15
	mov	r15, [r11 + CALLEE_VMCTX]
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	call	[r11 + CALLEE_CODE]
	.globl	guest_cross_return
guest_cross_return:
	pop	r15
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	ret

5:	lea	r14, [rip + 4b]
	jmp	guest_stack_probe

/* R10: half the slots of the area, not 0. While copying R15 - 8 is the place of
 * the return address. */
guest_cross_area:
	add	r10d, r10d
	push	r10
	push	r10
	push	r15
	lea	r14d, [r10 - 1]
	bsr	r14d, r14d
	add	r14d, 1
	tail_class_bytes r15, r14
	sub	r14d, 3
	sub	rsp, r15
	lea	r15, [rsp + r15 + TAIL_HEADER_BYTES + 8]
	copy_area rsp, r15, r10
	mov	r15, [r11 + CALLEE_VMCTX]
	mov	r11, [r11 + CALLEE_CODE]
	lea	r10, [rip + guest_tail_entries]
	shl	r14d, TAIL_ENTRY_SHIFT
	add	r10, r14
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	jmp	r10
	.size	guest_cross_stub, . - guest_cross_stub

/*
 * Entered by a jump at the end of a function whose frame still stands: the
 * templates `hard` (R11: callee) and `grow` (R11: code of this instance).
 * R10 is nb_tail_word. The return address above the frame tells whether there
 * is a tail frame already. Nothing below RSP is written, and RSP only rises if
 * there is an area to be moved (nb_tail_frame_bytes).
 *
 * Meanwhile XMM9 XMM10 hold RBX RBP, XMM11 XMM12 the code and vmctx to go to.
 * RBX is the place of the return address.
 */
	.globl	guest_tail_stub, guest_tail_grow_stub
	.type	guest_tail_stub, @function
	.balign	32
guest_tail_grow_stub:
	movq	xmm9, rbx
	movq	xmm11, r11
	movq	xmm12, r15
	jmp	1f
	.balign	16
guest_tail_stub:
	movq	xmm9, rbx
	movq	xmm11, [r11 + CALLEE_CODE]
	movq	xmm12, [r11 + CALLEE_VMCTX]
1:	movq	xmm10, rbp
	mov	ebx, r10d
	add	rbx, rsp
	shr	r10, 32
	mov	ebp, r10d
	shr	ebp, TAIL_CLASS_SHIFT
	lea	r11, [rip + guest_tail_entries]
	mov	r14, [rbx]
	sub	r14, r11
	cmp	r14, TAIL_CLASSES << TAIL_ENTRY_SHIFT
	jae	tail_push
	shr	r14d, TAIL_ENTRY_SHIFT
	cmp	ebp, r14d
	ja	tail_grow

	/* There is room in the tail frame. */
	lea	r11, [rbx + 8]
	shr	r10d, TAIL_AREA_SHIFT
	and	r10d, TAIL_SLOTS_MASK
	copy_area r11, rsp, r10
	mov	rsp, rbx
	jmp	tail_go

/* R14: class of the tail frame; RBP: the greater one it gets. R15 is free. */
tail_grow:
	mov	r11d, ebp
	shl	r11d, TAIL_ENTRY_SHIFT
	movq	xmm13, r11
	tail_class_bytes r11, r14
	mov	r15d, ebp
	tail_class_bytes r14, r15
	sub	r11, r14
	lea	r11, [rbx + r11 + 8]
	shr	r10d, TAIL_AREA_SHIFT
	and	r10d, TAIL_SLOTS_MASK
	copy_area r11, rsp, r10
	lea	rsp, [r11 - 8]
	movq	r14, xmm13
	lea	r11, [rip + guest_tail_entries + TAIL_ENTRY_RETURN]
	add	r14, r11
	mov	[rsp], r14
tail_go:
	movq	r15, xmm12
	movq	r11, xmm11
	movq	rbp, xmm10
	movq	rbx, xmm9
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	jmp	r11

/* RBP: class of the tail frame. */
tail_push:
	mov	r14d, ebp
	shl	ebp, TAIL_ENTRY_SHIFT
	add	rbp, r11
	tail_class_bytes r11, r14
	neg	r11
	lea	r11, [rbx + r11 - TAIL_HEADER_BYTES]
	mov	r14d, r10d
	shr	r14d, TAIL_AREA_SHIFT
	and	r14d, TAIL_SLOTS_MASK
	copy_area r11, rsp, r14
	mov	rsp, r11
	and	r10d, TAIL_SLOTS_MASK
	mov	[rbx - TAIL_HEADER_BYTES], r15
	mov	[rbx - TAIL_HEADER_BYTES + 8], r10
	mov	r10, rbp
	movq	r15, xmm12
	movq	r11, xmm11
	movq	rbp, xmm10
	movq	rbx, xmm9
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	jmp	r10
	.size	guest_tail_stub, . - guest_tail_stub

/*
 * One entry for each class: calls the code in R11 with RSP at the area, and
 * what it returns to. Being called there keeps the processor's prediction of
 * returns in step.
 */
	.globl	guest_tail_entries
	.balign	16
guest_tail_entries:
	.set	class, 0
	.rept	TAIL_CLASSES
	.org	guest_tail_entries + (class << TAIL_ENTRY_SHIFT)
	call	r11
	.if	class == 0
	mov	r10d, 0
	.else
	mov	r10d, 8 << class
	.endif
	jmp	guest_tail_leave
	.set	class, class + 1
	.endr
	.org	guest_tail_entries + (TAIL_CLASSES << TAIL_ENTRY_SHIFT)

/* R10: bytes of the area at RSP. R14 becomes the tail frame's header. */
	.globl	guest_tail_leave
	.type	guest_tail_leave, @function
guest_tail_leave:
	lea	r14, [rsp + r10]
	mov	r15, [r14]
	mov	r10d, [r14 + 8]
	lea	r11, [r14 + TAIL_HEADER_BYTES + 8]
	copy_area r11, rsp, r10
	lea	rsp, [r14 + TAIL_HEADER_BYTES]
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	ret
	.size	guest_tail_leave, . - guest_tail_leave

/*
 * Entered by a jump with the head in R10 and where to go on in R14; RSP points
 * to a return address into guest code. Makes the headroom below RSP present.
 * With the ud2 the guest's stack is exhausted.
 */
	.globl	guest_stack_probe
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
	.size	guest_stack_probe, . - guest_stack_probe
guest_stubs_end:

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
