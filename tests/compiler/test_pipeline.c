/*
 * The compiler as its callers see it: options, refusals, exhaustion, stopping.
 */
#include "compiler/compiler.h"
#include "tests/compiler/golden.h"
#include "tests/compiler/wasm_text.h"
#include "tests/wasm/host_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct bench {
	struct host_arena host; /* module and image */
	struct host_arena work; /* what the compiler takes */
	struct wasm_module module;
	struct compiler_options options;
	struct nb_code_image image;
	struct diag diag;
	struct buffer bytes;
};

static void
open_bench(struct bench *b, struct buffer bytes, enum wasm_code_mode mode)
{
	struct wasm_features features = { .set = WASM_FEATURES_ALL, .code = mode };

	b->bytes = bytes;
	host_arena_init(&b->host, 1 << 28);
	host_arena_init(&b->work, 1 << 28);
	compiler_options_init(&b->options);
	b->options.check = true;
	diag_init(&b->diag);
	assert_int_equal(wasm_module_decode(&b->module, &b->host.arena, bytes.bytes, bytes.len,
					    &features, &b->diag),
			 NB_OK);
}

static enum nb_status
compile(struct bench *b)
{
	diag_init(&b->diag);
	return compiler_compile(&b->module, &b->options, &b->work.source, &b->host.arena, &b->image,
				&b->diag);
}

/* Whatever happened, the compiler has kept nothing. */
static void
close_bench(struct bench *b)
{
	assert_int_equal(b->work.chunks, 0);
	arena_reset(&b->host.arena);
	assert_int_equal(b->host.chunks, 0);
	buffer_free(&b->bytes);
}

/* A site names an instruction of some body. */
static void
assert_in_code(const struct wasm_module *module, const struct nb_code_function *f, uint32_t info)
{
	uint32_t at = f->wasm_offset + (uint32_t)((int32_t)(info << 8) >> 8);
	bool found = false;

	for (uint32_t i = 0; i < module->code_count; i++)
		found = found || (at >= module->codes[i].code_offset &&
				  at < module->codes[i].offset + module->codes[i].len);
	assert_true(found);
}

static void
test_image(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, wasm_text_large_module(20), WASM_CODE_VALIDATE);
	assert_int_equal(compile(&b), NB_OK);
	assert_int_equal(b.image.function_count, WASM_TEXT_FUNCTION);
	for (uint32_t i = 0; i < b.image.function_count; i++) {
		const struct nb_code_function *f = &b.image.functions[i];
		uint32_t end =
			i + 1 < b.image.function_count ? f[1].first_site : b.image.site_count;

		assert_int_equal(f->code_offset % 16, 0);
		assert_true(f->code_offset + f->code_size + f->pool_size <= b.image.code_size);
		assert_int_equal(f->wasm_offset, b.module.codes[i].offset);
		for (uint32_t k = f->first_site; k < end; k++) {
			assert_true(b.image.sites[k].code_offset >= f->code_offset);
			assert_true(b.image.sites[k].code_offset <= f->code_offset + f->code_size);
			assert_in_code(&b.module, f, b.image.sites[k].info);
		}
	}
	close_bench(&b);
}

/* The same bytes whatever the checker does and how memory comes. */
static void
test_deterministic(void **state)
{
	struct bench a, b;

	(void)state;
	open_bench(&a, wasm_text_large_module(20), WASM_CODE_VALIDATE);
	open_bench(&b, wasm_text_large_module(20), WASM_CODE_DEFER);
	b.options.check = false;
	assert_int_equal(compile(&a), NB_OK);
	assert_int_equal(compile(&b), NB_OK);
	assert_int_equal(a.image.code_size, b.image.code_size);
	assert_memory_equal(a.image.code, b.image.code, a.image.code_size);
	close_bench(&a);
	close_bench(&b);
}

static void
test_options(void **state)
{
	struct compiler_options options;
	const char *bad = NULL;
	const char *text = "-gvn,nothing";

	(void)state;
	compiler_options_init(&options);
	assert_int_equal(options.disabled_passes, 0);
	assert_int_equal(compiler_options_set_passes(&options, "-gvn,-licm", &bad), NB_OK);
	assert_int_equal(options.disabled_passes, 1 << COMPILER_PASS_GVN | 1 << COMPILER_PASS_LICM);
	assert_int_equal(compiler_options_set_passes(&options, "-all,+dce", &bad), NB_OK);
	assert_int_equal(options.disabled_passes,
			 ((1 << COMPILER_PASS_COUNT) - 1) & ~(1 << COMPILER_PASS_DCE));
	assert_int_equal(compiler_options_set_passes(&options, "all", &bad), NB_OK);
	assert_int_equal(options.disabled_passes, 0);
	assert_int_equal(compiler_options_set_passes(&options, text, &bad), NB_NOT_FOUND);
	assert_ptr_equal(bad, text + 5);
	assert_int_equal(options.disabled_passes, 0);
	for (uint32_t i = 0; i < COMPILER_PASS_COUNT; i++) {
		assert_int_equal(compiler_options_set_passes(
					 &options, compiler_pass_text((enum compiler_pass)i), &bad),
				 NB_OK);
		assert_true(strlen(compiler_pass_about((enum compiler_pass)i)) > 10);
	}
}

/* Each pass alone, and all but each one. */
static void
test_pass_choices(void **state)
{
	struct bench b;
	uint32_t all = (1 << COMPILER_PASS_COUNT) - 1;

	(void)state;
	open_bench(&b, wasm_text_large_module(10), WASM_CODE_VALIDATE);
	for (uint32_t i = 0; i < COMPILER_PASS_COUNT; i++) {
		b.options.disabled_passes = 1u << i;
		assert_int_equal(compile(&b), NB_OK);
		b.options.disabled_passes = all & ~(1u << i);
		assert_int_equal(compile(&b), NB_OK);
	}
	b.options.disabled_passes = all;
	assert_int_equal(compile(&b), NB_OK);
	close_bench(&b);
}

/* v128 everywhere a value can be. */
static void
test_vectors(void **state)
{
	static const char *const texts[] = {
		"i32 -> i32\nlocal.get 0\nlocal.get 0\ni32x4.splat\ni32x4.abs\ndrop\n",
		"i32 -> i32 | v128\nlocal.get 0\nlocal.get 1\nv128.any_true\ni32.add\n",
		"v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 -> v128 v128 v128 v128 v128 "
		"v128 "
		"v128 v128 v128 i32\nlocal.get 0\nlocal.get 1\nlocal.get 2\nlocal.get 3\n"
		"local.get 4\nlocal.get 5\nlocal.get 6\nlocal.get 7\nlocal.get 9\ni32.const 1\n",
		"i32 -> i32\nlocal.get 0\nblock v128\ni32.const 0\nv128.load 4\nend\ndrop\n",
		"i32 -> i32\nunreachable\nblock v128\nunreachable\nend\ndrop\n",
	};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		open_bench(&b, wasm_text_module(texts[i]), WASM_CODE_VALIDATE);
		assert_int_equal(compile(&b), NB_OK);
		close_bench(&b);
	}
}

/* A body that is invalid is found when its turn comes, or when it is inlined. */
static void
test_deferred(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, wasm_text_module("i32 -> i32\nlocal.get 0\ni64.eqz\n"), WASM_CODE_DEFER);
	assert_int_equal(compile(&b), NB_INVALID);
	assert_int_equal(b.diag.function_idx, WASM_TEXT_FUNCTION);
	close_bench(&b);
}

struct stop {
	uint32_t left; /* polls until it says stop */
	uint32_t polls;
	uint32_t last_done;
};

static enum nb_status
poll_stop(void *context, uint32_t done, uint32_t total)
{
	struct stop *stop = context;

	assert_true(done <= total);
	assert_true(done >= stop->last_done);
	stop->last_done = done;
	stop->polls++;
	return stop->left-- == 0 ? NB_CANCELED : NB_OK;
}

static void
test_cancel(void **state)
{
	struct bench b;
	struct stop stop = { .left = UINT32_MAX };
	uint32_t total;

	(void)state;
	open_bench(&b, wasm_text_large_module(3000), WASM_CODE_VALIDATE);
	b.options.check = false;
	b.options.poll = poll_stop;
	b.options.poll_context = &stop;
	assert_int_equal(compile(&b), NB_OK);
	total = stop.polls;
	assert_true(total > WASM_TEXT_FUNCTION + 3); /* inside of long functions too */
	for (uint32_t i = 0; i < total; i++) {
		stop = (struct stop){ .left = i };
		assert_int_equal(compile(&b), NB_CANCELED);
		assert_int_equal(b.diag.status, NB_CANCELED);
		assert_int_equal(b.work.chunks, 0);
	}
	close_bench(&b);
}

/* Every limit of memory gives an image or says that there is too little. */
static void
test_limit(void **state)
{
	struct bench b;
	bool compiled = false;

	(void)state;
	open_bench(&b, wasm_text_large_module(100), WASM_CODE_VALIDATE);
	for (size_t limit = 0; !compiled; limit += limit < 400000 ? 4096 : 262144) {
		enum nb_status status;

		b.options.memory_limit = limit;
		status = compile(&b);
		compiled = status == NB_OK;
		assert_true(compiled || status == NB_OUT_OF_MEMORY);
		assert_int_equal(b.diag.status, status);
		assert_int_equal(b.work.chunks, 0);
		assert_true(limit < 64 << 20);
	}
	close_bench(&b);
}

/* Every request for memory fails in turn: once, and from then on. */
static void
test_exhaustion(void **state)
{
	struct bench b;
	bool compiled = false;

	(void)state;
	open_bench(&b, wasm_text_large_module(60), WASM_CODE_VALIDATE);
	for (size_t fail_at = 0; !compiled; fail_at++) {
		for (int once = 0; once < 2; once++) {
			enum nb_status status;

			b.work.requests = 0;
			b.work.fail_at = fail_at;
			b.work.fail_ever_after = !once;
			status = compile(&b);
			compiled = b.work.requests <= fail_at;
			assert_true(status == NB_OK || status == NB_OUT_OF_MEMORY);
			assert_true(compiled || once || status == NB_OUT_OF_MEMORY);
			assert_int_equal(b.work.chunks, 0);
		}
		assert_true(fail_at < 100000);
	}
	close_bench(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image),	   cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_options),	   cmocka_unit_test(test_pass_choices),
		cmocka_unit_test(test_vectors),	   cmocka_unit_test(test_deferred),
		cmocka_unit_test(test_cancel),	   cmocka_unit_test(test_limit),
		cmocka_unit_test(test_exhaustion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
