/*
 * Services: the server's side.
 */
#include "user/libs/service/service.h"
#include "user/sdk/bytes.h"

#include "nebulet.h"

static enum nb_status
status_of(int64_t result)
{
	return result < 0 ? (enum nb_status) - result : NB_OK;
}

enum nb_status
service_init(struct service *service, uint32_t bus)
{
	int64_t result = nb_waitset_create();

	*service = (struct service){ .bus = bus };
	if (result < 0)
		return status_of(result);
	service->waitset = (uint32_t)result;
	return status_of(nb_waitset_add(service->waitset, bus,
					NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED, SERVICE_BUS));
}

enum nb_status
service_watch(struct service *service, uint32_t handle, uint32_t signals, uint32_t key)
{
	return status_of(nb_waitset_add(service->waitset, handle, signals, key));
}

/* Takes in the end of a new client. */
static void
add_client(struct service *service, uint32_t channel)
{
	for (uint32_t i = 0; i < SERVICE_CLIENTS_MAX; i++) {
		struct service_client *client = &service->clients[i];
		int64_t entry;

		if (client->channel != NB_HANDLE_NONE)
			continue;
		entry = nb_waitset_add(service->waitset, channel,
				       NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED,
				       SERVICE_CLIENT + i);
		if (entry < 0)
			break;
		*client = (struct service_client){ channel, (uint32_t)entry };
		return;
	}
	(void)nb_handle_close(channel);
}

static void
drop_client(struct service *service, uint32_t index)
{
	struct service_client *client = &service->clients[index];

	(void)nb_waitset_remove(service->waitset, client->entry);
	(void)nb_handle_close(client->channel);
	client->channel = NB_HANDLE_NONE;
}

/* A message with at most so many handles. */
static int64_t
receive(uint32_t channel, uint32_t handles, struct service_event *event)
{
	struct nb_message_counts counts = { .handles = handles };
	int64_t result = nb_channel_recv(channel, event->bytes, sizeof event->bytes, event->handles,
					 &counts);

	if (result < 0)
		return result;
	event->len = (uint32_t)result;
	event->handle_count = counts.handles;
	return 0;
}

/* True if `event` is something for the server. */
static bool
look(struct service *service, const struct nb_waitset_event *found, struct service_event *event)
{
	uint32_t key = (uint32_t)found->key;
	int64_t result;

	if (key < SERVICE_CLIENT) {
		event->kind = SERVICE_WATCHED;
		event->index = key;
		return true;
	}
	if (key == SERVICE_BUS) {
		result = receive(service->bus, SERVICE_HANDLES, event);
		for (uint32_t i = 0; result >= 0 && i < event->handle_count; i++)
			add_client(service, event->handles[i]);
		event->kind = SERVICE_END;
		return result < 0 && result != -NB_SHOULD_WAIT;
	}
	event->index = key - SERVICE_CLIENT;
	/* Handles would stay with us: no request has any. */
	result = receive(service->clients[event->index].channel, 0, event);
	if (result == -NB_SHOULD_WAIT)
		return false;
	event->kind = SERVICE_REQUEST;
	if (result < 0) {
		/* It has gone, or sends what no protocol knows. */
		event->kind = SERVICE_GONE;
		drop_client(service, event->index);
	}
	return true;
}

void
service_wait(struct service *service, struct service_event *event, int64_t deadline_ns)
{
	struct nb_waitset_event found;

	do {
		int64_t result = nb_waitset_wait(service->waitset, &found, 1, deadline_ns);

		if (result < 0) {
			event->kind = result == -NB_TIMED_OUT ? SERVICE_TIMED_OUT : SERVICE_END;
			return;
		}
	} while (!look(service, &found, event));
}

void
service_reply(struct service *service, uint32_t client, const void *bytes, uint32_t len,
	      uint32_t handle)
{
	uint32_t count = handle != NB_HANDLE_NONE;

	if (nb_channel_send(service->clients[client].channel, bytes, len, &handle, count) < 0 &&
	    count)
		(void)nb_handle_close(handle);
}
