/*
 * Digests: the fetched SHA-256 behind an interface of our own.
 */
#include "kernel/code/digest.h"

#include "kernel/sched/sched.h"
#include "lib/string.h"

/* Of the fetched package, whose header is not there when this file is checked
 * alone. Its context is 104 bytes long and of 8-byte words. */
struct sha256_context {
	uint64_t words[16];
};
void libcperciva_SHA256_Init(struct sha256_context *context);
void libcperciva_SHA256_Update(struct sha256_context *context, const void *bytes, size_t len);
void libcperciva_SHA256_Final(uint8_t digest[DIGEST_BYTES], struct sha256_context *context);

/* Hashed between two looks at who else wants to run; well under 1 ms. */
enum { PIECE_BYTES = 64 * 1024 };

void
digest_compute(const uint8_t *bytes, size_t len, struct digest *out)
{
	struct sha256_context context;

	libcperciva_SHA256_Init(&context);
	while (len) {
		size_t piece = len < PIECE_BYTES ? len : PIECE_BYTES;

		libcperciva_SHA256_Update(&context, bytes, piece);
		bytes += piece;
		len -= piece;
		sched_relax();
	}
	libcperciva_SHA256_Final(out->bytes, &context);
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
