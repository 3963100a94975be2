/*
 * The bus server's events; see bus.h.
 *
 * etc/drivers on the RAM disk names the drivers' modules, a path a line, and
 * etc/drivers.more those of the user, which come first. One whose manifest fits no device is
 * left alone.
 */
#include "user/libs/disk/disk.h"
#include "user/libs/launch/launch.h"
#include "user/libs/service/service.h"
#include "user/sdk/bytes.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"
#include "user/servers/bus/bus.h"

#include "nebulet.h"

#include <stddef.h>

NEBULET_MANIFEST("name bus", "port 0xcf8 8 rw", "mmio platform", "irq platform");

#define DRIVERS_FILE	  "etc/drivers"
#define DRIVERS_MORE_FILE "etc/drivers.more"

static struct bus bus;
static struct archive_entry entry; /* scratch */

/* ---- drivers ---- */

static enum nb_status
read_manifest(struct driver *driver)
{
	static char text[NB_MANIFEST_BYTES];
	struct manifest_error error;
	int64_t len = nb_object_info(driver->module, NB_INFO_MANIFEST, text, sizeof text);

	if (len < 0)
		return (enum nb_status) - len;
	return manifest_parse(text, (uint32_t)len, &driver->manifest, &error);
}

static void
add_driver(const char *path, uint32_t len)
{
	struct driver *driver = &bus.drivers[bus.driver_count];
	char reason_bytes[256];
	struct text reason;
	enum nb_status status = NB_OUT_OF_RANGE;

	if (bus.driver_count == DRIVERS_MAX || len >= sizeof driver->path)
		return;
	*driver = (struct driver){ .retry_ns = 0 };
	bytes_copy(driver->path, path, len);
	text_init(&reason, reason_bytes, sizeof reason_bytes);
	status = disk_publish(bus.ramdisk, driver->path, &entry, &driver->module);
	if (!status)
		status = launch_module_result(driver->module, &reason);
	if (!status)
		status = read_manifest(driver);
	if (status) {
		bus_log(NB_LOG_ERROR, driver->path,
			"is no driver: ", reason.length ? reason_bytes : nb_status_text(status));
		return;
	}
	driver->device = devices_match(&bus, &driver->manifest);
	if (driver->device) {
		bus.driver_count++;
		return;
	}
	bus_log(NB_LOG_INFO, driver->manifest.name.text, "there is no device for it", "");
	(void)nb_handle_close(driver->module);
}

static bool
offers(const struct driver *driver, const char *name, uint32_t len)
{
	for (uint32_t i = 0; i < driver->manifest.counts[NB_MANIFEST_OFFERS]; i++) {
		if (text_is(name, len, driver->manifest.offers[i].text))
			return true;
	}
	return false;
}

/* ---- clients ---- */

/* Passes a client's end on; what cannot be passed on waits for the next start. */
static void
pass_on(struct driver *driver, uint32_t client)
{
	if (driver->process != NB_HANDLE_NONE &&
	    nb_channel_send(driver->channel, "", 0, &client, 1) >= 0)
		return;
	if (driver->waiting_count < WAITING_MAX && driver->retry_ns != NB_DEADLINE_NEVER)
		driver->waiting[driver->waiting_count++] = client;
	else
		(void)nb_handle_close(client);
}

static void
serve_client(const char *name, uint32_t len, uint32_t client)
{
	for (uint32_t i = 0; i < bus.driver_count; i++) {
		if (offers(&bus.drivers[i], name, len)) {
			pass_on(&bus.drivers[i], client);
			return;
		}
	}
	(void)nb_handle_close(client);
}

/* One message of a client; false: there is none. */
static bool
receive_client(void)
{
	char name[SERVICE_NAME_MAX];
	uint32_t handle = NB_HANDLE_NONE;
	struct nb_message_counts counts = { .handles = 1 };
	int64_t len = nb_channel_recv(bus.services, name, sizeof name, &handle, &counts);

	if (len == -NB_BUFFER_TOO_SMALL) {
		/* No client of ours: taken out and dropped. */
		static uint8_t large[65536];
		uint32_t handles[16];

		counts.handles = 16;
		len = nb_channel_recv(bus.services, large, sizeof large, handles, &counts);
		for (uint32_t i = 0; len >= 0 && i < counts.handles; i++)
			(void)nb_handle_close(handles[i]);
		return len >= 0;
	}
	if (len < 0)
		return false;
	if (counts.handles)
		serve_client(name, (uint32_t)len, handle);
	return true;
}

/* ---- supervision ---- */

static void
start(struct driver *driver)
{
	uint32_t waiting = driver->waiting_count;
	enum nb_status status = driver_start(&bus, driver);

	if (status && status != NB_ACCESS_DENIED) {
		driver->retry_ns = launch_retry_ns(&driver->failures, 0);
		return;
	}
	/* What it may not have it will not be given the next time either. */
	if (status)
		driver->retry_ns = NB_DEADLINE_NEVER;
	driver->waiting_count = 0;
	for (uint32_t i = 0; i < waiting; i++)
		pass_on(driver, driver->waiting[i]);
}

/* Its process has ended. */
static void
reap(struct driver *driver)
{
	static char reason[1024];
	int64_t ran_ns = nb_clock_get(NB_CLOCK_MONOTONIC) - driver->started_ns;

	uint32_t len = launch_trap_text(driver->process, driver->manifest.name.text, reason,
					sizeof reason - 1);

	/* What happened and where, in one line. */
	reason[len] = 0;
	for (uint32_t i = 0; i < len; i++) {
		if (reason[i] == '\n')
			reason[i] = i + 1 < len ? ';' : 0;
	}
	bus_log(NB_LOG_WARN, driver->manifest.name.text,
		"has ended and will be restarted: ", reason);
	driver_stopped(driver, ran_ns >= LAUNCH_SOUND_NS);
	keep_update(&bus);
	driver->retry_ns = launch_retry_ns(&driver->failures, ran_ns);
}

/* Lets go of a predecessor's DMA when all devices have been reset since; returns when to look
 * again. */
static int64_t
forget_old(void)
{
	int64_t now_ns = nb_clock_get(NB_CLOCK_MONOTONIC);

	if (!bus.old_count)
		return NB_DEADLINE_NEVER;
	for (uint32_t i = 0; i < bus.driver_count; i++) {
		const struct driver *driver = &bus.drivers[i];

		if (driver->dma != NB_HANDLE_NONE &&
		    (driver->process == NB_HANDLE_NONE ||
		     now_ns - driver->started_ns < LAUNCH_SOUND_NS))
			return now_ns + LAUNCH_SOUND_NS;
	}
	keep_forget(&bus);
	return NB_DEADLINE_NEVER;
}

/* Starts what is due; returns when to look again. */
static int64_t
start_due(void)
{
	int64_t next_ns = forget_old();

	for (uint32_t i = 0; i < bus.driver_count; i++) {
		struct driver *driver = &bus.drivers[i];

		if (driver->process != NB_HANDLE_NONE)
			continue;
		if (driver->retry_ns <= nb_clock_get(NB_CLOCK_MONOTONIC))
			start(driver);
		if (driver->process == NB_HANDLE_NONE && driver->retry_ns < next_ns)
			next_ns = driver->retry_ns;
	}
	return next_ns;
}

static void
add_drivers(const char *file)
{
	static char list[4096];
	uint32_t len, at = 0;

	if (disk_read_file(bus.ramdisk, file, &entry, list, sizeof list, &len))
		return;
	while (at < len) {
		uint32_t first = at;

		while (at < len && list[at] != '\n')
			at++;
		/* Started at once: the console need not wait for the other modules. */
		if (at > first) {
			add_driver(&list[first], at - first);
			(void)start_due();
		}
		at++;
	}
}

/* Waits for clients, ends of drivers, and `deadline_ns`. False: nobody can come any more. */
static bool
wait_for_events(int64_t deadline_ns)
{
	struct nb_wait_item items[DRIVERS_MAX + 1];
	struct driver *drivers[DRIVERS_MAX + 1];
	uint32_t count = 1;
	int64_t result;

	items[0] = (struct nb_wait_item){ .handle = bus.services, .wanted = NB_SIGNAL_READABLE };
	for (uint32_t i = 0; i < bus.driver_count; i++) {
		if (bus.drivers[i].process == NB_HANDLE_NONE)
			continue;
		drivers[count] = &bus.drivers[i];
		items[count++] = (struct nb_wait_item){ .handle = bus.drivers[i].process,
							.wanted = NB_SIGNAL_TERMINATED };
	}
	result = nb_object_wait_many(items, count, deadline_ns);
	if (result < 0 && result != -NB_TIMED_OUT)
		return false;
	for (uint32_t i = 1; i < count; i++) {
		if (items[i].seen & NB_SIGNAL_TERMINATED)
			reap(drivers[i]);
	}
	while (items[0].seen & NB_SIGNAL_READABLE && receive_client())
		;
	return true;
}

int
module_main(void)
{
	bus.ramdisk = startup_handle("ramdisk");
	bus.root = startup_handle("root");
	bus.services = startup_handle("services-server");
	bus.clients = startup_handle("services");
	devices_find(&bus);
	keep_take(&bus);
	add_drivers(DRIVERS_MORE_FILE);
	add_drivers(DRIVERS_FILE);
	while (wait_for_events(start_due()))
		;
	return 1;
}
