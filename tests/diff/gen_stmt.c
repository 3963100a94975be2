/*
 * Statements of generated programs.
 */
#include "tests/diff/gen.h"

enum { ROUNDS_MOST = 64, ROUNDS_MOST_OF_LEAF = 32 };

/* ---- plain statements ---- */

static void
local_set(struct gen_func *f, int depth)
{
	uint8_t type = gen_value_type(f->g);
	uint32_t local;

	if (!gen_local_pick(f, type, &local)) {
		put(&f->body, 0x01);
		return;
	}
	gen_expression(f, type, depth < 4 ? depth : 4);
	gen_local_op(f, 0x21, local);
}

/* Several locals of a type exchange their values. */
static void
local_moves(struct gen_func *f)
{
	uint8_t type = gen_value_type(f->g);
	uint32_t count = 2 + gen_below(f->g, 4);
	uint32_t shift = gen_below(f->g, count);
	uint32_t locals[5];

	for (uint32_t i = 0; i < count; i++) {
		if (!gen_local_pick(f, type, &locals[i])) {
			put(&f->body, 0x01);
			return;
		}
	}
	for (uint32_t i = 0; i < count; i++)
		gen_local_op(f, 0x20, locals[i]);
	for (uint32_t i = count; i-- > 0;)
		gen_local_op(f, 0x21, locals[(i + shift) % count]);
}

static void
global_set(struct gen_func *f, int depth)
{
	struct gen *g = f->g;
	uint32_t idx = gen_below(g, g->global_count);

	if (idx < 2 || !g->globals[idx].is_mutable) {
		local_set(f, depth);
		return;
	}
	gen_visible(f, g->globals[idx].type, depth);
	put(&f->body, 0x24);
	put_u32(&f->body, idx);
}

static uint8_t
number_type(struct gen *g)
{
	uint8_t type = gen_value_type(g);

	return type == T_FUNC || type == T_EXTERN ? T_I32 : type;
}

static void
store(struct gen_func *f, int depth)
{
	uint8_t type = number_type(f->g);
	struct gen_place place;

	if (!f->g->memory_count) {
		local_set(f, depth);
		return;
	}
	place = gen_address(f, depth);
	gen_visible(f, type, depth);
	gen_store_op(f, type, place);
}

/* Loads, operates on and stores at one address. */
static void
modify(struct gen_func *f, int depth)
{
	static const uint8_t kinds[][3] = { /* load, store, add */
					    { 0x28, 0x36, 0x6a }, { 0x29, 0x37, 0x7c },
					    { 0x2d, 0x3a, 0x6a }, { 0x2f, 0x3b, 0x6a },
					    { 0x35, 0x3e, 0x7c }, { 0x30, 0x3c, 0x7c }
	};
	const uint8_t *kind = kinds[gen_below(f->g, 6)];
	uint8_t type = kind[2] == 0x6a ? T_I32 : T_I64;
	struct gen_place place;
	uint32_t address;

	if (!f->g->memory_count || !gen_local_room(f) || !gen_has_type(f->g, type)) {
		local_set(f, depth);
		return;
	}
	place = gen_address(f, depth);
	address = gen_local_new(f, gen_size_type(f->g->memories[place.memory].is_64));
	gen_local_op(f, 0x22, address);
	gen_local_op(f, 0x20, address);
	put(&f->body, kind[0]);
	gen_put_memarg(f, 0, place);
	if (gen_chance(f->g, 500))
		gen_constant(f, type);
	else
		gen_expression(f, type, depth);
	put(&f->body, (uint8_t)(kind[2] + gen_pick(f->g, 0, 1, 7, 8, 9, 2)));
	put(&f->body, kind[1]);
	gen_put_memarg(f, 0, place);
}

/* ---- loops ---- */

struct loop {
	uint8_t type; /* of the counter */
	uint32_t counter;
	uint64_t start, step, end;
};

static uint32_t
pick_rounds(struct gen_func *f)
{
	uint32_t most = (f->is_leaf ? ROUNDS_MOST_OF_LEAF : ROUNDS_MOST) / f->rounds;
	uint32_t rounds = gen_pick(f->g, 1, 2, 3, 4, 5, 8, 16, 17);

	return rounds < most ? rounds : most > 0 ? most : 1;
}

static struct loop
loop_begin(struct gen_func *f, uint32_t rounds)
{
	struct gen *g = f->g;
	struct loop loop = { .type = T_I32 };

	if (gen_has_type(g, T_I64) && gen_chance(g, 200))
		loop.type = T_I64;
	loop.counter = gen_local_new(f, loop.type);
	f->is_reserved[loop.counter] = true;
	loop.step = gen_pick(g, 1, 1, 1, 2, 4, 8, 3);
	loop.start = gen_pick(g, 0, 0, 0, 0, 1, 5, 0x7ffffff0, 0xfffffff0);
	if (gen_chance(g, 250)) {
		loop.start = loop.step * rounds;
		loop.step = 0 - loop.step;
	}
	loop.end = loop.start + loop.step * rounds;
	gen_put_const(&f->body, loop.type, loop.start);
	gen_local_op(f, 0x21, loop.counter);
	return loop;
}

/* The counter's next value, compared with the end: 1 while it goes on. */
static void
loop_step(struct gen_func *f, const struct loop *loop)
{
	bool is_i64 = loop->type == T_I64;
	bool is_down = (int64_t)loop->step < 0;
	uint8_t compare = is_i64 ? 0x52 : 0x47; /* ne */

	gen_local_op(f, 0x20, loop->counter);
	if (is_down && gen_chance(f->g, 500)) {
		gen_put_const(&f->body, loop->type, 0 - loop->step);
		put(&f->body, is_i64 ? 0x7d : 0x6b);
	} else {
		gen_put_const(&f->body, loop->type, loop->step);
		put(&f->body, is_i64 ? 0x7c : 0x6a);
	}
	gen_local_op(f, 0x22, loop->counter);
	if (is_down && loop->type == T_I32 && gen_chance(f->g, 600))
		return;
	gen_put_const(&f->body, loop->type, loop->end);
	if (!is_down && gen_chance(f->g, 500)) /* lt_u, or lt_s, which may end sooner */
		compare = (uint8_t)(compare + gen_pick(f->g, 1, 2));
	put(&f->body, compare);
}

/* mem[to + i * size] = mem[from + i * size] op something */
static void
array_element(struct gen_func *f, uint32_t counter, int depth)
{
	uint32_t log_size = gen_below(f->g, 4);
	uint8_t load = (uint8_t)gen_pick(f->g, 0x28, 0x2d, 0x2f, 0x28);
	uint8_t store_op = (uint8_t)gen_pick(f->g, 0x36, 0x3a, 0x3b, 0x36);
	struct gen_place places[2];

	for (int side = 0; side < 2; side++) {
		places[side].memory = gen_memory_pick(f->g);
		places[side].offset = gen_pick(f->g, 0, 4, 64);
		gen_index(f, gen_pick(f->g, 0xff, 0xff8, 0x7fff), depth < 2 ? depth : 2);
		gen_local_op(f, 0x20, counter);
		gen_put_const(&f->body, T_I32, log_size);
		put(&f->body, 0x74, 0x6a);
		if (f->g->memories[places[side].memory].is_64)
			put(&f->body, 0xad);
	}
	put(&f->body, load);
	gen_put_memarg(f, 0, places[1]);
	gen_expression(f, T_I32, depth);
	put(&f->body, (uint8_t)gen_pick(f->g, 0x6a, 0x6b, 0x6c, 0x73, 0x71));
	put(&f->body, store_op);
	gen_put_memarg(f, 0, places[0]);
}

/* The body of a loop that runs `rounds` times, in a block that a branch may
 * leave for the next round. */
static void
loop_body(struct gen_func *f, const struct loop *loop, uint32_t rounds, int depth, bool is_array)
{
	bool has_block = !is_array && gen_chance(f->g, 400);

	f->rounds *= rounds;
	if (has_block) {
		put(&f->body, 0x02, 0x40);
		gen_label_push(f, NULL, 0, false);
	}
	if (is_array && loop->type == T_I32 && f->g->memory_count)
		array_element(f, loop->counter, depth);
	else
		gen_statements(f, depth, 1 + gen_below(f->g, 4));
	if (has_block) {
		gen_label_pop(f);
		put(&f->body, 0x0b);
	}
	f->rounds /= rounds;
}

/* The exit at the bottom. */
static void
loop_until(struct gen_func *f, int depth, bool is_array)
{
	uint32_t rounds = pick_rounds(f);
	struct loop loop = loop_begin(f, rounds);

	put(&f->body, 0x03, 0x40);
	gen_label_push(f, NULL, 0, true);
	loop_body(f, &loop, rounds, depth, is_array);
	loop_step(f, &loop);
	put(&f->body, 0x0d, 0);
	gen_label_pop(f);
	put(&f->body, 0x0b);
}

/* The exit at the top, which a branch from inside may take too. */
static void
loop_while(struct gen_func *f, int depth, bool is_array)
{
	uint32_t rounds = pick_rounds(f);
	struct loop loop = loop_begin(f, rounds);

	put(&f->body, 0x02, 0x40);
	gen_label_push(f, NULL, 0, false);
	put(&f->body, 0x03, 0x40);
	gen_label_push(f, NULL, 0, true);
	gen_local_op(f, 0x20, loop.counter);
	gen_put_const(&f->body, loop.type, loop.end);
	put(&f->body, loop.type == T_I64 ? 0x51 : 0x46, 0x0d, 1);
	loop_body(f, &loop, rounds, depth, is_array);
	gen_local_op(f, 0x20, loop.counter);
	gen_put_const(&f->body, loop.type, loop.step);
	put(&f->body, loop.type == T_I64 ? 0x7c : 0x6a);
	gen_local_op(f, 0x21, loop.counter);
	put(&f->body, 0x0c, 0);
	gen_label_pop(f);
	put(&f->body, 0x0b);
	gen_label_pop(f);
	put(&f->body, 0x0b);
}

/* Values carried around the loop on the stack. */
static void
loop_carried(struct gen_func *f, int depth)
{
	uint32_t rounds = pick_rounds(f);
	struct loop loop = loop_begin(f, rounds);
	uint32_t count = 1 + gen_below(f->g, 4);
	uint8_t types[4];

	for (uint32_t i = 0; i < count; i++) {
		types[i] = gen_value_type(f->g);
		gen_expression(f, types[i], depth < 2 ? depth : 2);
	}
	put(&f->body, 0x03);
	gen_block_type(f, types, count, types, count);
	gen_label_push(f, types, count, true);
	gen_consume(f, types, count);
	loop_body(f, &loop, rounds, depth, false);
	for (uint32_t i = 0; i < count; i++)
		gen_expression(f, types[i], depth < 3 ? depth : 3);
	loop_step(f, &loop);
	put(&f->body, 0x0d, 0);
	gen_label_pop(f);
	put(&f->body, 0x0b);
	gen_consume(f, types, count);
}

static void
loop_statement(struct gen_func *f, int depth, bool is_array)
{
	if (!gen_local_room(f)) {
		local_set(f, depth);
		return;
	}
	switch (gen_below(f->g, 3)) {
	case 0:
		loop_until(f, depth, is_array);
		break;
	case 1:
		loop_while(f, depth, is_array);
		break;
	default:
		if (is_array)
			loop_until(f, depth, true);
		else
			loop_carried(f, depth);
		break;
	}
}

/* ---- other control flow ---- */

static void
if_statement(struct gen_func *f, int depth)
{
	gen_expression(f, T_I32, depth);
	put(&f->body, 0x04, 0x40);
	gen_label_push(f, NULL, 0, false);
	gen_statements(f, depth, 1 + gen_below(f->g, 3));
	if (gen_chance(f->g, 500)) {
		put(&f->body, 0x05);
		gen_statements(f, depth, 1 + gen_below(f->g, 2));
	}
	gen_label_pop(f);
	put(&f->body, 0x0b);
}

/* A block that is left early now and then; with a parameter sometimes. */
static void
block_statement(struct gen_func *f, int depth)
{
	bool has_param = gen_chance(f->g, 200);
	uint8_t param = gen_value_type(f->g);

	if (has_param)
		gen_expression(f, param, depth);
	put(&f->body, 0x02);
	gen_block_type(f, &param, has_param, NULL, 0);
	gen_label_push(f, NULL, 0, false);
	if (has_param)
		gen_consume(f, &param, 1);
	gen_statements(f, depth, 1 + gen_below(f->g, 2));
	gen_expression(f, T_I32, depth);
	put(&f->body, 0x0d, 0);
	gen_statements(f, depth, 1);
	gen_label_pop(f);
	put(&f->body, 0x0b);
}

static void
switch_statement(struct gen_func *f, int depth)
{
	uint32_t cases = gen_pick(f->g, 1, 2, 3, 5, 9);
	uint32_t targets = gen_pick(f->g, 0, 1, 2, 3, 5, 9, 17, 70);

	if (f->label_count + cases + 4 > GEN_LABELS_MAX)
		return;
	for (uint32_t i = 0; i <= cases; i++) {
		put(&f->body, 0x02, 0x40);
		gen_label_push(f, NULL, 0, false);
	}
	if (gen_chance(f->g, 300))
		gen_expression(f, T_I32, depth);
	else
		gen_index(f, gen_pick(f->g, 3, 7, 15, 127), depth);
	put(&f->body, 0x0e);
	put_u32(&f->body, targets);
	for (uint32_t i = 0; i <= targets; i++)
		put_u32(&f->body, gen_below(f->g, cases + 1));
	for (uint32_t i = 0; i <= cases; i++) {
		gen_label_pop(f);
		put(&f->body, 0x0b);
		gen_statement(f, depth);
		if (i < cases && gen_chance(f->g, 500)) {
			put(&f->body, 0x0c);
			put_u32(&f->body, cases - 1 - i);
		}
	}
}

/* Instructions that only unreachable code may hold in this way. */
static void
put_dead_code(struct gen_func *f, int depth)
{
	switch (gen_below(f->g, 5)) {
	case 0:
		put(&f->body, 0x6a, 0x1a);
		break;
	case 1:
		put(&f->body, 0x1b, 0x1a);
		break;
	case 2:
		put(&f->body, 0x1a, 0x1a);
		break;
	default:
		gen_statement(f, depth - 1);
		break;
	}
}

static void
branch_statement(struct gen_func *f, int depth)
{
	uint32_t up = gen_below(f->g, f->label_count);
	const struct gen_label *label = &f->labels[f->label_count - 1 - up];
	bool is_conditional = gen_chance(f->g, 600);
	bool is_inside = !is_conditional && gen_chance(f->g, 800);

	if (label->is_loop) {
		local_set(f, depth);
		return;
	}
	f->outward++;
	if (is_inside) { /* of an if */
		gen_expression(f, T_I32, depth);
		put(&f->body, 0x04, 0x40);
		gen_label_push(f, NULL, 0, false);
	}
	for (uint32_t i = 0; i < label->count; i++)
		gen_expression(f, label->types[i], depth < 2 ? depth : 2);
	if (is_conditional)
		gen_expression(f, T_I32, depth);
	put(&f->body, is_conditional ? 0x0d : 0x0c);
	put_u32(&f->body, up + is_inside);
	if (is_conditional)
		gen_consume(f, label->types, label->count);
	else
		put_dead_code(f, depth);
	if (is_inside) {
		gen_label_pop(f);
		put(&f->body, 0x0b);
	}
}

static void
leave_statement(struct gen_func *f, int depth)
{
	gen_expression(f, T_I32, depth);
	put(&f->body, 0x04, 0x40);
	gen_label_push(f, NULL, 0, false);
	f->outward++;
	gen_statements(f, depth, gen_below(f->g, 2));
	if (gen_chance(f->g, f->g->wild * 5))
		put(&f->body, 0x00);
	else if (!gen_chance(f->g, f->g->tail_calls) || !gen_tail_call(f, depth))
		gen_leave(f, true);
	if (gen_chance(f->g, 300))
		put_dead_code(f, depth);
	gen_label_pop(f);
	put(&f->body, 0x0b);
}

static void
call_statement(struct gen_func *f, int depth)
{
	const struct gen_type *type;

	if (gen_call(f, NULL, 0, depth, &type))
		gen_consume(f, type->results, type->result_count);
	else
		local_set(f, depth);
}

static void
drop_statement(struct gen_func *f, int depth)
{
	gen_expression(f, gen_value_type(f->g), depth);
	put(&f->body, 0x1a);
}

/* ---- the choice ---- */

static void
statement_of(struct gen_func *f, enum gen_stmt kind, int depth)
{
	switch (kind) {
	case STMT_LOCAL_MOVES:
		local_moves(f);
		break;
	case STMT_GLOBAL_SET:
		global_set(f, depth);
		break;
	case STMT_STORE:
		store(f, depth);
		break;
	case STMT_MODIFY:
		modify(f, depth);
		break;
	case STMT_ARRAY:
	case STMT_LOOP:
		loop_statement(f, depth, kind == STMT_ARRAY);
		break;
	case STMT_IF:
		if_statement(f, depth);
		break;
	case STMT_BLOCK:
		block_statement(f, depth);
		break;
	case STMT_SWITCH:
		switch_statement(f, depth);
		break;
	case STMT_BRANCH:
		branch_statement(f, depth);
		break;
	case STMT_LEAVE:
		leave_statement(f, depth);
		break;
	case STMT_CALL:
		call_statement(f, depth);
		break;
	case STMT_DROP:
		drop_statement(f, depth);
		break;
	case STMT_BULK:
		gen_bulk_statement(f, depth);
		break;
	case STMT_TABLE:
		gen_table_statement(f, depth);
		break;
	case STMT_ATOMIC:
		gen_atomic_statement(f, depth);
		break;
	case STMT_LOCAL_SET:
	case STMT_COUNT:
		local_set(f, depth);
		break;
	}
}

void
gen_statement(struct gen_func *f, int depth)
{
	struct gen_node node = gen_node_begin(f);
	enum gen_stmt kind = STMT_LOCAL_SET;

	if (depth > 0 && f->budget > 0 && f->label_count + 8 < GEN_LABELS_MAX &&
	    f->body.len < 60000)
		kind = (enum gen_stmt)gen_weighted(f->g, f->g->stmt_weights, STMT_COUNT);
	statement_of(f, kind, depth - 1);
	(void)gen_node_end(f, node);
}

void
gen_statements(struct gen_func *f, int depth, uint32_t count)
{
	while (count-- > 0)
		gen_statement(f, depth);
}
