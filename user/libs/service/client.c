/*
 * Services: the client's side.
 */
#include "user/libs/service/service.h"
#include "user/sdk/bytes.h"

#include "nebulet.h"

enum nb_status
service_connect(uint32_t services, const char *name, uint32_t *channel)
{
	struct nb_channel_ends ends;
	int64_t result = nb_channel_create(&ends, 0);

	if (result < 0)
		return (enum nb_status) - result;
	do {
		result = nb_channel_send(services, name, text_length(name), &ends.ends[1], 1);
	} while (result == -NB_SHOULD_WAIT &&
		 nb_object_wait_one(services, NB_SIGNAL_WRITABLE | NB_SIGNAL_PEER_CLOSED,
				    NB_DEADLINE_NEVER) >= 0);
	if (result < 0) {
		(void)nb_handle_close(ends.ends[0]);
		(void)nb_handle_close(ends.ends[1]);
		return (enum nb_status) - result;
	}
	*channel = ends.ends[0];
	return NB_OK;
}

enum nb_status
service_call(uint32_t channel, struct service_call *call, int64_t deadline_ns)
{
	struct nb_message_counts counts;
	int64_t result = nb_channel_send(channel, call->request, call->request_len, call->handles,
					 call->handle_count);

	call->reply_handle = NB_HANDLE_NONE;
	if (result < 0)
		return (enum nb_status) - result;
	for (;;) {
		counts = (struct nb_message_counts){ .handles = 1 };
		result = nb_channel_recv(channel, call->reply, call->reply_cap, &call->reply_handle,
					 &counts);
		if (result != -NB_SHOULD_WAIT)
			break;
		result = nb_object_wait_one(channel, NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED,
					    deadline_ns);
		if (result < 0)
			break;
	}
	if (result < 0)
		return (enum nb_status) - result;
	call->reply_len = (uint32_t)result;
	return NB_OK;
}
