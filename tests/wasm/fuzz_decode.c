/*
 * Mutation fuzzing of the decoder and validator.
 *
 * Held of each variant (see fuzz_corpus.h for options): no crash and no hang; a
 * report with a place in the input exactly if it was refused; nothing left in
 * the arena; memory in proportion; the same verdict when bodies are validated
 * one by one, and when the arena is short none but out of memory; and readers
 * of validated bytes find each accepted body's end.
 */
#include "tests/wasm/fuzz_corpus.h"
#include "tests/wasm/host_arena.h"
#include "wasm/module.h"
#include "wasm/reader.h"

static const struct wasm_features validate = { .set = WASM_FEATURES_ALL,
					       .code = WASM_CODE_VALIDATE };
static const struct wasm_features defer = { .set = WASM_FEATURES_ALL, .code = WASM_CODE_DEFER };

static void
check_walk(const struct wasm_module *module)
{
	for (uint32_t i = module->func_import_count; i < module->func_count; i++) {
		const struct wasm_code *code = wasm_module_code(module, i);
		struct wasm_reader r = wasm_reader_at(module, code->code_offset);
		enum wasm_opcode opcode = WASM_OP_NOP;

		while (wasm_reader_offset(module, &r) < code->offset + code->len) {
			opcode = wasm_read_opcode(&r);
			wasm_skip_immediate(&r, opcode);
		}
		if (opcode != WASM_OP_END ||
		    wasm_reader_offset(module, &r) != code->offset + code->len)
			fuzz_fail("a walk does not end at a body's end");
	}
}

static void
check_report(const struct diag *diag, enum nb_status status, size_t len)
{
	if (diag->status != status)
		fuzz_fail("status and report differ");
	if (status == NB_OK)
		return;
	if (status != NB_MALFORMED && status != NB_INVALID && status != NB_UNSUPPORTED_FEATURE &&
	    status != NB_LIMIT_EXCEEDED)
		fuzz_fail("a status that input cannot cause");
	if (diag->offset > len || diag->text[0] == 0)
		fuzz_fail("a report without place or reason");
}

/* The verdict with bodies validated one by one, the last first. */
static enum nb_status
verdict_by_function(const uint8_t *bytes, size_t len)
{
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	enum nb_status status;

	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	status = wasm_module_decode(&module, &host.arena, bytes, len, &defer, &diag);
	for (uint32_t i = module.func_count; status == NB_OK && i > module.func_import_count; i--)
		status = wasm_function_validate(&module, i - 1, &host.arena, &diag);
	arena_reset(&host.arena);
	return status;
}

static void
check_with_little_memory(const uint8_t *bytes, size_t len, size_t used, enum nb_status expected,
			 uint64_t *random)
{
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	enum nb_status status;

	host_arena_init(&host, fuzz_below(random, used / 4096 + 1) * 4096);
	diag_init(&diag);
	status = wasm_module_decode(&module, &host.arena, bytes, len, &validate, &diag);
	if (status != NB_OUT_OF_MEMORY && status != expected)
		fuzz_fail("another verdict for lack of memory");
	if (status != NB_OK && host.chunks != 0)
		fuzz_fail("a refused module keeps memory");
	arena_reset(&host.arena);
}

/* Decodes bytes[0..len), which are exactly allocated, and checks all of it. */
static enum nb_status
check_variant(const uint8_t *bytes, size_t len, uint64_t *random)
{
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	enum nb_status status;
	char text[512];
	size_t used;

	host_arena_init(&host, 64 * len + (1 << 20));
	diag_init(&diag);
	status = wasm_module_decode(&module, &host.arena, bytes, len, &validate, &diag);
	if (status == NB_OUT_OF_MEMORY)
		fuzz_fail("memory out of proportion");
	check_report(&diag, status, len);
	diag_format(&diag, text, sizeof(text));
	if (status == NB_OK)
		check_walk(&module);
	else if (host.chunks != 0)
		fuzz_fail("a refused module keeps memory");
	used = host.requests * 4096 + host.arena.used_bytes;
	arena_reset(&host.arena);
	if (host.chunks != 0)
		fuzz_fail("the arena leaks");
	if ((verdict_by_function(bytes, len) == NB_OK) != (status == NB_OK))
		fuzz_fail("another verdict when bodies are validated one by one");
	check_with_little_memory(bytes, len, used, status, random);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct fuzz_target target = { "fuzz_decode", check_variant, 60, 0, false };

	return fuzz_main(&target, argc, argv);
}
