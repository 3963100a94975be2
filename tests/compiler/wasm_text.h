/*
 * Test support: a function body from text, in a module made for it.
 *
 *	i32 i64 -> f32 | i32        parameters, results, other locals
 *	local.get 0                 one instruction a line, numbers behind it
 *	block i32                   a block type is a value type or type=N
 *	end
 *
 * The last `end` is added. The module also has
 *	types     1 () -> ()  2 (i32) -> i32  3 (i32) -> i32 i64
 *	          4 (i32 i32) -> i32 i32      (0 is that of the body)
 *	functions 0 imported, type 2;  1 adds one, type 2;  2 traps, type 1;
 *	          3 gives (x, x as i64), type 3;  4 returns x / 3 or, for 0, 7,
 *	          type 2;  5 is the body
 *	global 0  i32, mutable;  global 1  i32, constant 42
 *	a memory and a table of 10 functions; function 1 may be referred to
 */
#ifndef TESTS_COMPILER_WASM_TEXT_H
#define TESTS_COMPILER_WASM_TEXT_H

#include "tests/compiler/golden.h"
#include "tests/wasm/module_builder.h"
#include "wasm/opcode.h"

#include <stdio.h>

enum { WASM_TEXT_FUNCTION = 5 };

static inline uint8_t
wasm_text_type(const char *word)
{
	static const char *const names[] = { "i32",  "i64",	"f32",	    "f64",
					     "v128", "funcref", "externref" };
	static const uint8_t bytes[] = { 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f };

	for (size_t i = 0; i < sizeof(bytes); i++)
		if (word && strcmp(word, names[i]) == 0)
			return bytes[i];
	return 0;
}

static inline void
wasm_text_s64(struct buffer *out, int64_t value)
{
	for (;;) {
		uint8_t byte = value & 0x7f;

		value >>= 7;
		if ((value == 0 && !(byte & 0x40)) || (value == -1 && byte & 0x40)) {
			put(out, byte);
			return;
		}
		put(out, (uint8_t)(byte | 0x80));
	}
}

/* The opcode of that name. */
static inline int
wasm_text_opcode(const char *word)
{
	for (int op = 0; op < WASM_OPCODE_COUNT; op++)
		if (wasm_opcode_info[op].immediate > WASM_IMM_PREFIX &&
		    strcmp(wasm_opcode_text((enum wasm_opcode)op), word) == 0)
			return op;
	fprintf(stderr, "no instruction %s\n", word);
	abort();
}

static inline void
wasm_text_immediate(struct buffer *out, int op, char **save)
{
	char *word = strtok_r(NULL, " ", save);
	struct buffer list = { 0 };
	uint32_t count = 0;

	switch (wasm_opcode_info[op].immediate) {
	case WASM_IMM_NONE:
		return;
	case WASM_IMM_BLOCK:
		if (!word)
			put(out, 0x40);
		else if (strncmp(word, "type=", 5) == 0)
			wasm_text_s64(out, atoi(word + 5));
		else
			put(out, wasm_text_type(word));
		return;
	case WASM_IMM_BR_TABLE:
		for (; word; word = strtok_r(NULL, " ", save), count++)
			put_u32(&list, (uint32_t)strtoul(word, NULL, 0));
		put_u32(out, count - 1);
		put_bytes(out, list.bytes, list.len);
		buffer_free(&list);
		return;
	case WASM_IMM_SELECT:
		put(out, 1, wasm_text_type(word));
		return;
	case WASM_IMM_HEAP_TYPE:
		put(out, wasm_text_type(word));
		return;
	case WASM_IMM_I32:
	case WASM_IMM_I64:
		wasm_text_s64(out, strtoll(word, NULL, 0));
		return;
	case WASM_IMM_F32:
		for (uint32_t i = 0; i < 4; i++)
			put(out, (uint8_t)(strtoul(word, NULL, 0) >> (8 * i)));
		return;
	case WASM_IMM_F64:
		for (uint32_t i = 0; i < 8; i++)
			put(out, (uint8_t)(strtoull(word, NULL, 0) >> (8 * i)));
		return;
	case WASM_IMM_V128: /* 0x and 32 digits, as the IR shows it */
		for (uint32_t i = 16; i-- > 0;) {
			char byte[3] = { word[2 + 2 * i], word[3 + 2 * i], 0 };

			put(out, (uint8_t)strtoul(byte, NULL, 16));
		}
		return;
	case WASM_IMM_SHUFFLE:
		for (uint32_t i = 0; i < 16; i++, word = strtok_r(NULL, " ", save))
			put(out, (uint8_t)strtoul(word, NULL, 0));
		return;
	case WASM_IMM_MEMARG:
		put_u32(out, 0);
		put_u32(out, word ? (uint32_t)strtoul(word, NULL, 0) : 0);
		return;
	case WASM_IMM_MEMARG_LANE: /* offset, lane */
		put_u32(out, 0);
		put_u32(out, (uint32_t)strtoul(word, NULL, 0));
		put_u32(out, (uint32_t)strtoul(strtok_r(NULL, " ", save), NULL, 0));
		return;
	case WASM_IMM_MEMORY_MEMORY:
	case WASM_IMM_TABLE_TABLE:
	case WASM_IMM_DATA_MEMORY:
	case WASM_IMM_ELEM_TABLE:
	case WASM_IMM_CALL_INDIRECT:
		put_u32(out, (uint32_t)strtoul(word, NULL, 0));
		word = strtok_r(NULL, " ", save);
		put_u32(out, word ? (uint32_t)strtoul(word, NULL, 0) : 0);
		return;
	default: /* one index */
		put_u32(out, word ? (uint32_t)strtoul(word, NULL, 0) : 0);
		return;
	}
}

static inline void
wasm_text_instruction(struct buffer *out, char *line)
{
	char *save;
	char *word = strtok_r(line, " ", &save);
	int op;

	if (!word)
		return;
	op = wasm_text_opcode(word);
	if (op >= WASM_PAGE_FD)
		put(out, 0xfd);
	else if (op >= WASM_PAGE_FC)
		put(out, 0xfc);
	put_u32(out, op >= WASM_PAGE_FD	  ? (uint32_t)op - WASM_PAGE_FD
		     : op >= WASM_PAGE_FC ? (uint32_t)op - WASM_PAGE_FC
					  : 0);
	if (op < 0x100)
		out->bytes[out->len - 1] = (uint8_t)op;
	wasm_text_immediate(out, op, &save);
}

/* The header line: type 0 into *type, local declarations into *body. */
static inline void
wasm_text_header(char *line, struct buffer *type, struct buffer *body)
{
	struct buffer parts[3] = { { 0 }, { 0 }, { 0 } };
	uint32_t counts[3] = { 0, 0, 0 };
	char *save;
	int part = 0;

	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (strcmp(word, "->") == 0) {
			part = 1;
		} else if (strcmp(word, "|") == 0) {
			part = 2;
		} else {
			if (part == 2)
				put(&parts[2], 1);
			put(&parts[part], wasm_text_type(word));
			counts[part]++;
		}
	}
	put(type, 0x60);
	for (int i = 0; i < 2; i++) {
		put_u32(type, counts[i]);
		put_bytes(type, parts[i].bytes, parts[i].len);
	}
	put_u32(body, counts[2]);
	put_bytes(body, parts[2].bytes, parts[2].len);
	for (int i = 0; i < 3; i++)
		buffer_free(&parts[i]);
}

/* A module whose function WASM_TEXT_FUNCTION is the text. */
static inline struct buffer
wasm_text_module(const char *text)
{
	struct buffer module = { 0 }, types = { 0 }, code = { 0 }, body = { 0 };
	char *copy = strdup(text);
	char *save;
	char *line = strtok_r(copy, "\n", &save);

	put(&types, 5);
	wasm_text_header(line, &types, &body);
	put(&types, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 1, 0x7f, 2, 0x7f, 0x7e);
	put(&types, 0x60, 2, 0x7f, 0x7f, 2, 0x7f, 0x7f);
	while ((line = strtok_r(NULL, "\n", &save)))
		wasm_text_instruction(&body, line);
	put(&body, 0x0b);
	free(copy);
	put_header(&module);
	put_section(&module, SECTION_TYPE, &types);
	put_section_bytes(&module, SECTION_IMPORT, 1, 1, 'm', 1, 'f', 0, 2);
	put_section_bytes(&module, SECTION_FUNCTION, 5, 2, 1, 3, 2, 0);
	put_section_bytes(&module, SECTION_TABLE, 1, 0x70, 0, 10);
	put_section_bytes(&module, SECTION_MEMORY, 1, 0, 1);
	put_section_bytes(&module, SECTION_GLOBAL, 2, 0x7f, 1, 0x41, 0, 0x0b, 0x7f, 0, 0x41, 42,
			  0x0b);
	put_section_bytes(&module, SECTION_EXPORT, 1, 1, 'f', 0, WASM_TEXT_FUNCTION);
	put_section_bytes(&module, SECTION_ELEMENT, 1, 3, 0, 1, 1);
	put(&code, 5);
	put(&code, 7, 0, 0x20, 0, 0x41, 1, 0x6a, 0x0b);
	put(&code, 3, 0, 0x00, 0x0b);
	put(&code, 7, 0, 0x20, 0, 0x20, 0, 0xad, 0x0b);
	/* if (x == 0) return 7; return x / 3 */
	put(&code, 16, 0, 0x20, 0, 0x45, 0x04, 0x40, 0x41, 7, 0x0f, 0x0b, 0x20, 0, 0x41, 3, 0x6d,
	    0x0b);
	put_sized(&code, &body);
	put_section(&module, SECTION_CODE, &code);
	return module;
}

/* A module whose function has so many constructs of blocks, loops, branches, calls and locals. */
static inline struct buffer
wasm_text_large_module(uint32_t constructs)
{
	struct golden_text text = { 0 };
	struct buffer module;

	golden_put(&text, "i32 -> i32 | i32 i32 i32\n");
	for (uint32_t i = 0; i < constructs; i++)
		golden_put(&text,
			   "block\nloop\nlocal.get 0\nif\nlocal.get 1\nlocal.get 2\ni32.add\n"
			   "local.set 3\nbr 2\nelse\nlocal.get 3\nlocal.tee 1\ncall 4\n"
			   "local.set 2\nend\nlocal.get 2\nbr_if 0\nlocal.get 3\n"
			   "br_table 0 1 0\nend\nend\nlocal.get 3\ni32.load 8\nlocal.set 3\n");
	golden_put(&text, "local.get 3\n");
	module = wasm_text_module(text.text);
	free(text.text);
	return module;
}

#endif
