/*
 * Types that refer to types, and constant expressions: what decoding makes of
 * them.
 */
#include "wasm/module.h"
#include "wasm/reader.h"

#include "tests/wasm/host_arena.h"
#include "tests/wasm/module_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A decoded module with all that it needs. */
struct decoded {
	struct host_arena host;
	struct wasm_module module;
	struct buffer input;
};

static void
count_relax(void *context)
{
	++*(unsigned *)context;
}

/* Takes `input`, which must be valid, over. Returns how often it relaxed. */
static unsigned
decode(struct decoded *d, struct buffer input)
{
	unsigned relaxed = 0;
	const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						.relax = count_relax,
						.relax_context = &relaxed };
	struct diag diag;

	d->input = input;
	host_arena_init(&d->host, SIZE_MAX);
	diag_init(&diag);
	if (wasm_module_decode(&d->module, &d->host.arena, input.bytes, input.len, &features,
			       &diag))
		fail_msg("%s", diag.text);
	assert_null(d->module.features.relax);
	return relaxed;
}

static void
finish(struct decoded *d)
{
	arena_reset(&d->host.arena);
	assert_int_equal(d->host.chunks, 0);
	buffer_free(&d->input);
}

/* A type section of types [(ref[ null] a)] -> [] for each pair of bytes. */
static struct buffer
module_of_types(const uint8_t (*params)[2], uint32_t count)
{
	struct buffer module = { 0 };
	struct buffer section = { 0 };

	put_header(&module);
	put_u32(&section, count);
	for (uint32_t i = 0; i < count; i++) {
		if (params[i][0] == 0)
			put(&section, 0x60, 0, 0);
		else
			put(&section, 0x60, 1, params[i][0], params[i][1], 0);
	}
	put_section(&module, SECTION_TYPE, &section);
	return module;
}

static void
test_equal_types_have_one_index(void **state)
{
	static const uint8_t params[][2] = {
		{ 0 },	     { 0x64, 0 }, { 0 },       { 0x64, 2 }, /* 2 is 0, 3 is 1 */
		{ 0x64, 4 }, { 0x64, 5 },			    /* each of itself: equal */
		{ 0x64, 4 }, { 0x64, 5 },			    /* of another: equal, but new */
		{ 0x63, 4 }, { 0x63, 6 }, { 0x63, 7 }, { 0x63, 10 },
	};
	static const uint32_t canonical[] = { 0, 1, 0, 1, 4, 4, 6, 6, 8, 9, 9, 9 };
	enum { COUNT = sizeof(params) / sizeof(*params) };
	struct decoded d;

	(void)state;
	decode(&d, module_of_types(params, COUNT));
	for (uint32_t i = 0; i < COUNT - 1; i++) {
		const struct wasm_functype *type = &d.module.types[i];
		const struct wasm_functype *first = &d.module.types[canonical[i]];

		assert_int_equal(type->canonical_idx, canonical[i]);
		assert_ptr_equal(type->params, first->params);
		assert_ptr_equal(type->ref_blocks, first->ref_blocks);
		if (params[i][0] != 0)
			assert_int_equal(
				type->params[0],
				wasm_valtype_typed(canonical[params[i][1]], params[i][0] == 0x63));
	}
	/* (param (ref null 10)) where 10 is 9: new, for 9's is of 6. */
	assert_int_equal(d.module.types[11].canonical_idx, 11);
	assert_int_equal(d.module.types[11].params[0], wasm_valtype_typed(9, true));
	finish(&d);
}

static void
test_block_types_of_references(void **state)
{
	static const uint8_t params[][2] = { { 0 }, { 0x64, 0 }, { 0 } };
	static const uint8_t bytes[] = {
		0x63, 2, 0x64, 1, 0x64, 0x70, 0x02, 2, 0x70, 0x63, 2, 0x0b
	};
	const struct wasm_functype *type;
	struct wasm_reader r = { bytes };
	struct decoded d;

	(void)state;
	decode(&d, module_of_types(params, 3));
	type = wasm_read_block_type(&r, &d.module);
	assert_int_equal(type->param_count, 0);
	assert_int_equal(type->result_count, 1);
	assert_int_equal(type->results[0], wasm_valtype_typed(0, true));
	assert_ptr_equal(type, wasm_module_block_type(&d.module, wasm_valtype_typed(0, true)));
	assert_int_equal(wasm_read_block_type(&r, &d.module)->results[0],
			 wasm_valtype_typed(1, false));
	assert_ptr_equal(wasm_read_block_type(&r, &d.module),
			 wasm_functype_shorthand(WASM_REF_FUNC));
	assert_ptr_equal(wasm_read_block_type(&r, &d.module), &d.module.types[2]);
	assert_int_equal(wasm_read_heap_type(&r, &d.module), wasm_valtype_typed(0, true));
	assert_int_equal(wasm_read_heap_type(&r, &d.module), WASM_FUNCREF);
	assert_int_equal(wasm_read_valtype(&r, &d.module), wasm_valtype_typed(0, true));
	/* Passing over the immediates of block, ref.null and select. */
	r.pos = bytes;
	wasm_skip_immediate(&r, WASM_OP_BLOCK);
	wasm_skip_immediate(&r, WASM_OP_BLOCK);
	wasm_skip_immediate(&r, WASM_OP_BLOCK);
	wasm_skip_immediate(&r, WASM_OP_BLOCK);
	wasm_skip_immediate(&r, WASM_OP_REF_NULL);
	wasm_skip_immediate(&r, WASM_OP_REF_NULL);
	wasm_skip_immediate(&r, WASM_OP_BLOCK);
	assert_ptr_equal(r.pos, bytes + sizeof(bytes) - 1);
	finish(&d);
}

/* By row: subtype; by column: of what. */
static void
test_subtypes(void **state)
{
	const enum wasm_valtype types[] = {
		WASM_I32,
		WASM_I64,
		WASM_FUNCREF,
		WASM_REF_FUNC,
		WASM_EXTERNREF,
		WASM_REF_EXTERN,
		wasm_valtype_typed(3, true),
		wasm_valtype_typed(3, false),
		wasm_valtype_typed(4, false),
	};
	static const char *const rows[] = {
		"x........", ".x.......", "..x......", "..xx.....", "....x....",
		"....xx...", "..x...x..", "..xx..xx.", "..xx....x",
	};
	enum { COUNT = sizeof(rows) / sizeof(*rows) };

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		for (size_t j = 0; j < COUNT; j++)
			assert_int_equal(wasm_valtype_matches(types[i], types[j]),
					 rows[i][j] == 'x');
		assert_true(wasm_valtype_matches(WASM_BOTTOM, types[i]));
		assert_int_equal(wasm_valtype_matches(WASM_REF_BOTTOM, types[i]),
				 wasm_valtype_is_ref(types[i]));
		if (!wasm_valtype_is_ref(types[i]))
			continue;
		assert_true(wasm_valtype_matches(wasm_valtype_as_non_null(types[i]), types[i]));
		assert_true(wasm_valtype_matches(types[i], wasm_valtype_as_nullable(types[i])));
		assert_false(wasm_valtype_is_nullable(wasm_valtype_as_non_null(types[i])));
		assert_true(wasm_valtype_is_nullable(wasm_valtype_as_nullable(types[i])));
	}
	assert_string_equal(wasm_valtype_text(wasm_valtype_typed(999999, true)).text,
			    "(ref null 999999)");
	assert_string_equal(wasm_valtype_text(wasm_valtype_typed(0, false)).text, "(ref 0)");
	assert_string_equal(wasm_valtype_text(WASM_REF_EXTERN).text, "(ref extern)");
}

/* Numbers each canonical type of `module` by the first equal one in known[],
 * which grows; writes the number of each type to numbers[]. */
static uint32_t
number_types(struct decoded *d, struct wasm_functype *known, uint32_t known_count,
	     uint32_t *numbers)
{
	for (uint32_t i = 0; i < d->module.type_count; i++) {
		struct wasm_functype type = d->module.types[i];
		enum wasm_valtype *params = malloc(sizeof(*params) * (type.param_count + 1));
		uint32_t number = 0;

		assert_non_null(params);
		if (type.param_count > 0)
			memcpy(params, type.params, sizeof(*params) * type.param_count);
		wasm_valtypes_rename(params, type.param_count, numbers, type.canonical_idx);
		type.params = params;
		while (number < known_count && !wasm_functype_equal(&known[number], &type))
			number++;
		numbers[i] = number;
		if (number == known_count)
			known[known_count++] = type;
		else
			free(params);
	}
	return known_count;
}

static void
test_types_of_several_modules(void **state)
{
	static const uint8_t one[][2] = { { 0 }, { 0x64, 0 }, { 0x63, 2 }, { 0x64, 2 } };
	static const uint8_t other[][2] = {
		{ 0x63, 0 }, { 0x64, 0 }, { 0 }, { 0x64, 2 }, { 0x63, 2 }
	};
	struct wasm_functype known[16];
	uint32_t numbers[8] = { 0 };
	uint32_t others[8] = { 0 };
	struct decoded a, b;
	uint32_t count;

	(void)state;
	decode(&a, module_of_types(one, 4));
	decode(&b, module_of_types(other, 5));
	count = number_types(&a, known, 0, numbers);
	assert_int_equal(count, 4);
	count = number_types(&b, known, count, others);
	assert_int_equal(count, 5);
	assert_int_equal(others[0], numbers[2]); /* of itself */
	assert_int_equal(others[1], numbers[3]);
	assert_int_equal(others[2], numbers[0]);
	assert_int_equal(others[3], numbers[1]);
	assert_int_equal(others[4], 4);
	while (count > 0)
		free((void *)(uintptr_t)known[--count].params);
	finish(&a);
	finish(&b);
}

static uint64_t
read_global(const void *context, uint32_t global_idx)
{
	const uint64_t *globals = context;

	return globals[global_idx];
}

static void
test_constant_expressions(void **state)
{
	static const uint64_t globals[] = { 0xffffffff, 1ull << 40 };
	struct buffer module = { 0 };
	struct buffer section = { 0 };
	const struct wasm_init_expr *init;
	struct decoded d;

	(void)state;
	put_header(&module);
	put_section_bytes(&module, SECTION_IMPORT, 2, 0, 0, 3, 0x7f, 0, 0, 0, 3, 0x7e, 0);
	put(&section, 7);
	put(&section, 0x7f, 0, 0x41, 3, 0x41, 5, 0x6b, 0x0b);		     /* 3 - 5 */
	put(&section, 0x7e, 0, 0x42, 3, 0x42, 5, 0x7d, 0x42, 7, 0x7e, 0x0b); /* (3 - 5) * 7 */
	put(&section, 0x7f, 0, 0x23, 0, 0x0b);				     /* g0 */
	put(&section, 0x7f, 0, 0x23, 0, 0x41, 2, 0x6a, 0x0b);		     /* g0 + 2 */
	put(&section, 0x7e, 0, 0x42, 2, 0x42, 3, 0x7e, 0x23, 1, 0x7d, 0x0b); /* 2 * 3 - g1 */
	put(&section, 0x7e, 0, 0x23, 1, 0x42, 1, 0x42, 2, 0x7c, 0x7e, 0x0b); /* g1 * (1 + 2) */
	put(&section, 0x7f, 0, 0x23, 2, 0x23, 4, 0x6c, 0x0b); /* of globals defined before */
	put_section(&module, SECTION_GLOBAL, &section);
	decode(&d, module);
	init = &d.module.globals[2].init;
	assert_int_equal(init->kind, WASM_INIT_CONST);
	assert_true(init->bits[0] == 0xfffffffe);
	init = &d.module.globals[3].init;
	assert_int_equal(init->kind, WASM_INIT_CONST);
	assert_true((int64_t)init->bits[0] == -14);
	init = &d.module.globals[4].init;
	assert_int_equal(init->kind, WASM_INIT_GLOBAL_GET);
	assert_int_equal(init->idx, 0);
	init = &d.module.globals[5].init;
	assert_int_equal(init->kind, WASM_INIT_PROGRAM);
	assert_int_equal(init->step_count, 3);
	assert_true(wasm_init_run(init, read_global, globals) == 1);
	init = &d.module.globals[6].init;
	assert_int_equal(init->step_count, 3); /* 2 * 3 is done */
	assert_true(wasm_init_run(init, read_global, globals) == 6 - (1ull << 40));
	init = &d.module.globals[7].init;
	assert_int_equal(init->step_count, 3);
	assert_true(wasm_init_run(init, read_global, globals) == 3ull << 40);
	assert_int_equal(d.module.globals[8].init.kind, WASM_INIT_PROGRAM);
	finish(&d);
}

static void
test_table_initialisers(void **state)
{
	struct buffer module = { 0 };
	struct decoded d;

	(void)state;
	put_header(&module);
	put_section_bytes(&module, SECTION_TYPE, 1, 0x60, 0, 0);
	put_section_bytes(&module, SECTION_IMPORT, 2, 0, 0, 1, 0x70, 0, 1, 0, 0, 0, 0);
	put_section_bytes(&module, SECTION_TABLE, 2, 0x6f, 5, 1, 2, 0x40, 0, 0x64, 0, 0, 3, 0xd2, 0,
			  0x0b);
	decode(&d, module);
	assert_int_equal(d.module.table_count, 3);
	assert_int_equal(d.module.table_inits[1].kind, WASM_INIT_REF_NULL);
	assert_true(d.module.tables[1].limits.is_64);
	assert_int_equal(d.module.tables[2].type, wasm_valtype_typed(0, false));
	assert_int_equal(d.module.table_inits[2].kind, WASM_INIT_REF_FUNC);
	assert_int_equal(d.module.table_inits[2].idx, 0);
	finish(&d);
}

/* As a heap type: signed. */
static void
put_index(struct buffer *buffer, uint32_t value)
{
	for (; value >= 0x40; value >>= 7)
		put(buffer, (uint8_t)(value | 0x80));
	put(buffer, (uint8_t)value);
}

/* A chain of types, each of the one before: as many levels. */
static void
test_long_chains_of_types(void **state)
{
	enum { COUNT = 300000 };
	struct buffer module = { 0 };
	struct buffer section = { 0 };
	struct decoded d;
	unsigned relaxed;

	(void)state;
	put_header(&module);
	put_u32(&section, 2 * COUNT);
	for (uint32_t i = 0; i < 2 * COUNT; i++) {
		put(&section, 0x60, 1, 0x63);
		put_index(&section, i < 2 ? i : i - 2);
		put(&section, 0);
	}
	put_section(&module, SECTION_TYPE, &section);
	relaxed = decode(&d, module);
	assert_int_equal(d.module.types[2 * COUNT - 1].canonical_idx, 2 * COUNT - 2);
	assert_in_range(relaxed, d.input.len / 65536, d.input.len / 100);
	finish(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_types_have_one_index),
		cmocka_unit_test(test_block_types_of_references),
		cmocka_unit_test(test_subtypes),
		cmocka_unit_test(test_types_of_several_modules),
		cmocka_unit_test(test_constant_expressions),
		cmocka_unit_test(test_table_initialisers),
		cmocka_unit_test(test_long_chains_of_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
