/*
 * Globals, exports, the start function, and constant expressions.
 */
#include "wasm/decoder.h"

#include "lib/bitset.h"
#include "lib/string.h"
#include "wasm/limits.h"
#include "wasm/opcode.h"

void
wasm_decode_begin_declared(struct wasm_decoder *d)
{
	if (d->module->declared_funcs)
		return;
	d->module->declared_funcs =
		arena_new_array(d->arena, uint64_t, bitset_words(d->module->func_count));
	if (!d->module->declared_funcs)
		wasm_input_fail_memory(&d->in);
}

uint32_t
wasm_decode_func_idx(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint32_t func_idx = wasm_input_u32(in, "function index");

	if (func_idx >= d->module->func_count) {
		wasm_input_fail(in, NB_INVALID, at, "unknown function %u", func_idx);
		return 0;
	}
	bitset_add(d->module->declared_funcs, func_idx);
	return func_idx;
}

/* In 2.0 a constant expression sees imported globals only (section 3.4.10). */
static enum wasm_valtype
decode_init_global(struct wasm_decoder *d, struct wasm_init_expr *expr)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;

	expr->kind = WASM_INIT_GLOBAL_GET;
	expr->idx = wasm_input_u32(in, "global index");
	if (expr->idx >= d->module->global_import_count) {
		wasm_input_fail(in, NB_INVALID, at,
				"unknown global %u: a constant expression may only read imported "
				"globals",
				expr->idx);
		return WASM_BOTTOM;
	}
	if (d->module->globals[expr->idx].type.is_mutable)
		wasm_input_fail(in, NB_INVALID, at,
				"constant expression required: global %u is mutable", expr->idx);
	return d->module->globals[expr->idx].type.type;
}

static void
decode_init_bytes(struct wasm_decoder *d, struct wasm_init_expr *expr, size_t len)
{
	const uint8_t *bytes = wasm_input_bytes(&d->in, len, "constant");

	if (bytes)
		memcpy(expr->bits, bytes, len);
}

static void
fail_init_opcode(struct wasm_decoder *d, const uint8_t *at, enum wasm_opcode opcode)
{
	uint8_t immediate = wasm_opcode_info[opcode].immediate;

	switch ((unsigned)opcode) {
	case WASM_OP_I32_ADD:
	case WASM_OP_I32_SUB:
	case WASM_OP_I32_MUL:
	case WASM_OP_I64_ADD:
	case WASM_OP_I64_SUB:
	case WASM_OP_I64_MUL:
		wasm_input_fail_feature(&d->in, at, WASM_FEATURE_EXTENDED_CONST,
					"arithmetic in a constant expression");
		return;
	default:
		break;
	}
	if (immediate == WASM_IMM_ILLEGAL)
		wasm_input_fail(&d->in, NB_MALFORMED, at, "illegal opcode 0x%02x", opcode);
	else
		wasm_input_fail(&d->in, NB_INVALID, at,
				"constant expression required: %s is not constant",
				immediate == WASM_IMM_PREFIX ? "the instruction"
							     : wasm_opcode_text(opcode));
}

/* A vector constant, behind its prefix byte. */
static enum wasm_valtype
decode_init_v128(struct wasm_decoder *d, const uint8_t *at, struct wasm_init_expr *expr)
{
	uint32_t number = wasm_input_u32(&d->in, "opcode");

	if (WASM_PAGE_FD + (uint64_t)number != WASM_OP_V128_CONST) {
		fail_init_opcode(d, at, (enum wasm_opcode)0xfd);
		return WASM_BOTTOM;
	}
	if (!wasm_input_has_feature(d->module, WASM_FEATURE_SIMD))
		wasm_input_fail_feature(&d->in, at, WASM_FEATURE_SIMD, "v128.const");
	decode_init_bytes(d, expr, 16);
	return WASM_V128;
}

/* Reads one constant instruction whose opcode, at `at`, has been read, into
 * *expr; returns its type. */
static enum wasm_valtype
decode_init_instruction(struct wasm_decoder *d, const uint8_t *at, uint8_t opcode,
			struct wasm_init_expr *expr)
{
	struct wasm_input *in = &d->in;

	switch (opcode) {
	case WASM_OP_I32_CONST:
		expr->bits[0] = (uint32_t)wasm_input_signed(in, 32, "i32.const");
		return WASM_I32;
	case WASM_OP_I64_CONST:
		expr->bits[0] = (uint64_t)wasm_input_signed(in, 64, "i64.const");
		return WASM_I64;
	case WASM_OP_F32_CONST:
		decode_init_bytes(d, expr, 4);
		return WASM_F32;
	case WASM_OP_F64_CONST:
		decode_init_bytes(d, expr, 8);
		return WASM_F64;
	case 0xfd:
		return decode_init_v128(d, at, expr);
	case WASM_OP_GLOBAL_GET:
		return decode_init_global(d, expr);
	case WASM_OP_REF_NULL:
		expr->kind = WASM_INIT_REF_NULL;
		return wasm_input_reftype(in);
	case WASM_OP_REF_FUNC:
		expr->kind = WASM_INIT_REF_FUNC;
		expr->idx = wasm_decode_func_idx(d);
		return WASM_FUNCREF;
	default:
		fail_init_opcode(d, at, (enum wasm_opcode)opcode);
		return WASM_BOTTOM;
	}
}

struct wasm_init_expr
wasm_decode_init_expr(struct wasm_decoder *d, enum wasm_valtype type)
{
	struct wasm_input *in = &d->in;
	const uint8_t *start = in->pos;
	struct wasm_init_expr expr = { .offset = wasm_input_offset(in) };
	struct wasm_init_expr surplus = { 0 };
	uint32_t values = 0;

	for (;;) {
		const uint8_t *at = in->pos;
		uint8_t opcode = wasm_input_byte(in, "constant expression");
		struct wasm_init_expr *target = values == 0 ? &expr : &surplus;

		if (opcode == WASM_OP_END || in->status != NB_OK)
			break;
		target->type = decode_init_instruction(d, at, opcode, target);
		values++;
	}
	if (values != 1)
		wasm_input_fail(in, NB_INVALID, start,
				"type mismatch: constant expression gives %u values instead of one",
				values);
	else if (expr.type != type)
		wasm_input_fail(in, NB_INVALID, start,
				"type mismatch: constant expression gives %s instead of %s",
				wasm_valtype_text(expr.type).text, wasm_valtype_text(type).text);
	return expr;
}

struct wasm_global_type
wasm_decode_global_type(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	struct wasm_global_type type = { .type = wasm_input_valtype(in, d->module) };
	const uint8_t *at = in->pos;
	uint8_t mutability = wasm_input_byte(in, "mutability");

	if (mutability > 1)
		wasm_input_fail(in, NB_MALFORMED, at, "malformed mutability 0x%02x", mutability);
	type.is_mutable = mutability == 1;
	return type;
}

void
wasm_decode_global_section(struct wasm_decoder *d)
{
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint32_t count = wasm_input_count(in, WASM_LIMIT_GLOBALS, 4, "number of globals");

	if (count > WASM_LIMIT_GLOBALS - d->globals.count) {
		wasm_input_fail(in, NB_LIMIT_EXCEEDED, at, "more globals than the limit of %u",
				(unsigned)WASM_LIMIT_GLOBALS);
		return;
	}
	if (!vec_reserve(d->arena, &d->globals, count))
		wasm_input_fail_memory(in);
	wasm_decode_begin_declared(d);
	wasm_decode_publish_spaces(d);
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++) {
		struct wasm_global *global = &d->globals.items[d->globals.count];

		global->type = wasm_decode_global_type(d);
		global->init = wasm_decode_init_expr(d, global->type.type);
		d->globals.count++;
	}
	wasm_decode_publish_spaces(d);
}

static void
decode_export(struct wasm_decoder *d, struct wasm_export *export)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	const uint8_t *at;
	uint32_t count = 0;
	uint8_t kind;

	export->offset = wasm_input_offset(in);
	export->name = wasm_input_name(in, "export name");
	at = in->pos;
	kind = wasm_input_byte(in, "export kind");
	export->kind = (enum wasm_extern_kind)kind;
	switch (kind) {
	case WASM_EXTERN_FUNC:
		export->idx = wasm_decode_func_idx(d);
		return;
	case WASM_EXTERN_TABLE:
		count = module->table_count;
		break;
	case WASM_EXTERN_MEMORY:
		count = module->memory_count;
		break;
	case WASM_EXTERN_GLOBAL:
		count = module->global_count;
		break;
	case WASM_EXTERN_TAG:
		wasm_input_fail_feature(in, at, WASM_FEATURE_EXCEPTIONS, "exported tag");
		return;
	default:
		wasm_input_fail(in, NB_MALFORMED, at, "malformed export kind 0x%02x", kind);
		return;
	}
	at = in->pos;
	export->idx = wasm_input_u32(in, "export index");
	if (export->idx >= count)
		wasm_input_fail(in, NB_INVALID, at, "unknown %s %u",
				wasm_extern_kind_text(export->kind), export->idx);
}

void
wasm_decode_export_section(struct wasm_decoder *d)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	uint32_t count = wasm_input_count(in, WASM_LIMIT_EXPORTS, 3, "number of exports");

	module->exports = arena_new_array(d->arena, struct wasm_export, count);
	if (!module->exports)
		wasm_input_fail_memory(in);
	wasm_decode_begin_declared(d);
	for (uint32_t i = 0; i < count && in->status == NB_OK; i++)
		decode_export(d, &module->exports[i]);
	module->export_count = count;
	if (in->status == NB_OK)
		wasm_decode_order_exports(d);
}

void
wasm_decode_start_section(struct wasm_decoder *d)
{
	struct wasm_module *module = d->module;
	struct wasm_input *in = &d->in;
	const uint8_t *at = in->pos;
	uint32_t func_idx = wasm_input_u32(in, "function index");
	const struct wasm_functype *type;

	if (func_idx >= module->func_count) {
		wasm_input_fail(in, NB_INVALID, at, "unknown function %u", func_idx);
		return;
	}
	type = wasm_module_function_type(module, func_idx);
	if (type->param_count != 0 || type->result_count != 0)
		wasm_input_fail(in, NB_INVALID, at,
				"start function %u must have no parameters and no results",
				func_idx);
	module->start_func_idx = func_idx;
}
