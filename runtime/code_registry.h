/*
 * From addresses of published code to modules.
 */
#ifndef RUNTIME_CODE_REGISTRY_H
#define RUNTIME_CODE_REGISTRY_H

#include "abi/status.h"
#include "runtime/code_module.h"

/* Enters all pages of module->code. Callers serialise the two. NB_OUT_OF_MEMORY
 * enters none. */
NB_MUST_USE enum nb_status code_registry_enter(const struct code_module *module);
void code_registry_leave(const struct code_module *module);

#endif
