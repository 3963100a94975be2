/*
 * Expressions of generated programs.
 */
#include "tests/diff/gen.h"

/* ---- remembered texts ---- */

static void
remember(struct gen_func *f, struct gen_text *texts, uint32_t *next, size_t start, uint8_t type,
	 uint32_t offset)
{
	struct gen_text *text = &texts[*next % GEN_POOL];
	size_t len = f->body.len - start;

	if (len == 0 || len > sizeof(text->bytes))
		return;
	(*next)++;
	memcpy(text->bytes, f->body.bytes + start, len);
	text->len = (uint32_t)len;
	text->type = type;
	text->offset = offset;
}

/* Writes one of the latest texts of that type again; NULL if the one tried
 * differs. */
static const struct gen_text *
recall(struct gen_func *f, const struct gen_text *texts, uint32_t next, uint8_t type)
{
	uint32_t back = 1 + gen_below(f->g, gen_chance(f->g, 600) ? 3 : GEN_POOL);
	const struct gen_text *text = &texts[(next - back) % GEN_POOL];

	if (next < back || text->len == 0 || text->type != type)
		return NULL;
	put_bytes(&f->body, text->bytes, text->len);
	return text;
}

/* ---- leaves ---- */

static bool
global_get(struct gen_func *f, uint8_t type)
{
	struct gen *g = f->g;

	for (int i = 0; i < 4; i++) {
		uint32_t idx = gen_below(g, g->global_count);

		if (idx < 2 || g->globals[idx].type != type)
			continue;
		put(&f->body, 0x23);
		put_u32(&f->body, idx);
		return true;
	}
	return false;
}

static void
leaf(struct gen_func *f, uint8_t type)
{
	uint32_t kind = gen_below(f->g, 20);
	uint32_t local;

	if (kind < 12 && gen_local_read(f, type, &local)) {
		gen_local_op(f, 0x20, local);
		return;
	}
	if (kind < 14 && global_get(f, type))
		return;
	if (kind < 16 && (type == T_FUNC || type == T_EXTERN)) {
		for (uint32_t i = 0; i < f->g->table_count; i++) {
			if (f->g->tables[i] != type)
				continue;
			gen_index_of(f, f->g->table_is_64[i], 15, 0);
			put(&f->body, 0x25);
			put_u32(&f->body, i);
			return;
		}
	}
	gen_constant(f, type);
}

/* ---- addresses ---- */

void
gen_index(struct gen_func *f, uint32_t mask, int depth)
{
	if (gen_chance(f->g, f->g->wild)) {
		gen_expression(f, T_I32, depth);
		return;
	}
	if (gen_chance(f->g, 400)) {
		gen_put_const(&f->body, T_I32, gen_below(f->g, mask + 1));
		return;
	}
	gen_expression(f, T_I32, depth);
	gen_put_const(&f->body, T_I32, mask);
	put(&f->body, 0x71);
}

void
gen_index_of(struct gen_func *f, bool is_64, uint32_t mask, int depth)
{
	gen_index(f, mask, depth);
	if (is_64)
		put(&f->body, gen_chance(f->g, f->g->wild) ? 0xac : 0xad);
}

static uint32_t
wild_address(struct gen_func *f, int depth)
{
	gen_expression(f, T_I32, depth);
	return gen_pick(f->g, 0, 4, 65528, 65535, 0x7ffefff8, 0x7ffeffff, 0x7fff0000, 0x7fffffff,
			0x80000000, 0xfffffff0, 0xffffffff);
}

/* The address of an element: base + index * size, the parts masked so that
 * most sums lie inside. */
static void
element_address(struct gen_func *f, int depth)
{
	gen_index(f, gen_pick(f->g, 0xff, 0xfff, 0x3ffc), depth);
	gen_index(f, gen_pick(f->g, 0xf, 0x3f, 0xff, 0x3ff), depth);
	gen_put_const(&f->body, T_I32, gen_below(f->g, 4));
	put(&f->body, 0x74, 0x6a);
}

/* An address from 64-bit arithmetic. */
static void
wrapped_address(struct gen_func *f, int depth)
{
	gen_expression(f, T_I64, depth);
	gen_put_const(&f->body, T_I64, gen_pick(f->g, 0xff, 0xfff, 0xfff8));
	put(&f->body, 0x83, 0xa7);
}

uint32_t
gen_address_32(struct gen_func *f, int depth)
{
	size_t start = f->body.len;
	uint32_t outward = f->outward;
	uint32_t offset = gen_pick(f->g, 0, 0, 0, 1, 4, 8, 12, 16, 100, 1000, 4096);
	uint32_t kind = gen_below(f->g, 100);
	const struct gen_text *text;

	if (gen_chance(f->g, f->g->wild))
		return wild_address(f, depth);
	if (kind < 45 && (text = recall(f, f->addresses, f->address_next, T_I32)))
		return text->offset + gen_pick(f->g, 0, 0, 0, 1, 2, 3, 4, 8);
	if (kind < 58)
		gen_put_const(&f->body, T_I32, gen_below(f->g, 0xf000));
	else if (kind < 70)
		element_address(f, depth);
	else if (kind < 75 && gen_has_type(f->g, T_I64))
		wrapped_address(f, depth);
	else
		gen_index(f, gen_pick(f->g, 0xff, 0xfff, 0xfffc, 0xfff8, 0x7fff), depth);
	if (f->outward == outward)
		remember(f, f->addresses, &f->address_next, start, T_I32, offset);
	return offset;
}

/* ---- calls ---- */

static bool
is_result(const struct gen_type *type, const uint8_t *types, uint32_t count)
{
	return !types || (type->result_count == count && memcmp(type->results, types, count) == 0);
}

/* The index of a function that `f` may call. */
static bool
pick_callee(struct gen_func *f, const uint8_t *types, uint32_t count, uint32_t *out)
{
	struct gen *g = f->g;
	uint32_t limit = g->may_recurse ? g->func_count : f->idx;
	uint32_t start = gen_below(g, limit ? limit : 1);

	if (f->is_leaf)
		return false;
	for (uint32_t i = 0; i < limit; i++) {
		*out = (start + i) % limit;
		if (is_result(&g->types[g->funcs[*out].type], types, count))
			return true;
	}
	return false;
}

/* A table whose first entries are the functions in order, unless changed. */
static bool
pick_function_table(struct gen *g, uint32_t *out)
{
	*out = gen_below(g, g->table_count ? g->table_count : 1);
	return g->table_count > 0 && g->tables[*out] == T_FUNC;
}

static void
put_null(struct gen_func *f, uint32_t type)
{
	put(&f->body, 0xd0);
	gen_put_signed(&f->body, type);
}

static void
put_ref_func(struct gen_func *f, uint32_t callee)
{
	put(&f->body, 0xd2);
	put_u32(&f->body, callee);
}

/* The callee's reference, or null, by an if of type (ref null type). */
static void
put_nullable(struct gen_func *f, uint32_t callee, uint32_t type)
{
	uint32_t local;

	if (gen_local_read(f, T_I32, &local))
		gen_local_op(f, 0x20, local);
	else
		gen_put_const(&f->body, T_I32, gen_below(f->g, 2));
	put(&f->body, 0x04, 0x63);
	gen_put_signed(&f->body, type);
	if (gen_chance(f->g, 500)) {
		put_null(f, type);
		put(&f->body, 0x05);
		put_ref_func(f, callee);
	} else {
		put_ref_func(f, callee);
		put(&f->body, 0x05);
		put_null(f, type);
	}
	put(&f->body, 0x0b);
}

/* A reference to the callee, of its type; null only in wild modules. */
static void
put_reference(struct gen_func *f, uint32_t callee, uint32_t type)
{
	struct gen *g = f->g;
	bool is_wild = gen_chance(g, g->wild / 2);
	uint32_t form = g->is_plain ? 0 : gen_below(g, 5);

	if (form == 1) { /* what br_on_non_null brings, or the callee again */
		put(&f->body, 0x02, 0x64);
		gen_put_signed(&f->body, type);
		put_nullable(f, callee, type);
		put(&f->body, 0xd6, 0);
		put_ref_func(f, callee);
		put(&f->body, 0x0b);
	} else if (form == 2) { /* what br_on_null leaves behind the block is dropped */
		put(&f->body, 0x02, 0x63);
		gen_put_signed(&f->body, type);
		put_ref_func(f, callee);
		put(&f->body, 0x02, 0x40);
		put_nullable(f, callee, type);
		put(&f->body, 0xd5, 0, 0x0c, 1, 0x0b, 0x0b);
	} else if (form == 3 && is_wild) {
		put_nullable(f, callee, type);
		put(&f->body, 0xd4);
	} else if (form == 4) {
		put_ref_func(f, callee);
		put(&f->body, 0xd4);
	} else if (is_wild) {
		put_null(f, type);
	} else {
		put_ref_func(f, callee);
	}
}

/* The call itself, arguments on the stack; tail calls have the opcode + 2, by
 * reference + 1. */
static void
put_call(struct gen_func *f, uint32_t callee, bool is_tail, int depth)
{
	struct gen *g = f->g;
	uint32_t type = g->funcs[callee].type, table;

	if (gen_chance(g, g->ref_calls)) {
		put_reference(f, callee, type);
		put(&f->body, is_tail ? 0x15 : 0x14);
		put_u32(&f->body, type);
		return;
	}
	if (!gen_chance(g, 350) || !pick_function_table(g, &table)) {
		put(&f->body, is_tail ? 0x12 : 0x10);
		put_u32(&f->body, callee);
		return;
	}
	if (gen_chance(g, g->wild) && g->may_recurse)
		gen_index(f, 63, depth);
	else
		gen_put_const(&f->body, T_I32, gen_chance(g, g->wild / 2) ? 1000 : callee);
	if (g->table_is_64[table])
		put(&f->body, gen_chance(g, g->wild) ? 0xac : 0xad);
	put(&f->body, is_tail ? 0x13 : 0x11);
	put_u32(&f->body, type);
	put_u32(&f->body, table);
}

static const struct gen_type *
put_arguments(struct gen_func *f, uint32_t callee, int depth)
{
	const struct gen_type *type = &f->g->types[f->g->funcs[callee].type];

	for (uint32_t i = 0; i < type->param_count; i++)
		gen_expression(f, type->params[i], depth < 2 ? depth : 2);
	return type;
}

bool
gen_call(struct gen_func *f, const uint8_t *types, uint32_t count, int depth,
	 const struct gen_type **out)
{
	const struct gen_type *type;
	uint32_t callee;

	if (!pick_callee(f, types, count, &callee))
		return false;
	type = put_arguments(f, callee, depth);
	if (out)
		*out = type;
	put_call(f, callee, false, depth);
	return true;
}

bool
gen_tail_call(struct gen_func *f, int depth)
{
	uint32_t callee;

	if (!pick_callee(f, f->type->results, f->type->result_count, &callee))
		return false;
	gen_leave_depth(f);
	(void)put_arguments(f, callee, depth);
	put_call(f, callee, true, depth);
	return true;
}

/* ---- expressions with control flow ---- */

/* if (result type), with a parameter now and then. */
static void
if_expression(struct gen_func *f, uint8_t type, int depth)
{
	bool has_param = gen_chance(f->g, 200);
	uint8_t param = gen_value_type(f->g);

	if (has_param)
		gen_expression(f, param, depth);
	gen_expression(f, T_I32, depth);
	put(&f->body, 0x04);
	gen_block_type(f, &param, has_param, &type, 1);
	gen_label_push(f, &type, 1, false);
	for (int arm = 0; arm < 2; arm++) {
		if (arm == 1)
			put(&f->body, 0x05);
		if (has_param)
			gen_consume(f, &param, 1);
		if (gen_chance(f->g, 200))
			gen_statement(f, depth);
		gen_expression(f, type, depth);
	}
	gen_label_pop(f);
	put(&f->body, 0x0b);
}

/* A block of several results, left early with them or by its end. */
static void
block_expression(struct gen_func *f, uint8_t type, int depth)
{
	uint8_t types[4] = { type };
	uint32_t count = gen_pick(f->g, 1, 1, 1, 2, 3, 4);

	for (uint32_t i = 1; i < count; i++)
		types[i] = gen_value_type(f->g);
	put(&f->body, 0x02);
	gen_block_type(f, NULL, 0, types, count);
	gen_label_push(f, types, count, false);
	for (uint32_t i = 0; i < count; i++)
		gen_expression(f, types[i], depth);
	if (gen_chance(f->g, 500)) {
		gen_index(f, 3, depth);
		put(&f->body, 0x0e, 2, 0, 0, 0);
		if (gen_chance(f->g, 300))
			put(&f->body, 0x1a);
	} else {
		gen_expression(f, T_I32, depth);
		put(&f->body, 0x0d, 0);
		gen_consume(f, types, count);
		gen_statement(f, depth);
	}
	for (uint32_t i = 0; i < count; i++)
		gen_expression(f, types[i], depth);
	gen_label_pop(f);
	put(&f->body, 0x0b);
	gen_consume(f, types + 1, count - 1);
}

static void
select_expression(struct gen_func *f, uint8_t type, int depth)
{
	gen_expression(f, type, depth);
	gen_expression(f, type, depth);
	gen_expression(f, T_I32, depth);
	if (type == T_FUNC || type == T_EXTERN || gen_chance(f->g, 200))
		put(&f->body, 0x1c, 1, type);
	else
		put(&f->body, 0x1b);
}

static void
size_expression(struct gen_func *f, int depth)
{
	struct gen *g = f->g;
	uint32_t table = gen_below(g, g->table_count ? g->table_count : 1);
	uint32_t memory = gen_memory_pick(g);

	if (g->has_refs && gen_chance(g, 300)) {
		gen_expression(f, gen_chance(g, 500) ? T_FUNC : T_EXTERN, depth);
		put(&f->body, 0xd1);
	} else if (g->table_count > 0 && gen_chance(g, 400)) {
		put(&f->body, 0xfc, 0x10);
		put_u32(&f->body, table);
		if (g->table_is_64[table])
			put(&f->body, 0xa7);
	} else if (g->memory_count && gen_chance(g, 600)) {
		put(&f->body, 0x3f);
		put_u32(&f->body, memory);
		if (g->memories[memory].is_64)
			put(&f->body, 0xa7);
	} else {
		leaf(f, T_I32);
	}
}

/* ---- the choice ---- */

static bool
is_reference(uint8_t type)
{
	return type == T_FUNC || type == T_EXTERN;
}

/* Writes an expression of kind `kind`; false, nothing written, if that kind
 * is not to be had here. */
static bool
expression_of(struct gen_func *f, enum gen_expr kind, uint8_t type, int depth)
{
	uint32_t local;

	switch (kind) {
	case EXPR_OP:
	case EXPR_OP_CONST:
		if (is_reference(type))
			return false;
		gen_operator(f, type, depth, kind == EXPR_OP_CONST);
		return true;
	case EXPR_IDIOM:
		if (is_reference(type))
			return false;
		gen_idiom(f, type, depth);
		return true;
	case EXPR_LOAD:
		if (is_reference(type) || !f->g->memory_count)
			return false;
		gen_load(f, type, depth);
		return true;
	case EXPR_SELECT:
		select_expression(f, type, depth);
		return true;
	case EXPR_TEE:
		if (!gen_local_pick(f, type, &local))
			return false;
		gen_expression(f, type, depth);
		gen_local_op(f, 0x22, local);
		return true;
	case EXPR_IF:
		if (f->label_count + 4 > GEN_LABELS_MAX)
			return false;
		if_expression(f, type, depth);
		return true;
	case EXPR_BLOCK:
		if (f->label_count + 4 > GEN_LABELS_MAX)
			return false;
		block_expression(f, type, depth);
		return true;
	case EXPR_CALL:
		return gen_call(f, &type, 1, depth, NULL);
	case EXPR_POOL:
		return recall(f, f->pool, f->pool_next, type) != NULL;
	case EXPR_SIZE:
		if (type != T_I32)
			return false;
		size_expression(f, depth);
		return true;
	case EXPR_ATOMIC:
		if ((type != T_I32 && type != T_I64) || !f->g->memory_count)
			return false;
		gen_atomic(f, type, depth);
		return true;
	case EXPR_LEAF:
	case EXPR_COUNT:
		break;
	}
	return false;
}

void
gen_expression(struct gen_func *f, uint8_t type, int depth)
{
	struct gen_node node = gen_node_begin(f);
	enum gen_expr kind = EXPR_LEAF;
	uint32_t outward = f->outward;

	if (depth > 0 && f->budget > 0 && f->body.len < 60000)
		kind = (enum gen_expr)gen_weighted(f->g, f->g->expr_weights, EXPR_COUNT);
	if (!expression_of(f, kind, type, depth - 1))
		leaf(f, type);
	if (f->outward == outward && f->body.len > node.start + 4)
		remember(f, f->pool, &f->pool_next, node.start, type, 0);
	if (gen_node_end(f, node))
		gen_put_const(&f->body, type, 0);
}

void
gen_visible(struct gen_func *f, uint8_t type, int depth)
{
	bool is_f64 = type == T_F64;
	uint32_t local;

	gen_expression(f, type, depth);
	if (type != T_F32 && type != T_F64)
		return;
	if (f->canon[is_f64] == 0) {
		local = gen_local_new(f, type);
		f->is_reserved[local] = true;
		f->canon[is_f64] = local + 1;
	}
	local = f->canon[is_f64] - 1;
	gen_local_op(f, 0x22, local);
	gen_put_const(&f->body, type, is_f64 ? 0x7ff8000000000000 : 0x7fc00000);
	gen_local_op(f, 0x20, local);
	gen_local_op(f, 0x20, local);
	put(&f->body, is_f64 ? 0x61 : 0x5b, 0x1b);
}
