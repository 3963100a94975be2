/*
 * A generated module: its contents and its sections.
 */
#include "tests/diff/gen.h"

#include "tests/random.h"

#include <stdio.h>

enum { FUEL_AT_FIRST = 100 };

/* ---- random choices ---- */

uint64_t
gen_bits(struct gen *g)
{
	return random_next(&g->random);
}

uint32_t
gen_below(struct gen *g, uint32_t limit)
{
	return random_below(&g->random, limit);
}

bool
gen_chance(struct gen *g, uint32_t per_mille)
{
	return gen_below(g, 1000) < per_mille;
}

uint32_t
gen_weighted(struct gen *g, const uint32_t *weights, uint32_t count)
{
	uint32_t sum = 0, at;

	for (uint32_t i = 0; i < count; i++)
		sum += weights[i];
	if (sum == 0)
		return 0;
	at = gen_below(g, sum);
	for (uint32_t i = 0;; i++) {
		if (at < weights[i])
			return i;
		at -= weights[i];
	}
}

uint8_t
gen_value_type(struct gen *g)
{
	return g->value_types[gen_below(g, g->value_type_count)];
}

bool
gen_has_type(const struct gen *g, uint8_t type)
{
	for (uint32_t i = 0; i < g->value_type_count; i++)
		if (g->value_types[i] == type)
			return true;
	return false;
}

/* ---- what there is ---- */

uint32_t
gen_type_idx(struct gen *g, const struct gen_type *type)
{
	for (uint32_t i = 0; i < g->type_count; i++) {
		const struct gen_type *have = &g->types[i];

		if (have->param_count == type->param_count &&
		    have->result_count == type->result_count &&
		    memcmp(have->params, type->params, type->param_count) == 0 &&
		    memcmp(have->results, type->results, type->result_count) == 0)
			return i;
	}
	if (g->type_count == GEN_TYPES_MAX)
		abort();
	g->types[g->type_count] = *type;
	return g->type_count++;
}

static void
choose_types(struct gen *g)
{
	g->value_types[g->value_type_count++] = T_I32;
	if (!gen_chance(g, 150))
		g->value_types[g->value_type_count++] = T_I64;
	if (gen_chance(g, 600)) {
		g->value_types[g->value_type_count++] = T_F64;
		if (gen_chance(g, 700))
			g->value_types[g->value_type_count++] = T_F32;
	}
	if (gen_chance(g, 400))
		g->value_types[g->value_type_count++] = T_V128;
	g->has_refs = gen_chance(g, 150);
	if (g->has_refs) {
		g->value_types[g->value_type_count++] = T_FUNC;
		g->value_types[g->value_type_count++] = T_EXTERN;
	}
}

static void
choose_weights(struct gen *g)
{
	static const uint8_t stmts[STMT_COUNT] = {
		[STMT_LOCAL_SET] = 20, [STMT_LOCAL_MOVES] = 5, [STMT_GLOBAL_SET] = 5,
		[STMT_STORE] = 14,     [STMT_MODIFY] = 5,      [STMT_ARRAY] = 5,
		[STMT_IF] = 9,	       [STMT_BLOCK] = 6,       [STMT_LOOP] = 8,
		[STMT_SWITCH] = 4,     [STMT_BRANCH] = 5,      [STMT_LEAVE] = 3,
		[STMT_CALL] = 6,       [STMT_DROP] = 3,	       [STMT_BULK] = 2,
		[STMT_TABLE] = 2,      [STMT_ATOMIC] = 5,
	};
	static const uint8_t exprs[EXPR_COUNT] = {
		[EXPR_LEAF] = 14,  [EXPR_OP] = 26,    [EXPR_OP_CONST] = 16, [EXPR_IDIOM] = 6,
		[EXPR_LOAD] = 10,  [EXPR_SELECT] = 5, [EXPR_TEE] = 5,	    [EXPR_IF] = 4,
		[EXPR_BLOCK] = 3,  [EXPR_CALL] = 4,   [EXPR_POOL] = 8,	    [EXPR_SIZE] = 1,
		[EXPR_ATOMIC] = 6,
	};

	for (uint32_t i = 0; i < STMT_COUNT; i++)
		g->stmt_weights[i] = stmts[i] * gen_pick(g, 0, 1, 1, 1, 3);
	for (uint32_t i = 0; i < EXPR_COUNT; i++)
		g->expr_weights[i] = exprs[i] * gen_pick(g, 0, 1, 1, 1, 3);
	g->stmt_weights[STMT_LOCAL_SET]++;
	g->expr_weights[EXPR_LEAF]++;
	g->wild = gen_pick(g, 0, 0, 2, 10, 40);
	g->may_recurse = g->is_base || gen_chance(g, 400);
	if (g->is_plain || gen_chance(g, 600)) {
		g->stmt_weights[STMT_ATOMIC] = 0;
		g->expr_weights[EXPR_ATOMIC] = 0;
	}
	g->ref_calls = gen_pick(g, 0, 0, 200, 500);
	g->tail_calls = gen_pick(g, 0, 300, 600, 900);
	if (g->tail_calls)
		g->stmt_weights[STMT_LEAVE] += 3;
}

static void
add_global(struct gen *g, uint8_t type, bool is_mutable)
{
	g->globals[g->global_count] = (struct gen_global){ type, is_mutable, g->global_count };
	g->global_count++;
}

/* Takes over what the base exports; the same global twice sometimes. */
static void
choose_imports(struct gen *g)
{
	const struct gen *base = g->base;

	g->global_import_count = 2 + gen_below(g, base->global_count - 1);
	for (uint32_t i = 2; i < g->global_import_count; i++) {
		uint32_t from = 2 + gen_below(g, base->global_count - 2);
		const struct gen_global *global = &base->globals[from];

		add_global(g, global->type, global->is_mutable);
		g->globals[i].import = from;
	}
	g->func_import_count = gen_below(g, base->func_count + 1);
	for (uint32_t i = 0; i < g->func_import_count; i++) {
		struct gen_callable *func = &g->funcs[g->func_count++];

		func->type = gen_type_idx(g, &base->types[base->funcs[i].type]);
	}
	if (base->table_count > 0 && gen_chance(g, 500)) {
		g->table_import_count = base->table_count;
		g->table_count = base->table_count;
		memcpy(g->tables, base->tables, sizeof(g->tables));
		memcpy(g->table_is_64, base->table_is_64, sizeof(g->table_is_64));
	}
}

/* Vectors do not pass between the host and modules. */
static bool
is_for_host(const struct gen_type *type)
{
	return !memchr(type->params, T_V128, type->param_count) &&
	       !memchr(type->results, T_V128, type->result_count);
}

static struct gen_type
choose_signature(struct gen *g)
{
	struct gen_type type = { .param_count = gen_pick(g, 0, 1, 2, 2, 3, 4, 6, 12, 20) };

	type.result_count = gen_pick(g, 0, 1, 1, 1, 1, 1, 2, 3, 9);
	if (gen_chance(g, 20))
		type.param_count = gen_below(g, GEN_PARAMS_MAX);
	if (gen_chance(g, 20))
		type.result_count = gen_below(g, GEN_PARAMS_MAX);
	for (uint32_t i = 0; i < type.param_count; i++)
		type.params[i] = gen_value_type(g);
	for (uint32_t i = 0; i < type.result_count; i++)
		type.results[i] = gen_value_type(g);
	return type;
}

static void
choose_contents(struct gen *g)
{
	uint32_t funcs = g->is_base ? gen_pick(g, 1, 2, 4) : gen_pick(g, 1, 2, 3, 5, 8, 14);
	uint32_t globals = gen_below(g, 8);
	uint32_t leaves = gen_pick(g, 0, 300, 600);

	for (uint32_t i = 0; i < globals; i++)
		add_global(g, gen_value_type(g), gen_chance(g, 800));
	for (uint32_t i = 0; i < funcs; i++) {
		struct gen_type type = choose_signature(g);
		struct gen_callable *func = &g->funcs[g->func_count++];

		/* There is something to call. */
		while (i + 1 == funcs && !is_for_host(&type))
			type = choose_signature(g);
		func->type = gen_type_idx(g, &type);
		func->is_leaf = gen_chance(g, leaves);
	}
	gen_choose_memories(g);
	if (g->table_count == 0 && gen_chance(g, 700)) {
		g->tables[g->table_count++] = T_FUNC;
		if (gen_chance(g, 200))
			g->tables[g->table_count++] = (uint8_t)gen_pick(g, T_FUNC, T_EXTERN);
		for (uint32_t i = 0; i < g->table_count && !g->is_plain; i++)
			g->table_is_64[i] = gen_chance(g, 200);
	}
	g->data_count = g->memory_count ? gen_below(g, 3) : 0;
	g->elem_count = g->table_count > 0 ? gen_below(g, 3) : 0;
	for (uint32_t i = 0; i < g->elem_count; i++)
		g->elem_types[i] = g->tables[gen_below(g, g->table_count)];
}

/* ---- sections ---- */

static void
put_types(struct gen *g, struct buffer *out)
{
	struct buffer section = { 0 };

	put_u32(&section, g->type_count);
	for (uint32_t i = 0; i < g->type_count; i++) {
		const struct gen_type *type = &g->types[i];

		put(&section, 0x60);
		put_u32(&section, type->param_count);
		put_bytes(&section, type->params, type->param_count);
		put_u32(&section, type->result_count);
		put_bytes(&section, type->results, type->result_count);
	}
	put_section(out, SECTION_TYPE, &section);
}

static void
put_field(struct buffer *out, char letter, uint32_t idx)
{
	char name[16];

	snprintf(name, sizeof(name), "%c%u", letter, idx);
	put_name(out, name);
}

/* Nobody but modules can read a vector: the oracle passes over `v`. */
static char
global_letter(uint8_t type)
{
	return type == T_V128 ? 'v' : 'g';
}

static void
put_import(struct buffer *out, char letter, uint32_t idx, uint8_t kind)
{
	put_name(out, "base");
	put_field(out, letter, idx);
	put(out, kind);
}

static void
put_table_type(const struct gen *g, struct buffer *out, uint32_t idx)
{
	bool is_import = idx < g->table_import_count;

	put(out, g->tables[idx], g->table_is_64[idx] ? 5 : 1, is_import ? 0 : GEN_FUNCS_MAX - 12,
	    GEN_TABLE_MAX);
}

static void
put_imports(struct gen *g, struct buffer *out)
{
	struct buffer section = { 0 };
	uint32_t count = g->func_import_count + g->global_import_count + g->table_import_count +
			 g->memory_import_count;

	put_u32(&section, count);
	for (uint32_t i = 0; i < g->global_import_count; i++) {
		put_import(&section, global_letter(g->globals[i].type), g->globals[i].import, 0x03);
		put(&section, g->globals[i].type, g->globals[i].is_mutable);
	}
	for (uint32_t i = 0; i < g->func_import_count; i++) {
		put_import(&section, 'f', i, 0x00);
		put_u32(&section, g->funcs[i].type);
	}
	for (uint32_t i = 0; i < g->table_import_count; i++) {
		put_import(&section, 't', i, 0x01);
		put_table_type(g, &section, i);
	}
	for (uint32_t i = 0; i < g->memory_import_count; i++) {
		put_import(&section, 'm', g->memories[i].import, 0x02);
		gen_put_memory_type(&section, &g->memories[i]);
	}
	if (count > 0)
		put_section(out, SECTION_IMPORT, &section);
	else
		buffer_free(&section);
}

static void
put_spaces(struct gen *g, struct buffer *out)
{
	struct buffer section = { 0 };

	put_u32(&section, g->func_count - g->func_import_count);
	for (uint32_t i = g->func_import_count; i < g->func_count; i++)
		put_u32(&section, g->funcs[i].type);
	put_section(out, SECTION_FUNCTION, &section);
	put_u32(&section, g->table_count - g->table_import_count);
	for (uint32_t i = g->table_import_count; i < g->table_count; i++)
		put_table_type(g, &section, i);
	put_section(out, SECTION_TABLE, &section);
	put_u32(&section, g->memory_count - g->memory_import_count);
	for (uint32_t i = g->memory_import_count; i < g->memory_count; i++)
		gen_put_memory_type(&section, &g->memories[i]);
	put_section(out, SECTION_MEMORY, &section);
}

static void
put_globals(struct gen *g, struct buffer *out)
{
	struct buffer section = { 0 };

	put_u32(&section, g->global_count - g->global_import_count);
	for (uint32_t i = g->global_import_count; i < g->global_count; i++) {
		struct gen_global global = g->globals[i];
		uint64_t bits = i == 0 ? FUEL_AT_FIRST : i == 1 ? 0 : gen_bits(g);

		if (global.type == T_F32 || global.type == T_F64)
			bits = gen_constant_bits(g, global.type);
		put(&section, global.type, global.is_mutable);
		gen_put_const(&section, global.type, bits);
		put(&section, 0x0b);
	}
	put_section(out, SECTION_GLOBAL, &section);
}

/* Fills `exported` with the functions that are exported. */
static void
put_exports(struct gen *g, struct buffer *out, uint32_t *exported, uint32_t *exported_count)
{
	struct buffer section = { 0 }, items = { 0 };
	uint32_t count = g->global_count + g->table_count + g->memory_count;

	for (uint32_t i = 0; i < g->global_count; i++) {
		put_field(&items, global_letter(g->globals[i].type), i);
		put(&items, 0x03);
		put_u32(&items, i);
	}
	for (uint32_t i = 0; i < g->table_count; i++) {
		put_field(&items, 't', i);
		put(&items, 0x01);
		put_u32(&items, i);
	}
	for (uint32_t i = 0; i < g->memory_count; i++) {
		put_field(&items, 'm', i);
		put(&items, 0x02);
		put_u32(&items, i);
	}
	for (uint32_t i = 0; i < g->func_count; i++) {
		if (!g->is_base && i + 1 < g->func_count && gen_chance(g, 350))
			continue;
		put_field(&items, 'f', i);
		put(&items, 0x00);
		put_u32(&items, i);
		count++;
		if (is_for_host(&g->types[g->funcs[i].type]))
			exported[(*exported_count)++] = i;
	}
	put_u32(&section, count);
	put_bytes(&section, items.bytes, items.len);
	buffer_free(&items);
	put_section(out, SECTION_EXPORT, &section);
}

static void
put_start(struct gen *g, struct buffer *out)
{
	struct buffer section = { 0 };

	for (uint32_t i = g->func_import_count; i < g->func_count; i++) {
		const struct gen_type *type = &g->types[g->funcs[i].type];

		if (type->param_count + type->result_count > 0 || !gen_chance(g, 300))
			continue;
		put_u32(&section, i);
		put_section(out, SECTION_START, &section);
		return;
	}
}

/* Passive segments first, then an active one a function table, then one that
 * declares every function. */
static void
put_elements(struct gen *g, struct buffer *out)
{
	struct buffer section = { 0 };
	uint32_t count = g->elem_count + 1;

	for (uint32_t i = 0; i < g->table_count; i++)
		count += g->tables[i] == T_FUNC;
	put_u32(&section, count);
	for (uint32_t i = 0; i < g->elem_count; i++) {
		put(&section, 5, g->elem_types[i], 4);
		for (int k = 0; k < 4; k++) {
			if (g->elem_types[i] == T_FUNC && gen_chance(g, 800)) {
				put(&section, 0xd2);
				put_u32(&section, gen_below(g, g->func_count));
			} else {
				put(&section, 0xd0, g->elem_types[i]);
			}
			put(&section, 0x0b);
		}
	}
	for (uint32_t i = 0; i <= g->table_count; i++) {
		if (i == g->table_count)
			put(&section, 3, 0);
		else if (g->tables[i] == T_FUNC)
			put(&section, 2, (uint8_t)i, g->table_is_64[i] ? 0x42 : 0x41, 0, 0x0b, 0);
		else
			continue;
		put_u32(&section, g->func_count);
		for (uint32_t k = 0; k < g->func_count; k++)
			put_u32(&section, k);
	}
	put_section(out, SECTION_ELEMENT, &section);
}

/* ---- the calls ---- */

static void
put_custom(struct buffer *out, const char *name, struct buffer *contents)
{
	struct buffer section = { 0 };

	put_name(&section, name);
	put_bytes(&section, contents->bytes, contents->len);
	buffer_free(contents);
	put_section(out, 0, &section);
}

static uint64_t
argument_bits(struct gen *g, uint8_t type, const uint32_t *exported, uint32_t exported_count)
{
	if (type == T_EXTERN)
		return gen_below(g, 4);
	if (type == T_FUNC)
		return gen_chance(g, 500) ? 0 : 1 + exported[gen_below(g, exported_count)];
	return gen_constant_bits(g, type);
}

static void
put_calls(struct gen *g, struct buffer *out, const uint32_t *exported, uint32_t exported_count)
{
	struct buffer contents = { 0 };
	uint32_t count = 4 * exported_count < 30 ? 4 * exported_count : 30;

	put_u32(&contents, count);
	for (; count > 0; count--) {
		uint32_t idx = exported[gen_below(g, exported_count)];
		const struct gen_type *type = &g->types[g->funcs[idx].type];

		put_u32(&contents, idx);
		put_u32(&contents, type->param_count);
		put_bytes(&contents, type->params, type->param_count);
		put_u32(&contents, type->result_count);
		put_bytes(&contents, type->results, type->result_count);
		for (uint32_t i = 0; i < type->param_count; i++) {
			uint64_t bits = argument_bits(g, type->params[i], exported, exported_count);

			put_bytes(&contents, &bits, 8);
		}
	}
	put_custom(out, "diff.calls", &contents);
}

/* ---- the module ---- */

/* Fills `out`; `exported` has room for all functions. */
static void
build(struct gen *g, struct buffer *out, uint32_t *exported, uint32_t *exported_count)
{
	struct buffer code = { 0 };
	uint32_t active;

	choose_types(g);
	choose_weights(g);
	(void)gen_type_idx(g, &(struct gen_type){ 0 });
	add_global(g, T_I64, true);
	add_global(g, T_I32, true);
	if (g->base)
		choose_imports(g);
	choose_contents(g);
	active = g->memory_count ? gen_below(g, 3) : 0;
	put_u32(&code, g->func_count - g->func_import_count);
	for (uint32_t i = g->func_import_count; i < g->func_count; i++)
		gen_function(g, i, &code);
	put_header(out);
	put_types(g, out);
	put_imports(g, out);
	put_spaces(g, out);
	put_globals(g, out);
	put_exports(g, out, exported, exported_count);
	put_start(g, out);
	put_elements(g, out);
	put_section_bytes(out, SECTION_DATA_COUNT, (uint8_t)(g->data_count + active));
	put_section(out, SECTION_CODE, &code);
	gen_put_data(g, out, active);
}

struct buffer
gen_module(const struct gen_request *request, uint32_t *nodes)
{
	struct gen *base = calloc(1, sizeof(*base));
	struct gen *g = calloc(1, sizeof(*g));
	uint32_t exported[GEN_FUNCS_MAX], exported_count = 0;
	struct buffer out = { 0 }, base_out = { 0 };

	if (!base || !g)
		abort();
	g->random = request->seed;
	g->is_plain = base->is_plain = request->is_plain;
	g->skip = base->skip = request->skip;
	g->skip_count = base->skip_count = request->skip_count;
	if (gen_chance(g, 300)) {
		base->is_base = true;
		base->random = gen_bits(g);
		build(base, &base_out, exported, &exported_count);
		g->base = base;
		g->node = base->node;
		exported_count = 0;
	}
	build(g, &out, exported, &exported_count);
	if (g->base)
		put_custom(&out, "diff.base", &base_out);
	put_calls(g, &out, exported, exported_count);
	*nodes = g->node;
	free(base);
	free(g);
	return out;
}
