/*
 * Constructs: block, loop, if, else, end; and unreachable code, in which only
 * their nesting and the numbering of regions and sets is followed.
 */
#include "compiler/ir/build_internal.h"

void
build_push(struct builder *b, uint32_t value)
{
	if (BUILD_GROW(b, stack, stack, 1))
		b->stack[b->stack_count++] = value;
}

/* After a failure the stack may be short of what the body says. */
uint32_t
build_pop(struct builder *b)
{
	return b->stack_count ? b->stack[--b->stack_count] : 0;
}

/* A frame for the construct whose parameters are on the stack. */
static struct frame *
push_frame(struct builder *b, enum region_kind kind, const struct wasm_functype *type)
{
	struct frame *frame;

	b->here.position = b->position;
	if (!BUILD_GROW(b, frames, frame, 1))
		return NULL;
	frame = &b->frames[b->frame_count++];
	*frame = (struct frame){
		.region = b->next_region++,
		.base = b->stack_count - type->param_count,
		.else_edge = IR_NONE,
		.else_block = IR_NONE,
		.place = b->here,
		.type = type,
		.kind = (uint8_t)kind,
	};
	return frame;
}

void
build_begin_body(struct builder *b)
{
	struct frame *frame =
		push_frame(b, REGION_BODY, wasm_module_function_type(b->module, b->func_idx));

	if (!frame)
		return;
	frame->base = 0;
	if (b->caller)
		return;
	build_enter_block(b, 0, 0);
	if (b->has_tail_call)
		build_restart_block(b);
}

static void
build_block(struct builder *b)
{
	struct frame *frame =
		push_frame(b, REGION_BLOCK, wasm_read_block_type(&b->reader, b->module));

	if (frame && b->regions[frame->region].is_target)
		b->here.region = frame->region;
}

static void
build_loop(struct builder *b)
{
	const struct wasm_functype *type = wasm_read_block_type(&b->reader, b->module);
	struct frame *frame = push_frame(b, REGION_LOOP, type);
	uint32_t before = b->block;
	uint32_t region;

	if (!frame || !b->regions[frame->region].is_target)
		return;
	region = frame->region;
	build_jump(b, region, type->param_count);
	if (b->fn->status != NB_OK)
		return;
	build_enter_block(b, b->regions[region].block, before);
	for (uint32_t i = 0; i < type->param_count; i++) {
		uint32_t *value = &b->stack[b->stack_count - type->param_count + i];

		*value = build_param(b, b->block, b->fn->insts[*value].type);
		build_add_pending(b, *value, region, LOCAL_EXPLICIT | i);
	}
	b->here.loop = region;
	b->epoch++;
}

/* Keeps the values of an if's parameters for its else. */
static void
save_params(struct builder *b, struct frame *frame)
{
	uint32_t count = frame->type->param_count;

	frame->first_param = b->value_count;
	if (!BUILD_GROW(b, values, value, count))
		return;
	for (uint32_t i = 0; i < count; i++)
		b->values[b->value_count++] = b->stack[frame->base + i];
}

static void
build_if(struct builder *b)
{
	uint32_t cond = build_pop(b);
	struct frame *frame = push_frame(b, REGION_IF, wasm_read_block_type(&b->reader, b->module));
	uint32_t then_edge, block;

	if (!frame)
		return;
	save_params(b, frame);
	b->here.region = b->next_region++;
	if (b->fn->insts[cond].op == IR_CONST && build_decides(b)) {
		if (b->fn->insts[cond].imm)
			return;
		frame->else_block = b->block;
		build_leave(b);
		return;
	}
	then_edge = build_cond_edges(b, cond, &frame->else_edge);
	block = ir_new_block(b->fn);
	ir_edge_connect(b->fn, then_edge, block);
	build_enter_block(b, block, b->block);
}

static void
build_else(struct builder *b)
{
	struct frame *frame = &b->frames[b->frame_count - 1];
	uint32_t param_count = frame->type->param_count;

	if (b->block != IR_NONE)
		build_jump(b, frame->region, frame->type->result_count);
	frame->in_else = true;
	b->here = frame->place;
	b->here.region = b->next_region++;
	b->epoch++;
	b->stack_count = frame->base;
	for (uint32_t i = 0; i < param_count; i++)
		build_push(b, b->values[frame->first_param + i]);
	if (frame->else_edge != IR_NONE) {
		uint32_t block = ir_new_block(b->fn);

		ir_edge_connect(b->fn, frame->else_edge, block);
		build_enter_block(b, block, b->fn->edges[frame->else_edge].from);
	} else {
		b->block = frame->else_block;
	}
}

/* The block that dominates all edges into a region. */
static uint32_t
edges_dominator(const struct builder *b, const struct region *region)
{
	uint32_t idom = IR_NONE;

	for (uint32_t i = region->first_edge; i != IR_NONE; i = b->edges[i].next) {
		uint32_t from;

		if (b->edges[i].edge == IR_NONE)
			continue;
		from = b->fn->edges[b->edges[i].edge].from;
		idom = idom == IR_NONE ? from : build_common_dominator(b, idom, from);
	}
	return idom;
}

/* Result `which` behind a region: what all edges bring, or a parameter. */
static uint32_t
join_result(struct builder *b, const struct region *region, uint32_t which)
{
	uint32_t first = b->values[b->edges[region->first_edge].first_value + which];
	uint32_t i = region->first_edge;
	uint32_t param, list;

	while (i != IR_NONE && b->values[b->edges[i].first_value + which] == first)
		i = b->edges[i].next;
	if (i == IR_NONE)
		return first;
	param = build_param(b, region->block, b->fn->insts[first].type);
	list = ir_new_list(b->fn, region->edge_count);
	if (b->fn->status != NB_OK)
		return 0;
	b->fn->insts[param].args[1] = list;
	b->fn->insts[param].args[2] = region->edge_count;
	for (i = region->first_edge; i != IR_NONE; i = b->edges[i].next)
		b->fn->lists[list++] = b->values[b->edges[i].first_value + which];
	return param;
}

/* An if without else: its false edge brings the parameters to the join. */
static void
join_missing_else(struct builder *b, const struct frame *frame)
{
	uint32_t count = frame->type->param_count;

	if (frame->else_edge != IR_NONE) {
		/* Room first: the values to be copied are in the array that grows. */
		if (!BUILD_GROW(b, values, value, count))
			return;
		build_join_edge(b, frame->region, frame->else_edge, &frame->place,
				b->values + frame->first_param, count);
		return;
	}
	if (frame->else_block == IR_NONE)
		return;
	b->block = frame->else_block;
	b->stack_count = frame->base;
	for (uint32_t i = 0; i < count; i++)
		build_push(b, b->values[frame->first_param + i]);
	b->here = frame->place;
}

/* The code behind a construct that is not a loop. */
static void
enter_join(struct builder *b, const struct frame *frame)
{
	const struct region *region = &b->regions[frame->region];
	uint32_t count = frame->type->result_count;

	if (region->edge_count == 0 && b->block != IR_NONE) {
		build_join_edge(b, frame->region, IR_NONE, &b->here,
				b->stack + b->stack_count - count, count);
		return;
	}
	if (b->block != IR_NONE)
		build_jump(b, frame->region, count);
	if (region->edge_count == 0 || b->fn->status != NB_OK)
		return;
	build_enter_block(b, region->block, edges_dominator(b, region));
	b->stack_count = frame->base;
	for (uint32_t i = 0; i < count; i++)
		build_push(b, join_result(b, region, i));
	b->epoch++;
}

static void
build_end(struct builder *b)
{
	struct frame frame = b->frames[b->frame_count - 1];

	b->here.position = b->position;
	if (frame.kind == REGION_BODY && b->returns_to_caller) {
		enter_join(b, &frame);
	} else if (frame.kind == REGION_BODY) {
		if (b->block != IR_NONE)
			build_return(b);
	} else if (b->regions[frame.region].is_target && frame.kind != REGION_LOOP) {
		if (frame.kind == REGION_IF && !frame.in_else)
			join_missing_else(b, &frame);
		enter_join(b, &frame);
	}
	b->here = frame.place;
	b->frame_count--;
}

void
build_control(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_BLOCK:
		build_block(b);
		break;
	case WASM_OP_LOOP:
		build_loop(b);
		break;
	case WASM_OP_IF:
		build_if(b);
		break;
	case WASM_OP_ELSE:
		build_else(b);
		break;
	case WASM_OP_END:
		build_end(b);
		break;
	case WASM_OP_BR:
		build_br(b, wasm_read_u32(&b->reader));
		break;
	case WASM_OP_BR_IF:
		build_br_if(b, wasm_read_u32(&b->reader));
		break;
	case WASM_OP_BR_TABLE:
		build_br_table(b);
		break;
	case WASM_OP_RETURN:
		build_return(b);
		break;
	default:
		build_unreachable(b);
		break;
	}
}

void
build_skip(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_BLOCK:
	case WASM_OP_LOOP:
	case WASM_OP_IF:
		wasm_read_block_type(&b->reader, b->module);
		b->next_region += opcode == WASM_OP_IF ? 2 : 1;
		b->skipped++;
		break;
	case WASM_OP_ELSE:
		if (b->skipped == 0)
			build_else(b);
		else
			b->next_region++;
		break;
	case WASM_OP_END:
		if (b->skipped == 0)
			build_end(b);
		else
			b->skipped--;
		break;
	case WASM_OP_LOCAL_SET:
	case WASM_OP_LOCAL_TEE:
		build_skip_set(b, wasm_read_u32(&b->reader));
		break;
	default:
		wasm_skip_immediate(&b->reader, opcode);
		break;
	}
}
