/*
 * The battery clock (MC146818 and its successors).
 *
 * Service "clock" (user/libs/clock/clock.h): tells the time of day, and waits for
 * the next second by the clock's own interrupt.
 *
 * Source: Motorola MC146818A data sheet; register 0x32 is the century by custom.
 */
#include "user/libs/clock/clock.h"
#include "user/libs/driver/driver.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"

#include "nebulet.h"

NEBULET_MANIFEST("name clock", "platform rtc", "port 0x70 2 rw", "irq 8", "offers clock");

enum {
	PORT_INDEX = 0x70,
	PORT_DATA = 0x71,
	REGISTER_SECONDS = 0,
	REGISTER_MINUTES = 2,
	REGISTER_HOURS = 4,
	REGISTER_DAY = 7,
	REGISTER_MONTH = 8,
	REGISTER_YEAR = 9,
	REGISTER_A = 10,
	REGISTER_B = 11,
	REGISTER_C = 12,
	REGISTER_CENTURY = 0x32,
	A_UPDATING = 0x80,
	B_UPDATE_INTERRUPT = 0x10,
	B_BINARY = 0x04,
	B_24_HOURS = 0x02,
	HOURS_PM = 0x80,
	READ_TRIES = 100,
};

struct moment {
	uint32_t seconds, minutes, hours, day, month, year, century;
};

static struct service service;
static bool is_waiting[SERVICE_CLIENTS_MAX]; /* for the next second */

static uint8_t
get(uint8_t at)
{
	nb_port_write8(PORT_INDEX, at);
	return (uint8_t)nb_port_read8(PORT_DATA);
}

static void
set(uint8_t at, uint8_t value)
{
	nb_port_write8(PORT_INDEX, at);
	nb_port_write8(PORT_DATA, value);
}

static struct moment
read_registers(void)
{
	/* An update takes 2 ms at most; a clock that always updates is broken. */
	for (uint32_t i = 0; i < 100000 && get(REGISTER_A) & A_UPDATING; i++)
		;
	return (struct moment){
		.seconds = get(REGISTER_SECONDS),
		.minutes = get(REGISTER_MINUTES),
		.hours = get(REGISTER_HOURS),
		.day = get(REGISTER_DAY),
		.month = get(REGISTER_MONTH),
		.year = get(REGISTER_YEAR),
		.century = get(REGISTER_CENTURY),
	};
}

static bool
is_same(const struct moment *a, const struct moment *b)
{
	return a->seconds == b->seconds && a->minutes == b->minutes && a->hours == b->hours &&
	       a->day == b->day && a->month == b->month && a->year == b->year;
}

static uint32_t
from_bcd(uint32_t value)
{
	return (value >> 4) * 10 + (value & 15);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64_t
days_since_1970(int64_t year, uint32_t month, uint32_t day)
{
	/* Years begin in March here, so the leap day is the last. */
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return 365 * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static int64_t
seconds_since_1970(const struct moment *raw)
{
	uint8_t mode = get(REGISTER_B);
	struct moment m = *raw;
	bool is_pm = !(mode & B_24_HOURS) && m.hours & HOURS_PM;

	m.hours &= (uint32_t)~HOURS_PM;
	if (!(mode & B_BINARY)) {
		m = (struct moment){ from_bcd(m.seconds), from_bcd(m.minutes), from_bcd(m.hours),
				     from_bcd(m.day),	  from_bcd(m.month),   from_bcd(m.year),
				     from_bcd(m.century) };
	}
	if (!(mode & B_24_HOURS))
		m.hours = m.hours % 12 + (is_pm ? 12 : 0);
	if (m.century < 19 || m.century > 29)
		m.century = 20;
	return (days_since_1970(m.century * 100 + m.year, m.month, m.day) * 24 + m.hours) * 3600 +
	       m.minutes * 60 + m.seconds;
}

/* Two readings in a row that agree are not torn. */
static int64_t
read_time(void)
{
	struct moment before = read_registers(), now = read_registers();

	for (uint32_t i = 0; i < READ_TRIES && !is_same(&before, &now); i++) {
		before = now;
		now = read_registers();
	}
	return seconds_since_1970(&now);
}

static void
answer(uint32_t client)
{
	struct clock_reply reply = { .seconds = read_time() };

	service_reply(&service, client, &reply, sizeof reply, NB_HANDLE_NONE);
}

/* A second has begun. */
static bool
interrupted(void)
{
	(void)get(REGISTER_C); /* lets the clock interrupt again */
	for (uint32_t i = 0; i < SERVICE_CLIENTS_MAX; i++) {
		if (is_waiting[i])
			answer(i);
		is_waiting[i] = false;
	}
	set(REGISTER_B, get(REGISTER_B) & (uint8_t)~B_UPDATE_INTERRUPT);
	return true;
}

static void
request(const struct service_event *event)
{
	if (event->len == 1 && event->bytes[0] == CLOCK_READ) {
		answer(event->index);
	} else if (event->len == 1 && event->bytes[0] == CLOCK_NEXT_SECOND) {
		is_waiting[event->index] = true;
		(void)get(REGISTER_C);
		set(REGISTER_B, get(REGISTER_B) | B_UPDATE_INTERRUPT);
	}
}

static void
gone(uint32_t client)
{
	is_waiting[client] = false;
}

int
module_main(void)
{
	static const struct driver_events events = {
		.request = request,
		.gone = gone,
		.interrupted = interrupted,
	};

	return driver_run(&service, &events);
}
