/*
 * First instructions: PVH and Multiboot2 entries, both in 32-bit protected
 * mode without paging, to long mode in the higher half.
 *
 * PVH:        EBX = physical address of struct hvm_start_info
 * Multiboot2: EBX = physical address of the information block; the image may
 *             have been moved by a multiple of 2 MiB, so this code finds out
 *             where it runs.
 *
 * Leaves for pc_start: interrupts off, the boot stack, and boot page tables
 * that map the first 4 GiB at 0 and at MAP_DIRECT_BASE and the kernel image,
 * all writable and executable; C builds the final ones.
 *
 * Sources: Xen PVH boot ABI (docs/misc/pvh.pandoc), Multiboot2 specification
 * 2.0 section 3.
 */
#include "arch/x86_64/priv/memory_map.h"
#include "platform/pc/boot_protocol.h"

	.intel_syntax noprefix

/* Where Multiboot2 may put the image at the lowest; a test moves it. */
#ifndef BOOT_LOWEST
#define BOOT_LOWEST MAP_KERNEL_LOAD
#endif

#define PAGE_PRESENT_WRITE 3
#define PAGE_LARGE_WRITE   0x83
#define MSR_EFER_NUMBER	   0xc0000080
#define EFER_LME_NXE	   0x900
#define CR4_PAE		   0x20
#define CR0_PG_WP_NE_MP_PE 0x80010023
#define BOOT_GDT_BYTES	   24

/* EBP holds where the image begins; symbols are reached from there. */
#define IMAGE (MAP_KERNEL_BASE + MAP_KERNEL_LOAD)

/* Offsets in boot_tables. */
#define ROOT	  0x0000
#define PDPT_LOW  0x1000
#define PDPT_HIGH 0x2000
#define PD_KERNEL 0x3000
#define PD_LOW	  0x4000 /* four pages */

	.section .note.pvh, "a", @note
	.balign	4
	.long	4			/* name size */
	.long	8			/* descriptor size */
	.long	18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.quad	boot_pvh - MAP_KERNEL_BASE

	.section .multiboot, "a"
	.balign	8
multiboot_header:
	.long	MULTIBOOT2_HEADER_MAGIC
	.long	0			/* i386 */
	.long	multiboot_end - multiboot_header
	.long	0x100000000 - (MULTIBOOT2_HEADER_MAGIC + (multiboot_end - multiboot_header))
	.short	3, 0			/* entry address */
	.long	12
	.long	boot_multiboot2 - MAP_KERNEL_BASE
	.balign	8
	.short	10, 0			/* relocatable */
	.long	24
	.long	BOOT_LOWEST		/* lowest address */
	.long	0xffffffff		/* highest address */
	.long	0x200000		/* alignment */
	.long	1			/* preference: lowest possible */
	.balign	8
	.short	6, 0			/* modules on page boundaries */
	.long	8
	.short	0, 0			/* end */
	.long	8
multiboot_end:

	.section .text.boot, "ax"
	.code32
	.globl	boot_pvh
boot_pvh:
	mov	edi, BOOT_PROTOCOL_PVH
	jmp	1f
	.globl	boot_multiboot2
boot_multiboot2:
	mov	edi, BOOT_PROTOCOL_MULTIBOOT2
1:	cli
	cld
	mov	esi, ebx
	rdtsc
	mov	ebx, edx		/* EBX:EAX = counter at entry */

	/* Neither protocol gives a stack: a word of the information block is
	 * borrowed for the one push that tells where this code runs. */
	mov	ecx, [esi + 4]
	lea	esp, [esi + 8]
	call	.Lhere
.Lhere:	pop	ebp
	sub	ebp, offset .Lhere - IMAGE
	mov	[esi + 4], ecx
	lea	esp, [ebp + boot_stack_top - IMAGE]
	push	ebx
	push	eax
	push	esi
	push	edi

	lea	ebx, [ebp + boot_tables - IMAGE]
	xor	eax, eax
	mov	edi, ebx
	mov	ecx, 0x8000 / 4
	rep stosd
	/* the first 4 GiB */
	lea	edi, [ebx + PD_LOW]
	mov	eax, PAGE_LARGE_WRITE
	mov	ecx, 2048
2:	mov	[edi], eax
	add	eax, 0x200000
	add	edi, 8
	dec	ecx
	jnz	2b
	lea	eax, [ebx + PD_LOW + PAGE_PRESENT_WRITE]
	mov	[ebx + PDPT_LOW], eax
	add	eax, 0x1000
	mov	[ebx + PDPT_LOW + 8], eax
	add	eax, 0x1000
	mov	[ebx + PDPT_LOW + 16], eax
	add	eax, 0x1000
	mov	[ebx + PDPT_LOW + 24], eax
	/* the image, from where it was loaded */
	mov	eax, ebp
	or	eax, PAGE_LARGE_WRITE
	lea	edi, [ebx + PD_KERNEL + (MAP_KERNEL_LOAD >> 21) * 8]
	mov	ecx, MAP_KERNEL_MAXIMUM >> 21
3:	mov	[edi], eax
	add	eax, 0x200000
	add	edi, 8
	dec	ecx
	jnz	3b
	lea	eax, [ebx + PD_KERNEL + PAGE_PRESENT_WRITE]
	mov	[ebx + PDPT_HIGH + MAP_KERNEL_PDPT * 8], eax
	lea	eax, [ebx + PDPT_LOW + PAGE_PRESENT_WRITE]
	mov	[ebx + ROOT], eax
	mov	[ebx + ROOT + MAP_DIRECT_ROOT * 8], eax
	lea	eax, [ebx + PDPT_HIGH + PAGE_PRESENT_WRITE]
	mov	[ebx + ROOT + MAP_KERNEL_ROOT * 8], eax

	mov	eax, CR4_PAE
	mov	cr4, eax
	mov	cr3, ebx
	mov	ecx, MSR_EFER_NUMBER
	rdmsr
	or	eax, EFER_LME_NXE
	wrmsr
	mov	eax, CR0_PG_WP_NE_MP_PE
	mov	cr0, eax

	/* a GDT for the jump, given by its physical address */
	lea	eax, [ebp + boot_gdt - IMAGE]
	sub	esp, 16
	mov	word ptr [esp], BOOT_GDT_BYTES - 1
	mov	[esp + 2], eax
	lgdt	[esp]
	add	esp, 16
	lea	eax, [ebp + .Llong - IMAGE]
	push	8
	push	eax
	retf

	.code64
.Llong:	mov	eax, 16
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	mov	ecx, ebp		/* physical start of the image */
	pop	rdi			/* protocol | information << 32 */
	pop	rdx			/* counter at entry */
	mov	rsi, rdi
	shr	rsi, 32
	mov	edi, edi
	movabs	rax, offset .Lhigh
	jmp	rax
.Lhigh:	mov	rsp, offset boot_stack_top
	xor	ebp, ebp
	call	pc_start
	ud2

	.section .rodata
	.balign	8
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* 64-bit code */
	.quad	0x00cf93000000ffff	/* data */
	.if	. - boot_gdt != BOOT_GDT_BYTES
	.error	"BOOT_GDT_BYTES"
	.endif

	.section .bss.boot, "aw", @nobits
	.balign	4096
	.globl	boot_tables
boot_tables:
	.skip	0x8000
	.globl	boot_stack_guard
boot_stack_guard:
	.skip	4096
	.skip	MAP_BOOT_STACK_SIZE
	.globl	boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
