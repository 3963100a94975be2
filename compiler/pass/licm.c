/*
 * Loop-invariant code motion.
 *
 * One sweep in order: definitions come before uses, so what an instruction
 * needs has moved already when it is looked at. An instruction moves to the
 * block in front of the outermost loop in which nothing it depends on is
 * defined or written.
 *
 * Loops are contiguous in the order, so whether a block is inside is a
 * comparison of positions. Blocks that the pass adds in front of a loop take
 * the position of a predecessor, which is outside of that loop and inside of
 * the same others.
 */
#include "compiler/pass/effects.h"
#include "compiler/pass/pass.h"

#include "compiler/ir/analyze.h"
#include "compiler/ir/edit.h"
#include "compiler/ir/simplify.h"

enum { MAX_CHEAP = 6 }; /* cheap values moved out of one loop: each takes a register */

struct loop {
	uint32_t end;	    /* position behind its last block */
	uint32_t preheader; /* IR_NONE: not looked for yet */
	uint32_t cheap;	    /* moved so far */
};

struct licm {
	struct ir_function *fn;
	struct loop *loops;   /* by header, as the pass began */
	uint8_t *loop_writes; /* likewise */
	/* Effects before the present instruction of a header: of loads, which
	 * can only trap, and of anything else. */
	bool load_seen, effect_seen;
};

static bool
is_inside(const struct licm *m, uint32_t header, uint32_t block)
{
	uint32_t position = m->fn->blocks[block].position;

	return position >= m->fn->blocks[header].position && position < m->loops[header].end;
}

static void
find_loop_ends(struct licm *m)
{
	struct ir_function *fn = m->fn;

	for (uint32_t i = fn->order_count; i-- > 0;) {
		uint32_t b = fn->order[i];
		uint32_t header = fn->blocks[b].loop_header;
		uint32_t outer = fn->blocks[b].outer_loop;

		if (header == IR_NONE)
			continue;
		if (m->loops[header].end == 0)
			m->loops[header].end = i + 1;
		m->loops[header].preheader = IR_NONE;
		if (header == b && outer != IR_NONE && m->loops[outer].end == 0)
			m->loops[outer].end = m->loops[b].end;
	}
}

/* The only edge that enters the loop, or IR_NONE if there are several. */
static uint32_t
only_entry(const struct licm *m, uint32_t header)
{
	uint32_t entry = IR_NONE;

	for (uint32_t e = m->fn->blocks[header].first_pred; e != IR_NONE;
	     e = m->fn->edges[e].next_pred) {
		if (is_inside(m, header, m->fn->edges[e].from))
			continue;
		if (entry != IR_NONE)
			return IR_NONE;
		entry = e;
	}
	return entry;
}

/* Gives a block the parameters of another one, and its last edge hands them on. */
static void
copy_params(struct ir_function *fn, uint32_t from, uint32_t to, uint32_t jump_edge)
{
	uint32_t count = fn->blocks[from].param_count;
	uint32_t params = ir_new_list(fn, count);
	uint32_t args = ir_new_list(fn, count);

	if (fn->status != NB_OK)
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t old = fn->lists[fn->blocks[from].first_param + i];
		uint32_t param = ir_new_inst(fn, IR_PARAM, fn->insts[old].type);

		fn->insts[param].block = to;
		fn->insts[param].imm = i;
		fn->lists[params + i] = param;
		fn->lists[args + i] = param;
	}
	fn->blocks[to].first_param = params;
	fn->blocks[to].param_count = count;
	fn->edges[jump_edge].first_arg = args;
	fn->edges[jump_edge].arg_count = count;
}

/* A new block through which all entering edges go. */
static uint32_t
add_preheader(struct licm *m, uint32_t header)
{
	struct ir_function *fn = m->fn;
	uint32_t block = ir_new_block(fn);
	uint32_t jump = ir_append_jump(fn, block, header, 0);
	uint32_t next;

	copy_params(fn, header, block, jump);
	for (uint32_t e = fn->blocks[header].first_pred; e != IR_NONE && fn->status == NB_OK;
	     e = next) {
		uint32_t from = fn->edges[e].from;

		next = fn->edges[e].next_pred;
		if (e == jump || is_inside(m, header, from))
			continue;
		fn->insts[fn->blocks[block].last_inst].wasm_offset =
			fn->insts[fn->blocks[from].last_inst].wasm_offset;
		fn->blocks[block].position = fn->blocks[from].position;
		fn->blocks[block].frequency = fn->blocks[header].frequency;
		ir_edge_disconnect(fn, e);
		ir_edge_connect(fn, e, block);
	}
	return block;
}

static uint32_t
preheader_of(struct licm *m, uint32_t header)
{
	struct ir_function *fn = m->fn;
	uint32_t entry;

	if (m->loops[header].preheader != IR_NONE)
		return m->loops[header].preheader;
	entry = only_entry(m, header);
	if (entry != IR_NONE &&
	    fn->insts[fn->blocks[fn->edges[entry].from].last_inst].op == IR_JUMP)
		m->loops[header].preheader = fn->edges[entry].from;
	else
		m->loops[header].preheader = add_preheader(m, header);
	return m->loops[header].preheader;
}

/* Not worth a register: free, or better next to its user. */
static bool
is_worthless(const struct ir_inst *inst)
{
	return ir_op_is_comparison(inst->op) || inst->op == IR_WRAP || inst->op == IR_EXTEND_U ||
	       inst->op == IR_REF_FUNC;
}

/* About as fast as loading it again after a spill. */
static bool
is_cheap(const struct ir_inst *inst)
{
	switch (inst->op) {
	case IR_ADD:
	case IR_SUB:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_SHL:
	case IR_SHR_S:
	case IR_SHR_U:
	case IR_EXTEND8_S:
	case IR_EXTEND16_S:
	case IR_EXTEND32_S:
	case IR_EXTEND_S:
	case IR_GLOBAL_GET:
		return true;
	default:
		return false;
	}
}

/* True if the instruction would give the same in front of the loop. */
static bool
is_invariant(const struct licm *m, const struct ir_inst *inst, uint32_t header)
{
	const struct ir_op_info *info = ir_op_info(inst->op);

	if (info->reads & m->loop_writes[header])
		return false;
	for (uint32_t i = 0; i < info->arg_count; i++) {
		const struct ir_inst *arg = &m->fn->insts[inst->args[i]];

		if (arg->op != IR_CONST && is_inside(m, header, arg->block))
			return false;
	}
	return true;
}

/* True if the instruction may be computed although the program would not have
 * come to it, or if it is certain to come to it before any effect. */
static bool
may_move(const struct licm *m, const struct ir_inst *inst, bool is_header)
{
	const struct ir_op_info *info = ir_op_info(inst->op);

	if (info->flags & (IR_OP_CALL | IR_OP_END) || info->writes || inst->type == IR_VOID ||
	    inst->op == IR_RESULT || is_worthless(inst))
		return false;
	if (info->reads & IR_STATE_MEM && m->fn->is_strict)
		return false;
	if (!(info->flags & IR_OP_TRAPS) || inst->flags & IR_NO_TRAP)
		return true;
	if (!is_header || m->effect_seen)
		return false;
	/* Which of two loads traps first makes no difference. */
	return !m->load_seen || info->reads & IR_STATE_MEM;
}

/* The header of the loop to move the instruction out of, or IR_NONE. */
static uint32_t
loop_to_leave(const struct licm *m, const struct ir_inst *inst)
{
	const struct ir_block *blocks = m->fn->blocks;
	uint32_t loop = blocks[inst->block].loop_header;
	uint32_t best = IR_NONE;
	bool traps = ir_inst_has_effect(inst);

	while (loop != IR_NONE && is_invariant(m, inst, loop)) {
		best = loop;
		if (traps)
			break;
		loop = blocks[loop].outer_loop;
	}
	return best;
}

static void
visit_inst(struct licm *m, uint32_t index, bool is_header)
{
	struct ir_function *fn = m->fn;
	const struct ir_inst *inst = &fn->insts[index];
	uint32_t loop, preheader;

	if (!may_move(m, inst, is_header))
		return;
	loop = loop_to_leave(m, inst);
	if (loop == IR_NONE)
		return;
	if (is_cheap(inst) && m->loops[loop].cheap++ >= MAX_CHEAP)
		return;
	preheader = preheader_of(m, loop);
	if (fn->status != NB_OK)
		return;
	ir_unlink(fn, index);
	ir_insert_before(fn, fn->blocks[preheader].last_inst, index);
}

/* A block that runs less often than what is in front of its loop is left. */
static bool
is_rare(const struct ir_function *fn, uint32_t block)
{
	const struct ir_block *b = &fn->blocks[block];
	const struct ir_block *header = &fn->blocks[b->loop_header];

	return b->flags & IR_BLOCK_COLD || b->frequency * 8 < header->frequency;
}

static void
visit_block(struct licm *m, uint32_t block)
{
	struct ir_function *fn = m->fn;
	bool is_header = fn->blocks[block].loop_header == block;
	uint32_t next;

	if (fn->blocks[block].loop_header == IR_NONE || is_rare(fn, block))
		return;
	m->load_seen = false;
	m->effect_seen = false;
	for (uint32_t i = fn->blocks[block].first_inst; i != IR_NONE && ir_tick(fn, 1); i = next) {
		next = fn->insts[i].next;
		visit_inst(m, i, is_header);
		if (fn->insts[i].block != block || !ir_inst_has_effect(&fn->insts[i]))
			continue;
		if (ir_op_info(fn->insts[i].op)->reads == IR_STATE_MEM)
			m->load_seen = true;
		else
			m->effect_seen = true;
	}
}

enum nb_status
pass_licm(struct ir_function *fn, struct pass_context *context)
{
	struct arena_mark mark = arena_mark_get(context->scratch);
	struct licm m = { .fn = fn };
	uint32_t count;

	if (fn->has_no_loop || ir_analyze(fn, context->scratch) != NB_OK)
		return fn->status;
	count = fn->order_count;
	m.loops = arena_new_array(context->scratch, struct loop, fn->block_count);
	m.loop_writes = arena_new_array(context->scratch, uint8_t, fn->block_count);
	if (!m.loops || !m.loop_writes) {
		ir_fail(fn, NB_OUT_OF_MEMORY);
	} else {
		find_loop_ends(&m);
		pass_find_loop_writes(fn, m.loop_writes);
		for (uint32_t i = 0; i < count && ir_tick(fn, 1); i++)
			visit_block(&m, fn->order[i]);
	}
	arena_release(context->scratch, mark);
	return fn->status;
}
