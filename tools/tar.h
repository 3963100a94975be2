/*
 * Writing USTAR archives (POSIX.1-2017, pax): the RAM disk's format.
 *
 * Errors are reported with tool_error where they happen and remembered; the
 * caller checks once, with tar_finish.
 */
#ifndef TOOLS_TAR_H
#define TOOLS_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct tar {
	int fd;
	uint64_t written_bytes;
	uint64_t limit_bytes; /* more than that is an error; 0: no limit */
	bool has_failed;
};

/* An archive written to `fd` from its present position. */
void tar_init(struct tar *tar, int fd);

/* Adds a file with these bytes. Paths have no leading '/'. */
void tar_add_bytes(struct tar *tar, const char *path, const void *bytes, size_t len, time_t mtime);

/* Adds the regular file `source` of the host as `path`. */
void tar_add_file(struct tar *tar, const char *path, const char *source);

/* Adds what an open file has from its present position on, `size` bytes. */
void tar_add_rest(struct tar *tar, const char *path, int file, uint64_t size);

/* Adds the directory `source` as `path` with everything below it, in order of
 * name; symbolic links stay links, sockets, pipes and devices are left out. */
void tar_add_tree(struct tar *tar, const char *path, const char *source);

/* Adds all members of an archive that tar_finish wrote. */
void tar_add_archive(struct tar *tar, const char *source);

/* Writes the end of the archive. False if anything failed. */
bool tar_finish(struct tar *tar);

#endif
