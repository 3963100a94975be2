/*
 * Facts for the verifier, from the module that was decoded and validated here.
 */
#include "kernel/code/verify.h"

#include "lib/manifest.h"
#include "runtime/signature.h"

/* After so many bytes of code others may run. */
enum { RELAX_BYTES = 64 * 1024 };

static uint16_t *
areas_of(const struct wasm_module *module, const uint32_t *types, uint32_t count,
	 struct arena *arena)
{
	uint16_t *areas = arena_new_array(arena, uint16_t, count);

	for (uint32_t i = 0; areas && i < count; i++)
		areas[i] = (uint16_t)signature_area_slots(&module->types[types ? types[i] : i]);
	return areas;
}

static uint8_t *
global_kinds(const struct wasm_module *module, struct arena *arena)
{
	uint8_t *kinds = arena_new_array(arena, uint8_t, module->global_count);

	for (uint32_t i = 0; kinds && i < module->global_count; i++) {
		if (!module->globals[i].type.is_mutable)
			kinds[i] = VERIFIER_GLOBAL_CONSTANT;
		else if (i < module->global_import_count)
			kinds[i] = VERIFIER_GLOBAL_CELL;
		else
			kinds[i] = VERIFIER_GLOBAL_VARIABLE;
	}
	return kinds;
}

static uint8_t *
table_kinds(const struct wasm_module *module, struct arena *arena)
{
	uint8_t *kinds = arena_new_array(arena, uint8_t, module->table_count);

	for (uint32_t i = 0; kinds && i < module->table_count; i++)
		kinds[i] = wasm_valtype_is_func_ref(module->tables[i].type) ? NB_TABLE_FUNCTIONS
									    : NB_TABLE_EXTERNS;
	return kinds;
}

/* What the manifest, if there is one, lets in and out access. */
static enum nb_status
collect_ports(const struct code_verify *job, struct verifier_facts *out)
{
	const struct wasm_module *module = job->module;
	const struct wasm_custom *custom = wasm_module_find_custom(module, NB_MANIFEST_SECTION);
	struct manifest_error error;
	struct manifest *manifest;
	enum nb_status status;

	if (!custom)
		return NB_OK;
	manifest = arena_new_array(job->scratch, struct manifest, 1);
	if (!manifest)
		return NB_OUT_OF_MEMORY;
	status = manifest_parse((const char *)module->bytes + custom->offset, custom->len, manifest,
				&error);
	if (status != NB_OK)
		return status;
	out->ports = manifest->ports;
	out->port_count = manifest->counts[NB_MANIFEST_PORT];
	return NB_OK;
}

static enum nb_status
collect_facts(const struct code_verify *job, struct verifier_facts *out)
{
	const struct wasm_module *module = job->module;
	uint32_t imports = module->func_import_count;

	*out = (struct verifier_facts){
		.counts = { .globals = module->global_count,
			    .tables = module->table_count,
			    .memories = module->memory_count,
			    .imports = imports,
			    .types = module->type_count },
		.cpu_features = job->cpu_features,
		.function_count = module->func_count - imports,
	};
	if (!nb_vmctx_layout_compute(&out->counts, &out->layout))
		return NB_LIMIT_EXCEEDED;
	out->function_areas =
		areas_of(module, module->func_types + imports, out->function_count, job->scratch);
	out->import_areas = areas_of(module, module->func_types, imports, job->scratch);
	out->type_areas = areas_of(module, NULL, module->type_count, job->scratch);
	out->globals = global_kinds(module, job->scratch);
	out->tables = table_kinds(module, job->scratch);
	if (!out->function_areas || !out->import_areas || !out->type_areas || !out->globals ||
	    !out->tables)
		return NB_OUT_OF_MEMORY;
	return collect_ports(job, out);
}

static bool
verify(const struct code_verify *job, const struct verifier_facts *facts, void *scratch,
       struct verifier_finding *finding)
{
	uint64_t since = 0;

	if (!verifier_begin(job->image, facts, scratch, finding))
		return false;
	for (uint32_t i = 0; i < job->image->function_count; i++) {
		if (!verifier_function(job->image, facts, i, scratch, finding))
			return false;
		since += job->image->functions[i].code_size;
		if (since < RELAX_BYTES || !job->relax)
			continue;
		job->relax();
		since = 0;
	}
	return true;
}

static enum nb_status
report(const struct code_verify *job, const struct verifier_finding *finding, struct diag *diag)
{
	uint32_t func_idx = job->module->func_import_count + finding->function;
	struct wasm_name name = { "", 0 };

	if (finding->function >= job->image->function_count)
		return diag_report(diag, NB_NOT_TRUSTED, DIAG_NO_OFFSET,
				   "the verifier refuses the machine code: %s",
				   verifier_rule_text(finding->rule));
	(void)wasm_module_function_name(job->module, func_idx, &name);
	return diag_report(
		diag, NB_NOT_TRUSTED, DIAG_NO_OFFSET,
		"the verifier refuses function %u %.*s%sat 0x%x of its code: %s", func_idx,
		(int)(name.len < 64 ? name.len : 64), name.bytes, name.len ? " " : "",
		finding->code_offset - job->image->functions[finding->function].code_offset,
		verifier_rule_text(finding->rule));
}

enum nb_status
code_verify(const struct code_verify *job, struct verifier_finding *finding, struct diag *diag)
{
	struct arena_mark mark = arena_mark_get(job->scratch);
	struct verifier_finding found = { .rule = VERIFIER_NONE };
	struct verifier_facts facts;
	enum nb_status status = collect_facts(job, &facts);
	void *scratch = NULL;

	if (status == NB_OK) {
		scratch = arena_alloc(job->scratch, verifier_scratch_bytes(job->image),
				      VERIFIER_SCRATCH_ALIGN);
		status = scratch ? NB_OK : NB_OUT_OF_MEMORY;
	}
	if (status != NB_OK)
		diag_report(diag, status, DIAG_NO_OFFSET, "the machine code cannot be verified: %s",
			    nb_status_text(status));
	else if (!verify(job, &facts, scratch, &found))
		status = report(job, &found, diag);
	if (finding)
		*finding = found;
	arena_release(job->scratch, mark);
	return status;
}
