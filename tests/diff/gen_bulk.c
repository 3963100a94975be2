/*
 * Statements on whole memories and tables.
 */
#include "tests/diff/gen.h"

/* Destination, source or value, and count: masks and whether they are i64. */
struct range {
	uint32_t to, from, count;
	bool is_to_64, is_from_64, is_count_64;
};

static void
put_range(struct gen_func *f, const struct range *range, int depth)
{
	gen_index_of(f, range->is_to_64, range->to, depth);
	gen_index_of(f, range->is_from_64, range->from, depth);
	gen_index_of(f, range->is_count_64, range->count, depth < 1 ? depth : 1);
}

static void
memory_fill(struct gen_func *f, uint32_t memory, int depth)
{
	bool is_64 = f->g->memories[memory].is_64;
	struct range range = { 0xfff, 0xff, gen_pick(f->g, 3, 15, 127), is_64, false, is_64 };

	put_range(f, &range, depth);
	put(&f->body, 0xfc, 0x0b);
	put_u32(&f->body, memory);
}

static void
memory_copy(struct gen_func *f, uint32_t to, uint32_t from, int depth)
{
	bool is_to_64 = f->g->memories[to].is_64, is_from_64 = f->g->memories[from].is_64;
	struct range range = { 0xfff,	 0xfff,	     gen_pick(f->g, 3, 15, 127),
			       is_to_64, is_from_64, is_to_64 && is_from_64 };

	put_range(f, &range, depth);
	put(&f->body, 0xfc, 0x0a);
	put_u32(&f->body, to);
	put_u32(&f->body, from);
}

static void
memory_grow(struct gen_func *f, uint32_t memory)
{
	bool is_64 = f->g->memories[memory].is_64;

	gen_index_of(f, is_64, 1, 0);
	put(&f->body, 0x40);
	put_u32(&f->body, memory);
	gen_consume(f, (const uint8_t[]){ gen_size_type(is_64) }, 1);
}

void
gen_bulk_statement(struct gen_func *f, int depth)
{
	struct gen *g = f->g;
	uint32_t segment = gen_below(g, g->data_count ? g->data_count : 1);
	uint32_t memory = gen_memory_pick(g);
	struct range range = { 0xfff, 0xf, 0xf, g->memories[memory].is_64, false, false };

	if (!g->memory_count) {
		put(&f->body, 0x01);
		return;
	}
	switch (gen_below(g, 8)) {
	case 0:
	case 1:
		memory_fill(f, memory, depth);
		break;
	case 2:
	case 3:
		memory_copy(f, memory, gen_memory_pick(g), depth);
		break;
	case 4:
	case 5:
		if (g->data_count == 0)
			break;
		put_range(f, &range, depth);
		put(&f->body, 0xfc, 0x08);
		put_u32(&f->body, segment);
		put_u32(&f->body, memory);
		break;
	case 6:
		if (g->data_count == 0 || !gen_chance(g, 300))
			break;
		put(&f->body, 0xfc, 0x09);
		put_u32(&f->body, segment);
		break;
	default:
		memory_grow(f, memory);
		break;
	}
}

/* table.fill, table.copy, table.init, elem.drop */
static void
table_range(struct gen_func *f, uint32_t table, int depth)
{
	struct gen *g = f->g;
	uint8_t type = g->tables[table];
	uint32_t other = gen_below(g, g->table_count);
	uint32_t segment = gen_below(g, g->elem_count ? g->elem_count : 1);
	bool is_64 = g->table_is_64[table];
	struct range range = { 15, 3, 3, is_64, false, false };

	switch (gen_below(g, 4)) {
	case 0:
		gen_index_of(f, is_64, 15, depth);
		gen_expression(f, type, depth);
		gen_index_of(f, is_64, 7, depth);
		put(&f->body, 0xfc, 0x11);
		put_u32(&f->body, table);
		break;
	case 1:
		if (g->tables[other] != type)
			other = table;
		range = (struct range){
			15, 15, 7, is_64, g->table_is_64[other], is_64 && g->table_is_64[other]
		};
		put_range(f, &range, depth);
		put(&f->body, 0xfc, 0x0e);
		put_u32(&f->body, table);
		put_u32(&f->body, other);
		break;
	case 2:
		if (g->elem_count == 0 || g->elem_types[segment] != type)
			break;
		put_range(f, &range, depth);
		put(&f->body, 0xfc, 0x0c);
		put_u32(&f->body, segment);
		put_u32(&f->body, table);
		break;
	default:
		if (g->elem_count == 0 || !gen_chance(g, 300))
			break;
		put(&f->body, 0xfc, 0x0d);
		put_u32(&f->body, segment);
		break;
	}
}

void
gen_table_statement(struct gen_func *f, int depth)
{
	struct gen *g = f->g;
	uint32_t table = gen_below(g, g->table_count ? g->table_count : 1);
	bool is_64 = g->table_is_64[table];

	/* What calls through tables reach is fixed unless calls are bounded. */
	if (g->table_count == 0 || (!g->may_recurse && g->tables[table] == T_FUNC)) {
		put(&f->body, 0x01);
		return;
	}
	switch (gen_below(g, 5)) {
	case 0:
		gen_index_of(f, is_64, 31, depth);
		put(&f->body, 0x25);
		put_u32(&f->body, table);
		if (g->has_refs)
			gen_consume(f, &g->tables[table], 1);
		else
			put(&f->body, 0xd1, 0x1a);
		break;
	case 1:
		gen_index_of(f, is_64, 31, depth);
		gen_expression(f, g->tables[table], depth);
		put(&f->body, 0x26);
		put_u32(&f->body, table);
		break;
	case 2:
		gen_expression(f, g->tables[table], depth);
		gen_index_of(f, is_64, 3, 0);
		put(&f->body, 0xfc, 0x0f);
		put_u32(&f->body, table);
		gen_consume(f, (const uint8_t[]){ gen_size_type(is_64) }, 1);
		break;
	default:
		table_range(f, table, depth);
		break;
	}
}
