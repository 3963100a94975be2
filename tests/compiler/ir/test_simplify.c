/*
 * Properties of simplification: on random operations over random small
 * expressions the simpler one has the same value as the original one, for
 * every assignment tried; and known zero bits are zero. Division by constants
 * (pass_strength) likewise.
 *
 * usage: test_simplify [SEED [ROUNDS]]
 */
#include "compiler/pass/pass.h"
#include "tests/compiler/ir/simplify_bench.h"

enum { PARAMS = 4, TRIALS = 8, MAX_DEPTH = 24 };

static const enum ir_type params[PARAMS] = { IR_I32, IR_I64, IR_I32, IR_I64 };
static uint64_t bound[PARAMS]; /* values of the parameters */

/* Numbers at which rules have borders, and any others. */
static uint64_t
number(struct bench *b)
{
	uint64_t power = UINT64_C(1) << below(b, 64);

	switch (below(b, 6)) {
	case 0:
		return below(b, 4);
	case 1:
		return -(uint64_t)below(b, 4);
	case 2:
		return power + below(b, 3) - 1;
	case 3:
		return random_next(&b->random) >> below(b, 64);
	case 4:
		return (uint64_t)(int64_t)(int32_t)random_next(&b->random);
	default:
		return (power - 1) << below(b, 8);
	}
}

/* The value of `value` under the parameters' values; false if it has none. */
static bool
evaluate(const struct bench *b, uint32_t value, uint32_t depth, uint64_t *out)
{
	const struct ir_inst *inst = &b->fn.insts[value];
	uint64_t args[3] = { 0, 0, 0 };

	if (depth > MAX_DEPTH)
		return false;
	if (inst->op == IR_CONST) {
		*out = inst->imm;
		return true;
	}
	if (inst->op == IR_PARAM) {
		*out = bound[inst->imm];
		if (ir_type_bits(inst->type) == 32)
			*out = (uint32_t)*out;
		return true;
	}
	for (uint32_t i = 0; i < ir_op_info(inst->op)->arg_count; i++)
		if (!evaluate(b, inst->args[i], depth + 1, &args[i]))
			return false;
	return ir_evaluate(inst->op, inst->type, b->fn.insts[inst->args[0]].type, args, out);
}

/* A random existing value of a type; or a constant. */
static uint32_t
any_value(struct bench *b, enum ir_type type)
{
	for (uint32_t i = 0; i < 10; i++) {
		uint32_t value = 1 + below(b, b->fn.inst_count - 1);

		if (b->fn.insts[value].type == type)
			return value;
	}
	return ir_const(&b->fn, type, number(b));
}

static enum ir_type
type_for(struct bench *b, char rule, enum ir_type result, enum ir_type before)
{
	switch (rule) {
	case 'i':
		return IR_I32;
	case 'l':
		return IR_I64;
	case 'n':
		return below(b, 2) ? IR_I32 : IR_I64;
	case 'r':
		return result;
	case 's':
		return before;
	default:
		return below(b, 2) ? IR_I32 : IR_I64;
	}
}

/* A random pure integer operation on existing values. */
static struct ir_inst
any_operation(struct bench *b)
{
	struct ir_inst inst = { .args = { IR_NONE, IR_NONE, IR_NONE } };
	const struct ir_op_info *info;
	enum ir_type before = IR_VOID;

	do {
		inst.op = (uint8_t)(IR_ADD + below(b, IR_SELECT - IR_ADD + 1));
		info = ir_op_info(inst.op);
	} while (strchr(info->arguments, 'f') || info->result == 'f');
	inst.type = (uint8_t)type_for(b, info->result, IR_VOID, IR_VOID);
	for (uint32_t i = 0; i < info->arg_count; i++) {
		before = type_for(b, info->arguments[i], inst.type, before);
		inst.args[i] =
			below(b, 3) ? any_value(b, before) : ir_const(&b->fn, before, number(b));
	}
	return inst;
}

/* Compares both under several assignments of the parameters. */
static void
compare(struct bench *b, uint32_t original, uint32_t simpler, uint32_t round)
{
	for (uint32_t trial = 0; trial < TRIALS; trial++) {
		uint64_t expected, actual;

		for (uint32_t i = 0; i < PARAMS; i++)
			bound[i] = number(b);
		if (!evaluate(b, original, 0, &expected))
			continue; /* it would trap */
		if (!evaluate(b, simpler, 0, &actual) || actual != expected)
			fail_msg("seed %" PRIu64 " round %u: %s became %s: %#" PRIx64
				 " instead of %#" PRIx64,
				 seed, round, ir_op_info(b->fn.insts[original].op)->text,
				 ir_op_info(b->fn.insts[simpler].op)->text, actual, expected);
		if (ir_known_zeros(&b->fn, original) & expected)
			fail_msg("seed %" PRIu64 " round %u: known zeros %#" PRIx64 " of %#" PRIx64,
				 seed, round, ir_known_zeros(&b->fn, original), expected);
	}
}

static void
test_simplify(void **state)
{
	struct bench b = { .random = seed * 0x9e3779b97f4a7c15 + 1 };

	(void)state;
	for (uint32_t round = 0; round < rounds; round++) {
		start(&b, params, PARAMS);
		for (uint32_t i = 0; i < 12; i++) {
			struct ir_inst proto = any_operation(&b);
			uint32_t original = add_inst(&b, &proto);
			uint32_t simpler = ir_simplify(&b.fn, &proto);

			if (simpler == IR_NONE)
				simpler = add_inst(&b, &proto);
			compare(&b, original, simpler, round);
		}
		finish(&b);
	}
}

/* The pass on constants leaves the quotient as a constant. */
static uint64_t
divide(struct bench *b, enum ir_op op, enum ir_type type, uint64_t x, uint64_t d)
{
	struct arena scratch;
	struct pass_context context = { &scratch, NULL };
	uint32_t division = ir_new_inst(&b->fn, op, type);
	uint32_t ret = ir_new_inst(&b->fn, IR_RETURN, IR_VOID);
	uint32_t list = ir_new_list(&b->fn, 1);
	uint32_t result;
	uint64_t value = 0;

	b->fn.insts[division].args[0] = ir_const(&b->fn, type, x);
	b->fn.insts[division].args[1] = ir_const(&b->fn, type, d);
	b->fn.lists[list] = division;
	b->fn.insts[ret].args[1] = list;
	b->fn.insts[ret].args[2] = 1;
	ir_append(&b->fn, 0, division);
	ir_append(&b->fn, 0, ret);
	arena_init(&scratch, &b->host.source, 1 << 20);
	assert_int_equal(pass_strength(&b->fn, &context), NB_OK);
	arena_reset(&scratch);
	result = b->fn.lists[list];
	assert_true(evaluate(b, result, 0, &value));
	return value;
}

static void
test_division(void **state)
{
	static const enum ir_op ops[] = { IR_DIV_S, IR_DIV_U, IR_REM_S, IR_REM_U };
	struct bench b = { .random = seed * 0x9e3779b97f4a7c15 + 2 };

	(void)state;
	for (uint32_t round = 0; round < rounds; round++) {
		enum ir_op op = ops[below(&b, 4)];
		enum ir_type type = below(&b, 2) ? IR_I32 : IR_I64;
		uint64_t args[3] = { number(&b), number(&b), 0 };
		uint64_t expected, actual;

		if (below(&b, 2))
			args[0] = args[1] * number(&b) + below(&b, 3) - 1;
		if (type == IR_I32) {
			args[0] = (uint32_t)args[0];
			args[1] = (uint32_t)args[1];
		}
		if (!ir_evaluate(op, type, type, args, &expected))
			continue;
		start(&b, params, PARAMS);
		actual = divide(&b, op, type, args[0], args[1]);
		if (actual != expected)
			fail_msg("seed %" PRIu64 ": %s %s of %#" PRIx64 " by %#" PRIx64
				 " gives %#" PRIx64 " instead of %#" PRIx64,
				 seed, ir_type_text(type), ir_op_info(op)->text, args[0], args[1],
				 actual, expected);
		finish(&b);
	}
}

/* Floats fold only where every engine must agree. */
static void
test_floats(void **state)
{
	uint64_t out;

	(void)state;
#define F32(op, a, b) ir_evaluate(op, IR_F32, IR_F32, (uint64_t[3]){ a, b, 0 }, &out)
	assert_true(F32(IR_FADD, 0x3f800000, 0x40000000));
	assert_int_equal(out, 0x40400000);
	assert_true(F32(IR_FMUL, 0x7f7fffff, 0x40000000));
	assert_int_equal(out, 0x7f800000);
	assert_true(F32(IR_FDIV, 0x00000001, 0x40000000)); /* ties to even */
	assert_int_equal(out, 0);
	assert_false(F32(IR_FDIV, 0, 0));
	assert_false(F32(IR_FSUB, 0x7f800000, 0x7f800000));
	assert_false(F32(IR_FADD, 0x7fa00000, 0x3f800000));
	assert_true(F32(IR_FNEG, 0x7fa00001, 0));
	assert_int_equal(out, 0xffa00001);
	assert_true(F32(IR_FCOPYSIGN, 0x7fa00001, 0x80000000));
	assert_int_equal(out, 0xffa00001);
#undef F32
	/* 2^24 + 1 and 2^53 + 1 round to even; through double it would be twice. */
	assert_true(ir_evaluate(IR_CONVERT_U, IR_F32, IR_I64,
				(uint64_t[3]){ UINT64_C(0x4000004000000001) }, &out));
	assert_int_equal(out, 0x5e800001);
	assert_true(ir_evaluate(IR_CONVERT_S, IR_F32, IR_I32, (uint64_t[3]){ (uint32_t)-16777217 },
				&out));
	assert_int_equal(out, 0xcb800000);
	assert_false(ir_evaluate(IR_TRUNC_S, IR_I32, IR_F32, (uint64_t[3]){ 0x7fc00000 }, &out));
	assert_false(ir_evaluate(IR_TRUNC_S, IR_I32, IR_F32, (uint64_t[3]){ 0x4f000000 }, &out));
	assert_true(ir_evaluate(IR_TRUNC_S, IR_I32, IR_F32, (uint64_t[3]){ 0xc0300000 }, &out));
	assert_int_equal(out, (uint32_t)-2);
	assert_false(ir_evaluate(IR_TRUNC_U, IR_I32, IR_F32, (uint64_t[3]){ 0xc0300000 }, &out));
}

/* Division that traps is never evaluated away. */
static void
test_traps(void **state)
{
	struct bench b = { .random = 1 };
	uint64_t out;

	(void)state;
	assert_false(ir_evaluate(IR_DIV_U, IR_I32, IR_I32, (uint64_t[3]){ 1, 0 }, &out));
	assert_false(ir_evaluate(IR_REM_S, IR_I64, IR_I64, (uint64_t[3]){ 1, 0 }, &out));
	assert_false(ir_evaluate(IR_DIV_S, IR_I32, IR_I32, (uint64_t[3]){ 0x80000000, 0xffffffff },
				 &out));
	assert_true(ir_evaluate(IR_REM_S, IR_I32, IR_I32, (uint64_t[3]){ 0x80000000, 0xffffffff },
				&out));
	assert_int_equal(out, 0);
	start(&b, params, PARAMS);
	for (uint32_t op = IR_DIV_S; op <= IR_REM_U; op++) {
		struct ir_inst proto = { .op = (uint8_t)op, .type = IR_I32 };

		proto.args[0] = ir_const(&b.fn, IR_I32, 0);
		proto.args[1] = 1; /* the first parameter */
		proto.args[2] = IR_NONE;
		assert_int_equal(ir_simplify(&b.fn, &proto), IR_NONE);
		assert_false(proto.flags & IR_NO_TRAP);
		proto.args[0] = 1;
		proto.args[1] = ir_const(&b.fn, IR_I32, 0);
		assert_int_equal(ir_simplify(&b.fn, &proto), IR_NONE);
		assert_false(proto.flags & IR_NO_TRAP);
	}
	finish(&b);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simplify),
		cmocka_unit_test(test_division),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_traps),
	};

	take_arguments(argc, argv, 20000);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
