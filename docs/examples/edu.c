/*
 * QEMU's device for teaching, "edu": it computes factorials.
 *
 * Service "factorial": a message is a number, a uint32_t; the reply is its factorial modulo
 * 2^32, a uint32_t.
 *
 * Source: QEMU, docs/specs/edu.
 */
#include "user/libs/driver/driver.h"
#include "user/sdk/bytes.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"

#include "nebulet.h"

NEBULET_MANIFEST("name edu", "pci 1234:11e8", "mmio bar0", "offers factorial");

enum {
	IDENTITY = 0x00, /* 0xMMmm00ed, a version */
	FACTORIAL = 0x08,
	STATUS = 0x20,
	STATUS_COMPUTING = 1,
	LOOKS = 1000000, /* at a device that computes */
};

static struct service service;
static volatile uint8_t *registers;

static uint32_t
get(uint32_t at)
{
	return *(volatile uint32_t *)(registers + at);
}

static void
set(uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)(registers + at) = value;
}

/* The device is there, and is what we think. */
static enum nb_status
set_up(void)
{
	static const char hello[] = "ready";
	uint32_t size;

	registers = driver_map("mmio0", &size);
	if (!registers)
		return NB_OUT_OF_MEMORY;
	if ((get(IDENTITY) & 0xff) != 0xed)
		return NB_NOT_SUPPORTED;
	(void)nb_log_write(NB_LOG_INFO, hello, sizeof hello - 1);
	return NB_OK;
}

static void
request(const struct service_event *event)
{
	uint32_t number = 0;

	if (event->len == sizeof number)
		bytes_copy(&number, event->bytes, sizeof number);
	set(FACTORIAL, number);
	for (uint32_t i = 0; i < LOOKS && get(STATUS) & STATUS_COMPUTING; i++)
		;
	number = get(FACTORIAL);
	service_reply(&service, event->index, &number, sizeof number, NB_HANDLE_NONE);
}

int
module_main(void)
{
	static const struct driver_events events = { .set_up = set_up, .request = request };

	return driver_run(&service, &events);
}
