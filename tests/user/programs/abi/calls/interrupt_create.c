/*
 * interrupt_create(channel, vector): a message of 16 bytes, the time, whenever the device interrupts; then
 * not again before interrupt_ack. Vectors begin at 32. The CMOS clock, which can do so 1024 times
 * a second.
 *
 * Refused: wants port 0x70
 * Driver: 64 times a second
 */
#include "tests/user/programs/abi/abi.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name interrupt_create", "platform rtc", "port 0x70 2 rw", "irq 8", "threads 2");

enum { VECTOR = 32 + 8, TURNS = 16, PERIODIC = 0x40, RATE_64 = 10 };

static uint32_t
read_clock(uint32_t index)
{
	write_port_u8(0x70, index);
	return read_port_u8(0x71);
}

static void
write_clock(uint32_t index, uint32_t value)
{
	write_port_u8(0x70, index);
	write_port_u8(0x71, value);
}

static _Alignas(16) char stack[4096];
static uint32_t event;

static void
wait(uint32_t argument)
{
	(void)argument;
	(void)object_wait_one(event, USER_0);
}

/* An interrupt needs a thread of the two that this process may have. */
static void
check_limit(uint32_t tx)
{
	int64_t thread;

	event = (uint32_t)event_create();
	thread = thread_spawn((void *)wait, 0, stack + sizeof stack);
	EXPECT(thread > 0);
	EXPECT(interrupt_create(tx, VECTOR) == ERROR_LIMIT_EXCEEDED);
	EXPECT(object_signal(event, USER_0, 0) == 0);
	EXPECT(thread_join((uint32_t)thread) == 0);
}

static void
check_refusals(uint32_t tx, uint32_t rx)
{
	EXPECT(interrupt_create(tx, VECTOR - 1) == ERROR_ACCESS_DENIED);
	EXPECT(interrupt_create(tx, 8) == ERROR_ACCESS_DENIED);
	EXPECT(interrupt_create(tx, VECTOR + 256) == ERROR_ACCESS_DENIED);
	EXPECT(interrupt_create(tx, UINT32_MAX) == ERROR_ACCESS_DENIED);
	EXPECT(interrupt_create(rx, VECTOR) == ERROR_ACCESS_DENIED);
	EXPECT(interrupt_create(77, VECTOR) == ERROR_BAD_HANDLE);
	EXPECT(interrupt_create((uint32_t)event_create(), VECTOR) == ERROR_WRONG_TYPE);
}

void
main_of_2018(void)
{
	struct interrupt_message message;
	uint64_t now_ns = 0, first_ns = 0;
	uint32_t tx, rx, interrupt, len;
	int64_t created;

	EXPECT(channel_create(&tx, &rx) == 0);
	check_refusals(tx, rx);
	check_limit(tx);
	created = interrupt_create(tx, VECTOR);
	EXPECT(created > 0);
	interrupt = (uint32_t)created;
	EXPECT(interrupt_create(tx, VECTOR) == ERROR_ALREADY_EXISTS);
	EXPECT(handle_duplicate(interrupt, READ) == ERROR_ACCESS_DENIED);
	/* The messages come from now on, whoever has this end. */
	EXPECT(handle_close(tx) == 0);

	(void)read_clock(12);
	write_clock(10, (read_clock(10) & 0xf0) | RATE_64);
	write_clock(11, read_clock(11) | PERIODIC);
	for (uint32_t i = 0; i < TURNS; i++) {
		uint64_t last_ns = now_ns;

		EXPECT(object_wait_one(rx, READABLE) & READABLE);
		EXPECT(channel_recv(rx, &message, sizeof message, &len) == 0);
		EXPECT(len == 16 && message.nanoseconds < 1000000000 && message.unused == 0);
		now_ns = message.seconds * 1000000000 + message.nanoseconds;
		EXPECT(now_ns > last_ns);
		if (i == 0)
			first_ns = now_ns;
		(void)read_clock(12);
		EXPECT(i + 1 == TURNS || interrupt_ack(interrupt) == 0);
	}
	/* Each 15.625 ms; the host may be late. */
	EXPECT(now_ns - first_ns > TURNS / 2 * 15625000ull);
	write_clock(11, read_clock(11) & ~(uint32_t)PERIODIC);
	(void)read_clock(12);

	/* Closed while its thread waits for the acknowledgement, it is the process's no more, and
	 * nobody sends. */
	EXPECT(handle_close(interrupt) == 0);
	EXPECT(interrupt_ack(interrupt) == ERROR_BAD_HANDLE);
	while (channel_recv(rx, &message, sizeof message, &len) == 0)
		;
	EXPECT(channel_recv(rx, &message, sizeof message, &len) == ERROR_PEER_CLOSED);
	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(interrupt_create(tx, VECTOR) == ERROR_ACCESS_DENIED);
	SAY("64 times a second");
	(void)object_wait_one((uint32_t)event_create(), USER_0);
}
