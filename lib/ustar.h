/*
 * The header block of an archive's member: POSIX.1-2017, pax, table "ustar Header Block". The
 * kernel, programs (user/libs/archive) and the host tool (tools/tar.c) all have it from here.
 */
#ifndef LIB_USTAR_H
#define LIB_USTAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Headers and contents begin at multiples of this. */
#define USTAR_BLOCK_BYTES 512u

/* Numbers are octal text; texts end with a zero byte unless they fill the field. */
struct ustar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];
	char version[2];
	char owner[32];
	char group[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char padding[12];
};
_Static_assert(sizeof(struct ustar_header) == USTAR_BLOCK_BYTES, "layout");

/* Whether it is a header, and undamaged. */
bool ustar_is_header(const struct ustar_header *header);

/* The number in a field of `len` bytes; false if that holds anything else. */
bool ustar_number(const char *field, size_t len, uint64_t *out);

#endif
