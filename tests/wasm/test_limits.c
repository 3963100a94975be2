/*
 * Implementation limits: a module at each limit is accepted, one beyond it is
 * refused and told so; and modules made to be slow are not.
 */
#include "wasm/limits.h"
#include "wasm/module.h"

#include "tests/wasm/host_arena.h"
#include "tests/wasm/module_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

typedef struct buffer build_module(uint32_t count);

struct limit_case {
	const char *name; /* must stand in the report */
	build_module *build;
	uint32_t limit;
	enum wasm_code_mode code;
};

static enum nb_status
decode(const struct buffer *input, enum wasm_code_mode code, size_t arena_limit, struct diag *diag)
{
	const struct wasm_features features = { .set = WASM_FEATURES_ALL, .code = code };
	struct host_arena host;
	struct wasm_module module;
	enum nb_status status;

	host_arena_init(&host, arena_limit);
	diag_init(diag);
	status =
		wasm_module_decode(&module, &host.arena, input->bytes, input->len, &features, diag);
	arena_reset(&host.arena);
	assert_int_equal(host.chunks, 0);
	return status;
}

static struct buffer
header_and_type(void)
{
	struct buffer module = { 0 };

	put_header(&module);
	put_section_bytes(&module, SECTION_TYPE, 1, 0x60, 0, 0);
	return module;
}

/* A section of `count` entries, each of these bytes. */
static void
put_repeated(struct buffer *module, uint8_t id, uint32_t count, const void *entry, size_t len)
{
	struct buffer section = { 0 };

	put_u32(&section, count);
	for (uint32_t i = 0; i < count; i++)
		put_bytes(&section, entry, len);
	put_section(module, id, &section);
}

static struct buffer
build_types(uint32_t count)
{
	struct buffer module = { 0 };

	put_header(&module);
	put_repeated(&module, SECTION_TYPE, count, "\x60\0\0", 3);
	return module;
}

static struct buffer
build_functions(uint32_t count)
{
	struct buffer module = header_and_type();

	put_repeated(&module, SECTION_FUNCTION, count, "\0", 1);
	return module;
}

static struct buffer
build_functions_and_imports(uint32_t count)
{
	struct buffer module = header_and_type();

	put_repeated(&module, SECTION_IMPORT, 400000, "\0\0\0\0", 4);
	put_repeated(&module, SECTION_FUNCTION, count - 400000, "\0", 1);
	return module;
}

static struct buffer
build_imports(uint32_t count)
{
	struct buffer module = header_and_type();

	put_repeated(&module, SECTION_IMPORT, count, "\0\0\3\x7f\0", 5);
	return module;
}

static struct buffer
build_globals(uint32_t count)
{
	struct buffer module = { 0 };

	put_header(&module);
	put_repeated(&module, SECTION_IMPORT, 10, "\0\0\3\x7f\0", 5);
	put_repeated(&module, SECTION_GLOBAL, count - 10, "\x7f\0\x41\0\x0b", 5);
	return module;
}

static struct buffer
build_tables(uint32_t count)
{
	struct buffer module = { 0 };

	put_header(&module);
	put_repeated(&module, SECTION_TABLE, count, "\x70\0\0", 3);
	return module;
}

static struct buffer
build_memories(uint32_t count)
{
	struct buffer module = { 0 };

	put_header(&module);
	put_repeated(&module, SECTION_IMPORT, 10, "\0\0\2\0\0", 5);
	put_repeated(&module, SECTION_MEMORY, count - 10, "\0\0", 2);
	return module;
}

/* A global whose expression has `count` operands before the first addition. */
static struct buffer
build_init_operands(uint32_t count)
{
	struct buffer module = { 0 };
	struct buffer section = { 0 };

	put_header(&module);
	put(&section, 1, 0x7f, 0);
	for (uint32_t i = 0; i < count; i++)
		put(&section, 0x41, 1);
	for (uint32_t i = 1; i < count; i++)
		put(&section, 0x6a);
	put(&section, 0x0b);
	put_section(&module, SECTION_GLOBAL, &section);
	return module;
}

/* A global whose expression has `count` instructions: a sum. */
static struct buffer
build_init_length(uint32_t count)
{
	struct buffer module = { 0 };
	struct buffer section = { 0 };

	put_header(&module);
	put(&section, 1, 0x7f, 0, 0x41, 1);
	for (uint32_t i = 1; i < count; i++) {
		if (i % 2)
			put(&section, 0x41, 1);
		else
			put(&section, 0x6a);
	}
	put(&section, 0x0b);
	put_section(&module, SECTION_GLOBAL, &section);
	return module;
}

static struct buffer
build_exports(uint32_t count)
{
	struct buffer module = { 0 };
	struct buffer section = { 0 };

	put_header(&module);
	put_repeated(&module, SECTION_MEMORY, 1, "\0\0", 2);
	put_u32(&section, count);
	for (uint32_t i = 0; i < count; i++) {
		char name[8];

		snprintf(name, sizeof(name), "%07u", i * 7 % 9999991);
		put(&section, 7);
		put_bytes(&section, name, 7);
		put(&section, 2, 0);
	}
	put_section(&module, SECTION_EXPORT, &section);
	return module;
}

static struct buffer
build_datas(uint32_t count)
{
	struct buffer module = { 0 };

	put_header(&module);
	put_repeated(&module, SECTION_DATA, count, "\1\0", 2);
	return module;
}

static struct buffer
build_data_count(uint32_t count)
{
	struct buffer module = { 0 };
	struct buffer section = { 0 };

	put_header(&module);
	put_u32(&section, count);
	put_section(&module, SECTION_DATA_COUNT, &section);
	put_repeated(&module, SECTION_DATA, count < 100000 ? count : 100000, "\1\0", 2);
	return module;
}

static struct buffer
build_elems(uint32_t count)
{
	struct buffer module = { 0 };

	put_header(&module);
	put_repeated(&module, SECTION_ELEMENT, count, "\1\0\0", 3);
	return module;
}

static struct buffer
build_elem_entries(uint32_t count)
{
	struct buffer module = header_and_type();
	struct buffer section = { 0 };

	put_repeated(&module, SECTION_IMPORT, 1, "\0\0\0\0", 4);
	put(&section, 1, 1, 0);
	put_u32(&section, count);
	for (uint32_t i = 0; i < count; i++)
		put(&section, 0);
	put_section(&module, SECTION_ELEMENT, &section);
	return module;
}

static struct buffer
build_params(uint32_t count)
{
	struct buffer module = { 0 };
	struct buffer section = { 0 };

	put_header(&module);
	put(&section, 1, 0x60);
	put_u32(&section, count);
	for (uint32_t i = 0; i < count; i++)
		put(&section, 0x7e);
	put(&section, 0);
	put_section(&module, SECTION_TYPE, &section);
	return module;
}

static struct buffer
build_results(uint32_t count)
{
	struct buffer module = { 0 };
	struct buffer section = { 0 };

	put_header(&module);
	put(&section, 1, 0x60, 0);
	put_u32(&section, count);
	for (uint32_t i = 0; i < count; i++)
		put(&section, 0x7e);
	put_section(&module, SECTION_TYPE, &section);
	return module;
}

static struct buffer
build_locals(uint32_t count)
{
	struct buffer body = { 0 };

	put(&body, 2);
	put_u32(&body, count - 7);
	put(&body, 0x7f, 7, 0x7e, 0x20);
	put_u32(&body, count - 1);
	put(&body, 0x50, 0x1a, 0x0b); /* i64.eqz: the last local is an i64 */
	return module_of_body(&body);
}

static struct buffer
build_function_bytes(uint32_t count)
{
	struct buffer body = { 0 };

	put(&body, 0);
	while (body.len < count - 1)
		put(&body, 0x01);
	put(&body, 0x0b);
	return module_of_body(&body);
}

static struct buffer
build_br_table(uint32_t count)
{
	struct buffer body = { 0 };

	put(&body, 0, 0x41, 0, 0x0e);
	put_u32(&body, count);
	for (uint32_t i = 0; i <= count; i++)
		put(&body, 0);
	put(&body, 0x0b);
	return module_of_body(&body);
}

static struct buffer
build_name_bytes(uint32_t count)
{
	struct buffer module = { 0 };
	struct buffer section = { 0 };

	put_header(&module);
	put(&section, 1);
	put_u32(&section, count);
	for (uint32_t i = 0; i < count; i++)
		put(&section, 'n');
	put(&section, 0, 3, 0x7f, 0);
	put_section(&module, SECTION_IMPORT, &section);
	return module;
}

static const struct limit_case limit_cases[] = {
	{ "number of types", build_types, WASM_LIMIT_TYPES, WASM_CODE_VALIDATE },
	{ "functions", build_functions, WASM_LIMIT_FUNCTIONS, WASM_CODE_ABSENT },
	{ "functions", build_functions_and_imports, WASM_LIMIT_FUNCTIONS, WASM_CODE_ABSENT },
	{ "number of imports", build_imports, WASM_LIMIT_IMPORTS, WASM_CODE_VALIDATE },
	{ "globals", build_globals, WASM_LIMIT_GLOBALS, WASM_CODE_VALIDATE },
	{ "number of tables", build_tables, WASM_LIMIT_TABLES, WASM_CODE_VALIDATE },
	{ "memories", build_memories, WASM_LIMIT_MEMORIES, WASM_CODE_VALIDATE },
	{ "constant expression", build_init_operands, WASM_LIMIT_INIT_DEPTH, WASM_CODE_VALIDATE },
	{ "constant expression", build_init_length, WASM_LIMIT_INIT_LENGTH, WASM_CODE_VALIDATE },
	{ "number of exports", build_exports, WASM_LIMIT_EXPORTS, WASM_CODE_VALIDATE },
	{ "number of data segments", build_datas, WASM_LIMIT_DATA_SEGMENTS, WASM_CODE_VALIDATE },
	{ "data count", build_data_count, WASM_LIMIT_DATA_SEGMENTS, WASM_CODE_VALIDATE },
	{ "number of element segments", build_elems, WASM_LIMIT_ELEM_SEGMENTS, WASM_CODE_VALIDATE },
	{ "number of elements", build_elem_entries, WASM_LIMIT_ELEM_ENTRIES, WASM_CODE_VALIDATE },
	{ "number of parameters", build_params, WASM_LIMIT_PARAMS, WASM_CODE_VALIDATE },
	{ "number of results", build_results, WASM_LIMIT_RESULTS, WASM_CODE_VALIDATE },
	{ "locals", build_locals, WASM_LIMIT_LOCALS, WASM_CODE_VALIDATE },
	{ "function body", build_function_bytes, WASM_LIMIT_FUNCTION_BYTES, WASM_CODE_VALIDATE },
	{ "br_table targets", build_br_table, WASM_LIMIT_BR_TABLE, WASM_CODE_VALIDATE },
	{ "import module name", build_name_bytes, WASM_LIMIT_NAME_BYTES, WASM_CODE_VALIDATE },
};

static void
test_each_limit_on_both_sides(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(limit_cases) / sizeof(*limit_cases); i++) {
		const struct limit_case *c = &limit_cases[i];
		struct buffer module = c->build(c->limit);
		enum nb_status status;
		struct diag diag;

		status = decode(&module, c->code, SIZE_MAX, &diag);
		if (status != NB_OK)
			print_error("%s: at the limit: %s\n", c->name, diag.text);
		assert_int_equal(status, NB_OK);
		buffer_free(&module);
		module = c->build(c->limit + 1);
		status = decode(&module, c->code, SIZE_MAX, &diag);
		if (status != NB_LIMIT_EXCEEDED || !strstr(diag.text, c->name))
			print_error("%s: beyond the limit: %d %s\n", c->name, (int)status,
				    diag.text);
		assert_int_equal(status, NB_LIMIT_EXCEEDED);
		assert_non_null(strstr(diag.text, c->name));
		buffer_free(&module);
	}
}

static void
test_module_of_more_than_a_gibibyte(void **state)
{
	uint8_t byte = 0;
	const struct buffer module = { &byte, (size_t)WASM_LIMIT_MODULE_BYTES + 1, 0 };
	struct diag diag;

	(void)state;
	assert_int_equal(decode(&module, WASM_CODE_VALIDATE, SIZE_MAX, &diag), NB_LIMIT_EXCEEDED);
}

/* Counts that the bytes cannot hold must not reach an allocation. */
static void
test_memory_is_in_proportion_to_the_input(void **state)
{
	static const uint8_t ids[] = { SECTION_TYPE,   SECTION_IMPORT,	SECTION_FUNCTION,
				       SECTION_TABLE,  SECTION_MEMORY,	SECTION_GLOBAL,
				       SECTION_EXPORT, SECTION_ELEMENT, SECTION_CODE,
				       SECTION_DATA };

	(void)state;
	for (size_t i = 0; i < sizeof(ids); i++) {
		struct buffer module = { 0 };
		struct diag diag;

		put_header(&module);
		put_section_bytes(&module, ids[i], 0xbf, 0x84, 0x3d, 0, 0, 0, 0); /* 999999 */
		assert_int_equal(decode(&module, WASM_CODE_VALIDATE, 65536, &diag), NB_MALFORMED);
		buffer_free(&module);
	}
}

static struct buffer
build_nesting(uint32_t depth)
{
	struct buffer body = { 0 };

	put(&body, 0);
	for (uint32_t i = 0; i < depth; i++)
		put(&body, 0x02, 0x40);
	for (uint32_t i = 0; i < depth; i++)
		put(&body, 0x0b);
	put(&body, 0x0b);
	return module_of_body(&body);
}

static void
test_nesting_is_bounded_by_memory_alone(void **state)
{
	struct buffer module = build_nesting(2500000);
	struct diag diag;

	(void)state;
	assert_int_equal(decode(&module, WASM_CODE_VALIDATE, SIZE_MAX, &diag), NB_OK);
	assert_int_equal(decode(&module, WASM_CODE_VALIDATE, 1 << 20, &diag), NB_OUT_OF_MEMORY);
	assert_int_equal(diag.function_idx, 0);
	buffer_free(&module);
}

/* `count` functions with this body. */
static struct buffer
build_many(uint32_t count, const uint8_t *body, size_t len)
{
	struct buffer module = { 0 };
	struct buffer entry = { 0 };

	put_header(&module);
	put_section_bytes(&module, SECTION_TYPE, 1, 0x60, 0, 0);
	put_repeated(&module, SECTION_FUNCTION, count, "\0", 1);
	put_u32(&entry, (uint32_t)len);
	put_bytes(&entry, body, len);
	put_repeated(&module, SECTION_CODE, count, entry.bytes, entry.len);
	buffer_free(&entry);
	return module;
}

/* Work that a few bytes ask for must not be multiplied: each of these took
 * minutes if locals were laid out one by one or br_table targets compared one
 * by one. The bound is generous, for sanitizers and busy machines. */
static void
test_modules_made_to_be_slow(void **state)
{
	static const uint8_t locals[] = {
		1, 0xd0, 0x86, 0x03, 0x7f, 0x20, 0xcf, 0x86, 0x03, 0x1a, 0x0b
	}; /* 50000 locals, the last one is read */
	struct buffer module = build_many(500000, locals, sizeof(locals));
	struct buffer section = { 0 };
	struct buffer body = { 0 };
	struct buffer code = { 0 };
	struct diag diag;
	clock_t start = clock();

	(void)state;
	assert_int_equal(decode(&module, WASM_CODE_VALIDATE, SIZE_MAX, &diag), NB_OK);
	buffer_free(&module);

	/* Two blocks of 1000 results, in turn the targets of a long br_table,
	 * whose operands are 1000 of unknown type. */
	put_header(&module);
	put(&section, 3, 0x60, 0, 0);
	for (int type = 0; type < 2; type++) {
		put(&section, 0x60, 0);
		put_u32(&section, 1000);
		for (int i = 0; i < 1000; i++)
			put(&section, type ? 0x7e : 0x7f);
	}
	put_section(&module, SECTION_TYPE, &section);
	put_section_bytes(&module, SECTION_FUNCTION, 1, 0);
	put(&body, 0, 0x02, 1, 0x02, 2, 0x00);
	for (int i = 0; i < 1000; i++)
		put(&body, 0x1b); /* select */
	put(&body, 0x41, 0, 0x0e);
	put_u32(&body, 1000000);
	for (int i = 0; i <= 1000000; i++)
		put(&body, i & 1);
	put(&body, 0x0b, 0x00, 0x0b, 0x00, 0x0b);
	put(&code, 1);
	put_sized(&code, &body);
	put_section(&module, SECTION_CODE, &code);
	assert_int_equal(decode(&module, WASM_CODE_VALIDATE, SIZE_MAX, &diag), NB_OK);
	buffer_free(&module);
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 10.0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_limit_on_both_sides),
		cmocka_unit_test(test_module_of_more_than_a_gibibyte),
		cmocka_unit_test(test_memory_is_in_proportion_to_the_input),
		cmocka_unit_test(test_nesting_is_bounded_by_memory_alone),
		cmocka_unit_test(test_modules_made_to_be_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
