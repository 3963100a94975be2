/*
 * Mutation fuzzing of the compiler.
 *
 * Held of each variant (see fuzz_corpus.h for options) that decodes, with the
 * bodies validated at once or each just before it is compiled: no crash and no
 * hang; a status that input can cause, reported; memory in proportion, all of
 * it returned; code whose tables lie inside it; with another set of passes the
 * same verdict; and where a piece of memory is refused, out of memory and
 * nothing kept.
 */
#include "compiler/compiler.h"

#include "tests/random.h"
#include "tests/wasm/fuzz_corpus.h"
#include "tests/wasm/host_arena.h"

enum { LARGE = 1 << 20 };

static const struct wasm_features validate = { .set = WASM_FEATURES_ALL,
					       .code = WASM_CODE_VALIDATE };
static const struct wasm_features defer = { .set = WASM_FEATURES_ALL, .code = WASM_CODE_DEFER };

/* One compilation: its memory and what came of it. */
struct run {
	struct host_arena host;
	struct nb_code_image image;
	uint64_t code_hash;
	struct diag diag;
};

static void
check_image(const struct nb_code_image *image, const struct wasm_module *module)
{
	if (image->function_count != module->code_count)
		fuzz_fail("not a function for each body");
	for (uint32_t i = 0; i < image->function_count; i++) {
		const struct nb_code_function *function = &image->functions[i];

		if (function->code_offset >= image->code_size ||
		    function->code_size > image->code_size - function->code_offset)
			fuzz_fail("a function outside the code");
	}
	for (uint32_t i = 0; i < image->site_count; i++)
		if (image->sites[i].code_offset > image->code_size)
			fuzz_fail("a site outside the code");
}

static uint64_t
hash_code(const struct nb_code_image *image)
{
	uint64_t hash = image->code_size;

	for (size_t i = 0; i < image->code_size; i++)
		hash = (hash ^ image->code[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static void
check_status(const struct run *run, enum nb_status status, bool is_deferred, bool is_short)
{
	bool is_fine = status == NB_OK || status == NB_UNSUPPORTED_FEATURE ||
		       status == NB_LIMIT_EXCEEDED || (is_short && status == NB_OUT_OF_MEMORY) ||
		       (is_deferred && (status == NB_INVALID || status == NB_MALFORMED));

	if (!is_fine || (status != NB_OK && run->diag.status != status)) {
		fprintf(stderr, "status %s: %s\n", nb_status_text(status), run->diag.text);
		fuzz_fail("a status that input cannot cause, or not what was reported");
	}
}

/* Compiles once; everything has come back at the end. */
static enum nb_status
compile(const struct wasm_module *module, const struct compiler_options *options, struct run *run)
{
	enum nb_status status;

	diag_init(&run->diag);
	status = compiler_compile(module, options, &run->host.source, &run->host.arena, &run->image,
				  &run->diag);
	check_status(run, status, module->features.code == WASM_CODE_DEFER,
		     run->host.fail_at != SIZE_MAX);
	run->code_hash = 0;
	if (status == NB_OK) {
		check_image(&run->image, module);
		run->code_hash = hash_code(&run->image);
	}
	arena_reset(&run->host.arena);
	if (run->host.chunks != 0)
		fuzz_fail("the compiler leaks");
	return status;
}

/* The same with one piece of memory refused, which the arena may get over by
 * asking for less, or with all that follow it. */
static void
compile_with_little(const struct wasm_module *module, const struct compiler_options *options,
		    const struct run *good, enum nb_status expected, uint64_t *random)
{
	struct run run;
	enum nb_status status;

	host_arena_init(&run.host, SIZE_MAX);
	run.host.fail_at = fuzz_below(random, good->host.requests);
	run.host.fail_ever_after = fuzz_below(random, 2) == 0;
	status = compile(module, options, &run);
	if (status == NB_OUT_OF_MEMORY)
		return;
	if (status != expected || run.code_hash != good->code_hash)
		fuzz_fail("something else comes out for lack of memory");
	if (run.host.fail_ever_after && run.host.requests > run.host.fail_at)
		fuzz_fail("a refused piece of memory was not noticed");
}

static void
check_compiler(const struct wasm_module *module, size_t len, uint64_t *random, enum nb_status *out)
{
	struct compiler_options options;
	struct run run, other;

	compiler_options_init(&options);
	options.check = true;
	host_arena_init(&run.host, SIZE_MAX);
	*out = compile(module, &options, &run);
	options.check = fuzz_below(random, 2) == 0;
	if (len < LARGE || fuzz_below(random, 4) == 0)
		compile_with_little(module, &options, &run, *out, random);
	if (len >= LARGE)
		return;
	options.disabled_passes = (uint32_t)random_next(random);
	options.strict_accesses = fuzz_below(random, 2) == 0;
	options.cpu_features = fuzz_below(random, 2) == 0 ? 0 : UINT32_MAX;
	host_arena_init(&other.host, SIZE_MAX);
	if (compile(module, &options, &other) != *out)
		fuzz_fail("another verdict with other options");
}

static enum nb_status
check_variant(const uint8_t *bytes, size_t len, uint64_t *random)
{
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	enum nb_status status;
	bool is_deferred = fuzz_below(random, 2) == 0;

	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	status = wasm_module_decode(&module, &host.arena, bytes, len,
				    is_deferred ? &defer : &validate, &diag);
	if (status == NB_OK)
		check_compiler(&module, len, random, &status);
	arena_reset(&host.arena);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct fuzz_target target = { "fuzz_compile", check_variant, 60, 60, true };

	return fuzz_main(&target, argc, argv);
}
