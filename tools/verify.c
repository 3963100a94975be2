/* `nebulet verify`: proves the machine code of a module or artifact confined. */
#include "lib/diag.h"
#include "tools/code.h"
#include "tools/disassemble.h"
#include "tools/tool.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LINES_AROUND = 8, KEY_STATS = 256, RUNS_MIN = 5, RUNS_MAX = 1000 };

/* Stats are of so many seconds of verifying again, at least. */
static const double stats_seconds = 0.3;

struct options {
	const char *path;
	bool prints_stats;
};

static const struct argp_option keys[] = {
	{ "stats", KEY_STATS, NULL, 0,
	  "Print how long compiling and verifying take, by one thread and by all", 0 },
	{ 0 },
};

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_STATS:
		options->prints_stats = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->path)
			argp_error(state, "one file at a time: '%s' is one too many", value);
		options->path = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "name the module (.wasm) or artifact (.nbo) to verify");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = keys,
	.parser = parse,
	.args_doc = "FILE",
	.doc = "Prove the machine code of FILE confined: of an artifact the code that it "
	       "holds, of a WebAssembly module the code that the compiler makes of it. Exit "
	       "status 0 if all of it is, 1 if not, 2 for wrong usage.",
};

static double
seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of all threads of this process. */
static double
cpu_seconds(void)
{
	return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* One verification, with the memory for it, by one thread, or by one for each processor if
 * `threads` is 0; *out_seconds are CPU seconds of the one, or seconds for all. */
static enum nb_status
verify_once(const struct code_module *code, uint32_t threads, struct verifier_finding *finding,
	    struct diag *diag, double *out_seconds)
{
	clockid_t clock = threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
	double start = seconds(clock);
	enum nb_status status = tool_code_verify(code, threads, finding, diag);

	*out_seconds = seconds(clock) - start;
	return status;
}

static int
compare_seconds(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Verifies again and again; the median, the least and how many there are. */
static bool
measure(const struct code_module *code, uint32_t threads, double *median, double *least, int *count)
{
	static double runs[RUNS_MAX];
	struct verifier_finding finding;
	struct diag diag;
	double total = 0;

	for (*count = 0; *count < RUNS_MIN || (total < stats_seconds && *count < RUNS_MAX);) {
		diag_init(&diag);
		if (verify_once(code, threads, &finding, &diag, &runs[*count]) != NB_OK)
			return false;
		total += runs[(*count)++];
	}
	qsort(runs, (size_t)*count, sizeof *runs, compare_seconds);
	*median = runs[*count / 2];
	*least = runs[0];
	return true;
}

/* `first` is the run right after compiling, as when code is published. */
static void
print_stats(const struct code_module *code, double compile, double first)
{
	double median, least, size = (double)code->image.code_size;
	int count;

	printf("machine code: %zu bytes\n", code->image.code_size);
	printf("compile: %.6f CPU s\n", compile);
	if (!measure(code, 1, &median, &least, &count))
		return;
	printf("verify: %.6f CPU s, then %.6f median, %.6f least of %d\n", first, median, least,
	       count);
	printf("speed: %.0f MB/s median, %.0f most\n", size / 1e6 / median, size / 1e6 / least);
	if (!measure(code, 0, &median, &least, &count))
		return;
	printf("all processors: %.6f s median, %.6f least of %d: %.0f MB/s\n", median, least, count,
	       size / 1e6 / median);
}

static bool
verify(const char *path, const struct code_module *code, uint32_t threads, double *out_seconds)
{
	struct verifier_finding finding;
	struct diag diag;

	diag_init(&diag);
	enum nb_status status = verify_once(code, threads, &finding, &diag, out_seconds);

	if (status == NB_OK) {
		printf("%s: %u functions, %zu bytes of machine code: confined\n", path,
		       code->image.function_count, code->image.code_size);
		return true;
	}
	(void)tool_code_refuse(path, &diag);
	if (status == NB_NOT_TRUSTED && finding.function < code->image.function_count)
		disassemble_around(stderr, &code->image, finding.function, finding.code_offset,
				   LINES_AROUND);
	return false;
}

int
tool_verify(int argc, char **argv)
{
	struct options options = { 0 };
	struct compiler_options compiler;
	struct code_module code;
	struct diag diag;
	size_t len;
	double start, compile, first;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	const uint8_t *bytes = tool_map_file(options.path, &len);
	if (!bytes)
		return TOOL_FAILED;
	diag_init(&diag);
	code_module_init(&code, &tool_memory, TOOL_MEMORY_LIMIT);
	compiler_options_init(&compiler);
	enum nb_status status = tool_code_read(bytes, len, &code, &diag);
	start = cpu_seconds();
	if (status == NB_OK)
		status = tool_code_compile(&compiler, &code, &diag);
	compile = cpu_seconds() - start;
	if (status != NB_OK)
		return tool_code_refuse(options.path, &diag);
	if (!verify(options.path, &code, options.prints_stats ? 1 : 0, &first))
		return 1;
	if (options.prints_stats)
		print_stats(&code, compile, first);
	return 0;
}
