/*
 * Frames from the host: input for the program, grants, the order to kill.
 */
#include "user/libs/disk/disk.h"
#include "user/sdk/bytes.h"
#include "user/servers/session/session.h"

#include "nebulet.h"

#define INPUT_FILE "etc/stdin"

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
session_find_input(struct session *session, struct archive_entry *entry)
{
	struct archive_source source = disk_source(&session->ramdisk);

	if (archive_find(&source, INPUT_FILE, entry))
		return;
	session->file_at = entry->data_offset;
	session->file_left = entry->size;
	session->input_ended = entry->size == 0;
}

/* Fills the empty ring from etc/stdin, if input comes from there. */
static void
refill(struct session *session)
{
	uint32_t want = session->file_left < sizeof session->input
				? (uint32_t)session->file_left
				: (uint32_t)sizeof session->input;
	int64_t got;

	if (session->input_len || !want)
		return;
	got = nb_memory_read(session->ramdisk, session->file_at, session->input, want);
	if (got <= 0)
		got = 0;
	session->input_at = 0;
	session->input_len = (uint32_t)got;
	session->file_at += (uint64_t)got;
	session->file_left -= (uint64_t)got;
	session->input_ended = !got || !session->file_left;
}

/* Writes what the program's stream takes; false when it takes no more. */
static bool
write_input(struct session *session)
{
	uint32_t piece = (uint32_t)sizeof session->input - session->input_at;
	int64_t put;

	refill(session);
	if (!session->input_len || session->streams.near[0] == NB_HANDLE_NONE)
		return false;
	if (piece > session->input_len)
		piece = session->input_len;
	put = nb_stream_write(session->streams.near[0], session->input + session->input_at, piece);
	if (put == -NB_SHOULD_WAIT)
		return false;
	if (put < 0) {
		launch_streams_close_near(&session->streams, 0);
		return false;
	}
	session->input_at = (session->input_at + (uint32_t)put) % (uint32_t)sizeof session->input;
	session->input_len -= (uint32_t)put;
	session->input_taken += (uint32_t)put;
	return true;
}

void
session_move_input(struct session *session)
{
	struct nb_link_grant grant = { .stream = NB_LINK_STDIN };

	while (write_input(session))
		;
	if (session->input_ended && !session->input_len)
		launch_streams_close_near(&session->streams, 0);
	/* Few large grants rather than many small ones. */
	if (session->input_taken >= NB_LINK_WINDOW / 4 && link_room(&session->link, sizeof grant)) {
		grant.bytes = session->input_taken;
		session->input_taken = 0;
		link_send(&session->link, NB_LINK_GRANT, &grant, sizeof grant);
	}
}
