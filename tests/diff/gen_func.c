/*
 * One generated function: locals, labels, entry and exit.
 */
#include "tests/diff/gen.h"

enum { FUEL = 0, DEPTH = 1, DEPTH_MAX = 24 }; /* globals; the deepest call */

/* ---- nodes ---- */

struct gen_node
gen_node_begin(struct gen_func *f)
{
	f->budget--;
	return (struct gen_node){ f->g->node++, f->body.len };
}

bool
gen_node_end(struct gen_func *f, struct gen_node node)
{
	const uint32_t *skip = f->g->skip;
	size_t low = 0, high = f->g->skip_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (skip[middle] < node.number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == f->g->skip_count || skip[low] != node.number)
		return false;
	f->body.len = node.start;
	return true;
}

/* ---- locals ---- */

bool
gen_local_room(const struct gen_func *f)
{
	return f->local_count + 16 < GEN_LOCALS_MAX;
}

/* If the table is full, another local of the type, which many then are. */
uint32_t
gen_local_new(struct gen_func *f, uint8_t type)
{
	if (f->local_count == GEN_LOCALS_MAX)
		for (uint32_t i = f->local_count; i-- > 0;)
			if (f->locals[i] == type)
				return i;
	f->locals[f->local_count] = type;
	return f->local_count++;
}

static bool
pick(struct gen_func *f, uint8_t type, bool with_reserved, uint32_t *out)
{
	uint32_t start = gen_below(f->g, f->local_count ? f->local_count : 1);

	for (uint32_t i = 0; i < f->local_count; i++) {
		*out = (start + i) % f->local_count;
		if (f->locals[*out] == type && (with_reserved || !f->is_reserved[*out]))
			return true;
	}
	return false;
}

bool
gen_local_pick(struct gen_func *f, uint8_t type, uint32_t *out)
{
	return pick(f, type, false, out);
}

/* Reserved floats are those that canonical NaNs pass through: not to be read,
 * though that would be harmless; reserved integers are counters. */
bool
gen_local_read(struct gen_func *f, uint8_t type, uint32_t *out)
{
	return pick(f, type, type == T_I32 || type == T_I64, out);
}

void
gen_local_op(struct gen_func *f, uint8_t opcode, uint32_t local)
{
	put(&f->body, opcode);
	put_u32(&f->body, local);
}

void
gen_consume(struct gen_func *f, const uint8_t *types, uint32_t count)
{
	uint32_t local;

	while (count-- > 0) {
		if (gen_chance(f->g, 700) && gen_local_pick(f, types[count], &local))
			gen_local_op(f, 0x21, local);
		else
			put(&f->body, 0x1a);
	}
}

/* ---- labels ---- */

void
gen_label_push(struct gen_func *f, const uint8_t *types, uint32_t count, bool is_loop)
{
	struct gen_label *label = &f->labels[f->label_count++];

	if (count > 0)
		memcpy(label->types, types, count);
	label->count = count;
	label->is_loop = is_loop;
}

void
gen_label_pop(struct gen_func *f)
{
	f->label_count--;
}

void
gen_block_type(struct gen_func *f, const uint8_t *params, uint32_t param_count,
	       const uint8_t *results, uint32_t result_count)
{
	struct gen_type type = { .param_count = param_count, .result_count = result_count };

	if (param_count == 0 && result_count == 0) {
		put(&f->body, 0x40);
		return;
	}
	if (param_count == 0 && result_count == 1 && !gen_chance(f->g, 50)) {
		put(&f->body, results[0]);
		return;
	}
	if (param_count > 0)
		memcpy(type.params, params, param_count);
	if (result_count > 0)
		memcpy(type.results, results, result_count);
	gen_put_signed(&f->body, gen_type_idx(f->g, &type));
}

/* ---- entry and exit ---- */

static void
depth_add(struct gen_func *f, uint8_t opcode)
{
	if (!f->counts_depth)
		return;
	put(&f->body, 0x23, DEPTH, 0x41, 1, opcode, 0x24, DEPTH);
}

void
gen_leave_depth(struct gen_func *f)
{
	depth_add(f, 0x6b);
}

void
gen_leave(struct gen_func *f, bool with_values)
{
	gen_leave_depth(f);
	for (uint32_t i = 0; i < f->type->result_count; i++) {
		if (with_values)
			gen_expression(f, f->type->results[i], 1);
		else
			gen_put_const(&f->body, f->type->results[i], 0);
	}
	put(&f->body, 0x0f);
}

/* Returns at once without fuel, or from too deep; burns one unit. */
static void
put_entry(struct gen_func *f)
{
	bool counts_depth = f->counts_depth;

	if (f->is_leaf)
		return;
	f->counts_depth = false;
	put(&f->body, 0x23, FUEL, 0x50, 0x04, 0x40);
	gen_leave(f, false);
	put(&f->body, 0x0b, 0x23, FUEL, 0x42, 1, 0x7d, 0x24, FUEL);
	if (counts_depth) {
		put(&f->body, 0x23, DEPTH, 0x41, DEPTH_MAX, 0x4b, 0x04, 0x40);
		gen_leave(f, false);
		put(&f->body, 0x0b);
	}
	f->counts_depth = counts_depth;
	depth_add(f, 0x6a);
}

static void
put_locals(const struct gen_func *f, struct buffer *out)
{
	struct buffer groups = { 0 };
	uint32_t count = 0;

	for (uint32_t i = f->type->param_count, end; i < f->local_count; i = end) {
		for (end = i; end < f->local_count && f->locals[end] == f->locals[i];)
			end++;
		put_u32(&groups, end - i);
		put(&groups, f->locals[i]);
		count++;
	}
	put_u32(out, count);
	put_bytes(out, groups.bytes, groups.len);
	buffer_free(&groups);
}

static void
put_body(struct gen_func *f)
{
	const struct gen_type *type = f->type;

	put_entry(f);
	if (f->counts_depth) {
		put(&f->body, 0x02);
		gen_block_type(f, NULL, 0, type->results, type->result_count);
	}
	gen_label_push(f, type->results, type->result_count, false);
	gen_statements(f, 5, 1 + gen_below(f->g, f->is_leaf ? 4 : 8));
	if (!gen_chance(f->g, f->g->tail_calls / 2) || !gen_tail_call(f, 2))
		for (uint32_t i = 0; i < type->result_count; i++)
			gen_expression(f, type->results[i], 3);
	gen_label_pop(f);
	if (f->counts_depth) {
		put(&f->body, 0x0b);
		depth_add(f, 0x6b);
	}
	put(&f->body, 0x0b);
}

void
gen_function(struct gen *g, uint32_t idx, struct buffer *out)
{
	struct gen_func *f = calloc(1, sizeof(*f));
	struct gen_type type = g->types[g->funcs[idx].type];
	struct buffer code = { 0 };
	uint32_t locals = gen_pick(g, 1, 3, 6, 12, 30);

	if (!f)
		abort();
	if (gen_chance(g, 20))
		locals = gen_pick(g, 100, 400, 1500);
	f->g = g;
	f->idx = idx;
	f->type = &type;
	f->is_leaf = g->funcs[idx].is_leaf;
	f->counts_depth = g->may_recurse && !f->is_leaf;
	f->rounds = 1;
	f->budget = (int32_t)gen_pick(g, 20, 60, 150, 400, 1000);
	for (uint32_t i = 0; i < type.param_count; i++)
		(void)gen_local_new(f, type.params[i]);
	for (uint32_t i = 0; i < locals; i++)
		(void)gen_local_new(f, gen_value_type(g));
	put_body(f);
	put_locals(f, &code);
	put_bytes(&code, f->body.bytes, f->body.len);
	put_sized(out, &code);
	buffer_free(&f->body);
	free(f);
}
