/*
 * Validation of instructions whose operand types follow from an immediate or
 * from the stack: select, references, tables.
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
validate_ref_func(struct wasm_validator *v)
{
	uint32_t func_idx = wasm_validate_index(v, v->module->func_count, "function");

	if (v->in.status != NB_OK)
		return;
	if (!bitset_has(v->module->declared_funcs, func_idx))
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"undeclared function reference: ref.func %u", func_idx);
	wasm_validate_push(v, wasm_input_func_ref(v->module, v->module->func_types[func_idx]));
}

/* Reads a table index; NULL after a report. */
static const struct wasm_table_type *
read_table(struct wasm_validator *v)
{
	uint32_t table_idx = wasm_validate_index(v, v->module->table_count, "table");

	return v->in.status == NB_OK ? &v->module->tables[table_idx] : NULL;
}

static void
validate_table(struct wasm_validator *v)
{
	const struct wasm_table_type *table = read_table(v);
	enum wasm_valtype address;

	if (!table)
		return;
	address = wasm_validate_address(&table->limits);
	switch ((unsigned)v->op) {
	case WASM_OP_TABLE_GET:
		wasm_validate_pop(v, address);
		wasm_validate_push(v, table->type);
		break;
	case WASM_OP_TABLE_SET:
		wasm_validate_pop(v, table->type);
		wasm_validate_pop(v, address);
		break;
	case WASM_OP_TABLE_SIZE:
		wasm_validate_push(v, address);
		break;
	case WASM_OP_TABLE_GROW:
		wasm_validate_pop(v, address);
		wasm_validate_pop(v, table->type);
		wasm_validate_push(v, address);
		break;
	default: /* table.fill */
		wasm_validate_pop(v, address);
		wasm_validate_pop(v, table->type);
		wasm_validate_pop(v, address);
		break;
	}
}

static void
check_elements(struct wasm_validator *v, enum wasm_valtype from, enum wasm_valtype to)
{
	if (!wasm_valtype_matches(from, to))
		wasm_input_fail(&v->in, NB_INVALID, v->at,
				"type mismatch: %s from %s to a table of %s",
				wasm_opcode_text(v->op), wasm_valtype_text(from).text,
				wasm_valtype_text(to).text);
}

static void
validate_table_init(struct wasm_validator *v)
{
	uint32_t elem_idx = wasm_validate_index(v, v->module->elem_count, "elem segment");
	const struct wasm_table_type *table = read_table(v);

	if (!table)
		return;
	check_elements(v, v->module->elems[elem_idx].type, table->type);
	wasm_validate_pop(v, WASM_I32);
	wasm_validate_pop(v, WASM_I32);
	wasm_validate_pop(v, wasm_validate_address(&table->limits));
}

/* table.copy: the size is of the smaller of the two index types. */
static void
validate_table_copy(struct wasm_validator *v)
{
	const struct wasm_table_type *to = read_table(v);
	const struct wasm_table_type *from = read_table(v);
	enum wasm_valtype to_address;
	enum wasm_valtype from_address;

	if (!to || !from)
		return;
	check_elements(v, from->type, to->type);
	to_address = wasm_validate_address(&to->limits);
	from_address = wasm_validate_address(&from->limits);
	wasm_validate_pop(v, to_address == WASM_I64 ? from_address : to_address);
	wasm_validate_pop(v, from_address);
	wasm_validate_pop(v, to_address);
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
		wasm_validate_push(v, wasm_input_heap_type(&v->in, v->module));
		break;
	case WASM_OP_REF_IS_NULL:
		wasm_validate_pop_ref(v);
		wasm_validate_push(v, WASM_I32);
		break;
	case WASM_OP_REF_AS_NON_NULL:
		wasm_validate_push(v, wasm_valtype_as_non_null(wasm_validate_pop_ref(v)));
		break;
	case WASM_OP_REF_FUNC:
		validate_ref_func(v);
		break;
	case WASM_OP_CALL_INDIRECT:
	case WASM_OP_RETURN_CALL_INDIRECT:
	case WASM_OP_CALL_REF:
	case WASM_OP_RETURN_CALL_REF:
		wasm_validate_call_typed(v);
		break;
	case WASM_OP_TABLE_GET:
	case WASM_OP_TABLE_SET:
	case WASM_OP_TABLE_SIZE:
	case WASM_OP_TABLE_GROW:
	case WASM_OP_TABLE_FILL:
		validate_table(v);
		break;
	case WASM_OP_TABLE_COPY:
		validate_table_copy(v);
		break;
	case WASM_OP_TABLE_INIT:
		validate_table_init(v);
		break;
	default:
		/* Only a row without a rule here gets this far. */
		wasm_input_fail(&v->in, NB_INTERNAL, v->at, "no rule for %s",
				wasm_opcode_text(v->op));
		break;
	}
}
