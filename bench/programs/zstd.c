/* Compression: Zstandard, levels 3 and 9, and back. */
#include "compress.h"

#include <zstd.h>

static int level;

static size_t
pack(char *out, size_t cap, const char *in, size_t len)
{
	size_t result = ZSTD_compress(out, cap, in, len, level);

	return ZSTD_isError(result) ? 0 : result;
}

static size_t
unpack(char *out, size_t cap, const char *in, size_t len)
{
	size_t result = ZSTD_decompress(out, cap, in, len);

	return ZSTD_isError(result) ? 0 : result;
}

static void
bench_round(void)
{
	level = 3;
	bench_put_integer("level 3", compress_round("level 3", 100000, pack, unpack));
	level = 9;
	bench_put_integer("level 9", compress_round("level 9", 30000, pack, unpack));
}
