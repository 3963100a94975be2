/*
 * Bytes that arrive when they like, given to clients that ask for them.
 *
 * A client asks by a request; the reply is what has arrived, and comes when there is
 * something. What nobody asks for waits; when there is no more room, what comes is lost.
 */
#ifndef USER_LIBS_SERVICE_FEED_H
#define USER_LIBS_SERVICE_FEED_H

#include "user/libs/service/service.h"

#define FEED_BYTES 4096u

struct feed {
	bool is_asked[SERVICE_CLIENTS_MAX];
	uint8_t bytes[FEED_BYTES];
	uint32_t len;
	uint32_t next; /* who is looked at first */
};

/* What has arrived. */
void feed_put(struct feed *feed, const void *bytes, uint32_t len);
/* A client asks; it is answered by feed_answer. */
void feed_ask(struct feed *feed, uint32_t client);
/* A client has gone. */
void feed_forget(struct feed *feed, uint32_t client);
/* Gives what there is to the clients that ask, in turns. */
void feed_answer(struct feed *feed, struct service *service);

#endif
