/*
 * Digests: the fetched SHA-256 behind an interface of our own.
 */
#include "kernel/code/digest.h"

#include "lib/string.h"

/* Of the fetched package, whose header is not there when this file is checked
 * alone. */
void libcperciva_SHA256_Buf(const void *bytes, size_t len, uint8_t digest[DIGEST_BYTES]);

void
digest_compute(const uint8_t *bytes, size_t len, struct digest *out)
{
	libcperciva_SHA256_Buf(bytes, len, out->bytes);
}

bool
digest_is_trusted(const uint8_t *bytes, size_t len)
{
	uint32_t count = &code_trusted_count ? code_trusted_count : 0;
	uint32_t low = 0;
	struct digest digest;

	if (!count)
		return false;
	digest_compute(bytes, len, &digest);
	while (low < count) {
		uint32_t middle = low + (count - low) / 2;
		int order = memcmp(digest.bytes, code_trusted[middle].bytes, DIGEST_BYTES);

		if (order == 0)
			return true;
		if (order < 0)
			count = middle;
		else
			low = middle + 1;
	}
	return false;
}
