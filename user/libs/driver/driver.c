/* The loop of events of a driver; see driver.h. */
#include "user/libs/driver/driver.h"

#include "user/sdk/startup.h"

#include "nebulet.h"

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
