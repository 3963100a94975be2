/*
 * Random valid modules for differential execution.
 *
 *   gen.c        entry; what a module has; its sections
 *   gen_func.c   one function: locals, labels, prologue, results
 *   gen_stmt.c   statements: stores, control flow, calls for effect
 *   gen_bulk.c   statements: memory and table instructions
 *   gen_memory.c memories: what there are, addresses, accesses, atomics
 *   gen_expr.c   expressions of a wanted type
 *   gen_vector.c vector expressions
 *   gen_op.c     the operators and constants that expressions are made of
 *
 * Everything follows from the seed. A module draws weights for each kind of
 * statement and expression, many of them zero, so that modules differ in
 * character and not only in detail. Programs end: loops count, and calls of
 * functions that call burn fuel, a global that the caller of exports refills.
 * NaN bits that the specification leaves open never reach anything visible:
 * floats are made canonical where they are stored, reinterpreted or lend a sign.
 *
 * Every statement and expression is a numbered node. A node whose number is
 * in `skip` is generated like the others, then replaced by nothing, or by a
 * constant: so a failing module shrinks by growing its skip set.
 *
 * What comes out is one file: the module; in its custom section "diff.base"
 * the module it imports from as "base", if it does; and in "diff.calls" the
 * calls to make, see oracle.js.
 */
#ifndef TESTS_DIFF_GEN_H
#define TESTS_DIFF_GEN_H

#include "tests/wasm/module_builder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	T_I32 = 0x7f,
	T_I64 = 0x7e,
	T_F32 = 0x7d,
	T_F64 = 0x7c,
	T_V128 = 0x7b,
	T_FUNC = 0x70,
	T_EXTERN = 0x6f
};

enum {
	GEN_PARAMS_MAX = 64,
	GEN_LOCALS_MAX = 2000,
	GEN_FUNCS_MAX = 48,
	GEN_TYPES_MAX = 1024,
	GEN_GLOBALS_MAX = 24,
	GEN_LABELS_MAX = 64,
	GEN_POOL = 12, /* remembered expressions and addresses of a function */
	GEN_TABLES_MAX = 3,
	GEN_SEGMENTS_MAX = 4,
	GEN_MEMORIES_MAX = 3,
	GEN_PAGES_MAX = 3,
	GEN_TABLE_MAX = 48, /* entries */
};

struct gen_type {
	uint8_t params[GEN_PARAMS_MAX];
	uint8_t results[GEN_PARAMS_MAX];
	uint32_t param_count;
	uint32_t result_count;
};

struct gen_callable {
	uint32_t type; /* index */
	bool is_leaf;  /* makes no calls, burns no fuel */
};

struct gen_global {
	uint8_t type;
	bool is_mutable;
	uint32_t import; /* of an imported one: its index in the base */
};

struct gen_memory {
	bool is_64, is_shared;
	uint32_t import; /* of an imported one: its index in the base */
};

/* Where an access goes besides the address on the stack. */
struct gen_place {
	uint32_t memory;
	uint64_t offset;
};

/* Kinds of statements and of expressions, each with a weight. */
enum gen_stmt {
	STMT_LOCAL_SET,
	STMT_LOCAL_MOVES,
	STMT_GLOBAL_SET,
	STMT_STORE,
	STMT_MODIFY,
	STMT_ARRAY,
	STMT_IF,
	STMT_BLOCK,
	STMT_LOOP,
	STMT_SWITCH,
	STMT_BRANCH,
	STMT_LEAVE,
	STMT_CALL,
	STMT_DROP,
	STMT_BULK,
	STMT_TABLE,
	STMT_ATOMIC,
	STMT_COUNT
};

enum gen_expr {
	EXPR_LEAF,
	EXPR_OP,
	EXPR_OP_CONST,
	EXPR_IDIOM,
	EXPR_LOAD,
	EXPR_SELECT,
	EXPR_TEE,
	EXPR_IF,
	EXPR_BLOCK,
	EXPR_CALL,
	EXPR_POOL,
	EXPR_SIZE,
	EXPR_ATOMIC,
	EXPR_COUNT
};

/* A module in the making. */
struct gen {
	uint64_t random;
	const uint32_t *skip; /* ascending node numbers */
	size_t skip_count;
	uint32_t node; /* of the next node */
	bool is_base;
	const struct gen *base; /* what this one imports from, or NULL */

	struct gen_type types[GEN_TYPES_MAX];
	uint32_t type_count;
	struct gen_callable funcs[GEN_FUNCS_MAX];
	uint32_t func_count, func_import_count;
	struct gen_global globals[GEN_GLOBALS_MAX]; /* 0 is the fuel, 1 the depth */
	uint32_t global_count, global_import_count;
	uint8_t tables[GEN_TABLES_MAX]; /* element types */
	bool table_is_64[GEN_TABLES_MAX];
	uint32_t table_count, table_import_count;
	uint32_t data_count; /* the first is active unless there is no memory */
	uint32_t elem_count;
	uint8_t elem_types[GEN_SEGMENTS_MAX];
	struct gen_memory memories[GEN_MEMORIES_MAX];
	uint32_t memory_count, memory_import_count;
	bool is_plain;		/* nothing beyond WebAssembly 2.0 */
	bool has_refs;		/* references among value types */
	bool may_recurse;	/* functions may call any function */
	uint32_t ref_calls;	/* per 1000: calls by typed reference */
	uint32_t tail_calls;	/* per 1000: among ways to leave early */
	uint8_t value_types[7]; /* those in use */
	uint32_t value_type_count;
	uint32_t stmt_weights[STMT_COUNT];
	uint32_t expr_weights[EXPR_COUNT];
	uint32_t wild; /* per 1000: addresses, divisors, indices that mostly trap */
};

/* What a branch to a label carries. Only a loop's own text branches to it, or
 * it might not end. */
struct gen_label {
	uint8_t types[GEN_PARAMS_MAX];
	uint32_t count;
	bool is_loop;
};

struct gen_text {
	uint8_t bytes[96];
	uint32_t len;
	uint32_t offset; /* of an address: of the access */
	uint8_t type;
};

/* A function in the making. */
struct gen_func {
	struct gen *g;
	uint32_t idx; /* in the index space */
	const struct gen_type *type;
	uint8_t locals[GEN_LOCALS_MAX];	  /* types, parameters first */
	bool is_reserved[GEN_LOCALS_MAX]; /* never chosen to be written */
	uint32_t local_count;
	struct gen_label labels[GEN_LABELS_MAX];
	uint32_t label_count;
	int32_t budget;	       /* nodes left */
	uint32_t rounds;       /* product of the counts of the loops around */
	uint32_t outward;      /* branches and returns so far: what holds one is no pool text */
	uint32_t canon[2];     /* locals for canonical NaNs; 0: none yet, else + 1 */
	uint32_t canon_vector; /* likewise */
	struct gen_text pool[GEN_POOL];
	struct gen_text addresses[GEN_POOL];
	uint32_t pool_next, address_next;
	struct buffer body;
	bool is_leaf;
	bool counts_depth;
};

/* What module is wanted. */
struct gen_request {
	uint64_t seed;
	bool is_plain;	      /* as in struct gen */
	const uint32_t *skip; /* without these nodes, ascending */
	size_t skip_count;
};

/* *nodes is how many nodes it has. */
struct buffer gen_module(const struct gen_request *request, uint32_t *nodes);

/* ---- random choices ---- */
uint64_t gen_bits(struct gen *g);
uint32_t gen_below(struct gen *g, uint32_t limit);
/* True `per_mille` times of 1000. */
bool gen_chance(struct gen *g, uint32_t per_mille);
uint32_t gen_weighted(struct gen *g, const uint32_t *weights, uint32_t count);
uint8_t gen_value_type(struct gen *g);
/* Whether the module uses that type. */
bool gen_has_type(const struct gen *g, uint8_t type);
#define gen_pick(g, ...)     \
	((const uint32_t[]){ \
		__VA_ARGS__ }[gen_below((g), sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)])

/* ---- nodes ---- */
struct gen_node {
	uint32_t number;
	size_t start;
};
struct gen_node gen_node_begin(struct gen_func *f);
/* Takes the node's text back if it is to be skipped; returns whether. */
bool gen_node_end(struct gen_func *f, struct gen_node node);

/* ---- gen.c ---- */
/* The index of a type that equals *type, added if need be. */
uint32_t gen_type_idx(struct gen *g, const struct gen_type *type);

/* ---- gen_func.c ---- */
/* The body of function `idx`, with its locals, as the code section has it. */
void gen_function(struct gen *g, uint32_t idx, struct buffer *out);
uint32_t gen_local_new(struct gen_func *f, uint8_t type);
/* Whether there is room for some more locals, loop counters for instance. */
bool gen_local_room(const struct gen_func *f);
/* A local of that type that may be written; false if there is none. */
bool gen_local_pick(struct gen_func *f, uint8_t type, uint32_t *out);
/* Any local of that type, loop counters included. */
bool gen_local_read(struct gen_func *f, uint8_t type, uint32_t *out);
void gen_label_push(struct gen_func *f, const uint8_t *types, uint32_t count, bool is_loop);
void gen_label_pop(struct gen_func *f);
/* `get`, `set` or `tee` of a local. */
void gen_local_op(struct gen_func *f, uint8_t opcode, uint32_t local);
/* The type of a block: an index, or the short form where one exists. */
void gen_block_type(struct gen_func *f, const uint8_t *params, uint32_t param_count,
		    const uint8_t *results, uint32_t result_count);
/* Sets locals to, or drops, values on the stack, the last first. */
void gen_consume(struct gen_func *f, const uint8_t *types, uint32_t count);
/* What every way out of the function does first. */
void gen_leave_depth(struct gen_func *f);
/* Zeros or nulls of these types, then return, with what leaving takes. */
void gen_leave(struct gen_func *f, bool with_values);

/* ---- gen_stmt.c, gen_bulk.c ---- */
void gen_statement(struct gen_func *f, int depth);
void gen_statements(struct gen_func *f, int depth, uint32_t count);
void gen_bulk_statement(struct gen_func *f, int depth);
void gen_table_statement(struct gen_func *f, int depth);

/* ---- gen_expr.c ---- */
void gen_expression(struct gen_func *f, uint8_t type, int depth);
/* The same, with the canonical positive NaN for any NaN. */
void gen_visible(struct gen_func *f, uint8_t type, int depth);
/* An i32 of at most `mask` most of the time. */
void gen_index(struct gen_func *f, uint32_t mask, int depth);
/* The same, an i64 if `is_64`. */
void gen_index_of(struct gen_func *f, bool is_64, uint32_t mask, int depth);
/* An i32 address; returns the offset to use with it. */
uint32_t gen_address_32(struct gen_func *f, int depth);
/* A call of a function with these results (any, if types is NULL, its type
 * then in *out); false, and nothing written, if there is none. */
bool gen_call(struct gen_func *f, const uint8_t *types, uint32_t count, int depth,
	      const struct gen_type **out);
/* A tail call that leaves the function; false likewise. */
bool gen_tail_call(struct gen_func *f, int depth);

/* ---- gen_op.c ---- */
uint64_t gen_constant_bits(struct gen *g, uint8_t type);
void gen_constant(struct gen_func *f, uint8_t type);
void gen_put_signed(struct buffer *out, int64_t value);
void gen_put_const(struct buffer *out, uint8_t type, uint64_t bits);
/* An operator with result `type`: its operands are random expressions, the
 * second a constant if `with_constant`. */
void gen_operator(struct gen_func *f, uint8_t type, int depth, bool with_constant);
/* A sequence that compilers know. */
void gen_idiom(struct gen_func *f, uint8_t type, int depth);
void gen_load(struct gen_func *f, uint8_t type, int depth);
/* A store of a type of memory access that `type` has; address and value are
 * on the stack. */
void gen_store_op(struct gen_func *f, uint8_t type, struct gen_place place);

/* ---- gen_memory.c ---- */
void gen_choose_memories(struct gen *g);
/* Minimum, maximum and what else a memory type says. */
void gen_put_memory_type(struct buffer *out, const struct gen_memory *memory);
/* A number as LEB128. */
void gen_put_u64(struct buffer *out, uint64_t value);
/* The data section: passive segments first, then `active` others. */
void gen_put_data(struct gen *g, struct buffer *out, uint32_t active);
uint32_t gen_memory_pick(struct gen *g);
/* T_I64 if `is_64`. */
uint8_t gen_size_type(bool is_64);
/* An address of some memory, and where it belongs. */
struct gen_place gen_address(struct gen_func *f, int depth);
/* The memory argument of an access of 1 << log_size bytes. */
void gen_put_memarg(struct gen_func *f, uint32_t log_size, struct gen_place place);
/* An atomic expression of type i32 or i64. */
void gen_atomic(struct gen_func *f, uint8_t type, int depth);
void gen_atomic_statement(struct gen_func *f, int depth);

/* ---- gen_vector.c ---- */
void gen_vector_constant(struct gen_func *f);
void gen_vector_operator(struct gen_func *f, int depth, bool with_constant);
void gen_vector_idiom(struct gen_func *f, int depth);
/* A scalar that comes from a vector. */
void gen_from_vector(struct gen_func *f, uint8_t type, int depth);
void gen_vector_load(struct gen_func *f, int depth);
/* A store; address and vector are on the stack. */
void gen_vector_store(struct gen_func *f, struct gen_place place);

#endif
