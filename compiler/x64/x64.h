/*
 * The x86-64 back end: scheduled IR of one function in, a chunk of machine
 * code with its tables out; chunks of a module are then linked into an image.
 *
 *   x64_select ─> ra_allocate ─> x64_emit      (x64_compile_function)
 *   chunks ─> x64_link ─> nb_code_image
 */
#ifndef COMPILER_X64_X64_H
#define COMPILER_X64_X64_H

#include "abi/code_contract.h"
#include "abi/status.h"
#include "compiler/compiler.h"
#include "compiler/ir/ir.h"
#include "lib/arena.h"
#include "lib/diag.h"

/* The same for all functions of a module. */
struct x64_context {
	const struct wasm_module *module;
	const struct compiler_options *options;
	struct nb_vmctx_layout layout;
};

/* A rel32 field to be filled in with the distance to a function's entry. */
struct x64_call_fixup {
	uint32_t at;	   /* of the four bytes, from the chunk's start */
	uint32_t func_idx; /* a defined function, in the module's index space */
};

/* One function. The arrays live in the arena given to x64_compile_function. */
struct x64_chunk {
	const uint8_t *code; /* code_size, padding to 16, pool_size bytes */
	uint32_t code_size;
	uint32_t pool_size;
	uint32_t frame_size;
	const struct nb_code_site *sites; /* offsets from the chunk's start, sorted */
	uint32_t site_count;
	const struct nb_code_claim *claims; /* likewise */
	uint32_t claim_count;
	const struct x64_call_fixup *fixups;
	uint32_t fixup_count;
};

/* The layout that `module`'s vmctx has. NB_LIMIT_EXCEEDED if it is too large. */
NB_MUST_USE enum nb_status
x64_context_init(struct x64_context *context, const struct wasm_module *module,
		 const struct compiler_options *options);

/*
 * Compiles one function.
 *
 * Needs: IR as ir_schedule leaves it; three different arenas. The chunk lives in
 * `out`; working memory comes from `scratch` and `work`, which are left as
 * found. Errors: NB_OUT_OF_MEMORY;
 * NB_LIMIT_EXCEEDED if the frame passes NB_FRAME_MAX or the code 2 GiB;
 * NB_INTERNAL (with options->check: the allocation or a claim was wrong). The
 * latter two are reported in *diag. Does not sleep; reentrant.
 */
struct x64_arenas {
	struct arena *out, *scratch, *work;
};
NB_MUST_USE enum nb_status
x64_compile_function(const struct x64_context *context, const struct ir_function *ir,
		     const struct x64_arenas *arenas, struct x64_chunk *out, struct diag *diag);

/*
 * Joins the chunks of all defined functions, in order, into one image in
 * `out_arena` and resolves the calls between them. Errors: NB_OUT_OF_MEMORY;
 * NB_LIMIT_EXCEEDED if the code passes 2 GiB.
 */
NB_MUST_USE enum nb_status
x64_link(const struct x64_context *context, const struct x64_chunk *chunks, struct arena *out_arena,
	 struct nb_code_image *out);

#endif
