/*
 * What SQLite's shell expects of POSIX and wasi-libc lacks; included before
 * every file of it. WASI knows no permission bits, so changing them fails.
 */
#ifndef USER_PROGRAMS_SQLITE_WASI_COMPAT_H
#define USER_PROGRAMS_SQLITE_WASI_COMPAT_H

#include <errno.h>
#include <sys/types.h>

static inline int
chmod(const char *path, mode_t mode)
{
	(void)path;
	(void)mode;
	errno = ENOSYS;
	return -1;
}

#endif
