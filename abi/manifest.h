/*
 * Manifests: numbers that kernel, compiler, verifier, tool and programs share.
 * The text is described in manifest.def, read by lib/manifest.h. Freestanding.
 */
#ifndef ABI_MANIFEST_H
#define ABI_MANIFEST_H

#include <stdint.h>

/* The custom section. */
#define NB_MANIFEST_SECTION "nebulet.manifest"

enum {
	NB_MANIFEST_BYTES = 16384,   /* of the text at most */
	NB_MANIFEST_WORD_BYTES = 32, /* of a WORD at most, with a zero byte behind it */
	NB_PORT_COUNT = 65536,
};

enum nb_port_access {
	NB_PORT_READ = 1,
	NB_PORT_WRITE = 2,
};

/* Ports that an access may touch: all its bytes lie in one such range. */
struct nb_port_range {
	uint32_t first;
	uint32_t count;	 /* first + count <= NB_PORT_COUNT */
	uint32_t access; /* enum nb_port_access, a set */
	uint32_t line;	 /* of the manifest, from 1 */
};

/* The most of each line, and their number. */
enum nb_manifest_line {
#define NB_MANIFEST(name, keyword, arguments, most, text) NB_MANIFEST_##name,
#include "abi/manifest.def"
#undef NB_MANIFEST
	NB_MANIFEST_LINE_COUNT,
};
enum {
#define NB_MANIFEST(name, keyword, arguments, most, text) NB_MANIFEST_MOST_##name = most,
#include "abi/manifest.def"
#undef NB_MANIFEST
};

#endif
