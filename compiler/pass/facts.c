/* A list of facts for each value, newest first; few are looked at. */
#include "compiler/pass/facts.h"

#include "compiler/ir/edit.h"
#include "compiler/ir/simplify.h"

enum { FIRST_CAP = 64, MAX_LOOKS = 8 };

bool
facts_init(struct facts *facts, struct ir_function *fn, struct arena *scratch)
{
	*facts = (struct facts){
		.fn = fn,
		.scratch = scratch,
		.list = arena_new_array(scratch, struct fact, FIRST_CAP),
		.count = 1,
		.cap = FIRST_CAP,
		.latest = arena_new_array(scratch, uint32_t, fn->inst_count),
		.value_count = fn->inst_count,
	};
	return facts->list && facts->latest;
}

static void
add(struct facts *facts, uint32_t block, uint32_t value, uint32_t constant)
{
	if (value >= facts->value_count || facts->fn->insts[value].op == IR_CONST)
		return;
	if (facts->count == facts->cap) {
		void *moved =
			arena_extend_array(facts->scratch, facts->list, facts->cap, facts->cap * 2,
					   sizeof(*facts->list), _Alignof(struct fact));

		if (!moved) {
			ir_fail(facts->fn, NB_OUT_OF_MEMORY);
			return;
		}
		facts->list = moved;
		facts->cap *= 2;
	}
	facts->list[facts->count] = (struct fact){ block, constant, facts->latest[value] };
	facts->latest[value] = facts->count++;
}

/* The constant that the value is if the condition `cond` is true, or false; IR_NONE if that
 * says nothing of it. */
static uint32_t
follows(struct ir_function *fn, uint32_t cond, bool is_true, uint32_t value)
{
	const struct ir_inst *c = &fn->insts[cond], *v = &fn->insts[value];
	bool is_test = (v->op == IR_EQ || v->op == IR_NE) && v->args[0] == cond &&
		       fn->insts[v->args[1]].op == IR_CONST && fn->insts[v->args[1]].imm == 0;

	if (is_test)
		return ir_const(fn, IR_I32, (v->op == IR_NE) == is_true);
	if (value == cond && !is_true)
		return ir_const(fn, IR_I32, 0);
	if (value == cond && ir_op_is_comparison(c->op))
		return ir_const(fn, IR_I32, 1);
	if (c->op == (is_true ? IR_EQ : IR_NE) && value == c->args[0] &&
	    fn->insts[c->args[1]].op == IR_CONST)
		return c->args[1];
	return IR_NONE;
}

void
facts_learn(struct facts *facts, uint32_t block)
{
	struct ir_function *fn = facts->fn;
	uint32_t e = fn->blocks[block].first_pred;
	const struct ir_inst *last;
	uint32_t cond, subject, constant;
	bool is_true;

	if (e == IR_NONE || fn->edges[e].next_pred != IR_NONE)
		return;
	last = &fn->insts[fn->blocks[fn->edges[e].from].last_inst];
	if (last->op != IR_BRANCH)
		return;
	cond = ir_resolve(fn, last->args[0]);
	is_true = e == last->args[1];
	constant = follows(fn, cond, is_true, cond);
	add(facts, block, cond, constant); /* none: at least it is not 0 */
	if (!ir_op_is_comparison(fn->insts[cond].op))
		return;
	subject = fn->insts[cond].args[0];
	constant = follows(fn, cond, is_true, subject);
	if (constant != IR_NONE)
		add(facts, block, subject, constant);
}

/* The latest fact about the value that holds in the block and is a constant, or is not;
 * NULL if there is none. */
static const struct fact *
find(const struct facts *facts, uint32_t block, uint32_t value, bool is_constant)
{
	uint32_t at = value < facts->value_count ? facts->latest[value] : 0;

	for (uint32_t i = 0; i < MAX_LOOKS && at != 0; i++) {
		const struct fact *fact = &facts->list[at];

		if ((fact->constant != IR_NONE) == is_constant &&
		    ir_dominates(facts->fn, fact->block, block))
			return fact;
		at = fact->previous;
	}
	return NULL;
}

uint32_t
facts_value(const struct facts *facts, uint32_t block, uint32_t value)
{
	const struct fact *fact = find(facts, block, value, true);

	return fact ? fact->constant : value;
}

bool
facts_is_nonzero(const struct facts *facts, uint32_t block, uint32_t value)
{
	return find(facts, block, value, false) != NULL;
}

uint32_t
facts_edge_value(const struct facts *facts, const struct ir_inst *inst, uint32_t edge,
		 uint32_t value)
{
	uint32_t cond = inst->args[0];
	uint32_t constant = facts->fn->insts[value].op == IR_CONST
				    ? IR_NONE
				    : follows(facts->fn, cond, edge == 0, value);

	return constant == IR_NONE ? value : constant;
}
