/*
 * Ways through a function to an instruction of interest, along which conditional branches
 * are sent.
 */
#include "tests/verifier/emulator.h"

#include <stdlib.h>
#include <string.h>

enum { NOWHERE = UINT32_MAX };

/* Notes that `to` is reached from `from`; NOWHERE: nothing is. */
static void
reach(struct emulator *e, uint32_t from, uint64_t to, uint32_t *count)
{
	if (to >= e->function->code_size || !e->places[to].len || e->reached_from[to] != NOWHERE)
		return;
	e->reached_from[to] = from;
	e->queue[(*count)++] = (uint32_t)to;
}

/* Whether there is a way from the entry to `aim`; the shortest is in reached_from. Jumps by
 * tables are left out. */
static bool
find_way(struct emulator *e, uint32_t aim)
{
	uint32_t count = 0;

	memset(e->reached_from, 0xff, sizeof(*e->reached_from) * e->function->code_size);
	reach(e, 0, 0, &count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = e->queue[i];
		const struct place *place = &e->places[at];
		uint64_t next = at + place->len;

		if (at == aim)
			return true;
		if (place->kind == BRANCH || place->kind == JUMP)
			reach(e, at, next + (uint64_t)(int64_t)place->target, &count);
		if (place->kind != JUMP && place->kind != JUMP_REGISTER &&
		    place->kind != JUMP_MEMORY && place->kind != RETURN && place->kind != TRAP)
			reach(e, at, next, &count);
	}
	return false;
}

void
emu_aim(struct emulator *e, uint32_t aim)
{
	/* A change of the instruction there changes nothing before it. */
	if (e->aimed_number == e->number && e->aimed_at == aim)
		return;
	memset(e->ways, 0, e->places_size);
	e->aimed_number = e->number;
	e->aimed_at = aim;
	if (!find_way(e, aim))
		return;
	while (aim) {
		uint32_t from = e->reached_from[aim];

		if (e->places[from].kind == BRANCH)
			e->ways[from] = from + e->places[from].len == aim ? WAY_NEXT : WAY_TARGET;
		aim = from;
	}
}
