/*
 * What locals hold, from positions alone (see build_internal.h).
 *
 * A read looks for the last set before its place. Three things may stand
 * between the two, and each names the value instead: a loop that sets the local
 * later on (a parameter of its header), a join behind a construct around the
 * set (a parameter of the join, or the one value that all its edges bring), or
 * an else (the value at the if). Joins lie behind their edges, so asking for
 * the values of their edges ends; the questions wait on a stack of their own.
 * The operands of loop parameters are found at the very end.
 *
 * How many ways into joins are asked has a bound in proportion to the body, because
 * a body can have as many locals as branches to one label, each pair a
 * question. A body that passes it is built anew with its locals in the frame.
 */
#include "compiler/ir/build_internal.h"

/* A join whose edges are being asked. */
struct join_frame {
	uint32_t local, region;
	uint32_t edge;	      /* next one to ask, in builder.edges */
	uint32_t first_value; /* answers so far, in join_values */
};

enum {
	FIRST_MEMOS = 256,
	PARAM_QUESTIONS = 32, /* a parameter counts like so many: what it takes in memory */
};

static uint64_t
memo_key(uint32_t local, uint32_t region)
{
	return ((uint64_t)local << 32 | region) + 1;
}

/* The place of `key` in the table, or the empty one where it belongs. */
static struct memo *
memo_find(struct builder *b, uint64_t key)
{
	uint64_t at = key * UINT64_C(0x9e3779b97f4a7c15);

	at ^= at >> 32;
	while (b->memo[at & (b->memo_cap - 1)].key != 0) {
		if (b->memo[at & (b->memo_cap - 1)].key == key)
			break;
		at++;
	}
	return &b->memo[at & (b->memo_cap - 1)];
}

static void
memo_grow(struct builder *b)
{
	struct memo *old = b->memo;
	uint32_t old_cap = b->memo_cap;
	uint32_t cap = old_cap ? old_cap * 2 : FIRST_MEMOS;
	struct memo *table = arena_new_array(b->scratch, struct memo, cap);

	if (!table) {
		ir_fail(b->fn, NB_OUT_OF_MEMORY);
		return;
	}
	b->memo = table;
	b->memo_cap = cap;
	for (uint32_t i = 0; i < old_cap; i++)
		if (old[i].key != 0)
			*memo_find(b, old[i].key) = old[i];
}

static void
memo_add(struct builder *b, uint32_t local, uint32_t region, uint32_t value)
{
	struct memo *memo;

	if (b->memo_count >= b->memo_cap / 2)
		memo_grow(b);
	if (b->fn->status != NB_OK)
		return;
	memo = memo_find(b, memo_key(local, region));
	*memo = (struct memo){ memo_key(local, region), value };
	b->memo_count++;
}

/* The value noted for the pair, or IR_NONE. */
static uint32_t
memo_get(struct builder *b, uint32_t local, uint32_t region)
{
	const struct memo *memo;

	if (b->memo_cap == 0)
		return IR_NONE;
	memo = memo_find(b, memo_key(local, region));
	return memo->key ? memo->value : IR_NONE;
}

uint32_t
build_param(struct builder *b, uint32_t block, enum ir_type type)
{
	uint32_t param = ir_new_inst(b->fn, IR_PARAM, type);
	struct ir_block *target = &b->fn->blocks[block];

	if (param == 0)
		return 0;
	b->fn->insts[param].block = block;
	b->fn->insts[param].next = target->first_param ? target->first_param : IR_NONE;
	target->first_param = param;
	target->param_count++;
	return param;
}

void
build_add_pending(struct builder *b, uint32_t param, uint32_t region, uint32_t local)
{
	if (BUILD_GROW(b, pending, pending, 1))
		b->pending[b->pending_count++] = (struct pending_param){ param, region, local };
}

/* Counts questions; false, and the function has failed, if there were too many. */
static bool
may_ask(struct builder *b, uint32_t count)
{
	if (count > b->numbering->questions_left) {
		b->numbering->questions_left = 0;
		ir_fail(b->fn, NB_LIMIT_EXCEEDED);
		return false;
	}
	b->numbering->questions_left -= count;
	return true;
}

/* How many sets of the local stand before `position`. */
static uint32_t
sets_before(const struct builder *b, const struct build_local *local, uint32_t position)
{
	const struct local_set *sets = &b->sets[local->first_set];
	uint32_t low = 0;
	uint32_t high = local->passed;

	if (high == 0 || sets[high - 1].position < position)
		return high;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (sets[middle].position < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The innermost loop around a place that lasts beyond `position`; 0: none. */
static uint32_t
loop_lasting_beyond(const struct builder *b, uint32_t loop, uint32_t position)
{
	while (loop != 0 && b->regions[loop].end <= position) {
		uint32_t jump = b->regions[loop].jump;

		loop = b->regions[jump].end <= position ? jump : b->regions[loop].parent;
	}
	return loop;
}

/* The outermost region around `region` that ends before `position`, given that
 * `region` does. */
static uint32_t
outermost_closed(const struct builder *b, uint32_t region, uint32_t position)
{
	for (;;) {
		const struct region *r = &b->regions[region];

		if (b->regions[r->jump].end < position)
			region = r->jump;
		else if (b->regions[r->parent].end < position)
			region = r->parent;
		else
			return region;
	}
}

static uint32_t
loop_param(struct builder *b, uint32_t local, uint32_t loop)
{
	uint32_t param = memo_get(b, local, loop);

	if (param != IR_NONE)
		return param;
	if (!may_ask(b, PARAM_QUESTIONS))
		return 0;
	param = build_param(b, b->regions[loop].block, b->locals[local].type);
	memo_add(b, local, loop, param);
	build_add_pending(b, param, loop, local);
	return param;
}

/* One step of find_value: the answer, or IR_NONE with *join set, or IR_NONE
 * without when *place has become the place of an if to ask instead, whose then
 * part is *then. */
static uint32_t
find_step(struct builder *b, uint32_t local_idx, struct place *place, uint32_t *join,
	  uint32_t *then)
{
	const struct build_local *local = &b->locals[local_idx];
	uint32_t before = sets_before(b, local, place->position);
	const struct local_set *sets = &b->sets[local->first_set];
	const struct local_set *last = before ? &sets[before - 1] : NULL;
	uint32_t region;

	if (before < local->set_count) {
		uint32_t loop = loop_lasting_beyond(b, place->loop, sets[before].position);

		if (loop != 0 && (!last || b->regions[loop].start > last->position))
			return loop_param(b, local_idx, loop);
	}
	if (!last)
		return local->initial;
	if (b->regions[last->region].end >= place->position)
		return last->value;
	region = outermost_closed(b, last->region, place->position);
	if (b->regions[region].kind != REGION_THEN) {
		*join = region;
		return memo_get(b, local_idx, region);
	}
	*then = region;
	region = b->regions[region].parent;
	*place = (struct place){
		.position = b->regions[region].start,
		.region = b->regions[region].region,
		.loop = b->regions[region].loop,
	};
	return memo_get(b, local_idx, *then);
}

/* The value of the local at the place; or IR_NONE, and *join is a region whose
 * join must be asked (ask_join) before this is asked again. Behind an else the
 * value is noted under the then part: chains of else if ask one step back. */
static uint32_t
find_value(struct builder *b, uint32_t local, struct place place, uint32_t *join)
{
	uint32_t first_then = IR_NONE;
	uint32_t value;

	*join = IR_NONE;
	do {
		uint32_t then = IR_NONE;

		value = find_step(b, local, &place, join, &then);
		if (first_then == IR_NONE)
			first_then = then;
	} while (value == IR_NONE && *join == IR_NONE);
	if (value != IR_NONE && first_then != IR_NONE && memo_get(b, local, first_then) == IR_NONE)
		memo_add(b, local, first_then, value);
	return value;
}

static void
push_join(struct builder *b, uint32_t local, uint32_t region)
{
	if (!BUILD_GROW(b, joins, join, 1))
		return;
	b->joins[b->join_count++] = (struct join_frame){
		.local = local,
		.region = region,
		.edge = b->regions[region].first_edge,
		.first_value = b->join_value_count,
	};
}

/* All edges have answered: one value, or a parameter with those operands. */
static void
finish_join(struct builder *b)
{
	struct join_frame frame = b->joins[--b->join_count];
	const uint32_t *values = b->join_values + frame.first_value;
	uint32_t count = b->join_value_count - frame.first_value;
	uint32_t result = count ? values[0] : 0;
	uint32_t i = 1;

	b->join_value_count = frame.first_value;
	while (i < count && values[i] == result)
		i++;
	if (i < count) {
		uint32_t list = ir_new_list(b->fn, count);

		if (!may_ask(b, PARAM_QUESTIONS))
			return;
		result =
			build_param(b, b->regions[frame.region].block, b->locals[frame.local].type);
		if (b->fn->status != NB_OK)
			return;
		b->fn->insts[result].args[1] = list;
		b->fn->insts[result].args[2] = count;
		for (i = 0; i < count; i++)
			b->fn->lists[list + i] = values[i];
	}
	memo_add(b, frame.local, frame.region, result);
}

/* Finds and notes the value of a local behind a join. */
static void
ask_join(struct builder *b, uint32_t local, uint32_t region)
{
	uint32_t base = b->join_count;

	push_join(b, local, region);
	while (b->join_count > base && ir_tick(b->fn, 1) && may_ask(b, 1)) {
		struct join_frame *frame = &b->joins[b->join_count - 1];
		uint32_t value;

		if (frame->edge == IR_NONE) {
			finish_join(b);
			continue;
		}
		value = find_value(b, local, b->edges[frame->edge].place, &region);
		if (value == IR_NONE) {
			push_join(b, local, region);
			continue;
		}
		frame->edge = b->edges[frame->edge].next;
		if (BUILD_GROW(b, join_values, join_value, 1))
			b->join_values[b->join_value_count++] = value;
	}
}

static uint32_t
read_at(struct builder *b, uint32_t local, struct place place)
{
	uint32_t join;
	uint32_t value = find_value(b, local, place, &join);

	if (value != IR_NONE)
		return value;
	ask_join(b, local, join);
	value = memo_get(b, local, join);
	return value == IR_NONE ? 0 : value;
}

/* Reads or, with a `value`, sets a slot. */
static uint32_t
append_slot(struct builder *b, const struct build_local *local, uint32_t value)
{
	struct ir_inst proto = {
		.op = value == IR_NONE ? IR_FRAME_GET : IR_FRAME_SET,
		.type = (uint8_t)(value == IR_NONE ? local->type : IR_VOID),
		.args = { value, IR_NONE, IR_NONE },
		.imm = local->slot,
	};

	return build_append(b, &proto);
}

void
build_frame_locals(struct builder *b)
{
	if (!b->fn->frames_locals)
		return;
	for (uint32_t i = 0; i < b->local_count && b->fn->status == NB_OK; i++) {
		struct build_local *local = &b->locals[i];

		if (local->set_count == 0)
			continue;
		local->slot = b->fn->frame_slots;
		b->fn->frame_slots += local->type == IR_V128 ? 2 : 1;
		append_slot(b, local, local->initial);
	}
}

uint32_t
build_read_local(struct builder *b, uint32_t local)
{
	struct build_local *state = &b->locals[local];

	if (state->slot != IR_NONE)
		return append_slot(b, state, IR_NONE);
	if (state->epoch == b->epoch)
		return state->value;
	b->here.position = b->position;
	state->value = read_at(b, local, b->here);
	state->epoch = b->epoch;
	return state->value;
}

void
build_set_local(struct builder *b, uint32_t local, uint32_t value)
{
	struct build_local *state = &b->locals[local];

	b->sets[state->first_set + state->passed++].value = value;
	state->value = value;
	state->epoch = b->epoch;
	if (state->slot != IR_NONE)
		append_slot(b, state, value);
}

void
build_skip_set(struct builder *b, uint32_t local)
{
	b->locals[local].passed++;
}

/* Asks every edge of a loop header, or of another region, for its value. */
static void
finish_pending(struct builder *b, struct pending_param pending)
{
	const struct region *region = &b->regions[pending.region];
	uint32_t list = ir_new_list(b->fn, region->edge_count);
	uint32_t at = list;

	if (!(pending.local & LOCAL_EXPLICIT) && !may_ask(b, region->edge_count))
		return;
	if (b->fn->status != NB_OK)
		return;
	b->fn->insts[pending.param].args[1] = list;
	b->fn->insts[pending.param].args[2] = region->edge_count;
	for (uint32_t i = region->first_edge; i != IR_NONE; i = b->edges[i].next) {
		const struct build_edge *edge = &b->edges[i];
		uint32_t value;

		if (pending.local & LOCAL_EXPLICIT)
			value = b->values[edge->first_value + (pending.local & ~LOCAL_EXPLICIT)];
		else
			value = read_at(b, pending.local, edge->place);
		b->fn->lists[at++] = value;
	}
}

/* Turns the chain of a block's parameters into a list, and the parameters'
 * operands into the edges' arguments. */
static void
finish_region(struct builder *b, const struct region *region)
{
	struct ir_function *fn = b->fn;
	uint32_t count = fn->blocks[region->block].param_count;
	uint32_t param = fn->blocks[region->block].first_param;
	uint64_t arg_count = (uint64_t)count * region->edge_count;
	uint32_t params = ir_new_list(fn, count);
	uint32_t args = ir_new_list(fn, arg_count < IR_NONE ? (uint32_t)arg_count : IR_NONE);

	if (fn->status != NB_OK)
		return;
	fn->blocks[region->block].first_param = params;
	for (uint32_t i = 0; i < count; i++) {
		struct ir_inst *inst = &fn->insts[param];
		uint32_t next = inst->next;

		fn->lists[params + i] = param;
		for (uint32_t k = 0; k < region->edge_count; k++)
			fn->lists[args + k * count + i] = fn->lists[inst->args[1] + k];
		inst->imm = i;
		inst->args[1] = IR_NONE;
		inst->args[2] = IR_NONE;
		inst->next = IR_NONE;
		param = next;
	}
	for (uint32_t i = region->first_edge; i != IR_NONE; i = b->edges[i].next) {
		if (b->edges[i].edge == IR_NONE)
			continue;
		fn->edges[b->edges[i].edge].first_arg = args;
		fn->edges[b->edges[i].edge].arg_count = count;
		args += count;
	}
}

void
build_finish_params(struct builder *b)
{
	for (uint32_t i = 0; i < b->pending_count; i++)
		if (ir_tick(b->fn, 1 + b->regions[b->pending[i].region].edge_count))
			finish_pending(b, b->pending[i]);
	for (uint32_t i = 0; i < b->region_count && ir_tick(b->fn, 1); i++)
		if (b->regions[i].block != IR_NONE &&
		    b->fn->blocks[b->regions[i].block].param_count)
			finish_region(b, &b->regions[i]);
}
