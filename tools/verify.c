/* `nebulet verify`: proves the machine code of a module or artifact confined. */
#include "kernel/code/verify.h"
#include "compiler/compiler.h"
#include "kernel/code/artifact.h"
#include "lib/diag.h"
#include "tools/disassemble.h"
#include "tools/tool.h"

#include <argp.h>
#include <stdio.h>

#define MEMORY_LIMIT ((size_t)16 << 30)

enum {
	LINES_AROUND = 8,
	ALL_CPU_FEATURES = NB_CPU_AVX | NB_CPU_BMI1 | NB_CPU_BMI2 | NB_CPU_LZCNT,
};

static error_t
parse(int key, char *value, struct argp_state *state)
{
	const char **input = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (*input)
			argp_error(state, "one file at a time: '%s' is one too many", value);
		*input = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "name the module (.wasm) or artifact (.nbo) to verify");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "FILE",
	.doc = "Prove the machine code of FILE confined: of an artifact the code that it "
	       "holds, of a WebAssembly module the code that the compiler makes of it. Exit "
	       "status 0 if all of it is, 1 if not, 2 for wrong usage.",
};

/* The machine code in question. */
static enum nb_status
obtain(const uint8_t *bytes, size_t len, struct code_module *code, struct diag *diag)
{
	struct wasm_features features = { .set = WASM_FEATURES_ALL, .code = WASM_CODE_DEFER };
	struct compiler_options options;

	if (artifact_is_one(bytes, len))
		return artifact_read(bytes, len, ALL_CPU_FEATURES, diag, code);
	enum nb_status status =
		wasm_module_decode(&code->wasm, &code->arena, bytes, len, &features, diag);
	if (status != NB_OK)
		return status;
	compiler_options_init(&options);
	return compiler_compile(&code->wasm, &options, &tool_memory, &code->arena, &code->image,
				diag);
}

static bool
verify(const char *path, const struct code_module *code, struct diag *diag)
{
	struct arena scratch;
	struct verifier_finding finding;
	struct code_verify job = {
		.module = &code->wasm,
		.image = &code->image,
		.cpu_features = ALL_CPU_FEATURES,
		.scratch = &scratch,
	};
	char reason[512];

	arena_init(&scratch, &tool_memory, MEMORY_LIMIT);
	enum nb_status status = code_verify(&job, &finding, diag);
	arena_reset(&scratch);
	if (status == NB_OK) {
		printf("%s: %u functions, %zu bytes of machine code: confined\n", path,
		       code->image.function_count, code->image.code_size);
		return true;
	}
	diag_format(diag, reason, sizeof reason);
	tool_error("%s: %s", path, reason);
	if (status == NB_NOT_TRUSTED && finding.function < code->image.function_count)
		disassemble_around(stderr, &code->image, finding.function, finding.code_offset,
				   LINES_AROUND);
	return false;
}

int
tool_verify(int argc, char **argv)
{
	const char *path = NULL;
	struct code_module code;
	struct diag diag;
	size_t len;
	char reason[512];

	argp_parse(&argp, argc, argv, 0, NULL, &path);
	const uint8_t *bytes = tool_map_file(path, &len);
	if (!bytes)
		return TOOL_FAILED;
	diag_init(&diag);
	code_module_init(&code, &tool_memory, MEMORY_LIMIT);
	if (obtain(bytes, len, &code, &diag) != NB_OK) {
		diag_format(&diag, reason, sizeof reason);
		tool_error("%s: %s", path, reason);
		return 1;
	}
	return verify(path, &code, &diag) ? 0 : 1;
}
