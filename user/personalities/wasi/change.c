/*
 * Calls that would change files. The RAM disk is read-only, so none succeeds;
 * but each fails as POSIX has it: what is wrong with the arguments comes
 * first (EXIST, NOENT, NOTDIR ...), then ROFS. Programs rely on that: making a
 * directory that exists must say EXIST.
 */
#include "user/personalities/wasi/wasi.h"

uint32_t
wasi_path_create_directory(uint32_t fd, uint32_t path, uint32_t path_len)
{
	struct lookup found;
	enum wasi_errno error =
		path_lookup(fd, WASI_RIGHT_PATH_CREATE_DIRECTORY, 0, path, path_len, &found);

	if (error)
		return error;
	return found.node ? WASI_EXIST : WASI_ROFS;
}

uint32_t
wasi_path_remove_directory(uint32_t fd, uint32_t path, uint32_t path_len)
{
	struct lookup found;
	enum wasi_errno error =
		path_lookup(fd, WASI_RIGHT_PATH_REMOVE_DIRECTORY, 0, path, path_len, &found);

	if (error)
		return error;
	if (!found.node)
		return WASI_NOENT;
	return found.node->type == ARCHIVE_DIRECTORY ? WASI_ROFS : WASI_NOTDIR;
}

uint32_t
wasi_path_unlink_file(uint32_t fd, uint32_t path, uint32_t path_len)
{
	struct lookup found;
	enum wasi_errno error =
		path_lookup(fd, WASI_RIGHT_PATH_UNLINK_FILE, 0, path, path_len, &found);

	if (error)
		return error;
	if (!found.node)
		return WASI_NOENT;
	return found.node->type == ARCHIVE_DIRECTORY ? WASI_ISDIR : WASI_ROFS;
}

uint32_t
wasi_path_rename(uint32_t old_fd, uint32_t old_path, uint32_t old_len, uint32_t new_fd,
		 uint32_t new_path, uint32_t new_len)
{
	struct lookup old, new;
	enum wasi_errno error =
		path_lookup(old_fd, WASI_RIGHT_PATH_RENAME_SOURCE, 0, old_path, old_len, &old);

	if (!error)
		error = path_lookup(new_fd, WASI_RIGHT_PATH_RENAME_TARGET, 0, new_path, new_len,
				    &new);
	if (error)
		return error;
	return old.node ? WASI_ROFS : WASI_NOENT;
}

uint32_t
wasi_path_link(uint32_t old_fd, uint32_t lookup, uint32_t old_path, uint32_t old_len,
	       uint32_t new_fd, uint32_t new_path, uint32_t new_len)
{
	struct lookup old, new;
	enum wasi_errno error =
		path_lookup(old_fd, WASI_RIGHT_PATH_LINK_SOURCE, lookup, old_path, old_len, &old);

	if (!error)
		error = path_lookup(new_fd, WASI_RIGHT_PATH_LINK_TARGET, 0, new_path, new_len,
				    &new);
	if (error)
		return error;
	if (!old.node)
		return WASI_NOENT;
	return new.node ? WASI_EXIST : WASI_ROFS;
}

uint32_t
wasi_path_symlink(uint32_t old_path, uint32_t old_len, uint32_t fd, uint32_t new_path,
		  uint32_t new_len)
{
	struct lookup found;
	enum wasi_errno error =
		path_lookup(fd, WASI_RIGHT_PATH_SYMLINK, 0, new_path, new_len, &found);

	(void)old_path;
	if (error)
		return error;
	if (!old_len)
		return WASI_NOENT;
	return found.node ? WASI_EXIST : WASI_ROFS;
}

/* A time is set or taken from the clock, not both. */
static enum wasi_errno
check_times(uint32_t flags)
{
	if ((flags & ~(uint32_t)WASI_FSTFLAGS_ALL) ||
	    ((flags & WASI_FSTFLAG_ATIM) && (flags & WASI_FSTFLAG_ATIM_NOW)) ||
	    ((flags & WASI_FSTFLAG_MTIM) && (flags & WASI_FSTFLAG_MTIM_NOW)))
		return WASI_INVAL;
	return WASI_SUCCESS;
}

uint32_t
wasi_path_filestat_set_times(uint32_t fd, uint32_t lookup, uint32_t path, uint32_t path_len,
			     uint64_t atim, uint64_t mtim, uint32_t flags)
{
	struct lookup found;
	enum wasi_errno error =
		path_lookup(fd, WASI_RIGHT_PATH_FILESTAT_SET_TIMES, lookup, path, path_len, &found);

	(void)atim;
	(void)mtim;
	if (!error)
		error = check_times(flags);
	if (error)
		return error;
	return found.node ? WASI_ROFS : WASI_NOENT;
}

uint32_t
wasi_fd_filestat_set_times(uint32_t number, uint64_t atim, uint64_t mtim, uint32_t flags)
{
	struct fd *fd;
	enum wasi_errno error = fd_get(number, WASI_RIGHT_FD_FILESTAT_SET_TIMES, &fd);

	(void)atim;
	(void)mtim;
	if (!error)
		error = check_times(flags);
	return error ? error : WASI_ROFS;
}

uint32_t
wasi_fd_filestat_set_size(uint32_t number, uint64_t size)
{
	struct fd *fd;

	(void)size;
	/* No descriptor ever has the right. */
	return fd_get_bytes(number, WASI_RIGHT_FD_FILESTAT_SET_SIZE, &fd);
}
