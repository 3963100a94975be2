/*
 * Functions in the WebAssembly convention of abi/code_contract.h, written by
 * hand. Position independent; the tests copy and publish them.
 */
	.intel_syntax noprefix
	.section .rodata
	.globl	guest_code_start, guest_code_end
	.balign	16
guest_code_start:

	.macro function name
	.balign	16
	.globl	guest_code_\name
guest_code_\name:
	.endm
	.macro label name
	.globl	guest_code_\name
guest_code_\name:
	.endm

/* Weighted sum of the 7 integer arguments (weight = position from 1) in RAX;
 * the other result registers get 2..6; XMM0..7 are each doubled. */
function sum_all
	lea	r10, [rsi + rdx * 2]
	lea	rcx, [rcx + rcx * 2]
	add	r10, rcx
	lea	r10, [r10 + r8 * 4]
	lea	r9, [r9 + r9 * 4]
	add	r10, r9
	lea	rdi, [rdi + rdi * 2]
	lea	r10, [r10 + rdi * 2]
	lea	r11, [rax * 8]
	sub	r11, rax
	lea	rax, [r10 + r11]
	mov	edx, 2
	mov	ecx, 3
	mov	esi, 4
	mov	r8d, 5
	mov	r9d, 6
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7
	addsd	xmm\n, xmm\n
	.endr
	ret

/* Area of 4 slots: reverses them in place; RAX = slot 0 as it came. */
function area_swap
	mov	rax, [rsp + 8]
	mov	r10, [rsp + 32]
	mov	[rsp + 8], r10
	mov	[rsp + 32], rax
	mov	r10, [rsp + 16]
	mov	r11, [rsp + 24]
	mov	[rsp + 16], r11
	mov	[rsp + 24], r10
	ret

/* Calls import 0; result + 1. The test's vmctx has its imports at 512. */
#define IMPORTS 512
function call_import
	sub	rsp, 8
	lea	r11, [r15 + IMPORTS]
	call	[r11 + 24]
label call_import_return
	add	rax, 1
	add	rsp, 8
	ret

/* Calls import 0 with area (10, 20, 30, RSI); RAX = slots as they come back,
 * s0 + 2 s1 + 3 s2 + 4 s3. */
function call_import_area
	sub	rsp, 40
	mov	qword ptr [rsp], 10
	mov	qword ptr [rsp + 8], 20
	mov	qword ptr [rsp + 16], 30
	mov	[rsp + 24], rsi
	lea	r11, [r15 + IMPORTS]
	call	[r11 + 24]
label call_import_area_return
	mov	rax, [rsp]
	mov	rcx, [rsp + 8]
	lea	rax, [rax + rcx * 2]
	mov	rcx, [rsp + 16]
	lea	rcx, [rcx + rcx * 2]
	add	rax, rcx
	mov	rcx, [rsp + 24]
	lea	rax, [rax + rcx * 4]
	add	rsp, 40
	ret

/* Builtin 0 with its arguments as they are. */
function call_builtin
	sub	rsp, 8
	mov	rdi, r15
	call	[r15 + 80]
	add	rsp, 8
	ret

function trap
	sub	rsp, 24
label trap_site
	ud2

/* 32-bit load at RSI, zero-extended. */
function load
	mov	esi, esi
label load_site
	mov	eax, [r14 + rsi]
	ret

/* RSI / RDX, unsigned 32 bits. */
function divide
	mov	r10d, edx
	mov	eax, esi
	xor	edx, edx
	div	r10d
	ret

function recurse
	sub	rsp, 1000
	mov	[rsp], rsi
	call	guest_code_recurse
	add	rsp, 1000
	ret

/* Recursion whose frames are small but which calls the host at each level. */
function recurse_host
	sub	rsp, 24
	lea	r11, [r15 + IMPORTS]
	call	[r11 + 24]
	call	guest_code_recurse_host
	add	rsp, 24
	ret

/* Counts at [R14] until the word at [R14 + 8] is not zero; keeps RBX. */
function spin
	mov	ebx, 77
1:	add	qword ptr [r14], 1
	cmp	qword ptr [r14 + 8], 0
	je	1b
	mov	eax, ebx
	ret

/* RAX = R14, RDX = R15. */
function report_pins
	mov	rax, r14
	mov	rdx, r15
	ret

/* The same behind a call of import 0. */
function pins_after_import
	sub	rsp, 8
	lea	r11, [r15 + IMPORTS]
	call	[r11 + 24]
	mov	rax, r14
	mov	rdx, r15
	add	rsp, 8
	ret

	.balign	16
guest_code_end:
	.section .note.GNU-stack, "", @progbits
