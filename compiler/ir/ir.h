/*
 * The intermediate representation: one function in SSA form.
 *
 *   wasm body ── ir_build ──> ir_function ── pass/… ──> ir_schedule ──> x64/
 *
 * Terms
 *   value        the result of an instruction; both share one number
 *   block        straight-line code with one terminator at its end
 *   edge         one way from a terminator to a block, with the values that it
 *                passes to the block's parameters
 *   list         a run of value numbers in the function's list pool
 *
 * Everything is a number into dense arrays (instructions, blocks, edges,
 * lists) that only grow and that live in the function's arena; the arrays may
 * move when something is added, so pointers into them do not survive that.
 *
 * Invariants (ir_check verifies them between passes)
 *   - A definition dominates its uses. Constants belong to no block and may be
 *     used everywhere; whoever generates code decides where to materialise.
 *   - Block 0 is the entry. It has no predecessors; its parameters are the
 *     function's. Parameters are in no instruction list.
 *   - Each edge passes as many arguments as its target has parameters, of
 *     their types.
 *   - Effects happen in list order: what writes state, calls or may trap is
 *     never reordered with another such instruction, nor removed unless it
 *     carries IR_NO_TRAP and its value is unused.
 *   - i32 values say nothing of the upper half of a register; references are
 *     i32 (0 is null).
 *   - Control flow is reducible: a loop is entered through its header only.
 *
 * After ir_schedule (what x64/ receives) also
 *   - `order` lists the reachable blocks in reverse post order, loops
 *     contiguous; idom, loops and frequencies are valid.
 *   - No critical edges: the target of an edge from a block with several edges
 *     has that edge as its only predecessor and no parameters.
 */
#ifndef COMPILER_IR_IR_H
#define COMPILER_IR_IR_H

#include "abi/status.h"
#include "compiler/device.h"
#include "lib/arena.h"
#include "wasm/module.h"

#include <stdbool.h>
#include <stdint.h>

enum ir_type {
	IR_VOID,
	IR_I32,
	IR_I64,
	IR_F32,
	IR_F64,
	IR_V128,
	IR_TYPE_COUNT,
};

enum ir_op {
#define IR_OP(name, text, result, arguments, flags, reads, writes) IR_##name,
#include "compiler/ir/op.def"
#undef IR_OP
	IR_OP_COUNT,
};

/* Operations on vectors: imm of VECTOR1 … REPLACE. 0 is none. */
enum ir_vector {
	IR_VECTOR_NONE,
#define IR_VECTOR(name, text, operation, shape, meaning, flags) IR_##name,
#include "compiler/ir/vector.def"
#undef IR_VECTOR
	IR_VECTOR_COUNT,
};

/* How a vector is divided into lanes. */
enum ir_shape {
	IR_SHAPE_I8X16,
	IR_SHAPE_I16X8,
	IR_SHAPE_I32X4,
	IR_SHAPE_I64X2,
	IR_SHAPE_F32X4,
	IR_SHAPE_F64X2,
	IR_SHAPE_V128, /* not at all */
};

/* What happens in a lane: see vector.def. */
enum ir_lane_op {
	IR_LANE_AND,
	IR_LANE_OR,
	IR_LANE_XOR,
	IR_LANE_ANDNOT,
	IR_LANE_BITSELECT,
	IR_LANE_LANESELECT,
	IR_LANE_ADD,
	IR_LANE_SUB,
	IR_LANE_ADD_SAT_S,
	IR_LANE_ADD_SAT_U,
	IR_LANE_SUB_SAT_S,
	IR_LANE_SUB_SAT_U,
	IR_LANE_MIN_S,
	IR_LANE_MIN_U,
	IR_LANE_MAX_S,
	IR_LANE_MAX_U,
	IR_LANE_AVGR_U,
	IR_LANE_ABS,
	IR_LANE_EQ,
	IR_LANE_GT_S,
	IR_LANE_SHL,
	IR_LANE_SHR_U,
	IR_LANE_SHR_S,
	IR_LANE_MUL,
	IR_LANE_MUL_HIGH_S,
	IR_LANE_MUL_HIGH_U,
	IR_LANE_MUL_ROUND_S,
	IR_LANE_MUL_EVEN_S,
	IR_LANE_MUL_EVEN_U,
	IR_LANE_DOT_S,
	IR_LANE_DOT_US,
	IR_LANE_EXTEND_LOW_S,
	IR_LANE_EXTEND_LOW_U,
	IR_LANE_NARROW_S,
	IR_LANE_NARROW_U,
	IR_LANE_SWIZZLE,
	IR_LANE_SPLAT,
	IR_LANE_EXTRACT,
	IR_LANE_REPLACE,
	IR_LANE_ANY_TRUE,
	IR_LANE_BITMASK,
	IR_LANE_FADD,
	IR_LANE_FSUB,
	IR_LANE_FMUL,
	IR_LANE_FDIV,
	IR_LANE_PMIN,
	IR_LANE_PMAX,
	IR_LANE_FEQ,
	IR_LANE_FNE,
	IR_LANE_FLT,
	IR_LANE_FLE,
	IR_LANE_FSQRT,
	IR_LANE_FCEIL,
	IR_LANE_FFLOOR,
	IR_LANE_FTRUNC,
	IR_LANE_FNEAREST,
	IR_LANE_CONVERT_I32,
	IR_LANE_TRUNC_F32,
	IR_LANE_TRUNC_F64,
	IR_LANE_DEMOTE,
	IR_LANE_PROMOTE,
};

/* A row of vector.def. */
struct ir_vector_info {
	const char *text;
	uint8_t op;	 /* enum ir_op: VECTOR1 … */
	uint8_t shape;	 /* enum ir_shape */
	uint8_t meaning; /* enum ir_lane_op */
	uint8_t flags;	 /* IR_OP_COMMUTES */
};
extern const struct ir_vector_info ir_vector_infos[IR_VECTOR_COUNT];

/* The bits of a v128, byte 0 (of lane 0, of the lowest address) first. */
struct ir_v128 {
	uint8_t bytes[16];
};

/* Properties of an operation (flags column of op.def). */
enum ir_op_flag {
	IR_OP_COMMUTES = 1 << 0,
	IR_OP_TRAPS = 1 << 1,
	IR_OP_CALL = 1 << 2,
	IR_OP_LIST = 1 << 3,
	IR_OP_EDGES = 1 << 4,
	IR_OP_END = 1 << 5,
	IR_OP_FREE = 1 << 6,
};

/* Parts of the state (reads and writes columns of op.def). */
enum ir_state {
	IR_STATE_MEM = 1 << 0,
	IR_STATE_SIZE = 1 << 1,
	IR_STATE_GLOBAL = 1 << 2,
	IR_STATE_TABLE = 1 << 3,
	IR_STATE_ALL = 15, /* what others can see */
	IR_STATE_FRAME = 1 << 4,
};

/* A row of op.def. */
struct ir_op_info {
	const char *text;
	const char *arguments;
	char result;
	uint8_t arg_count;
	uint8_t flags;	       /* enum ir_op_flag */
	uint8_t reads, writes; /* enum ir_state; IR_STATE_ALL for calls */
};
extern const struct ir_op_info ir_op_infos[IR_OP_COUNT];

/* No value, block, edge. (Value 0 exists, but is never a value that somebody
 * may use: see struct ir_function.) */
#define IR_NONE UINT32_MAX

/* Properties of one instruction. */
enum ir_inst_flag {
	IR_NO_TRAP = 1 << 0,  /* proven not to trap; with an unused value removable */
	IR_LIKELY = 1 << 1,   /* BRANCH: edge 0 is probably taken */
	IR_UNLIKELY = 1 << 2, /* BRANCH: edge 1 is probably taken */
};

enum { IR_OFFSET_BITS = 24, IR_OFFSET_MASK = (1 << IR_OFFSET_BITS) - 1 };

struct ir_inst {
	uint8_t op;	  /* enum ir_op */
	uint8_t type;	  /* enum ir_type of the value; IR_VOID: none */
	uint16_t flags;	  /* enum ir_inst_flag */
	uint32_t block;	  /* where it is; IR_NONE: CONST, or not placed */
	uint32_t args[3]; /* values, as many as the operation has, from 0; with a list or
			       * edges args[1] is the first one and args[2] the count */
	/* From the function body's start (struct wasm_code.offset), 24 bits signed:
	 * an instruction of an inlined function lies outside the body. */
	uint32_t wasm_offset;
	uint32_t prev, next; /* in the block's list, IR_NONE at the ends */
	uint64_t imm;	     /* as op.def says */
};

struct ir_edge {
	uint32_t from, to;	       /* blocks */
	uint32_t first_arg, arg_count; /* in the list pool */
	uint32_t next_pred, prev_pred; /* the edges into `to`, IR_NONE at the ends */
};

enum ir_block_flag {
	/* Valid like ir_block.position: */
	IR_BLOCK_COLD = 1 << 0, /* ends in a trap, or leads to one only */
	IR_BLOCK_LOOP_HEADER = 1 << 1,
};

struct ir_block {
	uint32_t first_inst, last_inst;	   /* the last one is the terminator */
	uint32_t first_param, param_count; /* in the list pool: PARAM values */
	uint32_t first_pred;		   /* edge into the block, then next_pred */
	uint32_t flags;			   /* enum ir_block_flag */
	/* Valid after ir_analyze until control flow changes: */
	uint32_t position;	  /* in ir_function.order, IR_NONE: unreachable */
	uint32_t idom;		  /* immediate dominator, IR_NONE for the entry */
	uint32_t dom_in, dom_out; /* see ir_dominates */
	uint32_t loop_header; /* of the innermost loop it is in (its own if it is one), IR_NONE */
	uint32_t loop_depth;  /* 0 outside loops */
	uint32_t outer_loop;  /* of a loop's header: the header of the loop around it, IR_NONE */
	float frequency;      /* estimated executions per call, > 0 */
};

/* Lets somebody stop long work. */
struct ir_ticker {
	enum nb_status (*poll)(void *context); /* anything but NB_OK: stop with that status */
	void *context;
	uint32_t steps; /* since the last call of poll */
};

/*
 * Adding to a function cannot fail at the place of the call: when the arena is
 * exhausted or the ticker says stop, `status` says so for good, what is added
 * goes nowhere (value 0, block 0, …, all harmless to write to) and whoever
 * runs a pass looks at `status` at its end. Loops that add are bounded by what
 * they read.
 */
struct ir_function {
	struct arena *arena;		  /* all arrays live here */
	enum nb_status status;		  /* NB_OK, or why the function is of no use any more */
	bool is_strict;			  /* accesses must happen exactly as written */
	bool calls_bulk;		  /* short memory.copy and memory.fill are calls, too */
	bool frames_locals;		  /* locals that are set live in the frame */
	struct ir_ticker *ticker;	  /* NULL: nobody wants to stop */
	const struct wasm_module *module; /* whose indices imm refers to */
	const struct device_rules *rules; /* NULL: the module accesses no ports */
	const struct wasm_functype *type; /* of this function */
	uint32_t func_idx;		  /* in the module's index space */

	struct ir_inst *insts;
	struct ir_block *blocks;
	struct ir_edge *edges;
	uint32_t *lists; /* arguments, parameters, switch cases */
	uint32_t inst_count, inst_cap;
	uint32_t block_count, block_cap;
	uint32_t edge_count, edge_cap;
	uint32_t list_count, list_cap;
	/* Constants by type and bits: value numbers, 0 where empty; open
	 * addressing, a power of two of places. */
	uint32_t *consts;
	uint32_t const_count, const_cap;

	/* Contents of v128 constants and patterns of SHUFFLE, each once. */
	struct ir_v128 *vectors;
	uint32_t vector_count, vector_cap;

	uint32_t frame_slots; /* of FRAME_GET and FRAME_SET */

	uint32_t *order; /* blocks; valid like ir_block.position */
	uint32_t order_count, order_cap;
	bool is_analyzed; /* nothing has changed control flow since ir_analyze */
	/* A pass made a condition, or what an edge passes on, constant since the last
	 * pass_branch. */
	bool has_new_ways;
	bool has_no_loop; /* there was none at the last look, and no pass makes any */
};

/* --- instructions --------------------------------------------------------- */

static inline const struct ir_op_info *
ir_op_info(uint32_t op)
{
	return &ir_op_infos[op];
}

/* The list of a LIST operation. */
struct ir_list {
	const uint32_t *values;
	uint32_t count;
};

static inline struct ir_list
ir_inst_list(const struct ir_function *fn, const struct ir_inst *inst)
{
	return (struct ir_list){ fn->lists + inst->args[1], inst->args[2] };
}

/* Number of edges of any terminator. */
static inline uint32_t
ir_inst_edge_count(const struct ir_inst *inst)
{
	return ir_op_info(inst->op)->flags & IR_OP_EDGES ? inst->args[2] : 0;
}

/* Edge `index` of an EDGES terminator. Its edges are adjacent. */
static inline struct ir_edge *
ir_inst_edge(const struct ir_function *fn, const struct ir_inst *inst, uint32_t index)
{
	return &fn->edges[inst->args[1] + index];
}

/* SWITCH: imm is the number of cases (the default included, so at least 1) |
 * the cases' place in the list pool << 32. Several cases may share an edge. */
static inline uint32_t
ir_switch_case_count(const struct ir_inst *inst)
{
	return (uint32_t)inst->imm;
}

/* Which edge of the SWITCH (for ir_inst_edge) case `index` takes. */
static inline uint32_t
ir_switch_case(const struct ir_function *fn, const struct ir_inst *inst, uint32_t index)
{
	return fn->lists[(uint32_t)(inst->imm >> 32) + index];
}

/* What an ATOMIC_RMW puts in the place of the old value. */
enum ir_atomic {
	IR_ATOMIC_ADD,
	IR_ATOMIC_SUB,
	IR_ATOMIC_AND,
	IR_ATOMIC_OR,
	IR_ATOMIC_XOR,
	IR_ATOMIC_EXCHANGE,
	IR_ATOMIC_COUNT,
};

/* imm of loads, stores and atomics: static offset, at most
 * NB_DISPLACEMENT_MAX | memory << 32; of atomics also enum ir_atomic << 48 |
 * log2 of the width in bytes << 56. */
enum { IR_ACCESS_OPERATION_SHIFT = 48, IR_ACCESS_WIDTH_SHIFT = 56 };

static inline uint32_t
ir_access_offset(const struct ir_inst *inst)
{
	return (uint32_t)inst->imm;
}

static inline uint32_t
ir_access_memory(const struct ir_inst *inst)
{
	return (uint32_t)(inst->imm >> 32) & UINT16_MAX;
}

static inline enum ir_atomic
ir_atomic_operation(const struct ir_inst *inst)
{
	return (enum ir_atomic)(inst->imm >> IR_ACCESS_OPERATION_SHIFT & UINT8_MAX);
}

static inline bool
ir_op_is_atomic(uint32_t op)
{
	return op >= IR_ATOMIC_LOAD && op <= IR_ATOMIC_CMPXCHG;
}

/* imm of port accesses: log2 of the width in bytes | port << 8. */
static inline uint32_t
ir_port_width(const struct ir_inst *inst)
{
	return (uint32_t)inst->imm & 3;
}

static inline uint32_t
ir_port_number(const struct ir_inst *inst)
{
	return (uint32_t)(inst->imm >> 8) & UINT16_MAX;
}

static inline bool
ir_op_is_port(uint32_t op)
{
	return op >= IR_PORT_READ && op <= IR_PORT_WRITE_ANY;
}

/* Bytes that a load, store or atomic touches: 1, 2, 4, 8 or 16; 0 for other operations. */
uint32_t ir_access_bytes(const struct ir_function *fn, const struct ir_inst *inst);

/* The vector operation of VECTOR1 … REPLACE. */
static inline enum ir_vector
ir_vector_op(const struct ir_inst *inst)
{
	return (enum ir_vector)(uint16_t)inst->imm;
}

/* Its row; of other operations, too: that of no operation. */
static inline const struct ir_vector_info *
ir_vector_info(const struct ir_inst *inst)
{
	bool is_vector = inst->op >= IR_VECTOR1 && inst->op <= IR_REPLACE;

	return &ir_vector_infos[is_vector ? (uint16_t)inst->imm : 0];
}

/* The lane of EXTRACT and REPLACE. */
static inline uint32_t
ir_vector_lane(const struct ir_inst *inst)
{
	return (uint32_t)(inst->imm >> 16);
}

/* The bits of a CONST of type v128. */
static inline const struct ir_v128 *
ir_const_vector(const struct ir_function *fn, const struct ir_inst *inst)
{
	return &fn->vectors[inst->imm];
}

/* The bits of a v128 constant; false if the value is none. */
static inline bool
ir_vector_const(const struct ir_function *fn, uint32_t value, struct ir_v128 *out)
{
	const struct ir_inst *inst = &fn->insts[value];

	if (inst->op != IR_CONST || inst->type != IR_V128)
		return false;
	*out = *ir_const_vector(fn, inst);
	return true;
}

/* The pattern of a SHUFFLE: 16 byte numbers. */
static inline const uint8_t *
ir_shuffle_pattern(const struct ir_function *fn, const struct ir_inst *inst)
{
	return fn->vectors[inst->imm].bytes;
}

/* "add", "i8x16.add", … */
static inline const char *
ir_inst_text(const struct ir_inst *inst)
{
	bool is_vector = inst->op >= IR_VECTOR1 && inst->op <= IR_REPLACE;

	return is_vector ? ir_vector_info(inst)->text : ir_op_info(inst->op)->text;
}

/* True if the first two arguments may be exchanged. */
static inline bool
ir_inst_commutes(const struct ir_inst *inst)
{
	return (ir_op_info(inst->op)->flags | ir_vector_info(inst)->flags) & IR_OP_COMMUTES;
}

/* The type of a scalar that is a lane (8 and 16 bits: i32). */
static inline enum ir_type
ir_shape_scalar(uint32_t shape)
{
	switch (shape) {
	case IR_SHAPE_I64X2:
		return IR_I64;
	case IR_SHAPE_F32X4:
		return IR_F32;
	case IR_SHAPE_F64X2:
		return IR_F64;
	default:
		return IR_I32;
	}
}

/* log2 of the bytes of a lane. */
static inline uint32_t
ir_shape_width(uint32_t shape)
{
	static const uint8_t widths[] = { 0, 1, 2, 3, 2, 3, 4 };

	return widths[shape];
}

/* imm of CALL_INDIRECT and CALL_REF, tail calls included; a CALL_REF has no table. */
static inline uint32_t
ir_indirect_type(const struct ir_inst *inst)
{
	return (uint32_t)inst->imm;
}

static inline uint32_t
ir_indirect_table(const struct ir_inst *inst)
{
	return (uint32_t)(inst->imm >> 32);
}

/* Whether args[0] says what a call goes to. */
static inline bool
ir_call_is_indirect(const struct ir_inst *inst)
{
	return inst->op == IR_CALL_INDIRECT || inst->op == IR_CALL_REF ||
	       inst->op == IR_RETURN_CALL_INDIRECT || inst->op == IR_RETURN_CALL_REF;
}

static inline bool
ir_op_is_tail_call(uint32_t op)
{
	return op == IR_RETURN_CALL || op == IR_RETURN_CALL_IMPORT ||
	       op == IR_RETURN_CALL_INDIRECT || op == IR_RETURN_CALL_REF;
}

/* The type of a call, other than CALL_BUILTIN, or tail call. */
static inline const struct wasm_functype *
ir_call_type(const struct ir_function *fn, const struct ir_inst *inst)
{
	if (ir_call_is_indirect(inst))
		return &fn->module->types[ir_indirect_type(inst)];
	return wasm_module_function_type(fn->module, (uint32_t)inst->imm);
}

/* True if the instruction must stay even if its value is unused, and must not
 * change places with another such instruction. */
static inline bool
ir_inst_has_effect(const struct ir_inst *inst)
{
	const struct ir_op_info *info = ir_op_info(inst->op);
	if (info->flags & (IR_OP_CALL | IR_OP_END) || info->writes)
		return true;
	return info->flags & IR_OP_TRAPS && !(inst->flags & IR_NO_TRAP);
}

/* True if the value depends on the arguments and imm alone and computing it
 * anywhere is harmless. */
static inline bool
ir_inst_is_pure(const struct ir_inst *inst)
{
	return !ir_inst_has_effect(inst) && !ir_op_info(inst->op)->reads && inst->op != IR_RESULT &&
	       inst->op != IR_PARAM;
}

/* The IR type of a WebAssembly type. */
static inline enum ir_type
ir_type_from_wasm(enum wasm_valtype type)
{
	switch ((uint32_t)type) {
	case WASM_I64:
		return IR_I64;
	case WASM_F32:
		return IR_F32;
	case WASM_F64:
		return IR_F64;
	case WASM_V128:
		return IR_V128;
	default:
		return IR_I32;
	}
}

static inline bool
ir_type_is_int(uint32_t type)
{
	return type == IR_I32 || type == IR_I64;
}

static inline bool
ir_type_is_float(uint32_t type)
{
	return type == IR_F32 || type == IR_F64;
}

/* Bits of an i32, i64, f32 or f64. */
static inline uint32_t
ir_type_bits(uint32_t type)
{
	return type == IR_I64 || type == IR_F64 ? 64 : 32;
}

/* True if block `a` dominates block `b`, itself included. Needs ir_analyze. */
static inline bool
ir_dominates(const struct ir_function *fn, uint32_t a, uint32_t b)
{
	return fn->blocks[a].dom_in <= fn->blocks[b].dom_in &&
	       fn->blocks[b].dom_in <= fn->blocks[a].dom_out;
}

/* "i32", …; "void". */
const char *ir_type_text(uint32_t type);

#endif
