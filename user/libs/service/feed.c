/* Bytes for clients that ask; see feed.h. */
#include "user/libs/service/feed.h"

#include "user/sdk/bytes.h"

#include "nebulet.h"

void
feed_put(struct feed *feed, const void *bytes, uint32_t len)
{
	uint32_t room = FEED_BYTES - feed->len;

	if (len > room)
		len = room;
	bytes_copy(feed->bytes + feed->len, bytes, len);
	feed->len += len;
}

void
feed_ask(struct feed *feed, uint32_t client)
{
	feed->is_asked[client] = true;
}

void
feed_forget(struct feed *feed, uint32_t client)
{
	feed->is_asked[client] = false;
}

void
feed_answer(struct feed *feed, struct service *service)
{
	uint32_t first = feed->next;

	for (uint32_t i = 0; i < SERVICE_CLIENTS_MAX && feed->len; i++) {
		uint32_t len = feed->len < SERVICE_MESSAGE_MAX ? feed->len : SERVICE_MESSAGE_MAX;
		uint32_t client = (first + i) % SERVICE_CLIENTS_MAX;

		if (!feed->is_asked[client])
			continue;
		feed->is_asked[client] = false;
		feed->next = client + 1;
		service_reply(service, client, feed->bytes, len, NB_HANDLE_NONE);
		feed->len -= len;
		bytes_move(feed->bytes, feed->bytes + len, feed->len);
	}
}
