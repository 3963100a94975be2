/* Asks the service "factorial" (edu.c) for 10! and prints what it answers. */
#include "user/libs/service/service.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"
#include "user/sdk/text.h"

#include "nebulet.h"

int
module_main(void)
{
	uint32_t number = 10, answer = 0, channel;
	struct service_call call = {
		.request = &number,
		.request_len = sizeof number,
		.reply = &answer,
		.reply_cap = sizeof answer,
	};
	char bytes[64];
	struct text line;

	if (service_connect(startup_handle("services"), "factorial", &channel) ||
	    service_call(channel, &call, NB_DEADLINE_NEVER))
		return 1;
	text_init(&line, bytes, sizeof bytes);
	text_add(&line, "10! = ");
	text_add_number(&line, answer);
	text_add(&line, "\n");
	return nb_stream_write(startup_handle("stdout"), line.bytes, line.length) < 0;
}
