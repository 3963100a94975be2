/*
 * The thunks of builtins and host functions, an object of its own; and what they call when
 * something is pending.
 */
#define GUEST_STUBS_THUNKS
#include "arch/x86_64/guest_stubs.S"

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
