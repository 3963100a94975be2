/*
 * The console server: joins what people type and see to the standard streams of
 * the shell, and powers off when the shell has ended.
 *
 * Typed bytes come from the console's serial port and the service "keyboard"; what the
 * shell writes, and the kernel's log, goes to the serial port and the service "display".
 * The serial port, which is a pair of streams to its driver or the kernel's, sets the
 * pace. A display that is slower misses the oldest text, and either service may die
 * and come back: the server connects again.
 */
#include "user/libs/disk/disk.h"
#include "user/libs/launch/launch.h"
#include "user/libs/log/log.h"
#include "user/libs/service/service.h"
#include "user/sdk/bytes.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#include <stdbool.h>
#include <stddef.h>

#define SHELL_MODULE "lib/shell.nbo"
#define EXIT_FAILED  125

#define DRAIN_NS      2000000000ll
#define DRAIN_STEP_NS 1000000ll

/* Little is under way, so that Ctrl-C soon stops a program that writes much. */
enum { TYPED_BYTES = 4096, SHOWN_BYTES = 16384, PIECE_BYTES = LOG_LINE_MAX, STREAM_BYTES = 4096 };

/* A first in, first out queue. */
struct queue {
	uint8_t *bytes;
	uint32_t capacity, at, len;
};

/* A service that takes a message and answers. */
struct peer {
	const char *name;
	uint32_t channel;  /* NB_HANDLE_NONE: not connected */
	bool is_asked;	   /* its answer is still to come */
	bool has_answered; /* ever: it is worth connecting again */
	bool is_missing;   /* nobody offers it */
};

static uint32_t serial_in, serial_out, services, ramdisk;
static struct log_follower follower;
static uint32_t shell;	       /* process */
static uint32_t input, output; /* our ends of its streams; NB_HANDLE_NONE: closed */
static bool has_serial_ended;
static uint8_t typed_bytes[TYPED_BYTES], shown_bytes[SHOWN_BYTES];
static struct queue typed = { typed_bytes, TYPED_BYTES, 0, 0 };
static struct queue shown = { shown_bytes, SHOWN_BYTES, 0, 0 }; /* for the display */
static uint8_t piece[PIECE_BYTES];				/* for the serial port */
static uint32_t piece_at, piece_len;
static struct peer keyboard = { .name = "keyboard" }, display = { .name = "display" };
static struct archive_entry entry; /* scratch */
static uint8_t message[SERVICE_MESSAGE_MAX];

/* ---- queues ---- */

/* Appends; what there is no room for is lost. */
static void
queue_put(struct queue *queue, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len && queue->len < queue->capacity; i++)
		queue->bytes[(queue->at + queue->len++) % queue->capacity] = bytes[i];
}

/* The first bytes that lie in a row. */
static uint32_t
queue_row(const struct queue *queue, uint32_t most)
{
	uint32_t row = queue->capacity - queue->at;

	if (row > queue->len)
		row = queue->len;
	return row < most ? row : most;
}

static void
queue_drop(struct queue *queue, uint32_t len)
{
	queue->at = (queue->at + len) % queue->capacity;
	queue->len -= len;
}

/* ---- services ---- */

/* Its channel is closed: by the bus when nobody offers the service, or because
 * whoever did has ended. */
static void
peer_lost(struct peer *peer)
{
	(void)nb_handle_close(peer->channel);
	peer->channel = NB_HANDLE_NONE;
	peer->is_asked = false;
	peer->is_missing = !peer->has_answered;
}

/* Sends a message unless an answer is still to come. */
static bool
peer_ask(struct peer *peer, const uint8_t *bytes, uint32_t len)
{
	if (peer->is_missing || peer->is_asked)
		return false;
	if (peer->channel == NB_HANDLE_NONE &&
	    service_connect(services, peer->name, &peer->channel)) {
		peer->is_missing = true;
		return false;
	}
	peer->is_asked = nb_channel_send(peer->channel, bytes, len, NULL, 0) >= 0;
	if (!peer->is_asked)
		peer_lost(peer);
	return peer->is_asked;
}

/* Takes an answer if it is there: its length in `message`, or -1. */
static int64_t
peer_answer(struct peer *peer)
{
	struct nb_message_counts counts = { .handles = 0 };
	int64_t len;

	if (peer->channel == NB_HANDLE_NONE)
		return -1;
	len = nb_channel_recv(peer->channel, message, sizeof message, NULL, &counts);
	if (len == -NB_SHOULD_WAIT)
		return -1;
	if (len < 0) {
		peer_lost(peer);
		return -1;
	}
	peer->is_asked = false;
	peer->has_answered = true;
	return len;
}

/* ---- moving bytes ---- */

static void
close_input(void)
{
	(void)nb_handle_close(input);
	input = NB_HANDLE_NONE;
}

static void
move_typed(void)
{
	uint8_t bytes[256];
	uint32_t row;
	int64_t count;

	while (!has_serial_ended && typed.capacity - typed.len >= sizeof bytes) {
		count = nb_stream_read(serial_in, bytes, sizeof bytes);
		if (count == -NB_SHOULD_WAIT)
			break;
		has_serial_ended = count <= 0;
		if (count > 0)
			queue_put(&typed, bytes, (uint32_t)count);
	}
	if (typed.capacity - typed.len >= sizeof message) {
		count = peer_answer(&keyboard);
		if (count > 0)
			queue_put(&typed, message, (uint32_t)count);
		(void)peer_ask(&keyboard, NULL, 0);
	}
	while (input != NB_HANDLE_NONE && (row = queue_row(&typed, UINT32_MAX))) {
		count = nb_stream_write(input, typed.bytes + typed.at, row);
		if (count == -NB_SHOULD_WAIT)
			break;
		if (count < 0)
			close_input();
		else
			queue_drop(&typed, (uint32_t)count);
	}
	if (input == NB_HANDLE_NONE)
		typed.len = 0;
	else if (has_serial_ended && !typed.len)
		close_input();
}

/* The next bytes that the shell wrote, or a line of the log; false: there are none now. */
static bool
take_piece(void)
{
	int64_t count = log_line(&follower, (char *)piece);

	if (!count && output == NB_HANDLE_NONE)
		return false;
	if (!count)
		count = nb_stream_read(output, piece, sizeof piece);
	if (count == -NB_SHOULD_WAIT)
		return false;
	if (count <= 0) {
		(void)nb_handle_close(output);
		output = NB_HANDLE_NONE;
		return false;
	}
	piece_at = 0;
	piece_len = (uint32_t)count;
	if (display.is_missing)
		return true;
	if (shown.capacity - shown.len < piece_len)
		queue_drop(&shown, piece_len);
	queue_put(&shown, piece, piece_len);
	return true;
}

static void
move_shown(void)
{
	uint32_t row;

	while (piece_at < piece_len || take_piece()) {
		int64_t count = nb_stream_write(serial_out, piece + piece_at, piece_len - piece_at);

		if (count == -NB_SHOULD_WAIT)
			break;
		piece_at = count < 0 ? piece_len : piece_at + (uint32_t)count;
	}
	(void)peer_answer(&display);
	row = queue_row(&shown, sizeof message);
	if (row && peer_ask(&display, shown.bytes + shown.at, row))
		queue_drop(&shown, row);
	if (display.is_missing)
		shown.len = 0;
}

/* ---- life ---- */

static void
want(struct nb_wait_item *items, uint32_t *count, uint32_t handle, uint32_t signals)
{
	if (handle != NB_HANDLE_NONE && signals)
		items[(*count)++] = (struct nb_wait_item){ .handle = handle, .wanted = signals };
}

static void
wait_for_work(void)
{
	struct nb_wait_item items[8];
	uint32_t count = 0;

	if (!has_serial_ended && typed.len < typed.capacity / 2)
		want(items, &count, serial_in, NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED);
	if (piece_at < piece_len) {
		want(items, &count, serial_out, NB_SIGNAL_WRITABLE | NB_SIGNAL_PEER_CLOSED);
	} else {
		want(items, &count, output, NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED);
		want(items, &count, follower.log, NB_SIGNAL_READABLE);
	}
	if (typed.len < typed.capacity / 2)
		want(items, &count, keyboard.channel, NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED);
	if (typed.len)
		want(items, &count, input, NB_SIGNAL_WRITABLE | NB_SIGNAL_PEER_CLOSED);
	want(items, &count, display.channel, NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED);
	if (output == NB_HANDLE_NONE)
		want(items, &count, shell, NB_SIGNAL_TERMINATED);
	(void)nb_object_wait_many(items, count, NB_DEADLINE_NEVER);
}

static enum nb_status
start_shell(uint32_t system, struct text *reason)
{
	struct nb_stream_ends in, out;
	struct launch launch = {
		.name = "shell",
		.ramdisk = ramdisk,
		.priority = NB_PRIORITY_HIGH,
	};
	enum nb_status status = disk_publish(ramdisk, SHELL_MODULE, &entry, &launch.module);

	if (!status)
		status = launch_module_result(launch.module, reason);
	if (status)
		return status;
	if (nb_stream_create(&in, STREAM_BYTES) < 0 || nb_stream_create(&out, STREAM_BYTES) < 0)
		return NB_LIMIT_EXCEEDED;
	input = in.writer;
	output = out.reader;
	const struct launch_handle handles[] = {
		{ "stdin", in.reader, NB_RIGHTS_SAME },	  { "stdout", out.writer, NB_RIGHTS_SAME },
		{ "ramdisk", ramdisk, NB_RIGHTS_SAME },	  { "system", system, NB_RIGHTS_SAME },
		{ "services", services, NB_RIGHTS_SAME },
	};
	launch.handles = handles;
	launch.handle_count = sizeof handles / sizeof handles[0];
	status = launch_process(&launch, &shell, reason);
	(void)nb_handle_close(in.reader);
	(void)nb_handle_close(out.writer);
	(void)nb_handle_close(launch.module);
	return status;
}

static bool
has_shell_ended(void)
{
	return nb_object_wait_one(shell, NB_SIGNAL_TERMINATED, NB_DEADLINE_POLL) >= 0;
}

/* Waits until the serial port's driver has taken everything; not for ever, for there may be
 * none. A sleep lets it send what it took last. */
static void
drain(void)
{
	struct nb_object_info object;
	struct nb_stream_info stream;
	int64_t end_ns = nb_clock_get(NB_CLOCK_MONOTONIC) + DRAIN_NS;

	if (nb_object_info(serial_out, NB_INFO_OBJECT, &object, sizeof object) < 0 ||
	    object.type != NB_OBJECT_STREAM)
		return;
	do {
		(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + DRAIN_STEP_NS);
	} while (nb_object_info(serial_out, NB_INFO_STREAM, &stream, sizeof stream) >= 0 &&
		 stream.readable_bytes && nb_clock_get(NB_CLOCK_MONOTONIC) < end_ns);
	(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + DRAIN_STEP_NS);
}

/* The status to power off with; how the shell trapped, if it did, goes to the log. */
static int32_t
shell_status(void)
{
	static char text[4096];
	struct nb_process_info info = { .status = EXIT_FAILED };

	if (nb_object_info(shell, NB_INFO_PROCESS, &info, sizeof info) >= 0 &&
	    info.trap != NB_TRAP_NONE)
		(void)nb_log_write(NB_LOG_ERROR, text,
				   launch_trap_text(shell, "shell", text, sizeof text));
	return info.status;
}

int
module_main(void)
{
	static char reason_bytes[512];
	uint32_t system = startup_handle("system");
	struct text reason;
	enum nb_status status;

	serial_in = startup_handle("console-in");
	serial_out = startup_handle("console-out");
	follower.log = startup_handle("log");
	services = startup_handle("services");
	ramdisk = startup_handle("ramdisk");
	text_init(&reason, reason_bytes, sizeof reason_bytes);
	status = start_shell(system, &reason);
	if (status) {
		if (!reason.length)
			text_add(&reason, nb_status_text(status));
		(void)nb_log_write(NB_LOG_ERROR, reason.bytes, reason.length);
		return EXIT_FAILED;
	}
	for (;;) {
		move_typed();
		move_shown();
		/* All that it wrote has been taken, by the serial port at least. */
		if (output == NB_HANDLE_NONE && piece_at == piece_len && has_shell_ended())
			break;
		wait_for_work();
	}
	drain();
	(void)nb_system_power(system, NB_POWER_OFF, shell_status());
	return EXIT_FAILED;
}
