/*
 * Mutation of machine code that the verifier accepts.
 *
 *	mutate [--OPTION VALUE]... [FILE.wasm]...
 *
 * Compiles each module in three ways and runs it unchanged; then flips single bits of
 * its code (all bits of functions chosen by the seed) and makes random edits, also
 * of the tables. What the verifier still accepts runs in the emulator, in hostile
 * states and also on mispredicted ways. Status 1: something escaped.
 *
 *   --seed N
 *   --flips N, --edits N  how many, per module
 *   --steps N             instructions for which each mutation runs, in several
 *                         states if it ends before
 *   --window N            instructions on mispredicted ways in one state
 *   --runs N              states for each function that is not changed; 0: it does not run
 *   --aimed N             more of them, led to what has not run yet
 *   --cases 1             mutates the code by hand of test_rules too
 *   --forced 1            runs only on mispredicted ways
 *   --without RULE        leaves out a rule of the verifier, to see that this is
 *                         noticed; the first escape is enough
 */
#include "tests/verifier/mutate.h"
#include "abi/trap.h"
#include "compiler/compiler.h"
#include "kernel/code/verify.h"
#include "tests/verifier/cases.h"
#include "tests/verifier/module_facts.h"
#include "tests/wasm/host_arena.h"
#include "verifier/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES = NB_CPU_AVX | NB_CPU_BMI1 | NB_CPU_BMI2 | NB_CPU_LZCNT };

/* How each module is compiled. */
static const struct {
	const char *passes;
	uint32_t features;
} ways[] = { { "+all", FEATURES }, { "+all", 0 }, { "-all", FEATURES } };
enum { WAY_COUNT = sizeof(ways) / sizeof(*ways) };

/* Runs that reach nothing new, after which a function is left. */
enum { IDLE_RUNS = 30 };

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

/* With a rule left out one escape is enough. */
bool
mutate_is_enough(const struct subject *s)
{
	return rule_left_out != VERIFIER_RULE_COUNT && s->tally->escapes;
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
	s->scratch = arena_alloc(arena, verifier_scratch_bytes(image), VERIFIER_SCRATCH_ALIGN);
	s->marks = arena_alloc(arena, verifier_marks_bytes(image) + 4 * image->code_size,
			       VERIFIER_SCRATCH_ALIGN);
}

/* The unchanged code must pass: else the emulator's idea of the contract is wrong. */
static bool
run_unchanged(struct subject *s)
{
	struct verifier_finding finding;
	struct emulation *work = &s->tally->unchanged;

	if (!verify_image(&s->image, &s->facts, &finding)) {
		printf("%s: refused unchanged: %s\n", s->file, code_rule_text(finding.rule));
		return false;
	}
	for (uint32_t i = 0; s->runs && i < s->image.function_count; i++)
		for (uint32_t forced = s->is_forced; forced < 2; forced++) {
			work->seed = s->seed + i;
			work->is_forced = forced;
			work->runs = s->runs;
			work->steps = forced ? s->window : s->steps;
			work->idle = IDLE_RUNS;
			work->aimed = forced && s->runs ? s->aimed : 0;
			if (emulator_run(s->emulator, &s->image, i, work))
				continue;
			printf("%s: function %u at 0x%x, unchanged: %s\n", s->file, i,
			       s->image.functions[i].code_offset, work->escape);
			return false;
		}
	return true;
}

/* Everything with s->image and s->facts. */
static bool
mutate_image(struct subject *s, struct arena *arena, uint64_t flips, uint64_t edits)
{
	struct verifier_finding finding;

	own_image(s, arena);
	s->tally->code_bytes += s->image.code_size;
	if (!emulator_instance(s->emulator, &s->image, &s->facts, s->seed) || !run_unchanged(s))
		return false;
	if (!verifier_begin(&s->image, &s->facts, s->scratch, &finding))
		return false;
	mutate_flips(s, flips);
	for (uint64_t i = 0; i < edits && !mutate_is_enough(s); i++)
		mutate_edit(s);
	return true;
}

static bool
mutate_module(struct subject *s, uint32_t way, uint64_t flips, uint64_t edits)
{
	struct host_arena host;
	struct compiler_options options;
	struct diag diag;
	const char *bad;
	bool is_good = true;

	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	compiler_options_init(&options);
	options.cpu_features = ways[way].features;
	if (compiler_options_set_passes(&options, ways[way].passes, &bad) != NB_OK ||
	    compiler_compile(s->module, &options, &host.source, &host.arena, &s->image, &diag) !=
		    NB_OK) {
		printf("%s: %s\n", s->file, diag.text);
		is_good = false;
	} else if (s->image.function_count) {
		module_facts(s->module, ways[way].features, &host.arena, &s->facts);
		is_good = mutate_image(s, &host.arena, flips, edits);
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
		for (uint32_t way = 0; way < WAY_COUNT && is_good && !mutate_is_enough(s); way++)
			is_good = mutate_module(s, way, flips / WAY_COUNT, edits / WAY_COUNT);
	}
	arena_reset(&host.arena);
	free(bytes);
	return is_good;
}

/* The code by hand that test_rules expects to be accepted. */
static int
mutate_cases(struct subject *s, uint64_t flips, uint64_t edits)
{
	static const struct verifier_case *const tables[] = { cases_stream, cases_registers,
							      cases_memory, cases_calls,
							      cases_tail,   cases_port };
	static struct builder b;
	int failed = 0;

	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
		for (const struct verifier_case *c = tables[t]; c->build; c++) {
			if (c->rule != VERIFIER_NONE || mutate_is_enough(s))
				continue;
			builder_init(&b);
			c->build(&b);
			builder_finish(&b);
			s->file = c->name;
			s->image = b.image;
			s->facts = builder_facts(&b);
			s->facts.cpu_features = FEATURES;
			failed += !mutate_image(s, &b.host.arena, flips, edits);
			builder_release(&b);
		}
	return failed;
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

static void
print_tally(const struct tally *tally, int failed)
{
	const struct emulation *work = &tally->work, *unchanged = &tally->unchanged;

	printf("unchanged: %.2f MB of code, %" PRIu64 " instructions run, %.1f %% of those there "
	       "are\n",
	       (double)tally->code_bytes * 1e-6, unchanged->executed,
	       unchanged->all ? 100.0 * (double)unchanged->seen / (double)unchanged->all : 0.0);
	printf("%" PRIu64 " flips, %" PRIu64 " edits, %" PRIu64 " accepted, %" PRIu64
	       " of them run where they are changed, %" PRIu64 " instructions run (%" PRIu64
	       " calls, %" PRIu64 " returns, %" PRIu64 " tail calls, %" PRIu64 " traps)\n",
	       tally->flips, tally->edits, tally->accepted, tally->reached, work->executed,
	       work->calls, work->returns, work->tails, work->traps);
	printf("%" PRIu64 " escapes, %d modules failed\n", tally->escapes, failed);
}

struct settings {
	uint64_t flips, edits, seed;
	bool has_cases;
};

static bool
take_option(struct subject *s, struct settings *settings, const char *name, const char *value)
{
	uint64_t number = strtoull(value, NULL, 0);

	if (strcmp(name, "without") == 0)
		return set_rule_left_out(value);
	else if (strcmp(name, "seed") == 0)
		settings->seed = number;
	else if (strcmp(name, "flips") == 0)
		settings->flips = number;
	else if (strcmp(name, "edits") == 0)
		settings->edits = number;
	else if (strcmp(name, "steps") == 0)
		s->steps = (uint32_t)number;
	else if (strcmp(name, "window") == 0)
		s->window = (uint32_t)number;
	else if (strcmp(name, "runs") == 0)
		s->runs = (uint32_t)number;
	else if (strcmp(name, "aimed") == 0)
		s->aimed = (uint32_t)number;
	else if (strcmp(name, "cases") == 0)
		settings->has_cases = number != 0;
	else if (strcmp(name, "forced") == 0)
		s->is_forced = number != 0;
	else
		return false;
	return true;
}

int
main(int argc, char **argv)
{
	struct tally tally = { 0 };
	struct subject s = {
		.tally = &tally, .steps = 2000, .window = 512, .runs = 40, .aimed = 300
	};
	struct settings settings = { .flips = 1000, .edits = 1000, .seed = 1 };
	bool is_right = true;
	int first = 1, failed = 0;

	for (; first + 1 < argc && strncmp(argv[first], "--", 2) == 0; first += 2)
		is_right &= take_option(&s, &settings, argv[first] + 2, argv[first + 1]);
	if (!is_right || (first >= argc && !settings.has_cases)) {
		fputs("usage: mutate [--OPTION VALUE]... [FILE.wasm]...\n", stderr);
		return 2;
	}
	s.emulator = emulator_open();
	if (!s.emulator)
		return 2;
	s.seed = s.rng = settings.seed;
	s.is_weak = rule_left_out != VERIFIER_RULE_COUNT;
	if (settings.has_cases)
		failed += mutate_cases(&s, settings.flips, settings.edits);
	for (int i = first; i < argc && !mutate_is_enough(&s); i++) {
		s.file = argv[i];
		s.seed = s.rng = settings.seed * 1000003 + (uint64_t)i;
		failed += !mutate_file(&s, settings.flips, settings.edits);
	}
	emulator_close(s.emulator);
	print_tally(&tally, failed);
	return tally.escapes || failed ? 1 : 0;
}
