/*
 * What outlives the bus server: its drivers' processes and their DMA memory, as handles in
 * messages of a channel both of whose ends init holds as well. Nobody reads them but the
 * next bus server, which ends those processes, stops all devices, and gives the memory
 * back only when its own drivers have reset them.
 *
 * Every moment is one at which we may die. So the channel always holds what there is:
 * something is put at its end before it is taken from its beginning.
 */
#include "user/sdk/startup.h"
#include "user/servers/bus/bus.h"

#include "nebulet.h"

enum { HANDLES_EACH = NB_CHANNEL_HANDLES_MAX };

/* A message with duplicates of those handles that there are. */
static void
put(struct bus *bus, const uint32_t *handles, uint32_t count)
{
	uint32_t copies[HANDLES_EACH], copied = 0;

	for (uint32_t i = 0; i < count; i++) {
		int64_t copy = handles[i] == NB_HANDLE_NONE
				       ? -NB_BAD_HANDLE
				       : nb_handle_duplicate(handles[i], NB_RIGHTS_SAME);

		if (copy >= 0)
			copies[copied++] = (uint32_t)copy;
	}
	if (copied && nb_channel_send(bus->keep, "", 0, copies, copied) >= 0) {
		bus->kept_count++;
		return;
	}
	for (uint32_t i = 0; i < copied; i++)
		(void)nb_handle_close(copies[i]);
}

/* The first message: handles, or a mark; false: there is none. */
static bool
take(struct bus *bus, uint32_t handles[HANDLES_EACH], uint32_t *count, int64_t *mark)
{
	struct nb_message_counts counts = { .handles = HANDLES_EACH };
	int64_t len = nb_channel_recv(bus->kept, mark, sizeof *mark, handles, &counts);

	*count = len < 0 ? 0 : counts.handles;
	return len >= 0;
}

void
keep_update(struct bus *bus)
{
	uint32_t before = bus->kept_count, handles[HANDLES_EACH], count;
	int64_t mark;

	if (bus->keep == NB_HANDLE_NONE)
		return;
	for (uint32_t i = 0; i < bus->driver_count; i++) {
		const struct driver *driver = &bus->drivers[i];
		const uint32_t had[] = { driver->process, driver->dma, driver->dma_before };

		put(bus, had, sizeof had / sizeof had[0]);
	}
	for (uint32_t i = 0; i < bus->old_count; i += HANDLES_EACH) {
		uint32_t left = bus->old_count - i;

		put(bus, &bus->old[i], left < HANDLES_EACH ? left : HANDLES_EACH);
	}
	for (; before && take(bus, handles, &count, &mark); before--) {
		for (uint32_t i = 0; i < count; i++)
			(void)nb_handle_close(handles[i]);
		bus->kept_count--;
	}
}

/* A driver's process, which ends, or its DMA. Of more than there is room for the handle stays
 * open: lost to the next bus server, but to no device. */
static void
inherit(struct bus *bus, uint32_t handle)
{
	if (nb_process_kill(handle, 0) >= 0) {
		(void)nb_object_wait_one(handle, NB_SIGNAL_TERMINATED, NB_DEADLINE_NEVER);
		(void)nb_handle_close(handle);
	} else if (bus->old_count < OLD_MAX) {
		bus->old[bus->old_count++] = handle;
	}
}

void
keep_take(struct bus *bus)
{
	/* Those who died before they had come so far have left marks, too. */
	int64_t own = nb_clock_get(NB_CLOCK_MONOTONIC), mark = 0;
	uint32_t handles[HANDLES_EACH], count;

	bus->keep = startup_handle("kept");
	bus->kept = startup_handle("kept-server");
	if (bus->keep == NB_HANDLE_NONE || nb_channel_send(bus->keep, &own, sizeof own, 0, 0) < 0)
		return;
	while (take(bus, handles, &count, &mark) && mark != own) {
		put(bus, handles, count);
		for (uint32_t i = 0; i < count; i++)
			inherit(bus, handles[i]);
	}
	if (!bus->kept_count)
		return;
	bus_log(NB_LOG_WARN, "bus", "ended the drivers of a predecessor", "");
	devices_find_pci(bus);
	keep_update(bus);
}

void
keep_forget(struct bus *bus)
{
	while (bus->old_count)
		(void)nb_handle_close(bus->old[--bus->old_count]);
	keep_update(bus);
}
