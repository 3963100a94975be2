/*
 * Import matching.
 */
#ifndef RUNTIME_LINK_H
#define RUNTIME_LINK_H

#include "runtime/instance.h"

/* Checks that `given` may stand for `import` of the instance's module, whose
 * signature words are in its vmctx. NB_UNLINKABLE with both types in *diag.
 * Source: WebAssembly Core 2.0, section 4.5.2 (Import Matching). */
NB_MUST_USE enum nb_status
link_check(const struct instance *instance, const struct wasm_import *import,
	   const struct runtime_extern *given, struct diag *diag);

/* Reports an import that nothing supplies; returns NB_UNLINKABLE. */
NB_MUST_USE enum nb_status link_unknown(const struct wasm_import *import, struct diag *diag);

#endif
