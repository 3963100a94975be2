/*
 * A 16550 serial port, the machine's third.
 *
 * Service "serial": a message is bytes to send (the reply is empty and comes when all
 * have been taken); an empty message asks for what has been received, and is answered when
 * there is something. Both by interrupts.
 *
 * Source: National Semiconductor PC16550D data sheet.
 */
#include "user/libs/driver/driver.h"
#include "user/libs/service/feed.h"
#include "user/sdk/bytes.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"

#include "nebulet.h"

NEBULET_MANIFEST("name serial", "platform serial3", "port 0x3e8 8 rw", "irq 5", "offers serial");

enum {
	BASE = 0x3e8,
	DATA = BASE + 0,
	INTERRUPTS = BASE + 1,
	IDENTITY = BASE + 2, /* read */
	FIFO = BASE + 2,     /* write */
	LINE = BASE + 3,
	MODEM = BASE + 4,
	STATUS = BASE + 5,
	INTERRUPT_RECEIVED = 1,
	INTERRUPT_ROOM = 2,
	IDENTITY_NONE = 1,
	FIFO_ON_14 = 0xc7,
	LINE_8N1 = 0x03,
	LINE_DIVISOR = 0x80,
	MODEM_READY = 0x0b,
	STATUS_RECEIVED = 1,
	STATUS_ROOM = 0x20,
	FIFO_BYTES = 16,
	IDENTITY_TRIES = 64, /* an interrupt that never ends is left to the next one */
};

/* What a client wants of the port. */
struct wish {
	uint32_t len, sent; /* of bytes to be sent */
	uint8_t bytes[SERVICE_MESSAGE_MAX];
};

static struct service service;
static struct wish wishes[SERVICE_CLIENTS_MAX];
static struct feed received;
static uint32_t next_wish; /* who sends first */

static void
receive(void)
{
	for (uint32_t i = 0; i < FEED_BYTES && nb_port_read8(STATUS) & STATUS_RECEIVED; i++) {
		uint8_t byte = (uint8_t)nb_port_read8(DATA);

		feed_put(&received, &byte, 1);
	}
}

/* Fills the port's queue: one message after the other, the clients in turns. */
static void
send(void)
{
	uint32_t room = nb_port_read8(STATUS) & STATUS_ROOM ? FIFO_BYTES : 0;
	uint32_t first = next_wish;
	bool is_more = false;

	for (uint32_t i = 0; i < SERVICE_CLIENTS_MAX; i++) {
		uint32_t client = (first + i) % SERVICE_CLIENTS_MAX;
		struct wish *wish = &wishes[client];

		if (!wish->len)
			continue;
		next_wish = client;
		for (; room && wish->sent < wish->len; room--)
			nb_port_write8(DATA, wish->bytes[wish->sent++]);
		is_more = wish->sent < wish->len;
		if (is_more)
			break;
		next_wish = client + 1;
		wish->len = 0;
		service_reply(&service, client, "", 0, NB_HANDLE_NONE);
	}
	nb_port_write8(INTERRUPTS, INTERRUPT_RECEIVED | (is_more ? INTERRUPT_ROOM : 0));
}

static void
request(const struct service_event *event)
{
	struct wish *wish = &wishes[event->index];

	if (!event->len) {
		feed_ask(&received, event->index);
		feed_answer(&received, &service);
	} else if (!wish->len) {
		bytes_copy(wish->bytes, event->bytes, event->len);
		wish->len = event->len;
		wish->sent = 0;
		send();
	}
}

static void
gone(uint32_t client)
{
	feed_forget(&received, client);
	wishes[client].len = 0;
}

static bool
interrupted(void)
{
	for (uint32_t i = 0; i < IDENTITY_TRIES && !(nb_port_read8(IDENTITY) & IDENTITY_NONE);
	     i++) {
		receive();
		send();
	}
	feed_answer(&received, &service);
	return true;
}

static enum nb_status
set_up(void)
{
	nb_port_write8(INTERRUPTS, 0);
	nb_port_write8(LINE, LINE_DIVISOR);
	nb_port_write8(DATA, 1); /* 115200 */
	nb_port_write8(INTERRUPTS, 0);
	nb_port_write8(LINE, LINE_8N1);
	nb_port_write8(FIFO, FIFO_ON_14);
	nb_port_write8(MODEM, MODEM_READY);
	nb_port_write8(INTERRUPTS, INTERRUPT_RECEIVED);
	return NB_OK;
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
