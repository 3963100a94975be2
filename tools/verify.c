/* `nebulet verify`: proves the machine code of a module or artifact confined. */
#include "kernel/code/verify.h"
#include "lib/diag.h"
#include "tools/code.h"
#include "tools/disassemble.h"
#include "tools/tool.h"

#include <argp.h>
#include <stdio.h>

enum { LINES_AROUND = 8 };

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

static bool
verify(const char *path, const struct code_module *code, struct diag *diag)
{
	struct arena scratch;
	struct verifier_finding finding;
	struct code_verify job = {
		.module = &code->wasm,
		.image = &code->image,
		.cpu_features = tool_all_cpu_features,
		.scratch = &scratch,
	};
	char reason[512];

	arena_init(&scratch, &tool_memory, TOOL_MEMORY_LIMIT);
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
	struct compiler_options options;
	struct code_module code;
	struct diag diag;
	size_t len;
	char reason[512];

	argp_parse(&argp, argc, argv, 0, NULL, &path);
	const uint8_t *bytes = tool_map_file(path, &len);
	if (!bytes)
		return TOOL_FAILED;
	diag_init(&diag);
	code_module_init(&code, &tool_memory, TOOL_MEMORY_LIMIT);
	compiler_options_init(&options);
	enum nb_status status = tool_code_read(bytes, len, &code, &diag);
	if (status == NB_OK)
		status = tool_code_compile(&options, &code, &diag);
	if (status != NB_OK) {
		diag_format(&diag, reason, sizeof reason);
		tool_error("%s: %s", path, reason);
		return 1;
	}
	return verify(path, &code, &diag) ? 0 : 1;
}
