/*
 * init: the first process. Reads etc/services from the RAM disk and starts
 * what it names; powers off when the last service has ended.
 *
 * A line of etc/services is
 *
 *     NAME MODULE WHEN HANDLE...
 *
 * WHEN is `always`, `if=PATH` or `unless=PATH` (the file is, is not on the RAM
 * disk); the handles are names of init's own, or one of
 *
 *     services, services-server   the ends of the channel over which services are found
 *                                 (user/libs/service/service.h)
 *     kept, kept-server           the ends of one in which the bus server leaves what its
 *                                 successor must have (user/servers/bus/keep.c)
 *     restart                     no handle: a service that ends is started again, later each time
 *                                 that it did not last
 *     console-in, console-out     the bytes of the machine's first serial port, for who uses
 *                                 them; with link-in, link-out of its second
 *     serial1-received, serial1-sending    the other ends, for the port's driver; none when
 *     serial2-received, serial2-sending    the kernel serves the port
 *     log                         the kernel's log, to be shown (log_follow)
 *     ports:FIRST:COUNT           those ports
 *     arg=TEXT                    no handle, but an argument
 *
 * `#` begins a comment.
 *
 * A serial port whose driver is on the RAM disk is the driver's: the kernel is told to leave it
 * alone, and two streams take its place. They are init's, so they outlive both
 * the driver and who uses them.
 */
#include "user/libs/disk/disk.h"
#include "user/libs/launch/block.h"
#include "user/libs/launch/launch.h"
#include "user/sdk/bytes.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#include <stdbool.h>
#include <stddef.h>

#define SERVICES_FILE "etc/services"
#define SERVICES_MAX  16u
#define HANDLES_MAX   16u
#define WORDS_MAX     (3u + HANDLES_MAX)
#define EXIT_FAILED   125

struct line {
	char *words[WORDS_MAX]; /* zero-terminated */
	uint32_t count;
};

struct service {
	struct line line;
	uint32_t process; /* NB_HANDLE_NONE: is to be started again */
	bool is_kept;	  /* the line says `restart` */
	uint32_t failures;
	int64_t started_ns, retry_ns;
};

static char table[16384];
static struct archive_entry entry; /* scratch */
static struct service services[SERVICES_MAX];
static uint32_t service_count;
static uint32_t ramdisk;
static uint8_t records[2048] __attribute__((aligned(8))); /* of a service */

/* Channels of which init keeps both ends, so that they outlive who uses them. */
static struct lasting {
	const char *client, *server; /* words */
	uint32_t messages;	     /* that it queues; 0: as usual */
	struct nb_channel_ends channel;
} lasting[] = {
	{ "services", "services-server", 0, { 0 } },
	/* All that the bus server must keep, twice (user/servers/bus/keep.c). */
	{ "kept", "kept-server", NB_CHANNEL_MESSAGES_MAX, { 0 } },
};
#define LASTING_COUNT (sizeof lasting / sizeof lasting[0])

/* A byte port of the kernel's and, if a driver has it, the streams in its place. */
struct wire {
	const char *port, *driver;
	uint32_t out_capacity;
	bool is_ready;
	struct nb_stream_ends in, out; /* NB_HANDLE_NONE: the kernel serves the port */
};

/* Little is under way to a terminal, so that Ctrl-C soon stops a program that writes much. */
static struct wire console_wire = { "console", "drivers/serial1.nbo", 1024, false, { 0 }, { 0 } };
static struct wire link_wire = { "link", "drivers/serial2.nbo", 16384, false, { 0 }, { 0 } };

/* Ends of wires by name. */
enum wire_end { END_IN, END_OUT, END_RECEIVED, END_SENDING };
static const struct wire_word {
	const char *name;
	struct wire *wire;
	enum wire_end end;
} wire_words[] = {
	{ "console-in", &console_wire, END_IN },
	{ "console-out", &console_wire, END_OUT },
	{ "serial1-received", &console_wire, END_RECEIVED },
	{ "serial1-sending", &console_wire, END_SENDING },
	{ "link-in", &link_wire, END_IN },
	{ "link-out", &link_wire, END_OUT },
	{ "serial2-received", &link_wire, END_RECEIVED },
	{ "serial2-sending", &link_wire, END_SENDING },
};
#define WIRE_WORDS    (sizeof wire_words / sizeof wire_words[0])
#define WIRE_IN_BYTES 16384u

static void
log_problem(const char *what, const char *detail)
{
	char bytes[1024];
	struct text text;

	text_init(&text, bytes, sizeof bytes);
	text_add(&text, what);
	text_add(&text, ": ");
	text_add(&text, detail);
	(void)nb_log_write(NB_LOG_ERROR, text.bytes, text.length);
}

/* Cuts text[*at..len) at the line's end into words. */
static void
split_line(char *text, uint32_t len, uint32_t *at, struct line *line)
{
	bool in_word = false, in_comment = false;

	line->count = 0;
	for (; *at < len && text[*at] != '\n'; ++*at) {
		char *c = &text[*at];

		in_comment = in_comment || *c == '#';
		if (*c == ' ' || *c == '\t' || in_comment) {
			*c = 0;
			in_word = false;
		} else if (!in_word && line->count < WORDS_MAX) {
			line->words[line->count++] = c;
			in_word = true;
		}
	}
	if (*at < len)
		text[(*at)++] = 0;
}

static bool
has_file(const char *path)
{
	struct archive_source source = disk_source(&ramdisk);

	return archive_find(&source, path, &entry) == NB_OK;
}

static bool
begins_with(const char *text, const char *start)
{
	uint32_t len = text_length(start);

	return text_length(text) >= len && bytes_equal(text, start, len);
}

static bool
applies(const char *when)
{
	if (begins_with(when, "if="))
		return has_file(when + 3);
	if (begins_with(when, "unless="))
		return !has_file(when + 7);
	return text_is(when, text_length(when), "always");
}

/* ---- handles of a service ---- */

/* A decimal or hexadecimal (0x…) number at *at, which moves behind it. */
static uint64_t
take_number(const char **at)
{
	const char *c = *at;
	uint64_t value = 0;
	bool is_hex = c[0] == '0' && c[1] == 'x';

	for (c += is_hex ? 2 : 0; (*c >= '0' && *c <= '9') || (is_hex && *c >= 'a' && *c <= 'f');
	     c++)
		value = value * (is_hex ? 16 : 10) +
			(uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
	*at = c;
	return value;
}

/* `ports:FIRST:COUNT` */
static uint32_t
take_ports(const char *text)
{
	uint64_t first = take_number(&text);
	int64_t handle;

	if (*text++ != ':')
		return NB_HANDLE_NONE;
	handle = nb_resource_divide(startup_handle("root"), NB_RESOURCE_PORT, first,
				    take_number(&text));
	return handle < 0 ? NB_HANDLE_NONE : (uint32_t)handle;
}

static bool
is_word(const char *word, const char *wanted)
{
	return text_is(word, text_length(word), wanted);
}

/* An end of a channel that outlives services, or NB_HANDLE_NONE. */
static uint32_t
lasting_end(const char *word)
{
	for (uint32_t i = 0; i < LASTING_COUNT; i++) {
		struct nb_channel_ends *channel = &lasting[i].channel;
		uint32_t messages = lasting[i].messages;
		bool is_server = is_word(word, lasting[i].server);

		if (!is_server && !is_word(word, lasting[i].client))
			continue;
		if (channel->ends[0] == NB_HANDLE_NONE && nb_channel_create(channel, messages) < 0)
			return NB_HANDLE_NONE;
		return channel->ends[is_server];
	}
	return NB_HANDLE_NONE;
}

/* What had arrived before the kernel let go of the port. */
static void
move_rest(uint32_t port, uint32_t to)
{
	static uint8_t bytes[1024];
	int64_t count;

	while ((count = nb_stream_read(port, bytes, sizeof bytes)) > 0)
		(void)nb_stream_write(to, bytes, (uint32_t)count);
}

static void
wire_prepare(struct wire *wire)
{
	uint32_t port = startup_handle(wire->port);

	if (wire->is_ready)
		return;
	wire->is_ready = true;
	if (!has_file(wire->driver) || nb_stream_create(&wire->in, WIRE_IN_BYTES) < 0)
		return;
	if (nb_stream_create(&wire->out, wire->out_capacity) >= 0 && nb_serial_release(port) >= 0) {
		move_rest(port, wire->in.writer);
		return;
	}
	wire->in = wire->out = (struct nb_stream_ends){ NB_HANDLE_NONE, NB_HANDLE_NONE };
}

static uint32_t
wire_end(const struct wire_word *word)
{
	const struct wire *wire = word->wire;

	wire_prepare(word->wire);
	switch (word->end) {
	case END_IN:
		return wire->in.reader ? wire->in.reader : startup_handle(wire->port);
	case END_OUT:
		return wire->out.writer ? wire->out.writer : startup_handle(wire->port);
	case END_RECEIVED:
		return wire->in.writer;
	case END_SENDING:
		return wire->out.reader;
	}
	return NB_HANDLE_NONE;
}

/* Init's handle is closed when the service has its own: when that ends, the kernel is to
 * print again. */
static uint32_t
follow_log(void)
{
	int64_t handle = nb_log_follow(startup_handle("system"));

	return handle < 0 ? NB_HANDLE_NONE : (uint32_t)handle;
}

static uint32_t
find_handle(const char *name)
{
	uint32_t lasting_handle = lasting_end(name);

	if (lasting_handle != NB_HANDLE_NONE)
		return lasting_handle;
	for (uint32_t i = 0; i < WIRE_WORDS; i++) {
		if (is_word(name, wire_words[i].name))
			return wire_end(&wire_words[i]);
	}
	if (is_word(name, "log"))
		return follow_log();
	if (begins_with(name, "ports:"))
		return take_ports(name + 6);
	return startup_handle(name);
}

static enum nb_status
launch_service(const struct line *line, uint32_t *process)
{
	struct launch_handle handles[HANDLES_MAX];
	struct launch launch = {
		.name = line->words[0],
		.ramdisk = ramdisk,
		.priority = NB_PRIORITY_HIGH,
		.handles = handles,
		.records = records,
	};
	struct block block;
	char reason_bytes[512];
	struct text reason;
	uint32_t handle, log = NB_HANDLE_NONE;
	enum nb_status status = disk_publish(ramdisk, line->words[1], &entry, &launch.module);

	text_init(&reason, reason_bytes, sizeof reason_bytes);
	block_init(&block, records, sizeof records);
	for (uint32_t i = 3; i < line->count; i++) {
		if (begins_with(line->words[i], "arg=")) {
			block_add(&block, NB_STARTUP_ARGUMENT, line->words[i] + 4,
				  text_length(line->words[i] + 4));
			continue;
		}
		if (is_word(line->words[i], "restart"))
			continue;
		handle = find_handle(line->words[i]);
		if (handle == NB_HANDLE_NONE)
			continue;
		if (is_word(line->words[i], "log"))
			log = handle;
		handles[launch.handle_count++] =
			(struct launch_handle){ line->words[i], handle, NB_RIGHTS_SAME };
	}
	launch.records_size = block.size;
	if (!status)
		status = launch_module_result(launch.module, &reason);
	if (!status)
		status = launch_process(&launch, process, &reason);
	if (log != NB_HANDLE_NONE)
		(void)nb_handle_close(log);
	if (launch.module != NB_HANDLE_NONE)
		(void)nb_handle_close(launch.module);
	if (status)
		log_problem(line->words[0], reason.length ? reason_bytes : nb_status_text(status));
	return status;
}

/* To be started again: it has ended after `ran_ns`, or could not be started. */
static void
schedule(struct service *service, int64_t ran_ns)
{
	service->process = NB_HANDLE_NONE;
	service->retry_ns = launch_retry_ns(&service->failures, ran_ns);
}

/* False: it has not been started, and will not be. */
static bool
start_service(struct service *service)
{
	enum nb_status status = launch_service(&service->line, &service->process);

	service->started_ns = nb_clock_get(NB_CLOCK_MONOTONIC);
	if (status && service->is_kept)
		schedule(service, 0);
	return !status || service->is_kept;
}

static void
add_service(const struct line *line)
{
	struct service *service = &services[service_count];

	*service = (struct service){ .line = *line };
	for (uint32_t i = 3; i < line->count; i++)
		service->is_kept |= is_word(line->words[i], "restart");
	service_count += start_service(service);
}

/* Starts again what is due; returns when to look again. */
static int64_t
start_due(void)
{
	int64_t next_ns = NB_DEADLINE_NEVER;

	for (uint32_t i = 0; i < service_count; i++) {
		struct service *service = &services[i];

		if (service->process != NB_HANDLE_NONE)
			continue;
		if (service->retry_ns <= nb_clock_get(NB_CLOCK_MONOTONIC))
			(void)start_service(service);
		if (service->process == NB_HANDLE_NONE && service->retry_ns < next_ns)
			next_ns = service->retry_ns;
	}
	return next_ns;
}

static void
start_services(void)
{
	struct line line;
	uint32_t at = 0, len;
	enum nb_status status =
		disk_read_file(ramdisk, SERVICES_FILE, &entry, table, sizeof table, &len);

	if (status) {
		log_problem(SERVICES_FILE, nb_status_text(status));
		return;
	}
	while (at < len) {
		split_line(table, len, &at, &line);
		if (!line.count)
			continue;
		if (line.count < 3)
			log_problem(SERVICES_FILE, "a line wants NAME MODULE WHEN HANDLE...");
		else if (service_count < SERVICES_MAX && applies(line.words[2]))
			add_service(&line);
	}
}

/* Reports the end of a service, gives its handle back, and sees to its successor. */
static int32_t
reap(uint32_t index)
{
	struct service *service = &services[index];
	struct nb_process_info info = { .status = EXIT_FAILED };
	char text[1024];
	int64_t len;

	if (nb_object_info(service->process, NB_INFO_PROCESS, &info, sizeof info) >= 0 &&
	    info.trap != NB_TRAP_NONE) {
		len = nb_object_info(service->process, NB_INFO_BACKTRACE, text, sizeof text);
		if (len > 0)
			(void)nb_log_write(NB_LOG_ERROR, text,
					   len < (int64_t)sizeof text ? (uint32_t)len
								      : (uint32_t)sizeof text);
	}
	(void)nb_handle_close(service->process);
	if (service->is_kept) {
		log_problem(service->line.words[0], "has ended and will be restarted");
		schedule(service, nb_clock_get(NB_CLOCK_MONOTONIC) - service->started_ns);
	} else {
		*service = services[--service_count];
	}
	return info.status;
}

/* Waits for ends of services, or until `deadline_ns`; *status is that of one that has ended. */
static bool
wait_for_ends(int64_t deadline_ns, int32_t *status)
{
	struct nb_wait_item items[SERVICES_MAX];
	uint32_t indices[SERVICES_MAX], count = 0;
	int64_t result;

	for (uint32_t i = 0; i < service_count; i++) {
		if (services[i].process == NB_HANDLE_NONE)
			continue;
		indices[count] = i;
		items[count++] = (struct nb_wait_item){ .handle = services[i].process,
							.wanted = NB_SIGNAL_TERMINATED };
	}
	result = count ? nb_object_wait_many(items, count, deadline_ns)
		       : nb_thread_sleep(deadline_ns);
	if (result < 0 && result != -NB_TIMED_OUT)
		return false;
	/* From the last on: who ends gives its place to the last. */
	while (count--) {
		if (items[count].seen & NB_SIGNAL_TERMINATED)
			*status = reap(indices[count]);
	}
	return true;
}

int
module_main(void)
{
	uint32_t system = startup_handle("system");
	int32_t status = EXIT_FAILED;

	ramdisk = startup_handle("ramdisk");
	start_services();
	while (service_count && wait_for_ends(start_due(), &status))
		;
	(void)nb_system_power(system, NB_POWER_OFF, status);
	return EXIT_FAILED;
}
