/*
 * Serves gates. Startup: activations (0: its own instance), an event that it waits
 * for in some calls, the deadline in milliseconds of one gate_serve (0: for ever).
 * Creates one gate for each function, in order.
 */
#include "guest.h"

enum { STACK_BYTES = 4096 };
static _Alignas(16) uint8_t stacks[16][4 * STACK_BYTES];
static uint8_t buffer[70000];
static uint32_t event;
static uint32_t counter;

static int64_t
add(int32_t a, int64_t b)
{
	return a + b;
}

static int64_t
mix(int32_t a, float f, int64_t b, double d, int32_t c)
{
	return a * 1000 + (int64_t)(f * 100) + b * 10 + (int64_t)d + c;
}

static int64_t
badge(void)
{
	uint64_t value = 99;

	EXPECT(nb_gate_caller(&value) == 0);
	EXPECT(nb_thread_set_priority(0, NB_PRIORITY_IDLE) == ERR(BAD_STATE));
	return (int64_t)value;
}

/* Each clone has its own counter. */
static int64_t
count(void)
{
	return ++counter;
}

static int64_t
fault(void)
{
	__builtin_trap();
}

static int64_t
spin(void)
{
	for (;;)
		__asm__ volatile("");
}

/* Copies `len` bytes, one more in each, from the first range to the second. */
static int64_t
lend(uint32_t from, uint32_t from_len, uint32_t to, uint32_t to_len)
{
	if (nb_lend_read(from, 1, buffer, from_len) != ERR(OUT_OF_RANGE) ||
	    nb_lend_read(from, 0xffffffff, buffer, 2) != ERR(OUT_OF_RANGE) ||
	    nb_lend_read(2, 0, buffer, 0) != ERR(OUT_OF_RANGE) ||
	    nb_lend_write(from, 0, buffer, from_len) != ERR(ACCESS_DENIED) ||
	    nb_lend_read(to, 0, buffer, to_len) != ERR(ACCESS_DENIED) ||
	    nb_lend_read(from, 0, (void *)0xfffffff0, from_len) != ERR(INVALID_ADDRESS))
		return -__LINE__;
	if (from_len > sizeof buffer)
		return -__LINE__;
	EXPECT(nb_lend_read(from, 0, buffer, from_len) == 0);
	for (uint32_t i = 0; i < from_len; i++)
		buffer[i]++;
	EXPECT(nb_lend_write(to, 0, buffer, from_len) == 0);
	return from_len;
}

/* Uses the handle that came along and sends it back. */
static int64_t
take(uint32_t handle)
{
	EXPECT(nb_object_signal(handle, 0, NB_SIGNAL_USER_1) == 0);
	return nb_gate_reply_handle(handle);
}

/* Keeps the first and sends as many handles to the second as it can; their number. */
static int64_t
take_two(uint32_t first, uint32_t second)
{
	int64_t count = 0, handle, moved;

	EXPECT(nb_handle_close(first) == 0);
	do {
		handle = nb_handle_duplicate(second, NB_RIGHTS_SAME);
		EXPECT(handle > 0);
		moved = nb_gate_reply_handle((uint32_t)handle);
		count += moved > 0;
	} while (moved > 0);
	EXPECT(moved == ERR(LIMIT_EXCEEDED));
	EXPECT(nb_handle_close((uint32_t)handle) == 0 && nb_handle_close(second) == 0);
	return count;
}

/* Waits for the caller's death or a signal. */
static int64_t
wait(void)
{
	int64_t result = nb_object_wait_one(event, NB_SIGNAL_USER_0, INT64_MAX);

	return result < 0 ? result : 1;
}

/* As wait, and then tries what is left of the range. */
static int64_t
wait_lent(uint32_t slot, uint32_t len)
{
	int64_t result = nb_object_wait_one(event, NB_SIGNAL_USER_0, INT64_MAX);

	(void)nb_object_signal(event, 0,
			       result == ERR(CANCELED) ? NB_SIGNAL_USER_2 : NB_SIGNAL_USER_3);
	result = nb_lend_read(slot, 0, buffer, len);
	(void)nb_object_signal(event, 0,
			       result == ERR(PEER_CLOSED) ? NB_SIGNAL_USER_4 : NB_SIGNAL_USER_5);
	return 0;
}

/* With the type of add. */
static int64_t
block(int32_t a, int64_t b)
{
	int64_t result = a ? spin() : wait();

	return result < 0 ? result : b;
}

static int64_t
leave(int32_t status)
{
	nb_process_exit(status);
}

/* Tries what an earlier call has lent to this instance. */
static int64_t
peek(void)
{
	return nb_lend_read(0, 0, buffer, 1);
}

static void
create(void *function, const char *signature, uint32_t activations)
{
	static uint32_t created;
	struct nb_gate_stacks where = { (uint32_t)(uintptr_t)stacks[created++], STACK_BYTES };
	uint32_t len = 0;

	while (signature[len])
		len++;
	EXPECT(nb_gate_create((uint32_t)(uintptr_t)function, signature, len, activations,
			      activations ? &where : 0) > 0);
}

void
_start(void)
{
	uint32_t activations = guest_handle(0);
	uint32_t ms = guest_handle(2);

	event = guest_handle(1);
	create(add, "iI>I", activations);
	create(mix, "ifIFi>I", activations);
	create(badge, ">I", activations);
	create(count, ">I", activations);
	create(fault, ">I", activations);
	create(spin, ">I", activations);
	create(lend, "rw>I", activations);
	create(take, "h>I", activations);
	create(wait, ">I", activations);
	create(wait_lent, "r>I", activations);
	create(leave, "i>I", activations);
	create(peek, ">I", activations);
	create(take_two, "hh>I", activations);
	create(block, "iI>I", activations);
	if (!activations && ms) {
		int64_t deadline = nb_clock_get(NB_CLOCK_MONOTONIC) + ms * INT64_C(1000000);

		EXPECT(nb_gate_serve(deadline) == ERR(TIMED_OUT));
		EXPECT(nb_clock_get(NB_CLOCK_MONOTONIC) >= deadline);
		nb_process_exit(5);
	}
	if (!activations)
		(void)nb_gate_serve(INT64_MAX);
	else
		(void)nb_object_wait_one(event, NB_SIGNAL_USER_7, INT64_MAX);
	nb_process_exit(6);
}
