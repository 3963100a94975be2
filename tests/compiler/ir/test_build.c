/*
 * Golden tests of the builder, and memory that ends anywhere while building.
 */
#include "compiler/ir/build.h"
#include "compiler/ir/check.h"
#include "compiler/ir/edit.h"
#include "compiler/ir/print.h"
#include "tests/compiler/golden.h"
#include "tests/compiler/wasm_text.h"
#include "tests/wasm/host_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct wasm_features features = { .set = WASM_FEATURES_ALL,
					       .code = WASM_CODE_VALIDATE };

static void
report_diag(const struct diag *diag, struct golden_text *out)
{
	char text[400];

	diag_format(diag, text, sizeof(text));
	golden_put(out, text);
	golden_put(out, "\n");
}

static void
build(const struct golden_case *test, struct golden_text *out)
{
	struct host_arena host, work;
	struct buffer bytes = wasm_text_module(test->input);
	struct wasm_module module;
	struct ir_function fn = { .arena = &host.arena, .module = &module };
	struct diag diag;
	char reason[200];
	enum ir_inlining inlining =
		strcmp(test->argument, "inline") == 0 ? IR_INLINE_SMALL : IR_INLINE_NONE;

	host_arena_init(&host, 1 << 26);
	host_arena_init(&work, 1 << 26);
	diag_init(&diag);
	fn.func_idx = WASM_TEXT_FUNCTION;
	fn.frames_locals = strcmp(test->argument, "framed") == 0;
	if (wasm_module_decode(&module, &host.arena, bytes.bytes, bytes.len, &features, &diag) !=
		    NB_OK ||
	    ir_build(&fn, inlining, &work.arena, &diag) != NB_OK) {
		report_diag(&diag, out);
	} else {
		if (ir_check(&fn, IR_CHECK_ANY, &work.arena, reason, sizeof(reason)) != NB_OK) {
			golden_put(out, reason);
			golden_put(out, "\n");
		}
		assert_int_equal(ir_print(&fn, IR_NUMBERS_DENSE, &work.arena, golden_emit, out),
				 NB_OK);
	}
	buffer_free(&bytes);
	arena_reset(&host.arena);
	arena_reset(&work.arena);
	assert_int_equal(host.chunks + work.chunks, 0);
}

static void
test_build(void **state)
{
	(void)state;
	assert_int_equal(golden_run("tests/compiler/ir/build.ir", build), 0);
}

/* Every request for memory fails in turn, from then on or once. */
static void
exhaust(struct buffer bytes, bool is_framed)
{
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	enum nb_status status = NB_OUT_OF_MEMORY;

	host_arena_init(&host, 1 << 26);
	diag_init(&diag);
	assert_int_equal(
		wasm_module_decode(&module, &host.arena, bytes.bytes, bytes.len, &features, &diag),
		NB_OK);
	for (size_t fail_at = 0; status != NB_OK; fail_at++) {
		for (int once = 0; once < 2; once++) {
			struct host_arena work;
			struct arena scratch;
			struct ir_function fn = { .arena = &work.arena, .module = &module };

			host_arena_init(&work, 1 << 26);
			arena_init(&scratch, &work.source, 1 << 26);
			work.fail_at = fail_at;
			work.fail_ever_after = !once;
			fn.func_idx = WASM_TEXT_FUNCTION;
			diag_init(&diag);
			status = ir_build(&fn, IR_INLINE_SMALL, &scratch, &diag);
			assert_true(status == NB_OK || status == NB_OUT_OF_MEMORY);
			assert_true(status != NB_OK || fn.frames_locals == is_framed);
			arena_reset(&work.arena);
			arena_reset(&scratch);
			assert_int_equal(work.chunks, 0);
		}
		assert_true(fail_at < 10000);
	}
	buffer_free(&bytes);
	arena_reset(&host.arena);
}

static void
test_exhaustion(void **state)
{
	(void)state;
	exhaust(wasm_text_large_module(300), false);
}

/* n ways into one label, a local set before each, and all read behind. */
static struct buffer
locals_and_ways(int n)
{
	struct golden_text text = { 0 };
	struct buffer bytes;
	char line[64];

	golden_put(&text, "i32 -> i32 |");
	for (int i = 0; i < n; i++)
		golden_put(&text, " i32");
	golden_put(&text, "\nblock\n");
	for (int i = 1; i <= n; i++) {
		snprintf(line, sizeof(line), "local.get 0\nlocal.tee %d\nbr_if 0\n", i);
		golden_put(&text, line);
	}
	golden_put(&text, "end\ni32.const 0\n");
	for (int i = 1; i <= n; i++) {
		snprintf(line, sizeof(line), "local.get %d\ni32.add\n", i);
		golden_put(&text, line);
	}
	bytes = wasm_text_module(text.text);
	free(text.text);
	return bytes;
}

/* Too many questions: built anew with locals in the frame, whatever fails on the way. */
static void
test_framed_exhaustion(void **state)
{
	(void)state;
	exhaust(locals_and_ways(300), false);
	exhaust(locals_and_ways(1000), true);
}

/* A ticker that says stop is heard wherever that happens. */
static enum nb_status
stop(void *context)
{
	uint32_t *left = context;

	return (*left)-- == 0 ? NB_CANCELED : NB_OK;
}

static void
test_cancel(void **state)
{
	struct buffer bytes = wasm_text_large_module(300);
	struct host_arena host, work;
	struct wasm_module module;
	struct diag diag;
	enum nb_status status = NB_CANCELED;
	uint32_t steps = IR_TICKS_PER_POLL;

	(void)state;
	host_arena_init(&host, 1 << 26);
	host_arena_init(&work, 1 << 26);
	diag_init(&diag);
	assert_int_equal(
		wasm_module_decode(&module, &host.arena, bytes.bytes, bytes.len, &features, &diag),
		NB_OK);
	for (uint32_t before = 0; status != NB_OK; before += 97) {
		uint32_t left = 0;
		struct ir_ticker ticker = { stop, &left, steps - before };
		struct arena_mark mark = arena_mark_get(&host.arena);
		struct ir_function fn = { .arena = &host.arena, .module = &module };

		fn.ticker = &ticker;
		fn.func_idx = WASM_TEXT_FUNCTION;
		status = ir_build(&fn, IR_INLINE_SMALL, &work.arena, &diag);
		assert_true(status == NB_OK || status == NB_CANCELED);
		arena_release(&host.arena, mark);
		assert_true(before < steps);
	}
	buffer_free(&bytes);
	arena_reset(&host.arena);
	arena_reset(&work.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_exhaustion),
		cmocka_unit_test(test_framed_exhaustion),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
