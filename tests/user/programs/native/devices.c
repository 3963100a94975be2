/*
 * A client of drivers on a whole machine (tests/user/drivers.py): prints on the console
 * what the services it is told to ask say, and powers off.
 */
#include "user/libs/clock/clock.h"
#include "user/libs/service/service.h"
#include "user/sdk/bytes.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"
#include "user/sdk/stream.h"
#include "user/sdk/text.h"

#include "nebulet.h"

static char line_bytes[256];
static struct text line;

static void
print(void)
{
	text_add(&line, "\n");
	(void)stream_write_all(startup_handle("console"), line.bytes, line.length);
	text_init(&line, line_bytes, sizeof line_bytes);
}

static void
report(const char *what, int64_t number)
{
	text_add(&line, what);
	text_add(&line, " ");
	text_add_number(&line, number);
	print();
}

static int64_t
soon(void)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC) + 5000000000;
}

static enum nb_status
ask_clock(uint32_t channel, uint8_t what, int64_t *seconds)
{
	struct clock_reply reply;
	struct service_call call = { &what, 1, &reply, sizeof reply, 0, 0, 0, 0 };
	enum nb_status status = service_call(channel, &call, soon());

	*seconds = reply.seconds;
	return status;
}

static void
try_clock(uint32_t services)
{
	int64_t first, second, third, before_ns;
	uint32_t channel;

	if (service_connect(services, "clock", &channel) ||
	    ask_clock(channel, CLOCK_READ, &first) ||
	    ask_clock(channel, CLOCK_NEXT_SECOND, &second)) {
		report("clock failed", 0);
		return;
	}
	before_ns = nb_clock_get(NB_CLOCK_MONOTONIC);
	if (ask_clock(channel, CLOCK_NEXT_SECOND, &third))
		report("clock failed", 1);
	report("clock tells", first);
	report("clock ticks", third - second);
	report("clock milliseconds", (nb_clock_get(NB_CLOCK_MONOTONIC) - before_ns) / 1000000);
}

static void
try_serial(uint32_t services)
{
	static const char greeting[] = "hello from a driver\n";
	char reply[SERVICE_MESSAGE_MAX];
	struct service_call write = {
		greeting, sizeof greeting - 1, reply, sizeof reply, 0, 0, 0, 0
	};
	struct service_call read = { "", 0, reply, sizeof reply, 0, 0, 0, 0 };
	uint32_t channel;
	enum nb_status status = service_connect(services, "serial", &channel);

	if (!status)
		status = service_call(channel, &write, soon());
	if (!status)
		status = service_call(channel, &read, soon());
	report("serial", status);
	text_add(&line, "serial got ");
	text_add_bytes(&line, reply, read.reply_len);
	print();
}

static void
try_entropy(uint32_t services)
{
	uint8_t bytes[64] = { 0 };
	uint32_t wanted = sizeof bytes, channel, ones = 0;
	struct service_call call = { &wanted, sizeof wanted, bytes, sizeof bytes, 0, 0, 0, 0 };
	enum nb_status status = service_connect(services, "entropy", &channel);

	for (uint32_t round = 0; round < 100 && !status; round++) {
		status = service_call(channel, &call, soon());
		for (uint32_t i = 0; i < call.reply_len; i++)
			ones += (uint32_t)__builtin_popcount(bytes[i]);
	}
	report("entropy", status);
	report("entropy ones", ones);
}

static void
try_nobody(uint32_t services)
{
	struct service_call call = { "x", 1, line_bytes, 1, 0, 0, 0, 0 };
	uint32_t channel;
	enum nb_status status = service_connect(services, "nobody", &channel);

	if (!status)
		status = service_call(channel, &call, soon());
	report("nobody", status);
}

int
module_main(void)
{
	uint32_t services = startup_handle("services");

	text_init(&line, line_bytes, sizeof line_bytes);
	try_nobody(services);
	try_clock(services);
	try_serial(services);
	try_entropy(services);
	(void)nb_system_power(startup_handle("system"), NB_POWER_OFF, 0);
	return 1;
}
