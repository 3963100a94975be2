/*
 * What decoding makes of a module: every field, lookups, names, reports with
 * their places, and the code modes. (Which modules are right and which wrong
 * is the specification suite's matter, see suite_validate.py.)
 */
#include "wasm/module.h"

#include "tests/wasm/host_arena.h"
#include "tests/wasm/module_builder.h"
#include "wasm/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct wasm_features validate = { .set = WASM_FEATURES_2_0,
					       .code = WASM_CODE_VALIDATE };

/* A decoded module with all that it needs. */
struct decoded {
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	struct buffer input; /* memory of exactly the module's size */
	enum nb_status status;
};

/* Takes `input` over. */
static void
decode(struct decoded *d, struct buffer input, const struct wasm_features *features)
{
	d->input = (struct buffer){ malloc(input.len + !input.len), input.len, input.len };
	if (input.len > 0)
		memcpy(d->input.bytes, input.bytes, input.len);
	buffer_free(&input);
	host_arena_init(&d->host, SIZE_MAX);
	diag_init(&d->diag);
	d->status = wasm_module_decode(&d->module, &d->host.arena, d->input.bytes, d->input.len,
				       features, &d->diag);
	assert_int_equal(d->diag.status, d->status);
	if (d->status != NB_OK)
		assert_int_equal(d->host.chunks, 0);
}

static void
finish(struct decoded *d)
{
	arena_reset(&d->host.arena);
	assert_int_equal(d->host.chunks, 0);
	buffer_free(&d->input);
}

static void
expect_name(struct wasm_name name, const char *text)
{
	assert_int_equal(name.len, strlen(text));
	assert_memory_equal(name.bytes, text, name.len);
}

/* One of everything. Types: 0 and 2 are equal. */
static struct buffer
rich_module(void)
{
	struct buffer module = { 0 };
	struct buffer part = { 0 };

	put_header(&module);
	put(&part, 3, 0x60, 2, 0x7f, 0x7e, 1, 0x7d, 0x60, 0, 0, 0x60, 2, 0x7f, 0x7e, 1, 0x7d);
	put_section(&module, SECTION_TYPE, &part);
	put(&part, 4);
	put_name(&part, "env");
	put_name(&part, "f");
	put(&part, 0, 2);
	put_name(&part, "env");
	put_name(&part, "t");
	put(&part, 1, 0x6f, 1, 1, 9);
	put_name(&part, "env");
	put_name(&part, "g");
	put(&part, 3, 0x7f, 0);
	put_name(&part, "other");
	put_name(&part, "");
	put(&part, 3, 0x7e, 1);
	put_section(&module, SECTION_IMPORT, &part);
	put_section_bytes(&module, SECTION_FUNCTION, 2, 1, 0);
	put_section_bytes(&module, SECTION_TABLE, 1, 0x70, 0, 5);
	put_section_bytes(&module, SECTION_MEMORY, 1, 1, 1, 2);
	put(&part, 4);
	put(&part, 0x7f, 1, 0x23, 0, 0x0b);			 /* (global.get 0) */
	put(&part, 0x7c, 0, 0x44, 1, 2, 3, 4, 5, 6, 7, 8, 0x0b); /* f64 */
	put(&part, 0x70, 0, 0xd2, 2, 0x0b);			 /* ref.func 2 */
	put(&part, 0x7f, 0, 0x41, 0x7f, 0x0b);			 /* -1 */
	put_section(&module, SECTION_GLOBAL, &part);
	put(&part, 3);
	put_name(&part, "run");
	put(&part, 0, 1);
	put_name(&part, "memory");
	put(&part, 2, 0);
	put_name(&part, "a");
	put(&part, 3, 5);
	put_section(&module, SECTION_EXPORT, &part);
	put_section_bytes(&module, SECTION_START, 1);
	put(&part, 3);
	put(&part, 2, 1, 0x41, 3, 0x0b, 0, 2, 1, 2);		 /* active, table 1 */
	put(&part, 5, 0x70, 2, 0xd0, 0x70, 0x0b, 0xd2, 0, 0x0b); /* passive */
	put(&part, 3, 0, 1, 0);					 /* declarative */
	put_section(&module, SECTION_ELEMENT, &part);
	put_section_bytes(&module, SECTION_DATA_COUNT, 2);
	put(&part, 2);
	put(&part, 2, 0, 0x0b);
	put(&part, 14, 2, 2, 0x7e, 0, 0x7d, 0x20, 1, 0x1a, 0x43, 0, 0, 0x80, 0x3f, 0x0b);
	put_section(&module, SECTION_CODE, &part);
	put(&part, 2);
	put(&part, 0, 0x23, 0, 0x0b, 3, 'a', 'b', 'c');
	put(&part, 1, 2, 'd', 'e');
	put_section(&module, SECTION_DATA, &part);
	put_name(&part, "producers");
	put(&part, 1, 2, 3);
	put_section(&module, 0, &part);
	return module;
}

static void
check_spaces(const struct wasm_module *module)
{
	assert_int_equal(module->type_count, 3);
	assert_int_equal(module->types[0].param_count, 2);
	assert_int_equal(module->types[0].params[1], WASM_I64);
	assert_int_equal(module->types[0].results[0], WASM_F32);
	assert_int_equal(module->types[0].canonical_idx, 0);
	assert_int_equal(module->types[1].canonical_idx, 1);
	assert_int_equal(module->types[2].canonical_idx, 0);
	assert_true(wasm_functype_equal(&module->types[0], &module->types[2]));
	assert_false(wasm_functype_equal(&module->types[0], &module->types[1]));
	assert_int_equal(module->func_count, 3);
	assert_int_equal(module->func_import_count, 1);
	assert_int_equal(module->func_types[0], 2);
	assert_int_equal(module->func_types[1], 1);
	assert_true(wasm_module_function_is_imported(module, 0));
	assert_false(wasm_module_function_is_imported(module, 1));
	assert_ptr_equal(wasm_module_function_type(module, 2), &module->types[0]);
	assert_int_equal(module->table_count, 2);
	assert_int_equal(module->table_import_count, 1);
	assert_int_equal(module->tables[0].type, WASM_EXTERNREF);
	assert_true(module->tables[0].limits.has_max);
	assert_int_equal(module->tables[0].limits.max, 9);
	assert_int_equal(module->tables[1].type, WASM_FUNCREF);
	assert_int_equal(module->tables[1].limits.min, 5);
	assert_false(module->tables[1].limits.has_max);
	assert_int_equal(module->memory_count, 1);
	assert_int_equal(module->memory_import_count, 0);
	assert_int_equal(module->memories[0].limits.max, 2);
}

static void
check_imports_and_exports(const struct wasm_module *module)
{
	assert_int_equal(module->import_count, 4);
	expect_name(module->imports[0].module, "env");
	expect_name(module->imports[0].field, "f");
	assert_int_equal(module->imports[0].kind, WASM_EXTERN_FUNC);
	assert_int_equal(module->imports[1].kind, WASM_EXTERN_TABLE);
	assert_int_equal(module->imports[1].idx, 0);
	assert_int_equal(module->imports[3].kind, WASM_EXTERN_GLOBAL);
	assert_int_equal(module->imports[3].idx, 1);
	expect_name(module->imports[3].module, "other");
	expect_name(module->imports[3].field, "");
	assert_memory_equal(module->bytes + module->imports[3].offset, "\5other", 6);
	assert_int_equal(module->export_count, 3);
	assert_ptr_equal(wasm_module_find_export(module, "run", 3), &module->exports[0]);
	assert_ptr_equal(wasm_module_find_export(module, "memory", 6), &module->exports[1]);
	assert_ptr_equal(wasm_module_find_export(module, "a", 1), &module->exports[2]);
	assert_null(wasm_module_find_export(module, "b", 1));
	assert_null(wasm_module_find_export(module, "", 0));
	assert_int_equal(module->exports[2].kind, WASM_EXTERN_GLOBAL);
	assert_int_equal(module->exports[2].idx, 5);
	assert_int_equal(module->start_func_idx, 1);
}

static void
check_globals(const struct wasm_module *module)
{
	static const uint8_t f64[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	assert_int_equal(module->global_count, 6);
	assert_int_equal(module->global_import_count, 2);
	assert_int_equal(module->globals[1].type.type, WASM_I64);
	assert_true(module->globals[1].type.is_mutable);
	assert_int_equal(module->globals[2].init.kind, WASM_INIT_GLOBAL_GET);
	assert_int_equal(module->globals[2].init.type, WASM_I32);
	assert_int_equal(module->globals[2].init.idx, 0);
	assert_int_equal(module->bytes[module->globals[2].init.offset], 0x23);
	assert_int_equal(module->globals[3].init.kind, WASM_INIT_CONST);
	assert_memory_equal(module->globals[3].init.bits, f64, 8);
	assert_int_equal(module->globals[4].init.kind, WASM_INIT_REF_FUNC);
	assert_int_equal(module->globals[4].init.idx, 2);
	assert_int_equal(module->globals[5].init.bits[0], 0xffffffff);
}

static void
check_segments(const struct wasm_module *module)
{
	const struct wasm_elem_segment *elems = module->elems;
	const struct wasm_data_segment *datas = module->datas;

	assert_int_equal(module->elem_count, 3);
	assert_int_equal(elems[0].mode, WASM_SEGMENT_ACTIVE);
	assert_int_equal(elems[0].table_idx, 1);
	assert_int_equal(elems[0].offset.bits[0], 3);
	assert_int_equal(elems[0].item_count, 2);
	assert_int_equal(elems[0].items[1].kind, WASM_INIT_REF_FUNC);
	assert_int_equal(elems[0].items[1].idx, 2);
	assert_int_equal(elems[1].mode, WASM_SEGMENT_PASSIVE);
	assert_int_equal(elems[1].items[0].kind, WASM_INIT_REF_NULL);
	assert_int_equal(elems[1].items[1].kind, WASM_INIT_REF_FUNC);
	assert_int_equal(elems[1].items[1].idx, 0);
	assert_int_equal(elems[2].mode, WASM_SEGMENT_DECLARATIVE);
	assert_int_equal(module->data_count, 2);
	assert_int_equal(datas[0].mode, WASM_SEGMENT_ACTIVE);
	assert_int_equal(datas[0].offset.kind, WASM_INIT_GLOBAL_GET);
	assert_int_equal(datas[0].bytes_len, 3);
	assert_memory_equal(module->bytes + datas[0].bytes_offset, "abc", 3);
	assert_int_equal(datas[1].mode, WASM_SEGMENT_PASSIVE);
	assert_memory_equal(module->bytes + datas[1].bytes_offset, "de", 2);
}

static void
check_code(const struct wasm_module *module)
{
	const struct wasm_code *code = wasm_module_code(module, 2);
	struct wasm_locals locals = wasm_locals_begin(module, code);
	struct wasm_local_run run = { 0 };

	assert_int_equal(module->code_count, 2);
	assert_int_equal(code->len, 14);
	assert_int_equal(code->local_count, 4);
	assert_int_equal(code->code_offset, code->offset + 5);
	assert_int_equal(module->bytes[code->code_offset], 0x20);
	assert_true(wasm_locals_next(&locals, &run));
	assert_int_equal(run.count, 2);
	assert_int_equal(run.type, WASM_I64);
	assert_true(wasm_locals_next(&locals, &run));
	assert_int_equal(run.count, 0);
	assert_false(wasm_locals_next(&locals, &run));
	assert_int_equal(wasm_reader_offset(module, &locals.reader), code->code_offset);
	assert_int_equal(module->bytes[module->code_section_offset], 2);
}

static void
test_rich_module(void **state)
{
	const struct wasm_custom *custom;
	struct wasm_name name;
	struct decoded d;

	(void)state;
	decode(&d, rich_module(), &validate);
	assert_int_equal(d.status, NB_OK);
	check_spaces(&d.module);
	check_imports_and_exports(&d.module);
	check_globals(&d.module);
	check_segments(&d.module);
	check_code(&d.module);
	custom = wasm_module_find_custom(&d.module, "producers");
	assert_non_null(custom);
	assert_int_equal(custom->len, 3);
	assert_memory_equal(d.module.bytes + custom->offset, "\1\2\3", 3);
	assert_null(wasm_module_find_custom(&d.module, "producer"));
	assert_null(wasm_module_find_custom(&d.module, "name"));
	assert_false(wasm_module_function_name(&d.module, 0, &name));
	assert_false(wasm_module_name(&d.module, &name));
	finish(&d);
}

static void
test_every_truncation_is_refused(void **state)
{
	struct buffer whole = rich_module();

	(void)state;
	for (size_t len = 0; len < whole.len; len++) {
		struct buffer cut = { 0 };
		struct decoded d;

		put_bytes(&cut, whole.bytes, len);
		decode(&d, cut, &validate);
		/* Between sections the rest of a module may be a module; here only
		 * the bare header and what follows the data section can be. */
		if (d.status == NB_OK)
			assert_true(len == 8 || whole.bytes[len] <= SECTION_FUNCTION);
		else
			assert_true(d.diag.offset <= len);
		finish(&d);
	}
	buffer_free(&whole);
}

static void
put_function_names(struct buffer *section)
{
	struct buffer part = { 0 };

	put_name(section, "name");
	put(&part, 3, 0, 3, 'o', 'n', 'e', 2, 2, 0xc3, 0xa4, 7, 1, 'x');
	put(section, 0, 4);
	put_name(section, "mod");
	put(section, 1);
	put_sized(section, &part);
}

/* Every allocation fails in turn, because the arena has 0, 8, 16, ... bytes
 * left: a clean error, nothing kept. */
static void
check_allocation_failures(struct buffer module)
{
	enum nb_status status = NB_OUT_OF_MEMORY;
	size_t room = 0;

	for (; status != NB_OK; room += 8) {
		struct host_arena host;
		struct wasm_module out;
		struct arena_mark before;
		struct diag diag;

		assert_true(room < 60000);
		host_arena_init(&host, SIZE_MAX);
		assert_non_null(arena_alloc(&host.arena, 60000, 1));
		before.head = host.arena.head;
		before.next = host.arena.end - room;
		arena_release(&host.arena, before);
		host.arena.limit_bytes = host.arena.used_bytes;
		diag_init(&diag);
		status = wasm_module_decode(&out, &host.arena, module.bytes, module.len, &validate,
					    &diag);
		assert_int_equal(diag.status, status);
		if (status != NB_OK) {
			assert_int_equal(status, NB_OUT_OF_MEMORY);
			assert_ptr_equal(arena_mark_get(&host.arena).next, before.next);
		}
		arena_reset(&host.arena);
	}
	assert_true(room > 1500);
	buffer_free(&module);
}

static void
test_every_allocation_fails_in_turn(void **state)
{
	struct buffer module = rich_module();
	struct buffer part = { 0 };

	(void)state;
	put_function_names(&part);
	put_section(&module, 0, &part);
	check_allocation_failures(rich_module());
	check_allocation_failures(module);
	/* Both stacks of the validator, and spans of many locals, grow. */
	put(&part, 2, 0xf4, 0x03, 0x7f, 0x01, 0x7e);
	for (int i = 0; i < 300; i++)
		put(&part, 0x41, 0, 0x02, 0x40);
	for (int i = 0; i < 300; i++)
		put(&part, 0x0b, 0x1a);
	put(&part, 0x0b);
	check_allocation_failures(module_of_body(&part));
}

static void
test_names(void **state)
{
	struct buffer module = rich_module();
	struct buffer section = { 0 };
	struct wasm_name name;
	struct decoded d;

	(void)state;
	put_function_names(&section);
	put_section(&module, 0, &section);
	decode(&d, module, &validate);
	assert_int_equal(d.status, NB_OK);
	assert_true(wasm_module_name(&d.module, &name));
	expect_name(name, "mod");
	assert_true(wasm_module_function_name(&d.module, 0, &name));
	expect_name(name, "one");
	assert_false(wasm_module_function_name(&d.module, 1, &name));
	assert_true(wasm_module_function_name(&d.module, 2, &name));
	expect_name(name, "\xc3\xa4");
	assert_false(wasm_module_function_name(&d.module, 3, &name));
	assert_false(wasm_module_function_name(&d.module, 7, &name));
	assert_false(wasm_module_function_name(&d.module, UINT32_MAX, &name));
	finish(&d);
}

/* Whatever is wrong in a name section, the module stays right. */
static void
test_broken_name_sections_are_no_error(void **state)
{
	struct buffer names = { 0 };

	(void)state;
	put_function_names(&names);
	for (size_t at = 5; at < names.len; at++) {
		for (int change = 0; change < 3; change++) {
			struct buffer module = rich_module();
			struct buffer section = { 0 };
			struct wasm_name name;
			struct decoded d;

			put_bytes(&section, names.bytes, change == 2 ? at : names.len);
			if (change < 2)
				section.bytes[at] = change ? 0xff : section.bytes[at] ^ 0x81;
			put_section(&module, 0, &section);
			decode(&d, module, &validate);
			assert_int_equal(d.status, NB_OK);
			for (uint32_t i = 0; i < 9; i++)
				(void)wasm_module_function_name(&d.module, i, &name);
			finish(&d);
		}
	}
	buffer_free(&names);
}

static void
expect_report(struct buffer module, const struct wasm_features *features, enum nb_status status,
	      const char *text)
{
	struct decoded d;
	char actual[512];

	decode(&d, module, features);
	diag_format(&d.diag, actual, sizeof(actual));
	assert_string_equal(actual, text);
	assert_int_equal(d.status, status);
	finish(&d);
}

static void
test_reports_say_what_and_where(void **state)
{
	struct buffer module = { 0 };
	struct buffer body = { 0 };

	(void)state;
	put_header(&module);
	put_section_bytes(&module, SECTION_MEMORY, 1, 0, 1);
	put_section_bytes(&module, SECTION_TYPE, 0);
	expect_report(module, &validate, NB_MALFORMED,
		      "offset 0xd: unexpected content after last section: type section is repeated "
		      "or out of order");
	module = (struct buffer){ 0 };
	put_header(&module);
	put_section_bytes(&module, SECTION_EXPORT, 1, 1, 'x', 0, 3);
	expect_report(module, &validate, NB_INVALID,
		      "offset 0xe (export section): unknown function 3");
	put(&body, 0, 0x42, 1, 0x45, 0x1a, 0x0b);
	expect_report(
		module_of_body(&body), &validate, NB_INVALID,
		"function 0: offset 0x24 (code section): type mismatch: i32.eqz needs i32 but "
		"finds i64");
	put(&body, 0, 0x6a, 0x1a, 0x0b);
	expect_report(
		module_of_body(&body), &validate, NB_INVALID,
		"function 0: offset 0x22 (code section): type mismatch: i32.add needs i32 but "
		"the stack is empty");
	put(&body, 0, 0x41, 1, 0x0b);
	expect_report(
		module_of_body(&body), &validate, NB_INVALID,
		"function 0: offset 0x24 (code section): type mismatch: 1 values remain at the "
		"end of the block");
	put(&body, 0, 0x20, 0, 0x0b);
	expect_report(module_of_body(&body), &validate, NB_INVALID,
		      "function 0: offset 0x22 (code section): unknown local 0 (local.get)");
	put(&body, 0, 0xff, 0x0b);
	expect_report(module_of_body(&body), &validate, NB_MALFORMED,
		      "function 0: offset 0x22 (code section): illegal opcode 0xff");
}

static void
test_later_features_are_refused_by_name(void **state)
{
	struct buffer module = { 0 };
	struct buffer body = { 0 };
	const struct wasm_features core = { .set = WASM_FEATURE_BIT(CORE) };

	(void)state;
	put(&body, 0, 0x12, 0, 0x0b);
	expect_report(module_of_body(&body), &validate, NB_UNSUPPORTED_FEATURE,
		      "function 0: offset 0x22 (code section): return_call needs a feature that is "
		      "not supported: tail calls");
	put(&body, 0, 0xfe, 0x03, 0x00, 0x0b);
	expect_report(
		module_of_body(&body), &validate, NB_UNSUPPORTED_FEATURE,
		"function 0: offset 0x22 (code section): atomic.fence needs a feature that is "
		"not supported: threads and atomics");
	put(&body, 0, 0xfd, 0x63, 0x1a, 0x0b);
	expect_report(
		module_of_body(&body), &core, NB_UNSUPPORTED_FEATURE,
		"function 0: offset 0x22 (code section): i8x16.all_true needs a feature that is "
		"not supported: SIMD");
	put_header(&module);
	put_section_bytes(&module, SECTION_MEMORY, 1, 4, 1);
	expect_report(module, &validate, NB_UNSUPPORTED_FEATURE,
		      "offset 0xb (memory section): 64-bit index type needs a feature that is not "
		      "supported: 64-bit memories and tables");
	module = (struct buffer){ 0 };
	put_header(&module);
	put_section_bytes(&module, SECTION_MEMORY, 1, 3, 1, 2);
	expect_report(module, &validate, NB_UNSUPPORTED_FEATURE,
		      "offset 0xb (memory section): shared memory needs a feature that is not "
		      "supported: threads and atomics");
	module = (struct buffer){ 0 };
	put_header(&module);
	put_section_bytes(&module, 13, 1, 0, 0);
	expect_report(module, &validate, NB_UNSUPPORTED_FEATURE,
		      "offset 0x8: tag section needs a feature that is not supported: exception "
		      "handling");
	module = (struct buffer){ 0 };
	put(&module, 0x00, 'a', 's', 'm', 0x0d, 0x00, 0x01, 0x00);
	expect_report(module, &validate, NB_UNSUPPORTED_FEATURE,
		      "offset 0x4: this is a component; only core modules are supported");
}

static void
test_features_that_cannot_be_validated(void **state)
{
	const struct wasm_features later = { .set = WASM_FEATURES_2_0 | WASM_FEATURE_BIT(GC) };
	const struct wasm_features none = { .set = 0 };
	struct decoded d;

	(void)state;
	decode(&d, rich_module(), &later);
	assert_int_equal(d.status, NB_NOT_SUPPORTED);
	finish(&d);
	decode(&d, rich_module(), &none);
	assert_int_equal(d.status, NB_NOT_SUPPORTED);
	finish(&d);
}

/* Without its code section, or with bodies left for later. */
static struct buffer
without_section(struct buffer module, uint8_t id)
{
	struct buffer out = { 0 };
	size_t at = 8;

	put_bytes(&out, module.bytes, at);
	while (at < module.len) {
		size_t start = at++;
		size_t len = module.bytes[at++];

		assert_true(len < 0x80);
		at += len;
		if (module.bytes[start] != id)
			put_bytes(&out, module.bytes + start, at - start);
	}
	buffer_free(&module);
	return out;
}

static void
test_skeleton_without_code(void **state)
{
	const struct wasm_features absent = { .set = WASM_FEATURES_2_0, .code = WASM_CODE_ABSENT };
	struct decoded d;

	(void)state;
	decode(&d, without_section(rich_module(), SECTION_CODE), &absent);
	assert_int_equal(d.status, NB_OK);
	assert_int_equal(d.module.func_count, 3);
	assert_int_equal(d.module.code_count, 0);
	assert_int_equal(d.module.data_count, 2);
	finish(&d);
	decode(&d, rich_module(), &absent);
	assert_int_equal(d.status, NB_MALFORMED);
	finish(&d);
	decode(&d, without_section(rich_module(), SECTION_CODE), &validate);
	assert_int_equal(d.status, NB_MALFORMED);
	finish(&d);
	/* All the rest is still checked. */
	decode(&d, without_section(without_section(rich_module(), SECTION_CODE), SECTION_MEMORY),
	       &absent);
	assert_int_equal(d.status, NB_INVALID);
	finish(&d);
}

static void
test_bodies_validated_on_their_own(void **state)
{
	const struct wasm_features defer = { .set = WASM_FEATURES_2_0, .code = WASM_CODE_DEFER };
	struct buffer body = { 0 };
	struct host_arena scratch;
	struct decoded d;
	char text[256];

	(void)state;
	host_arena_init(&scratch, SIZE_MAX);
	decode(&d, rich_module(), &defer);
	assert_int_equal(d.status, NB_OK);
	check_code(&d.module);
	for (uint32_t i = 1; i < 3; i++)
		assert_int_equal(wasm_function_validate(&d.module, i, &scratch.arena, &d.diag),
				 NB_OK);
	finish(&d);
	put(&body, 0, 0x1a, 0x0b);
	decode(&d, module_of_body(&body), &defer);
	assert_int_equal(d.status, NB_OK);
	assert_int_equal(wasm_function_validate(&d.module, 0, &scratch.arena, &d.diag), NB_INVALID);
	diag_format(&d.diag, text, sizeof(text));
	assert_string_equal(text,
			    "function 0: offset 0x22 (code section): type mismatch: drop needs "
			    "an operand but the stack is empty");
	assert_int_equal(scratch.chunks, 0);
	scratch.arena.limit_bytes = 0;
	diag_init(&d.diag);
	assert_int_equal(wasm_function_validate(&d.module, 0, &scratch.arena, &d.diag),
			 NB_OUT_OF_MEMORY);
	finish(&d);
}

static void
test_type_texts(void **state)
{
	static const enum wasm_valtype types[] = { WASM_I32, WASM_EXTERNREF, WASM_V128 };
	const struct wasm_functype type = {
		.params = types, .results = types + 1, .param_count = 2, .result_count = 2
	};
	char text[64];

	(void)state;
	assert_int_equal(wasm_functype_format(&type, text, sizeof(text)), 37);
	assert_string_equal(text, "(i32, externref) -> (externref, v128)");
	wasm_functype_format(&type, text, 8);
	assert_string_equal(text, "(i32, e");
	assert_int_equal(wasm_functype_shorthand(WASM_F64)->results[0], WASM_F64);
	assert_int_equal(wasm_functype_shorthand(WASM_BOTTOM)->result_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rich_module),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_every_allocation_fails_in_turn),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_broken_name_sections_are_no_error),
		cmocka_unit_test(test_reports_say_what_and_where),
		cmocka_unit_test(test_later_features_are_refused_by_name),
		cmocka_unit_test(test_features_that_cannot_be_validated),
		cmocka_unit_test(test_skeleton_without_code),
		cmocka_unit_test(test_bodies_validated_on_their_own),
		cmocka_unit_test(test_type_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
