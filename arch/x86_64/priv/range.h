/*
 * Address ranges of any size out of a region that is far larger than memory.
 *
 * Sizes are rounded up to powers of two and every size has its own list of
 * returned ranges, so reserving and returning take constant time; what is
 * spent is address space only.
 */
#ifndef ARCH_X86_64_PRIV_RANGE_H
#define ARCH_X86_64_PRIV_RANGE_H

#include "abi/status.h"
#include "arch/x86_64/priv/lock.h"

#include <stdint.h>

enum { RANGE_SHIFT_LEAST = 16, RANGE_SHIFT_MOST = 42 };

struct range_node;

struct range_region {
	struct lock lock;
	uint64_t next; /* never used from here on */
	uint64_t end;
	struct range_node *returned[RANGE_SHIFT_MOST + 1]; /* by log of the size */
	struct range_node *spare;			   /* at least one for each range in use */
	uint32_t unbacked;				   /* nodes in spare beyond that */
};

#define RANGE_REGION(base, end_)                                                    \
	{                                                                           \
		.lock = LOCK_INIT(LOCK_RANK_RECORDS), .next = (base), .end = (end_) \
	}

/* Reserves at least `size` (nonzero) bytes of addresses, with at least one
 * never-mapped page behind them; nothing is mapped. NB_OUT_OF_MEMORY. */
enum nb_status range_reserve(struct range_region *region, uint64_t size, uint64_t *out) NB_MUST_USE;
/* Returns what range_reserve gave for `size`; everything must be unmapped. */
void range_return(struct range_region *region, uint64_t address, uint64_t size);

/* Fixed-size records with small numbers, the lowest free number first when
 * none was returned; their pages appear as the numbers grow. */
struct index_pool {
	struct lock lock;
	uint64_t records;	 /* address of record 0 */
	uint32_t record_bytes;	 /* a power of two, at least 4; starts with a uint32_t
				 * that links returned records */
	uint32_t limit;		 /* numbers are below this */
	uint32_t used_to;	 /* numbers below were given out once */
	uint32_t ready_to;	 /* records below are mapped */
	uint32_t first_returned; /* number + 1, 0: none */
	uint32_t live;
};

/* A number whose record keeps what it held before (zero the first time, but
 * for the link word). NB_OUT_OF_MEMORY. */
enum nb_status index_take(struct index_pool *pool, uint32_t *out) NB_MUST_USE;
void index_give(struct index_pool *pool, uint32_t index);
/* A number that is taken, but kept by a pool, does not count as live. */
void index_note_live(struct index_pool *pool, int change);

/* The record, or NULL if the number was never given out. */
void *index_record(const struct index_pool *pool, uint64_t index);

#endif
