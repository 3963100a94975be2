/*
 * Statements on whole memories and tables.
 */
#include "tests/diff/gen.h"

/* Three i32s: destination, source or value, count. */
static void
put_range(struct gen_func *f, uint32_t to_mask, uint32_t from_mask, uint32_t count_mask, int depth)
{
	gen_index(f, to_mask, depth);
	gen_index(f, from_mask, depth);
	gen_index(f, count_mask, depth < 1 ? depth : 1);
}

void
gen_bulk_statement(struct gen_func *f, int depth)
{
	struct gen *g = f->g;
	uint32_t segment = gen_below(g, g->data_count ? g->data_count : 1);

	if (!g->has_memory) {
		put(&f->body, 0x01);
		return;
	}
	switch (gen_below(g, 8)) {
	case 0:
	case 1:
		put_range(f, 0xfff, 0xff, gen_pick(g, 3, 15, 127), depth);
		put(&f->body, 0xfc, 0x0b, 0);
		break;
	case 2:
	case 3:
		put_range(f, 0xfff, 0xfff, gen_pick(g, 3, 15, 127), depth);
		put(&f->body, 0xfc, 0x0a, 0, 0);
		break;
	case 4:
	case 5:
		if (g->data_count == 0)
			break;
		put_range(f, 0xfff, 0xf, 0xf, depth);
		put(&f->body, 0xfc, 0x08);
		put_u32(&f->body, segment);
		put(&f->body, 0);
		break;
	case 6:
		if (g->data_count == 0 || !gen_chance(g, 300))
			break;
		put(&f->body, 0xfc, 0x09);
		put_u32(&f->body, segment);
		break;
	default:
		gen_index(f, 1, 0);
		put(&f->body, 0x40, 0);
		gen_consume(f, (const uint8_t[]){ T_I32 }, 1);
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

	switch (gen_below(g, 4)) {
	case 0:
		gen_index(f, 15, depth);
		gen_expression(f, type, depth);
		gen_index(f, 7, depth);
		put(&f->body, 0xfc, 0x11);
		put_u32(&f->body, table);
		break;
	case 1:
		if (g->tables[other] != type)
			other = table;
		put_range(f, 15, 15, 7, depth);
		put(&f->body, 0xfc, 0x0e);
		put_u32(&f->body, table);
		put_u32(&f->body, other);
		break;
	case 2:
		if (g->elem_count == 0 || g->elem_types[segment] != type)
			break;
		put_range(f, 15, 3, 3, depth);
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

	/* What calls through tables reach is fixed unless calls are bounded. */
	if (g->table_count == 0 || (!g->may_recurse && g->tables[table] == T_FUNC)) {
		put(&f->body, 0x01);
		return;
	}
	switch (gen_below(g, 5)) {
	case 0:
		gen_index(f, 31, depth);
		put(&f->body, 0x25);
		put_u32(&f->body, table);
		if (g->has_refs)
			gen_consume(f, &g->tables[table], 1);
		else
			put(&f->body, 0xd1, 0x1a);
		break;
	case 1:
		gen_index(f, 31, depth);
		gen_expression(f, g->tables[table], depth);
		put(&f->body, 0x26);
		put_u32(&f->body, table);
		break;
	case 2:
		gen_expression(f, g->tables[table], depth);
		gen_index(f, 3, 0);
		put(&f->body, 0xfc, 0x0f);
		put_u32(&f->body, table);
		gen_consume(f, (const uint8_t[]){ T_I32 }, 1);
		break;
	default:
		table_range(f, table, depth);
		break;
	}
}
