/*
 * Pages that appear on first touch: memory slots and thread stacks.
 */
#ifndef ARCH_X86_64_PRIV_DEMAND_H
#define ARCH_X86_64_PRIV_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

enum demand {
	DEMAND_SERVED,	  /* the page is there now */
	DEMAND_NO_MEMORY, /* it should be, but no frame was free */
	DEMAND_REFUSED,	  /* nothing may be there */
};

/* Settles a fault on an absent page, of guest code (or a stub that counts as such), which
 * is not given the last frames, or of the kernel. From the page fault handler: takes the
 * address-space and frame locks, touches no memory that could fault. */
enum demand demand_page(uint64_t address, bool is_guests);

/* Maps a page of zeroes over `address`, writable; SERVED also if one is there. */
enum demand demand_map_zeroed(uint64_t address);

/* The same with a copy of the page at `from`. */
enum demand demand_map_copy(uint64_t address, const void *from);

/* The two that demand_page asks, by range; false from the predicate means the
 * other was meant. */
bool slot_covers(uint64_t address);
enum demand slot_demand(uint64_t address);
bool stack_covers(uint64_t address);
enum demand stack_demand(uint64_t address, bool is_guests);

#endif
