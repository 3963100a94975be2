/*
 * Mutations of an image: single bits, instructions, tables.
 */
#include "kernel/code/verify.h"
#include "tests/verifier/mutate.h"
#include "tests/verifier/verify_plain.h"

#include "verifier/decode.h"

#include <stdio.h>
#include <string.h>

enum { STATES_MAX = 256, EDITS_MAX = 3 };

static uint32_t
pick(struct subject *s, uint64_t below)
{
	s->rng = s->rng * 6364136223846793005ull + 1442695040888963407ull;
	return below ? (uint32_t)((s->rng >> 33) % below) : 0;
}

/* --- one mutation ---------------------------------------------------------------- */

/* Verifies the mutated function, in both ways that instructions can go. */
static bool
verify(struct subject *s, uint32_t number)
{
	struct verifier_finding finding, other;
	bool is_good =
		verifier_function(&s->image, &s->facts, number, s->scratch, s->marks, &finding);
	bool is_good_plainly =
		verify_plainly(&s->image, &s->facts, number, s->scratch, s->marks, &other);

	if (s->is_weak || (is_good == is_good_plainly && finding.rule == other.rule))
		return is_good;
	printf("%s: function %u, %s: common.c says `%s', operand.c `%s'\n", s->file, number,
	       s->what, code_rule_text(finding.rule), code_rule_text(other.rule));
	s->tally->escapes++;
	return false;
}

/* Runs the mutated function, which is changed at `at`, if it is accepted. */
static void
judge(struct subject *s, uint32_t number, uint32_t at, bool is_table)
{
	struct verifier_finding finding;
	struct emulation *work = &s->tally->work;

	if (is_table && !verifier_begin(&s->image, &s->facts, s->scratch, &finding))
		return;
	if (!verify(s, number))
		return;
	s->tally->accepted++;
	work->watched = at;
	work->is_watch_seen = false;
	for (uint32_t i = s->is_forced; i < 2; i++) {
		work->seed = s->seed ^ s->rng ^ i;
		work->is_forced = i;
		work->runs = STATES_MAX;
		work->steps = i ? s->window : s->steps;
		work->enough = s->steps;
		if (emulator_run(s->emulator, &s->image, number, work))
			continue;
		if (s->tally->escapes++ < ESCAPES_SHOWN)
			printf("%s: function %u at 0x%x, %s: %s\n", s->file, number,
			       s->image.functions[number].code_offset, s->what, work->escape);
		break;
	}
	s->tally->reached += work->is_watch_seen;
}

static void
flip_bit(struct subject *s, uint32_t number, uint32_t at, uint32_t bit)
{
	uint8_t *byte = &s->code[s->functions[number].code_offset + at];

	snprintf(s->what, sizeof(s->what), "bit %u of +0x%x flipped", bit, at);
	*byte ^= (uint8_t)(1u << bit);
	s->tally->flips++;
	judge(s, number, at, false);
	*byte ^= (uint8_t)(1u << bit);
}

static void
flip_bits(struct subject *s, uint32_t number, uint32_t start, uint64_t *count)
{
	uint32_t size = s->functions[number].code_size;

	for (uint32_t i = 0; i < size && *count; i++)
		for (uint32_t bit = 0; bit < 8 && *count && !mutate_is_enough(s); bit++, --*count)
			flip_bit(s, number, (start + i) % size, bit);
}

void
mutate_flips(struct subject *s, uint64_t count)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < s->image.function_count; i++)
		bits += 8ull * s->functions[i].code_size;
	if (count >= bits) {
		for (uint32_t i = 0; i < s->image.function_count; i++)
			flip_bits(s, i, 0, &count);
		return;
	}
	while (count && !mutate_is_enough(s)) {
		uint32_t number = pick(s, s->image.function_count);
		uint32_t size = s->functions[number].code_size;

		flip_bits(s, number, 8ull * size > count ? pick(s, size) : 0, &count);
	}
}

/* Bytes of one instruction at `at`, by the verifier's decoder, 0: none. */
static uint32_t
length_at(struct subject *s, const struct nb_code_function *function, uint32_t at)
{
	struct vf_inst inst;

	if (at >= function->code_size ||
	    vf_decode(UINT32_MAX, s->code + function->code_offset + at, function->code_size - at,
		      &inst) != VERIFIER_NONE)
		return 0;
	return inst.len;
}

/* An instruction of the function, about at `at`. */
static uint32_t
find_instruction(struct subject *s, const struct nb_code_function *function, uint32_t wanted)
{
	uint32_t at = 0, len;

	while ((len = length_at(s, function, at)) != 0 && at + len <= wanted)
		at += len;
	return len ? at : 0;
}

/* --- edits of code --- */

/* The instruction of `len` bytes at `code`, of `function` at `at`. */
struct edited {
	const struct nb_code_function *function;
	uint8_t *code;
	uint32_t at, len;
};

static void
put_random(struct subject *s, const struct edited *e)
{
	uint32_t count = 1 + pick(s, 8);

	for (uint32_t i = 0; i < count && e->at + i < e->function->code_size; i++)
		e->code[i] = (uint8_t)pick(s, 256);
}

/* Another instruction of the same length, from anywhere. */
static void
put_other(struct subject *s, const struct edited *e)
{
	const struct nb_code_function *other = &s->functions[pick(s, s->image.function_count)];

	for (uint32_t tries = 0; tries < 8; tries++) {
		uint32_t from = find_instruction(s, other, pick(s, other->code_size));

		if (length_at(s, other, from) != e->len)
			continue;
		memmove(e->code, s->code + other->code_offset + from, e->len);
		return;
	}
}

static void
exchange_with_next(struct subject *s, const struct edited *e)
{
	uint32_t next = length_at(s, e->function, e->at + e->len);
	uint8_t both[2 * SAVED_BYTES];

	if (e->len + next > SAVED_BYTES)
		return;
	memcpy(both, e->code, e->len + next);
	memcpy(e->code, both + e->len, next);
	memcpy(e->code + next, both, e->len);
}

static void
put_constant(struct subject *s, const struct edited *e)
{
	static const uint32_t values[] = { 0,	       1,	   7,	      8,
					   16,	       0x7f,	   0x80,      0x7fffffff,
					   0x80000000, 0x7fff0000, 0xffffffff };

	if (e->len > 5) {
		uint32_t value = values[pick(s, sizeof(values) / sizeof(*values))] + pick(s, 3) - 1;

		memcpy(e->code + e->len - 4, &value, 4);
	} else {
		e->code[e->len - 1] = (uint8_t)pick(s, 256);
	}
}

static void
put_bytes(struct subject *s, const struct edited *e)
{
	for (uint32_t i = 1 + pick(s, 2); i; i--)
		e->code[pick(s, e->len)] = (uint8_t)pick(s, 256);
}

/* Writes an edit into the code; returns where, and saves SAVED_BYTES from there. */
static uint32_t
edit_code(struct subject *s, const struct nb_code_function *function, uint8_t *saved)
{
	struct edited e = { .function = function };
	uint32_t kind = pick(s, 6);

	e.at = find_instruction(s, function, pick(s, function->code_size));
	e.len = length_at(s, function, e.at);
	if (e.len == 0) {
		e.at = pick(s, function->code_size);
		kind = 0;
	}
	e.code = s->code + function->code_offset + e.at;
	memcpy(saved, e.code, SAVED_BYTES);
	if (kind == 0)
		put_random(s, &e);
	else if (kind == 1)
		put_other(s, &e);
	else if (kind == 2)
		memset(e.code, 0x90, e.len);
	else if (kind == 3)
		exchange_with_next(s, &e);
	else if (kind == 4)
		put_constant(s, &e);
	else
		put_bytes(s, &e);
	char *end = s->what + strlen(s->what);

	snprintf(end, sizeof(s->what) - (size_t)(end - s->what), "edit %u of +0x%x ", kind, e.at);
	return e.at;
}

/* --- edits of tables --- */

/* Changes an entry of the tables for function `number`; *saved and *out_size say
 * what to put back. */
static void *
edit_table(struct subject *s, uint32_t number, void *saved, size_t *out_size)
{
	struct nb_code_function *function = &s->functions[number];
	uint32_t kind = pick(s, 3);
	bool is_last = number + 1 == s->image.function_count;
	uint32_t claims =
		(is_last ? s->image.claim_count : function[1].first_claim) - function->first_claim;
	uint32_t sites =
		(is_last ? s->image.site_count : function[1].first_site) - function->first_site;
	char *end = s->what + strlen(s->what);
	size_t room = sizeof(s->what) - (size_t)(end - s->what);

	if (kind == 0 && claims) {
		struct nb_code_claim *claim = &s->claims[function->first_claim + pick(s, claims)];

		memcpy(saved, claim, *out_size = sizeof(*claim));
		if (pick(s, 3))
			claim->extended ^= 1u << pick(s, 16);
		else
			claim->code_offset += pick(s, 17) - 8;
		snprintf(end, room, ", claim now 0x%x: 0x%x", claim->code_offset, claim->extended);
		return claim;
	}
	if (kind == 1 && sites) {
		struct nb_code_site *site = &s->sites[function->first_site + pick(s, sites)];

		memcpy(saved, site, *out_size = sizeof(*site));
		if (pick(s, 2))
			site->info = pick(s, 256) << 24 | (site->info & 0xffffff);
		else
			site->code_offset += pick(s, 17) - 8;
		snprintf(end, room, ", site now 0x%x: 0x%x", site->code_offset, site->info);
		return site;
	}
	memcpy(saved, function, *out_size = sizeof(*function));
	uint32_t *const fields[] = { &function->frame_size,  &function->code_size,
				     &function->pool_size,   &function->first_site,
				     &function->first_claim, &function->code_offset };

	kind = pick(s, sizeof(fields) / sizeof(*fields));
	*fields[kind] += pick(s, 2) ? pick(s, 65) - 32 : 16 * (pick(s, 9) - 4);
	snprintf(end, room, ", field %u of the function now 0x%x", kind, *fields[kind]);
	return function;
}

void
mutate_edit(struct subject *s)
{
	uint32_t number = pick(s, s->image.function_count), at[EDITS_MAX], count = 1;
	const struct nb_code_function original = s->functions[number];
	uint8_t code[EDITS_MAX][SAVED_BYTES], table[sizeof(struct nb_code_function)];
	bool is_table = pick(s, 4) == 0;
	void *entry = NULL;
	size_t size = 0;

	s->what[0] = 0;
	if (pick(s, 4) == 0)
		count = pick(s, 2) ? 2 : is_table ? 0 : EDITS_MAX;
	for (uint32_t i = 0; i < count; i++)
		at[i] = edit_code(s, &original, code[i]);
	if (is_table)
		entry = edit_table(s, number, table, &size);
	s->tally->edits++;
	judge(s, number, count ? at[0] : 0, is_table);
	if (is_table) {
		struct verifier_finding finding;

		memcpy(entry, table, size);
		/* Prepares it anew for what is there again. */
		(void)verifier_begin(&s->image, &s->facts, s->scratch, &finding);
	}
	while (count--)
		memcpy(s->code + original.code_offset + at[count], code[count], SAVED_BYTES);
}
