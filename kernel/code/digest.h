/*
 * SHA-256 digests, and the list of those artifacts that this kernel trusts.
 *
 * Until machine code is verified before it is published, only artifacts that
 * were built together with the kernel are accepted: their digests are linked
 * into it. Source of the hash: FIPS 180-4.
 */
#ifndef KERNEL_CODE_DIGEST_H
#define KERNEL_CODE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32 };

struct digest {
	uint8_t bytes[DIGEST_BYTES];
};

/* Sorted ascending; made by scripts/gen_trusted.py. A binary that links no
 * list trusts nothing. */
extern const struct digest code_trusted[] __attribute__((weak));
extern const uint32_t code_trusted_count __attribute__((weak));

/* Lets others run meanwhile; no lock held. */
void digest_compute(const uint8_t *bytes, size_t len, struct digest *out);
/* True if the digest of bytes[0..len) is in the list. */
bool digest_is_trusted(const uint8_t *bytes, size_t len);

#endif
