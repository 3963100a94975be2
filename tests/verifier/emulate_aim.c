/*
 * Ways through a function to an instruction of interest, along which conditional branches
 * are sent.
 */
#include "tests/verifier/emulator.h"

#include <string.h>

/* From the first and the lea of br_table's template to its jump. */
enum { NOWHERE = UINT32_MAX, FROM_COUNT = 27, FROM_TABLE = 14 };

/* A jump table: where it lies and how many entries it has behind the first. */
struct table {
	uint64_t at;
	uint32_t last;
};

/* That of the jump at `at`. */
static bool
find_table(const struct emulator *e, uint32_t at, struct table *out)
{
	if (at < FROM_COUNT)
		return false;
	const struct place *count = &e->places[at - FROM_COUNT];
	const struct place *table = &e->places[at - FROM_TABLE];

	if (!count->len || count->kind != TABLE_COUNT || !table->len || table->op != OP_ADDRESS ||
	    table->base != NEXT_REG)
		return false;
	out->at = at - FROM_TABLE + table->len + (uint64_t)(int64_t)table->displacement;
	out->last = (uint32_t)count->value;
	return out->at >= e->pool_at && out->at <= e->pool_end &&
	       out->last < (e->pool_end - out->at) / 4;
}

static uint64_t
entry_of(const struct emulator *e, const struct table *table, uint32_t number)
{
	int32_t distance;

	memcpy(&distance, e->image->code + e->function->code_offset + table->at + 4ull * number,
	       sizeof(distance));
	return table->at + (uint64_t)(int64_t)distance;
}

/* Notes that `to` is reached from `from`; NOWHERE: nothing is. */
static void
reach(struct emulator *e, uint32_t from, uint64_t to, uint32_t *count)
{
	if (to >= e->function->code_size || !e->places[to].len || e->reached_from[to] != NOWHERE)
		return;
	e->reached_from[to] = from;
	e->queue[(*count)++] = (uint32_t)to;
}

/* Whether there is a way from the entry to `aim`; the shortest is in reached_from. */
static bool
find_way(struct emulator *e, uint32_t aim)
{
	uint32_t count = 0;

	memset(e->reached_from, 0xff, sizeof(*e->reached_from) * e->function->code_size);
	reach(e, 0, 0, &count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = e->queue[i];
		const struct place *place = &e->places[at];
		struct table table;
		uint64_t next = at + place->len;

		if (at == aim)
			return true;
		if (place->kind == JUMP_REGISTER && find_table(e, at, &table))
			for (uint32_t k = 0; k <= table.last; k++)
				reach(e, at, entry_of(e, &table, k), &count);
		if (place->kind == BRANCH || place->kind == JUMP)
			reach(e, at, next + (uint64_t)(int64_t)place->target, &count);
		if (place->kind != JUMP && place->kind != JUMP_REGISTER &&
		    place->kind != JUMP_MEMORY && place->kind != RETURN && place->kind != TRAP)
			reach(e, at, next, &count);
	}
	return false;
}

/* The index with which the jump at `from` goes to `to`. */
static void
send_through_table(struct emulator *e, uint32_t from, uint32_t to)
{
	struct table table;

	if (!find_table(e, from, &table))
		return;
	for (uint32_t k = 0; k <= table.last; k++)
		if (entry_of(e, &table, k) == to)
			e->ways[from - FROM_COUNT] = WAY_INDEX + k;
}

bool
emu_aim(struct emulator *e, uint32_t aim)
{
	/* A change of the instruction there changes nothing before it. */
	if (e->aimed_number == e->number && e->aimed_at == aim)
		return e->has_way;
	memset(e->ways, 0, sizeof(*e->ways) * e->function->code_size);
	e->aimed_number = e->number;
	e->aimed_at = aim;
	e->has_way = find_way(e, aim);
	while (e->has_way && aim) {
		uint32_t from = e->reached_from[aim];

		if (e->places[from].kind == BRANCH)
			e->ways[from] = from + e->places[from].len == aim ? WAY_NEXT : WAY_TARGET;
		else if (e->places[from].kind == JUMP_REGISTER)
			send_through_table(e, from, aim);
		aim = from;
	}
	return e->has_way;
}
