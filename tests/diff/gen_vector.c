/*
 * Vector expressions of generated programs.
 *
 * A vector can be looked at as bits anywhere, so NaN lanes whose bits are open
 * are made canonical at the root of each tree of float operations, and scalars
 * that become lanes are made so before.
 */
#include "tests/diff/gen.h"

enum { PREFIX = 0xfd };

static void
put_vector_op(struct gen_func *f, uint32_t number)
{
	put(&f->body, PREFIX);
	put_u32(&f->body, number);
}

static void
put_vector_bytes(struct gen_func *f, const uint8_t bytes[16])
{
	put_vector_op(f, 0x0c);
	put_bytes(&f->body, bytes, 16);
}

/* Lanes of one width: borders, often all the same; now and then any bits. */
void
gen_vector_constant(struct gen_func *f)
{
	struct gen *g = f->g;
	uint32_t size = gen_pick(g, 1, 2, 4, 8);
	uint8_t type = (uint8_t)gen_pick(g, T_I32, T_I64, T_F32, T_F64);
	bool is_splat = gen_chance(g, 500);
	uint8_t bytes[16];
	uint64_t bits = gen_constant_bits(g, type);

	if (type == T_F32 || type == T_F64)
		size = type == T_F32 ? 4 : 8;
	for (uint32_t i = 0; i < 16; i += size) {
		if (!is_splat)
			bits = gen_constant_bits(g, type);
		memcpy(bytes + i, &bits, size);
	}
	if (gen_chance(g, 100))
		memset(bytes, gen_chance(g, 500) ? 0xff : 0, 16);
	put_vector_bytes(f, bytes);
}

/* ---- operators ---- */

/* Operators first..last with operands: V vector, I i32 shift count. */
struct row {
	uint8_t first, last;
	const char *operands;
	uint8_t weight;
};

/* What gives a vector whose bits are certain. */
static const struct row rows[] = {
	{ 0x0e, 0x0e, "VV", 4 }, { 0x23, 0x2c, "VV", 4 },  { 0x2d, 0x36, "VV", 4 },
	{ 0x37, 0x40, "VV", 4 }, { 0x41, 0x46, "VV", 2 },  { 0x47, 0x4c, "VV", 2 },
	{ 0x4d, 0x4d, "V", 2 },	 { 0x4e, 0x51, "VV", 10 }, { 0x52, 0x52, "VVV", 6 },
	{ 0x60, 0x62, "V", 3 },	 { 0x65, 0x66, "VV", 2 },  { 0x6b, 0x6d, "VI", 6 },
	{ 0x6e, 0x73, "VV", 4 }, { 0x76, 0x79, "VV", 3 },  { 0x7b, 0x7b, "VV", 1 },
	{ 0x7c, 0x7f, "V", 3 },	 { 0x80, 0x81, "V", 2 },   { 0x82, 0x82, "VV", 2 },
	{ 0x85, 0x86, "VV", 2 }, { 0x87, 0x8a, "V", 4 },   { 0x8b, 0x8d, "VI", 4 },
	{ 0x8e, 0x93, "VV", 4 }, { 0x95, 0x99, "VV", 4 },  { 0x9b, 0x9b, "VV", 1 },
	{ 0x9c, 0x9f, "VV", 3 }, { 0xa0, 0xa1, "V", 2 },   { 0xa7, 0xaa, "V", 4 },
	{ 0xab, 0xad, "VI", 4 }, { 0xae, 0xae, "VV", 3 },  { 0xb1, 0xb1, "VV", 3 },
	{ 0xb5, 0xba, "VV", 5 }, { 0xbc, 0xbf, "VV", 3 },  { 0xc0, 0xc1, "V", 2 },
	{ 0xc7, 0xca, "V", 4 },	 { 0xcb, 0xcd, "VI", 4 },  { 0xce, 0xce, "VV", 3 },
	{ 0xd1, 0xd1, "VV", 3 }, { 0xd5, 0xd5, "VV", 3 },  { 0xd6, 0xdb, "VV", 3 },
	{ 0xdc, 0xdf, "VV", 4 }, { 0xe0, 0xe1, "V", 2 },   { 0xea, 0xeb, "VV", 2 },
	{ 0xec, 0xed, "V", 2 },	 { 0xf6, 0xf7, "VV", 2 },  { 0xf8, 0xff, "V", 8 },
};

/* Operators on floats whose NaN results have open bits. */
static const struct row float_rows[2][4] = {
	{ { 0x67, 0x6a, "V", 3 },
	  { 0xe3, 0xe3, "V", 1 },
	  { 0xe4, 0xeb, "VV", 10 },
	  { 0x5e, 0x5e, "D", 1 } },
	{ { 0x74, 0x75, "V", 2 },
	  { 0xef, 0xef, "V", 1 },
	  { 0xf0, 0xf7, "VV", 10 },
	  { 0x5f, 0x5f, "D", 1 } },
};

static const struct row *
pick_row(struct gen *g, const struct row *from, uint32_t count)
{
	uint32_t weights[64];

	for (uint32_t i = 0; i < count; i++)
		weights[i] = from[i].weight;
	return &from[gen_weighted(g, weights, count)];
}

static void
put_row(struct gen_func *f, const struct row *row)
{
	put_vector_op(f, row->first + gen_below(f->g, row->last - row->first + 1U));
}

/* ---- floats ---- */

/* A tree of float operations of one width, NaNs as they come. */
static void
open_floats(struct gen_func *f, bool is_f64, int depth)
{
	const struct row *row = pick_row(f->g, float_rows[is_f64], 4);

	for (const char *operand = row->operands; *operand; operand++) {
		bool is_operand_f64 = is_f64 != (*operand == 'D');

		if (depth > 0 && gen_chance(f->g, 400))
			open_floats(f, is_operand_f64, depth - 1);
		else
			gen_expression(f, T_V128, depth);
	}
	put_row(f, row);
}

/* NaN lanes of the vector on the stack become the canonical one. */
static void
canonical_lanes(struct gen_func *f, bool is_f64)
{
	uint32_t local;

	if (f->canon_vector == 0) {
		local = gen_local_new(f, T_V128);
		f->is_reserved[local] = true;
		f->canon_vector = local + 1;
	}
	local = f->canon_vector - 1;
	gen_local_op(f, 0x22, local);
	gen_put_const(&f->body, is_f64 ? T_I64 : T_I32, is_f64 ? 0x7ff8000000000000 : 0x7fc00000);
	put_vector_op(f, is_f64 ? 0x12 : 0x11);
	gen_local_op(f, 0x20, local);
	gen_local_op(f, 0x20, local);
	put_vector_op(f, is_f64 ? 0x47 : 0x41);
	put_vector_op(f, 0x52);
}

static void
float_vector(struct gen_func *f, int depth)
{
	bool is_f64 = gen_chance(f->g, 500);

	open_floats(f, is_f64, depth);
	canonical_lanes(f, is_f64);
}

/* ---- lanes ---- */

static void
put_shuffle(struct gen_func *f, const uint8_t pattern[16])
{
	put_vector_op(f, 0x0d);
	put_bytes(&f->body, pattern, 16);
}

/* Patterns that machines have, and any others; of lanes of one width. */
static void
shuffle(struct gen_func *f, int depth)
{
	struct gen *g = f->g;
	uint32_t size = gen_pick(g, 1, 1, 2, 4, 4, 8), kind = gen_below(g, 8);
	uint32_t lanes = 16 / size, first = gen_below(g, 2 * lanes);
	uint8_t pattern[16];

	for (uint32_t i = 0; i < 16; i++) {
		uint32_t lane = i / size, from = 0;

		if (kind == 0) /* interleaved */
			from = lane / 2 + (first & 1) * lanes / 2 + (lane & 1) * lanes;
		else if (kind == 1) /* blended */
			from = lane + (first >> (lane % 5) & 1) * lanes;
		else if (kind == 2) /* moved along */
			from = (lane + first) % (2 * lanes);
		else if (kind == 3) /* one lane */
			from = first;
		else if (kind == 4) /* every other one */
			from = (2 * lane + (first & 1)) % (2 * lanes);
		else if (i % size == 0)
			from = gen_below(g, kind == 5 ? lanes : 2 * lanes);
		else
			from = pattern[i - 1] / size;
		pattern[i] = (uint8_t)(from * size + i % size);
	}
	gen_expression(f, T_V128, depth);
	if (gen_chance(g, 300))
		gen_put_const(&f->body, T_V128, 0);
	else if (gen_chance(g, 100))
		gen_vector_constant(f);
	else
		gen_expression(f, T_V128, depth);
	put_shuffle(f, pattern);
}

/* Splats, and lanes replaced. Opcodes by type of the scalar. */
static void
from_scalar(struct gen_func *f, int depth)
{
	struct gen *g = f->g;
	uint32_t kind = gen_below(g, 6);
	static const uint8_t types[] = { T_I32, T_I32, T_I32, T_I64, T_F32, T_F64 };
	static const uint8_t replaces[] = { 0x17, 0x1a, 0x1c, 0x1e, 0x20, 0x22 };
	static const uint8_t counts[] = { 16, 8, 4, 2, 4, 2 };

	if (!gen_has_type(g, types[kind]))
		kind = 2;
	if (gen_chance(g, 500)) {
		gen_visible(f, types[kind], depth);
		put_vector_op(f, 0x0f + kind);
		return;
	}
	gen_expression(f, T_V128, depth);
	gen_visible(f, types[kind], depth);
	put_vector_op(f, replaces[kind]);
	put(&f->body, (uint8_t)gen_below(g, counts[kind]));
}

/* ---- relaxed operations, on operands for which there is one result ---- */

static void
masked(struct gen_func *f, uint8_t type, uint64_t mask, int depth)
{
	gen_expression(f, T_V128, depth);
	gen_put_const(&f->body, type, mask);
	put_vector_op(f, type == T_I64 ? 0x12 : 0x11);
	put_vector_op(f, 0x4e);
}

/* Small numbers that are no zero, as floats. */
static void
small_floats(struct gen_func *f, int depth)
{
	masked(f, T_I32, 0xff, depth);
	gen_put_const(&f->body, T_I32, 1);
	put_vector_op(f, 0x11);
	put_vector_op(f, 0x50);
	put_vector_op(f, 0xfa);
}

static void
relaxed(struct gen_func *f, int depth)
{
	uint32_t kind = gen_below(f->g, 7);

	switch (kind) {
	case 0: /* swizzle */
		gen_expression(f, T_V128, depth);
		masked(f, T_I32, 0x8f8f8f8f, depth);
		put_vector_op(f, 0x100);
		break;
	case 1: /* truncation */
		small_floats(f, depth);
		put_vector_op(f, 0x101 + gen_below(f->g, 2));
		break;
	case 2: /* madd, nmadd */
		small_floats(f, depth);
		small_floats(f, depth);
		small_floats(f, depth);
		put_vector_op(f, 0x105 + gen_below(f->g, 2));
		break;
	case 3: /* selection by a comparison */
		gen_expression(f, T_V128, depth);
		gen_expression(f, T_V128, depth);
		gen_expression(f, T_V128, depth);
		gen_expression(f, T_V128, depth);
		put_vector_op(f, 0xd6 + gen_below(f->g, 6));
		put_vector_op(f, 0x109 + gen_below(f->g, 4));
		break;
	case 4: /* min, max */
		small_floats(f, depth);
		small_floats(f, depth);
		put_vector_op(f, 0x10d + gen_below(f->g, 2));
		break;
	case 5: /* products of 15 bits */
		gen_expression(f, T_V128, depth);
		masked(f, T_I32, 0x7fff7fff, depth);
		put_vector_op(f, 0x111);
		break;
	default: /* dot products with 7 bits */
		gen_expression(f, T_V128, depth);
		masked(f, T_I32, 0x7f7f7f7f, depth);
		put_vector_op(f, 0x112);
		break;
	}
}

/* ---- what others ask for ---- */

static void
count_operand(struct gen_func *f, int depth, bool is_constant)
{
	if (is_constant || gen_chance(f->g, 500))
		gen_put_const(&f->body, T_I32, gen_below(f->g, 70));
	else
		gen_expression(f, T_I32, depth);
}

void
gen_vector_operator(struct gen_func *f, int depth, bool with_constant)
{
	struct gen *g = f->g;
	const struct row *row = pick_row(g, rows, sizeof(rows) / sizeof(rows[0]));
	uint32_t constant = with_constant ? gen_pick(g, 0, 1, 1, 1, 2) : 9;

	switch (gen_below(g, 12)) {
	case 0:
	case 1:
		float_vector(f, depth);
		return;
	case 2:
	case 3:
		shuffle(f, depth);
		return;
	case 4:
		from_scalar(f, depth);
		return;
	case 5:
		if (gen_chance(g, 300)) {
			relaxed(f, depth);
			return;
		}
		break;
	default:
		break;
	}
	for (uint32_t i = 0; row->operands[i]; i++) {
		if (row->operands[i] == 'I')
			count_operand(f, depth, with_constant);
		else if (i == constant)
			gen_vector_constant(f);
		else
			gen_expression(f, T_V128, depth);
	}
	put_row(f, row);
}

/* Comparisons turned, masks tested and used for choosing, halves multiplied. */
void
gen_vector_idiom(struct gen_func *f, int depth)
{
	static const uint8_t extends[] = { 0x87, 0x88, 0x89, 0x8a, 0xa7, 0xa8, 0xa9, 0xaa };
	uint32_t kind = gen_below(f->g, 5);

	switch (kind) {
	case 0: /* a choice by a comparison */
		gen_expression(f, T_V128, depth);
		gen_expression(f, T_V128, depth);
		gen_expression(f, T_V128, depth);
		gen_vector_constant(f);
		put_vector_op(f, 0x23 + gen_below(f->g, 0x4c - 0x23 + 1));
		if (gen_chance(f->g, 300))
			put_vector_op(f, 0x4d);
		put_vector_op(f, 0x52);
		break;
	case 1: /* products of extended lanes */
		for (int i = 0; i < 2; i++) {
			gen_expression(f, T_V128, depth);
			put_vector_op(f,
				      gen_chance(f->g, 300) ? 0xc9 : extends[gen_below(f->g, 8)]);
		}
		put_vector_op(f, gen_pick(f->g, 0x95, 0xb5, 0xd5, 0xba));
		break;
	case 2: /* a shuffle of a shuffle */
		shuffle(f, depth);
		shuffle(f, 0);
		put_vector_op(f, gen_pick(f->g, 0x4e, 0x50, 0x51, 0x6e));
		break;
	case 3: /* shifts after shifts */
		gen_expression(f, T_V128, depth);
		for (int i = 0; i < 2; i++) {
			gen_put_const(&f->body, T_I32, gen_below(f->g, 70));
			put_vector_op(f,
				      gen_pick(f->g, 0x6b, 0x8b, 0xab, 0xcb) + gen_below(f->g, 3));
		}
		break;
	default: /* a lane from one vector to another */
		gen_expression(f, T_V128, depth);
		gen_expression(f, T_V128, depth);
		put_vector_op(f, 0x1b);
		put(&f->body, (uint8_t)gen_below(f->g, 4));
		put_vector_op(f, gen_chance(f->g, 700) ? 0x1c : 0x1a);
		put(&f->body, (uint8_t)gen_below(f->g, 4));
		break;
	}
}

void
gen_from_vector(struct gen_func *f, uint8_t type, int depth)
{
	struct gen *g = f->g;
	uint32_t kind = gen_below(g, 3);

	gen_expression(f, T_V128, depth);
	if (type == T_I32 && kind == 0) {
		put_vector_op(f, gen_pick(g, 0x53, 0x63, 0x64, 0x83, 0x84, 0xa3, 0xa4, 0xc3, 0xc4));
		return;
	}
	if (type == T_I32) {
		uint32_t which = gen_below(g, 5);
		static const uint8_t opcodes[] = { 0x15, 0x16, 0x18, 0x19, 0x1b };
		static const uint8_t counts[] = { 16, 16, 8, 8, 4 };

		put_vector_op(f, opcodes[which]);
		put(&f->body, (uint8_t)gen_below(g, counts[which]));
		return;
	}
	put_vector_op(f, type == T_I64 ? 0x1d : type == T_F32 ? 0x1f : 0x21);
	put(&f->body, (uint8_t)gen_below(g, type == T_F32 ? 4 : 2));
}

/* ---- accesses ---- */

static void
put_vector_access(struct gen_func *f, uint32_t number, uint32_t log_size, struct gen_place place)
{
	put_vector_op(f, number);
	gen_put_memarg(f, log_size, place);
}

void
gen_vector_load(struct gen_func *f, int depth)
{
	static const uint8_t log_sizes[] = { 4, 3, 3, 3, 3, 3, 3, 0, 1, 2, 3 };
	struct gen_place place = gen_address(f, depth);
	uint32_t kind = gen_below(f->g, 10);
	uint32_t which;

	if (kind < 4) {
		put_vector_access(f, 0x00, 4, place);
	} else if (kind < 8) {
		which = gen_below(f->g, 11);
		put_vector_access(f, which, log_sizes[which], place);
	} else if (kind == 8) {
		which = gen_below(f->g, 2);
		put_vector_access(f, 0x5c + which, 2 + which, place);
	} else {
		which = gen_below(f->g, 4);
		gen_expression(f, T_V128, depth);
		put_vector_access(f, 0x54 + which, which, place);
		put(&f->body, (uint8_t)gen_below(f->g, 16U >> which));
	}
}

void
gen_vector_store(struct gen_func *f, struct gen_place place)
{
	uint32_t which = gen_below(f->g, 4);

	if (gen_chance(f->g, 700)) {
		put_vector_access(f, 0x0b, 4, place);
		return;
	}
	put_vector_access(f, 0x58 + which, which, place);
	put(&f->body, (uint8_t)gen_below(f->g, 16U >> which));
}
