/*
 * Publishing: the only way bytes become runnable.
 *
 *   WebAssembly   decode -> compile (a worker thread) -> place -> verify -> seal
 *   artifact      read -> place -> verify -> seal (at once)
 *
 * The last three steps are the same for both.
 */
#ifndef KERNEL_CODE_PUBLISH_H
#define KERNEL_CODE_PUBLISH_H

#include "kernel/code/module.h"
#include "wasm/limits.h"

/* Longer binaries are refused by the decoder; there is no use in copying them. */
enum { PUBLISH_BYTES_MAX = WASM_LIMIT_MODULE_BYTES };

/* Makes a module of the binary or artifact in `source`, which it takes over in
 * any case, and begins to publish it. What is wrong with the bytes shows in
 * the module's state; errors: NB_OUT_OF_MEMORY, NB_LIMIT_EXCEEDED. */
NB_MUST_USE enum nb_status publish_begin(struct account *account, uint32_t priority,
					 const struct module_source *source, struct module **out);

/* Nobody wants the module any more: its worker stops as soon as it looks. */
void publish_cancel(struct module *module);

/* Gives back everything of a module's code, sealed or not. */
void publish_release(struct code_module *code);

/* Worker threads under way. */
uint32_t publish_live_count(void);

#endif
