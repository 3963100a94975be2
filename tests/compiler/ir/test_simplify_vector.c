/*
 * Properties of simplification of vector operations: on random operations over
 * random small expressions the simpler one has the same value as the original
 * one, for every assignment tried; masks are masks; shuffles are canonical.
 * And evaluation on numbers at which the meanings have borders.
 *
 * usage: test_simplify_vector [SEED [ROUNDS]]
 */
#include "tests/compiler/ir/simplify_bench.h"

enum { VECTORS = 3, PARAMS = 5, TRIALS = 6, MAX_DEPTH = 24 };

static const enum ir_type params[PARAMS] = { IR_V128, IR_V128, IR_V128, IR_I32, IR_I64 };
static struct ir_v128 bound[PARAMS]; /* values of the parameters */

/* Lanes at borders; often the same in all. */
static struct ir_v128
vector(struct bench *b)
{
	static const uint64_t numbers[] = { 0,		1,	    2,		0x7f,
					    0x80,	0xff,	    0x7fff,	0x8000,
					    0x7fffffff, 0x80000000, UINT32_MAX, UINT64_MAX };
	uint32_t shape = below(b, IR_SHAPE_I64X2 + 1);
	bool is_splat = below(b, 2);
	struct ir_v128 out = ir_vector_splat(shape, numbers[below(b, 12)] + below(b, 2));

	for (uint32_t i = 0; i < 16u >> ir_shape_width(shape) && !is_splat; i++)
		ir_vector_set_lane(&out, shape, i,
				   below(b, 2) ? random_next(&b->random) : numbers[below(b, 12)]);
	return out;
}

static uint64_t
number(struct bench *b)
{
	return below(b, 2) ? below(b, 70) : random_next(&b->random) >> below(b, 64);
}

static struct ir_v128
scalar(uint64_t bits)
{
	struct ir_v128 out = { { 0 } };

	memcpy(out.bytes, &bits, sizeof(bits));
	return out;
}

/* The value under the parameters' values; false if it has none. */
static bool
evaluate(const struct bench *b, uint32_t value, uint32_t depth, struct ir_v128 *out)
{
	const struct ir_inst *inst = &b->fn.insts[value];
	const uint8_t *pattern = inst->op == IR_SHUFFLE ? ir_shuffle_pattern(&b->fn, inst) : NULL;
	struct ir_v128 args[3] = { 0 };
	uint64_t scalars[3], result;

	if (depth > MAX_DEPTH)
		return false;
	if (inst->op == IR_CONST) {
		*out = inst->type == IR_V128 ? *ir_const_vector(&b->fn, inst) : scalar(inst->imm);
		return true;
	}
	if (inst->op == IR_PARAM) {
		*out = bound[inst->imm];
		return true;
	}
	for (uint32_t i = 0; i < ir_op_info(inst->op)->arg_count; i++)
		if (!evaluate(b, inst->args[i], depth + 1, &args[i]))
			return false;
	if (inst->op >= IR_VECTOR1 && inst->op <= IR_SHUFFLE)
		return ir_evaluate_vector(inst, pattern, args, out);
	for (uint32_t i = 0; i < 3; i++)
		memcpy(&scalars[i], args[i].bytes, sizeof(scalars[i]));
	if (!ir_evaluate(inst->op, inst->type, b->fn.insts[inst->args[0]].type, scalars, &result))
		return false;
	*out = scalar(result);
	return true;
}

static uint32_t
any_const(struct bench *b, enum ir_type type)
{
	struct ir_v128 bits = vector(b);

	return type == IR_V128 ? ir_const_v128(&b->fn, &bits) : ir_const(&b->fn, type, number(b));
}

/* A random existing value of a type; or a constant. */
static uint32_t
any_value(struct bench *b, enum ir_type type)
{
	for (uint32_t i = 0; i < 10 && below(b, 4); i++) {
		uint32_t value = 1 + below(b, b->fn.inst_count - 1);

		if (b->fn.insts[value].type == type)
			return value;
	}
	return any_const(b, type);
}

static uint64_t
any_pattern(struct bench *b)
{
	struct ir_v128 p;
	uint32_t limit = below(b, 3) ? 32 : 16;
	uint32_t shape = below(b, IR_SHAPE_I64X2 + 1);
	uint32_t bytes = 1u << ir_shape_width(shape);

	for (uint32_t i = 0; i < 16; i += bytes) {
		uint32_t from = below(b, 3) ? below(b, limit) / bytes * bytes : i;

		for (uint32_t k = 0; k < bytes; k++)
			p.bytes[i + k] = (uint8_t)(from + k);
	}
	return b->fn.insts[ir_const_v128(&b->fn, &p)].imm;
}

/* A random vector operation on existing values that the evaluator knows. */
static struct ir_inst
any_operation(struct bench *b)
{
	struct ir_inst inst = { .type = IR_V128, .args = { IR_NONE, IR_NONE, IR_NONE } };
	enum ir_vector op = (enum ir_vector)(1 + below(b, IR_VECTOR_COUNT - 1));
	const struct ir_vector_info *info = &ir_vector_infos[op];
	enum ir_type type = ir_shape_scalar(info->shape);

	inst.op = info->op;
	inst.imm = op;
	if (below(b, 5) == 0) {
		inst.op = IR_SHUFFLE;
		inst.imm = any_pattern(b);
	} else if (info->op == IR_EXTRACT || info->op == IR_REPLACE) {
		inst.imm |= (uint64_t)below(b, 16u >> ir_shape_width(info->shape)) << 16;
	}
	if (inst.op == IR_EXTRACT)
		inst.type = (uint8_t)type;
	else if (inst.op == IR_VTEST)
		inst.type = IR_I32;
	for (uint32_t i = 0; i < ir_op_info(inst.op)->arg_count; i++) {
		char rule = ir_op_info(inst.op)->arguments[i];

		inst.args[i] = any_value(b, rule == 'x' ? IR_V128 : rule == 'i' ? IR_I32 : type);
	}
	if (inst.op == IR_SHUFFLE && below(b, 4) == 0)
		inst.args[1] = ir_zero(&b->fn, IR_V128);
	return inst;
}

static void
check_mask(const struct bench *b, uint32_t value, const struct ir_v128 *bits, uint32_t round)
{
	for (uint32_t shape = 0; shape <= IR_SHAPE_I64X2; shape++) {
		uint64_t ones = UINT64_MAX >> (64 - (8u << ir_shape_width(shape)));

		if (!ir_is_lane_mask(&b->fn, value, shape))
			continue;
		for (uint32_t i = 0; i < 16u >> ir_shape_width(shape); i++) {
			uint64_t lane = ir_vector_get_lane(bits, shape, i);

			if (lane != 0 && lane != ones)
				fail_msg("seed %" PRIu64 " round %u: %s is no mask", seed, round,
					 ir_inst_text(&b->fn.insts[value]));
		}
	}
}

/* Compares both under several assignments of the parameters. */
static void
compare(struct bench *b, uint32_t original, uint32_t simpler, uint32_t round)
{
	for (uint32_t trial = 0; trial < TRIALS; trial++) {
		struct ir_v128 expected, actual;
		uint64_t bits;

		for (uint32_t i = 0; i < PARAMS; i++)
			bound[i] = i < VECTORS	  ? vector(b)
				   : i == VECTORS ? scalar((uint32_t)number(b))
						  : scalar(number(b));
		if (!evaluate(b, original, 0, &expected))
			continue; /* floats */
		if (!evaluate(b, simpler, 0, &actual) ||
		    memcmp(&actual, &expected, sizeof(actual)) != 0)
			fail_msg("seed %" PRIu64 " round %u: %s became %s", seed, round,
				 ir_inst_text(&b->fn.insts[original]),
				 ir_inst_text(&b->fn.insts[simpler]));
		memcpy(&bits, expected.bytes, sizeof(bits));
		if (b->fn.insts[original].type == IR_V128)
			check_mask(b, original, &expected, round);
		else
			assert_int_equal(ir_known_zeros(&b->fn, original) & bits, 0);
	}
}

static void
check_canonical(const struct bench *b, uint32_t value)
{
	const struct ir_inst *inst = &b->fn.insts[value];
	const struct ir_inst *second;
	const uint8_t *p;

	if (inst->op != IR_SHUFFLE)
		return;
	p = ir_shuffle_pattern(&b->fn, inst);
	second = &b->fn.insts[inst->args[1]];
	assert_false(b->fn.insts[inst->args[0]].op == IR_CONST);
	for (uint32_t i = 0; i < 16 && inst->args[0] == inst->args[1]; i++)
		assert_true(p[i] < 16);
	if (inst->args[0] != inst->args[1] && second->op != IR_CONST)
		assert_true(p[0] < 16);
}

static void
test_simplify(void **state)
{
	struct bench b = { .random = seed * 0x9e3779b97f4a7c15 + 1 };

	(void)state;
	for (uint32_t round = 0; round < rounds; round++) {
		start(&b, params, PARAMS);
		for (uint32_t i = 0; i < 16; i++) {
			struct ir_inst proto = any_operation(&b);
			uint32_t original = add_inst(&b, &proto);
			uint32_t simpler = ir_simplify(&b.fn, &proto);

			if (simpler == IR_NONE) {
				simpler = add_inst(&b, &proto);
				check_canonical(&b, simpler);
			}
			compare(&b, original, simpler, round);
		}
		finish(&b);
	}
}

/* v op w in all lanes of the shape gives `expected` in all lanes. */
static void
expect(enum ir_vector op, uint64_t v, uint64_t w, uint64_t expected)
{
	struct ir_inst inst = { .op = ir_vector_infos[op].op, .imm = op };
	uint32_t whole = ir_vector_infos[op].shape;
	uint32_t shape = whole == IR_SHAPE_V128 ? IR_SHAPE_I64X2 : whole;
	struct ir_v128 args[3] = { ir_vector_splat(shape, v), ir_vector_splat(shape, w) };
	struct ir_v128 wanted = ir_vector_splat(shape, expected);
	struct ir_v128 out;

	if (inst.op == IR_VSHIFT)
		args[1] = scalar(w);
	assert_true(ir_evaluate_vector(&inst, NULL, args, &out));
	assert_memory_equal(&out, &wanted, sizeof(out));
}

static void
test_borders(void **state)
{
	(void)state;
	expect(IR_I8X16_ADD, 0xff, 2, 1);
	expect(IR_I8X16_ADD_SAT_S, 0x7f, 1, 0x7f);
	expect(IR_I8X16_ADD_SAT_S, 0x80, 0xff, 0x80);
	expect(IR_I8X16_ADD_SAT_U, 0xff, 1, 0xff);
	expect(IR_I16X8_SUB_SAT_S, 0x8000, 1, 0x8000);
	expect(IR_I16X8_SUB_SAT_U, 1, 2, 0);
	expect(IR_I8X16_AVGR_U, 0xff, 0xfe, 0xff);
	expect(IR_I16X8_ABS, 0x8000, 0, 0x8000);
	expect(IR_I32X4_MIN_U, 0x80000000, 1, 1);
	expect(IR_I32X4_MIN_S, 0x80000000, 1, 0x80000000);
	expect(IR_I64X2_GT_S, 0, UINT64_MAX, UINT64_MAX);
	expect(IR_I16X8_MUL_HIGH_S, 0x8000, 0x8000, 0x4000);
	expect(IR_I16X8_MUL_HIGH_U, 0xffff, 0xffff, 0xfffe);
	expect(IR_I16X8_MUL_ROUND_S, 0x8000, 0x8000, 0x8000);
	expect(IR_I16X8_MUL_ROUND_S, 0x4000, 0x4000, 0x2000);
	expect(IR_I64X2_MUL_EVEN_S, 0x1ffffffff, 5, (uint64_t)-5);
	expect(IR_I64X2_MUL_EVEN_U, 0x1ffffffff, 5, UINT64_C(0x4fffffffb));
	expect(IR_I32X4_DOT_I16X8_S, 0x80008000, 0x80008000, 0x80000000);
	expect(IR_I16X8_DOT_I8X16_US, 0xffff, 0x8080, 0x8000);
	expect(IR_I16X8_SHL, 1, 15, 0x8000);
	expect(IR_I16X8_SHL, 1, 16, 0);
	expect(IR_I32X4_SHR_U, 0x80000000, 31, 1);
	expect(IR_I32X4_SHR_S, 0x80000000, UINT32_MAX, UINT32_MAX);
	expect(IR_I64X2_SHR_U, UINT64_MAX, 64, 0);
	expect(IR_I8X16_NARROW_S, 0x7f, 0x7f, 0x7f); /* lanes 0x7f7f */
	expect(IR_I8X16_NARROW_U, 0x80, 0x80, 0);
	expect(IR_I16X8_NARROW_U, 0x0001, 0x0001, 0xffff);
	expect(IR_I8X16_SWIZZLE, 7, 0x80, 0);
	expect(IR_I8X16_SWIZZLE, 7, 0x70, 7);
	expect(IR_V128_ANDNOT, 0xff, 0x0f, 0xf0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simplify),
		cmocka_unit_test(test_borders),
	};

	take_arguments(argc, argv, 4000);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
