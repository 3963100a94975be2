/*
 * The link port against a driver that sends every byte back (run.py).
 */
#include "tests/pc/selftest.h"

#include "kernel/port/device.h"

#define SECONDS 1000000000ull

enum { BYTES = 100000, BURST = 300 };

static uint8_t
pattern(uint32_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7);
}

static void
idle_until_ready(void)
{
	uint32_t before;

	(void)port_interrupts_disable();
	before = upcalls.serial_ready[PORT_SERIAL_LINK] + upcalls.timer_expired;
	port_timer_arm(port_time_monotonic_ns() + 2000000);
	while (upcalls.serial_ready[PORT_SERIAL_LINK] + upcalls.timer_expired == before)
		port_cpu_idle();
	port_interrupts_restore(true);
	port_timer_arm(UINT64_MAX);
}

/* The driver sends a greeting before the machine starts. */
static void
early_bytes_are_kept(void)
{
	static const char greeting[] = "typed before the kernel was there";
	uint64_t deadline = port_time_monotonic_ns() + 20 * SECONDS;
	size_t received = 0;
	uint32_t wrong = 0;

	while (received < sizeof greeting - 1 && port_time_monotonic_ns() < deadline) {
		uint8_t byte;

		if (port_serial_read(PORT_SERIAL_LINK, &byte, 1))
			wrong += byte != (uint8_t)greeting[received++];
		else
			idle_until_ready();
	}
	EXPECT(received == sizeof greeting - 1 && wrong == 0);
}

/* Everything comes back, in order and once. */
static void
echo_is_exact(void)
{
	uint64_t deadline = port_time_monotonic_ns() + 60 * SECONDS;
	uint32_t sent = 0;
	uint32_t received = 0;
	uint32_t wrong = 0;

	while (received < BYTES && port_time_monotonic_ns() < deadline) {
		uint8_t bytes[BURST];
		size_t count = 0;

		while (count < BURST && sent + count < BYTES && sent + count - received < 20000) {
			bytes[count] = pattern(sent + (uint32_t)count);
			count++;
		}
		sent += (uint32_t)port_serial_write(PORT_SERIAL_LINK, bytes, count);
		count = port_serial_read(PORT_SERIAL_LINK, bytes, BURST);
		for (size_t i = 0; i < count; i++)
			wrong += bytes[i] != pattern(received + (uint32_t)i);
		received += (uint32_t)count;
		if (count == 0)
			idle_until_ready();
	}
	EXPECT(sent == BYTES && received == BYTES);
	EXPECT(wrong == 0);
}

/* Nobody reads for a while: the ring fills, the sender waits, nothing is lost. */
static void
reception_waits_for_room(void)
{
	enum { MANY = 12000 };
	uint32_t sent = 0;
	uint32_t received = 0;
	uint32_t wrong = 0;
	uint64_t deadline = port_time_monotonic_ns() + 60 * SECONDS;

	while (sent < MANY) {
		uint8_t byte = pattern(sent);

		if (port_serial_write(PORT_SERIAL_LINK, &byte, 1))
			sent++;
	}
	for (int i = 0; i < 20; i++)
		idle_until_ready();
	while (received < MANY && port_time_monotonic_ns() < deadline) {
		uint8_t bytes[64];
		size_t count = port_serial_read(PORT_SERIAL_LINK, bytes, sizeof bytes);

		for (size_t i = 0; i < count; i++)
			wrong += bytes[i] != pattern(received + (uint32_t)i);
		received += (uint32_t)count;
		if (count == 0)
			idle_until_ready();
	}
	EXPECT(received == MANY && wrong == 0);
}

/* The last one: a driver can have the port when the kernel has left it. */
static void
left_port_is_free(void)
{
	static const uint8_t sent[] = "echoed";
	struct port_interrupt interrupt;
	uint64_t deadline = port_time_monotonic_ns() + 20 * SECONDS;
	uint8_t bytes[sizeof sent];

	EXPECT(!port_io_is_free(0x2f8, 8) && !port_io_is_free(0x2ff, 1));
	EXPECT(port_interrupt_open(3, &interrupt) == NB_ALREADY_EXISTS);
	EXPECT(port_serial_write(PORT_SERIAL_LINK, sent, sizeof sent) == sizeof sent);
	/* Until the first has come back, so that there is something in the ring. */
	while (!port_serial_read(PORT_SERIAL_LINK, bytes, 1) && port_time_monotonic_ns() < deadline)
		idle_until_ready();
	idle_until_ready();
	EXPECT(port_serial_release(PORT_SERIAL_LINK) == NB_OK);
	EXPECT(port_serial_release(PORT_SERIAL_LINK) == NB_OK);
	EXPECT(port_io_is_free(0x2f8, 8));
	EXPECT(!port_io_is_free(0x3f8, 8));
	EXPECT(port_interrupt_open(3, &interrupt) == NB_OK);
	port_interrupt_close(interrupt.slot);
	/* What had arrived is still there; nothing is written or arrives any more. */
	for (size_t i = 1; port_serial_read(PORT_SERIAL_LINK, bytes, 1); i++)
		EXPECT(i < sizeof sent && bytes[0] == sent[i]);
	EXPECT(port_serial_write(PORT_SERIAL_LINK, sent, sizeof sent) == sizeof sent);
	EXPECT(port_serial_read(PORT_SERIAL_LINK, bytes, sizeof bytes) == 0);
}

/* Every write there is an interrupt, wherever in the region. */
static void
messages_are_the_kernels(void)
{
	EXPECT(!port_mmio_is_free(0xfee00000, 4096) && !port_mmio_is_free(0xfee01000, 4096));
	EXPECT(!port_mmio_is_free(0xfeeff000, 4096) && !port_mmio_is_free(0xfed00000, 1 << 22));
	EXPECT(port_mmio_is_free(0xfef00000, 4096));
}

const struct selftest serial_tests[] = {
	{ "serial: early bytes are kept", early_bytes_are_kept },
	{ "serial: an echo is exact", echo_is_exact },
	{ "serial: reception waits for room", reception_waits_for_room },
	{ "serial: a port that is left can be had", left_port_is_free },
	{ "devices: the messages' region is the kernel's", messages_are_the_kernels },
	{ NULL, NULL },
};
