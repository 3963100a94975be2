/*
 * Inside emission: its state and the helpers the emit_*.c files share.
 *
 * Instructions go into `code` one after another. Jumps do not: they are events
 * at a place in `code`, as is everything else that has to be found again when
 * places are known (labels, sites, fields to fill in). Events are in the order
 * of their places. emit_finish.c gives jumps their sizes and makes the chunk.
 */
#ifndef COMPILER_X64_EMIT_H
#define COMPILER_X64_EMIT_H

#include "compiler/x64/layout.h"
#include "compiler/x64/minst.h"
#include "compiler/x64/x64.h"

enum emit_event_kind {
	EMIT_LABEL, /* value: label */
	EMIT_JUMP,  /* value: label; cc or EMIT_ALWAYS */
	EMIT_ALIGN, /* value: to so many bytes, at most CODE_ALIGN */
	EMIT_SITE,  /* value: info of struct nb_code_site */
	EMIT_CALL,  /* value: function; the four bytes before the place */
	EMIT_POOL,  /* value: pool offset; the four bytes before the place less cc */
	EMIT_PLACE, /* value: wasm offset of what follows; only for dumps */
};

enum { EMIT_ALWAYS = 0xff };

struct emit_event {
	uint32_t at;  /* in `code` */
	uint8_t kind; /* enum emit_event_kind */
	uint8_t cc;   /* JUMP: the condition; POOL: bytes behind the field */
	bool is_near; /* JUMP: has the long form */
	uint16_t zx;  /* JUMP, LABEL: what is zero-extended there */
	uint32_t value;
};

/* Code that belongs to an instruction but stands at the function's end. */
struct emit_cold {
	uint32_t inst;	/* number of the instruction */
	uint32_t entry; /* label */
	uint32_t back;	/* label behind the instruction's fast path */
	uint16_t zx;	/* what is zero-extended on entry */
	uint8_t trap;	/* nonzero: nothing but a trap of this kind */
};

/* The jump table of the SWITCH that ends a block. */
struct emit_table {
	uint32_t pool_offset;
	uint32_t block;
};

struct emitter {
	const struct x64_context *context;
	bool has_avx; /* SSE forms are emitted as their twins */
	const struct x64_function *fn;
	const struct ra_result *ra;
	struct arena *arena;
	struct x64_buffer code; /* code.status is the emitter's status */

	struct emit_event *events;
	uint32_t event_count, event_cap;
	struct emit_cold *colds;
	uint32_t cold_count, cold_cap;
	struct emit_table *tables;
	uint32_t table_count, table_cap;
	uint32_t label_count; /* the first ones are the blocks' */
	uint32_t pool_size;   /* constants and tables so far */
	uint32_t site_count, call_count;

	uint32_t frame_size;
	uint32_t slots_at; /* of spill slot 0 from RSP */
	uint32_t saves_at; /* of the saved registers from RSP */

	const uint16_t *zx_in; /* per block, see zx.h */
	struct x64_layout layout;
	uint32_t layout_pos; /* of the block being emitted */
	uint32_t block;
	uint32_t inst; /* number of the instruction being emitted */
	uint32_t move; /* next of ra->moves */

	bool falls_through; /* execution can come here from the place before */
	uint16_t zx;	    /* general registers whose upper half is zero here */
	uint8_t flags_reg;  /* ZF and SF tell of this register, X64_NO_REG: of none */
	bool flags_wide;
	uint32_t site;	   /* info for the next instruction, 0: none */
	uint32_t pool_ref; /* pool offset of the next instruction's RIP operand */
};

/* --- emit.c --------------------------------------------------------------- */

/* Emits `fn` with the places of `ra`. The chunk lives in `out_arena`. Errors:
 * NB_OUT_OF_MEMORY, NB_LIMIT_EXCEEDED (the frame), NB_INTERNAL. */
NB_MUST_USE enum nb_status
x64_emit(const struct x64_context *context, const struct x64_function *fn,
	 const struct ra_result *ra, struct arena *out_arena, struct arena *scratch,
	 struct x64_chunk *out);

/* --- emit_put.c ----------------------------------------------------------- */

/* The first failure is the function's. */
void emit_fail(struct emitter *e, enum nb_status status);
/* Notes an event for this place. */
void emit_event_add(struct emitter *e, enum emit_event_kind kind, uint32_t cc, uint32_t value);

/* One instruction; keeps track of zero-extended registers and flags. With AVX an
 * SSE form becomes its twin, which here does the same to the same registers. */
void emit_put(struct emitter *e, enum nb_form form, const struct x64_operands *ops);
/* d = `form` a, b; `form` is a legacy SSE one with three operands in its twin.
 * Without AVX d must be a (or else is made so, and must not be b). */
void emit_sse3(struct emitter *e, enum nb_form form, uint32_t d, uint32_t a, struct x64_rm b);
void emit_rm(struct emitter *e, enum nb_form form, uint32_t reg, struct x64_rm rm);
void emit_rr(struct emitter *e, enum nb_form form, uint32_t reg, uint32_t rm);
void emit_rm_imm(struct emitter *e, enum nb_form form, struct x64_rm rm, int64_t imm);
void emit_r_imm(struct emitter *e, enum nb_form form, uint32_t rm, int64_t imm);
void emit_zero(struct emitter *e, uint32_t reg);
void emit_const(struct emitter *e, uint32_t reg, uint64_t value, bool is_64);

uint32_t emit_label_new(struct emitter *e);
void emit_label(struct emitter *e, uint32_t label);
/* What is taken as known where the label of a block is must hold here. */
void emit_check_claims(struct emitter *e, uint32_t label);
/* A jump if `cc` (enum x64_cc) or EMIT_ALWAYS. */
void emit_jump(struct emitter *e, uint32_t cc, uint32_t label);
/* Jumps to block `block` unless it comes next. */
void emit_goto(struct emitter *e, uint32_t block);
uint32_t emit_next_block(const struct emitter *e);
/* Notes info (kind, offset of the current instruction) for this place. */
void emit_site(struct emitter *e, uint32_t kind);
/* The trap of a kind at the current instruction, out of line: its label. */
uint32_t emit_trap_label(struct emitter *e, uint32_t kind);
/* ud2 here. */
void emit_trap(struct emitter *e, uint32_t kind);
/* Out-of-line code for the current instruction. */
struct emit_cold emit_cold_add(struct emitter *e);
/* The newest four bytes are the distance to function `func_idx`. */
void emit_call_fixup(struct emitter *e, uint32_t func_idx);
/* A jump table of the current block behind the constants: its pool offset. */
uint32_t emit_table_add(struct emitter *e, uint32_t cases);
/* The IR's SWITCH at the end of the current block. */
static inline const struct ir_inst *
emit_switch_end(const struct emitter *e)
{
	const struct ir_function *ir = e->fn->ir;
	return &ir->insts[ir->blocks[ir->order[e->block]].last_inst];
}
/* Zero-extends an i32 in a general register unless it is known to be. */
void emit_zero_extend(struct emitter *e, uint32_t reg);

static inline const struct x64_inst *
emit_inst(const struct emitter *e)
{
	return &e->fn->insts[e->inst];
}

/* Place of operand `operand` of the current instruction. */
static inline const struct ra_place *
emit_place(const struct emitter *e, uint32_t operand)
{
	return &e->ra->places[e->fn->ra.insts[e->inst].first_operand + operand];
}

static inline uint32_t
emit_reg(const struct emitter *e, uint32_t operand)
{
	return emit_place(e, operand)->reg;
}

static inline bool
emit_is_wide(enum nb_form form)
{
	return x64_form_info(form)->wide;
}

/* --- emit_operand.c ------------------------------------------------------- */

/* A register or slot operand as r/m. */
struct x64_rm emit_operand_rm(struct emitter *e, uint32_t operand);
/* The r/m operand of the current instruction. May emit instructions that use
 * R11, and notes the site of a faulting access for the next instruction. */
struct x64_rm emit_inst_rm(struct emitter *e);
struct x64_rm emit_slot_rm(const struct emitter *e, uint32_t slot);
struct x64_rm emit_pool_rm(struct emitter *e, uint32_t offset);

/* --- emit_inst.c ---------------------------------------------------------- */

void emit_instruction(struct emitter *e);
/* A constant, or other repeatable instruction `inst`, into register `reg`. */
void emit_remat(struct emitter *e, uint32_t inst, uint32_t reg);
void emit_flags(struct emitter *e);

/* --- emit_float.c, emit_call.c: instructions of several ------------------- */

void emit_fminmax(struct emitter *e);
void emit_fminmax_cold(struct emitter *e);
void emit_copysign(struct emitter *e);
void emit_from_u64(struct emitter *e);
void emit_from_u64_cold(struct emitter *e);
void emit_trunc(struct emitter *e);
void emit_trunc_cold(struct emitter *e, uint32_t back);

void emit_divide(struct emitter *e);
void emit_divide_cold(struct emitter *e, uint32_t back);
void emit_prologue(struct emitter *e);
void emit_return(struct emitter *e);
void emit_restore_saved(struct emitter *e);
void emit_call(struct emitter *e);
/* The part of an indirect call or call by reference, or of a tail call of those,
 * that leaves in R10 the address of a callee with the right signature. */
void emit_callee(struct emitter *e);
void emit_trap_result(struct emitter *e);
void emit_trap_result_cold(struct emitter *e);
void emit_switch(struct emitter *e);
void emit_switch_few(struct emitter *e);

/* --- emit_atomic.c -------------------------------------------------------- */

void emit_atomic_loop(struct emitter *e);
void emit_fence(struct emitter *e);

/* --- emit_port.c ---------------------------------------------------------- */

void emit_port(struct emitter *e);

/* --- emit_tail.c ---------------------------------------------------------- */

void emit_tail_call(struct emitter *e);

/* --- emit_claims.c -------------------------------------------------------- */

/* Final places, from the function's start. */
struct emit_places {
	const uint32_t *labels;
	const uint32_t *events; /* where each begins, padding before it included */
};

/* The claims of the function's labels, into *out. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status emit_claims(struct emitter *e, const struct emit_places *places,
				       struct arena *out_arena, struct x64_chunk *out);

/* --- emit_finish.c -------------------------------------------------------- */

NB_MUST_USE enum nb_status
emit_finish(struct emitter *e, struct arena *out_arena, struct x64_chunk *out);

#endif
