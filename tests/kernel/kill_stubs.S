/*
 * Around every way from guest code into the kernel (linked with --wrap):
 * kill_entry(which), then the function itself, then kill_return(which).
 * `which` counts native calls first, then builtins, then the ways of gates.
 */
	.intel_syntax noprefix
	.set which, 0

	.macro around name
	.globl	__wrap_\name
	.type	__wrap_\name, @function
	.balign	16
__wrap_\name:
	lea	r11, [rip + __real_\name]
	mov	eax, which
	jmp	around_call
	.size	__wrap_\name, . - __wrap_\name
	.set which, which + 1
	.endm

	.text
/* R11: what to call, EAX: which. All that the calling conventions of the wrapped
 * functions use survives: six arguments, RAX and RDX. */
	.type	around_call, @function
	.balign	16
around_call:
	push	rbx
	push	rbp
	push	r12
	mov	ebx, eax
	mov	rbp, r11
	sub	rsp, 64
	mov	[rsp], rdi
	mov	[rsp + 8], rsi
	mov	[rsp + 16], rdx
	mov	[rsp + 24], rcx
	mov	[rsp + 32], r8
	mov	[rsp + 40], r9
	mov	edi, ebx
	call	kill_entry
	mov	rdi, [rsp]
	mov	rsi, [rsp + 8]
	mov	rdx, [rsp + 16]
	mov	rcx, [rsp + 24]
	mov	r8, [rsp + 32]
	mov	r9, [rsp + 40]
	call	rbp
	mov	[rsp], rax
	mov	[rsp + 8], rdx
	mov	edi, ebx
	call	kill_return
	mov	rax, [rsp]
	mov	rdx, [rsp + 8]
	add	rsp, 64
	pop	r12
	pop	rbp
	pop	rbx
	ret
	.size	around_call, . - around_call

#define NB_CALL(name, ...) around sys_##name
#include "abi/calls.def"
#undef NB_CALL
#define NB_BUILTIN(name, ...) around runtime_builtin_##name
#include "abi/builtin.def"
#undef NB_BUILTIN
	around kernel_gate_enter
	around kernel_gate_return
	around kernel_gate_unwound

	.section .note.GNU-stack, "", @progbits
