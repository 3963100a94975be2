/*
 * The shapes of growth.h.
 *
 * Opcodes appear as bytes, as the specification's binary format has them.
 */
#include "tests/compiler/growth.h"

static void
i32_const(struct buffer *out, uint32_t value)
{
	put(out, 0x41);
	for (int64_t rest = (int32_t)value;;) {
		uint8_t byte = (uint8_t)(rest & 0x7f);

		rest >>= 7;
		if ((rest == 0 && !(byte & 0x40)) || (rest == -1 && (byte & 0x40))) {
			put(out, byte);
			return;
		}
		put(out, (uint8_t)(byte | 0x80));
	}
}

static void
local(struct buffer *out, uint8_t opcode, uint32_t idx)
{
	put(out, opcode);
	put_u32(out, idx);
}

/* ---- joins ---- */

/* if (x == i) y = i + 1 */
static void
sequential_ifs(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x20, 0);
		i32_const(out, i);
		put(out, 0x46, 0x04, 0x40);
		i32_const(out, i + 1);
		put(out, 0x21, 1, 0x0b);
	}
	put(out, 0x20, 1);
}

/* if (y) y = y + i else y = y ^ i, each in the one before */
static void
nested_ifs(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		put(out, 0x20, 1, 0x04, 0x40, 0x20, 1, 0x20, 0, 0x6a, 0x21, 1);
	for (uint32_t i = 0; i < n; i++)
		put(out, 0x05, 0x20, 1, 0x41, 3, 0x73, 0x21, 1, 0x0b);
	put(out, 0x20, 1);
}

/* n ways into one label, 8 locals differing */
static void
one_join(struct buffer *out, uint32_t n)
{
	put(out, 0x02, 0x40);
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x20, 0);
		i32_const(out, i);
		local(out, 0x22, 1 + i % 8);
		put(out, 0x46, 0x0d, 0);
	}
	put(out, 0x0b, 0x41, 0);
	for (uint8_t i = 1; i <= 8; i++)
		put(out, 0x20, i, 0x6a);
}

/* Each of n conditions sets one of n locals; all are summed up at the end. */
static void
many_locals_ifs(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x20, 0, 0x04, 0x40, 0x20, 0);
		local(out, 0x21, 1 + i);
		put(out, 0x0b);
	}
	put(out, 0x41, 0);
	for (uint32_t i = 0; i < n; i++) {
		local(out, 0x20, 1 + i);
		put(out, 0x6a);
	}
}

/* n ways into one label, each of n locals set before one of them: n * n in all. */
static void
locals_and_ways(struct buffer *out, uint32_t n)
{
	put(out, 0x02, 0x40);
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x20, 0);
		local(out, 0x22, 1 + i);
		put(out, 0x0d, 0);
	}
	put(out, 0x0b, 0x41, 0);
	for (uint32_t i = 0; i < n; i++) {
		local(out, 0x20, 1 + i);
		put(out, 0x6a);
	}
}

/* n loops in each other, in the innermost n locals are stepped. */
static void
locals_and_loops(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		put(out, 0x03, 0x40);
	for (uint32_t i = 0; i < n; i++) {
		local(out, 0x20, 1 + i);
		put(out, 0x20, 0, 0x6a);
		local(out, 0x21, 1 + i);
	}
	for (uint32_t i = 0; i < n; i++) {
		local(out, 0x20, 1 + i);
		put(out, 0x0d, 0, 0x0b);
	}
	put(out, 0x20, 1);
}

static void
dead_blocks(struct buffer *out, uint32_t n)
{
	put(out, 0x41, 0, 0x0f);
	for (uint32_t i = 0; i < n; i++)
		put(out, 0x02, 0x40, 0x20, 0, 0x0d, 0, 0x41, 1, 0x21, 1, 0x0b);
	put(out, 0x00);
}

/* ---- switches ---- */

/* br_table of n entries, each to its own block */
static void
switch_blocks(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		put(out, 0x02, 0x40);
	put(out, 0x20, 0, 0x0e);
	put_u32(out, n - 1);
	for (uint32_t i = 0; i < n; i++)
		put_u32(out, i);
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x0b, 0x20, 1);
		i32_const(out, i);
		put(out, 0x6a, 0x21, 1);
	}
	put(out, 0x20, 1);
}

/* n small br_tables */
static void
switches(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x02, 0x40, 0x02, 0x40, 0x02, 0x40, 0x20, 0, 0x0e, 5, 0, 1, 2, 1, 0, 2);
		put(out, 0x0b, 0x41, 1, 0x21, 1, 0x0b, 0x41, 2, 0x21, 2, 0x0b);
	}
	put(out, 0x20, 1);
}

/* ---- loops ---- */

static void
sequential_loops(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x03, 0x40, 0x20, 1, 0x20, 0, 0x6a, 0x22, 1, 0x41, 0xe4, 0, 0x48);
		put(out, 0x0d, 0, 0x0b);
	}
	put(out, 0x20, 1);
}

static void
nested_loops(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		put(out, 0x03, 0x40);
	put(out, 0x20, 1, 0x41, 1, 0x6a, 0x21, 1);
	for (uint32_t i = 0; i < n; i++)
		put(out, 0x20, 1, 0x20, 0, 0x48, 0x0d, 0, 0x0b);
	put(out, 0x20, 1);
}

/* A loop that rotates n locals. */
static void
rotating_loop(struct buffer *out, uint32_t n)
{
	put(out, 0x03, 0x40);
	for (uint32_t i = 0; i < n; i++)
		local(out, 0x20, 1 + i);
	local(out, 0x21, 1);
	for (uint32_t i = n; i > 1; i--)
		local(out, 0x21, i);
	put(out, 0x20, 1, 0x0d, 0, 0x0b);
	put(out, 0x20, 1);
}

/* n invariant values and n loads in a loop */
static void
invariants(struct buffer *out, uint32_t n)
{
	put(out, 0x03, 0x40);
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x20, 0);
		i32_const(out, i);
		put(out, 0x6c, 0x20, 1, 0x28, 2);
		put_u32(out, i * 4);
		put(out, 0x6a, 0x20, 2, 0x73, 0x21, 2);
	}
	put(out, 0x20, 2, 0x0d, 0, 0x0b, 0x20, 2);
}

/* n locals live around n small loops */
static void
live_over_loops(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < 60; i++) {
		put(out, 0x20, 0);
		i32_const(out, i * 77);
		put(out, 0x6c);
		local(out, 0x21, 10 + i);
	}
	sequential_loops(out, n);
	for (uint32_t i = 0; i < 60; i++) {
		local(out, 0x20, 10 + i);
		put(out, 0x6a);
	}
}

/* ---- straight code ---- */

static void
deep_stack(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x20, 0);
		i32_const(out, i);
		put(out, 0x6c);
	}
	for (uint32_t i = 1; i < n; i++)
		put(out, 0x73);
}

/* 40 values live over n calls */
static void
calls(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < 40; i++) {
		put(out, 0x20, 0);
		i32_const(out, i);
		put(out, 0x6a);
		local(out, 0x21, 1 + i);
	}
	for (uint32_t i = 0; i < n; i++) {
		local(out, 0x20, 1 + i % 40);
		put(out, 0x10, 0);
		local(out, 0x21, 1 + (i * 7) % 40);
	}
	put(out, 0x41, 0);
	for (uint32_t i = 0; i < 40; i++) {
		local(out, 0x20, 1 + i);
		put(out, 0x6a);
	}
}

static void
indirect_calls(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		put(out, 0x20, 0, 0x20, 0, 0x11, 0, 0, 0x21, 0);
	put(out, 0x20, 0);
}

/* A value from the start used again and again. */
static void
long_ranges(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < 200; i++) {
		put(out, 0x20, 0);
		i32_const(out, i);
		put(out, 0x6c);
		local(out, 0x21, 1 + i);
	}
	put(out, 0x41, 0);
	for (uint32_t i = 0; i < n; i++) {
		local(out, 0x20, 1 + (i * 31) % 200);
		put(out, 0x6a);
	}
}

/* Stores and loads that may alias. */
static void
accesses(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x20, 0, 0x20, 1, 0x28, 2);
		put_u32(out, i % 50 * 4);
		put(out, 0x36, 2);
		put_u32(out, i % 61 * 4);
		put(out, 0x20, 0, 0x28, 2, 4, 0x21, 1);
	}
	put(out, 0x20, 1);
}

/* Offsets that need a check. */
static void
far_accesses(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x20, 0, 0x28, 2);
		put_u32(out, 0x80000000 + i);
		put(out, 0x21, 1);
	}
	put(out, 0x20, 1);
}

static void
globals(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		put(out, 0x23, 0, 0x20, 0, 0x6a, 0x24, 1, 0x23, 1, 0x24, 0);
	put(out, 0x23, 0);
}

/* Division by n constants. */
static void
divisions(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x20, 0);
		i32_const(out, i * 2 + 3);
		put(out, (uint8_t)(0x6d + i % 4), 0x20, 1, 0x73, 0x21, 1);
	}
	put(out, 0x20, 1);
}

static void
wide_divisions(struct buffer *out, uint32_t n)
{
	put(out, 0x20, 0, 0xac, 0x21, 1);
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x20, 1, 0x42);
		put_u32(out, (i * 2 + 3) & 0xfffffff);
		out->bytes[out->len - 1] &= 0xbf;
		put(out, (uint8_t)(0x7f + i % 4), 0x20, 1, 0x85, 0x21, 1);
	}
	put(out, 0x20, 1, 0xa7);
}

/* n distinct float constants */
static void
float_constants(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		double value = i * 1.5;

		put(out, 0x20, 1, 0x44);
		put_bytes(out, &value, 8);
		put(out, 0xa0, 0x21, 1);
	}
	put(out, 0x20, 1, 0xfc, 2);
}

static void
selects(struct buffer *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		put(out, 0x20, 1, 0x20, 0, 0x20, 1);
		i32_const(out, i);
		put(out, 0x48, 0x1b, 0x21, 1);
	}
	put(out, 0x20, 1);
}

/* Nothing, in functions that declare 50000 locals. */
static void
nothing(struct buffer *out, uint32_t n)
{
	(void)n;
	put(out, 0x20, 0);
}

const struct growth_shape growth_shapes[] = {
	{ "sequential-ifs", 10000, 1, 0, 0, sequential_ifs, 0 },
	{ "nested-ifs", 6000, 1, 0, 0, nested_ifs, 0 },
	{ "one-join", 5000, 8, 0, 0, one_join, 0 },
	{ "many-locals-ifs", 5000, UINT32_MAX, 0, 0, many_locals_ifs, 0 },
	{ "locals-and-ways", 2000, UINT32_MAX, 0, 0, locals_and_ways, 0 },
	{ "locals-and-loops", 1000, UINT32_MAX, 0, 0, locals_and_loops, 0 },
	{ "dead-blocks", 40000, 1, 0, 0, dead_blocks, 0 },
	{ "switch-blocks", 8000, 1, 0, 0, switch_blocks, 0 },
	{ "switches", 5000, 2, 0, 0, switches, 0 },
	{ "sequential-loops", 8000, 1, 0, 0, sequential_loops, 0 },
	{ "nested-loops", 4000, 1, 0, 0, nested_loops, 0 },
	{ "rotating-loop", 5000, UINT32_MAX, 0, 0, rotating_loop, 0 },
	{ "invariants", 4000, 2, 0, 0, invariants, 0 },
	{ "live-over-loops", 3000, 70, 0, 0, live_over_loops, 0 },
	{ "deep-stack", 10000, 0, 0, 0, deep_stack, 0 },
	{ "calls", 10000, 40, 0, 0, calls, 0 },
	{ "indirect-calls", 8000, 0, 0, 0, indirect_calls, 0 },
	{ "long-ranges", 20000, 200, 0, 0, long_ranges, 0 },
	{ "accesses", 8000, 1, 0, 0, accesses, 0 },
	{ "far-accesses", 8000, 1, 0, 0, far_accesses, 0 },
	{ "globals", 10000, 0, 0, 0, globals, 0 },
	{ "divisions", 8000, 1, 0, 0, divisions, 0 },
	{ "wide-divisions", 2000, 0, 1, 0, wide_divisions, 0 },
	{ "float-constants", 10000, 0, 0, 1, float_constants, 0 },
	{ "selects", 10000, 1, 0, 0, selects, 0 },
	{ "declared-locals", 500, 49000, 0, 0, nothing, UINT32_MAX },
	{ 0 },
};

static uint32_t
of_n(uint32_t count, uint32_t n)
{
	return count == UINT32_MAX ? n : count;
}

/* The first locals get values that nobody knows. */
static void
put_values(struct buffer *body, const struct growth_shape *shape, uint32_t n)
{
	for (uint32_t i = 1; i <= 8 && i <= of_n(shape->i32_locals, n); i++) {
		put(body, 0x20, 0);
		i32_const(body, i + 1);
		put(body, 0x6c);
		local(body, 0x21, i);
	}
}

static void
put_body(struct buffer *code, const struct growth_shape *shape, uint32_t n)
{
	struct buffer body = { 0 };

	put(&body, 3);
	put_u32(&body, of_n(shape->i32_locals, n));
	put(&body, 0x7f);
	put_u32(&body, of_n(shape->i64_locals, n));
	put(&body, 0x7e);
	put_u32(&body, of_n(shape->f64_locals, n));
	put(&body, 0x7c);
	put_values(&body, shape, n);
	shape->code(&body, n);
	put(&body, 0x0b);
	put_sized(code, &body);
}

struct buffer
growth_module(const struct growth_shape *shape, uint32_t n)
{
	uint32_t functions = shape->functions ? of_n(shape->functions, n) : 1;
	struct buffer module = { 0 }, section = { 0 };

	put_header(&module);
	put_section_bytes(&module, SECTION_TYPE, 1, 0x60, 1, 0x7f, 1, 0x7f);
	put_u32(&section, functions + 1);
	for (uint32_t i = 0; i <= functions; i++)
		put(&section, 0);
	put_section(&module, SECTION_FUNCTION, &section);
	put_section_bytes(&module, SECTION_TABLE, 1, 0x70, 0, 10);
	put_section_bytes(&module, SECTION_MEMORY, 1, 0, 1);
	put_section_bytes(&module, SECTION_GLOBAL, 2, 0x7f, 1, 0x41, 0, 0x0b, 0x7f, 1, 0x41, 0,
			  0x0b);
	put_u32(&section, functions + 1);
	/* A loop and effects, so that calls of it stay. */
	put(&section, 15, 0, 0x03, 0x40, 0x20, 0, 0x24, 0, 0x23, 1, 0x0d, 0, 0x0b, 0x20, 0, 0x0b);
	for (uint32_t i = 0; i < functions; i++)
		put_body(&section, shape, n);
	put_section(&module, SECTION_CODE, &section);
	return module;
}
