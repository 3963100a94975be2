/*
 * Everything trusted that the machine code of guests can enter: by a call or a
 * jump through a pointer that the contract's templates read, or by returning.
 * There is no other way out of verified code but a fault or an interrupt.
 *
 * What each piece may rely on is what the verifier proves of the instruction that
 * enters it (docs/verifier.md), and the callees and contexts that only trusted
 * code writes. Everything else in registers and below the return address is the
 * guest's choice, and is called hostile here. Of every instruction that leaves
 * verified code is proven:
 *   stack      RSP points to (behind a call) or will point to (a tail call's
 *              frame removed) a return address that trusted code or the processor
 *              wrote and no guest could write, 8 below a multiple of 16. RSP may lie
 *              in the stack's guard, with nothing touched yet, but not beyond: frames
 *              over NB_PROBE_INTERVAL are probed, and the guard is larger than that and
 *              what a stub uses.
 *   R15, R14   the context of the instance that runs, and its memory's base.
 *   RBX RBP R12 R13  at a return or tail call, what the function's caller had in them,
 *              which a trusted caller therefore finds again. At a call: hostile.
 *   flags      the direction flag is clear, and MXCSR as it was: no accepted
 *              instruction changes them.
 *   all other registers, vector registers included: hostile.
 * The area of a call, 8-byte slots from RSP + 8 on, is hostile in content; its size
 * is that of the type, and those bytes are the guest's own stack.
 *
 * Each piece has its argument above it: who enters, what is relied on, why that
 * cannot be misused, what faults and walks over the stack (guest.c) find. To show
 * of each: R15 and R14 fit the code that runs next; RSP, where it returns to and
 * the preserved registers are its callers'; nothing is written but this stack
 * and the thread's head.
 *
 * The same in ring 0 and as an ordinary Linux process. thunks.S, call_thunks.S and
 * gate_stubs.S assemble the parts with GUEST_STUBS_THUNKS, _CALLS and _GATES from here as
 * objects of their own, since some tests link the rest without the C functions; the first
 * two also list which C functions have thunks.
 */
#include "arch/x86_64/guest_layout.h"

	.intel_syntax noprefix
	.text

/*
 * Thunks: into C functions of the kernel.
 *
 * Entered      by a call: LABEL_cross by the templates of imports and of calls
 *              through tables and references (R11: a callee whose `cross` it is),
 *              a builtin's by the builtin template (RDI: R15). LABEL_code by a tail
 *              stub, guest_tail_entries or guest_enter, with R15 the callee's context.
 * Relied on    R11 or R15, RDI as said. Linking gave the callee that thunk together
 *              with its type, so the C function finds its arguments in the registers
 *              that its type says; none of them is in the area.
 * Hostile      those arguments: the C functions check each, and have none narrower
 *              than 32 bits, whose upper parts they would believe.
 * Stack        nothing is pushed before RSP >= head.stack_limit, below which the
 *              headroom is present, or guest_stack_probe made it so; so neither the
 *              push nor the C function can fault, and RSP in the guard ends in a trap.
 * R14, R15     C preserves them (and RBX RBP R12 R13); the probe's use of R14 is made
 *              good from R15. Behind LABEL_code that is the C function's context, whose
 *              base means nothing; it returns to trusted code, which loads both.
 * Results      RAX and XMM0; what else C leaves in registers the guest may look at.
 * Walks        head.guest_sp is the place of the return address while C runs, and 0
 *              again before the return; the slow path runs before that.
 */
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

#ifdef GUEST_STUBS_CALLS

/*
 * guest_call_clock_get: as any thunk, except that it tells the monotonic clock by itself
 *
 * Relied on    R11 or R15, as above; ESI is the clock. What guest_clock holds is the
 *              kernel's, and whole if the version is the same, and even, before and behind.
 * Why safe     on the quick way nothing is written, and no more read than that and the
 *              head; RAX is a time, RCX, RDX, R8 and R10 are what the counter and the clock
 *              hold, which is no secret. Everything else keeps its value.
 * Interrupts   only leave notes here. Something pending is not passed over for long: it leads
 *              to the thunk.
 */
	.globl	guest_call_clock_get_cross, guest_call_clock_get_code
	.balign	16
guest_call_clock_get_code:
	mov	rdi, r15
	jmp	1f
	.balign	32
guest_call_clock_get_cross:
	mov	rdi, [r11 + CALLEE_VMCTX]
1:	mov	r10, [rdi + VMCTX_THREAD]
	mov	r8d, [rip + guest_clock + CLOCK_VERSION]
	cmp	esi, CLOCK_MONOTONIC
	jne	4f
	cmp	qword ptr [r10 + THREAD_PENDING], 0
	jne	4f
	test	r8d, r8d
	jz	4f
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	sub	rax, [rip + guest_clock + CLOCK_BASE_TICKS]
	mul	qword ptr [rip + guest_clock + CLOCK_RATE]
	shrd	rax, rdx, 32
	add	rax, [rip + guest_clock + CLOCK_BASE_NS]
	cmp	rax, [rip + guest_clock + CLOCK_NEXT_NS]
	jae	4f
	mov	rcx, [rip + guest_clock + CLOCK_FLOOR_NS]
	cmp	rax, rcx
	cmovb	rax, rcx
	test	r8d, 1
	jnz	4f
	cmp	r8d, [rip + guest_clock + CLOCK_VERSION]
	jne	4f
	ret
4:	guest_thunk_body sys_clock_get

/*
 * guest_call_thread_yield: as any thunk, but for the way back
 *
 * The processor expects the return address of the thread that gave way last. Where that is
 * the one of this thread, too, it is right; else it is certainly wrong, and a jump, which is
 * foreseen by where it led before, is quicker.
 *
 * Relied on    R11 or R15, as above, and R15's thread: that its head is its seat's.
 * Why safe     the jump takes the return address from the stack, as a return does. What of
 *              another thread was compared with it is in no register any more.
 */
	.globl	guest_call_thread_yield_cross, guest_call_thread_yield_code
	.balign	16
guest_call_thread_yield_code:
	mov	rdi, r15
	jmp	1f
	.balign	32
guest_call_thread_yield_cross:
	mov	rdi, [r11 + CALLEE_VMCTX]
1:	mov	r10, [rdi + VMCTX_THREAD]
	cmp	rsp, [r10 + THREAD_STACK_LIMIT]
	jb	8f
2:	mov	[r10 + THREAD_GUEST_SP], rsp
	mov	qword ptr [r10 + SEAT_LEFT_RETURN], 0
	push	rbx
	mov	rbx, r10
	call	sys_thread_yield
	cmp	qword ptr [rbx + THREAD_PENDING], 0
	jne	9f
3:	mov	qword ptr [rbx + THREAD_GUEST_SP], 0
	mov	rax, [rbx + SEAT_LEFT_RETURN]
	pop	rbx
	cmp	rax, [rsp]
	je	4f
	test	rax, rax
	jz	4f
	xor	eax, eax
	pop	rcx
	jmp	rcx
4:	xor	eax, eax
	ret
8:	lea	r14, [rip + 7f]
	jmp	guest_stack_probe
7:	mov	r14, [r15 + VMCTX_MEMORY_BASE]
	jmp	2b
9:	call	guest_thunk_pending
	jmp	3b

#elif defined GUEST_STUBS_GATES

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

#elif !defined GUEST_STUBS_THUNKS

/*
 * guest_enter_call, guest_enter_return
 *
 * The end of guest_enter (guest_enter.S), which jumps here with RBP at its frame, the
 * incoming-argument area right below, and the callee in R11.
 *
 * Entered      by the return of the function that was called, of the last one in a
 *              chain of tail calls' tail frame, or of a thunk.
 * Relied on    RBP, as a preserved register, and RSP: one return address was taken,
 *              so RSP is below RBP by the area.
 * Hostile      all results, the area too. They are stored in `call`, as many as it has
 *              place for; who reads them knows by the type which mean anything.
 * Why safe     what is written lies where `call`, which trusted code made, says. R15
 *              and R14 are C's again from the stack above RBP, which no guest's frame
 *              contains.
 * Walks        end at this return address.
 */
	.globl	guest_enter_call, guest_enter_return
	.balign	16
guest_enter_call:
	call	[r11 + CALLEE_CODE]
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
	jmp	guest_enter_leave

/*
 * The stubs between instances and the probe: guest_pc_is_stub. A fault in them is
 * the guest's: on its stack, in pages that are not there. Each keeps the place of
 * the return address into guest code in a register that guest.c knows, from before
 * it touches such memory until after. Interrupts here only leave a note, as in C.
 *
 * A tail frame stands below a return address into guest code (or into one of
 * these stubs), from the top downward:
 *	vmctx to go back to; slots of its area that get results; unused
 *	an area of a class (see nb_tail_class)
 *	the return address that names the class: one of guest_tail_entries
 * Its header is out of reach: the function that runs on it has an area no larger than
 * the class, and a frame below the return address.
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
 * guest_cross_stub
 *
 * Entered      by the call of an import's or callee's `cross`, callee in R11. Arguments
 *              stay where they are; those of the area are copied into a tail frame, and
 *              results back. Free here: R10, R14 (reloaded from the vmctx), R15 once it
 *              is saved, XMM8.
 * Relied on    R11: the templates put an entry of the vmctx's imports there, or one of
 *              a table or of the references whose signature was that of the call's type;
 *              all three are written by trusted code only. R15. RSP as above.
 * Hostile      everything else; nothing else is read. R10 is written first.
 * Why safe     the size of the area comes from the callee's own signature word. The
 *              caller's area is that of the type it called with, which linking or the
 *              template's comparison made the same word, and the verifier saw that the
 *              caller's frame has room for it: the copies stay in the caller's area. R15
 *              and R14 become the callee's; behind it both come from the saved R15,
 *              which the callee cannot name: without an area it has nothing above its
 *              return address, with one, see tail frames.
 * Stack        like a thunk's; at most 16 KiB and 32 bytes are used of the headroom.
 * Walks        guest_cross_return: the next return address is 8 bytes further.
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
 * guest_tail_stub, guest_tail_grow_stub
 *
 * Entered      by a jump at the end of a function whose frame still stands: the
 *              templates `hard` (R11: callee) and `grow` (R11: code of this instance).
 * Relied on    R10: nb_tail_word as a constant of the template; the verifier compares
 *              it with the function's frame, the callee's area, and a number of result
 *              slots that neither the function's nor the callee's area is smaller than.
 *              R11 as at guest_cross_stub, or an entry of the same image. The frame has
 *              nb_tail_frame_bytes of the area. RBX RBP R12 R13 are the caller's.
 * Hostile      everything else, the area's content and the rest of the frame.
 * Why safe     RBX = RSP + frame size is the place of the return address, so what it
 *              names is trusted: whether there is a tail frame, and its class. Copies have
 *              an even number of slots, as the word has. They end
 *              - in the tail frame's area, if its class suffices;
 *              - in that area as it has grown downward, into the frame that ends, by
 *                less than the frame's size;
 *              - in a new tail frame, which lies inside the frame that ends. Without an
 *                area it is 24 bytes and may lie below RSP, where RSP is first.
 *              The header keeps the context of the function's caller, to which the whole
 *              chain returns, and the result slots of its first function; all functions of
 *              a chain have the same results, by validation or, if some machine code lies,
 *              at worst other values in slots that are the caller's area anyway: never
 *              more of them than either area has.
 * Stack        bounded, whatever the chain: one tail frame of the largest class. Nothing
 *              below RSP is written, and RSP only rises if there is an area to be moved.
 * Walks        RBX is the place of the return address.
 *
 * Meanwhile XMM9 XMM10 hold RBX RBP, XMM11 XMM12 the code and vmctx to go to.
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
 * guest_tail_entries
 *
 * One entry for each class: calls the code in R11 with RSP at the area, and what it
 * returns to. Being called there keeps the processor's prediction of returns in step.
 *
 * Entered      by jumps of the stubs above only; then by the callee's return, or that of
 *              the last one in its chain.
 * Relied on    RSP: one return address was taken, this one, whose class is the tail
 *              frame's.
 * Hostile      everything else, R14 and R15 too: they are some callee's.
 * Why safe     class and RSP give the header; it gives R15, from that R14, and how many
 *              slots of results go up into the caller's area, no more than that has (or
 *              the whole of it, behind guest_cross_area).
 * Walks        the return address names the class; while results are copied R14 is the
 *              place of the header.
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
 * guest_stack_probe
 *
 * Entered      by a jump of thunks and guest_cross_stub, with the head in R10 and where
 *              to go on in R14; RSP points to a return address into guest code. Makes
 *              what C may use of the headroom below RSP present.
 * Why safe     both registers come from the stub. At or above the floor the headroom
 *              lies in the stack; the words touched keep their values. Below it the
 *              ud2 says that the guest's stack is exhausted.
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
	.rept	PRESENT_PAGES
	or	dword ptr [rsp - distance], 0
	.set	distance, distance + PAGE_BYTES
	.endr
	.if	PRESENT_REST
	or	dword ptr [rsp - PRESENT_PAGES * PAGE_BYTES - PRESENT_REST], 0
	.endif
	mov	[r10 + THREAD_STACK_LIMIT], rsp
	jmp	r14
	.size	guest_stack_probe, . - guest_stack_probe
guest_stubs_end:

#endif

	.pushsection .note.GNU-stack, "", @progbits
	.popsection
