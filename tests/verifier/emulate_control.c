/*
 * Where control may go, by the code contract, and in what state.
 */
#include "tests/verifier/emulator.h"

/* Instructions on the way to what is aimed at. */
enum { AIMING_MAX = 10000 };

/* --- control ------------------------------------------------------------------ */

static void
stop(struct emulator *e, enum event event)
{
	if (e->event == EVENT_NONE)
		e->event = event;
}

/* RSP, the pinned registers, and the preserved ones if `is_end`. */
static bool
check_state(struct emulator *e, uint64_t rsp, bool is_end)
{
	if (e->gpr[NB_RSP] != rsp)
		emu_escape(e, "RSP is 0x%llx, not 0x%llx", (unsigned long long)e->gpr[NB_RSP],
			   (unsigned long long)rsp);
	else if (e->gpr[NB_R14] != LINEAR_AT || e->gpr[NB_R15] != VMCTX_AT)
		emu_escape(e, "R14 or R15 changed");
	for (uint32_t i = 0; is_end && i < 16; i++)
		if (NB_PRESERVED_GPRS >> i & 1 && e->gpr[i] != e->preserved[i])
			emu_escape(e, "register %u is not restored", i);
	return e->event != EVENT_ESCAPE;
}

/* The area of what is entered at `at` by the last instruction; false: nothing
 * that may be. UINT32_MAX: not to be compared. */
static bool
find_target(struct emulator *e, uint64_t at, uint32_t *area)
{
	uint64_t stub = at - STUBS_AT;
	bool is_direct = e->last->kind == CALL || e->last->kind == JUMP;

	if (is_direct)
		return emu_find_entry(e, at, area);
	if (stub == STUB_CROSS && emu_find_callee(e, e->gpr[NB_R11], area))
		return *area != UINT32_MAX || e->job->is_forced;
	if (stub >= STUB_BUILTINS && stub < STUB_BUILTINS + 16 * NB_BUILTIN_COUNT) {
		*area = 0;
		return e->last->kind == CALL_MEMORY && e->gpr[NB_RDI] == VMCTX_AT;
	}
	/* Code of another instance, or none: in this one's context on mispredicted ways only. */
	bool is_known = emu_find_entry(e, at, area) ||
			(e->job->is_forced && (at == 0 || stub == STUB_HOST));

	if (!is_known || !emu_find_callee(e, e->gpr[NB_R10], area))
		return false;
	return *area != UINT32_MAX || e->job->is_forced;
}

static void
on_call(struct emulator *e, uint64_t at)
{
	uint64_t rsp = ENTRY_RSP - e->function->frame_size - 8;
	uint32_t area = 0;

	if (!find_target(e, at, &area)) {
		emu_escape(e, "call to 0x%llx", (unsigned long long)at);
		return;
	}
	if (!check_state(e, rsp, false))
		return;
	/* On a mispredicted way the type may be another. */
	if (area == UINT32_MAX || e->job->is_forced)
		area = 0;
	if (rsp % 16 != 8 || rsp + 8 + 8ull * area > ENTRY_RSP)
		emu_escape(e, "call without room for its area");
	else if (!e->places[e->at + e->last->len].is_call_site)
		emu_escape(e, "call without a return site");
	emu_change_hostile(e, rsp + 8, 8ull * area);
	stop(e, EVENT_CALL);
}

static void
on_tail_stub(struct emulator *e, bool is_grow)
{
	uint64_t word = e->gpr[NB_R10];
	uint32_t area = 0, frame = e->function->frame_size;
	uint32_t slots = word >> 44 & 0xfff, results = word >> 32 & 0xfff;
	bool is_callee = is_grow ? emu_find_entry(e, e->gpr[NB_R11], &area)
				 : emu_find_callee(e, e->gpr[NB_R11], &area);

	if (!check_state(e, ENTRY_RSP - frame, true))
		return;
	if (!is_callee)
		emu_escape(e, "tail call of nothing");
	else if ((!e->job->is_forced && area != slots) || (uint32_t)word != frame ||
		 word >> 56 != nb_tail_class(slots) || 8 * results > e->area || results > slots ||
		 frame < nb_tail_frame_bytes(slots))
		emu_escape(e, "tail call with the word 0x%llx", (unsigned long long)word);
	stop(e, EVENT_END);
}

static void
on_tail(struct emulator *e, uint64_t at)
{
	uint32_t area = 0;

	e->job->tails++;
	if (at == STUBS_AT + STUB_TAIL || at == STUBS_AT + STUB_GROW) {
		on_tail_stub(e, at == STUBS_AT + STUB_GROW);
		return;
	}
	if (!find_target(e, at, &area)) {
		emu_escape(e, "jump to 0x%llx", (unsigned long long)at);
		return;
	}
	if (check_state(e, ENTRY_RSP, true) && !e->job->is_forced && 8 * area > e->area)
		emu_escape(e, "tail call of a function with a larger area");
	stop(e, EVENT_END);
}

static void
on_trap(struct emulator *e)
{
	uint32_t kind = e->last->trap, area;

	e->job->traps++;
	if (kind == 0 || kind == NB_SITE_DIVIDE)
		emu_escape(e, "ud2 without a site");
	else if ((kind == NB_SITE_INDIRECT || kind == NB_SITE_REFERENCE) &&
		 !emu_find_callee(e, e->gpr[NB_R10], &area))
		emu_escape(e, "ud2 with R10 at no callee");
	stop(e, EVENT_END);
}

/* Whether control went from the last instruction to `at` inside the function. */
static bool
stays(const struct emulator *e, uint64_t at)
{
	uint64_t offset = at - e->code_at;

	if (!e->last)
		return offset == 0;
	if (offset >= e->function->code_size || !e->places[offset].len)
		return false;
	if (e->last->kind == JUMP || e->last->kind == JUMP_REGISTER || e->last->kind == BRANCH)
		return offset || e->function->frame_size == 0;
	return e->last->kind != CALL && e->last->kind != CALL_MEMORY && e->last->kind != RETURN &&
	       e->last->kind != JUMP_MEMORY && offset == (uint64_t)e->at + e->last->len;
}

static void
leave(struct emulator *e, uint64_t at)
{
	switch ((enum kind)e->last->kind) {
	case CALL:
	case CALL_MEMORY:
		e->job->calls++;
		on_call(e, at);
		break;
	case RETURN:
		e->job->returns++;
		if (at != STUBS_AT + STUB_RETURN)
			emu_escape(e, "return to 0x%llx", (unsigned long long)at);
		else
			check_state(e, ENTRY_RSP + 8, true);
		stop(e, EVENT_END);
		break;
	case JUMP:
	case JUMP_MEMORY:
		on_tail(e, at);
		break;
	case PLAIN:
	case COMPARE:
	case BRANCH:
	case JUMP_REGISTER:
	case TRAP:
	case DIVIDE:
	case INPUT:
	case OUTPUT:
	case TABLE_COUNT:
		emu_escape(e, "control went to 0x%llx", (unsigned long long)at);
		break;
	}
}

static const struct place *
find_place(const struct emulator *e, uint64_t at)
{
	uint64_t offset = at - e->code_at;

	return offset < e->function->code_size ? &e->places[offset] : NULL;
}

bool
emu_is_taken(struct emulator *e)
{
	uint64_t next = e->code_at + e->at + e->last->len;
	uint64_t target = next + (uint64_t)(int64_t)e->last->target;
	const struct place *a = find_place(e, next), *b = find_place(e, target);
	uint64_t x = e->job->is_forced ? emu_random(e) : 0;

	if (e->is_aiming && e->ways[e->at] != WAY_ANY)
		return e->ways[e->at] == WAY_TARGET;
	if (x % 4 == 0)
		return emu_condition(e, e->last->condition);
	/* A trap is an end: once is enough. */
	if (b && b->kind == TRAP && b->visits)
		return false;
	if (a && b && x % 4 != 1 && a->visits != b->visits)
		return b->visits < a->visits;
	return x >> 8 & 1;
}

void
emu_take_index(struct emulator *e)
{
	uint32_t way = e->is_aiming ? e->ways[e->at] : WAY_ANY;

	if (way >= WAY_INDEX)
		e->gpr[NB_R10] = way - WAY_INDEX;
	else if (e->job->is_forced && emu_random(e) % 4)
		e->gpr[NB_R10] = emu_random(e) % ((uint32_t)e->last->value + 2ull);
}

/* All bytes of the access lie in one range for it. A processor does not access ports
 * on ways that it only predicts. */
static void
check_port(struct emulator *e)
{
	const struct place *place = e->last;
	uint32_t port = place->port < 0 ? (uint16_t)e->gpr[NB_RDX] : (uint32_t)place->port;
	uint32_t wanted = place->kind == INPUT ? NB_PORT_READ : NB_PORT_WRITE;

	for (uint32_t i = 0; i < e->facts->port_count; i++) {
		const struct nb_port_range *range = &e->facts->ports[i];

		if (range->access & wanted && port >= range->first &&
		    port + place->bytes <= range->first + range->count)
			return;
	}
	if (!e->job->is_forced)
		emu_escape(e, "access to port 0x%x", port);
}

void
emu_take_input(struct emulator *e)
{
	uint64_t mask = UINT64_MAX >> (64 - 8 * e->last->bytes);
	uint64_t kept = e->last->bytes == 4 ? 0 : e->gpr[NB_RAX] & ~mask;

	e->gpr[NB_RAX] = kept | (emu_hostile(e) & mask);
}

/* Before an instruction that is not like most. */
static __attribute__((noinline)) void
look_at(struct emulator *e, const struct place *place, bool is_new)
{
	if (is_new) {
		e->visited[e->visited_count++] = e->at;
		e->seen++;
		e->is_aiming &= e->at != e->aimed_at;
	}
	if (e->steps >= e->job->steps && !(e->is_aiming && e->steps < AIMING_MAX)) {
		check_state(e, e->gpr[NB_RSP], false);
		stop(e, EVENT_END);
	} else if (place->kind == TRAP) {
		on_trap(e);
	} else if (place->kind == INPUT || place->kind == OUTPUT) {
		check_port(e);
	} else if (place->kind == TABLE_COUNT) {
		emu_take_index(e);
	}
}

static __attribute__((noinline)) bool
arrive_from_far(struct emulator *e, uint64_t at)
{
	bool is_inside = stays(e, at);

	if (!is_inside)
		leave(e, at);
	return is_inside;
}

void
emu_arrive(struct emulator *e, uint64_t at)
{
	uint64_t offset = at - e->code_at;
	bool is_next = e->last && e->last->kind <= COMPARE && offset == e->at + e->last->len &&
		       e->places[offset].len;

	if (!is_next && !arrive_from_far(e, at))
		return;
	struct place *place = &e->places[offset];
	bool is_new = place->visits == 0;

	e->at = (uint32_t)offset;
	e->last = place;
	e->steps++;
	place->visits = (uint16_t)(place->visits + (place->visits != UINT16_MAX));
	if (__builtin_expect(is_new || e->steps >= e->job->steps || place->kind >= TRAP, 0))
		look_at(e, place, is_new);
}

void
emu_on_divide_error(struct emulator *e)
{
	e->job->traps++;
	if (e->last->trap != NB_SITE_DIVIDE)
		emu_escape(e, "division without a site");
	stop(e, EVENT_END);
}
