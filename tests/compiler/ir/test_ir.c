/*
 * Golden tests of the IR's text form and of its checker; truncated and
 * damaged text; memory that ends anywhere.
 */
#include "compiler/ir/analyze.h"
#include "compiler/ir/check.h"
#include "compiler/ir/parse.h"
#include "compiler/ir/print.h"
#include "tests/compiler/golden.h"
#include "tests/wasm/host_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char whole[] = "function 3 {\n"
			    "b0 (v0: i32, v1: i64):\n"
			    "\tv2: i32 = load8_u offset=16 v0 @7\n"
			    "\tv3: i32 = call_indirect type=1 table=0 v2 (v1, v0)\n"
			    "\tv4: f64 = result 1 v3\n"
			    "\tswitch v3, b1 (v0, i32:5), b2 [0, 1, 1, 0] @9\n"
			    "b1 (v5: i32, v6: i32):\n"
			    "\tbranch v5, b1 (v6, v5), b2 !likely\n"
			    "b2:\n"
			    "\treturn (v4, f32:0x40490fdb)\n"
			    "}\n";

static void
parse_and(const struct golden_case *test, struct golden_text *out)
{
	struct host_arena host, work;
	struct ir_function fn = { .arena = &host.arena };
	struct diag diag;
	char reason[200];
	bool checks = strcmp(test->argument, "print") != 0;
	enum ir_check_stage stage =
		strcmp(test->argument, "scheduled") == 0 ? IR_CHECK_SCHEDULED : IR_CHECK_ANY;
	enum nb_status status;

	host_arena_init(&host, 1 << 26);
	host_arena_init(&work, 1 << 26);
	diag_init(&diag);
	status = ir_parse(&fn, test->input, strlen(test->input), &work.arena, &diag);
	if (status != NB_OK) {
		golden_put(out, diag.text);
		golden_put(out, "\n");
	} else if (checks) {
		if (stage == IR_CHECK_SCHEDULED)
			assert_int_equal(ir_analyze(&fn, &work.arena), NB_OK);
		status = ir_check(&fn, stage, &work.arena, reason, sizeof(reason));
		assert_int_equal(status, NB_INTERNAL);
		golden_put(out, reason);
		golden_put(out, "\n");
	} else {
		assert_int_equal(ir_print(&fn, IR_NUMBERS_DENSE, &work.arena, golden_emit, out),
				 NB_OK);
	}
	arena_reset(&host.arena);
	arena_reset(&work.arena);
	assert_int_equal(host.chunks + work.chunks, 0);
}

static void
test_parse(void **state)
{
	(void)state;
	assert_int_equal(golden_run("tests/compiler/ir/parse.ir", parse_and), 0);
}

static void
test_check(void **state)
{
	(void)state;
	assert_int_equal(golden_run("tests/compiler/ir/check.ir", parse_and), 0);
}

/* Parses, checks and prints whatever it is; must neither crash nor leak. */
static enum nb_status
try_text(const char *text, size_t len, struct golden_text *out)
{
	struct host_arena host, work;
	struct ir_function fn = { .arena = &host.arena };
	struct diag diag;
	char reason[200];
	enum nb_status status;

	host_arena_init(&host, 1 << 26);
	host_arena_init(&work, 1 << 26);
	diag_init(&diag);
	status = ir_parse(&fn, text, len, &work.arena, &diag);
	if (status == NB_OK)
		status = ir_check(&fn, IR_CHECK_ANY, &work.arena, reason, sizeof(reason));
	if (status == NB_OK && out)
		status = ir_print(&fn, IR_NUMBERS_DENSE, &work.arena, golden_emit, out);
	arena_reset(&host.arena);
	arena_reset(&work.arena);
	assert_int_equal(host.chunks + work.chunks, 0);
	return status;
}

static void
test_round_trip(void **state)
{
	struct golden_text out = { 0 };

	(void)state;
	assert_int_equal(try_text(whole, strlen(whole), &out), NB_OK);
	assert_string_equal(out.text, whole);
	free(out.text);
}

static void
test_damaged(void **state)
{
	static const char marks[] = "0v b(){}[]:=,!@-\n\t9xiadd";
	char *text = malloc(sizeof(whole));

	(void)state;
	assert_non_null(text);
	for (size_t len = 0; len + 3 < strlen(whole); len++) {
		char *exact = malloc(len + 1);

		assert_non_null(exact);
		memcpy(exact, whole, len);
		assert_int_not_equal(try_text(exact, len, NULL), NB_OK);
		free(exact);
	}
	for (size_t at = 0; at < strlen(whole); at++)
		for (size_t i = 0; i < sizeof(marks) - 1; i++) {
			memcpy(text, whole, sizeof(whole));
			text[at] = marks[i];
			(void)!try_text(text, strlen(whole), NULL);
		}
	free(text);
}

/* Every request for memory fails in turn. */
static void
test_exhaustion(void **state)
{
	(void)state;
	for (size_t fail_at = 0;; fail_at++) {
		struct host_arena host;
		struct arena scratch;
		struct ir_function fn = { .arena = &host.arena };
		struct diag diag;
		char reason[200];
		enum nb_status status;

		host_arena_init(&host, 1 << 26);
		arena_init(&scratch, &host.source, 1 << 26);
		host.fail_at = fail_at;
		host.fail_ever_after = true;
		diag_init(&diag);
		status = ir_parse(&fn, whole, strlen(whole), &scratch, &diag);
		if (status == NB_OK)
			status = ir_schedule(&fn, &scratch);
		if (status == NB_OK)
			status =
				ir_check(&fn, IR_CHECK_SCHEDULED, &scratch, reason, sizeof(reason));
		arena_reset(&host.arena);
		arena_reset(&scratch);
		assert_int_equal(host.chunks, 0);
		if (status == NB_OK)
			break;
		assert_int_equal(status, NB_OUT_OF_MEMORY);
		assert_true(fail_at < 1000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	   cmocka_unit_test(test_check),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_exhaustion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
