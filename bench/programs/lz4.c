/* Compression: LZ4, fast and thorough, and back. What it writes depends on the width of size_t. */
#include "compress.h"

#include <lz4.h>
#include <lz4hc.h>

static size_t
pack_fast(char *out, size_t cap, const char *in, size_t len)
{
	return (size_t)LZ4_compress_default(in, out, (int)len, (int)cap);
}

static size_t
pack_small(char *out, size_t cap, const char *in, size_t len)
{
	return (size_t)LZ4_compress_HC(in, out, (int)len, (int)cap, 9);
}

static size_t
unpack(char *out, size_t cap, const char *in, size_t len)
{
	return (size_t)LZ4_decompress_safe(in, out, (int)len, (int)cap);
}

static void
bench_round(void)
{
	(void)compress_round("fast", 150000, pack_fast, unpack);
	(void)compress_round("small", 30000, pack_small, unpack);
	bench_put("came back\n");
}
