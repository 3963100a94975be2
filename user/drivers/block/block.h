/*
 * virtio-blk: between the clients' rings and the device's queue.
 *
 *   main.c     the device, events, the gate
 *   clients.c  rings: taking requests, checking them, putting results
 *
 * All that both clients and the device change is changed inside the gate, which has one
 * activation: clients' calls, and those that the driver's own thread makes for interrupts and for
 * clients that come and go. So there is one at a time, and a client that is inside works with
 * the priority of whoever waits.
 */
#ifndef USER_DRIVERS_BLOCK_BLOCK_H
#define USER_DRIVERS_BLOCK_BLOCK_H

#include "user/libs/block/protocol.h"
#include "user/libs/service/service.h"
#include "user/libs/virtio/virtio.h"

enum {
	IN_FLIGHT_MAX = 80, /* three descriptors each */
	STATE_BYTES = 32,   /* of a request, for the device: its head, and its status */
};

/* One client's ring. It stays as long as the device has requests of it. */
struct ring {
	uint64_t badge; /* of the calls of the client that is there, or 0 */
	bool is_open;	/* and has the memory */
	bool is_mapped; /* `memory` is valid */
	bool has_news;	/* results that the client has not been told of */
	struct virtio_memory memory;
	uint32_t taken; /* requests ever taken */
	uint32_t completed;
	uint32_t in_flight;
};

/* A request that the device has. */
struct flight {
	bool is_used;
	uint8_t next; /* free one; valid if not used */
	uint32_t client;
	uint32_t tag;
	uint32_t written; /* bytes, by the device, at least */
};

struct disk {
	struct service service;
	struct virtio virtio;
	struct virtio_queue queue;
	struct virtio_memory states; /* STATE_BYTES for each of flights */
	struct flight flights[IN_FLIGHT_MAX];
	uint8_t free_flight; /* IN_FLIGHT_MAX: there is none */
	struct ring rings[SERVICE_CLIENTS_MAX];
	uint64_t sectors;
	bool is_read_only, has_flush;
	uint32_t open;	      /* clients whose rings are open, a bit each */
	uint32_t next_client; /* whose requests are taken first */
	uint64_t connected;   /* clients that ever came: makes badges different */
	uint32_t in_flight;
};

/* Before anything else. */
void clients_init(struct disk *disk);

/* Inside the gate: */

/* A client has come: the badge for its calls. */
uint64_t clients_connect(struct disk *disk, uint32_t client);
/* The client has gone. */
void clients_close(struct disk *disk, uint32_t client);
/* The client with that badge, or SERVICE_CLIENTS_MAX. */
uint32_t clients_find(const struct disk *disk, uint64_t badge);
/* Answers BLOCK_OPEN. */
int64_t clients_open(struct disk *disk, uint32_t client);
/* Takes requests of all clients, in turns, until the device is full; tells the device, and
 * clients of requests that were refused. */
void clients_take(struct disk *disk);
/* The device is done with flight `number` and says that it wrote so much. False: there is no
 * such flight. clients_tell is to follow. */
bool clients_complete(struct disk *disk, uint64_t number, uint32_t written);
/* Tells clients that there are results. */
void clients_tell(struct disk *disk);

#endif
