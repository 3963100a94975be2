/*
 * Finding files in a USTAR archive (POSIX.1-2017, pax, "ustar Interchange
 * Format"). Nothing in the archive is trusted.
 */
#ifndef KERNEL_INIT_USTAR_H
#define KERNEL_INIT_USTAR_H

#include "abi/status.h"

#include <stddef.h>
#include <stdint.h>

struct ustar_file {
	const uint8_t *bytes; /* in the archive */
	size_t size;
};

/* The regular file `path`. NB_NOT_FOUND; NB_MALFORMED if a damaged header
 * comes before it. */
NB_MUST_USE enum nb_status
ustar_find(const uint8_t *archive, size_t len, const char *path, struct ustar_file *out);

#endif
