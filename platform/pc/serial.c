/*
 * 16550A serial ports, interrupt driven, until a driver takes one over; what the kernel
 * says itself, it always says by polling.
 *
 * Every access to a port register is expensive on a virtual machine, so bytes
 * move in bursts: output fills the transmit FIFO whenever it is empty, input is
 * read in runs of as many bytes as the FIFO is known to hold.
 *
 * Received bytes wait in a ring; when it is full, reception stops and the
 * sender feels it. Output has no buffer here: what does not fit is the
 * caller's, who is told when there is room again.
 *
 * Source: National Semiconductor PC16550D data sheet.
 */
#include "platform/pc/serial.h"

#include "arch/x86_64/priv/apic.h"
#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/lock.h"
#include "arch/x86_64/priv/trap.h"
#include "kernel/port/platform.h"
#include "platform/pc/acpi.h"

#include <stdbool.h>

enum {
	REGISTER_DATA = 0,
	REGISTER_INTERRUPTS = 1,
	REGISTER_IDENTITY = 2, /* read */
	REGISTER_FIFO = 2,     /* write */
	REGISTER_LINE = 3,
	REGISTER_MODEM = 4,
	REGISTER_LINE_STATUS = 5,
	REGISTER_SCRATCH = 7,
	REGISTER_COUNT = 8,
	INTERRUPT_RECEIVED = 1 << 0,
	INTERRUPT_ROOM = 1 << 1,
	IDENTITY_NONE = 1 << 0,
	IDENTITY_MASK = 0x0e,
	IDENTITY_ROOM = 0x02,
	IDENTITY_RECEIVED = 0x04,
	FIFO_ON_14 = 0xc1, /* interrupt at 14 bytes; switching on clears both */
	LINE_8N1 = 0x03,
	LINE_DIVISOR = 0x80,
	MODEM_LOOP = 0x10,  /* cut off from the line */
	MODEM_READY = 0x0b, /* DTR, RTS, and OUT2, which lets interrupts out */
	STATUS_RECEIVED = 1 << 0,
	STATUS_ROOM = 1 << 5,
	FIFO_DEPTH = 16,
	FIFO_TRIGGER = 14,
	RING_BYTES = 4096,
	VECTOR_SERIAL = VECTOR_DEVICE_FIRST + 4,
	POLL_TRIES = 1 << 20, /* then an unplugged port loses the byte */
};

struct serial {
	uint16_t base;
	uint8_t line; /* ISA interrupt */
	bool is_present;
	bool is_released;    /* a driver's: the kernel writes by polling at most */
	bool stopped;	     /* reception waits for room in the ring */
	uint8_t interrupts;  /* what REGISTER_INTERRUPTS holds */
	uint32_t head, tail; /* bytes ever put and taken, modulo 2^32 */
	uint8_t ring[RING_BYTES];
};

static struct serial ports[PORT_SERIAL_COUNT] = {
	[PORT_SERIAL_CONSOLE] = { .base = 0x3f8, .line = 4 },
	[PORT_SERIAL_LINK] = { .base = 0x2f8, .line = 3 },
};
static struct lock lock = LOCK_INIT(LOCK_RANK_SERIAL);

static void
set(const struct serial *serial, uint16_t at, uint8_t value)
{
	cpu_out8((uint16_t)(serial->base + at), value);
}

static uint8_t
get(const struct serial *serial, uint16_t at)
{
	return cpu_in8((uint16_t)(serial->base + at));
}

static void
set_interrupts(struct serial *serial, uint8_t interrupts)
{
	if (serial->interrupts == interrupts)
		return;
	serial->interrupts = interrupts;
	set(serial, REGISTER_INTERRUPTS, interrupts);
}

/* Sets one port up. What somebody typed before is taken out first, with the
 * line cut off meanwhile, because switching the FIFO on empties it. */
static void
set_up(struct serial *serial)
{
	set(serial, REGISTER_INTERRUPTS, 0);
	set(serial, REGISTER_MODEM, MODEM_LOOP);
	for (int i = 0; i < FIFO_DEPTH && get(serial, REGISTER_LINE_STATUS) & STATUS_RECEIVED; i++)
		serial->ring[serial->head++] = get(serial, REGISTER_DATA);
	set(serial, REGISTER_FIFO, FIFO_ON_14);
	set(serial, REGISTER_LINE, LINE_DIVISOR);
	set(serial, REGISTER_DATA, 1); /* 115200 */
	set(serial, REGISTER_INTERRUPTS, 0);
	set(serial, REGISTER_LINE, LINE_8N1);
	set(serial, REGISTER_MODEM, MODEM_READY);
}

void
serial_init_early(void)
{
	for (int i = 0; i < PORT_SERIAL_COUNT; i++) {
		struct serial *serial = &ports[i];

		set(serial, REGISTER_SCRATCH, 0x5a);
		serial->is_present = get(serial, REGISTER_SCRATCH) == 0x5a;
		if (serial->is_present)
			set_up(serial);
	}
}

/* Moves `count` bytes that the FIFO is known to hold into the ring. */
static void
receive_run(struct serial *serial, uint32_t count)
{
	while (count > 0) {
		uint32_t at = serial->head % RING_BYTES;
		uint32_t run = RING_BYTES - at < count ? RING_BYTES - at : count;

		cpu_in8_string((uint16_t)(serial->base + REGISTER_DATA), &serial->ring[at], run);
		serial->head += run;
		count -= run;
	}
}

/* Stops reception until port_serial_read has made room. */
static void
stop_receiving(struct serial *serial)
{
	serial->stopped = true;
	set_interrupts(serial, (uint8_t)(serial->interrupts & ~INTERRUPT_RECEIVED));
}

/* The FIFO has reached its trigger. What is behind that many bytes comes with
 * the next trigger, or with the timeout: asking for each would cost an access a
 * byte. */
static void
receive_triggered(struct serial *serial)
{
	if (RING_BYTES - (serial->head - serial->tail) < FIFO_TRIGGER)
		stop_receiving(serial);
	else
		receive_run(serial, FIFO_TRIGGER);
}

/* Fewer bytes than the trigger have waited for a while: takes all. */
static void
receive_rest(struct serial *serial)
{
	while (get(serial, REGISTER_LINE_STATUS) & STATUS_RECEIVED) {
		if (serial->head - serial->tail == RING_BYTES) {
			stop_receiving(serial);
			return;
		}
		receive_run(serial, 1);
	}
}

static void
serial_interrupt(void *context)
{
	struct serial *serial = context;
	enum port_serial port = (enum port_serial)(serial - ports);
	bool is_news = false;

	lock_take(&lock);
	for (;;) {
		uint8_t identity = get(serial, REGISTER_IDENTITY);

		if (identity & IDENTITY_NONE)
			break;
		identity &= IDENTITY_MASK;
		if (identity == IDENTITY_ROOM) {
			set_interrupts(serial, (uint8_t)(serial->interrupts & ~INTERRUPT_ROOM));
		} else if (identity == IDENTITY_RECEIVED) {
			receive_triggered(serial);
		} else {
			/* A line error, which is not enabled, would be cleared by
			 * the status register as well. */
			receive_rest(serial);
		}
		is_news = true;
	}
	lock_drop(&lock);
	if (is_news)
		kernel_serial_ready(port);
}

void
serial_init(void)
{
	for (unsigned i = 0; i < PORT_SERIAL_COUNT; i++) {
		struct serial *serial = &ports[i];
		const struct acpi_line *line = &acpi_found.isa[serial->line];

		if (!serial->is_present)
			continue;
		trap_set_handler(VECTOR_SERIAL + i, serial_interrupt, serial);
		ioapic_route(line->global, VECTOR_SERIAL + i, line->is_level, line->is_active_low);
		set_interrupts(serial, INTERRUPT_RECEIVED);
	}
}

bool
serial_uses_ports(uint32_t first, uint32_t count)
{
	for (int i = 0; i < PORT_SERIAL_COUNT; i++) {
		const struct serial *serial = &ports[i];

		if (!serial->is_released && first < (uint32_t)serial->base + REGISTER_COUNT &&
		    serial->base < first + count)
			return true;
	}
	return false;
}

enum nb_status
port_serial_release(enum port_serial port)
{
	struct serial *serial = &ports[port];

	if (!serial->is_present)
		return NB_NOT_SUPPORTED;
	lock_take(&lock);
	if (!serial->is_released) {
		set_interrupts(serial, 0);
		ioapic_unroute(acpi_found.isa[serial->line].global);
		trap_set_handler(VECTOR_SERIAL + port, NULL, NULL);
		serial->is_released = true;
	}
	lock_drop(&lock);
	return NB_OK;
}

size_t
port_serial_write(enum port_serial port, const uint8_t *bytes, size_t len)
{
	struct serial *serial = &ports[port];
	size_t done = 0;

	if (!serial->is_present || serial->is_released)
		return len;
	lock_take(&lock);
	while (done < len) {
		size_t run = len - done < FIFO_DEPTH ? len - done : FIFO_DEPTH;

		if (!(get(serial, REGISTER_LINE_STATUS) & STATUS_ROOM)) {
			set_interrupts(serial, serial->interrupts | INTERRUPT_ROOM);
			break;
		}
		cpu_out8_string((uint16_t)(serial->base + REGISTER_DATA), bytes + done, run);
		done += run;
	}
	lock_drop(&lock);
	return done;
}

size_t
port_serial_read(enum port_serial port, uint8_t *out, size_t cap)
{
	struct serial *serial = &ports[port];
	size_t count;

	lock_take(&lock);
	for (count = 0; count < cap && serial->tail != serial->head; count++)
		out[count] = serial->ring[serial->tail++ % RING_BYTES];
	if (serial->stopped && count > 0 && !serial->is_released) {
		serial->stopped = false;
		set_interrupts(serial, serial->interrupts | INTERRUPT_RECEIVED);
	}
	lock_drop(&lock);
	return count;
}

void
port_serial_write_sync(enum port_serial port, const uint8_t *bytes, size_t len)
{
	const struct serial *serial = &ports[port];

	if (!serial->is_present)
		return;
	for (size_t done = 0; done < len; done++) {
		uint32_t tries = POLL_TRIES;

		while (!(get(serial, REGISTER_LINE_STATUS) & STATUS_ROOM) && tries > 0)
			tries--;
		set(serial, REGISTER_DATA, bytes[done]);
	}
}
