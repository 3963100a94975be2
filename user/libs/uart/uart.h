/*
 * A driver of a 16550 that carries the bytes of two streams: what arrives at the port goes to
 * the stream "received", what is in the stream "sending" goes out.
 *
 * The streams belong to whoever made the machine's console or link; they outlive the driver,
 * which keeps nothing but one FIFO's worth each way: a successor goes on where it ended. Nothing is
 * lost to a full stream either: reception stops, and the other end of the line feels it.
 *
 * A driver is a manifest and a call of uart_main with a constant. All of this is compiled into it,
 * because ports must be constants to be checked when the driver is compiled.
 *
 * Source: National Semiconductor PC16550D data sheet.
 */
#ifndef USER_LIBS_UART_UART_H
#define USER_LIBS_UART_UART_H

#include "user/sdk/bytes.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	UART_DATA = 0,
	UART_INTERRUPTS = 1,
	UART_IDENTITY = 2, /* read */
	UART_FIFO = 2,	   /* write */
	UART_LINE = 3,
	UART_MODEM = 4,
	UART_STATUS = 5,
	UART_INTERRUPT_RECEIVED = 1,
	UART_INTERRUPT_ROOM = 2,
	UART_IDENTITY_NONE = 1,
	UART_IDENTITY_MASK = 0x0e,
	UART_IDENTITY_TRIGGER = 0x04,
	UART_FIFO_ON_14 = 0xc1, /* does not empty one that is on */
	UART_LINE_8N1 = 0x03,
	UART_LINE_DIVISOR = 0x80,
	UART_MODEM_READY = 0x0b, /* DTR, RTS, and OUT2, which lets interrupts out */
	UART_STATUS_RECEIVED = 1,
	UART_STATUS_ROOM = 0x20,
	UART_FIFO_BYTES = 16,
	UART_FIFO_TRIGGER = 14,
	UART_TURNS = 64, /* in a row, before who else waits is looked at */
};

#define UART_INLINE static inline __attribute__((always_inline))

struct uart {
	uint32_t interrupt, bus, received, sending;
	uint8_t bytes[UART_FIFO_BYTES]; /* arrived, and not in the stream yet */
	uint32_t count;
	bool is_full;	/* the line took no more */
	bool has_ended; /* nobody sends any more */
};

UART_INLINE void
uart_set_up(uint32_t base)
{
	nb_port_write8(base + UART_INTERRUPTS, 0);
	nb_port_write8(base + UART_LINE, UART_LINE_DIVISOR);
	nb_port_write8(base + UART_DATA, 1); /* 115200 */
	nb_port_write8(base + UART_INTERRUPTS, 0);
	nb_port_write8(base + UART_LINE, UART_LINE_8N1);
	nb_port_write8(base + UART_FIFO, UART_FIFO_ON_14);
	nb_port_write8(base + UART_MODEM, UART_MODEM_READY);
}

/* Gives the stream what has arrived; false: it does not take all. */
UART_INLINE bool
uart_pass_on(struct uart *uart)
{
	int64_t put;

	if (!uart->count)
		return true;
	put = nb_stream_write(uart->received, uart->bytes, uart->count);
	if (put == -NB_SHOULD_WAIT)
		return false;
	/* Nobody reads it: it is lost, as on a line that nobody listens to. */
	if (put < 0)
		put = uart->count;
	uart->count -= (uint32_t)put;
	bytes_move(uart->bytes, uart->bytes + put, uart->count);
	return uart->count == 0;
}

/* Takes in what has arrived, a FIFO's worth at most; false: there may be more. A FIFO at its
 * trigger is known to hold so many bytes, the others are asked for one by one. */
UART_INLINE bool
uart_receive(struct uart *uart, uint32_t base, uint32_t identity)
{
	if (!uart_pass_on(uart))
		return true;
	if ((identity & (UART_IDENTITY_MASK | UART_IDENTITY_NONE)) == UART_IDENTITY_TRIGGER) {
		while (uart->count < UART_FIFO_TRIGGER)
			uart->bytes[uart->count++] = (uint8_t)nb_port_read8(base + UART_DATA);
	} else {
		while (uart->count < UART_FIFO_BYTES &&
		       nb_port_read8(base + UART_STATUS) & UART_STATUS_RECEIVED)
			uart->bytes[uart->count++] = (uint8_t)nb_port_read8(base + UART_DATA);
	}
	return uart->count == 0 || !uart_pass_on(uart);
}

/* Sends as much as the FIFO takes; false: there may be more. */
UART_INLINE bool
uart_send(struct uart *uart, uint32_t base)
{
	uint8_t bytes[UART_FIFO_BYTES];
	int64_t count;

	uart->is_full = !(nb_port_read8(base + UART_STATUS) & UART_STATUS_ROOM);
	if (uart->is_full || uart->has_ended)
		return true;
	count = nb_stream_read(uart->sending, bytes, sizeof bytes);
	uart->has_ended = count <= 0 && count != -NB_SHOULD_WAIT;
	for (int64_t i = 0; i < count; i++)
		nb_port_write8(base + UART_DATA, bytes[i]);
	return count <= 0;
}

/* Serves the port until there is nothing to do; false: there still may be. */
UART_INLINE bool
uart_serve(struct uart *uart, uint32_t base)
{
	for (uint32_t i = 0; i < UART_TURNS; i++) {
		uint32_t identity = nb_port_read8(base + UART_IDENTITY);
		bool is_idle = uart_receive(uart, base, identity);

		is_idle = uart_send(uart, base) && is_idle;
		/* Changed before the next look at the identity: what is not wanted now is
		 * no cause of an interrupt then. */
		nb_port_write8(base + UART_INTERRUPTS,
			       (uint32_t)(uart->count ? 0 : UART_INTERRUPT_RECEIVED) |
				       (uint32_t)(uart->is_full ? UART_INTERRUPT_ROOM : 0));
		if (is_idle && nb_port_read8(base + UART_IDENTITY) & UART_IDENTITY_NONE)
			return true;
	}
	return false;
}

/* Waits for work; false: the bus server has gone, and with it whoever would restart this. */
UART_INLINE bool
uart_wait(const struct uart *uart, int64_t deadline_ns)
{
	struct nb_wait_item items[4] = {
		{ .handle = uart->interrupt, .wanted = NB_SIGNAL_SIGNALED },
		{ .handle = uart->bus, .wanted = NB_SIGNAL_PEER_CLOSED },
	};
	uint32_t count = 2;
	int64_t result;

	if (!uart->is_full && !uart->has_ended)
		items[count++] = (struct nb_wait_item){ .handle = uart->sending,
							.wanted = NB_SIGNAL_READABLE };
	if (uart->count)
		items[count++] = (struct nb_wait_item){ .handle = uart->received,
							.wanted = NB_SIGNAL_WRITABLE |
								  NB_SIGNAL_PEER_CLOSED };
	result = nb_object_wait_many(items, count, deadline_ns);
	return (result >= 0 || result == -NB_TIMED_OUT) && !(items[1].seen & NB_SIGNAL_PEER_CLOSED);
}

/* Serves the port whose registers begin at `base`; returns the exit status. */
UART_INLINE int
uart_main(uint32_t base)
{
	struct uart uart = {
		.interrupt = startup_handle("interrupt"),
		.bus = startup_handle("bus"),
		.received = startup_handle("received"),
		.sending = startup_handle("sending"),
	};
	bool is_idle = false;

	if (uart.received == NB_HANDLE_NONE || uart.sending == NB_HANDLE_NONE)
		return 1;
	uart_set_up(base);
	while (uart_wait(&uart, is_idle ? NB_DEADLINE_NEVER : NB_DEADLINE_POLL)) {
		is_idle = uart_serve(&uart, base);
		/* An interrupt that comes from now on arrives at once. */
		(void)nb_interrupt_ack(uart.interrupt);
	}
	return 0;
}

#endif
