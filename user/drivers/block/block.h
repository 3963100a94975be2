/*
 * virtio-blk: between the clients' rings and the device's queue.
 *
 *   main.c     the device, events
 *   clients.c  rings: taking requests, checking them, putting results
 */
#ifndef USER_DRIVERS_BLOCK_BLOCK_H
#define USER_DRIVERS_BLOCK_BLOCK_H

#include "user/libs/block/protocol.h"
#include "user/libs/service/service.h"
#include "user/libs/virtio/virtio.h"

enum {
	IN_FLIGHT_MAX = 80, /* three descriptors each */
	KEY_INTERRUPT = 1,
	KEY_DOORBELL = 0x100, /* and the client's number */
	STATE_BYTES = 32,     /* of a request, for the device: its head, and its status */
};

/* One client's ring. It stays as long as the device has requests of it. */
struct ring {
	bool is_open;	/* the client is there */
	bool is_mapped; /* `memory` is valid */
	struct virtio_memory memory;
	uint32_t entry; /* of the waitset */
	uint32_t taken; /* requests ever taken */
	uint32_t completed;
	uint32_t in_flight;
};

/* A request that the device has. */
struct flight {
	bool is_used;
	uint32_t client;
	uint32_t tag;
};

struct disk {
	struct service service;
	struct virtio virtio;
	struct virtio_queue queue;
	struct virtio_memory states; /* STATE_BYTES for each of flights */
	struct flight flights[IN_FLIGHT_MAX];
	struct ring rings[SERVICE_CLIENTS_MAX];
	uint64_t sectors;
	bool is_read_only, has_flush;
	uint32_t next_client; /* whose requests are taken first */
};

/* Answers BLOCK_OPEN. */
void clients_open(struct disk *disk, uint32_t client);
/* The client has gone. */
void clients_close(struct disk *disk, uint32_t client);
/* Takes requests of all clients, in turns, until the device is full; tells the device. */
void clients_take(struct disk *disk);
/* The doorbell of that client has been rung. */
void clients_hear(struct disk *disk, uint32_t client);
/* The device is done with flight `number`. False: there is no such flight. */
bool clients_complete(struct disk *disk, uint64_t number);

#endif
