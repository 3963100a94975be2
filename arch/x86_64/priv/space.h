/*
 * The kernel's address space: page tables, and the mapping calls that the
 * owners of address ranges (slots, stacks, areas, code, windows) build on.
 *
 * A range has one owner, who serialises calls on it; the page tables, shared
 * by neighbours, are under one lock. Tables appear when a page needs them and
 * go back when their last entry goes. Each table's frame counts its entries.
 */
#ifndef ARCH_X86_64_PRIV_SPACE_H
#define ARCH_X86_64_PRIV_SPACE_H

#include "abi/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPACE_PAGE  4096ull
#define SPACE_LARGE (2ull << 20)

enum space_rights {
	SPACE_READ,
	SPACE_WRITE,
	SPACE_EXECUTE, /* and read; never write */
	SPACE_DEVICE,  /* read and write, uncached */
	SPACE_DEVICE_READ,
};

/* Where the kernel image lies and what its parts may do. */
struct space_image {
	uint64_t physical; /* of `start` */
	uint64_t start, end;
	uint64_t text_end;
	uint64_t data_start, data_end;
	uint64_t rodata_start;
	uint64_t guard; /* a page of data that stays absent */
};

/* Builds the final tables and switches to them: the image with its rights and
 * the direct map of [0, top) without the image. Frames below 4 GiB must be
 * mapped at their direct address already. Panics when memory is short. */
void space_init(const struct space_image *image, uint64_t top);

/* Maps one page of `size` (SPACE_PAGE or SPACE_LARGE). NB_OUT_OF_MEMORY: no
 * table to be had. NB_ALREADY_EXISTS: something is mapped there. */
enum nb_status
space_map(uint64_t address, uint64_t frame, uint64_t size, enum space_rights rights) NB_MUST_USE;

/* Maps fresh frames over [address, address + len), which must be empty: pages
 * of zeroes, or of `fill` bytes. All or nothing; NB_OUT_OF_MEMORY. */
enum nb_status
space_populate(uint64_t address, size_t len, enum space_rights rights, uint8_t fill) NB_MUST_USE;

/* Maps the pages of [pages, pages + len), wherever the kernel has them, over
 * [address, address + len) as well, in place of what is there. Their frames
 * stay their owner's. NB_OUT_OF_MEMORY changes nothing. */
enum nb_status
space_lend(uint64_t address, const void *pages, size_t len, enum space_rights rights) NB_MUST_USE;

/* Takes away whatever is mapped in [address, address + len), flushes, and only
 * then frees the frames and the emptied tables. Large pages must lie in the
 * range as a whole. */
void space_release(uint64_t address, size_t len);

/* What space_recycle left in place. */
struct space_kept {
	uint32_t frames;     /* pages and tables */
	uint64_t start, end; /* all pages of it lie here */
};

/* As space_release for a range of at most 2 MiB without a 2 MiB boundary in it, but its
 * tables of levels below `shared_level` stay, and up to `keep` pages, zeroed: the lowest
 * or, from_top, the highest ones. Tables above them stay for ever. False: nothing or a
 * large page was mapped there, and everything is released. */
bool space_recycle(uint64_t address, size_t len, size_t keep, bool from_top, int shared_level,
		   struct space_kept *out);
/* Gives back what space_recycle has left of a slot or stack at `address`, of which nothing
 * else is mapped. */
void space_discard(uint64_t address, const struct space_kept *kept);

/* Changes the rights of every page mapped in the range. */
void space_protect(uint64_t address, size_t len, enum space_rights rights);

/* True and the physical address if `address` is mapped. */
bool space_lookup(uint64_t address, uint64_t *out_physical);

/* Read-only or device windows over physical memory, for ever; NULL when
 * memory is short. `physical` and `len` need no alignment. */
volatile void *space_map_device(uint64_t physical, size_t len);
const void *space_map_window(uint64_t physical, size_t len);

#endif
