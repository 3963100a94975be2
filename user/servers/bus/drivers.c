/*
 * Starting and stopping drivers.
 *
 * A driver gets the handles "bus" (a channel on which its clients come),
 * "interrupt", "mmio0" and on in the order of its manifest, "dma" and "services" if it
 * names such things; of PCI, the function's configuration space as a startup record.
 * Its ports need no name: it is enough to have them. That of a serial port which is the
 * machine's console or link gets the streams "received" and "sending" besides.
 *
 * When it has ended, its device is first made to stop reaching memory. The DMA
 * pages, which the bus keeps a handle to, go back only when a successor that lasted
 * has ended, too: a device that cannot be reset by the bus was reset by that one.
 * One that did not last, and may not have come so far, leaves its pages to the next.
 */
#include "user/libs/driver/driver.h"
#include "user/libs/launch/block.h"
#include "user/libs/launch/launch.h"
#include "user/sdk/bytes.h"
#include "user/sdk/startup.h"
#include "user/servers/bus/bus.h"

#include "nebulet.h"

#include <stddef.h>

enum { GRANTS_MAX = 64, PAGE = 4096 };

/* What a driver is about to get; handles are the bus's until it is launched. */
struct grants {
	struct launch_handle rows[GRANTS_MAX];
	uint32_t count;
};

static const char *const mmio_names[NB_MANIFEST_MOST_MMIO] = {
	"mmio0", "mmio1", "mmio2",  "mmio3",  "mmio4",	"mmio5",  "mmio6",  "mmio7",
	"mmio8", "mmio9", "mmio10", "mmio11", "mmio12", "mmio13", "mmio14", "mmio15",
};

void
bus_log(uint32_t level, const char *name, const char *what, const char *detail)
{
	char bytes[512];
	struct text text;

	text_init(&text, bytes, sizeof bytes);
	text_add(&text, name);
	text_add(&text, ": ");
	text_add(&text, what);
	text_add(&text, detail);
	(void)nb_log_write(level, text.bytes, text.length);
}

static enum nb_status
grant(struct grants *grants, const char *name, int64_t handle, uint32_t rights)
{
	if (handle < 0)
		return (enum nb_status) - handle;
	if (grants->count == GRANTS_MAX) {
		(void)nb_handle_close((uint32_t)handle);
		return NB_LIMIT_EXCEEDED;
	}
	grants->rows[grants->count++] = (struct launch_handle){ name, (uint32_t)handle, rights };
	return NB_OK;
}

static void
close_grants(struct grants *grants)
{
	for (uint32_t i = 0; i < grants->count; i++)
		(void)nb_handle_close(grants->rows[i].handle);
	grants->count = 0;
}

/* Whether the driver's device has that, which the line of its manifest wants; a driver gets
 * nothing else. */
static bool
is_of_device(const struct driver *driver, uint32_t line, uint32_t kind, uint64_t first,
	     uint64_t count)
{
	static const char *const kinds[] = {
		[NB_RESOURCE_PORT] = " of its manifest wants ports that its device has not",
		[NB_RESOURCE_MMIO] = " of its manifest wants device memory that its device has not",
		[NB_RESOURCE_IRQ] = " of its manifest wants an interrupt that its device has not",
	};
	char bytes[128];
	struct text text;

	if (devices_has(driver->device, kind, first, count))
		return true;
	text_init(&text, bytes, sizeof bytes);
	text_add_number(&text, line);
	text_add(&text, kinds[kind]);
	bus_log(NB_LOG_ERROR, driver->manifest.name.text, "line ", text.bytes);
	return false;
}

static enum nb_status
grant_ports(struct bus *bus, const struct driver *driver, struct grants *grants)
{
	const struct manifest *manifest = &driver->manifest;
	enum nb_status status = NB_OK;

	for (uint32_t i = 0; i < manifest->counts[NB_MANIFEST_PORT] && !status; i++) {
		const struct nb_port_range *ports = &manifest->ports[i];
		uint32_t rights = NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER;

		if (!is_of_device(driver, ports->line, NB_RESOURCE_PORT, ports->first,
				  ports->count))
			return NB_ACCESS_DENIED;
		rights |= ports->access & NB_PORT_READ ? NB_RIGHT_READ : 0;
		rights |= ports->access & NB_PORT_WRITE ? NB_RIGHT_WRITE : 0;
		status = grant(
			grants, "ports",
			nb_resource_divide(bus->root, NB_RESOURCE_PORT, ports->first, ports->count),
			rights);
	}
	return status;
}

/* The pages of a BAR, unless the table of messages is among them. */
static enum nb_status
find_bar(const struct driver *driver, uint32_t index, uint64_t *first, uint64_t *count)
{
	const struct device *device = driver->device;
	const struct bar *bar = index < BARS ? &device->bars[index] : NULL;

	if (device->platform || !bar || !bar->size || bar->is_ports)
		return NB_NOT_FOUND;
	if (device->message_table && pci_message_bar(device) == index) {
		bus_log(NB_LOG_ERROR, driver->manifest.name.text,
			"its registers share a BAR with the table of messages", "");
		return NB_ACCESS_DENIED;
	}
	*first = bar->base & ~(PAGE - 1ull);
	*count = (bar->base + bar->size - *first + PAGE - 1) & ~(PAGE - 1ull);
	return NB_OK;
}

static enum nb_status
grant_registers(struct bus *bus, const struct driver *driver, struct grants *grants)
{
	const struct manifest *manifest = &driver->manifest;
	const uint32_t rights = NB_RIGHT_MAP | NB_RIGHT_READ | NB_RIGHT_WRITE | NB_RIGHT_DUPLICATE |
				NB_RIGHT_TRANSFER | NB_RIGHT_INSPECT;
	enum nb_status status = NB_OK;

	for (uint32_t i = 0; i < manifest->counts[NB_MANIFEST_MMIO] && !status; i++) {
		const struct manifest_mmio *mmio = &manifest->mmio[i];
		uint64_t first = mmio->address, count = mmio->size;

		if (mmio->place == MANIFEST_PCI)
			status = find_bar(driver, mmio->bar, &first, &count);
		else if (!is_of_device(driver, mmio->line, NB_RESOURCE_MMIO, first, count))
			status = NB_ACCESS_DENIED;
		if (!status)
			status =
				grant(grants, mmio_names[i],
				      nb_resource_divide(bus->root, NB_RESOURCE_MMIO, first, count),
				      rights);
	}
	return status;
}

static int64_t
open_line(struct bus *bus, uint32_t number)
{
	int64_t resource = nb_resource_divide(bus->root, NB_RESOURCE_IRQ, number, 1), interrupt;

	if (resource < 0)
		return resource;
	interrupt = nb_interrupt_create((uint32_t)resource, 0);
	(void)nb_handle_close((uint32_t)resource);
	return interrupt;
}

/* A line that others may share is worth knowing of. */
static void
tell_line(const struct driver *driver, uint32_t interrupt)
{
	struct nb_interrupt_info info;
	char bytes[16];
	struct text number;

	if (nb_object_info(interrupt, NB_INFO_INTERRUPT, &info, sizeof info) < 0 ||
	    info.message_address)
		return;
	text_init(&number, bytes, sizeof bytes);
	text_add_number(&number, info.number);
	bus_log(NB_LOG_DEBUG, driver->manifest.name.text, "interrupts by line ", bytes);
}

/* One interrupt, the manifest's first. */
static enum nb_status
grant_interrupt(struct bus *bus, const struct driver *driver, struct grants *grants)
{
	const struct manifest_irq *irq = &driver->manifest.irqs[0];
	enum nb_status status;
	uint32_t interrupt;

	if (!driver->manifest.counts[NB_MANIFEST_IRQ])
		return NB_OK;
	if (irq->place == MANIFEST_PCI) {
		if (driver->device->platform)
			return NB_NOT_FOUND;
		status = pci_interrupt(bus, driver->device, &interrupt);
		if (!status)
			tell_line(driver, interrupt);
		return status ? status : grant(grants, "interrupt", interrupt, NB_RIGHTS_SAME);
	}
	if (!is_of_device(driver, irq->line, NB_RESOURCE_IRQ, irq->number, 1))
		return NB_ACCESS_DENIED;
	return grant(grants, "interrupt", open_line(bus, irq->number), NB_RIGHTS_SAME);
}

/* DMA, and the channels. The bus keeps a handle to the DMA. */
static enum nb_status
grant_rest(struct bus *bus, struct driver *driver, struct grants *grants)
{
	uint64_t bytes = (driver->manifest.dma_bytes + PAGE - 1) & ~(PAGE - 1ull);
	struct nb_channel_ends ends;
	enum nb_status status = NB_OK;
	int64_t result;

	if (bytes) {
		result = driver->dma;
		if (result == NB_HANDLE_NONE)
			result = nb_resource_divide(bus->root, NB_RESOURCE_DMA, 0, bytes);
		if (result < 0)
			return (enum nb_status) - result;
		driver->dma = (uint32_t)result;
		status = grant(grants, "dma", nb_handle_duplicate(driver->dma, NB_RIGHTS_SAME),
			       NB_RIGHTS_SAME);
	}
	if (!status && driver->manifest.counts[NB_MANIFEST_USES])
		status = grant(grants, "services",
			       nb_handle_duplicate(bus->clients, NB_RIGHTS_SAME), NB_RIGHTS_SAME);
	if (status)
		return status;
	result = nb_channel_create(&ends, 0);
	if (result < 0)
		return (enum nb_status) - result;
	driver->channel = ends.ends[0];
	return grant(grants, "bus", ends.ends[1], NB_RIGHTS_SAME);
}

/* The streams of a serial port that is the machine's console or link, which the bus server was
 * given for it. */
static enum nb_status
grant_streams(const struct driver *driver, struct grants *grants)
{
	static const char *const names[] = { "received", "sending" };
	enum nb_status status = NB_OK;

	for (uint32_t i = 0; driver->device->platform && i < 2 && !status; i++) {
		char bytes[64];
		struct text name;
		uint32_t handle;

		text_init(&name, bytes, sizeof bytes);
		text_add(&name, driver->device->platform);
		text_add(&name, "-");
		text_add(&name, names[i]);
		handle = startup_handle(bytes);
		if (handle != NB_HANDLE_NONE)
			status = grant(grants, names[i],
				       nb_handle_duplicate(handle, NB_RIGHTS_SAME), NB_RIGHTS_SAME);
	}
	return status;
}

static enum nb_status
collect(struct bus *bus, struct driver *driver, struct grants *grants)
{
	enum nb_status status = grant_ports(bus, driver, grants);

	if (!status)
		status = grant_registers(bus, driver, grants);
	if (!status)
		status = grant_interrupt(bus, driver, grants);
	if (!status)
		status = grant_streams(driver, grants);
	return status ? status : grant_rest(bus, driver, grants);
}

static enum nb_status
launch(struct bus *bus, struct driver *driver, const struct grants *grants, struct text *reason)
{
	static uint8_t records[CONFIG_BYTES + 64] __attribute__((aligned(8)));
	uint8_t config[CONFIG_BYTES];
	struct block block;
	struct launch launch = {
		.name = driver->manifest.name.text,
		.module = driver->module,
		.ramdisk = bus->ramdisk,
		.priority = NB_PRIORITY_HIGH,
		.handles = grants->rows,
		.handle_count = grants->count,
		.threads = driver->manifest.threads,
		.memory_bytes = driver->manifest.memory_bytes,
		.records = records,
	};

	block_init(&block, records, sizeof records);
	if (!driver->device->platform) {
		pci_read_config(driver->device, config);
		block_add(&block, DRIVER_RECORD_PCI, config, sizeof config);
		pci_enable(driver->device, driver->dma != NB_HANDLE_NONE);
	}
	launch.records_size = block.size;
	return launch_process(&launch, &driver->process, reason);
}

enum nb_status
driver_start(struct bus *bus, struct driver *driver)
{
	struct grants grants = { .count = 0 };
	char reason_bytes[256];
	struct text reason;
	enum nb_status status = collect(bus, driver, &grants);

	text_init(&reason, reason_bytes, sizeof reason_bytes);
	/* Its DMA before its device can reach it; then the process. */
	if (!status && driver->dma != NB_HANDLE_NONE)
		keep_update(bus);
	if (!status)
		status = launch(bus, driver, &grants, &reason);
	close_grants(&grants);
	if (!status)
		keep_update(bus);
	driver->started_ns = nb_clock_get(NB_CLOCK_MONOTONIC);
	if (!status)
		return NB_OK;
	if (status == NB_ACCESS_DENIED && !reason.length)
		text_add(&reason, "its manifest goes too far");
	bus_log(NB_LOG_ERROR, driver->manifest.name.text,
		"cannot be started: ", reason.length ? reason_bytes : nb_status_text(status));
	driver_stopped(driver, false);
	return status;
}

static void
close(uint32_t *handle)
{
	if (*handle != NB_HANDLE_NONE)
		(void)nb_handle_close(*handle);
	*handle = NB_HANDLE_NONE;
}

void
driver_stopped(struct driver *driver, bool has_lasted)
{
	if (!driver->device->platform)
		pci_disable(driver->device);
	if (has_lasted) {
		/* What its predecessor's device may have had under way has ended since. */
		close(&driver->dma_before);
		driver->dma_before = driver->dma;
		driver->dma = NB_HANDLE_NONE;
	}
	close(&driver->channel);
	close(&driver->process);
}
