/*
 * Compiles modules in several ways and says of each what the verifier found.
 *
 *	fault_check LIST [CLEAN SEED]
 *
 * LIST is a file with one path per line. For each module and way one line:
 * `NUMBER WAY HASH VERDICT`, NUMBER that of the path, HASH one of everything
 * that the compiler made, VERDICT the name of the rule that refused the code,
 * NONE if it was accepted, or COMPILER if the compiler gave up. Modules that do
 * not decode have no line. faults.py links this with compilers that have faults.
 *
 * CLEAN is what that says of a compiler without faults. Accepted code that
 * differs from its then runs in the emulator, functions of it chosen by the seed;
 * the verdict is CONFINED, or ESCAPE if one did what the contract does not permit.
 * What could not run, since it has more memories than the emulator, stays NONE.
 */
#include "compiler/compiler.h"
#include "kernel/code/verify.h"

#include "tests/verifier/emulate.h"
#include "tests/verifier/module_facts.h"
#include "tests/wasm/host_arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first way has AVX in every other module. */
static const struct {
	const char *passes;
	uint32_t features;
} ways[] = {
	{ "+all", NB_CPU_BMI1 | NB_CPU_BMI2 | NB_CPU_LZCNT },
	{ "-all", 0 },
};
enum { WAY_COUNT = sizeof(ways) / sizeof(*ways) };

/* Of accepted code: functions per module; of each, runs in different states, until
 * enough instructions ran, along ordinary ways and wrong ones. */
enum { FUNCTIONS_RUN = 12, STATES = 8, STEPS = 1000, STEPS_FORCED = 512, ENOUGH = 1500 };

static struct emulator *emulator; /* NULL: nothing runs */
static uint64_t *clean;		  /* hashes, WAY_COUNT per module */
static unsigned clean_count;
static uint64_t seed;

static const char *const rule_names[VERIFIER_RULE_COUNT] = {
#define VERIFIER_RULE(name, text) #name,
#include "verifier/rule.def"
#undef VERIFIER_RULE
};

static uint64_t
hash(uint64_t so_far, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		so_far = (so_far ^ bytes[i]) * UINT64_C(0x100000001b3);
	return so_far;
}

static uint64_t
hash_image(const struct nb_code_image *image)
{
	uint64_t h = hash(UINT64_C(0xcbf29ce484222325), image->code, image->code_size);

	h = hash(h, &image->cpu_features, sizeof(image->cpu_features));
	h = hash(h, image->functions, sizeof(*image->functions) * image->function_count);
	h = hash(h, image->sites, sizeof(*image->sites) * image->site_count);
	return hash(h, image->claims, sizeof(*image->claims) * image->claim_count);
}

/* Whether some of the image's functions stay inside the contract. */
static const char *
run(const struct wasm_module *module, const struct nb_code_image *image, uint32_t features,
    struct arena *arena)
{
	struct verifier_facts facts;
	uint32_t count = image->function_count;
	uint32_t some = count < FUNCTIONS_RUN ? count : FUNCTIONS_RUN;

	module_facts(module, features, arena, &facts);
	if (!emulator_instance(emulator, image, &facts, seed))
		return "NONE";
	for (uint32_t i = 0; i < some; i++) {
		uint32_t number = some == count ? i : (uint32_t)((seed + i * 2654435761u) % count);

		for (uint32_t forced = 0; forced < 2; forced++) {
			struct emulation job = { .seed = seed + i,
						 .runs = STATES,
						 .steps = forced ? STEPS_FORCED : STEPS,
						 .enough = ENOUGH,
						 .is_forced = forced };

			if (emulator_run(emulator, image, number, &job))
				continue;
			fprintf(stderr, "function %u at 0x%x: %s\n", number,
				image->functions[number].code_offset, job.escape);
			return "ESCAPE";
		}
	}
	return "CONFINED";
}

/* What became of one module. */
struct outcome {
	uint64_t hash;	     /* of what the compiler made; 0 if it gave up */
	const char *verdict; /* NULL if there is no memory */
};

/* Accepted code runs if it is not what *expected is the hash of; NULL: none does. */
static struct outcome __attribute__((noinline))
examine(const struct wasm_module *module, const struct compiler_options *options,
	const uint64_t *expected, const char *name)
{
	struct host_arena host, scratch;
	struct nb_code_image image;
	struct verifier_finding finding;
	struct outcome out = { 0, "COMPILER" };
	struct diag diag;

	host_arena_init(&host, SIZE_MAX);
	host_arena_init(&scratch, SIZE_MAX);
	diag_init(&diag);
	if (compiler_compile(module, options, &host.source, &host.arena, &image, &diag) == NB_OK) {
		struct code_verify job = { .module = module,
					   .image = &image,
					   .cpu_features = options->cpu_features,
					   .scratch = &scratch.arena };
		enum nb_status status = code_verify(&job, &finding, &diag);

		out.hash = hash_image(&image);
		out.verdict = rule_names[finding.rule];
		if (status == NB_OK && expected && *expected != out.hash)
			out.verdict = run(module, &image, options->cpu_features, &scratch.arena);
		if (status == NB_NOT_TRUSTED)
			fprintf(stderr, "%s %s\n", name, diag.text);
		else if (status != NB_OK)
			out.verdict = NULL;
	}
	arena_reset(&host.arena);
	arena_reset(&scratch.arena);
	return out;
}

/* False if there is no memory. */
static bool
check(const struct wasm_module *module, unsigned number, unsigned way)
{
	struct compiler_options options;
	const char *bad;
	const uint64_t *expected =
		emulator && number < clean_count ? &clean[number * WAY_COUNT + way] : NULL;
	char name[32];

	compiler_options_init(&options);
	options.cpu_features = ways[way].features;
	if (way == 0 && number % 2)
		options.cpu_features |= NB_CPU_AVX;
	if (compiler_options_set_passes(&options, ways[way].passes, &bad) != NB_OK)
		abort();
	snprintf(name, sizeof(name), "%u %u", number, way);
	struct outcome out = examine(module, &options, expected, name);

	if (out.verdict)
		printf("%s %016" PRIx64 " %s\n", name, out.hash, out.verdict);
	return out.verdict != NULL;
}

static bool __attribute__((noinline)) check_file(const char *path, unsigned number)
{
	const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						.code = WASM_CODE_VALIDATE };
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	size_t len = 0;
	bool is_good = true;
	uint8_t *bytes = host_read_file(path, &len);

	if (!bytes)
		return false;
	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	if (wasm_module_decode(&module, &host.arena, bytes, len, &features, &diag) == NB_OK)
		for (unsigned way = 0; is_good && way < WAY_COUNT; way++)
			is_good = check(&module, number, way);
	arena_reset(&host.arena);
	free(bytes);
	return is_good;
}

/* What a run without faults has printed. */
static bool
read_clean(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned number, way;
	uint64_t value;

	if (!file)
		return false;
	while (fscanf(file, "%u %u %" SCNx64 " %*s", &number, &way, &value) == 3) {
		if (number >= clean_count) {
			clean = realloc(clean, sizeof(*clean) * WAY_COUNT * (number + 1));
			if (!clean)
				abort();
			while (clean_count <= number)
				memset(&clean[WAY_COUNT * clean_count++], 0,
				       sizeof(*clean) * WAY_COUNT);
		}
		if (way < WAY_COUNT)
			clean[number * WAY_COUNT + way] = value;
	}
	fclose(file);
	return true;
}

int
main(int argc, char **argv)
{
	FILE *list = argc == 2 || argc == 4 ? fopen(argv[1], "r") : NULL;
	char path[2048];

	if (!list) {
		fprintf(stderr, "usage: fault_check LIST [CLEAN SEED]\n");
		return 2;
	}
	if (argc == 4) {
		seed = strtoull(argv[3], NULL, 0);
		emulator = emulator_open();
		if (!emulator || !read_clean(argv[2]))
			return 2;
	}
	for (unsigned number = 0; fgets(path, sizeof(path), list); number++) {
		path[strcspn(path, "\n")] = '\0';
		if (!check_file(path, number)) {
			fprintf(stderr, "%s: cannot be read, or memory is used up\n", path);
			return 2;
		}
	}
	fclose(list);
	if (emulator)
		emulator_close(emulator);
	free(clean);
	return 0;
}
