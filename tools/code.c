/* The machine code of a module or artifact; see code.h. */
#include "tools/code.h"

#include "kernel/code/artifact.h"
#include "lib/diag.h"
#include "tools/tool.h"

const uint32_t tool_all_cpu_features = NB_CPU_AVX | NB_CPU_BMI1 | NB_CPU_BMI2 | NB_CPU_LZCNT;

bool
tool_code_is_artifact(const uint8_t *bytes, size_t len)
{
	return artifact_is_one(bytes, len);
}

enum nb_status
tool_code_read(const uint8_t *bytes, size_t len, struct code_module *code, struct diag *diag)
{
	struct wasm_features features = { .set = WASM_FEATURES_ALL, .code = WASM_CODE_DEFER };

	if (artifact_is_one(bytes, len))
		return artifact_read(bytes, len, tool_all_cpu_features, diag, code);
	return wasm_module_decode(&code->wasm, &code->arena, bytes, len, &features, diag);
}

enum nb_status
tool_code_compile(const struct compiler_options *options, struct code_module *code,
		  struct diag *diag)
{
	if (code->image.functions)
		return NB_OK;
	return compiler_compile(&code->wasm, options, &tool_memory, &code->arena, &code->image,
				diag);
}

enum nb_status
tool_code_verify(const struct code_module *code, uint32_t threads, struct verifier_finding *finding,
		 struct diag *diag)
{
	struct compiler_crew crew;
	struct arena scratch;
	struct code_verify job = {
		.module = &code->wasm,
		.image = &code->image,
		.cpu_features = tool_all_cpu_features,
		.scratch = &scratch,
		.crew = threads == 1 ? NULL : &crew,
	};

	tool_crew_init(&crew, threads);
	arena_init(&scratch, &tool_memory, TOOL_MEMORY_LIMIT);
	enum nb_status status = code_verify(&job, finding, diag);

	arena_reset(&scratch);
	return status;
}

int
tool_code_refuse(const char *path, const struct diag *diag)
{
	char reason[512];

	diag_format(diag, reason, sizeof reason);
	tool_error("%s: %s", path, reason);
	return 1;
}
