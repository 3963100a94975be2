/*
 * The battery clock (MC146818), read once for the wall-clock time.
 *
 * It is read as it stands, without waiting for the second to turn, so wall
 * time may be late by up to a second.
 */
#include "platform/pc/clock.h"

#include "arch/x86_64/priv/cpu.h"
#include "platform/pc/acpi.h"

enum {
	PORT_INDEX = 0x70,
	PORT_DATA = 0x71,
	SECONDS = 0,
	MINUTES = 2,
	HOURS = 4,
	DAY = 7,
	MONTH = 8,
	YEAR = 9,
	STATUS_A = 10,
	STATUS_B = 11,
	A_UPDATING = 1 << 7,
	B_24_HOURS = 1 << 1,
	B_BINARY = 1 << 2,
	HOUR_PM = 1 << 7,
	TRIES = 10000,
};

struct rtc_time {
	uint32_t second, minute, hour, day, month, year, century;
};

static uint8_t
read_register(uint8_t index)
{
	cpu_out8(PORT_INDEX, index);
	return cpu_in8(PORT_DATA);
}

static void
read_all(struct rtc_time *out)
{
	*out = (struct rtc_time){
		.second = read_register(SECONDS),
		.minute = read_register(MINUTES),
		.hour = read_register(HOURS),
		.day = read_register(DAY),
		.month = read_register(MONTH),
		.year = read_register(YEAR),
	};
	if (acpi_found.century_register)
		out->century = read_register(acpi_found.century_register);
}

static uint32_t
decode(uint32_t value, uint8_t status)
{
	return status & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

/* Days from 1970-01-01 to the date, by the civil calendar (years from March). */
static uint64_t
days_since_1970(uint32_t year, uint32_t month, uint32_t day)
{
	uint32_t y = month <= 2 ? year - 1 : year;
	uint32_t m = month <= 2 ? month + 9 : month - 3;
	uint32_t era = y / 400;
	uint32_t of_era = y % 400;
	uint32_t of_year = (153 * m + 2) / 5 + day - 1;

	return 146097ull * era + of_era * 365ull + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool
is_same(const struct rtc_time *a, const struct rtc_time *b)
{
	return __builtin_memcmp(a, b, sizeof *a) == 0;
}

uint64_t
rtc_read_ns(void)
{
	struct rtc_time first;
	struct rtc_time time;
	uint8_t status;
	bool is_afternoon;
	uint32_t year;
	uint64_t seconds;

	/* Equal twice outside of an update: nothing changed half way. */
	read_all(&time);
	for (int i = 0; i < TRIES; i++) {
		first = time;
		if (read_register(STATUS_A) & A_UPDATING)
			continue;
		read_all(&time);
		if (is_same(&first, &time))
			break;
	}
	status = read_register(STATUS_B);
	is_afternoon = !(status & B_24_HOURS) && time.hour & HOUR_PM;
	time.hour = decode(time.hour & ~(uint32_t)HOUR_PM, status);
	if (!(status & B_24_HOURS))
		time.hour = time.hour % 12 + (is_afternoon ? 12 : 0);
	year = decode(time.year, status);
	year += time.century ? decode(time.century, status) * 100 : 2000;
	seconds = days_since_1970(year, decode(time.month, status), decode(time.day, status)) *
			  86400 +
		  time.hour * 3600ull + decode(time.minute, status) * 60ull +
		  decode(time.second, status);
	return seconds * 1000000000ull;
}
