/*
 * Frames from the host: input for the program, grants, the order to kill.
 */
#include "user/sdk/bytes.h"
#include "user/servers/session/session.h"

#include "nebulet.h"

static enum nb_status
take_input(struct session *session, const uint8_t *bytes, uint32_t len)
{
	uint32_t at = (session->input_at + session->input_len) % sizeof session->input;
	uint32_t first = (uint32_t)sizeof session->input - at;

	/* More than was granted. */
	if (len > sizeof session->input - session->input_len)
		return NB_MALFORMED;
	if (first > len)
		first = len;
	bytes_copy(session->input + at, bytes, first);
	bytes_copy(session->input, bytes + first, len - first);
	session->input_len += len;
	return NB_OK;
}

static void
take_grant(struct session *session, const struct nb_link_grant *grant)
{
	uint32_t *granted;

	if (grant->stream != NB_LINK_STDOUT && grant->stream != NB_LINK_STDERR)
		return;
	granted = &session->granted[grant->stream];
	if (grant->bytes <= UINT32_MAX - *granted)
		*granted += grant->bytes;
}

static void
take_end(struct session *session, uint32_t stream)
{
	if (stream == NB_LINK_STDIN)
		session->input_ended = true;
	else if (stream == NB_LINK_STDOUT || stream == NB_LINK_STDERR)
		launch_streams_close_near(&session->streams, stream - NB_LINK_STDIN);
}

static enum nb_status
take_kill(struct session *session, int32_t status)
{
	switch (session->state) {
	case SESSION_PUBLISHING:
		return session_report_failure(session, status, "");
	case SESSION_RUNNING:
	case SESSION_DRAINING:
		(void)nb_process_kill(session->process, status);
		break;
	case SESSION_ENDED:
		break;
	}
	return NB_OK;
}

static enum nb_status
take_frame(struct session *session, const struct nb_link_head *head, const uint8_t *bytes)
{
	struct nb_link_grant grant;
	struct nb_link_end end;
	struct nb_link_kill kill;

	if (head->type == NB_LINK_STDIN)
		return take_input(session, bytes, head->length);
	if (head->type == NB_LINK_GRANT && head->length == sizeof grant) {
		bytes_copy(&grant, bytes, sizeof grant);
		take_grant(session, &grant);
		return NB_OK;
	}
	if (head->type == NB_LINK_END && head->length == sizeof end) {
		bytes_copy(&end, bytes, sizeof end);
		take_end(session, end.stream);
		return NB_OK;
	}
	if (head->type == NB_LINK_KILL && head->length == sizeof kill) {
		bytes_copy(&kill, bytes, sizeof kill);
		return take_kill(session, kill.status);
	}
	return NB_MALFORMED;
}

enum nb_status
session_receive(struct session *session)
{
	struct nb_link_head head;
	const uint8_t *bytes;
	enum nb_status status;

	while ((bytes = link_receive(&session->link, &head, &status))) {
		status = take_frame(session, &head, bytes);
		if (status || session->state == SESSION_ENDED)
			return status;
	}
	return status;
}

void
session_move_input(struct session *session)
{
	struct nb_link_grant grant = { .stream = NB_LINK_STDIN };
	uint32_t stream = session->streams.near[0];

	while (session->input_len && stream != NB_HANDLE_NONE) {
		uint32_t piece = (uint32_t)sizeof session->input - session->input_at;
		int64_t put;

		if (piece > session->input_len)
			piece = session->input_len;
		put = nb_stream_write(stream, session->input + session->input_at, piece);
		if (put == -NB_SHOULD_WAIT)
			break;
		if (put < 0) {
			launch_streams_close_near(&session->streams, 0);
			return;
		}
		session->input_at =
			(session->input_at + (uint32_t)put) % (uint32_t)sizeof session->input;
		session->input_len -= (uint32_t)put;
		session->input_taken += (uint32_t)put;
	}
	if (session->input_ended && !session->input_len)
		launch_streams_close_near(&session->streams, 0);
	/* Few large grants rather than many small ones. */
	if (session->input_taken >= NB_LINK_WINDOW / 4 && link_room(&session->link, sizeof grant)) {
		grant.bytes = session->input_taken;
		session->input_taken = 0;
		link_send(&session->link, NB_LINK_GRANT, &grant, sizeof grant);
	}
}
