/*
 * object_wait_one(handle, signals): blocks until one of the signals is there and returns all
 * that are. HANDLE_CLOSED ends every wait by a handle that another thread closes.
 *
 * Prints: readable, and the peer is gone
 * Prints: closed meanwhile
 */
#include "tests/user/programs/abi/abi.h"

static _Alignas(16) char stack[4096];
static uint32_t event, is_waiting;

static void
wait(uint32_t argument)
{
	(void)argument;
	__atomic_store_n(&is_waiting, 1, __ATOMIC_SEQ_CST);
	EXPECT(object_wait_one(event, USER_0) == HANDLE_CLOSED);
	SAY("closed meanwhile");
}

void
main_of_2018(void)
{
	uint32_t tx, rx;
	int64_t thread;

	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(channel_send(tx, "x", 1) == 0 && handle_close(tx) == 0);
	EXPECT((object_wait_one(rx, READABLE) & (READABLE | PEER_CLOSED)) ==
	       (READABLE | PEER_CLOSED));
	EXPECT(object_wait_one(tx, WRITABLE) == ERROR_BAD_HANDLE);
	SAY("readable, and the peer is gone");

	event = (uint32_t)event_create();
	thread = thread_spawn((void *)wait, 0, stack + sizeof stack);
	while (!__atomic_load_n(&is_waiting, __ATOMIC_SEQ_CST))
		thread_yield();
	thread_yield();
	EXPECT(handle_close(event) == 0);
	EXPECT(thread_join((uint32_t)thread) == 0);
}
