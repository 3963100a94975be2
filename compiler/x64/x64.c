/*
 * The back end's entry points: one function through selection, allocation and
 * emission; chunks into an image.
 */
#include "compiler/x64/x64.h"

#include "compiler/x64/emit.h"
#include "compiler/x64/select.h"
#include "lib/string.h"

enum { FUNCTION_ALIGN = 32, POOL_ALIGN = 16, PADDING_BYTE = 0xcc };

enum nb_status
x64_context_init(struct x64_context *context, const struct wasm_module *module,
		 const struct compiler_options *options)
{
	struct nb_vmctx_counts counts = {
		.globals = module->global_count,
		.tables = module->table_count,
		.memories = module->memory_count,
		.imports = module->func_import_count,
		.types = module->type_count,
	};
	context->module = module;
	context->options = options;
	return nb_vmctx_layout_compute(&counts, &context->layout) ? NB_OK : NB_LIMIT_EXCEEDED;
}

static enum nb_status
allocate(const struct x64_context *context, const struct x64_function *fn,
	 const struct x64_arenas *arenas, struct ra_result *out, struct diag *diag)
{
	const struct compiler_dump *dump = context->options->dump;
	enum nb_status status = ra_allocate(&fn->ra, arenas->scratch, arenas->work, out);
	if (status == NB_OK && dump && dump->wants(dump->context, fn->ir->func_idx, "allocate"))
		ra_dump(&fn->ra, out, dump->emit, dump->context);
	if (status != NB_OK || !context->options->check)
		return status;
	char reason[160];
	status = ra_check(&fn->ra, out, arenas->work, reason, sizeof(reason));
	if (status == NB_INTERNAL)
		diag_report(diag, status, DIAG_NO_OFFSET, "register allocation: %s", reason);
	return status;
}

static enum nb_status
compile(const struct x64_context *context, const struct ir_function *ir,
	const struct x64_arenas *arenas, struct x64_chunk *out, struct diag *diag)
{
	struct x64_function fn;
	struct ra_result allocation;
	enum nb_status status = x64_select(context, ir, arenas->scratch, &fn);
	if (status == NB_OK)
		status = allocate(context, &fn, arenas, &allocation, diag);
	if (status == NB_OK)
		status = x64_emit(context, &fn, &allocation, arenas->out, arenas->scratch, out);
	if (status == NB_LIMIT_EXCEEDED)
		diag_report(diag, status, DIAG_NO_OFFSET, "the function needs too large a frame");
	if (status == NB_INTERNAL)
		diag_report(diag, status, DIAG_NO_OFFSET, "code emission failed");
	return status;
}

enum nb_status
x64_compile_function(const struct x64_context *context, const struct ir_function *ir,
		     const struct x64_arenas *arenas, struct x64_chunk *out, struct diag *diag)
{
	struct arena_mark mark = arena_mark_get(arenas->scratch);
	enum nb_status status = compile(context, ir, arenas, out, diag);
	arena_release(arenas->scratch, mark);
	return status;
}

/* --- linking -------------------------------------------------------------- */

static uint32_t
round_up(uint32_t size)
{
	return (size + FUNCTION_ALIGN - 1) & ~(uint32_t)(FUNCTION_ALIGN - 1);
}

static uint32_t
chunk_bytes(const struct x64_chunk *chunk)
{
	uint32_t pool_at = (chunk->code_size + POOL_ALIGN - 1) & ~(uint32_t)(POOL_ALIGN - 1);
	return chunk->pool_size ? pool_at + chunk->pool_size : chunk->code_size;
}

struct image_sizes {
	uint64_t code;
	uint32_t sites;
	uint32_t claims;
};

static enum nb_status
measure_image(const struct x64_chunk *chunks, uint32_t count, struct image_sizes *out)
{
	*out = (struct image_sizes){ 0 };
	for (uint32_t i = 0; i < count; i++) {
		out->code += round_up(chunk_bytes(&chunks[i]));
		out->sites += chunks[i].site_count;
		out->claims += chunks[i].claim_count;
		if (out->code > INT32_MAX)
			return NB_LIMIT_EXCEEDED;
	}
	return NB_OK;
}

static void
apply_fixups(const struct x64_context *context, const struct x64_chunk *chunk,
	     const struct nb_code_function *functions, uint32_t at, uint8_t *code)
{
	for (uint32_t i = 0; i < chunk->fixup_count; i++) {
		const struct x64_call_fixup *fixup = &chunk->fixups[i];
		uint32_t callee = fixup->func_idx - context->module->func_import_count;
		uint32_t field = at + fixup->at;
		uint32_t distance = functions[callee].code_offset - (field + 4);
		memcpy(code + field, &distance, sizeof(distance));
	}
}

enum nb_status
x64_link(const struct x64_context *context, const struct x64_chunk *chunks, struct arena *out_arena,
	 struct nb_code_image *out)
{
	const struct wasm_module *module = context->module;
	uint32_t count = module->func_count - module->func_import_count;
	struct image_sizes sizes;
	enum nb_status status = measure_image(chunks, count, &sizes);
	if (status != NB_OK)
		return status;
	uint8_t *code = arena_alloc(out_arena, (size_t)sizes.code, FUNCTION_ALIGN);
	struct nb_code_function *functions =
		arena_new_array(out_arena, struct nb_code_function, count);
	struct nb_code_site *sites = arena_new_array(out_arena, struct nb_code_site, sizes.sites);
	struct nb_code_claim *claims =
		arena_new_array(out_arena, struct nb_code_claim, sizes.claims);
	if (!code || !functions || !sites || !claims)
		return NB_OUT_OF_MEMORY;
	uint32_t at = 0, site_count = 0, claim_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct x64_chunk *chunk = &chunks[i];
		uint32_t bytes = chunk_bytes(chunk), padded = round_up(bytes);
		functions[i] = (struct nb_code_function){
			.code_offset = at,
			.code_size = chunk->code_size,
			.pool_size = chunk->pool_size,
			.frame_size = chunk->frame_size,
			.first_site = site_count,
			.first_claim = claim_count,
			.wasm_offset = module->codes[i].offset,
		};
		memcpy(code + at, chunk->code, bytes);
		memset(code + at + bytes, PADDING_BYTE, padded - bytes);
		for (uint32_t s = 0; s < chunk->site_count; s++) {
			sites[site_count] = chunk->sites[s];
			sites[site_count++].code_offset += at;
		}
		for (uint32_t c = 0; c < chunk->claim_count; c++) {
			claims[claim_count] = chunk->claims[c];
			claims[claim_count++].code_offset += at;
		}
		at += padded;
	}
	at = 0;
	for (uint32_t i = 0; i < count; i++) {
		apply_fixups(context, &chunks[i], functions, at, code);
		at += round_up(chunk_bytes(&chunks[i]));
	}
	*out = (struct nb_code_image){
		.code = code,
		.code_size = (size_t)sizes.code,
		.functions = functions,
		.function_count = count,
		.sites = sites,
		.site_count = site_count,
		.claims = claims,
		.claim_count = claim_count,
		.cpu_features = context->options->cpu_features,
	};
	return NB_OK;
}
