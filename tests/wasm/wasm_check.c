/*
 * Decodes and validates modules and says what came of each.
 *
 *	wasm_check [--repeat N] FILE...		files from the command line
 *	wasm_check -				one path a line on standard input
 *
 * Prints a line "PATH<tab>STATUS NUMBER<tab>REASON" per file; with --repeat
 * also the best time of N runs. Exits 0 if every file could be read.
 */
#include "wasm/module.h"

#include "tests/wasm/host_arena.h"

#include <time.h>

static double
now_seconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* What one decoding cost. */
struct cost {
	size_t memory_bytes;
	size_t code_bytes;
};

static enum nb_status
decode_once(const uint8_t *bytes, size_t len, struct diag *diag, struct cost *cost)
{
	const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						.code = WASM_CODE_VALIDATE };
	struct host_arena host;
	struct wasm_module module;
	enum nb_status status;

	host_arena_init(&host, (size_t)1 << 34);
	diag_init(diag);
	status = wasm_module_decode(&module, &host.arena, bytes, len, &features, diag);
	cost->memory_bytes = host.arena.used_bytes;
	cost->code_bytes = module.code_section_len;
	arena_reset(&host.arena);
	return status;
}

static bool
check_file(const char *path, int repeat)
{
	size_t len = 0;
	uint8_t *bytes = host_read_file(path, &len);
	enum nb_status status;
	struct diag diag;
	char text[512];
	struct cost cost;
	double best = 1e9;

	if (!bytes) {
		fprintf(stderr, "wasm_check: cannot read %s\n", path);
		return false;
	}
	status = decode_once(bytes, len, &diag, &cost);
	diag_format(&diag, text, sizeof(text));
	printf("%s\t%d\t%s\n", path, (int)status, status == NB_OK ? "ok" : text);
	for (int i = 0; i < repeat; i++) {
		double start = now_seconds();
		double took;

		(void)decode_once(bytes, len, &diag, &cost);
		took = now_seconds() - start;
		best = took < best ? took : best;
	}
	if (repeat > 0)
		printf("%zu bytes (%zu of code) in %.6f s: %.1f MB/s of code, %zu bytes of "
		       "memory\n",
		       len, cost.code_bytes, best, (double)cost.code_bytes / best / 1e6,
		       cost.memory_bytes);
	free(bytes);
	return true;
}

int
main(int argc, char **argv)
{
	char line[2048];
	bool all_read = true;
	int repeat = 0;
	int first = 1;

	if (argc > 2 && strcmp(argv[1], "--repeat") == 0) {
		repeat = atoi(argv[2]);
		first = 3;
	}
	if (first == argc) {
		fprintf(stderr, "usage: wasm_check [--repeat N] FILE... | wasm_check -\n");
		return 2;
	}
	for (int i = first; i < argc; i++) {
		if (strcmp(argv[i], "-") != 0) {
			all_read = check_file(argv[i], repeat) && all_read;
			continue;
		}
		while (fgets(line, sizeof(line), stdin)) {
			line[strcspn(line, "\n")] = 0;
			all_read = check_file(line, repeat) && all_read;
		}
	}
	return all_read ? 0 : 1;
}
