/*
 * Numbers and layouts of WASI preview 1 (witx/typenames.witx), and the few of
 * preview 0 (`wasi_unstable`) that differ.
 */
#ifndef USER_PERSONALITIES_WASI_TYPES_H
#define USER_PERSONALITIES_WASI_TYPES_H

#include <stdint.h>

enum wasi_errno {
	WASI_SUCCESS = 0,
	WASI_ACCES = 2,
	WASI_AGAIN = 6,
	WASI_BADF = 8,
	WASI_CANCELED = 11,
	WASI_EXIST = 20,
	WASI_FAULT = 21,
	WASI_INVAL = 28,
	WASI_IO = 29,
	WASI_ISDIR = 31,
	WASI_LOOP = 32,
	WASI_MFILE = 33,
	WASI_NAMETOOLONG = 37,
	WASI_NOENT = 44,
	WASI_NOMEM = 48,
	WASI_NOTDIR = 54,
	WASI_NOTSOCK = 57,
	WASI_NOTSUP = 58,
	WASI_OVERFLOW = 61,
	WASI_PERM = 63,
	WASI_PIPE = 64,
	WASI_ROFS = 69,
	WASI_SPIPE = 70,
	WASI_NOTCAPABLE = 76,
};

#define WASI_RIGHT(bit)			   (UINT64_C(1) << (bit))
#define WASI_RIGHT_FD_DATASYNC		   WASI_RIGHT(0)
#define WASI_RIGHT_FD_READ		   WASI_RIGHT(1)
#define WASI_RIGHT_FD_SEEK		   WASI_RIGHT(2)
#define WASI_RIGHT_FD_FDSTAT_SET_FLAGS	   WASI_RIGHT(3)
#define WASI_RIGHT_FD_SYNC		   WASI_RIGHT(4)
#define WASI_RIGHT_FD_TELL		   WASI_RIGHT(5)
#define WASI_RIGHT_FD_WRITE		   WASI_RIGHT(6)
#define WASI_RIGHT_FD_ADVISE		   WASI_RIGHT(7)
#define WASI_RIGHT_FD_ALLOCATE		   WASI_RIGHT(8)
#define WASI_RIGHT_PATH_CREATE_DIRECTORY   WASI_RIGHT(9)
#define WASI_RIGHT_PATH_CREATE_FILE	   WASI_RIGHT(10)
#define WASI_RIGHT_PATH_LINK_SOURCE	   WASI_RIGHT(11)
#define WASI_RIGHT_PATH_LINK_TARGET	   WASI_RIGHT(12)
#define WASI_RIGHT_PATH_OPEN		   WASI_RIGHT(13)
#define WASI_RIGHT_FD_READDIR		   WASI_RIGHT(14)
#define WASI_RIGHT_PATH_READLINK	   WASI_RIGHT(15)
#define WASI_RIGHT_PATH_RENAME_SOURCE	   WASI_RIGHT(16)
#define WASI_RIGHT_PATH_RENAME_TARGET	   WASI_RIGHT(17)
#define WASI_RIGHT_PATH_FILESTAT_GET	   WASI_RIGHT(18)
#define WASI_RIGHT_PATH_FILESTAT_SET_SIZE  WASI_RIGHT(19)
#define WASI_RIGHT_PATH_FILESTAT_SET_TIMES WASI_RIGHT(20)
#define WASI_RIGHT_FD_FILESTAT_GET	   WASI_RIGHT(21)
#define WASI_RIGHT_FD_FILESTAT_SET_SIZE	   WASI_RIGHT(22)
#define WASI_RIGHT_FD_FILESTAT_SET_TIMES   WASI_RIGHT(23)
#define WASI_RIGHT_PATH_SYMLINK		   WASI_RIGHT(24)
#define WASI_RIGHT_PATH_REMOVE_DIRECTORY   WASI_RIGHT(25)
#define WASI_RIGHT_PATH_UNLINK_FILE	   WASI_RIGHT(26)
#define WASI_RIGHT_POLL_FD_READWRITE	   WASI_RIGHT(27)
#define WASI_RIGHT_SOCK_SHUTDOWN	   WASI_RIGHT(28)
#define WASI_RIGHT_SOCK_ACCEPT		   WASI_RIGHT(29)

enum wasi_filetype {
	WASI_FILETYPE_UNKNOWN = 0,
	WASI_FILETYPE_CHARACTER_DEVICE = 2,
	WASI_FILETYPE_DIRECTORY = 3,
	WASI_FILETYPE_REGULAR_FILE = 4,
	WASI_FILETYPE_SYMBOLIC_LINK = 7,
};

enum wasi_fdflags {
	WASI_FDFLAG_APPEND = 1,
	WASI_FDFLAG_DSYNC = 2,
	WASI_FDFLAG_NONBLOCK = 4,
	WASI_FDFLAG_RSYNC = 8,
	WASI_FDFLAG_SYNC = 16,
	WASI_FDFLAGS_ALL = 31,
};

enum wasi_oflags {
	WASI_OFLAG_CREAT = 1,
	WASI_OFLAG_DIRECTORY = 2,
	WASI_OFLAG_EXCL = 4,
	WASI_OFLAG_TRUNC = 8,
	WASI_OFLAGS_ALL = 15,
};

enum { WASI_LOOKUP_SYMLINK_FOLLOW = 1 };

enum wasi_fstflags {
	WASI_FSTFLAG_ATIM = 1,
	WASI_FSTFLAG_ATIM_NOW = 2,
	WASI_FSTFLAG_MTIM = 4,
	WASI_FSTFLAG_MTIM_NOW = 8,
	WASI_FSTFLAGS_ALL = 15,
};

/* Preview 0 numbers them CUR 0, END 1, SET 2. */
enum wasi_whence { WASI_WHENCE_SET = 0, WASI_WHENCE_CUR = 1, WASI_WHENCE_END = 2 };

enum wasi_clockid {
	WASI_CLOCK_REALTIME = 0,
	WASI_CLOCK_MONOTONIC = 1,
	WASI_CLOCK_PROCESS_CPUTIME = 2,
	WASI_CLOCK_THREAD_CPUTIME = 3,
};

enum wasi_eventtype {
	WASI_EVENT_CLOCK = 0,
	WASI_EVENT_FD_READ = 1,
	WASI_EVENT_FD_WRITE = 2,
};

enum { WASI_SUBCLOCK_ABSTIME = 1 };
enum { WASI_EVENT_HANGUP = 1 };
enum { WASI_PREOPEN_DIRECTORY = 0 };
enum { WASI_ADVICE_LAST = 5 };

struct wasi_iovec {
	uint32_t address;
	uint32_t len;
};

struct wasi_fdstat {
	uint8_t filetype;
	uint8_t padding;
	uint16_t flags;
	uint32_t padding2;
	uint64_t rights;
	uint64_t inheriting;
};

struct wasi_filestat {
	uint64_t dev;
	uint64_t ino;
	uint8_t filetype;
	uint8_t padding[7];
	uint64_t nlink;
	uint64_t size;
	uint64_t atim_ns;
	uint64_t mtim_ns;
	uint64_t ctim_ns;
};

struct wasi_unstable_filestat {
	uint64_t dev;
	uint64_t ino;
	uint8_t filetype;
	uint8_t padding[3];
	uint32_t nlink;
	uint64_t size;
	uint64_t atim_ns;
	uint64_t mtim_ns;
	uint64_t ctim_ns;
};

struct wasi_dirent {
	uint64_t next; /* cookie of the next entry */
	uint64_t ino;
	uint32_t name_len; /* bytes, which follow */
	uint8_t filetype;
	uint8_t padding[3];
};

struct wasi_prestat {
	uint32_t tag;
	uint32_t name_len;
};

struct wasi_subscription {
	uint64_t userdata;
	uint8_t type; /* enum wasi_eventtype */
	uint8_t padding[7];
	union {
		struct {
			uint32_t id;
			uint32_t padding;
			uint64_t timeout;
			uint64_t precision;
			uint16_t flags;
			uint8_t padding2[6];
		} clock;
		uint32_t fd;
	};
};

struct wasi_unstable_subscription {
	uint64_t userdata;
	uint8_t type;
	uint8_t padding[7];
	union {
		struct {
			uint64_t identifier;
			uint32_t id;
			uint32_t padding;
			uint64_t timeout;
			uint64_t precision;
			uint16_t flags;
			uint8_t padding2[6];
		} clock;
		uint32_t fd;
	};
};

struct wasi_event {
	uint64_t userdata;
	uint16_t error;
	uint8_t type;
	uint8_t padding[5];
	uint64_t nbytes;
	uint16_t flags;
	uint8_t padding2[6];
};

_Static_assert(sizeof(struct wasi_fdstat) == 24, "layout");
_Static_assert(sizeof(struct wasi_filestat) == 64, "layout");
_Static_assert(sizeof(struct wasi_unstable_filestat) == 56, "layout");
_Static_assert(sizeof(struct wasi_dirent) == 24, "layout");
_Static_assert(sizeof(struct wasi_subscription) == 48, "layout");
_Static_assert(sizeof(struct wasi_unstable_subscription) == 56, "layout");
_Static_assert(sizeof(struct wasi_event) == 32, "layout");

#endif
