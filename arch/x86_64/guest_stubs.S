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
 * The same in ring 0 and as an ordinary Linux process. thunks.S and call_thunks.S
 * assemble the parts with GUEST_STUBS_THUNKS and GUEST_STUBS_CALLS from here as objects
 * of their own: some tests link the rest without the C functions. The stubs of gates
 * are in gate_stubs.S.
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

/* guest_call_NAME_code and guest_call_NAME_cross around sys_NAME, for every row of
 * abi/calls.def. */
	.macro native_call name
	guest_thunk guest_call_\name, sys_\name
	.endm
	.macro native_call_but_two name
	.ifnc \name, clock_get
	.ifnc \name, thread_yield
	native_call \name
	.endif
	.endif
	.endm
#define NB_CALL(name, ...) native_call_but_two name
#include "abi/calls.def"
#undef NB_CALL

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

#elif defined GUEST_STUBS_THUNKS

/*
 * Called by a thunk whose C function has returned, RSP 16-aligned before the
 * call: keeps the results RAX and XMM0 over kernel_guest_pending(RBX), which may
 * also never return. RBX is the thread's head, in C's keeping since the thunk.
 */
	.globl	guest_thunk_pending
	.type	guest_thunk_pending, @function
	.balign	16
guest_thunk_pending:
	sub	rsp, 40
	movups	[rsp], xmm0
	mov	[rsp + 16], rax
	mov	rdi, rbx
	call	kernel_guest_pending
	movups	xmm0, [rsp]
	mov	rax, [rsp + 16]
	add	rsp, 40
	ret
	.size	guest_thunk_pending, . - guest_thunk_pending

	guest_thunk guest_host, [rdi + VMCTX_HOST_FUNCTION]

#define NB_BUILTIN(name, ...) guest_builtin name
	.macro guest_builtin name
	.balign	16
guest_builtin_\name:
	guest_thunk_body runtime_builtin_\name
	.endm
#include "abi/builtin.def"
#undef NB_BUILTIN

	.section .data.rel.ro, "aw", @progbits
	.globl	guest_builtin_table
	.balign	8
guest_builtin_table:
#define NB_BUILTIN(name, ...) .quad guest_builtin_##name
#include "abi/builtin.def"
#undef NB_BUILTIN

#else

/*
 * enum nb_trap guest_enter(head rdi, callee rsi, call rdx)
 *
 * Frame below the six saved registers:
 *	[rbp + 0]	struct guest_activation
 *	[rbp + 40]	head
 *	[rbp + 48]	call
 * and under RBP the incoming-argument area of the callee.
 *
 * guest_enter_return
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
#define FRAME_ACTIVATION 0
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
	sub	rsp, ACTIVATION_BYTES
	mov	rbp, rsp
	mov	rax, [rdi + THREAD_ACTIVATION]
	mov	[rbp + FRAME_ACTIVATION + ACTIVATION_PREVIOUS], rax
	mov	[rbp + FRAME_ACTIVATION + ACTIVATION_STACK], rsp
	mov	qword ptr [rbp + FRAME_ACTIVATION + ACTIVATION_OUTCOME], 0
	mov	rax, [rdi + THREAD_GUEST_SP]
	mov	[rbp + FRAME_ACTIVATION + ACTIVATION_SAVED_GUEST_SP], rax
	lea	rax, [rip + .Lleave]
	mov	[rbp + FRAME_ACTIVATION + ACTIVATION_LANDING], rax
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
	add	rsp, ACTIVATION_BYTES + 16
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret
	.size	guest_enter, . - guest_enter

/*
 * _Noreturn void guest_unwind(head rdi, trap esi)
 *
 * Not entered by guest code, but in its place, by trusted code and fault handlers:
 * takes nothing from registers but its arguments.
 */
	.globl	guest_unwind
	.type	guest_unwind, @function
	.balign	16
guest_unwind:
	mov	rax, [rdi + THREAD_ACTIVATION]
	mov	[rax + ACTIVATION_OUTCOME], rsi
	mov	rsp, [rax + ACTIVATION_STACK]
	jmp	[rax + ACTIVATION_LANDING]
	.size	guest_unwind, . - guest_unwind

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

	.section .note.GNU-stack, "", @progbits
