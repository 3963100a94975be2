/*
 * Inlining while building: the callee's body is built in place of the call by
 * a builder of its own, whose parameters have the arguments as values and
 * whose returns lead to a join. So constant arguments fold and equal values
 * are found as everywhere else.
 *
 * How deep bodies nest is bounded by MAX_DEPTH, and how much is inlined by a
 * budget of bytes per function.
 */
#include "compiler/ir/build_internal.h"

enum {
	MAX_DEPTH = 3,
	MAX_BYTES = 40,		/* of the callee's body, local declarations included */
	MAX_BYTES_CALLING = 24, /* if it may contain calls itself */
	MAX_BYTES_WIDE = 160,	/* of what is_wide_product looks at */
	WIDE_PRODUCTS = 4,
	I64_MUL_BYTE = 0x7e,
	COST_WIDE = 16, /* about the bytes of what is left */
};

/* True if the function is being built already, and how deep that is. */
static bool
is_being_built(const struct builder *b, uint32_t func_idx, uint32_t *depth)
{
	*depth = 0;
	for (; b; b = b->caller) {
		if (b->func_idx == func_idx)
			return true;
		++*depth;
	}
	return false;
}

/* Bytes that look like a call: an estimate that may err towards true. */
static bool
may_call(const struct builder *b, const struct wasm_code *code)
{
	const uint8_t *bytes = b->module->bytes + code->offset;

	for (uint32_t i = 0; i < code->len; i++)
		if (bytes[i] >= WASM_OP_CALL && bytes[i] <= WASM_OP_RETURN_CALL_REF)
			return true;
	return false;
}

/* True if offsets in the body can be told by their distance: wasm_offset is a
 * signed number of 24 bits. */
static bool
is_near(const struct builder *b, const struct wasm_code *code)
{
	int64_t distance = (int64_t)code->offset - b->base_offset;
	int64_t limit = 1 << (IR_OFFSET_BITS - 1);

	return distance > -limit && distance + code->len < limit;
}

static bool
is_valid(struct builder *b, uint32_t func_idx)
{
	enum nb_status status;

	if (b->module->features.code != WASM_CODE_DEFER)
		return true;
	status = wasm_function_validate(b->module, func_idx, b->scratch, b->diag);
	if (status != NB_OK)
		ir_fail(b->fn, status);
	return status == NB_OK;
}

/* True if the body is one straight line of arithmetic with the products of halves that
 * pass_wide makes one of 128 bits: little is left of it. */
static bool
is_wide_product(const struct builder *b, const struct wasm_code *code)
{
	struct wasm_reader reader = wasm_reader_at(b->module, code->code_offset);
	uint32_t products = 0;

	while (wasm_reader_offset(b->module, &reader) < code->offset + code->len) {
		enum wasm_opcode opcode = wasm_read_opcode(&reader);

		products += opcode == WASM_OP_I64_MUL;
		if (opcode == WASM_OP_END)
			return products >= WIDE_PRODUCTS;
		if (opcode < WASM_OP_DROP || opcode > WASM_OP_I64_EXTEND32_S)
			return false;
		wasm_skip_immediate(&reader, opcode);
	}
	return false;
}

/* Bytes that look like such products: an estimate that may err towards true, for code
 * that may not be valid. */
static bool
may_be_wide_product(const struct builder *b, const struct wasm_code *code)
{
	const uint8_t *bytes = b->module->bytes + code->offset;
	uint32_t products = 0;

	for (uint32_t i = 0; i < code->len && code->len <= MAX_BYTES_WIDE; i++)
		products += bytes[i] == I64_MUL_BYTE;
	return products >= WIDE_PRODUCTS;
}

/* What inlining the function takes from the budget; 0 if it is not to be inlined. */
static uint32_t
cost_of(struct builder *b, uint32_t func_idx)
{
	const struct wasm_code *code = wasm_module_code(b->module, func_idx);
	uint32_t depth, cost = code->len;

	if (b->numbering->inline_budget == 0 || !is_near(b, code) ||
	    is_being_built(b, func_idx, &depth) || depth > MAX_DEPTH)
		return 0;
	if (code->len > MAX_BYTES && may_be_wide_product(b, code) && is_valid(b, func_idx) &&
	    is_wide_product(b, code))
		cost = COST_WIDE;
	else if (code->len > MAX_BYTES || (code->len > MAX_BYTES_CALLING && may_call(b, code)))
		return 0;
	return cost <= b->numbering->inline_budget ? cost : 0;
}

bool
build_inline(struct builder *b, uint32_t func_idx, bool is_tail_call)
{
	const struct wasm_functype *type = wasm_module_function_type(b->module, func_idx);
	struct builder body = {
		.fn = b->fn,
		.scratch = b->scratch,
		.diag = b->diag,
		.numbering = b->numbering,
		.caller = b,
		.returns_to_caller = !is_tail_call,
		.func_idx = func_idx,
		.base_offset = b->base_offset,
		.position = wasm_module_code(b->module, func_idx)->code_offset,
		.module = b->module,
		.code = wasm_module_code(b->module, func_idx),
		.block = b->block,
	};
	uint32_t cost = cost_of(b, func_idx);

	if (cost == 0)
		return false;
	if (!is_valid(b, func_idx))
		return true;
	b->numbering->inline_budget -= cost;
	b->stack_count -= type->param_count;
	build_body(&body, b->stack + b->stack_count);
	if (b->fn->status != NB_OK)
		return true;
	b->block = is_tail_call ? IR_NONE : body.block;
	for (uint32_t i = 0; b->block != IR_NONE && i < type->result_count; i++)
		build_push(b, body.stack[body.stack_count - type->result_count + i]);
	return true;
}
