/*
 * memory.copy and memory.fill of few bytes, in line.
 *
 * Up to CONST_MOST bytes of a constant length are loads and stores of pieces. Of other
 * lengths, one up to SHORT_MOST is two pieces of the same width that overlap, or three
 * bytes; what is longer, zero, or has an address of 2^31 or more goes to the trusted
 * routine, so that no sum of address and length wraps below.
 *
 * All loads come before all stores: source and target may overlap, and nothing has been
 * written when a load traps. The store at the highest address comes first: it traps if
 * anything of the target lies outside, and then nothing has been written either.
 */
#include "compiler/ir/build_internal.h"
#include "compiler/ir/build_vector.h"

enum {
	CONST_MOST = 64,
	SHORT_MOST = 32,
	VECTOR_BYTES = 16,
	PIECES_MOST = CONST_MOST / VECTOR_BYTES + 1,
};

/* What is written where. */
struct transfer {
	uint32_t to, to_memory;
	uint32_t from, from_memory; /* a copy's source; a fill's byte in `from` */
	bool is_fill;
};

static uint32_t
add_const(struct builder *b, uint32_t value, int32_t by)
{
	return build_binary(b, IR_ADD, IR_I32, value, ir_const(b->fn, IR_I32, (uint32_t)by));
}

/* --- pieces ------------------------------------------------------------------ */

static enum ir_type
piece_type(uint32_t width)
{
	return width == VECTOR_BYTES ? IR_V128 : width == 8 ? IR_I64 : IR_I32;
}

/* The byte of a fill as often as the width holds it; all bits above are unspecified. */
static uint32_t
fill_pattern(struct builder *b, uint32_t byte, uint32_t width)
{
	enum ir_type type = width == 8 ? IR_I64 : IR_I32;
	uint32_t ones =
		ir_const(b->fn, type, UINT64_C(0x0101010101010101) >> (type == IR_I64 ? 0 : 32));
	uint32_t low;

	if (width == VECTOR_BYTES)
		return build_vector1(b, IR_I8X16_SPLAT, byte);
	if (width == 1)
		return byte;
	low = build_binary(b, IR_AND, IR_I32, byte, ir_const(b->fn, IR_I32, 0xff));
	if (type == IR_I64)
		low = build_unary(b, IR_EXTEND_U, IR_I64, low);
	return build_binary(b, IR_MUL, type, low, ones);
}

/* The piece at from + offset, as a value. */
static uint32_t
load_piece(struct builder *b, const struct transfer *t, uint32_t from, uint32_t offset,
	   uint32_t width)
{
	struct ir_inst proto = {
		.op = width == 1   ? IR_LOAD8_U
		      : width == 2 ? IR_LOAD16_U
				   : IR_LOAD,
		.type = (uint8_t)piece_type(width),
		.args = { from, IR_NONE, IR_NONE },
		.imm = offset | (uint64_t)t->from_memory << 32,
	};

	return t->is_fill ? fill_pattern(b, t->from, width) : build_emit(b, &proto);
}

static void
store_piece(struct builder *b, const struct transfer *t, uint32_t to, uint32_t offset,
	    uint32_t value, uint32_t width)
{
	struct ir_inst proto = {
		.op = width == 1   ? IR_STORE8
		      : width == 2 ? IR_STORE16
				   : IR_STORE,
		.args = { to, value, IR_NONE },
		.imm = offset | (uint64_t)t->to_memory << 32,
	};

	build_append(b, &proto);
}

/* All bytes of a constant length, not zero. */
static void
move_const(struct builder *b, const struct transfer *t, uint32_t count)
{
	uint32_t width = VECTOR_BYTES, pieces = 0;
	uint32_t offsets[PIECES_MOST], values[PIECES_MOST];

	while (width > count)
		width /= 2;
	for (uint32_t at = 0; at < count; at += width) {
		offsets[pieces] = at + width <= count ? at : count - width;
		values[pieces] = load_piece(b, t, t->from, offsets[pieces], width);
		pieces++;
	}
	while (pieces-- > 0)
		store_piece(b, t, t->to, offsets[pieces], values[pieces], width);
}

/* A piece at the beginning, one at the end: width <= count <= 2 * width. */
static void
move_pair(struct builder *b, const struct transfer *t, uint32_t count, uint32_t width)
{
	uint32_t rest = add_const(b, count, -(int32_t)width);
	uint32_t first = load_piece(b, t, t->from, 0, width);
	uint32_t last = first;

	if (!t->is_fill)
		last = load_piece(b, t, build_binary(b, IR_ADD, IR_I32, t->from, rest), 0, width);
	store_piece(b, t, build_binary(b, IR_ADD, IR_I32, t->to, rest), 0, last, width);
	store_piece(b, t, t->to, 0, first, width);
}

/* One to three bytes: the first, that in the middle, the last. */
static void
move_bytes(struct builder *b, const struct transfer *t, uint32_t count)
{
	uint32_t places[3] = {
		ir_const(b->fn, IR_I32, 0),
		build_binary(b, IR_SHR_U, IR_I32, count, ir_const(b->fn, IR_I32, 1)),
		add_const(b, count, -1),
	};
	uint32_t values[3];

	for (uint32_t i = 0; i < 3; i++) {
		uint32_t from = t->from;

		if (!t->is_fill)
			from = build_binary(b, IR_ADD, IR_I32, from, places[i]);
		values[i] = load_piece(b, t, from, 0, 1);
	}
	for (uint32_t i = 3; i-- > 0;)
		store_piece(b, t, build_binary(b, IR_ADD, IR_I32, t->to, places[i]), 0, values[i],
			    1);
}

/* --- control flow ------------------------------------------------------------ */

/* Ends the present block with a branch on an unsigned comparison and enters a new block
 * for those that it is false for; returns the edge of the others. */
static uint32_t
part(struct builder *b, enum ir_op op, uint32_t value, uint32_t bound)
{
	uint32_t from = b->block, block, other;
	uint32_t cond = build_binary(b, op, IR_I32, value, ir_const(b->fn, IR_I32, bound));
	uint32_t edge = build_cond_edges(b, cond, &other);

	block = ir_new_block(b->fn);
	if (b->fn->status != NB_OK)
		return edge;
	ir_edge_connect(b->fn, other, block);
	build_enter_block(b, block, from);
	return edge;
}

/* Like part, for a condition that is mostly false; the edge leads to `block`. */
static void
part_rarely(struct builder *b, enum ir_op op, uint32_t value, uint32_t bound, uint32_t block)
{
	uint32_t from = b->block;
	uint32_t edge = part(b, op, value, bound);
	struct ir_inst *branch = &b->fn->insts[b->fn->blocks[from].last_inst];

	if (b->fn->status != NB_OK)
		return;
	ir_edge_connect(b->fn, edge, block);
	branch->flags |= edge == branch->args[1] ? IR_UNLIKELY : IR_LIKELY;
}

/* Jumps to the join, and enters a new block at the end of `edge`. */
static void
go_on_at(struct builder *b, uint32_t edge, uint32_t join)
{
	uint32_t block = ir_new_block(b->fn);

	build_jump_block(b, join, 0, 0);
	if (b->fn->status != NB_OK)
		return;
	ir_edge_connect(b->fn, edge, block);
	build_enter_block(b, block, b->fn->edges[edge].from);
}

/* Moves between 1 and SHORT_MOST bytes and jumps to the join. */
static void
move_short(struct builder *b, const struct transfer *t, uint32_t count, uint32_t join)
{
	uint32_t below_8 = part(b, IR_LT_U, count, 8);
	uint32_t above_16 = part(b, IR_GT_U, count, 16);
	uint32_t below_4;

	move_pair(b, t, count, 8);
	go_on_at(b, above_16, join);
	move_pair(b, t, count, 16);
	go_on_at(b, below_8, join);
	below_4 = part(b, IR_LT_U, count, 4);
	move_pair(b, t, count, 4);
	go_on_at(b, below_4, join);
	move_bytes(b, t, count);
	build_jump_block(b, join, 0, 0);
}

static bool
move_any(struct builder *b, const struct transfer *t, struct build_join *join)
{
	uint32_t count = b->stack[b->stack_count - 1], addresses = t->to, call;
	const struct ir_inst *inst = &b->fn->insts[count];
	uint32_t start = b->block;

	*join = (struct build_join){ IR_NONE, start };
	if (b->fn->is_strict || b->fn->calls_bulk || b->fn->status != NB_OK)
		return false;
	if (inst->op == IR_CONST) {
		if (inst->imm == 0 || inst->imm > CONST_MOST)
			return false;
		move_const(b, t, (uint32_t)inst->imm);
		b->stack_count -= 3;
		return true;
	}
	call = ir_new_block(b->fn);
	join->block = ir_new_block(b->fn);
	if (!t->is_fill)
		addresses = build_binary(b, IR_OR, IR_I32, t->to, t->from);
	part_rarely(b, IR_LT_S, addresses, 0, call);
	part_rarely(b, IR_GE_U, add_const(b, count, -1), SHORT_MOST, call);
	if (b->fn->status != NB_OK)
		return false;
	move_short(b, t, count, join->block);
	if (b->fn->status == NB_OK)
		build_enter_block(b, call, start);
	return false;
}

bool
build_short_copy(struct builder *b, uint32_t to_memory, uint32_t from_memory,
		 struct build_join *join)
{
	struct transfer t = {
		.to = b->stack[b->stack_count - 3],
		.to_memory = to_memory,
		.from = b->stack[b->stack_count - 2],
		.from_memory = from_memory,
	};

	*join = (struct build_join){ IR_NONE, IR_NONE };
	if (b->module->memories[to_memory].limits.is_64 ||
	    b->module->memories[from_memory].limits.is_64)
		return false;
	return move_any(b, &t, join);
}

bool
build_short_fill(struct builder *b, uint32_t memory, struct build_join *join)
{
	struct transfer t = {
		.to = b->stack[b->stack_count - 3],
		.to_memory = memory,
		.from = b->stack[b->stack_count - 2],
		.is_fill = true,
	};

	*join = (struct build_join){ IR_NONE, IR_NONE };
	return !b->module->memories[memory].limits.is_64 && move_any(b, &t, join);
}

void
build_short_end(struct builder *b, const struct build_join *join)
{
	if (join->block == IR_NONE || b->fn->status != NB_OK)
		return;
	build_jump_block(b, join->block, 0, 0);
	if (b->fn->status == NB_OK)
		build_enter_block(b, join->block, join->start);
}
