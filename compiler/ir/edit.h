/*
 * Building and changing the IR. Nothing here checks meaning; ir_check does.
 *
 * Whatever adds something may move the arrays of the function: pointers to
 * instructions, blocks, edges and lists do not survive it. See struct
 * ir_function for what happens on exhaustion.
 */
#ifndef COMPILER_IR_EDIT_H
#define COMPILER_IR_EDIT_H

#include "compiler/ir/ir.h"

/*
 * An empty function with its entry block (0) and no parameters. Needs fn->arena,
 * module, type and func_idx to be set; clears the rest. `size_hint`: about how
 * many instructions will come. NB_OUT_OF_MEMORY.
 */
NB_MUST_USE enum nb_status ir_function_init(struct ir_function *fn, uint32_t size_hint);

/* Records why the function cannot be finished; the first reason stays. */
void ir_fail(struct ir_function *fn, enum nb_status status);

enum { IR_TICKS_PER_POLL = 1 << 16 };

/* Polls; true to go on. For ir_tick. */
bool ir_tick_poll(struct ir_function *fn);

/* Counts `steps` of work and polls now and then; true to go on. */
static inline bool
ir_tick(struct ir_function *fn, uint32_t steps)
{
	if (!fn->ticker || fn->status != NB_OK)
		return fn->status == NB_OK;
	fn->ticker->steps += steps;
	return fn->ticker->steps < IR_TICKS_PER_POLL || ir_tick_poll(fn);
}

/* A new block without instructions, parameters, edges. */
uint32_t ir_new_block(struct ir_function *fn);

/* A new instruction, in no block; no arguments, flags, imm; wasm offset 0. */
uint32_t ir_new_inst(struct ir_function *fn, enum ir_op op, enum ir_type type);

/* The constant of that type, not v128; `bits` beyond the type's width are
 * dropped. */
uint32_t ir_const(struct ir_function *fn, enum ir_type type, uint64_t bits);

/* The v128 constant. Its imm also names a SHUFFLE's pattern. */
uint32_t ir_const_v128(struct ir_function *fn, const struct ir_v128 *bits);

/* The constant of that type whose bits are all 0. */
uint32_t ir_zero(struct ir_function *fn, enum ir_type type);

/* Room for `count` numbers in the list pool, contents unspecified; IR_NONE when
 * exhausted. */
uint32_t ir_new_list(struct ir_function *fn, uint32_t count);

/* `count` adjacent edges from block `from`, connected to nothing, without
 * arguments. */
uint32_t ir_new_edges(struct ir_function *fn, uint32_t from, uint32_t count);

/* Enters an unconnected edge into the predecessors of `to`, in front. */
void ir_edge_connect(struct ir_function *fn, uint32_t edge, uint32_t to);

/* Takes a connected edge out of its target's predecessors. */
void ir_edge_disconnect(struct ir_function *fn, uint32_t edge);

/* Places an instruction at the end of `block`. */
void ir_append(struct ir_function *fn, uint32_t block, uint32_t inst);

/* Places an instruction directly before the placed instruction `before`. */
void ir_insert_before(struct ir_function *fn, uint32_t before, uint32_t inst);

/* Takes a placed instruction out of its block; it can be placed again. */
void ir_unlink(struct ir_function *fn, uint32_t inst);

/* Removes a placed instruction for good. Nobody may use its value any more. */
void ir_remove(struct ir_function *fn, uint32_t inst);

/* Removes the terminator of `block` and disconnects its edges. */
void ir_remove_terminator(struct ir_function *fn, uint32_t block);

/* Ends `block` with a jump along a new edge to `to`, without arguments (the
 * caller sets those). Returns the edge. */
uint32_t ir_append_jump(struct ir_function *fn, uint32_t block, uint32_t to, uint32_t wasm_offset);

/*
 * Makes everybody who uses `old` use `value` instead: turns `old`, unlinked,
 * into an ALIAS. Users see it through ir_resolve until ir_resolve_all, which a
 * pass that replaced something calls before it ends.
 */
void ir_replace(struct ir_function *fn, uint32_t old, uint32_t value);

/* What `value` stands for; shortens chains of aliases. */
uint32_t ir_resolve(struct ir_function *fn, uint32_t value);

/* Rewrites every use in reachable and unreachable blocks. */
void ir_resolve_all(struct ir_function *fn);

/* Calls visit(context, &value) for each value that `inst` uses: its arguments,
 * its list, the arguments of its edges. Inline, so that a visit known at the call
 * is, too. */
typedef void ir_visit_use(void *context, uint32_t *value);
static inline __attribute__((always_inline)) void
ir_for_each_use(struct ir_function *fn, uint32_t inst, ir_visit_use *visit, void *context)
{
	struct ir_inst *i = &fn->insts[inst];
	const struct ir_op_info *info = ir_op_info(i->op);

	for (uint32_t k = 0; k < info->arg_count; k++)
		visit(context, &i->args[k]);
	if (__builtin_expect(!(info->flags & (IR_OP_LIST | IR_OP_EDGES)), 1))
		return;
	if (info->flags & IR_OP_LIST)
		for (uint32_t k = 0; k < i->args[2]; k++)
			visit(context, &fn->lists[i->args[1] + k]);
	if (!(info->flags & IR_OP_EDGES))
		return;
	for (uint32_t e = 0; e < i->args[2]; e++) {
		const struct ir_edge *edge = &fn->edges[i->args[1] + e];

		for (uint32_t k = 0; k < edge->arg_count; k++)
			visit(context, &fn->lists[edge->first_arg + k]);
	}
}

#endif
