/*
 * The features behind 2.0, one by one: what they accept, and what the report
 * says of what they refuse. Each feature that is off is named.
 */
#include "wasm/module.h"

#include "tests/wasm/host_arena.h"
#include "tests/wasm/module_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct outcome {
	enum nb_status status;
	uint64_t offset;
	uint32_t code_start; /* of function 0's first instruction */
	char text[256];
};

/* Decodes and frees `input`. */
static struct outcome
decode(struct buffer *input, uint32_t set)
{
	const struct wasm_features features = { .set = set, .code = WASM_CODE_VALIDATE };
	struct host_arena host;
	struct wasm_module module;
	struct outcome out = { 0 };
	struct diag diag;

	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	out.status = wasm_module_decode(&module, &host.arena, input->bytes, input->len, &features,
					&diag);
	out.offset = diag.offset;
	if (module.codes && out.status == NB_OK)
		out.code_start = module.codes[0].code_offset;
	strcpy(out.text, diag.text);
	arena_reset(&host.arena);
	assert_int_equal(host.chunks, 0);
	buffer_free(input);
	return out;
}

/* ---- bodies ---- */

enum {
	TYPE_NONE,   /* [] -> [] */
	TYPE_I32,    /* [i32] -> [i32] */
	TYPE_REF,    /* [(ref null 1)] -> [(ref 1)] */
	TYPE_EXTERN, /* [externref] -> [(ref extern)] */
	TYPE_I64,    /* [] -> [i64] */
};

/*
 * What a body under test can name. Function 0 is the body's, of type `type`;
 * function 1 has TYPE_I32, function 2 TYPE_NONE. Tables: 0 funcref, 1 (ref null 1) with
 * i64 indices, 2 externref. Memories: 0 of i32, 1 of i64, 2 shared. One
 * immutable i32 global, one passive segment each of data and of (ref func).
 */
static struct buffer
world_of_body(uint8_t type, const uint8_t *bytes, size_t len)
{
	struct buffer module = { 0 };
	struct buffer code = { 0 };
	struct buffer body = { 0 };

	put_header(&module);
	put_section_bytes(&module, SECTION_TYPE, 5, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 1,
			  0x63, 1, 1, 0x64, 1, 0x60, 1, 0x6f, 1, 0x64, 0x6f, 0x60, 0, 1, 0x7e);
	put_section_bytes(&module, SECTION_FUNCTION, 3, type, TYPE_I32, TYPE_NONE);
	put_section_bytes(&module, SECTION_TABLE, 3, 0x70, 0, 1, 0x63, 1, 4, 1, 0x6f, 0, 1);
	put_section_bytes(&module, SECTION_MEMORY, 3, 0, 1, 4, 1, 3, 1, 1);
	put_section_bytes(&module, SECTION_GLOBAL, 1, 0x7f, 0, 0x41, 0, 0x0b);
	put_section_bytes(&module, SECTION_ELEMENT, 1, 1, 0, 2, 1, 2);
	put_section_bytes(&module, SECTION_DATA_COUNT, 1);
	put(&code, 3);
	put_bytes(&body, bytes, len);
	put_sized(&code, &body);
	put(&code, 4, 0, 0x41, 0, 0x0b);
	put(&code, 2, 0, 0x0b);
	put_section(&module, SECTION_CODE, &code);
	put_section_bytes(&module, SECTION_DATA, 1, 1, 1, 'x');
	return module;
}

struct body_case {
	const char *text; /* NULL: valid */
	uint8_t type;
	uint8_t at; /* of the report, from the body's first byte */
	uint8_t len;
	uint8_t bytes[28];
	enum nb_status status; /* 0: NB_INVALID, if there is a text */
};

#define BODY(...) .bytes = { __VA_ARGS__ }, .len = sizeof((uint8_t[]){ __VA_ARGS__ })

static const struct body_case body_cases[] = {
	/* Typed references: locals without default. */
	{ NULL, TYPE_NONE, BODY(1, 1, 0x64, 1, 0xd2, 1, 0x21, 0, 0x20, 0, 0x1a, 0x0b) },
	{ "uninitialized local 0 (local.get)", TYPE_NONE, 4,
	  BODY(1, 1, 0x64, 1, 0x20, 0, 0x1a, 0x0b) },
	{ "uninitialized local 0 (local.get)", TYPE_NONE, 11, /* set in a block that has ended */
	  BODY(1, 1, 0x64, 1, 0x02, 0x40, 0xd2, 1, 0x21, 0, 0x0b, 0x20, 0, 0x1a, 0x0b) },
	{ "uninitialized local 0 (local.get)", TYPE_NONE, 13, /* set in the other arm */
	  BODY(1, 1, 0x64, 1, 0x41, 0, 0x04, 0x40, 0xd2, 1, 0x21, 0, 0x05, 0x20, 0, 0x1a, 0x0b,
	       0x0b) },
	{ NULL, TYPE_NONE, /* set before a block, read inside */
	  BODY(1, 1, 0x64, 1, 0xd2, 1, 0x22, 0, 0x1a, 0x02, 0x40, 0x20, 0, 0x1a, 0x0b, 0x20, 0,
	       0x1a, 0x0b) },
	{ "uninitialized local 300 (local.get)", TYPE_NONE, 7, /* behind the direct ones */
	  BODY(2, 0xac, 2, 0x7f, 1, 0x64, 1, 0x20, 0xac, 2, 0x1a, 0x0b) },
	/* Subtypes. */
	{ NULL, TYPE_REF, BODY(0, 0x20, 0, 0xd4, 0x0b) },
	{ "type mismatch: end needs (ref 1) but finds (ref null 1)", TYPE_REF, 3,
	  BODY(0, 0x20, 0, 0x0b) },
	{ "type mismatch: end needs (ref 1) but finds (ref 0)", TYPE_REF, 3,
	  BODY(0, 0xd2, 2, 0x0b) },
	{ NULL, TYPE_NONE, BODY(0, 0x41, 0, 0xd2, 1, 0x26, 0, 0x0b) }, /* into a table of funcref */
	{ "type mismatch: table.set needs (ref null 1) but finds funcref", TYPE_NONE, 5,
	  BODY(0, 0x42, 0, 0xd0, 0x70, 0x26, 1, 0x0b) },
	{ "type mismatch: end needs (ref extern) but finds externref", TYPE_EXTERN, 3,
	  BODY(0, 0x20, 0, 0x0b) },
	{ "type mismatch: ref.is_null needs a reference but finds i32", TYPE_NONE, 3,
	  BODY(0, 0x41, 0, 0xd1, 0x1a, 0x0b) },
	{ "type mismatch: ref.as_non_null needs a reference but finds i32", TYPE_NONE, 3,
	  BODY(0, 0x41, 0, 0xd4, 0x1a, 0x0b) },
	{ "unknown type 5", TYPE_NONE, 2, BODY(0, 0xd0, 5, 0x1a, 0x0b) },
	{ "malformed heap type 0x7f", TYPE_NONE, 2, BODY(0, 0xd0, 0x7f, 0x1a, 0x0b),
	  .status = NB_MALFORMED },
	{ "malformed heap type 0x63", TYPE_NONE, 2, BODY(0, 0xd0, 0x63, 0x1a, 0x0b),
	  .status = NB_MALFORMED },
	/* Calls by reference. */
	{ NULL, TYPE_NONE, BODY(0, 0x41, 0, 0xd2, 1, 0x14, 1, 0x1a, 0x0b) },
	{ "type mismatch: call_ref needs (ref null 1) but finds (ref 0)", TYPE_NONE, 5,
	  BODY(0, 0x41, 0, 0xd2, 2, 0x14, 1, 0x1a, 0x0b) },
	{ "unknown type 9 (call_ref)", TYPE_NONE, 1, BODY(0, 0x14, 9, 0x0b) },
	{ "undeclared function reference: ref.func 0", TYPE_NONE, 1, BODY(0, 0xd2, 0, 0x1a, 0x0b) },
	/* Branches on null. */
	{ NULL, TYPE_REF, BODY(0, 0x02, 0x40, 0x20, 0, 0xd5, 0, 0x0f, 0x0b, 0, 0x0b) },
	{ NULL, TYPE_REF, BODY(0, 0x20, 0, 0xd6, 0, 0, 0x0b) },
	{ "type mismatch: the target of br_on_non_null takes no reference", TYPE_NONE, 3,
	  BODY(0, 0xd0, 1, 0xd6, 0, 0x0b) },
	{ "type mismatch: br_on_non_null needs (ref 1) but finds externref", TYPE_REF, 3,
	  BODY(0, 0xd0, 0x6f, 0xd6, 0, 0, 0x0b) },
	{ "unknown label 2 (br_on_null)", TYPE_NONE, 3, BODY(0, 0xd0, 1, 0xd5, 2, 0x1a, 0x0b) },
	/* A reference that is unknown is still no number. */
	{ NULL, TYPE_NONE, BODY(0, 0, 0xd4, 0x1a, 0x0b) },
	{ "type mismatch: i32.eqz needs i32 but finds unknown reference", TYPE_NONE, 3,
	  BODY(0, 0, 0xd4, 0x45, 0x1a, 0x0b) },
	{ "type mismatch: select of references needs a type", TYPE_NONE, 5,
	  BODY(0, 0, 0xd4, 0x41, 0, 0x1b, 0x1a, 0x0b) },
	{ NULL, TYPE_REF, BODY(0, 0x20, 0, 0x20, 0, 0x41, 0, 0x1c, 1, 0x63, 1, 0xd4, 0x0b) },
	{ "invalid result arity 2 (select)", TYPE_NONE, 2, BODY(0, 0x1c, 2, 0x7f, 0x7f, 0x0b) },
	/* A block may return a typed reference. */
	{ NULL, TYPE_REF, BODY(0, 0x02, 0x64, 1, 0xd2, 1, 0x0b, 0x0b) },
	{ "type mismatch: end needs (ref 1) but finds (ref null 1)", TYPE_REF, 6,
	  BODY(0, 0x02, 0x64, 1, 0x20, 0, 0x0b, 0x0b) },
	/* Tail calls. */
	{ NULL, TYPE_NONE, BODY(0, 0x12, 2, 0x0b) },
	{ NULL, TYPE_I32, BODY(0, 0x20, 0, 0x41, 0, 0x13, 1, 0, 0x0b) },
	{ NULL, TYPE_I32, BODY(0, 0x20, 0, 0xd2, 1, 0x15, 1, 0x0b) },
	{ "type mismatch: return_call to a function with other results than this one", TYPE_NONE, 3,
	  BODY(0, 0x41, 0, 0x12, 1, 0x0b) },
	{ "type mismatch: return_call_indirect to a function with other results than this one",
	  TYPE_I32, 3, BODY(0, 0x41, 0, 0x13, 0, 0, 0x0b) },
	{ "type mismatch: return_call_ref to a function with other results than this one", TYPE_I32,
	  3, BODY(0, 0xd0, 0, 0x15, 0, 0x0b) },
	{ "type mismatch: return_call_indirect through a table of externref", TYPE_NONE, 3,
	  BODY(0, 0x41, 0, 0x13, 0, 2, 0x0b) },
	/* Several memories, of which some are 64-bit. */
	{ NULL, TYPE_NONE, BODY(0, 0x42, 0, 0x28, 0x42, 1, 8, 0x1a, 0x0b) },
	{ NULL, TYPE_I64, BODY(0, 0x3f, 1, 0x0b) },
	{ "type mismatch: i32.load needs i64 but finds i32", TYPE_NONE, 3,
	  BODY(0, 0x41, 0, 0x28, 0x42, 1, 8, 0x1a, 0x0b) },
	{ "type mismatch: i32.load needs i32 but finds i64", TYPE_NONE, 3,
	  BODY(0, 0x42, 0, 0x28, 2, 8, 0x1a, 0x0b) },
	{ "unknown memory 3 (i32.load)", TYPE_NONE, 3,
	  BODY(0, 0x41, 0, 0x28, 0x42, 3, 8, 0x1a, 0x0b) },
	{ "malformed memop flags 0x82", TYPE_NONE, 4,
	  BODY(0, 0x41, 0, 0x28, 0x82, 1, 0, 8, 0x1a, 0x0b), .status = NB_MALFORMED },
	{ "offset out of range: 4294967296 (i32.load)", TYPE_NONE, 5,
	  BODY(0, 0x41, 0, 0x28, 2, 0x80, 0x80, 0x80, 0x80, 0x10, 0x1a, 0x0b) },
	{ NULL, TYPE_NONE,
	  BODY(0, 0x42, 0, 0x28, 0x42, 1, 0x80, 0x80, 0x80, 0x80, 0x10, 0x1a, 0x0b) },
	{ "alignment must not be larger than natural: 2^3 (i32.load)", TYPE_NONE, 4,
	  BODY(0, 0x42, 0, 0x28, 0x43, 1, 0, 0x1a, 0x0b) },
	/* Copies between them take the smaller size. */
	{ NULL, TYPE_NONE, BODY(0, 0x42, 0, 0x41, 0, 0x41, 0, 0xfc, 10, 1, 0, 0x0b) },
	{ NULL, TYPE_NONE, BODY(0, 0x42, 0, 0x42, 0, 0x42, 0, 0xfc, 10, 1, 1, 0x0b) },
	{ "type mismatch: memory.copy needs i32 but finds i64", TYPE_NONE, 7,
	  BODY(0, 0x42, 0, 0x41, 0, 0x42, 0, 0xfc, 10, 1, 0, 0x0b) },
	{ NULL, TYPE_NONE, BODY(0, 0x42, 0, 0x41, 0, 0x41, 0, 0xfc, 8, 0, 1, 0x0b) },
	/* 64-bit tables. */
	{ NULL, TYPE_NONE, BODY(0, 0x42, 0, 0x25, 1, 0x1a, 0xfc, 16, 1, 0x1a, 0x0b) },
	{ "type mismatch: table.get needs i64 but finds i32", TYPE_NONE, 3,
	  BODY(0, 0x41, 0, 0x25, 1, 0x1a, 0x0b) },
	{ NULL, TYPE_NONE, BODY(0, 0x41, 0, 0x42, 0, 0x41, 0, 0xfc, 14, 0, 1, 0x0b) },
	{ "type mismatch: table.copy from funcref to a table of (ref null 1)", TYPE_NONE, 7,
	  BODY(0, 0x42, 0, 0x41, 0, 0x41, 0, 0xfc, 14, 1, 0, 0x0b) },
	{ "type mismatch: table.init from (ref func) to a table of (ref null 1)", TYPE_NONE, 7,
	  BODY(0, 0x42, 0, 0x41, 0, 0x41, 0, 0xfc, 12, 0, 1, 0x0b) },
	/* Atomic accesses; also of a memory that is not shared. */
	{ NULL, TYPE_NONE, BODY(0, 0x41, 0, 0xfe, 0x10, 2, 0, 0x1a, 0x0b) },
	{ NULL, TYPE_NONE, BODY(0, 0x41, 0, 0xfe, 0x10, 0x42, 2, 0, 0x1a, 0xfe, 3, 0, 0x0b) },
	{ "atomic alignment must be natural: 2^1 (i32.atomic.load)", TYPE_NONE, 5,
	  BODY(0, 0x41, 0, 0xfe, 0x10, 1, 0, 0x1a, 0x0b) },
	{ "alignment must not be larger than natural: 2^3 (i32.atomic.load)", TYPE_NONE, 5,
	  BODY(0, 0x41, 0, 0xfe, 0x10, 3, 0, 0x1a, 0x0b) },
	{ "zero byte expected (atomic.fence)", TYPE_NONE, 3, BODY(0, 0xfe, 3, 1, 0x0b),
	  .status = NB_MALFORMED },
	{ "illegal opcode 0xfe 0x04", TYPE_NONE, 1, BODY(0, 0xfe, 4, 0x0b),
	  .status = NB_MALFORMED },
	/* Relaxed SIMD. */
	{ "type mismatch: f32x4.relaxed_madd needs v128 but finds i32", TYPE_NONE, 3,
	  BODY(0, 0x41, 0, 0xfd, 0x85, 2, 0x1a, 0x0b) },
	/* What is left out is named. */
	{ "throw needs a feature that is not supported: exception handling", TYPE_NONE, 1,
	  BODY(0, 0x08, 0, 0x0b), .status = NB_UNSUPPORTED_FEATURE },
	{ "try needs a feature that is not supported: legacy exception handling", TYPE_NONE, 1,
	  BODY(0, 0x06, 0x40, 0x0b, 0x0b), .status = NB_UNSUPPORTED_FEATURE },
	{ "ref.eq needs a feature that is not supported: garbage collection", TYPE_NONE, 1,
	  BODY(0, 0xd3, 0x0b), .status = NB_UNSUPPORTED_FEATURE },
	{ "heap type needs a feature that is not supported: garbage collection", TYPE_NONE, 2,
	  BODY(0, 0xd0, 0x6e, 0x1a, 0x0b), .status = NB_UNSUPPORTED_FEATURE },
	{ "i64.add128 needs a feature that is not supported: wide arithmetic", TYPE_NONE, 1,
	  BODY(0, 0xfc, 0x13, 0x0b), .status = NB_UNSUPPORTED_FEATURE },
};

/* The text (NULL: it is valid), status (0: NB_INVALID) and place of a case's error. */
static void
expect(size_t number, const struct outcome *out, const char *text, enum nb_status status,
       size_t offset)
{
	if (!text) {
		if (out->status != NB_OK)
			fail_msg("case %zu: %s", number, out->text);
		return;
	}
	assert_string_equal(out->text, text);
	assert_int_equal(out->status, status ? status : NB_INVALID);
	if (out->offset != offset)
		fail_msg("case %zu (%s): at %d instead of %zu", number, text, (int)out->offset,
			 offset);
}

static void
test_bodies(void **state)
{
	static const uint8_t nothing[] = { 0, 0x0b };
	struct buffer plain = world_of_body(TYPE_NONE, nothing, sizeof(nothing));
	/* A body starts behind the section's count and its own size. */
	uint32_t start = decode(&plain, WASM_FEATURES_ALL).code_start - 1;

	(void)state;
	for (size_t i = 0; i < COUNT(body_cases); i++) {
		const struct body_case *c = &body_cases[i];
		struct buffer module = world_of_body(c->type, c->bytes, c->len);
		struct outcome out = decode(&module, WASM_FEATURES_ALL);

		expect(i, &out, c->text, c->status, start + c->at);
	}
}

/* ---- sections ---- */

struct section_case {
	const char *text; /* NULL: valid */
	uint8_t section;
	uint8_t at; /* of the report, from the section's first byte */
	uint8_t len;
	uint8_t bytes[40];
	enum nb_status status;
};

static const struct section_case section_cases[] = {
	/* Types that refer to types. */
	{ NULL, SECTION_TYPE, BODY(1, 0x60, 1, 0x63, 0, 0) },
	{ "unknown type 1", SECTION_TYPE, 4, BODY(2, 0x60, 1, 0x63, 1, 0, 0x60, 0, 0) },
	{ "malformed heap type", SECTION_TYPE, 4, BODY(1, 0x60, 1, 0x63, 0xff, 0x7f, 0),
	  .status = NB_MALFORMED },
	{ "composite type needs a feature that is not supported: garbage collection", SECTION_TYPE,
	  1, BODY(1, 0x4e, 1, 0x60, 0, 0), .status = NB_UNSUPPORTED_FEATURE },
	{ "described type needs a feature that is not supported: custom descriptors", SECTION_TYPE,
	  1, BODY(1, 0x4d, 0, 0x60, 0, 0), .status = NB_UNSUPPORTED_FEATURE },
	{ "continuation type needs a feature that is not supported: stack switching", SECTION_TYPE,
	  3, BODY(1, 0x60, 1, 0x68, 0), .status = NB_UNSUPPORTED_FEATURE },
	{ "exception type needs a feature that is not supported: exception handling", SECTION_TYPE,
	  3, BODY(1, 0x60, 1, 0x69, 0), .status = NB_UNSUPPORTED_FEATURE },
	/* Tables. */
	{ NULL, SECTION_TABLE, BODY(1, 0x40, 0, 0x64, 0, 0, 1, 0xd2, 0, 0x0b) },
	{ "type mismatch: a table of (ref 0) needs an initializer", SECTION_TABLE, 1,
	  BODY(1, 0x64, 0, 0, 1) },
	{ "type mismatch: constant expression gives (ref null 0) instead of (ref 0)", SECTION_TABLE,
	  7, BODY(1, 0x40, 0, 0x64, 0, 0, 1, 0xd0, 0, 0x0b) },
	{ "malformed table", SECTION_TABLE, 2, BODY(1, 0x40, 1, 0x70, 0, 1, 0xd0, 0x70, 0x0b),
	  .status = NB_MALFORMED },
	{ NULL, SECTION_TABLE, BODY(1, 0x70, 4, 0x80, 0x80, 0x80, 0x80, 0x20) },
	{ "table size must be at most 4294967295 entries", SECTION_TABLE, 3,
	  BODY(1, 0x70, 0, 0x80, 0x80, 0x80, 0x80, 0x20) },
	{ "malformed limits flags 0x03", SECTION_TABLE, 2, BODY(1, 0x70, 3, 1, 1),
	  .status = NB_MALFORMED },
	/* Memories. */
	{ NULL, SECTION_MEMORY, BODY(1, 5, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40) },
	{ "memory size must be at most 281474976710656 pages (16EiB)", SECTION_MEMORY, 2,
	  BODY(1, 4, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40) },
	{ "memory size must be at most 65536 pages (4GiB)", SECTION_MEMORY, 2,
	  BODY(1, 0, 0x81, 0x80, 4) },
	{ "size minimum must not be greater than maximum: 2 and 1", SECTION_MEMORY, 2,
	  BODY(1, 5, 2, 1) },
	{ NULL, SECTION_MEMORY, BODY(2, 3, 1, 2, 7, 1, 2) },
	{ "shared memory must have maximum", SECTION_MEMORY, 1, BODY(1, 2, 1) },
	{ "page size needs a feature that is not supported: custom page sizes", SECTION_MEMORY, 1,
	  BODY(1, 8, 1, 0), .status = NB_UNSUPPORTED_FEATURE },
	{ "malformed limits flags 0x10", SECTION_MEMORY, 1, BODY(1, 0x10, 1),
	  .status = NB_MALFORMED },
	/* Extended constants. */
	{ NULL, SECTION_GLOBAL,
	  BODY(2, 0x7f, 0, 0x41, 1, 0x41, 2, 0x6a, 0x0b, 0x7f, 0, 0x23, 0, 0x23, 0, 0x6c, 0x0b) },
	{ "type mismatch: i32.add needs i32 but finds i64", SECTION_GLOBAL, 7,
	  BODY(1, 0x7f, 0, 0x41, 1, 0x42, 1, 0x6a, 0x0b) },
	{ "type mismatch: i64.sub needs i64 but the stack is empty", SECTION_GLOBAL, 5,
	  BODY(1, 0x7e, 0, 0x42, 1, 0x7d, 0x0b) },
	{ "type mismatch: constant expression gives 2 values instead of one", SECTION_GLOBAL, 3,
	  BODY(1, 0x7f, 0, 0x41, 1, 0x41, 1, 0x0b) },
	{ "type mismatch: constant expression gives 0 values instead of one", SECTION_GLOBAL, 3,
	  BODY(1, 0x7f, 0, 0x0b) },
	{ "constant expression required: i32.div_s is not constant", SECTION_GLOBAL, 7,
	  BODY(1, 0x7f, 0, 0x41, 1, 0x41, 1, 0x6d, 0x0b) },
	{ "constant expression required: i8x16.add is not constant", SECTION_GLOBAL, 3,
	  BODY(1, 0x7b, 0, 0xfd, 0x6e, 0x0b) },
	{ "ref.i31 needs a feature that is not supported: garbage collection", SECTION_GLOBAL, 5,
	  BODY(1, 0x7f, 0, 0x41, 1, 0xfb, 0x1c, 0x0b), .status = NB_UNSUPPORTED_FEATURE },
	{ "illegal opcode 0xfd 0x400", SECTION_GLOBAL, 3, BODY(1, 0x7b, 0, 0xfd, 0x80, 8, 0x0b),
	  .status = NB_MALFORMED },
	{ "unknown global 0: a constant expression sees 0 here", SECTION_GLOBAL, 4,
	  BODY(1, 0x7f, 0, 0x23, 0, 0x0b) },
	{ "constant expression required: global 0 is mutable", SECTION_GLOBAL, 11,
	  BODY(2, 0x7f, 1, 0x41, 0, 0x0b, 0x7f, 0, 0x41, 0, 0x23, 0, 0x6a, 0x0b) },
	{ NULL, SECTION_GLOBAL, BODY(1, 0x64, 0x70, 0, 0xd2, 0, 0x0b) },
	{ "type mismatch: constant expression gives funcref instead of (ref func)", SECTION_GLOBAL,
	  4, BODY(1, 0x64, 0x70, 0, 0xd0, 0x70, 0x0b) },
	/* Imports and exports of what is left out. */
	{ "imported tag needs a feature that is not supported: exception handling", SECTION_IMPORT,
	  3, BODY(1, 0, 0, 4, 0, 0), .status = NB_UNSUPPORTED_FEATURE },
	{ "imported function of an exact type needs a feature that is not supported: custom "
	  "descriptors",
	  SECTION_IMPORT, 3, BODY(1, 0, 0, 0x20, 0), .status = NB_UNSUPPORTED_FEATURE },
};

/* A type section of its own, unless that is what is tested, and one function
 * with type 0 for ref.func. */
static struct buffer
module_of_section(const struct section_case *c)
{
	struct buffer module = { 0 };
	struct buffer contents = { 0 };

	put_header(&module);
	put_bytes(&contents, c->bytes, c->len);
	if (c->section != SECTION_TYPE)
		put_section_bytes(&module, SECTION_TYPE, 1, 0x60, 0, 0);
	if (c->section > SECTION_FUNCTION)
		put_section_bytes(&module, SECTION_FUNCTION, 1, 0);
	put_section(&module, c->section, &contents);
	if (c->section > SECTION_FUNCTION)
		put_section_bytes(&module, SECTION_CODE, 1, 2, 0, 0x0b);
	return module;
}

static void
test_sections(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(section_cases); i++) {
		const struct section_case *c = &section_cases[i];
		struct buffer module = module_of_section(c);
		size_t start = c->section == SECTION_TYPE      ? 10
			       : c->section > SECTION_FUNCTION ? 20
							       : 16;
		struct outcome out = decode(&module, WASM_FEATURES_ALL);

		expect(i, &out, c->text, c->status, start + c->at);
	}
}

/* ---- features that are off ---- */

struct off_case {
	enum wasm_feature feature;
	const char *text;
	uint8_t section; /* 0: a body of type [] -> [] */
	uint8_t len;
	uint8_t bytes[28];
};

static const struct off_case off_cases[] = {
	{ WASM_FEATURE_SIMD, "v128.const", 0,
	  BODY(0, 0xfd, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1a, 0x0b) },
	{ WASM_FEATURE_SIMD, "v128", SECTION_TYPE, BODY(1, 0x60, 1, 0x7b, 0) },
	{ WASM_FEATURE_RELAXED_SIMD, "i8x16.relaxed_swizzle", 0,
	  BODY(0, 0, 0xfd, 0x80, 2, 0x1a, 0x0b) },
	{ WASM_FEATURE_EXTENDED_CONST, "arithmetic in a constant expression", SECTION_GLOBAL,
	  BODY(1, 0x7f, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b) },
	{ WASM_FEATURE_TAIL_CALL, "return_call", 0, BODY(0, 0x12, 0, 0x0b) },
	{ WASM_FEATURE_MULTI_MEMORY, "second memory", SECTION_MEMORY, BODY(2, 0, 1, 0, 1) },
	{ WASM_FEATURE_MULTI_MEMORY, "memory index of a load or store", 0,
	  BODY(0, 0x41, 0, 0x28, 0x42, 0, 0, 0x1a, 0x0b) },
	{ WASM_FEATURE_MEMORY64, "64-bit index type", SECTION_MEMORY, BODY(1, 4, 1) },
	{ WASM_FEATURE_MEMORY64, "64-bit index type", SECTION_TABLE, BODY(1, 0x70, 4, 1) },
	{ WASM_FEATURE_THREADS, "shared memory", SECTION_MEMORY, BODY(1, 3, 1, 1) },
	{ WASM_FEATURE_THREADS, "atomic.fence", 0, BODY(0, 0xfe, 3, 0, 0x0b) },
	{ WASM_FEATURE_FUNCTION_REFERENCES, "reference type", SECTION_TYPE,
	  BODY(1, 0x60, 1, 0x64, 0x70, 0) },
	{ WASM_FEATURE_FUNCTION_REFERENCES, "heap type", 0, BODY(0, 0xd0, 0, 0x1a, 0x0b) },
	{ WASM_FEATURE_FUNCTION_REFERENCES, "table with an initializer", SECTION_TABLE,
	  BODY(1, 0x40, 0, 0x70, 0, 1, 0xd0, 0x70, 0x0b) },
	{ WASM_FEATURE_FUNCTION_REFERENCES, "ref.as_non_null", 0,
	  BODY(0, 0xd0, 0x70, 0xd4, 0x1a, 0x0b) },
	{ WASM_FEATURE_FUNCTION_REFERENCES, "call_ref", 0, BODY(0, 0, 0x14, 0, 0x0b) },
};

static void
test_features_that_are_off_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(off_cases); i++) {
		const struct off_case *c = &off_cases[i];
		struct section_case section = { .section = c->section, .len = c->len };
		char expected[256];

		snprintf(expected, sizeof(expected), "%s needs a feature that is not supported: %s",
			 c->text, wasm_feature_text(c->feature));
		for (int is_on = 0; is_on < 2; is_on++) {
			uint32_t set = WASM_FEATURES_ALL & ~((uint32_t)!is_on << c->feature);
			struct buffer body = { 0 };
			struct buffer module;
			struct outcome out;

			memcpy(section.bytes, c->bytes, c->len);
			put_bytes(&body, c->bytes, c->len);
			if (c->section != 0) {
				buffer_free(&body);
				module = module_of_section(&section);
			} else {
				module = module_of_body(&body);
			}
			out = decode(&module, set);
			assert_string_equal(out.text, is_on ? "" : expected);
			assert_int_equal(out.status, is_on ? NB_OK : NB_UNSUPPORTED_FEATURE);
		}
	}
}

/* In 2.0 the indices of one memory are a zero byte, and segments are funcref. */
static void
test_two_point_zero_stays_as_it_was(void **state)
{
	struct buffer body = { 0 };
	struct buffer module;
	struct outcome out;

	(void)state;
	put(&body, 0, 0x3f, 0x80, 0x00, 0x1a, 0x0b);
	module = module_of_body(&body);
	out = decode(&module, WASM_FEATURES_2_0);
	assert_int_equal(out.status, NB_MALFORMED);
	assert_string_equal(out.text, "zero byte expected (memory.size)");
	put(&body, 0, 0x3f, 0x80, 0x00, 0x1a, 0x0b);
	module = module_of_body(&body);
	assert_int_equal(decode(&module, WASM_FEATURES_ALL).status, NB_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_features_that_are_off_are_named),
		cmocka_unit_test(test_two_point_zero_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
