/*
 * Inside the verifier: the state of the scan over one function.
 *
 * What is known about registers is what held on every way here. `zx` has a bit
 * for each general register whose upper half is zero; R11 and R10 have a
 * meaning only between an instruction of abi/code_contract.h's sequences and
 * the next one that writes them, and none at labels.
 */
#ifndef VERIFIER_SCAN_H
#define VERIFIER_SCAN_H

#include "verifier/decode.h"

/* What R11 holds, by a sequence of the contract. */
enum scratch_kind {
	SCRATCH_ANY,
	SCRATCH_CELL,	 /* address of the cell of an imported mutable global */
	SCRATCH_MEMORY,	 /* address of the descriptor of memory `scratch` */
	SCRATCH_TABLE,	 /* address of the descriptor of table `scratch` */
	SCRATCH_BASE,	 /* base of memory `scratch` */
	SCRATCH_LENGTH,	 /* a length that memory `scratch` has or had */
	SCRATCH_CLAMPED, /* an index at most that */
	SCRATCH_PLACE,	 /* base of memory `scratch` + such an index */
};

/*
 * One mark per byte of the function's code. The bits of registers that no
 * claim can name say what the mark is; the others are the claims.
 */
enum {
	MARK_PENDING = 1 << NB_RSP, /* forward edges lead here; not reached yet */
	MARK_LABEL = 1 << NB_R11,   /* the image claims this label; backward edges may come */
	MARK_PLAIN = 1 << NB_R14,   /* some edge is not from a call_indirect template */
	MARK_CLAIMS = 0xffff & ~(MARK_PENDING | MARK_LABEL | MARK_PLAIN | 1 << NB_R15),
};

struct scan {
	const struct verifier_facts *facts;
	const struct nb_code_image *image;
	const struct nb_code_function *function;
	const struct vf_decoder *decoder;
	uint16_t *marks; /* per byte of code, zero at first */
	struct verifier_finding *finding;

	const uint8_t *code; /* of the function */
	uint32_t size;
	uint32_t pool_at, pool_end; /* from the function's start */
	uint32_t tables_at;	    /* no jump table may begin before */
	uint32_t frame;		    /* bytes, or 0 */
	uint32_t saved_at;	    /* frame bytes from here on hold saved registers */
	uint32_t area;		    /* bytes of the incoming area */
	uint32_t own_at;	    /* the first instruction that is not the prologue */
	uint16_t saved;		    /* preserved registers that are saved */
	const struct nb_code_claim *claim, *claim_end; /* next */
	const struct nb_code_site *site, *site_end;    /* next */
	uint32_t claim_at, site_at; /* where they are, from the function's start */

	uint32_t at; /* of the instruction being looked at */
	struct vf_inst inst;
	uint32_t pending; /* marks not reached yet */
	uint16_t zx;
	bool is_reached; /* the instruction before goes on */
	bool after_call; /* it was a call */
	bool fit_failed; /* R10 holds the address of the callee that did not fit */
	uint8_t scratch_kind;
	uint32_t scratch;   /* number of the global, memory or table */
	uint32_t site_kind; /* of the trap site here, NB_TRAP_NONE: none */
};

/* Records a finding at the current instruction; false. */
bool scan_refuse(struct scan *s, enum verifier_rule rule);

/* Moves to the next instruction and decodes it; false if there is none. Does
 * not look at labels: only inside sequences. */
bool scan_next(struct scan *s);

/* The instruction directly behind the current one, if it decodes. */
bool scan_peek(const struct scan *s, struct vf_inst *out);

/* An edge to `target` (from the function's start) with the current claims;
 * `is_fit`: from a template, with the callee in R10. */
bool scan_edge(struct scan *s, int64_t target, bool is_fit);

/* An edge that carries no claims. */
bool scan_edge_bare(struct scan *s, int64_t target);

static inline int64_t
scan_branch_target(const struct scan *s)
{
	return (int64_t)s->at + s->inst.len + s->inst.imm;
}

/* --- operand.c ------------------------------------------------------------ */

/* Checks the operands of an ordinary instruction, and takes in what it writes. */
bool scan_operands(struct scan *s);

/* Takes in that `reg` is written. */
bool scan_write(struct scan *s, uint32_t reg, bool is_extended);

/* --- sequence.c ----------------------------------------------------------- */

/* Prologue, epilogue; each ends on its last instruction. */
bool scan_prologue(struct scan *s);
bool scan_is_epilogue(const struct scan *s);
bool scan_epilogue(struct scan *s);

/* Recognises the sequences of the contract by their first instruction and
 * checks them whole, ending on the last one. *out_done is false if there is
 * none here. */
bool scan_sequence(struct scan *s, bool *out_done);

/* A direct call to rel32. */
bool scan_direct_call(struct scan *s);

/* What holds behind a call: nothing. */
void scan_forget(struct scan *s);

#endif
