/*
 * The protocol of the second serial port: between the host tool and the
 * session server, while one program runs.
 *
 * A sequence of frames in each direction, each a head and `length` bytes.
 * Frames are never split or padded; numbers are little-endian.
 *
 *   guest                                   host
 *   HELLO {version}                    ->
 *   GRANT {STDIN, bytes}               ->   may send that many more STDIN bytes
 *                                      <-   GRANT {STDOUT or STDERR, bytes}
 *   PROGRESS text                      ->   replaces the text before; empty: done
 *                                      <-   STDIN bytes ... END {STDIN}
 *   STDOUT bytes, STDERR bytes         ->
 *                                      <-   END {STDOUT}: nobody reads it any more
 *                                      <-   KILL {status}, at any time
 *   MESSAGE text                       ->   what is wrong, or a trap's backtrace
 *   LOG text                           ->   lines of the kernel's log
 *   EXIT {status, trap}                ->   the last frame
 *                                      <-   DONE: everything is read, power off
 *
 * Bytes of STDIN, STDOUT and STDERR are sent only within what was granted, so
 * neither side needs to buffer without bound and neither port ever stalls
 * behind a slow reader. Freestanding.
 */
#ifndef ABI_LINK_H
#define ABI_LINK_H

#include <stdint.h>

enum {
	NB_LINK_VERSION = 2,
	NB_LINK_PAYLOAD_MAX = 4096, /* bytes of a frame behind its head */
	NB_LINK_WINDOW = 65536,	    /* bytes granted at the start, per stream */
};

enum nb_link_type {
	NB_LINK_STDIN = 1, /* numbered as descriptor + 1 */
	NB_LINK_STDOUT = 2,
	NB_LINK_STDERR = 3,
	NB_LINK_HELLO = 4,
	NB_LINK_GRANT = 5,
	NB_LINK_END = 6,
	NB_LINK_KILL = 7,
	NB_LINK_PROGRESS = 8,
	NB_LINK_MESSAGE = 9,
	NB_LINK_EXIT = 10,
	NB_LINK_DONE = 11,
	NB_LINK_LOG = 12,
};

struct nb_link_head {
	uint8_t type;	  /* enum nb_link_type */
	uint8_t reserved; /* 0 */
	uint16_t length;  /* bytes that follow, at most NB_LINK_PAYLOAD_MAX */
};

struct nb_link_hello {
	uint32_t version; /* NB_LINK_VERSION */
};

struct nb_link_grant {
	uint32_t stream; /* NB_LINK_STDIN, _STDOUT or _STDERR */
	uint32_t bytes;
};

struct nb_link_end {
	uint32_t stream;
};

struct nb_link_kill {
	int32_t status;
};

struct nb_link_exit {
	int32_t status;
	uint32_t trap; /* enum nb_trap, NB_TRAP_NONE: it exited */
};

/* Exit statuses of a run that did not get to the program. */
enum {
	NB_RUN_FAILED = 125,	  /* the system itself failed */
	NB_RUN_BAD_PROGRAM = 126, /* cannot be loaded: malformed, invalid, unlinkable, too large */
	NB_RUN_NO_PROGRAM = 127,  /* not found */
};

_Static_assert(sizeof(struct nb_link_head) == 4, "layout");

#endif
