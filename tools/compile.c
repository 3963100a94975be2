/* `nebulet compile`: a WebAssembly binary to an artifact. */
#include "compiler/compiler.h"
#include "kernel/code/artifact.h"
#include "lib/arena.h"
#include "lib/diag.h"
#include "tools/code.h"
#include "tools/switches.h"
#include "tools/tool.h"
#include "wasm/module.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
	const char *input;
	const char *output;
	const char *passes;
	const char *functions;
	bool prints_stats;
	bool checks;
	uint32_t jobs; /* 0: by processors */
};

enum { KEY_STATS = 256, KEY_PASSES, KEY_FUNCTIONS, KEY_CHECK };

static const struct argp_option option_table[] = {
	{ "output", 'o', "FILE", 0, "The artifact to write (default: the input's name, .nbo)", 0 },
	{ "jobs", 'j', "N", 0, "Compile with N threads (default: one for each processor)", 0 },
	{ "stats", KEY_STATS, NULL, 0, "Print sizes and times", 0 },
	{ "passes", KEY_PASSES, "LIST", 0, "Switch passes: -NAME,+NAME,-all", 0 },
	{ "functions", KEY_FUNCTIONS, "A:B", 0,
	  "Let --passes hold only for the functions of index A to B - 1", 0 },
	{ "check", KEY_CHECK, NULL, 0, "Check the compiler's work after each pass", 0 },
	{ 0 },
};

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct options *options = state->input;
	char *end;

	switch (key) {
	case 'o':
		options->output = value;
		return 0;
	case 'j':
		options->jobs = (uint32_t)strtoul(value, &end, 10);
		if (*end || options->jobs == 0)
			argp_error(state, "'%s' is no number of threads", value);
		return 0;
	case KEY_STATS:
		options->prints_stats = true;
		return 0;
	case KEY_PASSES:
		options->passes = value;
		return 0;
	case KEY_FUNCTIONS:
		options->functions = value;
		return 0;
	case KEY_CHECK:
		options->checks = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->input)
			argp_error(state, "one module at a time: '%s' is one too many", value);
		options->input = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "name the WebAssembly module to compile");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse,
	.args_doc = "IN.wasm",
	.doc = "Compile a WebAssembly module to an artifact that the kernel can load.",
};

/* Of the processor, all threads together. */
static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One compilation: the module, what became of it, how long it took. */
struct job {
	struct arena arena;
	struct wasm_module module;
	struct nb_code_image image;
	const uint8_t *artifact;
	size_t artifact_len;
	double decode_s;
	double compile_s;
};

static enum nb_status
compile(struct job *job, const uint8_t *bytes, size_t len, const struct compiler_options *compiler,
	struct diag *diag)
{
	struct wasm_features features = { .set = WASM_FEATURES_ALL, .code = WASM_CODE_DEFER };
	double start = seconds(), decoded;
	enum nb_status status;

	status = wasm_module_decode(&job->module, &job->arena, bytes, len, &features, diag);
	decoded = seconds();
	if (!status)
		status = compiler_compile(&job->module, compiler, &tool_memory, &job->arena,
					  &job->image, diag);
	job->decode_s = decoded - start;
	job->compile_s = seconds() - decoded;
	if (!status)
		status = artifact_write(&job->arena, &job->module, &job->image, &job->artifact,
					&job->artifact_len);
	return status;
}

/* CPU seconds of decoding and validating the module, without compiling. */
static double
validate(const uint8_t *bytes, size_t len)
{
	struct wasm_features features = { .set = WASM_FEATURES_ALL, .code = WASM_CODE_VALIDATE };
	struct wasm_module module;
	struct arena arena;
	struct diag diag;
	double start = seconds();

	diag_init(&diag);
	arena_init(&arena, &tool_memory, TOOL_MEMORY_LIMIT);
	enum nb_status status = wasm_module_decode(&module, &arena, bytes, len, &features, &diag);
	double spent = status == NB_OK ? seconds() - start : 0;
	arena_reset(&arena);
	return spent;
}

static double
rate(const struct job *job, double spent_s)
{
	return spent_s > 0 ? (double)job->module.code_section_len / 1e6 / spent_s : 0.0;
}

static void
print_stats(const struct job *job, const uint8_t *bytes, size_t input_len)
{
	double validate_s = validate(bytes, input_len);

	printf("module: %zu bytes\n", input_len);
	printf("functions: %u\n", job->module.code_count);
	printf("code section: %u bytes\n", job->module.code_section_len);
	printf("machine code: %u bytes\n", (unsigned)job->image.code_size);
	printf("artifact: %zu bytes\n", job->artifact_len);
	printf("decode: %.4f CPU s\n", job->decode_s);
	printf("compile: %.4f CPU s (%.2f MB/s)\n", job->compile_s, rate(job, job->compile_s));
	printf("validate: %.4f CPU s (%.0f MB/s)\n", validate_s, rate(job, validate_s));
}

/* "dir/name.wasm" to "dir/name.nbo". */
static const char *
default_output(const char *input)
{
	const char *dot = strrchr(input, '.'), *slash = strrchr(input, '/');
	int stem = dot && (!slash || dot > slash) ? (int)(dot - input) : (int)strlen(input);
	char *output;

	if (asprintf(&output, "%.*s.nbo", stem, input) < 0)
		abort();
	return output;
}

int
tool_compile(int argc, char **argv)
{
	struct options options = { 0 };
	struct compiler_options compiler;
	struct compiler_crew crew;
	struct job job = { 0 };
	struct diag diag;
	const uint8_t *bytes;
	size_t len;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	compiler_options_init(&compiler);
	compiler.check = options.checks;
	tool_crew_init(&crew, options.jobs);
	compiler.crew = &crew;
	if (!switches_passes(&compiler, options.passes) ||
	    !switches_functions(&compiler, options.functions))
		return TOOL_USAGE;
	bytes = tool_map_file(options.input, &len);
	if (!bytes)
		return TOOL_FAILED;
	diag_init(&diag);
	arena_init(&job.arena, &tool_memory, TOOL_MEMORY_LIMIT);
	if (compile(&job, bytes, len, &compiler, &diag))
		return tool_code_refuse(options.input, &diag);
	if (options.prints_stats)
		print_stats(&job, bytes, len);
	if (!options.output)
		options.output = default_output(options.input);
	return tool_write_file(options.output, job.artifact, job.artifact_len) ? 0 : TOOL_FAILED;
}
