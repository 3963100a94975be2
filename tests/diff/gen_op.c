/*
 * Operators, constants, idioms and single accesses of generated programs.
 */
#include "tests/diff/gen.h"

static const uint32_t integers_32[] = {
	0,	1,	2,	    3,		4,	    5,		7,	    8,
	10,	15,	16,	    24,		31,	    32,		33,	    63,
	64,	100,	127,	    128,	255,	    256,	1000,	    0x7fff,
	0x8000, 0xffff, 0x10000,    0x7fffffff, 0x80000000, 0x80000001, 0xffffff80, 0xffff8000,
	0xfffe, 0x1fff, 0xfffffff0, 0xfffffffe, 0xffffffff, 0x55555555, 0xaaaaaaaa, 0x00ff00ff,
};
static const uint64_t integers_64[] = {
	0x7fffffffffffffff, 0x8000000000000000, 0x100000000,	    0xffffffff00000000,
	0xffffffff80000000, 0xffffffff7fffffff, 0x0123456789abcdef, 0xfffffffffffffffe,
	0xffffffffffffffff, 0x00000000ffffffff, 0x8000000000000001, 0x80000000000,
};
static const double floats[] = {
	0.0,	      -0.0,
	1.0,	      -1.0,
	0.5,	      -0.5,
	1.5,	      2.5,
	-2.5,	      0.1,
	3.14159,      1e10,
	-1e10,	      1e-10,
	2147483647.,  2147483648.,
	-2147483648., -2147483649.,
	4294967295.,  4294967296.,
	1e30,	      -1e30,
	-0.9,	      0.9,
	4294967295.9, -2147483648.9,
	16777217.,    1e-40,
	1e-310,	      3.4e38,
	1e308,	      127.0,
	255.0,	      9007199254740993.,
	0x1p63,	      -0x1p63,
	0x1p64,	      0x1.fffffep23,
	0x1p-149,     0x1p-1074,
};

uint64_t
gen_constant_bits(struct gen *g, uint8_t type)
{
	double value = floats[gen_below(g, sizeof(floats) / sizeof(floats[0]))];
	uint32_t kind = gen_below(g, 10);
	float narrow;
	uint64_t bits;

	if (type == T_I32 || (type == T_I64 && kind < 4))
		bits = kind < 8 ? integers_32[gen_below(g, sizeof(integers_32) / 4)] : gen_bits(g);
	else
		bits = kind < 7 ? integers_64[gen_below(g, sizeof(integers_64) / 8)] : gen_bits(g);
	if (type == T_I32)
		return (uint32_t)bits;
	if (type == T_I64)
		return bits;
	if (kind == 0)
		value = (double)(int64_t)gen_bits(g) / 0x1p40;
	if (kind == 1)
		value = (double)(int32_t)gen_below(g, 2000) - 1000;
	narrow = value > 3.4e38 || value < -3.4e38 ? (float)__builtin_inf() : (float)value;
	if (kind == 2 && type == T_F32)
		return gen_pick(g, 0x7f800000, 0xff800000, 0x7fc00000, 0x00800000, 0x007fffff);
	if (kind == 2)
		return (uint64_t)gen_pick(g, 0x7ff00000, 0xfff00000, 0x7ff80000, 0x00100000) << 32;
	bits = 0;
	if (type == T_F32)
		memcpy(&bits, &narrow, 4);
	else
		memcpy(&bits, &value, 8);
	return bits;
}

void
gen_put_signed(struct buffer *out, int64_t value)
{
	for (;;) {
		uint8_t byte = (uint8_t)(value & 0x7f);

		value >>= 7;
		if ((value == 0 && !(byte & 0x40)) || (value == -1 && (byte & 0x40))) {
			put(out, byte);
			return;
		}
		put(out, (uint8_t)(byte | 0x80));
	}
}

void
gen_put_const(struct buffer *out, uint8_t type, uint64_t bits)
{
	switch (type) {
	case T_I32:
		put(out, 0x41);
		gen_put_signed(out, (int32_t)(uint32_t)bits);
		break;
	case T_I64:
		put(out, 0x42);
		gen_put_signed(out, (int64_t)bits);
		break;
	case T_F32:
		put(out, 0x43);
		put_bytes(out, &bits, 4);
		break;
	case T_F64:
		put(out, 0x44);
		put_bytes(out, &bits, 8);
		break;
	case T_V128:
		put(out, 0xfd, 0x0c);
		put_bytes(out, &bits, 8);
		put_bytes(out, &bits, 8);
		break;
	default:
		put(out, 0xd0, type);
		break;
	}
}

void
gen_constant(struct gen_func *f, uint8_t type)
{
	if (type == T_FUNC && gen_below(f->g, 3) > 0 && f->g->func_count > 0) {
		put(&f->body, 0xd2);
		put_u32(&f->body, gen_below(f->g, f->g->func_count));
		return;
	}
	if (type == T_V128) {
		gen_vector_constant(f);
		return;
	}
	gen_put_const(&f->body, type, type >= T_F64 ? gen_constant_bits(f->g, type) : 0);
}

/* ---- operators ---- */

/* Groups of operators by result: opcodes first..last (behind 0xfc if prefixed)
 * with operands a and b (0: unary). Operands that must be canonical are
 * marked. `weight` is how often. */
struct group {
	uint8_t result, first, last, a, b;
	uint8_t weight;
	bool is_prefixed;
	bool a_visible, b_visible;
	bool divides, truncates;
};

static const struct group groups[] = {
	{ T_I32, 0x6a, 0x6c, T_I32, T_I32, .weight = 12 },
	{ T_I32, 0x6d, 0x70, T_I32, T_I32, .weight = 3, .divides = true },
	{ T_I32, 0x71, 0x73, T_I32, T_I32, .weight = 9 },
	{ T_I32, 0x74, 0x78, T_I32, T_I32, .weight = 8 },
	{ T_I32, 0x67, 0x69, T_I32, 0, .weight = 2 },
	{ T_I32, 0xc0, 0xc1, T_I32, 0, .weight = 3 },
	{ T_I32, 0x46, 0x4f, T_I32, T_I32, .weight = 5 },
	{ T_I32, 0x51, 0x5a, T_I64, T_I64, .weight = 4 },
	{ T_I32, 0x5b, 0x60, T_F32, T_F32, .weight = 2 },
	{ T_I32, 0x61, 0x66, T_F64, T_F64, .weight = 2 },
	{ T_I32, 0x45, 0x45, T_I32, 0, .weight = 2 },
	{ T_I32, 0x50, 0x50, T_I64, 0, .weight = 1 },
	{ T_I32, 0xa7, 0xa7, T_I64, 0, .weight = 4 },
	{ T_I32, 0xa8, 0xa9, T_F32, 0, .weight = 1, .truncates = true },
	{ T_I32, 0xaa, 0xab, T_F64, 0, .weight = 1, .truncates = true },
	{ T_I32, 0x00, 0x01, T_F32, 0, .weight = 1, .is_prefixed = true },
	{ T_I32, 0x02, 0x03, T_F64, 0, .weight = 1, .is_prefixed = true },
	{ T_I32, 0xbc, 0xbc, T_F32, 0, .weight = 1, .a_visible = true },
	{ T_I64, 0x7c, 0x7e, T_I64, T_I64, .weight = 12 },
	{ T_I64, 0x7f, 0x82, T_I64, T_I64, .weight = 3, .divides = true },
	{ T_I64, 0x83, 0x85, T_I64, T_I64, .weight = 9 },
	{ T_I64, 0x86, 0x8a, T_I64, T_I64, .weight = 8 },
	{ T_I64, 0x79, 0x7b, T_I64, 0, .weight = 2 },
	{ T_I64, 0xc2, 0xc4, T_I64, 0, .weight = 4 },
	{ T_I64, 0xac, 0xad, T_I32, 0, .weight = 7 },
	{ T_I64, 0xae, 0xaf, T_F32, 0, .weight = 1, .truncates = true },
	{ T_I64, 0xb0, 0xb1, T_F64, 0, .weight = 1, .truncates = true },
	{ T_I64, 0x04, 0x05, T_F32, 0, .weight = 1, .is_prefixed = true },
	{ T_I64, 0x06, 0x07, T_F64, 0, .weight = 1, .is_prefixed = true },
	{ T_I64, 0xbd, 0xbd, T_F64, 0, .weight = 1, .a_visible = true },
	{ T_F32, 0x8b, 0x91, T_F32, 0, .weight = 5 },
	{ T_F32, 0x92, 0x97, T_F32, T_F32, .weight = 12 },
	{ T_F32, 0x98, 0x98, T_F32, T_F32, .weight = 1, .b_visible = true },
	{ T_F32, 0xb2, 0xb3, T_I32, 0, .weight = 2 },
	{ T_F32, 0xb4, 0xb5, T_I64, 0, .weight = 2 },
	{ T_F32, 0xb6, 0xb6, T_F64, 0, .weight = 2 },
	{ T_F32, 0xbe, 0xbe, T_I32, 0, .weight = 1 },
	{ T_F64, 0x99, 0x9f, T_F64, 0, .weight = 5 },
	{ T_F64, 0xa0, 0xa5, T_F64, T_F64, .weight = 12 },
	{ T_F64, 0xa6, 0xa6, T_F64, T_F64, .weight = 1, .b_visible = true },
	{ T_F64, 0xb7, 0xb8, T_I32, 0, .weight = 2 },
	{ T_F64, 0xb9, 0xba, T_I64, 0, .weight = 2 },
	{ T_F64, 0xbb, 0xbb, T_F32, 0, .weight = 2 },
	{ T_F64, 0xbf, 0xbf, T_I64, 0, .weight = 1 },
};

static const struct group *
pick_group(struct gen *g, uint8_t type)
{
	enum { COUNT = sizeof(groups) / sizeof(groups[0]) };
	uint32_t weights[COUNT];

	for (uint32_t i = 0; i < COUNT; i++) {
		const struct group *group = &groups[i];
		bool is_used = group->result == type && gen_has_type(g, group->a) &&
			       (group->b == 0 || gen_has_type(g, group->b));
		weights[i] = is_used ? group->weight : 0;
	}
	return &groups[gen_weighted(g, weights, COUNT)];
}

static void
operand(struct gen_func *f, uint8_t type, bool is_visible, int depth)
{
	if (is_visible)
		gen_visible(f, type, depth);
	else
		gen_expression(f, type, depth);
}

/* A divisor that is rarely zero. */
static void
divisor(struct gen_func *f, uint8_t type, int depth, bool is_constant)
{
	struct gen *g = f->g;

	if (is_constant) {
		uint64_t bits = gen_constant_bits(g, type);

		if (gen_chance(g, 500))
			bits = gen_bits(g) >> gen_below(g, 64);

		gen_put_const(&f->body, type, bits ? bits : 3);
		return;
	}
	gen_expression(f, type, depth);
	if (gen_chance(g, g->wild))
		return;
	gen_put_const(&f->body, type, 1);
	put(&f->body, type == T_I32 ? 0x72 : 0x84);
}

/* Bounds the float on the stack to what every truncation accepts. */
static void
bound_float(struct gen_func *f, uint8_t type)
{
	const bool is_f32 = type == T_F32;

	gen_put_const(&f->body, type, is_f32 ? 0x40e00000 : 0x401c000000000000); /* 7 */
	put(&f->body, is_f32 ? 0x97 : 0xa5);
	put(&f->body, is_f32 ? 0x8b : 0x99); /* abs: NaN stays, and traps */
}

static void
put_operator(struct gen_func *f, const struct group *group)
{
	uint32_t span = (uint32_t)(group->last - group->first) + 1;
	uint8_t opcode = (uint8_t)(group->first + gen_below(f->g, span));

	if (group->is_prefixed)
		put(&f->body, 0xfc, opcode);
	else
		put(&f->body, opcode);
}

void
gen_operator(struct gen_func *f, uint8_t type, int depth, bool with_constant)
{
	struct gen *g = f->g;
	const struct group *group;

	if (type == T_V128) {
		gen_vector_operator(f, depth, with_constant);
		return;
	}
	if (gen_has_type(g, T_V128) && gen_chance(g, 150)) {
		gen_from_vector(f, type, depth);
		return;
	}
	group = pick_group(g, type);
	if (with_constant && group->b && gen_chance(g, 150)) {
		gen_constant(f, group->a);
		operand(f, group->b, group->b_visible, depth);
		put_operator(f, group);
		return;
	}
	operand(f, group->a, group->a_visible, depth);
	if (group->truncates && !gen_chance(g, g->wild))
		bound_float(f, group->a);
	if (group->divides)
		divisor(f, group->b, depth, with_constant);
	else if (group->b && with_constant && !group->b_visible)
		gen_constant(f, group->b);
	else if (group->b)
		operand(f, group->b, group->b_visible, depth);
	put_operator(f, group);
}

/* ---- idioms ---- */

/* The opcode of i32 or i64 for what i32 calls `opcode` (0x6a..0x78). */
static uint8_t
of_type(uint8_t type, uint8_t opcode)
{
	return (uint8_t)(type == T_I32 ? opcode : opcode + 0x12);
}

static void
put_binary(struct gen_func *f, uint8_t type, uint8_t opcode, uint64_t constant)
{
	gen_put_const(&f->body, type, constant);
	put(&f->body, of_type(type, opcode));
}

/* Puts an expression into a fresh local, so that it can be used twice. */
static uint32_t
held(struct gen_func *f, uint8_t type, int depth)
{
	uint32_t local;

	gen_expression(f, type, depth);
	if (!gen_local_pick(f, type, &local) || gen_chance(f->g, 300))
		local = gen_local_new(f, type);
	gen_local_op(f, 0x21, local);
	return local;
}

static void
rotate(struct gen_func *f, uint8_t type, int depth)
{
	uint32_t width = type == T_I32 ? 32 : 64;
	uint32_t by = gen_below(f->g, width + 1);
	uint32_t local = held(f, type, depth);
	bool is_left = gen_chance(f->g, 500);

	gen_local_op(f, 0x20, local);
	put_binary(f, type, is_left ? 0x74 : 0x76, by);
	gen_local_op(f, 0x20, local);
	put_binary(f, type, is_left ? 0x76 : 0x74, width - by);
	put(&f->body, of_type(type, (uint8_t)gen_pick(f->g, 0x72, 0x73, 0x6a)));
}

/* x & (x - 1), x & -x, x ^ (x - 1), ~x & y. */
static void
lowest_bit(struct gen_func *f, uint8_t type, int depth)
{
	uint32_t local = held(f, type, depth);

	switch (gen_below(f->g, 4)) {
	case 0:
	case 1:
		gen_local_op(f, 0x20, local);
		put_binary(f, type, 0x6b, 1);
		gen_local_op(f, 0x20, local);
		break;
	case 2:
		gen_put_const(&f->body, type, 0);
		gen_local_op(f, 0x20, local);
		put(&f->body, of_type(type, 0x6b));
		gen_local_op(f, 0x20, local);
		break;
	default:
		gen_local_op(f, 0x20, local);
		put_binary(f, type, 0x73, UINT64_MAX);
		gen_expression(f, type, depth);
		break;
	}
	put(&f->body, of_type(type, (uint8_t)gen_pick(f->g, 0x71, 0x71, 0x73)));
}

/* Shifts one way and back, masks, extensions of parts. */
static void
extract(struct gen_func *f, uint8_t type, int depth)
{
	uint32_t by = gen_pick(f->g, 8, 16, 24, 31, 1, 32, 48, 56);

	gen_expression(f, type, depth);
	switch (gen_below(f->g, 3)) {
	case 0:
		put_binary(f, type, 0x74, by);
		put_binary(f, type, (uint8_t)gen_pick(f->g, 0x75, 0x76), by);
		break;
	case 1:
		put_binary(f, type, 0x76, by);
		put_binary(f, type, 0x71, gen_pick(f->g, 0xff, 0xffff, 0x7f, 1, 0xffffffff));
		break;
	default:
		put_binary(f, type, 0x71, gen_pick(f->g, 0xff, 0xffff, 0xffffffff, 0xff00));
		put_binary(f, type, 0x74, by);
		break;
	}
}

/* x / d or x % d, x next to a multiple of d. */
static void
near_multiple(struct gen_func *f, uint8_t type, int depth)
{
	uint64_t d = gen_bits(f->g) >> gen_below(f->g, 64);

	d = type == T_I32 ? (uint32_t)d : d;
	d = d ? d : 7;
	gen_expression(f, type, depth);
	put_binary(f, type, 0x6c, d);
	put_binary(f, type, 0x6a, (uint64_t)gen_below(f->g, 3) - 1);
	put_binary(f, type, (uint8_t)(0x6d + gen_below(f->g, 4)), d);
}

/* base + index * scale + displacement */
static void
scaled_sum(struct gen_func *f, uint8_t type, int depth)
{
	gen_expression(f, type, depth);
	gen_expression(f, type, depth);
	if (gen_chance(f->g, 500))
		put_binary(f, type, 0x74, gen_below(f->g, 5));
	else
		put_binary(f, type, 0x6c, gen_pick(f->g, 2, 3, 4, 5, 8, 9, 10, 12, 0xffffffff));
	put(&f->body, of_type(type, (uint8_t)gen_pick(f->g, 0x6a, 0x6a, 0x6b)));
	if (gen_chance(f->g, 600))
		put_binary(f, type, 0x6a, gen_constant_bits(f->g, type));
}

/* High halves and mixed widths. */
static void
mixed_width(struct gen_func *f, uint8_t type, int depth)
{
	uint8_t extend = (uint8_t)gen_pick(f->g, 0xac, 0xad);

	gen_expression(f, T_I32, depth);
	put(&f->body, extend);
	gen_expression(f, T_I32, depth);
	put(&f->body, gen_chance(f->g, 700) ? extend : 0xad);
	put(&f->body, (uint8_t)gen_pick(f->g, 0x7e, 0x7e, 0x7c, 0x7d));
	if (gen_chance(f->g, 700))
		put_binary(f, T_I64, (uint8_t)gen_pick(f->g, 0x76, 0x75),
			   gen_pick(f->g, 32, 32, 31, 33, 40, 1));
	if (type == T_I32)
		put(&f->body, 0xa7);
}

/* Conditions of conditions. */
static void
condition(struct gen_func *f, int depth)
{
	gen_operator(f, T_I32, depth, gen_chance(f->g, 500));
	switch (gen_below(f->g, 4)) {
	case 0:
		put(&f->body, 0x45, 0x45);
		break;
	case 1:
		put_binary(f, T_I32, 0x71, gen_pick(f->g, 1, 1, 2, 0x80000000));
		put(&f->body, 0x45);
		break;
	case 2:
		gen_put_const(&f->body, T_I32, gen_pick(f->g, 0, 1, 0xffffffff));
		put(&f->body, (uint8_t)(0x46 + gen_below(f->g, 10)));
		break;
	default:
		gen_expression(f, T_I32, depth);
		put(&f->body, (uint8_t)gen_pick(f->g, 0x71, 0x72, 0x73));
		put(&f->body, 0x45);
		break;
	}
}

/* `local` or another float, chosen by comparing them. */
static void
float_choice(struct gen_func *f, uint8_t type, uint32_t local, int depth)
{
	uint32_t locals[2] = { local, held(f, type, depth) };
	uint32_t turn = gen_below(f->g, 2);

	gen_local_op(f, 0x20, locals[0]);
	gen_local_op(f, 0x20, locals[1]);
	gen_local_op(f, 0x20, locals[turn]);
	gen_local_op(f, 0x20, locals[1 - turn]);
	put(&f->body, (uint8_t)((type == T_F32 ? 0x5b : 0x61) + gen_below(f->g, 6)), 0x1b);
}

static void
float_idiom(struct gen_func *f, uint8_t type, int depth)
{
	const bool is_f32 = type == T_F32;
	uint32_t local = held(f, type, depth);
	uint32_t draw = gen_below(f->g, 24);

	if (draw < 3) {
		float_choice(f, type, local, depth);
		return;
	}
	gen_local_op(f, 0x20, local);
	switch (draw % 3) {
	case 0: /* the same operand twice */
		gen_local_op(f, 0x20, local);
		put(&f->body, (uint8_t)((is_f32 ? 0x92 : 0xa0) + gen_below(f->g, 6)));
		break;
	case 1: /* select by comparison */
		gen_expression(f, type, depth);
		gen_local_op(f, 0x20, local);
		gen_constant(f, type);
		put(&f->body, (uint8_t)((is_f32 ? 0x5b : 0x61) + gen_below(f->g, 6)), 0x1b);
		break;
	default:
		put(&f->body, is_f32 ? 0x8c : 0x9a);
		gen_constant(f, type);
		put(&f->body, (uint8_t)((is_f32 ? 0x92 : 0xa0) + gen_below(f->g, 4)));
		break;
	}
}

/* A sum or difference with an unsigned comparison, as in numbers of several words, and
 * now and then with a third value. */
static void
carry(struct gen_func *f, uint8_t type, int depth)
{
	struct gen *g = f->g;
	bool is_64 = type == T_I64, by_64 = gen_has_type(g, T_I64) && gen_chance(g, 500);
	uint8_t add = is_64 ? 0x7c : 0x6a, operation = (uint8_t)(add + gen_below(g, 2));
	bool has_third = gen_chance(g, 400), is_inner = gen_chance(g, 500);

	gen_expression(f, type, depth);
	if (has_third)
		gen_expression(f, type, depth);
	if (has_third && !is_inner)
		put(&f->body, operation);
	gen_expression(f, by_64 ? T_I64 : T_I32, depth);
	if (gen_chance(g, 300)) {
		gen_put_const(&f->body, by_64 ? T_I64 : T_I32, 0);
		put(&f->body, (uint8_t)((by_64 ? 0x51 : 0x46) + gen_below(g, 2)));
	} else {
		static const uint8_t tests[] = { 3, 5, 7, 9 }; /* lt_u, gt_u, le_u, ge_u */

		gen_expression(f, by_64 ? T_I64 : T_I32, depth);
		put(&f->body, (uint8_t)((by_64 ? 0x51 : 0x46) + tests[gen_below(g, 4)]));
	}
	if (is_64)
		put(&f->body, 0xad);
	if (has_third && is_inner)
		put(&f->body, add);
	put(&f->body, operation);
}

void
gen_idiom(struct gen_func *f, uint8_t type, int depth)
{
	if (type == T_V128) {
		gen_vector_idiom(f, depth);
		return;
	}
	if (type == T_F32 || type == T_F64) {
		float_idiom(f, type, depth);
		return;
	}
	switch (gen_below(f->g, type == T_I32 ? 8 : 7)) {
	case 0:
		rotate(f, type, depth);
		break;
	case 1:
		lowest_bit(f, type, depth);
		break;
	case 2:
		extract(f, type, depth);
		break;
	case 3:
		scaled_sum(f, type, depth);
		break;
	case 4:
		if (gen_has_type(f->g, T_I64))
			mixed_width(f, type, depth);
		else
			scaled_sum(f, type, depth);
		break;
	case 5:
		near_multiple(f, type, depth);
		break;
	case 6:
		carry(f, type, depth);
		break;
	default:
		condition(f, depth);
		break;
	}
}

/* ---- single accesses ---- */

struct access {
	uint8_t opcode, log_size;
};
static const struct access loads_i32[] = {
	{ 0x28, 2 }, { 0x2c, 0 }, { 0x2d, 0 }, { 0x2e, 1 }, { 0x2f, 1 }
};
static const struct access loads_i64[] = { { 0x29, 3 }, { 0x30, 0 }, { 0x31, 0 }, { 0x32, 1 },
					   { 0x33, 1 }, { 0x34, 2 }, { 0x35, 2 } };
static const struct access stores_i32[] = { { 0x36, 2 }, { 0x3a, 0 }, { 0x3b, 1 } };
static const struct access stores_i64[] = { { 0x37, 3 }, { 0x3c, 0 }, { 0x3d, 1 }, { 0x3e, 2 } };

static void
put_access(struct gen_func *f, struct access access, struct gen_place place)
{
	put(&f->body, access.opcode);
	gen_put_memarg(f, access.log_size, place);
}

void
gen_load(struct gen_func *f, uint8_t type, int depth)
{
	struct gen_place place;

	if (type == T_V128) {
		gen_vector_load(f, depth);
		return;
	}
	place = gen_address(f, depth);
	if (type == T_I32)
		put_access(f, loads_i32[gen_pick(f->g, 0, 0, 0, 1, 2, 3, 4)], place);
	else if (type == T_I64)
		put_access(f, loads_i64[gen_pick(f->g, 0, 0, 0, 1, 2, 3, 4, 5, 6)], place);
	else if (type == T_F32)
		put_access(f, (struct access){ 0x2a, 2 }, place);
	else
		put_access(f, (struct access){ 0x2b, 3 }, place);
}

void
gen_store_op(struct gen_func *f, uint8_t type, struct gen_place place)
{
	if (type == T_I32)
		put_access(f, stores_i32[gen_pick(f->g, 0, 0, 1, 2)], place);
	else if (type == T_I64)
		put_access(f, stores_i64[gen_pick(f->g, 0, 0, 1, 2, 3)], place);
	else if (type == T_F32)
		put_access(f, (struct access){ 0x38, 2 }, place);
	else if (type == T_V128)
		gen_vector_store(f, place);
	else
		put_access(f, (struct access){ 0x39, 3 }, place);
}
