/* The loop of events of a driver; see driver.h. */
#include "user/libs/driver/driver.h"

#include "user/sdk/startup.h"

#include "nebulet.h"

#include <stddef.h>

#define LOOK_NS 1000000000ll

enum { KEY_INTERRUPT = 1 };

static struct service_event event;

static enum nb_status
begin(struct service *service, const struct driver_events *events, uint32_t interrupt)
{
	enum nb_status status = service_init(service, startup_handle("bus"));

	if (!status && interrupt != NB_HANDLE_NONE)
		status = service_watch(service, interrupt, NB_SIGNAL_SIGNALED, KEY_INTERRUPT);
	if (!status && events->set_up)
		status = events->set_up();
	return status;
}

/* When to look after a device that says nothing. */
static int64_t
next_look(const struct driver_events *events)
{
	if (!events->look || !events->is_waiting())
		return NB_DEADLINE_NEVER;
	return nb_clock_get(NB_CLOCK_MONOTONIC) + LOOK_NS;
}

volatile uint8_t *
driver_map(const char *name, uint32_t *size)
{
	uint32_t resource = startup_handle(name);
	struct nb_resource_info info;
	int64_t memory, at;

	if (nb_object_info(resource, NB_INFO_RESOURCE, &info, sizeof info) < 0 ||
	    info.count > UINT32_MAX / 2)
		return NULL;
	memory = nb_mmio_create(resource, 0, info.count);
	if (memory < 0)
		return NULL;
	*size = (uint32_t)info.count;
	at = nb_memory_map((uint32_t)memory, 0, *size, 0, NB_MAP_WRITE | NB_MAP_APPEND);
	(void)nb_handle_close((uint32_t)memory);
	return at < 0 ? NULL : (volatile uint8_t *)(uintptr_t)at;
}

int
driver_run(struct service *service, const struct driver_events *events)
{
	uint32_t interrupt = startup_handle("interrupt");
	enum nb_status status = begin(service, events, interrupt);

	if (status)
		return (int)status;
	for (;;) {
		service_wait(service, &event, next_look(events));
		switch (event.kind) {
		case SERVICE_REQUEST:
			events->request(&event);
			break;
		case SERVICE_GONE:
			if (events->gone)
				events->gone(event.index);
			break;
		case SERVICE_WATCHED:
			if (!events->interrupted())
				return DRIVER_BROKEN;
			(void)nb_interrupt_ack(interrupt);
			break;
		case SERVICE_TIMED_OUT:
			if (!events->look())
				return DRIVER_BROKEN;
			break;
		case SERVICE_END:
			return 0;
		}
	}
}
