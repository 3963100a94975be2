/*
 * Register allocation over a whole function.
 *
 * The allocator knows nothing of opcodes. Selection describes each machine
 * instruction by its operands (which virtual register, read or written, where
 * it must be) and its clobbers; the allocator answers with a place for every
 * operand and with moves between instructions. Emission reads both.
 *
 *   select ── ra_function ──> ra_allocate ── ra_result ──> emit
 *
 * Terms
 *   virtual register  an SSA value of one class, defined exactly once
 *   program point     before (early) or after (late) an instruction
 *   live range        the set of points between definition and uses
 *   spill slot        8 bytes of the frame (two adjacent ones for a vector, the
 *                     first of them even)
 *
 * Invariants the caller ensures
 *   - SSA: one definition, which dominates all uses; block parameters count as
 *     definitions at the block's start.
 *   - No critical edges: a block with several successors passes no arguments,
 *     and a block with parameters has only predecessors with one successor.
 *   - Blocks are numbered in reverse post order of a reducible graph; loops
 *     are contiguous in that order. Block 0 is the entry and has neither
 *     predecessors nor parameters (arguments are RA_FIXED definitions).
 *   - The last instruction of a block with exactly one successor has neither
 *     operands nor clobbers; no terminator defines anything.
 *   - At most one operand of an instruction is RA_ANY, unless it is a move.
 *   - An instruction never needs more registers at a point than there are
 *     allocatable ones that it does not fix or clobber there.
 *
 * Where moves go
 *   Moves only ever stand between instructions: `before_inst` names the one
 *   they precede, and they run after everything of the instruction before it.
 *   - A FIXED use is copied to its register directly before its instruction; a
 *     FIXED definition is copied away directly after it. Either copy is absent
 *     when the value lives in that very register. The operand's place is always
 *     the fixed register.
 *   - A REUSE definition owns its register from before the instruction on; the
 *     use it names is copied there directly before the instruction (absent if
 *     the value ends here and was kept there). The place of that use operand
 *     equals the definition's place: emit `op place(def), other operands`.
 *   - Edge moves precede the terminator when the predecessor has one successor
 *     (after all other moves there), else they stand at the start of the
 *     successor (before all other moves there), which has one predecessor.
 *   - Moves may fall between any two instructions, also before a conditional
 *     terminator: nothing but the operands may be live there. If flags are,
 *     the emitter must use moves and repeated constants that keep flags.
 *   - A REMAT definition whose operand 0 got RA_PLACE_NONE is not needed there:
 *     emit nothing for it.
 */
#ifndef COMPILER_X64_RA_H
#define COMPILER_X64_RA_H

#include "abi/status.h"
#include "lib/arena.h"
#include "lib/format.h"

#include <stdbool.h>
#include <stdint.h>

enum ra_class { RA_GPR, RA_XMM, RA_CLASS_COUNT };

enum ra_constraint {
	RA_REG,	  /* any allocatable register of the class */
	RA_ANY,	  /* a register, or a spill slot that the instruction addresses itself */
	RA_FIXED, /* exactly register `detail` */
	RA_REUSE, /* (definitions) the same register as the use operand number `detail` */
};

enum ra_role { RA_USE, RA_DEF };

/* When the operand occupies its place. A use is normally EARLY, so that a
 * definition may take its register; a LATE use stays until after the
 * instruction. A definition is normally LATE; an EARLY definition must not
 * share a register with any use (scratch registers are EARLY definitions
 * without a use). */
enum ra_time { RA_EARLY, RA_LATE };

struct ra_operand {
	uint32_t vreg;
	uint8_t constraint; /* enum ra_constraint */
	uint8_t role;	    /* enum ra_role */
	uint8_t time;	    /* enum ra_time */
	uint8_t detail;	    /* register, or operand index within the instruction */
};

enum ra_inst_flag {
	RA_INST_MOVE = 1,  /* operand 0 defines, operand 1 is its source: coalesce if possible */
	RA_INST_REMAT = 2, /* defines operand 0 from nothing but constants: may be repeated
			    * wherever the value is needed instead of spilling it */
	RA_INST_COMMUTE =
		4,	  /* operand 0 is a REUSE of use operand 1 or 2; 1 and 2 may be exchanged:
			      * then `place(0) == place(2)` holds instead, and if the other of
			      * them is RA_ANY, operand 1 now may be a slot (see ra_inst_source) */
	RA_INST_SAME = 8, /* operand 0 is RA_REG, but the instruction is cheaper if it gets the
			      * register of use operand 1, or of operand 2 with RA_INST_COMMUTE
			      * (add: then no lea is needed) */
};

struct ra_inst {
	uint32_t first_operand; /* in ra_function.operands */
	uint16_t operand_count;
	uint16_t flags;			   /* enum ra_inst_flag */
	uint16_t clobbers[RA_CLASS_COUNT]; /* registers destroyed between early and late; a
					    * definition may be fixed to a clobbered one */
};

struct ra_block {
	uint32_t first_inst, end_inst; /* [first, end) in ra_function.insts; never empty, the last
					* one is the terminator */
	uint32_t first_param, param_count; /* in ra_function.block_lists: virtual registers */
	uint32_t first_succ, succ_count;   /* in ra_function.block_lists: block numbers */
	uint32_t first_pred, pred_count;   /* likewise */
	uint32_t first_arg;   /* in block_lists: what this block passes to the parameters of its
			       * only successor; as many as that has parameters */
	uint32_t loop_depth;  /* 0 outside loops */
	uint32_t loop_header; /* block number of the innermost loop's header, or UINT32_MAX */
	float frequency;      /* estimated executions per call of the function, > 0 */
};

/* Input; arrays are owned by the caller and only read. */
struct ra_function {
	const struct ra_inst *insts;
	uint32_t inst_count;
	const struct ra_operand *operands;
	uint32_t operand_count;
	const struct ra_block *blocks;
	uint32_t block_count;
	const uint32_t *block_lists;
	const uint8_t *vreg_class; /* enum ra_class */
	const uint8_t *vreg_slots; /* spill slots the value needs: 1, or 2 for a vector */
	uint32_t vreg_count;
	uint16_t allocatable[RA_CLASS_COUNT]; /* bit per register */
	uint16_t preserved[RA_CLASS_COUNT];   /* those of them that the function must save if it
					       * uses them: each costs a store and a load */
};

/* A place: a register of the operand's class or a spill slot. */
enum ra_place_kind { RA_PLACE_NONE, RA_PLACE_REG, RA_PLACE_SLOT };
struct ra_place {
	uint8_t kind;	/* enum ra_place_kind */
	uint8_t class_; /* enum ra_class */
	uint16_t reg;
	uint32_t slot; /* first slot number */
};

/* A move to be emitted before instruction `before_inst`. The moves of one
 * point are already in an order in which executing them one after another is
 * right; cycles and slot-to-slot moves already go through the scratch
 * registers below, so `from` and `to` are never both slots. The scratch may be
 * of the other class than the value (class_ of the place tells): the whole 8
 * bytes travel. A repeated instruction always goes to a register. */
struct ra_move {
	uint32_t before_inst;
	uint32_t remat_inst; /* instead of moving: repeat this instruction into `to`, or
			      * UINT32_MAX */
	struct ra_place from, to;
	uint32_t vreg; /* whose value moves: gives the emitter the width */
	uint8_t slots; /* 1 or 2: width of what moves, in 8-byte slots */
};

struct ra_result {
	struct ra_place *places; /* per operand of the input, same index */
	struct ra_move *moves;	 /* sorted by before_inst */
	uint32_t move_count;
	uint32_t slot_count;				 /* spill slots used */
	uint16_t used[RA_CLASS_COUNT];			 /* registers written anywhere */
	uint32_t spill_count, reload_count, split_count; /* for dumps and benches */
};

/* Registers that are never allocatable and that the allocator may use inside a
 * group of moves: R11 and XMM15. */
enum { RA_SCRATCH_GPR = 11, RA_SCRATCH_XMM = 15 };

/* Allocates `function`; the result lives in `out_arena`, working memory in
 * `scratch` (left as found). Time is near linear in instructions plus live
 * range pieces. Errors: NB_OUT_OF_MEMORY when an arena is exhausted;
 * NB_INTERNAL if a value is used but not defined, or an instruction needs more
 * registers than there are. */
enum nb_status ra_allocate(const struct ra_function *function, struct arena *out_arena,
			   struct arena *scratch, struct ra_result *out) NB_MUST_USE;

/* Which operand (1 or 2) of a RA_INST_COMMUTE instruction is the one that does
 * not share operand 0's place, given the places of its operands. */
static inline uint32_t
ra_inst_source(const struct ra_place *places)
{
	bool shares = places[1].kind == RA_PLACE_REG && places[1].reg == places[0].reg;
	return shares ? 2 : 1;
}

/* Symbolic check that under `result` every use reads the value it names on
 * every path, that constraints and clobbers hold and that preserved sets are
 * right. For debug builds and tests. NB_INTERNAL with a reason in `reason`. */
enum nb_status ra_check(const struct ra_function *function, const struct ra_result *result,
			struct arena *scratch, char *reason, uint32_t reason_cap) NB_MUST_USE;

/* Prints the function with its places and moves; `result` NULL: without. */
void ra_dump(const struct ra_function *function, const struct ra_result *result, format_emit *emit,
	     void *context);

#endif
