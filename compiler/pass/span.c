/*
 * Unsigned ranges of integer values.
 *
 * Definitions come before uses in the order, so one sweep computes a range from
 * those of the operands. Only what goes round a loop is not known yet at the
 * loop's header:
 *
 *   step   if all edges that go round bring `variable + c`, the variable moves by
 *          c per round, and there are as many rounds as an exit test allows that
 *          is made in each of them: of a variable that meets a constant (trips),
 *          or of the variable itself against a limit;
 *   join   else what goes round may say by its operation alone how large it can be
 *          (a byte that was loaded, a mask).
 *
 * Signed tests say the same as unsigned ones while the variable stays below 2^31
 * (2^63), which its start and the step show.
 */
#include "compiler/pass/span.h"

#include "compiler/ir/simplify.h"

enum {
	MAX_TESTS = 8, /* exit tests of a loop that are looked at */
	MAX_JOINS = 8, /* behind a value that goes round a loop */
};

/* A range such that all zero says nothing: [lo, ~below]. */
struct span_fact {
	uint64_t lo, below;
};

/* A variable's step: what all edges that go round add to it. */
struct step {
	uint32_t param;
	uint32_t next; /* the addition, if it is one instruction; or IR_NONE */
	int64_t by;    /* 0: it does not step */
	struct span start;
};

/* The test that a loop goes on after: X != K, X < K or X > K. */
enum relation { RELATION_NONE, RELATION_NOT, RELATION_BELOW, RELATION_ABOVE };
struct test {
	enum relation relation;
	bool is_signed;
	bool is_inclusive; /* <=, >= */
	bool is_next;	   /* X is the stepped variable, else the variable */
	struct span limit;
};

static uint64_t
type_max(const struct ir_inst *inst)
{
	return inst->type == IR_I64 ? UINT64_MAX : UINT32_MAX;
}

static int64_t
sign_extend(const struct ir_inst *constant)
{
	return constant->type == IR_I64 ? (int64_t)constant->imm : (int32_t)(uint32_t)constant->imm;
}

struct span
span_of(const struct span_facts *s, uint32_t value)
{
	const struct ir_inst *inst = &s->fn->insts[value];
	struct span_fact fact = s->facts[value];
	uint64_t max = type_max(inst);

	if (inst->op == IR_CONST)
		return (struct span){ inst->imm, inst->imm };
	return (struct span){ fact.lo, ~fact.below < max ? ~fact.below : max };
}

static struct span
unite(struct span a, struct span b)
{
	return (struct span){ a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi };
}

/* --- operations --------------------------------------------------------------- */

/* All ones up to the highest one. */
static uint64_t
fill(uint64_t bits)
{
	return bits == 0 ? 0 : UINT64_MAX >> __builtin_clzll(bits);
}

static struct span
span_of_add(struct span a, struct span b, uint64_t max)
{
	bool carries_least = a.lo > max - b.lo, carries_most = a.hi > max - b.hi;

	if (carries_least != carries_most)
		return (struct span){ 0, max };
	return (struct span){ (a.lo + b.lo) & max, (a.hi + b.hi) & max };
}

static struct span
span_of_shift(const struct ir_inst *inst, struct span a, uint64_t count, uint64_t max)
{
	count &= ir_type_bits(inst->type) - 1;
	if (inst->op == IR_SHL && a.hi <= max >> count)
		return (struct span){ a.lo << count, a.hi << count };
	if (inst->op == IR_SHR_U || (inst->op == IR_SHR_S && a.hi <= max >> 1))
		return (struct span){ a.lo >> count, a.hi >> count };
	return (struct span){ 0, max };
}

static struct span
span_of_binary(const struct span_facts *s, const struct ir_inst *inst, uint64_t max)
{
	struct span full = { 0, max };
	struct span a = span_of(s, inst->args[0]), b = span_of(s, inst->args[1]);

	switch (inst->op) {
	case IR_ADD:
		return span_of_add(a, b, max);
	case IR_SUB:
		return a.lo >= b.hi ? (struct span){ a.lo - b.hi, a.hi - b.lo } : full;
	case IR_MUL:
		if (b.hi != 0 && a.hi > max / b.hi)
			return full;
		return (struct span){ a.lo * b.lo, a.hi * b.hi };
	case IR_DIV_U:
		return (struct span){ 0, b.lo > 1 ? a.hi / b.lo : a.hi };
	case IR_REM_U:
		return (struct span){ 0, b.hi > 0 && b.hi - 1 < a.hi ? b.hi - 1 : a.hi };
	case IR_AND:
		return (struct span){ 0, a.hi < b.hi ? a.hi : b.hi };
	case IR_OR:
		return (struct span){ a.lo > b.lo ? a.lo : b.lo, fill(a.hi | b.hi) };
	case IR_XOR:
		return (struct span){ 0, fill(a.hi | b.hi) };
	default:
		return b.lo == b.hi ? span_of_shift(inst, a, b.lo, max) : full;
	}
}

/* What the operation says whatever its operands are. */
static struct span
span_of_op(const struct span_facts *s, const struct ir_inst *inst)
{
	uint64_t max = type_max(inst);
	const struct ir_inst *b;

	switch (inst->op) {
	case IR_CONST:
		return (struct span){ inst->imm, inst->imm };
	case IR_LOAD8_U:
		return (struct span){ 0, UINT8_MAX };
	case IR_LOAD16_U:
		return (struct span){ 0, UINT16_MAX };
	case IR_LOAD32_U:
	case IR_EXTEND_U:
		return (struct span){ 0, UINT32_MAX };
	case IR_CLZ:
	case IR_CTZ:
	case IR_POPCNT:
		return (struct span){ 0, ir_type_bits(inst->type) };
	case IR_AND:
		b = &s->fn->insts[inst->args[1]];
		return (struct span){ 0, b->op == IR_CONST ? b->imm : max };
	case IR_SHR_U:
		b = &s->fn->insts[inst->args[1]];
		if (b->op != IR_CONST)
			break;
		return (struct span){ 0, max >> (b->imm & (ir_type_bits(inst->type) - 1)) };
	default:
		break;
	}
	return (struct span){ 0, ir_op_is_comparison(inst->op) ? 1 : max };
}

static struct span
span_of_inst(const struct span_facts *s, const struct ir_inst *inst)
{
	uint64_t max = type_max(inst);
	struct span full = { 0, max }, a;

	switch (inst->op) {
	case IR_ADD:
	case IR_SUB:
	case IR_MUL:
	case IR_DIV_U:
	case IR_REM_U:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_SHL:
	case IR_SHR_S:
	case IR_SHR_U:
		return span_of_binary(s, inst, max);
	case IR_SELECT:
		return unite(span_of(s, inst->args[1]), span_of(s, inst->args[2]));
	case IR_EXTEND_U:
		return span_of(s, inst->args[0]);
	case IR_WRAP:
		a = span_of(s, inst->args[0]);
		return a.hi <= max ? a : full;
	case IR_EXTEND_S:
		a = span_of(s, inst->args[0]);
		return a.hi <= INT32_MAX ? a : full;
	case IR_EXTEND8_S:
		a = span_of(s, inst->args[0]);
		return a.hi <= INT8_MAX ? a : full;
	case IR_EXTEND16_S:
		a = span_of(s, inst->args[0]);
		return a.hi <= INT16_MAX ? a : full;
	default:
		return span_of_op(s, inst);
	}
}

/* --- loops -------------------------------------------------------------------- */

static uint32_t
argument(const struct ir_function *fn, uint32_t edge, uint32_t index)
{
	return fn->lists[fn->edges[edge].first_arg + index];
}

/* Whether the edge into `header` goes round its loop. */
static bool
goes_round(const struct ir_function *fn, uint32_t header, uint32_t edge)
{
	return ir_dominates(fn, header, fn->edges[edge].from);
}

/* The constant by which `value` is more than `param`; false if it is not known. */
static bool
step_of_value(const struct ir_function *fn, uint32_t param, uint32_t value, int64_t *out)
{
	const struct ir_inst *inst = &fn->insts[value];
	const struct ir_inst *by;

	if ((inst->op != IR_ADD && inst->op != IR_SUB) || inst->args[0] != param)
		return false;
	by = &fn->insts[inst->args[1]];
	if (by->op != IR_CONST || sign_extend(by) == INT64_MIN)
		return false;
	*out = inst->op == IR_ADD ? sign_extend(by) : -sign_extend(by);
	return *out != 0;
}

static struct step
find_step(const struct span_facts *s, uint32_t header, uint32_t index)
{
	const struct ir_function *fn = s->fn;
	struct step step = { .param = fn->lists[fn->blocks[header].first_param + index],
			     .next = IR_NONE,
			     .start = { UINT64_MAX, 0 } };

	for (uint32_t e = fn->blocks[header].first_pred; e != IR_NONE; e = fn->edges[e].next_pred) {
		uint32_t value = argument(fn, e, index);
		int64_t by;

		if (!goes_round(fn, header, e)) {
			step.start = unite(step.start, span_of(s, value));
			continue;
		}
		if (!step_of_value(fn, step.param, value, &by) || (step.by && step.by != by)) {
			step.by = 0;
			return step;
		}
		step.next = step.by == 0 || step.next == value ? value : IR_NONE;
		step.by = by;
	}
	return step;
}

static bool
is_left(const struct ir_function *fn, uint32_t header, uint32_t to)
{
	uint32_t position = fn->blocks[to].position;
	uint32_t loop = fn->blocks[to].loop_header;

	if (position < fn->blocks[header].position)
		return true;
	while (loop != IR_NONE && fn->blocks[loop].position > fn->blocks[header].position)
		loop = fn->blocks[loop].outer_loop;
	return loop != header;
}

/* The comparison `op` as a relation of the left side; or, if `is_swapped`, of the
 * right one. */
static void
set_relation(struct test *test, uint32_t op, bool is_swapped)
{
	bool is_less = op == IR_LT_S || op == IR_LT_U || op == IR_LE_S || op == IR_LE_U;

	test->is_signed = op == IR_LT_S || op == IR_LE_S || op == IR_GT_S || op == IR_GE_S;
	test->is_inclusive = op >= IR_LE_S;
	if (op == IR_NE)
		test->relation = RELATION_NOT;
	else if (op != IR_EQ)
		test->relation = is_less != is_swapped ? RELATION_BELOW : RELATION_ABOVE;
}

static uint32_t
inverse_of(uint32_t op)
{
	static const uint8_t inverses[] = {
		[IR_EQ] = IR_NE,     [IR_NE] = IR_EQ,	  [IR_LT_S] = IR_GE_S, [IR_LT_U] = IR_GE_U,
		[IR_GT_S] = IR_LE_S, [IR_GT_U] = IR_LE_U, [IR_LE_S] = IR_GT_S, [IR_LE_U] = IR_GT_U,
		[IR_GE_S] = IR_LT_S, [IR_GE_U] = IR_LT_U,
	};

	return op >= IR_EQ && op <= IR_GE_U ? inverses[op] : IR_GONE;
}

/* What the loop goes on after at the end of `block`, as far as it is about `step`. */
static struct test
find_test(const struct span_facts *s, uint32_t header, uint32_t block, const struct step *step)
{
	const struct ir_function *fn = s->fn;
	const struct ir_inst *branch = &fn->insts[fn->blocks[block].last_inst];
	struct test test = { .relation = RELATION_NONE };

	if (branch->op != IR_BRANCH)
		return test;
	bool leaves_0 = is_left(fn, header, ir_inst_edge(fn, branch, 0)->to);
	bool leaves_1 = is_left(fn, header, ir_inst_edge(fn, branch, 1)->to);
	uint32_t value = branch->args[0];
	const struct ir_inst *compare = &fn->insts[value];

	if (leaves_0 == leaves_1)
		return test;
	if (value == step->param || value == step->next) {
		test.is_next = value == step->next;
		test.relation = leaves_1 ? RELATION_NOT : RELATION_NONE;
		return test;
	}
	uint32_t op = leaves_1 ? compare->op : inverse_of(compare->op);
	if (op < IR_EQ || op > IR_GE_U)
		return test;
	bool is_swapped = compare->args[1] == step->param || compare->args[1] == step->next;
	uint32_t variable = compare->args[is_swapped];

	if (variable != step->param && variable != step->next)
		return test;
	test.is_next = variable == step->next;
	set_relation(&test, op, is_swapped);
	test.limit = span_of(s, compare->args[!is_swapped]);
	return test;
}

/* The next block above `block` that every round passes, or IR_NONE behind the header. */
static uint32_t
passed_before(const struct ir_function *fn, uint32_t header, uint32_t block)
{
	return block == header ? IR_NONE : fn->blocks[block].idom;
}

/* The last block that every round passes. */
static uint32_t
last_passed(const struct ir_function *fn, uint32_t header)
{
	uint32_t last = IR_NONE;

	for (uint32_t e = fn->blocks[header].first_pred; e != IR_NONE; e = fn->edges[e].next_pred) {
		if (!goes_round(fn, header, e))
			continue;
		if (last != IR_NONE)
			return header;
		last = fn->edges[e].from;
	}
	return last == IR_NONE ? header : last;
}

/* How often at most the header is entered if the test is passed in each round; 0:
 * nobody knows. */
static uint64_t
trips_of(const struct test *test, const struct step *step, uint64_t max)
{
	uint64_t by = step->by > 0 ? (uint64_t)step->by : -(uint64_t)step->by;
	uint64_t way;

	if (test->relation != RELATION_NOT || step->start.lo != step->start.hi ||
	    test->limit.lo != test->limit.hi)
		return 0;
	way = step->by > 0 ? test->limit.lo - step->start.lo : step->start.lo - test->limit.lo;
	way &= max;
	if (way % by != 0)
		return 0;
	return test->is_next ? way / by : way / by + 1;
}

/* The variable's range if it starts, steps and is entered at most `trips` times. */
static bool
span_by_trips(const struct step *step, uint64_t trips, uint64_t max, struct span *out)
{
	uint64_t by = step->by > 0 ? (uint64_t)step->by : -(uint64_t)step->by;
	uint64_t room = step->by > 0 ? max - step->start.hi : step->start.lo;

	if (trips == 0 || room / by < trips - 1)
		return false;
	*out = step->start;
	if (step->by > 0)
		out->hi += by * (trips - 1);
	else
		out->lo -= by * (trips - 1);
	return true;
}

/* The range of a variable that steps upward while it is below a limit; `top` is
 * the greatest value that the test takes for more than 0. */
static bool
span_below(const struct test *test, const struct step *step, uint64_t top, struct span *out)
{
	uint64_t by = (uint64_t)step->by;
	uint64_t last = test->limit.hi < top ? test->limit.hi : top; /* that goes on */

	if (!test->is_inclusive && last-- == 0)
		return true;
	/* Nothing that goes on may wrap, nor what is stepped before its first test. */
	if (by > top || last > top - by || (test->is_next && step->start.hi > top - by))
		return false;
	if (!test->is_next)
		last += by;
	out->hi = last > out->hi ? last : out->hi;
	return true;
}

/* The same, downward while it is above a limit. */
static bool
span_above(const struct test *test, const struct step *step, uint64_t top, struct span *out)
{
	uint64_t by = -(uint64_t)step->by;
	uint64_t least = test->limit.lo; /* that goes on */

	if (test->limit.hi > top)
		return false;
	if (!test->is_inclusive && least++ == top)
		return true;
	if (least < by || (test->is_next && step->start.lo < by))
		return false;
	if (!test->is_next)
		least -= by;
	out->lo = least < out->lo ? least : out->lo;
	return true;
}

/* The variable's range if the loop goes on only after this test of it. */
static bool
span_by_test(const struct test *test, const struct step *step, uint64_t max, struct span *out)
{
	uint64_t top = test->is_signed ? max >> 1 : max;

	*out = step->start;
	if (step->start.hi > top)
		return false;
	if (test->relation == RELATION_BELOW && step->by > 0)
		return span_below(test, step, top, out);
	return test->relation == RELATION_ABOVE && step->by < 0 && span_above(test, step, top, out);
}

static void
set(struct span_facts *s, uint32_t value, struct span span)
{
	s->facts[value] = (struct span_fact){ span.lo, ~span.hi };
}

/* What may go round: what its operation says, through `joins` joins at most. */
static struct span
span_of_round(const struct span_facts *s, uint32_t param, uint32_t value, uint32_t *joins)
{
	const struct ir_function *fn = s->fn;
	const struct ir_inst *inst = &fn->insts[value];
	struct span span = { UINT64_MAX, 0 };
	uint32_t block = inst->block, index = (uint32_t)inst->imm;

	if (value == param)
		return span;
	if (inst->op != IR_PARAM || *joins == 0 || block == 0 ||
	    fn->blocks[block].flags & IR_BLOCK_LOOP_HEADER)
		return span_of_op(s, inst);
	--*joins;
	for (uint32_t e = fn->blocks[block].first_pred; e != IR_NONE; e = fn->edges[e].next_pred)
		span = unite(span, span_of_round(s, param, argument(fn, e, index), joins));
	return span;
}

static struct span
join_header(const struct span_facts *s, uint32_t header, uint32_t index)
{
	const struct ir_function *fn = s->fn;
	uint32_t param = fn->lists[fn->blocks[header].first_param + index];
	struct span span = { UINT64_MAX, 0 };

	for (uint32_t e = fn->blocks[header].first_pred; e != IR_NONE; e = fn->edges[e].next_pred) {
		uint32_t value = argument(fn, e, index), joins = MAX_JOINS;

		span = unite(span, goes_round(fn, header, e)
					   ? span_of_round(s, param, value, &joins)
					   : span_of(s, value));
	}
	return span;
}

/* Looks at a variable by itself. Returns how often the header is entered as far as
 * that tells, or 0. */
static uint64_t
enter_param(struct span_facts *s, uint32_t header, uint32_t index, uint32_t last)
{
	const struct ir_function *fn = s->fn;
	struct step step = find_step(s, header, index);
	uint64_t max = type_max(&fn->insts[step.param]), trips = 0;
	uint32_t tests = 0;

	if (step.by == 0) {
		set(s, step.param, join_header(s, header, index));
		return 0;
	}
	for (uint32_t b = last; b != IR_NONE && tests++ < MAX_TESTS;
	     b = passed_before(fn, header, b)) {
		struct test test = find_test(s, header, b, &step);
		uint64_t found = trips_of(&test, &step, max);
		struct span span;

		if (found != 0 && (trips == 0 || found < trips))
			trips = found;
		if (span_by_test(&test, &step, max, &span))
			set(s, step.param, span);
	}
	return trips;
}

static void
enter_header(struct span_facts *s, uint32_t header)
{
	const struct ir_function *fn = s->fn;
	const struct ir_block *block = &fn->blocks[header];
	uint32_t last = last_passed(fn, header);
	uint64_t trips = 0;

	for (uint32_t k = 0; k < block->param_count; k++) {
		if (!ir_type_is_int(fn->insts[fn->lists[block->first_param + k]].type))
			continue;
		uint64_t found = enter_param(s, header, k, last);

		if (found != 0 && (trips == 0 || found < trips))
			trips = found;
	}
	for (uint32_t k = 0; k < block->param_count && trips != 0; k++) {
		uint32_t param = fn->lists[block->first_param + k];
		struct span span;

		if (!ir_type_is_int(fn->insts[param].type))
			continue;
		struct step step = find_step(s, header, k);

		if (step.by != 0 && span_by_trips(&step, trips, type_max(&fn->insts[param]), &span))
			set(s, param, span);
	}
}

/* --- the sweep ---------------------------------------------------------------- */

static void
enter_block(struct span_facts *s, uint32_t b)
{
	const struct ir_function *fn = s->fn;
	const struct ir_block *block = &fn->blocks[b];

	if (b == 0)
		return;
	if (block->flags & IR_BLOCK_LOOP_HEADER) {
		enter_header(s, b);
		return;
	}
	for (uint32_t index = 0; index < block->param_count; index++) {
		uint32_t param = fn->lists[block->first_param + index];
		struct span span = { UINT64_MAX, 0 };

		if (!ir_type_is_int(fn->insts[param].type))
			continue;
		for (uint32_t e = block->first_pred; e != IR_NONE; e = fn->edges[e].next_pred)
			span = unite(span, span_of(s, argument(fn, e, index)));
		set(s, param, span);
	}
}

enum nb_status
span_analyze(const struct ir_function *fn, struct arena *scratch, struct span_facts *out)
{
	*out = (struct span_facts){
		.fn = fn,
		.facts = arena_new_array(scratch, struct span_fact, fn->inst_count),
	};
	if (!out->facts)
		return NB_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < fn->order_count; i++) {
		enter_block(out, fn->order[i]);
		for (uint32_t k = fn->blocks[fn->order[i]].first_inst; k != IR_NONE;
		     k = fn->insts[k].next)
			if (ir_type_is_int(fn->insts[k].type))
				set(out, k, span_of_inst(out, &fn->insts[k]));
	}
	return NB_OK;
}
