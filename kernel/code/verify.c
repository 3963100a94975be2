/*
 * Facts for the verifier, from the module that was decoded and validated here.
 */
#include "kernel/code/verify.h"

#include "lib/manifest.h"
#include "runtime/signature.h"

/* After so much others may run. */
enum { POLL_BYTES = 64 * 1024, POLL_ITEMS = 1024, CACHE_LINE = 64 };
/* A thread more is worth its making for so many. */
enum { PART_BYTES = 256 * 1024 };

static enum nb_status
poll(const struct code_verify *job)
{
	return job->poll ? job->poll(job->poll_context) : NB_OK;
}

static enum nb_status
find_areas(const struct code_verify *job, const uint32_t *types, uint32_t count,
	   const uint16_t **out)
{
	uint16_t *areas = arena_new_array(job->scratch, uint16_t, count);
	enum nb_status status = areas ? NB_OK : NB_OUT_OF_MEMORY;

	for (uint32_t i = 0; status == NB_OK && i < count; i++) {
		const struct wasm_functype *type = &job->module->types[types ? types[i] : i];

		areas[i] = (uint16_t)signature_area_slots(type);
		if (i % POLL_ITEMS == POLL_ITEMS - 1)
			status = poll(job);
	}
	*out = areas;
	return status;
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
	enum nb_status status;

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
	status = find_areas(job, module->func_types + imports, out->function_count,
			    &out->function_areas);
	if (status == NB_OK)
		status = find_areas(job, module->func_types, imports, &out->import_areas);
	if (status == NB_OK)
		status = find_areas(job, NULL, module->type_count, &out->type_areas);
	if (status != NB_OK)
		return status;
	out->globals = global_kinds(module, job->scratch);
	out->tables = table_kinds(module, job->scratch);
	return out->globals && out->tables ? collect_ports(job, out) : NB_OUT_OF_MEMORY;
}

/* What the threads share that verify an image, and of each what it found. */
struct team {
	const struct code_verify *job;
	const struct verifier_facts *facts;
	const void *scratch;
	uint8_t *marks;
	size_t marks_bytes; /* of each thread */
	struct verifier_finding *findings;
	uint32_t next;	       /* atomic: the first function that nobody has taken */
	bool is_over;	       /* atomic: something is refused */
	enum nb_status status; /* what poll said; of the only thread */
};

/* Functions from `first` on that have POLL_BYTES of code; true if there are any. */
static bool
take_functions(struct team *team, uint32_t *first, uint32_t *end)
{
	const struct nb_code_image *image = team->job->image;
	uint32_t next = __atomic_load_n(&team->next, __ATOMIC_RELAXED);

	do {
		uint64_t bytes = 0;

		*first = *end = next;
		while (*end < image->function_count && bytes < POLL_BYTES)
			bytes += image->functions[(*end)++].code_size;
	} while (!__atomic_compare_exchange_n(&team->next, &next, *end, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return *first < *end;
}

/* Takes functions in their order and finishes them in any case, so that the first thing
 * that is refused is always found. */
static void
verify_part(void *argument, uint32_t number)
{
	struct team *team = argument;
	struct verifier_finding *finding = &team->findings[number];
	uint32_t i, end;

	while (!__atomic_load_n(&team->is_over, __ATOMIC_RELAXED) &&
	       take_functions(team, &i, &end)) {
		for (; i < end; i++) {
			if (verifier_function(team->job->image, team->facts, i, team->scratch,
					      team->marks + team->marks_bytes * number, finding))
				continue;
			__atomic_store_n(&team->is_over, true, __ATOMIC_RELAXED);
			return;
		}
		if (!team->job->crew)
			team->status = poll(team->job);
		if (team->status != NB_OK)
			return;
	}
}

/* The image's tables have been checked. *out is the first thing found. */
static enum nb_status
verify_functions(struct team *team, struct verifier_finding *out)
{
	const struct code_verify *job = team->job;
	uint64_t parts = job->image->code_size / PART_BYTES + 1;
	uint32_t most = job->crew ? job->crew->count : 1;
	uint32_t count = parts < most ? (uint32_t)parts : most;

	team->marks_bytes =
		(verifier_marks_bytes(job->image) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	team->marks = arena_alloc(job->scratch, team->marks_bytes * count, CACHE_LINE);
	team->findings = arena_new_array(job->scratch, struct verifier_finding, count);
	if (!team->marks || !team->findings)
		return NB_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < count; i++)
		team->findings[i].rule = VERIFIER_NONE;
	if (count > 1)
		job->crew->run(job->crew->context, count, verify_part, team);
	else
		verify_part(team, 0);
	for (uint32_t i = 0; i < count; i++)
		if (team->findings[i].rule != VERIFIER_NONE &&
		    (out->rule == VERIFIER_NONE || team->findings[i].function < out->function))
			*out = team->findings[i];
	return team->status;
}

static enum nb_status
report(const struct code_verify *job, const struct verifier_finding *finding, struct diag *diag)
{
	uint32_t func_idx = job->module->func_import_count + finding->function;
	struct wasm_name name = { "", 0 };

	if (finding->function >= job->image->function_count)
		return diag_report(diag, NB_NOT_TRUSTED, DIAG_NO_OFFSET,
				   "the verifier refuses the machine code: %s",
				   code_rule_text(finding->rule));
	(void)wasm_module_function_name(job->module, func_idx, &name);
	return diag_report(
		diag, NB_NOT_TRUSTED, DIAG_NO_OFFSET,
		"the verifier refuses function %u %.*s%sat 0x%x of its code: %s", func_idx,
		(int)(name.len < 64 ? name.len : 64), name.bytes, name.len ? " " : "",
		finding->code_offset - job->image->functions[finding->function].code_offset,
		code_rule_text(finding->rule));
}

enum nb_status
code_verify(const struct code_verify *job, struct verifier_finding *finding, struct diag *diag)
{
	struct arena_mark mark = arena_mark_get(job->scratch);
	struct verifier_finding found = { .rule = VERIFIER_NONE };
	struct verifier_facts facts;
	enum nb_status status = collect_facts(job, &facts);

	if (status == NB_OK) {
		void *scratch = arena_alloc(job->scratch, verifier_scratch_bytes(job->image),
					    VERIFIER_SCRATCH_ALIGN);
		struct team team = { .job = job, .facts = &facts, .scratch = scratch };

		if (!scratch)
			status = NB_OUT_OF_MEMORY;
		else if (verifier_begin(job->image, &facts, scratch, &found))
			status = verify_functions(&team, &found);
	}
	if (status != NB_OK)
		diag_report(diag, status, DIAG_NO_OFFSET, "the machine code cannot be verified: %s",
			    nb_status_text(status));
	else if (found.rule != VERIFIER_NONE)
		status = report(job, &found, diag);
	if (finding)
		*finding = found;
	arena_release(job->scratch, mark);
	return status;
}
