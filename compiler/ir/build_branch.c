/*
 * Ways out of blocks: br, br_if, br_table, return, unreachable.
 */
#include "compiler/ir/build_internal.h"

#include "abi/trap.h"

void
build_leave(struct builder *b)
{
	b->block = IR_NONE;
}

static uint32_t
label_arity(const struct frame *frame)
{
	return frame->kind == REGION_LOOP ? frame->type->param_count : frame->type->result_count;
}

void
build_join_edge(struct builder *b, uint32_t region, uint32_t edge, const struct place *from,
		const uint32_t *values, uint32_t count)
{
	struct region *target = &b->regions[region];
	struct build_edge *added;

	if (!BUILD_GROW(b, edges, edge, 1) || !BUILD_GROW(b, values, value, count))
		return;
	if (edge != IR_NONE) {
		if (target->block == IR_NONE)
			target->block = ir_new_block(b->fn);
		ir_edge_connect(b->fn, edge, target->block);
	}
	added = &b->edges[b->edge_count];
	*added = (struct build_edge){
		.edge = edge,
		.next = target->first_edge,
		.first_value = b->value_count,
		.place = *from,
	};
	target->first_edge = b->edge_count++;
	target->edge_count++;
	for (uint32_t i = 0; i < count; i++)
		b->values[b->value_count++] = values[i];
}

/* Like build_join_edge, from here with the topmost values of the stack. */
static void
join_from_here(struct builder *b, uint32_t region, uint32_t edge, uint32_t count)
{
	b->here.position = b->position;
	build_join_edge(b, region, edge, &b->here, b->stack + b->stack_count - count, count);
}

/* Ends the present block with an instruction that has `count` edges; returns
 * the first one. */
static uint32_t
end_with_edges(struct builder *b, struct ir_inst proto, uint32_t count)
{
	uint32_t first = ir_new_edges(b->fn, b->block, count);

	proto.args[1] = first;
	proto.args[2] = count;
	build_append(b, &proto);
	return first;
}

void
build_jump(struct builder *b, uint32_t region, uint32_t count)
{
	struct ir_inst jump = { .op = IR_JUMP, .args = { IR_NONE, 0, 0 } };

	join_from_here(b, region, end_with_edges(b, jump, 1), count);
	build_leave(b);
}

void
build_jump_block(struct builder *b, uint32_t block, uint32_t args, uint32_t count)
{
	struct ir_inst jump = { .op = IR_JUMP, .args = { IR_NONE, 0, 0 } };
	uint32_t edge = end_with_edges(b, jump, 1);

	if (b->fn->status != NB_OK)
		return;
	ir_edge_connect(b->fn, edge, block);
	b->fn->edges[edge].first_arg = args;
	b->fn->edges[edge].arg_count = count;
}

void
build_unreachable(struct builder *b)
{
	struct ir_inst trap = {
		.op = IR_TRAP,
		.args = { IR_NONE, IR_NONE, IR_NONE },
		.imm = NB_TRAP_UNREACHABLE,
	};

	build_append(b, &trap);
	build_leave(b);
}

void
build_return(struct builder *b)
{
	uint32_t count = b->frames[0].type->result_count;
	struct ir_inst ret = { .op = IR_RETURN, .args = { IR_NONE, 0, count } };
	uint32_t list;

	if (b->returns_to_caller) {
		build_jump(b, 0, count);
		return;
	}
	list = ir_new_list(b->fn, count);
	if (b->fn->status != NB_OK)
		return;
	ret.args[1] = list;
	for (uint32_t i = 0; i < count; i++)
		b->fn->lists[list + i] = b->stack[b->stack_count - count + i];
	build_append(b, &ret);
	build_leave(b);
}

/* Connects an edge that leaves the present block to the label's target; to
 * the function's label it leads by way of a block that returns. */
static void
connect_label(struct builder *b, uint32_t frame_idx, uint32_t edge)
{
	const struct frame *frame = &b->frames[frame_idx];
	uint32_t block = b->block;

	if (frame_idx != 0 || b->returns_to_caller) {
		join_from_here(b, frame->region, edge, label_arity(frame));
		return;
	}
	b->block = ir_new_block(b->fn);
	ir_edge_connect(b->fn, edge, b->block);
	build_return(b);
	b->block = block;
}

static void
branch_to_frame(struct builder *b, uint32_t frame_idx)
{
	if (frame_idx == 0)
		build_return(b);
	else
		build_jump(b, b->frames[frame_idx].region, label_arity(&b->frames[frame_idx]));
}

void
build_br(struct builder *b, uint32_t label)
{
	branch_to_frame(b, build_label_frame(b, label));
}

uint32_t
build_cond_edges(struct builder *b, uint32_t cond, uint32_t *other)
{
	uint32_t zero = ir_const(b->fn, IR_I32, 0);
	const struct ir_inst *inst = &b->fn->insts[cond];
	struct ir_inst branch = { .op = IR_BRANCH, .args = { cond, 0, 0 } };
	bool is_swapped = false;
	uint32_t first;

	if ((inst->op == IR_EQ || inst->op == IR_NE) && inst->args[1] == zero) {
		is_swapped = inst->op == IR_EQ;
		branch.args[0] = inst->args[0];
	}
	first = end_with_edges(b, branch, 2);
	*other = is_swapped ? first : first + 1;
	return is_swapped ? first + 1 : first;
}

/* Goes on in a new block at the end of `edge`, which leaves the present one. */
static void
continue_behind(struct builder *b, uint32_t edge)
{
	uint32_t block = ir_new_block(b->fn);

	ir_edge_connect(b->fn, edge, block);
	build_enter_block(b, block, b->block);
}

static void
branch_if(struct builder *b, uint32_t cond, uint32_t frame_idx)
{
	uint32_t taken, other;

	if (b->fn->insts[cond].op == IR_CONST && build_decides(b)) {
		if (b->fn->insts[cond].imm)
			branch_to_frame(b, frame_idx);
		return;
	}
	taken = build_cond_edges(b, cond, &other);
	connect_label(b, frame_idx, taken);
	continue_behind(b, other);
}

void
build_br_if(struct builder *b, uint32_t label)
{
	uint32_t cond = build_pop(b);

	branch_if(b, cond, build_label_frame(b, label));
}

/* Whether a reference on the stack is null. */
static uint32_t
is_null(struct builder *b, uint32_t reference)
{
	return build_binary(b, IR_EQ, IR_I32, reference, ir_const(b->fn, IR_I32, 0));
}

void
build_br_on_null(struct builder *b, uint32_t label)
{
	uint32_t reference = build_pop(b);

	branch_if(b, is_null(b, reference), build_label_frame(b, label));
	if (b->block != IR_NONE)
		build_push(b, reference);
}

void
build_br_on_non_null(struct builder *b, uint32_t label)
{
	uint32_t null = is_null(b, build_top(b));
	uint32_t cond = build_binary(b, IR_EQ, IR_I32, null, ir_const(b->fn, IR_I32, 0));

	branch_if(b, cond, build_label_frame(b, label));
	if (b->block != IR_NONE)
		build_pop(b);
}

/* Reads the targets into a list of frames, then of edges of the switch, equal
 * ones sharing one; returns the number of edges. */
static uint32_t
number_targets(struct builder *b, uint32_t list, uint32_t count)
{
	uint32_t edges = 0;

	if (b->table_edge_count < b->frame_count) {
		uint32_t old = b->table_edge_count;

		if (!BUILD_GROW(b, table_edges, table_edge, b->frame_count - old))
			return 0;
		for (uint32_t i = old; i < b->frame_count; i++)
			b->table_edges[i] = IR_NONE;
		b->table_edge_count = b->frame_count;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *edge = &b->table_edges[b->fn->lists[list + i]];

		if (*edge == IR_NONE)
			*edge = edges++;
	}
	return edges;
}

/* The switch, once the list holds frames and table_edges their edges. */
static void
emit_switch(struct builder *b, uint32_t index, uint32_t list, uint32_t count)
{
	uint32_t edges = number_targets(b, list, count);
	struct ir_inst proto = {
		.op = IR_SWITCH,
		.args = { index, 0, 0 },
		.imm = count | (uint64_t)list << 32,
	};
	uint32_t first = end_with_edges(b, proto, edges);
	uint32_t connected = 0;

	if (b->fn->status != NB_OK)
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t frame_idx = b->fn->lists[list + i];

		if (b->table_edges[frame_idx] == connected)
			connect_label(b, frame_idx, first + connected++);
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t frame_idx = b->fn->lists[list + i];

		b->fn->lists[list + i] = b->table_edges[frame_idx];
	}
}

/* Forgets the edges of the frames; the targets are read once more. */
static void
forget_targets(struct builder *b, struct wasm_reader reader, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		b->table_edges[build_label_frame(b, wasm_read_u32(&reader))] = IR_NONE;
}

void
build_br_table(struct builder *b)
{
	uint32_t count = wasm_read_u32(&b->reader) + 1; /* with the default */
	uint32_t index = build_pop(b);
	uint32_t list = ir_new_list(b->fn, count);
	struct wasm_reader targets = b->reader;
	const struct ir_inst *inst = &b->fn->insts[index];
	bool is_uniform = true;

	if (b->fn->status != NB_OK)
		return;
	for (uint32_t i = 0; i < count; i++) {
		b->fn->lists[list + i] = build_label_frame(b, wasm_read_u32(&b->reader));
		is_uniform = is_uniform && b->fn->lists[list + i] == b->fn->lists[list];
	}
	if (is_uniform) {
		branch_to_frame(b, b->fn->lists[list]);
	} else if (inst->op == IR_CONST && build_decides(b)) {
		uint32_t which = inst->imm < count ? (uint32_t)inst->imm : count - 1;

		branch_to_frame(b, b->fn->lists[list + which]);
	} else if (count == 2) {
		branch_if(b, index, b->fn->lists[list + 1]);
		branch_to_frame(b, b->fn->lists[list]);
	} else {
		emit_switch(b, index, list, count);
		if (b->fn->status == NB_OK)
			forget_targets(b, targets, count);
		build_leave(b);
	}
}
