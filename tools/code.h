/* The machine code of a module or artifact, as the host tool gets it. */
#ifndef TOOLS_CODE_H
#define TOOLS_CODE_H

#include "compiler/compiler.h"
#include "kernel/code/verify.h"
#include "runtime/code_module.h"

#define TOOL_MEMORY_LIMIT ((size_t)16 << 30)

/* Decodes a module, or reads an artifact with its machine code, into *code, which
 * code_module_init made. Errors: as wasm_module_decode and artifact_read. */
NB_MUST_USE enum nb_status
tool_code_read(const uint8_t *bytes, size_t len, struct code_module *code, struct diag *diag);

/* Compiles what tool_code_read decoded; an artifact's code stays. Errors: as
 * compiler_compile. */
NB_MUST_USE enum nb_status tool_code_compile(const struct compiler_options *options,
					     struct code_module *code, struct diag *diag);

/* Verifies the machine code with so many threads, 0: one for each processor. Errors: as
 * code_verify; *finding as there, or NULL. */
NB_MUST_USE enum nb_status tool_code_verify(const struct code_module *code, uint32_t threads,
					    struct verifier_finding *finding, struct diag *diag);

/* Reports what one of these has found wrong with the file; the exit status for that. */
int tool_code_refuse(const char *path, const struct diag *diag);

/* Whether the code was read from an artifact, so that there is no IR. */
bool tool_code_is_artifact(const uint8_t *bytes, size_t len);

/* The features of all processors that artifacts may be for. */
extern const uint32_t tool_all_cpu_features;

#endif
