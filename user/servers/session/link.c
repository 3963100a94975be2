/* Frames over the serial port; see link.h. */
#include "user/servers/session/link.h"

#include "user/sdk/bytes.h"

#include "nebulet.h"

#include <stddef.h>

bool
link_room(const struct link *link, uint32_t len)
{
	uint32_t used = link->out_len - link->out_at;

	return sizeof link->out - used >= sizeof(struct nb_link_head) + len;
}

/* Moves what is left to the front of the buffer. */
static void
compact(struct link *link)
{
	bytes_move(link->out, link->out + link->out_at, link->out_len - link->out_at);
	link->out_len -= link->out_at;
	link->out_at = 0;
}

uint8_t *
link_payload(struct link *link)
{
	if (sizeof link->out - link->out_len < LINK_FRAME_MAX)
		compact(link);
	return link->out + link->out_len + sizeof(struct nb_link_head);
}

void
link_commit(struct link *link, enum nb_link_type type, uint32_t len)
{
	struct nb_link_head head = { .type = (uint8_t)type, .length = (uint16_t)len };

	bytes_copy(link->out + link->out_len, &head, sizeof head);
	link->out_len += (uint32_t)sizeof head + len;
}

void
link_send(struct link *link, enum nb_link_type type, const void *bytes, uint32_t len)
{
	if (!link_room(link, len))
		return;
	if (sizeof link->out - link->out_len < sizeof(struct nb_link_head) + len)
		compact(link);
	bytes_copy(link->out + link->out_len + sizeof(struct nb_link_head), bytes, len);
	link_commit(link, type, len);
}

enum nb_status
link_flush(struct link *link)
{
	while (link->out_at < link->out_len) {
		int64_t put = nb_stream_write(link->sending, link->out + link->out_at,
					      link->out_len - link->out_at);

		if (put == -NB_SHOULD_WAIT)
			return NB_OK;
		if (put < 0)
			return (enum nb_status) - put;
		link->out_at += (uint32_t)put;
	}
	link->out_at = link->out_len = 0;
	return NB_OK;
}

enum nb_status
link_flush_all(struct link *link)
{
	enum nb_status status;
	int64_t seen;

	while (!(status = link_flush(link)) && link->out_len) {
		seen = nb_object_wait_one(link->sending, NB_SIGNAL_WRITABLE | NB_SIGNAL_PEER_CLOSED,
					  NB_DEADLINE_NEVER);
		if (seen < 0)
			return (enum nb_status) - seen;
	}
	return status;
}

/* Takes bytes from the port until `want` are there; false: not all yet. */
static bool
fill(struct link *link, uint32_t want, enum nb_status *status)
{
	while (link->in_len < want) {
		int64_t got = nb_stream_read(link->receiving, link->in + link->in_len,
					     want - link->in_len);

		if (got == -NB_SHOULD_WAIT)
			return false;
		if (got <= 0) {
			*status = got ? (enum nb_status) - got : NB_PEER_CLOSED;
			return false;
		}
		link->in_len += (uint32_t)got;
	}
	return true;
}

const uint8_t *
link_receive(struct link *link, struct nb_link_head *head, enum nb_status *status)
{
	*status = NB_OK;
	if (link->in_len < sizeof *head && !fill(link, sizeof *head, status))
		return NULL;
	bytes_copy(head, link->in, sizeof *head);
	if (head->length > NB_LINK_PAYLOAD_MAX) {
		*status = NB_MALFORMED;
		return NULL;
	}
	if (!fill(link, (uint32_t)sizeof *head + head->length, status))
		return NULL;
	link->in_len = 0;
	return link->in + sizeof *head;
}
