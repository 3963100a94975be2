/*
 * The host's end of the link (abi/link.h): connects one program with this
 * process's standard streams.
 *
 * One poll loop. Output is written only when poll says that the pipe or
 * terminal takes it, in pieces that then do not block, so that the loop always
 * sees signals, the time limit and the machine's end.
 */
#include "abi/link.h"
#include "tools/run.h"
#include "tools/tool.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX	(sizeof(struct nb_link_head) + NB_LINK_PAYLOAD_MAX)
#define CONSOLE_KEPT	16384u
#define KILL_TIMEOUT_MS 3000
#define END_TIMEOUT_MS	10000
#define NEVER_MS	INT64_MAX
#define GATHER_BYTES	64
#define GATHER_NS	200000

/* Bytes of one output stream on their way out. */
struct sink {
	int fd;
	uint8_t bytes[NB_LINK_WINDOW]; /* ring */
	uint32_t at;
	uint32_t len;
	uint32_t written; /* not granted again yet */
	bool is_closed;	  /* nobody reads it any more */
};

struct session {
	struct machine *machine;
	const struct run_options *options;
	int signals;
	struct sink sinks[3]; /* by descriptor; 0 is not used */
	uint8_t in[FRAME_MAX];
	uint32_t in_len;
	uint8_t out[64 * 1024];
	uint32_t out_len;
	uint32_t input_granted;
	bool input_ended;
	bool is_connected; /* HELLO has come */
	bool has_exited;   /* EXIT has come */
	bool is_link_closed;
	bool is_console_closed;
	bool is_shown;	     /* a progress line stands on the terminal */
	int64_t progress_ms; /* when progress was last told to a file */
	int kill_status;     /* nonzero: the program was told to end, or the machine is killed */
	int exit_status;
	int64_t deadline_ms;	    /* monotonic; when the machine is killed */
	char console[CONSOLE_KEPT]; /* the end of what the kernel said */
	uint32_t console_len;
};

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- frames to the guest ---- */

static bool
has_room(const struct session *session, uint32_t len)
{
	return sizeof session->out - session->out_len >= sizeof(struct nb_link_head) + len;
}

static void
send_frame(struct session *session, enum nb_link_type type, const void *bytes, uint32_t len)
{
	struct nb_link_head head = { .type = (uint8_t)type, .length = (uint16_t)len };

	if (!has_room(session, len))
		return;
	memcpy(session->out + session->out_len, &head, sizeof head);
	memcpy(session->out + session->out_len + sizeof head, bytes, len);
	session->out_len += (uint32_t)sizeof head + len;
}

static void
flush_link(struct session *session)
{
	while (session->out_len) {
		ssize_t put = write(session->machine->link, session->out, session->out_len);

		if (put <= 0)
			return;
		session->out_len -= (uint32_t)put;
		memmove(session->out, session->out + put, session->out_len);
	}
}

static void
send_grant(struct session *session, uint32_t stream, uint32_t bytes)
{
	struct nb_link_grant grant = { .stream = stream, .bytes = bytes };

	send_frame(session, NB_LINK_GRANT, &grant, sizeof grant);
}

/* ---- this process's streams ---- */

static void
erase_progress(struct session *session)
{
	if (session->is_shown)
		fputs("\r\033[K", stderr);
	session->is_shown = false;
}

static void
read_input(struct session *session)
{
	uint8_t bytes[2048];
	uint32_t want = session->input_granted < sizeof bytes ? session->input_granted
							      : (uint32_t)sizeof bytes;
	struct nb_link_end end = { .stream = NB_LINK_STDIN };
	ssize_t got = read(STDIN_FILENO, bytes, want);

	if (got > 0) {
		send_frame(session, NB_LINK_STDIN, bytes, (uint32_t)got);
		session->input_granted -= (uint32_t)got;
	} else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
		send_frame(session, NB_LINK_END, &end, sizeof end);
		session->input_ended = true;
	}
}

/* Tells the guest that nobody reads this stream any more. */
static void
close_sink(struct session *session, struct sink *sink)
{
	struct nb_link_end end = { .stream = (uint32_t)sink->fd + NB_LINK_STDIN };

	sink->is_closed = true;
	sink->len = 0;
	send_frame(session, NB_LINK_END, &end, sizeof end);
}

static void
write_output(struct session *session, struct sink *sink)
{
	uint32_t piece = (uint32_t)sizeof sink->bytes - sink->at;
	ssize_t put;

	if (piece > sink->len)
		piece = sink->len;
	/* poll promises that so much does not block a pipe. */
	if (piece > PIPE_BUF)
		piece = PIPE_BUF;
	put = write(sink->fd, sink->bytes + sink->at, piece);
	if (put < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (put < 0) {
		close_sink(session, sink);
		return;
	}
	sink->at = (sink->at + (uint32_t)put) % (uint32_t)sizeof sink->bytes;
	sink->len -= (uint32_t)put;
	sink->written += (uint32_t)put;
	if (sink->written >= NB_LINK_WINDOW / 4 && has_room(session, 8)) {
		send_grant(session, (uint32_t)sink->fd + NB_LINK_STDIN, sink->written);
		sink->written = 0;
	}
}

/* ---- what the kernel says ---- */

/* On its console, or by the session server: kept, or shown if it shall be verbose. */
static void
take_log(struct session *session, const char *bytes, uint32_t len)
{
	uint32_t keep = (uint32_t)sizeof session->console - len;

	if (session->options->is_verbose) {
		erase_progress(session);
		fwrite(bytes, 1, len, stderr);
		return;
	}
	if (session->console_len > keep) {
		memmove(session->console, session->console + session->console_len - keep, keep);
		session->console_len = keep;
	}
	memcpy(session->console + session->console_len, bytes, len);
	session->console_len += len;
}

/* ---- frames from the guest ---- */

static bool
take_output(struct session *session, struct sink *sink, const uint8_t *bytes, uint32_t len)
{
	uint32_t at = (sink->at + sink->len) % (uint32_t)sizeof sink->bytes;
	uint32_t first = (uint32_t)sizeof sink->bytes - at;

	erase_progress(session);
	if (sink->is_closed)
		return true;
	if (len > sizeof sink->bytes - sink->len)
		return false;
	if (first > len)
		first = len;
	memcpy(sink->bytes + at, bytes, first);
	memcpy(sink->bytes, bytes + first, len - first);
	sink->len += len;
	return true;
}

static void
take_progress(struct session *session, const uint8_t *text, uint32_t len)
{
	if (isatty(STDERR_FILENO)) {
		erase_progress(session);
		if (len) {
			fprintf(stderr, "nebulet: %.*s", (int)len, (const char *)text);
			session->is_shown = true;
		}
	} else if (len && now_ms() - session->progress_ms >= 5000) {
		fprintf(stderr, "nebulet: %.*s\n", (int)len, (const char *)text);
		session->progress_ms = now_ms();
	}
}

static bool
take_hello(struct session *session, const uint8_t *bytes)
{
	struct nb_link_end end = { .stream = NB_LINK_STDIN };
	struct nb_link_hello hello;

	memcpy(&hello, bytes, sizeof hello);
	if (hello.version != NB_LINK_VERSION) {
		tool_error("the RAM disk speaks version %u of the link protocol, this tool %d; "
			   "type: make ramdisk",
			   hello.version, NB_LINK_VERSION);
		return false;
	}
	session->is_connected = true;
	send_grant(session, NB_LINK_STDOUT, NB_LINK_WINDOW);
	send_grant(session, NB_LINK_STDERR, NB_LINK_WINDOW);
	/* Under gdb the terminal's input is gdb's. */
	if (session->options->debugs) {
		send_frame(session, NB_LINK_END, &end, sizeof end);
		session->input_ended = true;
	}
	return true;
}

static bool
take_grant(struct session *session, const uint8_t *bytes)
{
	struct nb_link_grant grant;

	memcpy(&grant, bytes, sizeof grant);
	if (grant.stream != NB_LINK_STDIN || grant.bytes > UINT32_MAX - session->input_granted)
		return false;
	session->input_granted += grant.bytes;
	return true;
}

static void
take_exit(struct session *session, const uint8_t *bytes)
{
	struct nb_link_exit end;

	memcpy(&end, bytes, sizeof end);
	session->has_exited = true;
	session->exit_status = end.status & 0xff;
}

/* False if the frame makes no sense. */
static bool
take_frame(struct session *session, const struct nb_link_head *head, const uint8_t *bytes)
{
	switch (head->type) {
	case NB_LINK_HELLO:
		return head->length == sizeof(struct nb_link_hello) && take_hello(session, bytes);
	case NB_LINK_GRANT:
		return head->length == sizeof(struct nb_link_grant) && take_grant(session, bytes);
	case NB_LINK_STDOUT:
	case NB_LINK_STDERR:
		return take_output(session, &session->sinks[head->type - NB_LINK_STDIN], bytes,
				   head->length);
	case NB_LINK_PROGRESS:
		take_progress(session, bytes, head->length);
		return true;
	case NB_LINK_MESSAGE:
		return take_output(session, &session->sinks[STDERR_FILENO], bytes, head->length);
	case NB_LINK_LOG:
		take_log(session, (const char *)bytes, head->length);
		return true;
	case NB_LINK_EXIT:
		if (head->length != sizeof(struct nb_link_exit))
			return false;
		take_exit(session, bytes);
		return true;
	default:
		return false;
	}
}

enum link_state { LINK_IDLE, LINK_MOVED, LINK_BROKEN };

/* Takes one read's worth of the link; BROKEN when the guest broke the protocol. */
static enum link_state
read_link(struct session *session)
{
	struct nb_link_head head;
	ssize_t got = read(session->machine->link, session->in + session->in_len,
			   sizeof session->in - session->in_len);

	if (got == 0)
		session->is_link_closed = true;
	if (got <= 0)
		return LINK_IDLE;
	session->in_len += (uint32_t)got;
	/* An emulated serial port gives byte by byte: let some gather. */
	if (got < GATHER_BYTES)
		nanosleep(&(struct timespec){ .tv_nsec = GATHER_NS }, NULL);
	while (session->in_len >= sizeof head) {
		memcpy(&head, session->in, sizeof head);
		if (head.length > NB_LINK_PAYLOAD_MAX)
			return LINK_BROKEN;
		if (session->in_len < sizeof head + head.length)
			break;
		if (!take_frame(session, &head, session->in + sizeof head))
			return LINK_BROKEN;
		session->in_len -= (uint32_t)sizeof head + head.length;
		memmove(session->in, session->in + sizeof head + head.length, session->in_len);
	}
	return LINK_MOVED;
}

/* ---- the kernel's console ---- */

static void
read_console(struct session *session)
{
	char bytes[2048];
	ssize_t got = read(session->machine->console, bytes, sizeof bytes);

	if (got == 0)
		session->is_console_closed = true;
	if (got > 0)
		take_log(session, bytes, (uint32_t)got);
}

/* Shows what the kernel said that is not shown yet: without --verbose it only
 * speaks up when something is wrong. */
static void
show_console(struct session *session)
{
	read_console(session);
	erase_progress(session);
	fwrite(session->console, 1, session->console_len, stderr);
	session->console_len = 0;
}

/* ---- ending ---- */

/* Asks the program to end with `status`; the machine is killed if it does not
 * obey, or at once when there is nobody to ask or it was asked before. */
static void
kill_program(struct session *session, int status)
{
	struct nb_link_kill order = { .status = status };
	bool can_ask = session->is_connected && !session->has_exited && !session->kill_status;

	session->kill_status = status;
	session->deadline_ms = can_ask ? now_ms() + KILL_TIMEOUT_MS : 0;
	if (can_ask)
		send_frame(session, NB_LINK_KILL, &order, sizeof order);
}

static void
take_signal(struct session *session, int number)
{
	/* gdb has the terminal, and its Ctrl-C. */
	if (number && number != SIGCHLD && !(number == SIGINT && session->options->debugs))
		kill_program(session, 128 + number);
}

/* ---- the loop ---- */

enum { POLL_SIGNALS, POLL_LINK, POLL_CONSOLE, POLL_INPUT, POLL_OUTPUT, POLL_ERROR, POLL_COUNT };

static void
wait_for_events(struct session *session, struct pollfd items[POLL_COUNT])
{
	int64_t left = session->deadline_ms == NEVER_MS ? -1 : session->deadline_ms - now_ms();

	for (int i = 0; i < POLL_COUNT; i++)
		items[i] = (struct pollfd){ .fd = -1 };
	items[POLL_SIGNALS] = (struct pollfd){ .fd = session->signals, .events = POLLIN };
	if (!session->is_link_closed)
		items[POLL_LINK] = (struct pollfd){
			.fd = session->machine->link,
			.events = (short)(session->out_len ? POLLIN | POLLOUT : POLLIN),
		};
	if (!session->is_console_closed)
		items[POLL_CONSOLE] =
			(struct pollfd){ .fd = session->machine->console, .events = POLLIN };
	if (session->is_connected && !session->input_ended && session->input_granted &&
	    has_room(session, NB_LINK_PAYLOAD_MAX))
		items[POLL_INPUT] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
	for (int fd = 1; fd < 3; fd++) {
		if (session->sinks[fd].len)
			items[POLL_INPUT + fd] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	}
	if (left < 0 && session->deadline_ms != NEVER_MS)
		left = 0;
	poll(items, POLL_COUNT, left > INT_MAX ? INT_MAX : (int)left);
}

/* One round; false when the guest broke the protocol. */
static bool
serve_events(struct session *session)
{
	struct pollfd items[POLL_COUNT];
	int number;

	wait_for_events(session, items);
	while ((number = signals_next(session->signals)))
		take_signal(session, number);
	if (items[POLL_CONSOLE].revents)
		read_console(session);
	if (items[POLL_LINK].revents && read_link(session) == LINK_BROKEN)
		return false;
	if (items[POLL_INPUT].revents)
		read_input(session);
	for (int fd = 1; fd < 3; fd++) {
		if (items[POLL_INPUT + fd].revents)
			write_output(session, &session->sinks[fd]);
	}
	flush_link(session);
	return true;
}

/* Goes on until all output is written, nobody reads it or the time is over. */
static void
finish_output(struct session *session)
{
	while ((session->sinks[1].len || session->sinks[2].len) &&
	       now_ms() < session->deadline_ms && serve_events(session))
		;
}

/* The program has ended: the exit status. */
static int
finish(struct session *session)
{
	int wait_status;

	erase_progress(session);
	finish_output(session);
	send_frame(session, NB_LINK_DONE, "", 0);
	flush_link(session);
	if (session->machine->pid > 0 &&
	    !machine_wait(session->machine, END_TIMEOUT_MS, &wait_status))
		tool_error("the machine does not power off; it is killed");
	show_console(session);
	return session->kill_status ? session->kill_status : session->exit_status;
}

/* The machine has ended, and not because the program had: the exit status. */
static int
finish_lost(struct session *session, int wait_status)
{
	while (read_link(session) == LINK_MOVED)
		;
	if (session->has_exited)
		return finish(session);
	finish_output(session);
	show_console(session);
	if (session->kill_status)
		return session->kill_status;
	tool_error("the machine stopped before the program ended");
	if (WIFSIGNALED(wait_status))
		tool_error("the machine was killed by signal %d", WTERMSIG(wait_status));
	return TOOL_FAILED;
}

static void
begin(struct session *session, struct machine *machine, const struct run_options *options,
      bool has_input)
{
	*session = (struct session){
		.machine = machine,
		.options = options,
		.signals = signals_open(),
		.input_ended = has_input,
		.deadline_ms = options->timeout_s > 0
				       ? now_ms() + (int64_t)(options->timeout_s * 1000)
				       : NEVER_MS,
	};
	session->sinks[1].fd = STDOUT_FILENO;
	session->sinks[2].fd = STDERR_FILENO;
}

int
session_serve(struct machine *machine, const struct run_options *options, bool has_input)
{
	static struct session session;
	int wait_status;

	begin(&session, machine, options, has_input);
	for (;;) {
		if (!serve_events(&session)) {
			tool_error("the guest sends nonsense on the link");
			return TOOL_FAILED;
		}
		if (session.has_exited)
			return finish(&session);
		if (machine_wait(machine, 0, &wait_status))
			return finish_lost(&session, wait_status);
		if (now_ms() < session.deadline_ms)
			continue;
		if (session.kill_status)
			return session.kill_status;
		tool_error("time is over (%g s)", options->timeout_s);
		kill_program(&session, TOOL_TIMEOUT);
	}
}
