#include "tests/verifier/emulator.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the frame, below the return address, before each run. */
enum { FRAME_FILLED = 512 };

void
emu_escape(struct emulator *e, const char *format, ...)
{
	va_list args;
	char what[120];

	if (e->event == EVENT_ESCAPE)
		return;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	uint32_t at = e->function->code_offset + e->at;
	char bytes[32] = "";

	for (uint32_t i = 0; i < 8 && at + i < e->image->code_size; i++)
		snprintf(bytes + 3 * i, 4, " %02x", e->image->code[at + i]);
	snprintf(e->job->escape, sizeof(e->job->escape), "%s at +0x%x (%s ) after %u steps%s", what,
		 e->at, bytes, e->steps, e->job->is_forced ? ", forced" : "");
	e->event = EVENT_ESCAPE;
}

/* --- the function's sites ------------------------------------------------------- */

static void
note_site(struct emulator *e, uint32_t at)
{
	if (e->site_count == e->sites_size) {
		e->sites_size = e->sites_size ? 2 * e->sites_size : 256;
		e->sites = realloc(e->sites, sizeof(*e->sites) * e->sites_size);
		if (!e->sites)
			abort();
	}
	e->sites[e->site_count++] = at;
}

/* Those of the run before are forgotten. */
static void
read_sites(struct emulator *e, const struct nb_code_image *image)
{
	bool is_last = e->number + 1 == image->function_count;
	uint32_t end = is_last ? image->site_count : e->function[1].first_site;

	while (e->site_count) {
		struct place *place = &e->places[e->sites[--e->site_count]];

		place->is_call_site = false;
		place->trap = 0;
	}
	for (uint32_t i = e->function->first_site; i < end; i++) {
		uint32_t at = image->sites[i].code_offset - e->function->code_offset;
		uint8_t kind = (uint8_t)(image->sites[i].info >> 24);

		if (at >= e->function->code_size)
			continue;
		if (kind == NB_SITE_CALL)
			e->places[at].is_call_site = true;
		else
			e->places[at].trap = kind;
		note_site(e, at);
	}
}

/* Whether an instruction is where the site says, of a kind that has such sites. */
static bool
fits(const struct emulator *e, uint32_t at, uint8_t kind)
{
	if (at >= e->function->code_size || !e->places[at].len)
		return false;
	const struct place *place = &e->places[at];

	if (kind == NB_SITE_CALL) {
		uint32_t before = at;

		while (before && !e->places[--before].len)
			continue;
		place = &e->places[before];
		return before + place->len == at &&
		       (place->kind == CALL || place->kind == CALL_MEMORY);
	}
	if (place->kind == TRAP || place->kind == DIVIDE)
		return (place->kind == DIVIDE) == (kind == NB_SITE_DIVIDE) && kind != 0;
	return kind == NB_TRAP_MEMORY_OUT_OF_BOUNDS && (place->reads || place->writes);
}

/* Sites are sorted, each at an instruction that may have it; at most one of a call and one
 * other are at the same. */
static void
check_sites(struct emulator *e, const struct nb_code_image *image)
{
	bool is_last = e->number + 1 == image->function_count;
	uint32_t first = e->function->first_site;
	uint32_t end = is_last ? image->site_count : e->function[1].first_site;

	for (uint32_t i = first; i < end; i++) {
		const struct nb_code_site *site = &image->sites[i];
		bool is_second = i > first && site->code_offset == site[-1].code_offset;

		e->at = site->code_offset - e->function->code_offset;
		if (!fits(e, e->at, (uint8_t)(site->info >> 24)) ||
		    (i > first && site->code_offset < site[-1].code_offset) ||
		    (is_second &&
		     (site[-1].info >> 24 != NB_SITE_CALL || site->info >> 24 == NB_SITE_CALL)))
			emu_escape(e, "site %u of kind 0x%x", i - first, site->info >> 24);
	}
}

/* --- running ---------------------------------------------------------------------- */

static void
set_registers(struct emulator *e, bool is_entry)
{
	for (uint32_t i = 0; i < 16; i++) {
		if (i == NB_RSP || i == NB_R14 || i == NB_R15 ||
		    (!is_entry && NB_PRESERVED_GPRS >> i & 1))
			continue;
		e->gpr[i] = emu_hostile(e);
		if (is_entry)
			e->preserved[i] = e->gpr[i];
	}
	e->result = emu_random(e);
	e->parity = (uint8_t)emu_random(e);
	e->carry = e->result >> 32 & 1;
	e->overflow = e->result >> 33 & 1;
}

/* Stands for the callee's return, which may lead to any instruction. */
static const struct place after_call = { .kind = JUMP_REGISTER };

/* The callee has returned; where to go on. False: nowhere. */
static bool
go_on(struct emulator *e, uint64_t *out)
{
	e->event = EVENT_NONE;
	e->at += e->last->len;
	set_registers(e, false);
	e->gpr[NB_RSP] = ENTRY_RSP - e->function->frame_size;
	e->last = &after_call;
	*out = e->code_at + e->at;
	if (!e->places[e->at].len)
		emu_escape(e, "returns into an instruction");
	return e->event == EVENT_NONE;
}

static void
run_once(struct emulator *e)
{
	uint64_t at = e->code_at;
	uint32_t frame = (e->function->frame_size + 7) & ~7u;

	e->steps = 0;
	e->at = 0;
	e->last = NULL;
	e->event = EVENT_NONE;
	e->touched = ENTRY_RSP;
	set_registers(e, true);
	e->gpr[NB_RSP] = ENTRY_RSP;
	e->gpr[NB_R14] = LINEAR_AT;
	e->gpr[NB_R15] = VMCTX_AT;
	frame = frame < FRAME_FILLED ? frame : FRAME_FILLED;
	emu_change_hostile(e, ENTRY_RSP - frame, frame);
	emu_change_hostile(e, ENTRY_RSP + 8, e->area);
	emu_put(e, ENTRY_RSP, STUBS_AT + STUB_RETURN, 8);
	do {
		emu_arrive(e, at);
		if (e->event == EVENT_NONE)
			at = emu_step(e);
	} while (e->event == EVENT_NONE || (e->event == EVENT_CALL && go_on(e, &at)));
	emu_undo(e);
	e->job->executed += e->steps;
}

/* Leads runs to what no other has reached. */
static void
run_aimed(struct emulator *e)
{
	uint32_t left = e->job->aimed;

	for (uint32_t at = 1; at < e->function->code_size && left; at++) {
		if (!e->places[at].len || e->places[at].visits || e->job->escape[0])
			continue;
		left--;
		e->is_aiming = emu_aim(e, at);
		if (e->is_aiming)
			run_once(e);
	}
}

static void
run_all(struct emulator *e)
{
	struct emulation *job = e->job;
	uint64_t executed = job->executed;
	uint32_t idle = 0, aim = job->watched;

	while (aim && aim < e->function->code_size && !e->places[aim].len)
		aim--;
	bool is_aimed = job->is_forced && aim && aim < e->function->code_size && emu_aim(e, aim);

	for (uint32_t i = 0; i < job->runs && !job->escape[0]; i++) {
		uint32_t seen = e->seen;

		e->is_aiming = is_aimed && i % 2 == 0;
		run_once(e);
		idle = e->seen == seen ? idle + 1 : 0;
		if (job->enough && job->executed - executed >= job->enough)
			break;
		if (job->idle && idle >= job->idle)
			break;
	}
	run_aimed(e);
	job->is_watch_seen |= aim < e->function->code_size && e->places[aim].visits;
}

static void
end_visits(struct emulator *e)
{
	while (e->visited_count)
		e->places[e->visited[--e->visited_count]].visits = 0;
}

bool
emulator_run(struct emulator *e, const struct nb_code_image *image, uint32_t number,
	     struct emulation *job)
{
	const struct nb_code_function *function = &image->functions[number];

	if (e->number != number)
		e->decoded_size = e->site_count = 0;
	e->image = image;
	e->function = function;
	e->number = number;
	e->job = job;
	e->code_at = CODE_AT + function->code_offset;
	e->area = 8u * e->facts->function_areas[number];
	e->pool_at = (function->code_size + 15) & ~15u;
	e->pool_end = e->pool_at + function->pool_size;
	e->rng = job->seed;
	e->steps = e->seen = 0;
	e->event = EVENT_NONE;
	job->escape[0] = 0;
	if (emu_decode(e, image->code + function->code_offset)) {
		read_sites(e, image);
		check_sites(e, image);
		run_all(e);
		end_visits(e);
		job->seen += e->seen;
	}
	return !job->escape[0];
}

/* --- opening ------------------------------------------------------------------------ */

struct emulator *
emulator_open(void)
{
	struct emulator *e = calloc(1, sizeof(*e));

	if (e)
		ZydisDecoderInit(&e->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return e;
}

void
emulator_close(struct emulator *e)
{
	for (uint32_t i = 0; i < REGION_COUNT; i++)
		free(e->regions[i].bytes);
	free(e->saved);
	free(e->places);
	free(e->decoded);
	free(e->visited);
	free(e->ways);
	free(e->reached_from);
	free(e->queue);
	free(e->sites);
	free(e->entry_types);
	free(e);
}
