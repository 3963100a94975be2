/*
 * Inside the verifier: the state of the scan over one function.
 *
 * What is known about registers is what held on every way here. `open` has a bit
 * for each general register whose upper half may be anything; R11 and R10 have a
 * meaning only between an instruction of abi/code_contract.h's sequences and
 * the next one that writes them, and none at labels.
 */
#ifndef VERIFIER_SCAN_H
#define VERIFIER_SCAN_H

#include "abi/trap.h"
#include "verifier/decode.h"

/* Operands of nothing but the sequences; with R11, which these may begin with. */
enum {
	SCAN_PINNED_GPRS = 1 << NB_RSP | 1 << NB_REG_MEMORY_BASE | 1 << NB_REG_VMCTX,
	SCAN_GPRS = 0xffff,
	SCAN_SPECIAL_GPRS = SCAN_PINNED_GPRS | 1 << NB_REG_CALLEE,
};

/* What R11 holds, by a sequence of the contract; at last one for R10. */
enum scratch_kind {
	SCRATCH_ANY,
	SCRATCH_CELL,	 /* address of the cell of an imported mutable global */
	SCRATCH_MEMORY,	 /* address of a memory's descriptor */
	SCRATCH_TABLE,	 /* address of a table's descriptor */
	SCRATCH_BASE,	 /* base of a memory */
	SCRATCH_CLAMPED, /* an index that is at most the bound of memory 0 */
	SCRATCH_PLACE,	 /* base of another memory + an index at most its bound */
	SCRATCH_UNFIT,	 /* R10 holds the address of the callee that did not fit */
};

/*
 * One mark per byte of the function's code. The bits of registers that no
 * claim can name say what the mark is; the others are the registers whose upper
 * half may be anything on some edge, or those that the claim leaves out.
 */
enum {
	MARK_TARGET = 1 << NB_RSP, /* edges lead here, or the image claims this label */
	MARK_LABEL = 1 << NB_R11,  /* the image claims this label; any edges may come */
	MARK_PLAIN = 1 << NB_R14,  /* some edge is not from a call_indirect template */
	MARK_OPEN = 0xffff & ~(MARK_TARGET | MARK_LABEL | MARK_PLAIN | 1 << NB_R15),
};

/* Bytes of code for which the first function is noted; bytes of one entry of the vmctx's
 * globals and tables. */
enum { SCAN_BLOCK_SHIFT = 8, SCAN_ENTRY_BYTES = 16 };

/* What displacements an operand in memory may have, and whether its access takes a site. */
struct scan_bound {
	int64_t last;	/* of the bytes accessed */
	uint64_t site;	/* of the next site, what must be right */
	uint64_t sites; /* bytes of those to be taken */
	uint64_t spare;
};
_Static_assert(sizeof(struct scan_bound) == VF_BOUND_BYTES, "places have offsets");

struct scan {
	const struct verifier_facts *facts;
	const struct nb_code_image *image;
	const struct nb_code_function *function;
	const struct vf_tables *tables; /* read only by way of a register */
	const uint32_t *blocks;		/* the first function of each block of code */
	uint16_t *marks;		/* per byte of code, zero at first */
	struct verifier_finding *finding;

	const uint8_t *code; /* of the function */
	uint32_t size;
	uint32_t room;		    /* bytes of the image from the function's start on */
	uint32_t fast_end;	    /* instructions before may be read at once */
	uint32_t pool_at, pool_end; /* from the function's start */
	uint32_t tables_at;	    /* no jump table may begin before */
	uint32_t frame;		    /* bytes, or 0 */
	uint32_t saved_at;	    /* frame bytes from here on hold saved registers */
	uint32_t area;		    /* bytes of the incoming area */
	uint32_t own_at;	    /* the first instruction that is not the prologue */
	uint16_t saved;		    /* preserved registers that are saved */
	uint64_t stop;		    /* effects that need more than the common checks */
	const struct nb_code_site *site, *site_end; /* next */
	uint64_t site_key; /* + at: a site for an access to linear memory there */
	struct scan_bound bounds[VF_PLACE_BOUNDS];

	uint32_t at;	   /* of the instruction being looked at */
	uint32_t moved_at; /* of the last mov r32, constant */
	struct vf_inst inst;
	uint32_t pending;    /* marks of forward edges that are not reached yet */
	uint32_t claims;     /* likewise, of claimed labels */
	uint32_t open;	     /* general registers whose upper half may be anything */
	bool is_reached;     /* the instruction before goes on */
	uint8_t scratch;     /* enum scratch_kind, at scratch_at only */
	uint32_t scratch_at; /* the instruction behind what made it so */
};

/* Records a finding at the current instruction; false. */
bool scan_refuse(struct scan *s, enum verifier_rule rule);

static inline bool
scan_require(struct scan *s, bool holds, enum verifier_rule rule)
{
	if (!holds)
		return scan_refuse(s, rule);
	return true;
}

/* Moves to the next instruction and decodes it. Does not look at labels. */
bool scan_next(struct scan *s);

/* An edge to `target` (from the function's start), where the upper halves of `open` may
 * be anything; `plain` is MARK_PLAIN, or 0 from a template, with the callee in R10. */
bool scan_edge(struct scan *s, int64_t target, uint32_t open, uint32_t plain);

static inline int64_t
scan_branch_target(const struct scan *s)
{
	return (int64_t)s->at + s->inst.len + s->inst.imm;
}

/* The current instruction does not go on. */
static inline void
scan_stop(struct scan *s)
{
	s->open = SCAN_GPRS;
	s->is_reached = false;
}

/* Takes the next trap site, if it lies at `at`: its kind, or NB_TRAP_NONE. As sites
 * are sorted and all must be taken in the end, each stands for what took it, and
 * what takes one has none before it. */
static inline uint32_t
scan_take_site(struct scan *s, uint32_t at)
{
	if (s->site == s->site_end || s->site->code_offset != s->function->code_offset + at)
		return NB_TRAP_NONE;
	return s->site++->info >> 24;
}

/* What R11 or R10 holds here. */
static inline enum scratch_kind
scan_scratch(const struct scan *s)
{
	return s->scratch_at == s->at ? (enum scratch_kind)s->scratch : SCRATCH_ANY;
}

/* What R11 holds for the instruction behind the current one. */
static inline void
scan_set_scratch(struct scan *s, enum scratch_kind kind)
{
	s->scratch = (uint8_t)kind;
	s->scratch_at = s->at + s->inst.len;
}

/* What these effects do to what is known. The upper half of `effect >> VF_EXTENDED`
 * has no effect. */
static inline void
scan_apply(struct scan *s, uint64_t effect)
{
	s->open = (s->open & ~(uint32_t)(effect >> VF_EXTENDED)) | (uint32_t)(effect >> VF_WIDE);
}

/* The kind of the global in whose cell [r15 + disp] and so many bytes lie, or else _CELL,
 * which is accessed otherwise. */
static inline enum verifier_global
scan_global(const struct scan *s, int64_t disp, uint32_t bytes)
{
	uint64_t at = (uint64_t)(disp - s->facts->layout.globals);

	if (at / SCAN_ENTRY_BYTES >= s->facts->counts.globals ||
	    at % SCAN_ENTRY_BYTES + bytes > SCAN_ENTRY_BYTES)
		return VERIFIER_GLOBAL_CELL;
	return (enum verifier_global)s->facts->globals[at / SCAN_ENTRY_BYTES];
}

/* --- common.c ------------------------------------------------------------- */

/* Checks all instructions, from the prologue to the last. */
bool scan_body(struct scan *s);

/* --- operand.c ------------------------------------------------------------ */

/* The current instruction, and what belongs to it: one that computes or accesses
 * memory, one that does neither, ud2. */
bool scan_computation(struct scan *s);
bool scan_control(struct scan *s);
bool scan_trap(struct scan *s);

/* --- sequence.c ----------------------------------------------------------- */

bool scan_is_memory(const struct vf_inst *inst, enum nb_form form, uint32_t reg, uint32_t base,
		    int64_t disp); /* form reg, [base + disp]; any reg if the form has none */
bool scan_is_register(const struct vf_inst *inst, enum nb_form form, uint32_t reg, uint32_t rm);
bool scan_is_immediate(const struct vf_inst *inst, enum nb_form form, uint32_t rm, int64_t imm);

/* lea r11, [rip + …] */
bool scan_is_lea_rip(const struct vf_inst *inst);

/* Moves on to the next instruction, which must be this one. */
bool scan_step_memory(struct scan *s, enum nb_form form, uint32_t reg, uint32_t base, int64_t disp);
bool scan_step_condition(struct scan *s, uint32_t cc); /* jcc */

/* Slots of the area of the function whose entry lies at `target` from this function's
 * start; -1 if there is none. */
int32_t scan_entry_area(const struct scan *s, int64_t target);

/* Recognises the sequences of the contract by their first instruction and
 * checks them whole, ending on the last one. *out_done is false if there is
 * none here. */
bool scan_sequence(struct scan *s, bool *out_done);

/* A direct call, the current instruction. */
bool scan_direct_call(struct scan *s, int64_t target);

/* --- port.c --------------------------------------------------------------- */

/* in or out, the current instruction. */
bool scan_port(struct scan *s);

/* The sequence of a computed port, from lea r11d, [rdx + …] on. */
bool scan_computed_port(struct scan *s);

/* --- frame.c -------------------------------------------------------------- */

/* Prologue, epilogue; each ends on its last instruction. */
bool scan_prologue(struct scan *s);
bool scan_is_epilogue(const struct scan *s);
bool scan_epilogue(struct scan *s);

/* An easy tail call from the current instruction on, with a callee of this instance in R10:
 * copies, epilogue and jump up to `foreign`, which is the current instruction afterwards. */
bool scan_own_tail(struct scan *s, uint32_t area_slots, int64_t foreign);

/* The template `hard`, from the current instruction on, with the callee in R11. */
bool scan_hard(struct scan *s, uint32_t area_slots);

/* A callee may use an area of so many slots at RSP. */
bool scan_area_fits(struct scan *s, uint32_t slots);

#endif
