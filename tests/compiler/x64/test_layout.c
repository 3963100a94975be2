/*
 * How often blocks are thought to run, in what order they are emitted and which of two
 * ways a conditional jump takes. Functions come as IR text; each block stores a number of
 * its own, by which it is found in the machine code.
 */
#include "compiler/ir/analyze.h"
#include "compiler/ir/parse.h"
#include "compiler/x64/x64.h"
#include "tests/wasm/host_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* What block `n` stores. */
#define MARK(n) "\tstore v0, i32:0x5a5a5a0" #n "\n"
enum { MARK = 0x5a5a5a00 };

struct compiled {
	struct host_arena host;
	struct ir_function fn;
	struct x64_chunk chunk;
};

static void
compile(const char *text, struct compiled *out)
{
	static const enum wasm_valtype params[] = { WASM_I32, WASM_I32 };
	static const struct wasm_functype type = { .params = params, .param_count = 2 };
	struct host_arena scratch, work;
	struct wasm_module module = { .memory_count = 1 };
	struct compiler_options options;
	struct x64_context context;
	struct diag diag;

	host_arena_init(&out->host, 1 << 26);
	host_arena_init(&scratch, 1 << 26);
	host_arena_init(&work, 1 << 26);
	compiler_options_init(&options);
	options.check = true;
	diag_init(&diag);
	out->fn = (struct ir_function){ .arena = &out->host.arena };
	assert_int_equal(ir_parse(&out->fn, text, strlen(text), &work.arena, &diag), NB_OK);
	out->fn.type = &type;
	assert_int_equal(ir_schedule(&out->fn, &work.arena), NB_OK);
	assert_int_equal(x64_context_init(&context, &module, &options), NB_OK);
	assert_int_equal(x64_compile_function(&context, &out->fn,
					      &(struct x64_arenas){ &out->host.arena,
								    &scratch.arena, &work.arena },
					      &out->chunk, &diag),
			 NB_OK);
	arena_reset(&scratch.arena);
	arena_reset(&work.arena);
}

/* The place behind the instruction with which block `n` stores its number. */
static uint32_t
place_of(const struct compiled *c, uint32_t n)
{
	uint32_t mark = MARK + n;

	for (uint32_t at = 0; at + sizeof(mark) <= c->chunk.code_size; at++)
		if (memcmp(c->chunk.code + at, &mark, sizeof(mark)) == 0)
			return at + (uint32_t)sizeof(mark);
	fail_msg("block %u is not there", n);
	return 0;
}

static uint32_t
distance(const uint8_t *bytes, uint32_t size)
{
	int32_t wide;

	if (size == 1)
		return (uint32_t)(int32_t)(int8_t)bytes[0];
	memcpy(&wide, bytes, sizeof(wide));
	return (uint32_t)wide;
}

/* Where the conditional jump goes that follows the test at `at`. */
static uint32_t
target_behind_test(const struct compiled *c, uint32_t at)
{
	const uint8_t *code = c->chunk.code;

	at += (code[at] & 0xf0) == 0x40;
	assert_int_equal(code[at], 0x85); /* test */
	at += 2;
	if ((code[at] & 0xf0) == 0x70)
		return at + 2 + distance(code + at + 1, 1);
	assert_int_equal(code[at], 0x0f);
	assert_int_equal(code[at + 1] & 0xf0, 0x80);
	return at + 6 + distance(code + at + 2, 4);
}

/* The number of the block whose code is the first one that `at` or a jump there leads to. */
static uint32_t
block_at(const struct compiled *c, uint32_t at)
{
	const uint8_t *code = c->chunk.code;

	if (code[at] == 0xe9)
		at += 5 + distance(code + at + 1, 4);
	else if (code[at] == 0xeb)
		at += 2 + distance(code + at + 1, 1);
	for (; at + 4 <= c->chunk.code_size; at++) {
		uint32_t mark;

		memcpy(&mark, code + at, sizeof(mark));
		if ((mark & 0xffffff00) == MARK)
			return mark & 0xff;
	}
	fail_msg("no block behind");
	return 0;
}

/* How often the block runs that stores number `n`, of 1000. */
static uint32_t
frequency_of(const struct compiled *c, uint32_t n)
{
	for (uint32_t i = 0; i < c->fn.order_count; i++) {
		const struct ir_block *block = &c->fn.blocks[c->fn.order[i]];
		const struct ir_inst *store = &c->fn.insts[block->first_inst];

		if (store->op == IR_STORE && c->fn.insts[store->args[1]].imm == MARK + n)
			return (uint32_t)(block->frequency * 1000 + 0.5f);
	}
	fail_msg("block %u is not there", n);
	return 0;
}

/* Two blocks that both decide between the same two. `hint` stands at both branches. */
static void
compile_cross(const char *hint, struct compiled *out)
{
	char text[600];

	snprintf(text, sizeof(text),
		 "function 0 {\nb0 (v0: i32, v1: i32):\n\tbranch v0, b1, b2\n"
		 "b1:\n" MARK(1) "\tbranch v1, b3, b4%s\n"
				 "b2:\n" MARK(2) "\tbranch v1, b3, b4%s\n"
						 "b3:\n" MARK(3) "\treturn ()\n"
								 "b4:\n" MARK(4) "\treturn ()\n}\n",
		 hint, hint);
	compile(text, out);
}

static void
test_hints_share_what_a_block_passes_on(void **state)
{
	struct compiled c;

	(void)state;
	compile_cross("", &c);
	assert_int_equal(frequency_of(&c, 3), 500);
	assert_int_equal(frequency_of(&c, 4), 500);
	arena_reset(&c.host.arena);
	compile_cross(" !likely", &c);
	assert_int_equal(frequency_of(&c, 1), 500);
	assert_int_equal(frequency_of(&c, 3), 900);
	assert_int_equal(frequency_of(&c, 4), 100);
	arena_reset(&c.host.arena);
	compile_cross(" !unlikely", &c);
	assert_int_equal(frequency_of(&c, 3), 100);
	assert_int_equal(frequency_of(&c, 4), 900);
	arena_reset(&c.host.arena);
}

/* A hint says nothing of a way that leaves a loop, or that leads to a trap. */
static void
test_hints_are_not_believed_at_exits(void **state)
{
	struct compiled c;

	(void)state;
	compile("function 0 {\nb0 (v0: i32, v1: i32):\n\tjump b1\n"
		"b1:\n" MARK(1) "\tbranch v1, b2, b1 !likely\n"
				"b2:\n" MARK(2) "\treturn ()\n}\n",
		&c);
	assert_int_equal(frequency_of(&c, 1), 8000);
	assert_int_equal(frequency_of(&c, 2), 1000);
	arena_reset(&c.host.arena);
	compile("function 0 {\nb0 (v0: i32, v1: i32):\n\tbranch v1, b1, b2 !likely\n"
		"b1:\n" MARK(1) "\ttrap UNREACHABLE\n"
				"b2:\n" MARK(2) "\treturn ()\n}\n",
		&c);
	assert_true(frequency_of(&c, 1) < 10);
	assert_true(frequency_of(&c, 2) > 900);
	assert_true(place_of(&c, 1) > place_of(&c, 2));
	arena_reset(&c.host.arena);
}

/* The block that is probably next follows its predecessor. */
static void
test_likely_blocks_follow(void **state)
{
	static const char *const hints[] = { " !likely", " !unlikely" };
	struct compiled c;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		char text[400];

		snprintf(text, sizeof(text),
			 "function 0 {\nb0 (v0: i32, v1: i32):\n" MARK(
				 0) "\tbranch v1, b1, b2%s\n"
				    "b1:\n" MARK(1) "\treturn ()\nb2:\n" MARK(2) "\treturn ()\n}\n",
			 hints[i]);
		compile(text, &c);
		assert_int_equal(place_of(&c, 1) < place_of(&c, 2), i == 0);
		arena_reset(&c.host.arena);
	}
}

/* Where neither target comes next, the conditional jump goes where the way mostly leads,
 * so that this takes one jump; without a hint where the condition is true. */
static void
test_jump_goes_where_the_way_leads(void **state)
{
	static const char *const hints[] = { " !likely", " !unlikely", "" };
	static const uint32_t expected[] = { 3, 4, 3 };
	struct compiled c;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t first, second, at;

		compile_cross(hints[i], &c);
		/* Of the two blocks that decide, the one that comes first is followed by the other. */
		first = place_of(&c, 1) < place_of(&c, 2) ? 1 : 2;
		second = place_of(&c, 3 - first);
		at = place_of(&c, first);
		assert_true(second < place_of(&c, 3) && second < place_of(&c, 4));
		assert_int_equal(block_at(&c, target_behind_test(&c, at)), expected[i]);
		arena_reset(&c.host.arena);
	}
}

/* A loop whose test stands at its top is turned, so that a round takes one jump: the block
 * that goes round decides. */
static void
test_loops_are_rotated(void **state)
{
	struct compiled c;

	(void)state;
	compile("function 0 {\nb0 (v0: i32, v1: i32):\n\tjump b1 (v1)\n"
		"b1 (v2: i32):\n" MARK(1) "\tbranch v2, b2, b3\n"
					  "b2:\n" MARK(
						  2) "\tv3: i32 = sub v2, i32:1\n\tjump b1 (v3)\n"
						     "b3:\n" MARK(3) "\treturn ()\n}\n",
		&c);
	assert_true(place_of(&c, 2) < place_of(&c, 1));
	assert_true(place_of(&c, 1) < place_of(&c, 3));
	assert_int_equal(block_at(&c, target_behind_test(&c, place_of(&c, 1))), 2);
	arena_reset(&c.host.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hints_share_what_a_block_passes_on),
		cmocka_unit_test(test_hints_are_not_believed_at_exits),
		cmocka_unit_test(test_likely_blocks_follow),
		cmocka_unit_test(test_jump_goes_where_the_way_leads),
		cmocka_unit_test(test_loops_are_rotated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
