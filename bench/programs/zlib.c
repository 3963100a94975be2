/* Compression: zlib, levels 1 and 6, and back. */
#include "compress.h"

#include <zlib.h>

static int level;

static size_t
pack(char *out, size_t cap, const char *in, size_t len)
{
	uLongf out_len = (uLongf)cap;

	return compress2((Bytef *)out, &out_len, (const Bytef *)in, (uLong)len, level) == Z_OK
		       ? out_len
		       : 0;
}

static size_t
unpack(char *out, size_t cap, const char *in, size_t len)
{
	uLongf out_len = (uLongf)cap;

	return uncompress((Bytef *)out, &out_len, (const Bytef *)in, (uLong)len) == Z_OK ? out_len
											 : 0;
}

static void
bench_round(void)
{
	level = 1;
	bench_put_integer("level 1", compress_round("level 1", 40000, pack, unpack));
	level = 6;
	bench_put_integer("level 6", compress_round("level 6", 40000, pack, unpack));
}
