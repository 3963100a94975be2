/*
 * The assembly macro behind every C function that guest code can call.
 *
 * guest_thunk LABEL, FUNCTION defines LABEL_code (context in R15) and
 * LABEL_cross (callee in R11), for the fields of struct nb_callee. Both check
 * the stack, record RSP in head.guest_sp, call FUNCTION with the context in
 * RDI, and take the slow path if something became pending. LABEL_entry takes
 * the context in RDI, as builtin calls have it.
 */
#ifndef ARCH_X86_64_THUNK_H
#define ARCH_X86_64_THUNK_H

#include "arch/x86_64/guest_layout.h"

	.intel_syntax noprefix

	.macro guest_thunk_body function:vararg
	mov	r10, [rdi + VMCTX_THREAD]
	cmp	rsp, [r10 + THREAD_STACK_LIMIT]
	jb	8f
2:	mov	[r10 + THREAD_GUEST_SP], rsp
	push	rbx
	mov	rbx, r10
	call	\function
	cmp	qword ptr [rbx + THREAD_PENDING], 0
	jne	9f
3:	mov	qword ptr [rbx + THREAD_GUEST_SP], 0
	pop	rbx
	ret
8:	lea	r14, [rip + 7f]
	jmp	guest_stack_probe
7:	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	jmp	2b
9:	call	guest_thunk_pending
	jmp	3b
	.endm

	.macro guest_thunk label:req, function:req
	.globl	\label\()_cross, \label\()_code
	.balign	16
\label\()_cross:
	mov	rdi, [r11 + CALLEE_VMCTX]
	jmp	1f
	.balign	16
\label\()_code:
	mov	rdi, r15
1:	guest_thunk_body \function
	.endm

#endif
