/*
 * Compiled artifacts (.nbo): a module and its machine code in one file.
 *
 * Layout: the head; then the sections in the order of enum nb_artifact_section,
 * each beginning at a multiple of NB_ARTIFACT_ALIGN, zero bytes between them.
 * Numbers are little-endian. The code is position-independent.
 *
 *   SKELETON   the WebAssembly binary without its code section and without
 *              custom sections other than `name` and those of this system
 *   FUNCTIONS  struct nb_code_function for each defined function
 *   SITES      struct nb_code_site
 *   CLAIMS     struct nb_code_claim
 *   CODE       nb_code_image.code
 *
 * `wasm_offset` values refer to the original binary. Freestanding.
 */
#ifndef ABI_ARTIFACT_H
#define ABI_ARTIFACT_H

#include "abi/code_contract.h"

#include <stdint.h>

#define NB_ARTIFACT_MAGIC UINT64_C(0x0a1a006f626e2e89) /* 89 '.' 'n' 'b' 'o' 00 1a 0a */

enum { NB_ARTIFACT_VERSION = 2, NB_ARTIFACT_ALIGN = 16 };

enum nb_artifact_section {
	NB_ARTIFACT_SKELETON,
	NB_ARTIFACT_FUNCTIONS,
	NB_ARTIFACT_SITES,
	NB_ARTIFACT_CLAIMS,
	NB_ARTIFACT_CODE,
	NB_ARTIFACT_SECTION_COUNT,
};

struct nb_artifact_range {
	uint32_t offset; /* from the file's start */
	uint32_t size;	 /* bytes */
};

struct nb_artifact_head {
	uint64_t magic;
	uint32_t version;	   /* NB_ARTIFACT_VERSION */
	uint32_t contract_version; /* NB_CODE_CONTRACT_VERSION the code obeys */
	uint32_t cpu_features;	   /* NB_CPU_* the code needs */
	uint32_t wasm_features;	   /* with which the module was validated */
	uint32_t size;		   /* of the whole file */
	uint32_t binary_size;	   /* of the original WebAssembly binary */
	struct nb_artifact_range sections[NB_ARTIFACT_SECTION_COUNT];
};
_Static_assert(sizeof(struct nb_artifact_head) == 72, "layout");

#endif
