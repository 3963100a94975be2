/*
 * The stubs of gates, which guests enter as they do those of guest_stubs.S: what is
 * said there of all of them holds here.
 */
#include "arch/x86_64/guest_layout.h"

	.intel_syntax noprefix
	.text

/*
 * guest_gate_code, guest_gate_cross: into another process
 *
 * Entered      as thunks are: guest_gate_cross by a call with a callee in R11,
 *              guest_gate_code with R15 the callee's context, here a binding.
 * Relied on    R11 or R15. Linking made the binding together with the callee's type,
 *              which has no area, and whose arguments and results the entry's function
 *              has at the same places. In the binding: an activation that exists as long
 *              as the binding does, and the function to call in it.
 * Hostile      the arguments, for the callee, like those of any caller of it.
 * Why safe     nothing is entered unless `state` was 0: nobody is inside, nobody waits,
 *              the process lives. Then activation, graph and stack belong to this call.
 *              The callee finds its return address at the top of its own stack, and
 *              above it only the activation's address, which it cannot name, having no
 *              area. Everything of the caller that is needed again is in the
 *              activation: stack, preserved registers, seat, and the binding, which is
 *              there until the caller is told to end: then it may be gone, and the
 *              registers of results become zero; nobody goes on with them.
 * Registers    nobody sees what the other side left in them. On the way in only those
 *              bits stay that the binding's `arguments` name; the preserved registers,
 *              R10 and XMM8 on are zero, R11 is where the callee begins. On the way back
 *              the same holds with `results`, and before anything of the callee's is
 *              saved on the caller's stack; R11 is zero too, and the preserved registers
 *              come out of the activation. Where there was no return, the kernel says
 *              what all registers of results hold. Status flags are those of an XOR.
 *              Upper halves of YMM registers are out of reach of guests.
 * Stack        the caller's like a thunk's; the page of the callee's first push is present.
 * Walks        in a seat end at guest_gate_return, where its stack does.
 * Interrupts   only leave notes here, so seat, stack and context change at once.
 *
 * guest_gate_return is entered by the callee's return, RSP being where guest_gate_code
 * left it, or the last one in its chain of tail calls. All registers but those
 * preserved are hostile. The activation's record leads back.
 */

/* Leaves those bits of the registers of arguments and results that the struct
 * guest_gate_registers at `base` names. Without a branch, so that it holds on
 * mispredicted paths as well. */
	.macro gate_keep base
	.set	at, GATE_REGISTERS_GPR
	.irp	reg, rax, rcx, rdx, rsi, rdi, r8, r9
	and	\reg, [\base + at]
	.set	at, at + 8
	.endr
	.set	at, GATE_REGISTERS_XMM
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7
	andps	xmm\n, [\base + at]
	.set	at, at + 16
	.endr
	.endm

/* Vector registers that carry nothing. */
	.macro gate_clear_vectors
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	pxor	xmm\n, xmm\n
	.endr
	.endm

	.globl	guest_gate_cross, guest_gate_code
	.balign	32
guest_gate_code:
	mov	r11, r15
	jmp	1f
	.balign	32
guest_gate_cross:
	mov	r11, [r11 + CALLEE_VMCTX]
1:	mov	r10, [r15 + VMCTX_THREAD]
	cmp	rsp, [r10 + THREAD_STACK_LIMIT]
	jb	8f
2:	push	r15
	mov	r14, [r11 + BINDING_FIRST]
	test	r14, r14
	jz	gate_ask
	mov	r15, rax
	xor	eax, eax
	lock cmpxchg [r14 + GATE_STATE], r10
	mov	rax, r15
	jne	gate_ask
	mov	r15, [r10 + SEAT_PLACE]
	mov	[r14 + SEAT_CALLER], r10
	mov	r10, [r11 + BINDING_BADGE]
	mov	[r14 + SEAT_PLACE], r15
	mov	[r14 + GATE_BADGE], r10
	mov	[r15], r14
	add	qword ptr [r14 + GATE_CALLS], 1
	mov	r10, r11
	add	r11, BINDING_ENTRY

/* R14: the activation; R11: a callee in it; R10: the binding; RSP at the caller's
 * R15. */
gate_call:
	mov	[r14 + GATE_BINDING], r10
	mov	[r14 + GATE_CALLER_STACK], rsp
	mov	[r14 + GATE_RBX], rbx
	mov	[r14 + GATE_RBP], rbp
	mov	[r14 + GATE_R12], r12
	mov	[r14 + GATE_R13], r13
	gate_keep r10 + BINDING_ARGUMENTS
	gate_clear_vectors
	mov	r15, [r11 + CALLEE_VMCTX]
	mov	rsp, [r14 + GATE_STACK]
	mov	r11, [r11 + CALLEE_CODE]
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	xor	ebx, ebx
	xor	ebp, ebp
	xor	r12d, r12d
	xor	r13d, r13d
	xor	r10d, r10d
	call	r11
guest_gate_return:
	mov	r11, [rsp]
	mov	r10, [r11 + SEAT_CALLER]
	mov	rbx, [r11 + GATE_BINDING]
	lea	rbp, [rip + gate_nothing - BINDING_RESULTS]
	test	byte ptr [r10 + THREAD_PENDING], PENDING_END
	cmovnz	rbx, rbp
	gate_keep rbx + BINDING_RESULTS
	gate_clear_vectors
	mov	rbx, [r11 + GATE_RBX]
	mov	rbp, [r11 + GATE_RBP]
	mov	r12, [r11 + GATE_R12]
	mov	r13, [r11 + GATE_R13]
	mov	r15, [r11 + SEAT_PLACE]
	mov	rsp, [r11 + GATE_CALLER_STACK]
	mov	[r15], r10
	xor	r15d, r15d
	mov	[r11 + SEAT_PLACE], r15
	mov	r14, rax
	mov	rax, r10
	lock cmpxchg [r11 + GATE_STATE], r15
	mov	rax, r14
	jne	gate_give_back
	cmp	qword ptr [r10 + THREAD_PENDING], 0
	jne	gate_pending
	pop	r15
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	xor	r11d, r11d
	xor	r10d, r10d
	ret

8:	lea	r14, [rip + 2b]
	jmp	guest_stack_probe

/* Makes room for the registers of arguments and results on the stack, where C finds
 * them, and notes in the head R10 the place of the return address; RSP at the caller's
 * R15. */
	.macro gate_room
	lea	r14, [rsp + 8]
	mov	[r10 + THREAD_GUEST_SP], r14
	sub	rsp, GATE_REGISTERS_BYTES
	.endm

/* And puts them there. */
	.macro gate_save
	gate_room
	.set	at, GATE_REGISTERS_GPR
	.irp	reg, rax, rcx, rdx, rsi, rdi, r8, r9
	mov	[rsp + at], \reg
	.set	at, at + 8
	.endr
	.set	at, GATE_REGISTERS_XMM
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7
	movups	[rsp + at], xmm\n
	.set	at, at + 16
	.endr
	.endm

/* The other way; the head is found through the caller's R15. */
	.macro gate_load
	mov	r15, [rsp + GATE_REGISTERS_BYTES]
	mov	r15, [r15 + VMCTX_THREAD]
	mov	qword ptr [r15 + THREAD_GUEST_SP], 0
	.set	at, GATE_REGISTERS_GPR
	.irp	reg, rax, rcx, rdx, rsi, rdi, r8, r9
	mov	\reg, [rsp + at]
	.set	at, at + 8
	.endr
	.set	at, GATE_REGISTERS_XMM
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7
	movups	xmm\n, [rsp + at]
	.set	at, at + 16
	.endr
	add	rsp, GATE_REGISTERS_BYTES
	.endm

/* R11: the binding; R10: the caller's seat. */
gate_ask:
	gate_save
	mov	[rsp + GATE_REGISTERS_BINDING], r11
	mov	rdi, r11
	mov	rsi, r10
	mov	rdx, rsp
	call	kernel_gate_enter
	mov	r14, rax
	mov	r11, rdx
	test	rax, rax
	jz	gate_leave
	mov	r10, [rsp + GATE_REGISTERS_BINDING]
	gate_load
	jmp	gate_call

/* R11: the activation, R10: the caller's seat. Then what the caller is owed. */
gate_give_back:
	gate_save
	mov	rdi, r11
	jmp	1f
gate_pending:
	gate_save
	xor	edi, edi
1:	mov	rsi, r10
	call	kernel_gate_return
gate_leave:
	gate_load
	gate_clear_vectors
	pop	r15
	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	xor	r11d, r11d
	xor	r10d, r10d
	ret

/* Where guest_unwind goes on, with the activation's boundary in RAX. */
	.globl	guest_gate_landing
guest_gate_landing:
	lea	r11, [rax - GATE_BOUNDARY]
	mov	r10, [r11 + SEAT_CALLER]
	mov	rsp, [r11 + GATE_CALLER_STACK]
	mov	rbx, [r11 + GATE_RBX]
	mov	rbp, [r11 + GATE_RBP]
	mov	r12, [r11 + GATE_R12]
	mov	r13, [r11 + GATE_R13]
	mov	r15, [rsp]
	gate_room
	mov	rdi, r11
	mov	rsi, rsp
	call	kernel_gate_unwound
	jmp	gate_leave

	.section .rodata
	.balign	16
gate_nothing:
	.zero	GATE_REGISTERS_BYTES
	.text

	.section .note.GNU-stack, "", @progbits
