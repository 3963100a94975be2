/*
 * Accesses that must happen: in a module that imports memory_map, each load and store
 * is one access of the machine code, at its width, in order, whatever its value is used
 * for. The same bodies in a module without the import show that the tests see anything.
 */
#include "compiler/compiler.h"
#include "tests/compiler/wasm_text.h"
#include "tests/wasm/host_arena.h"
#include "verifier/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* `accesses`: r or w and the bytes of each, in the order of the text. */
static const struct {
	const char *text, *accesses;
} bodies[] = {
	/* Nobody uses it; twice the same; after a store. */
	{ "i32 ->\nlocal.get 0\ni32.load\ndrop", "r4" },
	{ "i32 ->\nlocal.get 0\ni32.load\ndrop\nlocal.get 0\ni32.load\ndrop", "r4 r4" },
	{ "i32 -> i32\nlocal.get 0\ni32.load\nlocal.get 0\ni32.load\ni32.add", "r4 r4" },
	{ "i32 -> i32\nlocal.get 0\ni32.const 7\ni32.store\nlocal.get 0\ni32.load", "w4 r4" },
	{ "i32 -> i32\nlocal.get 0\ni32.load\nlocal.get 0\ni32.load8_u\ni32.add", "r4 r1" },
	/* Stores that are overwritten, or next to one another. */
	{ "i32 i32 ->\nlocal.get 0\nlocal.get 1\ni32.store\nlocal.get 0\nlocal.get 1\ni32.store",
	  "w4 w4" },
	{ "i32 ->\nlocal.get 0\ni32.const 1\ni32.store8\nlocal.get 0\ni32.const 2\ni32.store8 1",
	  "w1 w1" },
	{ "i32 ->\nlocal.get 0\ni32.const 0\ni32.store\nlocal.get 0\ni32.const 0\ni32.store 4",
	  "w4 w4" },
	/* Read, change, write. */
	{ "i32 ->\nlocal.get 0\nlocal.get 0\ni32.load\ni32.const 1\ni32.add\ni32.store", "r4 w4" },
	{ "i32 i32 ->\nlocal.get 0\nlocal.get 0\ni64.load\nlocal.get 1\ni64.extend_i32_u\n"
	  "i64.or\ni64.store",
	  "r8 w8" },
	/* Only part of the value is needed. */
	{ "i32 -> i32\nlocal.get 0\ni64.load\ni32.wrap_i64", "r8" },
	{ "i32 -> i32\nlocal.get 0\ni32.load\ni32.const 255\ni32.and", "r4" },
	{ "i32 -> i32\nlocal.get 0\ni32.load\ni32.const 65535\ni32.and", "r4" },
	{ "i32 -> i32\nlocal.get 0\ni32.load\ni32.extend8_s", "r4" },
	{ "i32 -> i32\nlocal.get 0\ni32.load\ni32.extend16_s", "r4" },
	{ "i32 -> i64\nlocal.get 0\ni64.load\ni64.extend32_s", "r8" },
	{ "i32 -> i64\nlocal.get 0\ni64.load\ni64.const 0xffffffff\ni64.and", "r8" },
	{ "i32 -> i64\nlocal.get 0\ni64.load\ni64.extend8_s", "r8" },
	{ "i32 -> i64\nlocal.get 0\ni64.load\ni64.const 32\ni64.shr_u", "r8" },
	{ "i32 -> i32\nlocal.get 0\ni32.load\ni32.const 24\ni32.shr_u", "r4" },
	{ "i32 -> i32\nlocal.get 0\ni32.load\ni32.const 1\ni32.and\nif i32\ni32.const 3\nelse\n"
	  "i32.const 4\nend",
	  "r4" },
	{ "i32 -> i32\nlocal.get 0\ni32.load\ni32.const 0x80\ni32.and\ni32.eqz", "r4" },
	{ "i32 -> i32\nlocal.get 0\ni64.load\ni64.const 1\ni64.and\ni64.eqz", "r8" },
	{ "i32 i32 ->\nlocal.get 0\nlocal.get 1\ni64.load\ni64.store8", "r8 w1" },
	{ "i32 i32 ->\nlocal.get 0\nlocal.get 1\ni32.load\ni32.store16", "r4 w2" },
	{ "i32 -> f32\nlocal.get 0\nf64.load\nf32.demote_f64", "r8" },
	{ "i32 -> i32\nlocal.get 0\nv128.load\ni32x4.extract_lane 0", "r16" },
	{ "i32 -> i64\nlocal.get 0\nv128.load\ni64x2.extract_lane 1", "r16" },
	{ "i32 ->\nlocal.get 0\nlocal.get 0\nv128.load 16\nv128.store", "r16 w16" },
	/* In the order that they have. */
	{ "i32 i32 -> i32\nlocal.get 0\ni32.load\nlocal.get 1\ni32.load8_u\ni32.sub", "r4 r1" },
	{ "i32 i32 -> i32\nlocal.get 1\ni32.load8_u\nlocal.get 0\ni32.load\ni32.sub", "r1 r4" },
	{ "i32 i32 -> i32\nlocal.get 0\ni32.load16_u\nlocal.get 1\ni32.load\nlocal.get 0\n"
	  "i32.load8_u\ni32.add\ni32.add",
	  "r2 r4 r1" },
	{ "i32 i32 -> i64\nlocal.get 0\ni64.load\nlocal.get 1\ni32.const 1\ni32.store", "r8 w4" },
	/* In a place that is often, or rarely, reached: where it stands. */
	{ "i32 ->\nloop\nlocal.get 0\ni32.load\nbr_if 0\nend", "r4" },
	{ "i32 i32 ->\nloop\nlocal.get 0\ni32.load\ndrop\nlocal.get 1\ni32.load8_u\nbr_if 0\nend",
	  "r4 r1" },
	{ "i32 i32 -> i32 | i32\nlocal.get 0\ni32.load\nlocal.set 2\nlocal.get 1\nif i32\n"
	  "local.get 2\nelse\ni32.const 5\nend",
	  "r4" },
	{ "i32 i32 -> i32\nlocal.get 0\ni32.load\nlocal.get 0\ni32.load 4\nlocal.get 1\nselect",
	  "r4 r4" },
};
enum { BODIES = sizeof(bodies) / sizeof(*bodies) };

/* What the machine code accesses of linear memory, as in the table. */
static void
list_accesses(const struct nb_code_image *image, uint32_t number, char *out, size_t cap)
{
	const struct nb_code_function *f = &image->functions[number];
	size_t len = 0;

	out[0] = 0;
	for (uint32_t at = 0; at < f->code_size;) {
		struct vf_inst inst;

		assert_int_equal(vf_decode(UINT32_MAX, image->code + f->code_offset + at,
					   f->code_size - at, &inst),
				 VERIFIER_NONE);
		const struct nb_form_info *info = &inst.form->info;
		uint32_t access = info->access & NB_ACCESS_BOTH;

		if (inst.operand == VF_MEMORY && inst.base == NB_R14 && access)
			len += (size_t)snprintf(out + len, cap - len, "%s%s%u", len ? " " : "",
						access == NB_ACCESS_READ    ? "r"
						: access == NB_ACCESS_WRITE ? "w"
									    : "rw",
						info->bytes);
		at += inst.len;
	}
}

/* The module of wasm_text.h, whose import has that name; what body it accesses. */
static void
compile(const char *text, const char field[static 10], char *out, size_t cap)
{
	struct wasm_features features = { .set = WASM_FEATURES_ALL, .code = WASM_CODE_DEFER };
	static const uint8_t import[] = { SECTION_IMPORT, 7, 1, 1, 'm', 1, 'f', 0, 2 };
	struct buffer plain = wasm_text_module(text), bytes = { 0 };
	struct compiler_options options;
	struct nb_code_image image;
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	size_t at = 0;

	while (memcmp(plain.bytes + at, import, sizeof(import)) != 0)
		at++;
	put_bytes(&bytes, plain.bytes, at);
	put(&bytes, SECTION_IMPORT, 16, 1, 1, 'm', 10);
	put_bytes(&bytes, field, 10);
	put(&bytes, 0, 2);
	put_bytes(&bytes, plain.bytes + at + sizeof(import), plain.len - at - sizeof(import));
	buffer_free(&plain);
	host_arena_init(&host, 1 << 28);
	diag_init(&diag);
	compiler_options_init(&options);
	options.check = true;
	if (wasm_module_decode(&module, &host.arena, bytes.bytes, bytes.len, &features, &diag) !=
		    NB_OK ||
	    compiler_compile(&module, &options, &host.source, &host.arena, &image, &diag) != NB_OK)
		fail_msg("%s: %s", text, diag.text);
	list_accesses(&image, WASM_TEXT_FUNCTION - 1, out, cap);
	arena_reset(&host.arena);
	buffer_free(&bytes);
}

static void
test_strict(void **state)
{
	uint32_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < BODIES; i++) {
		char found[128];

		compile(bodies[i].text, "memory_map", found, sizeof(found));
		if (strcmp(found, bodies[i].accesses) == 0)
			continue;
		print_error("%s\nhas %s, not %s\n", bodies[i].text, found, bodies[i].accesses);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void
test_not_strict(void **state)
{
	uint32_t differs = 0;

	(void)state;
	for (size_t i = 0; i < BODIES; i++) {
		char found[128];

		compile(bodies[i].text, "memory_cat", found, sizeof(found));
		differs += strcmp(found, bodies[i].accesses) != 0;
	}
	print_message("%u of %u bodies differ\n", differs, (uint32_t)BODIES);
	assert_true(differs > 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_not_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
