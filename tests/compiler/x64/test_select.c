/*
 * What instruction selection makes of constants: where their bytes stand in the machine
 * code of a function, and how often.
 */
#include "compiler/compiler.h"
#include "tests/compiler/wasm_text.h"
#include "tests/wasm/host_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DEAR "1234605616436508552" /* 0x1122334455667788 */

/* How often the constant DEAR is loaded in the function of that text. */
static uint32_t
count_loads(const char *text)
{
	static const uint8_t bytes[] = { 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11 };
	static const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						       .code = WASM_CODE_VALIDATE };
	struct buffer module_bytes = wasm_text_module(text);
	struct host_arena host, work;
	struct wasm_module module;
	struct nb_code_image image;
	struct compiler_options options;
	struct diag diag;
	uint32_t count = 0;

	host_arena_init(&host, 1 << 26);
	host_arena_init(&work, 1 << 26);
	compiler_options_init(&options);
	options.check = true;
	diag_init(&diag);
	assert_int_equal(wasm_module_decode(&module, &host.arena, module_bytes.bytes,
					    module_bytes.len, &features, &diag),
			 NB_OK);
	assert_int_equal(
		compiler_compile(&module, &options, &work.source, &host.arena, &image, &diag),
		NB_OK);
	for (size_t at = 0; at + sizeof(bytes) <= image.code_size; at++)
		count += memcmp(image.code + at, bytes, sizeof(bytes)) == 0;
	buffer_free(&module_bytes);
	arena_reset(&host.arena);
	return count;
}

static void
test_loop_loads_a_constant_once(void **state)
{
	(void)state;
	assert_int_equal(count_loads("i64 -> i64\n"
				     "loop\n"
				     "local.get 0\ni64.const " DEAR "\ni64.mul\n"
				     "i64.const 3\ni64.shr_u\n"
				     "i64.const " DEAR "\ni64.xor\n"
				     "i64.const 5\ni64.shr_u\n"
				     "i64.const " DEAR "\ni64.mul\n"
				     "local.tee 0\ni64.const 7\ni64.gt_u\nbr_if 0\nend\n"
				     "local.get 0\n"),
			 1);
}

/* Without a loop the load stands at each use, and no register is held for it. */
static void
test_straight_code_loads_it_where_it_is_used(void **state)
{
	(void)state;
	assert_int_equal(count_loads("i64 -> i64\n"
				     "local.get 0\ni64.const " DEAR "\ni64.mul\n"
				     "i64.const 3\ni64.shr_u\n"
				     "i64.const " DEAR "\ni64.xor\n"),
			 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_loads_a_constant_once),
		cmocka_unit_test(test_straight_code_loads_it_where_it_is_used),
	};

	return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
