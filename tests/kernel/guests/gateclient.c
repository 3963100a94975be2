/*
 * Calls the gates of gateserver. Startup: what to do (enum mode), an event.
 */
#include "guest.h"

#ifndef GATES_BY_HANDLE
#define PEER(name) __attribute__((import_module("peer"), import_name(#name)))
PEER(add) int64_t peer_add(int32_t a, int64_t b);
PEER(mix) int64_t peer_mix(int32_t a, float f, int64_t b, double d, int32_t c);
PEER(badge) int64_t peer_badge(void);
PEER(count) int64_t peer_count(void);
PEER(fault) int64_t peer_fault(void);
PEER(spin) int64_t peer_spin(void);
PEER(lend) int64_t peer_lend(const void *from, uint32_t from_len, void *to, uint32_t to_len);
PEER(take) int64_t peer_take(uint32_t handle);
PEER(wait) int64_t peer_wait(void);
PEER(wait_lent) int64_t peer_wait_lent(const void *from, uint32_t len);
PEER(leave) int64_t peer_leave(int32_t status);
PEER(peek) int64_t peer_peek(void);
PEER(take_two) int64_t peer_take_two(uint32_t first, uint32_t second);
#endif

static uint8_t from[70000], to[70000];

static void
plain(void)
{
	EXPECT(peer_add(-2, INT64_C(1) << 40) == (INT64_C(1) << 40) - 2);
	EXPECT(peer_mix(7, 1.5f, 2, 3.75, 4) == 7177);
	EXPECT(peer_badge() == 77);
	for (int i = 0; i < 1000; i++)
		EXPECT(peer_add(i, i) == 2 * i);
	EXPECT(peer_count() == 1);
	EXPECT(peer_count() == 2);
}

static void
lending(void)
{
	for (uint32_t i = 0; i < sizeof from; i++)
		from[i] = (uint8_t)(i * 7);
	EXPECT(peer_lend(from, 100, to, 101) == 100);
	for (uint32_t i = 0; i < 100; i++)
		EXPECT(to[i] == (uint8_t)(from[i] + 1));
	EXPECT(to[100] == 0);
	EXPECT(peer_peek() == ERR(OUT_OF_RANGE));
	EXPECT(peer_lend(from, sizeof from, to, sizeof to) == sizeof from);
	EXPECT(to[69999] == (uint8_t)(from[69999] + 1));
	EXPECT(peer_lend((void *)0xfffffff0, 32, to, 1) == ERR(INVALID_ADDRESS));
	EXPECT(peer_lend(from, 0xffffffff, to, 1) == ERR(INVALID_ADDRESS));
	EXPECT(nb_lend_read(0, 0, to, 1) == ERR(BAD_STATE));
	EXPECT(nb_gate_reply_handle(1) == ERR(BAD_STATE));
}

static void
handles(void)
{
	int64_t event = nb_event_create();
	int64_t poor = nb_handle_duplicate((uint32_t)event, NB_RIGHT_WAIT);
	int64_t back;

	EXPECT(peer_take(12345) == ERR(BAD_HANDLE));
	EXPECT(peer_take_two((uint32_t)event, (uint32_t)event) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_object_signal((uint32_t)event, 0, NB_SIGNAL_USER_0) == 0);
	EXPECT(nb_object_signal((uint32_t)event, NB_SIGNAL_USER_0, 0) == 0);
	EXPECT(peer_take((uint32_t)poor) == ERR(ACCESS_DENIED));
	EXPECT(nb_handle_close((uint32_t)poor) == 0);
	back = peer_take((uint32_t)event);
	EXPECT(back > 0);
	EXPECT(nb_handle_close((uint32_t)event) == ERR(BAD_HANDLE));
	EXPECT(nb_object_wait_one((uint32_t)back, NB_SIGNAL_USER_1, 0) == NB_SIGNAL_USER_1);
	EXPECT(nb_handle_close((uint32_t)back) == 0);
	/* No more in one call, however many calls there are. */
	for (int i = 0; i < 2; i++)
		EXPECT(peer_take_two((uint32_t)nb_event_create(), (uint32_t)nb_event_create()) ==
		       NB_REPLY_HANDLES_MAX);
}

void
_start(void)
{
	uint32_t event = guest_handle(1);
	int64_t deadline;

	switch (guest_handle(0)) {
	case 0:
		plain();
		lending();
		handles();
		break;
	case 1:
		EXPECT(peer_fault() == ERR(PEER_FAULTED));
		EXPECT(peer_add(1, 1) == ERR(PEER_FAULTED));
		break;
	case 2:
		EXPECT(peer_leave(9) == ERR(PEER_CLOSED));
		EXPECT(peer_lend(from, 1, to, 1) == ERR(PEER_CLOSED));
		break;
	case 3:
		nb_process_exit(peer_spin() == ERR(PEER_CLOSED) ? 33 : 34);
	case 4:
		nb_process_exit(peer_wait() == ERR(PEER_CLOSED) ? 33 : 34);
	case 5: /* is inside, or waits to get in */
		nb_process_exit(peer_wait() == 1 ? 33 : 34);
	case 6:
		(void)peer_wait_lent(from, 16);
		break;
	case 7:
		deadline = nb_clock_get(NB_CLOCK_MONOTONIC) + 5000000;
		EXPECT(nb_gate_deadline(deadline) == 0);
		EXPECT(peer_wait() == ERR(TIMED_OUT));
		EXPECT(nb_clock_get(NB_CLOCK_MONOTONIC) >= deadline);
		EXPECT(nb_gate_deadline(INT64_MAX) == 0);
		break;
	case 8:
		nb_process_exit(peer_spin() == ERR(PEER_FAULTED) ? 33 : 34);
	case 9: /* takes the server's time until somebody waits, then ends */
		for (int i = 0; i < 200000; i++)
			EXPECT(peer_add(i, 1) == i + 1);
		break;
#ifdef GATES_MORE
		GATES_MORE
#endif
	default:
		EXPECT(0);
	}
	(void)event;
	nb_process_exit(33);
}
