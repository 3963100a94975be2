/*
 * Golden tests of the passes: IR text in, a list of passes, IR text out.
 * Each case is also checked before and after by ir_check.
 */
#include "compiler/ir/analyze.h"
#include "compiler/ir/check.h"
#include "compiler/ir/parse.h"
#include "compiler/ir/print.h"
#include "compiler/pass/pass.h"
#include "tests/compiler/golden.h"
#include "tests/wasm/host_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct named_pass {
	const char *name;
	enum nb_status (*run)(struct ir_function *fn, struct pass_context *context);
};

static enum nb_status
run_schedule(struct ir_function *fn, struct pass_context *context)
{
	return ir_schedule(fn, context->scratch);
}

static enum nb_status
run_strict(struct ir_function *fn, struct pass_context *context)
{
	(void)context;
	fn->is_strict = true;
	return NB_OK;
}

static const struct named_pass passes[] = {
	{ "wide", pass_wide },	       { "branch", pass_branch },    { "ifconv", pass_ifconv },
	{ "gvn", pass_gvn },	       { "licm", pass_licm },	     { "dce", pass_dce },
	{ "strength", pass_strength }, { "schedule", run_schedule }, { "sink", pass_sink },
	{ "range", pass_range },       { "rebase", pass_rebase },    { "strict", run_strict },
	{ "decide", pass_decide },     { "order", pass_order },
};

static enum nb_status
run_named(const char *name, size_t len, struct ir_function *fn, struct pass_context *context)
{
	for (size_t i = 0; i < sizeof(passes) / sizeof(*passes); i++)
		if (strlen(passes[i].name) == len && memcmp(passes[i].name, name, len) == 0)
			return passes[i].run(fn, context);
	fail_msg("no pass %.*s", (int)len, name);
	return NB_NOT_FOUND;
}

static void
transform(const struct golden_case *test, struct golden_text *out)
{
	struct host_arena host, work;
	struct ir_function fn = { .arena = &host.arena };
	struct compiler_options options;
	struct pass_context context = { &work.arena, &options };
	struct diag diag;
	char reason[200];

	host_arena_init(&host, 1 << 26);
	host_arena_init(&work, 1 << 26);
	compiler_options_init(&options);
	diag_init(&diag);
	if (ir_parse(&fn, test->input, strlen(test->input), &work.arena, &diag) != NB_OK) {
		golden_put(out, diag.text);
		golden_put(out, "\n");
	} else if (ir_check(&fn, IR_CHECK_ANY, &work.arena, reason, sizeof(reason)) != NB_OK) {
		golden_put(out, reason);
		golden_put(out, "\n");
	} else {
		for (const char *name = test->argument; *name;) {
			size_t len = strcspn(name, " ");

			assert_int_equal(run_named(name, len, &fn, &context), NB_OK);
			name += len + strspn(name + len, " ");
		}
		if (ir_check(&fn, IR_CHECK_ANY, &work.arena, reason, sizeof(reason)) != NB_OK) {
			golden_put(out, reason);
			golden_put(out, "\n");
		}
		if (!fn.is_analyzed)
			fn.order_count = 0;
		assert_int_equal(ir_print(&fn, IR_NUMBERS_DENSE, &work.arena, golden_emit, out),
				 NB_OK);
	}
	arena_reset(&host.arena);
	arena_reset(&work.arena);
	assert_int_equal(host.chunks + work.chunks, 0);
}

#define GOLDEN_TEST(name)                                                                       \
	static void test_##name(void **state)                                                   \
	{                                                                                       \
		(void)state;                                                                    \
		assert_int_equal(golden_run("tests/compiler/pass/" #name ".ir", transform), 0); \
	}

GOLDEN_TEST(branch)
GOLDEN_TEST(dce)
GOLDEN_TEST(decide)
GOLDEN_TEST(gvn)
GOLDEN_TEST(ifconv)
GOLDEN_TEST(licm)
GOLDEN_TEST(order)
GOLDEN_TEST(range)
GOLDEN_TEST(rebase)
GOLDEN_TEST(schedule)
GOLDEN_TEST(sink)
GOLDEN_TEST(strength)
GOLDEN_TEST(wide)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_branch),	 cmocka_unit_test(test_dce),
		cmocka_unit_test(test_gvn),	 cmocka_unit_test(test_ifconv),
		cmocka_unit_test(test_licm),	 cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_strength), cmocka_unit_test(test_sink),
		cmocka_unit_test(test_wide),	 cmocka_unit_test(test_range),
		cmocka_unit_test(test_rebase),	 cmocka_unit_test(test_decide),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
