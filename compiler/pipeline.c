/*
 * The pipeline: for each function build, passes, schedule, machine code; then
 * the chunks are linked.
 *
 * Each worker compiles one function at a time; nothing of what comes out depends
 * on which worker that was.
 *
 * Memory: `ir` holds one function's IR and is emptied for the next one,
 * `scratch` what a stage needs while it runs, `chunks` the machine code of all
 * functions until it is linked into the caller's arena; `work` serves stages
 * that keep results in `scratch`. All draw from one bounded source, which keeps
 * chunks from function to function.
 */
#include "compiler/compiler.h"

#include "compiler/ir/analyze.h"
#include "compiler/ir/build.h"
#include "compiler/ir/check.h"
#include "compiler/ir/print.h"
#include "compiler/memory.h"
#include "compiler/pass/pass.h"
#include "compiler/x64/x64.h"
#include "lib/string.h"

enum {
	FUNCTIONS_PER_WORKER = 16, /* fewer are not worth a thread */
	POLL_IMPORTS = 1024,
};

struct worker;

/* A module being compiled, shared by its workers. */
struct compilation {
	const struct wasm_module *module;
	const struct compiler_options *options;
	struct device_rules rules;
	struct x64_context x64;
	struct compiler_budget budget;
	struct worker *workers;
	uint32_t worker_count;
	struct x64_chunk *chunks;   /* by function, each written by the worker that compiled it */
	uint32_t next;		    /* function that nobody has begun; atomic */
	uint32_t done;		    /* functions; atomic */
	bool is_stopping;	    /* a worker has failed; atomic */
	enum nb_status poll_status; /* what the caller's poll said in the end; atomic */
};

/* What one thread needs. Functions are begun in order, so when a worker fails all
 * functions before have been begun and end: the first failure is always the same. */
struct worker {
	struct compilation *shared;
	uint32_t number; /* 0 is the caller of compiler_compile */
	struct compiler_memory memory;
	struct arena ir, scratch, work, chunks;
	struct ir_ticker ticker;
	struct diag diag;
	enum nb_status status;
	uint32_t failed_idx; /* function at which status became an error */
};

/* --- options ---------------------------------------------------------------- */

struct pass_row {
	const char *text;
	const char *about;
};

static const struct pass_row pass_rows[] = {
#define COMPILER_PASS(name, text, about) { text, about },
#include "compiler/pass/pass.def"
#undef COMPILER_PASS
};

void
compiler_options_init(struct compiler_options *options)
{
	*options = (struct compiler_options){
		.disabled_end = UINT32_MAX,
		.memory_limit = (size_t)1 << 30,
	};
}

const char *
compiler_pass_text(enum compiler_pass pass)
{
	return pass_rows[pass].text;
}

const char *
compiler_pass_about(enum compiler_pass pass)
{
	return pass_rows[pass].about;
}

/* The bits of the pass of that name, or of all; 0 if there is none. */
static uint32_t
passes_named(const char *name, size_t len)
{
	if (len == 3 && memcmp(name, "all", 3) == 0)
		return ((uint32_t)1 << COMPILER_PASS_COUNT) - 1;
	for (uint32_t i = 0; i < COMPILER_PASS_COUNT; i++)
		if (strlen(pass_rows[i].text) == len && !memcmp(pass_rows[i].text, name, len))
			return (uint32_t)1 << i;
	return 0;
}

enum nb_status
compiler_options_set_passes(struct compiler_options *options, const char *text, const char **bad)
{
	uint32_t disabled = options->disabled_passes;

	while (*text) {
		const char *name = text + (*text == '+' || *text == '-');
		size_t len = 0;
		uint32_t bits;

		while (name[len] && name[len] != ',')
			len++;
		bits = passes_named(name, len);
		if (!bits) {
			*bad = name;
			return NB_NOT_FOUND;
		}
		disabled = *text == '-' ? disabled | bits : disabled & ~bits;
		text = name + len + (name[len] == ',');
	}
	options->disabled_passes = disabled;
	return NB_OK;
}

/* --- memory and progress ------------------------------------------------------ */

static enum nb_status
poll_options(void *context)
{
	const struct worker *w = context;
	struct compilation *c = w->shared;
	enum nb_status status;

	if (!c->options->poll)
		return NB_OK;
	if (w->number != 0)
		return __atomic_load_n(&c->poll_status, __ATOMIC_RELAXED);
	status = c->options->poll(c->options->poll_context,
				  __atomic_load_n(&c->done, __ATOMIC_RELAXED),
				  c->module->code_count);
	__atomic_store_n(&c->poll_status, status, __ATOMIC_RELAXED);
	return status;
}

/* Reports a failure of function `func_idx` that nobody has reported yet. */
static enum nb_status
report(struct diag *diag, uint32_t func_idx, enum nb_status status, const char *stage)
{
	if (status == NB_OK)
		return NB_OK;
	if (diag->function_idx == DIAG_NO_FUNCTION) {
		diag->function_idx = func_idx;
		diag->section = "code";
	}
	return diag_report(diag, status, DIAG_NO_OFFSET, "%s while compiling (%s)",
			   nb_status_text(status), stage);
}

/* --- one function --------------------------------------------------------------- */

/* What a stage of one function works on. */
struct stage {
	struct ir_function *fn;
	const struct compiler_options *options;
	struct arena *scratch;
	struct diag *diag;
};

static bool
is_disabled(const struct stage *s, enum compiler_pass pass)
{
	const struct compiler_options *options = s->options;
	uint32_t func_idx = s->fn->func_idx;

	return options->disabled_passes >> pass & 1 && func_idx >= options->disabled_first &&
	       func_idx < options->disabled_end;
}

/* Behind every stage: its dump, its check. */
static enum nb_status
finish_stage(const struct stage *s, const char *name, enum ir_check_stage check)
{
	const struct compiler_dump *dump = s->options->dump;
	char reason[192];
	enum nb_status status;

	if (s->fn->status != NB_OK)
		return report(s->diag, s->fn->func_idx, s->fn->status, name);
	if (dump && dump->wants(dump->context, s->fn->func_idx, name)) {
		status = ir_print(s->fn, IR_NUMBERS_RAW, s->scratch, dump->emit, dump->context);
		if (status != NB_OK)
			return status;
	}
	if (!s->options->check)
		return NB_OK;
	status = ir_check(s->fn, check, s->scratch, reason, sizeof(reason));
	if (status != NB_INTERNAL)
		return report(s->diag, s->fn->func_idx, status, name);
	s->diag->function_idx = s->fn->func_idx;
	return diag_report(s->diag, status, DIAG_NO_OFFSET, "IR check failed after %s: %s", name,
			   reason);
}

struct pass_step {
	enum compiler_pass pass;
	enum nb_status (*run)(struct ir_function *fn, struct pass_context *context);
};

/* Behind ir_schedule. */
static const struct pass_step late_steps[] = {
	{ COMPILER_PASS_SINK, pass_sink },
	{ COMPILER_PASS_ORDER, pass_order },
};

/* The order of the passes. */
static const struct pass_step pass_steps[] = {
	{ COMPILER_PASS_BRANCH, pass_branch },
	{ COMPILER_PASS_IFCONV, pass_ifconv },
	{ COMPILER_PASS_DECIDE, pass_decide },
	{ COMPILER_PASS_STRENGTH, pass_strength },
	{ COMPILER_PASS_WIDE, pass_wide },
	{ COMPILER_PASS_GVN, pass_gvn },
	{ COMPILER_PASS_BRANCH, pass_branch_folds },
	{ COMPILER_PASS_REBASE, pass_rebase },
	{ COMPILER_PASS_RANGE, pass_range },
	{ COMPILER_PASS_LICM, pass_licm },
	{ COMPILER_PASS_DCE, pass_dce },
};

static enum nb_status
run_passes(const struct stage *s)
{
	struct pass_context context = { s->scratch, s->options };
	enum nb_status status = finish_stage(s, "build", IR_CHECK_ANY);

	for (size_t i = 0; i < sizeof(pass_steps) / sizeof(*pass_steps); i++) {
		enum compiler_pass pass = pass_steps[i].pass;

		if (status != NB_OK)
			return status;
		if (is_disabled(s, pass))
			continue;
		(void)pass_steps[i].run(s->fn, &context); /* leaves its status in fn */
		status = finish_stage(s, pass_rows[pass].text, IR_CHECK_ANY);
	}
	if (status != NB_OK)
		return status;
	status = ir_schedule(s->fn, s->scratch);
	if (status != NB_OK)
		return report(s->diag, s->fn->func_idx, status, "schedule");
	status = finish_stage(s, "schedule", IR_CHECK_SCHEDULED);
	for (size_t i = 0; i < sizeof(late_steps) / sizeof(*late_steps) && status == NB_OK; i++) {
		if (is_disabled(s, late_steps[i].pass))
			continue;
		(void)late_steps[i].run(s->fn, &context);
		status = finish_stage(s, pass_rows[late_steps[i].pass].text, IR_CHECK_SCHEDULED);
	}
	return status;
}

/* Validates a body whose validation was put off. */
static enum nb_status
validate_deferred(const struct wasm_module *module, uint32_t func_idx, struct arena *scratch,
		  struct diag *diag)
{
	if (module->features.code != WASM_CODE_DEFER)
		return NB_OK;
	return wasm_function_validate(module, func_idx, scratch, diag);
}

/* Which ports are constants must not depend on how the module is compiled. */
static enum ir_inlining
inlining_of(const struct stage *s)
{
	bool is_off = is_disabled(s, COMPILER_PASS_INLINE) && !s->fn->rules;

	return is_off ? IR_INLINE_NONE : IR_INLINE_SMALL;
}

static enum nb_status
build_function(const struct stage *s)
{
	enum nb_status status =
		validate_deferred(s->fn->module, s->fn->func_idx, s->scratch, s->diag);

	if (status != NB_OK)
		return status;
	s->fn->is_strict = s->options->strict_accesses;
	s->fn->calls_bulk = is_disabled(s, COMPILER_PASS_BULK);
	s->fn->frames_locals = is_disabled(s, COMPILER_PASS_VALUES) && !s->fn->rules;
	status = ir_build(s->fn, inlining_of(s), s->scratch, s->diag);
	if (status != NB_OK)
		return report(s->diag, s->fn->func_idx, status, "build");
	return run_passes(s);
}

static enum nb_status
compile_function(struct worker *w, uint32_t func_idx, struct x64_chunk *out)
{
	struct ir_function fn = {
		.arena = &w->ir,
		.module = w->shared->module,
		.rules = w->shared->rules.ports ? &w->shared->rules : NULL,
		.func_idx = func_idx,
		.ticker = &w->ticker,
	};
	struct stage stage = { &fn, w->shared->options, &w->scratch, &w->diag };
	enum nb_status status = build_function(&stage);

	if (status == NB_OK) {
		struct x64_arenas arenas = { &w->chunks, &w->scratch, &w->work };

		status = x64_compile_function(&w->shared->x64, &fn, &arenas, out, &w->diag);
		status = report(&w->diag, func_idx, status, "machine code");
	}
	arena_reset(&w->ir);
	arena_reset(&w->scratch);
	arena_reset(&w->work);
	return status;
}

/* --- the module ------------------------------------------------------------------- */

static void
fail(struct worker *w, uint32_t func_idx, enum nb_status status)
{
	w->failed_idx = func_idx;
	w->status = report(&w->diag, func_idx, status, "function");
	__atomic_store_n(&w->shared->is_stopping, true, __ATOMIC_RELAXED);
}

/* Compiles functions until there are no more, or somebody fails. */
static void
work(void *context, uint32_t number)
{
	struct compilation *c = context;
	struct worker *w = &c->workers[number];
	uint32_t imports = c->module->func_import_count, at = 0;
	enum nb_status status = NB_OK;

	while (!__atomic_load_n(&c->is_stopping, __ATOMIC_RELAXED)) {
		status = poll_options(w);
		if (status != NB_OK)
			break;
		at = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED);
		if (at >= c->module->code_count)
			break;
		status = compile_function(w, imports + at, &c->chunks[at]);
		if (status != NB_OK)
			break;
		__atomic_fetch_add(&c->done, 1, __ATOMIC_RELAXED);
	}
	if (status != NB_OK)
		fail(w, imports + at, status);
}

/* The failure of the first function that failed. */
static enum nb_status
first_failure(const struct compilation *c, struct diag *diag)
{
	const struct worker *first = NULL;

	for (uint32_t i = 0; i < c->worker_count; i++) {
		const struct worker *w = &c->workers[i];

		if (w->status != NB_OK && (!first || w->failed_idx < first->failed_idx))
			first = w;
	}
	if (!first)
		return NB_OK;
	*diag = first->diag;
	return first->status;
}

static void
worker_init(struct worker *w, struct compilation *c, uint32_t number, const struct diag *diag)
{
	size_t most = c->options->memory_limit;

	*w = (struct worker){ .shared = c, .number = number, .diag = *diag };
	w->ticker = (struct ir_ticker){ poll_options, w, 0 };
	compiler_memory_init(&w->memory, &c->budget);
	arena_init(&w->ir, &w->memory.source, most);
	arena_init(&w->scratch, &w->memory.source, most);
	arena_init(&w->work, &w->memory.source, most);
	arena_init(&w->chunks, &w->memory.source, most);
}

static void
worker_end(struct worker *w)
{
	arena_reset(&w->ir);
	arena_reset(&w->scratch);
	arena_reset(&w->work);
	arena_reset(&w->chunks);
	compiler_memory_drop(&w->memory);
}

static enum nb_status
compile_all(struct compilation *c, struct arena *out_arena, struct nb_code_image *out,
	    struct diag *diag)
{
	const struct compiler_crew *crew = c->options->crew;
	enum nb_status status;

	for (uint32_t i = 0; i < c->worker_count; i++)
		worker_init(&c->workers[i], c, i, diag);
	if (c->worker_count > 1)
		crew->run(crew->context, c->worker_count, work, c);
	else
		work(c, 0);
	status = first_failure(c, diag);
	if (status == NB_OK)
		status = x64_link(&c->x64, c->chunks, out_arena, out);
	for (uint32_t i = 0; i < c->worker_count; i++)
		worker_end(&c->workers[i]);
	return status;
}

/* No more than there is work for; dumps come in order, from one. */
static uint32_t
count_workers(const struct wasm_module *module, const struct compiler_options *options)
{
	uint32_t most = module->code_count / FUNCTIONS_PER_WORKER;

	if (!options->crew || options->dump || most <= 1)
		return 1;
	return options->crew->count < most ? options->crew->count : most;
}

static bool
name_is(const struct wasm_name *name, const char *text)
{
	size_t len = strlen(text);

	return name->len == len && memcmp(name->bytes, text, len) == 0;
}

/* Whether the import gives memory that others see or that is a device: from the kernel or from
 * a personality other than WASI. */
static bool
is_mapping(const struct wasm_import *import)
{
	static const char *const calls[] = { "memory_map", "mmio_map", "dma_alloc", "physical_map",
					     "physical_alloc" };

	if (import->kind != WASM_EXTERN_FUNC ||
	    (import->module.len >= 4 && memcmp(import->module.bytes, "wasi", 4) == 0))
		return false;
	for (size_t k = 0; k < sizeof calls / sizeof calls[0]; k++)
		if (name_is(&import->field, calls[k]))
			return true;
	return false;
}

static enum nb_status
poll_before(void *context)
{
	const struct compilation *c = context;

	return c->options->poll
		       ? c->options->poll(c->options->poll_context, 0, c->module->code_count)
		       : NB_OK;
}

/* Asks all imports what they give. */
static enum nb_status
find_mappings(struct compilation *c, bool *out)
{
	enum nb_status status = NB_OK;
	uint32_t i = 0;

	*out = false;
	for (; i < c->module->import_count && !*out && status == NB_OK; i++) {
		*out = is_mapping(&c->module->imports[i]);
		if (i % POLL_IMPORTS == POLL_IMPORTS - 1)
			status = poll_before(c);
	}
	return status;
}

/* What can be known of the module before any function is compiled. */
static enum nb_status
prepare(struct compilation *c, struct compiler_options *chosen, struct arena *tables,
	struct diag *diag)
{
	const struct device_poll poll = { poll_before, c };
	bool maps_memory;
	enum nb_status status;

	c->workers = arena_new_array(tables, struct worker, c->worker_count);
	c->chunks = arena_new_array(tables, struct x64_chunk, c->module->code_count);
	if (!c->workers || !c->chunks)
		return NB_OUT_OF_MEMORY;
	status = find_mappings(c, &maps_memory);
	chosen->strict_accesses |= maps_memory;
	if (status == NB_OK)
		status = device_read(c->module, tables, &poll, &c->rules, diag);
	return status == NB_OK ? x64_context_init(&c->x64, c->module, chosen) : status;
}

enum nb_status
compiler_compile(const struct wasm_module *module, const struct compiler_options *options,
		 const struct arena_source *source, struct arena *out_arena,
		 struct nb_code_image *out, struct diag *diag)
{
	struct arena_mark mark = arena_mark_get(out_arena);
	struct compiler_options chosen = *options;
	struct compilation c = {
		.module = module,
		.options = &chosen,
		.budget = { source, options->memory_limit },
		.worker_count = count_workers(module, options),
	};
	struct compiler_memory memory;
	struct arena tables;
	enum nb_status status;

	compiler_memory_init(&memory, &c.budget);
	arena_init(&tables, &memory.source, options->memory_limit);
	status = prepare(&c, &chosen, &tables, diag);
	if (status == NB_OK)
		status = compile_all(&c, out_arena, out, diag);
	arena_reset(&tables);
	compiler_memory_drop(&memory);
	if (status == NB_OK)
		return NB_OK;
	arena_release(out_arena, mark);
	return diag->status == NB_OK ? diag_report(diag, status, DIAG_NO_OFFSET,
						   "%s while compiling", nb_status_text(status))
				     : status;
}
