/*
 * Validation of function bodies: blocks, branches and calls.
 */
#include "wasm/validate.h"

#include "wasm/limits.h"

/* For struct wasm_frame's `result` and `carried`. */
static uint8_t
single_type(const enum wasm_valtype *types, uint32_t count)
{
	if (count == 0)
		return WASM_BOTTOM;
	return count > 1 || types[0] > WASM_V128 ? WASM_FRAME_ANY : (uint8_t)types[0];
}

void
wasm_validate_push_frame(struct wasm_validator *v, enum wasm_opcode opcode,
			 const struct wasm_functype *type)
{
	struct wasm_frame *frame = vec_push(v->arena, &v->frames);

	if (!frame) {
		wasm_input_fail_memory(&v->in);
		return;
	}
	*frame = (struct wasm_frame){
		.type = type,
		.height = (uint32_t)(v->top - v->operands),
		.opcode = (uint16_t)opcode,
		.assigned_count = v->assigned.count,
		.result = single_type(type->results, type->result_count),
		.carried = single_type(type->results, type->result_count),
	};
	if (opcode == WASM_OP_LOOP)
		frame->carried = single_type(type->params, type->param_count);
	v->floor = v->top;
}

/* Checks that the innermost frame ends with exactly its results and leaves
 * none of them; the frame stays. */
static void
close_frame(struct wasm_validator *v)
{
	const struct wasm_functype *type = wasm_validate_frame(v)->type;

	wasm_validate_pop_types(v, type->results, type->result_count);
	if (v->top != v->floor)
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"type mismatch: %zu values remain at the end of the block",
				(size_t)(v->top - v->floor));
}

static const struct wasm_functype *
read_block_type(struct wasm_validator *v)
{
	struct wasm_input *in = &v->in;
	const uint8_t *at = in->pos;
	int64_t idx;

	if (at < in->end && (*at & 0xc0) == 0x40) {
		if (*at == 0x40) {
			in->pos++;
			return wasm_functype_shorthand(WASM_BOTTOM);
		}
		return wasm_module_block_type(v->module, wasm_input_valtype(in, v->module));
	}
	idx = wasm_input_signed(in, 33, "block type");
	if (idx >= 0 && idx < v->module->type_count)
		return &v->module->types[idx];
	if (idx < 0)
		wasm_input_fail(in, NB_MALFORMED, at, "malformed block type");
	else
		wasm_input_fail(in, NB_INVALID, at, "unknown type %lld", (long long)idx);
	return wasm_functype_shorthand(WASM_BOTTOM);
}

void
wasm_validate_block(struct wasm_validator *v)
{
	const struct wasm_functype *type = read_block_type(v);

	if (v->op == WASM_OP_IF)
		wasm_validate_pop(v, WASM_I32);
	wasm_validate_pop_types(v, type->params, type->param_count);
	wasm_validate_push(v, WASM_BOTTOM);
	wasm_validate_push_frame(v, v->op, type);
	if (type->param_count > 0) {
		wasm_validate_frame(v)->result = WASM_FRAME_ANY;
		wasm_validate_push_types(v, type->params, type->param_count);
	}
}

void
wasm_validate_else(struct wasm_validator *v)
{
	struct wasm_frame *frame = wasm_validate_frame(v);

	if (frame->opcode != WASM_OP_IF) {
		wasm_input_fail(&v->in, NB_MALFORMED, v->at, "else without if");
		return;
	}
	close_frame(v);
	wasm_validate_unassign(v, frame->assigned_count);
	frame->opcode = WASM_OP_ELSE;
	frame->is_unreachable = false;
	v->top = v->floor;
	wasm_validate_push_types(v, frame->type->params, frame->type->param_count);
}

void
wasm_validate_end(struct wasm_validator *v)
{
	struct wasm_frame frame = *wasm_validate_frame(v);
	const struct wasm_functype *type = frame.type;

	close_frame(v);
	if (frame.opcode == WASM_OP_IF &&
	    (type->param_count != type->result_count ||
	     !wasm_valtypes_match(type->params, type->results, type->param_count)))
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"type mismatch: an if without else must give what it takes");
	wasm_validate_unassign(v, frame.assigned_count);
	v->frames.count--;
	if (v->frames.count == 0) {
		if (v->in.pos != v->in.end)
			wasm_input_fail(&v->in, NB_MALFORMED, v->in.pos,
					"section size mismatch: operators behind the function's "
					"end");
		return;
	}
	v->top = v->floor - 1;
	v->floor = v->operands + wasm_validate_frame(v)->height;
	wasm_validate_push_types(v, type->results, type->result_count);
}

/* The frame that label `depth` names; its index was read at `at`. */
static struct wasm_frame *
label_frame(struct wasm_validator *v, uint32_t depth)
{
	if (__builtin_expect(depth >= v->frames.count, 0)) {
		wasm_input_fail(&v->in, NB_INVALID, v->at, "unknown label %u (%s)", depth,
				wasm_opcode_text(v->op));
		depth = 0;
	}
	return &v->frames.items[v->frames.count - 1 - depth];
}

/* The types that a branch to the frame carries. */
static inline uint32_t
label_types(const struct wasm_frame *frame, const enum wasm_valtype **types)
{
	*types = frame->opcode == WASM_OP_LOOP ? frame->type->params : frame->type->results;
	return frame->opcode == WASM_OP_LOOP ? frame->type->param_count : frame->type->result_count;
}

/* Checks that the operands on top are what a branch carries; they take its
 * types. */
static void
check_carried(struct wasm_validator *v, const enum wasm_valtype *types, uint32_t count)
{
	if (count == 0)
		return;
	wasm_validate_pop_types(v, types, count);
	wasm_validate_push_types(v, types, count);
}

/* br_on_non_null: the branch carries the reference last. */
static void
validate_br_on_non_null(struct wasm_validator *v, const enum wasm_valtype *types, uint32_t count)
{
	enum wasm_valtype operand = wasm_validate_pop_ref(v);

	if (count == 0 || !wasm_valtype_is_ref(types[count - 1])) {
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"type mismatch: the target of br_on_non_null takes no reference");
		return;
	}
	if (!wasm_valtype_matches(wasm_valtype_as_non_null(operand), types[count - 1]))
		wasm_validate_fail_type(v, types[count - 1], operand);
	check_carried(v, types, count - 1);
}

void
wasm_validate_branch(struct wasm_validator *v)
{
	const struct wasm_frame *frame = label_frame(v, wasm_input_u32(&v->in, "label"));
	const enum wasm_valtype *types;
	uint32_t count = label_types(frame, &types);
	enum wasm_valtype operand;

	switch ((unsigned)v->op) {
	case WASM_OP_BR:
		wasm_validate_pop_types(v, types, count);
		wasm_validate_unreachable(v);
		break;
	case WASM_OP_BR_ON_NULL:
		operand = wasm_validate_pop_ref(v);
		check_carried(v, types, count);
		wasm_validate_push(v, wasm_valtype_as_non_null(operand));
		break;
	case WASM_OP_BR_ON_NON_NULL:
		validate_br_on_non_null(v, types, count);
		break;
	default: /* br_if */
		wasm_validate_pop(v, WASM_I32);
		check_carried(v, types, count);
		break;
	}
}

/* Checks one target of a br_table, which must take `arity` operands that are
 * on the stack; they stay there. A frame is checked once per br_table, so that the
 * cost is bounded by targets plus frames times results. */
static void
check_target(struct wasm_validator *v, struct wasm_frame *frame, uint32_t arity)
{
	const enum wasm_valtype *types;
	uint32_t count = label_types(frame, &types);
	const enum wasm_valtype *operand = v->top;

	if (frame->br_table_number == v->br_table_count)
		return;
	frame->br_table_number = v->br_table_count;
	if (count != arity) {
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"type mismatch: br_table targets take %u and %u operands", count,
				arity);
		return;
	}
	while (count > 0) {
		count--;
		if (operand == v->floor) {
			if (!wasm_validate_frame(v)->is_unreachable)
				wasm_validate_fail_underflow(v, types[count]);
			return;
		}
		operand--;
		if (!wasm_valtype_matches(*operand, types[count])) {
			wasm_validate_fail_type(v, types[count], *operand);
			return;
		}
	}
}

void
wasm_validate_br_table(struct wasm_validator *v)
{
	struct wasm_input *in = &v->in;
	uint32_t count = wasm_input_count(in, WASM_LIMIT_BR_TABLE, 1, "number of br_table targets");
	const uint8_t *targets = in->pos;
	const enum wasm_valtype *types;
	uint32_t arity;

	/* The default comes last and sets the number of operands. */
	for (uint32_t i = 0; i < count; i++) {
		wasm_input_tick(in);
		wasm_input_u32(in, "label");
	}
	arity = label_types(label_frame(v, wasm_input_u32(in, "label")), &types);
	wasm_validate_pop(v, WASM_I32);
	if (in->status != NB_OK)
		return;
	v->br_table_count++;
	in->pos = targets;
	for (uint32_t i = 0; i <= count && in->status == NB_OK; i++) {
		wasm_input_tick(in);
		check_target(v, label_frame(v, wasm_input_u32(in, "label")), arity);
	}
	wasm_validate_unreachable(v);
}

void
wasm_validate_return(struct wasm_validator *v)
{
	const struct wasm_functype *type = v->frames.items[0].type;

	wasm_validate_pop_types(v, type->results, type->result_count);
	wasm_validate_unreachable(v);
}

/* Pops the arguments of a call and pushes its results, or checks that a tail
 * call returns what the caller must. */
static void
finish_call(struct wasm_validator *v, const struct wasm_functype *type, bool is_tail)
{
	const struct wasm_functype *caller = v->frames.items[0].type;

	wasm_validate_pop_types(v, type->params, type->param_count);
	if (!is_tail) {
		wasm_validate_push_types(v, type->results, type->result_count);
		return;
	}
	if (type->result_count != caller->result_count ||
	    !wasm_valtypes_match(type->results, caller->results, type->result_count))
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"type mismatch: %s to a function with other results than this one",
				wasm_opcode_text(v->op));
	wasm_validate_unreachable(v);
}

void
wasm_validate_call(struct wasm_validator *v)
{
	uint32_t func_idx = wasm_validate_index(v, v->module->func_count, "function");

	if (v->in.status == NB_OK)
		finish_call(v, wasm_module_function_type(v->module, func_idx),
			    v->op == WASM_OP_RETURN_CALL);
}

/* The table of an indirect call and the index into it. */
static void
validate_callee_table(struct wasm_validator *v)
{
	uint32_t table_idx = wasm_validate_index(v, v->module->table_count, "table");
	const struct wasm_table_type *table;

	if (v->in.status != NB_OK)
		return;
	table = &v->module->tables[table_idx];
	if (!wasm_valtype_matches(table->type, WASM_FUNCREF))
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"type mismatch: %s through a table of %s", wasm_opcode_text(v->op),
				wasm_valtype_text(table->type).text);
	wasm_validate_pop(v, wasm_validate_address(&table->limits));
}

void
wasm_validate_call_typed(struct wasm_validator *v)
{
	uint32_t type_idx = wasm_validate_index(v, v->module->type_count, "type");
	const struct wasm_functype *type;
	bool is_tail;

	if (v->in.status != NB_OK)
		return;
	type = &v->module->types[type_idx];
	if (v->op == WASM_OP_CALL_INDIRECT || v->op == WASM_OP_RETURN_CALL_INDIRECT)
		validate_callee_table(v);
	else
		wasm_validate_pop(v, wasm_valtype_typed(type->canonical_idx, true));
	is_tail = v->op == WASM_OP_RETURN_CALL_INDIRECT || v->op == WASM_OP_RETURN_CALL_REF;
	if (v->in.status == NB_OK)
		finish_call(v, type, is_tail);
}
