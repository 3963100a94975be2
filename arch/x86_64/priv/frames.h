/*
 * Physical memory: frames of 4 KiB, given out in powers of two.
 *
 * A binary buddy allocator whose work at boot does not depend on how much
 * memory there is: usable ranges are only noted, and a chunk of 4 MiB enters
 * the free lists, its records written, when the lists run dry. Allocation and
 * freeing are O(log of the chunk). Each frame has a record that catches a
 * second free and a free of the wrong size in every build.
 *
 * A frame of a free block holds the block's list node; nothing else of its
 * content is kept, except in the pool of zeroed frames.
 */
#ifndef ARCH_X86_64_PRIV_FRAMES_H
#define ARCH_X86_64_PRIV_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FRAME_SHIFT = 12,
	FRAME_BYTES = 1 << FRAME_SHIFT,
	FRAME_ORDER_LARGE = 9, /* one 2 MiB page */
	FRAME_ORDER_MOST = 10, /* a chunk of 4 MiB */
	FRAME_RANGES = 128,
};
#define FRAME_NONE UINT64_MAX

struct frame_range {
	uint64_t start, end; /* physical bytes */
};

/* Takes over memory: `ranges` (at most FRAME_RANGES; sorted, disjoint, of
 * whole frames), all inside the direct map. The records are put into the first
 * range with room for them below `records_below`. */
void frames_init(const struct frame_range *ranges, size_t count, uint64_t records_below);

/* The physical address of 2^order frames, aligned to their size, with any
 * content; FRAME_NONE if there are none. */
uint64_t frame_alloc(unsigned order);
/* Takes back what frame_alloc gave with the same order. */
void frame_free(uint64_t frame, unsigned order);

/* Makes what frame_alloc gave with that order single frames, each to be freed for itself. */
void frame_split(uint64_t frame, unsigned order);

/* One frame of zeroes; FRAME_NONE if there is none. */
uint64_t frame_alloc_zeroed(void);
/* Takes back one frame that is all zero: it goes to the pool. */
void frame_free_zeroed(uint64_t frame);

/* `count` frames in a row (at most one chunk); FRAME_NONE if there are none.
 * The frames behind the run stay free. */
uint64_t frame_alloc_run(size_t count);
void frame_free_run(uint64_t frame, size_t count);

/* Fills `bytes` (a multiple of 8) from a physical address with zeroes. */
void frame_clear(uint64_t frame, size_t bytes);

/* A counter that belongs to the owner of an allocated frame (page tables
 * count their entries there); 0 after allocation. */
uint16_t *frame_counter(uint64_t frame);

/* Frames that keep records and are never returned, and those that pools keep, count
 * as free, so that what a caller compares before and after is its own use. `change`:
 * how many more or, below 0, fewer. */
void frames_note_kept(int64_t change);

/* Whether what is left is for the kernel: page tables, its own part of stacks, and what
 * it takes to end who used up the rest, and say so. Takes no lock. */
bool frames_are_scarce(void);

struct frame_totals {
	uint64_t total, free;
};
struct frame_totals frames_totals(void);

#endif
