/*
 * The header block of an archive member, as the reader (archive.c) and the host
 * tool's writer (tools/tar.c) know it: POSIX.1-2017, pax, table "ustar Header
 * Block". Numbers are octal text.
 */
#ifndef USER_LIBS_ARCHIVE_USTAR_H
#define USER_LIBS_ARCHIVE_USTAR_H

/* Headers and contents begin at multiples of this. */
#define USTAR_BLOCK_BYTES 512u

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

#endif
