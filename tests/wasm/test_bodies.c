/*
 * The validator's short path (validate_simple.c) against its full rules: a body at the very
 * end of a module is judged by the rules alone, the same body with bytes behind it by the
 * short path as far as that goes, and both must say the same. Also what the short path must
 * leave to the rules, case by case.
 */
#include "wasm/module.h"

#include "tests/random.h"
#include "tests/wasm/host_arena.h"
#include "tests/wasm/module_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
	MOST_BYTES = 12, /* of a body that the short path leaves alone at the module's end */
	RANDOM_BODIES = 80000,
};

static const struct wasm_features features = { .set = WASM_FEATURES_ALL,
					       .code = WASM_CODE_VALIDATE };

/* Decodes a module of one function [i32] -> [i32] with an i64 local, whose instructions are
 * code[0..len) with nothing behind them, or with a custom section of `behind` bytes. */
static enum nb_status
judge(const uint8_t *code, size_t len, size_t behind, bool has_memory)
{
	struct buffer module = { 0 }, body = { 0 }, section = { 0 };
	struct host_arena host;
	struct wasm_module decoded;
	struct diag diag;
	enum nb_status status;

	put_header(&module);
	put_section_bytes(&module, SECTION_TYPE, 2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 0);
	put_section_bytes(&module, SECTION_FUNCTION, 1, 0);
	put_section_bytes(&module, SECTION_TABLE, 1, 0x70, 0, 1);
	if (has_memory)
		put_section_bytes(&module, SECTION_MEMORY, 1, 0, 1);
	put_section_bytes(&module, SECTION_GLOBAL, 2, 0x7f, 1, 0x41, 0, 0x0b, 0x7e, 0, 0x42, 0,
			  0x0b);
	put(&body, 1, 1, 0x7e);
	put_bytes(&body, code, len);
	put(&section, 1);
	put_sized(&section, &body);
	put_section(&module, SECTION_CODE, &section);
	if (behind > 0) {
		put(&section, 1, 'x');
		for (size_t i = 2; i < behind; i++)
			put(&section, 0);
		put_section(&module, 0, &section);
	}
	/* Exactly its bytes, so that a sanitizer sees reads behind them. */
	uint8_t *bytes = malloc(module.len);

	assert_non_null(bytes);
	memcpy(bytes, module.bytes, module.len);
	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	status = wasm_module_decode(&decoded, &host.arena, bytes, module.len, &features, &diag);
	arena_reset(&host.arena);
	assert_int_equal(host.chunks, 0);
	free(bytes);
	buffer_free(&module);
	return status;
}

#define PIECE(text)                    \
	{                              \
		text, sizeof(text) - 1 \
	}

static const struct {
	const char *bytes;
	size_t len;
} pieces[] = {
	PIECE("\x20\x00"), /* local.get 0, 1, and 0 in three bytes */
	PIECE("\x20\x01"),
	PIECE("\x20\x80\x80\x00"),
	PIECE("\x20\x02"), /* no such local */
	PIECE("\x21\x00"),
	PIECE("\x22\x01"),
	PIECE("\x41\x05"), /* constants, short and long */
	PIECE("\x41\xff\xff\xff\xff\x07"),
	PIECE("\x41\xff\xff\xff\xff\x0f"),
	PIECE("\x42\x7f"),
	PIECE("\x42\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f"),
	PIECE("\x43\x01\x02\x03\x04"),
	PIECE("\x45"), /* arithmetic */
	PIECE("\x50"),
	PIECE("\x6a"),
	PIECE("\x7c"),
	PIECE("\xa7"),
	PIECE("\xad"),
	PIECE("\xc0"),
	PIECE("\x28\x02\x00"), /* loads and stores */
	PIECE("\x28\x03\x00"),
	PIECE("\x29\x00\x80\x01"),
	PIECE("\x2d\x00\xff\xff\xff\xff\x0f"),
	PIECE("\x2d\x00\xff\xff\xff\xff\x1f"),
	PIECE("\x36\x02\x04"),
	PIECE("\x37\x03\x04"),
	PIECE("\x1a"), /* drop, select, nop */
	PIECE("\x1b"),
	PIECE("\x01"),
	PIECE("\x23\x00"), /* globals: i32, and i64 that cannot be set */
	PIECE("\x24\x00"),
	PIECE("\x24\x01"),
	PIECE("\x02\x40"), /* blocks */
	PIECE("\x02\x7f"),
	PIECE("\x03\x7e"),
	PIECE("\x04\x40"),
	PIECE("\x04\x7f"),
	PIECE("\x05"),
	PIECE("\x0b"),
	PIECE("\x0b"),
	PIECE("\x0c\x00"), /* branches */
	PIECE("\x0c\x01"),
	PIECE("\x0d\x00"),
	PIECE("\x0d\x81\x00"),
	PIECE("\x0f"),
	PIECE("\x00"),
	PIECE("\x10\x00"), /* calls */
	PIECE("\x10\x80\x00"),
	PIECE("\x11\x01\x00"),
	PIECE("\x11\x00\x01"),
};

static void
test_both_paths_agree(void **state)
{
	uint64_t random = 1;
	uint32_t accepted = 0;

	(void)state;
	for (uint32_t round = 0; round < RANDOM_BODIES; round++) {
		uint8_t code[2 * MOST_BYTES];
		size_t len = 0;
		bool has_memory = random_below(&random, 8) != 0;

		for (;;) {
			uint32_t choice = random_below(&random, sizeof(pieces) / sizeof(*pieces));

			if (len + pieces[choice].len >= MOST_BYTES || random_below(&random, 6) == 0)
				break;
			memcpy(code + len, pieces[choice].bytes, pieces[choice].len);
			len += pieces[choice].len;
		}
		if (random_below(&random, 4) == 0 && len > 1)
			len--; /* ends inside an instruction */
		else
			code[len++] = 0x0b;

		enum nb_status rules = judge(code, len, 0, has_memory);
		enum nb_status both = judge(code, len, 32, has_memory);

		accepted += rules == NB_OK;
		if (rules == both)
			continue;
		for (size_t i = 0; i < len; i++)
			print_message("%02x ", code[i]);
		fail_msg("round %u: %s by the rules alone, else %s", round, nb_status_text(rules),
			 nb_status_text(both));
	}
	assert_true(accepted > RANDOM_BODIES / 200);
}

#define refused(has_memory, ...)                                                                \
	assert_int_not_equal(judge((const uint8_t[]){ __VA_ARGS__ },                            \
				   sizeof((const uint8_t[]){ __VA_ARGS__ }), 32, (has_memory)), \
			     NB_OK)

/* Operands of the frame outside are not to be had. */
static void
test_floors_hold(void **state)
{
	(void)state;
	refused(true, 0x41, 0, 0x02, 0x40, 0x45, 0x0b, 0x0b);		  /* i32.eqz */
	refused(true, 0x41, 0, 0x02, 0x40, 0x22, 0, 0x0b, 0x0b);	  /* local.tee */
	refused(true, 0x41, 0, 0x41, 0, 0x02, 0x40, 0x6a, 0x0b, 0x0b);	  /* i32.add */
	refused(true, 0x41, 0, 0x02, 0x7f, 0x41, 0, 0x6a, 0x0b, 0x0b);	  /* the same, half */
	refused(true, 0x41, 0, 0x02, 0x40, 0x1a, 0x0b, 0x0b);		  /* drop */
	refused(true, 0x41, 0, 0x02, 0x40, 0x0d, 0, 0x0b, 0x0b);	  /* br_if */
	refused(true, 0x41, 0, 0x02, 0x7f, 0x0c, 0, 0x0b, 0x0b);	  /* br with a value */
	refused(true, 0x41, 0, 0x02, 0x40, 0x10, 0, 0x1a, 0x0b, 0x0b);	  /* call */
	refused(true, 0x41, 0, 0x02, 0x40, 0x04, 0x40, 0x0b, 0x0b, 0x0b); /* if */
	refused(true, 0x41, 0, 0x02, 0x40, 0x0f, 0x0b, 0x0b);		  /* return */
	refused(true, 0x41, 0, 0x41, 0, 0x41, 0, 0x02, 0x7f, 0x1b, 0x0b, 0x0b); /* select */
}

/* A memory that is not there is not addressed by the operand of unknown type that
 * unreachable code makes. */
static void
test_no_memory_no_access(void **state)
{
	(void)state;
	refused(false, 0x00, 0x1b, 0x28, 2, 0, 0x0b);
	refused(false, 0x00, 0x28, 2, 0, 0x0b);
	refused(false, 0x00, 0x1b, 0x41, 0, 0x36, 2, 0, 0x41, 0, 0x0b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_paths_agree),
		cmocka_unit_test(test_floors_hold),
		cmocka_unit_test(test_no_memory_no_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
