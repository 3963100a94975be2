/*
 * What a validated module's code is verified against, collected apart from
 * kernel/code/verify.c.
 */
#ifndef TESTS_VERIFIER_MODULE_FACTS_H
#define TESTS_VERIFIER_MODULE_FACTS_H

#include "lib/arena.h"
#include "verifier/verifier.h"
#include "wasm/module.h"

/* *out lives in `arena`, which has room. */
void module_facts(const struct wasm_module *module, uint32_t cpu_features, struct arena *arena,
		  struct verifier_facts *out);

#endif
