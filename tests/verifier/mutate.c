/*
 * Mutation of machine code that the verifier accepts.
 *
 *	mutate --emulator LIBRARY [--seed N] [--flips N] [--edits N] [--steps N]
 *	       [--without RULE] FILE.wasm...
 *
 * Compiles each module in two ways, flips N single bits of its code (all bits of
 * functions chosen by the seed) and makes N random edits, also of the tables. What
 * the verifier still accepts runs in the emulator. Status 1: something escaped.
 * --without leaves out a rule of the verifier, to see that this is noticed.
 */
#include "abi/trap.h"
#include "compiler/compiler.h"
#include "tests/verifier/emulate.h"
#include "tests/verifier/module_facts.h"
#include "tests/wasm/host_arena.h"
#include "verifier/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Features that the emulator knows. */
enum { FEATURES = NB_CPU_BMI1 | NB_CPU_BMI2 | NB_CPU_LZCNT };
enum { SAVED_BYTES = 16, STATES = 3, ESCAPES_SHOWN = 10 };

struct tally {
	uint64_t flips, edits, accepted, escapes, code_bytes;
	struct emulation work;
};

struct subject {
	const char *file;
	const struct wasm_module *module;
	struct nb_code_image image; /* with arrays that may be written */
	struct verifier_facts facts;
	uint8_t *code;
	struct nb_code_function *functions;
	struct nb_code_site *sites;
	struct nb_code_claim *claims;
	void *scratch;
	struct emulator *emulator;
	struct tally *tally;
	uint64_t rng, seed;
	uint32_t steps;
	char what[100]; /* the mutation */
};

static enum verifier_rule rule_left_out = VERIFIER_RULE_COUNT;

/* In place of the verifier's own. */
bool
scan_refuse(struct scan *s, enum verifier_rule rule)
{
	if (rule == rule_left_out)
		return true;
	*s->finding = (struct verifier_finding){
		.rule = rule,
		.function = (uint32_t)(s->function - s->image->functions),
		.code_offset = s->function->code_offset + s->at,
	};
	return false;
}

static uint32_t
pick(struct subject *s, uint64_t below)
{
	s->rng = s->rng * 6364136223846793005ull + 1442695040888963407ull;
	return below ? (uint32_t)((s->rng >> 33) % below) : 0;
}

/* --- one mutation ---------------------------------------------------------------- */

/* Verifies the mutated function and runs it if that accepts it. */
static void
judge(struct subject *s, uint32_t number, bool is_table)
{
	struct verifier_finding finding;
	struct emulation *work = &s->tally->work;

	if (is_table && !verifier_begin(&s->image, &s->facts, s->scratch, &finding))
		return;
	if (!verifier_function(&s->image, &s->facts, number, s->scratch, &finding))
		return;
	s->tally->accepted++;
	for (uint32_t i = 0; i < 2; i++) {
		work->seed = s->seed ^ s->rng ^ i;
		work->is_forced = i;
		work->runs = STATES;
		work->steps = s->steps;
		if (emulator_run(s->emulator, &s->image, number, work))
			continue;
		if (s->tally->escapes++ < ESCAPES_SHOWN)
			printf("%s: function %u at 0x%x, %s: %s\n", s->file, number,
			       s->image.functions[number].code_offset, s->what, work->escape);
		break;
	}
}

static void
flip_bit(struct subject *s, uint32_t number, uint32_t at, uint32_t bit)
{
	uint8_t *byte = &s->code[s->functions[number].code_offset + at];

	snprintf(s->what, sizeof(s->what), "bit %u of +0x%x flipped", bit, at);
	*byte ^= (uint8_t)(1u << bit);
	s->tally->flips++;
	judge(s, number, false);
	*byte ^= (uint8_t)(1u << bit);
}

/* With a rule left out one escape is enough. */
static bool
is_enough(const struct subject *s)
{
	return rule_left_out != VERIFIER_RULE_COUNT && s->tally->escapes;
}

static void
flip_bits(struct subject *s, uint64_t count)
{
	while (count && !is_enough(s)) {
		uint32_t number = pick(s, s->image.function_count);
		uint32_t size = s->functions[number].code_size;
		uint32_t start = 8ull * size > count ? pick(s, size) : 0;

		for (uint32_t i = 0; i < size && count; i++)
			for (uint32_t bit = 0; bit < 8 && count && !is_enough(s); bit++, count--)
				flip_bit(s, number, (start + i) % size, bit);
	}
}

/* Bytes of one instruction at `at`, by the verifier's decoder, 0: none. */
static uint32_t
length_at(struct subject *s, const struct nb_code_function *function, uint32_t at)
{
	struct vf_inst inst;

	if (at >= function->code_size ||
	    vf_decode(s->scratch, s->code + function->code_offset + at, function->code_size - at,
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

static void
put_nops(uint8_t *at, uint32_t len)
{
	memset(at, 0x90, len);
}

/* Writes an edit into the code; returns where, and saves up to SAVED_BYTES there. */
static uint32_t
edit_code(struct subject *s, const struct nb_code_function *function, uint8_t *saved)
{
	static const uint32_t values[] = { 0,	       1,	   7,	      8,
					   16,	       0x7f,	   0x80,      0x7fffffff,
					   0x80000000, 0x7fff0000, 0xffffffff };
	uint32_t at = find_instruction(s, function, pick(s, function->code_size));
	uint32_t len = length_at(s, function, at), kind = pick(s, 6), from, count;
	uint8_t *code = s->code + function->code_offset;

	if (len == 0)
		at = pick(s, function->code_size), len = 1, kind = 0;
	memcpy(saved, code + at, SAVED_BYTES);
	const struct nb_code_function *other = &s->functions[pick(s, s->image.function_count)];

	switch (kind) {
	case 0: /* random bytes */
		count = 1 + pick(s, 8);
		for (uint32_t i = 0; i < count && at + i < function->code_size; i++)
			code[at + i] = (uint8_t)pick(s, 256);
		break;
	case 1: /* another instruction of the same length */
		for (uint32_t tries = 0; tries < 8; tries++) {
			from = find_instruction(s, other, pick(s, other->code_size));
			if (length_at(s, other, from) != len)
				continue;
			memmove(code + at, s->code + other->code_offset + from, len);
			break;
		}
		break;
	case 2: /* left out */
		put_nops(code + at, len);
		break;
	case 3: /* exchanged with the next */
		count = length_at(s, function, at + len);
		if (len + count <= SAVED_BYTES) {
			memcpy(code + at, saved + len, count);
			memcpy(code + at + count, saved, len);
		}
		break;
	case 4: /* another constant */
		if (len > 5) {
			uint32_t value =
				values[pick(s, sizeof(values) / sizeof(*values))] + pick(s, 3) - 1;
			memcpy(code + at + len - 4, &value, 4);
		} else {
			code[at + len - 1] = (uint8_t)pick(s, 256);
		}
		break;
	default: /* other bytes of it */
		for (uint32_t i = 1 + pick(s, 2); i; i--)
			code[at + pick(s, len)] = (uint8_t)pick(s, 256);
	}
	snprintf(s->what, sizeof(s->what), "edit %u of +0x%x", kind, at);
	return at;
}

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

static void
edit_once(struct subject *s)
{
	uint32_t number = pick(s, s->image.function_count), at = 0;
	const struct nb_code_function original = s->functions[number];
	uint8_t code[SAVED_BYTES], table[sizeof(struct nb_code_function)];
	bool is_table = pick(s, 4) == 0, is_code = !is_table || pick(s, 2);
	void *entry = NULL;
	size_t size = 0;

	s->what[0] = 0;
	if (is_code)
		at = edit_code(s, &original, code);
	if (is_table)
		entry = edit_table(s, number, table, &size);
	s->tally->edits++;
	judge(s, number, is_table);
	if (is_table)
		memcpy(entry, table, size);
	if (is_code)
		memcpy(s->code + original.code_offset + at, code, SAVED_BYTES);
}

/* --- modules ----------------------------------------------------------------------- */

static void *
copy_of(struct arena *arena, const void *bytes, size_t size, size_t spare)
{
	uint8_t *copy = arena_alloc(arena, size + spare, VERIFIER_SCRATCH_ALIGN);

	memset(copy + size, 0xcc, spare);
	return size ? memcpy(copy, bytes, size) : copy;
}

/* Makes all of the image writable, with bytes behind the code that edits may save. */
static void
own_image(struct subject *s, struct arena *arena)
{
	struct nb_code_image *image = &s->image;

	s->code = copy_of(arena, image->code, image->code_size, SAVED_BYTES);
	s->functions =
		copy_of(arena, image->functions, sizeof(*s->functions) * image->function_count, 0);
	s->sites = copy_of(arena, image->sites, sizeof(*s->sites) * image->site_count, 0);
	s->claims = copy_of(arena, image->claims, sizeof(*s->claims) * image->claim_count, 0);
	image->code = s->code;
	image->functions = s->functions;
	image->sites = s->sites;
	image->claims = s->claims;
	/* Edits of sizes may make a function longer than any; that is refused first. */
	s->scratch = arena_alloc(arena, verifier_scratch_bytes(image) + 4 * image->code_size,
				 VERIFIER_SCRATCH_ALIGN);
}

/* The unchanged code must pass: else the emulator's idea of the contract is wrong. */
static bool
run_unchanged(struct subject *s)
{
	struct verifier_finding finding;
	struct emulation work = { .runs = STATES, .steps = s->steps, .seed = s->seed };

	if (!verifier_check(&s->image, &s->facts, s->scratch, &finding)) {
		printf("%s: refused unchanged: %s\n", s->file, verifier_rule_text(finding.rule));
		return false;
	}
	for (uint32_t i = 0; i < 2 * s->image.function_count; i++) {
		work.is_forced = i & 1;
		if (emulator_run(s->emulator, &s->image, i / 2, &work))
			continue;
		printf("%s: function %u at 0x%x, unchanged: %s\n", s->file, i / 2,
		       s->image.functions[i / 2].code_offset, work.escape);
		return false;
	}
	return true;
}

static bool
mutate_module(struct subject *s, const char *passes, uint64_t flips, uint64_t edits)
{
	struct host_arena host;
	struct compiler_options options;
	struct diag diag;
	const char *bad;
	bool is_good = true;

	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	compiler_options_init(&options);
	options.cpu_features = FEATURES;
	if (compiler_options_set_passes(&options, passes, &bad) != NB_OK ||
	    compiler_compile(s->module, &options, &host.source, &host.arena, &s->image, &diag) !=
		    NB_OK) {
		printf("%s: %s\n", s->file, diag.text);
		is_good = false;
	} else if (s->image.function_count) {
		module_facts(s->module, FEATURES, &host.arena, &s->facts);
		own_image(s, &host.arena);
		s->tally->code_bytes += s->image.code_size;
		is_good = emulator_instance(s->emulator, &s->image, &s->facts, s->seed) &&
			  run_unchanged(s);
		if (is_good && verifier_begin(&s->image, &s->facts, s->scratch,
					      &(struct verifier_finding){ 0 })) {
			flip_bits(s, flips);
			for (uint64_t i = 0; i < edits && !is_enough(s); i++)
				edit_once(s);
		}
	}
	arena_reset(&host.arena);
	return is_good;
}

static bool
mutate_file(struct subject *s, uint64_t flips, uint64_t edits)
{
	const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						.code = WASM_CODE_VALIDATE };
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	size_t len = 0;
	bool is_good = true;
	uint8_t *bytes = host_read_file(s->file, &len);

	if (!bytes) {
		printf("%s: cannot be read\n", s->file);
		return false;
	}
	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	if (wasm_module_decode(&module, &host.arena, bytes, len, &features, &diag) == NB_OK) {
		s->module = &module;
		is_good = mutate_module(s, "+all", flips / 2, edits / 2) &&
			  mutate_module(s, "-all", flips / 2, edits / 2);
	}
	arena_reset(&host.arena);
	free(bytes);
	return is_good;
}

static bool
set_rule_left_out(const char *name)
{
	static const char *const names[] = {
#define VERIFIER_RULE(name, text) #name,
#include "verifier/rule.def"
#undef VERIFIER_RULE
	};

	for (uint32_t i = 0; i < VERIFIER_RULE_COUNT; i++)
		if (strcmp(name, names[i]) == 0)
			rule_left_out = i;
	return rule_left_out != VERIFIER_RULE_COUNT;
}

int
main(int argc, char **argv)
{
	struct tally tally = { 0 };
	struct subject s = { .tally = &tally, .steps = 2000 };
	uint64_t flips = 1000, edits = 1000, seed = 1;
	const char *library = "";
	int first = 1, failed = 0;

	for (; first + 1 < argc && strncmp(argv[first], "--", 2) == 0; first += 2) {
		const char *name = argv[first] + 2, *value = argv[first + 1];

		if (strcmp(name, "emulator") == 0)
			library = value;
		else if (strcmp(name, "seed") == 0)
			seed = strtoull(value, NULL, 0);
		else if (strcmp(name, "flips") == 0)
			flips = strtoull(value, NULL, 0);
		else if (strcmp(name, "edits") == 0)
			edits = strtoull(value, NULL, 0);
		else if (strcmp(name, "steps") == 0)
			s.steps = (uint32_t)strtoul(value, NULL, 0);
		else if (strcmp(name, "without") != 0 || !set_rule_left_out(value))
			first = argc;
	}
	if (first >= argc) {
		fputs("usage: mutate --emulator LIBRARY [--seed N] [--flips N] [--edits N]\n"
		      "              [--steps N] [--without RULE] FILE.wasm...\n",
		      stderr);
		return 2;
	}
	s.emulator = emulator_open(library);
	if (!s.emulator)
		return 2;
	for (int i = first; i < argc && !is_enough(&s); i++) {
		s.file = argv[i];
		s.seed = s.rng = seed * 1000003 + (uint64_t)i;
		failed += !mutate_file(&s, flips, edits);
	}
	emulator_close(s.emulator);
	printf("%llu flips, %llu edits, %llu accepted, %llu instructions run (%llu calls, %llu "
	       "returns, %llu tail calls, %llu traps); %.2f MB of code\n",
	       (unsigned long long)tally.flips, (unsigned long long)tally.edits,
	       (unsigned long long)tally.accepted, (unsigned long long)tally.work.executed,
	       (unsigned long long)tally.work.calls, (unsigned long long)tally.work.returns,
	       (unsigned long long)tally.work.tails, (unsigned long long)tally.work.traps,
	       (double)tally.code_bytes * 1e-6);
	printf("%llu escapes, %d modules failed\n", (unsigned long long)tally.escapes, failed);
	return tally.escapes || failed ? 1 : 0;
}
