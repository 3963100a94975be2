/*
 * A client of the block service; at most one in a module, for its pages have a fixed place.
 *
 * Requests are made in BLOCK_RING slots with 4 KiB of data each. When the driver
 * dies the client connects to the next one and makes the requests again that had
 * no result: its caller sees them take longer.
 */
#ifndef USER_LIBS_BLOCK_BLOCK_H
#define USER_LIBS_BLOCK_BLOCK_H

#include "user/libs/block/protocol.h"

#include "abi/status.h"

#include <stdbool.h>

struct block {
	uint32_t services, channel, gate, memory;
	uint64_t sectors;
	bool is_read_only;
	bool is_pending[BLOCK_RING]; /* the slot's request has no result yet */
	struct block_request requests[BLOCK_RING];
	uint32_t submitted, completed;
	uint32_t reconnects;
	int64_t longest_ns; /* that one of them took */
};

/* Connects, waiting for a driver until `deadline_ns`. PEER_CLOSED: no driver offers it. */
NB_MUST_USE enum nb_status block_open(struct block *block, uint32_t services, int64_t deadline_ns);

/* The 4 KiB of slot `slot`. */
uint8_t *block_data(uint32_t slot);

/* Puts a request of a slot that has none pending; block_start lets the driver see it. */
void block_submit(struct block *block, uint32_t slot, enum block_operation operation,
		  uint64_t sector, uint32_t len);
void block_start(struct block *block);

/* Waits for a result: its slot and status. TIMED_OUT, or what reconnecting gives. */
NB_MUST_USE enum nb_status
block_wait(struct block *block, int64_t deadline_ns, uint32_t *slot, enum nb_status *result);

#endif
