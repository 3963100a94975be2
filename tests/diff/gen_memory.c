/*
 * Memories: one or several, with addresses of 32 or 64 bits, shared or not; and
 * the atomic instructions.
 */
#include "tests/diff/gen.h"

/* ---- what there are ---- */

static void
import_memories(struct gen *g)
{
	const struct gen *base = g->base;

	if (!base || base->memory_count == 0 || !gen_chance(g, 500))
		return;
	g->memory_import_count = g->is_plain ? 1 : gen_pick(g, 1, 1, 2);
	for (uint32_t i = 0; i < g->memory_import_count; i++) {
		uint32_t from = gen_below(g, base->memory_count);

		g->memories[i] = base->memories[from];
		g->memories[i].import = from;
	}
	g->memory_count = g->memory_import_count;
}

void
gen_choose_memories(struct gen *g)
{
	uint32_t count = gen_chance(g, 900);

	import_memories(g);
	if (!g->is_plain && count)
		count = gen_pick(g, 1, 1, 2, 3);
	while (g->memory_count < count) {
		struct gen_memory *memory = &g->memories[g->memory_count++];

		memory->is_64 = !g->is_plain && gen_chance(g, 350);
		memory->is_shared = g->stmt_weights[STMT_ATOMIC] && gen_chance(g, 500);
	}
}

uint32_t
gen_memory_pick(struct gen *g)
{
	return g->memory_count < 2 ? 0 : gen_below(g, g->memory_count);
}

uint8_t
gen_size_type(bool is_64)
{
	return is_64 ? T_I64 : T_I32;
}

void
gen_put_u64(struct buffer *out, uint64_t value)
{
	while (value >= 0x80) {
		put(out, (uint8_t)(value | 0x80));
		value >>= 7;
	}
	put(out, (uint8_t)value);
}

void
gen_put_memory_type(struct buffer *out, const struct gen_memory *memory)
{
	put(out, (uint8_t)(1 | memory->is_shared << 1 | memory->is_64 << 2), 1, GEN_PAGES_MAX);
}

/* Where an active segment goes, as a sum now and then. */
static void
put_offset(struct gen *g, struct buffer *out, bool is_64)
{
	uint8_t type = gen_size_type(is_64);
	uint32_t at = gen_below(g, 1024);

	if (g->is_plain || gen_chance(g, 700)) {
		gen_put_const(out, type, at);
	} else {
		uint32_t part = gen_below(g, 5000);

		gen_put_const(out, type, at + part);
		gen_put_const(out, type, part);
		put(out, is_64 ? 0x7d : 0x6b);
	}
	put(out, 0x0b);
}

void
gen_put_data(struct gen *g, struct buffer *out, uint32_t active)
{
	struct buffer section = { 0 };

	put_u32(&section, g->data_count + active);
	for (uint32_t i = 0; i < g->data_count + active; i++) {
		uint32_t len = i < g->data_count ? 32 : gen_pick(g, 64, 600, 4096);
		uint32_t memory = gen_memory_pick(g);

		if (i < g->data_count) {
			put(&section, 1);
		} else {
			if (memory == 0)
				put(&section, 0);
			else
				put(&section, 2, (uint8_t)memory);
			put_offset(g, &section, g->memories[memory].is_64);
		}
		put_u32(&section, len);
		for (; len > 0; len--)
			put(&section, (uint8_t)gen_bits(g));
	}
	put_section(out, SECTION_DATA, &section);
}

/* ---- accesses ---- */

/* An i64 address; returns the offset to use with it. */
static uint64_t
address_64(struct gen_func *f, int depth)
{
	static const uint64_t wild[] = {
		0,	    8,		65535,
		0x7fff0000, 0x7fff0001, 0xffffffff,
		1ull << 32, 1ull << 34, (1ull << 34) - 9,
		1ull << 63, UINT64_MAX, UINT64_MAX - 65535,
	};
	struct gen *g = f->g;
	uint32_t offset;

	if (gen_chance(g, g->wild)) {
		gen_expression(f, T_I64, depth);
		return wild[gen_below(g, sizeof(wild) / sizeof(*wild))];
	}
	if (gen_has_type(g, T_I64) && gen_chance(g, 350)) {
		gen_expression(f, T_I64, depth);
		gen_put_const(&f->body, T_I64, gen_pick(g, 0xff, 0xfff, 0xfff8));
		put(&f->body, 0x83);
		if (gen_chance(g, 400)) {
			gen_put_const(&f->body, T_I64, gen_pick(g, 8, 100, 4096));
			put(&f->body, 0x7c);
		}
		return gen_pick(g, 0, 0, 1, 4, 8, 100);
	}
	offset = gen_address_32(f, depth);
	put(&f->body, 0xad);
	return offset;
}

struct gen_place
gen_address(struct gen_func *f, int depth)
{
	struct gen_place place = { .memory = gen_memory_pick(f->g) };

	if (f->g->memories[place.memory].is_64)
		place.offset = address_64(f, depth);
	else
		place.offset = gen_address_32(f, depth);
	return place;
}

static void
put_memarg(struct gen_func *f, uint32_t align, struct gen_place place)
{
	if (place.memory == 0)
		put(&f->body, (uint8_t)align);
	else
		put(&f->body, (uint8_t)(align | 0x40), (uint8_t)place.memory);
	gen_put_u64(&f->body, place.offset);
}

void
gen_put_memarg(struct gen_func *f, uint32_t log_size, struct gen_place place)
{
	put_memarg(f, gen_below(f->g, log_size + 1), place);
}

/* ---- atomics ---- */

/* The variants of each atomic instruction, in order of opcodes. */
struct variant {
	uint8_t type, log_size;
};
static const struct variant variants[] = {
	{ T_I32, 2 }, { T_I64, 3 }, { T_I32, 0 }, { T_I32, 1 },
	{ T_I64, 0 }, { T_I64, 1 }, { T_I64, 2 },
};

enum {
	VARIANTS = 7,
	ATOMIC_NOTIFY = 0x00,
	ATOMIC_WAIT32 = 0x01,
	ATOMIC_WAIT64 = 0x02,
	ATOMIC_FENCE = 0x03,
	ATOMIC_LOAD = 0x10,
	ATOMIC_STORE = 0x17,
	ATOMIC_RMW = 0x1e,
	ATOMIC_CMPXCHG = 0x48,
	RMW_KINDS = 6,
};

/* An address that is aligned, unless things are wild. */
static struct gen_place
aligned_address(struct gen_func *f, uint32_t log_size, int depth)
{
	struct gen_place place = gen_address(f, depth);
	bool is_64 = f->g->memories[place.memory].is_64;
	uint64_t low = (1ull << log_size) - 1;

	/* Of a misaligned place that no memory has, engines may name either fault. */
	if (gen_chance(f->g, f->g->wild)) {
		place.offset &= 0xfff;
		return place;
	}
	gen_put_const(&f->body, gen_size_type(is_64), ~low);
	put(&f->body, is_64 ? 0x83 : 0x71);
	place.offset &= ~low;
	return place;
}

static uint32_t
pick_variant(struct gen *g, uint8_t type)
{
	return type == T_I32 ? gen_pick(g, 0, 0, 2, 3) : gen_pick(g, 1, 1, 4, 5, 6);
}

/* Waiting always ends at once, or by its timeout. */
static void
wait_or_notify(struct gen_func *f, int depth)
{
	struct gen *g = f->g;
	bool is_wait_64 = gen_chance(g, 500);
	struct gen_place place = aligned_address(f, is_wait_64 ? 3 : 2, depth);

	if (!g->memories[place.memory].is_shared || gen_chance(g, 500)) {
		gen_expression(f, T_I32, depth);
		put(&f->body, 0xfe, ATOMIC_NOTIFY);
		put_memarg(f, 2, place);
		return;
	}
	gen_expression(f, is_wait_64 ? T_I64 : T_I32, depth);
	gen_put_const(&f->body, T_I64, gen_pick(g, 0, 1, 1000));
	put(&f->body, 0xfe, is_wait_64 ? ATOMIC_WAIT64 : ATOMIC_WAIT32);
	put_memarg(f, is_wait_64 ? 3 : 2, place);
}

static void
read_modify_write(struct gen_func *f, uint8_t type, int depth)
{
	struct gen *g = f->g;
	uint32_t variant = pick_variant(g, type);
	uint32_t log_size = variants[variant].log_size;
	uint32_t kind = gen_below(g, RMW_KINDS + 2);
	struct gen_place place = aligned_address(f, log_size, depth);
	uint32_t opcode = ATOMIC_LOAD;

	if (kind < RMW_KINDS) {
		gen_expression(f, type, depth);
		opcode = ATOMIC_RMW + VARIANTS * kind;
	} else if (kind == RMW_KINDS) {
		if (gen_chance(g, 500))
			gen_constant(f, type);
		else
			gen_expression(f, type, depth);
		gen_expression(f, type, depth);
		opcode = ATOMIC_CMPXCHG;
	}
	put(&f->body, 0xfe, (uint8_t)(opcode + variant));
	put_memarg(f, log_size, place);
}

void
gen_atomic(struct gen_func *f, uint8_t type, int depth)
{
	if (type == T_I32 && gen_chance(f->g, 150))
		wait_or_notify(f, depth);
	else
		read_modify_write(f, type, depth);
}

void
gen_atomic_statement(struct gen_func *f, int depth)
{
	struct gen *g = f->g;
	uint8_t type = gen_has_type(g, T_I64) && gen_chance(g, 500) ? T_I64 : T_I32;
	uint32_t variant = pick_variant(g, type);

	if (g->memory_count == 0 || gen_chance(g, 100)) {
		put(&f->body, 0xfe, ATOMIC_FENCE, 0);
	} else if (gen_chance(g, 400)) {
		struct gen_place place = aligned_address(f, variants[variant].log_size, depth);

		gen_expression(f, type, depth);
		put(&f->body, 0xfe, (uint8_t)(ATOMIC_STORE + variant));
		put_memarg(f, variants[variant].log_size, place);
	} else {
		gen_atomic(f, type, depth);
		put(&f->body, 0x1a);
	}
}
