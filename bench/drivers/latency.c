/*
 * A driver that measures from its interrupt's arrival to its own next instruction: the
 * battery clock's, 1024 a second. Writes the median to the log and ends.
 */
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"
#include "user/sdk/text.h"

#include "nebulet.h"

NEBULET_MANIFEST("name latency", "platform rtc", "port 0x70 2 rw", "irq 8");

enum { TURNS = 201, REGISTER_B = 11, REGISTER_C = 12, B_PERIODIC = 0x40, B_24_HOURS = 2 };

static int64_t times[TURNS];

static void
set(uint8_t at, uint8_t value)
{
	nb_port_write8(0x70, at);
	nb_port_write8(0x71, value);
}

static void
sort(void)
{
	for (uint32_t i = 1; i < TURNS; i++) {
		for (uint32_t j = i; j && times[j - 1] > times[j]; j--) {
			int64_t moved = times[j];

			times[j] = times[j - 1];
			times[j - 1] = moved;
		}
	}
}

int
module_main(void)
{
	uint32_t interrupt = startup_handle("interrupt");
	struct nb_interrupt_info info;
	char bytes[64];
	struct text line;

	set(REGISTER_B, B_PERIODIC | B_24_HOURS);
	for (uint32_t i = 0; i < TURNS; i++) {
		int64_t now_ns;

		(void)nb_object_wait_one(interrupt, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER);
		now_ns = nb_clock_get(NB_CLOCK_MONOTONIC);
		(void)nb_object_info(interrupt, NB_INFO_INTERRUPT, &info, sizeof info);
		times[i] = now_ns - (int64_t)info.arrived_ns;
		nb_port_write8(0x70, REGISTER_C);
		(void)nb_port_read8(0x71);
		(void)nb_interrupt_ack(interrupt);
	}
	set(REGISTER_B, B_24_HOURS);
	sort();
	text_init(&line, bytes, sizeof bytes);
	text_add(&line, "interrupt ");
	text_add_number(&line, times[TURNS / 2]);
	text_add(&line, " ");
	text_add_number(&line, times[TURNS - 3]);
	(void)nb_log_write(NB_LOG_INFO, line.bytes, line.length);
	(void)nb_thread_sleep(NB_DEADLINE_NEVER);
	return 0;
}
