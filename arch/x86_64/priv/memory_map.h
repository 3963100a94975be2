/*
 * The virtual address space of the kernel on pc: the one map of it.
 *
 * Four-level paging; 512 GiB an entry of the root table. There is one address
 * space, and every page in it is a supervisor page.
 *
 *   root entry   from                what
 *   0            0x0000000000000000  never mapped (null pointers)
 *   1..255       0x0000008000000000  memory slots, 85 an entry
 *   256          0xffff800000000000  never mapped (edge of the canonical hole)
 *   257..383     0xffff808000000000  memory slots, 85 an entry
 *   384..447     0xffffc00000000000  wide memory slots, 28 an entry
 *   448..479     0xffffe00000000000  direct map of physical memory, 16 TiB
 *   480..487     0xfffff00000000000  thread stacks, 64 MiB each with its guard
 *   488..503     0xfffff40000000000  areas and kernel pages without a direct run
 *   504          0xfffffc0000000000  guest code
 *   505          0xfffffc8000000000  records of slots and stacks
 *   506          0xfffffd0000000000  windows: device registers, RAM disk
 *   511          0xffffffff80000000  kernel image (last 2 GiB)
 */
#ifndef ARCH_X86_64_PRIV_MEMORY_MAP_H
#define ARCH_X86_64_PRIV_MEMORY_MAP_H

/* Assembly and the linker script read the plain numbers. */
#define MAP_ROOT_SHIFT	    39
#define MAP_DIRECT_ROOT	    448
#define MAP_KERNEL_BASE	    0xffffffff80000000
#define MAP_KERNEL_LOAD	    0x200000
#define MAP_KERNEL_MAXIMUM  0x2000000
#define MAP_KERNEL_ROOT	    511
#define MAP_KERNEL_PDPT	    510
#define MAP_BOOT_STACK_SIZE 0x10000

#ifndef __ASSEMBLER__

#include <stdint.h>

/* First address of a root entry's range. */
#define MAP_ROOT_ADDRESS(entry)                              \
	((entry) < 256 ? (uint64_t)(entry) << MAP_ROOT_SHIFT \
		       : 0xffff000000000000ull | (uint64_t)(entry) << MAP_ROOT_SHIFT)

enum {
	MAP_SLOTS_PER_ROOT = 85, /* of 6 GiB; the last 2 GiB of an entry stay free */
	MAP_SLOT_LOW_FIRST = 1,
	MAP_SLOT_LOW_ROOTS = 255,
	MAP_SLOT_HIGH_FIRST = 257,
	MAP_SLOT_HIGH_ROOTS = 127,
	MAP_SLOT_COUNT = (MAP_SLOT_LOW_ROOTS + MAP_SLOT_HIGH_ROOTS) * MAP_SLOTS_PER_ROOT,
	MAP_WIDE_SLOTS_PER_ROOT = 28, /* of 18 GiB; the last 8 GiB stay free */
	MAP_WIDE_SLOT_FIRST = 384,
	MAP_WIDE_SLOT_ROOTS = 64,
	MAP_WIDE_SLOT_COUNT = MAP_WIDE_SLOT_ROOTS * MAP_WIDE_SLOTS_PER_ROOT,
	MAP_STACK_SHIFT = 26, /* 64 MiB from one stack's top to the next */
	MAP_STACK_COUNT = 8 << (MAP_ROOT_SHIFT - MAP_STACK_SHIFT),
};

#define MAP_DIRECT_BASE	 MAP_ROOT_ADDRESS(MAP_DIRECT_ROOT)
#define MAP_DIRECT_BYTES (32ull << MAP_ROOT_SHIFT)
#define MAP_STACK_BASE	 MAP_ROOT_ADDRESS(480)
#define MAP_STACK_END	 MAP_ROOT_ADDRESS(488)
#define MAP_AREA_BASE	 MAP_ROOT_ADDRESS(488)
#define MAP_AREA_END	 MAP_ROOT_ADDRESS(504)
#define MAP_CODE_BASE	 MAP_ROOT_ADDRESS(504)
#define MAP_CODE_END	 MAP_ROOT_ADDRESS(505)
#define MAP_RECORDS_BASE MAP_ROOT_ADDRESS(505)
#define MAP_WINDOW_BASE	 MAP_ROOT_ADDRESS(506)
#define MAP_WINDOW_END	 MAP_ROOT_ADDRESS(507)

/* Where physical memory appears in the direct map. */
static inline void *
map_direct(uint64_t physical)
{
	return (void *)(uintptr_t)(MAP_DIRECT_BASE + physical);
}

/* The other way, for an address inside the direct map. */
static inline uint64_t
map_direct_physical(const void *address)
{
	return (uint64_t)(uintptr_t)address - MAP_DIRECT_BASE;
}

#endif
#endif
