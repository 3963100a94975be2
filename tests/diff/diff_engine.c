/*
 * The tool of differential testing: writes generated modules, runs modules.
 *
 *	diff_engine generate [--plain] [--skip LIST] SEED COUNT DIR
 *	diff_engine run [--passes=LIST] [--baseline] [--verbose] [--variants N] FILE...
 *
 * `generate` writes DIR/SEED.wasm, DIR/SEED+1.wasm, … and prints how many nodes
 * each has; LIST has the numbers of those to leave out, ascending, with commas;
 * --plain: nothing beyond WebAssembly 2.0.
 * `run` prints for each file what oracle.js prints. It also compiles each in N
 * other ways (a pass less, none, no processor features, strict accesses; all of
 * them if N is more), and says so if what comes out differs.
 */
#include "tests/diff/engine.h"
#include "tests/diff/gen.h"

#include "kernel/port/cpu.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { SKIPS_MAX = 100000, FILE_SECONDS = 30 };

static const char *current_file;

static void
end_by_signal(int signal_number)
{
	static const char text[] = "\nhang or crash in: ";
	ssize_t ignored = write(STDOUT_FILENO, text, sizeof(text) - 1);

	ignored += write(STDOUT_FILENO, current_file, strlen(current_file));
	ignored += write(STDOUT_FILENO, "\n", 1);
	(void)ignored;
	_exit(signal_number == SIGALRM ? 4 : 3);
}

/* ---- generate ---- */

static size_t
parse_skips(const char *text, uint32_t *skips)
{
	size_t count = 0;

	while (*text && count < SKIPS_MAX) {
		char *end;

		skips[count++] = (uint32_t)strtoul(text, &end, 10);
		text = *end == ',' ? end + 1 : end;
	}
	return count;
}

static int
generate(int argc, char **argv)
{
	static uint32_t skips[SKIPS_MAX];
	struct gen_request request = { .skip = skips };

	if (argc > 1 && strcmp(argv[0], "--plain") == 0) {
		request.is_plain = true;
		argc--;
		argv++;
	}
	if (argc > 2 && strcmp(argv[0], "--skip") == 0) {
		request.skip_count = parse_skips(argv[1], skips);
		argc -= 2;
		argv += 2;
	}
	if (argc != 3)
		return 2;
	request.seed = strtoull(argv[0], NULL, 0);
	uint64_t end = request.seed + strtoull(argv[1], NULL, 0);
	for (; request.seed < end; request.seed++) {
		uint32_t nodes;
		struct buffer module = gen_module(&request, &nodes);
		char path[512];

		snprintf(path, sizeof(path), "%s/%" PRIu64 ".wasm", argv[2], request.seed);
		FILE *file = fopen(path, "wb");
		if (!file || fwrite(module.bytes, 1, module.len, file) != module.len ||
		    fclose(file) != 0) {
			fprintf(stderr, "diff_engine: cannot write %s\n", path);
			return 2;
		}
		printf("%s %u\n", path, nodes);
		buffer_free(&module);
	}
	return 0;
}

/* ---- run ---- */

struct settings {
	struct compiler_options options;
	bool is_verbose;
	uint32_t variants;
};

/* Way `number` of compiling, in words too. */
static void
set_variant(struct compiler_options *options, uint32_t number, char *name, size_t name_len)
{
	options->cpu_features = number % 2 ? 0 : port_cpu_features();
	number /= 2;
	if (number < COMPILER_PASS_COUNT) {
		options->disabled_passes = (uint32_t)1 << number;
		snprintf(name, name_len, "--passes=-%s",
			 compiler_pass_text((enum compiler_pass)number));
	} else if (number == COMPILER_PASS_COUNT) {
		options->disabled_passes = ((uint32_t)1 << COMPILER_PASS_COUNT) - 1;
		snprintf(name, name_len, "--passes=-all");
	} else if (number == COMPILER_PASS_COUNT + 1) {
		options->strict_accesses = true;
		snprintf(name, name_len, "--strict");
	} else {
		snprintf(name, name_len, "all passes");
	}
	if (options->cpu_features == 0)
		strncat(name, " --baseline", name_len - strlen(name) - 1);
}

static void
run_variants(const uint8_t *bytes, size_t len, const struct settings *settings,
	     const struct buffer *expected)
{
	enum { VARIANTS = 2 * (COMPILER_PASS_COUNT + 3) };
	const char *base = strrchr(current_file, '/');
	uint32_t hash = 0;

	/* By name, not by contents: a module that is being reduced keeps its ways. */
	for (base = base ? base + 1 : current_file; *base; base++)
		hash = hash * 31 + (uint8_t)*base;
	uint32_t step = settings->variants < VARIANTS ? 7 : 1;
	for (uint32_t i = 0; i < settings->variants && i < VARIANTS; i++) {
		struct compiler_options options = settings->options;
		struct buffer out = { 0 };
		char name[64];

		set_variant(&options, (hash + i * step) % VARIANTS, name, sizeof(name));
		engine_run(bytes, len, &options, settings->is_verbose, &out);
		if (out.len != expected->len || memcmp(out.bytes, expected->bytes, out.len) != 0)
			printf("differs when compiled with %s\n%.*s", name, (int)out.len,
			       out.bytes);
		buffer_free(&out);
	}
}

static bool
read_file(const char *path, struct buffer *out)
{
	FILE *file = fopen(path, "rb");
	uint8_t block[2048];
	size_t len;

	if (!file)
		return false;
	while ((len = fread(block, 1, sizeof(block), file)) > 0)
		put_bytes(out, block, len);
	return fclose(file) == 0 && out->len > 0;
}

static bool
parse_option(const char *option, const char *value, struct settings *settings, int *used)
{
	const char *bad;

	*used = 1;
	if (strcmp(option, "--verbose") == 0) {
		settings->is_verbose = true;
	} else if (strcmp(option, "--baseline") == 0) {
		settings->options.cpu_features = 0;
	} else if (strcmp(option, "--strict") == 0) {
		settings->options.strict_accesses = true;
	} else if (strcmp(option, "--variants") == 0 && value) {
		settings->variants = (uint32_t)strtoul(value, NULL, 0);
		*used = 2;
	} else {
		return strncmp(option, "--passes=", 9) == 0 &&
		       compiler_options_set_passes(&settings->options, option + 9, &bad) == NB_OK;
	}
	return true;
}

static int
run(int argc, char **argv)
{
	struct settings settings = { 0 };
	int at = 0, used;

	compiler_options_init(&settings.options);
	settings.options.check = true;
	settings.options.cpu_features = port_cpu_features();
	for (; at < argc && argv[at][0] == '-'; at += used)
		if (!parse_option(argv[at], at + 1 < argc ? argv[at + 1] : NULL, &settings, &used))
			return 2;
	if (engine_init() != NB_OK) {
		fprintf(stderr, "diff_engine: no memory\n");
		return 2;
	}
	signal(SIGALRM, end_by_signal);
	signal(SIGABRT, end_by_signal);
	for (; at < argc; at++) {
		struct buffer bytes = { 0 }, out = { 0 };

		current_file = argv[at];
		if (!read_file(current_file, &bytes)) {
			fprintf(stderr, "diff_engine: cannot read %s\n", current_file);
			return 2;
		}
		printf("== %s\n", current_file);
		fflush(stdout);
		alarm(FILE_SECONDS);
		engine_run(bytes.bytes, bytes.len, &settings.options, settings.is_verbose, &out);
		fwrite(out.bytes, 1, out.len, stdout);
		run_variants(bytes.bytes, bytes.len, &settings, &out);
		alarm(0);
		buffer_free(&out);
		buffer_free(&bytes);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	int status = 2;

	if (argc > 2 && strcmp(argv[1], "generate") == 0)
		status = generate(argc - 2, argv + 2);
	else if (argc > 2 && strcmp(argv[1], "run") == 0)
		status = run(argc - 2, argv + 2);
	if (status == 2)
		fprintf(stderr,
			"usage: diff_engine generate [--plain] [--skip LIST] SEED COUNT DIR\n"
			"       diff_engine run [--passes=LIST] [--baseline] [--strict] "
			"[--verbose]\n"
			"                       [--variants N] FILE...\n");
	return status;
}
