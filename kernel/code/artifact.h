/*
 * Reading and writing compiled artifacts (abi/artifact.h).
 *
 * The writer runs in the host tool, the reader in the kernel; both only touch
 * memory and arenas.
 */
#ifndef KERNEL_CODE_ARTIFACT_H
#define KERNEL_CODE_ARTIFACT_H

#include "abi/artifact.h"
#include "abi/status.h"
#include "lib/arena.h"
#include "lib/diag.h"
#include "runtime/code_module.h"
#include "wasm/module.h"

#include <stdbool.h>
#include <stddef.h>

/* True if the bytes begin like an artifact. */
bool artifact_is_one(const uint8_t *bytes, size_t len);

/* Writes `module` (decoded from its complete binary) and its image into one
 * block of `arena`. NB_OUT_OF_MEMORY; NB_LIMIT_EXCEEDED over 4 GiB. */
NB_MUST_USE enum nb_status
artifact_write(struct arena *arena, const struct wasm_module *module,
	       const struct nb_code_image *image, const uint8_t **out, size_t *out_len);

/*
 * Decodes the artifact bytes[0..len), which stays in place and unchanged as
 * long as *out is used, into the wasm, image and arena of *out, an empty
 * module. Its machine code is not looked at (code_verify does that), but its
 * structure is. Needs `bytes` 16-aligned. Errors, reported in
 * *diag: NB_MALFORMED, NB_NOT_SUPPORTED (another version of format or
 * contract, a processor feature outside `cpu_features`), those of
 * wasm_module_decode; the arena may have grown then.
 */
NB_MUST_USE enum nb_status artifact_read(const uint8_t *bytes, size_t len, uint32_t cpu_features,
					 struct diag *diag, struct code_module *out);

#endif
