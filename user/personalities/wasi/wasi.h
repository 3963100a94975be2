/*
 * The WASI personality: preview 1 over native calls.
 *
 * An instance of this module lives in each process that imports
 * `wasi_snapshot_preview1` and serves the process's main instance, its client.
 * Its state is one descriptor table (fd.c) and the tree of the RAM disk's
 * files, built when a path is first looked up (files.c). Data travels straight
 * between streams or the RAM disk and the client's memory (`nebulet:client`
 * calls); only structures are copied through this module's memory.
 *
 *   args.c   arguments, environment        path.c   lookup, opening, status, links
 *   fd.c     descriptor table, fdstat      change.c calls that would change files
 *   io.c     reading, writing, seeking     poll.c   waiting, clocks, random, yielding
 *   dir.c    listing directories           proc.c   exit, raise, sockets
 *   threads.c  the lock, exports, thread-spawn
 *
 * Every address and length that a client passes is checked by the native call
 * that uses it; nothing is read from the client twice with an assumption that
 * it stayed the same. docs/wasi.md says which errno each call gives.
 */
#ifndef USER_PERSONALITIES_WASI_WASI_H
#define USER_PERSONALITIES_WASI_WASI_H

#include "user/libs/archive/tree.h"
#include "user/personalities/wasi/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nebulet.h"

/* Natively, for the tests, exports are plain functions. */
#ifdef __wasm__
#define WASI_EXPORT(name) __attribute__((export_name(name)))
#else
#define WASI_EXPORT(name)
#endif

/* All run under the lock; clients import the functions in threads.c that take it. */
#define WASI(name, parameters, names) uint32_t wasi_##name parameters;
#include "user/personalities/wasi/wasi.def"
#undef WASI
WASI_EXPORT("proc_exit") __attribute__((noreturn)) void wasi_proc_exit(uint32_t status);

/* Runs before the client: reads the startup block. */
WASI_EXPORT("_initialize") void wasi_initialize(void);

/* Preview 0 where it differs; personalities/wasi_unstable forwards to these. */
uint32_t wasi_unstable_fd_seek(uint32_t fd, int64_t offset, uint32_t whence, uint32_t offset_out);
uint32_t wasi_unstable_fd_filestat_get(uint32_t fd, uint32_t stat_out);
uint32_t wasi_unstable_path_filestat_get(uint32_t fd, uint32_t lookup, uint32_t path,
					 uint32_t path_len, uint32_t stat_out);
uint32_t wasi_unstable_poll_oneoff(uint32_t in, uint32_t out, uint32_t count, uint32_t events_out);

/* ---- threads.c: the lock around everything, which nobody holds who blocks ---- */

#ifdef __wasm__
void wasi_enter(void);
void wasi_leave(void);
#else
static inline void
wasi_enter(void)
{
}
static inline void
wasi_leave(void)
{
}
#endif

/* ---- fd.c: the descriptor table ---- */

#define FD_MAX 1024u

enum fd_kind { FD_FREE, FD_STREAM, FD_FILE, FD_DIRECTORY };

/* Rights that mean something for a kind and that can be granted on a file
 * system that nobody can write to. */
#define RIGHTS_STREAM                                                                \
	(WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_FDSTAT_SET_FLAGS | \
	 WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_POLL_FD_READWRITE)
#define RIGHTS_FILE                                                                                \
	(WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_FDSTAT_SET_FLAGS |                \
	 WASI_RIGHT_FD_SYNC | WASI_RIGHT_FD_DATASYNC | WASI_RIGHT_FD_TELL | WASI_RIGHT_FD_ADVISE | \
	 WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_FD_FILESTAT_SET_TIMES |                           \
	 WASI_RIGHT_POLL_FD_READWRITE)
#define RIGHTS_DIRECTORY                                                                           \
	(WASI_RIGHT_FD_FDSTAT_SET_FLAGS | WASI_RIGHT_FD_SYNC | WASI_RIGHT_FD_ADVISE |              \
	 WASI_RIGHT_PATH_CREATE_DIRECTORY | WASI_RIGHT_PATH_CREATE_FILE |                          \
	 WASI_RIGHT_PATH_LINK_SOURCE | WASI_RIGHT_PATH_LINK_TARGET | WASI_RIGHT_PATH_OPEN |        \
	 WASI_RIGHT_FD_READDIR | WASI_RIGHT_PATH_READLINK | WASI_RIGHT_PATH_RENAME_SOURCE |        \
	 WASI_RIGHT_PATH_RENAME_TARGET | WASI_RIGHT_PATH_FILESTAT_GET |                            \
	 WASI_RIGHT_PATH_FILESTAT_SET_SIZE | WASI_RIGHT_PATH_FILESTAT_SET_TIMES |                  \
	 WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_FD_FILESTAT_SET_TIMES | WASI_RIGHT_PATH_SYMLINK | \
	 WASI_RIGHT_PATH_REMOVE_DIRECTORY | WASI_RIGHT_PATH_UNLINK_FILE |                          \
	 WASI_RIGHT_POLL_FD_READWRITE)
/* What may be asked for below a preopened directory. Writing is among it: the
 * attempt then says that the file system is read-only, as POSIX has it. */
#define RIGHTS_INHERITED                                                                 \
	(RIGHTS_DIRECTORY | RIGHTS_FILE | WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_ALLOCATE | \
	 WASI_RIGHT_FD_FILESTAT_SET_SIZE)

struct fd {
	enum fd_kind kind;
	uint8_t filetype; /* enum wasi_filetype */
	uint16_t flags;	  /* enum wasi_fdflags */
	uint32_t handle;  /* STREAM */
	uint64_t rights;
	uint64_t inheriting;
	uint64_t offset;		/* FILE: next byte to read */
	const struct tree_node *node;	/* FILE, DIRECTORY; NULL: a preopen not looked up yet */
	const char *preopen;		/* name the client sees, NULL: not preopened */
	const char *prefix;		/* where a preopen stands in the RAM disk */
	uint64_t cookie;		/* DIRECTORY: listing got to here ... */
	const struct tree_node *listed; /* ... which is this child */
};

/* The open descriptor `number` that has all of `rights`: BADF, NOTCAPABLE. */
enum wasi_errno fd_get(uint32_t number, uint64_t rights, struct fd **out);

/* As fd_get for a stream or a file: ISDIR as well, before NOTCAPABLE. */
enum wasi_errno fd_get_bytes(uint32_t number, uint64_t rights, struct fd **out);

/* As fd_get for a directory, whose node is looked up: NOTDIR and the errors of
 * files_get as well. */
enum wasi_errno fd_get_directory(uint32_t number, uint64_t rights, struct fd **out);

/* The lowest free descriptor, not marked used: MFILE. */
enum wasi_errno fd_allocate(uint32_t *number, struct fd **out);

/* Fills the table from the startup block. */
void fd_initialize(void);

/* ---- files.c: the RAM disk ---- */

/* The tree of its files: NOENT when the process has none, NOMEM. */
enum wasi_errno files_get(const struct tree **out);

/* Copies up to `len` bytes of `file` at `offset` to the client; *read may be
 * fewer only at the end of the file. */
enum wasi_errno files_read(const struct tree_node *file, uint64_t offset, uint32_t client,
			   uint32_t len, uint32_t *read);

enum wasi_filetype files_type(const struct tree_node *node);

/* ---- path.c ---- */

struct lookup {
	const struct tree_node *node;	/* what the path names, NULL: nothing there */
	const struct tree_node *parent; /* directory it is or would be in */
	bool wants_directory;		/* the path ended with '/' */
};

/* Looks up the client's path below the directory `number`, which must have
 * `rights`. A last component that does not exist is no error here. NOTDIR,
 * NOENT for a missing directory on the way, NOTCAPABLE for a way out of the
 * directory, LOOP, NAMETOOLONG, INVAL, FAULT. */
enum wasi_errno path_lookup(uint32_t number, uint64_t rights, uint32_t flags, uint32_t path,
			    uint32_t path_len, struct lookup *out);

/* ---- client memory and errors ---- */

static inline enum wasi_errno
errno_of(int64_t result)
{
	if (result >= 0)
		return WASI_SUCCESS;
	switch ((enum nb_status) - result) {
	case NB_INVALID_ADDRESS:
		return WASI_FAULT;
	case NB_OUT_OF_MEMORY:
	case NB_LIMIT_EXCEEDED:
		return WASI_NOMEM;
	case NB_INVALID_ARGUMENT:
	case NB_OUT_OF_RANGE:
		return WASI_INVAL;
	case NB_BAD_HANDLE:
	case NB_WRONG_TYPE:
	case NB_ACCESS_DENIED:
		return WASI_BADF;
	case NB_SHOULD_WAIT:
		return WASI_AGAIN;
	case NB_PEER_CLOSED:
		return WASI_PIPE;
	case NB_CANCELED:
		return WASI_CANCELED;
	case NB_NOT_SUPPORTED:
		return WASI_NOTSUP;
	case NB_OK:
	case NB_NOT_FOUND:
	case NB_ALREADY_EXISTS:
	case NB_BAD_STATE:
	case NB_TIMED_OUT:
	case NB_PEER_FAULTED:
	case NB_BUFFER_TOO_SMALL:
	case NB_DEADLOCK:
	case NB_MALFORMED:
	case NB_INVALID:
	case NB_UNSUPPORTED_FEATURE:
	case NB_UNLINKABLE:
	case NB_TRAPPED:
	case NB_NOT_TRUSTED:
	case NB_IO_ERROR:
	case NB_END_OF_FILE:
	case NB_INTERNAL:
		break;
	}
	return WASI_IO;
}

static inline enum wasi_errno
client_get(void *own, uint32_t client, uint32_t len)
{
	return errno_of(nb_client_read(own, client, len));
}

static inline enum wasi_errno
client_put(uint32_t client, const void *own, uint32_t len)
{
	return errno_of(nb_client_write(client, own, len));
}

static inline enum wasi_errno
client_put_u32(uint32_t client, uint32_t value)
{
	return client_put(client, &value, sizeof value);
}

static inline enum wasi_errno
client_put_u64(uint32_t client, uint64_t value)
{
	return client_put(client, &value, sizeof value);
}

#endif
