/*
 * Validation of instructions whose operand types follow from an immediate or
 * from the stack: select, references, tables, indirect calls.
 */
#include "wasm/validate.h"

#include "lib/bitset.h"

static bool
is_number_or_vector(enum wasm_valtype type)
{
	return type == WASM_BOTTOM || wasm_valtype_is_num(type) || type == WASM_V128;
}

/* select without a type takes numbers and vectors only. */
static void
validate_select(struct wasm_validator *v)
{
	enum wasm_valtype second;
	enum wasm_valtype first;

	wasm_validate_pop(v, WASM_I32);
	second = wasm_validate_pop_any(v, WASM_BOTTOM);
	first = wasm_validate_pop_any(v, second);
	if (!is_number_or_vector(first) || !is_number_or_vector(second))
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"type mismatch: select of references needs a type");
	else if (first != second && first != WASM_BOTTOM && second != WASM_BOTTOM)
		wasm_validate_fail_type(v, second, first);
	wasm_validate_push(v, first == WASM_BOTTOM ? second : first);
}

static void
validate_select_typed(struct wasm_validator *v)
{
	struct wasm_input *in = &v->in;
	const uint8_t *at = in->pos;
	uint32_t count = wasm_input_u32(in, "number of select types");
	enum wasm_valtype type;

	if (count != 1) {
		wasm_input_fail(in, NB_INVALID, at, "invalid result arity %u (select)", count);
		return;
	}
	type = wasm_input_valtype(in, v->module);
	wasm_validate_pop(v, WASM_I32);
	wasm_validate_pop(v, type);
	wasm_validate_pop(v, type);
	wasm_validate_push(v, type);
}

static void
validate_ref_is_null(struct wasm_validator *v)
{
	enum wasm_valtype type = wasm_validate_pop_any(v, WASM_BOTTOM);

	if (type != WASM_BOTTOM && !wasm_valtype_is_ref(type))
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"type mismatch: ref.is_null needs a reference but finds %s",
				wasm_valtype_text(type).text);
	wasm_validate_push(v, WASM_I32);
}

static void
validate_ref_func(struct wasm_validator *v)
{
	uint32_t func_idx = wasm_validate_index(v, v->module->func_count, "function");

	if (v->in.status != NB_OK)
		return;
	if (!bitset_has(v->module->declared_funcs, func_idx))
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"undeclared function reference: ref.func %u", func_idx);
	wasm_validate_push(v, WASM_FUNCREF);
}

/* Reads a table index; the element type, WASM_BOTTOM after a report. */
static enum wasm_valtype
read_table(struct wasm_validator *v)
{
	uint32_t table_idx = wasm_validate_index(v, v->module->table_count, "table");

	if (v->in.status != NB_OK)
		return WASM_BOTTOM;
	return v->module->tables[table_idx].type;
}

static void
validate_table(struct wasm_validator *v)
{
	enum wasm_valtype type = read_table(v);

	if (v->in.status != NB_OK)
		return;
	switch ((unsigned)v->op) {
	case WASM_OP_TABLE_GET:
		wasm_validate_pop(v, WASM_I32);
		wasm_validate_push(v, type);
		break;
	case WASM_OP_TABLE_SET:
		wasm_validate_pop(v, type);
		wasm_validate_pop(v, WASM_I32);
		break;
	case WASM_OP_TABLE_SIZE:
		wasm_validate_push(v, WASM_I32);
		break;
	case WASM_OP_TABLE_GROW:
		wasm_validate_pop(v, WASM_I32);
		wasm_validate_pop(v, type);
		wasm_validate_push(v, WASM_I32);
		break;
	default: /* table.fill */
		wasm_validate_pop(v, WASM_I32);
		wasm_validate_pop(v, type);
		wasm_validate_pop(v, WASM_I32);
		break;
	}
}

/* table.copy and table.init: two sources of one element type. */
static void
validate_table_bulk(struct wasm_validator *v)
{
	enum wasm_valtype from;
	enum wasm_valtype to;
	uint32_t elem_idx;

	if (v->op == WASM_OP_TABLE_INIT) {
		elem_idx = wasm_validate_index(v, v->module->elem_count, "elem segment");
		to = read_table(v);
		if (v->in.status != NB_OK)
			return;
		from = v->module->elems[elem_idx].type;
	} else {
		to = read_table(v);
		from = read_table(v);
	}
	if (from != to)
		wasm_input_fail(
			&v->in, NB_INVALID, v->at, "type mismatch: %s from %s to a table of %s",
			wasm_opcode_text(v->op), wasm_valtype_text(from).text, wasm_valtype_text(to).text);
	wasm_validate_pop(v, WASM_I32);
	wasm_validate_pop(v, WASM_I32);
	wasm_validate_pop(v, WASM_I32);
}

static void
validate_call_indirect(struct wasm_validator *v)
{
	uint32_t type_idx = wasm_validate_index(v, v->module->type_count, "type");
	enum wasm_valtype table_type = read_table(v);
	const struct wasm_functype *type;

	if (v->in.status != NB_OK)
		return;
	if (table_type != WASM_FUNCREF)
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"type mismatch: call_indirect through a table of %s",
				wasm_valtype_text(table_type).text);
	type = &v->module->types[type_idx];
	wasm_validate_pop(v, WASM_I32);
	wasm_validate_pop_types(v, type->params, type->param_count);
	wasm_validate_push_types(v, type->results, type->result_count);
}

void
wasm_validate_special(struct wasm_validator *v)
{
	switch ((unsigned)v->op) {
	case WASM_OP_SELECT:
		validate_select(v);
		break;
	case WASM_OP_SELECT_T:
		validate_select_typed(v);
		break;
	case WASM_OP_REF_NULL:
		wasm_validate_push(v, wasm_input_reftype(&v->in));
		break;
	case WASM_OP_REF_IS_NULL:
		validate_ref_is_null(v);
		break;
	case WASM_OP_REF_FUNC:
		validate_ref_func(v);
		break;
	case WASM_OP_CALL_INDIRECT:
		validate_call_indirect(v);
		break;
	case WASM_OP_TABLE_GET:
	case WASM_OP_TABLE_SET:
	case WASM_OP_TABLE_SIZE:
	case WASM_OP_TABLE_GROW:
	case WASM_OP_TABLE_FILL:
		validate_table(v);
		break;
	case WASM_OP_TABLE_COPY:
	case WASM_OP_TABLE_INIT:
		validate_table_bulk(v);
		break;
	default:
		/* Only a row without a rule here gets this far. */
		wasm_input_fail(&v->in, NB_INTERNAL, v->at, "no rule for %s",
				wasm_opcode_text(v->op));
		break;
	}
}
