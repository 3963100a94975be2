/*
 * Compiles modules in several ways and verifies all of their code.
 *
 *	verify_modules [--passes=LIST] FILE.wasm...
 *	verify_modules --list-passes
 *
 * Prints what is refused and ends with `N passed, N failed`. Modules that are
 * not valid count as passed: others test those.
 */
#include "compiler/compiler.h"
#include "kernel/code/verify.h"

#include "tests/wasm/host_arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ALL_FEATURES = NB_CPU_AVX | NB_CPU_BMI1 | NB_CPU_BMI2 | NB_CPU_LZCNT };

struct totals {
	uint64_t code_bytes;
	double seconds;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool
verify_image(const char *file, const struct wasm_module *module,
	     const struct compiler_options *options, struct totals *totals)
{
	struct host_arena host, scratch;
	struct nb_code_image image;
	struct diag diag;
	bool is_good = true;

	host_arena_init(&host, SIZE_MAX);
	host_arena_init(&scratch, SIZE_MAX);
	diag_init(&diag);
	enum nb_status status =
		compiler_compile(module, options, &host.source, &host.arena, &image, &diag);
	if (status == NB_OK) {
		struct code_verify job = { .module = module,
					   .image = &image,
					   .cpu_features = options->cpu_features,
					   .scratch = &scratch.arena };
		double start = now();

		status = code_verify(&job, NULL, &diag);
		totals->seconds += now() - start;
		totals->code_bytes += image.code_size;
		is_good = status == NB_OK;
	} else if (status == NB_INTERNAL) {
		is_good = false;
	}
	if (!is_good)
		printf("%s: %s\n", file, diag.text);
	arena_reset(&host.arena);
	arena_reset(&scratch.arena);
	return is_good;
}

static bool
verify_file(const char *file, const char *passes, struct totals *totals)
{
	static const struct {
		const char *passes;
		uint32_t features;
	} ways[] = { { "+all", ALL_FEATURES }, { "+all", 0 }, { "-all", 0 } };
	const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						.code = WASM_CODE_VALIDATE };
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	size_t len = 0;
	bool is_good = true;
	uint8_t *bytes = host_read_file(file, &len);

	if (!bytes) {
		printf("%s: cannot be read\n", file);
		return false;
	}
	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	if (wasm_module_decode(&module, &host.arena, bytes, len, &features, &diag) == NB_OK)
		for (uint32_t i = 0; is_good && i < sizeof(ways) / sizeof(*ways); i++) {
			struct compiler_options options;
			const char *bad;

			compiler_options_init(&options);
			options.cpu_features = ways[i].features;
			if (passes)
				i = sizeof(ways) / sizeof(*ways);
			if (compiler_options_set_passes(&options, passes ? passes : ways[i].passes,
							&bad) == NB_OK)
				is_good = verify_image(file, &module, &options, totals);
		}
	arena_reset(&host.arena);
	free(bytes);
	return is_good;
}

int
main(int argc, char **argv)
{
	struct totals totals = { 0 };
	const char *passes = NULL;
	int failed = 0, first = 1;

	if (argc > 1 && strcmp(argv[1], "--list-passes") == 0) {
		for (uint32_t i = 0; i < COMPILER_PASS_COUNT; i++)
			puts(compiler_pass_text((enum compiler_pass)i));
		return 0;
	}
	if (argc > 1 && strncmp(argv[1], "--passes=", 9) == 0)
		passes = argv[first++] + 9;
	for (int i = first; i < argc; i++)
		failed += !verify_file(argv[i], passes, &totals);
	printf("%.1f MB of code, %.0f MB/s\n", (double)totals.code_bytes * 1e-6,
	       (double)totals.code_bytes * 1e-6 / (totals.seconds + 1e-9));
	printf("%d passed, %d failed\n", argc - first - failed, failed);
	return failed != 0;
}
