/*
 * Inside the builder: files build*.c share this and nobody else.
 *
 * How SSA form comes about. Control flow is structured, and a scan of the
 * body (build_scan.c) finds beforehand where each local is set and where each
 * construct starts and ends. So what a local holds at any point follows from
 * positions alone (build_locals.c): it is what the last set before the point
 * put there, unless a construct that contains that set has been left since
 * through a join - then it is the join's block parameter - or a loop that sets
 * the local later has been entered since - then it is a parameter of the loop's
 * header. Parameters are made when somebody reads them, joins whose edges all
 * bring the same value get none; so SSA form is minimal and pruned from the
 * start, and nothing is ever copied per block and local.
 *
 * Terms
 *   position   offset of an instruction in the module's bytes
 *   region     a construct of the body: block, loop, if, the then part of an
 *              if, its else part; numbered in order of appearance. Region 0 is
 *              the body. Loops form one tree (loops inside loops), all others
 *              another one; the body is the root of both. Blocks and loops to
 *              which nobody branches are transparent: no tree contains them.
 *   place      a position and the innermost region of each tree around it
 */
#ifndef COMPILER_IR_BUILD_INTERNAL_H
#define COMPILER_IR_BUILD_INTERNAL_H

#include "abi/trap.h"
#include "compiler/ir/edit.h"
#include "compiler/ir/ir.h"
#include "lib/diag.h"
#include "wasm/reader.h"

enum region_kind {
	REGION_BODY,
	REGION_BLOCK,
	REGION_LOOP,
	REGION_IF,
	REGION_THEN,
	REGION_ELSE,
};

struct place {
	uint32_t position;
	uint32_t region; /* of the tree of joins */
	uint32_t loop;	 /* of the tree of loops */
};

struct region {
	uint32_t start, end; /* positions of its first and last instruction: block … end */
	uint32_t parent;     /* in its tree; the body's is the body */
	uint32_t jump;	     /* an ancestor further up, for fast climbing */
	uint32_t depth;	     /* in its tree */
	uint32_t region;     /* innermost join region around it */
	uint32_t loop;	     /* innermost loop around it (not itself) */
	uint8_t kind;	     /* enum region_kind */
	bool is_target;	     /* not transparent */
	/* Filled while building: */
	uint32_t block;	     /* where branches to it go, IR_NONE before the first one */
	uint32_t first_edge; /* of struct build_edge, newest first; IR_NONE: none */
	uint32_t edge_count;
};

/* A way into the block of a region: what values it brings is asked later. */
struct build_edge {
	uint32_t edge;	      /* in the function */
	uint32_t next;	      /* of the same region */
	uint32_t first_value; /* in builder.values: block results or loop parameters */
	struct place place;   /* where the locals are read */
};

/* Where a local is set, in order of position. */
struct local_set {
	uint32_t position;
	uint32_t region; /* innermost join region */
	uint32_t value;	 /* once built */
};

struct build_local {
	uint32_t first_set, set_count; /* in builder.sets */
	uint32_t passed;	       /* sets that building has come by */
	uint32_t initial;	       /* value at the entry */
	uint32_t type;		       /* enum ir_type */
	uint32_t slot;		       /* of the frame, or IR_NONE: values say what it holds */
	/* The value at present, valid if read or set in epoch `epoch`. */
	uint32_t value;
	uint32_t epoch;
};

/* A block parameter that still lacks its operands. */
struct pending_param {
	uint32_t param;
	uint32_t region;
	uint32_t local; /* or LOCAL_EXPLICIT | number of the construct's parameter */
};
#define LOCAL_EXPLICIT 0x80000000u

struct frame {
	uint32_t region;		   /* of the construct itself */
	uint32_t outer_region, outer_loop; /* to be restored at its end */
	uint32_t base;			   /* height of the operand stack below its parameters */
	uint32_t first_param;		   /* if with else: its parameters, in builder.values */
	/* if: the edge for a false condition; or, if that is certain, the block
	 * in which the else part goes on; IR_NONE if there is none. */
	uint32_t else_edge, else_block;
	struct place place; /* if: of the instruction */
	const struct wasm_functype *type;
	uint8_t kind; /* enum region_kind */
	bool in_else;
};

/* What dominance needs, per block. */
struct build_block {
	uint32_t idom, depth, jump;
	uint32_t path_pos; /* place in builder.path when it was on it */
};

/* What the builders of a function and of the bodies inlined in it share. */
struct numbering {
	struct build_block *blocks;
	uint32_t block_count, block_cap;
	uint32_t *path; /* blocks that dominate the present one, outermost first */
	uint32_t path_count, path_cap;
	uint32_t *table; /* hash table of values, 0 where empty */
	uint32_t table_count, table_cap;
	uint32_t inline_budget;	 /* bytes of body that may still be inlined; 0: none */
	uint32_t restart_block;	 /* where the function's tail calls of itself go, or IR_NONE */
	uint64_t questions_left; /* to ways into joins; see build_locals.c */
};

/* The state of building one body. */
struct builder {
	struct ir_function *fn;
	struct arena *scratch;
	struct diag *diag;
	struct numbering *numbering;
	const struct builder *caller; /* inlined: who builds the call; else NULL */
	bool returns_to_caller;	      /* inlined, and not in place of a tail call */
	bool has_tail_call;	      /* of a defined function by its index, or by reference */
	uint32_t func_idx;	      /* whose body it is */
	uint32_t base_offset;	      /* where wasm_offset counts from, in the input */
	const struct wasm_module *module;
	const struct wasm_code *code;
	struct wasm_reader reader;
	uint32_t position; /* of the present instruction */

	uint32_t block;	  /* the present block; IR_NONE: unreachable */
	uint32_t skipped; /* constructs entered while unreachable */
	struct place here;

	struct region *regions;
	uint32_t region_count, region_cap, next_region;
	struct build_local *locals;
	uint32_t local_count;
	struct local_set *sets;
	uint32_t set_count;
	uint32_t epoch; /* grows where local values may change without a set */

	uint32_t *stack; /* operand values */
	uint32_t stack_count, stack_cap;
	struct frame *frames;
	uint32_t frame_count, frame_cap;
	struct build_edge *edges;
	uint32_t edge_count, edge_cap;
	uint32_t *values; /* values of edges and of if parameters */
	uint32_t value_count, value_cap;

	struct memo {
		uint64_t key; /* local << 32 | region, plus 1; 0 where empty */
		uint32_t value;
	} * memo; /* hash table */
	uint32_t memo_count, memo_cap;
	struct pending_param *pending;
	uint32_t pending_count, pending_cap;
	struct join_frame *joins; /* see build_locals.c */
	uint32_t join_count, join_cap;
	uint32_t *join_values;
	uint32_t join_value_count, join_value_cap;
	uint32_t *table_edges; /* of one br_table: frame -> its edge, IR_NONE: not a target */
	uint32_t table_edge_count, table_edge_cap;
};

/* Room for `more` elements in one of the builder's arrays; false (and the
 * function has failed) when exhausted. */
bool build_grow(struct builder *b, void **array, uint32_t count, uint32_t *cap, uint32_t more,
		uint32_t size);
#define BUILD_GROW(b, array, noun, more)                                                    \
	((b)->noun##_count + (more) <= (b)->noun##_cap ||                                   \
	 build_grow((b), (void **)&(b)->array, (b)->noun##_count, &(b)->noun##_cap, (more), \
		    sizeof(*(b)->array)))

/* build.c: builds the body of b->code up to its end; with a caller it begins
 * in b->block, and `args` are the values of the parameters; without one NULL. */
void build_body(struct builder *b, const uint32_t *args);

/* build_inline.c: builds the call of a defined function as a copy of its body
 * if that is worth it; the arguments are on the stack and become the results.
 * In place of a tail call it ends the function. False if it must be a call. */
bool build_inline(struct builder *b, uint32_t func_idx, bool is_tail_call);

/* build_scan.c: finds regions and sets. */
enum nb_status build_scan(struct builder *b);

/* build_locals.c */
/* Behind build_begin_body: gives locals slots of the frame if they are to have them. */
void build_frame_locals(struct builder *b);
uint32_t build_read_local(struct builder *b, uint32_t local);
void build_set_local(struct builder *b, uint32_t local, uint32_t value);
/* Passes over a set in unreachable code. */
void build_skip_set(struct builder *b, uint32_t local);
/* A new parameter of `block`. */
uint32_t build_param(struct builder *b, uint32_t block, enum ir_type type);
void build_add_pending(struct builder *b, uint32_t param, uint32_t region, uint32_t local);
/* Gives the last parameters their operands and the edges their arguments. */
void build_finish_params(struct builder *b);

/* build_value.c: instructions of the present block. */
/* Enters `block`, whose immediate dominator is `idom`. */
void build_enter_block(struct builder *b, uint32_t block, uint32_t idom);
/* The nearest block that dominates both. */
uint32_t build_common_dominator(const struct builder *b, uint32_t a, uint32_t c);
/* The wasm_offset of instructions at the present position: 24 bits, signed. */
static inline uint32_t
build_offset(const struct builder *b)
{
	return (b->position - b->base_offset) & IR_OFFSET_MASK;
}
/* The value of the operation *proto: one that exists, or a new one. */
uint32_t build_emit(struct builder *b, struct ir_inst *proto);
uint32_t build_unary(struct builder *b, enum ir_op op, enum ir_type type, uint32_t a);
uint32_t build_binary(struct builder *b, enum ir_op op, enum ir_type type, uint32_t a, uint32_t c);
/* Appends *proto to the present block, as it is. */
uint32_t build_append(struct builder *b, const struct ir_inst *proto);

/* build_memory.c: linear memory. */
/* Reads the memory argument of an access whose address is `depth` below the
 * top of the stack. Returns the access's imm (ir_access); an offset that it
 * cannot hold is added to the address on the stack. */
uint64_t build_access(struct builder *b, uint32_t depth);
/* The same of an atomic access, which traps unless it is aligned. */
uint64_t build_aligned_access(struct builder *b, uint32_t depth, uint32_t bytes);
/* Likewise, as an i64: address + offset; for trusted routines. */
uint32_t build_place(struct builder *b, uint32_t depth, uint32_t *out_memory);
/* Pops the index of an indirect call: an i32, trapping if a 64-bit one is more. */
uint32_t build_pop_callee_index(struct builder *b);
/* Traps with `kind` if `cond` is not zero. */
void build_trap_if(struct builder *b, uint32_t cond, enum nb_trap kind);

/* build_branch.c: ways out of blocks. */
/* The frame of a label. */
static inline uint32_t
build_label_frame(const struct builder *b, uint32_t label)
{
	return b->frame_count - 1 - label;
}
/* Enters `edge`, which leaves the place *from, into the region's incoming
 * edges, with the values values[0..count). IR_NONE: an edge without a jump. */
void build_join_edge(struct builder *b, uint32_t region, uint32_t edge, const struct place *from,
		     const uint32_t *values, uint32_t count);
/* Leaves the present block for the region with the `count` topmost values. */
void build_jump(struct builder *b, uint32_t region, uint32_t count);
/* Ends the present block with a branch; the edges get no targets yet. Returns
 * the edge for a condition that is not zero; *other is the one for zero. */
uint32_t build_cond_edges(struct builder *b, uint32_t cond, uint32_t *other);
void build_br(struct builder *b, uint32_t label);
void build_br_if(struct builder *b, uint32_t label);
void build_br_table(struct builder *b);
void build_return(struct builder *b);
void build_unreachable(struct builder *b);
void build_br_on_null(struct builder *b, uint32_t label);
void build_br_on_non_null(struct builder *b, uint32_t label);
/* Ends the present block with a jump that passes count values from the list pool. */
void build_jump_block(struct builder *b, uint32_t block, uint32_t args, uint32_t count);

/* build_control.c: constructs. */
void build_push(struct builder *b, uint32_t value);
uint32_t build_pop(struct builder *b);
/* What build_pop would give. */
static inline uint32_t
build_top(const struct builder *b)
{
	return b->stack_count ? b->stack[b->stack_count - 1] : 0;
}
void build_begin_body(struct builder *b);
/* One control instruction, just read. */
void build_control(struct builder *b, enum wasm_opcode opcode);
/* Likewise while unreachable, any instruction. */
void build_skip(struct builder *b, enum wasm_opcode opcode);
/* Nothing that follows in the construct is reachable. */
void build_leave(struct builder *b);

/* build_vector.c: vector instructions but plain loads and stores; false if it
 * is none of those. */
bool build_vector(struct builder *b, enum wasm_opcode opcode);

/* build_atomic.c: loads, stores, exchanges and the fence; false if it is none. */
bool build_atomic(struct builder *b, enum wasm_opcode opcode);

/* build_call.c: calls, and what build_bulk knows; false if it is none of those. */
bool build_call(struct builder *b, enum wasm_opcode opcode);
/* Pops `count` values into a list, the deepest one first. */
uint32_t build_pop_list(struct builder *b, uint32_t count);
/* A call of a function by its index, arguments on the stack, maybe inlined. */
void build_call_function(struct builder *b, uint32_t func_idx);
/* Appends a call with the arguments on the stack and pushes its results. */
void build_emit_call(struct builder *b, struct ir_inst proto, const struct wasm_functype *type);

/* build_port.c: the call of an import that is an access to ports, arguments on the stack;
 * false if it is none. */
bool build_port(struct builder *b, uint32_t func_idx);
/* Whether constant conditions decide ways while building. Not where ports are accessed: what
 * is dead is checked, too. */
static inline bool
build_decides(const struct builder *b)
{
	return !b->fn->rules;
}

/* build_tail.c: tail calls and typed references; false if it is none of those. */
bool build_tail(struct builder *b, enum wasm_opcode opcode);
/* Leaves block 0 for the block that tail calls of the function itself go back
 * to, and whose parameters are the function's. */
void build_restart_block(struct builder *b);

/* build_bulk.c: trusted routines for memories and tables; false if it is none. */
bool build_bulk(struct builder *b, enum wasm_opcode opcode);

/* build_short.c: memory.copy and memory.fill of few bytes, operands on the stack. True if
 * that was all, and the operands are popped. Else the present block is now where the
 * trusted routine is to be called, and build_short_end has to follow behind the call. */
struct build_join {
	uint32_t block; /* where the ways meet; IR_NONE: there is but one */
	uint32_t start; /* where they part */
};
bool build_short_copy(struct builder *b, uint32_t to_memory, uint32_t from_memory,
		      struct build_join *join);
bool build_short_fill(struct builder *b, uint32_t memory, struct build_join *join);
void build_short_end(struct builder *b, const struct build_join *join);

#endif
