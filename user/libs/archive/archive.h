/*
 * Reader of USTAR archives with POSIX extended headers: the format of the
 * RAM disk.
 *
 * Works on anything that can be read at an offset, so it runs over a memory
 * object in a module and over a buffer in a test. A damaged archive gives an
 * error at the first bad header; what came before stays usable. Format:
 * POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange Format".
 */
#ifndef USER_LIBS_ARCHIVE_ARCHIVE_H
#define USER_LIBS_ARCHIVE_ARCHIVE_H

#include "abi/status.h"

#include <stdint.h>

#define ARCHIVE_PATH_MAX 4096 /* bytes of a path with its zero byte */

struct archive_source {
	/* Copies up to `len` bytes at `offset` to `buffer`; returns how many,
	 * fewer only at the end, or minus an enum nb_status. */
	int64_t (*read)(void *context, uint64_t offset, void *buffer, uint32_t len);
	void *context;
	uint64_t size; /* bytes */
};

enum archive_type { ARCHIVE_FILE, ARCHIVE_DIRECTORY, ARCHIVE_SYMLINK };

/* One member. Large: keep it out of stack frames. */
struct archive_entry {
	enum archive_type type;
	uint32_t path_len;
	uint32_t link_len;
	uint64_t size;		     /* bytes of contents; 0 unless FILE */
	uint64_t data_offset;	     /* of the contents in the archive */
	uint64_t mtime_s;	     /* seconds since 1970 */
	char path[ARCHIVE_PATH_MAX]; /* no leading or trailing '/', no "./" in front; terminated */
	char link[ARCHIVE_PATH_MAX]; /* target if SYMLINK; terminated */
};

/* Reads the member whose header stands at *at and moves *at to the next
 * header. Members that are neither files, directories nor symbolic links are
 * passed over. END_OF_FILE at the end of the archive; MALFORMED; errors of
 * `read`. */
NB_MUST_USE enum nb_status
archive_next(const struct archive_source *source, uint64_t *at, struct archive_entry *out);

/* Finds the last file member called `path` (zero-terminated, written as in
 * archive_entry). NOT_FOUND or what archive_next returns. */
NB_MUST_USE enum nb_status
archive_find(const struct archive_source *source, const char *path, struct archive_entry *out);

#endif
