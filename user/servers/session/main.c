/*
 * The session server's life; see session.h.
 */
#include "user/libs/disk/disk.h"
#include "user/libs/launch/records.h"
#include "user/sdk/bytes.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"
#include "user/servers/session/session.h"

#include "nebulet.h"

#include <stddef.h>

#define RUN_FILE	 "etc/run"
#define POLL_PROGRESS_NS INT64_C(200000000)
#define DONE_TIMEOUT_NS	 INT64_C(5000000000)
#define PATH_BYTES	 1024

static struct session session;
static struct archive_entry entry;				    /* scratch */
static uint8_t request[NB_STARTUP_MAX] __attribute__((aligned(8))); /* etc/run */
static char module_path[PATH_BYTES];
static char reason_bytes[2048];

/* The part of a path behind its last '/'. */
static const char *
base_name(const char *path)
{
	const char *base = path;

	for (; *path; path++) {
		if (*path == '/')
			base = path + 1;
	}
	return base;
}

/* Finds in etc/run what concerns the launch; the rest goes to the program. */
static enum nb_status
read_request(void)
{
	const struct nb_startup_record *record;
	struct text path;
	uint32_t at = 0, len;
	enum nb_status status =
		disk_read_file(session.ramdisk, RUN_FILE, &entry, request, sizeof request, &len);

	if (status)
		return status;
	text_init(&path, module_path, sizeof module_path);
	while ((record = nb_startup_next(request, len, &at))) {
		if (record->kind == STARTUP_MODULE)
			text_add_bytes(&path, startup_contents(record), record->length);
		if (record->kind == STARTUP_SERVICES)
			session.services = startup_handle("services");
	}
	session_find_input(&session, &entry);
	session.launch.name = base_name(module_path);
	session.launch.records = request;
	session.launch.records_size = len;
	return path.length ? NB_OK : NB_MALFORMED;
}

static enum nb_status
start_publishing(void)
{
	enum nb_status status = disk_publish(session.ramdisk, module_path, &entry, &session.module);

	if (status == NB_NOT_FOUND)
		return session_report_failure(&session, NB_RUN_NO_PROGRAM, "not on the RAM disk");
	session.started_ns = session.progress_ns = nb_clock_get(NB_CLOCK_MONOTONIC);
	return status;
}

/* The module is published, or could not be: starts the program. */
static enum nb_status
start_program(void)
{
	struct launch_handle handles[] = {
		{ "stdin", 0, NB_RIGHTS_SAME },
		{ "stdout", 0, NB_RIGHTS_SAME },
		{ "stderr", 0, NB_RIGHTS_SAME },
		{ "ramdisk", session.ramdisk, NB_RIGHTS_SAME },
		{ "services", session.services, NB_RIGHTS_SAME },
	};
	struct text reason;
	enum nb_status status;

	if (session.is_progress_shown)
		link_send(&session.link, NB_LINK_PROGRESS, "", 0);
	text_init(&reason, reason_bytes, sizeof reason_bytes);
	status = launch_module_result(session.module, &reason);
	if (!status)
		status = launch_streams_create(&session.streams);
	if (!status) {
		for (uint32_t i = 0; i < 3; i++)
			handles[i].handle = session.streams.far[i];
		session.launch.module = session.module;
		session.launch.ramdisk = session.ramdisk;
		session.launch.priority = NB_PRIORITY_NORMAL;
		session.launch.handles = handles;
		session.launch.handle_count = sizeof handles / sizeof handles[0];
		status = launch_process(&session.launch, &session.process, &reason);
		launch_streams_close_far(&session.streams);
	}
	if (status) {
		if (!reason.length)
			text_add(&reason, nb_status_text(status));
		return session_report_failure(&session, NB_RUN_BAD_PROGRAM, reason_bytes);
	}
	(void)nb_handle_close(session.module);
	session.module = NB_HANDLE_NONE;
	session.state = SESSION_RUNNING;
	return NB_OK;
}

static void
want(struct nb_wait_item *items, uint32_t *count, uint32_t handle, uint32_t signals)
{
	if (handle != NB_HANDLE_NONE)
		items[(*count)++] = (struct nb_wait_item){ .handle = handle, .wanted = signals };
}

/* Waits until something can go on; see session.h for what that is. */
static enum nb_status
wait_for_work(void)
{
	struct nb_wait_item items[10];
	uint32_t count = 0;
	int64_t deadline = NB_DEADLINE_NEVER, result;

	want(items, &count, session.link.receiving, NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED);
	if (session.link.out_len)
		want(items, &count, session.link.sending,
		     NB_SIGNAL_WRITABLE | NB_SIGNAL_PEER_CLOSED);
	if (link_room(&session.link, LOG_LINE_MAX))
		want(items, &count, session.log.log, NB_SIGNAL_READABLE);
	if (session.state == SESSION_PUBLISHING) {
		want(items, &count, session.module, NB_SIGNAL_SIGNALED);
		deadline = nb_clock_get(NB_CLOCK_MONOTONIC) + POLL_PROGRESS_NS;
	}
	if (session.state == SESSION_RUNNING)
		want(items, &count, session.process, NB_SIGNAL_TERMINATED);
	if (session.state != SESSION_PUBLISHING) {
		if (session.input_len)
			want(items, &count, session.streams.near[0],
			     NB_SIGNAL_WRITABLE | NB_SIGNAL_PEER_CLOSED);
		for (uint32_t i = 1; i < 3; i++) {
			if (session.granted[i + NB_LINK_STDIN] &&
			    link_room(&session.link, NB_LINK_PAYLOAD_MAX))
				want(items, &count, session.streams.near[i],
				     NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED);
		}
	}
	result = nb_object_wait_many(items, count, deadline);
	return result < 0 && result != -NB_TIMED_OUT ? (enum nb_status) - result : NB_OK;
}

static bool
has_signal(uint32_t handle, uint32_t signal)
{
	return nb_object_wait_one(handle, signal, NB_DEADLINE_POLL) >= 0;
}

/* What the present state makes of things as they are. */
static enum nb_status
advance(void)
{
	enum nb_status status;

	switch (session.state) {
	case SESSION_PUBLISHING:
		if (!has_signal(session.module, NB_SIGNAL_SIGNALED)) {
			session_report_progress(&session);
			return NB_OK;
		}
		status = start_program();
		if (status || session.state != SESSION_RUNNING)
			return status;
		/* fall through */
	case SESSION_RUNNING:
		session_move_input(&session);
		session_move_output(&session);
		if (!has_signal(session.process, NB_SIGNAL_TERMINATED))
			return NB_OK;
		session.state = SESSION_DRAINING;
		/* fall through */
	case SESSION_DRAINING:
		session_move_output(&session);
		if (session.streams.near[1] == NB_HANDLE_NONE &&
		    session.streams.near[2] == NB_HANDLE_NONE)
			return session_report_end(&session);
		return NB_OK;
	case SESSION_ENDED:
		return NB_OK;
	}
	return NB_INTERNAL;
}

static enum nb_status
run(void)
{
	struct nb_link_hello hello = { .version = NB_LINK_VERSION };
	struct nb_link_grant grant = { .stream = NB_LINK_STDIN, .bytes = NB_LINK_WINDOW };
	enum nb_status status = read_request();

	link_send(&session.link, NB_LINK_HELLO, &hello, sizeof hello);
	link_send(&session.link, NB_LINK_GRANT, &grant, sizeof grant);
	if (!status)
		status = start_publishing();
	while (!status && session.state != SESSION_ENDED) {
		session_report_log(&session);
		status = advance();
		if (!status)
			status = link_flush(&session.link);
		if (!status && session.state != SESSION_ENDED)
			status = wait_for_work();
		if (!status && session.state != SESSION_ENDED)
			status = session_receive(&session);
	}
	return status;
}

/* The host says DONE when it has read everything; it may also just go away. */
static void
wait_for_done(void)
{
	int64_t deadline = nb_clock_get(NB_CLOCK_MONOTONIC) + DONE_TIMEOUT_NS;
	struct nb_link_head head;
	enum nb_status status = NB_OK;

	while (!status) {
		if (link_receive(&session.link, &head, &status)) {
			if (head.type == NB_LINK_DONE)
				return;
		} else if (!status && nb_object_wait_one(session.link.receiving,
							 NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED,
							 deadline) < 0) {
			return;
		}
	}
}

int
module_main(void)
{
	uint32_t system = startup_handle("system");
	enum nb_status status;

	session.link.receiving = startup_handle("link-in");
	session.link.sending = startup_handle("link-out");
	session.log.log = startup_handle("log");
	session.ramdisk = startup_handle("ramdisk");
	session.launch.name = "session";
	status = run();
	if (status && session.state != SESSION_ENDED)
		status = session_report_failure(&session, NB_RUN_FAILED, nb_status_text(status));
	if (!status)
		wait_for_done();
	(void)nb_system_power(system, NB_POWER_OFF, status ? NB_RUN_FAILED : 0);
	return NB_RUN_FAILED;
}
