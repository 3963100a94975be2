/*
 * The client of everycall's gates. Ends with 0, or with the line of an EXPECT.
 */
#include "guest.h"

#define PEER(name) __attribute__((import_module("peer"), import_name(#name)))
PEER(plain) int64_t peer_plain(int32_t a, int64_t b);
PEER(rich) int64_t peer_rich(uint32_t handle, void *bytes, uint32_t len);
PEER(wait) int64_t peer_wait(void);
PEER(served) int64_t peer_served(int32_t a, int64_t b);

enum { BLOCK = 300 };

void
_start(void)
{
	static char bytes[BLOCK];
	uint32_t event = (uint32_t)nb_event_create();
	int64_t back;

	EXPECT(peer_plain(-2, INT64_C(1) << 40) == (INT64_C(1) << 40) - 2);
	back = peer_rich(event, bytes, BLOCK);
	EXPECT(back > 0 && bytes[1] == 1);
	EXPECT(nb_object_wait_one((uint32_t)back, NB_SIGNAL_USER_1, 0) > 0);
	EXPECT(peer_served(1, 2) == 3);
	EXPECT(nb_gate_deadline(nb_clock_get(NB_CLOCK_MONOTONIC) + 100000) == 0);
	EXPECT(peer_wait() == ERR(TIMED_OUT));
	nb_process_exit(0);
}
