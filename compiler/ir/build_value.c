/*
 * Instructions of the present block: made simpler and numbered before they are
 * made. A value may stand for an equal operation if its block dominates the
 * present one, which is so exactly if it is still on the path of dominators
 * that the builder keeps; entries of the table that are not are overwritten
 * when met.
 */
#include "compiler/ir/build_internal.h"

#include "compiler/ir/simplify.h"

enum { FIRST_NUMBERS = 512 };

static bool
is_on_path(const struct numbering *n, uint32_t block)
{
	uint32_t pos = n->blocks[block].path_pos;

	return pos < n->path_count && n->path[pos] == block;
}

/* True if `a` dominates `c`. */
static bool
dominates(const struct numbering *n, uint32_t a, uint32_t c)
{
	uint32_t depth = n->blocks[a].depth;

	while (n->blocks[c].depth > depth) {
		uint32_t jump = n->blocks[c].jump;

		c = n->blocks[jump].depth >= depth ? jump : n->blocks[c].idom;
	}
	return a == c;
}

uint32_t
build_common_dominator(const struct builder *b, uint32_t a, uint32_t c)
{
	const struct build_block *blocks = b->numbering->blocks;

	if (blocks[a].depth < blocks[c].depth) {
		uint32_t deeper = c;

		c = a;
		a = deeper;
	}
	while (blocks[a].depth > blocks[c].depth)
		a = blocks[blocks[a].jump].depth >= blocks[c].depth ? blocks[a].jump
								    : blocks[a].idom;
	while (a != c) {
		bool far = blocks[a].jump != blocks[c].jump;

		a = far ? blocks[a].jump : blocks[a].idom;
		c = far ? blocks[c].jump : blocks[c].idom;
	}
	return a;
}

void
build_enter_block(struct builder *b, uint32_t block, uint32_t idom)
{
	struct numbering *n = b->numbering;
	struct build_block *info;
	const struct build_block *parent;
	const struct build_block *jump;

	if (block >= n->block_cap &&
	    !build_grow(b, (void **)&n->blocks, n->block_count, &n->block_cap,
			block + 1 - n->block_count, sizeof(*n->blocks)))
		return;
	if (block >= n->block_count)
		n->block_count = block + 1;
	if (n->path_count == n->path_cap &&
	    !build_grow(b, (void **)&n->path, n->path_count, &n->path_cap, 1, sizeof(*n->path)))
		return;
	info = &n->blocks[block];
	parent = &n->blocks[idom];
	jump = &n->blocks[parent->jump];
	info->idom = idom;
	info->depth = block == idom ? 0 : parent->depth + 1;
	info->jump = idom;
	if (parent->depth - jump->depth == jump->depth - n->blocks[jump->jump].depth)
		info->jump = jump->jump;
	if (block == idom)
		n->path_count = 0;
	else if (is_on_path(n, idom))
		n->path_count = parent->path_pos + 1;
	while (n->path_count && !dominates(n, n->path[n->path_count - 1], idom))
		n->path_count--;
	info->path_pos = n->path_count;
	n->path[n->path_count++] = block;
	b->block = block;
}

static uint64_t
number_hash(const struct ir_inst *inst)
{
	uint64_t hash = inst->op | (uint64_t)inst->type << 8 | (uint64_t)inst->args[0] << 32;

	hash = (hash ^ inst->imm) * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 32;
	hash = (hash ^ inst->args[1] ^ (uint64_t)inst->args[2] << 32) *
	       UINT64_C(0xd6e8feb86659fd93);
	return hash ^ hash >> 32;
}

static bool
is_equal(const struct ir_inst *a, const struct ir_inst *c)
{
	return a->op == c->op && a->type == c->type && a->args[0] == c->args[0] &&
	       a->args[1] == c->args[1] && a->args[2] == c->args[2] && a->imm == c->imm;
}

/* Twice the table, with those entries that can still be found. */
static void
numbering_grow(struct builder *b)
{
	struct numbering *n = b->numbering;
	const uint32_t *old = n->table;
	uint32_t old_cap = n->table_cap;
	uint32_t cap = old_cap ? old_cap * 2 : FIRST_NUMBERS;
	uint32_t *table = arena_new_array(b->scratch, uint32_t, cap);

	if (!table) {
		ir_fail(b->fn, NB_OUT_OF_MEMORY);
		return;
	}
	n->table_count = 0;
	for (uint32_t i = 0; i < old_cap; i++) {
		uint64_t at;

		if (!old[i] || !is_on_path(n, b->fn->insts[old[i]].block))
			continue;
		at = number_hash(&b->fn->insts[old[i]]);
		while (table[at & (cap - 1)])
			at++;
		table[at & (cap - 1)] = old[i];
		n->table_count++;
	}
	n->table = table;
	n->table_cap = cap;
}

/* The place for *proto in the table: that of an equal instruction, whether
 * usable or not, or an empty one. NULL when exhausted. */
static uint32_t *
numbering_find(struct builder *b, const struct ir_inst *proto)
{
	struct numbering *n = b->numbering;
	uint32_t *place;

	if (n->table_count >= n->table_cap / 2)
		numbering_grow(b);
	if (b->fn->status != NB_OK)
		return NULL;
	for (uint64_t at = number_hash(proto);; at++) {
		place = &n->table[at & (n->table_cap - 1)];
		if (!*place || is_equal(&b->fn->insts[*place], proto))
			return place;
	}
}

uint32_t
build_append(struct builder *b, const struct ir_inst *proto)
{
	struct ir_inst *inst;
	uint32_t value = ir_new_inst(b->fn, proto->op, proto->type);

	if (value == 0)
		return 0;
	inst = &b->fn->insts[value];
	inst->flags = proto->flags;
	inst->args[0] = proto->args[0];
	inst->args[1] = proto->args[1];
	inst->args[2] = proto->args[2];
	inst->imm = proto->imm;
	inst->wasm_offset = build_offset(b);
	ir_append(b->fn, b->block, value);
	return value;
}

uint32_t
build_emit(struct builder *b, struct ir_inst *proto)
{
	struct numbering *n = b->numbering;
	const struct ir_op_info *info;
	uint32_t value = ir_simplify(b->fn, proto);
	uint32_t *place;

	if (value != IR_NONE)
		return value;
	info = ir_op_info(proto->op);
	if (info->flags & (IR_OP_CALL | IR_OP_END) || info->reads || info->writes ||
	    proto->op == IR_RESULT)
		return build_append(b, proto);
	place = numbering_find(b, proto);
	if (!place)
		return 0;
	if (*place && is_on_path(n, b->fn->insts[*place].block))
		return *place;
	if (!*place)
		n->table_count++;
	*place = build_append(b, proto);
	return *place;
}

uint32_t
build_unary(struct builder *b, enum ir_op op, enum ir_type type, uint32_t a)
{
	struct ir_inst proto = {
		.op = (uint8_t)op,
		.type = (uint8_t)type,
		.args = { a, IR_NONE, IR_NONE },
	};
	return build_emit(b, &proto);
}

uint32_t
build_binary(struct builder *b, enum ir_op op, enum ir_type type, uint32_t a, uint32_t c)
{
	struct ir_inst proto = {
		.op = (uint8_t)op,
		.type = (uint8_t)type,
		.args = { a, c, IR_NONE },
	};
	return build_emit(b, &proto);
}
