/*
 * Building and changing the IR: arrays that grow, lists, edges, aliases.
 */
#include "compiler/ir/edit.h"

#include "lib/string.h"

enum {
	FIRST_BLOCKS = 16,
	FIRST_EDGES = 32,
	FIRST_LISTS = 64,
	FIRST_CONSTS = 64,
};

void
ir_fail(struct ir_function *fn, enum nb_status status)
{
	if (fn->status == NB_OK)
		fn->status = status;
}

bool
ir_tick_poll(struct ir_function *fn)
{
	fn->ticker->steps = 0;
	ir_fail(fn, fn->ticker->poll(fn->ticker->context));
	return fn->status == NB_OK;
}

/* Makes room for `more` elements behind `count`; false when exhausted. */
static bool
grow(struct ir_function *fn, void **array, uint32_t count, uint32_t *cap, uint32_t more,
     uint32_t size)
{
	uint64_t need = (uint64_t)count + more;
	uint64_t wish = (uint64_t)*cap + *cap / 2;
	void *moved;

	if (need <= *cap)
		return true;
	if (wish < need)
		wish = need;
	if (fn->status == NB_OK && wish < IR_NONE) {
		moved = arena_extend_array(fn->arena, *array, *cap, wish, size, 8);
		if (moved) {
			*array = moved;
			*cap = (uint32_t)wish;
			return true;
		}
	}
	ir_fail(fn, NB_OUT_OF_MEMORY);
	return false;
}

#define GROW(fn, array, noun, more)                                                      \
	grow((fn), (void **)&(fn)->array, (fn)->noun##_count, &(fn)->noun##_cap, (more), \
	     sizeof(*(fn)->array))

enum nb_status
ir_function_init(struct ir_function *fn, uint32_t size_hint)
{
	*fn = (struct ir_function){
		.arena = fn->arena,
		.module = fn->module,
		.type = fn->type,
		.func_idx = fn->func_idx,
		.ticker = fn->ticker,
		.is_strict = fn->is_strict,
		.calls_bulk = fn->calls_bulk,
		.frames_locals = fn->frames_locals,
		.rules = fn->rules,
	};
	if (!GROW(fn, insts, inst, size_hint + 64) || !GROW(fn, blocks, block, FIRST_BLOCKS) ||
	    !GROW(fn, edges, edge, FIRST_EDGES) || !GROW(fn, lists, list, FIRST_LISTS))
		return fn->status;
	fn->consts = arena_new_array(fn->arena, uint32_t, FIRST_CONSTS);
	if (!fn->consts) {
		ir_fail(fn, NB_OUT_OF_MEMORY);
		return fn->status;
	}
	fn->const_cap = FIRST_CONSTS;
	fn->insts[0] = (struct ir_inst){ .op = IR_GONE, .block = IR_NONE };
	fn->inst_count = 1;
	ir_new_block(fn);
	return NB_OK;
}

uint32_t
ir_new_block(struct ir_function *fn)
{
	if (!GROW(fn, blocks, block, 1))
		return 0;
	fn->is_analyzed = false;
	fn->blocks[fn->block_count] = (struct ir_block){
		.first_inst = IR_NONE,
		.last_inst = IR_NONE,
		.first_pred = IR_NONE,
		.position = IR_NONE,
		.idom = IR_NONE,
		.loop_header = IR_NONE,
		.frequency = 1,
	};
	return fn->block_count++;
}

uint32_t
ir_new_inst(struct ir_function *fn, enum ir_op op, enum ir_type type)
{
	if (__builtin_expect(fn->inst_count == fn->inst_cap, 0) && !GROW(fn, insts, inst, 1))
		return 0;
	fn->insts[fn->inst_count] = (struct ir_inst){
		.op = (uint8_t)op,
		.type = (uint8_t)type,
		.block = IR_NONE,
		.args = { IR_NONE, IR_NONE, IR_NONE },
		.prev = IR_NONE,
		.next = IR_NONE,
	};
	return fn->inst_count++;
}

static uint64_t
const_hash(enum ir_type type, uint64_t bits)
{
	uint64_t hash = (bits + (uint64_t)type) * UINT64_C(0x9e3779b97f4a7c15);

	return hash ^ hash >> 29;
}

static uint64_t
vector_hash(const struct ir_v128 *vector)
{
	uint64_t halves[2];

	memcpy(halves, vector->bytes, sizeof(halves));
	return const_hash(IR_V128, halves[0] ^ const_hash(IR_V128, halves[1]));
}

/* Doubles the table of constants. */
static bool
grow_consts(struct ir_function *fn)
{
	uint32_t cap = fn->const_cap * 2;
	uint32_t *table = arena_new_array(fn->arena, uint32_t, cap);

	if (!table) {
		ir_fail(fn, NB_OUT_OF_MEMORY);
		return false;
	}
	for (uint32_t i = 0; i < fn->const_cap; i++) {
		uint32_t value = fn->consts[i];
		uint64_t at;

		if (value == 0)
			continue;
		if (fn->insts[value].type == IR_V128)
			at = vector_hash(&fn->vectors[fn->insts[value].imm]);
		else
			at = const_hash(fn->insts[value].type, fn->insts[value].imm);
		while (table[at & (cap - 1)] != 0)
			at++;
		table[at & (cap - 1)] = value;
	}
	fn->consts = table;
	fn->const_cap = cap;
	return true;
}

/* A constant that `at`, an empty place of the table, is for. */
static uint32_t
new_const(struct ir_function *fn, enum ir_type type, uint64_t imm, uint64_t at)
{
	uint32_t value = fn->status == NB_OK ? ir_new_inst(fn, IR_CONST, type) : 0;

	if (value == 0)
		return 0;
	fn->insts[value].imm = imm;
	fn->consts[at & (fn->const_cap - 1)] = value;
	if (++fn->const_count > fn->const_cap / 2)
		(void)grow_consts(fn);
	return value;
}

uint32_t
ir_const(struct ir_function *fn, enum ir_type type, uint64_t bits)
{
	uint64_t at;
	uint32_t value;

	if (ir_type_bits(type) == 32)
		bits = (uint32_t)bits;
	for (at = const_hash(type, bits);; at++) {
		value = fn->consts[at & (fn->const_cap - 1)];
		if (value == 0)
			break;
		if (fn->insts[value].type == type && fn->insts[value].imm == bits)
			return value;
	}
	return new_const(fn, type, bits, at);
}

uint32_t
ir_const_v128(struct ir_function *fn, const struct ir_v128 *bits)
{
	struct ir_v128 copy = *bits; /* it may be in the table, which may move */
	uint64_t at;
	uint32_t value;

	for (at = vector_hash(&copy);; at++) {
		value = fn->consts[at & (fn->const_cap - 1)];
		if (value == 0)
			break;
		if (fn->insts[value].type == IR_V128 &&
		    memcmp(&fn->vectors[fn->insts[value].imm], &copy, sizeof(copy)) == 0)
			return value;
	}
	if (!GROW(fn, vectors, vector, 1))
		return 0;
	fn->vectors[fn->vector_count] = copy;
	return new_const(fn, IR_V128, fn->vector_count++, at);
}

uint32_t
ir_zero(struct ir_function *fn, enum ir_type type)
{
	static const struct ir_v128 zero;

	return type == IR_V128 ? ir_const_v128(fn, &zero) : ir_const(fn, type, 0);
}

uint32_t
ir_new_list(struct ir_function *fn, uint32_t count)
{
	uint32_t first = fn->list_count;

	if (count == IR_NONE || !GROW(fn, lists, list, count))
		return IR_NONE;
	fn->list_count += count;
	return first;
}

uint32_t
ir_new_edges(struct ir_function *fn, uint32_t from, uint32_t count)
{
	uint32_t first = fn->edge_count;

	if (!GROW(fn, edges, edge, count))
		return 0;
	for (uint32_t i = 0; i < count; i++)
		fn->edges[first + i] = (struct ir_edge){
			.from = from,
			.to = IR_NONE,
			.next_pred = IR_NONE,
			.prev_pred = IR_NONE,
		};
	fn->edge_count += count;
	return first;
}

void
ir_edge_connect(struct ir_function *fn, uint32_t edge, uint32_t to)
{
	struct ir_edge *e;
	struct ir_block *block = &fn->blocks[to];

	if (fn->status != NB_OK)
		return;
	fn->is_analyzed = false;
	e = &fn->edges[edge];
	e->to = to;
	e->prev_pred = IR_NONE;
	e->next_pred = block->first_pred;
	if (block->first_pred != IR_NONE)
		fn->edges[block->first_pred].prev_pred = edge;
	block->first_pred = edge;
}

void
ir_edge_disconnect(struct ir_function *fn, uint32_t edge)
{
	struct ir_edge *e = &fn->edges[edge];

	if (fn->status != NB_OK || e->to == IR_NONE)
		return;
	fn->is_analyzed = false;
	if (e->prev_pred != IR_NONE)
		fn->edges[e->prev_pred].next_pred = e->next_pred;
	else
		fn->blocks[e->to].first_pred = e->next_pred;
	if (e->next_pred != IR_NONE)
		fn->edges[e->next_pred].prev_pred = e->prev_pred;
	e->to = IR_NONE;
	e->prev_pred = IR_NONE;
	e->next_pred = IR_NONE;
}

void
ir_append(struct ir_function *fn, uint32_t block, uint32_t inst)
{
	struct ir_block *b = &fn->blocks[block];
	struct ir_inst *i = &fn->insts[inst];

	if (fn->status != NB_OK)
		return;
	i->block = block;
	i->prev = b->last_inst;
	i->next = IR_NONE;
	if (b->last_inst != IR_NONE)
		fn->insts[b->last_inst].next = inst;
	else
		b->first_inst = inst;
	b->last_inst = inst;
}

void
ir_insert_before(struct ir_function *fn, uint32_t before, uint32_t inst)
{
	struct ir_inst *next = &fn->insts[before];
	struct ir_inst *i = &fn->insts[inst];

	if (fn->status != NB_OK)
		return;
	i->block = next->block;
	i->prev = next->prev;
	i->next = before;
	if (next->prev != IR_NONE)
		fn->insts[next->prev].next = inst;
	else
		fn->blocks[next->block].first_inst = inst;
	next->prev = inst;
}

void
ir_unlink(struct ir_function *fn, uint32_t inst)
{
	struct ir_inst *i = &fn->insts[inst];
	struct ir_block *b;

	if (fn->status != NB_OK || i->block == IR_NONE)
		return;
	b = &fn->blocks[i->block];
	if (i->prev != IR_NONE)
		fn->insts[i->prev].next = i->next;
	else
		b->first_inst = i->next;
	if (i->next != IR_NONE)
		fn->insts[i->next].prev = i->prev;
	else
		b->last_inst = i->prev;
	i->block = IR_NONE;
	i->prev = IR_NONE;
	i->next = IR_NONE;
}

void
ir_remove(struct ir_function *fn, uint32_t inst)
{
	ir_unlink(fn, inst);
	fn->insts[inst].op = IR_GONE;
	fn->insts[inst].type = IR_VOID;
}

void
ir_remove_terminator(struct ir_function *fn, uint32_t block)
{
	uint32_t last = fn->blocks[block].last_inst;
	uint32_t count = ir_inst_edge_count(&fn->insts[last]);

	for (uint32_t i = 0; i < count; i++)
		ir_edge_disconnect(fn, fn->insts[last].args[1] + i);
	ir_remove(fn, last);
}

uint32_t
ir_append_jump(struct ir_function *fn, uint32_t block, uint32_t to, uint32_t wasm_offset)
{
	uint32_t edge = ir_new_edges(fn, block, 1);
	uint32_t jump = ir_new_inst(fn, IR_JUMP, IR_VOID);

	fn->insts[jump].args[1] = edge;
	fn->insts[jump].args[2] = 1;
	fn->insts[jump].wasm_offset = wasm_offset;
	ir_edge_connect(fn, edge, to);
	ir_append(fn, block, jump);
	return edge;
}

void
ir_replace(struct ir_function *fn, uint32_t old, uint32_t value)
{
	struct ir_inst *inst = &fn->insts[old];

	if (fn->status != NB_OK)
		return;
	if (inst->block != IR_NONE && inst->op != IR_PARAM)
		ir_unlink(fn, old);
	inst->op = IR_ALIAS;
	inst->block = IR_NONE;
	inst->args[0] = value;
}

uint32_t
ir_resolve(struct ir_function *fn, uint32_t value)
{
	uint32_t end = value;

	if (__builtin_expect(fn->insts[value].op != IR_ALIAS, 1))
		return value;
	while (fn->insts[end].op == IR_ALIAS)
		end = fn->insts[end].args[0];
	while (fn->insts[value].op == IR_ALIAS) {
		uint32_t next = fn->insts[value].args[0];

		fn->insts[value].args[0] = end;
		value = next;
	}
	return end;
}

static inline void
resolve_use(void *context, uint32_t *value)
{
	*value = ir_resolve(context, *value);
}

void
ir_resolve_all(struct ir_function *fn)
{
	for (uint32_t b = 0; b < fn->block_count && ir_tick(fn, 1); b++)
		for (uint32_t i = fn->blocks[b].first_inst; i != IR_NONE; i = fn->insts[i].next)
			ir_for_each_use(fn, i, resolve_use, fn);
}
