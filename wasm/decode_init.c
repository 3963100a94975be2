/*
 * Constant expressions.
 *
 * Most are one instruction and `end`. Arithmetic becomes a postfix program, in
 * which operations on constants are done at once, so that only what reads a
 * global is left to do when the module is instantiated.
 */
#include "wasm/decoder.h"

#include "lib/string.h"
#include "wasm/limits.h"
#include "wasm/opcode.h"

/* The operand stack of an expression and the program so far. */
struct init_builder {
	struct wasm_decoder *d;
	const uint8_t *at;		  /* first byte of the present instruction */
	struct wasm_init_expr last;	  /* the newest operand, if it is one instruction */
	VEC(struct wasm_init_step) steps; /* empty while there is one instruction only */
	uint32_t depth;
	enum wasm_valtype types[WASM_LIMIT_INIT_DEPTH];
};

/* Imported globals; with extended constants also those defined before. */
static enum wasm_valtype
read_global(struct init_builder *b, struct wasm_init_expr *expr)
{
	const struct wasm_module *module = b->d->module;
	struct wasm_input *in = &b->d->in;
	const uint8_t *at = in->pos;
	uint32_t visible = wasm_input_has_feature(module, WASM_FEATURE_EXTENDED_CONST)
				   ? module->global_count
				   : module->global_import_count;

	expr->kind = WASM_INIT_GLOBAL_GET;
	expr->idx = wasm_input_u32(in, "global index");
	if (expr->idx >= visible) {
		wasm_input_fail(in, NB_INVALID, at,
				"unknown global %u: a constant expression sees %u here", expr->idx,
				visible);
		return WASM_BOTTOM;
	}
	if (module->globals[expr->idx].type.is_mutable)
		wasm_input_fail(in, NB_INVALID, at,
				"constant expression required: global %u is mutable", expr->idx);
	return module->globals[expr->idx].type.type;
}

static void
read_bytes(struct init_builder *b, struct wasm_init_expr *expr, size_t len)
{
	const uint8_t *bytes = wasm_input_bytes(&b->d->in, len, "constant");

	if (bytes)
		memcpy(expr->bits, bytes, len);
}

static void
fail_not_constant(struct init_builder *b, enum wasm_opcode opcode)
{
	struct wasm_input *in = &b->d->in;
	const struct wasm_opcode_info *info = &wasm_opcode_info[opcode];

	if (info->immediate == WASM_IMM_ILLEGAL)
		wasm_input_fail(in, NB_MALFORMED, b->at, "illegal opcode 0x%02x", *b->at);
	else if (!wasm_input_has_feature(b->d->module, (enum wasm_feature)info->feature))
		wasm_input_fail_feature(in, b->at, (enum wasm_feature)info->feature,
					wasm_opcode_text(opcode));
	else
		wasm_input_fail(in, NB_INVALID, b->at,
				"constant expression required: %s is not constant",
				wasm_opcode_text(opcode));
}

/* Reads an opcode; one that is unknown gives a row of wasm_opcode_info that
 * says so. */
static enum wasm_opcode
read_opcode(struct init_builder *b)
{
	struct wasm_input *in = &b->d->in;
	uint8_t byte = wasm_input_byte(in, "constant expression");
	uint32_t number;
	uint32_t count;
	uint32_t page;

	if (!wasm_opcode_page(byte, &page, &count))
		return (enum wasm_opcode)byte;
	number = wasm_input_u32(in, "opcode");
	if (number < count)
		return (enum wasm_opcode)(page + number);
	wasm_input_fail(in, NB_MALFORMED, b->at, "illegal opcode 0x%02x 0x%02x", byte, number);
	return WASM_OP_END;
}

/* Reads the rest of an instruction that pushes a value without operands;
 * returns the value's type. */
static enum wasm_valtype
read_value(struct init_builder *b, enum wasm_opcode opcode, struct wasm_init_expr *expr)
{
	struct wasm_module *module = b->d->module;
	struct wasm_input *in = &b->d->in;

	switch ((unsigned)opcode) {
	case WASM_OP_I32_CONST:
		expr->bits[0] = (uint32_t)wasm_input_signed(in, 32, "i32.const");
		return WASM_I32;
	case WASM_OP_I64_CONST:
		expr->bits[0] = (uint64_t)wasm_input_signed(in, 64, "i64.const");
		return WASM_I64;
	case WASM_OP_F32_CONST:
		read_bytes(b, expr, 4);
		return WASM_F32;
	case WASM_OP_F64_CONST:
		read_bytes(b, expr, 8);
		return WASM_F64;
	case WASM_OP_V128_CONST:
		if (!wasm_input_has_feature(module, WASM_FEATURE_SIMD))
			fail_not_constant(b, opcode);
		read_bytes(b, expr, 16);
		return WASM_V128;
	case WASM_OP_GLOBAL_GET:
		return read_global(b, expr);
	case WASM_OP_REF_NULL:
		expr->kind = WASM_INIT_REF_NULL;
		return wasm_input_heap_type(in, module);
	case WASM_OP_REF_FUNC:
		expr->kind = WASM_INIT_REF_FUNC;
		expr->idx = wasm_decode_func_idx(b->d);
		return in->status == NB_OK
			       ? wasm_input_func_ref(module, module->func_types[expr->idx])
			       : WASM_BOTTOM;
	default:
		fail_not_constant(b, opcode);
		return WASM_BOTTOM;
	}
}

static void
push_step(struct init_builder *b, enum wasm_init_op op, uint64_t value)
{
	struct wasm_init_step *step = vec_push(b->d->arena, &b->steps);

	if (step)
		*step = (struct wasm_init_step){ .op = op, .value = value };
	else
		wasm_input_fail_memory(&b->d->in);
}

/* Appends the newest operand to the program. What is no integer ends in a type
 * error; it takes part so that the stack is right until then. */
static void
push_operand(struct init_builder *b)
{
	if (b->last.kind == WASM_INIT_GLOBAL_GET)
		push_step(b, WASM_INIT_OP_GLOBAL_GET, b->last.idx);
	else
		push_step(b, WASM_INIT_OP_CONST, b->last.bits[0]);
}

static void
pop_operand(struct init_builder *b, enum wasm_opcode opcode, enum wasm_valtype type)
{
	struct wasm_input *in = &b->d->in;

	if (b->depth == 0)
		wasm_input_fail(in, NB_INVALID, b->at,
				"type mismatch: %s needs %s but the stack is empty",
				wasm_opcode_text(opcode), wasm_valtype_text(type).text);
	else if (b->types[--b->depth] != type)
		wasm_input_fail(in, NB_INVALID, b->at, "type mismatch: %s needs %s but finds %s",
				wasm_opcode_text(opcode), wasm_valtype_text(type).text,
				wasm_valtype_text(b->types[b->depth]).text);
}

/* Replaces two constants at the program's end by the result of `op`. */
static bool
fold(struct init_builder *b, enum wasm_init_op op)
{
	struct wasm_init_step *left;

	if (b->steps.count < 2)
		return false;
	left = &b->steps.items[b->steps.count - 2];
	if (left[0].op != WASM_INIT_OP_CONST || left[1].op != WASM_INIT_OP_CONST)
		return false;
	left->value = wasm_init_calculate(op, left[0].value, left[1].value);
	b->steps.count--;
	return true;
}

static void
read_arithmetic(struct init_builder *b, enum wasm_opcode opcode, enum wasm_init_op op,
		enum wasm_valtype type)
{
	if (!wasm_input_has_feature(b->d->module, WASM_FEATURE_EXTENDED_CONST)) {
		wasm_input_fail_feature(&b->d->in, b->at, WASM_FEATURE_EXTENDED_CONST,
					"arithmetic in a constant expression");
		return;
	}
	pop_operand(b, opcode, type);
	pop_operand(b, opcode, type);
	if (b->d->in.status != NB_OK)
		return;
	if (!fold(b, op))
		push_step(b, op, 0);
	b->types[b->depth++] = type;
}

static void
read_operand(struct init_builder *b, enum wasm_opcode opcode)
{
	struct wasm_init_expr expr = { .kind = WASM_INIT_CONST };

	if (b->depth == WASM_LIMIT_INIT_DEPTH) {
		wasm_input_fail(&b->d->in, NB_LIMIT_EXCEEDED, b->at,
				"constant expression with more operands than the limit of %u",
				(unsigned)WASM_LIMIT_INIT_DEPTH);
		return;
	}
	expr.type = read_value(b, opcode, &expr);
	/* The first instruction joins the program when a second one comes. */
	if (b->depth > 0 && b->steps.count == 0)
		push_operand(b);
	b->last = expr;
	if (b->depth > 0)
		push_operand(b);
	b->types[b->depth++] = expr.type;
}

static void
read_instruction(struct init_builder *b, enum wasm_opcode opcode)
{
	switch ((unsigned)opcode) {
	case WASM_OP_I32_ADD:
		read_arithmetic(b, opcode, WASM_INIT_OP_ADD, WASM_I32);
		break;
	case WASM_OP_I32_SUB:
		read_arithmetic(b, opcode, WASM_INIT_OP_SUB, WASM_I32);
		break;
	case WASM_OP_I32_MUL:
		read_arithmetic(b, opcode, WASM_INIT_OP_MUL, WASM_I32);
		break;
	case WASM_OP_I64_ADD:
		read_arithmetic(b, opcode, WASM_INIT_OP_ADD, WASM_I64);
		break;
	case WASM_OP_I64_SUB:
		read_arithmetic(b, opcode, WASM_INIT_OP_SUB, WASM_I64);
		break;
	case WASM_OP_I64_MUL:
		read_arithmetic(b, opcode, WASM_INIT_OP_MUL, WASM_I64);
		break;
	default:
		read_operand(b, opcode);
		break;
	}
}

/* The expression that was read. */
static struct wasm_init_expr
finish(struct init_builder *b)
{
	struct wasm_init_expr expr = b->last;

	if (b->steps.count == 1) {
		expr.kind = WASM_INIT_CONST;
		expr.bits[0] = b->steps.items[0].value;
		expr.bits[1] = 0;
	} else if (b->steps.count > 1) {
		expr.kind = WASM_INIT_PROGRAM;
		expr.steps = b->steps.items;
		expr.step_count = b->steps.count;
	}
	if (expr.kind == WASM_INIT_CONST && b->types[0] == WASM_I32)
		expr.bits[0] = (uint32_t)expr.bits[0];
	expr.type = b->types[0];
	return expr;
}

struct wasm_init_expr
wasm_decode_init_expr(struct wasm_decoder *d, enum wasm_valtype type)
{
	struct wasm_input *in = &d->in;
	const uint8_t *start = in->pos;
	struct wasm_init_expr expr = { 0 };
	struct init_builder b;
	uint32_t length = 0;

	b.d = d;
	b.depth = 0;
	b.last = expr;
	b.steps.items = NULL;
	b.steps.count = 0;
	b.steps.capacity = 0;
	for (;;) {
		enum wasm_opcode opcode;

		b.at = in->pos;
		opcode = read_opcode(&b);
		if (opcode == WASM_OP_END || in->status != NB_OK)
			break;
		if (length++ == WASM_LIMIT_INIT_LENGTH) {
			wasm_input_fail(in, NB_LIMIT_EXCEEDED, b.at,
					"constant expression longer than the limit of %u",
					(unsigned)WASM_LIMIT_INIT_LENGTH);
			break;
		}
		read_instruction(&b, opcode);
	}
	if (b.depth != 1) {
		wasm_input_fail(in, NB_INVALID, start,
				"type mismatch: constant expression gives %u values instead of one",
				b.depth);
		return expr;
	}
	expr = finish(&b);
	expr.offset = (uint32_t)(start - in->base);
	if (!wasm_valtype_matches(expr.type, type))
		wasm_input_fail(in, NB_INVALID, start,
				"type mismatch: constant expression gives %s instead of %s",
				wasm_valtype_text(expr.type).text, wasm_valtype_text(type).text);
	return expr;
}
