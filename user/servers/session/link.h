/*
 * The session server's end of the link (abi/link.h): frames over a pair of streams, or a byte port.
 *
 * Sending never blocks: frames go to a buffer that link_flush empties as the
 * port takes bytes. A caller asks link_room before it makes a frame.
 */
#ifndef USER_SERVERS_SESSION_LINK_H
#define USER_SERVERS_SESSION_LINK_H

#include "abi/link.h"
#include "abi/status.h"

#include <stdbool.h>
#include <stdint.h>

#define LINK_FRAME_MAX (sizeof(struct nb_link_head) + NB_LINK_PAYLOAD_MAX)

struct link {
	uint32_t receiving, sending; /* handles of streams, or of the port */
	uint8_t in[LINK_FRAME_MAX];
	uint32_t in_len; /* bytes of a frame that is not complete yet */
	uint8_t out[4 * LINK_FRAME_MAX];
	uint32_t out_at; /* first byte that the port has not taken */
	uint32_t out_len;
};

/* Whether a frame with `len` bytes behind its head fits into the buffer. */
bool link_room(const struct link *link, uint32_t len);

/* Where the bytes of the next frame go, so that they can be read right there;
 * link_commit makes them a frame. Needs link_room(link, NB_LINK_PAYLOAD_MAX). */
uint8_t *link_payload(struct link *link);
void link_commit(struct link *link, enum nb_link_type type, uint32_t len);

/* Appends a frame; it is lost when there is no room. */
void link_send(struct link *link, enum nb_link_type type, const void *bytes, uint32_t len);

/* Gives the port what it takes now. */
NB_MUST_USE enum nb_status link_flush(struct link *link);

/* Blocks until everything is given to the port. */
NB_MUST_USE enum nb_status link_flush_all(struct link *link);

/* The next complete frame: *head, and its bytes at the result. NULL: none now.
 * Valid until the next call. MALFORMED in *status: the host broke the protocol. */
const uint8_t *link_receive(struct link *link, struct nb_link_head *head, enum nb_status *status);

#endif
