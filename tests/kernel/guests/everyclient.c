/*
 * The client of everycall's gates. Ends with 0, or with the line of an EXPECT.
 */
#include "guest.h"

#define PEER(name) __attribute__((import_module("peer"), import_name(#name)))
PEER(plain) int64_t peer_plain(int32_t a, int64_t b);
PEER(rich) int64_t peer_rich(uint32_t handle, void *bytes, uint32_t len);
PEER(wait) int64_t peer_wait(void);
PEER(served) int64_t peer_served(int32_t a, int64_t b);
PEER(fault) int64_t peer_fault(void);

enum { BLOCK = 300, STACK = 4096 };

static void
set_deadline(int64_t ns)
{
	EXPECT(nb_gate_deadline(nb_clock_get(NB_CLOCK_MONOTONIC) + ns) == 0);
}

/* Is inside while the other thread waits to get in, for as long as that does. */
static int
insider(int argument)
{
	set_deadline(400000);
	EXPECT(peer_wait() == ERR(TIMED_OUT));
	return argument;
}

static void
wait_in_queue(void)
{
	static _Alignas(16) char stack[STACK];
	int64_t thread = nb_thread_spawn((uint32_t)(uintptr_t)insider, 1,
					 (uint32_t)(uintptr_t)stack + STACK);

	EXPECT(thread > 0);
	(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + 50000);
	set_deadline(100000);
	EXPECT(peer_wait() == ERR(TIMED_OUT));
	EXPECT(nb_thread_join((uint32_t)thread, NB_DEADLINE_NEVER) == 1);
	EXPECT(nb_handle_close((uint32_t)thread) == 0);
}

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
	set_deadline(100000);
	EXPECT(peer_wait() == ERR(TIMED_OUT));
	wait_in_queue();
	EXPECT(peer_fault() == ERR(PEER_FAULTED));
	nb_process_exit(0);
}
