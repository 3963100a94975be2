/*
 * What the steps of the register allocator share (ra_*.c only).
 *
 *   ra_prepare  numbers points, finds loops, gathers uses and fixed registers
 *   ra_live     live ranges of every virtual register, with holes
 *   ra_join     unites values that copies connect into one bundle
 *   ra_alloc    gives bundles registers: by priority, with eviction
 *   ra_unseat   takes registers in loops from what is used elsewhere
 *   ra_split    cuts bundles that found no register into smaller ones
 *   ra_fill     keeps values in registers that have become free
 *   ra_slot     colours spill slots
 *   ra_resolve  finds the moves between places; ra_moves puts them in sequence
 *
 * Points. A line is an instruction, or the entry of a block: the instruction i
 * of block b is on line i + b + 1, the entry of b on line first_inst + b. Line
 * l has two points, 2l (early) and 2l + 1 (late); moves before its instruction
 * happen between the points 2l - 1 and 2l.
 *
 * Values. A use that must be in a fixed register, or that a REUSE definition
 * consumes, reads its value in the gap before its line (COPY): it does not
 * occupy a register of its own there, so its range may end at 2l. A fixed
 * definition is copied away in the gap after its line: its range begins at
 * 2l + 2. The fixed registers themselves are busy at the instruction through
 * `fixed` masks. Arguments of edges are read at the end of the block.
 *
 * A bundle is a set of ranges that get one place. A family is what one spill
 * slot serves: all values that were joined; its bundles are disjoint.
 */
#ifndef COMPILER_X64_RA_STATE_H
#define COMPILER_X64_RA_STATE_H

#include "compiler/x64/ra.h"

#define RA_NONE UINT32_MAX

enum {
	RA_NO_REG = 0xff,
	RA_REGS_PER_CLASS = 16,
	RA_REGS = RA_CLASS_COUNT * RA_REGS_PER_CLASS, /* flat numbers: class * 16 + register */
};

enum ra_use_kind {
	RA_USE_REG,   /* must be in a register */
	RA_USE_ANY,   /* better in a register */
	RA_USE_COPY,  /* copied from anywhere in the gap before the line */
	RA_USE_ARG,   /* copied from anywhere at the end of the block */
	RA_DEF_REG,   /* appears in a register; reuse and early definitions too */
	RA_DEF_ANY,   /* appears anywhere */
	RA_DEF_FIXED, /* copied from the fixed register in the gap after the line */
	RA_DEF_PARAM, /* appears anywhere at the block's entry */
	RA_DEF_REMAT, /* need not appear at all */
};

struct ra_use {
	uint32_t line;
	uint32_t operand; /* index in operands; for ARG and PARAM in block_lists */
	float frequency;  /* of the block */
	uint8_t kind;	  /* enum ra_use_kind */
	uint8_t from, to; /* points it occupies: [2 line + from, 2 line + to) */
	uint8_t reg;	  /* register it would like, or RA_NO_REG */
};

/* An interval in which one virtual register is live within one bundle. */
struct ra_range {
	uint32_t from, to; /* points, half open, never empty */
	uint32_t vreg;
	uint32_t bundle;
	uint32_t next;		     /* in the bundle, ascending, or RA_NONE */
	uint32_t vreg_next;	     /* of the same value, ascending, or RA_NONE */
	uint32_t first_use, end_use; /* in ra.uses: those whose anchor lies here */
	uint32_t reg_prev, reg_next; /* neighbours in the register, while it has one */
};

enum ra_bundle_state { RA_WAITING, RA_IN_REG, RA_SPILLED };

struct ra_bundle {
	uint32_t first_range;
	uint32_t family;
	float cost;	 /* what it costs to have it in memory */
	float benefit;	 /* of a register throughout, over the best it could have in pieces */
	float weight;	 /* cost per length: who evicts whom; infinite: must have a register */
	uint32_t length; /* points */
	uint32_t fixed;	 /* registers that instructions need themselves somewhere in it */
	uint8_t class_;
	uint8_t state; /* enum ra_bundle_state */
	uint8_t reg;
	uint8_t evictions; /* how often it lost its register */
	bool is_minimal;   /* cannot be split further */
	bool is_frugal;	   /* must not open a further preserved register */
};

struct ra_family {
	uint32_t slot; /* or RA_NONE */
	uint8_t class_;
	uint8_t slots;		     /* width */
	bool is_remat;		     /* repeated instead of spilled; has one value */
	uint8_t hint;		     /* register one of its bundles got last, or RA_NO_REG */
	uint32_t slot_from, slot_to; /* points between which the slot is needed */
};

struct ra_loop {
	uint32_t header;    /* block */
	uint32_t end_block; /* first block behind it */
	uint32_t parent;    /* loop, or RA_NONE */
	uint32_t jump;	    /* some loop further out, or RA_NONE: makes climbing logarithmic */
	uint32_t depth;
};

/* The uses of a bundle at one line, and what holds from there to the next. */
struct ra_spot {
	uint32_t line;
	uint32_t from, to;	     /* points at which the register must hold the value */
	uint32_t need_from, need_to; /* the points at which it cannot be in memory; none: equal */
	uint32_t range;		     /* that has them */
	uint32_t blocked;	     /* registers not free in [from, to) */
	uint32_t blocked_after;	     /* registers not free between this spot and the next */
	uint32_t blocked_late;	     /* registers not free at the odd point `to`, if it is odd */
	float cost;
	float frequency;
	bool is_copy; /* nothing but copies: not worth a register alone */
	bool is_def;
};

/* Which of 32 registers are busy at which points; see ra_busy.c. */
enum { RA_BUSY_LEVELS = 8, RA_BUSY_FAN = 16 };
struct ra_busy {
	uint32_t *any[RA_BUSY_LEVELS];
	uint32_t *full[RA_BUSY_LEVELS];
	uint32_t levels;
};

/* The registers that instructions need themselves: changes no more once it is built. */
struct ra_fixed {
	struct ra_busy tree; /* of which `full` is empty */
	uint32_t *next;	     /* by point: the first one from there on that has any */
	uint32_t all;	     /* union of all masks */
};

/* The ranges in one register, in order; see ra_busy.c. */
enum { RA_INDEX_LEVELS = 6, RA_BUCKET_SHIFT = 6 };
struct ra_reg_index {
	uint32_t *bucket; /* first range that begins in the bucket's points */
	uint64_t *bits[RA_INDEX_LEVELS];
};

struct ra {
	const struct ra_function *fn;
	struct arena *scratch;
	struct arena *out;
	struct ra_result *result;

	uint32_t line_count;
	uint32_t *line_block;
	uint32_t *block_loop; /* innermost, or RA_NONE */
	struct ra_loop *loops;
	uint32_t loop_count;

	/* Uses of virtual register v, by line: uses[use_start[v] .. use_start[v + 1]);
	 * the definition comes first. */
	struct ra_use *uses;
	uint32_t *use_start;
	uint8_t *vreg_is_remat;
	uint8_t *vreg_is_wanted; /* some use wants it in a fixed register */
	uint8_t *is_exchanged;	 /* per instruction: operands 1 and 2 swapped roles */

	struct ra_range *ranges;
	uint32_t range_count, range_cap;
	uint32_t *vreg_first_range; /* while ranges are still in order: [v], [v + 1] */

	uint32_t *vreg_family;
	struct ra_family *families;
	uint32_t family_count;

	struct ra_bundle *bundles;
	uint32_t bundle_count, bundle_cap;

	struct ra_fixed fixed;
	struct ra_busy busy; /* by ranges */
	struct ra_reg_index index[RA_REGS];
	uint32_t index_levels;

	uint64_t *queue; /* heap: length << 32 | ~bundle */
	uint32_t queue_count, queue_cap;
	uint32_t *deferred; /* bundles that may not be worth a preserved register of their own */
	uint32_t deferred_count, deferred_cap;
	uint32_t opened; /* flat registers that are in use already */

	struct ra_spot *spots; /* of the bundle that is being split */
	uint32_t spot_count, spot_cap;
	uint32_t split_count;
};

static inline uint32_t
ra_block_entry(const struct ra *ra, uint32_t block)
{
	return ra->fn->blocks[block].first_inst + block;
}

/* The line behind the block's last one. */
static inline uint32_t
ra_block_end(const struct ra *ra, uint32_t block)
{
	return ra->fn->blocks[block].end_inst + block + 1;
}

static inline uint32_t
ra_line_of(uint32_t inst, uint32_t block)
{
	return inst + block + 1;
}

/* Flat masks: all registers of a class; preserved ones; those of them that nothing uses yet. */
static inline uint32_t
ra_class_mask(const struct ra *ra, uint32_t class_)
{
	return (uint32_t)ra->fn->allocatable[class_] << class_ * RA_REGS_PER_CLASS;
}

static inline uint32_t
ra_preserved_mask(const struct ra *ra)
{
	return ra->fn->preserved[RA_GPR] | (uint32_t)ra->fn->preserved[RA_XMM] << RA_REGS_PER_CLASS;
}

static inline uint32_t
ra_closed_mask(const struct ra *ra)
{
	return ra_preserved_mask(ra) & ~ra->opened;
}

/* The instruction of a line that is not a block's entry. */
static inline uint32_t
ra_inst_of(const struct ra *ra, uint32_t line)
{
	return line - ra->line_block[line] - 1;
}

static inline bool
ra_use_is_def(const struct ra_use *use)
{
	return use->kind >= RA_DEF_REG;
}

static inline bool
ra_use_needs_reg(const struct ra_use *use)
{
	return use->kind == RA_USE_REG || use->kind == RA_DEF_REG;
}

/* The point at which the value's place matters to the use. */
static inline uint32_t
ra_use_anchor(const struct ra_use *use)
{
	switch ((enum ra_use_kind)use->kind) {
	case RA_USE_COPY:
		return 2 * use->line - 1;
	case RA_USE_ARG:
		return 2 * use->line + 1;
	case RA_DEF_FIXED:
		return 2 * use->line + 2;
	case RA_DEF_PARAM:
		return 2 * use->line;
	case RA_USE_REG:
	case RA_USE_ANY:
	case RA_DEF_REG:
	case RA_DEF_ANY:
	case RA_DEF_REMAT:
		break;
	}
	return 2 * use->line + use->from;
}

/* ra_prepare.c */
enum nb_status ra_prepare(struct ra *ra) NB_MUST_USE;
/* The innermost loop that contains both blocks, or RA_NONE. */
uint32_t ra_loop_common(const struct ra *ra, uint32_t a, uint32_t b);
/* The loop around `block` that has `depth` (of 1 and more), or RA_NONE. */
uint32_t ra_loop_around(const struct ra *ra, uint32_t block, uint32_t depth);
uint32_t ra_loop_depth(const struct ra *ra, uint32_t loop);

/* ra_live.c: ranges in order of virtual registers, bundles not yet set; exchanges
 * operands of COMMUTE instructions where that saves a copy. */
enum nb_status ra_live_build(struct ra *ra) NB_MUST_USE;

/* ra_join.c: families and one bundle for each. */
enum nb_status ra_join(struct ra *ra) NB_MUST_USE;

/* ra_busy.c */
enum nb_status ra_busy_init(struct ra *ra, struct ra_busy *busy) NB_MUST_USE;
uint32_t ra_busy_query(const struct ra_busy *busy, uint32_t from, uint32_t to);
/* All marks, of each point once at most, between init and finish; queries after. */
enum nb_status ra_fixed_init(struct ra *ra) NB_MUST_USE;
void ra_fixed_mark(struct ra *ra, uint32_t point, uint32_t mask);
void ra_fixed_finish(struct ra *ra);
uint32_t ra_fixed_query(const struct ra *ra, uint32_t from, uint32_t to);
enum nb_status ra_index_init(struct ra *ra) NB_MUST_USE;
/* Enters a range into, or removes it from, register `flat`; it must be free. */
void ra_index_insert(struct ra *ra, uint32_t flat, uint32_t range);
void ra_index_remove(struct ra *ra, uint32_t flat, uint32_t range);
/* The first range in the register that ends behind `from`, or RA_NONE. */
uint32_t ra_index_find(const struct ra *ra, uint32_t flat, uint32_t from);

/* ra_bundle.c */
enum nb_status ra_range_new(struct ra *ra, uint32_t *out) NB_MUST_USE;
enum nb_status ra_bundle_new(struct ra *ra, uint32_t family, uint32_t *out) NB_MUST_USE;
/* Computes cost, weight, length, fixed and is_minimal from the ranges. */
void ra_bundle_measure(struct ra *ra, uint32_t bundle);
/* The weight that the part of the bundle in [from, to) would have as a bundle of its own;
 * infinite if that is all of it, or too much to tell. */
float ra_bundle_weight_in(const struct ra *ra, uint32_t bundle, uint32_t from, uint32_t to);
/* Moves what `cut->bundle` has at points in [from, to) into the new bundle *out; RA_NONE if
 * it has nothing there. Either may be left without ranges. Successive cuts of one bundle
 * go upward; cut->last starts as RA_NONE. */
struct ra_cut {
	uint32_t bundle;
	uint32_t last; /* range of the bundle before which nothing is to be cut any more */
};
enum nb_status ra_bundle_cut(struct ra *ra, struct ra_cut *cut, uint32_t from, uint32_t to,
			     uint32_t *out) NB_MUST_USE;
/* Registers that instructions need in a part of a range (flat mask); one is not counted
 * where the value itself is what is wanted in it. */
uint32_t
ra_range_fixed(const struct ra *ra, const struct ra_range *range, uint32_t from, uint32_t to);

/* ra_alloc.c */
enum nb_status ra_assign_all(struct ra *ra) NB_MUST_USE;
/* Measures the bundle and queues it, or spills it if no register would help. */
enum nb_status ra_enqueue(struct ra *ra, uint32_t bundle) NB_MUST_USE;

/* Puts a bundle without register into the queue. */
enum nb_status ra_queue_push(struct ra *ra, uint32_t bundle) NB_MUST_USE;
void ra_take_register(struct ra *ra, uint32_t bundle, uint32_t flat);
void ra_give_up_register(struct ra *ra, uint32_t bundle);
enum {
	RA_EVICT_CONFLICTS = 24, /* more than so many bundles are not evicted for one */
	RA_EVICTIONS_MAX = 10,	 /* thereafter a bundle does not evict any more */
};

/* ra_unseat.c: takes one of the registers `candidates` (flat mask) from bundles that inside
 * the loop in which the bundle lies have less need of it; *done tells whether there is one. */
enum nb_status
ra_unseat(struct ra *ra, uint32_t bundle, uint32_t candidates, bool *done) NB_MUST_USE;

/* ra_split.c: replaces the bundle by smaller ones, each enqueued or spilled. */
enum nb_status ra_split(struct ra *ra, uint32_t bundle) NB_MUST_USE;
/* Makes what the bundle has in [from, to) a bundle of its own, enqueued. */
enum nb_status
ra_split_cut(struct ra *ra, struct ra_cut *cut, uint32_t from, uint32_t to) NB_MUST_USE;

/* ra_rare.c: cuts blocks that run rarely and destroy the registers of the flat mask `plain`
 * out of the bundle of *cut, whose spots have been collected, and enqueues what is left;
 * *done is false if there are none. */
enum nb_status
ra_split_rare(struct ra *ra, struct ra_cut *cut, uint32_t plain, bool *done) NB_MUST_USE;

/* ra_fill.c: lets what is in memory stay in registers that have it and are free. */
enum nb_status ra_fill(struct ra *ra) NB_MUST_USE;

/* ra_slot.c */
enum nb_status ra_slot_assign(struct ra *ra) NB_MUST_USE;

/* ra_resolve.c */
enum nb_status ra_resolve(struct ra *ra) NB_MUST_USE;

/* One move of a parallel group, before sequencing. */
enum ra_phase { RA_PHASE_ENTER, RA_PHASE_LINE, RA_PHASE_LEAVE };
struct ra_transfer {
	uint32_t inst;
	uint32_t vreg;
	uint32_t remat_inst; /* or RA_NONE */
	uint8_t phase;	     /* enum ra_phase */
	struct ra_place from, to;
};

/* ra_moves.c: orders the transfers into result->moves. */
enum nb_status
ra_moves_sequence(struct ra *ra, struct ra_transfer *transfers, uint32_t count) NB_MUST_USE;

#endif
