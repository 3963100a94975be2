/*
 * Services found by name, over channels.
 *
 * A client sends the bus server (handle "services") a service's name and one end
 * of a new channel; the bus passes that end on to the process that offers the
 * service, over its handle "bus". While that process is being restarted the end
 * waits; when nobody will ever offer the name, it is closed. A server that dies
 * closes all its ends: its clients see PEER_CLOSED and connect again.
 *
 * Requests and replies are messages; each service's header says which. A client
 * has at most one request under way unless that header says otherwise. Requests
 * carry no handles: who sends some is dropped.
 */
#ifndef USER_LIBS_SERVICE_SERVICE_H
#define USER_LIBS_SERVICE_SERVICE_H

#include "abi/status.h"

#include <stdbool.h>
#include <stdint.h>

#define SERVICE_NAME_MAX    32u
#define SERVICE_CLIENTS_MAX 16u
#define SERVICE_MESSAGE_MAX 1024u

/* ---- client ---- */

/* A channel to the service; it may not have been taken yet. Errors of
 * channel_create and channel_send. */
NB_MUST_USE enum nb_status service_connect(uint32_t services, const char *name, uint32_t *channel);

/* A message there and one back, with one handle each way at most. */
struct service_call {
	const void *request;
	uint32_t request_len;
	void *reply;
	uint32_t reply_cap;
	uint32_t reply_len;	 /* out */
	uint32_t reply_handle;	 /* out; NB_HANDLE_NONE */
	const uint32_t *handles; /* to send along */
	uint32_t handle_count;
};

/* PEER_CLOSED: the server has gone, connect again. TIMED_OUT. */
NB_MUST_USE enum nb_status
service_call(uint32_t channel, struct service_call *call, int64_t deadline_ns);

/* ---- server ---- */

#define SERVICE_CLIENT	0x10000u /* keys of clients; those of service_watch lie below */
#define SERVICE_BUS	0x20000u
#define SERVICE_HANDLES 4u

struct service_client {
	uint32_t channel; /* NB_HANDLE_NONE: free */
	uint32_t entry;	  /* of the waitset */
};

struct service {
	uint32_t waitset;
	uint32_t bus;
	struct service_client clients[SERVICE_CLIENTS_MAX];
};

/* What service_wait found. */
enum service_event_kind {
	SERVICE_REQUEST, /* from client `index`: the message */
	SERVICE_GONE,	 /* client `index` has closed its end; it is free */
	SERVICE_WATCHED, /* a handle of service_watch, `index` its key */
	SERVICE_TIMED_OUT,
	SERVICE_END, /* the bus has gone, or the process is ending */
};

struct service_event {
	enum service_event_kind kind;
	uint32_t index;
	uint32_t len;
	uint32_t handle_count;
	uint32_t handles[SERVICE_HANDLES]; /* the receiver's */
	uint8_t bytes[SERVICE_MESSAGE_MAX];
};

/* Takes clients that come over `bus` from now on. */
NB_MUST_USE enum nb_status service_init(struct service *service, uint32_t bus);
/* Also wait for `signals` of a handle; key < SERVICE_CLIENT. */
NB_MUST_USE enum nb_status
service_watch(struct service *service, uint32_t handle, uint32_t signals, uint32_t key);
/* Blocks until there is something for the server to do, or until the deadline. */
void service_wait(struct service *service, struct service_event *event, int64_t deadline_ns);
/* Sends a client a message, with up to one handle (or NB_HANDLE_NONE), which moves. A
 * client that does not take its replies loses them. */
void service_reply(struct service *service, uint32_t client, const void *bytes, uint32_t len,
		   uint32_t handle);

#endif
