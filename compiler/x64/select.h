/*
 * Inside instruction selection: its state and the helpers that the select_*.c
 * files share. select.c describes the method.
 */
#ifndef COMPILER_X64_SELECT_H
#define COMPILER_X64_SELECT_H

#include "compiler/x64/minst.h"
#include "compiler/x64/x64.h"

enum select_mark {
	SELECT_SUNK = 1,    /* a load that was folded into another instruction */
	SELECT_ADDRESS = 2, /* used as a memory address */
};

/* Constants that conversions and sign operations need, by place in the pool. */
enum select_mask {
	SELECT_MASK_SIGN_F32,
	SELECT_MASK_SIGN_F64,
	SELECT_MASK_ABS_F32,
	SELECT_MASK_ABS_F64,
	SELECT_MASK_COUNT,
};

/* Which operands of a two-operand SSE form may be exchanged. */
enum select_order { SELECT_ORDERED, SELECT_COMMUTES };

struct selector {
	const struct x64_context *context;
	const struct ir_function *ir;
	struct arena *arena;
	struct x64_function *out;
	enum nb_status status; /* first failure; checked after every IR instruction */

	/* Growing; instructions stand in reverse order until the end. */
	struct x64_inst *insts;
	struct ra_inst *ra_insts;
	uint32_t inst_count, inst_cap;
	struct ra_operand *operands;
	uint32_t operand_count, operand_cap;
	uint8_t *vreg_class, *vreg_slots, *vreg_type;
	uint32_t vreg_count, vreg_cap;
	uint8_t *pool;
	uint32_t pool_size, pool_cap;

	/* Per IR value. */
	uint32_t *vreg; /* IR_NONE until somebody wants it in a register */
	uint32_t *use_count;
	uint32_t *epoch;      /* effects before it in its block: loads move only within one */
	uint32_t *const_at;   /* pool offset + 1 of a float constant, 0: none yet */
	uint32_t *loop_const; /* place + 1 in loop_consts of the newest for it, 0: none */
	uint8_t *marks;	      /* enum select_mark */
	uint16_t *demand;     /* bytes of a vector that are needed; only with shuffles */
	uint32_t masks[SELECT_MASK_COUNT]; /* pool offset + 1, 0: none yet */

	/* Constants made before a loop: see select_const.c. */
	struct select_loop_const *loop_consts;
	uint32_t loop_const_count, loop_const_cap;
	uint32_t *first_const; /* per IR block: place + 1 of the first it makes, 0: none */

	bool has_mul_high; /* somewhere in the function, MUL_HIGH_U */
	uint32_t root;	   /* the IR instruction whose place the code is made for */
	uint32_t *args;	   /* where the edge arguments of the current block go */
};

/* A constant that a loop has in a register. */
struct select_loop_const {
	uint32_t value;
	uint32_t vreg;
	uint32_t block; /* at whose end it is made */
	uint32_t next;	/* place + 1 of the next one of the block, 0: none */
};

/* Something an r/m operand can be: a register value or memory. */
struct select_source {
	uint8_t base; /* enum x64_base; NONE: `vreg` is the operand */
	uint8_t trap;
	uint16_t memory; /* of LINEAR and CLAMPED */
	uint32_t vreg;	 /* or the index of LINEAR and CLAMPED, IR_NONE: none */
	int32_t disp;
	uint32_t wasm_offset;
};

/* A comparison that sets flags. */
struct select_compare {
	enum nb_form form;
	uint8_t cc;
	uint32_t reg; /* virtual register in ModRM.reg, or IR_NONE */
	struct select_source rm;
	int64_t imm;
};

/* --- select.c ------------------------------------------------------------- */

/* Selects instructions for `ir` into *out; everything lives in `arena`.
 * Errors: NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status
x64_select(const struct x64_context *context, const struct ir_function *ir, struct arena *arena,
	   struct x64_function *out);

static inline const struct ir_inst *
select_inst(const struct selector *s, uint32_t value)
{
	return &s->ir->insts[value];
}

/* Whether SSE forms have a result register of their own, and unaligned memory
 * operands. */
static inline bool
select_has_avx(const struct selector *s)
{
	return s->context->options->cpu_features & NB_CPU_AVX;
}

static inline bool
select_is_64(const struct selector *s, uint32_t value)
{
	return ir_type_bits(select_inst(s, value)->type) == 64;
}

static inline bool
select_is_single_use(const struct selector *s, uint32_t value)
{
	return s->use_count[value] == 1;
}

/* --- select_operand.c ----------------------------------------------------- */

/* A fresh virtual register of an IR type. */
uint32_t select_vreg_new(struct selector *s, enum ir_type type);

/* The register of `value`, which is thereby wanted. Constants get a fresh one
 * and an instruction that loads it here. */
uint32_t select_use(struct selector *s, uint32_t value);

/* The same for an operand of which only the value's own width is read: the lowest
 * lane of a vector of floats is the vector. */
uint32_t select_read(struct selector *s, uint32_t value);

/* The same where the value is only moved elsewhere: a constant is made in its place. */
uint32_t select_use_moved(struct selector *s, uint32_t value);

/* The register that the instruction defining `value` must write. */
uint32_t select_def(struct selector *s, uint32_t value);

/* Appends an instruction; operands are then added to it in order. */
struct x64_inst *select_emit(struct selector *s, enum x64_op op, enum nb_form form);

/* Add an operand to the newest instruction; they return its number. */
uint8_t select_op_use(struct selector *s, uint32_t vreg, enum ra_constraint constraint);
uint8_t select_op_use_late(struct selector *s, uint32_t vreg);
uint8_t select_op_use_fixed(struct selector *s, uint32_t vreg, uint32_t reg);
uint8_t select_op_def(struct selector *s, uint32_t vreg);
uint8_t select_op_def_reuse(struct selector *s, uint32_t vreg, uint32_t operand);
/* Like select_op_def_reuse, but with AVX in any register. */
uint8_t select_def_over(struct selector *s, uint32_t vreg, uint32_t operand);
uint8_t select_op_def_fixed(struct selector *s, uint32_t vreg, uint32_t reg);
uint8_t select_op_scratch(struct selector *s, enum ir_type type);
void select_clobber(struct selector *s, uint32_t gprs, uint32_t xmms);
void select_flag(struct selector *s, enum ra_inst_flag flag);

/* Adds `source` as the r/m operand; a register gets `constraint`. */
void select_op_source(struct selector *s, struct x64_inst *inst, const struct select_source *source,
		      enum ra_constraint constraint);

/* The low `bits` of a value, sign-extended: what an immediate must be. */
static inline int64_t
select_sign_extend(uint64_t value, uint32_t bits)
{
	return (int64_t)(value << (64 - bits)) >> (64 - bits);
}

/* The integer constant `value` is, sign-extended from its width. */
bool select_const(const struct selector *s, uint32_t value, int64_t *out);
/* The same if it fits a signed 32-bit immediate. */
bool select_imm32(const struct selector *s, uint32_t value, int64_t *out);

/* Pool offset of these bytes, 4, 8 or 16 of them and so aligned. */
uint32_t select_pool_add(struct selector *s, const void *bytes, uint32_t size);
uint32_t select_pool_mask(struct selector *s, enum select_mask mask);
/* Pool offset of the float or vector constant `value`. */
uint32_t select_pool_const(struct selector *s, uint32_t value);

/* `value` as a register operand. */
struct select_source select_source_reg(struct selector *s, uint32_t value);
/* `value` as an r/m operand of its own width: a load that can be sunk to here,
 * a float constant's place in the pool, or a register. */
struct select_source select_source_any(struct selector *s, uint32_t value);

/* --- select_const.c ------------------------------------------------------- */

/* A register that holds constant `value` at the root, and where needed the instruction
 * that loads it there. */
uint32_t select_const_use(struct selector *s, uint32_t value);
/* The same without looking for one that a loop has. */
uint32_t select_const_make(struct selector *s, uint32_t value);
/* Makes what loops want at the end of `block`; its terminator is the root. */
void select_loop_consts(struct selector *s, uint32_t block);
/* How many instructions that needs. */
uint32_t select_loop_const_count(const struct selector *s, uint32_t block);

/* --- select_mem.c --------------------------------------------------------- */

bool select_can_sink(const struct selector *s, uint32_t value);
/* The memory operand of load or store `value`; marks it as sunk if it is a
 * load other than the root. */
struct select_source select_access(struct selector *s, uint32_t value);
void select_load(struct selector *s, uint32_t value);
void select_store(struct selector *s, uint32_t value);
void select_global_get(struct selector *s, uint32_t value);
void select_global_set(struct selector *s, uint32_t value);
void select_size(struct selector *s, uint32_t value);
void select_ref_func(struct selector *s, uint32_t value);
/* The plain load and store forms of an IR type. */
enum nb_form select_load_form(enum ir_type type);
enum nb_form select_store_form(enum ir_type type);

/* --- select_atomic.c ------------------------------------------------------ */

void select_atomic_load(struct selector *s, uint32_t value);
void select_atomic_store(struct selector *s, uint32_t value);
void select_atomic_rmw(struct selector *s, uint32_t value);
void select_atomic_cmpxchg(struct selector *s, uint32_t value);
void select_atomic_fence(struct selector *s, uint32_t value);

/* --- select_port.c -------------------------------------------------------- */

void select_port(struct selector *s, uint32_t value);

/* --- select_int.c --------------------------------------------------------- */

void select_binary(struct selector *s, uint32_t value);
void select_sub(struct selector *s, uint32_t value);
void select_divide(struct selector *s, uint32_t value);
void select_shift(struct selector *s, uint32_t value);
void select_bit_count(struct selector *s, uint32_t value);
void select_extend(struct selector *s, uint32_t value);
/* d = a op source. */
void select_two_operand(struct selector *s, uint32_t value, uint32_t a, enum nb_form form,
			const struct select_source *source);
/* d = base + index << scale + disp. */
void select_lea(struct selector *s, uint32_t value, uint32_t base, uint32_t index, uint32_t scale,
		int64_t disp);
/* d = source by a two-operand form with d in reg. */
void select_unary_rm(struct selector *s, uint32_t value, enum nb_form form,
		     const struct select_source *source);
/* The form of a load-operate-store for a binary operation, else COUNT. */
enum nb_form select_alu_store_form(uint32_t op, bool is_64, bool is_imm);

/* --- select_carry.c ------------------------------------------------------- */

/* Selects an ADD or SUB that takes in a comparison; false if it is none. */
bool select_carry(struct selector *s, uint32_t value);

/* --- select_mul.c --------------------------------------------------------- */

void select_mul(struct selector *s, uint32_t value);
void select_mul_high(struct selector *s, uint32_t value);

/* --- select_float.c ------------------------------------------------------- */

void select_float_binary(struct selector *s, uint32_t value);
void select_float_unary(struct selector *s, uint32_t value);
void select_copysign(struct selector *s, uint32_t value);
void select_trunc(struct selector *s, uint32_t value);
void select_convert(struct selector *s, uint32_t value);
void select_bitcast(struct selector *s, uint32_t value);

/* --- select_vector.c ------------------------------------------------------ */

/* d = a by `form` with source; without AVX d takes over a's register. */
struct x64_inst *select_sse(struct selector *s, enum nb_form form, uint32_t d, uint32_t a,
			    const struct select_source *source, enum select_order order);
/* `value`, a vector, as an r/m operand that need not be aligned (with AVX) or
 * that is (the constants). */
struct select_source select_vector_source(struct selector *s, uint32_t value);
/* `value` as the low bytes of a vector, which is all that an instruction reads:
 * what was loaded alone need not be loaded first. */
struct select_source select_low_source(struct selector *s, uint32_t value, uint32_t bytes);
/* d = `form` source. */
struct x64_inst *select_sse_unary(struct selector *s, enum nb_form form, uint32_t d,
				  const struct select_source *source);
/* d = a by an immediate shift form. */
void
select_sse_shift_imm(struct selector *s, enum nb_form form, uint32_t d, uint32_t a, uint8_t imm);
bool select_is_zero_vector(const struct selector *s, uint32_t value);
bool select_is_float_vector(const struct selector *s, uint32_t value);
void select_vector(struct selector *s, uint32_t value);
void select_vector_test(struct selector *s, uint32_t value);
void select_vector_shift(struct selector *s, uint32_t value);
void select_bitselect(struct selector *s, uint32_t value);

/* --- select_lane.c -------------------------------------------------------- */

void select_splat(struct selector *s, uint32_t value);
void select_extract(struct selector *s, uint32_t value);
void select_replace(struct selector *s, uint32_t value);
void select_vector_load(struct selector *s, uint32_t value);
/* Store `value` if what it stores, `stored`, is one lane of a vector. */
bool select_lane_store(struct selector *s, uint32_t value, uint32_t stored);

/* --- select_demand.c, select_shuffle.c ------------------------------------ */

/* Fills in s->demand. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status select_demand_compute(struct selector *s);

void select_shuffle(struct selector *s, uint32_t value);

/* --- select_flags.c ------------------------------------------------------- */

/* Adds the comparison's operands to the newest instruction, `inst`. */
void select_add_compare(struct selector *s, struct x64_inst *inst,
			const struct select_compare *compare, enum ra_constraint constraint);
void select_compare_value(struct selector *s, uint32_t value);
void select_select(struct selector *s, uint32_t value);
void select_trap_if(struct selector *s, uint32_t value);
void select_branch(struct selector *s, uint32_t value);

/* --- select_call.c -------------------------------------------------------- */

void select_entry(struct selector *s);
void select_frame_get(struct selector *s, uint32_t value);
void select_frame_set(struct selector *s, uint32_t value);
void select_call(struct selector *s, uint32_t value);
void select_tail_call(struct selector *s, uint32_t value);
void select_return(struct selector *s, uint32_t value);
/* Places all parameters and results of a type. */
void x64_place_type(const struct wasm_functype *type, struct nb_placement *arguments,
		    struct nb_placement *results);
void select_switch(struct selector *s, uint32_t value);

#endif
