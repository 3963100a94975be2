/*
 * The compiler: a validated module in, machine code and its tables out.
 *
 *   wasm_module ── per function: build, passes, select, allocate, emit ──>
 *   chunks ── join ──> nb_code_image
 *
 * Freestanding and reentrant: memory comes from arenas, nothing is static and
 * mutable, input-controlled nesting never uses the C stack. What comes out
 * obeys abi/code_contract.h and is trusted by nobody.
 */
#ifndef COMPILER_COMPILER_H
#define COMPILER_COMPILER_H

#include "abi/code_contract.h"
#include "abi/status.h"
#include "lib/arena.h"
#include "lib/diag.h"
#include "lib/format.h"
#include "wasm/module.h"

#include <stdbool.h>
#include <stdint.h>

/* Every pass that can be switched. */
enum compiler_pass {
#define COMPILER_PASS(name, text, about) COMPILER_PASS_##name,
#include "compiler/pass/pass.def"
#undef COMPILER_PASS
	COMPILER_PASS_COUNT
};

/* Where dumps go. A dump is the text of the IR after a stage. */
struct compiler_dump {
	/* True if function `func_idx` is wanted after `stage` ("build", a pass's
	 * name, "schedule", "allocate"). */
	bool (*wants)(void *context, uint32_t func_idx, const char *stage);
	format_emit *emit;
	/* Called with rising code_offset: from that place in the function's machine code on it
	 * stems from `wasm_offset`, from the body's start, a signed number of 24 bits as in
	 * struct nb_code_site. May be NULL. */
	void (*place)(void *context, uint32_t func_idx, uint32_t code_offset, uint32_t wasm_offset);
	void *context;
};

/* Threads that compile functions at the same time. */
struct compiler_crew {
	/* Calls work(argument, 0) … work(argument, count - 1), 0 on the calling thread and
	 * the others wherever there are threads, one after the other if there are none;
	 * returns when all have returned. */
	void (*run)(void *context, uint32_t count, void (*work)(void *argument, uint32_t number),
		    void *argument);
	void *context;
	uint32_t count; /* at least 1 */
};

struct compiler_options {
	uint32_t cpu_features;	  /* NB_CPU_* that the code may use */
	uint32_t disabled_passes; /* 1 << enum compiler_pass */
	/* The functions, by index, for which disabled_passes holds; others have all passes. */
	uint32_t disabled_first, disabled_end;
	size_t memory_limit; /* bytes that working memory may take at once */
	bool check;	     /* IR checker after every pass, allocation checker */
	/* Every load and store happens exactly once, in order, at its width. So it is anyway in
	 * modules that import memory_map, mmio_map, dma_alloc or the 2018 physical_* calls. */
	bool strict_accesses;
	/* Called often, at least once a function; anything but NB_OK ends the
	 * compilation with that status. May be NULL. */
	enum nb_status (*poll)(void *context, uint32_t done_functions, uint32_t total_functions);
	void *poll_context;
	const struct compiler_dump *dump; /* NULL: none */
	/* NULL: only the calling thread. Else `source` serves several threads at once; poll and
	 * dump are still called on the calling thread only. The code does not depend on it. */
	const struct compiler_crew *crew;
};

/* Everything on, baseline processor, 1 GiB of working memory. */
void compiler_options_init(struct compiler_options *options);

/*
 * Compiles every defined function of `module`.
 *
 * Needs: a module decoded with WASM_CODE_VALIDATE, or WASM_CODE_DEFER, in which
 * case each body is validated just before it is compiled. Working memory comes
 * from `source` and is all returned; the image lives in `out_arena`.
 * Errors, each reported in *diag: NB_UNSUPPORTED_FEATURE (names instruction,
 * function, offset), NB_LIMIT_EXCEEDED (a frame or the vmctx too large),
 * NB_MALFORMED, NB_ACCESS_DENIED, NB_UNLINKABLE (manifest and accesses to ports, see
 * compiler/device.h), NB_OUT_OF_MEMORY, what poll returned, NB_MALFORMED and NB_INVALID of deferred
 * bodies, NB_INTERNAL (a check failed). After an error *out is unspecified and
 * out_arena holds no more than before. Does not sleep but in poll.
 */
NB_MUST_USE enum nb_status
compiler_compile(const struct wasm_module *module, const struct compiler_options *options,
		 const struct arena_source *source, struct arena *out_arena,
		 struct nb_code_image *out, struct diag *diag);

/* "gvn", …; the name by which --passes=-gvn switches a pass. */
const char *compiler_pass_text(enum compiler_pass pass);

/* One line about what the pass does. */
const char *compiler_pass_about(enum compiler_pass pass);

/*
 * Applies "-gvn,+licm,-all"-like text to options->disabled_passes. Returns
 * NB_NOT_FOUND, *bad pointing at the unknown name within `text`.
 */
NB_MUST_USE enum nb_status
compiler_options_set_passes(struct compiler_options *options, const char *text, const char **bad);

#endif
