/*
 * Compiles modules in several ways and says of each what the verifier found.
 *
 *	fault_check LIST
 *
 * LIST is a file with one path per line. For each module and way one line:
 * `NUMBER WAY HASH VERDICT`, NUMBER that of the path, HASH one of everything
 * that the compiler made, VERDICT the name of the rule that refused the code,
 * NONE if it was accepted, or COMPILER if the compiler gave up. Modules that do
 * not decode have no line. faults.py links this with compilers that have faults.
 */
#include "compiler/compiler.h"
#include "kernel/code/verify.h"

#include "tests/wasm/host_arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *passes;
	uint32_t features;
} ways[] = {
	{ "+all", NB_CPU_AVX | NB_CPU_BMI1 | NB_CPU_BMI2 | NB_CPU_LZCNT },
	{ "-all", 0 },
};
enum { WAY_COUNT = sizeof(ways) / sizeof(*ways) };

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

/* False if there is no memory. */
static bool __attribute__((noinline))
check(const struct wasm_module *module, unsigned number, unsigned way)
{
	struct host_arena host, scratch;
	struct compiler_options options;
	struct nb_code_image image;
	struct verifier_finding finding;
	struct diag diag;
	const char *bad;
	bool is_good = true;

	host_arena_init(&host, SIZE_MAX);
	host_arena_init(&scratch, SIZE_MAX);
	diag_init(&diag);
	compiler_options_init(&options);
	options.cpu_features = ways[way].features;
	if (compiler_options_set_passes(&options, ways[way].passes, &bad) != NB_OK)
		abort();
	if (compiler_compile(module, &options, &host.source, &host.arena, &image, &diag) != NB_OK) {
		printf("%u %u 0 COMPILER\n", number, way);
	} else {
		struct code_verify job = { module, &image, options.cpu_features, NULL,
					   &scratch.arena };
		enum nb_status status = code_verify(&job, &finding, &diag);

		is_good = status == NB_OK || status == NB_NOT_TRUSTED;
		printf("%u %u %016" PRIx64 " %s\n", number, way, hash_image(&image),
		       rule_names[finding.rule]);
		if (status == NB_NOT_TRUSTED)
			fprintf(stderr, "%u %u %s\n", number, way, diag.text);
	}
	arena_reset(&host.arena);
	arena_reset(&scratch.arena);
	return is_good;
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

int
main(int argc, char **argv)
{
	FILE *list = argc == 2 ? fopen(argv[1], "r") : NULL;
	char path[2048];

	if (!list) {
		fprintf(stderr, "usage: fault_check LIST\n");
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
	return 0;
}
