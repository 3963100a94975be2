/*
 * Instructions of the present block: simplified and numbered before they are
 * made. A value may stand for an equal operation if its block dominates the
 * present one, which is so exactly if it is still on the path of dominators
 * that the builder keeps; entries of the table that are not are overwritten
 * when met.
 */
#include "compiler/ir/build_internal.h"

#include "compiler/ir/simplify.h"

enum { FIRST_NUMBERS = 512 };

static bool
is_on_path(const struct builder *b, uint32_t block)
{
	uint32_t pos = b->blocks[block].path_pos;

	return pos < b->path_count && b->path[pos] == block;
}

/* True if `a` dominates `c`. */
static bool
dominates(const struct builder *b, uint32_t a, uint32_t c)
{
	uint32_t depth = b->blocks[a].depth;

	while (b->blocks[c].depth > depth) {
		uint32_t jump = b->blocks[c].jump;

		c = b->blocks[jump].depth >= depth ? jump : b->blocks[c].idom;
	}
	return a == c;
}

uint32_t
build_common_dominator(const struct builder *b, uint32_t a, uint32_t c)
{
	const struct build_block *blocks = b->blocks;

	if (blocks[a].depth < blocks[c].depth) {
		uint32_t deeper = c;

		c = a;
		a = deeper;
	}
	while (blocks[a].depth > blocks[c].depth)
		a = blocks[blocks[a].jump].depth >= blocks[c].depth ? blocks[a].jump :
								      blocks[a].idom;
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
	struct build_block *info;
	const struct build_block *parent;
	const struct build_block *jump;

	if (block >= b->block_count) {
		if (!BUILD_GROW(b, blocks, block, block + 1 - b->block_count))
			return;
		b->block_count = block + 1;
	}
	if (!BUILD_GROW(b, path, path, 1))
		return;
	info = &b->blocks[block];
	parent = &b->blocks[idom];
	jump = &b->blocks[parent->jump];
	info->idom = idom;
	info->depth = block == idom ? 0 : parent->depth + 1;
	info->jump = idom;
	if (parent->depth - jump->depth == jump->depth - b->blocks[jump->jump].depth)
		info->jump = jump->jump;
	if (block == idom)
		b->path_count = 0;
	else if (is_on_path(b, idom))
		b->path_count = parent->path_pos + 1;
	while (b->path_count && !dominates(b, b->path[b->path_count - 1], idom))
		b->path_count--;
	info->path_pos = b->path_count;
	b->path[b->path_count++] = block;
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
	const uint32_t *old = b->numbering;
	uint32_t old_cap = b->numbering_cap;
	uint32_t cap = old_cap ? old_cap * 2 : FIRST_NUMBERS;
	uint32_t *table = arena_new_array(b->scratch, uint32_t, cap);

	if (!table) {
		ir_fail(b->fn, NB_OUT_OF_MEMORY);
		return;
	}
	b->numbering_count = 0;
	for (uint32_t i = 0; i < old_cap; i++) {
		uint64_t at;

		if (!old[i] || !is_on_path(b, b->fn->insts[old[i]].block))
			continue;
		at = number_hash(&b->fn->insts[old[i]]);
		while (table[at & (cap - 1)])
			at++;
		table[at & (cap - 1)] = old[i];
		b->numbering_count++;
	}
	b->numbering = table;
	b->numbering_cap = cap;
}

/* The place for *proto in the table: that of an equal instruction, whether
 * usable or not, or an empty one. NULL when exhausted. */
static uint32_t *
numbering_find(struct builder *b, const struct ir_inst *proto)
{
	uint32_t *place;

	if (b->numbering_count >= b->numbering_cap / 2)
		numbering_grow(b);
	if (b->fn->status != NB_OK)
		return NULL;
	for (uint64_t at = number_hash(proto);; at++) {
		place = &b->numbering[at & (b->numbering_cap - 1)];
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
	inst->wasm_offset = b->position - b->code->offset;
	ir_append(b->fn, b->block, value);
	return value;
}

uint32_t
build_emit(struct builder *b, struct ir_inst *proto)
{
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
	if (*place && is_on_path(b, b->fn->insts[*place].block))
		return *place;
	if (!*place)
		b->numbering_count++;
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
