/*
 * The block device protocol: service "block".
 *
 * A client sends BLOCK_CONNECT, one byte, over its channel and gets a struct block_connected
 * with a gate of its own, signature BLOCK_SIGNATURE, whose argument says what is wanted. BLOCK_OPEN
 * gives it a memory object, whose pages client and driver share: a struct block_ring, and behind it
 * the data. The device reads and writes the data where it is.
 *
 *     client: puts a request, submitted++, and calls BLOCK_KICK when it has put some
 *     driver: inside that call, takes the requests and gives them to the device
 *     driver: when the device is done, puts a result, completed++, sets USER_1 (BLOCK_DONE) of
 *             the memory object
 *     client: clears USER_1, takes the results
 *
 * What the device has no room for when it is kicked is taken later, without a further kick. At most
 * BLOCK_RING requests of a client are under way. Results come in any order. Writes
 * whose result has come stay after a restart of the driver; a BLOCK_FLUSH that has come, also
 * after a loss of power. When the channel says PEER_CLOSED the driver has gone:
 * results in the ring still count, all other requests are to be made again (they
 * may have been done: they are idempotent). The driver believes nothing in the
 * ring; a client that breaks these rules has wrong results.
 */
#ifndef USER_LIBS_BLOCK_PROTOCOL_H
#define USER_LIBS_BLOCK_PROTOCOL_H

#include "abi/types.h"

#include <stdint.h>

enum {
	BLOCK_SECTOR = 512,
	BLOCK_RING = 32,
	BLOCK_DATA_OFFSET = 4096,
	BLOCK_DATA_BYTES = BLOCK_RING * 4096,
	BLOCK_BYTES = BLOCK_DATA_OFFSET + BLOCK_DATA_BYTES,
	BLOCK_CONNECT = 1, /* the one message */
};

#define BLOCK_DONE	NB_SIGNAL_USER_1
#define BLOCK_SIGNATURE "i>I"

/* The gate's argument. A negative result is minus an error number. */
enum block_call {
	/* A handle to the memory object. ALREADY_EXISTS: it was given; SHOULD_WAIT: requests of an
	 * earlier client are under way; LIMIT_EXCEEDED, OUT_OF_MEMORY. */
	BLOCK_OPEN,
	/* 0, and the requests are taken. BAD_STATE: not open. */
	BLOCK_KICK,
};

enum block_operation { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH };

struct block_connected {
	uint32_t status; /* enum nb_status; if not NB_OK there is no gate */
};

struct block_request {
	uint64_t sector;
	uint32_t operation; /* enum block_operation; FLUSH needs nothing else but `tag` */
	uint32_t offset;    /* of the data behind BLOCK_DATA_OFFSET */
	uint32_t len;	    /* bytes, whole sectors, not 0 */
	uint32_t tag;	    /* comes back with the result */
	uint64_t reserved;
};

struct block_result {
	uint32_t tag;
	uint32_t status; /* enum nb_status: OUT_OF_RANGE, ACCESS_DENIED, IO_ERROR, … */
};

struct block_ring {
	uint32_t submitted; /* requests ever put, by the client */
	uint32_t completed; /* results ever put, by the driver */
	uint64_t
		sectors; /* of the disk; this and the next by the driver, before BLOCK_OPEN returns */
	uint32_t is_read_only;
	uint32_t reserved[11];
	struct block_request requests[BLOCK_RING]; /* number N is at N % BLOCK_RING */
	struct block_result results[BLOCK_RING];
};
_Static_assert(sizeof(struct block_ring) <= BLOCK_DATA_OFFSET, "layout");

#endif
