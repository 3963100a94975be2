/* Compression: bzip2 and back. */
#include "compress.h"

#include <bzlib.h>

void
bz_internal_error(int number)
{
	fprintf(stderr, "bzip2: internal error %d\n", number);
	exit(1);
}

static size_t
pack(char *out, size_t cap, const char *in, size_t len)
{
	unsigned out_len = (unsigned)cap;

	return BZ2_bzBuffToBuffCompress(out, &out_len, (char *)(uintptr_t)in, (unsigned)len, 9, 0,
					0) == BZ_OK
		       ? out_len
		       : 0;
}

static size_t
unpack(char *out, size_t cap, const char *in, size_t len)
{
	unsigned out_len = (unsigned)cap;

	return BZ2_bzBuffToBuffDecompress(out, &out_len, (char *)(uintptr_t)in, (unsigned)len, 0,
					  0) == BZ_OK
		       ? out_len
		       : 0;
}

static void
bench_round(void)
{
	bench_put_integer("bzip2", compress_round("bzip2", 30000, pack, unpack));
}
