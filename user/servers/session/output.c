/*
 * Frames to the host: the program's output, progress, how it ended.
 */
#include "user/sdk/bytes.h"
#include "user/servers/session/session.h"

#include "nebulet.h"

#define PROGRESS_FIRST_NS INT64_C(1000000000)
#define PROGRESS_STEP_NS  INT64_C(500000000)

static char record[16384]; /* text of the exit record */

static void
move_stream(struct session *session, uint32_t which)
{
	uint32_t *granted = &session->granted[which + NB_LINK_STDIN];

	while (session->streams.near[which] != NB_HANDLE_NONE && *granted &&
	       link_room(&session->link, NB_LINK_PAYLOAD_MAX)) {
		uint32_t want = *granted < NB_LINK_PAYLOAD_MAX ? *granted : NB_LINK_PAYLOAD_MAX;
		int64_t got = nb_stream_read(session->streams.near[which],
					     link_payload(&session->link), want);

		if (got == -NB_SHOULD_WAIT)
			return;
		if (got <= 0) {
			launch_streams_close_near(&session->streams, which);
			return;
		}
		*granted -= (uint32_t)got;
		link_commit(&session->link, (enum nb_link_type)(which + NB_LINK_STDIN),
			    (uint32_t)got);
	}
}

void
session_move_output(struct session *session)
{
	move_stream(session, 1);
	move_stream(session, 2);
}

void
session_report_progress(struct session *session)
{
	struct nb_module_info info;
	struct text text;
	char line[128];
	int64_t now = nb_clock_get(NB_CLOCK_MONOTONIC);

	if (now < session->progress_ns || !link_room(&session->link, sizeof line))
		return;
	session->progress_ns = now + PROGRESS_STEP_NS;
	if (now < session->started_ns + PROGRESS_FIRST_NS ||
	    nb_object_info(session->module, NB_INFO_MODULE, &info, sizeof info) < 0)
		return;
	text_init(&text, line, sizeof line);
	text_add(&text, "compiling ");
	text_add(&text, session->launch.name);
	if (info.functions_total) {
		text_add(&text, ": ");
		text_add_number(&text, (int64_t)info.functions_done * 100 / info.functions_total);
		text_add(&text, " %");
	}
	session->is_progress_shown = true;
	link_send(&session->link, NB_LINK_PROGRESS, text.bytes, text.length);
}

void
session_report_log(struct session *session)
{
	static char line[LOG_LINE_MAX];
	uint32_t len;

	while (link_room(&session->link, sizeof line) && (len = log_line(&session->log, line)))
		link_send(&session->link, NB_LINK_LOG, line, len);
}

enum nb_status
session_message(struct session *session, const char *text, uint32_t len)
{
	enum nb_status status = NB_OK;

	while (len && !status) {
		uint32_t piece = len < NB_LINK_PAYLOAD_MAX ? len : NB_LINK_PAYLOAD_MAX;

		if (!link_room(&session->link, piece))
			status = link_flush_all(&session->link);
		link_send(&session->link, NB_LINK_MESSAGE, text, piece);
		text += piece;
		len -= piece;
	}
	return status;
}

static enum nb_status
send_exit(struct session *session, int32_t exit_status, uint32_t trap)
{
	struct nb_link_exit frame = { .status = exit_status, .trap = trap };
	enum nb_status status = NB_OK;

	session->state = SESSION_ENDED;
	if (!link_room(&session->link, sizeof frame))
		status = link_flush_all(&session->link);
	link_send(&session->link, NB_LINK_EXIT, &frame, sizeof frame);
	return status ? status : link_flush_all(&session->link);
}

enum nb_status
session_report_end(struct session *session)
{
	struct nb_process_info info;
	enum nb_status status = NB_OK;
	int64_t len = nb_object_info(session->process, NB_INFO_PROCESS, &info, sizeof info);

	if (len < 0)
		return (enum nb_status) - len;
	/* Whoever killed it knows why. */
	if (info.trap != NB_TRAP_NONE && info.trap != NB_TRAP_KILLED) {
		uint32_t text_len = launch_trap_text(session->process, session->launch.name, record,
						     sizeof record);

		status = session_message(session, record, text_len);
	}
	return status ? status : send_exit(session, info.status, info.trap);
}

enum nb_status
session_report_failure(struct session *session, int32_t exit_status, const char *reason)
{
	struct text text;
	enum nb_status status = NB_OK;

	text_init(&text, record, sizeof record);
	if (reason[0]) {
		text_add(&text, session->launch.name);
		text_add(&text, ": ");
		text_add(&text, reason);
		text_add(&text, "\n");
		status = session_message(session, text.bytes, text.length);
	}
	return status ? status : send_exit(session, exit_status, NB_TRAP_NONE);
}
