/*
 * The PS/2 keyboard at its controller (8042).
 *
 * Service "keyboard": any message asks for what has been typed, as a terminal would
 * send it; the reply comes when there is something.
 *
 * Source: IBM, PS/2 Hardware Interface Technical Reference, keyboard and auxiliary device
 * controller.
 */
#include "user/drivers/keyboard/keyboard.h"
#include "user/libs/driver/driver.h"
#include "user/libs/service/feed.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"

#include "nebulet.h"

NEBULET_MANIFEST("name keyboard", "platform keyboard", "port 0x60 1 rw", "port 0x64 1 rw", "irq 1",
		 "offers keyboard");

enum {
	PORT_DATA = 0x60,
	PORT_STATUS = 0x64,  /* read */
	PORT_COMMAND = 0x64, /* write */
	STATUS_FULL = 0x01,  /* there is a byte for us */
	STATUS_BUSY = 0x02,  /* it has not taken our last byte */
	STATUS_MOUSE = 0x20, /* the byte is the other device's */
	COMMAND_READ_MODE = 0x20,
	COMMAND_WRITE_MODE = 0x60,
	COMMAND_MOUSE_OFF = 0xa7,
	COMMAND_KEYBOARD_OFF = 0xad,
	COMMAND_KEYBOARD_ON = 0xae,
	MODE_INTERRUPT = 0x01,
	MODE_MOUSE_INTERRUPT = 0x02,
	MODE_KEYBOARD_OFF = 0x10,
	MODE_TRANSLATE = 0x40, /* to scan code set 1 */
	KEYBOARD_SCAN = 0xf4,
	KEYBOARD_FIRST_ANSWER = 0xfa, /* and above: no keys */
	STATUS_NOBODY = 0xff,
	LOOKS = 100000, /* at the status, until a controller counts as dead */
	BYTES_AT_ONCE = 64,
};

static struct service service;
static struct feed feed;
static struct keys keys;

/* Waits until the controller takes a byte; a dead one is not waited for long. */
static void
wait_idle(void)
{
	for (uint32_t i = 0; i < LOOKS && nb_port_read8(PORT_STATUS) & STATUS_BUSY; i++)
		;
}

static void
command(uint8_t byte)
{
	wait_idle();
	nb_port_write8(PORT_COMMAND, byte);
}

static void
send(uint8_t byte)
{
	wait_idle();
	nb_port_write8(PORT_DATA, byte);
}

/* The next byte, or 0 from a controller that gives none. */
static uint8_t
receive(void)
{
	for (uint32_t i = 0; i < LOOKS && !(nb_port_read8(PORT_STATUS) & STATUS_FULL); i++)
		;
	return (uint8_t)nb_port_read8(PORT_DATA);
}

static enum nb_status
set_up(void)
{
	uint8_t mode;

	if (nb_port_read8(PORT_STATUS) == STATUS_NOBODY)
		return NB_OK;
	command(COMMAND_KEYBOARD_OFF);
	command(COMMAND_MOUSE_OFF);
	for (uint32_t i = 0; i < BYTES_AT_ONCE && nb_port_read8(PORT_STATUS) & STATUS_FULL; i++)
		(void)nb_port_read8(PORT_DATA);
	command(COMMAND_READ_MODE);
	mode = receive();
	mode &= (uint8_t) ~(MODE_MOUSE_INTERRUPT | MODE_KEYBOARD_OFF);
	command(COMMAND_WRITE_MODE);
	send(mode | MODE_INTERRUPT | MODE_TRANSLATE);
	command(COMMAND_KEYBOARD_ON);
	send(KEYBOARD_SCAN); /* its answer is no key: interrupted() drops it */
	return NB_OK;
}

static bool
interrupted(void)
{
	for (uint32_t i = 0; i < BYTES_AT_ONCE; i++) {
		uint8_t status = (uint8_t)nb_port_read8(PORT_STATUS), byte;
		char text[KEYS_TEXT_MAX];

		if (!(status & STATUS_FULL))
			break;
		byte = (uint8_t)nb_port_read8(PORT_DATA);
		if (!(status & STATUS_MOUSE) && byte < KEYBOARD_FIRST_ANSWER)
			feed_put(&feed, text, keys_take(&keys, byte, text));
	}
	feed_answer(&feed, &service);
	return true;
}

static void
request(const struct service_event *event)
{
	feed_ask(&feed, event->index);
	feed_answer(&feed, &service);
}

static void
gone(uint32_t client)
{
	feed_forget(&feed, client);
}

int
module_main(void)
{
	static const struct driver_events events = {
		.set_up = set_up,
		.request = request,
		.gone = gone,
		.interrupted = interrupted,
	};

	return driver_run(&service, &events);
}
