/*
 * From a validated module to what its machine code is verified against.
 *
 * kernel/code verifies with it before it seals; the host tool uses it too.
 */
#ifndef KERNEL_CODE_VERIFY_H
#define KERNEL_CODE_VERIFY_H

#include "abi/code_contract.h"
#include "abi/status.h"
#include "compiler/compiler.h"
#include "lib/arena.h"
#include "lib/diag.h"
#include "verifier/verifier.h"
#include "wasm/module.h"

struct code_verify {
	const struct wasm_module *module;
	const struct nb_code_image *image;
	uint32_t cpu_features; /* NB_CPU_* of the processor that will run it */
	/* Called now and then during long work, which an error ends; may be NULL. */
	enum nb_status (*poll)(void *context);
	void *poll_context;
	struct arena *scratch; /* working memory, left as found */
	/* Threads that verify at the same time, without `poll`; NULL: only the calling one. */
	const struct compiler_crew *crew;
};

/*
 * NB_OK if all of the image is proven confined. Errors, reported in *diag:
 * NB_NOT_TRUSTED with function, place in the code and rule (*finding, if not
 * NULL, says the same); NB_OUT_OF_MEMORY; what `poll` returned. Linear time;
 * sleeps only in `poll`.
 */
NB_MUST_USE enum nb_status
code_verify(const struct code_verify *job, struct verifier_finding *finding, struct diag *diag);

/* What does not hold if code is refused for `rule`; never NULL. */
const char *code_rule_text(enum verifier_rule rule);

#endif
