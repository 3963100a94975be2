/*
 * The opcode table as a whole: every instruction that can be enabled has a
 * rule in the validator, and the readers of validated bytes find the same
 * boundaries as it did.
 */
#include "wasm/opcode.h"
#include "wasm/reader.h"

#include "tests/wasm/host_arena.h"
#include "tests/wasm/module_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct wasm_features features = { .set = WASM_FEATURES_ALL,
					       .code = WASM_CODE_VALIDATE };

/* A module with one of everything whose only body is `body`, which is freed. */
static struct buffer
module_with_all(struct buffer *body)
{
	struct buffer module = { 0 };
	struct buffer code = { 0 };

	put_small_world(&module);
	put_section_bytes(&module, SECTION_GLOBAL, 1, 0x7f, 1, 0x41, 0, 0x0b);
	put_section_bytes(&module, SECTION_ELEMENT, 1, 1, 0, 1, 0);
	put_section_bytes(&module, SECTION_DATA_COUNT, 1);
	put(&code, 1);
	put_sized(&code, body);
	put_section(&module, SECTION_CODE, &code);
	put_section_bytes(&module, SECTION_DATA, 1, 1, 0);
	return module;
}

static void
put_opcode(struct buffer *body, unsigned opcode)
{
	static const struct {
		unsigned page;
		uint8_t prefix;
	} pages[] = { { WASM_PAGE_FD, 0xfd },
		      { WASM_PAGE_FE, 0xfe },
		      { WASM_PAGE_FC, 0xfc },
		      { WASM_PAGE_FB, 0xfb } };

	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		if (opcode >= pages[i].page) {
			put(body, pages[i].prefix);
			put_u32(body, opcode - pages[i].page);
			return;
		}
	}
	put(body, (uint8_t)opcode);
}

/* The immediates that are not right as zeros. */
static void
put_immediate(struct buffer *body, unsigned opcode)
{
	switch (wasm_opcode_info[opcode].immediate) {
	case WASM_IMM_SELECT:
		put(body, 1, 0x7f);
		break;
	case WASM_IMM_HEAP_TYPE:
		put(body, 0x70);
		break;
	case WASM_IMM_BR_TABLE:
		put(body, 3, 0, 0, 0, 0);
		break;
	case WASM_IMM_MEMARG: /* atomic accesses are aligned */
		put(body, wasm_opcode_info[opcode].width);
		break;
	default:
		break;
	}
}

/* Walks the only body; the number of instructions up to its exact end. */
static unsigned
walk(const struct wasm_module *module, unsigned second)
{
	const struct wasm_code *code = wasm_module_code(module, 0);
	struct wasm_reader r = wasm_reader_at(module, code->code_offset);
	enum wasm_opcode opcode = WASM_OP_NOP;
	unsigned count = 0;

	while (wasm_reader_offset(module, &r) < code->offset + code->len) {
		opcode = wasm_read_opcode(&r);
		if (count == 1)
			assert_int_equal(opcode, second);
		wasm_skip_immediate(&r, opcode);
		count++;
	}
	assert_int_equal(wasm_reader_offset(module, &r), code->offset + code->len);
	assert_int_equal(opcode, WASM_OP_END);
	return count;
}

/* Behind `unreachable` every operand is at hand, and zero bytes are both
 * immediates in range and, where they are too many, more `unreachable`. */
static void
test_every_enabled_instruction_has_a_rule(void **state)
{
	unsigned tested = 0;

	(void)state;
	for (unsigned opcode = 0; opcode < WASM_OPCODE_COUNT; opcode++) {
		const struct wasm_opcode_info *info = &wasm_opcode_info[opcode];
		struct buffer body = { 0 };
		struct buffer input;
		struct host_arena host;
		struct wasm_module module;
		struct diag diag;
		enum nb_status status;

		if (info->immediate <= WASM_IMM_PREFIX || opcode == WASM_OP_ELSE ||
		    opcode == WASM_OP_END || opcode == WASM_OP_BR_ON_NON_NULL ||
		    !(features.set >> info->feature & 1))
			continue;
		put(&body, 1, 1, 0x7f, 0x00); /* one local; unreachable */
		put_opcode(&body, opcode);
		put_immediate(&body, opcode);
		for (int i = 0; i < 20; i++)
			put(&body, 0);
		if (info->immediate == WASM_IMM_BLOCK)
			put(&body, 0x0b);
		put(&body, 0x0b);
		input = module_with_all(&body);
		host_arena_init(&host, SIZE_MAX);
		diag_init(&diag);
		status = wasm_module_decode(&module, &host.arena, input.bytes, input.len, &features,
					    &diag);
		if (status != NB_OK)
			print_error("%s: %s\n", wasm_opcode_text((enum wasm_opcode)opcode),
				    diag.text);
		assert_int_equal(status, NB_OK);
		assert_true(walk(&module, opcode) >= 3);
		arena_reset(&host.arena);
		buffer_free(&input);
		tested++;
	}
	/* Of one byte without else and end, two tail calls and four on references
	 * (the fifth needs another label); behind 0xfc; behind 0xfd, and relaxed; behind 0xfe. */
	assert_int_equal(tested, 183 - 2 + 2 + 4 + 18 + 236 + 20 + 67);
}

static void
test_numbers_texts_and_rows(void **state)
{
	(void)state;
	assert_int_equal(WASM_OP_I32_ADD, 0x6a);
	assert_int_equal(WASM_OP_I64_EXTEND32_S, 0xc4);
	assert_int_equal(WASM_OP_MEMORY_FILL, WASM_PAGE_FC + 11);
	assert_int_equal(WASM_OP_F64X2_CONVERT_LOW_I32X4_U, WASM_PAGE_FD + 0xff);
	assert_string_equal(wasm_opcode_text(WASM_OP_I32_ADD), "i32.add");
	assert_string_equal(wasm_opcode_text(WASM_OP_SELECT_T), "select");
	assert_string_equal(wasm_opcode_text((enum wasm_opcode)0xff), "unknown instruction");
	assert_int_equal(wasm_opcode_info[WASM_OP_I64_LOAD32_U].width, 2);
	assert_int_equal(wasm_opcode_info[WASM_OP_I64_LOAD32_U].operands[0], WASM_KIND_ADDRESS);
	assert_int_equal(wasm_opcode_info[WASM_OP_I64_LOAD32_U].result, WASM_KIND_I64);
	assert_int_equal(wasm_opcode_info[0x27].immediate, WASM_IMM_ILLEGAL);
	assert_int_equal(wasm_opcode_info[0xfd].immediate, WASM_IMM_PREFIX);
}

static void
test_readers_take_numbers_of_every_length(void **state)
{
	static const int64_t values[] = { 0,	     1,		  -1,	     63,	64,
					  -64,	     -65,	  127,	     128,	-128,
					  1 << 20,   INT32_MAX,	  INT32_MIN, INT64_MAX, INT64_MIN,
					  1LL << 40, -(1LL << 40) };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct buffer bytes = { 0 };
		int64_t rest = values[i];
		struct wasm_reader r;

		for (;;) {
			uint8_t byte = rest & 0x7f;

			rest >>= 7;
			if ((rest == 0 && !(byte & 0x40)) || (rest == -1 && (byte & 0x40))) {
				put(&bytes, byte);
				break;
			}
			put(&bytes, byte | 0x80);
		}
		r.pos = bytes.bytes;
		assert_true(wasm_read_s64(&r) == values[i]);
		assert_ptr_equal(r.pos, bytes.bytes + bytes.len);
		if (values[i] == (int32_t)values[i]) {
			r.pos = bytes.bytes;
			assert_int_equal(wasm_read_s32(&r), values[i]);
		}
		buffer_free(&bytes);
		if (values[i] < 0 || values[i] > UINT32_MAX)
			continue;
		put_u32(&bytes, (uint32_t)values[i]);
		r.pos = bytes.bytes;
		assert_int_equal(wasm_read_u32(&r), values[i]);
		assert_ptr_equal(r.pos, bytes.bytes + bytes.len);
		buffer_free(&bytes);
	}
}

static void
test_memarg_and_block_types(void **state)
{
	static const uint8_t bytes[] = {
		0x02, 0x85, 0x01, 0x43, 0x07, 0x03, 0x40, 0x7b, 0x80, 0x00
	};
	const struct wasm_functype type = { 0 };
	struct wasm_module module = { .types = (struct wasm_functype *)(uintptr_t)&type };
	struct wasm_reader r = { bytes };
	struct wasm_memarg arg = wasm_read_memarg(&r);

	(void)state;
	assert_int_equal(arg.align_log2, 2);
	assert_int_equal(arg.memory_idx, 0);
	assert_int_equal(arg.offset, 133);
	arg = wasm_read_memarg(&r);
	assert_int_equal(arg.align_log2, 3);
	assert_int_equal(arg.memory_idx, 7);
	assert_int_equal(arg.offset, 3);
	assert_ptr_equal(wasm_read_block_type(&r, &module), wasm_functype_shorthand(WASM_BOTTOM));
	assert_ptr_equal(wasm_read_block_type(&r, &module), wasm_functype_shorthand(WASM_V128));
	assert_ptr_equal(wasm_read_block_type(&r, &module), &type);
	assert_ptr_equal(r.pos, bytes + sizeof(bytes));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_enabled_instruction_has_a_rule),
		cmocka_unit_test(test_numbers_texts_and_rows),
		cmocka_unit_test(test_readers_take_numbers_of_every_length),
		cmocka_unit_test(test_memarg_and_block_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
