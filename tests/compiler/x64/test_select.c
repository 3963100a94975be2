/*
 * What instruction selection makes of some things, by counting in the machine code:
 * constants in and out of loops, products of which both halves are wanted, carries,
 * the smaller of two floats.
 */
#include "compiler/compiler.h"
#include "tests/compiler/wasm_text.h"
#include "tests/wasm/host_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DEAR "1234605616436508552" /* 0x1122334455667788 */

struct code {
	struct host_arena host;
	struct nb_code_image image;
	const uint8_t *body; /* of the function of the text */
	uint32_t body_size;
};

static void
compile(const char *text, struct code *out)
{
	static const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						       .code = WASM_CODE_VALIDATE };
	struct buffer bytes = wasm_text_module(text);
	struct host_arena work;
	struct wasm_module module;
	struct compiler_options options;
	struct diag diag;

	host_arena_init(&out->host, 1 << 26);
	host_arena_init(&work, 1 << 26);
	compiler_options_init(&options);
	options.check = true;
	diag_init(&diag);
	assert_int_equal(wasm_module_decode(&module, &out->host.arena, bytes.bytes, bytes.len,
					    &features, &diag),
			 NB_OK);
	assert_int_equal(compiler_compile(&module, &options, &work.source, &out->host.arena,
					  &out->image, &diag),
			 NB_OK);
	buffer_free(&bytes);
	const struct nb_code_function *body = &out->image.functions[out->image.function_count - 1];
	out->body = out->image.code + body->code_offset;
	out->body_size = body->code_size;
}

/* How often the constant DEAR is loaded in the function of that text. */
static uint32_t
count_loads(const char *text)
{
	static const uint8_t bytes[] = { 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11 };
	struct code code;
	uint32_t count = 0;

	compile(text, &code);
	for (size_t at = 0; at + sizeof(bytes) <= code.image.code_size; at++)
		count += memcmp(code.image.code + at, bytes, sizeof(bytes)) == 0;
	arena_reset(&code.host.arena);
	return count;
}

/* How many 64-bit multiplications the body has: MUL by a register, IMUL. */
static uint32_t
count_products(const char *text)
{
	struct code code;
	uint32_t count = 0;

	compile(text, &code);
	for (uint32_t at = 0; at + 3 <= code.body_size; at++) {
		bool is_wide = (code.body[at] & 0xf8) == 0x48;

		count += is_wide && code.body[at + 1] == 0xf7 && (code.body[at + 2] & 0xf8) == 0xe0;
		count += is_wide && code.body[at + 1] == 0x0f && code.body[at + 2] == 0xaf;
	}
	arena_reset(&code.host.arena);
	return count;
}

/* Both halves of a product, put together from halves of the factors as compilers do. */
static void
test_both_halves_of_a_product_are_one_instruction(void **state)
{
#define MASK "i64.const 4294967295\ni64.and\n"
#define HIGH "i64.const 32\ni64.shr_u\n"
	(void)state;
	assert_int_equal(count_products("i64 i64 -> i64 | i64 i64\n"
					/* t = high a * low b + high (low a * low b) */
					"local.get 0\n" HIGH "local.get 1\n" MASK "i64.mul\n"
					"local.get 0\n" MASK "local.get 1\n" MASK "i64.mul\n" HIGH
					"i64.add\nlocal.set 2\n"
					/* u = low a * high b + low t */
					"local.get 0\n" MASK "local.get 1\n" HIGH "i64.mul\n"
					"local.get 2\n" MASK "i64.add\nlocal.set 3\n"
					/* high a * high b + high t + high u, exclusive or a * b */
					"local.get 0\n" HIGH "local.get 1\n" HIGH "i64.mul\n"
					"local.get 2\n" HIGH "i64.add\n"
					"local.get 3\n" HIGH "i64.add\n"
					"local.get 0\nlocal.get 1\ni64.mul\ni64.xor\n"),
			 1);
}

/* The instructions of the body that take in the carry flag, plus 100 for each SETcc. */
static uint32_t
count_carries(const char *text)
{
	struct code code;
	uint32_t count = 0;

	compile(text, &code);
	for (uint32_t at = 0; at + 3 <= code.body_size; at++) {
		bool is_group = code.body[at] == 0x83 && (code.body[at + 1] & 0xf0) == 0xd0;

		count += code.body[at] == 0x13 || code.body[at] == 0x1b || is_group;
		count += code.body[at] == 0x0f && (code.body[at + 1] & 0xf0) == 0x90 ? 100 : 0;
	}
	arena_reset(&code.host.arena);
	return count;
}

static void
test_comparisons_are_carries(void **state)
{
#define WORDS	"i64 i64 i64 -> i64\n"
#define COMPARE "local.get 1\nlocal.get 2\n"
#define ZERO	"local.get 1\ni64.eqz\n"
	(void)state;
	/* x + (a < b), (a > b), x + y + (a < b), x + (y + (a < b)), x - y - (a < b) */
	assert_int_equal(count_carries(WORDS "local.get 0\n" COMPARE
					     "i64.lt_u\ni64.extend_i32_u\ni64.add\n"),
			 1);
	assert_int_equal(
		count_carries(WORDS COMPARE "i64.gt_u\ni64.extend_i32_u\nlocal.get 0\ni64.add\n"),
		1);
	assert_int_equal(count_carries(WORDS "local.get 0\nlocal.get 1\ni64.add\n" COMPARE
					     "i64.lt_u\ni64.extend_i32_u\ni64.add\n"),
			 1);
	assert_int_equal(count_carries(WORDS "local.get 0\nlocal.get 1\n" COMPARE
					     "i64.lt_u\ni64.extend_i32_u\ni64.add\ni64.add\n"),
			 1);
	assert_int_equal(count_carries(WORDS "local.get 0\nlocal.get 1\ni64.sub\n" COMPARE
					     "i64.lt_u\ni64.extend_i32_u\ni64.sub\n"),
			 1);
	/* x + (a >= b), x - (a <= b), x + (v == 0), of 32 bits: x - (v != 0) */
	assert_int_equal(count_carries(WORDS "local.get 0\n" COMPARE
					     "i64.ge_u\ni64.extend_i32_u\ni64.add\n"),
			 1);
	assert_int_equal(count_carries(WORDS "local.get 0\n" COMPARE
					     "i64.le_u\ni64.extend_i32_u\ni64.sub\n"),
			 1);
	assert_int_equal(count_carries(WORDS "local.get 0\n" ZERO "i64.extend_i32_u\ni64.add\n"),
			 1);
	assert_int_equal(count_carries("i32 i32 -> i32\nlocal.get 0\nlocal.get 1\n"
				       "i32.const 0\ni32.ne\ni32.sub\n"),
			 1);
	/* Signed ones, equal ones, and those that somebody else needs are values. */
	assert_int_equal(count_carries(WORDS "local.get 0\n" COMPARE
					     "i64.lt_s\ni64.extend_i32_u\ni64.add\n"),
			 100);
	assert_int_equal(
		count_carries(WORDS "local.get 0\n" COMPARE "i64.eq\ni64.extend_i32_u\ni64.add\n"),
		100);
	assert_int_equal(count_carries("i64 i64 i64 | i64 -> i64\nlocal.get 0\n" COMPARE
				       "i64.lt_u\ni64.extend_i32_u\nlocal.tee 3\ni64.add\n"
				       "local.get 3\ni64.mul\n"),
			 100);
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

/* How often the body has the opcode bytes 0f `opcode`. */
static uint32_t
count_opcode(const char *text, uint8_t opcode)
{
	struct code code;
	uint32_t count = 0;

	compile(text, &code);
	for (uint32_t at = 0; at + 2 <= code.body_size; at++)
		count += code.body[at] == 0x0f && code.body[at + 1] == opcode;
	arena_reset(&code.host.arena);
	return count;
}

/* The choice that minsd or maxsd makes is that instruction; another one is a comparison. */
static void
test_smaller_or_larger_of_two_floats_is_one_instruction(void **state)
{
	enum { UCOMISD = 0x2e, MINSD = 0x5d, MAXSD = 0x5f };
	static const struct {
		const char *compare;
		uint8_t straight, crossed; /* opcodes; 0: none */
	} rows[] = {
		{ "f64.lt\n", MINSD, MAXSD }, { "f64.gt\n", MAXSD, MINSD }, { "f64.le\n", 0, 0 },
		{ "f64.ge\n", 0, 0 },	      { "f64.eq\n", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (int crossed = 0; crossed < 2; crossed++) {
			char text[160];
			uint8_t opcode = crossed ? rows[i].crossed : rows[i].straight;

			snprintf(text, sizeof(text),
				 "f64 f64 -> f64\nlocal.get 0\nlocal.get 1\n"
				 "local.get %d\nlocal.get %d\n%sselect\n",
				 crossed, 1 - crossed, rows[i].compare);
			assert_int_equal(count_opcode(text, UCOMISD), opcode == 0);
			assert_int_equal(count_opcode(text, MINSD), opcode == MINSD);
			assert_int_equal(count_opcode(text, MAXSD), opcode == MAXSD);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_halves_of_a_product_are_one_instruction),
		cmocka_unit_test(test_comparisons_are_carries),
		cmocka_unit_test(test_smaller_or_larger_of_two_floats_is_one_instruction),
		cmocka_unit_test(test_loop_loads_a_constant_once),
		cmocka_unit_test(test_straight_code_loads_it_where_it_is_used),
	};

	return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
