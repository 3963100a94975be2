/*
 * Sinking of steps.
 *
 * A loop variable's step, such as `next = i + 1`, often stands where the
 * program computed it, in front of further uses of `i`. Then both live at once
 * and the variable changes its register in each round:
 *
 *	loop (i):  next = add i, 1          loop (i):  x = load i
 *	           x = load i                          branch x, back, out
 *	           branch x, back, out      back:      next = add i, 1
 *	back:      jump loop (next)                    jump loop (next)
 *	out:       use next                 out:       next' = add i, 1; use next'
 *
 * On the right the allocator steps the variable in place. A step sinks if the
 * only uses of it in the loop are the edges that go round with it, the others are
 * in no other loop and run no more often, and the variable is needed behind the
 * step at all.
 */
#include "compiler/pass/pass.h"

#include "compiler/ir/edit.h"
#include "compiler/ir/simplify.h"

enum { MAX_COPIES = 4 };

struct step {
	uint32_t value;	 /* the instruction */
	uint32_t header; /* of the loop whose variable it steps */
	uint32_t param;	 /* the variable */
	uint32_t blocks[MAX_COPIES];
	uint32_t copies[MAX_COPIES]; /* IR_NONE: not made yet */
	uint32_t copy_count;
	bool is_passed;	 /* the sweep has come to the instruction */
	bool is_helpful; /* and after that to a use of the variable */
	bool is_bad;
};

struct sink {
	struct ir_function *fn;
	struct step *steps;
	uint32_t step_count, step_cap;
	uint32_t *step_of; /* per value: index in steps + 1; of variables, too */
	uint32_t *end;	   /* per header: position behind the loop's last block */
	/* What the present use is in: */
	uint32_t inst, block;
	uint32_t round_header; /* the block that a jump goes back to, or IR_NONE */
	uint32_t round_param;  /* which argument of it */
};

static void
find_loop_ends(struct sink *s)
{
	const struct ir_function *fn = s->fn;

	for (uint32_t i = fn->order_count; i-- > 0;) {
		uint32_t header = fn->blocks[fn->order[i]].loop_header;

		while (header != IR_NONE && s->end[header] == 0) {
			s->end[header] = i + 1;
			header = fn->blocks[header].outer_loop;
		}
	}
}

static bool
is_inside(const struct sink *s, uint32_t header, uint32_t block)
{
	uint32_t position = s->fn->blocks[block].position;

	return position >= s->fn->blocks[header].position && position < s->end[header];
}

static bool
is_step_op(uint32_t op)
{
	return op == IR_ADD || op == IR_SUB || op == IR_SHL || op == IR_SHR_U || op == IR_SHR_S ||
	       op == IR_AND || op == IR_OR || op == IR_XOR;
}

/* The block to which `block` jumps back, or IR_NONE. */
static uint32_t
round_of(const struct sink *s, uint32_t block)
{
	const struct ir_function *fn = s->fn;
	const struct ir_inst *jump = &fn->insts[fn->blocks[block].last_inst];
	uint32_t to;

	if (jump->op != IR_JUMP)
		return IR_NONE;
	to = ir_inst_edge(fn, jump, 0)->to;
	return s->end[to] != 0 && is_inside(s, to, block) ? to : IR_NONE;
}

/* Notes `value` as a step if it is one of `param`. */
static void
note_step(struct sink *s, uint32_t header, uint32_t param, uint32_t value)
{
	const struct ir_inst *inst = &s->fn->insts[value];

	if (!is_step_op(inst->op) || inst->args[0] != param ||
	    s->fn->insts[inst->args[1]].op != IR_CONST || s->step_of[value] || s->step_of[param] ||
	    s->step_count == s->step_cap)
		return;
	s->steps[s->step_count++] =
		(struct step){ .value = value, .header = header, .param = param };
	s->step_of[value] = s->step_count;
	s->step_of[param] = s->step_count;
}

static void
find_steps(struct sink *s)
{
	const struct ir_function *fn = s->fn;

	for (uint32_t i = 0; i < fn->order_count; i++) {
		uint32_t block = fn->order[i], header = round_of(s, block);

		if (header == IR_NONE)
			continue;
		const struct ir_inst *jump = &fn->insts[fn->blocks[block].last_inst];
		const struct ir_edge *edge = ir_inst_edge(fn, jump, 0);

		for (uint32_t k = 0; k < edge->arg_count; k++)
			note_step(s, header, fn->lists[fn->blocks[header].first_param + k],
				  fn->lists[edge->first_arg + k]);
	}
}

/* The number of the copy for the present block; MAX_COPIES if there is none. */
static uint32_t
copy_for_block(struct sink *s, struct step *step)
{
	for (uint32_t i = 0; i < step->copy_count; i++)
		if (step->blocks[i] == s->block)
			return i;
	if (step->copy_count == MAX_COPIES)
		return MAX_COPIES;
	step->blocks[step->copy_count] = s->block;
	step->copies[step->copy_count] = IR_NONE;
	return step->copy_count++;
}

/* A comparison is made where its block ends and decides. */
static bool
is_decision(const struct sink *s, const struct step *step)
{
	const struct ir_inst *insts = s->fn->insts;

	return ir_op_is_comparison(insts[s->inst].op) &&
	       insts[step->value].block == insts[s->inst].block;
}

static void
judge_use(void *context, uint32_t *value)
{
	struct sink *s = context;
	const struct ir_block *blocks = s->fn->blocks;
	struct step *step;
	bool goes_round;

	if (!s->step_of[*value])
		return;
	step = &s->steps[s->step_of[*value] - 1];
	if (*value == step->param) {
		step->is_helpful |= step->is_passed || is_decision(s, step);
		return;
	}
	goes_round = s->round_header == step->header && s->round_param == step->param;
	if (!goes_round &&
	    (is_inside(s, step->header, s->block) ||
	     blocks[s->block].loop_depth >= blocks[step->header].loop_depth ||
	     blocks[s->block].frequency > blocks[s->fn->insts[step->value].block].frequency))
		step->is_bad = true;
	else if (copy_for_block(s, step) == MAX_COPIES)
		step->is_bad = true;
}

static void
sink_use(void *context, uint32_t *value)
{
	struct sink *s = context;
	struct ir_function *fn = s->fn;
	struct step *step;
	uint32_t i, copy;

	if (!s->step_of[*value])
		return;
	step = &s->steps[s->step_of[*value] - 1];
	if (*value == step->param || step->is_bad)
		return;
	i = copy_for_block(s, step);
	copy = step->copies[i];
	if (copy == IR_NONE) {
		copy = ir_new_inst(fn, fn->insts[step->value].op, fn->insts[step->value].type);
		fn->insts[copy].args[0] = fn->insts[step->value].args[0];
		fn->insts[copy].args[1] = fn->insts[step->value].args[1];
		fn->insts[copy].wasm_offset = fn->insts[s->inst].wasm_offset;
		ir_insert_before(fn, s->inst, copy);
		step->copies[i] = copy;
	}
	*value = copy;
}

/* Visits the uses of the steps and of their variables in order. `value` may not be
 * ir_for_each_use's: making a copy moves the instructions. */
static void
visit_inst(struct sink *s, uint32_t inst, ir_visit_use *visit)
{
	struct ir_function *fn = s->fn;
	const struct ir_op_info *info = ir_op_info(fn->insts[inst].op);
	uint32_t count = fn->insts[inst].args[2], first = fn->insts[inst].args[1];

	s->inst = inst;
	s->round_header = IR_NONE;
	for (uint32_t k = 0; k < info->arg_count; k++) {
		uint32_t value = fn->insts[inst].args[k];

		visit(s, &value);
		fn->insts[inst].args[k] = value;
	}
	if (info->flags & IR_OP_LIST)
		for (uint32_t k = 0; k < count; k++)
			visit(s, &fn->lists[first + k]);
	if (!(info->flags & IR_OP_EDGES) || count != 1)
		return;
	s->round_header = round_of(s, s->block);
	for (uint32_t k = 0; k < fn->edges[first].arg_count; k++) {
		if (s->round_header != IR_NONE)
			s->round_param = fn->lists[fn->blocks[s->round_header].first_param + k];
		visit(s, &fn->lists[fn->edges[first].first_arg + k]);
	}
}

static void
sweep(struct sink *s, ir_visit_use *visit)
{
	const struct ir_function *fn = s->fn;

	for (uint32_t i = 0; i < fn->order_count && ir_tick(s->fn, 1); i++) {
		s->block = fn->order[i];
		for (uint32_t k = fn->blocks[s->block].first_inst;
		     k != IR_NONE && ir_tick(s->fn, 1); k = fn->insts[k].next) {
			visit_inst(s, k, visit);
			if (s->step_of[k])
				s->steps[s->step_of[k] - 1].is_passed = true;
		}
	}
}

static void
sink(struct sink *s)
{
	uint32_t good = 0;

	find_loop_ends(s);
	find_steps(s);
	if (s->step_count == 0)
		return;
	sweep(s, judge_use);
	for (uint32_t i = 0; i < s->step_count; i++) {
		s->steps[i].is_bad |= !s->steps[i].is_helpful;
		good += !s->steps[i].is_bad;
	}
	if (good == 0)
		return;
	sweep(s, sink_use);
	for (uint32_t i = 0; i < s->step_count; i++)
		if (!s->steps[i].is_bad)
			ir_remove(s->fn, s->steps[i].value);
}

enum nb_status
pass_sink(struct ir_function *fn, struct pass_context *context)
{
	struct arena_mark mark = arena_mark_get(context->scratch);
	struct sink s = { .fn = fn };

	if (fn->has_no_loop || fn->status != NB_OK)
		return fn->status;
	for (uint32_t i = 0; i < fn->order_count; i++)
		if (fn->blocks[fn->order[i]].loop_header == fn->order[i])
			s.step_cap += fn->blocks[fn->order[i]].param_count;
	if (s.step_cap == 0)
		return fn->status;
	s.steps = arena_new_array(context->scratch, struct step, s.step_cap);
	/* Copies get numbers behind those, and nobody asks for them. */
	s.step_of = arena_new_array(context->scratch, uint32_t,
				    fn->inst_count + (size_t)s.step_cap * MAX_COPIES);
	s.end = arena_new_array(context->scratch, uint32_t, fn->block_count);
	if (!s.steps || !s.step_of || !s.end)
		ir_fail(fn, NB_OUT_OF_MEMORY);
	else
		sink(&s);
	arena_release(context->scratch, mark);
	return fn->status;
}
